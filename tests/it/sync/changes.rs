use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use futures_util::future::join_all;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

/// Reads on from a cursor until `count` changes have arrived. The oldest transaction of the whole
/// server, even in the database of another test, delays the end of every feed.
async fn read_some(actor: &Actor<'_>, cursor: &mut String, count: usize) -> Vec<Value> {
    let (mut seen, start) = (vec![], Instant::now());
    while seen.len() < count && start.elapsed() < Duration::from_secs(20) {
        seen.extend(read(actor, cursor, 7).await);
    }
    seen.extend(read(actor, cursor, 7).await);
    assert_eq!(seen.len(), count);
    seen
}

/// Reads on from a cursor to the current end.
async fn read(actor: &Actor<'_>, cursor: &mut String, limit: u32) -> Vec<Value> {
    let mut items = vec![];
    loop {
        let at = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let url = format!("/api/v1/changes?types=customer,contact&limit={limit}{at}");
        let feed = actor.get(&url).await.expect(200);
        items.extend(feed["items"].as_array().unwrap().clone());
        feed["next_cursor"].as_str().unwrap().clone_into(cursor);
        if feed["more"] == false {
            return items;
        }
    }
}

#[actix_web::test]
async fn a_reader_is_told_what_it_may_see() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let path = seller.customer("Lin & Sons").await;
    service.actor(Role::Salesperson).await.customer("Somebody else's").await;
    let mut cursor = String::new();
    let seen = read_some(&seller, &mut cursor, 1).await;
    assert_eq!(
        (&seen[0]["op"], &seen[0]["data"]["name"]),
        (&json!("created"), &json!("Lin & Sons"))
    );

    let id = path.rsplit('/').next().unwrap();
    let transfer = json!({ "customers": [{ "customer_id": id }], "owner_id": office.id,
        "reason": "a larger customer than it seemed" });
    office.post("/api/v1/customers/transfer", transfer).await.expect(200);
    let seen = read_some(&seller, &mut cursor, 1).await;
    assert_eq!((&seen[0]["op"], &seen[0]["data"]), (&json!("hidden"), &Value::Null));
    office.patch(&path, 2, json!({ "city": "Ulm" })).await.expect(200);
    read_some(&office, &mut String::new(), 4).await;
    read_some(&seller, &mut cursor, 0).await;
}

#[actix_web::test]
async fn the_feed_holds_what_the_lists_hold() {
    let service = Service::start().await;
    let (seller, erp) = (service.actor(Role::Salesperson).await, service.actor(Role::Erp).await);
    let customer = seller.customer("Lin & Sons").await;
    let id = customer.rsplit('/').next().unwrap();
    let contact = json!({ "customer_id": id, "name": "王芳", "hobbies": ["围棋"] });
    seller.post("/api/v1/contacts", contact).await.expect(201);
    let types = |seen: Vec<Value>| seen.iter().map(|it| it["type"].to_string()).collect::<String>();
    let mine = read_some(&seller, &mut String::new(), 2).await;
    assert_eq!(mine[1]["data"]["hobbies"], json!(["围棋"]));
    assert_eq!(types(mine), r#""customer""contact""#);
    let theirs = read_some(&erp, &mut String::new(), 2).await;
    assert_eq!(theirs[1]["data"]["hobbies"], Value::Null, "an ERP has no need of them");
    assert_eq!(theirs[1]["data"]["masked_fields"], json!(["birth_year", "hobbies", "personality"]));
    let finance = service.actor(Role::Finance).await;
    assert_eq!(types(read_some(&finance, &mut String::new(), 1).await), r#""customer""#);
}

#[actix_web::test]
async fn the_feed_is_no_way_around_a_role() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let quality = service.actor(Role::Quality).await;
    let made = json!({ "name": "Lin & Sons", "owner_id": quality.id });
    admin.post("/api/v1/customers", made).await.expect(201);
    let person = json!({ "name": "Li Wei", "phone": "13800000000", "email": "li@example.com" });
    admin.post("/api/v1/users", person).await.expect(201);
    let people = async |actor: &Actor<'_>| {
        let start = Instant::now();
        loop {
            let feed = actor.get("/api/v1/changes?types=customer,user").await.expect(200);
            let items = feed["items"].as_array().unwrap().clone();
            if items.iter().any(|it| it["data"]["name"] == "Li Wei") {
                return items;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{items:?}");
        }
    };
    let seen = people(&quality).await;
    assert_eq!(seen.len(), 1, "whoever owns a customer need not read customers");
    assert_eq!((&seen[0]["type"], &seen[0]["data"]["phone"]), (&json!("user"), &Value::Null));
    assert!(seen[0]["data"]["masked_fields"].as_array().unwrap().contains(&json!("email")));
    let whole = people(&admin).await;
    assert_eq!((whole.len(), &whole[1]["data"]["phone"]), (2, &json!("13800000000")));
}

/// For every table with versions: the current version of each row was recorded in the feed.
#[actix_web::test]
async fn every_version_leaves_a_record() {
    let service = Service::start().await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let customer = seller.customer("Lin & Sons").await;
    seller.patch(&customer, 1, json!({ "city": "Ulm" })).await.expect(200);
    let customer = customer.rsplit('/').next().unwrap();
    let made = [
        ("teams", json!({ "name": "East", "code": "E" })),
        ("users", json!({ "name": "Li Wei", "username": "liwei" })),
        ("api-clients", json!({ "name": "sap", "roles": ["erp"], "source_system": "oms" })),
        ("holidays", json!({ "date": "2030-01-01", "kind": "holiday", "name": "元旦" })),
        (
            "exchange-rates",
            json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" }),
        ),
        ("territories", json!({ "name": "East" })),
        ("objects/task", json!({ "title": "x", "due_on": "2026-12-01" })),
        ("contacts", json!({ "customer_id": customer, "name": "王芳" })),
        ("products", json!({ "code": "P", "name": "P", "list_price": "10" })),
        ("webhooks", json!({ "url": "https://example.com/" })),
        (
            "targets",
            json!({ "owner_type": "company", "period_type": "year",
            "period_start": "2026-01-01", "value": "1000" }),
        ),
        (
            "complaints",
            json!({ "customer_id": customer, "category": "price", "description": "价格不对" }),
        ),
        (
            "suggestions",
            json!({ "customer_id": customer, "category": "price", "text": "多给点折扣" }),
        ),
        (
            "opportunities",
            json!({ "customer_id": customer, "category": "密封件", "next_step": "报价",
            "next_step_on": "2099-01-01" }),
        ),
    ];
    let due =
        json!({ "customer_id": customer, "instruction": "call", "due_at": "2099-01-01T00:00:00Z" });
    seller.post("/api/v1/follow-ups", due).await.expect(201);
    seller.post("/api/v1/visits", json!({ "customer_id": customer })).await.expect(201);
    let visit = crate::visits::planned(&seller, json!({})).await;
    let there = crate::visits::there(&service);
    seller.post(&format!("{visit}/check-in"), there).await.expect(200);
    let advice = json!({ "topic": "costs", "advice": "按周补货" });
    seller.post(&format!("{visit}/cashflow-advice"), advice).await.expect(201);
    let mut product = Value::Null;
    for (path, new) in made {
        let answer = admin.post(&format!("/api/v1/{path}"), new).await.expect(201);
        if path == "products" {
            product = answer["id"].clone();
        }
    }
    let order =
        json!({ "customer_id": customer, "lines": [{ "product_id": product, "quantity": "1" }] });
    let order = seller.post("/api/v1/orders", order).await.expect(201)["id"].clone();
    let of_customer = format!("/api/v1/customers/{customer}");
    admin
        .patch(&format!("{of_customer}/credit"), 0, json!({ "credit_limit": "5" }))
        .await
        .expect(200);
    let asked = json!({ "reason": "new" });
    admin.post(&format!("{of_customer}/credit-investigations"), asked).await.expect(201);
    let terms = json!({ "payment_days": 7, "credit_limit": "5", "reason": "new" });
    admin.post(&format!("{of_customer}/terms-requests"), terms).await.expect(201);
    let until = service.inner.clock.now().0 + Duration::from_hours(1);
    let more = json!({ "amount": "7", "reason": "new", "expires_at": until.to_string() });
    let controller = service.actor(Role::CreditController).await;
    controller.post(&format!("{of_customer}/credit-overrides"), more).await.expect(201);
    let sent = json!({ "source_system": "sap", "items": [{ "external_id": "S", "order_id": order,
        "shipped_on": "2026-01-05", "lines": [{ "line_number": 1, "quantity": "1" }] }] });
    admin.post("/api/v1/shipments/batch", sent).await.expect(200);
    seller.send_bytes(Method::POST, "/api/v1/attachments", b"A".to_vec(), &[]).await.expect(201);
    crate::surveys::one_answer(&service, &admin).await;
    let erp = service.actor(Role::Erp).await;
    let items = json!([{ "external_id": "A", "name": "A" }]);
    let batch = json!({ "source_system": "sap", "items": items });
    erp.post("/api/v1/customers/batch", batch).await.expect(200);

    receivables(&service).await;

    let versioned = service.texts(
        "select table_name::text from information_schema.columns
         where table_schema = 'public' and column_name = 'version' and data_type = 'bigint'
         and table_name not like 'changes%' and table_name <> 'directory' order by 1",
    );
    let versioned = versioned.await;
    let known = [
        "api_clients",
        "attachments",
        "cashflow_advice",
        "collection_tasks",
        "company",
        "complaints",
        "contacts",
        "control_balances",
        "credit_investigations",
        "credit_overrides",
        "customer_credits",
        "customers",
        "exchange_rates",
        "follow_ups",
        "holidays",
        "invoices",
        "object_types",
        "objects",
        "opportunities",
        "orders",
        "payments",
        "products",
        "promises",
        "risk_cases",
        "shipments",
        "suggestions",
        "survey_invitations",
        "survey_responses",
        "surveys",
        "targets",
        "teams",
        "terms_requests",
        "territories",
        "users",
        "visits",
        "webhooks",
        "write_off_requests",
    ];
    assert_eq!(versioned, known, "write the new one above, too");
    for table in versioned {
        let unrecorded = format!(
            "select {table}.id::text from {table}
             left join changes on changes.id = {table}.id and changes.version = {table}.version
             and (changes.type = 'customer_credit') = ('{table}' = 'customer_credits')
             where changes.id is null{}",
            // The harness creates users directly in the database.
            if table == "users" { " and users.source_system is distinct from 'test'" } else { "" }
        );
        assert_eq!(service.texts(&unrecorded).await, Vec::<String>::new(), "{table}");
        assert_ne!(service.count(&table).await, 0, "nothing was written to {table}");
    }
}

/// Creates an invoice and all kinds of rows that follow from it.
async fn receivables(service: &Service) {
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    let customer = service.actor(Role::Salesperson).await.customer("Owes").await;
    let limit = json!({ "credit_limit": "1000" });
    finance.patch(&format!("{customer}/credit"), 0, limit).await.expect(200);
    let customer = customer.rsplit('/').next().unwrap();
    let new = json!({ "customer_id": customer, "amount": "100", "invoice_date": "2026-01-01" });
    let invoice = finance.post("/api/v1/invoices", new).await.expect(201)["id"].clone();
    let post = format!("/api/v1/invoices/{}/post", invoice.as_str().unwrap());
    finance.post(&post, Value::Null).await.expect(200);
    let made = json!({ "customer_id": customer, "amount": "60",
        "allocations": [{ "invoice_id": invoice, "amount": "40" }] });
    finance.post("/api/v1/payments", made).await.expect(201);
    let made = json!({ "customer_id": customer, "due_on": "2099-01-01", "amount": "60" });
    finance.post("/api/v1/promises", made).await.expect(201);
    let made = json!({ "customer_id": customer, "trigger": "other" });
    finance.post("/api/v1/risk-cases", made).await.expect(201);
    let made = json!({ "invoice_id": invoice, "reason": "lost" });
    finance.post("/api/v1/write-off-requests", made).await.expect(201);
    let items = json!([{ "external_id": "1", "as_of": "2026-01-31", "amount": "60" }]);
    let batch = json!({ "source_system": "sap", "items": items });
    erp.post("/api/v1/control-balances/batch", batch).await.expect(200);
    assert_eq!(crate::receivables::collect(service).await, 2, "a task, and a promise that is kept");
}

#[actix_web::test]
async fn another_reach_needs_another_start() {
    let service = Service::start().await;
    let lead = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let feed = lead.get("/api/v1/changes?types=customer").await.expect(200);
    let url =
        format!("/api/v1/changes?types=customer&cursor={}", feed["next_cursor"].as_str().unwrap());
    lead.get(&url).await.expect(200);
    service.team(None, &lead, &[&seller]).await;
    assert_eq!(lead.get(&url).await.expect(410)["code"], "scope_changed");
}

#[actix_web::test]
async fn after_a_restore_a_copy_is_needed() {
    let mut service = Service::start().await;
    let reader = service.actor(Role::Erp).await.id;
    let feed = service.signed_in(reader).get("/api/v1/changes").await.expect(200);
    let url = format!("/api/v1/changes?cursor={}", feed["next_cursor"].as_str().unwrap());
    service.restart().await;
    service.signed_in(reader).get(&url).await.expect(200);
    // Simulates a restored backup, which contains transaction ids from the future.
    service.sql("update feed_epoch set xid = xid + 1000000").await;
    service.restart().await;
    let problem = service.signed_in(reader).get(&url).await.expect(410);
    assert_eq!(problem["code"], "epoch_changed");
}

#[actix_web::test]
async fn waiting_ends_with_the_next_change() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let waiting = seller.get("/api/v1/changes?types=customer&wait=20");
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "nothing has happened yet");
    let start = Instant::now();
    let (feed, _) = tokio::join!(waiting, seller.customer("Lin & Sons"));
    assert_eq!(feed.expect(200)["items"].as_array().unwrap().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Transactions that take a number early and commit late: simple cursors would miss them.
#[actix_web::test]
async fn concurrent_writers_and_nothing_is_missed() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    const TOTAL: usize = WRITERS * EACH;
    let service = Service::start().await;
    let reader = service.actor(Role::Erp).await;
    let insert = |writer: usize, n: usize| {
        let (before, after) = ((writer * 7 + n * 3) % 11, (writer * 5 + n * 13) % 17);
        format!(
            "begin; select pg_sleep({before} / 1000.0);
             insert into changes (event_id, type, id, version, op, at, by, data, diff, seen_by, seen_before)
             values (gen_random_uuid(), 'customer', gen_random_uuid(), {}, 'created', now(),
                 gen_random_uuid(), '{{}}', '{{}}', '{{}}', '{{}}');
             select pg_sleep({after} / 1000.0); commit",
            writer * EACH + n
        )
    };
    let writers = join_all((0..WRITERS).map(|writer| {
        let service = &service;
        async move {
            for n in 0..EACH {
                service.sql(&insert(writer, n)).await;
            }
        }
    }));
    let mut cursor = String::new();
    let (_, seen) = tokio::join!(writers, read_some(&reader, &mut cursor, TOTAL));
    let once: BTreeSet<_> = seen.iter().map(|it| it["version"].as_u64().unwrap()).collect();
    assert_eq!(once.len(), TOTAL, "something came twice, and something was missed");
}

#[actix_web::test]
async fn a_cursor_is_good_for_its_types() {
    let service = Service::start().await;
    let reader = service.actor(Role::Erp).await;
    let feed = reader.get("/api/v1/changes?types=customer").await.expect(200);
    let copy = reader.post("/api/v1/changes/snapshot?types=customer", json!({})).await.expect(200);
    for cursor in [&feed["next_cursor"], &copy["cursor"]] {
        let cursor = cursor.as_str().unwrap();
        let read = async |types: &str| {
            reader.get(&format!("/api/v1/changes?cursor={cursor}{types}")).await
        };
        read("&types=customer").await.expect(200);
        // With a cursor for other types, existing rows would silently be missing.
        for types in ["", "&types=order", "&types=customer,order"] {
            assert_eq!(read(types).await.expect(410)["code"], "scope_changed", "{types}");
        }
    }
}
