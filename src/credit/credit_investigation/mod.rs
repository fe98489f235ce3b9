//! Credit investigations, 信用调查: requested, carried out, concluded with a score and a recommended
//! limit, and expired after a year at the latest.

mod db;
pub mod http;
mod steps;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, text_enum};
use schema::credit_investigations;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::expire;
pub(crate) use db::{check_limit, follow, in_force, recommended, valid_until};
pub use steps::InvestigationAction;
pub(crate) use steps::check_recommended;

text_enum! {
    /// The status of an investigation
    pub enum InvestigationStatus {
        /// 已申请
        Requested = "requested",
        /// 调查中
        Investigating = "investigating",
        /// 已结论
        Concluded = "concluded",
        /// 已过期
        Expired = "expired",
    }
}

/// A credit investigation, 信用调查
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct CreditInvestigation {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    #[schema(inline)]
    pub status: InvestigationStatus,
    /// The reason for the request
    pub reason: String,
    pub requested_by: Uuid,
    /// The user who investigates; null until the investigation is started
    pub investigator_id: Option<Uuid>,
    /// The sources, such as registers, banks or other suppliers
    pub sources: Vec<String>,
    /// 注册资本, in the company's currency
    pub registered_capital: Option<Money>,
    /// 涉诉情况
    pub lawsuits: Option<String>,
    /// 付款记录
    pub payment_history: Option<String>,
    /// 0 to 100; higher is better
    pub score: Option<i16>,
    /// 建议额度, in the company's currency
    pub recommended_limit: Option<Money>,
    pub concluded_on: Option<Date>,
    /// The last day on which the conclusion is valid: a year after `concluded_on`, or half a year
    /// with a score below 60
    pub valid_until: Option<Date>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql(
        "(select owner_id from customers where customers.id = credit_investigations.customer_id)",
    )
}

resource! {
    CreditInvestigation: "credit_investigation" at "/api/v1/credit-investigations",
    seen by credit_investigations [CustomerOrPool(customer_id)] and accounts
}

/// A request for a credit investigation
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "新客户,申请账期 30 天" }))]
pub struct NewCreditInvestigation {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// The findings of an investigation
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "sources": ["国家企业信用信息公示系统"], "registered_capital": "5000000",
    "lawsuits": "无", "payment_history": "同行反映付款及时", "score": 72,
    "recommended_limit": "50000" }))]
pub struct InvestigationFindings {
    /// Texts of at most 300 characters
    #[schema(min_items = 1, max_items = 20)]
    sources: Vec<String>,
    /// 0 or more
    registered_capital: Option<Money>,
    #[schema(max_length = 5000)]
    lawsuits: Option<String>,
    #[schema(max_length = 5000)]
    payment_history: Option<String>,
    #[schema(minimum = 0, maximum = 100)]
    score: i16,
    /// 0 or more, in the company's currency
    recommended_limit: Money,
}

/// Filters of the investigation list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CreditInvestigationFilter {
    customer_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<InvestigationStatus>>,
    /// Returns concluded investigations with `valid_until` before this day
    expiring_before: Option<Date>,
}

intake::references! {
    CreditInvestigationFilter: &[Reference { at: "customer", of: "customer", find: find_customers }];
}

page! {
    /// A page of investigations, latest first
    CreditInvestigationPage of CreditInvestigation
}
