//! Credit exposure 信用敞口: use of the credit limit by customer.

use access::Can;
use actix_web::HttpResponse;
use company::setting;
use platform::{Date, Error, Fault, NoFilter, Number, Problems, Query, Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::visible_accounts;
use crate::receivables::AccountFilter;

/// Credit of one customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "limit": "100000.0000", "prepaid": false,
    "tolerance_percent": "10", "hold": false, "valid_until": null, "override_amount": "0.0000",
    "override_expires_at": null, "open_receivables": "60000.0000",
    "confirmed_orders": "20000.0000", "unapplied_receipts": "5000.0000", "exposure": "75000.0000",
    "available": "35000.0000", "used_percent": "75.00", "overdue": "0.0000",
    "oldest_overdue_days": 0,
}))]
pub struct CreditExposureRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// Credit limit; null without one
    pub limit: Option<Number>,
    /// 预付: true without approved terms, where the setting `prepaid_until_terms` requires them;
    /// the limit is then 0
    pub prepaid: bool,
    pub tolerance_percent: Number,
    /// 冻结
    pub hold: bool,
    pub valid_until: Option<Date>,
    /// 临时放行: the largest override in force; 0 without one
    pub override_amount: Number,
    pub override_expires_at: Option<Timestamp>,
    /// Open amount of invoices and credit notes
    pub open_receivables: Number,
    /// Open amount of confirmed orders that are not invoiced yet
    pub confirmed_orders: Number,
    pub unapplied_receipts: Number,
    /// `open_receivables` + `confirmed_orders` − `unapplied_receipts`
    pub exposure: Number,
    /// Limit with tolerance − `exposure`; null without a limit
    pub available: Option<Number>,
    /// `exposure` ÷ `limit`, in percent; null without a limit and for a limit of 0
    pub used_percent: Option<Number>,
    pub overdue: Number,
    pub oldest_overdue_days: i64,
}

/// Totals of all customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditExposureTotals {
    pub customers: i64,
    /// Customers with an exposure above limit and tolerance, whatever override they have
    pub over_limit: i64,
    pub open_receivables: Number,
    pub confirmed_orders: Number,
    pub unapplied_receipts: Number,
    pub exposure: Number,
    pub overdue: Number,
}

crate::report! {
    /// Credit exposure
    CreditExposureReport of CreditExposureRow, CreditExposureTotals
}

/// Credit exposure
///
/// 信用敞口 today, of customers with an open item, a hold or an expired limit, in the company's
/// currency. An `as_of` other than today returns 400 `not_available`. Only customers whose accounts
/// you may see are included.
#[utoipa::path(
    get, path = "/reports/credit-exposure",
    params(ReportQuery<NoFilter, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per customer", content(
            (CreditExposureReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_credit_exposure(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

/// Refuses any day but today, because limits, holds and open items are kept only in their current
/// state.
pub(crate) fn only_today<Q>(question: &Question<'_, Q>) -> Result<()> {
    if question.as_of == question.today {
        return Ok(());
    }
    let detail = "Reports on credit are available only as of today.";
    let fault = Fault::new("/as_of", "not_available", "must be today");
    Err(Error::bad_request("not_available", detail).faults(vec![fault]))
}

fn plan(mut question: Question<'_, NoFilter>) -> Result<Plan> {
    only_today(&question)?;
    let visible = visible_accounts(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("customers");
    let day = question.binds.date(question.as_of);
    let now = question.binds.instant(question.now);
    let narrowed = question.narrowed;
    let until_terms = setting::PREPAID_UNTIL_TERMS.default;
    let used = format!(
        "with sums as (
            select customer_id,
                coalesce(sum(amount) filter (where kind = 'invoice'), 0) as receivables,
                coalesce(sum(amount) filter (where kind = 'order'), 0) as orders,
                -coalesce(sum(amount) filter (where kind = 'receipt'), 0) as receipts,
                sum(amount) as exposure,
                coalesce(sum(amount) filter (where kind = 'invoice' and due_on < {day}), 0) as late,
                coalesce({day} - min(due_on) filter (where due_on < {day}), 0) as days
            from open_items group by customer_id
        ),
        listed as (
            select customer_id from sums
            union
            select customer_credits.id from customer_credits
            join customers on customers.id = customer_credits.id
            where (hold or valid_until < {day}) and merged_into_id is null
        ),
        used as (
            select * from (
                select listed.customer_id, coalesce(receivables, 0) as receivables,
                    coalesce(orders, 0) as orders, coalesce(receipts, 0) as receipts,
                    coalesce(exposure, 0) as exposure, coalesce(late, 0) as late,
                    coalesce(days, 0) as days, external_id, name, region, owner_id as person_id,
                    case when prepaid then 0 else coalesce(credit_limit,
                        (select (settings ->> 'credit_default_limit')::numeric from company))
                        end as most,
                    coalesce(tolerance_percent, 0) as tolerance, coalesce(hold, false) as hold,
                    valid_until, prepaid, borne.amount as borne, borne.expires_at
                from listed join customers on customers.id = listed.customer_id
                left join sums on sums.customer_id = listed.customer_id
                left join customer_credits on customer_credits.id = listed.customer_id
                cross join lateral (
                    select coalesce((select (settings ->> 'prepaid_until_terms')::int
                        from company), {until_terms}) <> 0 and not exists (
                            select from terms_requests t where t.customer_id = listed.customer_id
                                and t.status = 'approved' and t.valid_from <= {day}) as prepaid
                ) as terms
                left join lateral (
                    select o.amount, o.expires_at from credit_overrides o
                    where o.customer_id = listed.customer_id and o.revoked_at is null
                        and o.expires_at > {now}
                    order by o.amount desc, o.expires_at desc limit 1
                ) as borne on true
                where true{visible}
            ) as it where true{narrowed}
        )"
    );

    let money = |name: &str| format!("round({name}, 4)::text");
    let rows = format!(
        "{used}
        select customer_id, external_id as customer_external_id, name as customer_name,
            {} as limit, prepaid, trim_scale(tolerance)::text as tolerance_percent, hold,
            valid_until, {} as override_amount, expires_at as override_expires_at,
            {} as open_receivables, {} as confirmed_orders, {} as unapplied_receipts,
            {} as exposure, {} as available,
            round(100 * exposure / nullif(most, 0), 2)::text as used_percent, {} as overdue,
            days as oldest_overdue_days
        from used order by external_id collate \"C\", customer_id",
        money("most"),
        money("coalesce(borne, 0)"),
        money("receivables"),
        money("orders"),
        money("receipts"),
        money("exposure"),
        money("most * (1 + tolerance / 100) - exposure"),
        money("late"),
    );

    let sum = |name: &str| format!("round(coalesce(sum({name}), 0), 4)::text");
    let totals = format!(
        "{used}
        select count(*) as customers,
            count(*) filter (where exposure > most * (1 + tolerance / 100)) as over_limit,
            {} as open_receivables, {} as confirmed_orders, {} as unapplied_receipts,
            {} as exposure, {} as overdue
        from used",
        sum("receivables"),
        sum("orders"),
        sum("receipts"),
        sum("exposure"),
        sum("late"),
    );

    Ok(Plan::new("credit-exposure", question.binds, rows, totals))
}
