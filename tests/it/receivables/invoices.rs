//! Invoices and credit notes: from draft to paid, with each rule violated once, and as imported by
//! an ERP.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, faults, go_to, merged, send, service};
use crate::support::harness::Actor;

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

pub async fn open(reader: &Actor<'_>, invoice: &str) -> Value {
    let it = reader.get(&format!("/api/v1/invoices/{invoice}")).await.expect(200);
    json!([it["open_amount"], it["closed_on"], it["next_due_on"]])
}

#[actix_web::test]
async fn an_invoice_from_draft_to_paid_and_back() {
    let service = service().await;
    let (finance, seller) =
        (service.actor(Role::Finance).await, service.actor(Role::Salesperson).await);
    let customer = seller.customer("Lin & Sons").await;
    let new = json!({ "customer_id": id(&customer), "amount": "100", "tax_amount": "13",
        "due_date": "2026-06-30" });
    seller.post("/api/v1/invoices", new.clone()).await.expect(403);
    let draft = finance.post("/api/v1/invoices", new).await.expect(201);
    assert_eq!((&draft["total_amount"], &draft["open_amount"]), (&json!("113.00"), &json!("0.00")));
    assert_eq!(draft["salesperson_id"], json!(seller.id), "the customer's owner");
    assert!(draft["number"].as_str().unwrap().starts_with("IN-2026-"));
    let invoice = draft["id"].as_str().unwrap();
    let path = format!("/api/v1/invoices/{invoice}");
    finance.patch(&path, 1, json!({ "tax_amount": "0", "disputed": true })).await.expect(200);
    let posted = finance.post(&format!("{path}/post"), Value::Null).await.expect(200);
    assert_eq!((&posted["status"], &posted["open_amount"]), (&json!("posted"), &json!("100.00")));
    let problem = finance.post(&format!("{path}/post"), Value::Null).await.expect(409);
    assert_eq!(problem["current_status"], "posted");
    let problem = finance.patch(&path, 3, json!({ "amount": "99", "disputed": false })).await;
    let problem = problem.expect(409);
    assert_eq!(problem["code"], "posted_immutable");
    assert_eq!(problem["fields"], json!(["amount"]));
    let parts = json!([{ "due_date": "2026-08-01", "amount": "60" },
        { "due_date": "2026-07-01", "amount": "40" }]);
    let planned = json!({ "instalments": parts, "disputed": false, "due_date": "2026-08-01" });
    let planned = finance.patch(&path, 3, planned).await.expect(200);
    assert_eq!(planned["next_due_on"], "2026-07-01");
    let short = json!({ "instalments": [{ "due_date": "2026-07-01", "amount": "99" }] });
    let problem = finance.patch(&path, 4, short).await.expect(422);
    assert_eq!(faults(&problem), ["/instalments instalments_sum"]);

    let money = json!({ "customer_id": id(&customer), "amount": "100",
        "allocations": [{ "invoice_id": invoice, "amount": "40" }] });
    let money = finance.post("/api/v1/payments", money).await.expect(201);
    assert_eq!(money["unapplied_amount"], "60.00");
    assert_eq!(open(&seller, invoice).await, json!(["60.00", null, "2026-08-01"]));
    let payment = format!("/api/v1/payments/{}", money["id"].as_str().unwrap());
    go_to(&service, "2026-06-20").await;
    let (finance, seller) = (service.signed_in(finance.id), service.signed_in(seller.id));
    let rest = json!({ "oldest_first": true });
    finance.post(&format!("{payment}/allocate"), rest).await.expect(200);
    assert_eq!(open(&seller, invoice).await, json!(["0.00", "2026-06-20", null]));
    let kept = "select kind || ' ' || trim_scale(amount) from open_items order by 1";
    assert_eq!(service.texts(kept).await, [""; 0]);
    let back = json!({ "reason": "bounced" });
    finance.post(&format!("{payment}/reverse"), back).await.expect(200);
    assert_eq!(open(&seller, invoice).await, json!(["100.00", null, "2026-07-01"]));
    assert_eq!(service.texts(kept).await, ["invoice 40", "invoice 60"]);
    let history = seller.get(&format!("{path}/history?total=exact")).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["open_amount"]["to"], "100.00");
}

#[actix_web::test]
async fn a_draft_may_go_and_a_posted_one_stays() {
    let service = service().await;
    let finance = service.actor(Role::Finance).await;
    let customer = service.actor(Role::Salesperson).await.customer("Lin").await;
    let new = json!({ "customer_id": id(&customer), "amount": "100" });
    let made = finance.post("/api/v1/invoices", new).await.expect(201);
    let path = format!("/api/v1/invoices/{}", made["id"].as_str().unwrap());
    let why = json!({ "reason": "twice" });
    let gone = finance.post(&format!("{path}/cancel"), why.clone()).await.expect(200);
    assert_eq!((&gone["status"], &gone["status_reason"]), (&json!("cancelled"), &json!("twice")));
    finance.post(&format!("{path}/cancel"), why).await.expect(409);
    finance.post(&format!("{path}/post"), Value::Null).await.expect(409);
    finance.patch(&path, 2, json!({ "amount": "1" })).await.expect(409);
}

#[actix_web::test]
async fn each_rule_of_an_invoice_violated_once() {
    let service = service().await;
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    let seller = service.actor(Role::Salesperson).await;
    let (customer, other) = (seller.customer("Lin").await, seller.customer("Wang").await);
    let order = json!([{ "external_id": "O", "number": "O", "customer_id": id(&other),
        "order_date": "2026-06-01", "lines": [{ "quantity": "1", "amount": "10" }] }]);
    let order = send(&erp, "orders", order).await["results"][0]["id"].clone();
    let others = json!([{ "external_id": "I", "number": "I", "customer_id": id(&other),
        "invoice_date": "2026-06-01", "total_amount": "10" },
        { "external_id": "D", "number": "D", "customer_id": id(&customer), "status": "draft",
        "invoice_date": "2026-06-01", "total_amount": "10" }]);
    let made = send(&erp, "invoices", others).await["results"].clone();
    let (others, draft) = (&made[0]["id"], &made[1]["id"]);
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let note = |more: Value| merged(json!({ "kind": "credit_note" }), &more);
    let cases = [
        (json!({ "order_id": order }), "/order_id another_customer"),
        (
            json!({ "order_id": order, "customer_id": id(&other), "currency": "USD" }),
            "/currency another_currency",
        ),
        (json!({ "amount": "-1" }), "/amount range"),
        (json!({ "amount": 1 }), "/amount type"),
        (json!({ "tax_amount": "-1" }), "/tax_amount range"),
        (json!({ "due_date": "2026-06-14" }), "/due_date range"),
        (json!({ "currency": "EUR" }), "/currency no_exchange_rate"),
        (json!({ "currency": "eur" }), "/currency format"),
        (json!({ "total_amount": "1" }), "/total_amount unknown_field"),
        (json!({ "status": "posted" }), "/status unknown_field"),
        (json!({ "corrects_invoice_id": others }), "/corrects_invoice_id contradiction"),
        (note(json!({ "corrects_invoice_id": others })), "/corrects_invoice_id another_customer"),
        (
            note(json!({ "corrects_invoice_id": others, "customer_id": id(&other),
            "currency": "USD", "amount": "1" })),
            "/corrects_invoice_id another_currency",
        ),
        (
            note(json!({ "corrects_invoice_id": others, "customer_id": id(&other),
            "amount": "10.01" })),
            "/corrects_invoice_id above_invoice",
        ),
        (
            note(json!({ "instalments": [{ "due_date": "2026-07-01", "amount": "100" }] })),
            "/instalments contradiction",
        ),
        (
            json!({ "instalments": [{ "due_date": "2026-06-01", "amount": "100" }] }),
            "/instalments/0/due_date range",
        ),
        (
            json!({ "instalments": [{ "due_date": "2026-07-01", "amount": "0" },
            { "due_date": "2026-07-01", "amount": "100" }] }),
            "/instalments/0/amount range",
        ),
        (json!({ "customer_id": uuid::Uuid::nil() }), "/customer_id unknown_reference"),
    ];
    for (more, expected) in cases {
        let new = merged(json!({ "customer_id": id(&customer), "amount": "100" }), &more);
        let problem = finance.post("/api/v1/invoices", new).await.expect(422);
        let told = faults(&problem);
        assert!(told.iter().any(|it| it == expected), "{more}: {told:?}");
    }
    // A draft credit note may exist without its invoice, but cannot be posted.
    let waits = note(json!({ "customer_id": id(&customer), "amount": "5",
        "corrects_invoice_id": draft }));
    let waits = finance.post("/api/v1/invoices", waits).await.expect(201);
    let path = format!("/api/v1/invoices/{}/post", waits["id"].as_str().unwrap());
    let problem = finance.post(&path, Value::Null).await.expect(422);
    assert_eq!(faults(&problem), ["/corrects_invoice_id not_posted"]);
    // Both credit notes together exceed the invoice.
    for (place, status) in [(0, 200), (1, 422)] {
        let half = note(json!({ "customer_id": id(&other), "corrects_invoice_id": others,
            "amount": "6" }));
        let half = finance.post("/api/v1/invoices", half).await.expect(201);
        let path = format!("/api/v1/invoices/{}/post", half["id"].as_str().unwrap());
        let told = finance.post(&path, Value::Null).await.expect(status);
        if place == 1 {
            assert_eq!(faults(&told), ["/corrects_invoice_id above_invoice"]);
        }
    }
    assert_eq!(open(&finance, others.as_str().unwrap()).await[0], "4.00");
}

pub fn item(number: &str, more: &Value) -> Value {
    let item = json!({ "external_id": number, "number": number, "customer_external_id": "C",
        "invoice_date": "2026-06-01", "due_date": "2026-06-30", "amount": "100.00",
        "tax_amount": "13.00" });
    merged(item, more)
}

#[actix_web::test]
async fn an_erp_sends_what_has_happened() {
    let service = service().await;
    let erp = service.actor(Role::Erp).await;
    send(
        &erp,
        "customers",
        json!([{ "external_id": "C", "name": "Lin" },
        { "external_id": "D", "name": "Wang" }]),
    )
    .await;
    let order = json!([{ "external_id": "O", "number": "O", "customer_external_id": "C",
        "order_date": "2026-06-01", "lines": [{ "quantity": "1", "amount": "113" }] }]);
    send(&erp, "orders", order).await;
    let items = json!([
        // Before its invoice, in the same batch.
        item(
            "CN",
            &json!({ "kind": "credit_note", "corrects_invoice_external_id": "A",
            "amount": "10", "tax_amount": "1.30", "invoice_date": "2026-06-05",
            "due_date": "2026-06-05" })
        ),
        item("A", &json!({ "order_external_id": "O" })),
        item("B", &json!({ "status": "draft" })),
        item("C", &json!({ "total_amount": "120.00" })),
    ]);
    let told = send(&erp, "invoices", items.clone()).await;
    assert_eq!(told["created"], 4);
    let at = |n: usize| told["results"][n]["id"].as_str().unwrap().to_owned();
    assert_eq!(open(&erp, &at(1)).await, json!(["101.70", null, "2026-06-30"]));
    assert_eq!(open(&erp, &at(0)).await, json!(["0.00", "2026-06-05", null]));
    assert_eq!(open(&erp, &at(2)).await[0], "0.00");
    assert_eq!(open(&erp, &at(3)).await[0], "120.00");
    let note = erp.get(&format!("/api/v1/invoices/{}", at(0))).await.expect(200);
    assert_eq!(
        note["order_id"],
        erp.get(&format!("/api/v1/invoices/{}", at(1))).await.expect(200)["order_id"]
    );
    let events = service.count("changes").await;
    let again = send(&erp, "invoices", items).await;
    assert_eq!((&again["unchanged"], &again["updated"]), (&json!(4), &json!(0)), "{again:#}");
    assert_eq!(service.count("changes").await, events);

    let bad = json!([
        item("A", &json!({ "total_amount": "112" })),
        item("X", &json!({ "order_external_id": "O", "customer_external_id": "D" })),
        item("CN2", &json!({ "kind": "credit_note", "corrects_invoice_external_id": "A",
            "amount": "102", "tax_amount": "0" })),
        item("Y", &json!({ "corrects_invoice_external_id": "Z" })),
        { "external_id": "W" },
        item("A2", &json!({ "invoice_date": "2026-06-01" })),
        { "external_id": "CYC1", "kind": "credit_note", "corrects_invoice_external_id": "CYC2",
            "customer_external_id": "C", "invoice_date": "2026-06-01", "amount": "1" },
        { "external_id": "CYC2", "kind": "credit_note", "corrects_invoice_external_id": "CYC1",
            "customer_external_id": "C", "invoice_date": "2026-06-01", "amount": "1" },
    ]);
    let told = batch(&erp, "invoices", bad).await;
    let problems = told["results"].as_array().unwrap().iter();
    let problems: Vec<Vec<String>> = problems.map(|it| faults(&it["problem"])).collect();
    assert_eq!(problems[0], ["/total_amount posted_immutable"]);
    assert_eq!(problems[1], ["/order_id another_customer"]);
    assert_eq!(problems[2], ["/corrects_invoice_id above_invoice"]);
    assert_eq!(problems[3], ["/corrects_invoice_external_id unknown_reference"]);
    assert_eq!(
        problems[4],
        ["/customer_id required", "/invoice_date required", "/amount required"]
    );
    assert_eq!(problems[5], [""; 0], "a good one among bad ones: {told:#}");
    assert!(problems[6].contains(&"/corrects_invoice_id contradiction".to_owned()), "{told:#}");
    // Fields that may change after posting may also change in a batch.
    let moved = json!([{ "external_id": "A", "due_date": "2026-07-15", "disputed": true }]);
    assert_eq!(send(&erp, "invoices", moved).await["updated"], 1);
    assert_eq!(open(&erp, &at(1)).await, json!(["101.70", null, "2026-07-15"]));

    // Cancelling reverses the payment and releases the credit note.
    let paid = json!([{ "external_id": "P", "number": "P", "customer_external_id": "C",
        "received_on": "2026-06-10", "amount": "50",
        "allocations": [{ "invoice_external_id": "A", "amount": "50" }] }]);
    let paid = send(&erp, "payments", paid).await["results"][0]["id"].clone();
    let cancelled = json!([{ "external_id": "A", "status": "cancelled" }]);
    send(&erp, "invoices", cancelled).await;
    assert_eq!(open(&erp, &at(1)).await, json!(["0.00", "2026-06-15", null]));
    assert_eq!(open(&erp, &at(0)).await[0], "-11.30");
    let payment = format!("/api/v1/payments/{}", paid.as_str().unwrap());
    let payment = erp.get(&payment).await.expect(200);
    assert_eq!(payment["unapplied_amount"], "50.00");
    assert_eq!(payment["allocations"][0]["reversed_on"], "2026-06-15");
    assert_eq!(crate::receivables::differences(&service).await, 0);
    let back = json!([{ "external_id": "A", "status": "posted" }]);
    let told = batch(&erp, "invoices", back).await;
    assert_eq!(faults(&told["results"][0]["problem"]), ["/status posted_immutable"]);
}
