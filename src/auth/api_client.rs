//! A program that may call, 接口客户端: an ERP, a report tool (S1).

use std::ops::{Deref, DerefMut};

use actix_web::{delete, get, patch, post};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::changes::{self, HistoryPage};
use platform::{
    Change, Clock, Conn, Db, Error, Fault, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Patch,
    Path, Problems, Reply, Resource, Result, Tagged, Timestamp, Tx, Write, page, resource, set,
};
use schema::api_clients;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::{Can, ManageClients, Role, directory, password};

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = api_clients)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct MachineClient {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    /// What the program calls itself at `POST /auth/token`
    #[schema(example = "sap-7kq2m4xw3a")]
    pub client_id: String,
    pub roles: Vec<Role>,
    /// Whose external ids it uses, and the only ones that it may write
    pub source_system: Option<String>,
    pub active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { MachineClient: "api_client" at "/api/v1/api-clients", seen by |_it| vec![] }

/// A program with its secret, which is shown this once
#[derive(Serialize, ToSchema)]
pub struct MachineClientSecret {
    #[serde(flatten)]
    client: MachineClient,
    client_secret: String,
}

resource! { MachineClientSecret: "api_client" at "/api/v1/api-clients", seen by |_it| vec![] }

impl Deref for MachineClientSecret {
    type Target = MachineClient;

    fn deref(&self) -> &MachineClient {
        &self.client
    }
}

impl DerefMut for MachineClientSecret {
    fn deref_mut(&mut self) -> &mut MachineClient {
        &mut self.client
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "name": "SAP", "roles": ["erp"], "source_system": "sap" }))]
pub struct NewMachineClient {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(min_items = 1, max_items = 12)]
    roles: Vec<Role>,
    /// Required of the role `erp`
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
}

/// A merge patch: absent fields stay as they are, null clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({ "active": false }))]
pub struct MachineClientChanges {
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    #[schema(min_items = 1, max_items = 12, nullable = false)]
    roles: Option<Vec<Role>>,
    #[serde(deserialize_with = "platform::sent")]
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<Option<String>>,
    /// A program that is not active is locked out at once
    #[schema(nullable = false)]
    active: Option<bool>,
}

page! {
    /// A page of programs
    MachineClientPage of MachineClient
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_api_clients)
        .service(create_api_client)
        .service(read_api_client)
        .service(update_api_client)
        .service(delete_api_client)
        .service(rotate_api_client_secret)
        .service(list_api_client_history);
}

/// List the programs that may call
#[utoipa::path(
    tag = "auth",
    params(PageQuery),
    responses((status = 200, description = "A page of programs", body = MachineClientPage), Problems),
)]
#[get("/api-clients")]
async fn list_api_clients(
    _caller: Can<ManageClients>,
    list: List<NoFilter>,
    db: Db,
) -> Result<MachineClientPage> {
    MachineClient::list(&mut *db.conn().await?, &list).await
}

/// Let a program call
///
/// The answer holds the secret: it is shown once and cannot be read again, so an
/// `Idempotency-Key` has no effect here.
#[utoipa::path(
    tag = "auth",
    request_body = NewMachineClient,
    responses((status = 201, description = "The program with its secret", body = MachineClientSecret), Problems),
)]
#[post("/api-clients")]
async fn create_api_client(
    _caller: Can<ManageClients>,
    new: Json<NewMachineClient>,
    write: Write,
) -> Result<Reply> {
    write.create_secret(async move |tx| MachineClient::create(tx, &new).await).await
}

/// Read a program that may call
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The program", body = MachineClient), Problems),
)]
#[get("/api-clients/{id}")]
async fn read_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<MachineClient>> {
    Ok(Tagged(MachineClient::find(&mut *db.conn().await?, *id).await?))
}

/// Change a program that may call
///
/// Its roles and whether it may call at all take effect within two seconds.
#[utoipa::path(
    tag = "auth",
    request_body(content = MachineClientChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The program", body = MachineClient), Problems),
)]
#[patch("/api-clients/{id}")]
async fn update_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<MachineClientChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| MachineClient::update(tx, *id, based_on, &changes).await).await
}

/// Revoke a program
///
/// It is locked out within two seconds, and for ever.
#[utoipa::path(
    tag = "auth",
    responses((status = 204, description = "It is gone"), Problems),
)]
#[delete("/api-clients/{id}")]
async fn delete_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| MachineClient::delete(tx, *id, based_on).await).await
}

/// Give a program a new secret
///
/// The old one is no good from then on; its tokens end within two seconds. The answer holds the
/// secret, once.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, description = "The program with its secret", body = MachineClientSecret), Problems),
)]
#[post("/api-clients/{id}/rotate-secret")]
async fn rotate_api_client_secret(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update_secret(async move |tx| MachineClient::rotate_secret(tx, *id, based_on).await).await
}

/// What happened to a program that may call
#[utoipa::path(
    tag = "auth",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/api-clients/{id}/history")]
async fn list_api_client_history(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let client = MachineClient::find(&mut conn, *id).await?;
    changes::history(&mut conn, &client, &list).await
}

/// Readable, and unlike any other: `sap-7kq2m4xw3a`.
fn client_id(name: &str) -> Result<String> {
    let slug: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let slug = if slug.is_empty() { "client".to_owned() } else { slug.to_lowercase() };
    let random = password::random()?.replace(['-', '_'], "").to_lowercase();
    Ok(format!("{slug}-{}", &random[..12]))
}

/// Not a password hash: the secrets have 256 bits of their own.
fn hash_of(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// A new secret, as it is stored. Tokens are for one secret, so that they end with it.
fn secret(secret: &str) -> (SecretHash, SecretId) {
    (api_clients::secret_hash.eq(hash_of(secret)), api_clients::secret_id.eq(Uuid::now_v7()))
}

type SecretHash = diesel::dsl::Eq<api_clients::secret_hash, Vec<u8>>;
type SecretId = diesel::dsl::Eq<api_clients::secret_id, Uuid>;

impl MachineClient {
    fn check(&self) -> Result<()> {
        if self.roles.contains(&Role::Erp) && self.source_system.is_none() {
            let why = "whose external ids does it write?";
            return Err(Error::invalid(vec![Fault::new("/source_system", "required", why)]));
        }
        Ok(())
    }

    fn with(&self, changes: &MachineClientChanges) -> Self {
        let mut after = self.clone();
        set(&mut after.name, changes.name.as_ref());
        set(&mut after.roles, changes.roles.as_ref());
        set(&mut after.source_system, changes.source_system.as_ref());
        set(&mut after.active, changes.active.as_ref());
        after
    }

    async fn list(conn: &mut Conn, list: &List<NoFilter>) -> Result<MachineClientPage> {
        use api_clients::{id, name};
        let asked = list.rows(id, api_clients::updated_at);
        let total = if list.counted {
            Some(api_clients::table.filter(asked.clone()).count().get_result(conn).await?)
        } else {
            None
        };
        let rows = Self::query()
            .filter(asked)
            .filter(list.after::<String, _, _>(name, id)?)
            .order((name, id));
        let rows = rows.limit(list.fetch()).load(conn).await?;
        list.page(rows, total, |it: &Self| (it.name.clone(), it.id))
    }

    pub async fn find(conn: &mut Conn, id: Uuid) -> Result<Self> {
        Ok(Self::query().filter(api_clients::id.eq(id)).first(conn).await?)
    }

    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = api_clients::table.find(id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    async fn create(tx: &mut Tx, new: &NewMachineClient) -> Result<MachineClientSecret> {
        let client = Self {
            id: Uuid::now_v7(),
            version: 1,
            name: new.name.clone(),
            client_id: client_id(&new.name)?,
            roles: new.roles.clone(),
            source_system: new.source_system.clone(),
            active: true,
            created_at: tx.now,
            updated_at: tx.now,
        };
        client.check()?;
        let client_secret = password::random()?;
        let insert = diesel::insert_into(api_clients::table);
        let insert = insert.values((&client, secret(&client_secret)));
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&client)).await?;
        directory::touch(tx.conn()).await?;
        Ok(MachineClientSecret { client, client_secret })
    }

    async fn update(
        tx: &mut Tx,
        id: Uuid,
        based_on: IfMatch,
        changes: &Patch<MachineClientChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let after = before.next(before.with(changes), tx.now);
        if after != before {
            after.check()?;
            before.save(tx, &after).await?;
        }
        Ok(after)
    }

    async fn save(&self, tx: &mut Tx, after: &Self) -> Result<()> {
        let update = diesel::update(api_clients::table.find(self.id)).set(after);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(self, after)).await?;
        directory::touch(tx.conn()).await
    }

    async fn delete(tx: &mut Tx, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(api_clients::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await?;
        directory::touch(tx.conn()).await
    }

    /// A new version of the client, so that the history tells who did it.
    async fn rotate_secret(tx: &mut Tx, id: Uuid, based_on: IfSent) -> Result<MachineClientSecret> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before).await?;
        let mut client = before.clone();
        client.stamp(before.version + 1, tx.now);
        before.save(tx, &client).await?;
        let client_secret = password::random()?;
        let update = diesel::update(api_clients::table.find(id)).set(secret(&client_secret));
        update.execute(tx.conn()).await?;
        Ok(MachineClientSecret { client, client_secret })
    }

    /// The client with this secret, if it may call, and which secret that is.
    pub(crate) async fn authenticate(
        conn: &mut Conn,
        client_id: &str,
        secret: &str,
    ) -> Result<Option<(Self, Uuid)>> {
        let row = api_clients::table
            .filter(api_clients::client_id.eq(client_id).and(api_clients::active))
            .select((Self::as_select(), api_clients::secret_id, api_clients::secret_hash));
        let row: Option<(Self, Uuid, Vec<u8>)> = row.first(conn).await.optional()?;
        let fits = |hash: &[u8]| verify_slices_are_equal(hash, &hash_of(secret)).is_ok();
        Ok(row.filter(|(_, _, hash)| fits(hash)).map(|(client, secret, _)| (client, secret)))
    }
}

/// Is there a client of this source system? One that is not active counts: its rows are still its own.
pub(crate) async fn owns(conn: &mut Conn, system: &str) -> Result<bool> {
    let clients = api_clients::table.filter(api_clients::source_system.eq(system));
    let owns = diesel::dsl::exists(clients.select(api_clients::id));
    Ok(diesel::select(owns).get_result(conn).await?)
}

/// For the command line: (client id, secret)
pub async fn create_cli(
    db: &Db,
    clock: &Clock,
    name: &str,
    roles: Vec<Role>,
    source_system: Option<&str>,
) -> Result<(String, String)> {
    let source_system = source_system.map(str::to_owned);
    let new = NewMachineClient { name: name.to_owned(), roles, source_system };
    let made = Tx::run(db, clock, Uuid::nil(), async |tx| MachineClient::create(tx, &new).await);
    made.await.map(|made| (made.client.client_id, made.client_secret))
}
