//! What was ordered and is still to be invoiced, 在手订单 (S53).

use actix_web::{HttpResponse, get};
use auth::Can;
use platform::{Date, NoFilter, Number, Problems, Query, Result};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ReadAccountReports;
use crate::answer::{Asked, Desk, Plan, Question};
use crate::filter::visible_orders;
use crate::receivables::AccountFilter;

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
    /// Since `due_date`; negative before it
    pub days_late: Option<i64>,
    /// The order's total with tax and freight, in the company's currency
    pub ordered: Number,
    /// Of it, without what was given back
    pub invoiced: Number,
    pub to_invoice: Number,
}

/// The whole book.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderBookTotals {
    pub orders: i64,
    pub customers: i64,
    pub ordered: Number,
    pub invoiced: Number,
    pub to_invoice: Number,
    /// Of it, past its day
    pub overdue: Number,
}

crate::report! {
    /// What was ordered and is still to be invoiced
    OrderBookReport of OrderBookRow, OrderBookTotals
}

/// What was ordered and is still to be invoiced
///
/// 在手订单: confirmed orders until `as_of` that are not closed, with what was invoiced of them by then.
/// Only orders that you may see.
#[utoipa::path(
    tag = "reports",
    params(Asked<NoFilter, AccountFilter, NoFilter>),
    responses(
        (status = 200, description = "A row for each order", content(
            (OrderBookReport = "application/json"), (String = "text/csv"),
        )),
        Problems,
    ),
)]
#[get("/reports/order-book")]
pub async fn report_order_book(
    caller: Can<ReadAccountReports>,
    asked: Query<Asked<NoFilter, AccountFilter, NoFilter>>,
    desk: Desk,
) -> Result<HttpResponse> {
    desk.answer(&caller, &asked, |question| Ok(plan(question))).await
}

fn plan(mut question: Question<'_, NoFilter>) -> Plan {
    let visible = visible_orders(question.caller, &mut question.binds);
    let day = question.binds.date(question.as_of);
    let narrowed = question.narrowed;
    let book = format!(
        "with book as (
            select * from (
                select orders.id, number, customer_id, external_id_of as external_id, name, region,
                    credited[1] as person_id, order_date, due_date, total_amount * exchange_rate as ordered,
                    invoiced * exchange_rate as invoiced,
                    greatest(total_amount - invoiced, 0) * exchange_rate as rest
                from orders
                join (select id as of_id, external_id as external_id_of, name, region
                    from customers) as c on of_id = customer_id
                cross join lateral (
                    select coalesce(sum(case kind when 'invoice' then total_amount
                        else -total_amount end), 0) as invoiced
                    from invoices i where i.order_id = orders.id and i.status = 'posted'
                        and i.invoice_date <= {day}
                ) as it
                where status = 'confirmed' and order_date <= {day}{visible}
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
