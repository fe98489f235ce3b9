//! Targets for invoiced and collected amounts, checked against known figures.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::receivables::{merged, send, service};
use crate::reports::{REPORTS, report, table};
use crate::support::harness::{Actor, Service};

struct Books<'a> {
    director: Actor<'a>,
    lead: Actor<'a>,
    seller: Actor<'a>,
    stranger: Actor<'a>,
    /// The seller's team, below the top one
    team: Uuid,
    top: Uuid,
    customer: Uuid,
}

/// On 2026-06-15 customer A moves from the seller to the stranger, who has customer B. Before that
/// there are a credit note, a draft, an invoice in dollars, a cancelled invoice and a refund; after
/// it an invoice, and payments for an old invoice and the new one.
async fn books(service: &Service) -> Books<'_> {
    let director = service.actor(Role::SalesDirector).await;
    let lead = service.actor(Role::SalesManager).await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let top = service.team(None, &director, &[&stranger]).await;
    let team = service.team(Some(top), &lead, &[&seller]).await;
    let erp = service.actor(Role::Erp).await;
    let customers = json!([
        { "external_id": "A", "name": "Anji", "owner_id": seller.id, "region": "上海" },
        { "external_id": "B", "name": "Baoli", "owner_id": stranger.id, "region": "江苏" }]);
    let made = send(&erp, "customers", customers).await;
    let customer: Uuid = made["results"][0]["id"].as_str().unwrap().parse().unwrap();
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let invoice = |key: &str, of: &str, day: &str, amount: &str, more: Value| {
        let item = json!({ "external_id": key, "number": key, "customer_external_id": of,
            "invoice_date": day, "due_date": day, "amount": amount });
        merged(item, &more)
    };
    let items = json!([
        invoice("1", "A", "2026-05-10", "100", json!({ "tax_amount": "13" })),
        invoice("2", "B", "2026-06-02", "200", json!({})),
        invoice("3", "A", "2026-06-10", "10", json!({ "currency": "USD" })),
        invoice("4", "A", "2026-05-20", "40", json!({})),
        invoice("N", "A", "2026-06-05", "20", json!({ "kind": "credit_note" })),
        invoice("D", "A", "2026-06-05", "999", json!({ "status": "draft" })),
    ]);
    send(&erp, "invoices", items).await;
    let cancelled = json!([{ "external_id": "4", "status": "cancelled",
        "cancelled_on": "2026-06-01" }]);
    send(&erp, "invoices", cancelled).await;
    let pay = |key: &str, of: &str, day: &str, amount: &str, on: &str, used: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "received_on": day,
            "amount": amount, "currency": if on == "3" { "USD" } else { "CNY" },
            "allocations": [{ "invoice_external_id": on, "amount": used, "allocated_on": day }] })
    };
    let payments = json!([
        pay("P0", "A", "2026-05-12", "50", "1", "50"),
        pay("P1", "A", "2026-05-30", "63", "1", "63"),
        pay("P2", "B", "2026-06-03", "500", "2", "150"),
        pay("P3", "A", "2026-06-12", "10", "3", "4"),
    ]);
    send(&erp, "payments", payments).await;
    let back = json!([{ "external_id": "P0", "reversed_on": "2026-06-08" }]);
    send(&erp, "payments", back).await;
    let office = service.actor(Role::BackOffice).await;
    let transfer = json!({ "customers": [{ "customer_id": customer }], "owner_id": stranger.id,
        "reason": "another region" });
    office.post("/api/v1/customers/transfer", transfer).await.expect(200);
    let items = json!([invoice("5", "A", "2026-06-15", "300", json!({}))]);
    send(&erp, "invoices", items).await;
    let payments = json!([
        pay("P4", "A", "2026-06-15", "50", "1", "50"),
        pay("P5", "A", "2026-06-15", "100", "5", "100"),
    ]);
    send(&erp, "payments", payments).await;
    Books { director, lead, seller, stranger, team, top, customer }
}

/// Creates a target of 100 for a month of 2026.
async fn target(service: &Service, metric: &str, owner: (&str, Option<Uuid>), month: u8) -> Uuid {
    let (id, (kind, owner)) = (Uuid::now_v7(), owner);
    let owner = owner.map_or("null".to_owned(), |id| format!("'{id}'"));
    let insert = format!(
        "insert into targets (id, version, owner_type, owner_id, metric, level, period_type,
            period_start, period_end, value, currency, status, authored_by, created_at, updated_at)
        values ('{id}', 1, '{kind}', {owner}, '{metric}', 'base', 'month', '2026-{month:02}-01',
            '2026-{:02}-01', 100, 'CNY', 'approved', gen_random_uuid(), now(), now())",
        month + 1
    );
    service.sql(&insert).await;
    id
}

/// The invoiced and collected amounts by owner and month that follow from the books.
fn known(books: &Books<'_>) -> [(&'static str, Option<Uuid>, u8, [&'static str; 2]); 10] {
    let (seller, stranger) = (Some(books.seller.id), Some(books.stranger.id));
    let (team, top, customer) = (Some(books.team), Some(books.top), Some(books.customer));
    [
        // Invoiced: 113 with tax, and 40 that are cancelled later. Collected: 50 and 63.
        ("user", seller, 5, ["153.0000", "113.0000"]),
        // Invoiced: 70 less 20 and 40. Collected: 28, and 50 less 50.
        ("user", seller, 6, ["10.0000", "28.0000"]),
        ("user", stranger, 5, ["0.0000", "0.0000"]),
        // Invoiced: 200 and 300. Collected: 150 and 100.
        ("user", stranger, 6, ["500.0000", "250.0000"]),
        ("team", team, 6, ["10.0000", "28.0000"]),
        ("team", top, 6, ["510.0000", "278.0000"]),
        ("company", None, 5, ["153.0000", "113.0000"]),
        ("company", None, 6, ["510.0000", "278.0000"]),
        ("customer", customer, 5, ["153.0000", "113.0000"]),
        ("customer", customer, 6, ["310.0000", "128.0000"]),
    ]
}

#[actix_web::test]
async fn what_is_invoiced_and_collected_counts() {
    let service = service().await;
    let books = books(&service).await;
    for (of, metric) in ["invoiced_amount", "collected_amount"].into_iter().enumerate() {
        for (kind, owner, month, actual) in known(&books) {
            let id = target(&service, metric, (kind, owner), month).await;
            let question = format!("attainment/explain?target_id={id}");
            let told = report(&books.director, &question).await;
            let what = format!("{metric} of {kind} in {month}: {told:#}");
            assert_eq!(told["totals"]["actual"], actual[of], "{what}");
            assert_eq!(told["totals"]["unexplained"], "0.0000", "{what}");
            let rows = told["rows"].as_array().unwrap();
            let sum = |lines: Vec<&Value>| -> f64 {
                lines.iter().map(|it| it["amount"].as_str().unwrap().parse::<f64>().unwrap()).sum()
            };
            let whole: f64 = actual[of].parse().unwrap();
            assert!((sum(rows.iter().collect()) - whole).abs() < 1e-6, "{what}");
            let lines = rows.iter().flat_map(|it| it["lines"].as_array().unwrap()).collect();
            assert!((sum(lines) - whole).abs() < 1e-6, "{what}");
        }
        for kind in ["user", "team", "company", "customer"] {
            let question = format!("attainment?period=2026&owner_type={kind}&metric={metric}");
            let told = report(&books.director, &question).await;
            let mut told = table(&told, &["period_start", "owner_id", "actual"]);
            let wanted = known(&books).into_iter().filter(|it| it.0 == kind);
            let mut wanted: Vec<String> = wanted
                .map(|(_, owner, month, actual)| {
                    let owner = owner.map_or("null".to_owned(), |it| it.to_string());
                    format!("2026-{month:02}-01 {owner} {}", actual[of])
                })
                .collect();
            // In May both teams have the figures of their members.
            if kind == "team" {
                let actual = ["153.0000", "113.0000"][of];
                wanted
                    .extend([books.team, books.top].map(|it| format!("2026-05-01 {it} {actual}")));
            }
            told.sort();
            wanted.sort();
            assert_eq!(told, wanted, "{metric}");
        }
    }
}

#[actix_web::test]
async fn collected_is_what_the_report_of_collections_says() {
    let service = service().await;
    let books = books(&service).await;
    let told = report(&books.director, "collections?period=2026").await;
    let mut told = table(&told, &["month", "salesperson_id", "collected"]);
    told.retain(|it| !it.ends_with(" 0.0000"));
    let people = known(&books).into_iter().filter(|it| it.0 == "user" && it.3[1] != "0.0000");
    let mut wanted: Vec<String> = people
        .map(|(_, owner, month, actual)| {
            format!("2026-{month:02} {} {}", owner.unwrap(), actual[1])
        })
        .collect();
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted);
}

#[actix_web::test]
async fn everybody_sees_their_part_and_closing_keeps_it() {
    let service = service().await;
    let books = books(&service).await;
    let company = target(&service, "collected_amount", ("company", None), 6).await;
    let mine = target(&service, "collected_amount", ("user", Some(books.seller.id)), 5).await;
    let team = target(&service, "collected_amount", ("team", Some(books.team)), 6).await;
    let actual = async |actor: &Actor<'_>, id: Uuid, more: &str| {
        let told = report(actor, &format!("attainment/explain?target_id={id}{more}")).await;
        told["totals"]["actual"].as_str().unwrap().to_owned()
    };
    assert_eq!(actual(&books.seller, company, "").await, "28.0000");
    assert_eq!(actual(&books.lead, company, "").await, "28.0000");
    assert_eq!(actual(&books.stranger, company, "").await, "278.0000", "A is the stranger's now");
    let whole = "attainment?period=2026&owner_type=company&metric=collected_amount";
    let part = report(&books.seller, whole).await;
    assert_eq!(table(&part, &["orders", "actual"]), ["2 28.0000"]);
    assert_eq!(actual(&books.lead, team, "").await, "28.0000", "though the customer is gone");
    assert_eq!(actual(&books.lead, team, "&as_of=2026-06-08").await, "-50.0000");
    // A user who moves to another team leaves earlier collections with the old team.
    let elsewhere = service.team(None, &service.actor(Role::SalesManager).await, &[]).await;
    let there = target(&service, "collected_amount", ("team", Some(elsewhere)), 6).await;
    let seller = books.seller.id;
    let moved = format!(
        "update memberships set valid_to = '2026-06-12' where user_id = '{seller}';
        insert into memberships
            values (gen_random_uuid(), '{seller}', '{elsewhere}', false, '2026-06-12');
        update users set team_id = '{elsewhere}' where id = '{seller}'"
    );
    service.sql(&moved).await;
    service.directory_changed().await;
    assert_eq!(actual(&books.lead, team, "").await, "-50.0000");
    assert_eq!(actual(&books.director, there, "").await, "78.0000");
    let path = format!("{REPORTS}/attainment/explain?target_id={mine}");
    books.stranger.get(&path).await.expect(404);
    let csv = format!("{REPORTS}/attainment/explain?target_id={mine}&format=csv");
    books.seller.get(&csv).await.expect(200);

    let path = format!("/api/v1/targets/{mine}/close");
    let closed = books.director.send(Method::POST, &path, None, &[]).await;
    assert_eq!(closed.expect(200)["closed_actual"], "113.00");

    // Targets limited by properties of the customer or of the order. Invoices have no products.
    let limit = |what: &str| {
        format!(
            "update targets set dimension = 'region', dimension_value = '{what}' where id = '{company}'"
        )
    };
    service.sql(&limit("江苏")).await;
    assert_eq!(actual(&books.director, company, "").await, "150.0000");
    service.sql(&limit("上海")).await;
    assert_eq!(actual(&books.director, company, "").await, "128.0000");
    let new = json!({ "owner_type": "company", "metric": "invoiced_amount", "dimension": "category",
        "dimension_value": "Bikes", "period_type": "month", "period_start": "2026-07-01",
        "value": "100" });
    let refused = books.director.post("/api/v1/targets", new).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/dimension", "{refused:#}");
}
