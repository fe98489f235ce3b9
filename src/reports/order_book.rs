//! Order book 在手订单: confirmed orders that are not invoiced in full.

use access::Can;
use actix_web::HttpResponse;
use orders::order::Order;
use platform::{Date, NoFilter, Number, Problems, Query, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Plan, Question, ReportContext, ReportQuery};
use crate::filter::{Narrows, also, sees};
use crate::receivables::AccountFilter;
use crate::sql::Binds;

/// One order that is not invoiced in full.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "order_id": "01910000-0000-7000-8000-000000000002", "order_number": "SO-2026-000123",
    "customer_id": "01910000-0000-7000-8000-000000000003", "customer_external_id": "29818",
    "customer_name": "上海林氏贸易有限公司", "order_date": "2026-10-01", "due_date": null,
    "days_late": null, "ordered": "1000.0000", "invoiced": "400.0000", "to_invoice": "600.0000",
}))]
pub struct OrderBookRow {
    pub order_id: Uuid,
    pub order_number: String,
    pub customer_id: Uuid,
    pub customer_external_id: Option<String>,
    pub customer_name: String,
    pub order_date: Date,
    pub due_date: Option<Date>,
    /// Days since `due_date`; negative before it
    pub days_late: Option<i64>,
    /// The order's total with tax and freight, in the company's currency
    pub ordered: Number,
    /// Invoiced amount, less credit notes
    pub invoiced: Number,
    pub to_invoice: Number,
}

/// Totals of the order book.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderBookTotals {
    pub orders: i64,
    pub customers: i64,
    pub ordered: Number,
    pub invoiced: Number,
    pub to_invoice: Number,
    /// Part of `to_invoice` past the due date of its order
    pub overdue: Number,
}

crate::report! {
    /// Order book
    OrderBookReport of OrderBookRow, OrderBookTotals
}

/// Order book
///
/// 在手订单: orders confirmed by `as_of` and neither closed nor cancelled by then, with the amount
/// invoiced by then. An order that its ERP reports as invoiced is excluded, with or without
/// invoices here. The closing date comes from the order's history, for as long as that is kept; an
/// order that was imported as closed is never in the book. Only orders visible to you count.
#[utoipa::path(
    get, path = "/reports/order-book",
    params(ReportQuery<NoFilter, BookFilter, NoFilter>),
    responses(
        (status = 200, description = "One row per order", content(
            (OrderBookReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
pub async fn report_order_book(
    caller: Can<ReadAccountReports>,
    asked: Query<ReportQuery<NoFilter, BookFilter, NoFilter>>,
    context: ReportContext,
) -> Result<HttpResponse> {
    context.answer(&caller, &asked, |question| Ok(plan(question))).await
}

/// Filter of the order book. An order credited to several people is in the book of each of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BookFilter {
    customer_id: Option<Uuid>,
    /// Credited salesperson, alone or with others
    salesperson_id: Option<Uuid>,
    /// 地区 of the customer
    #[param(min_length = 1, max_length = 100)]
    region: Option<String>,
}

intake::references! { BookFilter: AccountFilter::REFERENCES }

impl Narrows for BookFilter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        all.extend(self.customer_id.map(|id| format!("customer_id = {}", binds.id(id))));
        all.extend(self.salesperson_id.map(|id| format!("{} = any(credited)", binds.id(id))));
        all.extend(self.region.as_ref().map(|region| format!("region = {}", binds.text(region))));
        also(&all)
    }
}

/// Returns the condition for orders that were confirmed and neither closed nor cancelled at the end
/// of the day. An order does not store when it was closed, but its history does. `updated_at` first
/// rules out the closed orders that have not changed since.
fn standing(question: &mut Question<'_, NoFilter>, day: &str) -> String {
    let zone = question.zone.clone();
    let zone = question.binds.text(&zone);
    format!(
        "coalesce(confirmed_on, order_date) <= {day} and (
            status = 'confirmed'
            or status = 'cancelled' and confirmed_on is not null and cancelled_on > {day}
            or status = 'closed' and (orders.updated_at at time zone {zone})::date > {day} and (
                select (max(at) at time zone {zone})::date from changes
                where type = 'order' and changes.id = orders.id and op = 'updated'
                    and diff -> 'status' ->> 'to' = 'closed'
            ) > {day}
        )"
    )
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = sees::<Order>(question.caller, &mut question.binds);
    let visible = visible + &question.from_source("orders");
    let day = question.binds.date(question.as_of);
    let standing = standing(&mut question, &day);
    let narrowed = question.narrowed;
    let book = format!(
        "with book as (
            select * from (
                select orders.id, number, customer_id, external_id_of as external_id, name, region,
                    credited, order_date, due_date, total_amount * exchange_rate as ordered,
                    invoiced * exchange_rate as invoiced,
                    case when billed then 0 else greatest(total_amount - invoiced, 0) end
                        * exchange_rate as rest
                from orders
                join (select id as of_id, external_id as external_id_of, name, region
                    from customers) as c on of_id = customer_id
                cross join lateral (
                    select coalesce(sum(case kind when 'invoice' then total_amount
                            else -total_amount end)
                            filter (where invoice_date <= {day}), 0) as invoiced,
                        billing_status = 'invoiced'
                            and count(*) filter (where invoice_date > {day}) = 0 as billed
                    from invoices i where i.order_id = orders.id and i.posted_on is not null
                        and (i.cancelled_on is null or i.cancelled_on > {day})
                ) as it
                where {standing}{visible}
            ) as it where rest > 0{narrowed}
        )"
    );

    let money = |name: &str| format!("round({name}, 4)::text");
    let rows = format!(
        "{book}
        select id as order_id, number as order_number, customer_id,
            external_id as customer_external_id, name as customer_name, order_date, due_date,
            {day} - due_date as days_late, {} as ordered, {} as invoiced, {} as to_invoice
        from book order by due_date nulls last, order_date, id",
        money("ordered"),
        money("invoiced"),
        money("rest"),
    );

    let sum = |name: &str| format!("round(coalesce(sum({name}), 0), 4)::text");
    let totals = format!(
        "{book}
        select count(*) as orders, count(distinct customer_id) as customers, {} as ordered,
            {} as invoiced, {} as to_invoice,
            round(coalesce(sum(rest) filter (where due_date < {day}), 0), 4)::text as overdue
        from book",
        sum("ordered"),
        sum("invoiced"),
        sum("rest"),
    );

    Plan::new("order-book", question.binds, rows, totals)
}
