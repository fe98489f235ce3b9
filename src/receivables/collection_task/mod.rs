//! What somebody is to do so that an invoice is paid, 催收任务 (S59): made by a job before and after the
//! due day, once per part of the invoice and step.

mod db;
pub mod http;

use auth::{Reference, Refers};
use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, text_enum};
use schema::collection_tasks;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::invoice::find_invoices;

pub use db::visible_to;
pub(crate) use db::{follow, make_due};

text_enum! {
    /// How far the dunning has come, 催收阶段: each with its days in the settings
    pub enum DunningStep {
        /// 到期前提醒, 3 days before
        BeforeDue = "before_due",
        /// 逾期 1 天
        First = "first",
        /// 逾期 15 天
        Second = "second",
        /// 逾期 30 天
        Third = "third",
        /// 逾期 60 天
        Last = "last",
    }
}

text_enum! {
    pub enum CollectionStatus {
        /// 待办
        Open = "open",
        /// 已办
        Done = "done",
        /// 已取消: paid, or a later step has taken its place
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How the customer was reached
    pub enum CollectionChannel {
        Visit = "visit",
        Phone = "phone",
        Wechat = "wechat",
        Email = "email",
        /// 催款函
        Letter = "letter",
        /// 传真
        Fax = "fax",
        Other = "other",
    }
}

text_enum! {
    /// What the customer said
    pub enum CollectionResult {
        /// It has paid, says the customer
        Paid = "paid",
        /// 承诺付款
        Promised = "promised",
        /// 有争议: the invoice is marked so
        Disputed = "disputed",
        NotReached = "not_reached",
        Refused = "refused",
        Other = "other",
    }
}

/// A collection task, 催收任务
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct CollectionTask {
    pub id: Uuid,
    pub version: i64,
    pub invoice_id: Uuid,
    pub customer_id: Uuid,
    /// Who looks after the customer; null when nobody does
    pub assignee_id: Option<Uuid>,
    #[schema(inline)]
    pub step: DunningStep,
    pub due_on: Date,
    /// When the invoice, or its instalment, is or was due
    pub invoice_due_on: Date,
    #[schema(example = "CNY")]
    pub currency: String,
    /// What was open of the invoice when the task was made
    pub amount: Money,
    #[schema(inline)]
    pub status: CollectionStatus,
    #[schema(inline)]
    pub channel: Option<CollectionChannel>,
    #[schema(inline)]
    pub result: Option<CollectionResult>,
    pub note: Option<String>,
    pub done_by: Option<Uuid>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { CollectionTask: |it| Some(it.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = collection_tasks.customer_id)")
}

resource! {
    CollectionTask: "collection_task" at "/api/v1/collection-tasks",
    seen by |it| [it.assignee_id, it.customer_owner_id].into_iter().flatten().map(Some).collect()
}

/// What came of it
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "channel": "phone", "result": "promised", "note": "下周付",
    "promise": { "due_on": "2031-12-31" } }))]
pub struct CollectionOutcome {
    #[schema(inline)]
    channel: CollectionChannel,
    #[schema(inline)]
    result: CollectionResult,
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// With `promised`, and only then
    promise: Option<PromisedPart>,
}

/// What the customer has promised
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct PromisedPart {
    /// Not in the past
    due_on: Date,
    /// Default: all that is open of the invoice
    amount: Option<Money>,
}

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CollectionTaskFilter {
    customer_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    assignee_id: Option<Uuid>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<CollectionStatus>>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    step: Option<Vec<DunningStep>>,
    due_from: Option<Date>,
    /// Exclusive
    due_to: Option<Date>,
}

impl Refers for CollectionTaskFilter {
    const REFERENCES: &'static [Reference] = &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "invoice", of: "invoice", find: find_invoices },
        Reference { at: "assignee", of: "user", find: auth::find_users },
    ];
}

page! {
    /// A page of collection tasks, earliest due first
    CollectionTaskPage of CollectionTask
}
