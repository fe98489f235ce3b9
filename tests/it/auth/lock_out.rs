//! Guessing passwords is slowed down, and nobody can lock out others.

use actix_web::http::{Method, StatusCode};
use actix_web::test::{self, TestRequest};
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::auth::throttle::Subject;
use salesbook::platform::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::Service;

const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "a wrong password";

/// A service behind a proxy, with a fixed clock and a user who can log in.
async fn service() -> (Service, Uuid) {
    let service = Service::start().await;
    service.inner.clock.set(service.inner.clock.now());
    let settings = Settings { trust_proxy: true, ..Settings::default() };
    let service = service.another(settings).await.unwrap();
    let new = json!({ "name": "张伟", "username": "zhangwei", "password": PASSWORD });
    let person = service.actor(Role::Admin).await.post("/api/v1/users", new).await.expect(201);
    let id = person["id"].as_str().unwrap().parse().unwrap();
    (service, id)
}

struct Answer {
    status: u16,
    body: Value,
}

/// Logs in from an address.
async fn log_in(service: &Service, address: &str, body: Value) -> Answer {
    let from = [("x-forwarded-for", address)];
    let login = service.anonymous();
    let answer = login.send(Method::POST, "/api/v1/auth/login", Some(body), &from).await;
    Answer { status: answer.status.as_u16(), body: answer.body }
}

async fn status(service: &Service, address: &str, username: &str, password: &str) -> u16 {
    log_in(service, address, json!({ "username": username, "password": password })).await.status
}

/// Records failed attempts directly, because real ones would be slow to hash.
fn fail(service: &Service, times: usize, subjects: impl Fn() -> Vec<Subject>) {
    for _ in 0..times {
        let _ = service.inner.logins.throttle.begin(service.inner.clock.now(), subjects());
    }
}

async fn hash(service: &Service, id: Uuid) -> String {
    let query = format!("select password_hash from users where id = '{id}'");
    service.texts(&query).await.remove(0)
}

#[actix_web::test]
async fn failures_elsewhere_lock_out_nobody() {
    let (service, _) = service().await;
    for attempt in 1..=11 {
        let expected = if attempt <= 10 { 401 } else { 429 };
        assert_eq!(status(&service, "203.0.113.9", "zhangwei", WRONG).await, expected);
    }

    assert_eq!(status(&service, "203.0.113.9", "zhangwei", PASSWORD).await, 429);
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
}

#[actix_web::test]
async fn an_address_that_is_known_passes_with_the_right_password() {
    let (service, id) = service().await;
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
    for _ in 0..10 {
        assert_eq!(status(&service, "198.51.100.7", "zhangwei", WRONG).await, 401);
    }

    assert_eq!(status(&service, "198.51.100.7", "zhangwei", WRONG).await, 429);
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);

    // With attempts from everywhere, other addresses have to wait, but not the known one.
    let stored = hash(&service, id).await;
    for number in 0..20 {
        let address = format!("203.0.113.{number}");
        fail(&service, 10, || Subject::login("zhangwei", Some(&stored), &address));
    }
    assert_eq!(status(&service, "192.0.2.1", "zhangwei", PASSWORD).await, 429);
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);

    // A known address is forgotten later than the failed attempts.
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_hours(91 * 24)));
    fail(&service, 11, || Subject::login("zhangwei", Some(&stored), "198.51.100.7"));
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 429);
}

#[actix_web::test]
async fn failures_behind_one_address_lock_out_no_company() {
    let (service, _) = service().await;
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
    for number in 0..60 {
        fail(&service, 1, || Subject::login(&format!("nobody{number}"), None, "198.51.100.7"));
    }

    let new = json!({ "name": "李娜", "username": "lina", "password": PASSWORD });
    service.actor(Role::Admin).await.post("/api/v1/users", new).await.expect(201);
    assert_eq!(status(&service, "198.51.100.7", "lina", PASSWORD).await, 200, "for the first time");

    // Trying one password with many accounts is stopped; users known at this address can still log
    // in.
    for number in 0..200 {
        fail(&service, 1, || Subject::login(&format!("other{number}"), None, "198.51.100.7"));
    }
    assert_eq!(status(&service, "198.51.100.7", "nobody at all", PASSWORD).await, 429);
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
}

#[actix_web::test]
async fn a_device_that_is_known_passes_wherever_it_is() {
    let (service, id) = service().await;
    let body = json!({ "username": "zhangwei", "password": PASSWORD });
    let first = log_in(&service, "198.51.100.7", body.clone()).await;
    let stored = hash(&service, id).await;
    fail(&service, 500, || Subject::login("zhangwei", Some(&stored), "192.0.2.1"));
    let with = |device: &Value, password: &str| json!({ "username": "zhangwei", "password": password, "device_token": device });
    let device = &first.body["device_token"];

    assert_eq!(log_in(&service, "192.0.2.1", body).await.status, 429);
    let answer = log_in(&service, "192.0.2.1", with(device, PASSWORD)).await;
    assert_eq!((answer.status, &answer.body["device_token"]), (200, device));

    // The known address applies to one account only and allows no more attempts than others.
    let new = json!({ "name": "李娜", "username": "lina", "password": PASSWORD });
    service.actor(Role::Admin).await.post("/api/v1/users", new).await.expect(201);
    let other = json!({ "username": "lina", "password": PASSWORD });
    let other = log_in(&service, "192.0.2.2", other).await.body["device_token"].clone();
    assert_eq!(log_in(&service, "192.0.2.1", with(&other, PASSWORD)).await.status, 429);
    assert_eq!(log_in(&service, "192.0.2.1", with(&json!("made up"), PASSWORD)).await.status, 429);
    for attempt in 1..=11 {
        let expected = if attempt <= 10 { 401 } else { 429 };
        assert_eq!(log_in(&service, "192.0.2.3", with(device, WRONG)).await.status, expected);
    }
}

#[actix_web::test]
async fn what_is_guessed_at_tells_nothing() {
    let (service, _) = service().await;
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
    let told = async |username: &str, address: &str| {
        let mut told = vec![];
        for _ in 0..12 {
            let body = json!({ "username": username, "password": WRONG });
            let mut answer = log_in(&service, address, body).await;
            answer.body["instance"] = json!("");
            told.push((answer.status, answer.body));
        }
        told
    };

    // From an address that is known for the account, and from one that is not.
    for address in ["198.51.100.7", "203.0.113.9"] {
        let (real, invented) = (told("zhangwei", address).await, told("nobody", address).await);
        assert_eq!(real, invented, "{address}");
    }
    let rows = service.count("login_addresses").await + service.count("sessions").await;
    assert_eq!(rows, 2, "one login, and no row of an invented name");
}

#[actix_web::test]
async fn a_new_password_unlocks() {
    let (service, id) = service().await;
    for _ in 0..11 {
        status(&service, "203.0.113.9", "zhangwei", WRONG).await;
    }
    assert_eq!(status(&service, "203.0.113.9", "zhangwei", PASSWORD).await, 429);

    let new = json!({ "password": "staple of nine mules" });
    let path = format!("/api/v1/users/{id}/password");
    service.actor(Role::Admin).await.post(&path, new).await.expect(200);

    assert_eq!(status(&service, "203.0.113.9", "zhangwei", "staple of nine mules").await, 200);
}

#[actix_web::test]
async fn whoever_guesses_at_the_own_password_locks_out_no_login() {
    let (service, id) = service().await;
    let me = service.signed_in(id);
    let change = json!({ "current": WRONG, "new": "staple of nine mules" });
    for _ in 0..10 {
        me.post("/api/v1/me/password", change.clone()).await.expect(422);
    }

    let refused = me.post("/api/v1/me/password", change).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&service, "203.0.113.9", "zhangwei", PASSWORD).await, 200);
}

#[actix_web::test]
async fn a_proxy_is_believed_only_when_it_is_ours() {
    let (behind, _) = service().await;
    let service = behind.another(Settings::default()).await.unwrap();
    let names = std::cell::Cell::new(0);
    let closed = || {
        names.set(names.get() + 1);
        Subject::login(&format!("nobody {}", names.get()), None, "203.0.113.9")
    };
    fail(&service, 1001, closed);
    fail(&behind, 1001, closed);
    let attempt = async |service: &Service, forwarded: &str| {
        let app = test::init_service(service.inner.app()).await;
        let body = json!({ "username": "somebody", "password": WRONG });
        let request = TestRequest::post().uri("/api/v1/auth/login").set_json(body);
        let request = request.insert_header(("x-forwarded-for", forwarded));
        let request = request.peer_addr("198.51.100.7:4711".parse().unwrap());
        test::call_service(&app, request.to_request()).await.status().as_u16()
    };

    assert_eq!(attempt(&behind, "203.0.113.9").await, 429);
    assert_eq!(attempt(&behind, "10.0.0.1, 203.0.113.9").await, 429);
    assert_eq!(attempt(&behind, "203.0.113.9, 10.0.0.1").await, 401);
    assert_eq!(attempt(&service, "203.0.113.9").await, 401, "there is no proxy");
}

#[actix_web::test]
async fn an_erp_with_its_secret_is_never_locked_out() {
    let (service, _) = service().await;
    let new = json!({ "name": "SAP", "roles": ["erp"], "source_system": "sap" });
    let client = service.actor(Role::Admin).await.post("/api/v1/api-clients", new).await;
    let client = client.expect(201);
    let id = client["client_id"].as_str().unwrap();
    let token = async |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let from = ("x-forwarded-for", "198.51.100.7");
        let anybody = service.anonymous();
        let token = "/api/v1/auth/token";
        let answer = anybody.send_bytes(Method::POST, token, form.into(), &[kind, from]).await;
        answer.status.as_u16()
    };
    for _ in 0..50 {
        assert_eq!(token("wrong").await, 401);
    }

    assert_eq!(token("wrong").await, 429);
    assert_eq!(token(client["client_secret"].as_str().unwrap()).await, 200);
    assert_eq!(status(&service, "198.51.100.7", "zhangwei", PASSWORD).await, 200);
}
