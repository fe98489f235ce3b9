//! Complaints, 客户投诉: registered in the field or the office, handled in time, settled, filed
//! (备案) and confirmed by the customer.

mod batch;
mod clock;
mod context;
mod db;
pub mod http;
pub mod http_actions;
pub mod http_settlement;
mod imported;
mod jobs;
mod lookup;
mod merge;
mod requests;
mod rules;
mod settlement;
mod steps;

use diesel::prelude::*;
use diesel::sql_types::{Jsonb, Nullable, Uuid as SqlUuid};
use platform::{Embedded, FixedSql, Timestamp, fixed_sql, page, resource, text_enum};
use schema::complaints;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use clock::{ComplaintClock, TermSql};
pub use jobs::{calendar_changed, check_deadlines};
pub use lookup::{complained_on, find_complaints, is_visible, name_complaints};
pub use merge::customer_merged;
pub use requests::{ComplaintChanges, ComplaintFilter, NewComplaint, NewVisitComplaint};
pub use rules::ComplaintAction;
pub use settlement::{ComplaintProposal, ComplaintSettlement};

text_enum! {
    /// Channel by which a complaint was received
    #[derive(Default)]
    pub enum ComplaintChannel {
        /// 拜访
        Visit = "visit",
        /// 电话
        Phone = "phone",
        /// 微信
        Wechat = "wechat",
        /// 邮件
        Email = "email",
        /// 门户
        Portal = "portal",
        /// 来信
        Letter = "letter",
        /// 传真
        Fax = "fax",
        /// 转办: passed on by an authority, an association or another company
        Referral = "referral",
        /// 其他
        #[default]
        Other = "other",
    }
}

text_enum! {
    /// Subject of a complaint
    #[derive(Default)]
    pub enum ComplaintCategory {
        /// 质量
        Quality = "quality",
        /// 交付
        Delivery = "delivery",
        /// 价格
        Price = "price",
        /// 服务态度
        ServiceAttitude = "service_attitude",
        /// 单据
        Document = "document",
        /// 售后
        AfterSales = "after_sales",
        /// 其他
        #[default]
        Other = "other",
    }
}

text_enum! {
    /// Severity of a complaint, which determines its terms
    #[derive(Default)]
    pub enum Severity {
        /// 一般
        #[default]
        General = "general",
        /// 重大
        Major = "major",
        /// 紧急
        Urgent = "urgent",
    }
}

text_enum! {
    /// Status of a complaint
    #[derive(Default)]
    pub enum ComplaintStatus {
        /// 已登记
        #[default]
        Registered = "registered",
        /// 已受理
        Accepted = "accepted",
        /// 处理中
        InProgress = "in_progress",
        /// 待客户
        PendingCustomer = "pending_customer",
        /// 已解决
        Resolved = "resolved",
        /// 已关闭
        Closed = "closed",
        /// 不成立
        Rejected = "rejected",
        /// 已撤诉
        Withdrawn = "withdrawn",
    }
}

text_enum! {
    /// Place where a complaint was settled
    pub enum ResolutionMode {
        /// 当场
        OnTheSpot = "on_the_spot",
        /// 内部
        Office = "office",
    }
}

text_enum! {
    /// Form of the customer's confirmation
    pub enum Confirmation {
        /// 签字
        Signature = "signature",
        /// 电话
        Call = "call",
        /// 链接
        Link = "link",
    }
}

text_enum! {
    pub enum ComplaintSort {
        NewestFirst = "-created_at",
        OldestFirst = "created_at",
        /// Earliest due time of the resolution first
        Due = "resolve_due",
    }
}

/// A complaint, 客户投诉
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Complaint {
    pub id: Uuid,
    pub version: i64,
    /// Assigned in the form `CO-2026-000123`, unless the source system sent a number
    #[schema(example = "CO-2026-000123")]
    pub number: String,
    pub customer_id: Uuid,
    pub contact_id: Option<Uuid>,
    #[schema(inline)]
    pub channel: ComplaintChannel,
    /// The visit during which the complaint was made
    pub visit_id: Option<Uuid>,
    #[schema(inline)]
    pub category: ComplaintCategory,
    #[schema(inline)]
    pub severity: Severity,
    pub product_id: Option<Uuid>,
    /// `true` if no recorded order has sold this product to this customer
    pub product_not_sold: bool,
    pub asset_id: Option<Uuid>,
    pub order_id: Option<Uuid>,
    /// Batch number, 批号
    pub batch_no: Option<String>,
    #[schema(example = "外壳开裂,客户要求换货")]
    pub description: String,
    /// Evidence, such as photos, recordings or documents
    pub attachment_ids: Vec<Uuid>,
    #[schema(inline)]
    pub status: ComplaintStatus,
    /// Reason for rejecting, waiting or reopening, or the customer's statement on withdrawing
    pub status_reason: Option<String>,
    /// The user who registered the complaint. Null when another system did
    pub reporter_id: Option<Uuid>,
    /// The user who handles the complaint. Null until it is accepted
    pub owner_id: Option<Uuid>,
    /// The person complained about, who cannot be the owner
    pub about_user_id: Option<Uuid>,
    /// The closed complaint of this customer that is repeated, 再次追诉
    pub repeat_of_id: Option<Uuid>,
    /// Number of reopenings. A reopened complaint counts as a repeat as well
    pub reopenings: i16,
    /// The time at which the complaint was dispatched to the quality department, which sees it from
    /// then on
    pub dispatched_at: Option<Timestamp>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(flatten)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = clock_of_complaint(), select_expression_type = FixedSql<Jsonb>)]
    pub clock: ComplaintClock,
    #[serde(flatten)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = settlement_of_complaint())]
    #[diesel(select_expression_type = FixedSql<Jsonb>)]
    pub settlement: ComplaintSettlement,
    /// Proposals for handling the complaint, 处理建议
    #[schema(value_type = Vec<ComplaintProposal>)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = proposals_of_complaint())]
    #[diesel(select_expression_type = FixedSql<Jsonb>)]
    pub proposals: Embedded<Vec<ComplaintProposal>>,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

/// Selects the clock within the row, so that reading a complaint takes one statement.
fn clock_of_complaint() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select to_jsonb(c) || jsonb_build_object(\
         'proposal_due_at', case when complaints.reporter_id is not null \
         and complaints.reopenings = 0 \
         and s.resolution_mode is distinct from 'on_the_spot' then s.filing_due end, \
         'proposed_at', (select min(p.at) from complaint_proposals p \
         where p.complaint_id = complaints.id and p.by = complaints.reporter_id)) \
         from complaint_clocks c join complaint_settlements s using (complaint_id) \
         where c.complaint_id = complaints.id)",
    )
}

/// Selects the settlement. Amounts are passed as text, because JSON numbers would lose digits.
fn settlement_of_complaint() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select to_jsonb(s) || jsonb_build_object('compensation_amount', \
         s.compensation_amount::text) from complaint_settlements s \
         where s.complaint_id = complaints.id)",
    )
}

fn proposals_of_complaint() -> FixedSql<Jsonb> {
    fixed_sql(
        "(select coalesce(jsonb_agg(jsonb_build_object('id', p.id, 'text', p.text, \
         'cost', p.cost::text, 'currency', p.currency, 'customer_informed', p.customer_informed, \
         'by', p.by, 'at', p.at) order by p.at, p.id), '[]'::jsonb) \
         from complaint_proposals p where p.complaint_id = complaints.id)",
    )
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = complaints.customer_id)")
}

resource! {
    Complaint: "complaint" at "/api/v1/complaints",
    seen by complaints [Person(owner_id), Person(reporter_id), Customer(customer_id), Quality(dispatched_at)],
    derived [
        "customer_id", "product_not_sold", "dispatched_at",
        "proposals", "proposal_due_at", "proposed_at",
        "first_response_due", "interim_due", "interim_at", "resolve_due", "paused_minutes",
        "first_response_breached", "interim_breached", "resolve_breached", "escalation_level",
        "escalation_reason", "escalated_at", "filing_due", "filed_no", "filed_by", "filed_at",
        "customer_confirmed_by", "customer_confirmed_at", "follow_up_call_at", "satisfaction"
    ]
}

page! {
    /// A page of complaints
    ComplaintPage of Complaint
}
