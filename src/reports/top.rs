//! Ranking 排行榜 of customers or products by sales.

use access::Can;
use actix_web::HttpResponse;
use platform::{Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{LEDGER, STANDS};

text_enum! {
    pub enum TopOf {
        /// 客户
        Customer = "customer",
        /// 产品
        Product = "product",
    }
}

/// Subject and length of the ranking.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TopQuery {
    #[param(inline)]
    of: TopOf,
    /// Number of rows. Default: `10`
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i32>,
}

/// One customer or product of the ranking, depending on `of`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "rank": 1, "customer_id": "01910000-0000-7000-8000-000000000002",
    "customer_external_id": "29818", "customer_name": "上海林氏贸易有限公司",
    "orders": 12, "quantity": "1480", "amount": "877107.1923", "share_percent": "1.09",
}))]
pub struct TopRow {
    /// Equal amounts share a rank
    pub rank: i64,
    #[schema(required = false, nullable = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_name: Option<String>,
    #[schema(required = false, nullable = false)]
    pub product_id: Option<Uuid>,
    #[schema(required = false)]
    pub product_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub product_name: Option<String>,
    pub orders: i64,
    pub quantity: Number,
    pub amount: Number,
    /// 占比: share of all sales of the report, not only of the rows shown, in percent
    pub share_percent: Option<Number>,
}

/// Totals of all sales of the report, including those outside the ranking.
#[derive(Debug, Serialize, ToSchema)]
pub struct TopTotals {
    pub orders: i64,
    pub quantity: Number,
    pub amount: Number,
}

crate::report! {
    /// Top customers or products
    TopReport of TopRow, TopTotals
}

/// Top customers or products
///
/// 排行榜 by amount. Sales without a product are in the totals and in no row. Only orders visible
/// to you count.
#[utoipa::path(
    get, path = "/reports/top",
    params(ReportQuery<TopQuery>),
    responses(
        (status = 200, description = "The ranking, best first", content(
            (TopReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_top(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<TopQuery>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, TopQuery>) -> Plan {
    let entries = question.entries();
    let (measure, table) = match question.own.of {
        TopOf::Customer => ("amount", "customers"),
        TopOf::Product => ("line_amount", "products"),
    };

    let (of, limit) = (question.own.of.as_str(), question.own.limit.unwrap_or(10));
    let rows = format!(
        "with best as (
            select *, rank() over (order by amount desc) as rank from summed where id is not null
        )
        select rank, id as {of}_id, external_id as {of}_external_id, name as {of}_name, orders,
            trim_scale(quantity)::text as quantity, round(amount, 4)::text as amount,
            round(100 * amount / nullif(whole, 0), 2)::text as share_percent
        from best join {table} using (id)
        order by rank, external_id collate \"C\", id
        limit {limit}"
    );

    let totals = "select (select count(distinct order_id) from sold) as orders,
            coalesce(trim_scale(sum(quantity)), 0)::text as quantity,
            round(coalesce(sum(amount), 0), 4)::text as amount
        from summed"
        .to_owned();

    // Orders are deduplicated before they are counted: far fewer rows to sort than all lines.
    let shared = format!(
        "with sold as materialized (
            select distinct {of}_id as id, order_id from {LEDGER} where {entries} and {STANDS}
        ),
        ordered as (select id, count(*) as orders from sold group by id),
        money as (
            select {of}_id as id, sum(quantity) as quantity, sum({measure}) as amount
            from sales_entries where {entries} group by {of}_id
        ),
        summed as materialized (
            select money.id, coalesce(orders, 0) as orders, quantity, amount,
                sum(amount) over () as whole
            from money left join ordered on ordered.id = money.id
        )"
    );

    Plan { shared, ..Plan::new("top", question.binds, rows, totals) }
}
