//! Tests against a mock service that implements only the protocol.

mod client;
mod folder;
mod format;
mod import;
mod sheets;
mod texts;
#[path = "../../../tests/it/support/workbooks.rs"]
mod workbooks;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{Client, Credentials, RetryLimits};

/// Time limits that are short enough to test giving up.
const PATIENCE: RetryLimits = RetryLimits {
    first_contact: Duration::from_millis(300),
    request: Duration::from_secs(10),
    silence: Duration::from_secs(5),
};

fn person() -> Credentials {
    Credentials::Password { username: "admin".into(), password: "correct horse".into() }
}

async fn connect(server: &MockServer) -> Client {
    let quiet = Arc::new(|_: &str| {});
    Client::connect_with(&server.uri(), person(), quiet, PATIENCE).await.unwrap()
}

/// A service with a login. Each login returns the next token, beginning with `token-1`.
async fn service() -> MockServer {
    let server = MockServer::start().await;
    let logins = std::sync::atomic::AtomicUsize::new(1);
    let login = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        if body != json!({ "username": "admin", "password": "correct horse" }) {
            let problem = json!({ "title": "who are you?", "code": "bad_credentials" });
            return ResponseTemplate::new(401).set_body_json(problem);
        }
        let number = logins.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let grant = json!({ "access_token": format!("token-{number}"), "expires_in": 900 });
        ResponseTemplate::new(200).set_body_json(grant)
    };
    let at_login = Mock::given(method("POST")).and(path("/api/v1/auth/login"));
    at_login.respond_with(login).mount(&server).await;
    server
}

/// Lets the service answer batches with `respond`.
async fn batches(
    server: &MockServer,
    respond: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) {
    let batch = Mock::given(method("POST")).and(wiremock::matchers::path_regex("/batch$"));
    batch.respond_with(respond).mount(server).await;
}

/// The answer of a service that accepts everything except items named `bad`.
fn taken(request: &Request) -> ResponseTemplate {
    let body: Value = request.body_json().unwrap();
    let results = body["items"].as_array().unwrap().iter().enumerate().map(|(index, item)| {
        if item["name"] == "bad" {
            let errors = json!([{ "pointer": "/name", "code": "range", "message": "not good" }]);
            let problem = json!({ "title": "no", "code": "invalid", "errors": errors });
            return json!({ "index": index, "status": "failed", "problem": problem });
        }
        json!({ "index": index, "status": "created", "id": item["external_id"], "version": 1 })
    });
    let results = results.collect::<Vec<_>>();
    ResponseTemplate::new(200).set_body_json(json!({ "results": results }))
}

/// The resource and body of each batch that the service received.
async fn arrived(server: &MockServer) -> Vec<(String, Value)> {
    let requests = server.received_requests().await.unwrap();
    let batches = requests.iter().filter(|request| request.url.path().ends_with("/batch"));
    let resource =
        |request: &Request| request.url.path().split('/').nth_back(1).unwrap().to_owned();
    batches.map(|request| (resource(request), request.body_json().unwrap())).collect()
}
