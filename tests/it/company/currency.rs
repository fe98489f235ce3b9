//! Amounts without their own currency have the decimal digits of the company's currency.

use std::time::Duration;

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::Service;

async fn service_in(currency: &str) -> Service {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    admin.patch("/api/v1/company", 1, json!({ "currency": currency })).await.expect(200);
    service
}

/// The amounts of a product, a credit limit, an override, a request for terms and an opportunity,
/// each of two units.
async fn amounts(service: &Service) -> Vec<Value> {
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let controller = service.actor(Role::CreditController).await;
    let customer = seller.customer("Lin").await;
    let id = customer.rsplit('/').next().unwrap();
    let product = json!({ "code": "P", "name": "P", "list_price": "2", "standard_cost": "2",
        "prices": [{ "valid_from": "2026-01-01", "price": "2" }] });
    let product = admin.post("/api/v1/products", product).await.expect(201);
    let credit = json!({ "credit_limit": "2" });
    let credit = admin.patch(&format!("{customer}/credit"), 0, credit).await.expect(200);
    let until = service.inner.clock.now().0 + Duration::from_hours(1);
    let more = json!({ "amount": "2", "reason": "new", "expires_at": until.to_string() });
    let path = format!("{customer}/credit-overrides");
    let more = controller.post(&path, more).await.expect(201);
    let terms = json!({ "payment_days": 7, "credit_limit": "2", "min_order_amount": "2",
        "reason": "new" });
    let terms = admin.post(&format!("{customer}/terms-requests"), terms).await.expect(201);
    let step = json!({ "customer_id": id, "category": "轴承", "potential_amount": "2",
        "next_step": "报价", "next_step_on": "2099-12-01" });
    let step = seller.post("/api/v1/opportunities", step).await.expect(201);
    let read = admin.get(&format!("{customer}/credit")).await.expect(200);
    vec![
        product["list_price"].clone(),
        product["standard_cost"].clone(),
        product["prices"][0]["price"].clone(),
        credit["credit_limit"].clone(),
        more["amount"].clone(),
        terms["credit_limit"].clone(),
        terms["min_order_amount"].clone(),
        step["potential_amount"].clone(),
        read["credit_limit"].clone(),
        read["exposure"]["limit"].clone(),
        read["exposure"]["override_amount"].clone(),
    ]
}

#[actix_web::test]
async fn amounts_without_a_currency_are_in_the_companys() {
    for (currency, expected) in [("KWD", "2.000"), ("JPY", "2"), ("CNY", "2.00")] {
        let service = service_in(currency).await;

        let amounts = amounts(&service).await;

        assert!(amounts.iter().all(|amount| amount == expected), "{currency}: {amounts:?}");
    }
}

/// Recorded changes have the same amounts as the rows that a reader sees.
#[actix_web::test]
async fn changes_record_the_same_digits() {
    let service = service_in("KWD").await;
    amounts(&service).await;

    let limits = service.texts(
        "select distinct data->>'credit_limit' from changes
         where data->>'credit_limit' is not null",
    );

    assert_eq!(limits.await, ["2.000"]);
}
