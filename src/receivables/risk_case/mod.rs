//! Risk cases, 坏账风险, for receivables that may never be paid, with escalating measures: remind →
//! hold → collateral → legal → write off.

mod db;
pub mod http;

use customers::customer::find_customers;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use intake::Reference;
use platform::{
    Date, Embedded, Error, Fault, FixedSql, Money, Result, Timestamp, fixed_sql, page, resource,
    text_enum,
};
use schema::risk_cases;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::find_risk_cases;
pub(crate) use db::{follow, is_of};

text_enum! {
    /// The reason to doubt that the customer pays
    pub enum RiskTrigger {
        /// 逾期: overdue for more than 60 days
        Overdue = "overdue",
        /// 两次失信
        BrokenPromises = "broken_promises",
        /// 信用评分下降
        CreditScore = "credit_score",
        /// 诉讼
        Litigation = "litigation",
        /// 破产
        Insolvency = "insolvency",
        Other = "other",
    }
}

text_enum! {
    pub enum RiskStatus {
        Open = "open",
        /// 采取措施
        Measures = "measures",
        /// 已收回
        Recovered = "recovered",
        /// 已核销
        WrittenOff = "written_off",
        /// 已并入: the customer was merged into one with an open case
        Merged = "merged",
    }
}

text_enum! {
    /// The measure, in the order of escalation
    pub enum RiskMeasure {
        /// 催告
        Remind = "remind",
        /// 停止发货: the customer's credit is on hold until a user releases it
        Hold = "hold",
        /// 担保抵押
        Collateral = "collateral",
        /// 法律途径
        Legal = "legal",
        /// 核销
        WriteOff = "write_off",
    }
}

/// A risk case, 坏账风险
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct RiskCase {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// The user in charge of the case
    pub owner_id: Uuid,
    #[schema(inline)]
    pub trigger: RiskTrigger,
    /// The amount at risk, in the company's currency
    pub amount: Money,
    #[schema(inline)]
    pub status: RiskStatus,
    /// The case that continues in place of this one, if it is `merged`
    pub merged_into_id: Option<Uuid>,
    /// The hardest measure taken
    #[schema(inline)]
    pub measure: Option<RiskMeasure>,
    /// All measures taken, the oldest first
    #[schema(value_type = Vec<MeasureTaken>)]
    pub measures: Embedded<Vec<MeasureTaken>>,
    pub note: Option<String>,
    /// The recovered amount, in the company's currency
    pub recovered_amount: Money,
    pub opened_on: Date,
    pub closed_on: Option<Date>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = risk_cases.customer_id)")
}

resource! {
    RiskCase: "risk_case" at "/api/v1/risk-cases",
    seen by risk_cases [Person(owner_id), Customer(customer_id)] and accounts
}

/// A measure taken in a risk case
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasureTaken {
    #[schema(inline)]
    pub measure: RiskMeasure,
    pub on: Date,
    pub by: Uuid,
    pub note: Option<String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001",
    "trigger": "litigation", "note": "供应商起诉" }))]
pub struct NewRiskCase {
    customer_id: Uuid,
    /// Default: the caller
    owner_id: Option<Uuid>,
    #[schema(inline)]
    trigger: RiskTrigger,
    /// In the company's currency. Default: the open amount of the customer's invoices
    amount: Option<Money>,
    #[schema(max_length = 2000)]
    note: Option<String>,
}

/// A new measure in a risk case
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "measure": "legal", "note": "律师函已寄出" }))]
pub struct NewMeasure {
    #[schema(inline)]
    measure: RiskMeasure,
    #[schema(max_length = 2000)]
    note: Option<String>,
}

/// The recovery that closes a risk case
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "amount": "5000.00" }))]
pub struct Recovery {
    /// In the company's currency, zero or more
    amount: Money,
    #[schema(max_length = 2000)]
    note: Option<String>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "customer", of: "customer", find: find_customers },
    Reference { at: "owner", of: "user", find: auth::find_users },
];

intake::references! { NewRiskCase: REFERENCES }

/// Filters of the risk case list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RiskCaseFilter {
    customer_id: Option<Uuid>,
    owner_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<RiskStatus>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    trigger: Option<Vec<RiskTrigger>>,
}

intake::references! { RiskCaseFilter: REFERENCES }

page! {
    /// A page of risk cases, latest first
    RiskCasePage of RiskCase
}

/// A step in a risk case.
pub(crate) enum Step<'a> {
    Measure(&'a NewMeasure),
    Recover(&'a Recovery),
    WriteOff,
}

impl RiskMeasure {
    /// Returns the rank of the measure in the escalation.
    fn rung(self) -> Option<usize> {
        Self::ALL.iter().position(|measure| *measure == self)
    }
}

impl RiskCase {
    /// Adds a measure. One that is softer than the last one is refused.
    fn measured(&mut self, new: &NewMeasure, on: Date, by: Uuid) -> Result<()> {
        let rung = |measure: Option<RiskMeasure>| measure.and_then(RiskMeasure::rung);
        if rung(Some(new.measure)) < rung(self.measure) {
            let why = "a stricter measure was already taken";
            let fault = Fault::new("/measure", "softer_measure", why);
            return Err(Error::invalid(vec![fault]));
        }
        let taken = MeasureTaken { measure: new.measure, on, by, note: new.note.clone() };
        self.measures.0.push(taken);
        (self.status, self.measure) = (RiskStatus::Measures, Some(new.measure));
        Ok(())
    }
}
