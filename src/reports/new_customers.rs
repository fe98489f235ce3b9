//! New customers 新客户数 by month.

use access::Can;
use actix_web::HttpResponse;
use platform::{Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ReadReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{self, LEDGER, STANDS};

text_enum! {
    pub enum NewCustomersBy {
        Month = "month",
    }
}

/// Grouping of the new customers.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewCustomersQuery {
    /// Default: `month`
    #[param(inline)]
    #[expect(dead_code, reason = "it has only one value so far")]
    group_by: Option<NewCustomersBy>,
}

/// New customers of one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "month": "2026-07", "new_customers": 43 }))]
pub struct NewCustomersRow {
    #[schema(example = "2026-07")]
    pub month: String,
    pub new_customers: i64,
}

/// Total of all new customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewCustomersTotals {
    pub new_customers: i64,
}

crate::report! {
    /// New customers by month
    NewCustomersReport of NewCustomersRow, NewCustomersTotals
}

/// New customers by month
///
/// 新客户数: customers whose first order ever, of those visible to you, is in that month. A filter
/// applies to that first order, for example to its channel or salesperson.
#[utoipa::path(
    get, path = "/reports/new-customers",
    params(ReportQuery<NewCustomersQuery>),
    responses(
        (status = 200, description = "One row per month", content(
            (NewCustomersReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_new_customers(
    caller: Can<ReadReports>,
    asked: Query<ReportQuery<NewCustomersQuery>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NewCustomersQuery>) -> Plan {
    let entries = question.entries();
    let visible = filter::visible(question.caller, &mut question.binds);
    let new = format!(
        "with firsts as (
            select customer_id, min(booked_on) as booked_on
            from {LEDGER} where {STANDS}{visible}
            group by customer_id
        ),
        new as (
            select distinct customer_id, to_char(booked_on, 'YYYY-MM') as month
            from {LEDGER} join firsts using (customer_id, booked_on)
            where {STANDS} and {entries}
        )"
    );

    let rows =
        "select month, count(*) as new_customers from new group by month order by month".to_owned();
    let totals = "select count(*) as new_customers from new".to_owned();
    Plan { shared: new, ..Plan::new("new-customers", question.binds, rows, totals) }
}
