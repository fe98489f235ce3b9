//! Sessions, 会话: one login on one device, kept alive by refresh tokens.

mod db;

use access::{Anybody, Can};
use actix_web::web::Data;
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use platform::{
    Clock, Db, Error, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Timestamp,
    Tx, Write, page,
};
use schema::sessions;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use db::{Renewed, begin, end, end_all, end_others, forget_expired, rotate};

/// A session of the caller
#[derive(Debug, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = sessions)]
#[schema(as = UserSession)]
pub struct Session {
    pub id: Uuid,
    /// Address of the login. For IPv6, the first 64 bits
    #[schema(example = "203.0.113.9")]
    pub address: String,
    /// `User-Agent` of the login
    #[schema(example = "Mozilla/5.0 (Android 16; Mobile)")]
    pub user_agent: Option<String>,
    pub started_at: Timestamp,
    /// Time of the login or of the last refresh
    pub used_at: Timestamp,
    /// The time at which the session ends, even if it is in use
    pub expires_at: Timestamp,
    /// `true` for the session of this request
    #[diesel(select_expression = sql::<Bool>("false"), select_expression_type = SqlLiteral<Bool>)]
    pub current: bool,
}

page! {
    /// A page of sessions
    SessionPage of Session
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_sessions, end_sessions, end_session);
}

/// List your sessions
///
/// Newest first. A session ends on logout, after 30 days without use, or at `expires_at`.
#[utoipa::path(
    get, path = "/me/sessions",
    params(PageQuery),
    responses((status = 200, description = "A page of sessions", body = SessionPage), Problems),
)]
async fn list_sessions(
    caller: Can<Anybody>,
    list: List<NoFilter>,
    db: Db,
    clock: Data<Clock>,
) -> Result<SessionPage> {
    Session::list(&mut *db.conn().await?, &caller, &list, clock.now()).await
}

/// End all your sessions
///
/// Includes the session of this request. The access tokens of the sessions become invalid within
/// two seconds.
#[utoipa::path(
    delete, path = "/me/sessions",
    responses((status = 204, description = "The sessions have ended"), Problems),
)]
async fn end_sessions(caller: Can<Anybody>, write: Write) -> Result<Reply> {
    write.delete(async move |tx| end_all(tx, &[caller.id()]).await).await
}

/// End one of your sessions
///
/// The access tokens of the session become invalid within two seconds.
#[utoipa::path(
    delete, path = "/me/sessions/{id}",
    responses((status = 204, description = "The session has ended"), Problems),
)]
async fn end_session(caller: Can<Anybody>, id: Path<Uuid>, write: Write) -> Result<Reply> {
    let work = async move |tx: &mut Tx| {
        let ended = db::end_one(tx, caller.id(), *id).await?;
        if ended { Ok(()) } else { Err(Error::not_found()) }
    };
    write.delete(work).await
}
