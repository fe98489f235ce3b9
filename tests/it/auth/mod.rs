pub mod authority;
pub mod guards;
pub mod lock_out;
pub mod logins;
pub mod second_factor;
pub mod sessions;
pub mod teams;
pub mod tokens;
pub mod users;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::app::Settings;
use serde_json::json;

use crate::support::harness::Service;

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
    assert_eq!(office.get(&path).await.expect(200)["owner_id"], json!(null));
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
async fn a_problem_speaks_the_language_of_its_reader() {
    let service = Service::start().await;
    let chinese = [("accept-language", "zh-CN,zh;q=0.9")];
    let answer = service.anonymous().send(Method::GET, "/api/v1/customers", None, &chinese).await;
    assert_eq!(answer.header("x-request-id"), answer.body["instance"]);
    assert_eq!(answer.expect(401)["title"], "请先登录");
}

#[actix_web::test]
async fn who_may_not_is_told_before_what_is_wrong() {
    let service = Service::start().await;
    service.anonymous().post("/api/v1/customers", json!("nonsense")).await.expect(401);
    let seller = service.actor(Role::Salesperson).await;
    seller.post("/api/v1/users", json!("nonsense")).await.expect(403);
}

#[actix_web::test]
async fn every_instance_knows_within_two_seconds() {
    let service = Service::start().await;
    let other = service.another(Settings::default()).await.unwrap();
    let watch = actix_web::rt::spawn(other.inner.directory.clone().watch());
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let there = other.bearer(seller.token.clone().unwrap());
    let until = async |status: u16| {
        let start = std::time::Instant::now();
        while start.elapsed() < std::time::Duration::from_secs(2) {
            if there.get("/api/v1/users?role=admin").await.status.as_u16() == status {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        false
    };
    assert!(until(403).await);
    let path = format!("/api/v1/users/{}", seller.id);
    admin.patch(&path, 1, json!({ "roles": ["hr"] })).await.expect(200);
    assert!(until(200).await, "a new role");
    admin.patch(&path, 2, json!({ "active": false })).await.expect(200);
    assert!(until(401).await, "locked out");
    watch.abort();
}
