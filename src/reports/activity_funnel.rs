//! Activity funnel 活动漏斗: from visits to customers to orders.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadFieldReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{self, LEDGER, STANDS, VisitFilter};

/// Activity of one person and its results.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01910000-0000-7000-8000-000000000001", "user_external_id": "275",
    "user_name": "王芳", "visits": 79, "valid_visits": 71, "customers_visited": 58, "active_days": 62,
    "customers_ordered": 37, "customers_converted": 29, "orders": 44, "amount": "489328.5787",
    "valid_percent": "89.87", "conversion_percent": "50.00", "visits_per_order": "1.80",
}))]
pub struct FunnelRow {
    pub user_id: Uuid,
    pub user_external_id: Option<String>,
    pub user_name: String,
    /// Completed visits
    pub visits: i64,
    /// 有效拜访
    pub valid_visits: i64,
    pub customers_visited: i64,
    /// 出访天数: days with a completed visit
    pub active_days: i64,
    /// Customers who ordered, visited or not
    pub customers_ordered: i64,
    /// Customers who were visited and ordered
    pub customers_converted: i64,
    /// 订单数
    pub orders: i64,
    /// 订货额
    pub amount: Number,
    /// Valid ÷ completed visits, in percent; null without completed visits
    pub valid_percent: Option<Number>,
    /// 转化率: converted ÷ visited customers, in percent; null without visited customers
    pub conversion_percent: Option<Number>,
    /// Completed visits ÷ orders; null without orders
    pub visits_per_order: Option<Number>,
}

/// Totals over all people. An order or a customer shared by two people counts once.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelTotals {
    pub people: i64,
    pub visits: i64,
    pub valid_visits: i64,
    pub customers_visited: i64,
    /// Sum of the active days of all people
    pub active_days: i64,
    pub customers_ordered: i64,
    pub customers_converted: i64,
    pub orders: i64,
    pub amount: Number,
    pub valid_percent: Option<Number>,
    pub conversion_percent: Option<Number>,
    pub visits_per_order: Option<Number>,
}

crate::report! {
    /// Activity funnel per person
    FunnelReport of FunnelRow, FunnelTotals
}

/// Activity funnel per person
///
/// 活动漏斗: completed visits on days of the period, by their owner, and orders as in the sales
/// report, by credited salesperson. Only visits and orders visible to you count.
#[utoipa::path(
    get, path = "/reports/activity-funnel",
    params(ReportQuery<NoFilter, VisitFilter>),
    responses(
        (status = 200, description = "One row per person", content(
            (FunnelReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_activity_funnel(
    caller: Can<ReadFieldReports>,
    asked: Query<ReportQuery<NoFilter, VisitFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const VISITED: &str = "count(*) as visits, count(*) filter (where valid) as valid_visits,
                count(distinct customer_id) as customers_visited,
                count(distinct (owner_id, planned_date)) as active_days";

const ORDERED: &str = "count(distinct customer_id) filter (where stands) as customers_ordered,
                count(distinct order_id) filter (where stands) as orders,
                coalesce(sum(amount), 0) as amount";

const FIGURES: &str = "visits, valid_visits, customers_visited, active_days, customers_ordered,
            customers_converted, orders, round(amount, 4)::text as amount,
            round(100.0 * valid_visits / nullif(visits, 0), 2)::text as valid_percent,
            round(100.0 * customers_converted / nullif(customers_visited, 0), 2)::text
                as conversion_percent,
            round(visits::numeric / nullif(orders, 0), 2)::text as visits_per_order";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visits = question.visits() + &question.from_source("visits");
    let visible = filter::visible(question.caller, &mut question.binds);
    let booked = filter::dated("booked_on", question.range, question.until, &mut question.binds);
    let visible = visible + &question.from_source_of_order();
    let narrowed = question.narrowed;
    let facts = format!(
        "with met as (
            select owner_id, customer_id, planned_date, validity is not distinct from 'valid' as valid
            from visits where status = 'completed' and {visits}{narrowed}
        ),
        sold as (
            select * from (
                select user_id as owner_id, customer_id, order_id, {STANDS} as stands, amount
                from {LEDGER} where user_id is not null and {booked}{visible}
            ) as entries
            where true{narrowed}
        )"
    );

    let rows = format!(
        "with visited as (select owner_id, {VISITED} from met group by owner_id),
        ordered as (
            select owner_id, {ORDERED} from sold group by owner_id
            having bool_or(stands) or sum(amount) <> 0
        ),
        converted as (
            select owner_id, count(*) as customers_converted
            from (
                select owner_id, customer_id from met
                intersect select owner_id, customer_id from sold where stands
            ) as both_of_them
            group by owner_id
        ),
        people as (
            select owner_id, coalesce(visits, 0) as visits,
                coalesce(valid_visits, 0) as valid_visits,
                coalesce(customers_visited, 0) as customers_visited,
                coalesce(active_days, 0) as active_days,
                coalesce(customers_ordered, 0) as customers_ordered,
                coalesce(customers_converted, 0) as customers_converted,
                coalesce(orders, 0) as orders, coalesce(amount, 0) as amount
            from visited full join ordered using (owner_id) left join converted using (owner_id)
        )
        select users.id as user_id, external_id as user_external_id, name as user_name, {FIGURES}
        from people join users on users.id = owner_id
        order by external_id collate \"C\", users.id"
    );

    let totals = format!(
        "with visited as (select {VISITED} from met),
        ordered as (select {ORDERED} from sold),
        converted as (
            select count(*) as customers_converted
            from (
                select customer_id from met intersect select customer_id from sold where stands
            ) as both_of_them
        ),
        people as (
            select count(*) as people
            from (
                select owner_id from met
                union select owner_id from sold group by owner_id
                    having bool_or(stands) or sum(amount) <> 0
            ) as all_of_them
        )
        select people, {FIGURES}
        from people cross join visited cross join ordered cross join converted"
    );

    Plan { shared: facts, ..Plan::new("activity-funnel", question.binds, rows, totals) }
}
