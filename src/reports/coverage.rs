//! Customer coverage 客户覆盖率: the share of customers with a visit.

use access::Can;
use actix_web::HttpResponse;
use customers::customer::Tier;
use platform::{Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::CustomerFilter;

text_enum! {
    pub enum CoverageBy {
        /// 地区
        Region = "region",
        /// 客户分档
        Tier = "tier",
        /// Owner of the customer
        Owner = "owner",
    }
}

/// Grouping of the customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CoverageQuery {
    /// Default: `owner`
    #[param(inline)]
    group_by: Option<CoverageBy>,
}

/// Customers of one group. Each row has only the key field of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "region": "上海", "customers": 214, "visited": 183, "coverage_percent": "85.51",
}))]
pub struct CoverageRow {
    #[schema(required = false)]
    pub region: Option<String>,
    #[schema(inline, required = false)]
    pub tier: Option<Tier>,
    /// Null for customers in the pool 公海
    #[schema(required = false)]
    pub owner_id: Option<Uuid>,
    #[schema(required = false)]
    pub owner_external_id: Option<String>,
    #[schema(required = false)]
    pub owner_name: Option<String>,
    pub customers: i64,
    /// Customers with a completed visit in the period
    pub visited: i64,
    /// 覆盖率: `visited` ÷ `customers`, in percent
    pub coverage_percent: Number,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageTotals {
    pub customers: i64,
    pub visited: i64,
    /// Null without customers
    pub coverage_percent: Option<Number>,
}

crate::report! {
    /// Customer coverage
    CoverageReport of CoverageRow, CoverageTotals
}

/// Customer coverage
///
/// 客户覆盖率: customers, and how many of them had a completed visit on a day of the period.
/// Customers count as they are now, without merged, lost and blacklisted ones. Only customers and
/// visits visible to you count.
#[utoipa::path(
    get, path = "/reports/coverage",
    params(ReportQuery<CoverageQuery, CustomerFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (CoverageReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_coverage(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<CoverageQuery, CustomerFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
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
