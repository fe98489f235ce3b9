//! Growth opportunities, 增长机会: products that a customer could also buy, and the next step.

mod db;
pub mod http;

use customers::customer::find_customers;
use diesel::prelude::*;
use intake::Reference;
use platform::{Date, Error, Fault, Money, Result, Timestamp, page, resource, sent, text_enum};
use products::product::find_products;
use schema::opportunities;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::customer_merged;

text_enum! {
    pub enum OpportunityStatus {
        /// 跟进中
        Open = "open",
        /// 已赢得
        Won = "won",
        /// 已失去
        Lost = "lost",
        /// 已放弃
        Dropped = "dropped",
    }
}

text_enum! {
    pub enum OpportunitySort {
        EarliestStep = "next_step_on",
        LatestStep = "-next_step_on",
        NewestFirst = "-created_at",
    }
}

/// A growth opportunity, 增长机会
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = opportunities)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Opportunity {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// Product category that the customer could buy, 产品类别. Null if the opportunity is about one
    /// product
    #[schema(example = "密封件")]
    pub category: Option<String>,
    /// Null if the opportunity is about a whole category
    pub product_id: Option<Uuid>,
    /// Potential sales in a year, in the company's currency
    pub potential_amount: Option<Money>,
    /// Next step, 下一步
    #[schema(example = "送样品,请技术主管试用")]
    pub next_step: String,
    pub next_step_on: Date,
    /// The person who takes the next step
    pub owner_id: Uuid,
    #[schema(inline)]
    pub status: OpportunityStatus,
    /// Reason for losing or dropping it
    pub reason: Option<String>,
    /// Time at which it was won, lost or dropped
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = db::owner_of_customer())]
    #[diesel(select_expression_type = db::OwnerOfCustomer)]
    customer_owner_id: Option<Uuid>,
}

resource! {
    Opportunity: "opportunity" at "/api/v1/opportunities",
    seen by opportunities [Person(owner_id), Customer(customer_id)]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "category": "密封件", "potential_amount": "80000.00", "next_step": "送样品,请技术主管试用",
    "next_step_on": "2099-12-01" }))]
pub struct NewOpportunity {
    customer_id: Uuid,
    #[schema(min_length = 1, max_length = 1000)]
    next_step: String,
    /// Not in the past
    next_step_on: Date,
    /// Default: yourself
    owner_id: Option<Uuid>,
    #[serde(flatten)]
    details: OpportunityDetails,
}

/// A merge patch for an open opportunity: absent fields stay, null clears.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "next_step": "报价", "next_step_on": "2099-12-08" }))]
pub struct OpportunityChanges {
    #[schema(min_length = 1, max_length = 1000, nullable = false)]
    next_step: Option<String>,
    /// A new day must not be in the past
    #[schema(nullable = false)]
    next_step_on: Option<Date>,
    #[schema(nullable = false)]
    owner_id: Option<Uuid>,
    #[serde(flatten)]
    details: OpportunityDetails,
}

/// Fields that new opportunities and changes share.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct OpportunityDetails {
    /// Either this or `product_id`
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 100)]
    category: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    product_id: Option<Option<Uuid>>,
    /// 0 or more
    #[serde(deserialize_with = "sent")]
    potential_amount: Option<Option<Money>>,
}

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };
const PRODUCT: Reference = Reference { at: "product", of: "product", find: find_products };
const OWNER: Reference = Reference { at: "owner", of: "user", find: auth::find_users };

intake::references! {
    NewOpportunity: &[CUSTOMER, PRODUCT, OWNER];
    OpportunityChanges: &[PRODUCT, OWNER];
}

/// Filters for the list of opportunities.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OpportunityFilter {
    customer_id: Option<Uuid>,
    owner_id: Option<Uuid>,
    product_id: Option<Uuid>,
    #[param(min_length = 1, max_length = 100)]
    category: Option<String>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<OpportunityStatus>>,
    /// True for open opportunities whose next step is past its day, false for all others
    overdue: Option<bool>,
    next_step_from: Option<Date>,
    /// Exclusive
    next_step_to: Option<Date>,
    /// Default: `next_step_on`
    #[param(inline)]
    sort: Option<OpportunitySort>,
}

intake::references! { OpportunityFilter: &[CUSTOMER, OWNER, PRODUCT] }

page! {
    /// A page of growth opportunities
    OpportunityPage of Opportunity
}

/// Actions on an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpportunityAction {
    Change,
    Win,
    Lose,
    Drop,
}

impl OpportunityStatus {
    /// Returns the status after an action: open → won, lost or dropped.
    pub fn after(self, action: OpportunityAction) -> Result<Self> {
        match (self, action) {
            (Self::Open, OpportunityAction::Change) => Ok(Self::Open),
            (Self::Open, OpportunityAction::Win) => Ok(Self::Won),
            (Self::Open, OpportunityAction::Lose) => Ok(Self::Lost),
            (Self::Open, OpportunityAction::Drop) => Ok(Self::Dropped),
            (status, _) => {
                let detail = "The opportunity is `{}`, which does not allow this action.";
                Err(Error::wrong_status(status.as_str(), detail))
            }
        }
    }
}

impl Opportunity {
    fn detailed(&self, details: &OpportunityDetails) -> Self {
        let mut after = self.clone();
        platform::patch!(after, details => OpportunityDetails {
            category, product_id, potential_amount
        });
        after
    }

    fn with(&self, changes: &OpportunityChanges) -> Self {
        let mut after = self.detailed(&changes.details);
        platform::patch!(after, changes => OpportunityChanges {
            next_step, next_step_on, owner_id; details
        });
        after
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        match (&self.category, self.product_id) {
            (None, None) => {
                let why = "either `category` or `product_id` is required";
                faults.push(Fault::new("/category", "required", why));
            }
            (Some(_), Some(_)) => {
                let why = "`category` and `product_id` must not both be set";
                faults.push(Fault::new("/product_id", "contradiction", why));
            }
            _ => {}
        }

        if self.potential_amount.is_some_and(|amount| amount < Money::ZERO) {
            faults.push(Fault::new("/potential_amount", "range", "0 or more"));
        }
        faults.extend(
            self.potential_amount.and_then(|amount| amount.digits_fault("/potential_amount", None)),
        );
        faults
    }

    /// Checks all fields. A newly planned day must not be in the past.
    fn check(&self, planned: Option<Date>, today: Date) -> Result<()> {
        let mut faults = self.faults();
        if planned.is_some_and(|day| day < today) {
            faults.push(Fault::new("/next_step_on", "range", "must be today or later"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use OpportunityAction::{Change, Drop, Lose, Win};
        use OpportunityStatus::{Dropped, Lost, Open, Won};
        let edges = [(Change, Open), (Win, Won), (Lose, Lost), (Drop, Dropped)];
        for status in OpportunityStatus::ALL {
            for (action, to) in edges {
                let after = status.after(action);
                let told = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = if *status == Open { Ok(to) } else { Err("wrong_status") };
                assert_eq!(told, expected, "{status:?} {action:?}");
            }
        }
    }
}
