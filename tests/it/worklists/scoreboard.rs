//! The scoreboard: every figure equals the number that the same user can count in lists.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::{self, TestRequest};
use diesel::connection::InstrumentationEvent;
use diesel_async::AsyncConnection;
use salesbook::access::Role;
use salesbook::platform::{Clock, Db, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const PATH: &str = "/api/v1/me/scoreboard";

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse().unwrap())
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// Imports visits and orders of a seller.
async fn reported(service: &Service, seller: Uuid, customer: &str) {
    let erp = service.client(Role::Erp, "sap").await;
    let check = |at: &str| json!({ "occurred_at": at, "latitude": 31.23, "longitude": 121.47 });
    // Today is Wednesday, 2 December: its week began in November.
    let days = [
        ("2026-12-02", "planned"),
        ("2026-12-02", "completed"),
        ("2026-12-02", "cancelled"),
        ("2026-12-04", "planned"),
        ("2026-11-30", "completed"),
        ("2026-12-07", "planned"),
        ("2026-12-01", "missed"),
        ("2026-11-29", "completed"),
        ("2027-01-01", "planned"),
    ];
    let mut visits: Vec<Value> =
        days.iter().map(|(day, status)| json!({ "planned_date": day, "status": status })).collect();
    visits.push(json!({ "planned_date": "2026-12-01", "status": "completed", "remote": true,
        "outcome": "informed", "complaint_answer": false, "check_in": check("2026-12-01T00:00:00Z"),
        "check_out": check("2026-12-01T00:30:00Z") }));
    for (n, visit) in visits.iter_mut().enumerate() {
        let facts = json!({ "external_id": n.to_string(), "owner_id": seller,
            "customer_id": customer });
        visit.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    }
    let told = erp.post("/api/v1/visits/batch", json!({ "items": visits })).await.expect(200);
    assert_eq!(told["created"], visits.len(), "{told:#}");
    let days = [
        ("2026-12-02", "100.00", "100"),
        ("2026-12-01", "200.00", "50"),
        ("2026-11-30", "400.00", "100"),
        ("2026-11-29", "800.00", "100"),
        ("2026-12-31", "1600.00", "100"),
    ];
    let boss = service.actor(Role::SalesManager).await.id;
    let order = |(n, (day, amount, share)): (usize, &(&str, &str, &str))| {
        let mut credits = vec![json!({ "user_id": seller, "share_percent": share })];
        if *share == "50" {
            credits.push(json!({ "user_id": boss, "share_percent": "50" }));
        }
        json!({ "external_id": n.to_string(), "number": n.to_string(), "status": "confirmed",
            "customer_id": customer, "order_date": day, "credits": credits,
            "lines": [{ "quantity": "1", "amount": amount }] })
    };
    let orders: Vec<Value> = days.iter().enumerate().map(order).collect();
    let told = erp.post("/api/v1/orders/batch", json!({ "items": orders })).await.expect(200);
    assert_eq!(told["created"], orders.len(), "{told:#}");
    let again = erp.post("/api/v1/orders/batch", {
        let mut changed = orders[4].clone();
        changed["lines"][0]["amount"] = json!("1500.00");
        json!({ "items": [changed] })
    });
    assert_eq!(again.await.expect(200)["updated"], 1);
}

/// The number of rows in a list.
async fn total(actor: &Actor<'_>, list: &str) -> Value {
    actor.get(&format!("/api/v1/{list}&total=exact&limit=1")).await.expect(200)["total"].clone()
}

#[actix_web::test]
async fn figures_are_what_the_lists_have() {
    let service = Service::start_at(Clock::fixed(at("2026-11-27T02:00:00Z"))).await;
    let seller = service.actor(Role::Salesperson).await.id;
    let other = service.actor(Role::Salesperson).await.id;
    let first = service.signed_in(seller).customer("老客户").await;
    let first = first.rsplit('/').next().unwrap().to_owned();
    let contact = json!({ "customer_id": first, "name": "王芳", "allow_duplicate": true });
    service.signed_in(seller).post("/api/v1/contacts", contact.clone()).await.expect(201);
    // Midnight in Shanghai on Monday, on the first and today, and the second before each.
    for moment in [
        "2026-11-29T15:59:59Z",
        "2026-11-29T16:00:00Z",
        "2026-11-30T15:59:59Z",
        "2026-11-30T16:00:00Z",
        "2026-12-01T15:59:59Z",
        "2026-12-01T16:00:00Z",
    ] {
        service.inner.clock.set(at(moment));
        service.new_month().await;
        for person in [seller, other] {
            service.signed_in(person).customer("新客户").await;
        }
        service.signed_in(seller).post("/api/v1/contacts", contact.clone()).await.expect(201);
    }
    service.inner.clock.set(at("2026-12-02T02:00:00Z"));
    reported(&service, seller, &first).await;
    // A new customer that turns out to be a known one does not count as new.
    let twin = service.signed_in(seller).customer("老客户").await;
    let twin = twin.rsplit('/').next().unwrap();
    let merge = json!({ "loser_id": twin });
    let office = service.actor(Role::BackOffice).await;
    office.post(&format!("/api/v1/customers/{first}/merge"), merge).await.expect(200);
    let me = service.signed_in(seller);
    let told = me.get(PATH).await.expect(200);
    assert_eq!((&told["date"], &told["target"]), (&json!("2026-12-02"), &Value::Null));
    let expected = [
        ("today", "2026-12-02", "2026-12-03", [2, 1, 0, 1, 1, 1], "100.00"),
        ("week", "2026-11-30", "2026-12-07", [6, 3, 1, 5, 5, 3], "600.00"),
        ("month", "2026-12-01", "2027-01-01", [6, 2, 1, 3, 3, 3], "1700.00"),
    ];
    for (name, from, to, [planned, completed, valid, contacts, customers, orders], amount) in
        expected
    {
        let score = json!({ "from": from, "to": to, "visits_planned": planned,
            "visits_completed": completed, "visits_valid": valid, "new_contacts": contacts,
            "new_customers": customers, "orders": orders, "amount": amount });
        assert_eq!(told[name], score, "{name}");
        let visits = format!("visits?owner_id={seller}&planned_from={from}&planned_to={to}");
        let all = "planned,in_progress,completed,missed,abandoned";
        assert_eq!(total(&me, &format!("{visits}&status={all}")).await, planned);
        assert_eq!(total(&me, &format!("{visits}&status=completed")).await, completed);
        assert_eq!(total(&me, &format!("{visits}&validity=valid")).await, valid);
        let instant = |day: &str| {
            let day: jiff::civil::Date = day.parse().unwrap();
            day.in_tz("Asia/Shanghai").unwrap().timestamp()
        };
        let (begin, end) = (instant(from), instant(to));
        let won = format!("customers?owner_id={seller}&created_from={begin}&created_to={end}");
        assert_eq!(total(&me, &won).await, customers);
        let contact_days = me.get("/api/v1/contacts?limit=200").await.expect(200);
        let met = contact_days["items"].as_array().unwrap().iter().filter(|it| {
            let made: jiff::Timestamp = it["created_at"].as_str().unwrap().parse().unwrap();
            (begin..end).contains(&made)
        });
        assert_eq!(met.count(), contacts);
        let sold = format!("orders?order_date_from={from}&order_date_to={to}");
        assert_eq!(total(&me, &sold).await, orders);
        let query = format!("from={from}&to={to}&salesperson_id={seller}");
        let report = me.get(&format!("/api/v1/reports/sales?{query}")).await.expect(200);
        let sum: f64 = report["totals"]["amount"].as_str().unwrap().parse().unwrap();
        assert!((sum - amount.parse::<f64>().unwrap()).abs() < 0.001, "{name}: {sum}");
    }
    let none = service.signed_in(other).get(PATH).await.expect(200);
    assert_eq!((&none["month"]["orders"], &none["month"]["new_customers"]), (&json!(0), &json!(3)));
    service.actor(Role::Finance).await.get(PATH).await.expect(403);
}

#[actix_web::test]
async fn the_target_is_that_of_the_report_and_all_is_two_statements() {
    let service = Service::start_at(Clock::fixed(at("2026-12-02T02:00:00Z"))).await;
    let (manager, seller) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("客户").await.rsplit('/').next().unwrap().to_owned();
    reported(&service, seller.id, &customer).await;
    let mut made = BTreeSet::new();
    for (start, value, level, dimension) in [
        ("2026-11-01", "9.00", "base", Value::Null),
        ("2026-12-01", "7.00", "base", json!("华东")),
        ("2026-12-01", "8000.00", "challenge", Value::Null),
        ("2026-12-01", "3000.00", "stretch", Value::Null),
        ("2026-12-01", "4000.00", "base", Value::Null),
    ] {
        let mut target = json!({ "owner_type": "user", "owner_id": seller.id, "value": value,
            "period_type": "month", "period_start": start, "level": level });
        if !dimension.is_null() {
            target["dimension"] = json!("region");
            target["dimension_value"] = dimension;
        }
        let target = id(&seller.post("/api/v1/targets", target).await.expect(201));
        assert_eq!(seller.get(PATH).await.expect(200)["target"], Value::Null, "a draft");
        made.insert(target);
    }
    for target in &made {
        manager.post(&format!("/api/v1/targets/{target}/approve"), json!({})).await.expect(200);
    }
    let told = seller.get(PATH).await.expect(200)["target"].clone();
    let url = "/api/v1/reports/attainment?owner_type=user&period_type=month&period=2026-12";
    let report = seller.get(url).await.expect(200);
    let row = report["rows"].as_array().unwrap().iter().find(|it| it["dimension"].is_null());
    let row = row.unwrap();
    assert_eq!(
        (&told["target_id"], &told["attainment_percent"]),
        (&row["target_id"], &json!("42.5"))
    );
    assert_eq!((&told["target"], &told["actual"]), (&json!("4000.00"), &json!("1700.00")));
    let percent: f64 = row["attainment_percent"].as_str().unwrap().parse().unwrap();
    assert!((percent - 42.5).abs() < 0.001);

    let db = Db::new(service.url(), 1);
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = statements.clone();
    let counting = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    db.conn().await.unwrap().set_instrumentation(counting);
    let app = test::init_service(service.inner.on(db).app()).await;
    let token = format!("Bearer {}", seller.token.as_ref().unwrap());
    let request = TestRequest::get().uri(PATH).insert_header(("authorization", token));
    assert_eq!(test::call_service(&app, request.to_request()).await.status(), 200);
    assert_eq!(statements.load(Ordering::Relaxed), 2);
}
