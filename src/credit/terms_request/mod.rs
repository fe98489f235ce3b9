//! Requests for trading terms, 交易条件申请. An approved request defines the customer's terms and credit
//! limit from a day on.

mod db;
pub mod http;
mod steps;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{
    Date, Error, Fault, FixedSql, Money, Number, Result, Timestamp, fixed_sql, page, resource,
    text_enum,
};
use rust_decimal::Decimal;
use schema::terms_requests;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::{PaymentDays, apply_due};
pub(crate) use db::{follow, with_terms};
pub use steps::TermsAction;

text_enum! {
    /// The status of a terms request
    pub enum TermsStatus {
        /// 草稿
        Draft = "draft",
        /// 已提交
        Submitted = "submitted",
        /// 已批准
        Approved = "approved",
        /// 已驳回
        Rejected = "rejected",
        /// 已撤回
        Withdrawn = "withdrawn",
    }
}

/// A terms request, 交易条件申请. Once approved, it defines the customer's terms from `valid_from` on
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct TermsRequest {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    #[schema(inline)]
    pub status: TermsStatus,
    /// 账期: days from the invoice date to the due date
    pub payment_days: i32,
    /// In the company's currency. 0 means prepaid only
    pub credit_limit: Money,
    /// 价格表, as free text
    pub price_list: Option<String>,
    /// 交货条件
    pub delivery_term: Option<String>,
    /// 最低订货额, in the company's currency
    pub min_order_amount: Option<Money>,
    /// 退货条件
    pub returns_policy: Option<String>,
    /// 订金, as a percentage of the order
    pub deposit_percent: Option<Number>,
    /// The first day of the terms, not before the day of the approval
    pub valid_from: Date,
    /// The reason for the request
    pub reason: String,
    pub requested_by: Uuid,
    /// The investigation that the approval is based on
    pub investigation_id: Option<Uuid>,
    /// The user who approved or rejected it
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<Timestamp>,
    pub decision_reason: Option<String>,
    /// The time at which the credit limit took effect; null before
    pub applied_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = terms_requests.customer_id)")
}

resource! {
    TermsRequest: "terms_request" at "/api/v1/terms-requests",
    seen by terms_requests [CustomerOrPool(customer_id)] and accounts
}

/// A request for trading terms of a customer
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "payment_days": 30, "credit_limit": "50000.00",
    "reason": "年采购额预计 60 万" }))]
pub struct NewTermsRequest {
    #[schema(minimum = 0, maximum = 365)]
    payment_days: i32,
    /// In the company's currency, 0 or more. 0 means prepaid only
    credit_limit: Money,
    #[schema(max_length = 100)]
    price_list: Option<String>,
    #[schema(max_length = 300)]
    delivery_term: Option<String>,
    /// 0 or more
    min_order_amount: Option<Money>,
    #[schema(max_length = 1000)]
    returns_policy: Option<String>,
    /// 0 to 100
    deposit_percent: Option<Number>,
    /// Not in the past. Default: today; an approval after that day moves it to the day of the
    /// approval
    valid_from: Option<Date>,
    #[schema(min_length = 1, max_length = 1000)]
    reason: String,
}

/// A customer's trading terms on a day, 交易条件
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerTerms {
    pub customer_id: Uuid,
    pub as_of: Date,
    /// The approved request that defines the terms; null if there is none
    pub terms: Option<TermsRequest>,
}

/// The day of the terms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TermsDay {
    /// Default: today
    as_of: Option<Date>,
}

/// Filters of the request list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TermsRequestFilter {
    customer_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<TermsStatus>>,
}

intake::references! {
    TermsRequestFilter: &[Reference { at: "customer", of: "customer", find: find_customers }];
}

page! {
    /// A page of terms requests, latest first
    TermsRequestPage of TermsRequest
}

impl NewTermsRequest {
    fn check(&self, today: Date) -> Result<()> {
        let mut faults = vec![];
        let amounts = [
            ("/credit_limit", self.credit_limit),
            ("/min_order_amount", self.min_order_amount.unwrap_or_default()),
        ];
        for (at, amount) in amounts {
            if amount < Money::ZERO {
                faults.push(Fault::new(at, "range", "0 or more"));
            }
            faults.extend(amount.digits_fault(at, None));
        }

        let percent = self.deposit_percent.unwrap_or_default().0;
        if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
            faults.push(Fault::new("/deposit_percent", "range", "0 to 100"));
        }
        if self.valid_from.is_some_and(|day| day < today) {
            faults.push(Fault::new("/valid_from", "range", "must be today or later"));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}
