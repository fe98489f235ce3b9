//! Complaints that are registered on a visit.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};
use crate::targets::codes;
use crate::visits::{PATH, customer, done, id, planned, service, there, with};

fn heard(more: Value) -> Value {
    with(json!({ "category": "quality", "description": "外壳开裂,客户要求换货" }), more)
}

async fn of_visit(actor: &Actor<'_>, visit: &str, query: &str) -> usize {
    let visit = visit.rsplit('/').next().unwrap();
    let found = actor.get(&format!("/api/v1/complaints?visit_id={visit}{query}")).await.expect(200);
    found["items"].as_array().unwrap().len()
}

async fn answer(actor: &Actor<'_>, visit: &str) -> (Value, Value) {
    let visit = actor.get(visit).await.expect(200);
    (visit["complaint_answer"].clone(), visit["version"].clone())
}

#[actix_web::test]
async fn what_the_customer_says_while_somebody_is_there() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = planned(&seller, json!({})).await;
    let path = format!("{visit}/complaints");
    // Before the check-in, a complaint does not set the complaint answer of the visit.
    let early = seller.post(&path, heard(json!({}))).await.expect(201);
    assert_eq!(answer(&seller, &visit).await, (Value::Null, json!(1)));
    assert_eq!(early["status"], "registered");
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let settled = json!({ "category": "delivery", "severity": "major",
        "resolved": { "resolution": "当场更换新品", "customer_confirmed_by": "signature" } });
    let key = [("idempotency-key", "heard-1")];
    let send = async || seller.send(Method::POST, &path, Some(heard(settled.clone())), &key).await;
    let new = send().await.expect(201);
    let twice = send().await;
    assert_eq!(twice.header("idempotency-replayed"), "true");
    assert_eq!(twice.expect(201), new);
    let whole = seller.get(&visit).await.expect(200);
    for (name, expected) in [
        ("visit_id", whole["id"].clone()),
        ("customer_id", whole["customer_id"].clone()),
        ("channel", json!("visit")),
        ("status", json!("resolved")),
        ("severity", json!("major")),
        ("reporter_id", json!(seller.id)),
        ("resolution_mode", json!("on_the_spot")),
    ] {
        assert_eq!(new[name], expected, "{name}");
    }
    assert_eq!(answer(&seller, &visit).await, (json!(true), json!(3)));
    // A second complaint changes nothing, and the check-out need not repeat the answer.
    seller.post(&path, heard(json!({ "category": "price" }))).await.expect(201);
    assert_eq!(answer(&seller, &visit).await, (json!(true), json!(3)));
    assert_eq!(of_visit(&seller, &visit, "&channel=visit").await, 3);
    let end = with(there(&service), json!({ "outcome": "promised" }));
    let ended = seller.post(&format!("{visit}/check-out"), end).await.expect(200);
    assert_eq!((&ended["status"], &ended["complaint_answer"]), (&json!("completed"), &json!(true)));

    // An answer given at the check-out stays.
    let visit = planned(&seller, json!({})).await;
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    seller.post(&format!("{visit}/check-out"), done(&service)).await.expect(200);
    seller.post(&format!("{visit}/complaints"), heard(json!({}))).await.expect(201);
    assert_eq!(answer(&seller, &visit).await.0, false);
}

/// Imports a completed visit without a complaint answer.
async fn unanswered(service: &Service, seller: &Actor<'_>, more: Value) -> String {
    let erp = service.client(Role::Erp, "crm").await;
    let check = |at: &str| json!({ "occurred_at": at, "latitude": 31.2304, "longitude": 121.4737 });
    let item = json!({ "external_id": "1", "customer_id": customer(seller).await,
        "owner_id": seller.id, "planned_date": "2026-11-19", "outcome": "informed",
        "check_in": check("2026-11-19T02:00:00Z"), "check_out": check("2026-11-19T02:30:00Z") });
    let items = json!({ "items": [with(item, more)] });
    let told = erp.post("/api/v1/visits/batch", items).await.expect(200);
    format!("{PATH}/{}", id(&told["results"][0]))
}

#[actix_web::test]
async fn whoever_sees_the_visit_and_nobody_else() {
    let service = service().await;
    let (seller, coach) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (manager, other) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    service.team(None, &manager, &[&seller]).await;
    let along = json!({ "participant_ids": [coach.id] });
    let visit = unanswered(&service, &seller, along).await;
    let path = format!("{visit}/complaints");
    assert_eq!(seller.get(&visit).await.expect(200)["validity"], "invalid");
    for nobody in [&other, &service.actor(Role::Finance).await] {
        nobody.post(&path, heard(json!({}))).await.expect(404);
    }
    let missing = format!("{PATH}/{}/complaints", uuid::Uuid::now_v7());
    seller.post(&missing, heard(json!({}))).await.expect(404);
    service.actor(Role::Reporter).await.post(&path, heard(json!({}))).await.expect(403);
    assert_eq!(answer(&seller, &visit).await, (Value::Null, json!(1)));
    // Companions heard the complaint as well, although the customer is a colleague's.
    let new = coach.post(&path, heard(json!({}))).await.expect(201);
    let of = format!("/api/v1/customers/{}", new["customer_id"].as_str().unwrap());
    coach.get(&of).await.expect(404);
    coach.get(&format!("/api/v1/complaints/{}", id(&new))).await.expect(200);
    let whole = seller.get(&visit).await.expect(200);
    assert_eq!((&whole["complaint_answer"], &whole["validity"]), (&json!(true), &json!("valid")));
    let history = seller.get(&format!("{visit}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    manager.post(&path, heard(json!({ "category": "price" }))).await.expect(201);
    assert_eq!(of_visit(&seller, &visit, "").await, 2);
    other.get(&format!("/api/v1/complaints/{}", id(&new))).await.expect(404);
}

#[actix_web::test]
async fn what_is_refused_leaves_the_visit_as_it_was() {
    let service = service().await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let visit = unanswered(&service, &seller, json!({})).await;
    let path = format!("{visit}/complaints");
    let elsewhere = json!({ "customer_id": customer(&seller).await, "name": "王芳" });
    let elsewhere = seller.post("/api/v1/contacts", elsewhere).await.expect(201);
    for (more, fault) in [
        (json!({ "customer_id": elsewhere["customer_id"] }), "/customer_id unknown_field"),
        (json!({ "visit_id": visit.rsplit('/').next() }), "/visit_id unknown_field"),
        (json!({ "channel": "phone" }), "/channel unknown_field"),
        (json!({ "category": "colour" }), "/category unknown_value"),
        (json!({ "description": "" }), "/description too_short"),
        (json!({ "occurred_at": "2026-11-21T02:00:00Z" }), "/occurred_at range"),
        (json!({ "contact_id": elsewhere["id"] }), "/contact_id contradiction"),
        (json!({ "product_id": uuid::Uuid::now_v7() }), "/product_id unknown_reference"),
        (
            json!({ "attachment_ids": [uuid::Uuid::now_v7()] }),
            "/attachment_ids/0 unknown_reference",
        ),
        (
            json!({ "resolved": { "resolution": "x", "compensation_amount": "500.01" } }),
            "/resolved/compensation_amount authority_exceeded",
        ),
        (
            json!({ "resolved": { "resolution": "x" }, "about_user_id": seller.id }),
            "/about_user_id owner_is_subject",
        ),
    ] {
        let problem = seller.post(&path, heard(more)).await.expect(422);
        assert_eq!(codes(&problem), [fault]);
    }
    let spot = heard(json!({ "resolved": { "resolution": "换货" } }));
    office.post(&path, spot).await.expect(403);
    seller.post(&format!("{PATH}/7/complaints"), heard(json!({}))).await.expect(400);
    assert_eq!(answer(&seller, &visit).await, (Value::Null, json!(1)));
    assert_eq!(service.count("complaints").await, 0);
}
