//! The operations on territories.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::batch::TerritoryBatch;
use super::{NewTerritory, Territory, TerritoryChanges, TerritoryFilter, TerritoryPage};
use crate::{ImportTerritories, ReadTerritories, WriteTerritories};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_territories,
        create_territory,
        import_territories,
        read_territory,
        update_territory,
        delete_territory,
        list_territory_history,
    );
}

/// List territories
///
/// Returns all territories. Every user can read them.
#[utoipa::path(
    get, path = "/territories",
    params(TerritoryFilter, PageQuery),
    responses((status = 200, description = "A page of territories", body = TerritoryPage),
        Problems),
)]
async fn list_territories(
    caller: Can<ReadTerritories>,
    list: List<TerritoryFilter>,
    db: Db,
) -> Result<TerritoryPage> {
    Territory::list(&mut *db.conn().await?, &caller, &list).await
}

/// Create a territory
///
/// A territory has one holder at a time.
#[utoipa::path(
    post, path = "/territories",
    request_body = NewTerritory,
    responses(
        (status = 201, description = "The new territory", body = Territory),
        (status = 403, description = "`foreign_source_system`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_territory(
    caller: Can<WriteTerritories>,
    new: Body<NewTerritory>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Territory::create(tx, &caller, &new).await).await
}

/// Import territories from an ERP
///
/// Creates new territories and updates those that differ. Parents and children can be sent in any
/// sequence.
#[utoipa::path(
    post, path = "/territories/batch",
    params(BatchQuery),
    request_body = TerritoryBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_territories(
    caller: Can<ImportTerritories>,
    batch: Batch<TerritoryBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| {
            Reply::json(&intake::import::<Territory, _>(tx, &caller, &batch).await?)
        })
        .await
}

/// Read a territory
///
/// Returns the territory with its past, present and future holders.
#[utoipa::path(
    get, path = "/territories/{id}",
    responses((status = 200, description = "The territory", body = Territory), Problems),
)]
async fn read_territory(
    caller: Can<ReadTerritories>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Territory>> {
    Ok(Tagged(Territory::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Update a territory
///
/// The holders are replaced as a whole. A territory cannot be its own parent, directly or through
/// others.
#[utoipa::path(
    patch, path = "/territories/{id}",
    request_body(content = TerritoryChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The territory", body = Territory),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn update_territory(
    caller: Can<WriteTerritories>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<TerritoryChanges>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| Territory::update(tx, &caller, *id, based_on, &changes).await)
        .await
}

/// Delete a territory
///
/// A territory that is referenced elsewhere cannot be deleted (409 `still_referenced`).
#[utoipa::path(
    delete, path = "/territories/{id}",
    responses((status = 204, description = "Deleted"), Problems),
)]
async fn delete_territory(
    caller: Can<WriteTerritories>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Territory::delete(tx, &caller, *id, based_on).await).await
}

/// List a territory's history
///
/// Returns the changes of the territory, latest first.
#[utoipa::path(
    get, path = "/territories/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_territory_history(
    caller: Can<ReadTerritories>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let territory = Territory::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &territory, &list).await
}
