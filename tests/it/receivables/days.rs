//! Receivables reports of past days: later events do not change them.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{collect, go_to, merged, send, service};
use crate::reports::{report, table};
use crate::support::harness::{Actor, Service};

/// On 2026-06-15: customer A of a seller, and an exchange rate for USD.
struct Books<'a> {
    erp: Actor<'a>,
    reporter: Actor<'a>,
    seller: Actor<'a>,
}

async fn books(service: &Service) -> Books<'_> {
    let (seller, erp) = (service.actor(Role::Salesperson).await, service.actor(Role::Erp).await);
    let customer = json!([{ "external_id": "A", "name": "Anji", "owner_id": seller.id }]);
    send(&erp, "customers", customer).await;
    let rate = |day: &str, rate: &str| json!({ "from": "USD", "to": "CNY", "valid_on": day, "rate": rate });
    let admin = service.actor(Role::Admin).await;
    for rate in [rate("2026-01-01", "7"), rate("2026-05-20", "8")] {
        admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    }
    Books { erp, reporter: service.actor(Role::Reporter).await, seller }
}

impl Books<'_> {
    async fn invoice(&self, number: &str, due: &str, amount: &str, more: &Value) {
        let item = json!({ "external_id": number, "number": number, "customer_external_id": "A",
            "invoice_date": "2026-04-01", "due_date": due, "amount": amount });
        send(&self.erp, "invoices", json!([merged(item, more)])).await;
    }

    /// Records a payment that is allocated to an invoice on the day of its receipt.
    async fn pay(&self, number: &str, day: &str, amount: &str, invoice: &str) {
        let item = json!({ "external_id": number, "number": number, "customer_external_id": "A",
            "received_on": day, "amount": amount, "allocations": [{ "amount": amount,
            "invoice_external_id": invoice, "allocated_on": day }] });
        send(&self.erp, "payments", json!([item])).await;
    }

    async fn take_back(&self, number: &str, day: &str) {
        let item = json!([{ "external_id": number, "reversed_on": day }]);
        send(&self.erp, "payments", item).await;
    }
}

const COLLECTED: [&str; 4] = ["month", "due", "collected", "late"];

#[actix_web::test]
async fn money_pays_the_parts_of_an_invoice_in_their_order() {
    let service = service().await;
    let books = books(&service).await;
    let parts = json!({ "instalments": [{ "due_date": "2026-04-10", "amount": "30" },
        { "due_date": "2026-05-10", "amount": "30" }, { "due_date": "2026-06-10", "amount": "40" }] });
    books.invoice("I", "2026-06-10", "100", &parts).await;
    // The second payment settles the second instalment and a part of the third. A credit note also
    // settles instalments.
    books.pay("1", "2026-04-12", "20", "I").await;
    let note = json!({ "kind": "credit_note", "corrects_invoice_external_id": "I",
        "invoice_date": "2026-04-20" });
    books.invoice("N", "2026-04-20", "20", &note).await;
    books.pay("2", "2026-05-20", "35", "I").await;
    let told = report(&books.reporter, "collections?from=2026-04-01&to=2026-07-01").await;
    assert_eq!(
        table(&told, &COLLECTED),
        [
            "2026-04 30.0000 20.0000 20.0000",
            "2026-05 30.0000 35.0000 20.0000",
            "2026-06 40.0000 0.0000 0.0000",
        ]
    );
    let told = report(&books.reporter, "payment-behaviour?period=2026").await;
    let columns = ["invoices", "paid", "average_days_late", "weighted_days_late", "late_percent"];
    // 20 are two days late, 20 ten days late, and 15 three weeks early: (40 + 200 − 315) / 55.
    assert_eq!(table(&told, &columns), ["1 55.0000 -3.00 -1.36 72.73"]);
}

#[actix_web::test]
async fn money_that_is_taken_back_rewrites_no_month() {
    let service = service().await;
    let books = books(&service).await;
    books.invoice("I", "2026-05-10", "100", &json!({})).await;
    books.pay("1", "2026-05-15", "100", "I").await;
    let may = "collections?from=2026-05-01&to=2026-06-01";
    let before = report(&books.reporter, may).await["rows"].clone();
    assert_eq!(before[0]["late"], "100.0000");
    books.take_back("1", "2026-06-05").await;
    assert_eq!(report(&books.reporter, may).await["rows"], before);
    let told = report(&books.reporter, "collections?from=2026-05-01&to=2026-07-01").await;
    assert_eq!(
        table(&told, &COLLECTED),
        ["2026-05 100.0000 100.0000 100.0000", "2026-06 0.0000 -100.0000 -100.0000"]
    );
    assert_eq!(told["totals"]["collected"], "0.0000");
    // A payment on the next day must not be added to the first one.
    books.pay("2", "2026-06-06", "100", "I").await;
    let told = report(&books.reporter, "collections?from=2026-06-01&to=2026-07-01").await;
    assert_eq!(table(&told, &COLLECTED), ["2026-06 0.0000 0.0000 0.0000"]);
    let days = async |asked: &str| {
        let told = report(&books.reporter, &format!("payment-behaviour?period=2026{asked}")).await;
        table(&told, &["paid", "average_days_late"])
    };
    assert_eq!(days("&as_of=2026-06-04").await, ["100.0000 5.00"]);
    assert_eq!(days("&as_of=2026-06-05").await, [""; 0]);
    assert_eq!(days("").await, ["100.0000 27.00"]);
}

#[actix_web::test]
async fn books_in_each_currency_are_compared_with_it() {
    let service = service().await;
    let books = books(&service).await;
    // With two rates of USD: 10 at 7 and 10 at 8.
    books.invoice("I", "2026-06-01", "100", &json!({})).await;
    books.invoice("U", "2026-06-30", "10", &json!({ "currency": "USD" })).await;
    let late = json!({ "currency": "USD", "invoice_date": "2026-06-01" });
    books.invoice("V", "2026-06-30", "10", &late).await;
    let told = async || {
        let told = report(&books.reporter, "ar-aging").await;
        let columns = ["control_balance", "reconciliation_difference", "overdue_percent"];
        let row = table(&told, &columns).pop().unwrap();
        let total = |name: &str| told["totals"][name].as_str().unwrap_or("null").to_owned();
        (row, columns.map(total).join(" "))
    };
    let said = async |key: &str, currency: &str, amount: &str, of: Value| {
        let item = json!({ "external_id": key, "as_of": "2026-06-15", "currency": currency,
            "amount": amount, "customer_external_id": of });
        send(&books.erp, "control-balances", json!([item])).await;
    };
    let nothing = "null null 40.00".to_owned();
    assert_eq!(told().await, (nothing.clone(), nothing));
    // One control balance for all currencies.
    said("all", "CNY", "250", Value::Null).await;
    said("A", "CNY", "250", json!("A")).await;
    let agreed = "250.0000 0.0000 40.00".to_owned();
    assert_eq!(told().await, (agreed.clone(), agreed.clone()));
    // One control balance for each currency.
    said("all", "CNY", "100", Value::Null).await;
    said("all in USD", "USD", "20", Value::Null).await;
    said("A", "CNY", "100", json!("A")).await;
    said("A in USD", "USD", "20", json!("A")).await;
    assert_eq!(told().await, (agreed.clone(), agreed.clone()));
    said("A in USD", "USD", "19", json!("A")).await;
    assert_eq!(told().await, ("242.0000 8.0000 40.00".to_owned(), agreed));
}

#[actix_web::test]
async fn the_order_book_of_a_day_that_is_over() {
    let service = service().await;
    let books = books(&service).await;
    let partner = service.actor(Role::Salesperson).await;
    let order = |key: &str, more: Value| {
        let lines = json!([{ "quantity": "1", "amount": "100" }]);
        let item = json!({ "external_id": key, "number": key, "customer_external_id": "A",
            "order_date": "2026-06-01", "lines": lines });
        merged(item, &more)
    };
    let people = json!({ "credits": [{ "user_id": books.seller.id, "share_percent": "50" },
        { "user_id": partner.id, "share_percent": "50" }] });
    let orders = json!([
        order("closed", json!({})),
        order("cancelled", json!({})),
        order("billed", json!({ "billing_status": "invoiced" })),
        order("late", json!({ "confirmed_on": "2026-06-12" })),
        order("shared", people),
        order("old", json!({ "status": "closed" })),
    ]);
    send(&books.erp, "orders", orders).await;
    go_to(&service, "2026-06-20").await;
    let erp = service.actor(Role::Erp).await;
    let since = json!([{ "external_id": "closed", "status": "closed" },
        { "external_id": "cancelled", "status": "cancelled", "cancelled_on": "2026-06-18" }]);
    send(&erp, "orders", since).await;
    let reporter = service.actor(Role::Reporter).await;
    let book = async |asked: &str| {
        let told = report(&reporter, &format!("order-book{asked}")).await;
        let mut numbers = table(&told, &["order_number"]);
        numbers.sort();
        numbers.join(" ")
    };
    assert_eq!(book("").await, "late shared");
    assert_eq!(book("?as_of=2026-06-19").await, "closed late shared");
    assert_eq!(book("?as_of=2026-06-17").await, "cancelled closed late shared");
    assert_eq!(book("?as_of=2026-06-11").await, "cancelled closed shared");
    assert_eq!(book(&format!("?salesperson_id={}", books.seller.id)).await, "shared");
    assert_eq!(book(&format!("?salesperson_id={}", partner.id)).await, "shared");
}

#[actix_web::test]
async fn credit_is_told_as_the_check_sees_it() {
    let service = service().await;
    let books = books(&service).await;
    books.invoice("I", "2026-06-30", "100", &json!({})).await;
    let more = json!([{ "external_id": "H", "name": "Held" }, { "external_id": "X", "name": "Ex" },
        { "external_id": "Z", "name": "Nothing" }]);
    send(&books.erp, "customers", more).await;
    let credits =
        "insert into customer_credits (id, version, credit_limit, tolerance_percent, hold,
            valid_until, created_at, updated_at)
        select id, 1, most, 0, hold, until::date, now(), now()
        from customers join (values ('A', 500, false, null), ('H', null, true, null),
            ('X', null, false, '2026-06-14'), ('Z', null, false, '2026-06-15'))
            as it (key, most, hold, until) on key = external_id
        on conflict (id) do update set credit_limit = excluded.credit_limit";
    service.sql(credits).await;
    let overrides = "insert into credit_overrides (id, version, customer_id, amount, reason,
            expires_at, created_by, created_at, updated_at)
        select gen_random_uuid(), 1, id, amount, 'r', until::timestamptz, id, now(), now()
        from customers, (values (70, '2026-06-17'), (50, '2026-06-18'), (90, '2026-06-15'))
            as it (amount, until) where external_id = 'A'";
    service.sql(overrides).await;
    let columns =
        ["customer_external_id", "limit", "prepaid", "available", "override_amount", "hold"];
    let told = report(&books.reporter, "credit-exposure").await;
    assert_eq!(
        table(&told, &columns),
        [
            "A 500.0000 false 400.0000 70.0000 false",
            "H null false null 0.0000 true",
            "X null false null 0.0000 false",
        ]
    );
    let admin = service.actor(Role::Admin).await;
    let version = admin.get("/api/v1/company").await.expect(200)["version"].as_i64().unwrap();
    let settings = json!({ "settings": { "prepaid_until_terms": 1 } });
    admin.patch("/api/v1/company", version, settings).await.expect(200);
    let told = report(&books.reporter, "credit-exposure?as_of=2026-06-15").await;
    assert_eq!(table(&told, &columns)[0], "A 0.0000 true -100.0000 70.0000 false");
    assert_eq!(told["totals"]["over_limit"], 1);
    let past = "/api/v1/reports/credit-exposure?as_of=2026-06-14";
    assert_eq!(books.reporter.get(past).await.expect(400)["code"], "not_available");
}

#[actix_web::test]
async fn promises_are_those_of_the_list_and_kept_by_the_day_of_the_money() {
    let service = service().await;
    let books = books(&service).await;
    books.invoice("I", "2026-06-10", "100", &json!({})).await;
    let pool = json!([{ "external_id": "P", "name": "Pool",
        "owner_id": books.seller.id }, { "external_id": "L", "name": "Lost",
        "owner_id": books.seller.id }]);
    let made = send(&books.erp, "customers", pool).await["results"].clone();
    let pool = made[0]["id"].clone();
    let list = books.seller.get("/api/v1/customers?q=Anji").await.expect(200);
    let customer = list["items"][0]["id"].as_str().unwrap().to_owned();
    let promise = |customer: &Value| json!({ "customer_id": customer, "due_on": "2026-06-16", "amount": "50", "currency": "USD" });
    books.seller.post("/api/v1/promises", promise(&pool)).await.expect(201);
    service.sql("update customers set owner_id = null where external_id = 'P'").await;
    let listed = books.seller.get("/api/v1/promises?total=exact").await.expect(200);
    let told = report(&books.seller, "promises?period=2026-06").await;
    assert_eq!(told["totals"]["promises"], listed["total"], "of the pool, made to the seller");
    assert_eq!(told["totals"]["amount"], "400.0000");
    // Without an exchange rate there is no figure.
    service.sql("delete from exchange_rates").await;
    let path = "/api/v1/reports/promises?period=2026-06";
    assert_eq!(books.reporter.get(path).await.expect(422)["code"], "no_exchange_rate");
    let refused = books.seller.post("/api/v1/promises", promise(&json!(customer))).await;
    assert_eq!(refused.expect(422)["code"], "no_exchange_rate");
    // The payment arrives in time; its later allocation does not matter.
    let invoice = books.seller.get("/api/v1/invoices").await.expect(200)["items"][0]["id"].clone();
    let new = json!({ "customer_id": customer, "invoice_id": invoice, "due_on": "2026-06-16",
        "amount": "50" });
    let made = books.seller.post("/api/v1/promises", new).await.expect(201);
    go_to(&service, "2026-06-18").await;
    let erp = service.actor(Role::Erp).await;
    let payment = json!([{ "external_id": "1", "number": "1", "customer_external_id": "A",
        "received_on": "2026-06-16", "amount": "50", "allocations": [{ "amount": "50",
        "invoice_external_id": "I", "allocated_on": "2026-06-18" }] }]);
    send(&erp, "payments", payment).await;
    collect(&service).await;
    let status =
        format!("select status from promises where id = '{}'", made["id"].as_str().unwrap());
    assert_eq!(service.texts(&status).await, ["kept"]);
}
