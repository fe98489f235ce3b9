//! Owners of the fields of invoices and payments: only the ERP corrects the fields that it has
//! written.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{faults, merged, send, service};

#[actix_web::test]
async fn an_erps_documents_are_the_erps() {
    let service = service().await;
    let (erp, finance) = (service.actor(Role::Erp).await, service.actor(Role::Finance).await);
    let people =
        json!([{ "external_id": "C", "name": "Lin" }, { "external_id": "D", "name": "Wang" }]);
    let people = send(&erp, "customers", people).await;
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    // Some totals are not the sum of net and tax, for example because of postage.
    let draft = json!({ "external_id": "A", "customer_external_id": "C", "status": "draft",
        "invoice_date": "2026-06-02", "amount": "100", "tax_amount": "13", "total_amount": "120" });
    let told = send(&erp, "invoices", json!([draft])).await;
    let path = format!("/api/v1/invoices/{}", told["results"][0]["id"].as_str().unwrap());
    let seen = finance.get(&path).await.expect(200);
    for (name, value) in [
        ("customer_id", people["results"][1]["id"].clone()),
        ("salesperson_id", json!(finance.id)),
        ("invoice_date", json!("2026-06-01")),
        ("currency", json!("USD")),
        ("amount", json!("99")),
        ("tax_amount", json!("0")),
    ] {
        let problem = finance.patch(&path, 1, json!({ name: value })).await.expect(409);
        assert_eq!(problem["code"], "field_not_owned", "{name}");
        assert_eq!(faults(&problem), [format!("/{name} field_not_owned")]);
    }
    for (action, body) in [("post", Value::Null), ("cancel", json!({ "reason": "x" }))] {
        let problem = finance.post(&format!("{path}/{action}"), body).await.expect(409);
        assert_eq!(faults(&problem), ["/status field_not_owned"], "{action}");
    }
    assert_eq!(finance.get(&path).await.expect(200), seen, "nothing has changed");
    let agreed = json!({ "due_date": "2026-07-31", "disputed": true,
        "instalments": [{ "due_date": "2026-07-31", "amount": "120" }] });
    let agreed = finance.patch(&path, 1, agreed).await.expect(200);
    assert_eq!(agreed["total_amount"], "120.00", "what was sent stays");
    send(&erp, "invoices", json!([{ "external_id": "A", "status": "posted" }])).await;
    let problem = finance.patch(&path, 3, json!({ "amount": "1" })).await.expect(409);
    assert_eq!(problem["code"], "posted_immutable");

    let paid = json!({ "external_id": "P", "customer_external_id": "C", "received_on": "2026-06-10",
        "amount": "50" });
    let told = send(&erp, "payments", json!([paid])).await;
    let payment = format!("/api/v1/payments/{}", told["results"][0]["id"].as_str().unwrap());
    let used = json!({ "allocations": [{ "invoice_id": seen["id"], "amount": "20" }] });
    finance.post(&format!("{payment}/allocate"), used).await.expect(200);
    let why = json!({ "reason": "bounced" });
    let problem = finance.post(&format!("{payment}/reverse"), why).await.expect(409);
    assert_eq!(faults(&problem), ["/reversed_on field_not_owned"]);
    assert_eq!(finance.get(&path).await.expect(200)["open_amount"], "100.00");
    let back = merged(json!({ "external_id": "P" }), &json!({ "reversed_on": "2026-06-12" }));
    send(&erp, "payments", json!([back])).await;
    assert_eq!(finance.get(&path).await.expect(200)["open_amount"], "120.00");
    assert_eq!(crate::receivables::differences(&service).await, 0);
}

#[actix_web::test]
async fn the_document_names_the_keeper() {
    let schemas = &crate::api::openapi::DOCUMENT["components"]["schemas"];
    for (schema, field) in
        [("Invoice", "amount"), ("Invoice", "status"), ("Payment", "reversed_on")]
    {
        assert_eq!(schemas[schema]["properties"][field]["x-owner"], "erp", "{schema} {field}");
    }
    for schema in ["InvoiceChanges", "InvoiceDetails", "PaymentReversal", "InvoiceFacts"] {
        let text = serde_json::to_string(&schemas[schema]).unwrap();
        assert!(text.contains(r#""x-owner":"erp""#), "{schema}: {text}");
    }
    assert_eq!(schemas["Invoice"]["properties"]["due_date"]["x-owner"], Value::Null);
}

#[actix_web::test]
async fn a_rate_that_comes_later_changes_nothing_that_is_here() {
    let service = service().await;
    let (erp, admin) = (service.actor(Role::Erp).await, service.actor(Role::Admin).await);
    let rate = async |day: &str, rate: &str| {
        let rate = json!({ "from": "USD", "to": "CNY", "valid_on": day, "rate": rate });
        admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    };
    rate("2026-01-01", "7").await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let of = |key: &str, more: Value| {
        let item = json!({ "external_id": key, "number": key, "customer_external_id": "C",
            "currency": "USD" });
        json!([merged(item, &more)])
    };
    let order = json!({ "order_date": "2026-06-02",
        "lines": [{ "description": "x", "quantity": "1", "amount": "10" }] });
    let sent = [
        ("orders", of("O", order)),
        ("invoices", of("I", json!({ "invoice_date": "2026-06-02", "amount": "10" }))),
        ("payments", of("P", json!({ "received_on": "2026-06-02", "amount": "10" }))),
    ];
    for (kind, items) in &sent {
        send(&erp, kind, items.clone()).await;
    }
    rate("2026-06-01", "8").await;
    let events = service.count("changes").await;
    for (kind, items) in &sent {
        assert_eq!(send(&erp, kind, items.clone()).await["unchanged"], 1, "{kind}");
    }
    assert_eq!(service.count("changes").await, events);
    let moved = of("P", json!({ "received_on": "2026-06-03", "amount": "10" }));
    send(&erp, "payments", moved).await;
    let payments = admin.get("/api/v1/payments").await.expect(200);
    assert_eq!(payments["items"][0]["exchange_rate"], "8", "another day is another payment");
}
