//! The remaining amount of a credit note is allocated to other invoices of the customer.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{differences, faults, merged, send, service};
use crate::support::harness::{Actor, Service};

/// Creates invoices A of 100, B of 50, due before A, O of another customer, U in dollars and a
/// disputed D, and credit notes of 30 without an invoice and of 40 for a paid invoice. Returns
/// their paths.
async fn shop(service: &Service) -> (Actor<'_>, Vec<String>) {
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let customers =
        json!([{ "external_id": "C", "name": "Lin" }, { "external_id": "W", "name": "Wang" }]);
    send(&erp, "customers", customers).await;
    let item = |number: &str, more: Value| {
        let item = json!({ "external_id": number, "number": number, "customer_external_id": "C",
            "invoice_date": "2026-06-02", "due_date": "2026-06-30", "amount": "100" });
        merged(item, &more)
    };
    let note = json!({ "kind": "credit_note", "amount": "30" });
    let items = json!([
        item("A", json!({})),
        item("B", json!({ "amount": "50", "due_date": "2026-06-20" })),
        item("O", json!({ "customer_external_id": "W" })),
        item("U", json!({ "currency": "USD" })),
        item("D", json!({ "disputed": true, "due_date": "2026-06-03" })),
        item("X", json!({ "status": "draft" })),
        item("N", note.clone()),
        item("M", merged(note, &json!({ "status": "draft" }))),
        item("P", json!({ "amount": "40" })),
    ]);
    let made = send(&erp, "invoices", items).await;
    let paths = made["results"].as_array().unwrap().iter();
    let paths = paths.map(|it| format!("/api/v1/invoices/{}", it["id"].as_str().unwrap()));
    (finance, paths.collect())
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn open(reader: &Actor<'_>, path: &str) -> String {
    reader.get(path).await.expect(200)["open_amount"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_credit_note_without_an_invoice_is_used_by_hand() {
    let service = service().await;
    let (finance, paths) = shop(&service).await;
    let [a, b, other, dollars, _, draft, note, unposted, _] = &paths[..] else { unreachable!() };
    let use_it = format!("{note}/allocate");
    let to = |invoice: &str, amount: &str, more: Value| {
        let one = merged(json!({ "invoice_id": id(invoice), "amount": amount }), &more);
        json!({ "allocations": [one] })
    };
    let dated = |day: &str| to(a, "1", json!({ "allocated_on": day }));
    let none = || json!({});
    let two = json!({ "allocations": [{ "invoice_id": id(a), "amount": "20" },
        { "invoice_id": id(b), "amount": "10.01" }] });
    let before = finance.get(note).await.expect(200);
    for (body, expected) in [
        (to(a, "30.01", none()), "/allocations/0/amount above_unapplied"),
        (two, "/allocations/1/amount above_unapplied"),
        (to(a, "0", none()), "/allocations/0/amount range"),
        (to(a, "-1", none()), "/allocations/0/amount range"),
        (to(other, "1", none()), "/allocations/0/invoice_id another_customer"),
        (to(dollars, "1", none()), "/allocations/0/invoice_id another_currency"),
        (to(note, "1", none()), "/allocations/0/invoice_id contradiction"),
        (dated("2026-06-01"), "/allocations/0/allocated_on range"),
        (dated("2026-06-16"), "/allocations/0/allocated_on range"),
        (json!({}), "/allocations contradiction"),
        (
            merged(to(a, "1", none()), &json!({ "oldest_first": true })),
            "/allocations contradiction",
        ),
    ] {
        let problem = finance.post(&use_it, body.clone()).await.expect(422);
        assert!(faults(&problem).contains(&expected.to_owned()), "{body}: {problem:#}");
    }
    let problem = finance.post(&use_it, to(draft, "1", none())).await.expect(422);
    assert!(faults(&problem).contains(&"/allocations/0/invoice_id not_posted".to_owned()));
    let nobody = json!({ "allocations": [{ "invoice_id": uuid::Uuid::nil(), "amount": "1" }] });
    let problem = finance.post(&use_it, nobody).await.expect(422);
    assert_eq!(faults(&problem), ["/allocations/0/invoice_id unknown_reference"]);
    assert_eq!(finance.get(note).await.expect(200), before, "nothing is left behind");
    let why = finance.post(&format!("{a}/allocate"), to(b, "1", none())).await.expect(409);
    assert_eq!(why["code"], "not_a_credit_note");
    let why = finance.post(&format!("{unposted}/allocate"), to(a, "1", none())).await.expect(409);
    assert_eq!((&why["code"], &why["current_status"]), (&json!("wrong_status"), &json!("draft")));
    service.actor(Role::Salesperson).await.post(&use_it, to(a, "1", none())).await.expect(403);

    let used = finance.post(&use_it, to(a, "12.50", none())).await.expect(200);
    assert_eq!((&used["open_amount"], &used["version"]), (&json!("-17.50"), &json!(2)));
    assert_eq!(open(&finance, a).await, "87.50");
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn what_is_left_of_a_note_goes_to_what_was_due_first() {
    let service = service().await;
    let (finance, paths) = shop(&service).await;
    let [a, b, other, dollars, disputed, draft, note, _, paid] = &paths[..] else { unreachable!() };
    // A credit note for a paid invoice keeps its whole amount.
    let money = json!({ "customer_id": finance.get(a).await.expect(200)["customer_id"],
        "received_on": "2026-06-10", "amount": "40",
        "allocations": [{ "invoice_id": id(paid), "amount": "40" }] });
    finance.post("/api/v1/payments", money).await.expect(201);
    let new = json!({ "kind": "credit_note", "amount": "40", "corrects_invoice_id": id(paid),
        "customer_id": finance.get(a).await.expect(200)["customer_id"] });
    let made = finance.post("/api/v1/invoices", new).await.expect(201);
    let late = format!("/api/v1/invoices/{}", made["id"].as_str().unwrap());
    finance.post(&format!("{late}/post"), Value::Null).await.expect(200);
    assert_eq!(open(&finance, &late).await, "-40.00");
    for (from, left) in [(note, "0.00"), (&late, "0.00")] {
        let used = json!({ "oldest_first": true });
        let used = finance.post(&format!("{from}/allocate"), used).await.expect(200);
        assert_eq!(used["open_amount"], left);
    }
    for (path, left) in [
        (b, "0.00"),
        (a, "80.00"),
        (other, "100.00"),
        (dollars, "100.00"),
        (disputed, "100.00"),
        (draft, "0.00"),
    ] {
        assert_eq!(open(&finance, path).await, left, "{path}");
    }
    assert_eq!(differences(&service).await, 0);
    // A payment from an ERP takes precedence, and the credit note gets its amount back.
    let erp = service.actor(Role::Erp).await;
    let paid = json!([{ "external_id": "Q", "number": "Q", "customer_external_id": "C",
        "received_on": "2026-06-12", "amount": "50",
        "allocations": [{ "invoice_external_id": "B", "amount": "50" }] }]);
    send(&erp, "payments", paid).await;
    assert_eq!(open(&finance, b).await, "0.00");
    let notes = [open(&finance, note).await, open(&finance, &late).await];
    let back: rust_decimal::Decimal =
        notes.iter().map(|it| it.parse::<rust_decimal::Decimal>().unwrap()).sum();
    assert_eq!(back.to_string(), "-50.00", "{notes:?}");
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn what_is_billed_is_given_back_before_its_order_is_cancelled() {
    let service = service().await;
    let desk = crate::credit::Desk::of(&service).await;
    let finance = service.actor(Role::Finance).await;
    let order = desk.order("100").await;
    crate::credit::confirm(&desk.admin, &order, 200).await;
    let new =
        |more: Value| merged(json!({ "customer_id": id(&desk.customer), "amount": "60" }), &more);
    let post = async |new: Value| {
        let made = finance.post("/api/v1/invoices", new).await.expect(201);
        let path = format!("/api/v1/invoices/{}", made["id"].as_str().unwrap());
        finance.post(&format!("{path}/post"), Value::Null).await.expect(200)["id"].clone()
    };
    let invoice = post(new(json!({ "order_id": id(&order) }))).await;
    let why = || json!({ "reason": "x" });
    let cancel = format!("{order}/cancel");
    let problem = desk.admin.post(&cancel, why()).await.expect(409);
    assert_eq!(
        (&problem["code"], &problem["invoiced_amount"]),
        (&json!("order_invoiced"), &json!("60.00"))
    );
    assert_eq!(desk.admin.get(&order).await.expect(200)["status"], "confirmed");
    post(new(json!({ "kind": "credit_note", "corrects_invoice_id": invoice }))).await;
    let gone = desk.admin.post(&cancel, why()).await.expect(200);
    assert_eq!(gone["status"], "cancelled");
    assert_eq!(desk.exposure().await["exposure"], "0.00");
}
