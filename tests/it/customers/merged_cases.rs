//! Open risk cases of merged customers: one continues, and undoing the merge reopens the other.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::decimal;
use crate::support::harness::{Actor, Service};

async fn case(admin: &Actor<'_>, customer: &str, amount: &str) -> String {
    let customer = customer.rsplit('/').next().unwrap();
    let new = json!({ "customer_id": customer, "trigger": "other", "amount": amount });
    let made = admin.post("/api/v1/risk-cases", new).await.expect(201);
    format!("/api/v1/risk-cases/{}", made["id"].as_str().unwrap())
}

async fn merge(admin: &Actor<'_>, winner: &str, loser: &str) {
    let body = json!({ "loser_id": loser.rsplit('/').next().unwrap() });
    admin.post(&format!("{winner}/merge"), body).await.expect(200);
}

/// The status and amount of a case.
async fn seen(admin: &Actor<'_>, case: &str) -> (String, String) {
    let case = admin.get(case).await.expect(200);
    let text = |field: &str| case[field].as_str().unwrap().to_owned();
    (text("status"), decimal(&case["amount"]).normalize().to_string())
}

fn told(status: &str, amount: &str) -> (String, String) {
    (status.to_owned(), amount.to_owned())
}

#[actix_web::test]
async fn of_two_open_cases_one_goes_on() {
    let service = Service::start_at(crate::customers::merges::at("2026-06-15")).await;
    let admin = service.actor(Role::Admin).await;
    let (l, m, w) =
        (admin.customer("L").await, admin.customer("M").await, admin.customer("W").await);
    let (of_l, of_m, of_w) =
        (case(&admin, &l, "1").await, case(&admin, &m, "10").await, case(&admin, &w, "100").await);
    let measure = json!({ "measure": "remind" });
    admin.post(&format!("{of_m}/measures"), measure).await.expect(200);

    merge(&admin, &m, &l).await;
    merge(&admin, &w, &m).await;

    assert_eq!(seen(&admin, &of_w).await, told("open", "111"));
    assert_eq!(seen(&admin, &of_m).await, told("merged", "11"));
    assert_eq!(seen(&admin, &of_l).await, told("merged", "1"));
    let gone = admin.get(&of_m).await.expect(200);
    assert_eq!(gone["merged_into_id"], of_w.rsplit('/').next().unwrap());
    assert_eq!(gone["closed_on"], "2026-06-15");
    let refused = admin.post(&format!("{of_m}/measures"), json!({ "measure": "legal" })).await;
    assert_eq!(refused.expect(409)["code"], "wrong_status");

    admin.post(&format!("{m}/unmerge"), Value::Null).await.expect(200);
    assert_eq!(seen(&admin, &of_w).await, told("open", "100"));
    assert_eq!(seen(&admin, &of_m).await, told("measures", "11"));
    assert_eq!(seen(&admin, &of_l).await, told("merged", "1"), "L is a part of M still");
    admin.post(&format!("{l}/unmerge"), Value::Null).await.expect(200);
    assert_eq!(seen(&admin, &of_m).await, told("measures", "10"));
    assert_eq!(seen(&admin, &of_l).await, told("open", "1"));
}

#[actix_web::test]
async fn a_closed_case_stays_closed() {
    let service = Service::start_at(crate::customers::merges::at("2026-06-15")).await;
    let admin = service.actor(Role::Admin).await;
    let (m, w) = (admin.customer("M").await, admin.customer("W").await);
    let (of_m, of_w) = (case(&admin, &m, "10").await, case(&admin, &w, "100").await);
    admin.post(&format!("{of_w}/measures"), json!({ "measure": "remind" })).await.expect(200);
    admin.post(&format!("{of_w}/recover"), json!({ "amount": "100" })).await.expect(200);

    merge(&admin, &w, &m).await;

    assert_eq!(seen(&admin, &of_m).await, told("open", "10"));
    assert_eq!(seen(&admin, &of_w).await, told("recovered", "100"));
}
