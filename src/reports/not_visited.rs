//! Customers without a recent visit 未拜访客户.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, NoFilter, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::CustomerFilter;

/// Minimum time without a visit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NotVisitedQuery {
    /// Minimum number of days since the last visit at `as_of`. Default: `30`
    #[param(minimum = 1, maximum = 36_500, example = 30)]
    days: Option<i32>,
}

/// One customer without a recent visit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29484",
    "customer_name": "上海林氏贸易有限公司",
    "owner_id": "01910000-0000-7000-8000-000000000001", "owner_external_id": "275",
    "owner_name": "王芳", "last_visit_on": "2026-08-30", "days_since": 85,
}))]
pub struct NotVisitedRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// Null for customers in the pool 公海
    pub owner_id: Option<Uuid>,
    pub owner_external_id: Option<String>,
    pub owner_name: Option<String>,
    /// Null for a customer who was never visited
    pub last_visit_on: Option<Date>,
    /// Days since the last visit at `as_of`; null for a customer who was never visited
    pub days_since: Option<i64>,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotVisitedTotals {
    pub customers: i64,
    /// Customers who were never visited
    pub never_visited: i64,
}

crate::report! {
    /// Customers without a recent visit
    NotVisitedReport of NotVisitedRow, NotVisitedTotals
}

/// Customers without a recent visit
///
/// 未拜访客户: customers without a completed visit for at least `days` days, those who were never
/// visited first. Customers count as they are now, without merged, lost and blacklisted ones. Only
/// customers and visits visible to you count.
#[utoipa::path(
    get, path = "/reports/not-visited",
    params(ReportQuery<NotVisitedQuery, CustomerFilter, NoFilter>),
    responses(
        (status = 200, description = "The customers, longest without a visit first", content(
            (NotVisitedReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_not_visited(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<NotVisitedQuery, CustomerFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NotVisitedQuery>) -> Plan {
    // The days are counted back from `as_of`, so that later visits must not count, even if it is
    // today by default.
    question.until = Some(question.as_of);
    let (visits, customers) = (question.visits(), question.customers());
    let (as_of, days) = (question.binds.date(question.as_of), question.own.days.unwrap_or(30));
    let silent = format!(
        "with known as (select id, external_id, name, owner_id from customers where {customers}),
        silent as (
            select known.*, last_visit_on, {as_of} - last_visit_on as days_since
            from known left join lateral (
                select planned_date as last_visit_on from visits
                where customer_id = known.id and status = 'completed' and {visits}
                order by planned_date desc limit 1
            ) as latest on true
            where last_visit_on is null or {as_of} - last_visit_on >= {days}
        )"
    );

    let rows = format!(
        "{silent}
        select silent.id as customer_id, silent.external_id as customer_external_id,
            silent.name as customer_name, owner_id, users.external_id as owner_external_id,
            users.name as owner_name, last_visit_on, days_since
        from silent left join users on users.id = owner_id
        order by last_visit_on nulls first, silent.external_id collate \"C\", silent.id"
    );

    let totals = format!(
        "{silent}
        select count(*) as customers,
            count(*) filter (where last_visit_on is null) as never_visited
        from silent"
    );

    Plan::new("not-visited", question.binds, rows, totals)
}
