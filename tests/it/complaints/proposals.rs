//! Proposals: the user who registers a complaint proposes how to handle it by the end of the next
//! working day.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const PATH: &str = "/api/v1/complaints";

/// A service on a Friday at 10:00 in Shanghai
async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-20T02:00:00Z".parse().unwrap()))).await
}

async fn registered(by: &Actor<'_>, customer: &str, changes: Value) -> Value {
    let mut new = json!({ "customer_id": customer.rsplit('/').next(), "category": "quality",
        "description": "外壳开裂" });
    new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    by.post(PATH, new).await.expect(201)
}

#[actix_web::test]
async fn a_proposal_is_due_as_the_filing_is() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = seller.customer("上海林氏").await;
    let made = registered(&seller, &customer, json!({})).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    // The end of the working day on Monday.
    let due = json!("2026-11-23T10:00:00Z");
    assert_eq!((&made["proposal_due_at"], &made["filing_due"]), (&due, &due));
    assert_eq!(made["proposed_at"], Value::Null);
    let propose = format!("{path}/proposals");
    let told = office.post(&propose, json!({ "text": "换货" })).await.expect(200);
    assert_eq!(told["proposed_at"], Value::Null, "somebody else's");
    service.inner.clock.set(Timestamp("2026-11-20T03:00:00Z".parse().unwrap()));
    let seller = service.signed_in(seller.id);
    for text in ["退货", "换货并补偿"] {
        let told = seller.post(&propose, json!({ "text": text })).await.expect(200);
        assert_eq!(told["proposed_at"], "2026-11-20T03:00:00Z");
        service.inner.clock.set(Timestamp("2026-11-20T03:10:00Z".parse().unwrap()));
    }
    let read = seller.get(&path).await.expect(200);
    assert_eq!(
        (&read["proposal_due_at"], &read["proposed_at"]),
        (&due, &json!("2026-11-20T03:00:00Z"))
    );
    let history = seller.get(&format!("{path}/history")).await.expect(200);
    let diffs: Vec<bool> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["diff"].get("proposed_at").is_some())
        .collect();
    assert_eq!(diffs[..3], [false, true, false], "told once: {history:#}");
}

#[actix_web::test]
async fn what_is_settled_on_the_spot_or_reopened_has_none_due() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("上海林氏").await;
    let settled = json!({ "resolved": { "resolution": "换货", "root_cause": "受潮" } });
    let made = registered(&seller, &customer, settled).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    assert_eq!(made["proposal_due_at"], Value::Null);
    assert_eq!(seller.get(&path).await.expect(200)["proposal_due_at"], Value::Null);
    let why = json!({ "reason": "又坏了" });
    let again = seller.send(Method::POST, &format!("{path}/reopen"), Some(why), &[]).await;
    assert_eq!(again.expect(200)["proposal_due_at"], Value::Null);
    assert_eq!(seller.get(&path).await.expect(200)["proposal_due_at"], Value::Null);
}
