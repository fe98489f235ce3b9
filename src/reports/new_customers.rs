//! How many customers ordered for the first time, 新客户数 (S23).

use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ReadReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::{self, LEDGER, STANDS};

text_enum! {
    pub enum NewCustomersBy {
        Month = "month",
    }
}

/// How to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewCustomersQuery {
    /// `month`, also when it is not told
    #[param(inline)]
    #[expect(dead_code, reason = "it can have one value only, yet")]
    group_by: Option<NewCustomersBy>,
}

/// The new customers of one month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "month": "2026-07", "new_customers": 43 }))]
pub struct NewCustomersRow {
    #[schema(example = "2026-07")]
    pub month: String,
    pub new_customers: i64,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewCustomersTotals {
    pub new_customers: i64,
}

crate::report! {
    /// Customers that ordered for the first time
    NewCustomersReport of NewCustomersRow, NewCustomersTotals
}

/// Customers that ordered for the first time
///
/// 新客户数: the first order ever that you may see lies in that month. A filter asks whether that
/// first order is one of a channel, a salesperson and so on.
#[utoipa::path(
    tag = "reports",
    params(Asked<NewCustomersQuery>),
    responses(
        (status = 200, description = "The new customers of each month", content(
            (NewCustomersReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/new-customers")]
pub async fn report_new_customers(
    caller: Can<ReadReports>,
    asked: Query<Asked<NewCustomersQuery>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
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
