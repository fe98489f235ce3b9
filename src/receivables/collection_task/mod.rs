//! Collection tasks, 催收任务. A job creates them before and after the due date, once for each
//! instalment and dunning step.

mod db;
pub mod http;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, text_enum};
use schema::collection_tasks;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::invoice::find_invoices;

pub(crate) use db::{follow, make_due};

text_enum! {
    /// The dunning step, 催收阶段. The settings define the days of each step
    pub enum DunningStep {
        /// 到期前提醒: 3 days before the due date
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
        /// 已取消: the invoice was paid or disputed, or a later step replaced the task
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// The channel by which the customer was contacted
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
    /// The answer of the customer
    pub enum CollectionResult {
        /// The customer says that the invoice is paid
        Paid = "paid",
        /// 承诺付款
        Promised = "promised",
        /// 有争议: the invoice is marked as disputed
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
    /// The user who owns the task: the customer's owner, otherwise the salesperson of the invoice
    pub assignee_id: Option<Uuid>,
    #[schema(inline)]
    pub step: DunningStep,
    pub due_on: Date,
    /// The due date of the invoice or instalment
    pub invoice_due_on: Date,
    #[schema(example = "CNY")]
    pub currency: String,
    /// The open amount when the task was created. For an invoice in instalments, the part due by
    /// `invoice_due_on`
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

platform::in_currency! { CollectionTask: |task| Some(task.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = collection_tasks.customer_id)")
}

resource! {
    CollectionTask: "collection_task" at "/api/v1/collection-tasks",
    seen by collection_tasks [Person(assignee_id), Customer(customer_id)] and accounts
}

/// The result of a collection task
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
    /// Required when `result` is `promised`, and not allowed otherwise
    promise: Option<PromisedPart>,
}

/// The promise that the customer has made
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct PromisedPart {
    /// Not in the past
    due_on: Date,
    /// Default: the open amount of the invoice
    amount: Option<Money>,
}

/// Filters of the task list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CollectionTaskFilter {
    customer_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    assignee_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<CollectionStatus>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    step: Option<Vec<DunningStep>>,
    due_from: Option<Date>,
    /// Exclusive
    due_to: Option<Date>,
}

intake::references! {
    CollectionTaskFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "invoice", of: "invoice", find: find_invoices },
        Reference { at: "assignee", of: "user", find: auth::find_users },
    ];
}

page! {
    /// A page of collection tasks, earliest due first
    CollectionTaskPage of CollectionTask
}
