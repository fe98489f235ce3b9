//! Customers without approved trading terms 无交易条件客户.

use access::Can;
use actix_web::HttpResponse;
use orders::order::Order;
use platform::{Date, NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{dated, sees};
use crate::receivables::AccountFilter;

/// One customer without terms.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "customer_id": "01910000-0000-7000-8000-000000000002", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "owner_id": null, "orders": 2, "amount": "5000.0000",
    "first_order": "2026-07-02", "last_order": "2026-07-20", "exposure": "3000.0000",
}))]
pub struct WithoutTermsRow {
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    /// Owner of the customer
    pub owner_id: Option<Uuid>,
    /// Orders on days without terms in force
    pub orders: i64,
    /// Total of the orders with tax and freight, in the company's currency
    pub amount: Number,
    pub first_order: Date,
    pub last_order: Date,
    /// Open receivables and confirmed orders today, less unapplied receipts: 0 or less for a
    /// customer who prepays. Null where you see an order but not the customer's account
    pub exposure: Option<Number>,
}

/// Totals of all customers; none of them should owe anything.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithoutTermsTotals {
    pub customers: i64,
    /// Customers with an exposure above 0
    pub owing: i64,
    pub orders: i64,
    pub amount: Number,
    pub exposure: Number,
}

crate::report! {
    /// Customers without approved terms
    WithoutTermsReport of WithoutTermsRow, WithoutTermsTotals
}

/// Customers without approved terms
///
/// 无交易条件客户: customers with confirmed or closed orders in the period for whose day no terms
/// were approved. Only orders visible to you count.
#[utoipa::path(
    get, path = "/reports/without-terms",
    params(ReportQuery<NoFilter, AccountFilter>),
    responses(
        (status = 200, description = "One row per customer", content(
            (WithoutTermsReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_without_terms(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, AccountFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = sees::<Order>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("orders");
    let (range, until) = (question.range, question.until);
    let ordered = dated("order_date", range, until, &mut question.binds);
    // A salesperson who is credited with an order of somebody else's customer sees only that order.
    let seen = match question.caller.reach_of_accounts() {
        Some(people) => format!("person_id = any({})", question.binds.ids(people)),
        None => "true".to_owned(),
    };

    let narrowed = question.narrowed;
    let traded = format!(
        "with traded as (
            select customer_id, person_id, count(*) as orders, sum(amount) as amount,
                min(order_date) as first_order, max(order_date) as last_order,
                case when {seen} then (select coalesce(sum(i.amount), 0) from open_items i
                    where i.customer_id = it.customer_id) end as exposure
            from (
                select customer_id, region, person_id, order_date,
                    total_amount * exchange_rate as amount
                from orders
                join (select id as of_id, region, owner_id as person_id from customers) as c
                    on of_id = customer_id
                where status in ('confirmed', 'closed') and {ordered}{visible} and not exists (
                    select from terms_requests t where t.customer_id = orders.customer_id
                        and t.status = 'approved' and t.valid_from <= order_date)
            ) as it where true{narrowed}
            group by customer_id, person_id
        )"
    );

    let rows = "select customer_id, external_id as customer_external_id, name as customer_name,
            person_id as owner_id, orders, round(traded.amount, 4)::text as amount, first_order,
            last_order, round(exposure, 4)::text as exposure
        from traded join customers on customers.id = customer_id
        order by traded.exposure desc nulls last, external_id collate \"C\", customer_id"
        .to_owned();

    let totals = "select count(*) as customers, count(*) filter (where exposure > 0) as owing,
            coalesce(sum(orders), 0)::bigint as orders,
            round(coalesce(sum(amount), 0), 4)::text as amount,
            round(coalesce(sum(exposure), 0), 4)::text as exposure
        from traded"
        .to_owned();

    Plan { shared: traded, ..Plan::new("without-terms", question.binds, rows, totals) }
}
