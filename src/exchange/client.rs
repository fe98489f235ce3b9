//! HTTP client of the service: logs in, sends batches and repeats requests that fail temporarily.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::outcome::{Answer, Outcome, Problem};
use crate::retry_limits::{Attempt, RetryLimits, retry_after};
use crate::words::Language;

/// Credentials of the caller.
#[derive(Clone)]
pub enum Credentials {
    /// An API client
    Client { id: String, secret: String },
    /// A user, such as the administrator
    Password { username: String, password: String },
    /// An existing access token; it cannot be renewed when it expires
    Token(String),
}

/// Receives a message of one line when a request has to be repeated.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

pub struct Client {
    http: reqwest::Client,
    /// Address of the service, without a slash at the end
    base: String,
    credentials: Credentials,
    token: Mutex<String>,
    patience: RetryLimits,
    notice: Notice,
    /// Random per client, see [`Client::key`]
    run: Uuid,
}

/// Options that apply to all items of a batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct BatchOptions {
    /// Source system of the external ids. Default: the client's own.
    pub source_system: Option<String>,
    pub dry_run: bool,
    /// Language of the error messages
    pub language: Language,
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
}

struct Reply {
    status: StatusCode,
    body: Vec<u8>,
}

impl Client {
    /// Logs in. `url` is the address of the service, without `/api/v1`.
    pub async fn connect(url: &str, credentials: Credentials, notice: Notice) -> Result<Self> {
        Self::connect_with(url, credentials, notice, RetryLimits::default()).await
    }

    /// Logs in like [`Client::connect`], with the given time limits.
    pub async fn connect_with(
        url: &str,
        credentials: Credentials,
        notice: Notice,
        patience: RetryLimits,
    ) -> Result<Self> {
        let option = |reason: &dyn std::fmt::Display| Error::Option(format!("{url}: {reason}"));
        let address = reqwest::Url::parse(url).map_err(|error| option(&error))?;
        let Some(host) = address.host_str().filter(|_| address.scheme().starts_with("http")) else {
            return Err(option(&"an address such as http://127.0.0.1:8080 is needed"));
        };

        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(patience.silence);
        // A proxy cannot reach this machine's own addresses.
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            builder = builder.no_proxy();
        }

        let client = Self {
            http: builder.build().map_err(|error| option(&error))?,
            base: url.trim_end_matches('/').to_owned(),
            credentials,
            token: Mutex::default(),
            patience,
            notice,
            run: Uuid::now_v7(),
        };
        *client.token.lock().await = client.login(client.patience.first_contact).await?;
        Ok(client)
    }

    /// Sends items, each a JSON object, as one batch. Splits the batch in halves if the service
    /// refuses it as too large. The outcomes are in the order of the items.
    pub async fn batch<S: AsRef<str> + Sync>(
        &self,
        resource: &str,
        source_system: Option<&str>,
        items: &[S],
    ) -> Result<Vec<Outcome>> {
        let source_system = source_system.map(str::to_owned);
        let options = BatchOptions { source_system, ..BatchOptions::default() };
        self.batch_with(resource, &options, items).await
    }

    pub(crate) async fn batch_with<S: AsRef<str> + Sync>(
        &self,
        resource: &str,
        options: &BatchOptions,
        items: &[S],
    ) -> Result<Vec<Outcome>> {
        let path = format!("/api/v1/{resource}/batch");
        let (mut outcomes, mut parts) = (Vec::with_capacity(items.len()), vec![items]);
        while let Some(part) = parts.pop() {
            let reply = self.post(&path, body(options, part), options.language).await?;
            match reply.status {
                StatusCode::OK => outcomes.extend(in_order(&path, &reply.body, part.len())?),
                StatusCode::PAYLOAD_TOO_LARGE if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                StatusCode::PAYLOAD_TOO_LARGE => outcomes.push(Outcome::too_large()),
                _ => return Err(refused(&path, &reply)),
            }
        }

        for (index, outcome) in outcomes.iter_mut().enumerate() {
            outcome.index = index;
        }
        Ok(outcomes)
    }

    /// Sends a `POST` with an `Idempotency-Key`, so that repeating it is safe. Returns the status
    /// and body of the response.
    pub async fn send(&self, path: &str, body: &serde_json::Value) -> Result<(u16, Vec<u8>)> {
        let reply = self.post(path, body.to_string(), Language::English).await?;
        Ok((reply.status.as_u16(), reply.body))
    }

    /// Sends a `GET`. Returns the status and body of the response.
    pub async fn get(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let reply = self.authorised(self.http.get(format!("{}{path}", self.base))).await?;
        Ok((reply.status.as_u16(), reply.body))
    }

    /// Sends a `PATCH` for the given version of a row. Returns the status and body of the
    /// response.
    pub async fn patch(
        &self,
        path: &str,
        version: i64,
        body: &serde_json::Value,
    ) -> Result<(u16, Vec<u8>)> {
        let request = self.http.patch(format!("{}{path}", self.base)).json(body);
        let reply = self.authorised(request.header("If-Match", format!("\"{version}\""))).await?;
        Ok((reply.status.as_u16(), reply.body))
    }

    async fn post(&self, path: &str, body: String, language: Language) -> Result<Reply> {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = match language {
            Language::English => request,
            Language::Chinese => request.header("Accept-Language", "zh-CN"),
        };
        let request = request.header("Idempotency-Key", self.key(path, &body));
        self.authorised(request.header("Content-Type", "application/json").body(body)).await
    }

    /// Sends a request with the access token. If the token has expired, renews it and sends the
    /// request once more.
    async fn authorised(&self, request: RequestBuilder) -> Result<Reply> {
        let mut token = self.token.lock().await.clone();
        let mut renewed = false;
        loop {
            let request = repeated(&request, &self.base)?.bearer_auth(&token);
            let reply = self.persist(request, self.patience.request).await?;
            if reply.status != StatusCode::UNAUTHORIZED || renewed {
                return Ok(reply);
            }
            token = self.renew(&token).await?;
            renewed = true;
        }
    }

    /// The idempotency key of a request, a hash of its content: a repetition after a lost response
    /// gets the same response. The hash includes the run, because a later import of the same file
    /// must be compared with the data that the service has by then.
    fn key(&self, path: &str, body: &str) -> String {
        let mut hash = Context::new(&SHA256);
        hash.update(self.run.as_bytes());
        hash.update(path.as_bytes());
        hash.update(body.as_bytes());
        hash.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Replaces a stale token, unless another request has already done so.
    async fn renew(&self, stale: &str) -> Result<String> {
        let mut token = self.token.lock().await;
        if *token == stale {
            if let Credentials::Token(_) = self.credentials {
                return Err(Error::Login("the token is not good, or no longer".into()));
            }
            *token = self.login(self.patience.request).await?;
        }
        Ok(token.clone())
    }

    async fn login(&self, patience: Duration) -> Result<String> {
        let (path, request) = match &self.credentials {
            Credentials::Token(token) => return Ok(token.clone()),
            Credentials::Client { id, secret } => {
                let path = "/api/v1/auth/token";
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", id),
                    ("client_secret", secret),
                ];
                (path, self.http.post(format!("{}{path}", self.base)).form(&form))
            }
            Credentials::Password { username, password } => {
                let path = "/api/v1/auth/login";
                let body = json!({ "username": username, "password": password });
                (path, self.http.post(format!("{}{path}", self.base)).json(&body))
            }
        };

        let reply = self.persist(request, patience).await?;
        match reply.status {
            StatusCode::OK => Ok(read::<Grant>(path, &reply.body)?.access_token),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => Err(Error::Login(reason(&reply))),
            _ => Err(refused(path, &reply)),
        }
    }

    /// Repeats a request while the service is unavailable, with growing pauses.
    async fn persist(&self, request: RequestBuilder, patience: Duration) -> Result<Reply> {
        let mut attempt = Attempt::within(patience);
        loop {
            let once = repeated(&request, &self.base)?;
            let (reason, wait) = match answered(once).await {
                Ok((reply, _)) if !passing(&reply) => return Ok(reply),
                Ok((reply, wait)) => (format!("{} {}", reply.status, reason(&reply)), wait),
                Err(error) => (chain(&error), None),
            };
            let Some(pause) = attempt.next(wait) else {
                let (url, seconds) = (self.base.clone(), patience.as_secs());
                return Err(Error::Unavailable { url, seconds, reason });
            };
            (self.notice)(&format!("waiting for {}: {}", self.base, reason.trim()));
            tokio::time::sleep(pause).await;
        }
    }
}

fn repeated(request: &RequestBuilder, base: &str) -> Result<RequestBuilder> {
    request.try_clone().ok_or_else(|| Error::Answer {
        path: base.to_owned(),
        reason: "a request that cannot be repeated".into(),
    })
}

/// Builds the body of a batch. The items are JSON already and are copied as they are.
fn body<S: AsRef<str>>(options: &BatchOptions, items: &[S]) -> String {
    let size: usize = items.iter().map(|item| item.as_ref().len() + 1).sum();
    let mut body = String::with_capacity(size + 100);
    body.push('{');
    if let Some(system) = &options.source_system {
        let _ = write!(body, "\"source_system\":{},", serde_json::Value::from(system.as_str()));
    }
    if options.dry_run {
        body.push_str("\"dry_run\":true,");
    }

    body.push_str("\"items\":[");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(item.as_ref());
    }
    body.push_str("]}");
    body
}

async fn answered(request: RequestBuilder) -> reqwest::Result<(Reply, Option<Duration>)> {
    let response = request.send().await?;
    let (status, wait) = (response.status(), retry_after(response.headers()));
    let body = response.bytes().await?.to_vec();
    Ok((Reply { status, body }, wait))
}

/// Checks whether the failure is temporary. A 500 is not: repeating the request would fail again.
fn passing(reply: &Reply) -> bool {
    let code = || serde_json::from_slice::<Problem>(&reply.body).map(|problem| problem.code);
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        // The response of an earlier attempt was lost, and the service still works on it.
        StatusCode::CONFLICT => code().is_ok_and(|code| code == "request_in_progress"),
        _ => false,
    }
}

fn in_order(path: &str, body: &[u8], count: usize) -> Result<Vec<Outcome>> {
    let mut outcomes = read::<Answer>(path, body)?.results;
    outcomes.sort_by_key(|outcome| outcome.index);
    if outcomes.iter().map(|outcome| outcome.index).eq(0..count) {
        return Ok(outcomes);
    }
    let reason = format!("{} outcomes of {count} items", outcomes.len());
    Err(Error::Answer { path: path.to_owned(), reason })
}

fn read<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T> {
    let bad = |error: serde_json::Error| Error::Answer {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    serde_json::from_slice(body).map_err(bad)
}

fn refused(path: &str, reply: &Reply) -> Error {
    let (path, status) = (path.to_owned(), reply.status.as_u16());
    Error::Refused { path, status, reason: reason(reply) }
}

/// The error message in the response, or an empty text.
fn reason(reply: &Reply) -> String {
    let problem = serde_json::from_slice::<Problem>(&reply.body).unwrap_or_default();
    problem.reason(|_, _| None)
}

/// Joins the messages of an error and its sources: reqwest's own message lacks the cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}
