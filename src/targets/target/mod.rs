//! Targets 目标/定额: figures to reach in a period, and the steps from draft to closing.

mod actors;
mod batch;
mod db;
mod decompose;
pub mod http;
mod lookup;
mod margin;
mod merge;
pub mod period;
mod rules;
mod steps;
mod subject;

use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use intake::Reference;
use platform::row_rule::RowRule;
use platform::row_rule::Viewers::{Accounts, CustomerOrPool, Everybody, Person, Team, When};
use platform::{Date, FixedSql, Money, Timestamp, fixed_sql, page, resource, sent, text_enum};
use schema::targets;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use db::uses_currency;
pub use lookup::find_targets;
pub use margin::shown;
pub use merge::customer_merged;
pub use steps::TargetAction;

text_enum! {
    /// Type of the target's owner
    #[derive(Default)]
    pub enum OwnerType {
        /// 公司
        #[default]
        Company = "company",
        /// 团队
        Team = "team",
        /// 个人
        User = "user",
        /// 渠道
        Channel = "channel",
        /// 客户
        Customer = "customer",
    }
}

text_enum! {
    /// Figure that a target is about. Default: `ordered_amount`
    #[derive(Default)]
    pub enum Metric {
        /// 签单额
        SignedAmount = "signed_amount",
        /// 订货额
        #[default]
        OrderedAmount = "ordered_amount",
        /// 开票额
        InvoicedAmount = "invoiced_amount",
        /// 回款额
        CollectedAmount = "collected_amount",
        /// 销量
        Quantity = "quantity",
        /// 毛利
        GrossMargin = "gross_margin",
        /// 新客户数
        NewCustomers = "new_customers",
        /// 有效拜访数
        ValidVisits = "valid_visits",
        /// 新品铺货数
        NewProductCustomers = "new_product_customers",
    }
}

text_enum! {
    /// Level of ambition. Default: `base`
    #[derive(Default)]
    pub enum Level {
        /// 目标
        #[default]
        Base = "base",
        /// 冲刺
        Stretch = "stretch",
        /// 挑战
        Challenge = "challenge",
    }
}

text_enum! {
    /// Property of the sales that a target is limited to
    pub enum Dimension {
        Product = "product",
        Category = "category",
        Territory = "territory",
        Region = "region",
        Channel = "channel",
    }
}

text_enum! {
    #[derive(Default)]
    pub enum PeriodType {
        /// Starts on 1 January
        Year = "year",
        /// Starts on 1 January, April, July or October
        Quarter = "quarter",
        /// Starts on the first of a month
        Month = "month",
        /// Starts on a Monday
        Week = "week",
        Day = "day",
        /// Any day to any later day
        #[default]
        Custom = "custom",
    }
}

text_enum! {
    #[derive(Default)]
    pub enum TargetStatus {
        #[default]
        Draft = "draft",
        Approved = "approved",
        Closed = "closed",
    }
}

text_enum! {
    pub enum TargetSort {
        Earliest = "period_start",
        Latest = "-period_start",
        NewestFirst = "-created_at",
    }
}

/// A target, 目标/定额
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct Target {
    pub id: Uuid,
    pub version: i64,
    #[schema(inline)]
    pub owner_type: OwnerType,
    /// Team, user or customer; null for the company and channels
    pub owner_id: Option<Uuid>,
    /// Channel as orders name it, for targets of channels
    pub channel: Option<String>,
    #[schema(inline)]
    pub metric: Metric,
    #[schema(inline)]
    pub level: Level,
    #[schema(inline)]
    pub dimension: Option<Dimension>,
    /// Id of the product or territory, or the name of the category, region or channel
    pub dimension_value: Option<String>,
    #[schema(inline)]
    pub period_type: PeriodType,
    pub period_start: Date,
    /// Exclusive
    pub period_end: Date,
    pub value: Money,
    /// ISO 4217. Null when the metric is not an amount
    pub currency: Option<String>,
    /// Target that this one is a part of
    pub parent_id: Option<Uuid>,
    #[schema(inline)]
    pub status: TargetStatus,
    /// Reason for the latest change of the value
    pub reason: Option<String>,
    pub authored_by: Uuid,
    /// Never the author; null while it is a draft, or when another system approved it
    pub approved_by: Option<Uuid>,
    pub approved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Actual recorded at the closing. For a gross margin only visible with permission to see costs
    pub closed_actual: Option<Money>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Owner of the customer, for targets of customers
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
    /// Fields that you may not see
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = no_fields())]
    #[diesel(select_expression_type = FixedSql<Array<Text>>)]
    pub masked_fields: Vec<String>,
}

fn no_fields() -> FixedSql<Array<Text>> {
    fixed_sql("'{}'::text[]")
}

platform::in_currency! { Target: |target| target.currency.as_deref() }

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql(
        "(select c.owner_id from customers c \
         where c.id = targets.owner_id and targets.owner_type = 'customer')",
    )
}

const RULE: RowRule = RowRule {
    table: "targets",
    accounts: false,
    viewers: &[
        When("targets.owner_type = 'company'", &Everybody),
        When("targets.owner_type = 'user'", &Person("owner_id")),
        When("targets.owner_type = 'team'", &Team("owner_id")),
        When("targets.owner_type = 'customer'", &CustomerOrPool("owner_id")),
        When("targets.owner_type = 'customer'", &Accounts),
    ],
};

resource! {
    Target: "target" at "/api/v1/targets", seen by RULE, as |target| target.watchers()
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "owner_type": "user", "owner_id": "0198c0de-0000-7000-8000-000000000001",
    "period_type": "month", "period_start": "2026-11-01", "value": "120000.00" }))]
pub struct NewTarget {
    #[schema(inline)]
    owner_type: OwnerType,
    #[schema(inline)]
    period_type: PeriodType,
    period_start: Date,
    /// 0 or more
    value: Money,
    /// Source system of `external_id`. Default: your own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    #[serde(flatten)]
    details: TargetDetails,
}

/// A merge patch: absent fields stay as they are, null clears. In an approved target only the value
/// can change, and only with a reason.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "value": "130000.00", "reason": "a second shop opens" }))]
pub struct TargetChanges {
    /// Required when the value of an approved target changes
    #[schema(min_length = 1, max_length = 500, nullable = false)]
    reason: Option<String>,
    #[serde(flatten)]
    fields: TargetFields,
}

/// Fields that changes of targets and batches of targets have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct TargetFields {
    /// Type of the owner. Required together with `owner_id`
    #[schema(inline, nullable = false)]
    owner_type: Option<OwnerType>,
    #[schema(inline, nullable = false)]
    period_type: Option<PeriodType>,
    #[schema(nullable = false)]
    period_start: Option<Date>,
    #[schema(nullable = false)]
    value: Option<Money>,
    #[serde(flatten)]
    details: TargetDetails,
}

/// Fields that new targets and changes of targets have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct TargetDetails {
    /// Team, user or customer
    #[serde(deserialize_with = "sent")]
    owner_id: Option<Option<Uuid>>,
    /// Channel as orders name it, for targets of channels
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 60)]
    channel: Option<Option<String>>,
    #[schema(inline, nullable = false)]
    metric: Option<Metric>,
    #[schema(inline, nullable = false)]
    level: Option<Level>,
    #[serde(deserialize_with = "sent")]
    #[schema(inline)]
    dimension: Option<Option<Dimension>>,
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 100)]
    dimension_value: Option<Option<String>>,
    /// Exclusive. Required for custom periods; otherwise it follows from `period_start`
    #[schema(nullable = false)]
    period_end: Option<Date>,
    /// ISO 4217. Default: the company's currency; null for metrics that are not amounts
    #[serde(deserialize_with = "sent")]
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    parent_id: Option<Option<Uuid>>,
}

const REFERENCES: &[Reference] = &[
    Reference { at: "owner[owner_type=user]", of: "user", find: auth::find_users },
    Reference { at: "owner[owner_type=team]", of: "team", find: auth::find_teams },
    Reference {
        at: "owner[owner_type=customer]",
        of: "customer",
        find: customers::customer::find_customers,
    },
    Reference { at: "owner[owner_type=company]", of: "company", find: lookup::find_nothing },
    Reference { at: "owner[owner_type=channel]", of: "channel", find: lookup::find_nothing },
    Reference { at: "owner[owner_type=]", of: "owner", find: lookup::find_as_given },
    Reference { at: "parent", of: "target", find: find_targets },
];

intake::references! {
    NewTarget: REFERENCES;
    TargetChanges: REFERENCES;
}

/// Filter of the list of targets.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TargetFilter {
    #[param(inline)]
    owner_type: Option<OwnerType>,
    /// An external id requires `owner_type`
    owner_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    metric: Option<Vec<Metric>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    level: Option<Vec<Level>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    period_type: Option<Vec<PeriodType>>,
    period_start_from: Option<Date>,
    /// Exclusive
    period_start_to: Option<Date>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<TargetStatus>>,
    /// Only the direct parts of this target
    parent_id: Option<Uuid>,
    /// Default: `-period_start`
    #[param(inline)]
    sort: Option<TargetSort>,
}

intake::references! { TargetFilter: REFERENCES }

page! {
    /// A page of targets
    TargetPage of Target
}

/// Options of an approval
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "force": false }))]
pub struct Approval {
    /// Approve even if the parts do not add up to the target
    #[serde(default)]
    #[schema(default = false)]
    force: bool,
}
