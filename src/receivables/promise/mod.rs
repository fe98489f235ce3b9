//! Promises to pay, 承诺付款. Payments decide whether a promise was kept or broken.

mod db;
pub mod http;
mod judge;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, text_enum};
use schema::promises;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::invoice::find_invoices;

pub(crate) use db::follow;
pub(crate) use judge::judge;

text_enum! {
    pub enum PromiseStatus {
        Open = "open",
        /// 已兑现
        Kept = "kept",
        /// 已失信
        Broken = "broken",
        Withdrawn = "withdrawn",
    }
}

/// A promise to pay, 承诺付款
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
#[schema(as = PaymentPromise)]
pub struct Promise {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// Null if the promise is not for a particular invoice
    pub invoice_id: Option<Uuid>,
    /// The user who recorded the promise
    pub made_by: Uuid,
    pub promised_on: Date,
    /// The customer pays by the end of this day
    pub due_on: Date,
    #[schema(example = "CNY")]
    pub currency: String,
    pub amount: Money,
    #[schema(inline)]
    pub status: PromiseStatus,
    /// The amount received from `promised_on` to `due_on`, as of the last run of the job. Each
    /// receipt counts for one promise only
    pub received_amount: Money,
    pub decided_on: Option<Date>,
    pub note: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

platform::in_currency! { Promise: |promise| Some(promise.currency.as_str()) }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = promises.customer_id)")
}

resource! {
    Promise: "promise" at "/api/v1/promises",
    seen by promises [Person(made_by), Customer(customer_id)] and accounts
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "due_on": "2031-12-31", "amount": "5000.00" }))]
pub struct NewPromise {
    customer_id: Uuid,
    /// An invoice of this customer. Without it, the promise covers anything that the customer owes
    invoice_id: Option<Uuid>,
    /// Not in the past
    due_on: Date,
    /// Default: the currency of the invoice, otherwise that of the company
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
    amount: Money,
    #[schema(max_length = 2000)]
    note: Option<String>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "invoice", of: "invoice", find: find_invoices },
    Reference { at: "made_by", of: "user", find: auth::find_users },
];

intake::references! { NewPromise: REFERENCES }

/// Filters of the promise list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PromiseFilter {
    customer_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    made_by_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<PromiseStatus>>,
    due_from: Option<Date>,
    /// Exclusive
    due_to: Option<Date>,
}

intake::references! { PromiseFilter: REFERENCES }

page! {
    /// A page of promises, earliest due first
    PromisePage of Promise
}

/// The data of a promise to record.
pub(crate) struct Promised {
    pub customer_id: Uuid,
    pub invoice_id: Option<Uuid>,
    pub due_on: Date,
    pub currency: String,
    pub amount: Money,
    pub note: Option<String>,
}

impl PromiseStatus {
    /// Returns the status on a day: kept as soon as nothing is missing, broken when the due day has
    /// passed. A kept promise whose payment was reversed is open again until its due day has
    /// passed.
    fn judged(self, due_on: Date, missing: bool, today: Date) -> Self {
        match self {
            Self::Open | Self::Broken if !missing => Self::Kept,
            Self::Open | Self::Kept if missing && due_on < today => Self::Broken,
            Self::Kept if missing => Self::Open,
            same => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_in_time_or_broken() {
        use PromiseStatus::{Broken, Kept, Open, Withdrawn};
        let day = |day| Date(jiff::civil::date(2026, 3, day));
        let judged = |it: PromiseStatus, missing, today| it.judged(day(10), missing, day(today));
        assert_eq!(judged(Open, true, 10), Open, "the day is not over");
        assert_eq!(judged(Open, true, 11), Broken);
        assert_eq!(judged(Open, false, 5), Kept);
        assert_eq!(judged(Broken, false, 12), Kept, "the money was told late");
        assert_eq!(judged(Kept, false, 12), Kept);
        assert_eq!(judged(Kept, true, 12), Broken, "the money was taken back");
        assert_eq!(judged(Kept, true, 10), Open);
        assert_eq!(judged(Withdrawn, false, 12), Withdrawn);
    }
}
