//! The credit of a customer, 客户信用: its limit with tolerance and expiry, and whether it is on hold.

pub mod batch;
mod db;
pub mod http;

use company::setting::Settings;
use customers::customer::Customer;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use platform::row_rule::RowRule;
use platform::{
    Date, Error, Fault, FixedSql, Money, Number, Reason, Resource, Result, Timestamp, fixed_sql,
    resource, sent,
};
use rust_decimal::Decimal;
use schema::customer_credits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::check::{CreditBreakdown, limit_in_force};

pub(crate) use db::{grant, load, lock, lock_rows};
pub use db::{stop, uses_currency};

/// The credit of a customer, 客户信用
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct CustomerCredit {
    /// The id of the customer
    pub id: Uuid,
    /// 0 until the credit is set for the first time
    pub version: i64,
    /// In the company's currency. Null means the company's default, 0 means prepaid only
    pub credit_limit: Option<Money>,
    /// The percentage by which the limit may be exceeded
    pub tolerance_percent: Number,
    /// No further credit is given if an item is overdue for more days than this. Null means the
    /// default of the customer's tier
    pub max_overdue_days: Option<i32>,
    /// 冻结: no further credit is given
    pub hold: bool,
    pub hold_reason: Option<String>,
    /// The last day of the limit; null if it does not expire
    pub valid_until: Option<Date>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = external_id_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<Text>>)]
    customer_external_id: Option<String>,
}

fn external_id_of_customer() -> FixedSql<Nullable<Text>> {
    fixed_sql("(select external_id from customers where customers.id = customer_credits.id)")
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = customer_credits.id)")
}

resource! {
    CustomerCredit: "customer_credit" at "/api/v1/customers",
    seen by customer_credits [CustomerOrPool(id)] and accounts
}

/// A customer's credit with its current exposure
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditAccount {
    #[serde(flatten)]
    pub credit: CustomerCredit,
    pub exposure: CreditBreakdown,
}

impl Resource for CreditAccount {
    const TYPE: &'static str = CustomerCredit::TYPE;
    const PATH: &'static str = CustomerCredit::PATH;
    const RULE: &'static RowRule = CustomerCredit::RULE;

    fn id(&self) -> Uuid {
        self.credit.id
    }
    fn version(&self) -> i64 {
        self.credit.version
    }
    fn owners(&self) -> Vec<Option<Uuid>> {
        self.credit.owners()
    }
    fn stamp(&mut self, version: i64, now: Timestamp) {
        self.credit.stamp(version, now);
    }
}

/// A merge patch: absent fields stay unchanged, `null` clears a field.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "credit_limit": "50000.00", "valid_until": "2027-06-30" }))]
pub struct CreditChanges {
    /// In the company's currency, 0 or more. 0 means prepaid only, null means the company's default
    #[serde(default, deserialize_with = "sent")]
    credit_limit: Option<Option<Money>>,
    /// 0 to 100
    #[schema(nullable = false)]
    tolerance_percent: Option<Number>,
    #[serde(default, deserialize_with = "sent")]
    #[schema(minimum = 0, maximum = 3650)]
    max_overdue_days: Option<Option<i32>>,
    /// The last day of the limit
    #[serde(default, deserialize_with = "sent")]
    valid_until: Option<Option<Date>>,
}

impl CustomerCredit {
    /// Returns the credit of a customer without a row: the defaults of the company and the tier
    /// apply.
    fn blank(customer: &Customer) -> Self {
        Self {
            id: customer.id,
            created_at: customer.created_at,
            updated_at: customer.created_at,
            customer_owner_id: customer.owner_id,
            customer_external_id: customer.external_id.clone(),
            ..Self::default()
        }
    }

    fn changed(&self, changes: &CreditChanges) -> Result<Self> {
        let after = self.with(changes);
        let mut faults = after.faults();
        let entered = changes.credit_limit.flatten();
        faults.extend(entered.and_then(|limit| limit.digits_fault("/credit_limit", None)));
        if faults.is_empty() { Ok(after) } else { Err(Error::invalid(faults)) }
    }

    fn with(&self, changes: &CreditChanges) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => CreditChanges {
            credit_limit, tolerance_percent, max_overdue_days, valid_until
        });
        after
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        if self.credit_limit.is_some_and(|limit| limit < Money::ZERO) {
            faults.push(Fault::new("/credit_limit", "range", "0 or more"));
        }
        let percent = self.tolerance_percent.0;
        if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
            faults.push(Fault::new("/tolerance_percent", "range", "0 to 100"));
        }
        faults
    }

    /// Returns the changed limit including its tolerance, which would otherwise be a way around the
    /// approval of limits. `None` if neither has changed; `Some(None)` if there is no limit.
    fn new_limit(&self, before: &Self, settings: &Settings) -> Option<Option<Money>> {
        let terms = |credit: &Self| (credit.credit_limit, credit.tolerance_percent);
        if terms(self) == terms(before) {
            return None;
        }
        let factor = Decimal::ONE + self.tolerance_percent.0 / Decimal::ONE_HUNDRED;
        let limit = limit_in_force(settings, self.credit_limit);
        Some(limit.map(|limit| Money(limit.0 * factor)))
    }

    fn held(&self, why: &Reason) -> Result<Self> {
        if self.hold {
            return Err(not_now("held"));
        }
        Ok(Self { hold: true, hold_reason: Some(why.reason.clone()), ..self.clone() })
    }

    fn released(&self) -> Result<Self> {
        if !self.hold {
            return Err(not_now("free"));
        }
        Ok(Self { hold: false, hold_reason: None, ..self.clone() })
    }
}

fn not_now(status: &'static str) -> Error {
    Error::wrong_status(status, "The customer's credit is already `{}`.")
}
