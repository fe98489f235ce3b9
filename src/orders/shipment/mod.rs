//! Shipments to customers (发货). The ERP reports them, and the fulfilment of their orders follows.

mod batch;
mod db;
pub mod http;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use intake::Reference;
use platform::row_rule::{RowRule, Viewers};
use platform::{
    Date, Embedded, FixedSql, Number, Resource, Timestamp, fixed_sql, page, resource, text_enum,
};
use schema::shipments;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::order::{Order, find_orders};

pub(crate) use db::{Shipped, quantities};

text_enum! {
    /// Status of a shipment
    #[derive(Default)]
    pub enum ShipmentStatus {
        /// 已发货
        #[default]
        Shipped = "shipped",
        /// 已送达
        Delivered = "delivered",
        /// 已取消: does not count
        Cancelled = "cancelled",
    }
}

/// A shipment, 发货单
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Shipment {
    pub id: Uuid,
    pub version: i64,
    #[schema(example = "SH-4711")]
    pub number: String,
    pub order_id: Uuid,
    #[schema(inline)]
    pub status: ShipmentStatus,
    pub shipped_on: Date,
    pub delivered_on: Option<Date>,
    /// 承运商
    pub carrier: Option<String>,
    /// 运单号
    pub tracking_number: Option<String>,
    #[schema(value_type = Vec<ShipmentLine>)]
    pub lines: Embedded<Vec<ShipmentLine>>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The people who see the order
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = seen_by(), select_expression_type = FixedSql<Array<SqlUuid>>)]
    seen_by: Vec<Uuid>,
}

fn seen_by() -> FixedSql<Array<SqlUuid>> {
    fixed_sql(
        "(select o.credited || o.team_path || array_remove(array[c.owner_id], null) \
         from orders o join customers c on c.id = o.customer_id where o.id = shipments.order_id)",
    )
}

const RULE: RowRule = RowRule {
    table: "shipments",
    accounts: true,
    viewers: &[Viewers::Row("order_id", Order::RULE)],
};

resource! {
    Shipment: "shipment" at "/api/v1/shipments",
    seen by RULE, as |shipment| shipment.seen_by.iter().copied().map(Some).collect()
}

/// Shipped quantity of an order line
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShipmentLine {
    /// Line number within the order
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub line_number: i32,
    /// Greater than 0
    pub quantity: Number,
}

/// Filters for the list of shipments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ShipmentFilter {
    order_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<ShipmentStatus>>,
    #[param(max_length = 60)]
    number: Option<String>,
    shipped_from: Option<Date>,
    /// Exclusive
    shipped_to: Option<Date>,
}

intake::references! {
    ShipmentFilter: &[
        Reference { at: "order", of: "order", find: find_orders },
        Reference { at: "customer", of: "customer", find: find_customers },
    ];
}

page! {
    /// A page of shipments, latest first
    ShipmentPage of Shipment
}
