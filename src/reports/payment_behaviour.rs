//! Payment behaviour 付款行为: the punctuality of customers' payments.

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

/// Payment behaviour of one customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "invoices": 12, "paid": "88000.0000",
    "average_days_late": "6.50", "weighted_days_late": "9.25", "late_percent": "40.00",
}))]
pub struct PaymentBehaviourRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// Invoices with at least one payment
    pub invoices: i64,
    /// Payments allocated to invoices, in the company's currency
    pub paid: Number,
    /// 平均逾期天数: mean of allocation date − due date over all payments, one for each instalment
    /// that a payment settles; early payments count as negative days. Null without payments.
    pub average_days_late: Option<Number>,
    /// 金额加权逾期天数: Σ (days late × paid) ÷ Σ paid. Null without payments.
    pub weighted_days_late: Option<Number>,
    /// 逾期回款率: amount paid after the due date ÷ `paid`, in percent. Null without payments.
    pub late_percent: Option<Number>,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentBehaviourTotals {
    pub customers: i64,
    pub invoices: i64,
    pub paid: Number,
    /// Mean of allocation date − due date over all payments of all customers
    pub average_days_late: Option<Number>,
    /// Σ (days late × paid) ÷ Σ paid
    pub weighted_days_late: Option<Number>,
    /// Amount paid after the due date ÷ `paid`, in percent
    pub late_percent: Option<Number>,
}

crate::report! {
    /// Payment behaviour by customer
    PaymentBehaviourReport of PaymentBehaviourRow, PaymentBehaviourTotals
}

/// Payment behaviour by customer
///
/// 付款行为: days from the due date to the allocation of the payment, as a plain mean and weighted
/// by amount. Allocations count if they were made in the period and not reversed by `as_of`. A
/// payment settles the instalments of an invoice in the order of their due dates. Only invoices
/// visible to you count.
#[utoipa::path(
    get, path = "/reports/payment-behaviour",
    params(ReportQuery<NoFilter, AccountFilter>),
    responses(
        (status = 200, description = "One row per customer", content(
            (PaymentBehaviourReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_payment_behaviour(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(distinct invoice_id) as invoices,
            round(coalesce(sum(paid), 0), 4)::text as paid,
            round(avg(late), 2)::text as average_days_late,
            round(sum(late * paid) / nullif(sum(paid), 0), 2)::text as weighted_days_late,
            round(100 * coalesce(sum(paid) filter (where late > 0), 0) / nullif(sum(paid), 0), 2)
                ::text as late_percent";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = sees::<Invoice>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("invoices");
    let (range, until) = (question.range, question.until);
    let paid = dated("allocated_on", range, until, &mut question.binds);
    let day = question.binds.date(question.as_of);
    let pieces = pieces(&day);
    let narrowed = question.narrowed;
    let counted = format!(
        "with counted as (
            select * from (
                select invoices.customer_id, salesperson_id as person_id, region, a.invoice_id,
                    piece.paid * exchange_rate as paid,
                    (a.allocated_on - piece.due_on)::numeric as late
                from allocations a join invoices on invoices.id = a.invoice_id
                join customers on customers.id = invoices.customer_id
                cross join {pieces}
                where a.payment_id is not null and (a.reversed_on is null or a.reversed_on > {day})
                    and {paid}{visible}
            ) as it where true{narrowed}
        )"
    );

    let rows = format!(
        "with groups as (select customer_id, {FIGURES} from counted group by customer_id)
        select customer_id, external_id as customer_external_id, name as customer_name, invoices,
            paid, average_days_late, weighted_days_late, late_percent
        from groups join customers on customers.id = customer_id
        order by external_id collate \"C\", customer_id"
    );

    let totals = format!("select count(distinct customer_id) as customers, {FIGURES} from counted");
    Plan { shared: counted, ..Plan::new("payment-behaviour", question.binds, rows, totals) }
}
