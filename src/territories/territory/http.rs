//! The operations on territories.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{IfMatch, Path, Problems, Reply, Result, Routes, Write};
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

access::list! {
    /// List territories
    ///
    /// Returns all territories. Every user can read them.
    list_territories: "/territories", ReadTerritories, Territory by TerritoryFilter -> TerritoryPage,
    "A page of territories"
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

access::read! {
    /// Read a territory
    ///
    /// Returns the territory with its past, present and future holders.
    read_territory: "/territories/{id}", ReadTerritories -> Territory, "The territory"
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

access::history! {
    /// List a territory's history
    ///
    /// Returns the changes of the territory, latest first.
    list_territory_history: "/territories/{id}/history", ReadTerritories, Territory
}
