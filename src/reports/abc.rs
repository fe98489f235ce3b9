//! ABC analysis (ABC 分析): customers ranked by their share of sales.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};

/// One customer in the ranking.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "position": 1, "customer_id": "01910000-0000-7000-8000-000000000002",
    "customer_external_id": "29818", "customer_name": "上海林氏贸易有限公司",
    "amount": "877107.1923", "cumulative_percent": "1.0897", "class": "A",
}))]
pub struct AbcRow {
    pub position: i64,
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub amount: Number,
    /// 累计占比: share of this customer and all before it, in percent
    pub cumulative_percent: Number,
    /// `A` while the share before this customer is below 80 %, `B` below 95 %, otherwise `C`
    #[schema(example = "A")]
    pub class: String,
}

/// Totals of all customers with sales above 0, and of each class.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbcTotals {
    pub customers: i64,
    pub amount: Number,
    pub classes: Vec<AbcClass>,
}

/// Customers of one class.
#[derive(Debug, Serialize, ToSchema)]
pub struct AbcClass {
    #[schema(example = "A")]
    pub class: String,
    pub customers: i64,
    pub amount: Number,
}

crate::report! {
    /// ABC analysis of customers
    AbcReport of AbcRow, AbcTotals
}

/// ABC analysis of customers
///
/// ABC 分析: ranks the customers with sales above 0, largest first, with the cumulative share of
/// each customer and all customers before it.
#[utoipa::path(
    get, path = "/reports/abc",
    params(ReportQuery),
    responses(
        (status = 200, description = "The customers, largest sales first", content(
            (AbcReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_abc(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let entries = question.entries();
    let placed = format!(
        "with sold as (
            select customer_id, sum(amount) as amount
            from sales_entries where {entries}
            group by customer_id having sum(amount) > 0
        ),
        placed as (
            select customer_id, external_id, name, amount,
                row_number() over largest as position,
                sum(amount) over (largest rows unbounded preceding) as until,
                sum(amount) over () as whole
            from sold join customers on customers.id = customer_id
            window largest as (order by amount desc, external_id collate \"C\", customer_id)
        ),
        classified as (
            select *, case
                when 100 * (until - amount) < 80 * whole then 'A'
                when 100 * (until - amount) < 95 * whole then 'B'
                else 'C'
            end as class
            from placed
        )"
    );

    let rows = "select position, customer_id, external_id as customer_external_id,
            name as customer_name, round(amount, 4)::text as amount,
            round(100 * until / whole, 4)::text as cumulative_percent, class
        from classified order by position"
        .to_owned();

    let totals = "with classes as (
            select class, count(position) as customers,
                round(coalesce(sum(amount), 0), 4)::text as amount
            from (values ('A'), ('B'), ('C')) as known (class) left join classified using (class)
            group by class order by class
        )
        select count(*) as customers, round(coalesce(sum(amount), 0), 4)::text as amount,
            (select json_agg(classes) from classes) as classes
        from classified"
        .to_owned();

    Plan { shared: placed, ..Plan::new("abc", question.binds, rows, totals) }
}
