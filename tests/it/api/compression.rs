//! Compression: responses are compressed if that saves bytes, keep their content, and never reveal
//! a secret through their size.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use actix_http::encoding::Decoder;
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::test::{self, TestRequest};
use actix_web::web::Bytes;
use futures_util::{StreamExt, stream};
use salesbook::access::Role;
use salesbook::compression::compress;
use serde_json::{Value, json};

use crate::api::openapi::operations;
use crate::attachments::{read, upload};
use crate::support::harness::{Actor, Answer, Service};
use crate::surveys::{customer, new_survey, open};
use crate::visits::reports;

const GZIP: (&str, &str) = ("accept-encoding", "gzip");
const CUSTOMERS: &str = "/api/v1/customers?limit=200";

/// Decompresses a body.
pub async fn decoded(headers: &HeaderMap, bytes: Bytes) -> Bytes {
    let whole = stream::iter([Ok::<_, PayloadError>(bytes)]);
    let mut decoder = pin!(Decoder::from_headers(whole, headers));
    let mut text = vec![];
    while let Some(part) = decoder.next().await {
        text.extend_from_slice(&part.unwrap());
    }
    text.into()
}

async fn get(actor: &Actor<'_>, path: &str, accept: &str) -> Answer {
    actor.send(Method::GET, path, None, &[("accept-encoding", accept)]).await
}

fn asked(path: &str, coding: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header(("accept-encoding", coding))
}

/// All values of `Vary`, in lower case.
fn vary(answer: &Answer) -> String {
    let values = answer.headers.get_all("vary").map(|value| value.to_str().unwrap());
    values.collect::<Vec<_>>().join(", ").to_lowercase()
}

async fn customers(seller: &Actor<'_>, count: usize) {
    for number in 0..count {
        seller.customer(&format!("上海林氏贸易 {number}")).await;
    }
}

#[actix_web::test]
async fn a_large_answer_comes_in_the_coding_that_the_caller_prefers() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    customers(&seller, 30).await;
    let plain = seller.get(CUSTOMERS).await;

    for (accept, coding) in [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("deflate, zstd", ""),
        ("*", ""),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("identity;q=0", ""),
        (";;;", ""),
    ] {
        let answer = get(&seller, CUSTOMERS, accept).await;

        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert!(vary(&answer).contains("accept-encoding"), "{accept}");
        assert_eq!(answer.body, plain.body, "{accept}");
        let most = if coding.is_empty() { plain.bytes.len() } else { plain.bytes.len() / 5 };
        assert!(answer.bytes.len() <= most, "{accept}: {}", answer.bytes.len());
    }
    assert!(vary(&plain).contains("accept-encoding"), "caches keep codings apart");
}

#[actix_web::test]
async fn what_would_not_gain_stays_as_it_is() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;

    let small = get(&seller, CUSTOMERS, "gzip").await;
    let health = get(&seller, "/health/live", "gzip").await;
    let nothing = seller.send(Method::OPTIONS, "/api/v1/customers", None, &[GZIP]).await;

    for answer in [&small, &health, &nothing] {
        assert!(answer.bytes.len() < 1024);
        assert_eq!(answer.header("content-encoding"), "");
    }
    assert!(vary(&small).contains("accept-encoding"));
}

#[actix_web::test]
async fn a_large_problem_is_compressed() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let unknown: serde_json::Map<_, _> =
        (0..40).map(|number| (format!("unknown_{number}"), json!(1))).collect();

    let body = Some(Value::Object(unknown));
    let answer = seller.send(Method::POST, "/api/v1/customers", body, &[GZIP]).await;

    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.expect(422)["code"], "invalid");
}

#[actix_web::test]
async fn the_tag_of_a_compressed_state_is_weak_and_good_for_everything() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let new = json!({ "name": "林", "address": "南京西路一千号。".repeat(35) });
    let made = seller.send(Method::POST, "/api/v1/customers", Some(new), &[GZIP]).await;
    let path = made.header("location").to_owned();
    assert_eq!(made.header("content-encoding"), "gzip");

    let (plain, small) = (seller.get(&path).await, get(&seller, &path, "gzip").await);

    let (strong, weak) = (plain.header("etag").to_owned(), small.header("etag").to_owned());
    assert!(strong.starts_with("\"1-"), "{strong}");
    assert_eq!(weak, format!("W/{strong}"));
    for (known, accept) in [(&weak, "gzip"), (&strong, "gzip"), (&weak, ""), (&strong, "")] {
        let headers = [("if-none-match", known.as_str()), ("accept-encoding", accept)];
        let fresh = seller.send(Method::GET, &path, None, &headers).await;
        assert_eq!((fresh.status.as_u16(), fresh.header("etag")), (304, known.as_str()));
        assert!(vary(&fresh).contains("accept-encoding") && fresh.bytes.is_empty());
    }
    let headers = [("if-match", weak.as_str()), GZIP];
    let body = Some(json!({ "city": "上海" }));
    let changed = seller.send(Method::PATCH, &path, body, &headers).await;
    assert!(changed.header("etag").starts_with("W/\"2-"), "{}", changed.header("etag"));
    changed.expect(200);
}

#[actix_web::test]
async fn head_says_what_get_would_send() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    customers(&seller, 5).await;

    let got = get(&seller, CUSTOMERS, "br").await;
    let head = seller.send(Method::HEAD, CUSTOMERS, None, &[("accept-encoding", "br")]).await;

    assert_eq!(got.header("content-encoding"), "br");
    for name in ["content-encoding", "content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), got.header(name), "{name}");
    }
    assert_eq!(vary(&head), vary(&got));
    assert!(head.bytes.is_empty());
}

#[actix_web::test]
async fn files_keep_their_ranges() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let text = "第一行\n".repeat(1000);
    let named = [("content-disposition", "attachment; filename=\"notes.txt\"")];
    let file = upload(&seller, "", text.as_bytes(), &named).await.expect(201);
    let path = format!("/api/v1/attachments/{}", file["id"].as_str().unwrap());

    let whole = read(&seller, &path, &[GZIP]).await;
    let part = read(&seller, &path, &[GZIP, ("range", "bytes=0-4999")]).await;

    assert_eq!((whole.status.as_u16(), whole.bytes.len()), (200, text.len()));
    assert_eq!((part.status.as_u16(), part.bytes.len()), (206, 5000));
    for answer in [whole, part] {
        assert_eq!(answer.header("content-encoding"), "");
        assert!(answer.header("etag").starts_with('"'));
        assert!(!vary(&answer).contains("accept-encoding"));
    }
}

#[actix_web::test]
async fn a_report_in_csv_streams_compressed() {
    let service = Service::start().await;
    let (seller, director) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesDirector).await);
    customers(&seller, 60).await;
    let path = "/api/v1/reports/not-visited?format=csv";

    let (plain, small) = (director.get(path).await, get(&director, path, "gzip").await);

    assert_eq!(small.header("content-encoding"), "gzip");
    assert_eq!(small.header("content-length"), "");
    let (text, length) = (decoded(&small.headers, small.bytes.clone()).await, small.bytes.len());
    assert_eq!(text, plain.bytes);
    assert!(text.len() > 5000 && length < text.len() / 3, "{length} of {}", text.len());
}

#[actix_web::test]
async fn the_document_has_a_tag() {
    let service = Service::start().await;
    let anybody = service.anonymous();

    let first = get(&anybody, "/openapi.json", "br").await;

    let tag = first.header("etag").to_owned();
    assert!(first.bytes.len() < 300_000, "{}", first.bytes.len());
    assert_eq!(first.header("cache-control"), "no-cache");
    assert_eq!(first.expect(200)["openapi"], "3.1.0");
    let headers = [("if-none-match", tag.as_str()), ("accept-encoding", "br")];
    let again = anybody.send(Method::GET, "/openapi.json", None, &headers).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (304, tag.as_str()));
    let other = [("if-none-match", "\"1-00000000\"")];
    anybody.send(Method::GET, "/openapi.json", None, &other).await.expect(200);
}

/// Responses of any size have `Vary` if they may be compressed.
#[actix_web::test]
async fn secrets_are_not_compressed() {
    let service = Service::start().await;
    let (admin, director) =
        (service.actor(Role::Admin).await, service.actor(Role::SalesDirector).await);
    let post = async |actor: &Actor<'_>, path: &str, body: Value| {
        actor.send(Method::POST, path, Some(body), &[GZIP]).await
    };
    let password = "correct horse battery";
    let person = json!({ "name": "张伟", "username": "zhangwei", "password": password,
        "roles": ["salesperson"] });
    admin.post("/api/v1/users", person).await.expect(201);
    let survey = open(&director, new_survey()).await;
    for number in 0..20 {
        let name = format!("Customer {number}");
        customer(&director, json!({ "name": name })).await;
    }

    let login = json!({ "username": "zhangwei", "password": password });
    let login = post(&service.anonymous(), "/api/v1/auth/login", login).await;
    let token = json!({ "refresh_token": login.body["refresh_token"] });
    let refreshed = post(&service.anonymous(), "/api/v1/auth/refresh", token).await;
    let person = service.bearer(login.body["access_token"].as_str().unwrap().to_owned());
    let factor = post(&person, "/api/v1/me/second-factor", json!({ "password": password })).await;
    let client = json!({ "name": "sap", "roles": ["erp"], "source_system": "sap" });
    let client = post(&admin, "/api/v1/api-clients", client).await;
    let rotate = format!("{}/rotate-secret", client.header("location"));
    let rotated = post(&admin, &rotate, json!({})).await;
    let url = format!("https://erp.example.com/{}", "x".repeat(1500));
    let hook = post(&admin, "/api/v1/webhooks", json!({ "url": url })).await;
    let rotate = format!("{}/rotate-secret", hook.header("location"));
    let hook_rotated = post(&admin, &rotate, json!({})).await;
    let links = post(&director, &format!("{survey}/sample"), json!({ "size": 20 })).await;

    let large = [&hook, &hook_rotated, &links];
    assert!(large.iter().all(|answer| answer.bytes.len() > 1024), "or it shows nothing");
    let all = [&login, &refreshed, &factor, &client, &rotated];
    for answer in all.into_iter().chain(large) {
        assert!(answer.status.is_success(), "{:#}", answer.body);
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!vary(answer).contains("accept-encoding"), "{:#}", answer.body);
    }
}

/// Compression runs in another thread, so that the request worker can serve other requests.
#[actix_web::test]
async fn a_large_answer_is_compressed_beside_the_worker() {
    // Compressing this takes some hundredths of a second, so that it cannot be finished yet.
    let text = salesbook::document::text();
    for coding in ["br", "gzip"] {
        let answer = HttpResponse::Ok().content_type("text/plain").body(text);
        let answer = compress(asked("/", coding).to_srv_response(answer));
        let mut body = pin!(answer.into_parts().1.into_body());

        let first = body.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));

        assert!(matches!(first, Poll::Pending), "{coding}");
    }
}

/// The document may be requested by anybody, any number of times.
#[actix_web::test]
async fn the_document_is_compressed_once() {
    let service = Service::start().await;
    let app = test::init_service(service.inner.app()).await;
    for coding in ["br", "gzip"] {
        let mut copies = vec![];
        for _ in 0..2 {
            let request = asked("/openapi.json", coding).to_request();
            let body = test::call_service(&app, request).await.into_body();
            copies.push(
                body.try_into_bytes()
                    .unwrap_or_else(|_| panic!("the body is made while it is sent")),
            );
        }

        assert!(copies[0].len() < 400_000, "{coding} {}", copies[0].len());
        assert_eq!(copies[0].as_ptr(), copies[1].as_ptr(), "{coding}");
    }
}

/// The bytes of a phone's first requests of the day.
#[actix_web::test]
async fn a_phones_day_takes_a_quarter_of_the_bytes() {
    let service = reports::service().await;
    let field = reports::field(&service).await;
    let seller = &field.sellers[0];

    let (mut plain, mut small) = (0, 0);
    for path in [
        "/api/v1/me",
        "/api/v1/me/today",
        "/api/v1/me/scoreboard",
        "/api/v1/customers?limit=200",
        "/api/v1/visits?limit=200",
        "/api/v1/orders?limit=200",
        "/api/v1/products?limit=200",
        "/api/v1/changes?limit=200",
    ] {
        let (before, after) = (seller.get(path).await, get(seller, path, "gzip, br").await);
        println!("{path}: {} bytes, compressed {}", before.bytes.len(), after.bytes.len());
        assert_eq!(before.status.as_u16(), 200, "{path}");
        plain += before.bytes.len();
        small += after.bytes.len();
    }

    println!("together {plain} bytes, compressed {small}");
    assert!(small * 4 < plain, "{small} of {plain}");
}

/// A new operation with a secret has to be marked like the others and added to this list.
#[test]
fn these_operations_answer_secrets() {
    const SECRETS: [&str; 7] = [
        "access_token",
        "client_secret",
        "device_token",
        "link",
        "recovery_codes",
        "refresh_token",
        "secret",
    ];
    fn holds(schema: &Value, schemas: &Value) -> bool {
        let named = |part: &Value| {
            part["properties"].as_object().is_some_and(|fields| {
                fields
                    .iter()
                    .any(|it| SECRETS.contains(&it.0.as_str()) && it.1["writeOnly"] != true)
            })
        };
        let target = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next());
        if let Some(name) = target {
            return holds(&schemas[name], schemas);
        }
        let parts = match schema {
            Value::Object(parts) => parts.values().collect(),
            Value::Array(parts) => parts.iter().collect(),
            _ => vec![],
        };
        named(schema) || parts.into_iter().any(|part| holds(part, schemas))
    }
    let document = salesbook::document::value();
    let schemas = &document["components"]["schemas"];

    let mut found = vec![];
    for (path, method, operation) in operations() {
        let answers = ["200", "201"].map(|status| &operation["responses"][status]["content"]);
        let answers = answers.map(|content| &content["application/json"]["schema"]);
        if answers.into_iter().any(|schema| holds(schema, schemas)) {
            found.push(format!("{method} {}", path.trim_start_matches("/api/v1")));
        }
    }

    found.sort_unstable();
    assert_eq!(
        found,
        [
            "post /api-clients",
            "post /api-clients/{id}/rotate-secret",
            "post /auth/login",
            "post /auth/refresh",
            "post /auth/token",
            "post /me/second-factor",
            "post /me/second-factor/confirm",
            "post /surveys/{id}/invitations/{invitation_id}/renew",
            "post /surveys/{id}/sample",
            "post /webhooks",
            "post /webhooks/{id}/rotate-secret",
        ]
    );
}
