//! Sessions: start, list and end.

use actix_web::http::Method;
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::auth::{LoginPolicy, session};
use salesbook::platform::{Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};

const PASSWORD: &str = "correct horse battery";
const SESSIONS: &str = "/api/v1/me/sessions";
const ME: &str = "/api/v1/me";

async fn service() -> Service {
    let service = Service::start().await;
    service.inner.clock.set(service.inner.clock.now());
    let new = json!({ "name": "张伟", "username": "zhangwei", "password": PASSWORD });
    service.actor(Role::Admin).await.post("/api/v1/users", new).await.expect(201);
    service
}

async fn log_in(service: &Service) -> Value {
    let body = json!({ "username": "zhangwei", "password": PASSWORD });
    let agent = [("user-agent", "Mozilla/5.0 (Android 16)")];
    let login = service.anonymous();
    let login = login.send(Method::POST, "/api/v1/auth/login", Some(body), &agent).await;
    login.expect(200)
}

fn bearer<'a>(service: &'a Service, tokens: &Value) -> Actor<'a> {
    service.bearer(tokens["access_token"].as_str().unwrap().to_owned())
}

async fn refresh(service: &Service, tokens: &Value) -> Answer {
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    service.anonymous().post("/api/v1/auth/refresh", body).await
}

fn later(service: &Service, seconds: i64) {
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_secs(seconds)));
}

async fn delete(actor: &Actor<'_>, path: &str) -> u16 {
    actor.send(Method::DELETE, path, None, &[]).await.status.as_u16()
}

#[actix_web::test]
async fn two_tabs_that_wake_up_together_both_go_on() {
    let service = service().await;
    let first = log_in(&service).await;
    let both = futures_util::future::join(refresh(&service, &first), refresh(&service, &first));
    let (a, b) = both.await;
    let (mut a, mut b) = (a.expect(200), b.expect(200));

    // Both successors are refreshed in turn, as long as both are used.
    for round in 0..3 {
        later(&service, if round == 0 { 5 } else { 600 });
        a = refresh(&service, &a).await.expect(200);
        b = refresh(&service, &b).await.expect(200);
        bearer(&service, &a).get(ME).await.expect(200);
        bearer(&service, &b).get(ME).await.expect(200);
    }
    let listed = bearer(&service, &a).get(SESSIONS).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "it is one session");

    // A token that is used too late counts as stolen and ends the session.
    refresh(&service, &first).await.expect(401);
    refresh(&service, &a).await.expect(401);
    refresh(&service, &b).await.expect(401);
}

#[actix_web::test]
async fn successors_are_good_one_minute_and_no_longer() {
    let service = service().await;
    let first = log_in(&service).await;
    let a = refresh(&service, &first).await.expect(200);
    later(&service, 60);
    let b = refresh(&service, &first).await.expect(200);
    later(&service, 1);

    refresh(&service, &b).await.expect(200);
    refresh(&service, &a).await.expect(200);
    refresh(&service, &first).await.expect(401);
}

#[actix_web::test]
async fn tokens_end_with_their_session() {
    let service = service().await;
    let other = service.another(Settings::default()).await.unwrap();
    let poll = async || {
        service.inner.directory.poll().await.unwrap();
        other.inner.directory.poll().await.unwrap();
    };
    let (phone, laptop) = (log_in(&service).await, log_in(&service).await);
    let renewed = refresh(&service, &phone).await.expect(200);
    let on = async |tokens: &Value| {
        let answers =
            [bearer(&service, tokens).get(ME).await, bearer(&other, tokens).get(ME).await];
        answers.map(|answer| answer.status.as_u16())
    };
    assert_eq!(on(&phone).await, [200, 200]);

    let body = json!({ "refresh_token": renewed["refresh_token"] });
    service.anonymous().post("/api/v1/auth/logout", body).await.expect(204);
    poll().await;
    assert_eq!(on(&phone).await, [401, 401]);
    assert_eq!(on(&renewed).await, [401, 401]);
    assert_eq!(on(&laptop).await, [200, 200]);

    // A new password ends all sessions, also for an instance that starts later.
    let change = json!({ "current": PASSWORD, "new": "staple of nine mules" });
    bearer(&service, &laptop).post("/api/v1/me/password", change).await.expect(204);
    poll().await;
    assert_eq!(on(&laptop).await, [401, 401]);
    let fresh = service.another(Settings::default()).await.unwrap();
    bearer(&fresh, &laptop).get(ME).await.expect(401);
}

#[actix_web::test]
async fn a_request_asks_nothing_about_its_session() {
    let service = service().await;
    let tokens = log_in(&service).await;
    let me = bearer(&service, &tokens);
    me.get(ME).await.expect(200);
    service.sql("alter table sessions rename to sessions_gone").await;
    service.sql("alter table refresh_tokens rename to refresh_tokens_gone").await;

    me.get(ME).await.expect(200);
}

#[actix_web::test]
async fn a_replaced_secret_ends_its_tokens() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let new = json!({ "name": "SAP", "roles": ["erp"], "source_system": "sap" });
    let client = admin.post("/api/v1/api-clients", new).await.expect(201);
    let token = async |secret: &Value| {
        let (id, secret) = (client["client_id"].as_str().unwrap(), secret.as_str().unwrap());
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let anybody = service.anonymous();
        let answer =
            anybody.send_bytes(Method::POST, "/api/v1/auth/token", form.into(), &kind).await;
        answer.expect(200)
    };
    let old = token(&client["client_secret"]).await;
    bearer(&service, &old).get(ME).await.expect(200);

    let path = format!("/api/v1/api-clients/{}/rotate-secret", client["id"].as_str().unwrap());
    let rotated = admin.post(&path, json!({})).await.expect(200);
    service.inner.directory.poll().await.unwrap();

    bearer(&service, &old).get(ME).await.expect(401);
    let new = token(&rotated["client_secret"]).await;
    bearer(&service, &new).get(ME).await.expect(200);
}

#[actix_web::test]
async fn people_see_and_end_their_sessions() {
    let service = service().await;
    let phone = log_in(&service).await;
    later(&service, 60);
    let laptop = log_in(&service).await;
    let (me, stranger) = (bearer(&service, &laptop), service.actor(Role::Admin).await);
    let list = me.get(&format!("{SESSIONS}?total=exact")).await.expect(200);
    let items = list["items"].as_array().unwrap();
    let current: Vec<_> = items.iter().map(|item| &item["current"]).collect();
    assert_eq!((current, &list["total"]), (vec![&json!(true), &json!(false)], &json!(2)));
    assert_eq!(items[1]["user_agent"], "Mozilla/5.0 (Android 16)");
    assert!(!list.to_string().contains(phone["refresh_token"].as_str().unwrap()));
    let other = format!("{SESSIONS}/{}", items[1]["id"].as_str().unwrap());
    assert_eq!(stranger.get(SESSIONS).await.expect(200)["items"], json!([]));

    assert_eq!(delete(&stranger, &other).await, 404);
    assert_eq!(delete(&me, &other).await, 204);
    assert_eq!(delete(&me, &other).await, 404);
    service.inner.directory.poll().await.unwrap();
    bearer(&service, &phone).get(ME).await.expect(401);
    refresh(&service, &phone).await.expect(401);
    assert_eq!(me.get(SESSIONS).await.expect(200)["items"].as_array().unwrap().len(), 1);

    assert_eq!(delete(&me, SESSIONS).await, 204);
    service.inner.directory.poll().await.unwrap();
    me.get(ME).await.expect(401);
    refresh(&service, &laptop).await.expect(401);
}

#[actix_web::test]
async fn a_session_has_an_end_however_often_it_is_used() {
    let service = service().await;
    let login = LoginPolicy { session_days: 40, ..LoginPolicy::default() };
    let short = service.another(Settings { login, ..Settings::default() }).await.unwrap();
    let mut tokens = log_in(&short).await;
    let days = |days: i64| later(&short, days * 86400);
    for _ in 0..2 {
        days(19);
        tokens = refresh(&short, &tokens).await.expect(200);
    }
    later(&short, 2 * 86400 - 60);

    // The last access token does not outlive its session.
    tokens = refresh(&short, &tokens).await.expect(200);
    assert_eq!(tokens["expires_in"], 60);
    bearer(&short, &tokens).get(ME).await.expect(200);
    later(&short, 61);
    bearer(&short, &tokens).get(ME).await.expect(401);
    refresh(&short, &tokens).await.expect(401);
}

#[actix_web::test]
async fn a_person_has_a_hundred_sessions_at_most_and_old_ones_go() {
    let service = service().await;
    let tokens = log_in(&service).await;
    let id = bearer(&service, &tokens).get(ME).await.expect(200)["id"].clone();
    let more = format!(
        "insert into sessions (id, user_id, address, started_at, used_at, expires_at)
         select gen_random_uuid(), '{}', 'a', s.started_at, s.used_at + interval '1 second',
            s.expires_at from sessions s, generate_series(1, 99)",
        id.as_str().unwrap()
    );
    service.sql(&more).await;
    later(&service, 60);
    log_in(&service).await;

    service.inner.directory.poll().await.unwrap();
    bearer(&service, &tokens).get(ME).await.expect(401);
    assert_eq!(service.count("sessions where ended_no is null").await, 100);

    let (db, clock) = (&service.inner.db, &service.inner.clock);
    later(&service, 3601);
    Tx::run(db, clock, Uuid::nil(), session::forget_expired).await.unwrap();
    assert_eq!(service.count("sessions").await, 100, "the one that ended is forgotten");
    later(&service, 91 * 86400);
    Tx::run(db, clock, Uuid::nil(), session::forget_expired).await.unwrap();
    let left = service.count("sessions").await + service.count("login_addresses").await;
    assert_eq!(left, 0);
}
