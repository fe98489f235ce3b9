//! How many of the customers were visited, 客户覆盖率 (S38).

use actix_web::{HttpResponse, get};
use auth::Can;
use customers::customer::Tier;
use platform::{Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::CustomerFilter;

text_enum! {
    pub enum CoverageBy {
        /// 地区
        Region = "region",
        /// 客户分档
        Tier = "tier",
        /// Who looks after the customer
        Owner = "owner",
    }
}

/// How to group customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CoverageQuery {
    /// Default: `owner`
    #[param(inline)]
    group_by: Option<CoverageBy>,
}

/// The customers of one group: it has exactly the key of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "region": "上海", "customers": 214, "visited": 183, "coverage_percent": "85.51",
}))]
pub struct CoverageRow {
    #[schema(required = false)]
    pub region: Option<String>,
    #[schema(inline, required = false)]
    pub tier: Option<Tier>,
    /// Null for the pool 公海
    #[schema(required = false)]
    pub owner_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_external_id: Option<String>,
    #[schema(required = false)]
    pub owner_name: Option<String>,
    pub customers: i64,
    /// With a completed visit in the period
    pub visited: i64,
    /// 覆盖率: visited ÷ customers
    pub coverage_percent: Number,
}

/// All customers of the report.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageTotals {
    pub customers: i64,
    pub visited: i64,
    /// Null without customers
    pub coverage_percent: Option<Number>,
}

crate::report! {
    /// How many of the customers were visited
    CoverageReport of CoverageRow, CoverageTotals
}

/// How many of the customers were visited
///
/// 客户覆盖率: customers as they are now, but for merged, lost and blacklisted ones; visited are those
/// with a completed visit on a day of the period. Only customers and visits that
/// you may see.
#[utoipa::path(
    tag = "reports",
    params(Asked<CoverageQuery, CustomerFilter>),
    responses(
        (status = 200, description = "A row for each group", content(
            (CoverageReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/coverage")]
pub async fn report_coverage(
    caller: Can<ReadFieldReports>,
    asked: Query<Asked<CoverageQuery, CustomerFilter>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as customers, count(*) filter (where visited) as visited,
                round(100.0 * count(*) filter (where visited) / nullif(count(*), 0), 2)::text
                    as coverage_percent";

fn plan(mut question: Question<'_, CoverageQuery>) -> Plan {
    let (visits, customers) = (question.visits(), question.customers());
    let (key, shown, from, order) = match question.own.group_by.unwrap_or(CoverageBy::Owner) {
        CoverageBy::Region => ("region", "region", "groups", "region collate \"C\""),
        CoverageBy::Tier => ("tier", "tier", "groups", "tier collate \"C\""),
        CoverageBy::Owner => (
            "owner_id",
            "owner_id, external_id as owner_external_id, name as owner_name",
            "groups left join users on users.id = owner_id",
            "external_id collate \"C\", owner_id",
        ),
    };
    let seen = format!(
        "with seen as (
            select {key}, visited.customer_id is not null as visited
            from customers left join (
                select distinct customer_id from visits where status = 'completed' and {visits}
            ) as visited on visited.customer_id = customers.id
            where {customers}
        )"
    );
    let rows = format!(
        "{seen},
        groups as (select {key}, {FIGURES} from seen group by {key})
        select {shown}, customers, visited, coverage_percent from {from} order by {order}"
    );
    let totals = format!("{seen} select {FIGURES} from seen");
    Plan::new("coverage", question.binds, rows, totals)
}
