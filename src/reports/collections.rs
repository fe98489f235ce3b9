//! What was due, what came in, and what of it came late, 回款统计 (S59), by month and person.

use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::dated;
use crate::receivables::{AccountFilter, pieces, visible_invoices};

/// One salesperson's month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "month": "2026-07", "salesperson_id": "01910000-0000-7000-8000-000000000001",
    "salesperson_external_id": "275", "salesperson_name": "王芳", "due": "1000.0000",
    "collected": "800.0000", "late": "300.0000", "collected_percent": "80.00",
    "late_percent": "37.50",
}))]
pub struct CollectionsRow {
    #[schema(example = "2026-07")]
    pub month: String,
    /// Whose sale it was; null for nobody's
    pub salesperson_id: Option<Uuid>,
    pub salesperson_external_id: Option<String>,
    pub salesperson_name: Option<String>,
    /// 应回款: posted invoices, by the instalments that are due in the month
    pub due: Number,
    /// 已回款: payments used for invoices in the month, whenever those were due, less the uses that were
    /// reversed in the month; negative when more was reversed
    pub collected: Number,
    /// 逾期回款: part of `collected` that was used after the due day of its instalment
    pub late: Number,
    /// 回款率: collected ÷ due, in percent. Null when nothing was due.
    pub collected_percent: Option<Number>,
    /// 逾期回款率: late ÷ collected, in percent of the amount. Null when nothing was collected.
    pub late_percent: Option<Number>,
}

/// The whole period.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionsTotals {
    /// Instalments of posted invoices that are due in the period
    pub due: Number,
    /// Payments used for invoices in the period, less the uses that were reversed in it
    pub collected: Number,
    /// Part of `collected` that was used after the due day of its instalment
    pub late: Number,
    /// collected ÷ due, in percent
    pub collected_percent: Option<Number>,
    /// late ÷ collected, in percent of the amount
    pub late_percent: Option<Number>,
}

crate::report! {
    /// What was due and what came in
    CollectionsReport of CollectionsRow, CollectionsTotals
}

/// What was due and what came in
///
/// 回款统计 by month and salesperson, in the company's currency. Money pays the parts of an invoice in
/// the order of their days. What is taken back is taken off in that month; the months before it stay
/// as they were. Only invoices that you may see.
#[utoipa::path(
    tag = "reports",
    params(Asked<NoFilter, AccountFilter>),
    responses(
        (status = 200, description = "A row for each month and person", content(
            (CollectionsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/collections")]
pub async fn report_collections(
    caller: Can<ReadAccountReports>,
    asked: Query<Asked<NoFilter, AccountFilter>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "round(coalesce(sum(due), 0), 4)::text as due,
            round(coalesce(sum(collected), 0), 4)::text as collected,
            round(coalesce(sum(late), 0), 4)::text as late,
            round(100 * coalesce(sum(collected), 0) / nullif(sum(due), 0), 2)::text
                as collected_percent,
            round(100 * coalesce(sum(late), 0) / nullif(sum(collected), 0), 2)::text
                as late_percent";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = visible_invoices(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("invoices");
    let (range, until) = (question.range, question.until);
    let due = dated("day", range, until, &mut question.binds);
    let collected = dated("allocated_on", range, until, &mut question.binds);
    let taken_back = dated("reversed_on", range, until, &mut question.binds);
    // Where it went is told by the day of its use, so that what comes later rewrites no month.
    let pieces = pieces("a.allocated_on");
    let narrowed = question.narrowed;
    let counted = format!(
        "with parts as (
            select invoices.customer_id, salesperson_id as person_id, part.day,
                part.amount * exchange_rate as due
            from invoices cross join lateral (
                select (it ->> 'due_date')::date as day, (it ->> 'amount')::numeric as amount
                from jsonb_array_elements(instalments) as it
                union all
                select due_date, total_amount where jsonb_array_length(instalments) = 0
            ) as part
            where kind = 'invoice' and status = 'posted'{visible}
        ),
        uses as (
            select invoices.customer_id, salesperson_id as person_id, allocated_on, reversed_on,
                piece.paid * exchange_rate as collected,
                case when allocated_on > piece.due_on then piece.paid * exchange_rate else 0 end
                    as late
            from allocations a join invoices on invoices.id = a.invoice_id
            cross join {pieces}
            where a.payment_id is not null and ({collected} or {taken_back}){visible}
        ),
        paid as (
            select customer_id, person_id, allocated_on as day, collected, late
            from uses where {collected}
            union all
            select customer_id, person_id, reversed_on, -collected, -late
            from uses where {taken_back}
        ),
        counted as (
            select * from (
                select it.*, customers.region from (
                    select customer_id, person_id, to_char(day, 'YYYY-MM') as month, due,
                        0 as collected, 0 as late
                    from parts where {due}
                    union all
                    select customer_id, person_id, to_char(day, 'YYYY-MM'), 0, collected, late
                    from paid
                ) as it join customers on customers.id = customer_id
            ) as it where true{narrowed}
        )"
    );
    let rows = format!(
        "with groups as (select month, person_id, {FIGURES} from counted group by month, person_id)
        select month, person_id as salesperson_id, external_id as salesperson_external_id,
            name as salesperson_name, due, collected, late, collected_percent, late_percent
        from groups left join users on users.id = person_id
        order by month, external_id collate \"C\", person_id"
    );
    let totals = format!("select {FIGURES} from counted");
    Plan { shared: counted, ..Plan::new("collections", question.binds, rows, totals) }
}
