//! The keys that sign access tokens. They are in the database, so that all instances accept each
//! other's tokens, and there can be several at once, so that a rotation interrupts no session.

use access::Can;
use actix_web::{HttpResponse, web::Data};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use jsonwebtoken::{DecodingKey, EncodingKey};
use platform::secret::{Cipher, at_rest, in_use};
use platform::{Clock, Conn, Error, Problems, Reply, Result, Routes, Timestamp, Tx, Write};
use schema::signing_keys;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::RotateKeys;
use crate::token::{LIFETIME, Tokens};

/// The time before a new key signs, so that every instance knows the key before a token carries it.
const HEAD_START: SignedDuration = SignedDuration::from_mins(5);
/// A tolerance for clocks that differ.
const SLACK: SignedDuration = SignedDuration::from_mins(1);
/// The time after which a key is replaced.
const LONGEST_USE: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(HasQuery, Insertable)]
#[diesel(table_name = signing_keys, treat_none_as_default_value = false)]
struct Row {
    kid: String,
    private_key: Vec<u8>,
    public_key: String,
    created_at: Timestamp,
    signs_from: Timestamp,
    retires_at: Option<Timestamp>,
}

/// A key in memory, ready to sign and verify.
pub(crate) struct Key {
    pub kid: String,
    pub public: String,
    pub signing: EncodingKey,
    pub verifying: DecodingKey,
    pub signs_from: Timestamp,
    pub retires_at: Option<Timestamp>,
}

/// A key that will sign access tokens
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningKey {
    pub kid: String,
    /// The public key, as in the JWKS
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    pub public_key: String,
    pub created_at: Timestamp,
    /// The time from which the key signs. The previous key signs until then
    pub signs_from: Timestamp,
}

/// A JSON Web Key Set (RFC 7517)
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "documentation of what is made as JSON")]
struct JsonWebKeySet {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, rotate_signing_keys);
}

pub fn root_routes(routes: &mut Routes) {
    platform::mount!(routes, read_jwks);
}

/// Rotate the signing key
///
/// The new key signs after five minutes, when every instance knows it. Earlier keys remain valid
/// for verification until their last token has expired, so that no user is logged out.
#[utoipa::path(
    post, path = "/signing-keys/rotate",
    responses(
        (status = 200, description = "The new key", body = SigningKey),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn rotate_signing_keys(
    _caller: Can<RotateKeys>,
    tokens: Data<Tokens>,
    write: Write,
) -> Result<Reply> {
    write.run(async move |tx| Reply::json(&tokens.rotate(tx).await?)).await
}

/// Read the public keys
///
/// Returns the keys for the verification of access tokens as a JSON Web Key Set. It includes the
/// key that will sign next.
#[utoipa::path(
    get, path = "/.well-known/jwks.json",
    security(()),
    responses(
        (status = 200, description = "The key set", body = JsonWebKeySet),
        (status = 503, description = "`unavailable`"),
        Problems,
    ),
)]
async fn read_jwks(tokens: Data<Tokens>, clock: Data<Clock>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header(("Cache-Control", "public, max-age=60"));
    response.json(tokens.jwks(clock.now()).await)
}

/// Returns all keys that are not retired, and makes one if there is none.
pub(crate) async fn load(
    conn: &mut Conn,
    cipher: Option<&Cipher>,
    now: Timestamp,
) -> Result<Vec<Key>> {
    let retires_at = signing_keys::retires_at;
    let good = || Row::query().filter(retires_at.is_null().or(retires_at.gt(now)));
    let mut rows: Vec<Row> = good().load(conn).await?;
    if rows.is_empty() {
        make(conn, cipher, now, now).await?;
        // Read again, because another instance may have made a key at the same time; both are
        // valid.
        rows = good().load(conn).await?;
    }
    if let Some(cipher) = cipher {
        encrypt_plain(conn, cipher, &rows).await?;
    }
    rows.into_iter().map(|row| Key::new(row, cipher)).collect()
}

/// Encrypts keys that were stored before `SALESBOOK_SECRET` was set.
async fn encrypt_plain(conn: &mut Conn, cipher: &Cipher, rows: &[Row]) -> Result<()> {
    for row in rows {
        let value = in_use(Some(cipher), &row.kid, row.private_key.clone())?;
        if value == row.private_key {
            let sealed = at_rest(Some(cipher), &row.kid, &value)?;
            let update = diesel::update(signing_keys::table.find(&row.kid));
            update.set(signing_keys::private_key.eq(sealed)).execute(conn).await?;
        }
    }
    Ok(())
}

async fn make(
    conn: &mut Conn,
    cipher: Option<&Cipher>,
    now: Timestamp,
    signs_from: Timestamp,
) -> Result<SigningKey> {
    let pkcs8 = Ed25519KeyPair::generate().and_then(|pair| Ok((pair.to_pkcs8()?, pair)));
    let (pkcs8, pair) = pkcs8.map_err(Error::internal)?;
    let public = BASE64.encode(pair.public_key().as_ref());
    let kid = BASE64.encode(&digest(&SHA256, public.as_bytes()).as_ref()[..12]);
    let row = Row {
        private_key: at_rest(cipher, &kid, pkcs8.as_ref())?,
        public_key: public.clone(),
        kid: kid.clone(),
        created_at: now,
        signs_from,
        retires_at: None,
    };
    diesel::insert_into(signing_keys::table).values(row).execute(conn).await?;
    Ok(SigningKey { kid, public_key: public, created_at: now, signs_from })
}

impl Key {
    fn new(row: Row, cipher: Option<&Cipher>) -> Result<Self> {
        let private = in_use(cipher, &row.kid, row.private_key)?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(&private),
            verifying: DecodingKey::from_ed_components(&row.public_key).map_err(Error::internal)?,
            kid: row.kid,
            public: row.public_key,
            signs_from: row.signs_from,
            retires_at: row.retires_at,
        })
    }

    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": self.kid, "x": self.public,
        })
    }
}

/// Makes a key that signs after the head start. Earlier keys retire when their last token has
/// expired.
pub(crate) async fn rotate(tx: &mut Tx, cipher: Option<&Cipher>) -> Result<SigningKey> {
    tx.lock("signing keys").await?;
    let now = tx.now;
    let signs_from = Timestamp(now.0 + HEAD_START);
    let retires_at = Timestamp(signs_from.0 + SignedDuration::from_secs(LIFETIME) + SLACK);
    let old = signing_keys::table.filter(signing_keys::retires_at.is_null());
    let update = diesel::update(old).set(signing_keys::retires_at.eq(retires_at));
    update.execute(tx.conn()).await?;

    let gone = signing_keys::table.filter(signing_keys::retires_at.lt(now));
    diesel::delete(gone).execute(tx.conn()).await?;
    make(tx.conn(), cipher, now, signs_from).await
}

/// The cipher of the private keys, for the job [`rotate_due`]. `None` if they are stored in the
/// clear.
#[derive(Clone)]
pub struct KeyCipher(pub Option<Cipher>);

/// A daily job: replaces the signing key after 90 days. Returns the number of new keys.
pub async fn rotate_due(tx: &mut Tx) -> Result<u64> {
    tx.lock("signing keys").await?;
    let young = signing_keys::created_at.gt(Timestamp(tx.now.0 - LONGEST_USE));
    let young = signing_keys::table.filter(young).select(signing_keys::kid);
    let young = diesel::select(diesel::dsl::exists(young)).get_result::<bool>(tx.conn());
    if young.await? {
        return Ok(0);
    }
    let KeyCipher(cipher) = tx.extension()?;
    rotate(tx, cipher.as_ref()).await.map(|_| 1)
}
