//! Refusal reasons 拒绝原因 of visits.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use visits::visit::RefuseReason;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::VisitFilter;

/// Refusals for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "refuse_reason": "price", "visits": 41, "customers": 33, "share_percent": "38.68",
}))]
pub struct RefusalsRow {
    #[schema(inline)]
    pub refuse_reason: RefuseReason,
    pub visits: i64,
    pub customers: i64,
    /// 占比: share of all refusals, in percent
    pub share_percent: Number,
}

/// Totals of all refusals.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusalsTotals {
    pub visits: i64,
    pub customers: i64,
    /// All completed visits, whatever their outcome
    pub completed: i64,
    /// 拒绝率: refusals ÷ completed visits, in percent
    pub refused_percent: Option<Number>,
}

crate::report! {
    /// Refusal reasons of visits
    RefusalsReport of RefusalsRow, RefusalsTotals
}

/// Refusal reasons of visits
///
/// 拒绝原因: completed visits on days of the period with the outcome `refused`, by reason, the most
/// frequent first. Only visits visible to you count.
#[utoipa::path(
    get, path = "/reports/refusals",
    params(ReportQuery<NoFilter, VisitFilter>),
    responses(
        (status = 200, description = "One row per reason", content(
            (RefusalsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_refusals(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<NoFilter, VisitFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visits = question.visits() + &question.from_source("visits");
    let narrowed = question.narrowed;
    let made = format!(
        "with made as (
            select customer_id, refuse_reason, outcome is not distinct from 'refused' as refused
            from visits where status = 'completed' and {visits}{narrowed}
        )"
    );

    let rows = format!(
        "{made}
        select refuse_reason, count(*) as visits, count(distinct customer_id) as customers,
            round(100.0 * count(*) / sum(count(*)) over (), 2)::text as share_percent
        from made where refused
        group by refuse_reason
        order by count(*) desc, refuse_reason collate \"C\""
    );

    let totals = format!(
        "{made}
        select count(*) filter (where refused) as visits,
            count(distinct customer_id) filter (where refused) as customers,
            count(*) as completed,
            round(100.0 * count(*) filter (where refused) / nullif(count(*), 0), 2)::text
                as refused_percent
        from made"
    );

    Plan::new("refusals", question.binds, rows, totals)
}
