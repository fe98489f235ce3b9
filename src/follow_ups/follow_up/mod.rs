//! Follow-ups, 客户跟踪: assigned with an instruction and a due time, carried out, reported.

mod db;
pub mod http;
mod steps;

use customers::customer::find_customers;
use diesel::prelude::*;
use intake::Reference;
use platform::{Timestamp, page, resource, text_enum};
use schema::follow_ups;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::{Opened, customer_merged, escalate_late};
pub use steps::FollowUpAction;

text_enum! {
    /// Origin of the follow-up
    pub enum Source {
        /// Assigned by a user, 内勤安排
        Office = "office",
        /// The next action of a visit, 拜访
        Visit = "visit",
        /// A low score in a survey, 满意度调查
        Survey = "survey",
        /// 投诉
        Complaint = "complaint",
    }
}

text_enum! {
    pub enum FollowUpStatus {
        /// 已安排
        Assigned = "assigned",
        /// 已接受
        Accepted = "accepted",
        /// 跟踪中
        InProgress = "in_progress",
        /// 已汇报
        Submitted = "submitted",
        /// 已退回
        Returned = "returned",
        /// 已完成
        Done = "done",
        /// 已取消
        Cancelled = "cancelled",
    }
}

text_enum! {
    pub enum FollowUpSort {
        EarliestDue = "due_at",
        LatestDue = "-due_at",
    }
}

/// A follow-up, 客户跟踪
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct FollowUp {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    pub assignee_id: Uuid,
    /// The person who receives the result
    pub assigned_by: Uuid,
    #[schema(inline)]
    pub source: Source,
    /// The visit, survey response or complaint that it comes from
    pub source_id: Option<Uuid>,
    pub instruction: String,
    #[schema(inline)]
    pub status: FollowUpStatus,
    pub due_at: Timestamp,
    /// Due time before the extension; null if it was not extended
    pub extended_from: Option<Timestamp>,
    pub result: Option<String>,
    pub submitted_at: Option<Timestamp>,
    /// Time at which it was done or cancelled
    pub ended_at: Option<Timestamp>,
    /// Reason for the last extension, return or cancellation
    pub reason: Option<String>,
    /// Time at which it was escalated to the leaders, because it was a day late
    pub escalated_at: Option<Timestamp>,
    pub attachment_ids: Vec<Uuid>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! {
    FollowUp: "follow_up" at "/api/v1/follow-ups",
    seen by follow_ups [Person(assignee_id), Person(assigned_by)],
    derived ["customer_id", "due_at", "escalated_at"]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "assignee_id": "0198c0de-0000-7000-8000-000000000002",
    "instruction": "了解样品试用情况", "due_at": "2026-12-01T10:00:00Z" }))]
pub struct NewFollowUp {
    customer_id: Uuid,
    /// Default: yourself
    assignee_id: Option<Uuid>,
    #[schema(min_length = 1, max_length = 2000)]
    instruction: String,
    /// Not in the past
    due_at: Timestamp,
}

intake::references! { NewFollowUp: REFERENCES }

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "assignee", of: "user", find: auth::find_users },
];

/// The result of a follow-up
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "result": "样品合格,下月订货" }))]
pub struct FollowUpReport {
    #[schema(min_length = 1, max_length = 5000)]
    result: String,
    /// Photos and files that you uploaded
    #[serde(default)]
    #[schema(max_items = 20, nullable = false)]
    attachment_ids: Vec<Uuid>,
}

/// A later due time and the reason for it
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "due_at": "2026-12-08T10:00:00Z", "reason": "客户出差,下周回来" }))]
pub struct FollowUpExtension {
    due_at: Timestamp,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Filters for the list of follow-ups.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FollowUpFilter {
    customer_id: Option<Uuid>,
    assignee_id: Option<Uuid>,
    assigned_by_id: Option<Uuid>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<FollowUpStatus>>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    source: Option<Vec<Source>>,
    /// True for open follow-ups past their due time, false for all others
    overdue: Option<bool>,
    due_from: Option<Timestamp>,
    /// Exclusive
    due_to: Option<Timestamp>,
    /// Default: `due_at`
    #[param(inline)]
    sort: Option<FollowUpSort>,
}

intake::references! {
    FollowUpFilter: &[
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "assignee", of: "user", find: auth::find_users },
        Reference { at: "assigned_by", of: "user", find: auth::find_users },
    ];
}

/// Filters for the caller's own follow-ups.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MineFilter {
    /// True for unfinished follow-ups that you assigned to others. Default: those that are assigned
    /// to you
    assigned: Option<bool>,
}

page! {
    /// A page of follow-ups
    FollowUpPage of FollowUp
}
