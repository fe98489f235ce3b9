//! Visits by person and month 拜访统计.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::VisitFilter;

/// Visits of one person in one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01910000-0000-7000-8000-000000000001", "user_external_id": "275",
    "user_name": "王芳", "month": "2026-07", "planned": 84, "completed": 79, "valid": 71,
    "in_fence": 74, "customers": 52, "active_days": 21,
    "average_duration_min": "36.4177",
}))]
pub struct VisitsRow {
    /// Owner of the visits, who gets the credit
    pub user_id: Uuid,
    pub user_external_id: Option<String>,
    pub user_name: String,
    #[schema(example = "2026-07")]
    pub month: String,
    /// 计划: all visits except cancelled ones
    pub planned: i64,
    /// 完成
    pub completed: i64,
    /// 有效拜访
    pub valid: i64,
    /// 围栏内: completed visits with the owner's check-in at the customer's location
    pub in_fence: i64,
    /// Distinct customers of the completed visits
    pub customers: i64,
    /// 出访天数: days with a completed visit
    pub active_days: i64,
    /// Minutes between the owner's check-in and check-out, averaged over the completed visits that
    /// overlap no other visit of the owner
    pub average_duration_min: Option<Number>,
}

/// Totals of all visits.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitsTotals {
    pub people: i64,
    pub planned: i64,
    pub completed: i64,
    pub valid: i64,
    pub in_fence: i64,
    /// Distinct customers of all people together
    pub customers: i64,
    /// Sum of the active days of all people
    pub active_days: i64,
    pub average_duration_min: Option<Number>,
}

crate::report! {
    /// Visits by person and month
    VisitsReport of VisitsRow, VisitsTotals
}

/// Visits by person and month
///
/// 拜访统计: a visit counts for its owner, in the month of the owner's check-in or, without one, in
/// the month that it is planned for. Cancelled visits do not count. Only visits visible to you
/// count.
#[utoipa::path(
    get, path = "/reports/visits",
    params(ReportQuery<NoFilter, VisitFilter>),
    responses(
        (status = 200, description = "One row per person and month", content(
            (VisitsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_visits(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<NoFilter, VisitFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

/// Figures that follow from [`SUMS`].
const FIGURES: &str = "planned, completed, valid, in_fence, customers, active_days,
            round(minutes::numeric / nullif(timed, 0), 4)::text as average_duration_min";

const SUMS: &str = "coalesce(sum(planned), 0)::bigint as planned,
                coalesce(sum(completed), 0)::bigint as completed,
                coalesce(sum(valid), 0)::bigint as valid,
                coalesce(sum(in_fence), 0)::bigint as in_fence,
                sum(minutes) as minutes, sum(timed) as timed";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visits = question.visits() + &question.from_source("visits");
    let narrowed = question.narrowed;
    // A year may have millions of visits, which are read only once. The days of a month are the
    // bits of a number, so that a day with visits to several customers counts once.
    let shared = format!(
        "with of_customers as materialized (
            select owner_id, date_trunc('month', planned_date::timestamp) as month, customer_id,
                count(*) as planned, count(*) filter (where status = 'completed') as completed,
                count(*) filter (where validity = 'valid') as valid,
                count(*) filter (where status = 'completed' and visits.in_fence) as in_fence,
                sum(duration_min) filter (where status = 'completed' and doubted.visit_id is null)
                    as minutes,
                count(duration_min) filter (where status = 'completed' and doubted.visit_id is null)
                    as timed,
                bit_or(1 << extract(day from planned_date)::int - 1)
                    filter (where status = 'completed') as days
            from visits
            left join visit_checks doubted on doubted.visit_id = visits.id and doubted.overlapping
            where status <> 'cancelled' and {visits}{narrowed}
            group by 1, 2, 3
        ),
        figures as materialized (
            select owner_id, month, {SUMS}, count(*) filter (where completed > 0) as customers,
                coalesce(bit_count(bit_or(days)::bit(32)), 0) as active_days
            from of_customers group by 1, 2
        )"
    );

    let rows = format!(
        "select users.id as user_id, external_id as user_external_id, name as user_name,
            to_char(month, 'YYYY-MM') as month, {FIGURES}
        from figures join users on users.id = owner_id
        order by figures.month, external_id collate \"C\", users.id"
    );

    let totals = format!(
        "select people, {FIGURES} from (
            select count(distinct owner_id) as people, {SUMS},
                (select count(distinct customer_id) from of_customers where completed > 0)
                    as customers,
                coalesce(sum(active_days), 0)::bigint as active_days
            from figures
        ) as sums"
    );

    Plan { shared, ..Plan::new("visits", question.binds, rows, totals) }
}
