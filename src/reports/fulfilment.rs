//! Order fulfilment 订单履行: shipped quantities, late lines, and the time from order to cash.

use ::receivables::invoice::Invoice;
use access::Can;
use actix_web::HttpResponse;
use orders::order::Order;
use platform::{Error, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{MOST_ROWS, Plan, Question, ReportContext, ReportQuery, too_many_rows};
use crate::filter::{dated, sees};
use crate::order_book::BookFilter;
use crate::receivables::OwedBy;

/// Grouping of the orders within their months.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FulfilmentQuery {
    /// Default: only by month. An order credited to several people counts for each of them.
    #[param(inline)]
    group_by: Option<OwedBy>,
}

/// One month, or with `group_by` one customer, salesperson or region in a month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "month": "2026-07", "region": "上海", "orders": 12, "lines": 30, "quantity_ordered": "300",
    "quantity_shipped": "285", "fill_rate_percent": "95.00", "late_lines": 3,
    "late_percent": "10.00", "collected": "90000.0000", "order_to_cash_days": "41.50",
}))]
pub struct FulfilmentRow {
    /// Month of the order date
    #[schema(example = "2026-07")]
    pub month: String,
    #[schema(required = false, nullable = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_name: Option<String>,
    /// Null for orders without a credited salesperson
    #[schema(required = false)]
    pub salesperson_id: Option<Uuid>,
    #[schema(required = false)]
    pub salesperson_external_id: Option<String>,
    #[schema(required = false)]
    pub salesperson_name: Option<String>,
    #[schema(required = false)]
    pub region: Option<String>,
    pub orders: i64,
    /// Order lines, without returns
    pub lines: i64,
    pub quantity_ordered: Number,
    /// Part of `quantity_ordered` that was shipped, for each line at most the ordered quantity
    pub quantity_shipped: Number,
    /// 满足率: shipped ÷ ordered, in percent; null when nothing is to be shipped
    pub fill_rate_percent: Option<Number>,
    /// Lines not shipped in full by their due date, which has passed
    pub late_lines: i64,
    /// 逾期行率: `late_lines` ÷ `lines`, in percent. Null without lines.
    pub late_percent: Option<Number>,
    /// Payments allocated to those invoices of the orders that are visible to you, in the company's
    /// currency
    pub collected: Number,
    /// Days from the confirmation to the allocation of a payment, weighted by its amount; null
    /// without payments
    pub order_to_cash_days: Option<Number>,
}

/// Totals of all orders, each counted once.
#[derive(Debug, Serialize, ToSchema)]
pub struct FulfilmentTotals {
    pub orders: i64,
    pub lines: i64,
    pub quantity_ordered: Number,
    pub quantity_shipped: Number,
    pub fill_rate_percent: Option<Number>,
    /// Lines not shipped in full by their due date, which has passed
    pub late_lines: i64,
    /// `late_lines` ÷ `lines`, in percent
    pub late_percent: Option<Number>,
    pub collected: Number,
    /// Days from the confirmation to the allocation of a payment, weighted by its amount
    pub order_to_cash_days: Option<Number>,
}

crate::report! {
    /// Order fulfilment by month
    FulfilmentReport of FulfilmentRow, FulfilmentTotals
}

/// Order fulfilment by month
///
/// 订单履行 of the confirmed and closed orders of the period, by month. Shipped quantities come
/// from the shipments up to `as_of`; for an order without shipments, from the fulfilment status
/// that the ERP reports for the whole order. Only orders visible to you count.
#[utoipa::path(
    get, path = "/reports/fulfilment",
    params(ReportQuery<FulfilmentQuery, BookFilter>),
    responses(
        (status = 200, description = "One row per month and group", content(
            (FulfilmentReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_fulfilment(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<FulfilmentQuery, BookFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as orders, coalesce(sum(lines), 0)::bigint as lines,
            trim_scale(coalesce(sum(ordered), 0))::text as quantity_ordered,
            trim_scale(coalesce(sum(shipped), 0))::text as quantity_shipped,
            round(100 * sum(shipped) / nullif(sum(ordered), 0), 2)::text as fill_rate_percent,
            coalesce(sum(late), 0)::bigint as late_lines,
            round(100 * sum(late) / nullif(sum(lines), 0), 2)::text as late_percent,
            round(coalesce(sum(collected), 0), 4)::text as collected,
            round(sum(weighted) / nullif(sum(collected), 0), 2)::text as order_to_cash_days";

const SHOWN: &str = "orders, lines, quantity_ordered, quantity_shipped, fill_rate_percent,
            late_lines, late_percent, collected, order_to_cash_days";

fn plan(mut question: Question<'_, FulfilmentQuery>) -> Plan {
    let visible = sees::<Order>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("orders");
    let invoices = sees::<Invoice>(question.caller, &mut question.binds);
    let (range, until) = (question.range, question.until);
    let ordered = dated("order_date", range, until, &mut question.binds);
    let day = question.binds.date(question.as_of);
    let for_table = question.is_for_table();
    let narrowed = question.narrowed;
    let facts = format!(
        "with picked as materialized (
            select * from (
                select orders.id, to_char(order_date, 'YYYY-MM') as month, customer_id, region,
                    credited, due_date, coalesce(confirmed_on, order_date) as since,
                    fulfilment_status in ('shipped', 'delivered')
                        and (shipped_on is null or shipped_on <= {day}) as said, shipped_on
                from orders
                join (select id as of_id, region from customers) as c on of_id = customer_id
                where status in ('confirmed', 'closed') and {ordered}{visible}
            ) as it where true{narrowed}
        ),
        sent as (
            select picked.id as order_id, (it ->> 'line_number')::int as line_number,
                sum((it ->> 'quantity')::numeric) as shipped,
                sum((it ->> 'quantity')::numeric) filter (where shipments.shipped_on <= due_date)
                    as in_time
            from picked join shipments on shipments.order_id = picked.id
            cross join jsonb_array_elements(shipments.lines) as it
            where shipments.status <> 'cancelled' and shipments.shipped_on <= {day}
            group by picked.id, (it ->> 'line_number')::int
        ),
        told as (select distinct order_id from sent),
        of_lines as (
            select picked.id, count(*) as lines, sum(quantity) as ordered,
                sum(case when told.order_id is not null
                    then least(quantity, coalesce(sent.shipped, 0))
                    when said then quantity else 0 end) as shipped,
                count(*) filter (where due_date < {day} and case
                    when told.order_id is not null then coalesce(in_time, 0) < quantity
                    when said then picked.shipped_on > due_date else true end) as late
            from picked join order_lines on order_lines.order_id = picked.id and quantity > 0
            left join told on told.order_id = picked.id
            left join sent on sent.order_id = picked.id
                and sent.line_number = order_lines.line_number
            group by picked.id
        ),
        of_money as (
            select picked.id, sum(a.amount * exchange_rate) as collected,
                sum((allocated_on - since) * a.amount * exchange_rate) as weighted
            from picked join invoices on invoices.order_id = picked.id
            join allocations a on a.invoice_id = invoices.id
            where payment_id is not null and allocated_on <= {day}
                and (reversed_on is null or reversed_on > {day}){invoices}
            group by picked.id
        ),
        facts as (
            select month, customer_id, region, credited, lines, ordered, shipped, late, collected,
                weighted
            from picked left join of_lines using (id) left join of_money using (id)
        )"
    );

    let by = question.own.group_by.map(|by| (by, by.parts()));
    let rows = match by {
        None => format!("select month, {FIGURES} from facts group by month order by month"),
        Some((by, (key, named, from, order))) => {
            let people = match by {
                OwedBy::Salesperson => " left join unnest(credited) as person_id on true",
                _ => "",
            };
            format!(
                "select month, {named}, {SHOWN} from (
                    select month, {key}, {FIGURES} from facts{people} group by month, {key}
                ) as {from} order by month, {order}"
            )
        }
    };

    let totals = format!("select {FIGURES} from facts");

    // Every customer may have a row in every month. The orders alone are enough to count those
    // rows, which is far cheaper than the report.
    let mut refusals: Vec<(String, fn() -> Error)> = vec![];
    if question.own.group_by == Some(OwedBy::Customer) && !for_table {
        let holds = format!(
            "{facts} select count(*) > {MOST_ROWS}
            from (select distinct month, customer_id from picked) as groups"
        );
        refusals.push((holds, too_many_rows));
    }

    Plan { shared: facts, refusals, ..Plan::new("fulfilment", question.binds, rows, totals) }
}
