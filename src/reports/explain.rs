//! Breakdown of a target's actual 达成明细: the orders, invoices with payments, or visits that make
//! it.

use ::targets::target::{Metric, Target};
use access::{Caller, Can};
use actix_web::HttpResponse;
use diesel_async::RunQueryDsl;
use platform::{Conn, Date, Error, Fault, NoFilter, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadReports;
use crate::account_entries::{self, COUNTS};
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter;
use crate::measure::{self, Kind, Source};
use crate::sql::Binds;
use crate::visit_entries;

/// The target to explain.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    target_id: Uuid,
}

/// One order with its contribution to the actual; for 开票额 and 回款额 one invoice, for 有效拜访数
/// one visit. In CSV there is one row for each of its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "order_id": "01910000-0000-7000-8000-000000000004", "order_external_id": "43659",
    "order_number": "SO43659", "order_date": "2026-11-05",
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29825",
    "customer_name": "上海林氏贸易有限公司", "quantity": "3", "amount": "6074.9820",
    "actual": "6074.9820", "lines": [{
        "line_number": 1, "kind": "booked", "booked_on": "2026-11-05",
        "product_id": "01910000-0000-7000-8000-000000000005", "product_external_id": "BK-M82B-42",
        "product_name": "Mountain-100 Black, 42", "quantity": "3", "amount": "6074.9820",
    }],
}))]
pub struct ExplainRow {
    #[schema(required = false, nullable = false)]
    pub order_id: Option<Uuid>,
    #[schema(required = false)]
    pub order_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub order_number: Option<String>,
    #[schema(required = false, nullable = false)]
    pub order_date: Option<Date>,
    /// Invoice in place of an order, for 开票额 and 回款额
    #[schema(required = false, nullable = false)]
    pub invoice_id: Option<Uuid>,
    #[schema(required = false)]
    pub invoice_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub invoice_number: Option<String>,
    #[schema(required = false, nullable = false)]
    pub invoice_date: Option<Date>,
    /// Visit in place of an order, for 有效拜访数
    #[schema(required = false, nullable = false)]
    pub visit_id: Option<Uuid>,
    #[schema(required = false, nullable = false)]
    pub visited_on: Option<Date>,
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    #[schema(required = false, nullable = false)]
    pub quantity: Option<Number>,
    /// Credited amount, not rounded: the amounts add up exactly to the actual of an amount metric
    pub amount: Number,
    /// Contribution to the actual, by the target's metric
    pub actual: Number,
    #[schema(required = false, nullable = false)]
    pub lines: Option<Vec<ExplainLine>>,
}

/// One entry of the sales ledger, or one event of an invoice on one day.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainLine {
    #[schema(required = false, nullable = false)]
    pub line_number: Option<i32>,
    /// `booked`, or `reversed` by a cancellation or a correction; for payments by the reversal of
    /// their allocation
    #[schema(example = "booked")]
    pub kind: String,
    pub booked_on: Date,
    #[schema(required = false)]
    pub product_id: Option<Uuid>,
    #[schema(required = false)]
    pub product_external_id: Option<String>,
    #[schema(required = false)]
    pub product_name: Option<String>,
    #[schema(required = false, nullable = false)]
    pub quantity: Option<Number>,
    /// Payment, for 回款额
    #[schema(required = false)]
    pub payment_id: Option<Uuid>,
    #[schema(required = false)]
    pub payment_external_id: Option<String>,
    #[schema(required = false)]
    pub payment_number: Option<String>,
    pub amount: Number,
}

/// The target, and the sum of its orders.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainTotals {
    pub target_id: Uuid,
    #[schema(inline)]
    pub metric: Metric,
    pub period_start: Date,
    /// Exclusive
    pub period_end: Date,
    /// Number of orders that count; for 开票额 and 回款额 of invoices, for 有效拜访数 of visits
    pub orders: i64,
    pub amount: Number,
    /// Actual, as the attainment report shows it
    pub actual: Number,
    /// `actual` less the sum of the rows: 0, unless the target was closed with another value
    pub unexplained: Number,
}

crate::report! {
    /// Breakdown of a target's actual
    ExplainReport of ExplainRow, ExplainTotals
}

/// Breakdown of a target's actual
///
/// 达成明细: every order that counts, with its lines; for 开票额 and 回款额 every invoice, with the
/// amounts invoiced or paid on each day; for 有效拜访数 every visit. The contributions add up
/// exactly to the actual. 毛利 requires permission to see costs (403 `field_not_readable`). A
/// target that you cannot see returns 404 `not_found`.
#[utoipa::path(
    get, path = "/reports/attainment/explain",
    params(ReportQuery<ExplainQuery, NoFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per order, invoice or visit", content(
            (ExplainReport = "application/json"), (String = "text/csv"),
            )),
        (status = 422, description = "`metric_not_available`"),
        Problems,
    ),
)]
pub async fn explain_attainment(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<ExplainQuery, NoFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    let target = find(&mut *context.db.conn().await?, &caller, asked.own.target_id).await?;
    context.answer(&caller, &asked, |question| plan(question, &target)).await
}

/// Loads the owner type and metric of the target, if the caller may see it.
async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Kind> {
    let mut binds = Binds::default();
    let id = binds.id(id);
    let visible = filter::sees::<Target>(caller, &mut binds);
    let target = format!("select owner_type, metric from targets where id = {id}{visible}");
    binds.query(&target).get_result(conn).await.map_err(Error::from)
}

fn plan(question: Question<'_, ExplainQuery>, target: &Kind) -> Result<Plan> {
    measure::check(target.metric, question.caller)?;
    if question.source.is_some() {
        let why = "not available for the explanation of a target";
        let fault = Fault::new("/source_system", "contradiction", why);
        return Err(Error::bad_request("invalid_query", "").faults(vec![fault]));
    }
    Ok(match measure::source(target.metric)? {
        Source::Sales(sum) => orders(question, target, sum),
        Source::Accounts => invoices(question, target),
        Source::Visits => visits(question, target),
    })
}

fn orders(mut question: Question<'_, ExplainQuery>, target: &Kind, sum: &str) -> Plan {
    let (caller, until) = (question.caller, question.until);
    let (owner_type, metric) = (target.owner_type, target.metric);
    let visible = filter::visible(caller, &mut question.binds);
    let entries = measure::entries(owner_type, metric, &visible, until, &mut question.binds);
    let id = question.binds.id(question.own.target_id);
    let closed = measure::closed(owner_type, Some(caller));
    let converted = measure::converted();
    let counted = format!(
        "with target as (select {converted} from targets where id = {id}),
        counted as (
            select entry.* from target cross join lateral (select entry.* from {entries}) as entry
        )"
    );

    let order = "orders.id as order_id, orders.external_id as order_external_id,
            orders.number as order_number, orders.order_date, customers.id as customer_id,
            customers.external_id as customer_external_id, customers.name as customer_name";
    let line = format!(
        "entry.line_number, entry.kind, entry.booked_on, entry.product_id,
            products.external_id as product_external_id, products.name as product_name,
            trim_scale(entry.quantity)::text as quantity, {} as amount",
        exact("entry.amount")
    );

    let from = "from counted as entry join orders on orders.id = entry.order_id
        join customers on customers.id = orders.customer_id";
    let rows = if question.is_for_table() {
        format!(
            "{counted}
            select {order}, {line} {from} left join products on products.id = entry.product_id
            order by orders.order_date, orders.number, orders.id, entry.line_number, entry.id"
        )
    } else {
        format!(
            "{counted}
            select {order}, trim_scale(sum(entry.quantity))::text as quantity, {} as amount,
                {} as actual,
                (
                    select json_agg(line) from (
                        select {line} from counted as entry
                        left join products on products.id = entry.product_id
                        where entry.order_id = orders.id order by entry.line_number, entry.id
                    ) as line
                ) as lines
            {from}
            group by orders.id, customers.id
            order by orders.order_date, orders.number, orders.id",
            exact("sum(entry.amount)"),
            exact(&format!("coalesce({sum}, 0)")),
        )
    };

    let summed = format!(
        "{counted},
        summed as (
            select count(distinct order_id) filter (where stands) as orders,
                coalesce(sum(amount), 0) as amount, coalesce({sum}, 0) as explained
            from counted as entry
        )"
    );

    Plan::new("attainment-explain", question.binds, rows, totals(&summed, closed))
}

/// Returns the condition that a day is in the target's period and not after the day of the report.
fn within(question: &mut Question<'_, ExplainQuery>) -> impl Fn(&str) -> String + use<> {
    let until = question.until.map(|day| question.binds.date(day));
    move |day| {
        let until = until.as_ref().map(|until| format!(" and {day} <= {until}"));
        format!(
            " and {day} >= (select period_start from target)
                and {day} < (select period_end from target){}",
            until.unwrap_or_default()
        )
    }
}

fn invoices(mut question: Question<'_, ExplainQuery>, target: &Kind) -> Plan {
    let (caller, owner_type) = (question.caller, target.owner_type);
    let within = within(&mut question);
    let binds = &mut question.binds;
    let ledger = account_entries::ledger(target.metric, owner_type, Some(caller), within, binds);
    let id = question.binds.id(question.own.target_id);
    let owns = measure::owns(owner_type);
    let converted = measure::converted();
    let shared = format!(
        "with target as (select {converted} from targets where id = {id}),
        counted as (
            select entry.* from target join ({ledger}) as entry on {owns} and {COUNTS}
        )"
    );

    let invoice = "invoices.id as invoice_id, invoices.external_id as invoice_external_id,
            invoices.number as invoice_number, invoices.invoice_date, customers.id as customer_id,
            customers.external_id as customer_external_id, customers.name as customer_name";
    let line = format!(
        "entry.kind, entry.booked_on, entry.payment_id,
            payments.external_id as payment_external_id,
            payments.number as payment_number, {} as amount",
        exact("entry.amount")
    );

    let from = "from counted as entry join invoices on invoices.id = invoice_id
        join customers on customers.id = invoices.customer_id";
    let paid = "left join payments on payments.id = payment_id";
    let order = "invoices.invoice_date, invoices.number, invoices.id";
    let of_line = "booked_on, entry.kind, payments.number, payment_id, entry.amount";
    let rows = if question.is_for_table() {
        format!("{shared} select {invoice}, {line} {from} {paid} order by {order}, {of_line}")
    } else {
        format!(
            "{shared},
            lines as (
                select invoice_id, json_agg((select it from (select {line}) as it)
                    order by {of_line}) as lines
                from counted as entry {paid} group by invoice_id
            )
            select {invoice}, {amount} as amount, {amount} as actual,
                (select lines from lines where invoice_id = invoices.id) as lines
            {from} group by invoices.id, customers.id order by {order}",
            amount = exact("sum(entry.amount)")
        )
    };

    let summed = format!(
        "{shared},
        summed as (
            select count(distinct invoice_id) filter (where kind = 'booked') as orders,
                coalesce(sum(amount), 0) as amount, coalesce(sum(amount), 0) as explained
            from counted
        )"
    );

    let closed = measure::closed(owner_type, Some(caller));
    Plan::new("attainment-explain", question.binds, rows, totals(&summed, closed))
}

fn visits(mut question: Question<'_, ExplainQuery>, target: &Kind) -> Plan {
    let (caller, owner_type) = (question.caller, target.owner_type);
    let within = within(&mut question);
    let ledger = visit_entries::ledger(Some(caller), within, &mut question.binds);
    let id = question.binds.id(question.own.target_id);
    let owns = measure::owns(owner_type);
    let converted = measure::converted();
    let counted = format!(
        "with target as (select {converted} from targets where id = {id}),
        counted as (
            select entry.* from target join ({ledger}) as entry on {owns} and {COUNTS}
        )"
    );

    let rows = format!(
        "{counted}
        select visit_id, booked_on as visited_on, customers.id as customer_id,
            customers.external_id as customer_external_id, customers.name as customer_name,
            {one} as amount, {one} as actual
        from counted join customers on customers.id = counted.customer_id
        order by booked_on, visit_id",
        one = exact("1::numeric")
    );

    let summed = format!(
        "{counted},
        summed as (
            select count(*) as orders, count(*)::numeric as amount, count(*)::numeric as explained
            from counted
        )"
    );

    let closed = measure::closed(owner_type, Some(caller));
    Plan::new("attainment-explain", question.binds, rows, totals(&summed, closed))
}

/// Selects the totals of a target from what was `summed`.
fn totals(summed: &str, closed: &str) -> String {
    format!(
        "{summed}
        select target.id as target_id, metric, period_start, period_end, orders,
            {} as amount, {} as actual, {} as unexplained
        from target cross join summed",
        exact("amount"),
        exact(&format!("coalesce({closed}, explained)")),
        exact(&format!("coalesce({closed}, explained) - explained")),
    )
}

/// Formats an amount with four decimals, or more where it has more: values that are added up must
/// not be rounded first.
fn exact(amount: &str) -> String {
    format!(
        "(case when scale(trim_scale({amount})) > 4 then trim_scale({amount})
        else round({amount}, 4) end)::text"
    )
}
