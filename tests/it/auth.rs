use actix_web::http::Method;
use salesbook::auth::Role;
use salesbook::platform::Timestamp;
use serde_json::json;

use crate::harness::Service;

#[actix_web::test]
async fn a_leader_reaches_the_teams_below_and_nobody_else() {
    let service = Service::start().await;
    let (boss, lead) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let top = service.team(None, &boss, &[]).await;
    service.team(Some(top), &lead, &[&seller]).await;
    let path = seller.customer("Lin & Sons").await;

    boss.get(&path).await.expect(200);
    lead.get(&path).await.expect(200);
    let hidden = stranger.get(&path).await.expect(404);
    let missing = stranger.get("/api/v1/customers/00000000-0000-0000-0000-000000000000").await;
    let anonymised = |mut problem: serde_json::Value| {
        problem["instance"] = json!("");
        problem
    };
    assert_eq!(anonymised(hidden), anonymised(missing.expect(404)));
}

#[actix_web::test]
async fn the_pool_is_for_managers() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let path = office.customer("Nobody's Ltd").await;
    office.patch(&path, 1, json!({ "owner_id": null })).await.expect(200);
    service.actor(Role::SalesManager).await.get(&path).await.expect(200);
    service.actor(Role::Salesperson).await.get(&path).await.expect(404);
}

#[actix_web::test]
async fn a_disabled_person_is_out_at_once() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    seller.get("/api/v1/customers").await.expect(200);
    service.sql(&format!("update users set active = false where id = '{}'", seller.id)).await;
    service.directory_changed().await;
    let answer = seller.get("/api/v1/customers").await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    answer.expect(401);
}

#[actix_web::test]
async fn only_our_own_fresh_tokens_are_taken() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let good = seller.token.clone().unwrap();
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let stale = service.inner.tokens.issue(seller.id, Timestamp::default()).unwrap();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    for bad in [
        String::new(),
        stale,
        format!("{head}.{claims}."),
        format!("{none}.{claims}."),
        format!("{head}.{claims}.{}", signature.chars().rev().collect::<String>()),
    ] {
        service.bearer(bad).get("/api/v1/customers").await.expect(401);
    }
}

#[actix_web::test]
async fn a_problem_speaks_the_language_of_its_reader() {
    let service = Service::start().await;
    let chinese = [("accept-language", "zh-CN,zh;q=0.9")];
    let answer = service.anonymous().send(Method::GET, "/api/v1/visits", None, &chinese).await;
    assert_eq!(answer.header("x-request-id"), answer.body["instance"]);
    assert_eq!(answer.expect(401)["title"], "请先登录");
}

#[actix_web::test]
async fn who_may_not_is_told_before_what_is_wrong() {
    let service = Service::start().await;
    service.anonymous().post("/api/v1/customers", json!("nonsense")).await.expect(401);
    let erp = service.actor(Role::Erp).await;
    erp.post("/api/v1/customers", json!("nonsense")).await.expect(403);
}
