//! Receivables ageing 账龄分析.

use access::Can;
use actix_web::HttpResponse;
use company::exchange_rate::rate_on;
use customers::customer::MERGED;
use platform::{Error, Fault, NoFilter, Number, Problems, Query, Result, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::receivables::{AccountFilter, OwedBy, open_on, provision_rate};

/// Default bounds of the buckets: 1–30, 31–60, 61–90, 91–180, 181–365 and over 365 days
const BOUNDS: [i32; 5] = [30, 60, 90, 180, 365];

text_enum! {
    /// Date from which the age of a receivable is counted
    pub enum AgingBasis {
        DueDate = "due_date",
        InvoiceDate = "invoice_date",
    }
}

/// Grouping and buckets of the receivables ageing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AgingQuery {
    /// Default: `customer`
    #[param(inline)]
    group_by: Option<OwedBy>,
    /// Default: `due_date`
    #[param(inline)]
    basis: Option<AgingBasis>,
    /// Last day of each bucket, ascending from 1; the last bucket has no end. Default:
    /// `30,60,90,180,365`
    #[param(pattern = "^[0-9]{1,4}(,[0-9]{1,4}){0,9}$", example = "30,60,90,180,365")]
    bounds: Option<String>,
}

/// Receivables of one customer, salesperson or region. Each row has only the key fields of
/// `group_by`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司",
    "buckets": [{ "name": "current", "amount": "900.0000" }, { "name": "1-30", "amount": "100.0000" }],
    "outstanding": "1000.0000", "overdue": "100.0000", "overdue_percent": "10.00",
    "credit_notes": "0.0000", "unapplied": "50.0000", "post_dated": "0.0000", "balance": "950.0000", "provision": "1.0000",
    "oldest_days": 12, "control_balance": null, "reconciliation_difference": null,
}))]
pub struct AgingRow {
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
    /// Open amounts of invoices by age; in CSV one column per bucket
    pub buckets: Vec<AgingBucket>,
    /// Sum of the buckets
    pub outstanding: Number,
    /// Part of `outstanding` past its due date
    pub overdue: Number,
    /// 逾期率: overdue ÷ outstanding, in percent; null when nothing is outstanding
    pub overdue_percent: Option<Number>,
    /// 红字未抵: credit notes that are not fully allocated
    pub credit_notes: Number,
    /// 预收: receipts that are not fully allocated; never netted into the buckets
    pub unapplied: Number,
    /// 远期: payments recorded by `as_of` with a later receipt date
    pub post_dated: Number,
    /// `outstanding` − `credit_notes` − `unapplied`
    pub balance: Number,
    /// 坏账准备: bad-debt provision, by the days since the due date and the rates in the settings
    pub provision: Number,
    /// Days since the earliest due date of the open invoices, negative before it; null when no
    /// invoice is open
    pub oldest_days: Option<i64>,
    /// Balance of the customer in the books of the ERP on that day. A balance in another currency
    /// is valued like the documents in that currency; any difference is converted at the rate of
    /// the day
    #[schema(required = false)]
    pub control_balance: Option<Number>,
    /// `balance` − `control_balance`
    #[schema(required = false)]
    pub reconciliation_difference: Option<Number>,
}

/// Open amount within one range of age
#[derive(Debug, Serialize, ToSchema)]
pub struct AgingBucket {
    /// `current`, `1-30`, … `over_365`
    #[schema(example = "1-30")]
    pub name: String,
    pub amount: Number,
}

/// Totals of all receivables.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgingTotals {
    pub customers: i64,
    pub invoices: i64,
    pub buckets: Vec<AgingBucket>,
    pub outstanding: Number,
    pub overdue: Number,
    pub overdue_percent: Option<Number>,
    pub credit_notes: Number,
    pub unapplied: Number,
    pub post_dated: Number,
    pub balance: Number,
    pub provision: Number,
    pub oldest_days: Option<i64>,
    /// Balance of the whole company in the books of the ERP on that day, over all currencies; null
    /// when the report covers only a part of the receivables
    pub control_balance: Option<Number>,
    /// `balance` − `control_balance`
    pub reconciliation_difference: Option<Number>,
}

crate::report! {
    /// Receivables ageing
    AgingReport of AgingRow, AgingTotals
}

/// Receivables ageing
///
/// 账龄分析 at the end of a day, by customer, salesperson or region, in the company's currency at
/// the rate of each document. Only invoices and payments visible to you count.
#[utoipa::path(
    get, path = "/reports/ar-aging",
    params(ReportQuery<AgingQuery, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per group", content(
            (AgingReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_ar_aging(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<AgingQuery, AccountFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, plan).await
}

fn plan(mut question: Question<'_, AgingQuery>) -> Result<Plan> {
    let bounds = bounds(question.own.bounds.as_deref())?;
    let everything = question.is_unlimited() && question.caller.reach_of_accounts().is_none();
    let open = open_on(&mut question);
    let day = question.binds.date(question.as_of);
    let since = match question.own.basis.unwrap_or(AgingBasis::DueDate) {
        AgingBasis::DueDate => "due_on",
        AgingBasis::InvoiceDate => "document_date",
    };

    let aged = format!(
        "with {open},
        aged as (
            select *, {day} - {since} as age, {day} - due_on as late,
                case when kind = 'invoice' then amount * {rate} / 100 end as provision
            from open
        )",
        rate = provision_rate(&format!("({day} - due_on)"))
    );

    let classes = names(&bounds);
    let columns = classes.iter().map(|(name, low, high)| {
        let within = match (low, high) {
            (_, Some(high)) if *low < 0 => format!("age <= {high}"),
            (low, Some(high)) => format!("age > {low} and age <= {high}"),
            (low, None) => format!("age > {low}"),
        };
        let sum = sum(&format!("kind = 'invoice' and {within}"), "amount");
        if question.is_for_table() {
            let column = if name == "current" { name.clone() } else { format!("days_{name}") };
            format!("{sum} as \"{}\"", column.replace('-', "_"))
        } else {
            format!("json_build_object('name', '{name}', 'amount', {sum})")
        }
    });
    let columns: Vec<String> = columns.collect();

    let buckets = if question.is_for_table() {
        columns.join(", ")
    } else {
        format!("json_build_array({}) as buckets", columns.join(", "))
    };

    let overdue_percent = "round(100 * coalesce(sum(amount) filter (where kind = 'invoice'
            and late > 0), 0) / nullif(sum(amount) filter (where kind = 'invoice'), 0), 2)::text
            as overdue_percent";
    let figures = format!(
        "{buckets}, {} as outstanding, {} as overdue, {overdue_percent}, {} as credit_notes, {} as unapplied,
            {} as post_dated, {} as balance, {} as provision,
            max(late) filter (where kind = 'invoice') as oldest_days,
            coalesce(sum(amount) filter (where kind <> 'post_dated'), 0) as exact",
        sum("kind = 'invoice'", "amount"),
        sum("kind = 'invoice' and late > 0", "amount"),
        sum("kind = 'credit_note'", "-amount"),
        sum("kind = 'receipt'", "-amount"),
        sum("kind = 'post_dated'", "-amount"),
        sum("kind <> 'post_dated'", "amount"),
        sum("true", "provision"),
    );

    let shown = if question.is_for_table() {
        let columns = classes.iter().map(|(name, ..)| {
            let column = if name == "current" { name.clone() } else { format!("days_{name}") };
            format!("\"{}\"", column.replace('-', "_"))
        });
        columns.collect::<Vec<_>>().join(", ")
    } else {
        "buckets".to_owned()
    };

    let shown = format!(
        "{shown}, outstanding, overdue, overdue_percent, credit_notes, unapplied, post_dated, balance, provision,
            oldest_days"
    );

    let by = question.own.group_by.unwrap_or(OwedBy::Customer);
    let (key, named, from, order) = by.parts();
    let compared = ", round(control, 4)::text as control_balance,
            round(exact - control, 4)::text as reconciliation_difference";
    let (controls_of_rows, from, of_row) = match by {
        OwedBy::Customer if question.caller.reach_of_accounts().is_none() => {
            let from = format!("{from} left join controls on of_id = customer_id");
            (format!(", controls as ({})", controls(&day, Some("customer_id"))), from, compared)
        }
        _ => (String::new(), from.to_owned(), ""),
    };

    // The books balance the company as a whole: a part of the documents compares with nothing.
    let (control_of_all, of_all) = if everything {
        (controls(&day, None), compared)
    } else {
        let unknown = ", null::text as control_balance, null::text as reconciliation_difference";
        ("select 1".to_owned(), unknown)
    };

    let shared = format!(
        "{aged},
        groups as (select {key}, {figures} from aged group by {key}){controls_of_rows},
        summed as (select count(distinct customer_id) as customers,
            count(distinct id) filter (where kind = 'invoice') as invoices, {figures} from aged),
        control_of_all as ({control_of_all})"
    );

    let rows = format!("select {named}, {shown}{of_row} from {from} order by {order}");
    let totals = format!(
        "select customers, invoices, {shown}{of_all} from summed cross join control_of_all"
    );

    Ok(Plan { shared, ..Plan::new("ar-aging", question.binds, rows, totals) })
}

/// Returns a statement that selects `of_id, control`: the balance in the books of the ERP on a day,
/// by customer or for the whole company.
///
/// A balance in the company's currency counts as it is and covers all documents for whose currency
/// the books have no balance. A balance in another currency is worth what our documents in that
/// currency are worth; what it is more or less is converted at the rate of the day. So there is no
/// difference where both agree, whatever the rates of the documents were.
fn controls(day: &str, by: Option<&str>) -> String {
    let (key, same, which) = match by {
        Some(key) => (format!("{key},"), format!("c.{key} = held.{key} and "), "is not null"),
        None => (String::new(), String::new(), "is null"),
    };

    let (id, grouped) = by.map_or(("", ""), |_| ("customer_id as of_id,", "group by customer_id"));
    let rate = rate_on("c.currency", day);
    format!(
        "select {id} case when count(*) = count(said) then sum(said) end as control
        from (
            select c.customer_id, case
                when c.currency = (select currency from company) then c.amount
                when coalesce(held.own, 0) = c.amount then coalesce(held.exact, 0)
                else coalesce(held.exact, 0) + (c.amount - coalesce(held.own, 0)) * {rate}
                end as said
            from (
                select coalesce(merged.winner, b.customer_id) as customer_id, b.as_of, b.currency,
                    sum(b.amount) as amount
                from control_balances b left join {MERGED} as merged on merged.start = b.customer_id
                where b.as_of = {day} group by 1, 2, 3
            ) as c left join (
                select {key} currency, sum(open_amount) as own, sum(amount) as exact
                from aged where kind <> 'post_dated' group by {key} currency
            ) as held on {same}held.currency = c.currency
            where c.as_of = {day} and c.customer_id {which}
        ) as said {grouped}"
    )
}

fn sum(condition: &str, what: &str) -> String {
    format!("round(coalesce(sum({what}) filter (where {condition}), 0), 4)::text")
}

/// Returns each bucket with the age that it starts above and the age that it ends at.
fn names(bounds: &[i32]) -> Vec<(String, i32, Option<i32>)> {
    let mut all = vec![("current".to_owned(), -1, Some(0))];
    let mut low = 0;
    for bound in bounds {
        all.push((format!("{}-{bound}", low + 1), low, Some(*bound)));
        low = *bound;
    }
    all.push((format!("over_{low}"), low, None));
    all
}

/// Parses the requested bounds: ascending days, from 1 on.
fn bounds(asked: Option<&str>) -> Result<Vec<i32>> {
    let Some(asked) = asked else { return Ok(BOUNDS.to_vec()) };
    let bounds: Vec<i32> = asked.split(',').filter_map(|bound| bound.parse().ok()).collect();
    if bounds.first().is_none_or(|first| *first < 1) || !bounds.is_sorted_by(|a, b| a < b) {
        let fault = Fault::new(
            "/bounds",
            "range",
            "must be ascending numbers of days, starting at 1 or more",
        );
        return Err(
            Error::bad_request("invalid_query", "`bounds` must be ascending.").faults(vec![fault])
        );
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_as_asked_for() {
        let told = |asked| {
            let names = names(&bounds(asked).unwrap());
            names.into_iter().map(|it| it.0).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(None), "current 1-30 31-60 61-90 91-180 181-365 over_365");
        assert_eq!(told(Some("7,14")), "current 1-7 8-14 over_14");
        assert!(bounds(Some("14,7")).is_err());
        assert!(bounds(Some("0,7")).is_err());
    }
}
