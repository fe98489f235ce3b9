//! The course of follow-ups: assigned, carried out, reported and assessed.

use salesbook::access::Role;
use salesbook::follow_ups::follow_up::escalate_late;
use salesbook::platform::{Clock, Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const PATH: &str = "/api/v1/follow-ups";

async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-20T02:00:00Z".parse().unwrap()))).await
}

async fn assigned(office: &Actor<'_>, seller: &Actor<'_>) -> String {
    let customer = seller.customer("跟踪客户").await;
    let new = json!({ "customer_id": customer.rsplit('/').next(), "assignee_id": seller.id,
        "instruction": "了解样品试用情况", "due_at": "2026-11-25T02:00:00Z" });
    let made = office.post(PATH, new).await.expect(201);
    format!("{PATH}/{}", made["id"].as_str().unwrap())
}

#[actix_web::test]
async fn from_the_office_to_the_field_and_back() {
    let service = service().await;
    let office = service.actor(Role::BackOffice).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let path = assigned(&office, &seller).await;
    let act = async |actor: &Actor<'_>, action: &str, body: Value| {
        actor
            .send(
                actix_web::http::Method::POST,
                &format!("{path}/{action}"),
                (!body.is_null()).then_some(body),
                &[],
            )
            .await
    };
    stranger.get(&path).await.expect(404);
    assert_eq!(act(&office, "accept", Value::Null).await.expect(403)["code"], "not_your_follow_up");
    act(&seller, "accept", Value::Null).await.expect(200);
    assert_eq!(act(&seller, "accept", Value::Null).await.expect(409)["code"], "wrong_status");
    let longer = json!({ "due_at": "2026-11-30T02:00:00Z", "reason": "客户出差" });
    let extended = act(&seller, "extend", longer.clone()).await.expect(200);
    assert_eq!(extended["extended_from"], "2026-11-25T02:00:00Z");
    let twice = json!({ "due_at": "2026-12-30T02:00:00Z", "reason": "又出差" });
    assert_eq!(act(&seller, "extend", twice).await.expect(409)["code"], "already_extended");
    act(&seller, "submit", json!({ "result": "好" })).await.expect(409);
    act(&seller, "start", Value::Null).await.expect(200);
    act(&seller, "submit", json!({ "result": "样品合格" })).await.expect(200);
    let waiting = office.get("/api/v1/me/follow-ups?assigned=true").await.expect(200);
    assert_eq!(waiting["items"][0]["result"], "样品合格");
    assert_eq!(
        act(&seller, "complete", Value::Null).await.expect(403)["code"],
        "not_your_follow_up"
    );
    act(&office, "return", json!({ "reason": "客户怎么说?" })).await.expect(200);
    let mine = seller.get("/api/v1/me/follow-ups?total=exact").await.expect(200);
    assert_eq!((&mine["total"], &mine["items"][0]["status"]), (&json!(1), &json!("returned")));
    act(&seller, "start", Value::Null).await.expect(200);
    act(&seller, "submit", json!({ "result": "下月订货" })).await.expect(200);
    let done = act(&office, "complete", Value::Null).await.expect(200);
    assert_eq!(
        (&done["status"], &done["ended_at"]),
        (&json!("done"), &json!("2026-11-20T02:00:00Z"))
    );
    act(&office, "cancel", json!({ "reason": "x" })).await.expect(409);
    let history = office.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 9);
}

#[actix_web::test]
async fn who_may_assign_what() {
    let service = service().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("客户").await;
    let customer = customer.rsplit('/').next().unwrap();
    let new = |who: Uuid, due: &str| {
        json!({ "customer_id": customer, "assignee_id": who,
        "instruction": "回访", "due_at": due })
    };
    let good = "2026-11-25T02:00:00Z";
    let told = seller.post(PATH, new(other.id, good)).await.expect(403);
    assert_eq!(told["code"], "not_your_person");
    seller.post(PATH, new(seller.id, good)).await.expect(201);
    manager.post(PATH, new(seller.id, good)).await.expect(201);
    manager.post(PATH, new(other.id, good)).await.expect(403);
    let told = seller.post(PATH, new(seller.id, "2026-11-19T02:00:00Z")).await.expect(422);
    assert_eq!(told["errors"][0]["pointer"], "/due_at");
    let told = seller.post(PATH, new(Uuid::now_v7(), good)).await.expect(422);
    assert_eq!(told["errors"][0]["code"], "unknown_reference");
    let told = other.post(PATH, new(other.id, good)).await.expect(422);
    assert_eq!(told["errors"][0]["pointer"], "/customer_id", "somebody else's customer");
}

#[actix_web::test]
async fn a_day_late_is_told_to_the_leaders_once() {
    let service = service().await;
    let office = service.actor(Role::BackOffice).await;
    let seller = service.actor(Role::Salesperson).await;
    let path = assigned(&office, &seller).await;
    let job = || Tx::run(&service.inner.db, &service.inner.clock, Uuid::nil(), escalate_late);
    service.inner.clock.set(Timestamp("2026-11-26T02:00:00Z".parse().unwrap()));
    assert_eq!(job().await.unwrap(), 0);
    let (office, seller) = (service.signed_in(office.id), service.signed_in(seller.id));
    let late = office.get(&format!("{PATH}?overdue=true&total=exact")).await.expect(200);
    assert_eq!(late["total"], 1);
    service.inner.clock.set(Timestamp("2026-11-26T02:00:01Z".parse().unwrap()));
    assert_eq!((job().await.unwrap(), job().await.unwrap()), (1, 0));
    let told = seller.get(&path).await.expect(200);
    assert_eq!(
        (&told["escalated_at"], &told["version"]),
        (&json!("2026-11-26T02:00:01Z"), &json!(2))
    );
}
