//! Passwords of users, and users that the command line creates.

use std::future::{Ready, ready};

use access::{Anybody, Caller, Can, Role};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, rt, web::Data};
use platform::{
    Argument, Change, Clock, Db, Error, Fault, IfSent, Json, Problems, Reply, Resource, Result,
    Routes, Tx, Write,
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{Credentials, Who, are_there, credentials, set_hash};
use super::{User, UserChanges, UserView};
use crate::throttle::{Attempt, Subject, Throttle};
use crate::{Logins, authority, password, second_factor, session};

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

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, set_own_password);
}

/// Change your own password
///
/// Ends all your sessions, so that you must log in again. A wrong `current` (422 `wrong_password`)
/// counts as a failed attempt; too many of them return 429.
#[utoipa::path(
    post, path = "/me/password",
    request_body = OwnPassword,
    responses(
        (status = 204, description = "The password is changed"),
        (status = 404, description = "`not_found`"),
        (status = 429, description = "`too_many_attempts`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn set_own_password(
    caller: Can<Anybody>,
    change: Json<OwnPassword>,
    confirming: Confirming,
    write: Write,
) -> Result<Reply> {
    User::set_own_password(write, &confirming, caller.clone(), change).await
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
            authority::check_login(&caller, &user, tx.today)?;
            based_on.check(tx, &user).await?;
            password::check(&new.password, user.username.as_deref())?;
            user.change_hash(tx, &hash, Some(caller.id())).await?;
            UserView::find(tx.conn(), &caller, id).await
        };
        write.update(work).await
    }

    async fn set_own_password(
        write: Write,
        confirming: &Confirming,
        caller: Caller,
        change: Json<OwnPassword>,
    ) -> Result<Reply> {
        let id = caller.id();
        let username = confirming.check(id, &change.current, "/current").await?.username;
        let hash = password::hash(&change.new, username.as_deref())
            .await
            .map_err(|error| error.faults(vec![password::fault("/new")]))?;
        let work = async move |tx: &mut Tx| {
            let user = Self::find_for_update(tx, id).await?;
            // Unchanged: the user who set the previous password may have chosen this one as well.
            let by = user.password_set_by;
            user.change_hash(tx, &hash, by).await
        };
        write.delete(work).await
    }

    /// Sets a new password and ends all sessions.
    async fn change_hash(&self, tx: &mut Tx, hash: &str, by: Option<Uuid>) -> Result<()> {
        set_hash(tx, self.id, hash, by).await?;
        session::end_all(tx, &[self.id]).await?;
        self.note_login(tx).await
    }

    /// Makes a new version of the user, so that the history shows who changed the login.
    pub(crate) async fn note_login(&self, tx: &mut Tx) -> Result<()> {
        let mut after = self.clone();
        after.stamp(self.version + 1, tx.now);
        super::db::store(tx, &[(Some(self), &after)]).await?;
        tx.record(Change::updated(self, &after)).await
    }
}

/// Creates the user `admin` at the first start, if there are no users. Returns the generated
/// password if none was given.
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

/// Creates a user from the command line.
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

/// Checks passwords and codes by which a signed-in user confirms an action.
pub(crate) struct Confirming {
    db: Db,
    clock: Clock,
    throttle: Throttle,
}

impl FromRequest for Confirming {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
        let logins = req.app_data::<Data<Logins>>().expect("the app registers the logins");
        let (clock, throttle) = (clock.get_ref().clone(), logins.throttle.clone());
        let db = Db::from_request(req, payload).into_inner();
        ready(db.map(|db| Self { db, clock, throttle }))
    }
}

impl Argument for Confirming {}

impl Confirming {
    /// Checks the password of a signed-in user. Failures are throttled, so that an attacker who has
    /// taken over a session cannot guess the password quickly.
    pub async fn check(&self, id: Uuid, password: &str, pointer: &str) -> Result<Credentials> {
        let mut conn = self.db.conn().await?;
        let found = credentials(&mut conn, Who::Id(id), self.clock.today()).await?;
        drop(conn);
        let found = found.ok_or_else(Error::forbidden)?;

        let attempt = self.throttle.begin(self.clock.now(), Subject::own_password(id))?;
        match password::fits(password, found.hash.clone()).await {
            Ok(true) => attempt.succeeded(),
            Ok(false) => {
                let fault = Fault::new(pointer, "wrong_password", "not your current password");
                return Err(Error::invalid(vec![fault]));
            }
            Err(error) => {
                attempt.withdrawn();
                return Err(error);
            }
        }
        Ok(found)
    }

    /// Returns the code to check if a second factor is active. Fails if it is missing.
    pub async fn code(&self, id: Uuid, otp: Option<&str>) -> Result<Option<String>> {
        if !second_factor::is_active(&mut *self.db.conn().await?, id).await? {
            return Ok(None);
        }
        let missing =
            || Fault::new("/otp", "required", "required because a second factor is active");
        let otp = otp.ok_or_else(|| Error::invalid(vec![missing()]))?;
        Ok(Some(otp.to_owned()))
    }

    /// Runs work in a transaction of its own, to its end even if the client disconnects: a code
    /// must stay used up even if the following work fails.
    pub async fn detached<T: 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T> + 'static,
    ) -> Result<T> {
        let (db, clock) = (self.db.clone(), self.clock.clone());
        let work = async move { Tx::run(&db, &clock, Uuid::nil(), work).await };
        rt::spawn(work).await.map_err(Error::internal)?
    }

    /// Begins a throttled attempt at the second factor of a signed-in user.
    pub fn second_factor(&self, id: Uuid) -> Result<Attempt> {
        self.throttle.begin(self.clock.now(), Subject::second_factor(id))
    }
}

/// Sets a password from the command line and removes the second factor, for a user who is locked
/// out or has lost the second factor.
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
        second_factor::remove(tx, id).await?;
        User::find_for_update(tx, id).await?.change_hash(tx, &hash, None).await
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
    let user = User::new(tx, &changes, (None, None))?;
    user.insert(tx, Some(hash)).await?;
    Ok(user.id)
}
