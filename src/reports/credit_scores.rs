//! Default rate 违约率 by credit score 信用评分.

use access::Can;
use actix_web::HttpResponse;
use platform::{NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::credit_exposure::only_today;
use crate::filter::visible_accounts;
use crate::receivables::AccountFilter;

/// Customers whose latest concluded investigation gave them a score of one band.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "band": "60-69", "customers": 20, "limit": "400000.0000", "exposure": "250000.0000",
    "overdue_amount": "30000.0000", "defaulted": 3, "default_rate_percent": "15.00",
}))]
pub struct CreditScoreRow {
    /// `below_60`, `60-69`, `70-79`, `80-89` or `90_and_above`
    #[schema(example = "60-69")]
    pub band: String,
    pub customers: i64,
    /// 额度: sum of the customers' own limits, in the company's currency
    pub limit: Number,
    /// Open receivables and confirmed orders, less unapplied receipts
    pub exposure: Number,
    /// Open amount of overdue invoices
    pub overdue_amount: Number,
    /// 违约: customers that are more than 60 days late, have an open risk case, or had a debt
    /// written off since the investigation was concluded
    pub defaulted: i64,
    /// `defaulted` ÷ `customers`, in percent; null without customers
    pub default_rate_percent: Option<Number>,
}

/// Totals of all investigated customers.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditScoreTotals {
    pub customers: i64,
    pub limit: Number,
    pub exposure: Number,
    pub overdue_amount: Number,
    pub defaulted: i64,
    pub default_rate_percent: Option<Number>,
    /// Customers whose latest investigation has expired while their own limit is still in force;
    /// should be 0
    pub expired_with_open_limit: i64,
}

crate::report! {
    /// Default rate by credit score
    CreditScoreReport of CreditScoreRow, CreditScoreTotals
}

/// Default rate by credit score
///
/// 违约率 per score band of each customer's latest concluded investigation 信用调查, as of today.
/// An `as_of` other than today returns 400 `not_available`. Only customers whose accounts you may
/// see are included.
#[utoipa::path(
    get, path = "/reports/credit-scores",
    params(ReportQuery<NoFilter, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per band", content(
            (CreditScoreReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_credit_scores(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

/// Lowest score and name of each band.
const BANDS: &str =
    "(0, 'below_60'), (60, '60-69'), (70, '70-79'), (80, '80-89'), (90, '90_and_above')";

const FIGURES: &str = "count(customer_id) as customers,
            round(coalesce(sum(most), 0), 4)::text as limit,
            round(coalesce(sum(exposure), 0), 4)::text as exposure,
            round(coalesce(sum(overdue), 0), 4)::text as overdue_amount,
            count(*) filter (where defaulted) as defaulted,
            round(100.0 * count(*) filter (where defaulted) / nullif(count(customer_id), 0), 2)::text
                as default_rate_percent";

fn plan(mut question: Question<'_, NoFilter>) -> Result<Plan> {
    only_today(&question)?;
    let visible = visible_accounts(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("customers");
    let day = question.binds.date(question.as_of);
    let narrowed = question.narrowed;
    let scored = format!(
        "with latest as (
            select distinct on (customer_id) customer_id, score, concluded_on, valid_until, status
            from credit_investigations where score is not null and concluded_on is not null
            order by customer_id, concluded_on desc, created_at desc, id desc
        ),
        owed as (
            select customer_id, sum(amount) as exposure,
                sum(amount) filter (where kind = 'invoice' and due_on < {day}) as overdue,
                {day} - min(due_on) filter (where kind = 'invoice') as days
            from open_items group by customer_id
        ),
        scored as materialized (
            select *, case when score >= 90 then 90 when score < 60 then 0
                else score / 10 * 10 end as band
            from (
                select latest.customer_id, region, owner_id as person_id, score::int as score,
                    credit_limit as most, exposure, overdue,
                    coalesce(days > 60, false)
                        or exists (select from risk_cases r
                            where r.customer_id = latest.customer_id and r.closed_on is null)
                        or exists (select from write_off_requests w
                            where w.customer_id = latest.customer_id and w.status = 'approved'
                                and w.decided_on >= concluded_on) as defaulted,
                    (latest.status = 'expired' or latest.valid_until < {day}) and credit_limit > 0
                        and coalesce(customer_credits.valid_until >= {day}, true)
                        as expired_with_open_limit
                from latest join customers on customers.id = latest.customer_id
                left join owed on owed.customer_id = latest.customer_id
                left join customer_credits on customer_credits.id = latest.customer_id
                where merged_into_id is null{visible}
            ) as it where true{narrowed}
        )"
    );

    let rows = format!(
        "select band, {FIGURES}
        from (values {BANDS}) as bands (since, band)
        left join (select band as of_band, customer_id, most, exposure, overdue, defaulted
            from scored) as it on of_band = since
        group by since, band order by since"
    );

    let totals = format!(
        "select {FIGURES},
            count(*) filter (where expired_with_open_limit) as expired_with_open_limit
        from scored"
    );

    Ok(Plan { shared: scored, ..Plan::new("credit-scores", question.binds, rows, totals) })
}
