//! Invoices, 发票, and credit notes, 红字发票. The open amount, the day of closing and the next due date
//! are stored in the row.

mod batch;
mod db;
mod draft;
mod facts;
pub mod http;
mod offset;
mod owned;
mod rules;
mod settle;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use orders::order::find_orders;
use platform::{
    Date, Embedded, FixedSql, Money, Number, Timestamp, fixed_sql, page, resource, sent, text_enum,
};
use schema::invoices;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use db::{due_of, open_of};
pub use db::{find_invoices, load, name_invoices};
pub use settle::{Difference, differences};
pub(crate) use settle::{Moved, OPEN_DOCUMENTS, dispute, follow, hold, settle};

text_enum! {
    #[derive(Default)]
    pub enum InvoiceKind {
        /// 发票
        #[default]
        Invoice = "invoice",
        /// 红字发票: reduces what the customer owes
        CreditNote = "credit_note",
    }
}

text_enum! {
    #[derive(Default)]
    pub enum InvoiceStatus {
        /// 草稿: not owed yet
        #[default]
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
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct Invoice {
    pub id: Uuid,
    pub version: i64,
    #[schema(inline)]
    pub kind: InvoiceKind,
    /// `IN-2026-000123`, for credit notes `CN-2026-000124`; imported documents may have another
    /// format
    #[schema(example = "IN-2026-000123")]
    pub number: String,
    pub customer_id: Uuid,
    pub order_id: Option<Uuid>,
    /// For credit notes: the invoice that it reduces
    pub corrects_invoice_id: Option<Uuid>,
    /// The salesperson of the sale. Does not change when the customer gets another owner
    pub salesperson_id: Option<Uuid>,
    pub invoice_date: Date,
    pub due_date: Date,
    /// ISO 4217
    #[schema(example = "CNY")]
    pub currency: String,
    /// Value of one unit of `currency` in the company's currency on `invoice_date`
    pub exchange_rate: Number,
    /// Net amount
    pub amount: Money,
    pub tax_amount: Money,
    /// Gross amount
    pub total_amount: Money,
    /// The customer disputes the invoice
    pub disputed: bool,
    /// Instalments with their own due dates, 分期. They add up to `total_amount`
    #[schema(value_type = Vec<Instalment>)]
    pub instalments: Embedded<Vec<Instalment>>,
    #[schema(inline)]
    pub status: InvoiceStatus,
    /// The reason for the cancellation
    pub status_reason: Option<String>,
    pub posted_on: Option<Date>,
    pub cancelled_on: Option<Date>,
    /// The unpaid amount; for credit notes the unused amount as a negative number
    pub open_amount: Money,
    /// The day on which the open amount became zero; null while open
    pub closed_on: Option<Date>,
    /// The due date of the next unpaid part; null if nothing is unpaid
    pub next_due_on: Option<Date>,
    /// The import exceeded the customer's credit limit: it posted an invoice or cancelled a credit
    /// note
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

platform::in_currency! { Invoice: |invoice| Some(invoice.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = invoices.customer_id)")
}

resource! {
    Invoice: "invoice" at "/api/v1/invoices",
    seen by invoices [Person(salesperson_id), Customer(customer_id)] and accounts,
    derived ["open_amount", "closed_on", "next_due_on", "disputed", "credit_exceeded"]
}

/// A part of an invoice with its own due date, 分期
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
    /// Net amount
    amount: Money,
    #[serde(flatten)]
    details: InvoiceDetails,
}

/// A merge patch: absent fields stay unchanged, `null` clears a field, and `instalments` are
/// replaced as a whole. After posting only `due_date`, `instalments` and `disputed` may change,
/// otherwise 409 `posted_immutable`.
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

/// The fields that new invoices and changes have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct InvoiceDetails {
    #[serde(deserialize_with = "sent")]
    order_id: Option<Option<Uuid>>,
    /// The invoice that a credit note reduces. Only for credit notes
    #[serde(deserialize_with = "sent")]
    corrects_invoice_id: Option<Option<Uuid>>,
    /// Default: the customer's owner
    #[serde(deserialize_with = "sent")]
    salesperson_id: Option<Option<Uuid>>,
    /// Default: today
    #[schema(nullable = false)]
    invoice_date: Option<Date>,
    /// Not before `invoice_date`. Default: the due date of the last instalment, otherwise the one
    /// that the customer's payment terms give for `invoice_date`
    #[schema(nullable = false)]
    due_date: Option<Date>,
    /// Default: the currency of the order, otherwise that of the company
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    #[schema(nullable = false)]
    tax_amount: Option<Money>,
    #[schema(nullable = false)]
    disputed: Option<bool>,
    /// Must add up to the total. Without instalments, the whole amount is due on `due_date`
    #[schema(max_items = 120, nullable = false)]
    instalments: Option<Vec<Instalment>>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "order", of: "order", find: find_orders },
    Reference { at: "corrects_invoice", of: "invoice", find: find_invoices },
    Reference { at: "salesperson", of: "user", find: auth::find_users },
];

intake::references! {
    NewInvoice: REFERENCES;
    InvoiceChanges: REFERENCES;
}

/// Filters of the invoice list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InvoiceFilter {
    customer_id: Option<Uuid>,
    order_id: Option<Uuid>,
    salesperson_id: Option<Uuid>,
    corrects_invoice_id: Option<Uuid>,
    #[param(inline)]
    kind: Option<InvoiceKind>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<InvoiceStatus>>,
    #[param(max_length = 60)]
    number: Option<String>,
    /// `true` returns documents with an open amount, `false` those without
    open: Option<bool>,
    /// `true` returns invoices with an unpaid part due before today, `false` the others
    overdue: Option<bool>,
    disputed: Option<bool>,
    invoice_date_from: Option<Date>,
    /// Exclusive
    invoice_date_to: Option<Date>,
    due_date_from: Option<Date>,
    /// Exclusive
    due_date_to: Option<Date>,
    /// Default: `-invoice_date`
    #[param(inline)]
    sort: Option<InvoiceSort>,
}

intake::references! { InvoiceFilter: REFERENCES }

page! {
    /// A page of invoices
    InvoicePage of Invoice
}
