//! Tokens of API clients: the client credentials grant of RFC 6749.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder, web::Data};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use platform::input::Raw;
use platform::utf8::is_utf8;
use platform::{Clock, Db, Error, Result, Routes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api_client::MachineClient;
use crate::peer::{NoStore, Peer};
use crate::throttle::{Subject, Throttle};
use crate::token::{Holder, LIFETIME};
use crate::{Logins, Tokens};

/// The access token of an API client
#[derive(Serialize, ToSchema)]
pub struct MachineToken {
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime of the token in seconds
    #[schema(example = 900)]
    expires_in: i64,
}

/// The form that a client sends. Id and secret of the client are sent either here or in an
/// `Authorization: Basic` header.
#[derive(ToSchema)]
#[schema(example = json!({ "grant_type": "client_credentials" }))]
#[allow(dead_code, reason = "documentation of a form that is read manually")]
struct TokenRequest {
    #[schema(example = "client_credentials", pattern = "^client_credentials$")]
    grant_type: String,
    #[schema(nullable = false)]
    client_id: Option<String>,
    #[schema(nullable = false)]
    client_secret: Option<String>,
}

/// An error of the token endpoint (RFC 6749, 5.2)
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

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, issue_machine_token);
}

/// Issue a token to an API client
///
/// The client credentials grant of RFC 6749. Errors have the format of that standard. Send the id
/// and the secret of the client either in `Authorization: Basic` or in the form.
#[utoipa::path(
    post, path = "/auth/token",
    security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token", body = MachineToken),
        (status = "4XX", description = "The client is unknown or the request is invalid", body = TokenError),
        (status = "5XX", description = "The server failed", body = TokenError),
    ),
)]
async fn issue_machine_token(
    req: HttpRequest,
    form: Result<Raw>,
    peer: Peer,
    db: Db,
    clock: Data<Clock>,
    tokens: Data<Tokens>,
    logins: Data<Logins>,
) -> HttpResponse {
    let throttle = &logins.throttle;
    let token = MachineToken::issue(&req, form, &peer, &db, &clock, &tokens, throttle).await;
    token.map_or_else(TokenError::answer, |token| NoStore(token).respond_to(&req))
}

impl MachineToken {
    async fn issue(
        req: &HttpRequest,
        form: Result<Raw>,
        peer: &Peer,
        db: &Db,
        clock: &Clock,
        tokens: &Tokens,
        throttle: &Throttle,
    ) -> Result<Self, TokenError> {
        let (client_id, secret) = credentials(req, &form?.0)?;
        let now = clock.now();
        let mut conn = db.conn().await?;
        let known = MachineClient::authenticate(&mut conn, &client_id, &secret).await?;
        drop(conn);

        // Only failures are throttled: 256 bits cannot be guessed, and failures of others must not
        // lock out an ERP.
        let Some((client, secret)) = known else {
            tracing::warn!(address = peer.0, "API client login failed");
            let _counted = throttle.begin(now, Subject::programs(&peer.0))?;
            return Err(TokenError::invalid_client());
        };
        tracing::info!(account = client.client_id, address = peer.0, "API client logged in");

        let holder = Holder {
            client_id: &client.client_id,
            roles: &client.roles,
            session: Some(secret),
            ..Holder::from(client.id)
        };
        let access_token = tokens.current(now).await.issue(holder, now)?;
        Ok(Self { access_token, token_type: "Bearer", expires_in: LIFETIME })
    }
}

/// Returns the client's id and secret, which must be sent in one place only.
fn credentials(req: &HttpRequest, form: &[u8]) -> Result<(String, String), TokenError> {
    let kind = req.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let why = "The body must be a form (`application/x-www-form-urlencoded`).";
        return Err(TokenError::invalid_request(why));
    }
    if !is_utf8(form) {
        return Err(TokenError::invalid_request("The form is not valid UTF-8."));
    }

    let pairs = serde_urlencoded::from_bytes::<Vec<(String, String)>>(form);
    let pairs = pairs.map_err(|_| TokenError::invalid_request("The body is not a valid form."))?;
    let field = |name: &str| {
        let mut values = pairs.iter().filter(|pair| pair.0 == name).map(|pair| pair.1.clone());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(TokenError::invalid_request("A parameter occurs more than once.")),
            (value, None) => Ok(value),
        }
    };

    match field("grant_type")?.as_deref() {
        Some("client_credentials") => {}
        None => return Err(TokenError::invalid_request("`grant_type` is required.")),
        Some(_) => {
            let why = "`grant_type` must be `client_credentials`.";
            return Err(TokenError::bad("unsupported_grant_type", why));
        }
    }

    let posted = (field("client_id")?, field("client_secret")?);
    match (basic(req)?, posted) {
        (Some(basic), (id, None)) if id.as_ref().is_none_or(|id| *id == basic.0) => Ok(basic),
        (None, (Some(id), Some(secret))) => Ok((id, secret)),
        (None, (None, None)) => Err(TokenError::invalid_client()),
        _ => Err(TokenError::invalid_request(
            "Send the id and the secret once, either in the header or in the body.",
        )),
    }
}

fn basic(req: &HttpRequest) -> Result<Option<(String, String)>, TokenError> {
    let Some(header) = req.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    let text = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let text = text.and_then(|(_, code)| String::from_utf8(BASE64.decode(code.trim()).ok()?).ok());
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
        let why = "The client does not exist, or the secret is wrong.";
        Self { status, ..Self::bad("invalid_client", why) }
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
        let answer = error.answer(None, None);
        let status = answer.status();
        let seconds = answer.headers().get(header::RETRY_AFTER);
        let retry_after = seconds.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (error, error_description) = match status {
            StatusCode::TOO_MANY_REQUESTS => ("slow_down", "There were too many failed attempts."),
            StatusCode::SERVICE_UNAVAILABLE => {
                ("temporarily_unavailable", "The service is unavailable. Try again later.")
            }
            status if status.is_client_error() => ("invalid_request", "The body cannot be read."),
            _ => ("server_error", "The server failed."),
        };
        Self { status, retry_after, error, error_description }
    }
}
