//! Amounts that users enter have at most the decimal digits of their currency; imported amounts are
//! stored as sent.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{faults, merged, send};
use crate::support::harness::Service;

/// The path, the other fields of the body, and the pointer of the amount.
fn cases(customer: &str, product: &Value) -> Vec<(String, Value, &'static str)> {
    let of = |more: Value| merged(json!({ "customer_id": customer }), &more);
    let line = json!([{ "product_id": product, "quantity": "1", "unit_price": "0.123456" }]);
    let part = |amount: &str| json!({ "due_date": "2099-01-01", "amount": amount });
    let parts = json!([part("10.005"), part("89.995")]);
    let under = |path: &str| format!("customers/{customer}/{path}");
    vec![
        ("orders".into(), of(json!({ "lines": line })), "/freight_amount"),
        ("invoices".into(), of(json!({})), "/amount"),
        ("invoices".into(), of(json!({ "amount": "1" })), "/tax_amount"),
        (
            "invoices".into(),
            of(json!({ "amount": "100", "instalments": parts })),
            "/instalments/0/amount",
        ),
        ("payments".into(), of(json!({})), "/amount"),
        ("promises".into(), of(json!({ "due_on": "2099-01-01" })), "/amount"),
        ("risk-cases".into(), of(json!({ "trigger": "other" })), "/amount"),
        (
            "opportunities".into(),
            of(json!({ "category": "x", "next_step": "x", "next_step_on": "2099-01-01" })),
            "/potential_amount",
        ),
        (
            "targets".into(),
            json!({ "owner_type": "company", "period_type": "year", "period_start": "2030-01-01" }),
            "/value",
        ),
        (under("terms-requests"), json!({ "payment_days": 1, "reason": "x" }), "/credit_limit"),
        (
            under("terms-requests"),
            json!({ "payment_days": 1, "reason": "x", "credit_limit": "1" }),
            "/min_order_amount",
        ),
        (
            under("credit-overrides"),
            json!({ "reason": "x", "expires_at": "2026-06-16T00:00:00Z" }),
            "/amount",
        ),
        (
            "complaints".into(),
            of(json!({ "category": "other", "description": "x",
                "resolved": { "resolution": "x" } })),
            "/resolved/compensation_amount",
        ),
    ]
}

fn with(mut body: Value, pointer: &str, amount: &str) -> Value {
    if let Some(place) = body.pointer_mut(pointer) {
        *place = json!(amount);
    } else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = json!(amount);
    }
    body
}

#[actix_web::test]
async fn people_enter_no_part_of_a_cent() {
    let service = Service::start_at(crate::customers::merges::at("2026-06-15")).await;
    let person = service.person(&[Role::Admin, Role::CreditController, Role::SalesDirector]).await;
    let customer = service.actor(Role::Salesperson).await.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();

    let product = person.post("/api/v1/products", json!({ "code": "P", "name": "P" })).await;
    let product = product.expect(201)["id"].clone();

    for (path, body, pointer) in cases(customer, &product) {
        let body = with(body, pointer, "10.005");
        let told = person.post(&format!("/api/v1/{path}"), body.clone()).await;

        let told = faults(&told.expect(422));
        let expected = format!("{pointer} range");
        assert!(told.contains(&expected), "{path}: {told:?} {body}");
        if pointer != "/instalments/0/amount" {
            let body = with(body, pointer, "10.0500");
            let told = person.post(&format!("/api/v1/{path}"), body).await;
            assert_eq!(told.status.as_u16(), 201, "{path}: {:#}", told.body);
        }
    }
    let credit = format!("/api/v1/customers/{customer}/credit");
    let tag = person.get(&credit).await.expect(200)["version"].as_i64().unwrap();
    let told = person.patch(&credit, tag, json!({ "credit_limit": "0.001" })).await.expect(422);
    assert_eq!(faults(&told), ["/credit_limit range"]);
}

#[actix_web::test]
async fn the_digits_are_those_of_the_currency() {
    let service = Service::start_at(crate::customers::merges::at("2026-06-15")).await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();
    for currency in ["JPY", "KWD"] {
        let rate = json!({ "from": currency, "to": "CNY", "valid_on": "2026-01-01", "rate": "2" });
        admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    }

    for (currency, amount, status) in
        [("JPY", "1", 201), ("JPY", "1.5", 422), ("KWD", "1.005", 201), ("KWD", "1.0005", 422)]
    {
        let new = json!({ "customer_id": customer, "currency": currency, "amount": amount });
        let told = admin.post("/api/v1/payments", new).await.status.as_u16();
        assert_eq!(told, status, "{amount} {currency}");
    }
}

#[actix_web::test]
async fn what_an_erp_sends_is_stored_as_sent_and_given_up_whole() {
    let service = Service::start_at(crate::customers::merges::at("2026-06-15")).await;
    let (erp, finance) = (service.actor(Role::Erp).await, service.actor(Role::Finance).await);
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let item = json!({ "external_id": "I", "number": "I", "customer_external_id": "C",
        "invoice_date": "2026-06-01", "total_amount": "10.005" });
    let invoice = send(&erp, "invoices", json!([item])).await["results"][0]["id"].clone();
    let ask = async |amount: &str| {
        let new = json!({ "invoice_id": invoice, "amount": amount, "reason": "x" });
        finance.post("/api/v1/write-off-requests", new).await
    };

    assert_eq!(faults(&ask("0.005").await.expect(422)), ["/amount range"]);
    assert_eq!(ask("10.005").await.expect(201)["amount"], "10.005");
}
