//! Collections 回款统计: due, collected and late amounts by month and salesperson.

use ::receivables::invoice::Invoice;
use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{dated, sees};
use crate::receivables::{AccountFilter, pieces};

/// One month of one salesperson.
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
    /// Salesperson of the invoices; null for invoices without one
    pub salesperson_id: Option<Uuid>,
    pub salesperson_external_id: Option<String>,
    pub salesperson_name: Option<String>,
    /// 应回款: instalments of posted invoices that are due in the month
    pub due: Number,
    /// 已回款: payments allocated to invoices in the month, whatever their due date, less the
    /// allocations that were reversed in the month. Negative when more was reversed than allocated
    pub collected: Number,
    /// 逾期回款: part of `collected` that was allocated after the due date of its instalment
    pub late: Number,
    /// 回款率: `collected` ÷ `due`, in percent. Null when nothing was due.
    pub collected_percent: Option<Number>,
    /// 逾期回款率: `late` ÷ `collected`, in percent. Null when nothing was collected.
    pub late_percent: Option<Number>,
}

/// Totals of the whole period.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionsTotals {
    /// Instalments of posted invoices that are due in the period
    pub due: Number,
    /// Payments allocated to invoices in the period, less the allocations that were reversed in it
    pub collected: Number,
    /// Part of `collected` that was allocated after the due date of its instalment
    pub late: Number,
    /// `collected` ÷ `due`, in percent
    pub collected_percent: Option<Number>,
    /// `late` ÷ `collected`, in percent
    pub late_percent: Option<Number>,
}

crate::report! {
    /// Collections by month and salesperson
    CollectionsReport of CollectionsRow, CollectionsTotals
}

/// Collections by month and salesperson
///
/// 回款统计, in the company's currency at the rate of each invoice. A payment settles the
/// instalments of an invoice in the order of their due dates. A reversed allocation is subtracted
/// in the month of the reversal; earlier months stay unchanged. Only invoices visible to you count.
#[utoipa::path(
    get, path = "/reports/collections",
    params(ReportQuery<NoFilter, AccountFilter>),
    responses(
        (status = 200, description = "One row per month and salesperson", content(
            (CollectionsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_collections(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "round(coalesce(sum(due), 0), 4)::text as due,
            round(coalesce(sum(collected), 0), 4)::text as collected,
            round(coalesce(sum(late), 0), 4)::text as late,
            round(100 * coalesce(sum(collected), 0) / nullif(sum(due), 0), 2)::text
                as collected_percent,
            round(100 * coalesce(sum(late), 0) / nullif(sum(collected), 0), 2)::text
                as late_percent";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = sees::<Invoice>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("invoices");
    let (range, until) = (question.range, question.until);
    let due = dated("day", range, until, &mut question.binds);
    let collected = dated("allocated_on", range, until, &mut question.binds);
    let taken_back = dated("reversed_on", range, until, &mut question.binds);
    // Instalments are assigned as of the day of each allocation, so that later reversals rewrite no
    // past month.
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
