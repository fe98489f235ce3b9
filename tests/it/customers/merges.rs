//! Merged customers: references to the loser lead to the winner, repeating the batches of the ERP
//! changes nothing, and a merge can be undone.

use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::receivables::{differences, merged, send};
use crate::support::harness::{Actor, Service};
use crate::sync::erp_day::DAY;

pub fn at(day: &str) -> Clock {
    Clock::fixed(salesbook::platform::Timestamp(format!("{day}T04:00:00Z").parse().unwrap()))
}

async fn path_of(service: &Service, name: &str) -> String {
    let id = format!("select id::text from customers where external_id = '{name}'");
    format!("/api/v1/customers/{}", service.texts(&id).await[0])
}

fn id_in(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn merge(by: &Actor<'_>, winner: &str, loser: &str) -> Value {
    let body = json!({ "loser_id": id_in(loser) });
    by.post(&format!("{winner}/merge"), body).await.expect(200)
}

async fn customers(erp: &Actor<'_>, names: &[&str]) {
    let item = |name: &&str| json!({ "external_id": name, "name": name, "code": name });
    send(erp, "customers", json!(names.iter().map(item).collect::<Vec<_>>())).await;
}

/// The rows of each customer, with their sums.
const SUMS: &str = "select concat_ws(' ', c.external_id,
        (select count(*) from orders x where x.customer_id = c.id),
        (select sum(amount) from sales_entries x where x.customer_id = c.id),
        (select count(*) from contacts x where x.customer_id = c.id),
        (select sum(open_amount) from invoices x where x.customer_id = c.id),
        (select sum(unapplied_amount) from payments x where x.customer_id = c.id),
        (select sum(amount) from open_items x where x.customer_id = c.id),
        (select count(*) from complaints x where x.customer_id = c.id))
    from customers c order by c.external_id";

#[actix_web::test]
async fn a_repeated_day_leaves_merged_customers_as_they_are() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    let day = async |expected: &str| {
        for part in DAY {
            for place in 0..part.parts {
                let items = (part.items)(place);
                let told = send(&erp, part.path, json!(items)).await;
                assert_eq!(told[expected], items.len(), "{}: {told:#}", part.path);
            }
        }
    };
    day("created").await;
    let before = service.texts(SUMS).await;
    let path = async |n: usize| path_of(&service, &format!("C{n}")).await;
    // A chain: 11 into 0, and 0 into 1; and a separate merge.
    merge(&admin, &path(0).await, &path(11).await).await;
    merge(&admin, &path(1).await, &path(0).await).await;
    merge(&admin, &path(1).await, &path(22).await).await;
    let (sums, events) = (service.texts(SUMS).await, service.count("changes").await);

    day("unchanged").await;

    assert_eq!(service.texts(SUMS).await, sums);
    assert_eq!(service.count("changes").await, events);
    assert_eq!(differences(&service).await, 0);
    for loser in [path(22).await, path(0).await, path(11).await] {
        admin.post(&format!("{loser}/unmerge"), Value::Null).await.expect(200);
    }
    assert_eq!(service.texts(SUMS).await, before, "all is as it was");
    assert_eq!(differences(&service).await, 0);
    day("unchanged").await;
    assert_eq!(service.texts(SUMS).await, before);
}

#[actix_web::test]
async fn every_reference_to_the_loser_leads_to_the_winner() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    customers(&erp, &["W", "M", "L"]).await;
    let (w, m, l) =
        (path_of(&service, "W").await, path_of(&service, "M").await, path_of(&service, "L").await);
    merge(&admin, &m, &l).await;
    merge(&admin, &w, &m).await;
    let order = |key: &str, more: Value| {
        let item = json!({ "external_id": key, "order_date": "2026-03-02",
            "lines": [{ "description": "x", "quantity": "1", "amount": "5" }] });
        merged(item, &more)
    };

    let sent = json!([
        order("A", json!({ "customer_external_id": "L" })),
        order("B", json!({ "customer_id": id_in(&l) })),
        order("C", json!({ "customer_external_id": "W" }))
    ]);
    send(&erp, "orders", sent).await;
    let contact = json!({ "customer_id": id_in(&m), "name": "Wang" });
    let contact = admin.post("/api/v1/contacts", contact).await.expect(201);
    let visit = json!([{ "external_id": "V", "customer_external_id": "L", "owner_id": admin.id,
        "planned_date": "2026-03-02" }]);
    send(&erp, "visits", visit).await;

    assert_eq!(contact["customer_id"], id_in(&w));
    let hung = "select distinct customer_id::text from (select customer_id from orders union all
        select customer_id from visits) as it";
    assert_eq!(service.texts(hung).await, [id_in(&w)]);
    for filter in [
        "customer_external_id=L&customer_source_system=sap".to_owned(),
        format!("customer_id={}", id_in(&l)),
        format!("customer_id={}", id_in(&w)),
    ] {
        let page = admin.get(&format!("/api/v1/orders?{filter}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 3, "{filter}");
        let path = format!("/api/v1/reports/sales?from=2026-03-01&to=2026-04-01&{filter}");
        let report = admin.get(&path).await.expect(200);
        assert_eq!(report["totals"]["amount"], "15.0000", "{filter}");
    }
    assert_eq!(admin.get(&l).await.expect(200)["merged_into_id"], id_in(&m), "a path stays");
}

#[actix_web::test]
async fn an_item_about_the_loser_is_about_the_winner() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    customers(&erp, &["W", "M"]).await;
    let (w, m) = (path_of(&service, "W").await, path_of(&service, "M").await);
    merge(&admin, &w, &m).await;
    let item = |name: &str, more: Value| {
        merged(json!({ "external_id": name, "name": name, "code": name }), &more)
    };

    let told = send(&erp, "customers", json!([item("M", json!({})), item("W", json!({}))])).await;
    assert_eq!(told["unchanged"], 2);
    assert_eq!(told["results"][0]["id"], id_in(&w));
    // Both items change the same row.
    let both = json!([item("M", json!({ "phone": "1" })), item("W", json!({ "city": "Ulm" }))]);
    let told = send(&erp, "customers", both).await;

    assert_eq!(told["updated"], 2, "{told:#}");
    let seen = admin.get(&w).await.expect(200);
    let names = ["phone", "city", "name", "code", "external_id"].map(|it| seen[it].clone());
    assert_eq!(names, ["1", "Ulm", "W", "W", "W"].map(Value::from));
    assert_eq!(admin.get(&m).await.expect(200)["phone"], Value::Null, "the loser is read-only");
    // Without earlier values of the source, the first ones are stored but override nothing.
    service.sql("delete from source_items").await;
    let told = send(&erp, "customers", json!([item("M", json!({ "name": "other" }))])).await;
    assert_eq!(told["unchanged"], 1);
    assert_eq!(admin.get(&w).await.expect(200)["name"], "W");
}

#[actix_web::test]
async fn a_merge_is_in_the_winners_history_and_can_be_undone() {
    let service = Service::start_at(at("2026-06-15")).await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    let controller = service.actor(Role::CreditController).await;
    customers(&erp, &["W", "M"]).await;
    let (w, m) = (path_of(&service, "W").await, path_of(&service, "M").await);
    let contact = json!([{ "external_id": "K", "name": "K", "customer_external_id": "M",
        "is_primary": true }]);
    send(&erp, "contacts", contact).await;
    let more = json!({ "amount": "100", "reason": "x", "expires_at": "2026-06-18T00:00:00Z" });
    controller.post(&format!("{m}/credit-overrides"), more).await.expect(201);

    let winner = merge(&admin, &w, &m).await;
    let history = admin.get(&format!("{w}/history?limit=1")).await.expect(200);
    let step = json!({ "from": null, "to": id_in(&m) });
    assert_eq!(history["items"][0]["diff"]["merged_customer_id"], step);
    assert_eq!((&winner["version"], &history["items"][0]["version"]), (&json!(2), &json!(2)));
    let overrides = controller.get(&format!("{w}/credit-overrides")).await.expect(200);
    assert_eq!(overrides["items"].as_array().unwrap().len(), 1);
    // Later rows belong to the winner.
    let late = json!([{ "external_id": "K2", "name": "K2", "customer_external_id": "M" }]);
    send(&erp, "contacts", late).await;

    let alone = admin.post(&format!("{m}/unmerge"), Value::Null).await.expect(200);

    assert_eq!((&alone["id"], &alone["merged_into_id"]), (&json!(id_in(&m)), &Value::Null));
    let hung = "select concat_ws(' ', k.external_id, c.external_id, k.is_primary) from contacts k
        join customers c on c.id = k.customer_id order by k.external_id";
    assert_eq!(service.texts(hung).await, ["K M t", "K2 W f"]);
    let overrides = controller.get(&format!("{m}/credit-overrides")).await.expect(200);
    assert_eq!(overrides["items"].as_array().unwrap().len(), 1);
    let history = admin.get(&format!("{w}/history?limit=1")).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["merged_customer_id"]["from"], id_in(&m));
    let problem = admin.post(&format!("{m}/unmerge"), Value::Null).await.expect(409);
    assert_eq!(problem["code"], "not_merged");

    merge(&admin, &w, &m).await;
    let by_winner = admin.post(&format!("{w}/unmerge"), Value::Null).await.expect(200);
    assert_eq!(by_winner["id"], id_in(&w));
    merge(&admin, &w, &m).await;
    crate::receivables::go_to(&service, "2026-07-16").await;
    let admin = service.signed_in(admin.id);
    let problem = admin.post(&format!("{m}/unmerge"), Value::Null).await.expect(409);
    assert_eq!(problem["code"], "merge_final");
}

#[actix_web::test]
async fn what_the_books_say_of_the_loser_counts_for_the_winner() {
    let service = Service::start_at(at("2026-06-15")).await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    customers(&erp, &["W", "M"]).await;
    let (w, m) = (path_of(&service, "W").await, path_of(&service, "M").await);
    let balance = |name: &str, amount: &str| {
        json!({ "external_id": name, "customer_external_id": name, "as_of": "2026-06-10",
            "amount": amount })
    };
    let books = json!([balance("W", "10"), balance("M", "5")]);
    send(&erp, "control-balances", books.clone()).await;
    merge(&admin, &w, &m).await;

    assert_eq!(send(&erp, "control-balances", books).await["unchanged"], 2);

    let statement = admin.get(&format!("{w}/statement?as_of=2026-06-10")).await.expect(200);
    assert!(statement.to_string().contains("\"control_balance\":\"15.00\""), "{statement:#}");
    let aging = "/api/v1/reports/ar-aging?as_of=2026-06-10&group_by=customer";
    let aging = admin.get(aging).await.expect(200).to_string();
    assert!(!aging.contains("\"control_balance\":\"5"), "{aging}");
}

#[actix_web::test]
async fn candidates_are_listed_with_their_reasons() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let items = json!([
        { "external_id": "A", "name": "上海林氏贸易有限公司", "phone": "021-5555 0100" },
        { "external_id": "B", "name": "上海林氏 贸易", "phone": "02155550100" },
        { "external_id": "C", "name": "Lin", "address": "Long Street 12", "city": "Ulm" },
        { "external_id": "D", "name": "Other", "address": "Long  street 12", "city": "ulm",
            "owner_id": seller.id },
        { "external_id": "E", "name": "Nobody's" },
        { "external_id": "F", "name": "Foo", "phone": "(021) 5555-0100" }
    ]);
    send(&erp, "customers", items).await;
    let contact = |key: &str, of: &str| json!({ "external_id": key, "customer_external_id": of, "name": key, "email": "Lin@x.cn" });
    send(&erp, "contacts", json!([contact("K", "C"), contact("L", "E")])).await;

    let page = manager.get("/api/v1/customers/duplicates").await.expect(200);

    let told = |it: &Value| {
        let name = |side: &str| it[side]["external_id"].as_str().unwrap().to_owned();
        format!("{}{} {}", name("customer"), name("duplicate"), it["reasons"])
    };
    let told: Vec<String> = page["items"].as_array().unwrap().iter().map(told).collect();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "AB [\"same_name\",\"same_phone\"]",
            // Not BF as well: each customer is paired only with the first similar one.
            "AF [\"same_phone\"]",
            "CD [\"same_address\"]",
            "CE [\"same_contact\"]"
        ]
    );
    let first = manager.get("/api/v1/customers/duplicates?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = manager.get(&format!("/api/v1/customers/duplicates?limit=2&cursor={cursor}")).await;
    assert_eq!(rest.expect(200)["items"].as_array().unwrap().len(), 2);
    let pool = manager.get("/api/v1/customers?has_owner=false").await.expect(200);
    assert_eq!(pool["items"].as_array().unwrap().len(), 5);
    let owned = manager.get("/api/v1/customers?has_owner=true").await.expect(200);
    assert_eq!(owned["items"][0]["external_id"], "D");
}
