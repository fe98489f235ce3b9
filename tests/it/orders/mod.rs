pub mod credit;
pub mod currency;
pub mod days;
pub mod fulfilment;

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn product(admin: &Actor<'_>, code: &str, more: Value) -> Value {
    let mut new = json!({ "code": code, "name": code, "list_price": "12.34", "category": "Tools" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post("/api/v1/products", new).await.expect(201)["id"].clone()
}

/// The ledger entries: kind, day, quantity and amount.
async fn ledger(service: &Service) -> Vec<String> {
    let rows = "select kind || ' ' || booked_on || ' ' || trim_scale(quantity) || ' ' ||
        trim_scale(amount) from sales_entries order by id";
    service.texts(rows).await
}

#[actix_web::test]
async fn an_order_from_draft_to_the_books_and_back() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin & Sons").await;
    let tool = product(&admin, "T", json!({ "tax_rate": "13" })).await;
    let lines = json!([
        { "product_id": tool, "quantity": "3", "discount_percent": "10" },
        { "product_id": tool, "quantity": "0.5", "unit_price": "0.01" },
    ]);
    let order = json!({ "customer_id": id(&customer), "lines": lines, "freight_amount": "5" });
    let order = seller.post("/api/v1/orders", order).await.expect(201);
    // 3 × 12.34 × 0.9 = 33.318, and 0.5 × 0.01 = 0.005: half a cent goes up.
    assert_eq!(order["lines"][0]["amount"], "33.32");
    assert_eq!(order["lines"][1]["amount"], "0.01");
    assert_eq!((&order["amount"], &order["tax_amount"]), (&json!("33.33"), &json!("4.33")));
    assert_eq!(order["total_amount"], "42.66");
    assert_eq!(order["credits"][0]["user_id"], json!(seller.id));
    assert!(order["number"].as_str().unwrap().starts_with("SO-"));
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    seller.post(&format!("{path}/confirm"), json!({})).await.expect(403);
    admin.post(&format!("{path}/confirm"), json!({})).await.expect(409);
    seller.post(&format!("{path}/submit"), json!({})).await.expect(200);
    assert_eq!(ledger(&service).await, [""; 0], "submitted counts nothing");
    let problem = seller.patch(&path, 2, json!({ "channel": "x" })).await.expect(409);
    assert_eq!(problem["current_status"], "submitted");
    admin.post(&format!("{path}/confirm"), json!({})).await.expect(200);
    let today = service.inner.clock.today();
    let booked = [format!("booked {today} 3 33.32"), format!("booked {today} 0.5 0.01")];
    assert_eq!(ledger(&service).await, booked);
    let why = json!({ "reason": "changed its mind" });
    seller.post(&format!("{path}/cancel"), why.clone()).await.expect(403);
    admin.post(&format!("{path}/cancel"), why.clone()).await.expect(200);
    let all = ledger(&service).await;
    assert_eq!(
        all[2..],
        [format!("reversed {today} -3 -33.32"), format!("reversed {today} -0.5 -0.01")]
    );
    admin.post(&format!("{path}/cancel"), why).await.expect(409);
    let history = seller.get(&format!("{path}/history?total=exact")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 4);
}

#[actix_web::test]
async fn each_rule_of_an_order_violated_once() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin & Sons").await;
    let (tool, old) = (
        product(&admin, "T", json!({})).await,
        product(&admin, "OLD", json!({ "active": false })).await,
    );
    let free = product(&admin, "F", json!({ "list_price": null })).await;
    let line = json!({ "product_id": tool, "quantity": "1" });
    let with = |more: Value| {
        let mut new = json!({ "customer_id": id(&customer), "lines": [line] });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        new
    };
    let share =
        |user: &Actor<'_>, percent: &str| json!({ "user_id": user.id, "share_percent": percent });
    let cases = [
        (
            json!({ "lines": [{ "product_id": old, "quantity": "1" }] }),
            "/lines/0/product_id inactive_product",
        ),
        (json!({ "lines": [{ "product_id": tool, "quantity": "0" }] }), "/lines/0/quantity range"),
        (json!({ "lines": [{ "product_id": tool, "quantity": 1 }] }), "/lines/0/quantity type"),
        (
            json!({ "lines": [{ "product_id": free, "quantity": "1" }] }),
            "/lines/0/unit_price required",
        ),
        (
            json!({ "lines": [{ "product_id": tool, "quantity": "1", "unit_price": 12.5 }] }),
            "/lines/0/unit_price type",
        ),
        (
            json!({ "lines": [{ "product_id": tool, "quantity": "1", "discount_percent": "101" }] }),
            "/lines/0/discount_percent range",
        ),
        (
            json!({ "lines": [{ "product_id": tool, "quantity": "1", "amount": "1" }] }),
            "/lines/0/amount unknown_field",
        ),
        (json!({ "lines": [] }), "/lines too_few"),
        (json!({ "amount": "1.00" }), "/amount unknown_field"),
        (
            json!({ "credits": [share(&seller, "50"), share(&stranger, "49")] }),
            "/credits credit_shares",
        ),
        (
            json!({ "credits": [share(&seller, "50"), share(&seller, "50")] }),
            "/credits/1/user_id duplicate",
        ),
        (
            json!({ "salesperson_id": seller.id, "credits": [share(&seller, "100")] }),
            "/salesperson_id contradiction",
        ),
        (json!({ "order_date": "20260302" }), "/order_date format"),
        (json!({ "order_date": "2026-03-02", "due_date": "2026-03-01" }), "/due_date range"),
        (json!({ "currency": "USD" }), "/currency no_exchange_rate"),
        (json!({ "freight_amount": "-1" }), "/freight_amount range"),
        (json!({ "customer_id": uuid::Uuid::nil() }), "/customer_id unknown_reference"),
    ];
    for (more, expected) in cases {
        let problem = seller.post("/api/v1/orders", with(more.clone())).await.expect(422);
        let told = |it: &Value| {
            format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
        };
        let faults: Vec<String> = problem["errors"].as_array().unwrap().iter().map(told).collect();
        assert!(faults.iter().any(|it| it == expected), "{more}: {faults:?}");
    }
    let unknown = json!({ "customer_external_id": "x", "customer_source_system": "sap",
        "lines": [line] });
    let problem = seller.post("/api/v1/orders", unknown).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/customer_external_id");
    stranger.post("/api/v1/orders", with(json!({}))).await.expect(422);
    assert_eq!((service.count("orders").await, service.count("order_lines").await), (0, 0));
    let reason = json!({ "reason": "owes too much" });
    admin.post(&format!("{customer}/blacklist"), reason).await.expect(200);
    let problem = seller.post("/api/v1/orders", with(json!({}))).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "customer_blacklisted");
}

fn item(number: &str, more: &Value) -> Value {
    let mut item = json!({ "external_id": number, "number": number, "order_date": "2026-03-02",
        "customer_external_id": "C", "lines": [{ "product_external_id": "P", "quantity": "2",
            "unit_price": "10", "amount": "20.00" }] });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

async fn import(erp: &Actor<'_>, resource: &str, items: Vec<Value>) -> Value {
    let path = format!("/api/v1/{resource}/batch");
    erp.post(&path, json!({ "items": items })).await.expect(200)
}

#[actix_web::test]
async fn an_erp_reports_facts_and_the_ledger_follows() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    import(&erp, "customers", vec![json!({ "external_id": "C", "name": "C", "region": "上海" })])
        .await;
    let product = json!({ "external_id": "P", "code": "P", "name": "P", "active": false });
    import(&erp, "products", vec![product]).await;
    let outcomes = import(
        &erp,
        "orders",
        vec![
            item("1", &json!({})),
            item("2", &json!({ "status": "draft" })),
            item("3", &json!({ "status": "cancelled" })),
            item("4", &json!({ "amount": "20.02" })),
            item("5", &json!({ "amount": "20.01" })),
            item(
                "6",
                &json!({ "credits": [{ "user_id": uuid::Uuid::nil(), "share_percent": "99" }] }),
            ),
        ],
    )
    .await;
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(4), &json!(2)));
    let fault = |at: usize| outcomes["results"][at]["problem"]["errors"][0]["code"].clone();
    assert_eq!((fault(3), fault(5)), (json!("sum_of_lines"), json!("unknown_reference")));
    // Imported drafts and cancelled orders have no entries; inactive products are accepted.
    assert_eq!(ledger(&service).await, ["booked 2026-03-02 2 20", "booked 2026-03-02 2 20.01"]);

    let events = service.count("changes").await;
    let again = import(
        &erp,
        "orders",
        vec![item("1", &json!({})), item("2", &json!({ "status": "draft" }))],
    )
    .await;
    assert_eq!(again["unchanged"], 2);
    assert_eq!((service.count("changes").await, ledger(&service).await.len()), (events, 2));

    // A correction reverses the entries on their old day; a cancellation counts on its own day.
    let lines = json!([{ "product_external_id": "P", "quantity": "3", "amount": "30" }]);
    import(&erp, "orders", vec![item("1", &json!({ "lines": lines, "order_date": "2026-03-03" }))])
        .await;
    let ledger_now = ledger(&service).await;
    assert_eq!(ledger_now[2..], ["reversed 2026-03-02 -2 -20", "booked 2026-03-03 3 30"]);
    let gone = json!({ "status": "cancelled", "cancelled_on": "2026-04-01", "order_date": "2026-03-03",
        "lines": lines });
    import(&erp, "orders", vec![item("1", &gone)]).await;
    assert_eq!(ledger(&service).await[4..], ["reversed 2026-04-01 -3 -30"]);
    let shipped = json!({ "shipped_on": "2026-03-05", "status": "closed", "amount": "20.01" });
    import(&erp, "orders", vec![item("5", &shipped)]).await;
    assert_eq!(ledger(&service).await.len(), 5, "what the ledger does not keep leaves it alone");
}

#[actix_web::test]
async fn an_order_is_seen_three_ways() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let (lead, seller, owner, stranger) = (
        service.actor(Role::SalesManager).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    );
    service.team(None, &lead, &[&seller]).await;
    let customer = owner.customer("Lin & Sons").await;
    let tool = product(&admin, "T", json!({})).await;
    let order = json!({ "customer_id": id(&customer), "salesperson_id": seller.id,
        "lines": [{ "product_id": tool, "quantity": "1" }] });
    let order = admin.post("/api/v1/orders", order).await.expect(201);
    let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    for who in [&admin, &lead, &seller, &owner] {
        who.get(&path).await.expect(200);
        assert_eq!(who.get("/api/v1/orders").await.expect(200)["items"][0], order);
    }
    stranger.get(&path).await.expect(404);
    stranger.post(&format!("{path}/submit"), json!({})).await.expect(404);
    assert_eq!(stranger.get("/api/v1/orders").await.expect(200)["items"], json!([]));
    service.actor(Role::Finance).await.get(&path).await.expect(200);
    service.actor(Role::Quality).await.get(&path).await.expect(403);
    let erp = service.client(Role::Erp, "sap").await;
    let new =
        json!({ "customer_id": id(&customer), "lines": [{ "product_id": tool, "quantity": "1" }] });
    let problem = erp.post("/api/v1/orders", new.clone()).await.expect(400);
    assert_eq!(problem["code"], "idempotency_key_required");
    let key = [("idempotency-key", "k")];
    erp.send(Method::POST, "/api/v1/orders", Some(new), &key).await.expect(201);
}
