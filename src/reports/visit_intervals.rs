//! Visit intervals 拜访周期 of customers.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::VisitFilter;
use crate::period::AnyPeriod;

/// Visits to one customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29484",
    "customer_name": "上海林氏贸易有限公司", "visits": 11, "first_visit": "2026-01-06",
    "last_visit": "2026-10-30", "average_days_between_visits": "29.70",
    "days_since_last_visit": 24,
}))]
pub struct VisitIntervalsRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub visits: i64,
    pub first_visit: Date,
    pub last_visit: Date,
    /// Null with fewer than two visits
    pub average_days_between_visits: Option<Number>,
    /// Days since the last visit at `as_of`
    pub days_since_last_visit: i64,
}

/// Totals of all visits.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitIntervalsTotals {
    pub customers: i64,
    pub visits: i64,
}

crate::report! {
    /// Visit intervals by customer
    VisitIntervalsReport of VisitIntervalsRow, VisitIntervalsTotals
}

/// Visit intervals by customer
///
/// 拜访周期 of the customers with completed visits up to `as_of`, longest without a visit first.
/// Default period: all time. Only visits visible to you count.
#[utoipa::path(
    get, path = "/reports/visit-intervals",
    params(ReportQuery<NoFilter, VisitFilter, AnyPeriod>),
    responses(
        (status = 200, description = "One row per customer", content(
            (VisitIntervalsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_visit_intervals(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<NoFilter, VisitFilter, AnyPeriod>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    // The days are counted back from `as_of`, so that later visits must not count, even if it is
    // today by default.
    question.until = Some(question.as_of);
    let visits = question.visits() + &question.from_source("visits");
    let as_of = question.binds.date(question.as_of);
    let narrowed = question.narrowed;
    let visited = format!(
        "with visited as (
            select customer_id, count(*) as visits, min(planned_date) as first_visit,
                max(planned_date) as last_visit
            from visits where status = 'completed' and {visits}{narrowed}
            group by customer_id
        )"
    );

    let rows = format!(
        "select customer_id, external_id as customer_external_id, name as customer_name, visits,
            first_visit, last_visit,
            round((last_visit - first_visit)::numeric / nullif(visits - 1, 0), 2)::text
                as average_days_between_visits,
            {as_of} - last_visit as days_since_last_visit
        from visited join customers on customers.id = customer_id
        order by last_visit, external_id collate \"C\", customer_id"
    );

    let totals =
        "select count(*) as customers, coalesce(sum(visits), 0)::bigint as visits from visited"
            .to_owned();
    Plan { shared: visited, ..Plan::new("visit-intervals", question.binds, rows, totals) }
}
