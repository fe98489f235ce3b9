//! Request bodies and filters of visits.

use intake::Reference;
use platform::position::CoordinateSystem;
use platform::{Date, Timestamp, sent, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    CONTACTS, PARTICIPANTS, PlanSource, REFERENCES, RefuseReason, Validity, VisitStatus, VisitType,
};

text_enum! {
    pub enum VisitResult {
        /// 已下单
        Ordered = "ordered",
        /// 有意向
        Promised = "promised",
        /// 已告知
        Informed = "informed",
        /// 被拒绝
        Refused = "refused",
        /// 客户不在
        Absent = "absent",
        /// 店铺关门
        ClosedShop = "closed_shop",
    }
}

text_enum! {
    pub enum VisitSort {
        Earliest = "planned_date",
        Latest = "-planned_date",
        NewestFirst = "-created_at",
        LatestChange = "-updated_at",
        OldestChange = "updated_at",
    }
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "planned_date": "2026-11-24", "purpose": "介绍新品" }))]
pub struct NewVisit {
    pub(super) customer_id: Uuid,
    /// Default: yourself
    pub(super) owner_id: Option<Uuid>,
    /// Default: today
    pub(super) planned_date: Option<Date>,
    /// The source system of `external_id`. Default: your own
    #[schema(min_length = 1, max_length = 40)]
    pub(super) source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    pub(super) external_id: Option<String>,
    #[serde(flatten)]
    pub(super) details: VisitDetails,
}

/// A merge patch for a planned visit: absent fields stay, null clears. To change the day,
/// reschedule the visit.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "purpose": "收款" }))]
pub struct VisitChanges {
    #[serde(flatten)]
    pub(super) details: VisitDetails,
}

/// Fields that new visits and changes share.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct VisitDetails {
    #[serde(rename = "type")]
    #[schema(inline, nullable = false)]
    pub(super) visit_type: Option<VisitType>,
    #[schema(inline, nullable = false)]
    pub(super) plan_source: Option<PlanSource>,
    /// Contacts of this customer
    #[schema(max_items = 20, nullable = false)]
    pub(super) contact_ids: Option<Vec<Uuid>>,
    /// People who come along, 协访
    #[schema(max_items = 20, nullable = false)]
    pub(super) participant_ids: Option<Vec<Uuid>>,
    #[serde(deserialize_with = "sent")]
    pub(super) window_from: Option<Option<Timestamp>>,
    /// Exclusive
    #[serde(deserialize_with = "sent")]
    pub(super) window_to: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 1000)]
    pub(super) purpose: Option<Option<String>>,
    /// The visit takes place by telephone or video
    #[schema(nullable = false)]
    pub(super) remote: Option<bool>,
}

intake::references! {
    NewVisit: REFERENCES;
    VisitChanges: &[CONTACTS, PARTICIPANTS];
}

/// A new day and the reason for it
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "planned_date": "2026-11-25", "reason": "客户出差" }))]
pub struct Reschedule {
    pub(super) planned_date: Date,
    #[schema(min_length = 1, max_length = 500)]
    pub(super) reason: String,
}

/// Evidence that a phone sends on arrival
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "occurred_at": "2026-11-24T01:30:00Z", "latitude": 31.2304,
    "longitude": 121.4737, "accuracy_m": 12.5, "fix_age_s": 3.0, "mock": false }))]
pub struct CheckIn {
    /// Time by the clock of the phone: at most 2 minutes ahead, and at most `visit_offline_days`
    /// old
    pub(super) occurred_at: Timestamp,
    #[schema(minimum = -90, maximum = 90)]
    pub(super) latitude: Option<f64>,
    #[schema(minimum = -180, maximum = 180)]
    pub(super) longitude: Option<f64>,
    /// Coordinate system of `latitude` and `longitude`, 坐标系. Default: the company's
    #[schema(inline, nullable = false)]
    pub(super) coordinate_system: Option<CoordinateSystem>,
    /// Radius of the position fix in metres
    #[schema(minimum = 0, maximum = 100_000)]
    pub(super) accuracy_m: Option<f64>,
    /// Seconds between the position fix and the check
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub(super) fix_age_s: Option<f64>,
    /// The phone reported a simulated position
    #[serde(default)]
    #[schema(default = false, nullable = false)]
    pub(super) mock: Option<bool>,
    /// An uploaded photo
    pub(super) photo_id: Option<Uuid>,
}

/// Evidence that a phone sends on departure, with the outcome of the visit
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "occurred_at": "2026-11-24T02:10:00Z", "latitude": 31.2304,
    "longitude": 121.4737, "accuracy_m": 8.0, "fix_age_s": 2.0, "outcome": "promised",
    "summary": "下周一订货", "complaint_answer": false }))]
pub struct CheckOut {
    #[serde(flatten)]
    pub(super) check: CheckIn,
    #[serde(flatten)]
    pub(super) outcome: VisitOutcome,
}

/// The outcome of a visit
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the outcome itself is one of the fields")]
#[schema(example = json!({ "outcome": "refused", "refuse_reason": "price",
    "next_visit_on": "2026-12-08", "complaint_answer": false }))]
pub struct VisitOutcome {
    #[schema(inline, nullable = false)]
    pub(super) outcome: Option<VisitResult>,
    /// Required when `outcome` is `refused`
    #[schema(inline, nullable = false)]
    pub(super) refuse_reason: Option<RefuseReason>,
    #[schema(min_length = 1, max_length = 5000, nullable = false)]
    pub(super) summary: Option<String>,
    #[schema(min_length = 1, max_length = 1000, nullable = false)]
    pub(super) next_action: Option<String>,
    /// Required when `outcome` is `refused`. To give the customer up, use `POST
    /// /customers/{id}/lose`.
    #[schema(nullable = false)]
    pub(super) next_visit_on: Option<Date>,
    /// True if the customer complained or made a suggestion. Required when the owner checks out,
    /// unless a complaint or a suggestion was recorded on the visit.
    #[schema(nullable = false)]
    pub(super) complaint_answer: Option<bool>,
    /// Turns the next action into a follow-up for the owner
    #[schema(nullable = false)]
    pub(super) follow_up: Option<FurtherStep>,
    /// Photos and files that you uploaded, added to the existing ones
    #[schema(max_items = 20, nullable = false)]
    pub(super) attachment_ids: Option<Vec<Uuid>>,
}

/// A follow-up for the owner of the visit
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FurtherStep {
    /// Default: `next_action`
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) instruction: Option<String>,
    pub(super) due_at: Timestamp,
}

/// Filters for the list of visits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VisitFilter {
    pub(super) customer_id: Option<Uuid>,
    pub(super) owner_id: Option<Uuid>,
    /// A person who came along
    pub(super) participant_id: Option<Uuid>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) status: Option<Vec<VisitStatus>>,
    /// One or several, separated by commas
    #[serde(rename = "type")]
    #[param(inline, style = Form, explode = false)]
    pub(super) visit_type: Option<Vec<VisitType>>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) outcome: Option<Vec<VisitResult>>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) validity: Option<Vec<Validity>>,
    pub(super) planned_from: Option<Date>,
    /// Exclusive
    pub(super) planned_to: Option<Date>,
    /// Part of the purpose or summary, or part of the customer's name, code or phone number
    #[param(min_length = 1, max_length = 100)]
    pub(super) q: Option<String>,
    /// Default: `-planned_date`.
    #[param(inline)]
    pub(super) sort: Option<VisitSort>,
}

intake::references! {
    VisitFilter: &[
        Reference { at: "customer", of: "customer", find: super::find_customers },
        Reference { at: "owner", of: "user", find: auth::find_users },
        Reference { at: "participant", of: "user", find: auth::find_users },
    ];
}
