//! What a customer owes, 发票, and what it is given back, 红字发票 (S55). What is open, since when it is
//! closed and what is due next are kept with the row.

mod batch;
mod db;
mod draft;
mod facts;
pub mod http;
mod offset;
mod owned;
mod rules;
mod settle;

use auth::{Reference, Refers};
use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use orders::order::find_orders;
use platform::{
    Date, Embedded, FixedSql, Money, Number, Timestamp, fixed_sql, page, resource, sent, text_enum,
};
use schema::invoices;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use db::{due_of, open_of};
pub use db::{find_invoices, load, name_invoices, visible_to};
pub use settle::{Difference, differences};
pub(crate) use settle::{Moved, OPEN_DOCUMENTS, dispute, follow, hold, settle};

text_enum! {
    pub enum InvoiceKind {
        /// 发票
        Invoice = "invoice",
        /// 红字发票, gives back
        CreditNote = "credit_note",
    }
}

text_enum! {
    pub enum InvoiceStatus {
        /// 草稿: nobody owes it yet
        Draft = "draft",
        /// 已过账
        Posted = "posted",
        /// 已作废
        Cancelled = "cancelled",
    }
}

text_enum! {
    pub enum InvoiceSort {
        LatestFirst = "-invoice_date",
        OldestFirst = "invoice_date",
        EarliestDue = "due_date",
    }
}

/// An invoice 发票, or a credit note 红字发票
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct Invoice {
    pub id: Uuid,
    pub version: i64,
    #[schema(inline)]
    pub kind: InvoiceKind,
    /// `IN-2026-000123`, of a credit note `CN-…`, unless another system gave it one
    #[schema(example = "IN-2026-000123")]
    pub number: String,
    pub customer_id: Uuid,
    pub order_id: Option<Uuid>,
    /// Of a credit note: the invoice that it makes smaller
    pub corrects_invoice_id: Option<Uuid>,
    /// Whose sale it was; stays when the customer goes to somebody else
    pub salesperson_id: Option<Uuid>,
    pub invoice_date: Date,
    pub due_date: Date,
    /// ISO 4217
    #[schema(example = "CNY")]
    pub currency: String,
    /// What one unit of it was worth in the company's currency on `invoice_date`
    pub exchange_rate: Number,
    /// Net
    pub amount: Money,
    pub tax_amount: Money,
    /// What is owed
    pub total_amount: Money,
    /// The customer does not agree with it
    pub disputed: bool,
    /// Parts with days of their own, 分期; together the total
    #[schema(value_type = Vec<Instalment>)]
    pub instalments: Embedded<Vec<Instalment>>,
    #[schema(inline)]
    pub status: InvoiceStatus,
    /// Why it was cancelled
    pub status_reason: Option<String>,
    pub posted_on: Option<Date>,
    pub cancelled_on: Option<Date>,
    /// What is still owed; negative for a credit note that is not used up
    pub open_amount: Money,
    /// The day of the last effect that closed it; null while open
    pub closed_on: Option<Date>,
    /// When the next part is due that is not paid; null when nothing is
    pub next_due_on: Option<Date>,
    /// A fact from elsewhere: posted, or a credit note cancelled, although the customer's credit did
    /// not bear it
    pub credit_exceeded: bool,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { Invoice: |it| Some(it.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = invoices.customer_id)")
}

resource! {
    Invoice: "invoice" at "/api/v1/invoices",
    seen by |it| it.salesperson_id.into_iter().chain(it.customer_owner_id).map(Some).collect(),
    derived ["open_amount", "closed_on", "next_due_on", "disputed", "credit_exceeded"]
}

/// A part of an invoice with a day of its own, 分期
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Instalment {
    pub due_date: Date,
    pub amount: Money,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "due_date": "2026-12-31", "amount": "100.00", "tax_amount": "13.00" }))]
pub struct NewInvoice {
    customer_id: Uuid,
    /// Default: `invoice`
    #[schema(inline, nullable = false)]
    kind: Option<InvoiceKind>,
    /// Net; without tax it is the total
    amount: Money,
    #[serde(flatten)]
    details: InvoiceDetails,
}

/// A merge patch: absent fields stay, null clears, instalments are replaced whole. After posting
/// only `due_date`, `instalments` and `disputed` may change, else 409 `posted_immutable`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "due_date": "2027-01-15", "disputed": true }))]
pub struct InvoiceChanges {
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(nullable = false)]
    amount: Option<Money>,
    #[serde(flatten)]
    details: InvoiceDetails,
}

/// What new invoices and changes of them have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct InvoiceDetails {
    #[serde(deserialize_with = "sent")]
    order_id: Option<Option<Uuid>>,
    /// For credit notes
    #[serde(deserialize_with = "sent")]
    corrects_invoice_id: Option<Option<Uuid>>,
    /// Default: the customer's owner
    #[serde(deserialize_with = "sent")]
    salesperson_id: Option<Option<Uuid>>,
    /// Default: today
    #[schema(nullable = false)]
    invoice_date: Option<Date>,
    /// Not before the invoice. Default: that of the last instalment, else what the customer's terms make
    /// of the invoice's own day
    #[schema(nullable = false)]
    due_date: Option<Date>,
    /// Default: the order's or the company's
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    #[schema(nullable = false)]
    tax_amount: Option<Money>,
    #[schema(nullable = false)]
    disputed: Option<bool>,
    /// Together the total; none means that all is due on `due_date`
    #[schema(max_items = 120, nullable = false)]
    instalments: Option<Vec<Instalment>>,
}

/// Why a draft is not needed
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "written twice" }))]
pub struct InvoiceCancellation {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "order", of: "order", find: find_orders },
    Reference { at: "corrects_invoice", of: "invoice", find: find_invoices },
    Reference { at: "salesperson", of: "user", find: auth::find_users },
];

impl Refers for NewInvoice {
    const REFERENCES: &'static [Reference] = REFERENCES;
}
impl Refers for InvoiceChanges {
    const REFERENCES: &'static [Reference] = REFERENCES;
}

/// Which invoices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InvoiceFilter {
    customer_id: Option<Uuid>,
    order_id: Option<Uuid>,
    salesperson_id: Option<Uuid>,
    corrects_invoice_id: Option<Uuid>,
    #[param(inline)]
    kind: Option<InvoiceKind>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<InvoiceStatus>>,
    #[param(max_length = 60)]
    number: Option<String>,
    /// Those with something to pay or to use up, or the others
    open: Option<bool>,
    /// Those with a part that was due before today, or the others
    overdue: Option<bool>,
    disputed: Option<bool>,
    invoice_date_from: Option<Date>,
    /// Exclusive
    invoice_date_to: Option<Date>,
    due_date_from: Option<Date>,
    /// Exclusive
    due_date_to: Option<Date>,
    /// Default: by `-invoice_date`
    #[param(inline)]
    sort: Option<InvoiceSort>,
}

impl Refers for InvoiceFilter {
    const REFERENCES: &'static [Reference] = REFERENCES;
}

page! {
    /// A page of invoices
    InvoicePage of Invoice
}
