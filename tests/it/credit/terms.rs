//! Credit investigations and payment terms: the investigation, the decision and its effects.

use salesbook::access::Role;
use salesbook::credit;
use salesbook::platform::{Clock, Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::credit::{Desk, confirm};
use crate::support::harness::{Actor, Service};

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse().unwrap())
}

/// Concludes an investigation of the desk's customer with a score and a limit. Returns its path.
pub async fn concluded(desk: &Desk<'_>, score: u8, recommended: &str) -> String {
    let path = format!("{}/credit-investigations", desk.customer);
    let made = desk.seller.post(&path, json!({ "reason": "新客户" })).await.expect(201);
    let path = format!("/api/v1/credit-investigations/{}", made["id"].as_str().unwrap());
    desk.controller.post(&format!("{path}/start"), json!({})).await.expect(200);
    let found = json!({ "sources": ["公示系统"], "registered_capital": "5000000", "lawsuits": "无",
        "payment_history": "及时", "score": score, "recommended_limit": recommended });
    desk.controller.post(&format!("{path}/conclude"), found).await.expect(200);
    path
}

async fn requested(by: &Actor<'_>, customer: &str, limit: &str, more: Value) -> String {
    let mut new = json!({ "payment_days": 30, "credit_limit": limit, "reason": "年采购 60 万" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = by.post(&format!("{customer}/terms-requests"), new).await.expect(201);
    let path = format!("/api/v1/terms-requests/{}", made["id"].as_str().unwrap());
    by.post(&format!("{path}/submit"), json!({})).await.expect(200);
    path
}

async fn decide(by: &Actor<'_>, request: &str, how: &str, status: u16) -> Value {
    let why = json!({ "reason": "付款记录良好" });
    by.post(&format!("{request}/{how}"), why).await.expect(status)
}

async fn run(service: &Service, job: &str) -> u64 {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let done = Tx::run(db, clock, Uuid::nil(), async |tx| match job {
        "terms" => credit::terms_request::apply_due(tx).await,
        _ => credit::credit_investigation::expire(tx).await,
    });
    done.await.unwrap()
}

#[actix_web::test]
async fn what_was_found_out_is_good_for_a_while() {
    let service = Service::start_at(Clock::fixed(at("2026-11-20T04:00:00Z"))).await;
    let desk = Desk::of(&service).await;
    let path = concluded(&desk, 60, "50000").await;
    let row = desk.seller.get(&path).await.expect(200);
    assert_eq!((&row["status"], &row["valid_until"]), (&json!("concluded"), &json!("2027-11-20")));
    let poor = concluded(&desk, 59, "100").await;
    assert_eq!(desk.seller.get(&poor).await.expect(200)["valid_until"], "2027-05-20");
    let credit = format!("{}/credit", desk.customer);
    assert_eq!(desk.seller.get(&credit).await.expect(200)["credit_limit"], Value::Null);
    let expiring = "/api/v1/credit-investigations?total=exact&expiring_before=";
    let count = async |day: &str| {
        desk.seller.get(&format!("{expiring}{day}")).await.expect(200)["total"].clone()
    };
    assert_eq!((count("2027-05-20").await, count("2027-05-21").await), (json!(0), json!(1)));
    let stranger = service.actor(Role::Salesperson).await;
    stranger.get(&path).await.expect(404);
    stranger
        .post(&format!("{}/credit-investigations", desk.customer), json!({ "reason": "x" }))
        .await
        .expect(404);
    desk.seller.post(&format!("{path}/start"), json!({})).await.expect(403);
    // The investigation is still valid on its last day.
    service.inner.clock.set(at("2027-05-20T04:00:00Z"));
    service.new_month().await;
    assert_eq!(run(&service, "investigations").await, 0);
    service.inner.clock.set(at("2027-05-20T16:00:00Z"));
    assert_eq!(run(&service, "investigations").await, 1);
    assert_eq!(run(&service, "investigations").await, 0);
    let seller = service.signed_in(desk.seller.id);
    assert_eq!(seller.get(&poor).await.expect(200)["status"], "expired");
    let history = seller.get(&format!("{poor}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 4);
}

#[actix_web::test]
async fn beyond_what_is_recommended_only_the_director() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    concluded(&desk, 80, "100").await;
    let path = format!("{}/credit", desk.customer);
    let limit = |limit: Value| json!({ "credit_limit": limit });
    let problem = desk.controller.patch(&path, 0, limit(json!("120.01"))).await.expect(403);
    let told = (&problem["code"], &problem["recommended_limit"]);
    assert_eq!(told, (&json!("director_required"), &json!("100.00")));
    desk.controller.patch(&path, 0, limit(json!("120"))).await.expect(200);
    desk.controller.patch(&path, 1, limit(Value::Null)).await.expect(403);
    let tolerant = json!({ "tolerance_percent": "5" });
    // With the tolerance, the limit would exceed the approved one.
    desk.controller.patch(&path, 1, tolerant.clone()).await.expect(403);
    desk.controller.patch(&path, 1, limit(json!("114"))).await.expect(200);
    desk.controller.patch(&path, 2, tolerant).await.expect(200);
    let director = service.actor(Role::SalesDirector).await;
    director.patch(&path, 3, limit(json!("500"))).await.expect(200);
    desk.controller.patch(&path, 4, json!({ "max_overdue_days": 3 })).await.expect(200);
}

#[actix_web::test]
async fn terms_are_decided_by_somebody_else_with_the_authority() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&desk.seller]).await;
    let request = requested(&desk.seller, &desk.customer, "20000", json!({})).await;
    let problem = decide(&manager, &request, "approve", 409).await;
    assert_eq!(problem["code"], "investigation_required");
    concluded(&desk, 80, "20000").await;
    decide(&desk.seller, &request, "approve", 403).await;
    let approved = decide(&manager, &request, "approve", 200).await;
    assert_eq!(approved["decided_by"], json!(manager.id));
    let credit = desk.seller.get(&format!("{}/credit", desk.customer)).await.expect(200);
    assert_eq!(credit["credit_limit"], "20000.00");
    let terms = desk.seller.get(&format!("{}/terms", desk.customer)).await.expect(200);
    assert_eq!(
        (&terms["terms"]["id"], &terms["terms"]["payment_days"]),
        (&approved["id"], &json!(30))
    );
    decide(&manager, &request, "approve", 409).await;

    let more = requested(&desk.seller, &desk.customer, "20000.01", json!({})).await;
    let problem = decide(&manager, &more, "approve", 403).await;
    assert_eq!(
        (&problem["code"], &problem["limit"]),
        (&json!("authority_exceeded"), &json!("20000.00"))
    );
    decide(&desk.controller, &more, "approve", 200).await;
    let much = requested(&desk.seller, &desk.customer, "24000.01", json!({})).await;
    let problem = decide(&desk.controller, &much, "approve", 403).await;
    assert_eq!(problem["code"], "director_required");
    let director = service.actor(Role::SalesDirector).await;
    decide(&director, &much, "approve", 200).await;
    let own = requested(&director, &desk.customer, "1", json!({})).await;
    let problem = decide(&director, &own, "approve", 403).await;
    assert_eq!(problem["code"], "self_approval");
    decide(&director, &own, "reject", 403).await;
    let problem = desk.seller.post(&format!("{own}/withdraw"), json!({})).await.expect(403);
    assert_eq!(problem["code"], "not_the_author");
    decide(&manager, &own, "reject", 200).await;
    director.post(&format!("{own}/withdraw"), json!({})).await.expect(409);
}

#[actix_web::test]
async fn terms_begin_on_their_day() {
    let service = Service::start_at(Clock::fixed(at("2026-11-20T04:00:00Z"))).await;
    let desk = Desk::of(&service).await;
    let company = desk.admin.get("/api/v1/company").await.expect(200);
    let strict = json!({ "settings": { "prepaid_until_terms": 1 } });
    desk.admin
        .patch("/api/v1/company", company["version"].as_i64().unwrap(), strict)
        .await
        .expect(200);
    concluded(&desk, 80, "500").await;
    let later = json!({ "valid_from": "2026-11-25", "deposit_percent": "10" });
    let request = requested(&desk.seller, &desk.customer, "500", later).await;
    let approved = decide(&desk.controller, &request, "approve", 200).await;
    assert_eq!(
        (&approved["applied_at"], &approved["valid_from"]),
        (&Value::Null, &json!("2026-11-25"))
    );
    let order = desk.order("100").await;
    confirm(&desk.admin, &order, 409).await;
    assert_eq!(run(&service, "terms").await, 0);
    let terms = async |day: &str| {
        let path = format!("{}/terms?as_of={day}", desk.customer);
        desk.seller.get(&path).await.expect(200)["terms"]["id"].clone()
    };
    assert_eq!(
        (terms("2026-11-24").await, terms("2026-11-25").await),
        (Value::Null, approved["id"].clone())
    );
    service.inner.clock.set(at("2026-11-25T04:00:00Z"));
    assert_eq!(run(&service, "terms").await, 1);
    assert_eq!(run(&service, "terms").await, 0);
    let (admin, seller) = (service.signed_in(desk.admin.id), service.signed_in(desk.seller.id));
    let credit = seller.get(&format!("{}/credit", desk.customer)).await.expect(200);
    assert_eq!(
        (&credit["credit_limit"], &credit["valid_until"]),
        (&json!("500.00"), &json!("2027-11-20"))
    );
    confirm(&admin, &order, 200).await;
    for (more, at) in [
        (json!({ "payment_days": 366 }), "/payment_days"),
        (json!({ "credit_limit": "-1" }), "/credit_limit"),
        (json!({ "min_order_amount": "-1" }), "/min_order_amount"),
        (json!({ "deposit_percent": "101" }), "/deposit_percent"),
        (json!({ "valid_from": "2026-11-24" }), "/valid_from"),
    ] {
        let mut new = json!({ "payment_days": 30, "credit_limit": "1", "reason": "x" });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("{}/terms-requests", desk.customer);
        let problem = seller.post(&path, new).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], at, "{more}");
    }
}

#[actix_web::test]
async fn an_invoice_is_due_when_the_terms_say() {
    let service = Service::start_at(Clock::fixed(at("2026-11-20T04:00:00Z"))).await;
    let desk = Desk::of(&service).await;
    let finance = service.actor(Role::Finance).await;
    let id = desk.customer.rsplit('/').next().unwrap();
    let due = async |more: Value| {
        let new = crate::receivables::merged(json!({ "customer_id": id, "amount": "100" }), &more);
        let made = finance.post("/api/v1/invoices", new).await.expect(201);
        (made["id"].as_str().unwrap().to_owned(), made["due_date"].as_str().unwrap().to_owned())
    };
    assert_eq!(due(json!({})).await.1, "2026-11-20", "no terms: at once");
    concluded(&desk, 80, "50000").await;
    let request = requested(&desk.seller, &desk.customer, "1000", json!({})).await;
    decide(&desk.controller, &request, "approve", 200).await;
    let (draft, day) = due(json!({})).await;
    assert_eq!(day, "2026-12-20");
    assert_eq!(
        due(json!({ "invoice_date": "2026-11-19" })).await.1,
        "2026-11-19",
        "before the terms"
    );
    assert_eq!(due(json!({ "due_date": "2026-11-25" })).await.1, "2026-11-25");
    let parts = json!({ "instalments": [{ "due_date": "2026-12-01", "amount": "100" }] });
    assert_eq!(due(parts).await.1, "2026-12-01");
    let path = format!("/api/v1/invoices/{draft}");
    let moved = finance.patch(&path, 1, json!({ "invoice_date": "2026-11-21" })).await.expect(200);
    assert_eq!(moved["due_date"], "2026-12-21", "it moves along");
    let set = json!({ "due_date": "2026-12-31", "invoice_date": "2026-11-20" });
    finance.patch(&path, 2, set).await.expect(200);
    let kept = finance.patch(&path, 3, json!({ "invoice_date": "2026-11-22" })).await.expect(200);
    assert_eq!(kept["due_date"], "2026-12-31", "somebody has set it");
    let item = |key: &str, day: &str| {
        json!({ "external_id": key, "number": key, "customer_id": id,
        "invoice_date": day, "amount": "5" })
    };
    let items = json!([item("A", "2026-11-20"), item("B", "2026-11-19")]);
    let told = crate::receivables::send(&desk.erp, "invoices", items.clone()).await;
    for (n, day) in [(0, "2026-12-20"), (1, "2026-11-19")] {
        let path = format!("/api/v1/invoices/{}", told["results"][n]["id"].as_str().unwrap());
        assert_eq!(finance.get(&path).await.expect(200)["due_date"], day);
    }
    assert_eq!(crate::receivables::send(&desk.erp, "invoices", items).await["unchanged"], 2);
}
