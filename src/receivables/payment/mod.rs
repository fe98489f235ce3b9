//! Payments, 回款, and their allocation to invoices, 核销. The unallocated amount is stored in the row.

mod batch;
mod db;
pub mod http;
mod rules;
mod steps;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{
    Date, Embedded, FixedSql, Money, Number, Timestamp, fixed_sql, page, resource, text_enum,
};
use schema::payments;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::allocation::Allocation;
use crate::invoice::{Difference, find_invoices};
use crate::source::NewAllocation;

pub(crate) use db::{OPEN_DOCUMENTS, follow, settle};
pub use db::{differences, find_payments, keep_due};

text_enum! {
    /// The payment method
    #[derive(Default)]
    pub enum PaymentMethod {
        /// 银行转账
        #[default]
        BankTransfer = "bank_transfer",
        /// 现金
        Cash = "cash",
        /// 支票
        Cheque = "cheque",
        /// 承兑汇票
        AcceptanceBill = "acceptance_bill",
        /// 刷卡
        Card = "card",
        /// 在线支付
        Online = "online",
        /// 抵账
        Offset = "offset",
        Other = "other",
    }
}

text_enum! {
    pub enum PaymentSort {
        LatestFirst = "-received_on",
        OldestFirst = "received_on",
    }
}

/// A payment, 回款
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct Payment {
    pub id: Uuid,
    pub version: i64,
    /// `RC-2026-000123`; imported payments may have another format
    #[schema(example = "RC-2026-000123")]
    pub number: String,
    pub customer_id: Uuid,
    /// In the future for post-dated payments, such as an acceptance bill
    pub received_on: Date,
    /// ISO 4217
    #[schema(example = "CNY")]
    pub currency: String,
    /// Value of one unit of `currency` in the company's currency on `received_on`
    pub exchange_rate: Number,
    pub amount: Money,
    #[schema(inline)]
    pub method: PaymentMethod,
    pub note: Option<String>,
    /// The day on which it was reversed, for example because a cheque bounced
    pub reversed_on: Option<Date>,
    pub reversal_reason: Option<String>,
    /// The amount not yet allocated to invoices, 预收; zero once the payment is reversed
    pub unapplied_amount: Money,
    /// The day on which the unallocated amount became zero; null before
    pub closed_on: Option<Date>,
    /// The day on which it was recorded here
    pub recorded_on: Date,
    /// The reversal exceeded the customer's credit limit
    pub credit_exceeded: bool,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[schema(value_type = Vec<Allocation>)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = allocations_of(), select_expression_type = FixedSql<Jsonb>)]
    pub allocations: Embedded<Vec<Allocation>>,
    /// The salespeople of the invoices that it pays, who may see it
    #[serde(skip)]
    salesperson_ids: Vec<Uuid>,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { Payment: |payment| Some(payment.currency.as_str()) }

/// Selects the allocations as a column, so that one statement reads a payment. Amounts are text to
/// keep their digits.
fn allocations_of() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'invoice_id', a.invoice_id, \
         'amount', a.amount::text, 'allocated_on', a.allocated_on, 'reversed_on', a.reversed_on) \
         order by a.allocated_on, a.id), '[]'::jsonb) \
         from allocations a where a.payment_id = payments.id)",
    )
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = payments.customer_id)")
}

resource! {
    Payment: "payment" at "/api/v1/payments",
    seen by payments [People(salesperson_ids), Customer(customer_id)] and accounts,
    derived ["customer_id", "allocations", "unapplied_amount", "closed_on", "credit_exceeded"]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "amount": "113.00", "method": "bank_transfer" }))]
pub struct NewPayment {
    customer_id: Uuid,
    /// In the future for post-dated payments. Default: today
    #[schema(nullable = false)]
    received_on: Option<Date>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    /// More than zero
    amount: Money,
    /// Default: `bank_transfer`
    #[schema(inline, nullable = false)]
    method: Option<PaymentMethod>,
    #[schema(max_length = 500)]
    note: Option<String>,
    /// The invoices that it pays. More can be added with `POST /payments/{id}/allocate`
    #[serde(default)]
    #[schema(max_items = 500, nullable = false)]
    allocations: Vec<NewAllocation>,
}

/// The reason and the day of a reversal
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "the cheque was not honoured" }))]
pub struct PaymentReversal {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Not in the future, and not before the payment or, for a post-dated one, today. Default:
    /// today
    #[schema(nullable = false)]
    reversed_on: Option<Date>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "allocations/*/invoice", of: "invoice", find: find_invoices },
];

intake::references! { NewPayment: REFERENCES }

/// Filters of the payment list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PaymentFilter {
    customer_id: Option<Uuid>,
    /// Returns payments with an allocation to this invoice
    invoice_id: Option<Uuid>,
    #[param(max_length = 60)]
    number: Option<String>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    method: Option<Vec<PaymentMethod>>,
    /// `true` returns payments with an unallocated amount, `false` those without
    unapplied: Option<bool>,
    reversed: Option<bool>,
    received_from: Option<Date>,
    /// Exclusive
    received_to: Option<Date>,
    /// Default: `-received_on`
    #[param(inline)]
    sort: Option<PaymentSort>,
}

intake::references! {
    PaymentFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "invoice", of: "invoice", find: find_invoices },
    ];
}

page! {
    /// A page of payments
    PaymentPage of Payment
}
