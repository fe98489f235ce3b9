//! Writes that refer to a customer who is merged concurrently: the row belongs to the winner, or
//! the write is refused.

use futures_util::future::join;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::gate::Gate;
use crate::support::harness::{Actor, Service};

/// The table on which the write waits, its path, its body for the loser, and the expected status.
type Case = (&'static str, &'static str, Value, u16);

const TODAY: &str = "2026-06-15";

fn batch(mut item: Value) -> Value {
    item["external_id"] = json!("X");
    json!({ "source_system": "sap", "items": [item] })
}

fn cases(loser: &str, by: &str, product: &str) -> Vec<Case> {
    let of = |mut body: Value| {
        body["customer_id"] = json!(loser);
        body
    };
    let visit = || of(json!({ "owner_id": by, "planned_date": TODAY }));
    let complaint = || of(json!({ "category": "other", "description": "x" }));
    let line = json!({ "product_id": product, "quantity": "1", "unit_price": "1" });
    vec![
        ("visits", "visits", of(json!({})), 201),
        ("visits", "visits/batch", batch(visit()), 200),
        ("complaints", "complaints", complaint(), 201),
        ("complaints", "complaints/batch", batch(complaint()), 200),
        ("contacts", "contacts/batch", batch(of(json!({ "name": "x" }))), 200),
        ("orders", "orders", of(json!({ "lines": [line] })), 201),
        ("invoices", "invoices", of(json!({ "amount": "1" })), 201),
        ("payments", "payments", of(json!({ "amount": "1" })), 201),
        ("promises", "promises", of(json!({ "due_on": TODAY, "amount": "1" })), 201),
        ("suggestions", "suggestions", of(json!({ "category": "other", "text": "x" })), 201),
        (
            "follow_ups",
            "follow-ups",
            of(json!({ "instruction": "x", "due_at": "2099-01-01T00:00:00Z" })),
            201,
        ),
        (
            "opportunities",
            "opportunities",
            of(json!({ "category": "x", "next_step": "x", "next_step_on": "2099-01-01" })),
            201,
        ),
        // A customer in the path is not redirected to the winner.
        ("credit_investigations", "credit-investigations", json!({ "reason": "x" }), 409),
        (
            "terms_requests",
            "terms-requests",
            json!({ "payment_days": 1, "credit_limit": "1", "reason": "x" }),
            409,
        ),
        (
            "credit_overrides",
            "credit-overrides",
            json!({ "amount": "1", "reason": "x", "expires_at": "2026-06-16T00:00:00Z" }),
            409,
        ),
    ]
}

async fn customer(admin: &Actor<'_>, name: &str) -> String {
    let new = json!({ "name": name, "allow_duplicate": true });
    admin.post("/api/v1/customers", new).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn no_row_is_left_with_a_customer_that_was_merged_meanwhile() {
    let service = Service::start_at(crate::customers::merges::at(TODAY)).await;
    let admin = service.actor(Role::Admin).await;
    let controller = service.actor(Role::CreditController).await;

    let product = admin.post("/api/v1/products", json!({ "code": "P", "name": "P" })).await;
    let product = product.expect(201)["id"].as_str().unwrap().to_owned();

    for place in 0..cases("", "", "").len() {
        let (winner, loser) = (customer(&admin, "W").await, customer(&admin, "M").await);
        let (table, path, body, status) =
            cases(&loser, &admin.id.to_string(), &product).swap_remove(place);
        let (by, url) = match status {
            409 => (&controller, format!("/api/v1/customers/{loser}/{path}")),
            _ => (&admin, format!("/api/v1/{path}")),
        };

        let gate = Gate::before_writes(&service, table).await;
        let merge = async {
            gate.are_waiting(1).await;
            let merge = json!({ "loser_id": loser });
            let told = admin.post(&format!("/api/v1/customers/{winner}/merge"), merge).await;
            gate.open().await;
            told.expect(200);
        };
        let told = join(by.post(&url, body), merge).await.0.expect(status);

        assert!(status != 200 || told["failed"] == 0, "{path}: {told:#}");
        let hung = format!(
            "select customer_id::text from {table} where customer_id in ('{winner}', '{loser}')"
        );
        let expected = if status == 409 { vec![] } else { vec![winner.clone()] };
        assert_eq!(service.texts(&hung).await, expected, "{path}");
    }
}
