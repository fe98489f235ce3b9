//! Payments: permitted allocations, unapplied amounts and reversals.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, differences, faults, go_to, merged, send, service};
use crate::support::harness::{Actor, Service};

/// Invoices of two customers: A of 100, B of 50 and U of 10 dollars of one, O of the other.
async fn shop(service: &Service) -> (Actor<'_>, Actor<'_>, Vec<String>) {
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" });
    service.actor(Role::Admin).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    let customers =
        json!([{ "external_id": "C", "name": "Lin" }, { "external_id": "D", "name": "Wang" }]);
    let made = send(&erp, "customers", customers).await;
    let mut ids = vec![made["results"][0]["id"].as_str().unwrap().to_owned()];
    let item = |number: &str, more: Value| {
        let item = json!({ "external_id": number, "number": number, "customer_external_id": "C",
            "invoice_date": "2026-06-02", "due_date": "2026-06-30", "amount": "100" });
        merged(item, &more)
    };
    let items = json!([
        item("A", json!({})),
        item("B", json!({ "amount": "50", "due_date": "2026-06-20" })),
        item("U", json!({ "amount": "10", "currency": "USD" })),
        item("O", json!({ "customer_external_id": "D" })),
        item("N", json!({ "kind": "credit_note", "amount": "5" })),
        item("X", json!({ "status": "draft" })),
    ]);
    let made = send(&erp, "invoices", items).await;
    let made = made["results"].as_array().unwrap().iter();
    ids.extend(made.map(|it| it["id"].as_str().unwrap().to_owned()));
    (finance, erp, ids)
}

async fn open(reader: &Actor<'_>, invoice: &str) -> Value {
    let it = reader.get(&format!("/api/v1/invoices/{invoice}")).await.expect(200);
    it["open_amount"].clone()
}

#[actix_web::test]
async fn each_rule_of_a_payment_violated_once() {
    let service = service().await;
    let (finance, erp, ids) = shop(&service).await;
    let [customer, a, b, dollars, other, note, draft] = &ids[..] else { unreachable!() };
    let to = |invoice: &str, amount: &str| json!({ "allocations": [{ "invoice_id": invoice, "amount": amount }] });
    let dated = |day: &str| json!({ "allocations": [{ "invoice_id": a, "amount": "1", "allocated_on": day }] });
    let cases = [
        (json!({ "amount": "0" }), "/amount range"),
        (json!({ "amount": "-5" }), "/amount range"),
        (json!({ "amount": 5 }), "/amount type"),
        (json!({ "currency": "EUR" }), "/currency no_exchange_rate"),
        (json!({ "customer_id": uuid::Uuid::nil() }), "/customer_id unknown_reference"),
        (to(a, "100.01"), "/allocations/0/amount above_open_amount"),
        (to(a, "0"), "/allocations/0/amount range"),
        (to(a, "-1"), "/allocations/0/amount range"),
        (to(other, "1"), "/allocations/0/invoice_id another_customer"),
        (to(dollars, "1"), "/allocations/0/invoice_id another_currency"),
        (to(note, "1"), "/allocations/0/invoice_id contradiction"),
        (to(draft, "1"), "/allocations/0/invoice_id not_posted"),
        (
            to("0198c0de-0000-7000-8000-000000000001", "1"),
            "/allocations/0/invoice_id unknown_reference",
        ),
        (dated("2026-06-01"), "/allocations/0/allocated_on range"),
        (dated("2026-06-16"), "/allocations/0/allocated_on range"),
        (
            json!({ "allocations": [{ "invoice_id": a, "amount": "80" }, { "invoice_id": b, "amount": "41" }] }),
            "/allocations/1/amount above_unapplied",
        ),
        (
            json!({ "allocations": [{ "invoice_id": b, "amount": "30" }, { "invoice_id": b, "amount": "21" }] }),
            "/allocations/1/amount above_open_amount",
        ),
        (json!({ "unapplied_amount": "1" }), "/unapplied_amount unknown_field"),
    ];
    for (more, expected) in cases {
        let new = merged(json!({ "customer_id": customer, "amount": "120" }), &more);
        let problem = finance.post("/api/v1/payments", new).await.expect(422);
        let told = faults(&problem);
        assert!(told.iter().any(|it| it == expected), "{more}: {told:?}");
        // The same payment from an ERP, where the pointer may refer to the whole list.
        let item = merged(
            json!({ "external_id": "P", "customer_id": customer, "amount": "120",
            "received_on": "2026-06-01" }),
            &more,
        );
        let told = batch(&erp, "payments", json!([item])).await;
        assert_eq!(told["failed"], 1, "{more}");
    }
    assert_eq!((service.count("payments").await, service.count("allocations").await), (0, 0));
    let seller = service.actor(Role::Salesperson).await;
    let new = json!({ "customer_id": customer, "amount": "120" });
    seller.post("/api/v1/payments", new.clone()).await.expect(403);
    let made = finance.post("/api/v1/payments", new).await.expect(201);
    let path = format!("/api/v1/payments/{}/allocate", made["id"].as_str().unwrap());
    seller.post(&path, json!({ "oldest_first": true })).await.expect(403);
    let both = merged(to(a, "1"), &json!({ "oldest_first": true }));
    for wrong in [json!({}), both] {
        let problem = finance.post(&path, wrong).await.expect(422);
        assert_eq!(faults(&problem), ["/allocations contradiction"]);
    }
}

#[actix_web::test]
async fn oldest_first_pays_what_was_due_first() {
    let service = service().await;
    let (finance, _, ids) = shop(&service).await;
    let [customer, a, b, ..] = &ids[..] else { unreachable!() };
    let new = json!({ "customer_id": customer, "amount": "70" });
    let made = finance.post("/api/v1/payments", new).await.expect(201);
    assert_eq!(made["unapplied_amount"], "70.00");
    let path = format!("/api/v1/payments/{}", made["id"].as_str().unwrap());
    let used = finance.post(&format!("{path}/allocate"), json!({ "oldest_first": true })).await;
    let used = used.expect(200);
    assert_eq!(
        (&used["unapplied_amount"], &used["closed_on"]),
        (&json!("0.00"), &json!("2026-06-15"))
    );
    assert_eq!(open(&finance, b).await, "0.00", "due first");
    assert_eq!(open(&finance, a).await, "80.00");
    // Disputed invoices are paid only by an explicit allocation.
    let disputed = json!({ "disputed": true });
    let version =
        finance.get(&format!("/api/v1/invoices/{a}")).await.expect(200)["version"].clone();
    finance
        .patch(&format!("/api/v1/invoices/{a}"), version.as_i64().unwrap(), disputed)
        .await
        .expect(200);
    let more = json!({ "customer_id": customer, "amount": "70" });
    let made = finance.post("/api/v1/payments", more).await.expect(201);
    let second = format!("/api/v1/payments/{}", made["id"].as_str().unwrap());
    let used = finance.post(&format!("{second}/allocate"), json!({ "oldest_first": true })).await;
    assert_eq!(used.expect(200)["unapplied_amount"], "70.00");
    let hand = json!({ "allocations": [{ "invoice_id": a, "amount": "70" }] });
    finance.post(&format!("{second}/allocate"), hand).await.expect(200);
    assert_eq!(open(&finance, a).await, "10.00");

    for wrong in ["2026-06-14", "2026-06-16"] {
        let back = json!({ "reason": "x", "reversed_on": wrong });
        let problem = finance.post(&format!("{path}/reverse"), back).await.expect(422);
        assert_eq!(faults(&problem), ["/reversed_on range"]);
    }
    let back = json!({ "reason": "bounced" });
    let reversed = finance.post(&format!("{path}/reverse"), back.clone()).await.expect(200);
    assert_eq!(
        (&reversed["reversed_on"], &reversed["unapplied_amount"]),
        (&json!("2026-06-15"), &json!("0.00"))
    );
    assert_eq!(reversed["allocations"][0]["reversed_on"], "2026-06-15");
    let problem = finance.post(&format!("{path}/reverse"), back).await.expect(409);
    assert_eq!(problem["code"], "already_reversed");
    let problem = finance.post(&format!("{path}/allocate"), json!({ "oldest_first": true })).await;
    assert_eq!(problem.expect(409)["code"], "already_reversed");
    assert_eq!(
        (open(&finance, a).await, open(&finance, b).await),
        (json!("30.00"), json!("50.00"))
    );
    assert_eq!(differences(&service).await, 0);
}

#[actix_web::test]
async fn what_is_post_dated_is_no_money_yet() {
    let service = service().await;
    let (finance, _, ids) = shop(&service).await;
    let new = json!({ "customer_id": ids[0], "amount": "70", "method": "acceptance_bill",
        "received_on": "2026-06-20" });
    let made = finance.post("/api/v1/payments", new).await.expect(201);
    let path = format!("/api/v1/payments/{}", made["id"].as_str().unwrap());
    let problem = finance.post(&format!("{path}/allocate"), json!({ "oldest_first": true })).await;
    assert_eq!(problem.expect(409)["code"], "post_dated");
    let kept = "select trim_scale(amount)::text from open_items where kind = 'receipt'";
    assert_eq!(service.texts(kept).await, [""; 0]);
    go_to(&service, "2026-06-21").await;
    assert_eq!(differences(&service).await, 0);
    assert_eq!(service.texts(kept).await, ["-70"], "a job has seen that it is money now");
    let finance = service.signed_in(finance.id);
    finance.post(&format!("{path}/allocate"), json!({ "oldest_first": true })).await.expect(200);
    assert_eq!(service.texts(kept).await, [""; 0]);
}

#[actix_web::test]
async fn an_erp_sends_payments_again_and_others() {
    let service = service().await;
    let (_, erp, ids) = shop(&service).await;
    let [_, a, b, ..] = &ids[..] else { unreachable!() };
    let item = |amounts: &[(&str, &str)]| {
        let uses = amounts.iter().map(|it| json!({ "invoice_external_id": it.0, "amount": it.1 }));
        json!({ "external_id": "P", "number": "P", "customer_external_id": "C", "amount": "120",
            "received_on": "2026-06-01", "allocations": uses.collect::<Vec<_>>() })
    };
    let whole = json!([item(&[("A", "70"), ("B", "50")])]);
    send(&erp, "payments", whole.clone()).await;
    assert_eq!((open(&erp, a).await, open(&erp, b).await), (json!("30.00"), json!("0.00")));
    let events = service.count("changes").await;
    assert_eq!(send(&erp, "payments", whole.clone()).await["unchanged"], 1);
    assert_eq!(service.count("changes").await, events, "nothing new is no event");
    // The same amount is allocated to other invoices.
    send(&erp, "payments", json!([item(&[("A", "100")])])).await;
    assert_eq!((open(&erp, a).await, open(&erp, b).await), (json!("0.00"), json!("50.00")));
    // Two payments of one invoice in a batch: the first is accepted, the second is refused.
    let second = merged(item(&[("B", "30")]), &json!({ "external_id": "Q", "number": "Q" }));
    let third = merged(item(&[("B", "30")]), &json!({ "external_id": "R", "number": "R" }));
    let told = batch(&erp, "payments", json!([second, third])).await;
    assert_eq!((&told["created"], &told["failed"]), (&json!(1), &json!(1)), "{told:#}");
    let failed = told["results"].as_array().unwrap().iter().find(|it| it["status"] == "failed");
    assert_eq!(faults(&failed.unwrap()["problem"]), ["/allocations above_open_amount"]);
    assert_eq!(open(&erp, b).await, "20.00");
    // The payment is reversed, and the same item is sent again.
    let back = merged(item(&[("A", "100")]), &json!({ "reversed_on": "2026-06-12" }));
    assert_eq!(send(&erp, "payments", json!([back])).await["updated"], 1);
    assert_eq!(open(&erp, a).await, "100.00");
    assert_eq!(send(&erp, "payments", json!([back])).await["unchanged"], 1);
    let mistaken = json!([{ "external_id": "P", "reversed_on": null }]);
    assert_eq!(send(&erp, "payments", mistaken).await["updated"], 1);
    assert_eq!(open(&erp, a).await, "0.00");
    assert_eq!(differences(&service).await, 0);
    let missing = batch(&erp, "payments", json!([{ "external_id": "Z" }])).await;
    let missing = faults(&missing["results"][0]["problem"]);
    assert_eq!(missing, ["/customer_id required", "/received_on required", "/amount required"]);
}

#[actix_web::test]
async fn the_account_of_a_customer() {
    let service = service().await;
    let (finance, erp, ids) = shop(&service).await;
    let pay = json!([{ "external_id": "P", "number": "P", "customer_external_id": "C",
        "amount": "120", "received_on": "2026-06-10",
        "allocations": [{ "invoice_external_id": "A", "amount": "30" }] }]);
    send(&erp, "payments", pay).await;
    let control = json!([
        { "external_id": "1", "customer_external_id": "C", "as_of": "2026-06-15", "amount": "30" },
        { "external_id": "2", "as_of": "2026-06-15", "amount": "125" },
        { "external_id": "3", "as_of": "2026-06-15", "amount": "126" }]);
    let told = batch(&erp, "control-balances", control).await;
    assert_eq!(faults(&told["results"][2]["problem"]), ["/as_of duplicate"], "{told:#}");
    let path = format!("/api/v1/customers/{}/statement", ids[0]);
    let account = finance.get(&path).await.expect(200);
    let yuan = &account["accounts"][0];
    let told: Vec<String> = yuan["movements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["date"].as_str().unwrap(),
                it["kind"].as_str().unwrap(),
                it["amount"].as_str().unwrap(),
                it["balance"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "2026-06-02 credit_note -5.00 -5.00",
            "2026-06-02 invoice 100.00 95.00",
            "2026-06-02 invoice 50.00 145.00",
            "2026-06-10 payment -120.00 25.00"
        ]
    );
    assert_eq!(yuan["closing_balance"], "25.00");
    assert_eq!(
        (&yuan["control_balance"], &yuan["reconciliation_difference"]),
        (&json!("30.00"), &json!("-5.00"))
    );
    assert_eq!(account["accounts"][1]["currency"], "USD");
    let later = finance.get(&format!("{path}?from=2026-06-03&as_of=2026-06-14")).await.expect(200);
    let yuan = &later["accounts"][0];
    assert_eq!(
        (&yuan["opening_balance"], &yuan["closing_balance"]),
        (&json!("145.00"), &json!("25.00"))
    );
    assert_eq!(
        (&yuan["control_balance"], yuan["movements"].as_array().unwrap().len()),
        (&Value::Null, 1)
    );
    finance.get(&format!("{path}?from=2026-06-16")).await.expect(400);
    let stranger = service.actor(Role::Salesperson).await;
    stranger.get(&path).await.expect(404);
    stranger.get("/api/v1/control-balances").await.expect(403);
}
