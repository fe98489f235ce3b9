//! Second factors of logins, 第二因素: codes of an authenticator app (TOTP), and recovery codes in
//! case the phone is lost.

mod db;
mod totp;

use access::{Anybody, Caller, Can};
use actix_web::web::Data;
use platform::deadline::ONE;
use platform::{
    Db, Error, Fault, Json, Path, Problems, Reply, Result, Routes, Timestamp, Tx, Write,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::user::account::Confirming;
use crate::user::{User, UserView};
use crate::{Directory, SetPasswords, Tokens, authority, session};

pub(crate) use db::{is_active, remove, use_up};

/// The caller's second factor
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactor {
    active: bool,
    /// The time of the confirmation. Null if no second factor is active
    confirmed_at: Option<Timestamp>,
    #[schema(example = 10)]
    recovery_codes_left: usize,
    /// `true` if the caller's roles require a second factor
    required: bool,
}

/// A secret for an authenticator app
#[derive(Serialize, ToSchema)]
pub struct SecondFactorSecret {
    /// The secret in base 32, for typing it in. Shown only once
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The secret as a link, which apps can also read as a QR code
    #[schema(
        example = "otpauth://totp/Salesbook:zhangwei?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Salesbook&algorithm=SHA1&digits=6&period=30"
    )]
    otpauth_uri: String,
}

/// Codes that replace a code of the second factor. Each can be used once
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes. Shown only once
    #[schema(example = json!(["ABCD-EFGH-IJKL-MNOP"]))]
    recovery_codes: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "password": "correct horse battery" }))]
pub struct SecondFactorRequest {
    #[schema(min_length = 1, max_length = 200, write_only)]
    password: String,
    /// A code of the second factor, or a recovery code. Required when a second factor is active
    #[schema(min_length = 6, max_length = 40, nullable = false, write_only)]
    otp: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "otp": "287082" }))]
pub struct OneTimePassword {
    #[schema(min_length = 6, max_length = 40, write_only)]
    otp: String,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        read_second_factor,
        set_up_second_factor,
        confirm_second_factor,
        remove_second_factor,
        remove_users_second_factor,
    );
}

/// Read the state of your second factor
#[utoipa::path(
    get, path = "/me/second-factor",
    responses((status = 200, description = "The state", body = SecondFactor), Problems),
)]
async fn read_second_factor(
    caller: Can<Anybody>,
    directory: Data<Directory>,
    db: Db,
) -> Result<actix_web::HttpResponse> {
    let state = SecondFactor::read(&db, &caller, &directory).await?;
    Ok(actix_web::HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(state))
}

/// Set up a second factor
///
/// Returns a secret for an authenticator app. The secret is shown only once. To activate it, use
/// `POST /me/second-factor/confirm`; until then, the previous second factor stays active.
#[utoipa::path(
    post, path = "/me/second-factor",
    request_body = SecondFactorRequest,
    responses(
        (status = 200, description = "The secret", body = SecondFactorSecret),
        (status = 401, description = "`wrong_second_factor`"),
        (status = 429, description = "`too_many_attempts`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn set_up_second_factor(
    caller: Can<Anybody>,
    given: Json<SecondFactorRequest>,
    confirming: Confirming,
    tokens: Data<Tokens>,
    write: Write,
) -> Result<Reply> {
    SecondFactorSecret::offer(write, &caller, given.0, &confirming, tokens.get_ref().clone()).await
}

/// Confirm a second factor
///
/// Activates the new secret with one of its codes (422 `wrong_second_factor` if the code is wrong).
/// Returns ten recovery codes, which are shown only once; earlier recovery codes become invalid.
/// Ends your other sessions.
#[utoipa::path(
    post, path = "/me/second-factor/confirm",
    request_body = OneTimePassword,
    responses(
        (status = 200, description = "The recovery codes", body = RecoveryCodes),
        (status = 401, description = "`wrong_second_factor`"),
        (status = 404, description = "`not_found`"),
        (status = 429, description = "`too_many_attempts`"),
        Problems,
    ),
)]
async fn confirm_second_factor(
    caller: Can<Anybody>,
    given: Json<OneTimePassword>,
    confirming: Confirming,
    tokens: Data<Tokens>,
    write: Write,
) -> Result<Reply> {
    RecoveryCodes::issue(write, &caller, given.0, &confirming, tokens.get_ref().clone()).await
}

/// Remove your second factor
///
/// Requires the password and a code. If your roles require a second factor, you can do nothing else
/// until you set up another one.
#[utoipa::path(
    post, path = "/me/second-factor/remove",
    request_body = SecondFactorRequest,
    responses(
        (status = 204, description = "The second factor is removed"),
        (status = 401, description = "`wrong_second_factor`"),
        (status = 404, description = "`not_found`"),
        (status = 429, description = "`too_many_attempts`"),
        (status = 503, description = "`busy_logging_in`"),
        Problems,
    ),
)]
async fn remove_second_factor(
    caller: Can<Anybody>,
    given: Json<SecondFactorRequest>,
    confirming: Confirming,
    tokens: Data<Tokens>,
    write: Write,
) -> Result<Reply> {
    SecondFactor::remove(write, &caller, given.0, &confirming, tokens.get_ref().clone()).await
}

/// Remove a user's second factor
///
/// For users who have lost their phone and their recovery codes. For admin, and for hr if hr may
/// set the user's password. Ends all sessions of the user. To remove your own, use `POST
/// /me/second-factor/remove` (409 `own_account`).
#[utoipa::path(
    post, path = "/users/{id}/second-factor/remove",
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 403, description = "`password_not_settable`, `roles_exceed_yours`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn remove_users_second_factor(
    caller: Can<SetPasswords>,
    id: Path<Uuid>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| remove_of(tx, &caller, *id).await).await
}

async fn remove_of(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<UserView> {
    if id == caller.id() {
        // A stolen session must not remove the second factor without the password.
        let why = "Remove your own second factor with `POST /me/second-factor/remove`.";
        return Err(Error::conflict("own_account", why));
    }
    let user = User::find_for_update(tx, id).await?;
    authority::check_login(caller, &user, tx.today)?;
    session::end_all(tx, &[id]).await?;
    remove(tx, id).await?;
    user.note_login(tx).await?;
    UserView::find(tx.conn(), caller, id).await
}

fn wrong() -> Error {
    let why = "wrong or already used";
    Error::invalid(vec![Fault::new("/otp", "wrong_second_factor", why)])
}

/// Checks the password and, if a second factor is active, uses up a code of it. Returns the user
/// name.
async fn confirmed(
    confirming: &Confirming,
    tokens: &Tokens,
    id: Uuid,
    given: &SecondFactorRequest,
) -> Result<String> {
    let person = confirming.check(id, &given.password, "/password").await?;
    let Some(otp) = confirming.code(id, given.otp.as_deref()).await? else {
        return Ok(person.username.unwrap_or_default());
    };
    let attempt = confirming.second_factor(id)?;
    let tokens = tokens.clone();
    let good = async move |tx: &mut Tx| use_up(tx, tokens.cipher(), id, &otp).await;
    if !confirming.detached(good).await? {
        return Err(wrong());
    }
    attempt.succeeded();
    Ok(person.username.unwrap_or_default())
}

impl SecondFactor {
    async fn read(db: &Db, caller: &Caller, directory: &Directory) -> Result<Self> {
        let state = db::state(&mut *db.conn().await?, caller.id()).await?;
        Ok(Self {
            active: state.is_some(),
            confirmed_at: state.map(|state| state.0),
            recovery_codes_left: state.map_or(0, |state| state.1),
            required: !caller.is_machine() && directory.requires_second_factor(caller.roles()),
        })
    }

    async fn remove(
        write: Write,
        caller: &Caller,
        given: SecondFactorRequest,
        confirming: &Confirming,
        tokens: Tokens,
    ) -> Result<Reply> {
        let id = caller.id();
        confirmed(confirming, &tokens, id, &given).await?;
        let work = async move |tx: &mut Tx| {
            let user = User::find_for_update(tx, id).await?;
            remove(tx, id).await?;
            user.note_login(tx).await
        };
        write.delete(work).await
    }
}

impl SecondFactorSecret {
    async fn offer(
        write: Write,
        caller: &Caller,
        given: SecondFactorRequest,
        confirming: &Confirming,
        tokens: Tokens,
    ) -> Result<Reply> {
        let id = caller.id();
        let account = confirmed(confirming, &tokens, id, &given).await?;
        let work = async move |tx: &mut Tx| {
            let secret = db::offer(tx, tokens.cipher(), id).await?;
            let otpauth_uri = totp::uri(&secret, &account);
            Reply::json(&Self { secret: totp::base32(&secret), otpauth_uri }).map(Reply::secret)
        };
        write.within(ONE, work).await
    }
}

impl RecoveryCodes {
    async fn issue(
        write: Write,
        caller: &Caller,
        given: OneTimePassword,
        confirming: &Confirming,
        tokens: Tokens,
    ) -> Result<Reply> {
        let (id, session) = (caller.id(), caller.session());
        let attempt = confirming.second_factor(id)?;
        let work = async move |tx: &mut Tx| {
            let user = User::find_for_update(tx, id).await?;
            session::end_others(tx, id, session).await?;
            let codes = db::confirm(tx, tokens.cipher(), id, &given.otp).await?;
            let recovery_codes = codes.ok_or_else(wrong)?;
            user.note_login(tx).await?;
            Reply::json(&Self { recovery_codes }).map(Reply::secret)
        };
        let reply = write.within(ONE, work).await?;
        attempt.succeeded();
        Ok(reply)
    }
}
