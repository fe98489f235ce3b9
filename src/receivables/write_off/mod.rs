//! Write-offs, 坏账核销: one user requests a write-off, and another one decides within the approval
//! limit of the role. An approved write-off reduces the invoice.

mod db;
pub mod http;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, text_enum};
use schema::write_off_requests;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::invoice::find_invoices;
use crate::risk_case::find_risk_cases;

pub(crate) use db::{follow, is_approved_for};

text_enum! {
    pub enum WriteOffStatus {
        /// 已申请
        Requested = "requested",
        /// 已批准
        Approved = "approved",
        /// 已驳回
        Rejected = "rejected",
        /// 已撤回
        Withdrawn = "withdrawn",
    }
}

/// A decision on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Approve,
    Reject,
    Withdraw,
}

/// A write-off request, 坏账核销申请
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = write_off_requests)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct WriteOffRequest {
    pub id: Uuid,
    pub version: i64,
    pub invoice_id: Uuid,
    pub customer_id: Uuid,
    pub risk_case_id: Option<Uuid>,
    /// The currency of the invoice
    #[schema(example = "CNY")]
    pub currency: String,
    pub amount: Money,
    pub reason: String,
    pub requested_by: Uuid,
    #[schema(inline)]
    pub status: WriteOffStatus,
    pub decided_by: Option<Uuid>,
    /// The day of the decision. An approved write-off reduces the invoice from this day on
    pub decided_on: Option<Date>,
    pub decision_note: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { WriteOffRequest: |request| Some(request.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql(
        "(select owner_id from customers where customers.id = write_off_requests.customer_id)",
    )
}

resource! {
    WriteOffRequest: "write_off_request" at "/api/v1/write-off-requests",
    seen by write_off_requests [Person(requested_by), Customer(customer_id)] and accounts
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "invoice_id": "0198c0de-0000-7000-8000-000000000001",
    "reason": "客户破产" }))]
pub struct NewWriteOffRequest {
    invoice_id: Uuid,
    /// A risk case of the same customer
    risk_case_id: Option<Uuid>,
    /// Default: the open amount of the invoice
    amount: Option<Money>,
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// The reason for a decision
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "note": "法院裁定破产,无可执行财产" }))]
pub struct WriteOffDecision {
    #[schema(max_length = 2000)]
    note: Option<String>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "invoice", of: "invoice", find: find_invoices },
    Reference { at: "risk_case", of: "risk_case", find: find_risk_cases },
];

intake::references! { NewWriteOffRequest: REFERENCES }

/// Filters of the request list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WriteOffFilter {
    customer_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    risk_case_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<WriteOffStatus>>,
}

intake::references! { WriteOffFilter: REFERENCES }

page! {
    /// A page of write-off requests, latest first
    WriteOffRequestPage of WriteOffRequest
}
