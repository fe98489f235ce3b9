//! Receivables reports, checked against known figures.

use actix_web::test::{self, TestRequest};
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{go_to, merged, send, service};
use crate::reports::{REPORTS, report, table};
use crate::support::harness::{Actor, Service};

struct Shop<'a> {
    reporter: Actor<'a>,
    lead: Actor<'a>,
    seller: Actor<'a>,
    stranger: Actor<'a>,
    erp: Actor<'a>,
}

/// On 2026-06-15: customers A (Shanghai) and B (Jiangsu) of two sellers, and a pool customer P.
async fn shop(service: &Service) -> Shop<'_> {
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let lead = service.actor(Role::SalesManager).await;
    service.team(None, &lead, &[&seller]).await;
    let erp = service.actor(Role::Erp).await;
    let customers = json!([
        { "external_id": "A", "name": "Anji", "owner_id": seller.id, "region": "上海" },
        { "external_id": "B", "name": "Baoli", "owner_id": stranger.id, "region": "江苏" },
        { "external_id": "P", "name": "Pool" }]);
    send(&erp, "customers", customers).await;
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let item = |key: &str, of: &str, day: &str, due: &str, amount: &str, more: Value| {
        merged(
            json!({ "external_id": key, "number": key, "customer_external_id": of,
            "invoice_date": day, "due_date": due, "amount": amount }),
            &more,
        )
    };
    let parts = json!({ "instalments": [{ "due_date": "2026-05-01", "amount": "30" },
        { "due_date": "2026-06-14", "amount": "30" }, { "due_date": "2026-08-01", "amount": "40" }] });
    let items = json!([
        item("A1", "A", "2026-06-01", "2026-06-30", "100", json!({})),
        item("A2", "A", "2026-04-01", "2026-08-01", "100", parts),
        item("A3", "A", "2026-01-01", "2026-01-31", "10", json!({ "currency": "USD" })),
        item("A4", "A", "2026-05-01", "2026-05-20", "50", json!({})),
        item("B1", "B", "2025-01-01", "2025-02-01", "1000", json!({ "salesperson_id": seller.id })),
        item("P1", "P", "2026-03-01", "2026-03-10", "7", json!({})),
        item("N", "A", "2026-06-02", "2026-06-02", "5", json!({ "kind": "credit_note" })),
        item("D", "A", "2026-06-02", "2026-06-02", "999", json!({ "status": "draft" })),
    ]);
    send(&erp, "invoices", items).await;
    let pay = |key: &str, of: &str, day: &str, amount: &str, uses: Value| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "received_on": day,
            "amount": amount, "allocations": uses })
    };
    let payments = json!([
        pay(
            "1",
            "A",
            "2026-05-30",
            "60",
            json!([{ "invoice_external_id": "A4", "amount": "50",
            "allocated_on": "2026-05-30" }])
        ),
        pay(
            "2",
            "A",
            "2026-05-03",
            "35",
            json!([{ "invoice_external_id": "A2", "amount": "35",
            "allocated_on": "2026-05-03" }])
        ),
        pay("3", "B", "2026-06-20", "400", json!([])),
    ]);
    send(&erp, "payments", payments).await;
    let reporter = service.actor(Role::Reporter).await;
    Shop { reporter, lead, seller, stranger, erp }
}

fn buckets(row: &Value) -> String {
    let buckets = row["buckets"].as_array().unwrap().iter();
    let of = |it: &Value| {
        it["amount"].as_str().unwrap().trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    buckets.map(of).collect::<Vec<_>>().join(" ")
}

#[actix_web::test]
async fn how_old_what_is_owed_is() {
    let service = service().await;
    let shop = shop(&service).await;
    let told = report(&shop.reporter, "ar-aging").await;
    let rows = told["rows"].as_array().unwrap();
    // A: 100 + 40 not due, 25 of the second instalment one day late, 70 (10 USD) 135 days late.
    assert_eq!(buckets(&rows[0]), "140 25 0 0 70 0 0");
    assert_eq!(buckets(&rows[1]), "0 0 0 0 0 0 1000");
    assert_eq!(buckets(&rows[2]), "0 0 0 0 7 0 0", "97 days");
    let columns = [
        "customer_external_id",
        "outstanding",
        "overdue",
        "credit_notes",
        "unapplied",
        "post_dated",
        "balance",
        "provision",
        "oldest_days",
    ];
    assert_eq!(
        table(&told, &columns),
        [
            "A 235.0000 95.0000 5.0000 10.0000 0.0000 220.0000 14.2500 135",
            "B 1000.0000 1000.0000 0.0000 0.0000 400.0000 1000.0000 1000.0000 499",
            "P 7.0000 7.0000 0.0000 0.0000 0.0000 7.0000 1.4000 97",
        ]
    );
    let totals = &told["totals"];
    assert_eq!(
        (&totals["outstanding"], &totals["balance"]),
        (&json!("1242.0000"), &json!("1227.0000"))
    );
    assert_eq!((&totals["customers"], &totals["invoices"]), (&json!(3), &json!(5)));
    assert_eq!(buckets(totals), "140 25 0 0 77 0 1000");
    // By invoice date, with other buckets, by region and by salesperson.
    let told =
        report(&shop.reporter, "ar-aging?basis=invoice_date&bounds=14,100&group_by=region").await;
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(table(&told, &["region"]), ["上海", "江苏", "null"]);
    assert_eq!(buckets(&rows[0]), "0 100 65 70");
    let people = report(&shop.reporter, "ar-aging?group_by=salesperson").await;
    let mine = people["rows"].as_array().unwrap().iter();
    let mine = mine.filter(|it| it["salesperson_id"] == json!(shop.seller.id)).collect::<Vec<_>>();
    assert_eq!(
        (&mine[0]["outstanding"], &mine[0]["unapplied"]),
        (&json!("1235.0000"), &json!("10.0000"))
    );
    // The same report for earlier days.
    let may = report(
        &shop.reporter,
        "ar-aging?as_of=2026-05-10&customer_external_id=A&customer_source_system=sap",
    )
    .await;
    assert_eq!(buckets(&may["rows"][0]), "115 0 0 0 70 0 0", "25 and 40 of A2, 50 of A4");
    let june = report(&shop.reporter, "ar-aging?as_of=2026-06-20").await;
    assert_eq!(june["totals"]["unapplied"], "410.0000", "no longer post-dated");
    for wrong in
        ["bounds=30,20", "bounds=0,20", "bounds=a", "basis=x", "group_by=channel", "period=2026"]
    {
        shop.reporter.get(&format!("{REPORTS}/ar-aging?{wrong}")).await.expect(400);
    }
}

#[actix_web::test]
async fn the_books_are_compared_and_each_sees_their_own() {
    let service = service().await;
    let shop = shop(&service).await;
    let control = json!([
        { "external_id": "1", "as_of": "2026-06-15", "amount": "1227" },
        { "external_id": "2", "as_of": "2026-06-15", "amount": "200", "customer_external_id": "A" }]);
    send(&shop.erp, "control-balances", control).await;
    let told = report(&shop.reporter, "ar-aging").await;
    assert_eq!(told["totals"]["reconciliation_difference"], "0.0000");
    assert_eq!(
        table(&told, &["control_balance", "reconciliation_difference"]),
        ["200.0000 20.0000", "null null", "null null"]
    );
    let part = report(&shop.reporter, "ar-aging?region=%E4%B8%8A%E6%B5%B7").await;
    assert_eq!(part["totals"]["reconciliation_difference"], Value::Null);
    for (who, balance, items) in [
        (&shop.seller, "1220.0000", 7),
        (&shop.lead, "1220.0000", 7),
        (&shop.stranger, "1000.0000", 2),
    ] {
        let told = report(who, "ar-aging").await;
        assert_eq!(told["totals"]["balance"], balance);
        let open = report(who, "open-items").await;
        assert_eq!(open["totals"]["amount"], balance, "the same by document");
        assert_eq!(open["totals"]["items"], items);
        assert_eq!(open["rows"].as_array().unwrap().len(), items);
    }
    let quality = service.actor(Role::Quality).await;
    quality.get(&format!("{REPORTS}/ar-aging")).await.expect(403);
    let app = test::init_service(service.inner.app()).await;
    let token = format!("Bearer {}", shop.reporter.token.as_deref().unwrap());
    let fetch = async |name: &str| {
        let request = TestRequest::get().uri(&format!("{REPORTS}/{name}"));
        let request = request.insert_header(("authorization", token.as_str()));
        let request = request.insert_header(("accept", "text/csv")).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(response.status(), 200, "{name}");
        String::from_utf8(test::read_body(response).await.to_vec()).unwrap()
    };
    let text = fetch("ar-aging").await;
    let head = text.lines().next().unwrap();
    let keys = "customer_id,customer_external_id,customer_name,current,days_1_30,";
    assert!(head.starts_with(keys), "{head}");
    assert!(head.contains("days_over_365,outstanding,overdue"), "{head}");
    assert_eq!(text.lines().count(), 4);
    for name in ["open-items", "dso", "credit-exposure", "order-book"] {
        fetch(name).await;
    }
    for name in ["collections", "payment-behaviour", "promises"] {
        fetch(&format!("{name}?period=2026")).await;
    }
}

#[actix_web::test]
async fn what_came_in_and_how_late() {
    let service = service().await;
    let shop = shop(&service).await;
    let told = report(&shop.reporter, "collections?from=2026-05-01&to=2026-07-01").await;
    let columns = ["month", "due", "collected", "late", "collected_percent", "late_percent"];
    // May: 30 of A2 and 50 of A4 are due; 5 are paid in time, 30 two and 50 ten days late. June: 30
    // and 100 are due.
    assert_eq!(
        table(&told, &columns),
        [
            "2026-05 80.0000 85.0000 80.0000 106.25 94.12",
            "2026-06 130.0000 0.0000 0.0000 0.00 null",
        ]
    );
    let told = report(&shop.stranger, "collections?from=2026-05-01&to=2026-07-01").await;
    assert_eq!(told["totals"]["due"], "0.0000");
    let told = report(&shop.reporter, "payment-behaviour?period=2026").await;
    let columns = [
        "customer_external_id",
        "invoices",
        "paid",
        "average_days_late",
        "weighted_days_late",
        "late_percent",
    ];
    // A4: 50, ten days late. A2: 30 of the first instalment two days late, the second 42 days
    // early.
    assert_eq!(table(&told, &columns), ["A 2 85.0000 -10.00 4.12 94.12"]);
    let told = report(&shop.reporter, "dso?group_by=customer").await;
    // A: invoiced 100 + 100 + 50 − 5 since 2026-03-18, 230 open.
    assert_eq!(
        table(&told, &["customer_external_id", "receivables", "sales", "dso"]),
        ["A 230.0000 245.0000 84.49", "B 1000.0000 0.0000 null", "P 7.0000 0.0000 null"]
    );
}

#[actix_web::test]
async fn exposure_order_book_and_promises() {
    let service = service().await;
    let shop = shop(&service).await;
    let orders = json!([
        { "external_id": "O1", "number": "O1", "customer_external_id": "A", "order_date": "2026-06-01",
            "due_date": "2026-06-10", "credits": [{ "user_id": shop.seller.id, "share_percent": "100" }],
            "lines": [{ "quantity": "1", "amount": "500" }] },
        { "external_id": "O2", "number": "O2", "customer_external_id": "A", "order_date": "2026-06-01",
            "lines": [{ "quantity": "1", "amount": "40" }] },
        { "external_id": "O3", "number": "O3", "customer_external_id": "A", "order_date": "2026-06-01",
            "status": "closed", "lines": [{ "quantity": "1", "amount": "40" }] }]);
    send(&shop.erp, "orders", orders).await;
    let invoice = |key: &str, order: &str, amount: &str| {
        json!({ "external_id": key, "number": key,
        "customer_external_id": "A", "order_external_id": order, "invoice_date": "2026-06-12",
        "due_date": "2026-07-12", "amount": amount })
    };
    send(&shop.erp, "invoices", json!([invoice("I1", "O1", "200"), invoice("I2", "O2", "40")]))
        .await;
    let told = report(&shop.reporter, "order-book").await;
    assert_eq!(
        table(&told, &["order_number", "days_late", "ordered", "invoiced", "to_invoice"]),
        ["O1 5 500.0000 200.0000 300.0000"]
    );
    assert_eq!(told["totals"]["overdue"], "300.0000");
    let before = report(&shop.reporter, "order-book?as_of=2026-06-11").await;
    assert_eq!(before["totals"]["to_invoice"], "540.0000");
    assert_eq!(report(&shop.stranger, "order-book").await["totals"]["orders"], 0);
    let mine = report(&shop.lead, &format!("order-book?salesperson_id={}", shop.seller.id)).await;
    assert_eq!(mine["totals"]["orders"], 1);

    let told = report(&shop.reporter, "credit-exposure").await;
    let columns = [
        "customer_external_id",
        "open_receivables",
        "unapplied_receipts",
        "overdue",
        "oldest_overdue_days",
        "hold",
    ];
    assert_eq!(table(&told, &columns)[0], "A 470.0000 10.0000 95.0000 135 false");
    assert_eq!(report(&shop.stranger, "credit-exposure").await["totals"]["customers"], 1);

    let customer =
        shop.seller.get("/api/v1/customers?q=Anji").await.expect(200)["items"][0]["id"].clone();
    for (day, amount) in [("2026-06-15", "50"), ("2026-06-20", "70")] {
        let new = json!({ "customer_id": customer, "due_on": day, "amount": amount });
        shop.seller.post("/api/v1/promises", new).await.expect(201);
    }
    let theirs =
        shop.stranger.get("/api/v1/customers?q=Baoli").await.expect(200)["items"][0]["id"].clone();
    let new = json!({ "customer_id": theirs, "due_on": "2026-06-20", "amount": "30" });
    shop.stranger.post("/api/v1/promises", new).await.expect(201);
    let (seller, stranger) = (shop.seller.id, shop.stranger.id);
    go_to(&service, "2026-06-16").await;
    crate::receivables::collect(&service).await;
    let told = report(&service.signed_in(seller), "promises?period=2026-06").await;
    let columns =
        ["customer_external_id", "promises", "open", "kept", "broken", "amount", "kept_percent"];
    assert_eq!(table(&told, &columns), ["A 2 1 0 1 120.0000 0.00"]);

    let reporter = service.signed_in(shop.reporter.id);
    let told = report(&reporter, "promises?period=2026-06&group_by=salesperson").await;
    let mut told = table(&told, &[&["salesperson_id"], &columns[1..]].concat());
    let mut wanted =
        vec![format!("{seller} 2 1 0 1 120.0000 0.00"), format!("{stranger} 1 1 0 0 30.0000 null")];
    told.sort();
    wanted.sort();
    assert_eq!(told, wanted);
    let told = report(&reporter, "promises?period=2026-06&group_by=region").await;
    assert_eq!(table(&told, &["region", "promises"]), ["上海 2", "江苏 1"]);
}
