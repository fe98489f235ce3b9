//! The settlement of a complaint, its filing (备案), and the proposals made on the way.

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

/// Settlement of a complaint
#[derive(
    Default,
    Debug,
    Clone,
    PartialEq,
    Serialize,
    Deserialize,
    ToSchema,
    Insertable,
    AsChangeset,
    FromSqlRow,
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
    /// ISO 4217 code
    pub compensation_currency: Option<String>,
    /// The end of the next working day. Follows changes of the holidays until the complaint is
    /// filed
    pub filing_due: Timestamp,
    /// Filing number, 备案号. Numbers have no gaps within a year
    #[schema(example = "BA-2026-0001")]
    pub filed_no: Option<String>,
    pub filed_by: Option<Uuid>,
    pub filed_at: Option<Timestamp>,
    /// `true` if the customer was informed of the rejection
    pub customer_informed: bool,
    #[schema(inline)]
    pub customer_confirmed_by: Option<Confirmation>,
    pub customer_confirmed_at: Option<Timestamp>,
    pub follow_up_call_at: Option<Timestamp>,
    /// Satisfaction of the customer, 1 to 5
    #[schema(minimum = 1, maximum = 5)]
    pub satisfaction: Option<i16>,
}

platform::in_currency! { ComplaintSettlement: |settlement| settlement.compensation_currency.as_deref() }

impl<'de> Deserialize<'de> for ComplaintSettlement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl FromSql<Jsonb, Pg> for ComplaintSettlement {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Embedded::<Self>::from_sql(value).map(|settlement| settlement.0)
    }
}

impl ComplaintSettlement {
    pub(super) fn open(filing_due: Timestamp) -> Self {
        Self { filing_due, ..Self::default() }
    }

    /// Returns `true` if the customer confirmed the settlement or was called.
    pub(super) fn is_confirmed(&self) -> bool {
        self.customer_confirmed_at.is_some() || self.follow_up_call_at.is_some()
    }

    /// Returns the settlement after reopening. Only the filing is kept: a number is assigned once.
    pub(super) fn reopened(&self) -> Self {
        let Self { filing_due, filed_no, filed_by, filed_at, .. } = self.clone();
        Self { filed_no, filed_by, filed_at, ..Self::open(filing_due) }
    }
}

/// A proposal for handling a complaint, 处理建议
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Insertable)]
#[diesel(table_name = complaint_proposals, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct ComplaintProposal {
    pub id: Uuid,
    #[schema(example = "换货并补偿运费")]
    pub text: String,
    pub cost: Option<Money>,
    pub currency: Option<String>,
    /// `true` if the customer was informed of the proposal. This counts as interim feedback,
    /// 阶段反馈
    pub customer_informed: bool,
    pub by: Uuid,
    pub at: Timestamp,
}

platform::in_currency! { ComplaintProposal: |proposal| proposal.currency.as_deref() }

impl<'de> Deserialize<'de> for ComplaintProposal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}
