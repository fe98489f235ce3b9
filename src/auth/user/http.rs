//! The operations on people.

use actix_web::{get, patch, post};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged,
    Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::account::NewPassword;
use super::view::PRIVATE;
use super::{NewUser, User, UserBatch, UserChanges, UserFilter, UserPage, UserView};
use crate::{Body, Can, ImportUsers, ReadUsers, SetPasswords, WriteUsers, import};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_users)
        .service(create_user)
        .service(import_users)
        .service(read_user)
        .service(update_user)
        .service(list_user_history)
        .service(set_user_password);
}

/// List people
///
/// Everybody sees everybody's name and team; what else there is, those whom it concerns. Only
/// they can filter by it (403 `field_not_readable`).
#[utoipa::path(
    tag = "auth",
    params(UserFilter, PageQuery),
    responses((status = 200, description = "A page of people", body = UserPage), Problems),
)]
#[get("/users")]
async fn list_users(caller: Can<ReadUsers>, list: List<UserFilter>, db: Db) -> Result<UserPage> {
    UserView::list(&mut *db.conn().await?, &caller, &list).await
}

/// Add a person
///
/// For admin, hr and the ERP. Only an admin grants roles (403 `roles_not_grantable`): whoever the
/// others add is a salesperson. Without a password the person cannot log in.
#[utoipa::path(
    tag = "auth",
    request_body = NewUser,
    responses((status = 201, description = "The new person", body = UserView), Problems),
)]
#[post("/users")]
async fn create_user(caller: Can<WriteUsers>, new: Body<NewUser>, write: Write) -> Result<Reply> {
    User::create(write, caller.clone(), new).await
}

/// Bring people in step with another system
///
/// Creates who is new, changes who differs, leaves the rest alone. An item that is wrong fails by
/// itself, unless the batch is atomic. A batch sets no passwords, and grants roles only for an
/// admin.
#[utoipa::path(
    tag = "auth",
    params(BatchQuery),
    request_body = UserBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/users/batch")]
async fn import_users(
    caller: Can<ImportUsers>,
    batch: Batch<UserBatch>,
    write: Write,
) -> Result<Reply> {
    write.run(async move |tx| Reply::json(&import::<User, _>(tx, &caller, &batch).await?)).await
}

/// Read a person
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The person", body = UserView), Problems),
)]
#[get("/users/{id}")]
async fn read_user(caller: Can<ReadUsers>, id: Path<Uuid>, db: Db) -> Result<Tagged<UserView>> {
    Ok(Tagged(UserView::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a person
///
/// For admin, hr and the ERP. Another team or leadership starts a membership on `effective_on`.
/// Who is not active, or no longer employed, is out of all sessions within two seconds; nobody
/// does that to themself (409 `own_account`) or to the last admin (409 `last_admin`).
#[utoipa::path(
    tag = "auth",
    request_body(content = UserChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The person", body = UserView), Problems),
)]
#[patch("/users/{id}")]
async fn update_user(
    caller: Can<WriteUsers>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<UserChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| UserView::update(tx, &caller, *id, based_on, &changes).await).await
}

/// What happened to a person
///
/// Without the fields that you may not see.
#[utoipa::path(
    tag = "auth",
    params(PageQuery),
    responses((status = 200, description = "Their history", body = HistoryPage), Problems),
)]
#[get("/users/{id}/history")]
async fn list_user_history(
    caller: Can<ReadUsers>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let user = UserView::find(&mut conn, &caller, *id).await?;
    let hidden: &[&str] = if caller.knows(user.id) { &[] } else { &PRIVATE };
    Ok(changes::history(&mut conn, &user, &list).await?.without(hidden))
}

/// Set a person's password
///
/// For admin and hr; an admin's only an admin (403). Ends all of the person's sessions. At least
/// ten characters, and none of the common ones (422 `common_password`).
#[utoipa::path(
    tag = "auth",
    request_body = NewPassword,
    responses((status = 200, description = "The person", body = UserView), Problems),
)]
#[post("/users/{id}/password")]
async fn set_user_password(
    caller: Can<SetPasswords>,
    id: Path<Uuid>,
    based_on: IfSent,
    new: Json<NewPassword>,
    write: Write,
) -> Result<Reply> {
    User::set_password(write, caller.clone(), *id, based_on, new).await
}
