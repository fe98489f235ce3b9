//! Promises to pay 承诺兑现, kept and broken, by customer, salesperson or region.

use ::receivables::promise::Promise;
use access::Can;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use company::exchange_rate::rate_on;
use platform::{Error, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadCollectionReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{dated, sees};
use crate::receivables::{AccountFilter, OwedBy};

/// Grouping of the promises.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PromisesQuery {
    /// Default: `customer`. `salesperson` is the owner of the customer
    #[param(inline)]
    group_by: Option<OwedBy>,
}

/// Promises of one customer, or of the customers of one salesperson or region. Each row has only
/// the key fields of `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "promises": 4, "open": 1, "kept": 2, "broken": 1,
    "amount": "9000.0000", "received": "6000.0000", "kept_percent": "66.67",
}))]
pub struct PromisesRow {
    #[schema(required = false, nullable = false)]
    pub customer_id: Option<Uuid>,
    #[schema(required = false)]
    pub customer_external_id: Option<String>,
    #[schema(required = false, nullable = false)]
    pub customer_name: Option<String>,
    #[schema(required = false)]
    pub salesperson_id: Option<Uuid>,
    #[schema(required = false)]
    pub salesperson_external_id: Option<String>,
    #[schema(required = false)]
    pub salesperson_name: Option<String>,
    #[schema(required = false)]
    pub region: Option<String>,
    /// All promises except withdrawn ones
    pub promises: i64,
    pub open: i64,
    /// 已兑现
    pub kept: i64,
    /// 已失信
    pub broken: i64,
    /// Promised amount, in the company's currency at the rate of `as_of`
    pub amount: Number,
    /// Amount received for the promises, for each at most the promised amount
    pub received: Number,
    /// `kept` ÷ (`kept` + `broken`), in percent; null while none is decided
    pub kept_percent: Option<Number>,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct PromisesTotals {
    pub customers: i64,
    pub promises: i64,
    pub open: i64,
    pub kept: i64,
    pub broken: i64,
    pub amount: Number,
    pub received: Number,
    pub kept_percent: Option<Number>,
}

crate::report! {
    /// Promises to pay, kept and broken
    PromisesReport of PromisesRow, PromisesTotals
}

/// Promises to pay, kept and broken
///
/// 承诺兑现: promises due in the period that you can see in `GET /promises`: those made to your
/// people or by their customers. Returns 422 `no_exchange_rate` if one cannot be converted.
#[utoipa::path(
    get, path = "/reports/promises",
    params(ReportQuery<PromisesQuery, AccountFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (PromisesReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_promises(
    caller: Can<ReadCollectionReports>,
    asked: Query<ReportQuery<PromisesQuery, AccountFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as promises, count(*) filter (where status = 'open') as open,
            count(*) filter (where status = 'kept') as kept,
            count(*) filter (where status = 'broken') as broken,
            round(coalesce(sum(amount * rate), 0), 4)::text as amount,
            round(coalesce(sum(least(received_amount, amount) * rate), 0), 4)::text as received,
            round(100.0 * count(*) filter (where status = 'kept')
                / nullif(count(*) filter (where status in ('kept', 'broken')), 0), 2)::text
                as kept_percent";

fn plan(mut question: Question<'_, PromisesQuery>) -> Plan {
    let visible = sees::<Promise>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("customers");
    let day = question.binds.date(question.as_of);
    let rate = rate_on("promises.currency", &day);
    let (range, until) = (question.range, question.until);
    let due = dated("due_on", range, until, &mut question.binds);
    let narrowed = question.narrowed;
    let counted = format!(
        "with counted as (
            select * from (
                select customer_id, region, owner_id as person_id, promises.status, amount,
                    received_amount, {rate} as rate
                from promises join customers on customers.id = customer_id
                where promises.status <> 'withdrawn' and {due}{visible}
            ) as it where true{narrowed}
        )"
    );

    let (key, named, from, order) = question.own.group_by.unwrap_or(OwedBy::Customer).parts();
    let rows = format!(
        "{counted},
        groups as (select {key}, {FIGURES} from counted group by {key})
        select {named}, promises, open, kept, broken, amount, received, kept_percent
        from {from} order by {order}"
    );

    let totals = format!(
        "{counted} select count(distinct customer_id) as customers, {FIGURES} from counted"
    );

    let mut plan = Plan::new("promises", question.binds, rows, totals);
    plan.refusals.push((
        format!("{counted} select exists (select from counted where rate is null)"),
        || {
            let detail = "A promise's currency has no exchange rate on or before `as_of`.";
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_exchange_rate").detail(detail)
        },
    ));
    plan
}
