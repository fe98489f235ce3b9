//! The exposure of customers from invoices, payments and orders, compared with their credit limits.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::credit::{Desk, confirm, id};
use crate::receivables::{go_to, service_on};
use crate::support::harness::{Actor, Service};

/// Users, customers with limits, and orders to invoice.
struct Counter<'a> {
    desk: Desk<'a>,
    finance: Actor<'a>,
}

impl<'a> Counter<'a> {
    async fn of(service: &'a Service) -> Self {
        Self { desk: Desk::of(service).await, finance: service.actor(Role::Finance).await }
    }

    fn bill(&self, order: Option<&str>, amount: &str) -> Value {
        json!({ "customer_id": id(&self.desk.customer), "order_id": order.map(id),
            "amount": amount })
    }

    async fn draft(&self, new: Value) -> String {
        let made = self.finance.post("/api/v1/invoices", new).await.expect(201);
        format!("/api/v1/invoices/{}", made["id"].as_str().unwrap())
    }

    async fn invoice(&self, order: Option<&str>, amount: &str) -> String {
        let draft = self.draft(self.bill(order, amount)).await;
        self.finance.post(&format!("{draft}/post"), Value::Null).await.expect(200);
        draft
    }

    async fn pay(&self, amount: &str) -> String {
        let new = json!({ "customer_id": id(&self.desk.customer), "amount": amount });
        let made = self.finance.post("/api/v1/payments", new).await.expect(201);
        format!("/api/v1/payments/{}", made["id"].as_str().unwrap())
    }

    async fn allocate(&self, payment: &str, invoice: &str, amount: &str) {
        let to = json!({ "allocations": [{ "invoice_id": id(invoice), "amount": amount }] });
        self.finance.post(&format!("{payment}/allocate"), to).await.expect(200);
    }

    async fn erp(&self, of: &str, item: Value) -> Value {
        let path = format!("/api/v1/{of}/batch");
        let told = self.desk.erp.post(&path, json!({ "items": [item] })).await.expect(200);
        assert_eq!(told["failed"], 0, "{told:#}");
        let id = told["results"][0]["id"].as_str().unwrap();
        self.finance.get(&format!("/api/v1/{of}/{id}")).await.expect(200)
    }

    /// The receivables, orders and unapplied receipts, and the resulting exposure.
    async fn owed(&self) -> String {
        let told = self.desk.exposure().await;
        let names = ["open_receivables", "confirmed_orders", "unapplied_receipts", "exposure"];
        names.map(|name| told[name].as_str().unwrap().trim_end_matches(".00").to_owned()).join(" ")
    }

    /// The invoiced and paid state of an order.
    async fn order(&self, order: &str) -> String {
        let told = self.desk.seller.get(order).await.expect(200);
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        format!("{} {}", text("billing_status"), text("payment_status"))
    }
}

#[actix_web::test]
async fn an_invoice_is_owed_in_place_of_its_order() {
    let service = Service::start().await;
    let counter = Counter::of(&service).await;
    let order = counter.desk.order("600").await;
    confirm(&counter.desk.admin, &order, 200).await;
    assert_eq!(counter.owed().await, "0 600 0 600");
    let draft = counter.draft(counter.bill(Some(&order), "250")).await;
    assert_eq!(counter.owed().await, "0 600 0 600", "nobody owes a draft");
    counter.finance.post(&format!("{draft}/post"), Value::Null).await.expect(200);
    assert_eq!(counter.owed().await, "250 350 0 600");
    assert_eq!(counter.order(&order).await, "partial none");
    let payment = counter.pay("300").await;
    assert_eq!(counter.owed().await, "250 350 300 300");
    counter.allocate(&payment, &draft, "100").await;
    assert_eq!(counter.owed().await, "150 350 200 300");
    assert_eq!(counter.order(&order).await, "partial partial");
    counter.allocate(&payment, &draft, "150").await;
    assert_eq!(counter.order(&order).await, "partial partial", "the rest is not billed");
    let rest = counter.invoice(Some(&order), "350").await;
    assert_eq!(counter.owed().await, "350 0 50 300");
    assert_eq!(counter.order(&order).await, "invoiced partial");
    let other = counter.pay("350").await;
    counter.allocate(&other, &rest, "350").await;
    assert_eq!(counter.owed().await, "0 0 50 -50");
    assert_eq!(counter.order(&order).await, "invoiced paid");
    let why = json!({ "reason": "bounced" });
    counter.finance.post(&format!("{other}/reverse"), why).await.expect(200);
    assert_eq!(counter.owed().await, "350 0 50 300");
    assert_eq!(counter.order(&order).await, "invoiced partial");
    let back = json!({ "kind": "credit_note", "customer_id": id(&counter.desk.customer),
        "corrects_invoice_id": id(&rest), "amount": "350" });
    let note = counter.draft(back).await;
    counter.finance.post(&format!("{note}/post"), Value::Null).await.expect(200);
    assert_eq!(counter.owed().await, "0 350 50 300", "it is to be billed again");
    counter.desk.admin.post(&format!("{order}/close"), json!({})).await.expect(200);
    assert_eq!(counter.owed().await, "0 0 50 -50");
    let versions = counter.desk.seller.get(&order).await.expect(200)["version"].as_i64();
    assert_eq!(versions, Some(10), "one for each step that it is told of, and no more");
}

#[actix_web::test]
async fn an_order_is_paid_when_its_invoices_are() {
    let service = Service::start().await;
    let counter = Counter::of(&service).await;
    let item = json!({ "external_id": "1", "number": "1", "order_date": "2026-03-02",
        "customer_id": id(&counter.desk.customer), "payment_status": "paid",
        "lines": [{ "quantity": "1", "amount": "100" }] });
    let order = counter.erp("orders", item).await;
    let order = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    let bill = json!({ "external_id": "1", "number": "1", "order_external_id": "1",
        "customer_id": id(&counter.desk.customer), "invoice_date": "2026-03-02",
        "total_amount": "100" });
    counter.erp("invoices", bill).await;
    assert_eq!(counter.order(&order).await, "invoiced paid", "as the ERP says");
    let paid = |amount: Option<&str>| {
        let used = amount.map(|it| json!({ "invoice_external_id": "1", "amount": it }));
        json!({ "external_id": "1", "number": "1", "customer_id": id(&counter.desk.customer),
            "received_on": "2026-03-02", "amount": "200",
            "allocations": used.into_iter().collect::<Vec<_>>() })
    };
    for (amount, status) in [
        (Some("99.99"), "invoiced partial"),
        (Some("100"), "invoiced paid"),
        (None, "invoiced none"),
        (Some("1"), "invoiced partial"),
    ] {
        counter.erp("payments", paid(amount)).await;
        assert_eq!(counter.order(&order).await, status, "{amount:?}");
    }
    let back = json!({ "external_id": "1", "reversed_on": "2026-03-03" });
    counter.erp("payments", back).await;
    assert_eq!(counter.order(&order).await, "invoiced none");
    counter.erp("invoices", json!({ "external_id": "1", "status": "cancelled" })).await;
    assert_eq!(counter.order(&order).await, "none none");
    assert_eq!(counter.owed().await, "0 100 0 100");
}

#[actix_web::test]
async fn what_goes_beyond_the_order_must_fit_the_limit() {
    let service = Service::start().await;
    let counter = Counter::of(&service).await;
    let rate = |day: &str, rate: &str| {
        json!({ "from": "USD", "to": "CNY",
        "valid_on": day, "rate": rate })
    };
    let rates = "/api/v1/exchange-rates";
    counter.finance.post(rates, rate("2020-01-01", "7")).await.expect(201);
    let usd = json!({ "external_id": "1", "number": "1", "order_date": "2026-03-02",
        "customer_id": id(&counter.desk.customer), "currency": "USD",
        "lines": [{ "quantity": "1", "amount": "100" }] });
    let usd = counter.erp("orders", usd).await;
    let order = counter.desk.order("300").await;
    confirm(&counter.desk.admin, &order, 200).await;
    counter.desk.credit(json!({ "credit_limit": "1000" })).await;
    assert_eq!(counter.owed().await, "0 1000 0 1000");
    let (more, exact) = (counter.bill(Some(&order), "300.01"), counter.bill(Some(&order), "300"));
    for (new, over) in [(more, "0.01"), (counter.bill(None, "1"), "1.00")] {
        let draft = counter.draft(new).await;
        let path = format!("{draft}/post");
        let refused = counter.finance.post(&path, Value::Null).await.expect(409);
        assert_eq!(refused["code"], "credit_limit_exceeded");
        let told = (&refused["this_order"], &refused["reasons"], &refused["exposure"]);
        assert_eq!((told.0, told.1), (&json!(over), &json!(["over_limit"])));
        assert_eq!(
            told.2.as_str().map(|it| it.starts_with("1000.01") || it == "1001.00"),
            Some(true)
        );
        let draft = counter.finance.get(&draft).await.expect(200);
        assert_eq!((&draft["status"], &draft["version"]), (&json!("draft"), &json!(1)));
        assert_eq!(counter.owed().await, "0 1000 0 1000", "nothing is left of it");
    }
    // Neither a credit hold nor a changed exchange rate prevents invoicing an order.
    counter.finance.post(rates, rate("2026-03-01", "7.5")).await.expect(201);
    let hold = format!("{}/credit/hold", counter.desk.customer);
    counter.desk.controller.post(&hold, json!({ "reason": "x" })).await.expect(200);
    let draft = counter.draft(exact).await;
    counter.finance.post(&format!("{draft}/post"), Value::Null).await.expect(200);
    let usd = format!("/api/v1/orders/{}", usd["id"].as_str().unwrap());
    let today = service.inner.clock.today().to_string();
    let mut bill = counter.bill(Some(&usd), "100");
    bill["invoice_date"] = json!(today);
    let draft = counter.draft(bill).await;
    counter.finance.post(&format!("{draft}/post"), Value::Null).await.expect(200);
    assert_eq!(counter.owed().await, "1050 0 0 1050");
}

#[actix_web::test]
async fn facts_of_what_is_owed_are_flagged() {
    let service = Service::start().await;
    let counter = Counter::of(&service).await;
    counter.desk.credit(json!({ "credit_limit": "100" })).await;
    let customer = id(&counter.desk.customer).to_owned();
    let bill = |key: &str, amount: &str| {
        json!({ "external_id": key, "number": key, "customer_id": customer,
            "invoice_date": "2026-03-02", "total_amount": amount })
    };
    let flag = |row: Value| row["credit_exceeded"].as_bool().unwrap();
    assert!(!flag(counter.erp("invoices", bill("1", "100")).await));
    let second = counter.erp("invoices", bill("2", "0.01")).await;
    assert!(flag(second.clone()));
    let events = service.count("changes").await;
    let again = counter.erp("invoices", bill("2", "0.01")).await;
    assert_eq!((again, service.count("changes").await), (second, events), "again is nothing");
    // A part of the payment is deducted.
    let pay = json!({ "external_id": "1", "number": "1", "customer_id": customer,
        "received_on": "2026-03-02", "amount": "50",
        "allocations": [{ "invoice_external_id": "1", "amount": "50" }] });
    assert!(!flag(counter.erp("payments", pay).await));
    let (small, large) = (counter.pay("20").await, counter.pay("30.01").await);
    assert_eq!(counter.owed().await, "50.01 0 50.01 0");
    counter.invoice(None, "80").await;
    let reverse = async |payment: &str| {
        let why = json!({ "reason": "bounced" });
        flag(counter.finance.post(&format!("{payment}/reverse"), why).await.expect(200))
    };
    assert!(!reverse(&small).await, "100 is owed");
    let back = json!({ "external_id": "1", "reversed_on": "2026-03-03" });
    assert!(flag(counter.erp("payments", back).await));
    assert!(reverse(&large).await);
    assert_eq!(counter.owed().await, "180.01 0 0 180.01");
    let draft = counter.draft(counter.bill(None, "1")).await;
    counter.finance.post(&format!("{draft}/post"), Value::Null).await.expect(409);
}

#[actix_web::test]
async fn what_is_not_paid_in_time_stops_the_next_order() {
    let service = service_on("2026-06-15").await;
    let counter = Counter::of(&service).await;
    let mut bill = counter.bill(None, "3200");
    bill["invoice_date"] = json!("2026-06-01");
    bill["due_date"] = json!("2026-06-10");
    let invoice = counter.draft(bill).await;
    counter.finance.post(&format!("{invoice}/post"), Value::Null).await.expect(200);
    // An invoice is not refused because it is itself overdue.
    let mut late = counter.bill(None, "4000");
    late["invoice_date"] = json!("2026-04-01");
    let late = counter.draft(late).await;
    counter.finance.post(&format!("{late}/post"), Value::Null).await.expect(200);
    let back = json!({ "kind": "credit_note", "customer_id": id(&counter.desk.customer),
        "corrects_invoice_id": id(&late), "amount": "4000" });
    let back = counter.draft(back).await;
    counter.finance.post(&format!("{back}/post"), Value::Null).await.expect(200);
    let (order, small) = (counter.desk.order("5").await, counter.desk.order("5").await);
    let told = counter.desk.exposure().await;
    let overdue = |told: &Value| {
        (told["oldest_overdue_days"].as_i64(), told["overdue_amount"].as_str().map(str::to_owned))
    };
    assert_eq!(overdue(&told), (Some(5), Some("3200.00".into())));
    go_to(&service, "2026-06-18").await;
    let (admin, finance) =
        (service.signed_in(counter.desk.admin.id), service.signed_in(counter.finance.id));
    let refused = confirm(&admin, &order, 409).await;
    assert_eq!(refused["reasons"], json!(["overdue"]), "8 days; 7 without a tier");
    assert_eq!(overdue(&refused), (Some(8), Some("3200.00".into())));
    // With instalments, only the due one is overdue, which is below the threshold.
    let parts = json!({ "instalments": [{ "due_date": "2026-06-10", "amount": "900" },
        { "due_date": "2026-07-01", "amount": "2300" }] });
    let version = finance.get(&invoice).await.expect(200)["version"].as_i64().unwrap();
    finance.patch(&invoice, version, parts).await.expect(200);
    let told = finance.get(&format!("{}/credit", counter.desk.customer)).await.expect(200);
    assert_eq!(overdue(&told["exposure"]), (Some(8), Some("900.00".into())), "{told:#}");
    assert_eq!(told["exposure"]["open_receivables"], "3200.00");
    confirm(&admin, &small, 200).await;
    // The invoice is as overdue as its earliest unpaid instalment.
    let parts = json!({ "instalments": [{ "due_date": "2026-06-11", "amount": "1000" },
        { "due_date": "2026-07-01", "amount": "2200" }] });
    let version = finance.get(&invoice).await.expect(200)["version"].as_i64().unwrap();
    finance.patch(&invoice, version, parts).await.expect(200);
    let pay = json!({ "customer_id": id(&counter.desk.customer), "amount": "1000",
        "allocations": [{ "invoice_id": id(&invoice), "amount": "1000" }] });
    finance.post("/api/v1/payments", pay).await.expect(201);
    confirm(&admin, &order, 200).await;
    let kept = "select due_on || ' ' || trim_scale(amount) from open_items
        where kind = 'invoice' order by 1";
    assert_eq!(service.texts(kept).await, ["2026-07-01 2200"]);
}

#[actix_web::test]
async fn a_measure_stops_the_credit() {
    let service = Service::start().await;
    let counter = Counter::of(&service).await;
    let desk = &counter.desk;
    let order = desk.order("5").await;
    let case = json!({ "customer_id": id(&desk.customer), "trigger": "other" });
    let case = desk.controller.post("/api/v1/risk-cases", case).await.expect(201);
    let measures = format!("/api/v1/risk-cases/{}/measures", case["id"].as_str().unwrap());
    let take = async |measure: &str| {
        let new = json!({ "measure": measure, "note": "两次失信" });
        desk.controller.post(&measures, new).await.expect(200);
    };
    let credit = format!("{}/credit", desk.customer);
    take("remind").await;
    assert_eq!(desk.controller.get(&credit).await.expect(200)["hold"], false);
    take("hold").await;
    take("hold").await;
    let held = desk.controller.get(&credit).await.expect(200);
    let told = (&held["hold"], &held["hold_reason"], &held["version"]);
    assert_eq!(told, (&json!(true), &json!("两次失信"), &json!(1)));
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["hold"]));
    let recover = measures.replace("measures", "recover");
    desk.controller.post(&recover, json!({ "amount": "0" })).await.expect(200);
    confirm(&desk.admin, &order, 409).await;
    desk.controller.post(&format!("{credit}/release"), json!({})).await.expect(200);
    confirm(&desk.admin, &order, 200).await;
}
