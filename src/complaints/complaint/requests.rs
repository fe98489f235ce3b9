//! Request bodies of complaints: registering, changing, the actions of the state machine, and the
//! filters of the list.

use customers::contact::find_contacts;
use customers::customer::find_customers;
use intake::Reference;
use jiff::SignedDuration;
use orders::order::find_orders;
use platform::{Error, Fault, Money, Result, Timestamp, sent};
use products::product::find_products;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use visits::visit::{Visit, find_visits};

use super::lookup::find_assets;
use super::{
    ComplaintCategory, ComplaintChannel, ComplaintSort, ComplaintStatus, Confirmation, Severity,
    find_complaints,
};

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "category": "quality", "severity": "major", "channel": "visit",
    "description": "外壳开裂,客户要求换货", "batch_no": "20261101-A",
    "resolved": { "resolution": "当场更换新品", "root_cause": "运输途中受潮",
        "compensation_amount": "200.00", "customer_confirmed_by": "signature" } }))]
pub struct NewComplaint {
    pub(super) customer_id: Uuid,
    #[serde(flatten)]
    pub(super) told: ComplaintTold,
    #[serde(flatten)]
    pub(super) origin: ComplaintOrigin,
    #[serde(flatten)]
    pub(super) details: ComplaintDetails,
}

/// A complaint made during a visit. Customer, visit and channel are taken from the visit
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "category": "quality", "description": "外壳开裂,客户要求换货",
    "resolved": { "resolution": "当场更换新品", "customer_confirmed_by": "signature" } }))]
pub struct NewVisitComplaint {
    #[serde(flatten)]
    pub(super) told: ComplaintTold,
    #[serde(flatten)]
    pub(super) details: ComplaintDetails,
}

/// The content of a new complaint.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ComplaintTold {
    #[schema(inline)]
    pub(super) category: ComplaintCategory,
    /// The customer's own words, 客户的原话
    #[schema(min_length = 1, max_length = 5000)]
    pub(super) description: String,
    /// Default: `general`. One step higher when the complaint repeats another
    #[schema(inline)]
    pub(super) severity: Option<Severity>,
    /// Default: now. May be earlier, because phones can be offline. Not in the future, and at most
    /// a year ago
    pub(super) occurred_at: Option<Timestamp>,
    /// Sent when the complaint was settled on the spot, 当场处理. Only for sales roles
    pub(super) resolved: Option<OnTheSpot>,
    /// The source system that assigned `external_id`. Default: the caller's own
    #[schema(min_length = 1, max_length = 40)]
    pub(super) source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    pub(super) external_id: Option<String>,
    /// Files uploaded by the caller
    #[schema(max_items = 20, nullable = false)]
    pub(super) attachment_ids: Option<Vec<Uuid>>,
}

/// Tolerance for a phone's clock that is ahead of the server's.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// Maximum age of an event that is registered now.
const OLDEST: SignedDuration = SignedDuration::from_hours(24 * 366);

impl NewVisitComplaint {
    /// Completes the request with the customer, the visit and the channel.
    pub(super) fn of(self, visit: &Visit) -> NewComplaint {
        let origin = ComplaintOrigin {
            channel: Some(ComplaintChannel::Visit),
            visit_id: Some(Some(visit.id)),
        };
        let Self { told, details } = self;
        NewComplaint { customer_id: visit.customer_id, told, origin, details }
    }
}

impl ComplaintTold {
    /// Returns the time of the complaint, cut to the microseconds that the database stores.
    pub(super) fn happened(&self, now: Timestamp) -> Result<Timestamp> {
        let Some(at) = self.occurred_at else { return Ok(now) };
        if at.0.duration_since(now.0) > SKEW || now.0.duration_since(at.0) > OLDEST {
            let why = "must not be in the future or more than a year ago";
            return Err(Error::invalid(vec![Fault::new("/occurred_at", "range", why)]));
        }
        Ok(kept(at))
    }
}

/// Cuts an instant to the precision that the database stores.
pub(super) fn kept(at: Timestamp) -> Timestamp {
    jiff::Timestamp::from_microsecond(at.0.as_microsecond()).map_or(at, Timestamp)
}

/// A merge patch for a complaint that is not settled yet. Absent fields keep their value, `null`
/// clears.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "batch_no": "20261101-B", "about_user_id": null }))]
pub struct ComplaintChanges {
    #[schema(inline, nullable = false)]
    pub(super) category: Option<ComplaintCategory>,
    #[schema(min_length = 1, max_length = 5000, nullable = false)]
    pub(super) description: Option<String>,
    /// Can be changed by users who accept complaints. Due times follow
    #[schema(inline, nullable = false)]
    pub(super) severity: Option<Severity>,
    /// Files uploaded by the caller
    #[schema(max_items = 20, nullable = false)]
    pub(super) attachment_ids: Option<Vec<Uuid>>,
    #[serde(flatten)]
    pub(super) origin: ComplaintOrigin,
    #[serde(flatten)]
    pub(super) details: ComplaintDetails,
}

/// Channel and visit of a complaint.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ComplaintOrigin {
    /// Default: `visit` if `visit_id` is sent, otherwise `other`
    #[schema(inline, nullable = false)]
    pub(super) channel: Option<ComplaintChannel>,
    /// A visit to this customer
    #[serde(deserialize_with = "sent")]
    pub(super) visit_id: Option<Option<Uuid>>,
}

/// Fields that new complaints, changes of complaints and batches have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ComplaintDetails {
    #[serde(deserialize_with = "sent")]
    pub(super) contact_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    pub(super) product_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    pub(super) asset_id: Option<Option<Uuid>>,
    /// An order of this customer
    #[serde(deserialize_with = "sent")]
    pub(super) order_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 60)]
    pub(super) batch_no: Option<Option<String>>,
    /// The person complained about
    #[serde(deserialize_with = "sent")]
    pub(super) about_user_id: Option<Option<Uuid>>,
}

/// Settlement on the spot, 当场处理
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct OnTheSpot {
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) resolution: String,
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) root_cause: Option<String>,
    #[serde(flatten)]
    pub(super) compensation: Compensation,
    #[schema(inline)]
    pub(super) customer_confirmed_by: Option<Confirmation>,
    #[schema(minimum = 1, maximum = 5)]
    pub(super) satisfaction: Option<i16>,
}

/// Compensation for the customer.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct Compensation {
    /// At least 0, and within the authority of the caller's role
    pub(super) compensation_amount: Option<Money>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(super) compensation_currency: Option<String>,
}

/// Settlement and root cause of a complaint
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "resolution": "换货,并承担运费", "root_cause": "包装不防潮",
    "compensation_amount": "300.00" }))]
pub struct ComplaintResolution {
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) resolution: String,
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) root_cause: String,
    #[serde(flatten)]
    pub(super) compensation: Compensation,
}

/// The new owner of a complaint
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "owner_id": "0198c0de-0000-7000-8000-000000000001" }))]
pub struct ComplaintAssignment {
    pub(super) owner_id: Uuid,
}

/// Reason for rejecting a complaint, 不成立
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "产品已过保修期,且为人为损坏", "customer_informed": true }))]
pub struct ComplaintRejection {
    #[schema(min_length = 1, max_length = 500)]
    pub(super) reason: String,
    /// Must be `true`: the customer is informed before the complaint is rejected
    pub(super) customer_informed: bool,
}

/// The customer's statement on withdrawing a complaint, 撤诉说明
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "statement": "客户确认是自己误操作,不再追究" }))]
pub struct ComplaintWithdrawal {
    #[schema(min_length = 1, max_length = 500)]
    pub(super) statement: String,
}

/// Proposal for handling a complaint, 处理建议
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "text": "换货并补偿运费", "cost": "350.00", "customer_informed": true }))]
pub struct NewComplaintProposal {
    #[schema(min_length = 1, max_length = 2000)]
    pub(super) text: String,
    /// At least 0
    pub(super) cost: Option<Money>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$")]
    pub(super) currency: Option<String>,
    /// `true` if the customer was informed of the proposal. This counts as interim feedback,
    /// 阶段反馈
    #[serde(default)]
    #[schema(default = false)]
    pub(super) customer_informed: bool,
}

/// The customer's confirmation of the settlement
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "by": "signature", "satisfaction": 5 }))]
pub struct ComplaintConfirmation {
    #[schema(inline)]
    pub(super) by: Confirmation,
    #[schema(minimum = 1, maximum = 5)]
    pub(super) satisfaction: Option<i16>,
}

/// The customer's answer in a follow-up call, 回访
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "satisfaction": 4 }))]
pub struct ComplaintCall {
    #[schema(minimum = 1, maximum = 5)]
    pub(super) satisfaction: i16,
}

const fn user(at: &'static str) -> Reference<'static> {
    Reference { at, of: "user", find: auth::find_users }
}

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };
const PRODUCT: Reference = Reference { at: "product", of: "product", find: find_products };

pub(super) const REFERENCES: &[Reference] = &[
    CUSTOMER,
    Reference { at: "contact", of: "contact", find: find_contacts },
    Reference { at: "visit", of: "visit", find: find_visits },
    PRODUCT,
    Reference { at: "asset", of: "asset", find: find_assets },
    Reference { at: "order", of: "order", find: find_orders },
    user("about_user"),
    user("reporter"),
    user("owner"),
    Reference { at: "repeat_of", of: "complaint", find: find_complaints },
];

intake::references! {
    NewComplaint: REFERENCES;
    NewVisitComplaint: REFERENCES;
    ComplaintChanges: REFERENCES;
    ComplaintAssignment: &[user("owner")];
}

/// Filters for the list of complaints.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ComplaintFilter {
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) status: Option<Vec<ComplaintStatus>>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) severity: Option<Vec<Severity>>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) category: Option<Vec<ComplaintCategory>>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub(super) channel: Option<Vec<ComplaintChannel>>,
    pub(super) customer_id: Option<Uuid>,
    pub(super) owner_id: Option<Uuid>,
    pub(super) reporter_id: Option<Uuid>,
    pub(super) product_id: Option<Uuid>,
    pub(super) visit_id: Option<Uuid>,
    #[param(max_length = 60)]
    pub(super) number: Option<String>,
    /// `true` for filed (备案) complaints, `false` for those not filed yet
    pub(super) filed: Option<bool>,
    /// `true` for open complaints whose first response or resolution is late
    pub(super) overdue: Option<bool>,
    /// `true` for complaints that repeat another or were reopened (再次追诉)
    pub(super) repeat: Option<bool>,
    /// Matches any part of the description or the number
    #[param(min_length = 1, max_length = 100)]
    pub(super) q: Option<String>,
    pub(super) created_from: Option<Timestamp>,
    /// Exclusive
    pub(super) created_to: Option<Timestamp>,
    /// Default: `-created_at`
    #[param(inline)]
    pub(super) sort: Option<ComplaintSort>,
}

intake::references! {
    ComplaintFilter: &[
        CUSTOMER,
        user("owner"),
        user("reporter"),
        PRODUCT,
        Reference { at: "visit", of: "visit", find: find_visits },
    ];
}
