//! Edits with a version from before a side effect of a payment, a companion or a job.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::complaints::hooks::check_deadlines;
use salesbook::platform::{Clock, Tx};
use salesbook::visits::visit::mark_missed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::complaints::{COMPLAINTS, about, at, path, step};
use crate::receivables::send;
use crate::support::harness::{Actor, Service};
use crate::visits;

/// Checks that every change is in the feed, with its own event id and in order of versions.
async fn recorded(service: &Service, id: &str, versions: i64) {
    let ids = format!("(select distinct event_id from changes where id = '{id}') as events");
    assert_eq!(service.count(&ids).await, versions);
    let query = format!("select version::text from changes where id = '{id}' order by xid, seq");
    let expected: Vec<String> = (1..=versions).map(|version| version.to_string()).collect();
    assert_eq!(service.texts(&query).await, expected);
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[actix_web::test]
async fn an_invoice_is_edited_after_a_payment() {
    let service = Service::start_at(Clock::fixed(at("2026-11-20T02:00:00Z"))).await;
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    let customers = send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let item = json!({ "external_id": "A", "number": "A", "customer_external_id": "C",
        "invoice_date": "2026-11-02", "due_date": "2026-11-30", "amount": "100" });
    let invoice = send(&erp, "invoices", json!([item])).await["results"][0]["id"].clone();
    let path = format!("/api/v1/invoices/{}", invoice.as_str().unwrap());
    let version = finance.get(&path).await.expect(200)["version"].as_i64().unwrap();
    let payment = json!({ "customer_id": customers["results"][0]["id"], "amount": "40",
        "allocations": [{ "invoice_id": invoice, "amount": "40" }] });
    finance.post("/api/v1/payments", payment).await.expect(201);

    let edited = finance.patch(&path, version, json!({ "due_date": "2026-12-15" })).await;

    let edited = edited.expect(200);
    assert_eq!(
        (&edited["open_amount"], &edited["due_date"]),
        (&json!("60.00"), &json!("2026-12-15"))
    );
    assert_eq!(edited["version"], version + 2);
    let stale = finance.patch(&path, version, json!({ "due_date": "2026-12-16" })).await;
    assert_eq!(stale.expect(412)["code"], "stale");
    recorded(&service, invoice.as_str().unwrap(), version + 2).await;
}

#[actix_web::test]
async fn a_field_that_a_side_effect_has_changed_is_a_conflict() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    let contact = async |name: &str| {
        let new = json!({ "customer_id": last(&customer), "name": name, "is_primary": true });
        let made = office.post("/api/v1/contacts", new).await.expect(201);
        format!("/api/v1/contacts/{}", made["id"].as_str().unwrap())
    };
    let first = contact("王芳").await;
    contact("李娜").await;

    let other = office.patch(&first, 1, json!({ "is_primary": true })).await;
    let phone = office.patch(&first, 1, json!({ "title": "CEO" })).await;

    assert_eq!(other.expect(412)["current"]["is_primary"], false);
    assert_eq!(phone.expect(200)["version"], 3);
}

#[actix_web::test]
async fn a_visit_is_edited_after_the_companion_has_come() {
    let service = visits::service().await;
    let (seller, coach) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let visit = visits::planned(&seller, json!({ "participant_ids": [coach.id] })).await;
    coach.post(&format!("{visit}/check-in"), visits::there(&service)).await.expect(200);

    let edited = seller.patch(&visit, 1, json!({ "purpose": "收款" })).await.expect(200);

    assert_eq!((&edited["purpose"], &edited["version"]), (&json!("收款"), &json!(3)));
    seller.patch(&visit, 1, json!({ "purpose": "新品" })).await.expect(412);
    seller.patch(&visit, 9, json!({ "purpose": "新品" })).await.expect(412);
    recorded(&service, last(&visit), 3).await;
}

#[actix_web::test]
async fn a_visit_is_ended_after_a_complaint_was_recorded_on_it() {
    let service = visits::service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = visits::planned(&seller, json!({})).await;
    let begun =
        seller.post(&format!("{visit}/check-in"), visits::there(&service)).await.expect(200);
    let heard = json!({ "category": "quality", "description": "外壳开裂" });
    seller.post(&format!("{visit}/complaints"), heard).await.expect(201);

    let tag = format!("\"{}\"", begun["version"]);
    let end = visits::with(visits::there(&service), json!({ "outcome": "promised" }));
    let end = seller
        .send(Method::POST, &format!("{visit}/check-out"), Some(end), &[("if-match", &tag)])
        .await;

    assert_eq!(end.expect(200)["status"], "completed");
}

#[actix_web::test]
async fn a_phone_that_was_offline_begins_a_visit_that_a_job_has_marked_as_missed() {
    let service = visits::service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = visits::planned(&seller, json!({})).await;
    let evidence = visits::there(&service);
    service.inner.clock.set(at("2026-11-21T02:00:00Z"));
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    assert_eq!(Tx::run(db, clock, Uuid::nil(), mark_missed).await.unwrap(), 1);

    let seller = service.signed_in(seller.id);
    let path = format!("{visit}/check-in");
    let begun = seller.send(Method::POST, &path, Some(evidence), &[("if-match", "\"1\"")]).await;

    assert_eq!(begun.expect(200)["status"], "in_progress");
}

async fn edited(actor: &Actor<'_>, path: &str, version: i64) -> Value {
    actor.patch(path, 1, json!({ "batch_no": version.to_string() })).await.body
}

#[actix_web::test]
async fn a_complaint_is_edited_after_a_proposal_a_filing_and_a_job() {
    // Monday, 10:00 in Shanghai.
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    let propose = json!({ "text": "换货", "customer_informed": true });
    for (action, body) in [("proposals", propose), ("file", Value::Null), ("dispatch", Value::Null)]
    {
        let complaint = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
        assert_eq!(step(&office, &complaint, action, body).await.expect(200)["version"], 2);

        let told = edited(&office, &complaint, 3).await;

        assert_eq!((&told["version"], &told["batch_no"]), (&json!(3), &json!("3")), "{action}");
        office.patch(&complaint, 1, json!({ "batch_no": "x" })).await.expect(412);
        recorded(&service, last(&complaint), 3).await;
    }
    let late = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    service.inner.clock.set(at("2026-11-25T02:00:00Z"));
    let office = service.signed_in(office.id);
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    Tx::run(db, clock, Uuid::nil(), check_deadlines).await.unwrap();
    let version = office.get(&late).await.expect(200)["version"].as_i64().unwrap();
    assert!(version > 1, "the job has recorded that it is late");

    let told = edited(&office, &late, version + 1).await;

    assert_eq!(told["version"], version + 1, "{told:#}");
}

#[actix_web::test]
async fn what_somebody_else_has_edited_is_a_conflict_whatever_else_has_happened() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let customer = office.customer("Lin").await;
    let complaint = path(&office.post(COMPLAINTS, about(&customer)).await.expect(201));
    step(&office, &complaint, "file", Value::Null).await.expect(200);
    office.patch(&complaint, 2, json!({ "description": "外壳开裂" })).await.expect(200);
    step(&office, &complaint, "dispatch", Value::Null).await.expect(200);

    let stale = office.patch(&complaint, 1, json!({ "batch_no": "B" })).await.expect(412);

    assert_eq!((&stale["code"], &stale["current_version"]), (&json!("stale"), &json!(4)));
    office.patch(&complaint, 3, json!({ "batch_no": "B" })).await.expect(200);
}
