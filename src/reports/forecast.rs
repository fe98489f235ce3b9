//! Sales forecast 销售预测.

use access::Can;
use actix_web::HttpResponse;
use platform::{Date, Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::period::Range;

text_enum! {
    pub enum Method {
        MeanOf3 = "mean_of_3",
    }
}

/// Method of the forecast.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ForecastQuery {
    /// Forecast method. Default: `mean_of_3`, the mean of the three preceding months
    #[param(inline)]
    #[expect(dead_code, reason = "it has only one value so far")]
    method: Option<Method>,
}

/// One month, with or without sales.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "month": "2026-07", "amount": "489328.5787", "forecast": "1815264.6176",
}))]
pub struct ForecastRow {
    #[schema(example = "2026-07")]
    pub month: String,
    /// Sales of the month; null in months that begin after `as_of`
    pub amount: Option<Number>,
    /// 预测; null where one of the three preceding months is before the very first sale or begins
    /// after `as_of`
    pub forecast: Option<Number>,
}

/// Totals of all months.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForecastTotals {
    pub months: i64,
    pub amount: Number,
}

crate::report! {
    /// Sales and forecast by month
    ForecastReport of ForecastRow, ForecastTotals
}

/// Sales and forecast by month
///
/// 销售预测: every month that the period touches, each in full, with the mean of the three
/// preceding months as its forecast.
#[utoipa::path(
    get, path = "/reports/forecast",
    params(ReportQuery<ForecastQuery>),
    responses(
        (status = 200, description = "The months in chronological order", content(
            (ForecastReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_forecast(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<ForecastQuery>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, ForecastQuery>) -> Plan {
    let ever = question.entries_in(Range { from: Range::ALL.from, to: Range::ALL.to });
    let (from, to) = (question.range.from.0.first_of_month(), question.range.to.0);
    let (from, to) = (question.binds.date(Date(from)), question.binds.date(Date(to)));
    let as_of = question.binds.date(question.as_of);
    let months = format!(
        "with monthly as (
            select date_trunc('month', booked_on)::date as month, sum(amount) as amount
            from sales_entries where {ever}
                and booked_on >= ({from} - interval '3 months')::date
                and booked_on < date_trunc('month', {to} - 1) + interval '1 month'
            group by 1
        ),
        calendar as (
            select month::date as month from generate_series({from} - interval '3 months',
                {to} - 1, interval '1 month') as month
        ),
        months as (
            select month, coalesce(amount, 0) as amount,
                sum(coalesce(amount, 0)) over
                    (order by month rows between 3 preceding and 1 preceding) / 3 as expected,
                (month - interval '3 months')::date as since,
                (month - interval '1 month')::date as until
            from calendar left join monthly using (month)
        ),
        history as (select min(booked_on) as first_day from sales_entries where {ever}),
        shown as (
            select to_char(month, 'YYYY-MM') as month,
                case when month <= {as_of} then round(amount, 4) end as amount,
                case when since >= date_trunc('month', first_day) and until <= {as_of}
                    then round(expected, 4) end as forecast
            from months cross join history where month >= {from}
        )"
    );

    let rows = format!(
        "{months}
        select month, amount::text as amount, forecast::text as forecast from shown order by month"
    );

    let totals = format!(
        "{months}
        select count(*) as months, coalesce(sum(amount), 0.0000)::text as amount from shown"
    );

    Plan::new("forecast", question.binds, rows, totals)
}
