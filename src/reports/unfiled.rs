//! Complaints without a filing number 未备案投诉.

use access::Can;
use actix_web::HttpResponse;
use complaints::complaint::{ComplaintCategory, ComplaintStatus, ResolutionMode, Severity};
use platform::{Date, NoFilter, Problems, Query, Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadComplaintReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::complained::{ComplaintFilter, day_of, known};

/// One complaint that waits for its filing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "complaint_id": "01910000-0000-7000-8000-000000000005", "number": "CO-2026-000123",
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29484",
    "customer_name": "上海林氏贸易有限公司",
    "owner_id": "01910000-0000-7000-8000-000000000001", "owner_external_id": "275",
    "owner_name": "王芳", "category": "quality", "severity": "general",
    "status": "resolved", "resolution_mode": "on_the_spot", "resolved_on": "2026-11-20", "days_waiting": 4,
    "filing_due": "2026-11-23T10:00:00Z", "overdue": true,
}))]
pub struct UnfiledRow {
    pub complaint_id: Uuid,
    pub number: String,
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub owner_id: Option<Uuid>,
    pub owner_external_id: Option<String>,
    pub owner_name: Option<String>,
    #[schema(inline)]
    pub category: ComplaintCategory,
    #[schema(inline)]
    pub severity: Severity,
    #[schema(inline)]
    pub status: ComplaintStatus,
    #[schema(inline)]
    pub resolution_mode: Option<ResolutionMode>,
    /// Null while the complaint is open
    pub resolved_on: Option<Date>,
    /// Days from `resolved_on` to `as_of`; null while the complaint is open
    pub days_waiting: Option<i64>,
    pub filing_due: Timestamp,
    /// True if `filing_due` has passed by now
    pub overdue: bool,
}

/// Totals of all complaints.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnfiledTotals {
    pub complaints: i64,
    pub overdue: i64,
    /// Null when no resolved complaint is waiting
    pub longest_days_waiting: Option<i64>,
}

crate::report! {
    /// Complaints without a filing number
    UnfiledReport of UnfiledRow, UnfiledTotals
}

/// Complaints without a filing number
///
/// 未备案投诉: open and resolved complaints without a filing number, by `filing_due`. Rejected and
/// withdrawn complaints need none. Only complaints visible to you count.
#[utoipa::path(
    get, path = "/reports/unfiled",
    params(ReportQuery<NoFilter, ComplaintFilter, NoFilter>),
    responses(
        (status = 200, description = "The complaints, earliest `filing_due` first", content(
            (UnfiledReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_unfiled(
    caller: Can<ReadComplaintReports>,
    asked: Query<ReportQuery<NoFilter, ComplaintFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let day = day_of("resolved_at", &mut question);
    let resolved = format!("case when status = 'resolved' then {day} end");
    let (as_of, now) = (question.binds.date(question.as_of), question.binds.instant(question.now));
    question.narrowed += " and status in ('registered', 'accepted', 'in_progress',
        'pending_customer', 'resolved') and filed_at is null";
    let columns = format!(
        "number, resolution_mode, {resolved} as resolved_on, {as_of} - ({resolved}) as days_waiting,
                filing_due, filing_due < {now} as overdue"
    );

    let known = known(&columns, &mut question);
    let rows = format!(
        "with {known}
        select known.id as complaint_id, number, customer_id,
            customers.external_id as customer_external_id, customers.name as customer_name,
            known.owner_id, users.external_id as owner_external_id, users.name as owner_name,
            category, severity, known.status, resolution_mode, resolved_on, days_waiting, filing_due,
            overdue
        from known join customers on customers.id = customer_id
        left join users on users.id = known.owner_id
        order by filing_due, known.id"
    );

    let totals = format!(
        "with {known}
        select count(*) as complaints, count(*) filter (where overdue) as overdue,
            max(days_waiting) as longest_days_waiting
        from known"
    );

    Plan::new("unfiled", question.binds, rows, totals)
}
