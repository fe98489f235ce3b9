//! Two concurrent batches with the same new rows: each row is created once, and neither batch
//! fails.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, send};
use crate::support::gate::{Gate, meet};
use crate::support::harness::Service;

/// Batches, their tables, and an item that has a unique key besides its external id.
fn newcomers() -> Vec<(&'static str, &'static str, Value)> {
    let line = json!([{ "description": "x", "quantity": "1", "amount": "10" }]);
    vec![
        ("teams", "teams", json!({ "code": "N", "name": "N" })),
        ("territories", "territories", json!({ "code": "N", "name": "N" })),
        ("users", "users", json!({ "username": "new.one", "name": "N" })),
        ("products", "products", json!({ "code": "N", "name": "N", "list_price": "1" })),
        ("customers", "customers", json!({ "code": "N", "name": "N" })),
        ("contacts", "contacts", json!({ "customer_external_id": "C", "name": "N" })),
        (
            "orders",
            "orders",
            json!({ "number": "N", "customer_external_id": "C", "order_date": "2026-03-02",
                "lines": line }),
        ),
        (
            "invoices",
            "invoices",
            json!({ "number": "N", "customer_external_id": "C", "invoice_date": "2026-03-02",
                "amount": "10" }),
        ),
        (
            "payments",
            "payments",
            json!({ "number": "N", "customer_external_id": "C", "received_on": "2026-03-02",
                "amount": "10" }),
        ),
    ]
}

#[actix_web::test]
async fn the_same_new_row_of_two_batches_is_one_row() {
    let service = Service::start().await;
    let (one, other) = (service.actor(Role::Erp).await, service.actor(Role::Erp).await);
    send(&one, "customers", json!([{ "external_id": "C", "name": "C" }])).await;
    for (of, table, mut item) in newcomers() {
        item["external_id"] = json!("NEW");
        let items = json!([{ "external_id": "BAD", "unheard_of": 1 }, item]);
        let gate = Gate::before_writes(&service, table).await;
        let (first, second) =
            Box::pin(meet(gate, batch(&one, of, items.clone()), batch(&other, of, items))).await;
        let told = |it: &Value| it["results"][1]["status"].as_str().unwrap().to_owned();
        let mut both = [told(&first), told(&second)];
        both.sort_unstable();
        assert_eq!(both, ["created", "unchanged"], "{of}: {first:#} {second:#}");
        assert_eq!(first["results"][1]["id"], second["results"][1]["id"], "{of}");
        assert_eq!(service.count(&format!("{table} where external_id = 'NEW'")).await, 1, "{of}");
    }
}
