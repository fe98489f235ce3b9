//! A growth step, 增长机会 (S39): what a customer could buy besides, and what is done for it next.

mod db;
pub mod http;

use auth::{Reference, Refers};
use customers::customer::find_customers;
use diesel::prelude::*;
use platform::{
    Date, Error, Fault, Money, Result, Timestamp, page, resource, sent, set, text_enum,
};
use products::product::find_products;
use schema::opportunities;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::{customer_merged, visible_to};

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

/// A growth step, 增长机会
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = opportunities)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Opportunity {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// The line of products that it could buy 产品类别; null when it is about one product
    #[schema(example = "密封件")]
    pub category: Option<String>,
    /// Null when it is about a whole line
    pub product_id: Option<Uuid>,
    /// What it could buy in a year, in the company's currency
    pub potential_amount: Option<Money>,
    /// 下一步
    #[schema(example = "送样品,请技术主管试用")]
    pub next_step: String,
    pub next_step_on: Date,
    /// Who takes it
    pub owner_id: Uuid,
    #[schema(inline)]
    pub status: OpportunityStatus,
    /// Why it was lost or dropped
    pub reason: Option<String>,
    /// When it was won, lost or dropped
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
    seen by |it| std::iter::once(it.owner_id).chain(it.customer_owner_id).map(Some).collect()
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

/// A merge patch for an open step: absent fields stay as they are, null clears.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "next_step": "报价", "next_step_on": "2099-12-08" }))]
pub struct OpportunityChanges {
    #[schema(min_length = 1, max_length = 1000, nullable = false)]
    next_step: Option<String>,
    /// Another day is not in the past
    #[schema(nullable = false)]
    next_step_on: Option<Date>,
    #[schema(nullable = false)]
    owner_id: Option<Uuid>,
    #[serde(flatten)]
    details: OpportunityDetails,
}

/// What new growth steps and changes of them have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct OpportunityDetails {
    /// Either this or a product
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 100)]
    category: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    product_id: Option<Option<Uuid>>,
    /// 0 or more
    #[serde(deserialize_with = "sent")]
    potential_amount: Option<Option<Money>>,
}

/// Why
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "reason": "客户与对手签了两年合同" }))]
pub struct OpportunityReason {
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };
const PRODUCT: Reference = Reference { at: "product", of: "product", find: find_products };
const OWNER: Reference = Reference { at: "owner", of: "user", find: auth::find_users };

impl Refers for NewOpportunity {
    const REFERENCES: &'static [Reference] = &[CUSTOMER, PRODUCT, OWNER];
}
impl Refers for OpportunityChanges {
    const REFERENCES: &'static [Reference] = &[PRODUCT, OWNER];
}

/// Which growth steps to list.
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
    /// Those that are open though the day of their next step is over, or the others
    overdue: Option<bool>,
    next_step_from: Option<Date>,
    /// Exclusive
    next_step_to: Option<Date>,
    /// Default: by `next_step_on`
    #[param(inline)]
    sort: Option<OpportunitySort>,
}

impl Refers for OpportunityFilter {
    const REFERENCES: &'static [Reference] = &[CUSTOMER, OWNER, PRODUCT];
}

page! {
    /// A page of growth steps
    OpportunityPage of Opportunity
}

/// What somebody does to a growth step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpportunityAction {
    Change,
    Win,
    Lose,
    Drop,
}

impl OpportunityStatus {
    /// The state machine: open → won, lost or dropped.
    pub fn after(self, action: OpportunityAction) -> Result<Self> {
        match (self, action) {
            (Self::Open, OpportunityAction::Change) => Ok(Self::Open),
            (Self::Open, OpportunityAction::Win) => Ok(Self::Won),
            (Self::Open, OpportunityAction::Lose) => Ok(Self::Lost),
            (Self::Open, OpportunityAction::Drop) => Ok(Self::Dropped),
            (status, _) => {
                let detail = format!("the growth step is {}", status.as_str());
                Err(Error::conflict("wrong_status", detail)
                    .member("current_status", status.as_str()))
            }
        }
    }
}

impl Opportunity {
    fn detailed(&self, details: &OpportunityDetails) -> Self {
        let mut after = self.clone();
        set(&mut after.category, details.category.as_ref());
        set(&mut after.product_id, details.product_id.as_ref());
        set(&mut after.potential_amount, details.potential_amount.as_ref());
        after
    }

    fn with(&self, changes: &OpportunityChanges) -> Self {
        let mut after = self.detailed(&changes.details);
        set(&mut after.next_step, changes.next_step.as_ref());
        set(&mut after.next_step_on, changes.next_step_on.as_ref());
        set(&mut after.owner_id, changes.owner_id.as_ref());
        after
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        match (&self.category, self.product_id) {
            (None, None) => {
                let why = "a line of products, or one product by product_id";
                faults.push(Fault::new("/category", "required", why));
            }
            (Some(_), Some(_)) => {
                let why = "either a line of products or one product";
                faults.push(Fault::new("/product_id", "contradiction", why));
            }
            _ => {}
        }
        if self.potential_amount.is_some_and(|it| it < Money::ZERO) {
            faults.push(Fault::new("/potential_amount", "range", "0 or more"));
        }
        faults.extend(
            self.potential_amount.and_then(|amount| amount.digits_fault("/potential_amount", None)),
        );
        faults
    }

    /// A day that is planned now is still to come.
    fn check(&self, planned: Option<Date>, today: Date) -> Result<()> {
        let mut faults = self.faults();
        if planned.is_some_and(|day| day < today) {
            faults.push(Fault::new("/next_step_on", "range", "the day is over already"));
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
