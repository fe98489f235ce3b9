//! Customers without orders become dormant 休眠; a new order makes them active again.

use salesbook::access::Role;
use salesbook::orders;
use salesbook::platform::{Clock, Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::receivables::send;
use crate::support::harness::Service;

async fn set(service: &Service, day: &str) {
    let now = format!("{day}T02:00:00Z").parse().unwrap();
    service.inner.clock.set(Timestamp(now));
    service.new_month().await;
}

async fn run(service: &Service) -> u64 {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let job = async |tx: &mut Tx| orders::activity::make_dormant(tx).await;
    Tx::run(db, clock, Uuid::nil(), job).await.unwrap()
}

fn order(key: &str, customer: &str, day: &str) -> Value {
    json!({ "external_id": key, "number": key, "customer_external_id": customer,
        "order_date": day, "lines": [{ "quantity": "1", "amount": "100" }] })
}

async fn statuses(service: &Service) -> String {
    let query = "select string_agg(name || ' ' || status, ', ' order by name) from customers";
    service.texts(query).await.join("")
}

#[actix_web::test]
async fn who_does_not_buy_becomes_dormant_and_an_order_wakes_them() {
    let start = Timestamp("2026-03-02T02:00:00Z".parse().unwrap());
    let service = Service::start_at(Clock::fixed(start)).await;
    let (erp, seller) = (service.actor(Role::Erp).await, service.actor(Role::Salesperson).await);
    let customer = |key: &str, status: &str| {
        json!({ "external_id": key, "name": key,
        "owner_id": seller.id, "status": status })
    };
    let all = json!([
        customer("A", "active"),
        customer("B", "active"),
        customer("C", "prospect"),
        customer("D", "blacklisted")
    ]);
    send(&erp, "customers", all).await;
    send(&erp, "orders", json!([order("1", "A", "2026-03-01"), order("2", "B", "2026-03-02")]))
        .await;

    set(&service, "2026-08-27").await;
    assert_eq!(run(&service).await, 0, "179 days");
    set(&service, "2026-08-28").await;
    assert_eq!((run(&service).await, run(&service).await), (1, 0));
    assert_eq!(statuses(&service).await, "A dormant, B active, C prospect, D blacklisted");

    let erp = service.signed_in(erp.id);
    send(&erp, "orders", json!([order("3", "A", "2025-08-28")])).await;
    assert_eq!(statuses(&service).await, "A dormant, B active, C prospect, D blacklisted");
    send(&erp, "orders", json!([order("4", "A", "2026-08-28"), order("5", "D", "2026-08-28")]))
        .await;
    assert_eq!(statuses(&service).await, "A active, B active, C prospect, D blacklisted");
    let path = service.texts("select '/api/v1/customers/' || id from customers where name = 'A'");
    let path = path.await.join("");
    let history = erp.get(&format!("{path}/history")).await.expect(200);
    let step = json!({ "from": "dormant", "to": "active" });
    assert_eq!(history["items"][0]["diff"]["status"], step);
}

#[actix_web::test]
async fn whom_somebody_activates_has_time_again() {
    let start = Timestamp("2026-03-02T02:00:00Z".parse().unwrap());
    let service = Service::start_at(Clock::fixed(start)).await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("上海林氏").await;

    set(&service, "2026-08-01").await;
    let seller = service.signed_in(seller.id);
    seller.post(&format!("{customer}/activate"), json!({})).await.expect(200);
    set(&service, "2026-09-15").await;
    assert_eq!(run(&service).await, 0);
    set(&service, "2027-02-01").await;
    assert_eq!(run(&service).await, 1);
}
