//! The operations on shipments.

use access::Can;
use actix_web::{get, post};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{Db, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged, Write};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::ShipmentBatch;
use super::{Shipment, ShipmentFilter, ShipmentPage};
use crate::{ImportOrders, ReadOrders};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_shipments)
        .service(import_shipments)
        .service(read_shipment)
        .service(list_shipment_history);
}

/// List shipments
///
/// Returns the shipments of the orders visible to you, latest first.
#[utoipa::path(
    tag = "orders",
    params(ShipmentFilter, PageQuery),
    responses((status = 200, description = "A page of shipments", body = ShipmentPage), Problems),
)]
#[get("/shipments")]
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
    tag = "orders",
    params(BatchQuery),
    request_body = ShipmentBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
#[post("/shipments/batch")]
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
    tag = "orders",
    responses((status = 200, description = "The shipment", body = Shipment), Problems),
)]
#[get("/shipments/{id}")]
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
    tag = "orders",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
#[get("/shipments/{id}/history")]
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
