//! What customers promised to pay and whether they did, 承诺兑现 (S59).

use ::receivables::promise;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{Error, NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadCollectionReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::dated;
use crate::receivables::{AccountFilter, rate_on};

/// One customer's promises.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "promises": 4, "open": 1, "kept": 2, "broken": 1,
    "amount": "9000.0000", "received": "6000.0000", "kept_percent": "66.67",
}))]
pub struct PromisesRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// All but the withdrawn ones
    pub promises: i64,
    pub open: i64,
    /// 已兑现
    pub kept: i64,
    /// 已失信
    pub broken: i64,
    /// What was promised, in the company's currency at the rate of `as_of`
    pub amount: Number,
    /// What came in for it, not more than that
    pub received: Number,
    /// kept ÷ (kept + broken); null while none is decided
    pub kept_percent: Option<Number>,
}

/// All customers.
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
    /// What customers promised to pay and whether they did
    PromisesReport of PromisesRow, PromisesTotals
}

/// What customers promised to pay and whether they did
///
/// 承诺兑现: promises whose day lies in the period, those that `/promises` lists: made to your people or
/// by their customers; 422 `no_exchange_rate` where one cannot be converted.
#[utoipa::path(
    tag = "reports",
    params(Asked<NoFilter, AccountFilter>),
    responses(
        (status = 200, description = "A row for each customer", content(
            (PromisesReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/promises")]
pub async fn report_promises(
    caller: Can<ReadCollectionReports>,
    asked: Query<Asked<NoFilter, AccountFilter>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
}

const FIGURES: &str = "count(*) as promises, count(*) filter (where status = 'open') as open,
            count(*) filter (where status = 'kept') as kept,
            count(*) filter (where status = 'broken') as broken,
            round(coalesce(sum(amount * rate), 0), 4)::text as amount,
            round(coalesce(sum(least(received_amount, amount) * rate), 0), 4)::text as received,
            round(100.0 * count(*) filter (where status = 'kept')
                / nullif(count(*) filter (where status in ('kept', 'broken')), 0), 2)::text
                as kept_percent";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = promise::visible_to(question.caller).sql(|ids| question.binds.ids(ids));
    let visible = visible.map_or_else(String::new, |rule| format!(" and {rule}"));
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
    let rows = format!(
        "{counted},
        groups as (select customer_id, {FIGURES} from counted group by customer_id)
        select customer_id, external_id as customer_external_id, name as customer_name, promises,
            open, kept, broken, amount, received, kept_percent
        from groups join customers on customers.id = customer_id
        order by external_id collate \"C\", customer_id"
    );
    let totals = format!(
        "{counted} select count(distinct customer_id) as customers, {FIGURES} from counted"
    );
    let mut plan = Plan::new("promises", question.binds, rows, totals);
    plan.refusals.push((
        format!("{counted} select exists (select from counted where rate is null)"),
        || {
            let detail = "a promise's currency has no exchange rate on or before as_of";
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_exchange_rate").detail(detail)
        },
    ));
    plan
}
