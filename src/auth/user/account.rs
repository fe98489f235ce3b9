//! Passwords of people, and the people whom the command line makes.

use actix_web::{post, web::Data};
use platform::{
    Change, Clock, Db, Error, Fault, IfSent, Json, Problems, Reply, Resource, Result, Tx, Write,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::db::{Credentials, Who, are_there, credentials, set_hash};
use super::{User, UserChanges, UserView};
use crate::attempt::{Attempt, Subject};
use crate::{Anybody, Caller, Can, Role, password, session};

pub(crate) use super::db::{Credentials as Login, Who as WhoIs, credentials as login};

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "password": "correct horse battery" }))]
pub struct NewPassword {
    #[schema(min_length = 10, max_length = 200, write_only)]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "current": "correct horse battery", "new": "staple of 9 gray mules" }))]
pub struct OwnPassword {
    #[schema(max_length = 200, write_only)]
    current: String,
    #[schema(min_length = 10, max_length = 200, write_only)]
    new: String,
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(set_own_password);
}

/// Change your own password
///
/// Ends all your sessions: log in again. A wrong `current` (422) counts as a failed login.
#[utoipa::path(
    tag = "auth",
    request_body = OwnPassword,
    responses((status = 204, description = "It is changed"), Problems),
)]
#[post("/me/password")]
async fn set_own_password(
    caller: Can<Anybody>,
    change: Json<OwnPassword>,
    db: Db,
    clock: Data<Clock>,
    write: Write,
) -> Result<Reply> {
    User::set_own_password(write, &db, &clock, caller.clone(), change).await
}

impl User {
    pub(super) async fn set_password(
        write: Write,
        caller: Caller,
        id: Uuid,
        based_on: IfSent,
        new: Json<NewPassword>,
    ) -> Result<Reply> {
        let hash = password::hash(&new.password, None).await?;
        let work = async move |tx: &mut Tx| {
            let user = Self::find_for_update(tx, id).await?;
            if user.roles.contains(&Role::Admin) && !caller.is(Role::Admin) {
                let why = "only an admin sets an admin's password";
                return Err(Error::forbidden_because("admins_password", why));
            }
            based_on.check(tx, &user).await?;
            password::check(&new.password, user.username.as_deref())?;
            user.change_hash(tx, &hash).await?;
            UserView::find(tx.conn(), &caller, id).await
        };
        write.update(work).await
    }

    async fn set_own_password(
        write: Write,
        db: &Db,
        clock: &Clock,
        caller: Caller,
        change: Json<OwnPassword>,
    ) -> Result<Reply> {
        let id = caller.id();
        let mut conn = db.conn().await?;
        let found = credentials(&mut conn, Who::Id(id), clock.today()).await?;
        let Credentials { username, hash: stored, .. } = found.ok_or_else(Error::forbidden)?;
        let account = Subject::account(&username.clone().unwrap_or_else(|| id.to_string()));
        let attempt = Attempt::begin(&mut conn, clock.now(), vec![account]).await?;
        drop(conn);
        if !password::fits(&change.current, stored.clone()).await? {
            let fault = Fault::new("/current", "wrong_password", "this is not your password");
            return Err(Error::invalid(vec![fault]));
        }
        attempt.succeeded(&mut *db.conn().await?).await?;
        let hash = password::hash(&change.new, username.as_deref())
            .await
            .map_err(|error| error.faults(vec![password::fault("/new")]))?;
        let work = async move |tx: &mut Tx| {
            let user = Self::find_for_update(tx, id).await?;
            user.change_hash(tx, &hash).await
        };
        write.delete(work).await
    }

    /// A new version of the person, so that the history tells who did it.
    async fn change_hash(&self, tx: &mut Tx, hash: &str) -> Result<()> {
        set_hash(tx, self.id, hash).await?;
        session::end_all(tx, &[self.id]).await?;
        let mut after = self.clone();
        after.stamp(self.version + 1, tx.now);
        super::db::store(tx, &[(Some(self), &after)]).await?;
        tx.record(Change::updated(self, &after)).await
    }
}

/// At the first start: makes the user `admin` if there is nobody. Returns the password that was
/// made up, once, when none was given.
pub async fn ensure_admin(
    db: &Db,
    clock: &Clock,
    password: Option<&str>,
) -> Result<Option<String>> {
    if are_there(&mut *db.conn().await?).await? {
        return Ok(None);
    }
    let made = if password.is_none() { Some(password::random()?) } else { None };
    let hash = password::hash(password.or(made.as_deref()).unwrap_or_default(), None).await?;
    Tx::run(db, clock, Uuid::nil(), async |tx| {
        // Another instance may start at the same moment.
        tx.lock("first admin").await?;
        if are_there(tx.conn()).await? {
            return Ok(None);
        }
        add(tx, "admin", "admin", vec![Role::Admin], &hash).await?;
        Ok(made)
    })
    .await
}

/// For the command line.
pub async fn create_cli(
    db: &Db,
    clock: &Clock,
    username: &str,
    name: &str,
    roles: Vec<Role>,
    password: &str,
) -> Result<Uuid> {
    let hash = password::hash(password, Some(username)).await?;
    Tx::run(db, clock, Uuid::nil(), async |tx| add(tx, username, name, roles, &hash).await).await
}

/// For the command line: somebody has been locked out.
pub async fn set_password_cli(
    db: &Db,
    clock: &Clock,
    username: &str,
    password: &str,
) -> Result<()> {
    let hash = password::hash(password, Some(username)).await?;
    Tx::run(db, clock, Uuid::nil(), async |tx| {
        let today = tx.today;
        let found = credentials(tx.conn(), Who::Name(username), today).await?;
        let id = found.ok_or_else(Error::not_found)?.id;
        User::find_for_update(tx, id).await?.change_hash(tx, &hash).await
    })
    .await
}

async fn add(
    tx: &mut Tx,
    username: &str,
    name: &str,
    roles: Vec<Role>,
    hash: &str,
) -> Result<Uuid> {
    let changes = UserChanges {
        username: Some(Some(username.to_owned())),
        name: Some(name.to_owned()),
        roles: Some(roles),
        ..UserChanges::default()
    };
    let user = User::add(tx, &changes, (None, None)).await?;
    set_hash(tx, user.id, hash).await?;
    Ok(user.id)
}
