//! SLA compliance 时限达成率 of complaints.

use access::Can;
use actix_web::HttpResponse;
use complaints::complaint::{ComplaintClock, Severity};
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadComplaintReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::complained::{ComplaintFilter, known};

/// Complaints of one severity that one person handles.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "owner_id": "01910000-0000-7000-8000-000000000001", "owner_external_id": "275",
    "owner_name": "王芳", "severity": "major", "complaints": 12, "first_response_kept": 10,
    "first_response_late": 1, "first_response_percent": "90.91", "interim_kept": 9,
    "interim_late": 2, "interim_percent": "81.82", "resolution_kept": 8, "resolution_late": 2,
    "resolution_percent": "80.00",
}))]
pub struct SlaRow {
    /// Null for complaints that nobody has accepted
    pub owner_id: Option<Uuid>,
    pub owner_external_id: Option<String>,
    pub owner_name: Option<String>,
    #[schema(inline)]
    pub severity: Severity,
    pub complaints: i64,
    /// Responded to, or ended, by the deadline
    pub first_response_kept: i64,
    /// Responded to after the deadline, or outstanding past it. Complaints that are outstanding
    /// before the deadline are neither kept nor late
    pub first_response_late: i64,
    /// 达成率: kept ÷ (kept + late), in percent
    pub first_response_percent: Option<Number>,
    /// Only major complaints have interim feedback
    pub interim_kept: i64,
    pub interim_late: i64,
    pub interim_percent: Option<Number>,
    pub resolution_kept: i64,
    /// A complaint that was waiting for the customer before the deadline is not late
    pub resolution_late: i64,
    pub resolution_percent: Option<Number>,
}

/// Totals of all complaints.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaTotals {
    pub complaints: i64,
    pub first_response_kept: i64,
    pub first_response_late: i64,
    pub first_response_percent: Option<Number>,
    pub interim_kept: i64,
    pub interim_late: i64,
    pub interim_percent: Option<Number>,
    pub resolution_kept: i64,
    pub resolution_late: i64,
    pub resolution_percent: Option<Number>,
}

crate::report! {
    /// SLA compliance of complaints
    SlaReport of SlaRow, SlaTotals
}

/// SLA compliance of complaints
///
/// 时限达成率 by person and severity: complaints received on a day of the period, judged as of now,
/// like each complaint when it is read. Only complaints visible to you count.
#[utoipa::path(
    get, path = "/reports/sla",
    params(ReportQuery<NoFilter, ComplaintFilter>),
    responses(
        (status = 200, description = "One row per person and severity", content(
            (SlaReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_sla(
    caller: Can<ReadComplaintReports>,
    asked: Query<ReportQuery<NoFilter, ComplaintFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const TERMS: [&str; 3] = ["first_response", "interim", "resolution"];

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let now = question.binds.instant(question.now);
    let judged = ComplaintClock::judged_sql(&now);
    let terms = TERMS.iter().zip(&judged);
    let columns = terms.map(|(name, term)| {
        let (over, late) = (&term.over, &term.late);
        format!("{late} as {name}_is_late, {over} as {name}_is_over")
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let known = known(&columns, &mut question);

    let figures = TERMS.map(|name| {
        let (kept, late) = (
            format!("count(*) filter (where {name}_is_over and not {name}_is_late)"),
            format!("count(*) filter (where {name}_is_late)"),
        );
        format!(
            "{kept} as {name}_kept, {late} as {name}_late,
                round(100.0 * {kept} / nullif({kept} + {late}, 0), 2)::text as {name}_percent"
        )
    });
    let figures = format!("count(*) as complaints, {}", figures.join(", "));
    let rows = format!(
        "with figures as (select owner_id, severity, {figures} from known group by owner_id, severity)
        select owner_id, external_id as owner_external_id, name as owner_name, severity,
            complaints, first_response_kept, first_response_late, first_response_percent,
            interim_kept, interim_late, interim_percent, resolution_kept, resolution_late,
            resolution_percent
        from figures left join users on users.id = owner_id
        order by external_id collate \"C\", owner_id,
            array_position(array['urgent', 'major', 'general'], severity)"
    );

    let totals = format!("select {figures} from known");
    let shared = format!("with {known}");
    Plan { shared, ..Plan::new("sla", question.binds, rows, totals) }
}
