//! How people log in and stay so, 登录 (S1).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, Responder, post, rt, web::Data};
use platform::{Clock, Db, Error, Json, Problems, Result, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::attempt::{Attempt, Subject};
use crate::peer::{NoStore, Peer};
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

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(log_in).service(refresh_session).service(log_out);
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
