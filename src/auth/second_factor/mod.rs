//! A second factor 第二因素 of a login: codes of an authenticator app (TOTP), and recovery codes
//! for when the phone is lost (S1).

mod db;
mod totp;

use actix_web::{get, post, web::Data};
use platform::deadline::ONE;
use platform::{Db, Error, Fault, Json, Path, Problems, Reply, Result, Timestamp, Tx, Write};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::user::account::Confirming;
use crate::user::{User, UserView};
use crate::{Anybody, Caller, Can, Directory, SetPasswords, Tokens, authority, session};

pub(crate) use db::{is_active, remove, use_up};

/// The caller's second factor
#[derive(Debug, Serialize, ToSchema)]
pub struct SecondFactor {
    active: bool,
    /// Null while there is none
    confirmed_at: Option<Timestamp>,
    #[schema(example = 10)]
    recovery_codes_left: usize,
    /// Whether the caller's roles work only with one
    required: bool,
}

/// A secret for an authenticator app
#[derive(Serialize, ToSchema)]
pub struct SecondFactorSecret {
    /// Base 32, to be typed in; shown this once
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same as a link, which apps also read as a QR code
    #[schema(
        example = "otpauth://totp/Salesbook:zhangwei?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Salesbook&algorithm=SHA1&digits=6&period=30"
    )]
    otpauth_uri: String,
}

/// Codes that replace the second factor, each once
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Shown this once
    #[schema(example = json!(["ABCD-EFGH-IJKL-MNOP"]))]
    recovery_codes: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "password": "correct horse battery" }))]
pub struct SecondFactorRequest {
    #[schema(min_length = 1, max_length = 200, write_only)]
    password: String,
    /// Required when a second factor is active: a code of it, or a recovery code
    #[schema(min_length = 6, max_length = 40, nullable = false, write_only)]
    otp: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "otp": "287082" }))]
pub struct OneTimePassword {
    #[schema(min_length = 6, max_length = 40, write_only)]
    otp: String,
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_second_factor)
        .service(set_up_second_factor)
        .service(confirm_second_factor)
        .service(remove_second_factor)
        .service(remove_users_second_factor);
}

/// Read the state of your second factor
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "Its state", body = SecondFactor), Problems),
)]
#[get("/me/second-factor")]
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
/// Answers a secret for an authenticator app, once. It is in use after
/// `POST /me/second-factor/confirm`; one that is active stays so until then.
#[utoipa::path(
    tag = "auth",
    request_body = SecondFactorRequest,
    responses((status = 200, description = "The secret", body = SecondFactorSecret), Problems),
)]
#[post("/me/second-factor")]
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
/// With a code of the new secret (422 `wrong_second_factor`). Answers ten recovery codes, once;
/// earlier ones are no good any more. Ends your other sessions.
#[utoipa::path(
    tag = "auth",
    request_body = OneTimePassword,
    responses((status = 200, description = "The recovery codes", body = RecoveryCodes), Problems),
)]
#[post("/me/second-factor/confirm")]
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
/// With the password and a code. Where your roles require one, nothing else works until you set
/// up another.
#[utoipa::path(
    tag = "auth",
    request_body = SecondFactorRequest,
    responses((status = 204, description = "It is gone"), Problems),
)]
#[post("/me/second-factor/remove")]
async fn remove_second_factor(
    caller: Can<Anybody>,
    given: Json<SecondFactorRequest>,
    confirming: Confirming,
    tokens: Data<Tokens>,
    write: Write,
) -> Result<Reply> {
    SecondFactor::remove(write, &caller, given.0, &confirming, tokens.get_ref().clone()).await
}

/// Remove a person's second factor
///
/// For somebody who has lost the phone and the recovery codes, by admin, or hr where hr may set
/// the password. Ends all of the person's sessions.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The person", body = UserView), Problems),
)]
#[post("/users/{id}/second-factor/remove")]
async fn remove_users_second_factor(
    caller: Can<SetPasswords>,
    id: Path<Uuid>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| remove_of(tx, &caller, *id).await).await
}

async fn remove_of(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<UserView> {
    if id == caller.id() {
        // A stolen session must not get rid of it.
        let why = "remove your own with `POST /me/second-factor/remove`";
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
    let why = "not a code of the second factor, or one that was used before";
    Error::invalid(vec![Fault::new("/otp", "wrong_second_factor", why)])
}

/// Checks the password and, if a second factor is active, uses up a code of it.
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
