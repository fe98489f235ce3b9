//! Violations of single rules of receivables: fields that posting fixes, exchange rates, and
//! payments and credit notes of an ERP that are refused.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{
    batch, collect, decimal, differences, faults, go_to, merged, send, service,
};
use crate::support::harness::{Actor, Service};

/// Two customers of a seller, an order of the first one, and a rate of 7 for dollars, 8 from 10
/// June on.
async fn shop(service: &Service) -> (Actor<'_>, Actor<'_>) {
    let erp = service.actor(Role::Erp).await;
    let customers = ["C", "D"].map(|it| json!({ "external_id": it, "name": it }));
    send(&erp, "customers", json!(customers)).await;
    let order = json!({ "external_id": "O", "number": "O", "customer_external_id": "C",
        "order_date": "2026-06-01", "lines": [{ "quantity": "1", "amount": "500" }] });
    send(&erp, "orders", json!([order])).await;
    let admin = service.actor(Role::Admin).await;
    for (day, rate) in [("2026-01-01", "7"), ("2026-06-10", "8")] {
        rated(&admin, day, rate).await;
    }
    (erp, service.actor(Role::Finance).await)
}

async fn rated(admin: &Actor<'_>, day: &str, rate: &str) {
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": day, "rate": rate });
    admin.post("/api/v1/exchange-rates", rate).await.expect(201);
}

fn bill(name: &str, more: &Value) -> Value {
    let item = json!({ "external_id": name, "number": name, "customer_external_id": "C",
        "invoice_date": "2026-06-02", "due_date": "2026-06-30", "amount": "100" });
    merged(item, more)
}

fn note(name: &str, of: &str, amount: &str) -> Value {
    let more = json!({ "kind": "credit_note", "corrects_invoice_external_id": of });
    bill(name, &merged(more, &json!({ "amount": amount })))
}

fn paid(name: &str, more: &Value) -> Value {
    let item = json!({ "external_id": name, "number": name, "customer_external_id": "C",
        "received_on": "2026-06-10", "amount": "200" });
    merged(item, more)
}

async fn read(by: &Actor<'_>, of: &str, told: &Value, at: usize) -> Value {
    let id = told["results"][at]["id"].as_str().unwrap();
    by.get(&format!("/api/v1/{of}/{id}")).await.expect(200)
}

#[actix_web::test]
async fn what_is_posted_is_what_it_is() {
    let service = service().await;
    let (erp, _) = shop(&service).await;
    let seller = service.actor(Role::Salesperson).await;
    let all = json!([bill("A", &json!({})), bill("B", &json!({})), note("N", "A", "5")]);
    send(&erp, "invoices", all).await;
    let rows = "select concat_ws(' ', external_id, version, kind, number, customer_id, currency,
        order_id, amount, tax_amount, total_amount) from invoices order by external_id";
    let before = service.texts(rows).await;
    for (name, field, change) in [
        ("A", "kind", json!({ "kind": "credit_note" })),
        ("A", "number", json!({ "number": "A2" })),
        ("A", "customer_id", json!({ "customer_external_id": "D" })),
        ("A", "order_id", json!({ "order_external_id": "O" })),
        ("N", "corrects_invoice_id", json!({ "corrects_invoice_external_id": "B" })),
        ("A", "salesperson_id", json!({ "salesperson_id": seller.id })),
        ("A", "invoice_date", json!({ "invoice_date": "2026-06-03" })),
        ("A", "currency", json!({ "currency": "USD" })),
        ("A", "amount", json!({ "amount": "99", "total_amount": "100" })),
        ("A", "tax_amount", json!({ "tax_amount": "1", "total_amount": "100" })),
        ("A", "total_amount", json!({ "total_amount": "101" })),
        ("A", "status", json!({ "status": "draft" })),
    ] {
        let item = merged(json!({ "external_id": name }), &change);
        let told = batch(&erp, "invoices", json!([item])).await;
        let told = faults(&told["results"][0]["problem"]);
        assert!(told.contains(&format!("/{field} posted_immutable")), "{change}: {told:?}");
    }
    assert_eq!(service.texts(rows).await, before);
}

#[actix_web::test]
async fn the_rate_is_that_of_the_documents_day_for_good() {
    let service = service().await;
    let (erp, finance) = shop(&service).await;
    let parts = json!({ "currency": "USD", "instalments": [
        { "due_date": "2026-06-12", "amount": "40" }, { "due_date": "2026-07-01", "amount": "60" }] });
    let told = send(&erp, "invoices", json!([bill("U", &parts)])).await;
    let kept = "select due_on || ' ' || trim_scale(amount) from open_items
        where kind = 'invoice' order by 1";
    let kept = async || service.texts(kept).await;
    assert_eq!(kept().await, ["2026-06-12 280", "2026-07-01 420"]);
    // A later rate does not change posted invoices.
    rated(&service.actor(Role::Admin).await, "2026-06-01", "7.5").await;
    let again = json!([{ "external_id": "U", "disputed": true }]);
    send(&erp, "invoices", again).await;
    assert_eq!(decimal(&read(&finance, "invoices", &told, 0).await["exchange_rate"]), 7.into());
    send(
        &erp,
        "payments",
        json!([paid(
            "P",
            &json!({ "currency": "USD", "amount": "50",
        "allocations": [{ "invoice_external_id": "U", "amount": "50" }] })
        )]),
    )
    .await;
    assert_eq!(kept().await, ["2026-07-01 350"], "the first part and 10 of the second");
    let customer = read(&finance, "invoices", &told, 0).await["customer_id"].clone();
    for (path, day) in [("invoices", "invoice_date"), ("payments", "received_on")] {
        let new = json!({ "customer_id": customer, "currency": "USD", "amount": "1",
            day: "2026-06-09" });
        let made = finance.post(&format!("/api/v1/{path}"), new).await.expect(201);
        assert_eq!(made["exchange_rate"], "7.5", "{path}");
    }
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn dollars_are_neither_paid_with_yuan_nor_given_up_as_yuan() {
    let service = service().await;
    let (erp, finance) = shop(&service).await;
    let dollars = json!({ "currency": "USD", "amount": "1000" });
    let all = json!([bill("U", &dollars), bill("V", &json!({ "due_date": "2026-07-30" }))]);
    let told = send(&erp, "invoices", all).await;
    let (u, v) =
        (read(&finance, "invoices", &told, 0).await, read(&finance, "invoices", &told, 1).await);
    let new = json!({ "customer_id": u["customer_id"], "amount": "500" });
    let payment = finance.post("/api/v1/payments", new).await.expect(201);
    let path = format!("/api/v1/payments/{}/allocate", payment["id"].as_str().unwrap());
    let used = finance.post(&path, json!({ "oldest_first": true })).await.expect(200);
    let used: Vec<_> =
        used["allocations"].as_array().unwrap().iter().map(|it| &it["invoice_id"]).collect();
    assert_eq!(used, [&v["id"]]);
    // Finance may write off up to 1,000 yuan.
    let other = service.actor(Role::Finance).await;
    for (amount, status) in [("142", 200), ("143", 403)] {
        let new = json!({ "invoice_id": u["id"], "amount": amount, "reason": "x" });
        let asked = finance.post("/api/v1/write-off-requests", new).await.expect(201);
        let path = format!("/api/v1/write-off-requests/{}", asked["id"].as_str().unwrap());
        let step = format!("{path}/approve");
        other.post(&step, json!({ "note": null })).await.expect(status);
    }
}

#[actix_web::test]
async fn what_an_erp_cannot_say_of_a_payment() {
    let service = service().await;
    let (erp, _) = shop(&service).await;
    send(&erp, "invoices", json!([bill("A", &json!({}))])).await;
    let used = |amount: &str| json!([{ "invoice_external_id": "A", "amount": amount }]);
    for (more, expected) in [
        (json!({ "allocations": used("100.01") }), "/allocations/0/amount above_open_amount"),
        (json!({ "allocations": used("11"), "amount": "10" }), "/allocations above_unapplied"),
        (json!({ "reversed_on": "2026-06-09" }), "/reversed_on range"),
        (json!({ "reversed_on": "2026-06-16" }), "/reversed_on range"),
    ] {
        let told = batch(&erp, "payments", json!([paid("P", &more)])).await;
        assert_eq!(faults(&told["results"][0]["problem"]), [expected], "{more}");
    }
    assert_eq!(service.count("payments").await, 0);
}

#[actix_web::test]
async fn what_credit_notes_give_back() {
    let service = service().await;
    let (erp, _) = shop(&service).await;
    let usd = json!({ "currency": "USD" });
    let all = json!([
        bill("A", &json!({})),
        bill("U", &usd),
        note("N", "A", "5"),
        bill("D", &json!({ "status": "draft" }))
    ]);
    send(&erp, "invoices", all).await;
    let draft = json!({ "status": "draft" });
    for (item, expected) in [
        (note("X", "N", "1"), "/corrects_invoice_id contradiction"),
        (note("X", "X", "1"), "/corrects_invoice_id contradiction"),
        (
            merged(note("X", "A", "1"), &json!({ "kind": "invoice" })),
            "/corrects_invoice_id contradiction",
        ),
        (note("X", "D", "1"), "/corrects_invoice_id not_posted"),
        (note("X", "U", "1"), "/corrects_invoice_id another_currency"),
        (
            merged(note("X", "A", "1"), &json!({ "customer_external_id": "D" })),
            "/corrects_invoice_id another_customer",
        ),
        // The limit applies to a draft as well, although drafts are not added up with others.
        (merged(note("X", "A", "100.01"), &draft), "/corrects_invoice_id above_invoice"),
        (note("X", "A", "95.01"), "/corrects_invoice_id above_invoice"),
        (
            bill("X", &json!({ "status": "cancelled", "cancelled_on": "2026-06-16" })),
            "/cancelled_on range",
        ),
        (
            bill("X", &json!({ "status": "cancelled", "cancelled_on": "2026-06-01" })),
            "/cancelled_on range",
        ),
    ] {
        let told = batch(&erp, "invoices", json!([item])).await;
        let told = faults(&told["results"][0]["problem"]);
        assert!(told.iter().any(|it| it == expected), "{item}: {told:?}");
    }
    assert_eq!(service.count("invoices").await, 4);
    // Two credit notes in one batch share the open amount that the payment has left.
    send(
        &erp,
        "payments",
        json!([paid(
            "P",
            &json!({ "allocations":
        [{ "invoice_external_id": "A", "amount": "70" }] })
        )]),
    )
    .await;
    let two = json!([note("N1", "A", "20"), note("N2", "A", "20")]);
    send(&erp, "invoices", two).await;
    let open = "select external_id || ' ' || trim_scale(open_amount) from invoices
        where external_id in ('A', 'N1', 'N2') order by 1";
    let open = service.texts(open).await;
    assert_eq!(open[0], "A 0");
    assert!(open[1..] == ["N1 0", "N2 -15"] || open[1..] == ["N1 -15", "N2 0"], "{open:?}");
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn a_promise_is_judged_by_the_money_of_its_days() {
    let service = service().await;
    let (erp, _) = shop(&service).await;
    let made = send(&erp, "invoices", json!([bill("A", &json!({}))])).await;
    let finance = service.actor(Role::Finance).await;
    let customer = read(&finance, "invoices", &made, 0).await["customer_id"].clone();
    let promise = async |amount: &str| {
        let new = json!({ "customer_id": customer, "due_on": "2026-06-16", "amount": amount });
        let made = finance.post("/api/v1/promises", new).await.expect(201);
        format!("/api/v1/promises/{}", made["id"].as_str().unwrap())
    };
    // A cancelled promise releases its payment to the others.
    let withdrawn = promise("50").await;
    promise("60").await;
    promise("200").await;
    let early = json!({ "received_on": "2026-06-15", "amount": "30" });
    send(&erp, "payments", json!([paid("S", &early)])).await;
    collect(&service).await;
    finance.post(&format!("{withdrawn}/withdraw"), Value::Null).await.expect(200);
    let status = "select status || ' ' || trim_scale(received_amount) from promises
        where status <> 'withdrawn' order by amount";
    let judged = async |day: &str| {
        go_to(&service, day).await;
        collect(&service).await;
        service.texts(status).await
    };
    assert_eq!(judged("2026-06-17").await, ["broken 30", "broken 0"]);
    // A payment in time that is reported days later; its reversed part does not count.
    go_to(&service, "2026-06-24").await;
    let erp = service.signed_in(erp.id);
    let in_time = |name: &str, more: &Value| {
        paid(name, &merged(json!({ "received_on": "2026-06-16" }), more))
    };
    let used = json!({ "amount": "60", "allocations": [{ "invoice_external_id": "A",
        "amount": "60" }] });
    let back = json!({ "amount": "40", "reversed_on": "2026-06-20", "allocations":
        [{ "invoice_external_id": "A", "amount": "40" }] });
    send(&erp, "payments", json!([in_time("P", &used), in_time("Q", &back)])).await;
    assert_eq!(judged("2026-06-24").await, ["kept 60", "broken 30"]);
    // More than a week after it was broken, a promise cannot be kept any more.
    send(&erp, "payments", json!([in_time("R", &json!({}))])).await;
    assert_eq!(judged("2026-06-25").await, ["kept 60", "broken 30"]);
}

#[actix_web::test]
async fn a_write_off_is_of_its_customers_case() {
    let service = service().await;
    let (erp, finance) = shop(&service).await;
    let of_d = bill("D", &json!({ "customer_external_id": "D" }));
    let made = send(&erp, "invoices", json!([bill("A", &json!({})), of_d])).await;
    let invoices =
        [read(&finance, "invoices", &made, 0).await, read(&finance, "invoices", &made, 1).await];
    let case = json!({ "customer_id": invoices[1]["customer_id"], "trigger": "other" });
    let case = finance.post("/api/v1/risk-cases", case).await.expect(201)["id"].clone();
    for (invoice, status) in [(&invoices[0], 422), (&invoices[1], 201)] {
        let new = json!({ "invoice_id": invoice["id"], "risk_case_id": case, "reason": "x" });
        let told = finance.post("/api/v1/write-off-requests", new).await.expect(status);
        if status == 422 {
            assert_eq!(faults(&told), ["/risk_case_id another_customer"]);
        }
    }
}

#[actix_web::test]
async fn what_moves_an_account_and_from_which_day_on() {
    let service = service().await;
    let (erp, finance) = shop(&service).await;
    let gone = json!({ "invoice_date": "2026-06-03" });
    let made = send(&erp, "invoices", json!([bill("A", &json!({})), bill("B", &gone)])).await;
    let back = json!({ "received_on": "2026-06-04", "amount": "30" });
    send(&erp, "payments", json!([paid("P", &back)])).await;
    let gone = json!([{ "external_id": "B", "status": "cancelled", "cancelled_on": "2026-06-05" }]);
    send(&erp, "invoices", gone).await;
    let back = json!([{ "external_id": "P", "reversed_on": "2026-06-06" }]);
    send(&erp, "payments", back).await;
    let customer = read(&finance, "invoices", &made, 0).await["customer_id"].clone();
    let customer = format!("/api/v1/customers/{}", customer.as_str().unwrap());
    let path = format!("{customer}/statement");
    let account = async |from: &str| {
        let told = finance.get(&format!("{path}?from={from}")).await.expect(200);
        told["accounts"][0].clone()
    };
    let told = account("2026-06-02").await;
    let movement = |it: &Value| {
        let part = |name: &str| it[name].as_str().unwrap().to_owned();
        format!("{} {} {}", &part("date")[8..], part("kind"), part("amount"))
    };
    let movements: Vec<_> = told["movements"].as_array().unwrap().iter().map(movement).collect();
    let expected = [
        "02 invoice 100.00",
        "03 invoice 100.00",
        "04 payment -30.00",
        "05 cancellation -100.00",
        "06 reversal 30.00",
    ];
    assert_eq!(movements, expected);
    assert_eq!(
        (&told["opening_balance"], &told["closing_balance"]),
        (&json!("0.00"), &json!("100.00"))
    );
    assert_eq!(account("2026-06-04").await["opening_balance"], "200.00");
    // Everybody sees the customers in the pool, but not their receivables.
    let manager = service.actor(Role::SalesManager).await;
    manager.get(&customer).await.expect(200);
    manager.get(&path).await.expect(404);
}
