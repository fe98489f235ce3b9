//! Suggestions of customers, 客户建议: made during a visit or elsewhere, recorded and answered.

mod db;
pub mod http;

use customers::contact::find_contacts;
use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{Error, Fault, FixedSql, Result, Timestamp, fixed_sql, page, resource, text_enum};
use schema::suggestions;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use visits::visit::find_visits;

pub use db::customer_merged;
pub(crate) use db::recorded_on;

text_enum! {
    /// Subject of a suggestion
    pub enum SuggestionCategory {
        /// 产品
        Product = "product",
        /// 服务
        Service = "service",
        /// 价格
        Price = "price",
        /// 交付
        Delivery = "delivery",
        /// 其他
        Other = "other",
    }
}

text_enum! {
    pub enum SuggestionStatus {
        /// 新建议
        New = "new",
        /// 已受理
        Noted = "noted",
        /// 已采纳
        Adopted = "adopted",
        /// 未采纳
        Declined = "declined",
    }
}

text_enum! {
    /// Decision on a suggestion
    pub enum SuggestionDecision {
        /// 受理: under consideration
        Noted = "noted",
        /// 采纳
        Adopted = "adopted",
        /// 不采纳
        Declined = "declined",
    }
}

/// A suggestion, 客户建议
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Suggestion {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// The contact who made the suggestion
    pub contact_id: Option<Uuid>,
    /// The visit during which the suggestion was made
    pub visit_id: Option<Uuid>,
    #[schema(inline)]
    pub category: SuggestionCategory,
    #[schema(example = "希望提供小包装")]
    pub text: String,
    /// Files such as photos, recordings or documents
    pub attachment_ids: Vec<Uuid>,
    /// The user who recorded the suggestion. Null when another system did
    pub reporter_id: Option<Uuid>,
    #[schema(inline)]
    pub status: SuggestionStatus,
    /// The reply to the customer
    #[schema(example = "明年一季度推出 5 公斤包装")]
    pub answer: Option<String>,
    pub answered_by: Option<Uuid>,
    /// The time of the latest answer
    pub answered_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

/// Selects the owner within the row, so that reading a suggestion takes one statement.
fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = suggestions.customer_id)")
}

resource! {
    Suggestion: "suggestion" at "/api/v1/suggestions",
    seen by suggestions [Person(reporter_id), Customer(customer_id)]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "category": "product", "text": "希望提供小包装" }))]
pub struct NewSuggestion {
    customer_id: Uuid,
    /// A visit to this customer
    visit_id: Option<Uuid>,
    #[serde(flatten)]
    details: SuggestionDetails,
}

/// A suggestion made during a visit, by the visit's customer
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "category": "delivery", "text": "希望提前一天电话通知送货时间" }))]
pub struct NewVisitSuggestion {
    #[serde(flatten)]
    details: SuggestionDetails,
}

/// Fields that all new suggestions have in common.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct SuggestionDetails {
    #[schema(inline)]
    category: SuggestionCategory,
    /// The customer's own words, 客户的原话
    #[schema(min_length = 1, max_length = 5000)]
    text: String,
    /// A contact of this customer
    contact_id: Option<Uuid>,
    /// Files uploaded by the caller
    #[serde(default)]
    #[schema(max_items = 20, nullable = false)]
    attachment_ids: Vec<Uuid>,
}

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };
const CONTACT: Reference = Reference { at: "contact", of: "contact", find: find_contacts };
const VISIT: Reference = Reference { at: "visit", of: "visit", find: find_visits };

intake::references! {
    NewSuggestion: &[CUSTOMER, CONTACT, VISIT];
    NewVisitSuggestion: &[CONTACT];
}

/// Decision on a suggestion and the reply to the customer
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "decision": "adopted", "answer": "明年一季度推出 5 公斤包装" }))]
pub struct SuggestionAnswer {
    #[schema(inline)]
    decision: SuggestionDecision,
    /// Required when `decision` is `adopted` or `declined`
    #[schema(min_length = 1, max_length = 2000)]
    answer: Option<String>,
}

/// Filters for the list of suggestions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SuggestionFilter {
    customer_id: Option<Uuid>,
    reporter_id: Option<Uuid>,
    visit_id: Option<Uuid>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    category: Option<Vec<SuggestionCategory>>,
    /// One or several values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<SuggestionStatus>>,
    created_from: Option<Timestamp>,
    /// Exclusive
    created_to: Option<Timestamp>,
}

intake::references! {
    SuggestionFilter: &[CUSTOMER, Reference { at: "reporter", of: "user", find: auth::find_users }, VISIT];
}

page! {
    /// A page of suggestions
    SuggestionPage of Suggestion
}

impl SuggestionStatus {
    /// Returns the status after a decision: new → noted → adopted or declined. A suggestion can be
    /// adopted or declined without being noted first.
    pub fn after(self, decision: SuggestionDecision) -> Result<Self> {
        match (self, decision) {
            (Self::New, SuggestionDecision::Noted) => Ok(Self::Noted),
            (Self::New | Self::Noted, SuggestionDecision::Adopted) => Ok(Self::Adopted),
            (Self::New | Self::Noted, SuggestionDecision::Declined) => Ok(Self::Declined),
            (status, _) => {
                let detail = "The suggestion is `{}`, which does not allow this action.";
                Err(Error::wrong_status(status.as_str(), detail))
            }
        }
    }
}

impl SuggestionAnswer {
    /// Requires an answer for the customer, unless the suggestion is only noted.
    fn check(&self) -> Result<()> {
        if self.decision == SuggestionDecision::Noted || self.answer.is_some() {
            return Ok(());
        }
        let why = "required unless `decision` is `noted`";
        Err(Error::invalid(vec![Fault::new("/answer", "required", why)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_decision() {
        use SuggestionDecision as Do;
        use SuggestionStatus::{Adopted, Declined, New, Noted};
        let edges = [
            (New, Do::Noted, Noted),
            (New, Do::Adopted, Adopted),
            (New, Do::Declined, Declined),
            (Noted, Do::Adopted, Adopted),
            (Noted, Do::Declined, Declined),
        ];
        for status in SuggestionStatus::ALL {
            for decision in SuggestionDecision::ALL {
                let expected = edges.iter().find(|it| (it.0, it.1) == (*status, *decision));
                let after = status.after(*decision);
                let told = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = expected.map_or(Err("wrong_status"), |it| Ok(it.2));
                assert_eq!(told, expected, "{status:?} {decision:?}");
            }
        }
    }
}
