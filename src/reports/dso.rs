//! Days sales outstanding (DSO) 应收账款周转天数.

use ::receivables::invoice::Invoice;
use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::sees;
use crate::receivables::{AccountFilter, OwedBy, open_on};

/// Grouping of the receivables.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DsoQuery {
    /// Default: `customer`
    #[param(inline)]
    group_by: Option<OwedBy>,
}

/// Figures of one customer, salesperson or region. Each row has only the key fields of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "region": "上海", "receivables": "30000.0000", "sales": "90000.0000", "dso": "30.00",
}))]
pub struct DsoRow {
    #[schema(required = false, nullable = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_name: Option<String>,
    #[schema(required = false)]
    pub salesperson_id: Option<Uuid>,
    #[schema(required = false)]
    pub salesperson_external_id: Option<String>,
    #[schema(required = false)]
    pub salesperson_name: Option<String>,
    #[schema(required = false)]
    pub region: Option<String>,
    /// Invoices and credit notes open on the day, without receipts
    pub receivables: Number,
    /// Amount invoiced in the 90 days that end with the day, less credit notes
    pub sales: Number,
    /// `receivables` ÷ `sales` × 90; null unless `sales` is above 0
    pub dso: Option<Number>,
}

/// Totals of all receivables.
#[derive(Debug, Serialize, ToSchema)]
pub struct DsoTotals {
    pub receivables: Number,
    pub sales: Number,
    pub dso: Option<Number>,
}

crate::report! {
    /// Days sales outstanding
    DsoReport of DsoRow, DsoTotals
}

/// Days sales outstanding
///
/// 应收账款周转天数 (DSO) at the end of a day: open receivables ÷ the amount invoiced in the last
/// 90 days × 90. Only invoices visible to you count.
#[utoipa::path(
    get, path = "/reports/dso",
    params(ReportQuery<DsoQuery, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (DsoReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_dso(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<DsoQuery, AccountFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "round(coalesce(sum(owed), 0), 4)::text as receivables,
            round(coalesce(sum(sold), 0), 4)::text as sales,
            case when sum(sold) > 0 then round(sum(owed) / sum(sold) * 90, 2)::text end as dso";

fn plan(mut question: Question<'_, DsoQuery>) -> Plan {
    let narrowed = question.narrowed.clone();
    let open = open_on(&mut question);
    let visible = sees::<Invoice>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("invoices");
    let day = question.binds.date(question.as_of);
    let counted = format!(
        "with {open},
        counted as (
            select customer_id, person_id, region, amount as owed, 0 as sold
            from open where kind in ('invoice', 'credit_note')
            union all
            select customer_id, person_id, region, 0, amount from (
                select customer_id, salesperson_id as person_id, region,
                    case invoices.kind when 'invoice' then total_amount else -total_amount end
                        * exchange_rate as amount
                from invoices join customers on customers.id = customer_id
                where posted_on is not null and invoice_date > {day} - 90 and invoice_date <= {day}
                    and (cancelled_on is null or cancelled_on > {day}){visible}
            ) as it where true{narrowed}
        )"
    );

    let (key, named, from, order) = question.own.group_by.unwrap_or(OwedBy::Customer).parts();
    let rows = format!(
        "with groups as (select {key}, {FIGURES} from counted group by {key})
        select {named}, receivables, sales, dso from {from} order by {order}"
    );

    let totals = format!("select {FIGURES} from counted");
    Plan { shared: counted, ..Plan::new("dso", question.binds, rows, totals) }
}
