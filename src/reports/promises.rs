//! What customers promised to pay and whether they did, 承诺兑现 (S59).

use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadCollectionReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::{dated, visible_accounts};
use crate::receivables::AccountFilter;

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
    /// What was promised, in the company's currency at the rate of today
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
/// 承诺兑现: promises whose day lies in the period. Only those of customers of your people.
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

/// Units of the company's currency for one of the promise's: the latest, either way round, else 1.
const RATE: &str = "coalesce(
                    (select rate from exchange_rates where from_currency = promises.currency
                        and to_currency = (select currency from company)
                        order by valid_on desc limit 1),
                    (select 1 / rate from exchange_rates where to_currency = promises.currency
                        and from_currency = (select currency from company)
                        order by valid_on desc limit 1),
                    1)";

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = visible_accounts(question.caller, &mut question.binds);
    let (range, until) = (question.range, question.until);
    let due = dated("due_on", range, until, &mut question.binds);
    let narrowed = question.narrowed;
    let counted = format!(
        "with counted as (
            select * from (
                select customer_id, region, owner_id as person_id, promises.status, amount,
                    received_amount, {RATE} as rate
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
    Plan::new("promises", question.binds, rows, totals)
}
