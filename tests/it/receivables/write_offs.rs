//! The write-off authority limits the sum of all approved write-offs, not each request.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::collections::{decide, desk, item};
use crate::receivables::{go_to, service};

#[actix_web::test]
async fn halves_of_the_authority_do_not_add_up() {
    let service = service().await;
    let large = json!({ "amount": "5000" });
    let items = json!([item("A", "2026-06-10", &large), item("B", "2026-06-10", &large)]);
    let desk = desk(&service, items).await;
    let (asking, finance) =
        (service.actor(Role::Finance).await, service.actor(Role::Finance).await);
    let give_up = async |invoice: usize, amount: &str| -> Value {
        // The clock moves by a year, after which earlier tokens have expired.
        let (asking, finance) = (service.signed_in(asking.id), service.signed_in(finance.id));
        let new = json!({ "invoice_id": desk.invoices[invoice], "amount": amount, "reason": "x" });
        let request = asking.post("/api/v1/write-off-requests", new).await.expect(201);
        decide(&finance, &request, "approve").await
    };

    assert_eq!(give_up(0, "600").await["http"], 200);
    let refused = give_up(0, "600").await;
    assert_eq!(
        (&refused["code"], &refused["limit"], &refused["given_up"]),
        (&json!("authority_exceeded"), &json!("1000"), &json!("600.00"))
    );
    assert_eq!(give_up(1, "600").await["code"], "authority_exceeded", "the same customer");
    assert_eq!(give_up(1, "400").await["http"], 200);
    assert_eq!(give_up(1, "0.01").await["given_up"], "1000.00");

    go_to(&service, "2027-06-16").await;
    assert_eq!(give_up(0, "401").await["given_up"], "600.00", "of one invoice, whenever");
    assert_eq!(give_up(1, "600").await["http"], 200);
    assert_eq!(give_up(1, "1").await["given_up"], "1000.00");
}
