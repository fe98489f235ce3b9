//! Sales by any grouping 销售统计.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::group::GroupBy;
use crate::grouping::Grouping;

text_enum! {
    /// Period that the amounts are compared with
    pub enum Compare {
        /// 环比
        PreviousPeriod = "previous_period",
        /// 同比
        PreviousYear = "previous_year",
    }
}

text_enum! {
    /// Treatment of periods without sales
    pub enum Empty {
        Include = "include",
        Omit = "omit",
    }
}

/// Grouping and comparison of the sales.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SalesQuery {
    /// One or more keys, separated by commas. Without keys the report has only totals; in CSV they
    /// are its row
    #[param(inline, style = Form, explode = false, example = json!(["salesperson", "month"]))]
    pub group_by: Option<Vec<GroupBy>>,
    /// Adds the amounts of the previous period 环比 or year 同比, including those of days before
    /// `from`. Each period is compared with the same days of the previous period or year, a running
    /// one up to `as_of`. Without a period in `group_by` the whole range is compared. 29 February
    /// is compared with 28 February, week 53 with week 52. Requires `group_by`.
    #[param(inline, style = Form, explode = false)]
    pub compare: Option<Vec<Compare>>,
    /// Compare whole periods, even where the period is still running or only partly in the range.
    /// Default: `false`. Requires `compare`.
    pub compare_whole: Option<bool>,
    /// `include` also lists periods without sales; it requires a period in `group_by`. Default:
    /// `omit`.
    #[param(inline)]
    pub empty: Option<Empty>,
}

/// Sales of one group. Each row has only the key fields of `group_by` and the fields that `compare`
/// adds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "salesperson_id": "01910000-0000-7000-8000-000000000001", "salesperson_external_id": "275",
    "salesperson_name": "王芳", "month": "2026-07", "orders": 12, "lines": 51, "customers": 9,
    "quantity": "480", "amount": "489328.5787", "share_percent": "23.10", "rank": 1,
}))]
pub struct SalesRow {
    #[schema(required = false)]
    pub salesperson_id: Option<Uuid>,
    #[schema(required = false)]
    pub salesperson_external_id: Option<String>,
    #[schema(required = false)]
    pub salesperson_name: Option<String>,
    #[schema(required = false)]
    pub team_id: Option<Uuid>,
    #[schema(required = false)]
    pub team_external_id: Option<String>,
    #[schema(required = false)]
    pub team_name: Option<String>,
    #[schema(required = false)]
    pub territory_id: Option<Uuid>,
    #[schema(required = false)]
    pub territory_external_id: Option<String>,
    #[schema(required = false)]
    pub territory_name: Option<String>,
    #[schema(required = false)]
    pub region: Option<String>,
    #[schema(required = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false)]
    pub customer_name: Option<String>,
    #[schema(required = false)]
    pub product_id: Option<Uuid>,
    #[schema(required = false)]
    pub product_external_id: Option<String>,
    #[schema(required = false)]
    pub product_name: Option<String>,
    #[schema(required = false)]
    pub category: Option<String>,
    #[schema(required = false)]
    pub channel: Option<String>,
    #[schema(required = false, nullable = false)]
    pub day: Option<Date>,
    /// ISO week
    #[schema(required = false, nullable = false, example = "2026-W31")]
    pub week: Option<String>,
    #[schema(required = false, nullable = false, example = "2026-07")]
    pub month: Option<String>,
    #[schema(required = false, nullable = false, example = "2026-Q3")]
    pub quarter: Option<String>,
    #[schema(required = false, nullable = false, example = 2026)]
    pub year: Option<i32>,
    /// 订单数: number of recognised orders
    pub orders: i64,
    pub lines: i64,
    pub customers: i64,
    /// 销量
    pub quantity: Number,
    /// 订货额
    pub amount: Number,
    /// 占比: share within the same period, in percent; null where the total is 0
    pub share_percent: Option<Number>,
    /// 排名 within the same period; equal amounts share a rank. Null for a row whose key is null
    pub rank: Option<i64>,
    /// First day of the row that is compared
    #[schema(required = false, nullable = false)]
    pub compared_from: Option<Date>,
    /// Day after the last day that is compared
    #[schema(required = false, nullable = false)]
    pub compared_to: Option<Date>,
    /// Null before the very first sale
    #[schema(required = false)]
    pub previous_period_amount: Option<Number>,
    /// 环比, in percent; null where there is nothing to compare with
    #[schema(required = false)]
    pub previous_period_growth_percent: Option<Number>,
    #[schema(required = false, nullable = false)]
    pub previous_period_from: Option<Date>,
    /// Exclusive
    #[schema(required = false, nullable = false)]
    pub previous_period_to: Option<Date>,
    #[schema(required = false)]
    pub previous_year_amount: Option<Number>,
    /// 同比
    #[schema(required = false)]
    pub previous_year_growth_percent: Option<Number>,
    #[schema(required = false, nullable = false)]
    pub previous_year_from: Option<Date>,
    /// Exclusive
    #[schema(required = false, nullable = false)]
    pub previous_year_to: Option<Date>,
}

/// Totals of all sales.
#[derive(Debug, Serialize, ToSchema)]
pub struct SalesTotals {
    pub orders: i64,
    pub lines: i64,
    pub customers: i64,
    pub salespeople: i64,
    pub quantity: Number,
    pub amount: Number,
    pub first_date: Option<Date>,
    pub last_date: Option<Date>,
    /// Difference between the amounts of the orders and the sum of their lines, which reports by
    /// product or category use
    pub rounding_difference: Number,
}

crate::report! {
    /// Sales by group
    SalesReport of SalesRow, SalesTotals
}

/// Sales by any grouping
///
/// 销售统计. Orders count once confirmed, on their order date. An order that is cancelled later is
/// subtracted on the day of the cancellation. Groups by properties of the order sum its amount ×
/// credit share; groups by product or category sum the amounts of the lines. Only orders visible to
/// you count.
#[utoipa::path(
    get, path = "/reports/sales",
    params(ReportQuery<SalesQuery>),
    responses(
        (status = 200, description = "One row per group", content(
            (SalesReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_sales(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<SalesQuery>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

fn plan(mut question: Question<'_, SalesQuery>) -> Result<Plan> {
    let grouping = Grouping::of(&question.own)?;
    let entries = question.entries();
    let shared = grouping.shared(&mut question, &entries);
    let totals = Grouping::totals();

    let rows = if !grouping.is_empty() {
        grouping.rows(&mut question)
    } else if question.is_for_table() {
        // A CSV with only a header would look as if nothing had been sold.
        totals.clone()
    } else {
        "select 1 as none where false".to_owned()
    };

    let refusals = grouping.too_many(&question, &entries).into_iter().collect();
    Ok(Plan { shared, refusals, ..Plan::new("sales", question.binds, rows, totals) })
}
