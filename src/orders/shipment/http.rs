//! The operations on shipments.

use access::Can;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::batch::ShipmentBatch;
use super::{Shipment, ShipmentFilter, ShipmentPage};
use crate::{ImportOrders, ReadOrders};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_shipments,
        import_shipments,
        read_shipment,
        list_shipment_history,
    );
}

/// List shipments
///
/// Returns the shipments of the orders visible to you, latest first.
#[utoipa::path(
    get, path = "/shipments",
    params(ShipmentFilter, PageQuery),
    responses((status = 200, description = "A page of shipments", body = ShipmentPage), Problems),
)]
async fn list_shipments(
    caller: Can<ReadOrders>,
    list: List<ShipmentFilter>,
    db: Db,
) -> Result<ShipmentPage> {
    Shipment::list(&mut *db.conn().await?, &caller, &list).await
}

/// Import shipments from an ERP
///
/// Creates and updates shipments as the ERP reports them. The fulfilment status of their orders
/// follows: `partial` while something is missing, then `shipped`, then `delivered`.
#[utoipa::path(
    post, path = "/shipments/batch",
    params(BatchQuery),
    request_body = ShipmentBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_shipments(
    caller: Can<ImportOrders>,
    batch: Batch<ShipmentBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| {
            Reply::json(&intake::import::<Shipment, _>(tx, &caller, &batch).await?)
        })
        .await
}

/// Read a shipment
#[utoipa::path(
    get, path = "/shipments/{id}",
    responses((status = 200, description = "The shipment", body = Shipment), Problems),
)]
async fn read_shipment(
    caller: Can<ReadOrders>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Shipment>> {
    Ok(Tagged(Shipment::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// List a shipment's history
///
/// Returns the changes of the shipment, latest first.
#[utoipa::path(
    get, path = "/shipments/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_shipment_history(
    caller: Can<ReadOrders>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let shipment = Shipment::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &shipment, &list).await
}
