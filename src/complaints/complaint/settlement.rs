//! How a complaint was settled, that it was filed 备案, and what was proposed on the way.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use platform::{Embedded, Money, Timestamp};
use schema::{complaint_proposals, complaint_settlements};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Confirmation, ResolutionMode};

/// How a complaint was settled (RULES 4.2)
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Insertable, AsChangeset, FromSqlRow,
)]
#[diesel(table_name = complaint_settlements)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct ComplaintSettlement {
    #[schema(inline)]
    pub resolution_mode: Option<ResolutionMode>,
    #[schema(example = "当场更换新品")]
    pub resolution: Option<String>,
    #[schema(example = "运输途中受潮")]
    pub root_cause: Option<String>,
    pub compensation_amount: Option<Money>,
    /// ISO 4217
    pub compensation_currency: Option<String>,
    /// The end of the next working day; follows the holidays until it is filed
    pub filing_due: Timestamp,
    /// 备案号: without a gap within a year
    #[schema(example = "BA-2026-0001")]
    pub filed_no: Option<String>,
    pub filed_by: Option<Uuid>,
    pub filed_at: Option<Timestamp>,
    /// That it was rejected
    pub customer_informed: bool,
    #[schema(inline)]
    pub customer_confirmed_by: Option<Confirmation>,
    pub customer_confirmed_at: Option<Timestamp>,
    pub follow_up_call_at: Option<Timestamp>,
    /// 1 to 5
    #[schema(minimum = 1, maximum = 5)]
    pub satisfaction: Option<i16>,
}

platform::in_currency! { ComplaintSettlement: |it| it.compensation_currency.as_deref() }

impl<'de> Deserialize<'de> for ComplaintSettlement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl FromSql<Jsonb, Pg> for ComplaintSettlement {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Embedded::<Self>::from_sql(value).map(|it| it.0)
    }
}

impl ComplaintSettlement {
    pub(super) fn open(filing_due: Timestamp) -> Self {
        Self {
            resolution_mode: None,
            resolution: None,
            root_cause: None,
            compensation_amount: None,
            compensation_currency: None,
            filing_due,
            filed_no: None,
            filed_by: None,
            filed_at: None,
            customer_informed: false,
            customer_confirmed_by: None,
            customer_confirmed_at: None,
            follow_up_call_at: None,
            satisfaction: None,
        }
    }

    /// The customer has said that it is settled, one way or the other.
    pub(super) fn is_confirmed(&self) -> bool {
        self.customer_confirmed_at.is_some() || self.follow_up_call_at.is_some()
    }

    /// What a reopening takes back. It stays filed: a number is given once.
    pub(super) fn reopened(&self) -> Self {
        let Self { filing_due, filed_no, filed_by, filed_at, .. } = self.clone();
        Self { filed_no, filed_by, filed_at, ..Self::open(filing_due) }
    }
}

/// How somebody would handle a complaint, 处理建议
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Insertable)]
#[diesel(table_name = complaint_proposals, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct ComplaintProposal {
    pub id: Uuid,
    #[schema(example = "换货并补偿运费")]
    pub text: String,
    pub cost: Option<Money>,
    pub currency: Option<String>,
    /// The customer has been told so: interim feedback, 阶段反馈
    pub customer_informed: bool,
    pub by: Uuid,
    pub at: Timestamp,
}

platform::in_currency! { ComplaintProposal: |it| it.currency.as_deref() }

impl<'de> Deserialize<'de> for ComplaintProposal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}
