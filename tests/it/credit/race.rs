//! Concurrent requests never exceed a credit limit, and the stored exposure equals that of the
//! documents.

use std::cell::Cell;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use futures_util::future::{join, join_all};
use salesbook::access::Role;
use salesbook::orders::order;
use salesbook::platform::{Money, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::credit::{Desk, id};
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;
use crate::support::sampling::or_in_torture;

const CLIENTS: u64 = 16;

/// The duration of the test.
fn patience() -> Duration {
    Duration::from_secs(or_in_torture(4, 30))
}

/// Customers with a limit of 100 and a tolerance of a tenth.
async fn customers(desk: &Desk<'_>) -> Vec<String> {
    let mut customers = vec![];
    for n in 0..or_in_torture(8, 20) {
        let customer = desk.seller.customer(&format!("{n}")).await;
        let limit = json!({ "credit_limit": "100", "tolerance_percent": "10" });
        desk.admin.patch(&format!("{customer}/credit"), 0, limit).await.expect(200);
        customers.push(customer);
    }
    customers
}

/// The customers who exceed their limit without an override.
async fn beyond(service: &Service) -> Vec<String> {
    let rows = "select c.id || ' owes ' || sum(it.amount) from open_items it
        join customer_credits c on c.id = it.customer_id
        where c.id not in (select customer_id from credit_overrides)
        group by c.id having sum(it.amount) > c.credit_limit * (1 + c.tolerance_percent / 100)";
    service.texts(rows).await
}

/// The stored open amounts that differ from those of orders, invoices and payments.
async fn wrong(service: &Service) -> Vec<String> {
    let owed = "select id, customer_id, round(greatest(total_amount - invoiced_amount, 0)
        * exchange_rate, 6) from orders where status = 'confirmed' and billing_status <> 'invoiced'
        and total_amount > invoiced_amount
        union all select i.id, i.customer_id, i.total_amount - coalesce(sum(a.amount), 0)
        from invoices i
        left join allocations a on a.invoice_id = i.id and a.reversed_on is null
        where i.status = 'posted' group by i.id
        having i.total_amount > coalesce(sum(a.amount), 0)
        union all select p.id, p.customer_id, coalesce(sum(a.amount), 0) - p.amount
        from payments p
        left join allocations a on a.payment_id = p.id and a.reversed_on is null
        where p.reversed_on is null group by p.id having p.amount > coalesce(sum(a.amount), 0)";
    let kept = "select source_id, customer_id, amount from open_items";
    let rows = format!(
        "select concat_ws(' ', 'missing', a.*) from (({owed}) except {kept}) a
         union all select concat_ws(' ', 'too much', b.*) from ({kept} except ({owed})) b"
    );
    service.texts(&rows).await
}

#[actix_web::test]
async fn of_many_at_once_only_those_that_fit() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    for customer in customers(&desk).await {
        let mut orders = vec![];
        for n in 0..CLIENTS {
            let order = desk.order_of(&customer, "40").await;
            // Every second order is created in a different way.
            if n % 2 == 1 {
                let why = json!({ "reason": "x" });
                desk.admin.post(&format!("{order}/hold"), why).await.expect(200);
            }
            orders.push(order);
        }
        let confirmed = orders.iter().enumerate().map(async |(n, order)| {
            let action = if n % 2 == 1 { "release" } else { "confirm" };
            desk.admin.post(&format!("{order}/{action}"), json!({})).await.status.as_u16()
        });
        let told = join_all(confirmed).await;
        let went = told.iter().filter(|it| **it == 200).count();
        assert_eq!((went, told.iter().filter(|it| **it == 409).count()), (2, 14), "{told:?}");
    }
    assert_eq!((beyond(&service).await, wrong(&service).await), (vec![], vec![]));
}

/// A client that increases orders in all possible ways, and cancels some to stay below the limit.
async fn client(
    desk: &Desk<'_>,
    by: &Actor<'_>,
    customers: &[String],
    seed: u64,
    end: Instant,
) -> u64 {
    let (mut dice, mut raised, mut mine) = (Dice(seed), 0, Vec::<String>::new());
    while Instant::now() < end {
        let customer = &customers[dice.roll(customers.len())];
        let amount = ["10", "25", "40", "110"][dice.roll(4)];
        let act = async |order: &str, action: &str, body: Value| {
            let told = by.post(&format!("{order}/{action}"), body).await;
            let status = told.status.as_u16();
            assert!(matches!(status, 200 | 409), "{action}: {:#}", told.body);
            u64::from(status == 200)
        };
        match (dice.roll(14), mine.pop()) {
            (0..3, Some(order)) => {
                act(&order, "cancel", json!({ "reason": "x" })).await;
            }
            (3, Some(order)) => {
                act(&order, "close", json!({})).await;
                sleep(Duration::from_millis(2)).await;
                raised += act(&order, "reopen", json!({})).await;
                mine.push(order);
            }
            (4, kept) => {
                mine.extend(kept);
                // A draft from an ERP is confirmed by a user.
                let key = Uuid::now_v7().to_string();
                let item = json!({ "external_id": key, "number": key, "status": "submitted",
                    "customer_id": id(customer), "order_date": "2026-03-02",
                    "lines": [{ "quantity": "1", "amount": amount }] });
                let batch = json!({ "items": [item] });
                let told = desk.erp.post("/api/v1/orders/batch", batch).await.expect(200);
                let order =
                    format!("/api/v1/orders/{}", told["results"][0]["id"].as_str().unwrap());
                raised += act(&order, "confirm", json!({})).await;
                mine.push(order);
            }
            (5, kept) => {
                mine.extend(kept);
                let order = desk.order_of(customer, amount).await;
                act(&order, "hold", json!({ "reason": "x" })).await;
                raised += act(&order, "release", json!({})).await;
                mine.push(order);
            }
            (6, Some(order)) => {
                // An invoice replaces the amount of its order; a larger one increases the exposure.
                let bill = json!({ "order_id": id(&order), "amount": amount,
                    "customer_id": by.get(&order).await.expect(200)["customer_id"] });
                raised += bill_it(by, bill).await;
                mine.push(order);
            }
            (7 | 8, kept) => {
                mine.extend(kept);
                let bill = json!({ "customer_id": id(customer), "amount": amount });
                raised += bill_it(by, bill).await;
            }
            (9 | 10, kept) => {
                mine.extend(kept);
                let paid = json!({ "customer_id": id(customer), "amount": amount });
                let paid = by.post("/api/v1/payments", paid).await.expect(201);
                let path = format!("/api/v1/payments/{}/allocate", paid["id"].as_str().unwrap());
                by.post(&path, json!({ "oldest_first": true })).await.expect(200);
            }
            (_, kept) => {
                mine.extend(kept);
                let order = desk.order_of(customer, amount).await;
                raised += act(&order, "confirm", json!({})).await;
                mine.push(order);
            }
        }
    }
    raised
}

/// Posts an invoice if the credit limit allows it.
async fn bill_it(by: &Actor<'_>, bill: Value) -> u64 {
    let draft = by.post("/api/v1/invoices", bill).await.expect(201);
    let path = format!("/api/v1/invoices/{}/post", draft["id"].as_str().unwrap());
    let told = by.post(&path, Value::Null).await;
    assert!(matches!(told.status.as_u16(), 200 | 409), "post: {:#}", told.body);
    u64::from(told.status == 200)
}

/// A client that imports data: invoices of an ERP, payments and their reversals.
async fn bringer(desk: &Desk<'_>, customers: &[String], seed: u64, end: Instant) -> u64 {
    let (mut dice, mut facts, mut paid) = (Dice(seed), 0, Vec::<String>::new());
    while Instant::now() < end {
        let customer = id(&customers[dice.roll(customers.len())]);
        let key = Uuid::now_v7().to_string();
        match (dice.roll(4), paid.pop()) {
            (0 | 1, kept) => {
                paid.extend(kept);
                let item = json!({ "external_id": key, "number": key, "customer_id": customer,
                    "invoice_date": "2026-03-02", "total_amount": dice.pick(&["10", "40"]) });
                let batch = json!({ "items": [item] });
                let told = desk.erp.post("/api/v1/invoices/batch", batch).await.expect(200);
                assert_eq!(told["created"], 1, "{told:#}");
            }
            (2, Some(payment)) => {
                let why = json!({ "reason": "bounced" });
                let path = format!("/api/v1/payments/{payment}/reverse");
                desk.admin.post(&path, why).await.expect(200);
            }
            (_, kept) => {
                paid.extend(kept);
                let new = json!({ "customer_id": customer, "amount": dice.pick(&["25", "60"]) });
                let made = desk.admin.post("/api/v1/payments", new).await.expect(201);
                let payment = made["id"].as_str().unwrap().to_owned();
                let path = format!("/api/v1/payments/{payment}/allocate");
                desk.admin.post(&path, json!({ "oldest_first": true })).await.expect(200);
                paid.push(payment);
            }
        }
        facts += 1;
    }
    facts
}

/// Only imported data exceeds a limit, and such data is flagged.
#[actix_web::test]
async fn beyond_the_limit_is_a_fact_that_is_flagged() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let customers = customers(&desk).await.split_off(4);
    let end = Instant::now() + patience();
    let people = (0..CLIENTS / 2).map(|seed| client(&desk, &desk.admin, &customers, seed, end));
    let facts = (0..CLIENTS / 2).map(|seed| bringer(&desk, &customers, 100 + seed, end));
    let (raised, facts) = join(join_all(people), join_all(facts)).await;
    let flagged = service
        .texts(
            "select customer_id::text from invoices where credit_exceeded
            union select customer_id::text from payments where credit_exceeded",
        )
        .await;
    let beyond = beyond(&service).await;
    let quiet = beyond.iter().filter(|it| !flagged.contains(&it[..36].to_owned()));
    assert_eq!(quiet.collect::<Vec<_>>(), Vec::<&String>::new(), "not flagged");
    assert_eq!(wrong(&service).await, Vec::<String>::new());
    let (raised, facts) = (raised.iter().sum::<u64>(), facts.iter().sum::<u64>());
    println!("{raised} raised, {facts} facts, {} customers beyond", beyond.len());
    assert!(raised > 0 && facts > 0 && !flagged.is_empty(), "nothing happened");
}

#[actix_web::test]
async fn nobody_owes_more_than_the_limit() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let customers = customers(&desk).await;
    let end = Instant::now() + patience();
    let going = Cell::new(true);
    let clients = (0..CLIENTS).map(|seed| client(&desk, &desk.admin, &customers, seed, end));
    let clients = async {
        let raised = join_all(clients).await;
        going.set(false);
        raised.iter().sum::<u64>()
    };
    let looked = Cell::new(0);
    let watch = async {
        while going.get() {
            assert_eq!(beyond(&service).await, Vec::<String>::new());
            looked.set(looked.get() + 1);
            sleep(Duration::from_millis(20)).await;
        }
    };
    let (raised, ()) = join(clients, watch).await;
    assert_eq!((beyond(&service).await, wrong(&service).await), (vec![], vec![]));
    let full = "select count(*)::text from (select sum(amount) from open_items
        group by customer_id having sum(amount) >= 75) as it";
    println!(
        "{raised} raised, looked {} times, {:?} near the limit",
        looked.get(),
        service.texts(full).await
    );
    assert!(raised > 0, "nothing happened");
}

/// With an override, the limit is exceeded by no more than its amount.
#[actix_web::test]
async fn an_override_is_used_once_by_all_together() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let customer = customers(&desk).await.remove(0);
    let until = service.inner.clock.now().0 + Duration::from_hours(24);
    let more = json!({ "amount": "90", "reason": "x", "expires_at": until.to_string() });
    desk.controller.post(&format!("{customer}/credit-overrides"), more).await.expect(201);
    let orders = join_all((0..CLIENTS).map(|_| desk.order_of(&customer, "40"))).await;
    let confirm = orders.iter().map(async |order| {
        desk.admin.post(&format!("{order}/confirm"), json!({})).await.status.as_u16()
    });
    let told = join_all(confirm).await;
    assert_eq!(told.iter().filter(|it| **it == 200).count(), 5, "200 of 200: {told:?}");
}

/// With a concurrent import, either the imported data is flagged or the user's step is refused.
#[actix_web::test]
async fn a_fact_and_a_step_know_of_each_other() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    for customer in customers(&desk).await {
        let order = desk.order_of(&customer, "80").await;
        let key = Uuid::now_v7().to_string();
        let item = json!({ "external_id": key, "number": key, "customer_id": id(&customer),
            "order_date": "2026-03-02", "lines": [{ "quantity": "1", "amount": "80" }] });
        let batch = json!({ "items": [item] });
        let path = format!("{order}/confirm");
        let step = desk.admin.post(&path, json!({}));
        let (step, fact) = join(step, desk.erp.post("/api/v1/orders/batch", batch)).await;
        let fact = fact.expect(200)["results"][0]["id"].as_str().unwrap().to_owned();
        let fact = desk.seller.get(&format!("/api/v1/orders/{fact}")).await.expect(200);
        let told = (step.status.as_u16(), fact["credit_exceeded"] == true);
        assert!(matches!(told, (200, true) | (409, false)), "{told:?}");
    }
    assert_eq!(wrong(&service).await, Vec::<String>::new());
}

/// Actions of an ERP, of users and of the service itself on orders, in random order.
async fn history(desk: &Desk<'_>, seed: u64) {
    let mut dice = Dice(seed);
    let mut customers = vec![];
    for n in 0..4 {
        customers.push(desk.seller.customer(&format!("{seed} {n}")).await);
    }
    let mut orders = Vec::<String>::new();
    for step in 0..60 {
        let customer = customers[dice.roll(customers.len())].clone();
        let amount = ["10", "-7.5", "0.01", "33.333333"][dice.roll(4)];
        let status =
            dice.pick(&["draft", "submitted", "credit_hold", "confirmed", "closed", "cancelled"]);
        let old = orders.get(dice.roll(orders.len().max(1))).cloned();
        match (dice.roll(8), old) {
            (0..3, _) => {
                let key = format!("{seed} {}", dice.roll(12));
                let mut item = json!({ "external_id": key, "number": key, "status": status,
                    "customer_id": id(&customer), "order_date": "2026-03-02",
                    "currency": dice.pick(&["CNY", "USD"]),
                    "lines": [{ "quantity": "1", "amount": amount }], "tax_amount": "1" });
                if dice.roll(3) == 0 {
                    item["billing_status"] = json!(dice.pick(&["none", "partial", "invoiced"]));
                }
                if status == "cancelled" {
                    item["cancelled_on"] = json!("2026-03-03");
                } else {
                    item["cancelled_on"] = Value::Null;
                }
                let told = desk.erp.post("/api/v1/orders/batch", json!({ "items": [item] })).await;
                let told = told.expect(200);
                assert_eq!(told["failed"], 0, "{told:#}");
                let order = told["results"][0]["id"].as_str().unwrap();
                orders.push(format!("/api/v1/orders/{order}"));
            }
            (3, _) => orders.push(desk.order_of(&customer, "12").await),
            (4 | 5, Some(order)) => {
                let action =
                    dice.pick(&["confirm", "close", "reopen", "hold", "release", "cancel"]);
                let body = if matches!(action, "hold" | "cancel") {
                    json!({ "reason": "x" })
                } else {
                    json!({})
                };
                let told =
                    desk.admin.post(&format!("{order}/{action}"), body).await.status.as_u16();
                assert!(matches!(told, 200 | 409 | 422), "{action}: {told}");
            }
            (6, Some(order)) => {
                let (order_id, invoiced) =
                    (id(&order).parse().unwrap(), Money(amount.parse().unwrap()));
                let change = [order::Billing { order_id, invoiced, paid: None }];
                let (db, clock) = (&desk.service.inner.db, &desk.service.inner.clock);
                let billed =
                    Tx::run(db, clock, Uuid::nil(), async |tx| order::billed(tx, &change).await);
                billed.await.unwrap();
            }
            (7, _) if customers.len() > 2 => {
                let loser = customers.pop().unwrap();
                let merge = json!({ "loser_id": id(&loser) });
                desk.admin.post(&format!("{}/merge", customers[0]), merge).await.expect(200);
            }
            _ => {}
        }
        assert_eq!(wrong(desk.service).await, Vec::<String>::new(), "seed {seed}, step {step}");
    }
}

#[actix_web::test]
async fn what_is_kept_is_what_the_orders_come_to() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7.123457" });
    service.actor(Role::Finance).await.post("/api/v1/exchange-rates", rate).await.expect(201);
    for seed in 0..or_in_torture(5, 10) {
        history(&desk, seed).await;
    }
    assert!(service.count("open_items").await > or_in_torture(4, 10));
}
