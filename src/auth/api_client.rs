//! API clients, 接口客户端: programs that may call the API, such as an ERP or a report tool.

use std::ops::{Deref, DerefMut};

use access::{Can, Role};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::changes::{self, HistoryPage};
use platform::{
    Change, Clock, Conn, Db, Error, Fault, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Patch,
    Path, Problems, Reply, Resource, Result, Routes, Tagged, Timestamp, Tx, Write, page, resource,
};
use schema::api_clients;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{ManageClients, directory, password};

/// An API client: a program that may call the API
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = api_clients)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct MachineClient {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    /// The id that the client sends to `POST /auth/token`
    #[schema(example = "sap-7kq2m4xw3a")]
    pub client_id: String,
    pub roles: Vec<Role>,
    /// The source system of the client: the only one whose external ids it may write
    pub source_system: Option<String>,
    pub active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { MachineClient: "api_client" at "/api/v1/api-clients", seen by nobody }

/// An API client with its secret, which is shown only once
#[derive(Serialize, ToSchema)]
pub struct MachineClientSecret {
    #[serde(flatten)]
    client: MachineClient,
    client_secret: String,
}

resource! { MachineClientSecret: "api_client" at "/api/v1/api-clients", seen by nobody }

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
    /// Required for the role `erp`
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
}

/// A merge patch: absent fields stay unchanged, null clears.
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
    /// `false` locks the client out within two seconds
    #[schema(nullable = false)]
    active: Option<bool>,
}

page! {
    /// A page of API clients
    MachineClientPage of MachineClient
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_api_clients,
        create_api_client,
        read_api_client,
        update_api_client,
        delete_api_client,
        rotate_api_client_secret,
        list_api_client_history,
    );
}

/// List API clients
#[utoipa::path(
    get, path = "/api-clients",
    params(PageQuery),
    responses((status = 200, description = "A page of API clients", body = MachineClientPage), Problems),
)]
async fn list_api_clients(
    _caller: Can<ManageClients>,
    list: List<NoFilter>,
    db: Db,
) -> Result<MachineClientPage> {
    MachineClient::list(&mut *db.conn().await?, &list).await
}

/// Create an API client
///
/// The response contains the secret. It is shown only once and cannot be read again; therefore an
/// `Idempotency-Key` has no effect here.
#[utoipa::path(
    post, path = "/api-clients",
    request_body = NewMachineClient,
    responses((status = 201, description = "The API client with its secret", body = MachineClientSecret), Problems),
)]
async fn create_api_client(
    _caller: Can<ManageClients>,
    new: Json<NewMachineClient>,
    write: Write,
) -> Result<Reply> {
    write.create_secret(async move |tx| MachineClient::create(tx, &new).await).await
}

/// Read an API client
#[utoipa::path(
    get, path = "/api-clients/{id}",
    responses((status = 200, description = "The API client", body = MachineClient), Problems),
)]
async fn read_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<MachineClient>> {
    Ok(Tagged(MachineClient::find(&mut *db.conn().await?, *id).await?))
}

/// Update an API client
///
/// Changes of `roles` and `active` take effect within two seconds.
#[utoipa::path(
    patch, path = "/api-clients/{id}",
    request_body(content = MachineClientChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The API client", body = MachineClient), Problems),
)]
async fn update_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<MachineClientChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| MachineClient::update(tx, *id, based_on, &changes).await).await
}

/// Delete an API client
///
/// The client is locked out within two seconds, permanently.
#[utoipa::path(
    delete, path = "/api-clients/{id}",
    responses((status = 204, description = "The API client is deleted"), Problems),
)]
async fn delete_api_client(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| MachineClient::delete(tx, *id, based_on).await).await
}

/// Rotate the secret of an API client
///
/// The old secret becomes invalid immediately, and its tokens within two seconds. The response
/// contains the new secret, which is shown only once.
#[utoipa::path(
    post, path = "/api-clients/{id}/rotate-secret",
    responses(
        (status = 200, description = "The API client with its secret", body = MachineClientSecret),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn rotate_api_client_secret(
    _caller: Can<ManageClients>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update_secret(async move |tx| MachineClient::rotate_secret(tx, *id, based_on).await).await
}

/// List the history of an API client
#[utoipa::path(
    get, path = "/api-clients/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
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

/// Returns a readable and unique client id: `sap-7kq2m4xw3a`.
fn client_id(name: &str) -> Result<String> {
    let slug: String = name.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let slug = if slug.is_empty() { "client".to_owned() } else { slug.to_lowercase() };
    let random = password::random()?.replace(['-', '_'], "").to_lowercase();
    Ok(format!("{slug}-{}", &random[..12]))
}

/// Returns the digest of a secret. A slow password hash is not needed for 256 random bits.
fn hash_of(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// Returns the columns of a new secret. Tokens name the id of their secret, so that they end with
/// it.
fn secret(secret: &str) -> (SecretHash, SecretId) {
    (api_clients::secret_hash.eq(hash_of(secret)), api_clients::secret_id.eq(Uuid::now_v7()))
}

type SecretHash = diesel::dsl::Eq<api_clients::secret_hash, Vec<u8>>;
type SecretId = diesel::dsl::Eq<api_clients::secret_id, Uuid>;

impl MachineClient {
    fn check(&self) -> Result<()> {
        if self.roles.contains(&Role::Erp) && self.source_system.is_none() {
            let why = "required for the role `erp`";
            return Err(Error::invalid(vec![Fault::new("/source_system", "required", why)]));
        }
        Ok(())
    }

    fn with(&self, changes: &MachineClientChanges) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => MachineClientChanges {
            name, roles, source_system, active
        });
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
        list.page(rows, total, |client: &Self| (client.name.clone(), client.id))
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

    /// Replaces the secret, with a new version of the client, so that the history shows who did it.
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

    /// Returns the active client with this secret, and the id of the secret.
    pub(crate) async fn authenticate(
        conn: &mut Conn,
        client_id: &str,
        secret: &str,
    ) -> Result<Option<(Self, Uuid)>> {
        let query = api_clients::table
            .filter(api_clients::client_id.eq(client_id).and(api_clients::active))
            .select((Self::as_select(), api_clients::secret_id, api_clients::secret_hash));
        let row: Option<(Self, Uuid, Vec<u8>)> = query.first(conn).await.optional()?;
        let fits = |hash: &[u8]| verify_slices_are_equal(hash, &hash_of(secret)).is_ok();
        Ok(row.filter(|(_, _, hash)| fits(hash)).map(|(client, secret, _)| (client, secret)))
    }
}

/// Returns `true` if a source system has a client. Inactive clients count, because they still own
/// their rows.
pub async fn owns(conn: &mut Conn, system: &str) -> Result<bool> {
    let clients = api_clients::table.filter(api_clients::source_system.eq(system));
    let owns = diesel::dsl::exists(clients.select(api_clients::id));
    Ok(diesel::select(owns).get_result(conn).await?)
}

/// Creates a client from the command line. Returns its client id and secret.
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
