//! How many visits people planned and made, 拜访统计 (S36, S38).

use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::VisitFilter;

/// The visits of one person that were planned for one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01910000-0000-7000-8000-000000000001", "user_external_id": "275",
    "user_name": "王芳", "month": "2026-07", "planned": 84, "completed": 79, "valid": 71,
    "in_fence": 74, "average_duration_min": "36.4177",
}))]
pub struct VisitsRow {
    /// The owner of the visits, who has the credit
    pub user_id: Uuid,
    pub user_external_id: Option<String>,
    pub user_name: String,
    #[schema(example = "2026-07")]
    pub month: String,
    /// 计划: all but the cancelled ones
    pub planned: i64,
    /// 完成
    pub completed: i64,
    /// 有效拜访
    pub valid: i64,
    /// 围栏内: completed, and the owner checked in where the customer is
    pub in_fence: i64,
    /// Between the owner's check-in and check-out, of the completed ones
    pub average_duration_min: Option<Number>,
}

/// All visits of the report.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitsTotals {
    pub people: i64,
    pub planned: i64,
    pub completed: i64,
    pub valid: i64,
    pub in_fence: i64,
    pub average_duration_min: Option<Number>,
}

crate::report! {
    /// Visits by person and month
    VisitsReport of VisitsRow, VisitsTotals
}

/// Visits by person and month
///
/// 拜访统计: a visit counts for its owner, in the month of the day that it is planned for; cancelled
/// ones do not count. Only visits that you may see.
#[utoipa::path(
    tag = "reports",
    params(Asked<NoFilter, VisitFilter>),
    responses(
        (status = 200, description = "A row for each person and month", content(
            (VisitsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/visits")]
pub async fn report_visits(
    caller: Can<ReadFieldReports>,
    asked: Query<Asked<NoFilter, VisitFilter>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as planned,
                count(*) filter (where completed) as completed,
                count(*) filter (where valid) as valid,
                count(*) filter (where completed and in_fence) as in_fence,
                round(avg(duration_min) filter (where completed), 4)::text as average_duration_min";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visits = question.visits();
    let narrowed = question.narrowed;
    let counted = format!(
        "with counted as (
            select owner_id, to_char(planned_date, 'YYYY-MM') as month,
                status = 'completed' as completed, validity = 'valid' as valid,
                geo_status = 'in_fence' as in_fence, duration_min
            from visits left join visit_checks
                on visit_id = visits.id and user_id = owner_id and kind = 'check_in'
            where status <> 'cancelled' and {visits}{narrowed}
        )"
    );
    let rows = format!(
        "{counted},
        figures as (select owner_id, month, {FIGURES} from counted group by owner_id, month)
        select users.id as user_id, external_id as user_external_id, name as user_name, month,
            planned, completed, valid, in_fence, average_duration_min
        from figures join users on users.id = owner_id
        order by month, external_id collate \"C\", users.id"
    );
    let totals =
        format!("{counted} select count(distinct owner_id) as people, {FIGURES} from counted");
    Plan::new("visits", question.binds, rows, totals)
}
