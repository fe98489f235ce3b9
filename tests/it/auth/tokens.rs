//! Access tokens: accepted and refused tokens, and the rotation of keys.

use actix_web::http::{Method, StatusCode};
use actix_web::test::{self, TestRequest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::{SignedDuration, ToSpan};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::auth::signing_key;
use salesbook::platform::{Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const ME: &str = "/api/v1/me";

/// A signing key of the service whose private part the test knows.
struct Forge {
    kid: String,
    private: Vec<u8>,
}

impl Forge {
    async fn new(service: &Service) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private = pair.to_pkcs8().unwrap().as_ref().to_vec();
        let public = BASE64.encode(pair.public_key().as_ref());
        let kid = public[..12].to_owned();
        let key = base64::engine::general_purpose::STANDARD.encode(&private);
        let insert = format!(
            "insert into signing_keys (kid, private_key, public_key, created_at, signs_from) \
             values ('{kid}', decode('{key}', 'base64'), '{public}', '2000-01-01', '2000-01-01')"
        );
        service.sql(&insert).await;
        let forge = Self { kid, private };
        // An unknown key makes the service reload its keys, at most once per second.
        let seller = service.actor(Role::Salesperson).await;
        for _ in 0..30 {
            let token = forge.sign(&forge.header(), &Self::claims(service, seller.id));
            if service.bearer(token).get(ME).await.status == StatusCode::OK {
                return forge;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the service never learnt of the key");
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid })
    }

    fn claims(service: &Service, id: Uuid) -> Value {
        let now = service.inner.clock.now().0.as_second();
        json!({
            "iss": "salesbook", "aud": "salesbook-api", "sub": id, "jti": Uuid::now_v7(),
            "iat": now, "nbf": now, "exp": now + 900, "client_id": "salesbook", "roles": [],
        })
    }

    /// Signs a token. The signature is valid for any header.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |part: &Value| BASE64.encode(part.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let pair = Ed25519KeyPair::from_pkcs8(&self.private).unwrap();
        format!("{text}.{}", BASE64.encode(pair.sign(text.as_bytes())))
    }
}

/// Changes one member of `good`, or removes it if the value is null.
fn with(good: &Value, name: &str, value: Value) -> Value {
    let mut bad = good.clone();
    match value {
        Value::Null => drop(bad.as_object_mut().unwrap().remove(name)),
        value => bad[name] = value,
    }
    bad
}

async fn me(service: &Service, token: &str) -> u16 {
    service.bearer(token.to_owned()).get(ME).await.status.as_u16()
}

#[actix_web::test]
async fn every_header_and_claim_must_be_right() {
    let service = Service::start().await;
    let forge = Forge::new(&service).await;
    let seller = service.actor(Role::Salesperson).await;
    let (header, claims) = (forge.header(), Forge::claims(&service, seller.id));
    assert_eq!(me(&service, &forge.sign(&header, &claims)).await, 200);

    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES256")),
        ("alg", json!(null)),
        ("typ", json!("JWT")),
        ("typ", json!(null)),
        ("kid", json!("unknown")),
        ("kid", json!("../../etc/passwd")),
        ("kid", json!(null)),
        ("crit", json!(["exp"])),
        ("crit", json!(["https://example.com/extension"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
    ] {
        let bad = forge.sign(&with(&header, name, value.clone()), &claims);
        assert_eq!(me(&service, &bad).await, 401, "{name} {value}");
    }
    let now = service.inner.clock.now().0.as_second();
    for (name, value) in [
        ("iss", json!("somebody else")),
        ("iss", json!(null)),
        ("aud", json!("another-api")),
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("sub", json!(Uuid::now_v7())),
        ("sub", json!("admin")),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 365 * 86400)),
        ("exp", json!("tomorrow")),
        ("exp", json!(null)),
        ("nbf", json!(now + 61)),
        ("nbf", json!(null)),
        ("iat", json!(now + 61)),
        ("roles", json!("admin")),
        ("client_id", json!(null)),
    ] {
        let bad = forge.sign(&header, &with(&claims, name, value.clone()));
        assert_eq!(me(&service, &bad).await, 401, "{name} {value}");
    }
    // The clocks of instances may differ a little.
    let early = forge.sign(&header, &with(&claims, "nbf", json!(now + 20)));
    assert_eq!(me(&service, &early).await, 200);
}

#[actix_web::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let keys = service.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let jwk = &keys["keys"][0];
    let token = seller.token.clone().unwrap();
    let claims: Value = part(&token, 1);
    let public = jwk["x"].as_str().unwrap();
    for secret in [public.as_bytes().to_vec(), BASE64.decode(public).unwrap(), vec![]] {
        let kid = jwk["kid"].as_str().map(str::to_owned);
        let header = Header { typ: Some("at+jwt".into()), kid, ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(&secret);
        let forged = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        assert_eq!(me(&service, &forged).await, 401);
    }
    // A key that is sent with the token is not trusted.
    let forge = Forge {
        kid: "mine".into(),
        private: Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap().as_ref().to_vec(),
    };
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/keys")),
    ] {
        for kid in ["mine", jwk["kid"].as_str().unwrap()] {
            let header = with(&with(&forge.header(), "kid", json!(kid)), name, value.clone());
            assert_eq!(me(&service, &forge.sign(&header, &claims)).await, 401, "{name}");
        }
    }
}

#[actix_web::test]
async fn a_changed_token_is_no_token() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let good = seller.token.clone().unwrap();
    assert_eq!(me(&service, &good).await, 200);
    let now = service.inner.clock.now();
    // Fixed positions, spread over the whole token.
    let mut place = 7;
    for _ in 0..200 {
        place = (place * 31 + 17) % good.len();
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let bad = String::from_utf8(bytes).unwrap();
        // The last character of a signature has unused bits.
        if BASE64.decode(bad.rsplit('.').next().unwrap()).is_ok() {
            assert!(service.inner.tokens.verify(&bad, now).await.is_err(), "{place}: {bad}");
        }
    }
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "a".repeat(8192),
        good.clone() + ".",
        good.replace('.', ""),
    ] {
        assert_eq!(me(&service, &bad).await, 401);
    }
    let long = format!("{good}{}", "A".repeat(8000));
    assert_eq!(me(&service, &long).await, 401);
}

#[actix_web::test]
async fn one_authorization_header_and_no_more() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let token = seller.token.clone().unwrap();
    let app = test::init_service(service.inner.app()).await;
    let call = async |headers: &[String]| {
        let mut request = TestRequest::with_uri(ME);
        for header in headers {
            request = request.append_header(("authorization", header.as_str()));
        }
        test::call_service(&app, request.to_request()).await.status().as_u16()
    };
    assert_eq!(call(&[format!("Bearer {token}")]).await, 200);
    assert_eq!(call(&[format!("bearer {token}")]).await, 200);
    assert_eq!(call(&[format!("Bearer {token}"), format!("Bearer {token}")]).await, 401);
    assert_eq!(call(&["Basic YTpi".into(), format!("Bearer {token}")]).await, 401);
    assert_eq!(call(std::slice::from_ref(&token)).await, 401);
    assert_eq!(call(&[format!("Bearer {token}, Bearer {token}")]).await, 401);
    assert_eq!(call(&[format!("Basic {token}")]).await, 401);
}

#[actix_web::test]
async fn a_token_expires() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let (clock, start) = (&service.inner.clock, service.inner.clock.now());
    clock.set(start);
    let seller = service.bearer(service.inner.tokens.issue(seller.id, start).unwrap());
    seller.get(ME).await.expect(200);
    clock.set(Timestamp(start.0 + SignedDuration::from_secs(899)));
    seller.get(ME).await.expect(200);
    // A token that was verified before expires all the same.
    clock.set(Timestamp(start.0 + SignedDuration::from_secs(901)));
    seller.get(ME).await.expect(401);
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
}

#[actix_web::test]
async fn the_published_keys_verify_a_token() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let token = seller.token.clone().unwrap();
    let answer = service.anonymous().get("/.well-known/jwks.json").await;
    assert!(answer.header("cache-control").contains("public"));
    let keys = answer.expect(200);
    let header = part(&token, 0);
    let found = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
    let key = found.unwrap();
    assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("OKP"), Some("Ed25519")));
    assert!(key["d"].is_null(), "the private half stays here");
    let public = BASE64.decode(key["x"].as_str().unwrap()).unwrap();
    let (text, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64.decode(signature).unwrap();
    UnparsedPublicKey::new(&ED25519, public).verify(text.as_bytes(), &signature).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    let claims = part(&token, 1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
}

fn kid(actor: &Actor<'_>) -> String {
    part(actor.token.as_ref().unwrap(), 0)["kid"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn keys_change_without_an_outage() {
    let service = Service::start().await;
    let other = service.another(Settings::default()).await.unwrap();
    let admin = service.actor(Role::Admin).await;
    let (clock, start) = (&service.inner.clock, service.inner.clock.now());
    clock.set(start);
    let later = |minutes: i64| clock.set(Timestamp(start.0 + minutes.minutes()));
    let issue = |service: &Service| {
        service.inner.tokens.issue(admin.id, service.inner.clock.now()).unwrap()
    };
    let old = kid(&service.bearer(issue(&service)));
    service.actor(Role::Hr).await.post("/api/v1/signing-keys/rotate", json!({})).await.expect(403);
    let rotated =
        admin.send(Method::POST, "/api/v1/signing-keys/rotate", None, &[]).await.expect(200);
    let new = rotated["kid"].as_str().unwrap().to_owned();
    assert_ne!(new, old);

    // Another instance knows the new key, but still signs with the old one.
    let third = service.another(Settings::default()).await.unwrap();
    assert_eq!(kid(&service.bearer(issue(&third))), old);
    later(4);
    let before = issue(&third);
    assert_eq!(kid(&service.bearer(before.clone())), old);
    later(6);
    let after = issue(&third);
    assert_eq!(kid(&service.bearer(after.clone())), new);
    // The first two instances have not signed with the new key yet, but accept it.
    for instance in [&service, &other, &third] {
        assert_eq!(me(instance, &before).await, 200);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(me(instance, &after).await, 200);
    }
    // The old key is removed when its last token has expired.
    later(22);
    let fresh = service.another(Settings::default()).await.unwrap();
    let published = fresh.anonymous().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_eq!(published["keys"][0]["kid"], new.as_str());
}

#[actix_web::test]
async fn keys_do_not_grow_old() {
    let service = Service::start().await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let run = || Tx::run(db, clock, Uuid::nil(), signing_key::rotate_due);
    assert_eq!(run().await.unwrap(), 0);
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_hours(91 * 24)));
    assert_eq!(run().await.unwrap(), 1);
    assert_eq!(run().await.unwrap(), 0);
}

#[actix_web::test]
async fn keys_are_encrypted_when_there_is_a_secret() {
    let service = Service::start().await;
    let plain = service.texts("select encode(private_key, 'hex') from signing_keys").await;
    assert!(plain[0].starts_with("30"), "{plain:?}");
    let secret = |text: &str| Settings { secret: Some(text.into()), ..Settings::default() };
    let seller = service.actor(Role::Salesperson).await;
    let sealed = service.another(secret("a secret of the operators")).await.unwrap();
    sealed.bearer(seller.token.clone().unwrap()).get(ME).await.expect(200);
    for what in [
        "select encode(private_key, 'hex') from signing_keys",
        "select encode(value, 'hex') from secrets",
    ] {
        for stored in service.texts(what).await {
            assert!(stored.starts_with("73626b31"), "{what}: {stored}");
        }
    }
    service.another(secret("a secret of the operators")).await.map(drop).unwrap();
    for wrong in [secret("another one"), Settings::default()] {
        let error = service.another(wrong).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("SALESBOOK_SECRET"), "{error}");
    }
}
