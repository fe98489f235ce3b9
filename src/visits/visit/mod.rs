//! A visit to a customer, 拜访 (S36, S37, S38, S41): planned, carried out with evidence, judged.

mod batch;
mod checks;
mod db;
mod evidence;
mod fields;
pub mod geo;
pub mod http;
mod overlap;
mod rules;
mod steps;

use auth::Reference;
use customers::contact::find_contacts;
use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use platform::position::CoordinateSystem;
use platform::{Date, Embedded, FixedSql, Timestamp, fixed_sql, page, resource, text_enum};
use schema::visits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use db::{customer_merged, customers_of, find_visits, mark_missed, visible_to};
pub use fields::{
    CheckIn, CheckOut, FurtherStep, NewVisit, Reschedule, VisitChanges, VisitDetails,
    VisitException, VisitExcuse, VisitFilter, VisitOutcome, VisitResult,
};
pub use geo::GeoStatus;
pub use rules::VisitAction;

text_enum! {
    /// Default: `planned`
    pub enum VisitType {
        /// 常规
        Planned = "planned",
        /// 临时
        AdHoc = "ad_hoc",
        /// 线路
        Route = "route",
        /// 回访
        Revisit = "revisit",
        /// 协访
        Accompanied = "accompanied",
        /// 检核
        Inspection = "inspection",
    }
}

text_enum! {
    /// Where the plan comes from. Default: `manual`
    pub enum PlanSource {
        Manual = "manual",
        Import = "import",
        Cadence = "cadence",
        Weekly = "weekly",
        Route = "route",
        Task = "task",
    }
}

text_enum! {
    pub enum VisitStatus {
        /// 已计划
        Planned = "planned",
        /// 进行中
        InProgress = "in_progress",
        /// 已完成
        Completed = "completed",
        /// 已取消
        Cancelled = "cancelled",
        /// 未执行
        Missed = "missed",
        /// 中止
        Abandoned = "abandoned",
    }
}

text_enum! {
    pub enum RefuseReason {
        Price = "price",
        Quality = "quality",
        Delivery = "delivery",
        Competitor = "competitor",
        NoNeed = "no_need",
        NoBudget = "no_budget",
        Service = "service",
        Other = "other",
    }
}

text_enum! {
    /// Whether it counts as a valid visit 有效拜访
    pub enum Validity {
        Valid = "valid",
        Invalid = "invalid",
        /// A manager may approve the exception
        PendingReview = "pending_review",
    }
}

text_enum! {
    pub enum CheckKind {
        /// 签到
        CheckIn = "check_in",
        /// 签退
        CheckOut = "check_out",
    }
}

/// A visit, 拜访
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Visit {
    pub id: Uuid,
    pub version: i64,
    /// Who has the credit
    pub owner_id: Uuid,
    pub customer_id: Uuid,
    pub contact_ids: Vec<Uuid>,
    /// Who comes along 协访, each with check-ins of their own
    pub participant_ids: Vec<Uuid>,
    #[serde(rename = "type")]
    #[schema(inline)]
    pub visit_type: VisitType,
    #[schema(inline)]
    pub plan_source: PlanSource,
    /// The planned day; from the owner's check-in on the day of that, on which the visit counts
    pub planned_date: Date,
    pub window_from: Option<Timestamp>,
    /// Exclusive
    pub window_to: Option<Timestamp>,
    pub purpose: Option<String>,
    /// By telephone or screen
    pub remote: bool,
    #[schema(inline)]
    pub status: VisitStatus,
    /// Of the last reschedule, cancellation or abandonment, or why it was missed
    pub reason: Option<String>,
    /// The day it was planned for before it was rescheduled
    pub rescheduled_from: Option<Date>,
    #[schema(inline)]
    pub outcome: Option<VisitResult>,
    #[schema(inline)]
    pub refuse_reason: Option<RefuseReason>,
    pub summary: Option<String>,
    pub next_action: Option<String>,
    pub next_visit_on: Option<Date>,
    /// Did the customer complain or suggest anything? 投诉/建议
    pub complaint_answer: Option<bool>,
    /// Whole minutes between the owner's check-in and check-out; null when they are more than 12
    /// hours apart, because somebody forgot to check out
    pub duration_min: Option<i32>,
    /// Null until it is completed
    #[schema(inline)]
    pub validity: Option<Validity>,
    /// Who approved the exception; never the owner
    pub approved_by: Option<Uuid>,
    /// What its next action has become
    pub follow_up_id: Option<Uuid>,
    pub attachment_ids: Vec<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Everybody's check-in and check-out
    #[schema(value_type = Vec<VisitCheck>)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = checks_of_visit(), select_expression_type = FixedSql<Jsonb>)]
    pub checks: Embedded<Vec<VisitCheck>>,
}

fn checks_of_visit() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select coalesce(jsonb_agg(to_jsonb(c) - array['visit_id', 'open'] \
         order by c.occurred_at, c.kind, c.user_id), '[]'::jsonb) \
         from visit_checks c where c.visit_id = visits.id)",
    )
}

resource! {
    Visit: "visit" at "/api/v1/visits",
    seen by |it| [it.owner_id].iter().chain(&it.participant_ids).map(|id| Some(*id)).collect(),
    derived ["customer_id", "checks", "complaint_answer", "duration_min", "validity"]
}

/// When and where somebody came or went
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VisitCheck {
    pub user_id: Uuid,
    #[schema(inline)]
    pub kind: CheckKind,
    /// By the clock of the phone
    pub occurred_at: Timestamp,
    /// By ours
    pub received_at: Timestamp,
    /// Degrees, WGS 84
    pub latitude: Option<f64>,
    /// Degrees, WGS 84
    pub longitude: Option<f64>,
    /// Coordinate system of the position as it was sent
    #[schema(inline)]
    pub sent_coordinate_system: Option<CoordinateSystem>,
    pub sent_latitude: Option<f64>,
    pub sent_longitude: Option<f64>,
    pub accuracy_m: Option<f64>,
    /// Seconds between the fix and the check
    pub fix_age_s: Option<f64>,
    /// The phone says that the place is made up
    pub mock: bool,
    pub photo_id: Option<Uuid>,
    /// To the customer
    pub distance_m: Option<i32>,
    #[schema(inline)]
    pub geo_status: GeoStatus,
    /// How long the phone could not send it
    pub offline_delay_s: i32,
    /// True at the owner's check-out when another visit of theirs took place at the same time. The
    /// average duration leaves such visits out. 时间重叠
    pub overlapping: bool,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "owner", of: "user", find: auth::find_users },
    CONTACTS,
    PARTICIPANTS,
];

const CONTACTS: Reference = Reference { at: "contact_ids/*", of: "contact", find: find_contacts };
const PARTICIPANTS: Reference =
    Reference { at: "participant_ids/*", of: "user", find: auth::find_users };

page! {
    /// A page of visits
    VisitPage of Visit
}
