//! Visits to customers, 拜访: planned, carried out with evidence, and judged.

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

use customers::contact::find_contacts;
use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use intake::Reference;
use platform::position::CoordinateSystem;
use platform::{Date, Embedded, FixedSql, Timestamp, fixed_sql, page, resource, text_enum};
use schema::visits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use db::{customer_merged, customers_of, find_visits, mark_missed};
pub use fields::{
    CheckIn, CheckOut, FurtherStep, NewVisit, Reschedule, VisitChanges, VisitDetails, VisitFilter,
    VisitOutcome, VisitResult,
};
pub use geo::GeoStatus;
pub use rules::VisitAction;

text_enum! {
    /// Type of visit. Default: `planned`
    #[derive(Default)]
    pub enum VisitType {
        /// 常规
        #[default]
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
    /// Source of the plan. Default: `manual`
    #[derive(Default)]
    pub enum PlanSource {
        #[default]
        Manual = "manual",
        Import = "import",
        Cadence = "cadence",
        Weekly = "weekly",
        Route = "route",
        Task = "task",
    }
}

text_enum! {
    #[derive(Default)]
    pub enum VisitStatus {
        /// 已计划
        #[default]
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
    /// Validity of the visit, 有效拜访
    pub enum Validity {
        Valid = "valid",
        Invalid = "invalid",
        /// An exception that a manager may approve
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
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Visit {
    pub id: Uuid,
    pub version: i64,
    /// The person credited with the visit
    pub owner_id: Uuid,
    pub customer_id: Uuid,
    pub contact_ids: Vec<Uuid>,
    /// People who come along, 协访. Each has check-ins of their own.
    pub participant_ids: Vec<Uuid>,
    #[serde(rename = "type")]
    #[schema(inline)]
    pub visit_type: VisitType,
    #[schema(inline)]
    pub plan_source: PlanSource,
    /// The planned day. After the owner's check-in: the day of the check-in, on which the visit
    /// counts.
    pub planned_date: Date,
    pub window_from: Option<Timestamp>,
    /// Exclusive
    pub window_to: Option<Timestamp>,
    pub purpose: Option<String>,
    /// The visit takes place by telephone or video
    pub remote: bool,
    #[schema(inline)]
    pub status: VisitStatus,
    /// Last reason given: for a reschedule, a cancellation, an abandonment or an approval, or for
    /// missing the visit
    pub reason: Option<String>,
    /// The day planned before, if the visit was rescheduled or made on another day
    pub rescheduled_from: Option<Date>,
    #[schema(inline)]
    pub outcome: Option<VisitResult>,
    #[schema(inline)]
    pub refuse_reason: Option<RefuseReason>,
    pub summary: Option<String>,
    pub next_action: Option<String>,
    pub next_visit_on: Option<Date>,
    /// True if the customer complained or made a suggestion, 投诉/建议
    pub complaint_answer: Option<bool>,
    /// Whole minutes between the owner's check-in and check-out. Null if they are more than 12
    /// hours apart, because then the check-out was forgotten.
    pub duration_min: Option<i32>,
    /// Null until the visit is completed
    #[schema(inline)]
    pub validity: Option<Validity>,
    /// The manager who approved the exception; never the owner
    pub approved_by: Option<Uuid>,
    /// The follow-up created from `next_action`
    pub follow_up_id: Option<Uuid>,
    pub attachment_ids: Vec<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Check-ins and check-outs of all people
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
    seen by visits [Person(owner_id), People(participant_ids)],
    derived ["customer_id", "checks", "complaint_answer", "duration_min", "validity"]
}

/// A check-in or check-out
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VisitCheck {
    pub user_id: Uuid,
    #[schema(inline)]
    pub kind: CheckKind,
    /// Time by the clock of the phone
    pub occurred_at: Timestamp,
    /// Time by the clock of the service
    pub received_at: Timestamp,
    /// Degrees, WGS 84
    pub latitude: Option<f64>,
    /// Degrees, WGS 84
    pub longitude: Option<f64>,
    /// Coordinate system of the position as sent
    #[schema(inline)]
    pub sent_coordinate_system: Option<CoordinateSystem>,
    pub sent_latitude: Option<f64>,
    pub sent_longitude: Option<f64>,
    pub accuracy_m: Option<f64>,
    /// Seconds between the position fix and the check
    pub fix_age_s: Option<f64>,
    /// The phone reported a simulated position
    pub mock: bool,
    pub photo_id: Option<Uuid>,
    /// Metres to the customer
    pub distance_m: Option<i32>,
    #[schema(inline)]
    pub geo_status: GeoStatus,
    /// Seconds from `occurred_at` to `received_at`, for example while the phone was offline
    pub offline_delay_s: i32,
    /// True at the owner's check-out if another visit of the owner took place at the same time,
    /// 时间重叠. Such visits are left out of the average duration.
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
