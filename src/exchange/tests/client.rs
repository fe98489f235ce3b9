use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{PATIENCE, arrived, batches, connect, person, service, taken};
use crate::{Client, Credentials, Error, Status};

const ITEMS: [&str; 5] = [
    r#"{"external_id":"0"}"#,
    r#"{"external_id":"1"}"#,
    r#"{"external_id":"2"}"#,
    r#"{"external_id":"3"}"#,
    r#"{"external_id":"4"}"#,
];

/// Answers the first request with `first`, and later ones like a working service.
async fn first(server: &MockServer, first: ResponseTemplate) {
    let calls = AtomicUsize::new(0);
    batches(server, move |request| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => first.clone(),
        _ => taken(request),
    })
    .await;
}

async fn keys(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let keys = requests.iter().filter_map(|request| request.headers.get("Idempotency-Key"));
    keys.map(|key| key.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn waits_as_long_as_a_busy_service_asks() {
    let server = service().await;
    first(&server, ResponseTemplate::new(503).insert_header("Retry-After", "1")).await;
    let client = connect(&server).await;
    let started = Instant::now();
    let outcomes = client.batch("teams", Some("sap"), &ITEMS).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(outcomes.iter().all(|outcome| outcome.status == Status::Created));
    let keys = keys(&server).await;
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "the repetition has the key of the first try");
    assert_eq!(keys[0].len(), 64);
}

#[tokio::test]
async fn another_run_is_another_wish() {
    let server = service().await;
    batches(&server, taken).await;
    for _ in 0..2 {
        connect(&server).await.batch("teams", None, &ITEMS).await.unwrap();
    }
    let keys = keys(&server).await;
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn comes_back_for_an_answer_that_is_not_ready() {
    let server = service().await;
    let busy = json!({ "title": "busy", "code": "request_in_progress" });
    first(&server, ResponseTemplate::new(409).set_body_json(busy)).await;
    assert_eq!(connect(&server).await.batch("teams", None, &ITEMS).await.unwrap().len(), 5);
    assert_eq!(arrived(&server).await.len(), 2);
}

#[tokio::test]
async fn repeats_nothing_that_would_not_get_better() {
    for status in [400, 403, 409, 422, 500] {
        let server = service().await;
        let problem = json!({ "title": "no", "code": "conflict", "detail": "never" });
        first(&server, ResponseTemplate::new(status).set_body_json(problem)).await;
        let error = connect(&server).await.batch("teams", None, &ITEMS).await.unwrap_err();
        assert_eq!(error.to_string(), format!("/api/v1/teams/batch answered {status}: never"));
        assert_eq!(arrived(&server).await.len(), 1);
    }
}

#[tokio::test]
async fn logs_in_again_once_for_all_when_the_token_has_expired() {
    let server = service().await;
    batches(&server, |request: &Request| {
        if request.headers["Authorization"] == "Bearer token-1" {
            return ResponseTemplate::new(401);
        }
        taken(request)
    })
    .await;
    let client = connect(&server).await;
    let one = client.batch("teams", None, &ITEMS[..1]);
    let other = client.batch("teams", None, &ITEMS[1..]);
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (1, 4));
    let requests = server.received_requests().await.unwrap();
    let logins =
        requests.iter().filter(|request| request.url.path() == "/api/v1/auth/login").count();
    assert_eq!(logins, 2);
}

#[tokio::test]
async fn a_given_token_cannot_be_renewed() {
    let server = service().await;
    batches(&server, |_: &Request| ResponseTemplate::new(401)).await;
    let token = Credentials::Token("stale".into());
    let client = Client::connect(&server.uri(), token, Arc::new(|_| {})).await.unwrap();
    let error = client.batch("teams", None, &ITEMS).await.unwrap_err();
    assert!(matches!(error, Error::Login(_)), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_machine_client_asks_for_its_token_as_rfc_6749_has_it() {
    let server = MockServer::start().await;
    let form = "grant_type=client_credentials&client_id=sap&client_secret=a%26b";
    Mock::given(method("POST"))
        .and(path("/api/v1/auth/token"))
        .and(body_string(form))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "access_token": "t" })))
        .mount(&server)
        .await;
    let credentials =
        |secret: &str| Credentials::Client { id: "sap".into(), secret: secret.into() };
    let quiet = || Arc::new(|_: &str| {});
    assert!(Client::connect(&server.uri(), credentials("a&b"), quiet()).await.is_ok());
    let wrong = Client::connect(&server.uri(), credentials("c"), quiet()).await;
    assert!(wrong.is_err());
}

#[tokio::test]
async fn a_refused_login_says_so_at_once() {
    let server = service().await;
    let wrong = Credentials::Password { username: "admin".into(), password: "wrong".into() };
    let error = Client::connect(&server.uri(), wrong, Arc::new(|_| {})).await.err().unwrap();
    assert_eq!(error.to_string(), "the login was refused: who are you?");
}

#[tokio::test]
async fn splits_a_batch_that_is_too_large() {
    let server = service().await;
    batches(&server, |request: &Request| {
        let body: serde_json::Value = request.body_json().unwrap();
        let items = body["items"].as_array().unwrap();
        if items.len() > 2 || items.iter().any(|item| item["external_id"] == "3") {
            return ResponseTemplate::new(413);
        }
        taken(request)
    })
    .await;
    let outcomes = connect(&server).await.batch("teams", None, &ITEMS).await.unwrap();
    let told: Vec<_> =
        outcomes.iter().map(|outcome| (outcome.index, outcome.id.as_deref())).collect();
    let ids = [Some("0"), Some("1"), Some("2"), None, Some("4")];
    assert_eq!(told, ids.into_iter().enumerate().collect::<Vec<_>>());
    assert_eq!(outcomes[3].status, Status::Failed);
}

#[tokio::test]
async fn an_answer_that_misses_items_is_no_answer() {
    let server = service().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({ "results": [] }));
    batches(&server, move |_: &Request| answer.clone()).await;
    let error = connect(&server).await.batch("teams", None, &ITEMS).await.unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
}

#[tokio::test]
async fn repeats_a_request_whose_connection_was_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut heard = vec![];
        for lost in [true, false] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 10_000];
            let length = socket.read(&mut request).await.unwrap();
            heard.push(String::from_utf8(request[..length].to_vec()).unwrap().to_lowercase());
            if lost {
                continue;
            }
            let body = r#"{"results":[{"index":0,"status":"unchanged"}]}"#;
            let status = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            socket.write_all((status + body).as_bytes()).await.unwrap();
        }
        heard
    });
    let token = Credentials::Token("t".into());
    let client = Client::connect(&url, token, Arc::new(|_| {})).await.unwrap();
    let outcomes = client.batch("teams", None, &ITEMS[..1]).await.unwrap();
    assert_eq!(outcomes[0].status, Status::Unchanged);
    let heard = server.await.unwrap();
    let key = |request: &String| {
        request.lines().find(|line| line.starts_with("idempotency-key")).map(str::to_owned)
    };
    assert!(key(&heard[0]).is_some() && key(&heard[0]) == key(&heard[1]), "{heard:?}");
}

#[tokio::test]
async fn gives_up_when_nobody_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let told = Arc::new(AtomicUsize::new(0));
    let notice = Arc::clone(&told);
    let notice = Arc::new(move |_: &str| {
        notice.fetch_add(1, Ordering::SeqCst);
    });
    let error = Client::connect_with(&url, person(), notice, PATIENCE).await.err().unwrap();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(told.load(Ordering::SeqCst) > 0);
    let odd = Client::connect("localhost:8080", person(), Arc::new(|_| {})).await.err().unwrap();
    assert!(matches!(odd, Error::Option(_)), "{odd}");
}
