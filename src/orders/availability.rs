//! Order availability (交货情况): ordered, shipped and outstanding quantities per line, compared
//! with the promised day. The service keeps no stock; everything follows from orders and shipments.

use std::collections::HashMap;

use access::{Caller, Can};
use actix_web::web::{Data, Json};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Clock, Conn, Date, Db, Number, Path, Problems, Result, Routes};
use rust_decimal::Decimal;
use schema::shipments;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadOrders;
use crate::order::{FulfilmentStatus, Order, OrderLine, OrderStatus};
use crate::shipment::{Shipment, ShipmentStatus};

/// Order availability, 交货情况
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Availability {
    pub order_id: Uuid,
    #[schema(inline)]
    pub status: OrderStatus,
    #[schema(inline)]
    pub fulfilment_status: FulfilmentStatus,
    /// The day promised to the customer
    pub due_date: Option<Date>,
    pub lines: Vec<LineAvailability>,
}

/// Availability of one order line
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct LineAvailability {
    pub line_number: i32,
    pub product_id: Option<Uuid>,
    pub description: Option<String>,
    /// Ordered quantity. Negative for a return, for which nothing is shipped
    pub ordered: Number,
    /// Shipped quantity. Null when the ERP reports only that a part of the order was shipped, not
    /// which lines
    pub shipped: Option<Number>,
    pub delivered: Option<Number>,
    /// Quantity that will not be shipped because the order was cancelled or closed
    pub cancelled: Option<Number>,
    /// Quantity still to be shipped
    pub remaining: Option<Number>,
    pub last_shipped_on: Option<Date>,
    /// Days past the promised day, counted until today while something remains, otherwise until the
    /// last shipment. `0` when in time; null without a promised day or when the shipped quantity is
    /// unknown
    pub days_late: Option<i64>,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_order_availability);
}

/// Read the availability of an order
///
/// Returns the ordered, shipped, delivered and remaining quantity per line (交货情况), and how many
/// days each line is late. The quantities come from the order's shipments. Without shipments they
/// follow from the fulfilment status that the ERP reports for the whole order. Stock is not
/// included; it is kept in the ERP.
#[utoipa::path(
    get, path = "/orders/{id}/availability",
    responses((status = 200, description = "Order availability", body = Availability), Problems),
)]
async fn read_order_availability(
    caller: Can<ReadOrders>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Json<Availability>> {
    Ok(Json(Availability::of(&mut *db.conn().await?, &caller, *id, clock.today()).await?))
}

/// Shipped quantities of one line.
#[derive(Debug, Clone, Copy, Default)]
struct Sent {
    shipped: Decimal,
    delivered: Decimal,
    last_on: Option<Date>,
}

/// Sums up the shipments per line. Cancelled shipments do not count.
fn sent(shipments: &[Shipment]) -> HashMap<i32, Sent> {
    let mut sent: HashMap<i32, Sent> = HashMap::new();
    for shipment in shipments.iter().filter(|shipment| shipment.status != ShipmentStatus::Cancelled)
    {
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
        // Without shipments, the status that the ERP reports for the whole order is all there is.
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
        let rest = said.map(|sent| (ordered - sent.shipped).max(Decimal::ZERO));
        let remaining = rest.map(|rest| if over { Decimal::ZERO } else { rest });
        let last_shipped_on = said.and_then(|sent| sent.last_on);

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
            shipped: said.map(|sent| Number(sent.shipped)),
            delivered: said.map(|sent| Number(sent.delivered)),
            cancelled: rest.map(|rest| Number(if over { rest } else { Decimal::ZERO })),
            remaining: remaining.map(Number),
            last_shipped_on,
            days_late: until.zip(order.due_date).map(late),
        }
    }
}

impl Availability {
    async fn of(conn: &mut Conn, caller: &Caller, id: Uuid, today: Date) -> Result<Self> {
        let order = Order::find(conn, caller, id).await?;
        let shipments = Shipment::query()
            .filter(caller.sees::<Shipment>())
            .filter(shipments::order_id.eq(order.id));
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
