//! Second factors: set-up, use, replacement and removal.

use actix_web::http::StatusCode;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::auth::{LoginPolicy, user};
use salesbook::platform::Timestamp;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Answer, Service};

const PASSWORD: &str = "correct horse battery";
const FACTOR: &str = "/api/v1/me/second-factor";
const ME: &str = "/api/v1/me";

async fn person(service: &Service, role: Role) -> String {
    service.inner.clock.set(service.inner.clock.now());
    let new = json!({
        "name": "张伟", "username": "zhangwei", "password": PASSWORD, "roles": [role.as_str()],
    });
    let made = service.actor(Role::Admin).await.post("/api/v1/users", new).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

async fn log_in(service: &Service, otp: Option<&str>) -> Answer {
    let mut body = json!({ "username": "zhangwei", "password": PASSWORD });
    if let Some(otp) = otp {
        body["otp"] = json!(otp);
    }
    service.anonymous().post("/api/v1/auth/login", body).await
}

fn bearer<'a>(service: &'a Service, tokens: &Value) -> Actor<'a> {
    service.bearer(tokens["access_token"].as_str().unwrap().to_owned())
}

fn later(service: &Service, seconds: i64) {
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_secs(seconds)));
}

/// The code of an authenticator app, written independently according to RFC 6238.
fn code(service: &Service, secret: &Value) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = secret.as_str().unwrap().chars().map(|it| alphabet.find(it).unwrap());
    let bits = digits.map(|digit| format!("{digit:05b}")).collect::<Vec<_>>().concat();
    let bytes: Vec<u8> = (0..bits.len() / 8)
        .map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap())
        .collect();
    let step = service.inner.clock.now().0.as_second() / 30;
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[at..at + 4].try_into().unwrap());
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Sets up a second factor. Returns the secret and the recovery codes.
async fn set_up(service: &Service, me: &Actor<'_>) -> (Value, Vec<String>) {
    let offered = me.post(FACTOR, json!({ "password": PASSWORD })).await.expect(200);
    let otp = json!({ "otp": code(service, &offered["secret"]) });
    let confirmed = me.post(&format!("{FACTOR}/confirm"), otp).await.expect(200);
    let codes = confirmed["recovery_codes"].as_array().unwrap().iter();
    let codes = codes.map(|code| code.as_str().unwrap().to_owned()).collect();
    service.inner.directory.poll().await.unwrap();
    (offered["secret"].clone(), codes)
}

#[actix_web::test]
async fn a_login_needs_the_code_once_it_is_set_up() {
    let service = Service::start().await;
    person(&service, Role::Salesperson).await;
    let (first, other) = (log_in(&service, None).await.expect(200), log_in(&service, None).await);
    let (me, other) = (bearer(&service, &first), other.expect(200));
    let wrong = me.post(FACTOR, json!({ "password": "a wrong password" })).await.expect(422);
    assert_eq!(wrong["errors"][0]["code"], "wrong_password");
    let offered = me.post(FACTOR, json!({ "password": PASSWORD })).await;
    assert_eq!(offered.header("cache-control"), "no-store");
    let offered = offered.expect(200);
    let uri = offered["otpauth_uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Salesbook:zhangwei?secret="), "{uri}");
    log_in(&service, None).await.expect(200);
    let wrong = me.post(&format!("{FACTOR}/confirm"), json!({ "otp": "000000" })).await;
    assert_eq!(wrong.expect(422)["errors"][0]["code"], "wrong_second_factor");

    let (secret, codes) = set_up(&service, &me).await;
    assert_eq!(codes.len(), 10);
    let state = me.get(FACTOR).await.expect(200);
    assert_eq!((&state["active"], &state["recovery_codes_left"]), (&json!(true), &json!(10)));
    bearer(&service, &other).get(ME).await.expect(401);

    assert_eq!(log_in(&service, None).await.expect(401)["code"], "second_factor_required");
    let guess = log_in(&service, Some("000000")).await.expect(401);
    assert_eq!(guess["code"], "wrong_second_factor");
    let used = log_in(&service, Some(&code(&service, &secret))).await.expect(401);
    assert_eq!(used["code"], "wrong_second_factor", "it has confirmed the set-up");
    later(&service, 30);
    let fresh = code(&service, &secret);
    log_in(&service, Some(&fresh)).await.expect(200);
    log_in(&service, Some(&fresh)).await.expect(401);

    // Without the right password, the response does not reveal the second factor.
    let body = json!({ "username": "zhangwei", "password": "a wrong password" });
    let wrong = service.anonymous().post("/api/v1/auth/login", body).await.expect(401);
    assert_eq!(wrong["code"], "wrong_credentials");
}

#[actix_web::test]
async fn a_recovery_code_is_good_once() {
    let service = Service::start().await;
    person(&service, Role::Salesperson).await;
    let first = log_in(&service, None).await.expect(200);
    let (_, codes) = set_up(&service, &bearer(&service, &first)).await;

    let tokens = log_in(&service, Some(&codes[0])).await.expect(200);
    log_in(&service, Some(&codes[0])).await.expect(401);
    log_in(&service, Some(&codes[1].to_lowercase().replace('-', ""))).await.expect(200);
    let state = bearer(&service, &tokens).get(FACTOR).await.expect(200);
    assert_eq!(state["recovery_codes_left"], 8);
    let stored = service.texts("select recovery_codes::text || secret::text from second_factors");
    assert!(!stored.await[0].contains(&codes[2]));
}

#[actix_web::test]
async fn parallel_logins_use_a_code_once() {
    let service = Service::start().await;
    person(&service, Role::Salesperson).await;
    let first = log_in(&service, None).await.expect(200);
    let (secret, codes) = set_up(&service, &bearer(&service, &first)).await;
    later(&service, 30);
    for otp in [code(&service, &secret), codes[0].clone()] {
        let logins = (0..4).map(|_| log_in(&service, Some(&otp)));
        let logins = futures_util::future::join_all(logins).await;

        let good = logins.iter().filter(|login| login.status == StatusCode::OK).count();
        assert_eq!(good, 1);
    }
}

#[actix_web::test]
async fn codes_are_guessed_slowly_from_everywhere() {
    let service = Service::start().await;
    person(&service, Role::Salesperson).await;
    let first = log_in(&service, None).await.expect(200);
    let (secret, _) = set_up(&service, &bearer(&service, &first)).await;
    later(&service, 30);
    let device = first["device_token"].clone();
    let guess = async |otp: &str| {
        let body = json!({
            "username": "zhangwei", "password": PASSWORD, "otp": otp, "device_token": device,
        });
        service.anonymous().post("/api/v1/auth/login", body).await.status.as_u16()
    };
    for _ in 0..5 {
        assert_eq!(guess("000000").await, 401);
        assert_eq!(log_in(&service, Some("000000")).await.status.as_u16(), 401);
    }

    assert_eq!(guess(&code(&service, &secret)).await, 429);
    later(&service, 15 * 60);
    assert_eq!(guess(&code(&service, &secret)).await, 200);
}

#[actix_web::test]
async fn a_factor_is_replaced_and_removed_with_a_code() {
    let service = Service::start().await;
    let id = person(&service, Role::Salesperson).await;
    let first = log_in(&service, None).await.expect(200);
    let me = bearer(&service, &first);
    let (secret, codes) = set_up(&service, &me).await;
    let missing = me.post(FACTOR, json!({ "password": PASSWORD })).await.expect(422);
    assert_eq!(missing["errors"][0]["pointer"], "/otp");

    // A new phone: the old one works until the new one is confirmed.
    let again = json!({ "password": PASSWORD, "otp": codes[0] });
    let offered = me.post(FACTOR, again).await.expect(200);
    later(&service, 30);
    log_in(&service, Some(&code(&service, &secret))).await.expect(200);
    let otp = json!({ "otp": code(&service, &offered["secret"]) });
    me.post(&format!("{FACTOR}/confirm"), otp).await.expect(200);
    later(&service, 30);
    log_in(&service, Some(&code(&service, &secret))).await.expect(401);
    log_in(&service, Some(&codes[1])).await.expect(401);

    let gone = json!({ "password": PASSWORD, "otp": code(&service, &offered["secret"]) });
    let remove = format!("{FACTOR}/remove");
    me.post(&remove, json!({ "password": PASSWORD, "otp": "000000" })).await.expect(422);
    me.post(&remove, gone).await.expect(204);
    log_in(&service, None).await.expect(200);

    // If all codes are lost, a user who may set the password may remove the second factor.
    set_up(&service, &me).await;
    let path = format!("/api/v1/users/{id}/second-factor/remove");
    service.actor(Role::Erp).await.post(&path, json!({})).await.expect(403);
    service.actor(Role::Hr).await.post(&path, json!({})).await.expect(200);
    service.inner.directory.poll().await.unwrap();
    me.get(ME).await.expect(401);
    log_in(&service, None).await.expect(200);
    let history = service.actor(Role::Admin).await;
    let history = history.get(&format!("/api/v1/users/{id}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 6, "every change has its record");
}

#[actix_web::test]
async fn the_command_line_lets_the_last_admin_in() {
    let service = Service::start().await;
    person(&service, Role::Admin).await;
    let first = log_in(&service, None).await.expect(200);
    set_up(&service, &bearer(&service, &first)).await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);

    user::set_password_cli(db, clock, "zhangwei", PASSWORD).await.unwrap();

    log_in(&service, None).await.expect(200);
}

#[actix_web::test]
async fn a_role_that_requires_one_works_only_with_one() {
    let service = Service::start().await;
    let id = person(&service, Role::Finance).await;
    let login = LoginPolicy { second_factor: vec![Role::Finance], ..LoginPolicy::default() };
    let strict = service.another(Settings { login, ..Settings::default() }).await.unwrap();
    let tokens = log_in(&strict, None).await.expect(200);
    let me = bearer(&strict, &tokens);

    let refused = me.get("/api/v1/customers").await.expect(403);
    assert_eq!(refused["code"], "second_factor_setup_required");
    me.get(ME).await.expect(200);
    assert_eq!(me.get(FACTOR).await.expect(200)["required"], true);
    let seller = service.actor(Role::Salesperson).await;
    strict.bearer(seller.token.clone().unwrap()).get("/api/v1/customers").await.expect(200);

    set_up(&strict, &me).await;
    me.get("/api/v1/customers").await.expect(200);
    let admin = service.actor(Role::Admin).await;
    let path = format!("/api/v1/users/{id}/second-factor/remove");
    service.actor(Role::Hr).await.post(&path, json!({})).await.expect(403);
    admin.post(&path, json!({})).await.expect(200);
    strict.inner.directory.poll().await.unwrap();
    let tokens = log_in(&strict, None).await.expect(200);
    bearer(&strict, &tokens).get("/api/v1/customers").await.expect(403);
}

#[actix_web::test]
async fn secrets_are_encrypted_when_there_is_a_secret() {
    let service = Service::start().await;
    person(&service, Role::Salesperson).await;
    let first = log_in(&service, None).await.expect(200);
    let (secret, _) = set_up(&service, &bearer(&service, &first)).await;
    let stored = async || {
        let stored = service.texts("select encode(secret, 'escape') from second_factors").await;
        stored[0].starts_with("sbk1")
    };
    assert!(!stored().await);
    let settings =
        Settings { secret: Some("a secret of the operators".into()), ..Settings::default() };
    let sealed = service.another(settings).await.unwrap();
    for _ in 0..2 {
        later(&sealed, 30);
        log_in(&sealed, Some(&code(&sealed, &secret))).await.expect(200);
        assert!(stored().await);
    }
}
