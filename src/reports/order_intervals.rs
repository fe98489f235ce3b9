//! Order intervals 订货周期 of customers.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{Filter, LEDGER, STANDS};
use crate::period::AnyPeriod;

/// Selection of the customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntervalsQuery {
    /// 休眠客户: only customers without an order for at least this many days
    #[param(minimum = 1, maximum = 36_500, example = 180)]
    dormant_days: Option<i32>,
}

/// Order interval of one customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29484",
    "customer_name": "上海林氏贸易有限公司", "orders": 7, "order_days": 7,
    "first_order": "2025-01-04", "last_order": "2026-08-30",
    "average_days_between_orders": "100.50", "average_days_between_order_days": "100.50",
    "average_order_amount": "18728.9975", "days_since_last_order": 85,
}))]
pub struct IntervalsRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub orders: i64,
    /// Days with at least one order
    pub order_days: i64,
    pub first_order: Date,
    pub last_order: Date,
    /// Null with fewer than two orders
    pub average_days_between_orders: Option<Number>,
    /// Null with fewer than two order days
    pub average_days_between_order_days: Option<Number>,
    pub average_order_amount: Number,
    /// Days since the last order at `as_of`
    pub days_since_last_order: i64,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntervalsTotals {
    pub customers: i64,
    pub orders: i64,
    pub amount: Number,
}

crate::report! {
    /// Order intervals by customer
    IntervalsReport of IntervalsRow, IntervalsTotals
}

/// Order intervals by customer
///
/// 订货周期 of the customers with orders up to `as_of`. `dormant_days` limits the report to those
/// without an order for that long. Default period: all time. Only orders visible to you count.
#[utoipa::path(
    get, path = "/reports/order-intervals",
    params(ReportQuery<IntervalsQuery, Filter, AnyPeriod>),
    responses(
        (status = 200, description = "One row per customer", content(
            (IntervalsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_order_intervals(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<IntervalsQuery, Filter, AnyPeriod>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, IntervalsQuery>) -> Plan {
    // The days are counted back from `as_of`, so that later orders must not count, even if it is
    // today by default.
    question.until = Some(question.as_of);
    let entries = question.entries();
    let as_of = question.binds.date(question.as_of);
    let dormant = question.own.dormant_days;
    let dormant = dormant.map(|days| format!("where days_since >= {days}")).unwrap_or_default();
    let customers = format!(
        "with ordered as (
            select customer_id,
                count(distinct order_id) filter (where {STANDS}) as orders,
                count(distinct booked_on) filter (where {STANDS}) as days,
                min(booked_on) filter (where {STANDS}) as first,
                max(booked_on) filter (where {STANDS}) as last,
                sum(amount) as amount,
                {as_of} - max(booked_on) filter (where {STANDS}) as days_since
            from {LEDGER} where {entries}
            group by customer_id
            having bool_or({STANDS})
        )"
    );

    let rows = format!(
        "select customer_id, external_id as customer_external_id, name as customer_name,
            orders, days as order_days, first as first_order, last as last_order,
            round((last - first)::numeric / nullif(orders - 1, 0), 2)::text
                as average_days_between_orders,
            round((last - first)::numeric / nullif(days - 1, 0), 2)::text
                as average_days_between_order_days,
            round(amount / orders, 4)::text as average_order_amount,
            days_since as days_since_last_order
        from ordered join customers on customers.id = customer_id
        {dormant}
        order by last, external_id collate \"C\", customer_id"
    );

    let totals = format!(
        "select count(*) as customers, coalesce(sum(orders), 0)::bigint as orders,
            round(coalesce(sum(amount), 0), 4)::text as amount
        from ordered {dormant}"
    );

    Plan { shared: customers, ..Plan::new("order-intervals", question.binds, rows, totals) }
}
