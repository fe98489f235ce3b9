//! Orders (订单): the lines of products that a customer ordered, and the people credited with them.

mod batch;
mod credit;
mod db;
mod facts;
mod hooks;
pub mod http;
mod line_facts;
mod list;
mod price;
mod progress;
mod rules;
mod statements;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{
    Date, Embedded, FixedSql, Money, Number, Timestamp, fixed_sql, page, resource, sent, text_enum,
};
use products::product::find_products;
use schema::orders;
use serde::{Deserialize, Serialize};
use territories::territory::find_territories;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::{find_orders, name_orders, uses_currency};
pub use facts::{OrderAccount, facts_of, lock};
pub use hooks::{customer_merged, customers_of, first_membership};
pub(crate) use progress::shipped;
pub use progress::{
    Billing, BillingStatus, FulfilmentStatus, OrderProgress, PaymentStatus, billed,
};
pub(crate) use rules::in_future;

text_enum! {
    /// Status of an order
    #[derive(Default)]
    pub enum OrderStatus {
        /// 草稿
        #[default]
        Draft = "draft",
        /// 已提交
        Submitted = "submitted",
        /// 信用冻结: waiting for the customer's credit
        CreditHold = "credit_hold",
        /// 已确认: recognised as sold
        Confirmed = "confirmed",
        /// 已关闭
        Closed = "closed",
        /// 已取消
        Cancelled = "cancelled",
    }
}

text_enum! {
    pub enum OrderSort {
        LatestFirst = "-order_date",
        OldestFirst = "order_date",
        NewestFirst = "-created_at",
        LatestChange = "-updated_at",
        OldestChange = "updated_at",
        ByNumber = "number",
        ByNumberDown = "-number",
    }
}

/// An order, 订单
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct Order {
    pub id: Uuid,
    pub version: i64,
    /// Assigned in the form `SO-2026-000123`, unless the source system sent a number
    #[schema(example = "SO-2026-000123")]
    pub number: String,
    pub customer_id: Uuid,
    /// The people credited with the order and their shares. Empty when nobody is credited
    #[schema(value_type = Vec<Credit>)]
    pub credits: Embedded<Vec<Credit>>,
    pub territory_id: Option<Uuid>,
    /// Sales channel, 渠道. Free text
    #[schema(example = "reseller")]
    pub channel: Option<String>,
    pub order_date: Date,
    pub confirmed_on: Option<Date>,
    pub cancelled_on: Option<Date>,
    pub due_date: Option<Date>,
    pub shipped_on: Option<Date>,
    /// ISO 4217 code
    #[schema(example = "CNY")]
    pub currency: String,
    /// Value of one unit of `currency` in the company's currency on `order_date`
    pub exchange_rate: Number,
    #[schema(inline)]
    pub status: OrderStatus,
    pub status_reason: Option<String>,
    /// The sum of the lines, without tax and freight
    pub amount: Money,
    /// Tax, rounded per line or per document according to the setting `tax_rounding_per_document`
    pub tax_amount: Money,
    pub freight_amount: Money,
    /// The sum of amount, tax and freight
    pub total_amount: Money,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(flatten)]
    #[diesel(embed)]
    pub progress: OrderProgress,
    #[schema(value_type = Vec<OrderLine>)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = lines_of_order(), select_expression_type = FixedSql<Jsonb>)]
    pub lines: Embedded<Vec<OrderLine>>,
    /// Ids of the people in `credits`
    #[serde(skip)]
    credited: Vec<Uuid>,
    /// `true` if a person entered the order here, `false` if an ERP reported it
    #[serde(skip)]
    taken_here: bool,
    /// The teams of the credited people on `order_date`, and all teams above them
    #[serde(skip)]
    team_path: Vec<Uuid>,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { Order: |order| Some(order.currency.as_str()) }

/// Selects the lines within the row, so that reading an order takes one statement. Numbers are
/// passed as text, because JSON numbers would lose digits.
fn lines_of_order() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select coalesce(jsonb_agg(jsonb_build_object('line_number', l.line_number, \
         'product_id', l.product_id, 'description', l.description, 'quantity', l.quantity::text, \
         'unit_price', l.unit_price::text, 'discount_percent', l.discount_percent::text, \
         'amount', l.amount::text) order by l.line_number), '[]'::jsonb) \
         from order_lines l where l.order_id = orders.id)",
    )
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = orders.customer_id)")
}

resource! {
    Order: "order" at "/api/v1/orders",
    seen by orders [People(credited), Teams(team_path), Customer(customer_id)] and accounts,
    derived [
        "shipped_on", "fulfilment_status", "billing_status", "payment_status", "invoiced_amount",
        "credit_exceeded"
    ]
}

/// A line of an order
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderLine {
    pub line_number: i32,
    /// Null for a line that is not a product, such as a service
    pub product_id: Option<Uuid>,
    pub description: Option<String>,
    /// Negative for a return
    pub quantity: Number,
    pub unit_price: Money,
    pub discount_percent: Number,
    /// Net amount after the discount
    pub amount: Money,
}

/// A person's share of an order
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Credit {
    pub user_id: Uuid,
    pub share_percent: Number,
    /// The share in the order's currency. The amounts of all shares add up to the order's amount
    pub amount: Money,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "lines": [{ "product_id": "0198c0de-0000-7000-8000-000000000002", "quantity": "3" }] }))]
pub struct NewOrder {
    customer_id: Uuid,
    /// The source system that assigned `external_id`. Default: the caller's own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    #[serde(flatten)]
    details: OrderDetails,
}

/// A merge patch for a draft. Absent fields keep their value, `null` clears, lines and credits are
/// replaced as a whole. Amounts are computed and cannot be sent. The progress fields can be changed
/// in any status, by the ERP only.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "due_date": "2026-12-24" }))]
pub struct OrderChanges {
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(inline, nullable = false)]
    fulfilment_status: Option<FulfilmentStatus>,
    #[schema(inline, nullable = false)]
    billing_status: Option<BillingStatus>,
    #[schema(inline, nullable = false)]
    payment_status: Option<PaymentStatus>,
    /// Cannot be in the future
    #[serde(default, deserialize_with = "sent")]
    shipped_on: Option<Option<Date>>,
    #[serde(flatten)]
    details: OrderDetails,
}

/// Fields that new orders and changes of orders have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct OrderDetails {
    /// The one salesperson who is credited with the whole order, in place of `credits`. Default for
    /// a new order: the caller if they are a salesperson or sales manager, otherwise the customer's
    /// owner
    #[serde(deserialize_with = "sent")]
    salesperson_id: Option<Option<Uuid>>,
    #[schema(max_items = 20, nullable = false)]
    credits: Option<Vec<Share>>,
    #[serde(deserialize_with = "sent")]
    territory_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 40)]
    channel: Option<Option<String>>,
    /// Default: today
    #[schema(nullable = false)]
    order_date: Option<Date>,
    #[serde(deserialize_with = "sent")]
    due_date: Option<Option<Date>>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    #[schema(nullable = false)]
    freight_amount: Option<Money>,
    #[schema(min_items = 1, max_items = 1000, nullable = false)]
    lines: Option<Vec<NewLine>>,
}

/// A person's share of a new order
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Share {
    user_id: Uuid,
    /// The shares of an order add up to 100
    share_percent: Number,
}

/// An order line as a person enters it
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewLine {
    product_id: Uuid,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Negative for a return
    quantity: Number,
    /// Default: the list price of the day. It is converted at the order's exchange rate when the
    /// order is in a foreign currency
    unit_price: Option<Money>,
    discount_percent: Option<Number>,
}

/// Reason and day of a cancellation
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "the customer has changed its mind" }))]
pub struct Cancellation {
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// Default: today. Neither before `order_date` nor in the future
    #[schema(nullable = false)]
    pub cancelled_on: Option<Date>,
}

impl Cancellation {
    fn because(reason: &str) -> Self {
        Self { reason: reason.to_owned(), cancelled_on: None }
    }
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "salesperson", of: "user", find: auth::user::find_users },
    Reference { at: "credits/*/user", of: "user", find: auth::user::find_users },
    Reference { at: "territory", of: "territory", find: find_territories },
    Reference { at: "lines/*/product", of: "product", find: find_products },
];

intake::references! {
    NewOrder: REFERENCES;
    OrderChanges: REFERENCES;
}

/// Filters for the list of orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrderFilter {
    customer_id: Option<Uuid>,
    /// Orders that credit this person with a share
    salesperson_id: Option<Uuid>,
    /// Orders booked by this team or a team below it
    team_id: Option<Uuid>,
    territory_id: Option<Uuid>,
    product_id: Option<Uuid>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<OrderStatus>>,
    #[param(max_length = 40)]
    channel: Option<String>,
    #[param(max_length = 60)]
    number: Option<String>,
    /// Matches the beginning of the order number, or a part of the customer's name, code or phone
    /// number
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    order_date_from: Option<Date>,
    /// Exclusive
    order_date_to: Option<Date>,
    /// Default: `-order_date`.
    #[param(inline)]
    sort: Option<OrderSort>,
}

intake::references! {
    OrderFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "salesperson", of: "user", find: auth::user::find_users },
        Reference { at: "team", of: "team", find: auth::team::find_teams },
        Reference { at: "territory", of: "territory", find: find_territories },
        Reference { at: "product", of: "product", find: find_products },
    ];
}

page! {
    /// A page of orders
    OrderPage of Order
}
