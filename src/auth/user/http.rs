//! HTTP operations on users.

use access::Can;
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Write,
};
use uuid::Uuid;

use super::account::NewPassword;
use super::view::PRIVATE;
use super::{NewUser, User, UserBatch, UserChanges, UserFilter, UserPage, UserView};
use crate::{ImportUsers, ReadUsers, SetPasswords, WriteUsers};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_users,
        create_user,
        import_users,
        read_user,
        update_user,
        list_user_history,
        set_user_password,
    );
}

access::list! {
    /// List users
    ///
    /// Everyone can see names and teams. Other fields are visible only to the people concerned; see
    /// `masked_fields`. Only callers who see all fields of all users can filter by `role` (403
    /// `field_not_readable`).
    list_users: "/users", ReadUsers, UserView by UserFilter -> UserPage, "A page of users"
}

/// Add a user
///
/// For admin, hr and the ERP. Only an admin grants roles (403 `roles_not_grantable`); users added
/// by others are salespeople. Only admin and hr set passwords (403 `password_not_settable`).
/// Without a password, the user cannot log in.
#[utoipa::path(
    post, path = "/users",
    request_body = NewUser,
    responses(
        (status = 201, description = "The new user", body = UserView),
        (status = 403, description = "`foreign_source_system`, `own_scope`, `roles_exceed_yours`"),
        (status = 409, description = "`duplicate`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn create_user(caller: Can<WriteUsers>, new: Body<NewUser>, write: Write) -> Result<Reply> {
    User::create(write, caller.clone(), new).await
}

intake::import! {
    /// Import users
    ///
    /// Synchronises users with another system: creates new ones, updates those that differ and leaves
    /// the rest unchanged. An invalid item fails alone, unless the batch is atomic. A batch cannot set
    /// passwords, and grants roles only if an admin sends it.
    import_users: "/users/batch", ImportUsers, User from UserBatch
}

access::read! {
    /// Read a user
    read_user: "/users/{id}", ReadUsers -> UserView, "The user"
}

access::update! {
    /// Update a user
    ///
    /// For admin, hr and the ERP. Callers who are not admin can change only users whose roles are among
    /// their own or `salesperson` (403 `roles_exceed_yours`), and cannot widen their own scope (403
    /// `own_scope`). A new `team_id` or `leads_team` starts a membership on `effective_on`. Users who
    /// are not active or no longer employed are locked out of all sessions within two seconds. You
    /// cannot lock out yourself (409 `own_account`) or the last admin (409 `last_admin`).
    update_user: "/users/{id}", WriteUsers, Body<UserChanges> -> UserView, "The user",
    403: "`roles_not_grantable`",
    409: "`duplicate`"
}

/// List the history of a user
///
/// Fields that you may not see are left out.
#[utoipa::path(
    get, path = "/users/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
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

/// Set a user's password
///
/// For admin and hr. Hr can set only their own password and those of salespeople who lead no team
/// and have no other role (403 `roles_exceed_yours`). Ends all sessions of the user. The password
/// must have at least ten characters and must not be a common one (422 `common_password`).
#[utoipa::path(
    post, path = "/users/{id}/password",
    request_body = NewPassword,
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 403, description = "`password_not_settable`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn set_user_password(
    caller: Can<SetPasswords>,
    id: Path<Uuid>,
    based_on: IfSent,
    new: Json<NewPassword>,
    write: Write,
) -> Result<Reply> {
    User::set_password(write, caller.clone(), *id, based_on, new).await
}
