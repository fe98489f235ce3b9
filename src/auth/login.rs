//! How people and programs get their tokens, 登录 (S1).

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, Responder, dev::Payload, post, rt, web, web::Data,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use platform::{Clock, Db, Error, Json, Problems, Result, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::api_client::ApiClient;
use crate::attempt::{Attempt, Subject};
use crate::token::{Holder, LIFETIME};
use crate::user::account::{Login as Person, WhoIs, login};
use crate::{Tokens, password, session};

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "username": "zhangwei", "password": "correct horse battery" }))]
pub struct Login {
    #[schema(min_length = 1, max_length = 100)]
    username: String,
    #[schema(min_length = 1, max_length = 200, write_only)]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "refresh_token": "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI" }))]
pub struct Refresh {
    #[schema(min_length = 1, max_length = 100)]
    refresh_token: String,
}

/// The tokens of a session
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// For `Authorization: Bearer …`
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// In seconds
    #[schema(example = 900)]
    expires_in: i64,
    /// For `POST /auth/refresh`, once
    refresh_token: String,
}

/// The token of a program
#[derive(Serialize, ToSchema)]
pub struct MachineToken {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 900)]
    expires_in: i64,
}

/// What a program sends, as a form. The client's id and secret may stand here or in an
/// `Authorization: Basic` header.
#[derive(ToSchema)]
#[schema(example = json!({ "grant_type": "client_credentials" }))]
#[allow(dead_code, reason = "documentation of a form that is read by hand")]
struct TokenRequest {
    #[schema(example = "client_credentials")]
    grant_type: String,
    #[schema(nullable = false)]
    client_id: Option<String>,
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// The errors of the token endpoint (RFC 6749, 5.2)
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenError {
    #[serde(skip)]
    #[schema(ignore)]
    status: StatusCode,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<String>,
    #[schema(example = "invalid_client")]
    error: &'static str,
    error_description: &'static str,
}

/// Whether `X-Forwarded-For` tells the address of a client: only behind a proxy that writes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrustProxy(pub bool);

/// The address that a request comes from.
struct Peer(String);

impl FromRequest for Peer {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let trusted = req.app_data::<Data<TrustProxy>>().is_some_and(|trust| trust.0);
        // The last one is the proxy's own word; what stands before it anybody may have written.
        let last = req.headers().get_all("x-forwarded-for").last();
        let last = last.filter(|_| trusted).and_then(|it| it.to_str().ok()?.rsplit(',').next());
        let last = last.and_then(|it| it.trim().parse::<std::net::IpAddr>().ok());
        let address = last.or_else(|| req.peer_addr().map(|peer| peer.ip()));
        ready(Ok(Self(address.map_or_else(|| "unknown".to_owned(), |it| it.to_string()))))
    }
}

/// An answer that nobody may store.
struct NoStore<T>(T);

impl<T: Serialize> Responder for NoStore<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(&self.0)
    }
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(log_in).service(refresh_session).service(log_out).service(issue_machine_token);
}

/// Log in
///
/// Ten failures of one account in 15 minutes, or fifty of one address, and the answer is 429 with
/// `Retry-After`, whether there is such an account or not.
#[utoipa::path(
    tag = "auth",
    security(()),
    request_body = Login,
    responses((status = 200, description = "The tokens", body = Session), Problems),
)]
#[post("/auth/login")]
async fn log_in(
    given: Json<Login>,
    peer: Peer,
    db: Db,
    clock: Data<Clock>,
    tokens: Data<Tokens>,
) -> Result<impl Responder> {
    Session::begin(&db, &clock, &tokens, &peer, &given).await.map(NoStore)
}

/// Get new tokens for a refresh token
///
/// The refresh token is exchanged, too: use the new one from then on. If the answer gets lost, the
/// old one is good for 60 s more, until its successor has been used; if it comes again later, the
/// whole session ends (401), because somebody else may have it.
#[utoipa::path(
    tag = "auth",
    security(()),
    request_body = Refresh,
    responses((status = 200, description = "The tokens", body = Session), Problems),
)]
#[post("/auth/refresh")]
async fn refresh_session(
    given: Json<Refresh>,
    db: Db,
    clock: Data<Clock>,
    tokens: Data<Tokens>,
) -> Result<impl Responder> {
    Session::refresh(&db, &clock, &tokens, &given).await.map(NoStore)
}

/// Log out
///
/// Ends the session of the refresh token; 204 also when there is none. The access token is good
/// until it expires.
#[utoipa::path(
    tag = "auth",
    security(()),
    request_body = Refresh,
    responses((status = 204, description = "The session is over"), Problems),
)]
#[post("/auth/logout")]
async fn log_out(given: Json<Refresh>, db: Db, clock: Data<Clock>) -> Result<HttpResponse> {
    Session::end(db, &clock, given.0).await.map(|()| HttpResponse::NoContent().finish())
}

/// Get a token for a program
///
/// The client credentials grant of RFC 6749, with its own form of errors. The client's id and
/// secret go into `Authorization: Basic` or into the form.
#[utoipa::path(
    tag = "auth",
    security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = MachineToken),
        (status = "4XX", description = "The client is not known or the request is not good", body = TokenError),
        (status = "5XX", description = "The server failed", body = TokenError),
    ),
)]
#[post("/auth/token")]
async fn issue_machine_token(
    req: HttpRequest,
    form: web::Bytes,
    peer: Peer,
    db: Db,
    clock: Data<Clock>,
    tokens: Data<Tokens>,
) -> HttpResponse {
    let token = MachineToken::issue(&req, &form, &peer, &db, &clock, &tokens).await;
    token.map_or_else(TokenError::answer, |token| NoStore(token).respond_to(&req))
}

/// Runs to its end also when the client hangs up: a transaction must not stop half way.
async fn detached<T: 'static>(
    db: &Db,
    clock: &Clock,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T> + 'static,
) -> Result<T> {
    let (db, clock) = (db.clone(), clock.clone());
    let work = async move { Tx::run(&db, &clock, Uuid::nil(), work).await };
    rt::spawn(work).await.map_err(Error::internal)?
}

impl Session {
    fn new(access_token: String, refresh_token: String) -> Self {
        Self { access_token, token_type: "Bearer", expires_in: LIFETIME, refresh_token }
    }

    async fn begin(
        db: &Db,
        clock: &Clock,
        tokens: &Tokens,
        peer: &Peer,
        given: &Login,
    ) -> Result<Self> {
        let now = clock.now();
        let mut conn = db.conn().await?;
        let subjects = vec![Subject::account(&given.username), Subject::address(&peer.0)];
        let attempt = Attempt::begin(&mut conn, now, subjects).await?;
        let person = login(&mut conn, WhoIs::Name(&given.username), clock.today()).await?;
        // It would be idle for as long as the password takes.
        drop(conn);
        let hash = person.as_ref().and_then(|person| person.hash.clone());
        let fits = password::fits(&given.password, hash).await?;
        let person = person.filter(|_| fits).ok_or_else(wrong)?;
        let id = person.id;
        let refresh = detached(db, clock, async move |tx| {
            attempt.succeeded(tx.conn()).await?;
            session::begin(tx, id).await
        });
        Ok(Self::new(access(tokens, &person, clock).await?, refresh.await?))
    }

    async fn refresh(db: &Db, clock: &Clock, tokens: &Tokens, given: &Refresh) -> Result<Self> {
        let token = given.refresh_token.clone();
        let renewed = detached(db, clock, async move |tx| {
            // Not an error: what is found out about a stolen token must be kept.
            let Some((id, next)) = session::rotate(tx, &token).await? else { return Ok(None) };
            let today = tx.today;
            let person = login(tx.conn(), WhoIs::Id(id), today).await?;
            if person.is_none() {
                session::end_all(tx, &[id]).await?;
            }
            Ok(person.map(|person| (person, next)))
        });
        let (person, next) = renewed.await?.ok_or_else(Error::unauthorized)?;
        Ok(Self::new(access(tokens, &person, clock).await?, next))
    }

    async fn end(db: Db, clock: &Clock, given: Refresh) -> Result<()> {
        detached(&db, clock, async move |tx| session::end(tx, &given.refresh_token).await).await
    }
}

/// The same for a wrong name and a wrong password.
fn wrong() -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "wrong_credentials").detail("wrong name or password")
}

async fn access(tokens: &Tokens, person: &Person, clock: &Clock) -> Result<String> {
    let now = clock.now();
    let holder = Holder { roles: &person.roles, ..Holder::from(person.id) };
    tokens.current(now).await.issue(holder, now)
}

impl MachineToken {
    async fn issue(
        req: &HttpRequest,
        form: &[u8],
        peer: &Peer,
        db: &Db,
        clock: &Clock,
        tokens: &Tokens,
    ) -> Result<Self, TokenError> {
        let (client_id, secret) = credentials(req, form)?;
        let now = clock.now();
        let mut conn = db.conn().await?;
        // Only by address: nobody guesses 256 bits, and nobody shall lock an ERP out.
        let attempt = Attempt::begin(&mut conn, now, vec![Subject::address(&peer.0)]).await?;
        let client = ApiClient::authenticate(&mut conn, &client_id, &secret).await?;
        let client = client.ok_or(TokenError::invalid_client())?;
        attempt.succeeded(&mut conn).await?;
        drop(conn);
        let holder = Holder { id: client.id, client_id: &client.client_id, roles: &client.roles };
        let access_token = tokens.current(now).await.issue(holder, now)?;
        Ok(Self { access_token, token_type: "Bearer", expires_in: LIFETIME })
    }
}

/// The client's id and secret, from one place and not from two.
fn credentials(req: &HttpRequest, form: &[u8]) -> Result<(String, String), TokenError> {
    let kind = req.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(TokenError::invalid_request("send a form"));
    }
    let pairs = serde_urlencoded::from_bytes::<Vec<(String, String)>>(form);
    let pairs = pairs.map_err(|_| TokenError::invalid_request("this is no form"))?;
    let field = |name: &str| {
        let mut values = pairs.iter().filter(|pair| pair.0 == name).map(|pair| pair.1.clone());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(TokenError::invalid_request("a parameter came twice")),
            (value, None) => Ok(value),
        }
    };
    match field("grant_type")?.as_deref() {
        Some("client_credentials") => {}
        None => return Err(TokenError::invalid_request("grant_type is required")),
        Some(_) => {
            return Err(TokenError::bad("unsupported_grant_type", "client_credentials only"));
        }
    }
    let posted = (field("client_id")?, field("client_secret")?);
    match (basic(req)?, posted) {
        (Some(basic), (id, None)) if id.as_ref().is_none_or(|id| *id == basic.0) => Ok(basic),
        (None, (Some(id), Some(secret))) => Ok((id, secret)),
        (None, (None, None)) => Err(TokenError::invalid_client()),
        _ => Err(TokenError::invalid_request("one id and one secret, in one place")),
    }
}

fn basic(req: &HttpRequest) -> Result<Option<(String, String)>, TokenError> {
    let Some(header) = req.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().ok().and_then(|it| it.split_once(' '));
    let text = text.filter(|it| it.0.eq_ignore_ascii_case("basic"));
    let text = text.and_then(|it| String::from_utf8(BASE64.decode(it.1.trim()).ok()?).ok());
    let pair = text.as_deref().and_then(|text| text.split_once(':'));
    let pair = pair.map(|(id, secret)| (id.to_owned(), secret.to_owned()));
    pair.map(Some).ok_or_else(TokenError::invalid_client)
}

impl TokenError {
    fn bad(error: &'static str, error_description: &'static str) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, retry_after: None, error, error_description }
    }
    fn invalid_request(why: &'static str) -> Self {
        Self::bad("invalid_request", why)
    }
    fn invalid_client() -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self { status, ..Self::bad("invalid_client", "no such client, or not its secret") }
    }

    fn answer(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"salesbook\""));
        }
        if let Some(seconds) = &self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.as_str()));
        }
        response.json(&self)
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        let answer = error.answer(None, false);
        let status = answer.status();
        let seconds = answer.headers().get(header::RETRY_AFTER);
        let retry_after = seconds.and_then(|it| it.to_str().ok()).map(str::to_owned);
        let (error, error_description) = match status {
            StatusCode::TOO_MANY_REQUESTS => ("slow_down", "too many failed attempts"),
            StatusCode::SERVICE_UNAVAILABLE => ("temporarily_unavailable", "come back later"),
            _ => ("server_error", "the server failed"),
        };
        Self { status, retry_after, error, error_description }
    }
}
