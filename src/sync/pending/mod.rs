//! Parked items of batches, 待处理数据. An item that refers to a row that does not exist yet is parked,
//! and applied when the row arrives, so that the order of batches does not matter.

mod apply;
mod retry;

use access::{Caller, Can, Role};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Jsonb};
use diesel_async::RunQueryDsl;
use intake::HasReferences;
use platform::error::Problem;
use platform::{
    Conn, Db, Embedded, Error, FixedSql, List, Path, Problems, Reply, Result, Routes, Timestamp,
    Tx, Write, fixed_sql, page,
};
use schema::{pending_items, pending_references};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadPending;

pub use apply::PARKING;
pub use retry::{JOB, retry};

/// A parked item of a batch
#[derive(Debug, Serialize, ToSchema, HasQuery)]
pub struct PendingItem {
    pub id: Uuid,
    pub source_system: String,
    #[serde(rename = "type")]
    #[diesel(column_name = "type_")]
    #[schema(example = "order")]
    pub kind: String,
    pub external_id: String,
    /// The item as it was sent
    #[schema(value_type = Object)]
    pub item: Value,
    /// Error of the last attempt to apply the item; null while it waits. Send the item again, or
    /// delete it
    #[serde(serialize_with = "in_language")]
    #[schema(value_type = Option<Problem>)]
    pub problem: Option<Value>,
    /// The user or program that sent the item. It is applied with the rights of this sender
    pub parked_by: Uuid,
    /// Time at which the item was parked
    #[serde(rename = "since")]
    pub parked_at: Timestamp,
    /// Rows that have not arrived yet
    #[schema(value_type = Vec<PendingReference>)]
    #[diesel(select_expression = waits_for(), select_expression_type = FixedSql<Jsonb>)]
    pub waits_for: Embedded<Vec<PendingReference>>,
    /// True if the item waits for an item that waits for it. It will not be applied automatically.
    /// Cycles of more than a thousand items are not recognised
    #[diesel(select_expression = in_circle(), select_expression_type = FixedSql<Bool>)]
    pub circular: bool,
}

/// Serializes a stored problem in the language of the reader.
#[allow(clippy::ref_option, reason = "the form that serde calls")]
fn in_language<S: Serializer>(problem: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    let read = |value: &Value| serde_json::from_value::<Problem>(value.clone()).ok();
    match problem.as_ref().and_then(read) {
        Some(problem) => problem.serialize(serializer),
        None => problem.serialize(serializer),
    }
}

/// A row that has not arrived yet
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PendingReference {
    #[serde(rename = "type")]
    #[schema(example = "customer")]
    pub kind: String,
    pub source_system: String,
    pub external_id: String,
}

fn waits_for() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select coalesce(jsonb_agg(jsonb_build_object('type', r.type, 'source_system', \
         r.source_system, 'external_id', r.external_id) \
         order by r.type, r.source_system, r.external_id), '[]'::jsonb) \
         from pending_references r where r.item_id = pending_items.id)",
    )
}

fn in_circle() -> FixedSql<Bool> {
    fixed_sql(
        "(with recursive behind as ( \
             select p.id from pending_references r join pending_items p on p.type = r.type \
             and p.source_system = r.source_system and p.external_id = r.external_id \
             where r.item_id = pending_items.id \
             union \
             select p.id from behind join pending_references r on r.item_id = behind.id \
             join pending_items p on p.type = r.type \
             and p.source_system = r.source_system and p.external_id = r.external_id \
         ) select exists (select from (select id from behind limit 1000) as near \
             where near.id = pending_items.id))",
    )
}

page! {
    /// A page of parked items
    PendingItemPage of PendingItem
}

/// Filter of parked items
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PendingFilter {
    #[serde(rename = "type")]
    #[param(min_length = 1, max_length = 40)]
    kind: Option<String>,
    #[param(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[param(min_length = 1, max_length = 200)]
    external_id: Option<String>,
}

impl HasReferences for PendingFilter {}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_pending_items, read_pending_item, delete_pending_item);
}

access::list! {
    /// List parked items
    ///
    /// Returns the items of batches with `unknown_references: park` that could not be applied yet,
    /// oldest first. Programs see the items of their own source system.
    list_pending_items: "/pending-items", ReadPending, PendingItem by PendingFilter
    -> PendingItemPage,
    "A page of parked items"
}

/// Read a parked item
#[utoipa::path(
    get, path = "/pending-items/{id}",
    responses((status = 200, description = "The parked item", body = PendingItem), Problems),
)]
async fn read_pending_item(
    caller: Can<ReadPending>,
    id: Path<Uuid>,
    db: Db,
) -> Result<actix_web::web::Json<PendingItem>> {
    PendingItem::find(&mut *db.conn().await?, &caller, *id).await.map(actix_web::web::Json)
}

/// Delete a parked item
///
/// The item will not be applied. Parked items never change, so that no `If-Match` is needed.
#[utoipa::path(
    delete, path = "/pending-items/{id}",
    responses((status = 204, description = "The item is deleted"), Problems),
)]
async fn delete_pending_item(
    caller: Can<ReadPending>,
    id: Path<Uuid>,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| PendingItem::give_up(tx, &caller, *id).await).await
}

/// Selects the items that the caller may see: for programs, those of their own source system.
fn visible_to(caller: &Caller) -> pending_items::BoxedQuery<'_, Pg> {
    let query = pending_items::table.into_boxed();
    match caller.source_system() {
        Some(own) if caller.is_machine() && !caller.is(Role::Admin) => {
            query.filter(pending_items::source_system.eq(own))
        }
        _ => query,
    }
}

impl PendingItem {
    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<PendingFilter>,
    ) -> Result<PendingItemPage> {
        use pending_items::{id, parked_at};
        let filter = list.as_sent();
        let matching = || {
            let mut query = visible_to(caller).filter(list.ids(id));
            platform::filter_by!(
                query,
                pending_items::type_.eq(&filter.kind),
                pending_items::source_system.eq(&filter.source_system),
                pending_items::external_id.eq(&filter.external_id),
            );
            query
        };

        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };

        let rows = matching().filter(list.after::<Timestamp, _, _>(parked_at, id)?);
        let rows = rows.order((parked_at, id)).limit(list.fetch()).select(Self::as_select());
        list.page(rows.load(conn).await?, total, |item: &Self| (item.parked_at, item.id))
    }

    async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = visible_to(caller).filter(pending_items::id.eq(id)).select(Self::as_select());
        Ok(row.first(conn).await?)
    }

    async fn give_up(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<()> {
        let item = Self::find(tx.conn(), caller, id).await?;
        let references = pending_references::table.filter(pending_references::item_id.eq(item.id));
        diesel::delete(references).execute(tx.conn()).await?;
        // The item may have been applied since it was read.
        match diesel::delete(pending_items::table.find(item.id)).execute(tx.conn()).await? {
            0 => Err(Error::not_found()),
            _ => Ok(()),
        }
    }
}
