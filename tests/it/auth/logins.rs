//! Logins, sessions and API clients.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{self, TestRequest};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::auth::user;
use salesbook::platform::Timestamp;
use serde_json::{Value, json};

use crate::support::harness::{Answer, Service};

const PASSWORD: &str = "correct horse battery";

/// Creates a user who can log in. Returns the id.
async fn person(service: &Service, username: &str, role: Role) -> String {
    let admin = service.actor(Role::Admin).await;
    let new = json!({
        "name": "张伟", "username": username, "password": PASSWORD, "roles": [role.as_str()],
    });
    let user = admin.post("/api/v1/users", new).await.expect(201);
    service.directory_changed().await;
    user["id"].as_str().unwrap().to_owned()
}

async fn log_in(service: &Service, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    service.anonymous().post("/api/v1/auth/login", body).await
}

async fn refresh(service: &Service, token: &Value) -> Answer {
    service.anonymous().post("/api/v1/auth/refresh", json!({ "refresh_token": token })).await
}

fn later(service: &Service, seconds: i64) {
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_secs(seconds)));
}

#[actix_web::test]
async fn a_session_from_login_to_logout() {
    let service = Service::start().await;
    let id = person(&service, "zhangwei", Role::SalesManager).await;
    // Phones often capitalise the first letter.
    let answer = log_in(&service, "Zhangwei", PASSWORD).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = answer.expect(200);
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("Bearer"), &json!(900)));
    let caller = service.bearer(session["access_token"].as_str().unwrap().to_owned());
    let me = caller.get("/api/v1/me").await.expect(200);
    assert_eq!((me["id"].as_str(), me["username"].as_str()), (Some(&*id), Some("zhangwei")));
    assert_eq!(me["roles"], json!(["sales_manager"]));
    let permissions = me["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("read_users")));
    assert!(!permissions.contains(&json!("write_users")));
    assert_eq!(me["reach"], json!({ "people": 1, "teams": 0, "everything": false, "pool": true }));

    let twin = json!({ "name": "张伟", "username": "ZhangWei" });
    let twin = service.actor(Role::Admin).await.post("/api/v1/users", twin).await.expect(409);
    assert_eq!(twin["errors"][0]["pointer"], "/username");

    let stored = service.texts("select encode(hash, 'escape') from refresh_tokens").await;
    assert!(!stored[0].contains(session["refresh_token"].as_str().unwrap()));
    let token = json!({ "refresh_token": session["refresh_token"] });
    service.anonymous().post("/api/v1/auth/logout", token.clone()).await.expect(204);
    service.anonymous().post("/api/v1/auth/logout", token).await.expect(204);
    refresh(&service, &session["refresh_token"]).await.expect(401);
}

#[actix_web::test]
async fn a_lost_answer_costs_no_session() {
    let service = Service::start().await;
    person(&service, "zhangwei", Role::Salesperson).await;
    let first = log_in(&service, "zhangwei", PASSWORD).await.expect(200)["refresh_token"].clone();
    service.inner.clock.set(service.inner.clock.now());
    let lost = refresh(&service, &first).await.expect(200)["refresh_token"].clone();
    later(&service, 59);
    let second = refresh(&service, &first).await.expect(200)["refresh_token"].clone();
    assert_ne!(lost, second);
    let third = refresh(&service, &second).await.expect(200)["refresh_token"].clone();
    // After the next refresh token has been used, the previous one is invalid even within 60
    // seconds.
    later(&service, -30);
    refresh(&service, &first).await.expect(401);
    // All tokens derived from it are revoked, because one of the two holders is an attacker.
    refresh(&service, &third).await.expect(401);
}

#[actix_web::test]
async fn a_token_that_comes_late_ends_the_session() {
    let service = Service::start().await;
    person(&service, "zhangwei", Role::Salesperson).await;
    service.inner.clock.set(service.inner.clock.now());
    let other = log_in(&service, "zhangwei", PASSWORD).await.expect(200)["refresh_token"].clone();
    let first = log_in(&service, "zhangwei", PASSWORD).await.expect(200)["refresh_token"].clone();
    let second = refresh(&service, &first).await.expect(200)["refresh_token"].clone();
    later(&service, 61);
    refresh(&service, &first).await.expect(401);
    refresh(&service, &second).await.expect(401);
    // The session on another device of the user is not affected.
    refresh(&service, &other).await.expect(200);

    let old = log_in(&service, "zhangwei", PASSWORD).await.expect(200)["refresh_token"].clone();
    later(&service, 30 * 86400 + 1);
    refresh(&service, &old).await.expect(401);
}

#[actix_web::test]
async fn many_at_once_get_one_family() {
    let service = Service::start().await;
    person(&service, "zhangwei", Role::Salesperson).await;
    let first = log_in(&service, "zhangwei", PASSWORD).await.expect(200)["refresh_token"].clone();
    let calls = (0..8).map(|_| refresh(&service, &first));
    for answer in futures_util::future::join_all(calls).await {
        answer.expect(200);
    }
}

#[actix_web::test]
async fn guessing_is_slow_and_learns_nothing() {
    let service = Service::start().await;
    person(&service, "zhangwei", Role::Salesperson).await;
    service.inner.clock.set(service.inner.clock.now());
    let mut told = vec![];
    for username in ["zhangwei", "nobody"] {
        for attempt in 1..=11 {
            let answer = log_in(&service, username, "a wrong password").await;
            let expected = if attempt <= 10 { 401 } else { 429 };
            assert_eq!(answer.status.as_u16(), expected, "{username} {attempt}");
            if expected == 429 {
                let seconds: i64 = answer.header("retry-after").parse().unwrap();
                assert!((890..=901).contains(&seconds), "{seconds}");
            }
            let mut body = answer.body;
            body["instance"] = json!("");
            told.push((username, attempt, body));
        }
    }
    let (known, unknown) = told.split_at(11);
    for (known, unknown) in known.iter().zip(unknown) {
        assert_eq!(known.2, unknown.2);
    }
    // A locked account refuses even the right password; others are not affected.
    log_in(&service, "zhangwei", PASSWORD).await.expect(429);
    log_in(&service, "ZhangWei", PASSWORD).await.expect(429);
    person(&service, "lina", Role::Salesperson).await;
    log_in(&service, "lina", PASSWORD).await.expect(200);
    later(&service, 15 * 60);
    log_in(&service, "zhangwei", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn a_success_starts_anew() {
    let service = Service::start().await;
    person(&service, "zhangwei", Role::Salesperson).await;
    for _ in 0..2 {
        for _ in 0..9 {
            log_in(&service, "zhangwei", "a wrong password").await.expect(401);
        }
        log_in(&service, "zhangwei", PASSWORD).await.expect(200);
    }
}

#[actix_web::test]
async fn passwords() {
    let service = Service::start().await;
    let id = person(&service, "zhangwei", Role::Salesperson).await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let path = format!("/api/v1/users/{id}/password");
    for (weak, code) in [
        ("tiny", "too_short"),
        ("Password123", "common_password"),
        ("aaaaaaaaaaaa", "common_password"),
        ("zhangwei2026", "common_password"),
    ] {
        let problem = hr.post(&path, json!({ "password": weak })).await.expect(422);
        assert_eq!(problem["errors"][0]["code"], code, "{problem}");
        assert!(!problem.to_string().contains(weak), "{problem}");
    }
    let session = log_in(&service, "zhangwei", PASSWORD).await.expect(200);
    hr.post(&path, json!({ "password": "staple of nine mules" })).await.expect(200);
    refresh(&service, &session["refresh_token"]).await.expect(401);
    log_in(&service, "zhangwei", PASSWORD).await.expect(401);
    let session = log_in(&service, "zhangwei", "staple of nine mules").await.expect(200);

    let me = service.bearer(session["access_token"].as_str().unwrap().to_owned());
    let change = |current: &str, new: &str| json!({ "current": current, "new": new });
    let wrong = me.post("/api/v1/me/password", change("a wrong one", "ten other mules")).await;
    assert_eq!(wrong.expect(422)["errors"][0]["pointer"], "/current");
    let weak = me.post("/api/v1/me/password", change("staple of nine mules", "1234567890")).await;
    assert_eq!(weak.expect(422)["errors"][0]["pointer"], "/new");
    let good = change("staple of nine mules", "ten other mules");
    me.post("/api/v1/me/password", good).await.expect(204);
    refresh(&service, &session["refresh_token"]).await.expect(401);
    let session = log_in(&service, "zhangwei", "ten other mules").await.expect(200);
    let me = service.bearer(session["access_token"].as_str().unwrap().to_owned());

    // Setting the password of an admin would make the caller an admin.
    let boss = person(&service, "boss", Role::Admin).await;
    let path = format!("/api/v1/users/{boss}/password");
    let new = json!({ "password": "mules for everybody" });
    hr.post(&path, new.clone()).await.expect(403);
    admin.post(&path, new.clone()).await.expect(200);
    me.post(&path, new).await.expect(403);

    // A user without a password cannot log in, and no response contains a hash.
    let quiet = admin.post("/api/v1/users", json!({ "name": "Q", "username": "quiet" })).await;
    let quiet = quiet.expect(201);
    log_in(&service, "quiet", "anything at all").await.expect(401);
    assert!(quiet.get("password").is_none() && quiet.get("password_hash").is_none());
    let hashes = service.count("changes where data::text like '%argon2%'").await;
    assert_eq!(hashes, 0);
}

#[actix_web::test]
async fn a_disabled_person_has_no_session() {
    let service = Service::start().await;
    let id = person(&service, "zhangwei", Role::Salesperson).await;
    let admin = service.actor(Role::Admin).await;
    let session = log_in(&service, "zhangwei", PASSWORD).await.expect(200);
    let me = service.bearer(session["access_token"].as_str().unwrap().to_owned());
    me.get("/api/v1/me").await.expect(200);
    let path = format!("/api/v1/users/{id}");
    admin.patch(&path, 1, json!({ "active": false })).await.expect(200);
    assert_eq!(service.count("refresh_tokens").await, 0);
    service.inner.directory.poll().await.unwrap();
    me.get("/api/v1/me").await.expect(401);
    refresh(&service, &session["refresh_token"]).await.expect(401);
    log_in(&service, "zhangwei", PASSWORD).await.expect(401);
    admin.patch(&path, 2, json!({ "active": true })).await.expect(200);
    service.inner.directory.poll().await.unwrap();
    refresh(&service, &session["refresh_token"]).await.expect(401);
    log_in(&service, "zhangwei", PASSWORD).await.expect(200);
}

#[actix_web::test]
async fn the_first_admin() {
    let service = Service::start().await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let made = user::ensure_admin(db, clock, None).await.unwrap().unwrap();
    assert_eq!(user::ensure_admin(db, clock, None).await.unwrap(), None);
    log_in(&service, "admin", &made).await.expect(200);
    user::set_password_cli(db, clock, "admin", PASSWORD).await.unwrap();
    log_in(&service, "admin", PASSWORD).await.expect(200);
    let weak = user::set_password_cli(db, clock, "admin", "1234567890").await;
    assert!(weak.is_err());
}

/// Requests a token; the endpoint takes a form.
async fn token(
    service: &Service,
    form: &str,
    basic: Option<(&str, &str)>,
) -> (u16, HeaderMap, Value) {
    let app = test::init_service(service.inner.app()).await;
    let mut request = TestRequest::post().uri("/api/v1/auth/token").set_payload(form.to_owned());
    request = request.insert_header(("content-type", "application/x-www-form-urlencoded"));
    if let Some((id, secret)) = basic {
        let text = BASE64.encode(format!("{id}:{secret}"));
        request = request.insert_header(("authorization", format!("Basic {text}")));
    }
    let response = test::call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = serde_json::from_slice(&test::read_body(response).await).unwrap();
    (status.as_u16(), headers, body)
}

#[actix_web::test]
async fn a_program_gets_a_token_and_loses_it() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let new = json!({ "name": "SAP", "roles": ["erp"], "source_system": "sap" });
    service.actor(Role::Hr).await.post("/api/v1/api-clients", new.clone()).await.expect(403);
    let nowhere = json!({ "name": "SAP", "roles": ["erp"], "source_system": null });
    admin.post("/api/v1/api-clients", nowhere).await.expect(422);
    let key = [("idempotency-key", "once")];
    let post = actix_web::http::Method::POST;
    let answer = admin.send(post, "/api/v1/api-clients", Some(new), &key).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let client = answer.expect(201);
    assert_eq!(service.count("idempotency_keys").await, 0);
    let (id, secret) =
        (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    assert!(id.starts_with("sap-"));
    let leaked = service.count(&format!("changes where data::text like '%{secret}%'")).await;
    assert_eq!(leaked, 0);

    let grant = "grant_type=client_credentials";
    let (status, headers, body) = token(&service, grant, Some((id, secret))).await;
    assert_eq!(
        (status, headers.get("cache-control").unwrap().to_str().unwrap()),
        (200, "no-store")
    );
    let erp = service.bearer(body["access_token"].as_str().unwrap().to_owned());
    let me = erp.get("/api/v1/me").await.expect(200);
    assert_eq!((&me["machine"], &me["source_system"]), (&json!(true), &json!("sap")));
    let posted = format!("{grant}&client_id={id}&client_secret={secret}");
    assert_eq!(token(&service, &posted, None).await.0, 200);

    for (form, basic, status, error) in [
        (grant, None, 401, "invalid_client"),
        (grant, Some((id, "wrong")), 401, "invalid_client"),
        (grant, Some(("nobody", secret)), 401, "invalid_client"),
        ("", Some((id, secret)), 400, "invalid_request"),
        ("grant_type=password", Some((id, secret)), 400, "unsupported_grant_type"),
        (&posted, Some((id, secret)), 400, "invalid_request"),
        (
            "grant_type=client_credentials&grant_type=client_credentials",
            Some((id, secret)),
            400,
            "invalid_request",
        ),
    ] {
        let (found, headers, body) = token(&service, form, basic).await;
        assert_eq!((found, body["error"].as_str()), (status, Some(error)), "{form}");
        assert_eq!(headers.contains_key("www-authenticate"), status == 401);
    }

    // API clients must send an Idempotency-Key when they create rows.
    let team = json!({ "name": "East" });
    let refused = erp.post("/api/v1/teams", team.clone()).await.expect(400);
    assert_eq!(refused["code"], "idempotency_key_required");

    let path = format!("/api/v1/api-clients/{}", client["id"].as_str().unwrap());
    let rotated = admin.post(&format!("{path}/rotate-secret"), json!({})).await.expect(200);
    assert_eq!(token(&service, grant, Some((id, secret))).await.0, 401);
    let secret = rotated["client_secret"].as_str().unwrap();
    let (status, _, body) = token(&service, grant, Some((id, secret))).await;
    assert_eq!(status, 200);
    let erp = service.bearer(body["access_token"].as_str().unwrap().to_owned());

    admin.patch(&path, 2, json!({ "active": false })).await.expect(200);
    service.inner.directory.poll().await.unwrap();
    erp.get("/api/v1/me").await.expect(401);
    assert_eq!(token(&service, grant, Some((id, secret))).await.0, 401);
    admin.patch(&path, 3, json!({ "active": true, "roles": ["reporter"] })).await.expect(200);
    service.inner.directory.poll().await.unwrap();
    assert_eq!(erp.get("/api/v1/me").await.expect(200)["roles"], json!(["reporter"]));
    let delete = actix_web::http::Method::DELETE;
    admin.send(delete, &path, None, &[("if-match", "\"4\"")]).await.expect(204);
    service.inner.directory.poll().await.unwrap();
    assert_eq!(erp.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
}
