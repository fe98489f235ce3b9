//! Logins of users, 登录, and the renewal of their tokens.

use std::future::{Ready, ready};

use access::Role;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, rt, web::Data};
use platform::{Argument, Clock, Db, Error, Json, Problems, Result, Routes, Seal, Timestamp, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::peer::{NoStore, Origin};
use crate::session::Renewed;
use crate::throttle::{Attempt, Subject, Throttle, too_many};
use crate::token::Holder;
use crate::user::account::{Login as Person, WhoIs, login};
use crate::{Tokens, login_address, password, second_factor, session};

/// The company's rules for logins.
#[derive(Debug, Clone)]
pub struct LoginPolicy {
    /// Roles that require a second factor
    pub second_factor: Vec<Role>,
    /// Days after which a session ends, even if it is in use
    pub session_days: i64,
}

impl Default for LoginPolicy {
    fn default() -> Self {
        Self { second_factor: vec![], session_days: 90 }
    }
}

/// The time in seconds for which a device is known after the login that issued its token.
const DEVICE: i64 = 180 * 24 * 3600;

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "username": "zhangwei", "password": "correct horse battery" }))]
pub struct Login {
    #[schema(min_length = 1, max_length = 100)]
    username: String,
    #[schema(min_length = 1, max_length = 200, write_only)]
    password: String,
    /// A code of the second factor, or a recovery code. Required once a second factor is set up
    #[schema(min_length = 6, max_length = 40, nullable = false, write_only)]
    otp: Option<String>,
    /// The device token from an earlier login on this device. Failed logins elsewhere do not lock
    /// out a known device
    #[schema(min_length = 1, max_length = 200, nullable = false, write_only)]
    device_token: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "refresh_token": "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI" }))]
pub struct Refresh {
    #[schema(min_length = 1, max_length = 100)]
    refresh_token: String,
}

/// The tokens of a session
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionTokens {
    /// The token for `Authorization: Bearer …`
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds
    #[schema(example = 900)]
    expires_in: i64,
    /// The token for `POST /auth/refresh`. It can be used once
    refresh_token: String,
    /// Only after a login: store it on the device and send it with the next login
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device_token: Option<String>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, log_in, refresh_session, log_out);
}

/// Log in
///
/// If the user has a second factor and `otp` is missing, a login with the right password returns
/// 401 `second_factor_required`: repeat the request with `otp`. Failures are counted for 15
/// minutes: after ten failures for one account from one address, the response is 429 with
/// `Retry-After`, whether or not the account exists. From an address or a device that has logged in
/// to the account before, the right password is still accepted.
#[utoipa::path(
    post, path = "/auth/login",
    security(()),
    request_body = Login,
    responses(
        (status = 200, description = "The tokens", body = SessionTokens),
        (status = 401, description = "`wrong_credentials`, `wrong_second_factor`"),
        (status = 429, description = "`too_many_attempts`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn log_in(given: Json<Login>, context: LoginContext) -> Result<impl Responder> {
    context.log_in(&given).await.map(NoStore)
}

/// Refresh a session
///
/// Exchanges a refresh token for a new access token and a new refresh token; use the new refresh
/// token from then on. In case the response is lost or two tabs refresh at the same time, the old
/// refresh token remains valid for another 60 seconds, but no longer than until one of its
/// successors is used. All of its successors are valid. A later use of the old token ends the whole
/// session (401), because the token may have been stolen.
#[utoipa::path(
    post, path = "/auth/refresh",
    security(()),
    request_body = Refresh,
    responses(
        (status = 200, description = "The tokens", body = SessionTokens),
        (status = 401, description = "`unauthorized`"),
        Problems,
    ),
)]
async fn refresh_session(given: Json<Refresh>, context: LoginContext) -> Result<impl Responder> {
    context.refresh(&given).await.map(NoStore)
}

/// Log out
///
/// Ends the session of the refresh token. Also returns 204 if there is no such session. The access
/// tokens of the session become invalid within two seconds.
#[utoipa::path(
    post, path = "/auth/logout",
    security(()),
    request_body = Refresh,
    responses((status = 204, description = "The session has ended"), Problems),
)]
async fn log_out(given: Json<Refresh>, context: LoginContext) -> Result<HttpResponse> {
    let token = given.0.refresh_token;
    context.detached(async move |tx| session::end(tx, &token).await).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The services that a login needs, and the origin of the request.
struct LoginContext {
    db: Db,
    clock: Clock,
    tokens: Tokens,
    seal: Seal,
    logins: Logins,
    origin: Origin,
}

/// The rules for logins and the failed attempts, shared by all workers of a process.
#[derive(Clone)]
pub struct Logins {
    pub policy: LoginPolicy,
    pub throttle: Throttle,
}

impl Logins {
    pub fn new(policy: LoginPolicy) -> Self {
        Self { policy, throttle: Throttle::default() }
    }
}

impl FromRequest for LoginContext {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        fn shared<T: Clone + 'static>(req: &HttpRequest) -> T {
            req.app_data::<Data<T>>().expect("the app registers what logins need").get_ref().clone()
        }
        ready(Db::from_request(req, payload).into_inner().map(|db| Self {
            db,
            clock: shared(req),
            tokens: shared(req),
            seal: shared(req),
            logins: shared(req),
            origin: Origin::of(req),
        }))
    }
}

impl Argument for LoginContext {}

impl LoginContext {
    async fn log_in(&self, given: &Login) -> Result<SessionTokens> {
        let now = self.clock.now();
        let mut conn = self.db.conn().await?;
        let person = login(&mut conn, WhoIs::Name(&given.username), self.clock.today()).await?;
        let id = person.as_ref().map_or(Uuid::nil(), |person| person.id);
        let address = &self.origin.address;
        // Also queried for unknown users, so that the response takes as long.
        let known = login_address::is_known(&mut conn, id, address, now).await?;
        // Otherwise the connection would be idle while the password is verified.
        drop(conn);

        let mut hash = person.as_ref().and_then(|person| person.hash.clone());
        let device = given.device_token.as_deref();
        let device = device.filter(|token| self.knows_device(id, token, now));
        let subjects = match device {
            Some(device) => Subject::device(id, device),
            None => Subject::login(&given.username, hash.as_deref(), address),
        };

        let refused = |error: Error| {
            self.log_failure(person.as_ref(), error.code());
            error
        };
        let attempt = self.logins.throttle.begin(now, subjects).map_err(refused)?;
        let suspect = attempt.suspect;
        if suspect.is_some() && !known {
            // The login fails, but takes as long as one that may succeed.
            hash = None;
        }

        let fits = match password::fits(&given.password, hash).await {
            Ok(fits) => fits,
            Err(error) => {
                attempt.withdrawn();
                return Err(error);
            }
        };
        let Some(person) = person.as_ref().filter(|_| fits) else {
            return Err(refused(suspect.map_or_else(wrong, too_many)));
        };

        let attempts = self.second_factor(person, given, attempt).await.map_err(refused)?;
        let (origin, days) = (self.origin.clone(), self.logins.policy.session_days);
        let (checked, one_factor) = (person.hash.clone(), attempts.len() == 1);
        let begin = async move |tx: &mut Tx| {
            // The insert of the session waits for concurrent changes of the user. The credentials
            // are read afterwards, so that a password changed meanwhile is noticed.
            let renewed = session::begin(tx, id, &origin, days).await?;
            let today = tx.today;
            let now = login(tx.conn(), WhoIs::Id(id), today).await?;
            let same = now.is_some_and(|now| now.hash == checked);
            let due = one_factor && second_factor::is_active(tx.conn(), id).await?;
            if same && !due { Ok(renewed) } else { Err(wrong()) }
        };

        let renewed = match self.detached(begin).await {
            Ok(renewed) => renewed,
            Err(error) => {
                // An error of the service does not count as a failed attempt.
                if error.problem().status >= 500 {
                    attempts.into_iter().for_each(Attempt::withdrawn);
                }
                return Err(error);
            }
        };

        attempts.into_iter().for_each(Attempt::succeeded);
        let account = person.username.as_deref();
        tracing::info!(account, user = %id, address, session = %renewed.id, "user logged in");

        let device = match device {
            Some(device) => device.to_owned(),
            None => self.device_token(id, now)?,
        };
        let tokens = self.tokens_of(person, renewed).await?;
        Ok(SessionTokens { device_token: Some(device), ..tokens })
    }

    /// Uses up the code if one is required. Returns the attempts to count as successful.
    async fn second_factor(
        &self,
        person: &Person,
        given: &Login,
        password: Attempt,
    ) -> Result<Vec<Attempt>> {
        let id = person.id;
        if !second_factor::is_active(&mut *self.db.conn().await?, id).await? {
            return Ok(vec![password]);
        }
        let Some(otp) = given.otp.clone() else {
            password.withdrawn();
            let why = "The password is correct. Send the code of your second factor as `otp`.";
            let code = "second_factor_required";
            return Err(Error::new(StatusCode::UNAUTHORIZED, code).detail(why));
        };

        let subjects = Subject::second_factor(id);
        let attempt = self.logins.throttle.begin(self.clock.now(), subjects)?;
        let tokens = self.tokens.clone();
        let check =
            async move |tx: &mut Tx| second_factor::use_up(tx, tokens.cipher(), id, &otp).await;
        if self.detached(check).await? {
            Ok(vec![password, attempt])
        } else {
            let why = "The code is wrong or was already used.";
            Err(Error::new(StatusCode::UNAUTHORIZED, "wrong_second_factor").detail(why))
        }
    }

    async fn refresh(&self, given: &Refresh) -> Result<SessionTokens> {
        let token = given.refresh_token.clone();
        let renewed = self.detached(async move |tx| {
            // Not an error, which would roll back the end of the session of a stolen token.
            let Some(renewed) = session::rotate(tx, &token).await? else { return Ok(None) };
            let today = tx.today;
            let person = login(tx.conn(), WhoIs::Id(renewed.user_id), today).await?;
            if person.is_none() {
                session::end_all(tx, &[renewed.user_id]).await?;
            }
            Ok(person.map(|person| (person, renewed)))
        });
        let (person, renewed) = renewed.await?.ok_or_else(Error::unauthorized)?;
        self.tokens_of(&person, renewed).await
    }

    async fn tokens_of(&self, person: &Person, renewed: Renewed) -> Result<SessionTokens> {
        let now = self.clock.now();
        let holder = Holder {
            roles: &person.roles,
            session: Some(renewed.id),
            until: Some(renewed.expires_at),
            ..Holder::from(person.id)
        };
        Ok(SessionTokens {
            expires_in: holder.lifetime(now),
            access_token: self.tokens.current(now).await.issue(holder, now)?,
            token_type: "Bearer",
            refresh_token: renewed.refresh_token,
            device_token: None,
        })
    }

    /// Runs work in a transaction, to its end even if the client disconnects.
    async fn detached<T: 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T> + 'static,
    ) -> Result<T> {
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let work = async move { Tx::run(&db, &clock, Uuid::nil(), work).await };
        rt::spawn(work).await.map_err(Error::internal)?
    }

    /// Logs a failed login. The name of an account that does not exist is not logged, because it
    /// may be a password that was typed into the wrong field.
    fn log_failure(&self, person: Option<&Person>, why: &str) {
        if why == "second_factor_required" {
            return;
        }
        let account = person.and_then(|person| person.username.as_deref());
        let account = account.unwrap_or("unknown");
        tracing::warn!(account, address = self.origin.address, why, "login failed");
    }

    /// Returns a sealed token for a device, which holds the time of issue. The service does not
    /// store devices.
    fn device_token(&self, person: Uuid, now: Timestamp) -> Result<String> {
        let text = format!("{} {}", now.0.as_second(), password::random()?);
        Ok(self.seal.close(&text, &format!("device {person}")))
    }

    fn knows_device(&self, person: Uuid, token: &str, now: Timestamp) -> bool {
        let text = self.seal.open(token, &format!("device {person}")).ok();
        let since = text.as_deref().and_then(|text| text.split_once(' ')?.0.parse::<i64>().ok());
        since.is_some_and(|since| now.0.as_second() < since + DEVICE)
    }
}

/// The error for a wrong name or a wrong password: the same, so that it does not disclose which
/// accounts exist.
fn wrong() -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "wrong_credentials")
        .detail("The username or the password is wrong.")
}
