//! What of an order is on its way and what is still to come, 交货情况 (S53): by line, with the promised
//! day. The service knows no stock; it tells what was ordered, sent and promised.

use std::collections::HashMap;

use actix_web::get;
use actix_web::web::{Data, Json};
use auth::{Caller, Can};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Clock, Conn, Date, Db, Number, Path, Problems, Result};
use rust_decimal::Decimal;
use schema::shipments;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::ReadOrders;
use crate::order::{FulfilmentStatus, Order, OrderLine, OrderStatus};
use crate::shipment::{Shipment, ShipmentStatus, visible_to};

/// What of an order is on its way, 交货情况
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Availability {
    pub order_id: Uuid,
    #[schema(inline)]
    pub status: OrderStatus,
    #[schema(inline)]
    pub fulfilment_status: FulfilmentStatus,
    /// The day that the customer was promised
    pub due_date: Option<Date>,
    pub lines: Vec<LineAvailability>,
}

/// The same of one line
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct LineAvailability {
    pub line_number: i32,
    pub product_id: Option<Uuid>,
    pub description: Option<String>,
    /// Negative for a return, of which nothing is sent
    pub ordered: Number,
    /// Null where the ERP says that a part of the order is on its way and not which
    pub shipped: Option<Number>,
    pub delivered: Option<Number>,
    /// Not sent when the order was cancelled or closed
    pub cancelled: Option<Number>,
    /// Still to be sent
    pub remaining: Option<Number>,
    pub last_shipped_on: Option<Date>,
    /// How many days beyond the promise: until today while something remains, else until the last
    /// shipment; 0 in time, null without a promise or where it cannot be told
    pub days_late: Option<i64>,
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_order_availability);
}

/// What of an order is on its way
///
/// 交货情况 by line: ordered, shipped, delivered, still to be sent, and how late. From the shipments, or
/// from what the ERP says of the whole order where there are none. No stock: that is the ERP's.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "What is on its way", body = Availability), Problems),
)]
#[get("/orders/{id}/availability")]
async fn read_order_availability(
    caller: Can<ReadOrders>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Json<Availability>> {
    Ok(Json(Availability::of(&mut *db.conn().await?, &caller, *id, clock.today()).await?))
}

/// What was sent of a line.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    shipped: Decimal,
    delivered: Decimal,
    last_on: Option<Date>,
}

/// What was sent of each line; nothing for shipments that were cancelled.
fn sent(shipments: &[Shipment]) -> HashMap<i32, Sent> {
    let mut sent: HashMap<i32, Sent> = HashMap::new();
    for shipment in shipments.iter().filter(|it| it.status != ShipmentStatus::Cancelled) {
        for line in shipment.lines.iter() {
            let of = sent.entry(line.line_number).or_default();
            of.shipped += line.quantity.0;
            if shipment.status == ShipmentStatus::Delivered {
                of.delivered += line.quantity.0;
            }
            of.last_on = of.last_on.max(Some(shipment.shipped_on));
        }
    }
    sent
}

impl LineAvailability {
    fn of(order: &Order, line: &OrderLine, sent: &HashMap<i32, Sent>, today: Date) -> Self {
        let ordered = line.quantity.0.max(Decimal::ZERO);
        // Without shipments the ERP's word for the whole order is all that there is.
        let said = match order.progress.fulfilment_status {
            _ if !sent.is_empty() => sent.get(&line.line_number).copied().or(Some(Sent::default())),
            FulfilmentStatus::None => Some(Sent::default()),
            FulfilmentStatus::Partial => None,
            status => Some(Sent {
                shipped: ordered,
                delivered: if status == FulfilmentStatus::Delivered {
                    ordered
                } else {
                    Decimal::ZERO
                },
                last_on: order.shipped_on,
            }),
        };
        let over = matches!(order.status, OrderStatus::Cancelled | OrderStatus::Closed);
        let rest = said.map(|it| (ordered - it.shipped).max(Decimal::ZERO));
        let remaining = rest.map(|it| if over { Decimal::ZERO } else { it });
        let last_shipped_on = said.and_then(|it| it.last_on);
        let until = match remaining {
            Some(rest) if rest > Decimal::ZERO => Some(today),
            _ => last_shipped_on,
        };
        let late = |(until, due): (Date, Date)| i64::from((until.0 - due.0).get_days()).max(0);
        Self {
            line_number: line.line_number,
            product_id: line.product_id,
            description: line.description.clone(),
            ordered: line.quantity,
            shipped: said.map(|it| Number(it.shipped)),
            delivered: said.map(|it| Number(it.delivered)),
            cancelled: rest.map(|it| Number(if over { it } else { Decimal::ZERO })),
            remaining: remaining.map(Number),
            last_shipped_on,
            days_late: until.zip(order.due_date).map(late),
        }
    }
}

impl Availability {
    async fn of(conn: &mut Conn, caller: &Caller, id: Uuid, today: Date) -> Result<Self> {
        let order = Order::find(conn, caller, id).await?;
        let shipments =
            Shipment::query().filter(visible_to(caller)).filter(shipments::order_id.eq(order.id));
        let sent = sent(&shipments.load(conn).await?);
        let lines = order.lines.iter();
        let lines = lines.map(|line| LineAvailability::of(&order, line, &sent, today)).collect();
        Ok(Self {
            order_id: order.id,
            status: order.status,
            fulfilment_status: order.progress.fulfilment_status,
            due_date: order.due_date,
            lines,
        })
    }
}
