//! Dunning letters.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{collect, go_to, merged, send, service};
use crate::support::harness::{Actor, Service};

/// Open items of a customer on 2026-06-15: an invoice two weeks late, a partly paid instalment, one
/// that is not due, a disputed one, and one in dollars.
async fn owing<'a>(service: &'a Service, seller: &Actor<'_>) -> Actor<'a> {
    let erp = service.actor(Role::Erp).await;
    let customers = json!([{ "external_id": "C", "name": "上海林氏", "owner_id": seller.id }]);
    send(&erp, "customers", customers).await;
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let item = |key: &str, due: &str, more: Value| {
        let item = json!({ "external_id": key, "number": key, "customer_external_id": "C",
            "invoice_date": "2026-05-01", "due_date": due, "amount": "100" });
        merged(item, &more)
    };
    let parts = json!({ "instalments": [{ "due_date": "2026-05-20", "amount": "30" },
        { "due_date": "2026-07-20", "amount": "70" }] });
    let items = json!([
        item("A", "2026-05-31", json!({})),
        item("B", "2026-07-20", parts),
        item("L", "2026-06-18", json!({})),
        item("X", "2026-05-02", json!({ "disputed": true })),
        item("U", "2026-05-02", json!({ "currency": "USD" })),
    ]);
    send(&erp, "invoices", items).await;
    let paid = json!([{ "external_id": "P", "number": "P", "customer_external_id": "C",
        "received_on": "2026-05-21", "amount": "10", "allocations": [{ "invoice_external_id": "B",
        "amount": "10", "allocated_on": "2026-05-21" }] }]);
    send(&erp, "payments", paid).await;
    collect(service).await;
    erp
}

async fn task(service: &Service, number: &str) -> String {
    let task = format!(
        "select '/api/v1/collection-tasks/' || t.id from collection_tasks t
        join invoices i on i.id = t.invoice_id where number = '{number}' and t.status = 'open'"
    );
    service.texts(&task).await.remove(0)
}

async fn letter(actor: &Actor<'_>, task: &str, language: &str) -> Value {
    let headers = [("accept-language", language)];
    let path = format!("{task}/letter");
    actor.send(Method::GET, &path, None, &headers).await.expect(200)
}

#[actix_web::test]
async fn a_letter_asks_for_all_that_is_due() {
    let service = service().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let erp = owing(&service, &seller).await;
    let a = task(&service, "A").await;
    let told = letter(&seller, &a, "zh-CN,en").await;
    let items: Vec<String> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!("{} {} {} {}", it["number"], it["due_on"], it["days_late"], it["open_amount"])
        })
        .collect();
    assert_eq!(
        items,
        [r#""B" "2026-05-20" 26 "20.00""#, r#""A" "2026-05-31" 15 "100.00""#],
        "neither what is disputed nor what is not due nor dollars"
    );
    assert_eq!((&told["total"], &told["language"]), (&json!("120.00"), &json!("zh-CN")));
    assert_eq!((&told["step"], &told["subject"]), (&json!("second"), &json!("催款函")));
    let text = told["text"].as_str().unwrap();
    assert!(text.contains("致:上海林氏"), "{text}");
    assert!(text.contains("发票 A,开票日 2026-05-01,到期日 2026-05-31,未付 CNY 100.00,逾期 15 天"));
    assert!(text.contains("合计:CNY 120.00"), "{text}");

    let told = letter(&seller, &a, "en-GB").await;
    let text = told["text"].as_str().unwrap();
    assert!(text.starts_with("Second reminder\n\nTo: 上海林氏\n\n"), "{text}");
    assert!(text.contains("Invoice B of 2026-05-01, due 2026-05-20: CNY 20.00, 26 days late\n"));
    assert!(text.contains("\nTotal: CNY 120.00\n"), "{text}");
    // A reminder contains its own instalment before the due date, and no other one.
    let told = letter(&seller, &task(&service, "L").await, "en").await;
    assert_eq!((&told["subject"], &told["total"]), (&json!("Payment reminder"), &json!("220.00")));
    assert_eq!(told["items"][2]["days_late"], -3);
    let told = letter(&seller, &task(&service, "U").await, "en").await;
    assert_eq!((&told["currency"], &told["total"]), (&json!("USD"), &json!("100.00")));
    let own = seller.get(&format!("{a}/letter")).await.expect(200);
    assert_eq!(own["language"], "zh-CN", "the company's");

    // If a customer has no owner, salespeople see their own invoices.
    let item = |key: &str, seller: &Actor<'_>| {
        json!({ "external_id": key, "number": key, "customer_external_id": "P", "amount": "5",
            "invoice_date": "2026-05-01", "due_date": "2026-05-31", "salesperson_id": seller.id })
    };
    send(&erp, "customers", json!([{ "external_id": "P", "name": "Pool" }])).await;
    send(&erp, "invoices", json!([item("S", &seller), item("T", &stranger)])).await;
    collect(&service).await;
    let told = letter(&seller, &task(&service, "S").await, "en").await;
    assert_eq!((&told["total"], &told["items"][0]["number"]), (&json!("5.00"), &json!("S")));

    stranger.get(&format!("{a}/letter")).await.expect(404);
    let result = json!({ "channel": "letter", "result": "not_reached" });
    seller.post(&format!("{a}/result"), result).await.expect(200);
    let over = seller.get(&format!("{a}/letter")).await.expect(409);
    assert_eq!((&over["code"], &over["current_status"]), (&json!("wrong_status"), &json!("done")));
}

#[actix_web::test]
async fn each_step_has_its_words() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    owing(&service, &seller).await;
    let mut subjects = vec![];
    for day in ["2026-06-15", "2026-06-19", "2026-07-03", "2026-07-18", "2026-08-17"] {
        go_to(&service, day).await;
        collect(&service).await;
        let seller = service.signed_in(seller.id);
        let task = task(&service, "L").await;
        for language in ["zh", "en"] {
            subjects.push(letter(&seller, &task, language).await["subject"].clone());
        }
    }
    let known = [
        "付款提醒",
        "Payment reminder",
        "逾期付款提醒",
        "Overdue payment",
        "催款函",
        "Second reminder",
        "再次催款函",
        "Third reminder",
        "最后催款函",
        "Final demand",
    ];
    assert_eq!(subjects, known);
}
