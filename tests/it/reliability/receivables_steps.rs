//! The service is killed at each step of the writes of invoices and payments.

use serde_json::{Value, json};

use crate::reliability::steps::{Kind, Stage, Wish, killed_at_each_step, statement};
use crate::support::process::{Told, count};

/// The documents of a name, their allocations and the resulting exposure.
const ROWS: &str = "select concat_ws(' ', 'invoice', replace(external_id, '{name}', ''), version,
            status, open_amount::float8, closed_on,
            'owed', (select sum(amount)::float8 from open_items where source_id = i.id),
            'order', (select concat_ws(' ', billing_status, payment_status, invoiced_amount::float8)
                from orders where id = i.order_id),
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = i.id and type = 'invoice'))
        from invoices i where external_id like '{name}-%'
        union all select concat_ws(' ', 'payment', replace(coalesce(external_id, note), '{name}', ''),
            version, amount::float8, unapplied_amount::float8, closed_on, reversed_on is null,
            'owed', (select sum(amount)::float8 from open_items where source_id = m.id),
            'used', (select string_agg(concat(amount::float8, reversed_on), ' ' order by amount)
                from allocations where payment_id = m.id),
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = m.id and type = 'payment'))
        from payments m where coalesce(external_id, note) like '{name}-%'";

const INVOICE: Kind = Kind { path: "/invoices", type_: "invoice", rows: ROWS, tidy: "select" };
const PAYMENT: Kind = Kind { path: "/payments", type_: "payment", rows: ROWS, tidy: "select" };

fn batch(path: &str, items: &Value) -> Wish {
    let body = json!({ "source_system": "sap", "items": items });
    Wish { path: format!("{path}/batch"), body }
}

fn ordered(stage: &Stage, name: &str) -> Wish {
    let order = |number| {
        json!({ "external_id": format!("{name}-{number}"), "customer_id": stage.customer,
            "order_date": "2026-03-31", "lines": [{ "quantity": "1", "amount": "10.00" }] })
    };
    batch("/orders", &json!([order(1), order(2)]))
}

/// An order that is invoiced in full, one in part, and a credit note for an excess.
fn invoiced(stage: &Stage, name: &str) -> Wish {
    let document = |number: &str, more: Value| {
        let mut it = json!({ "external_id": format!("{name}-{number}"),
            "customer_id": stage.customer, "invoice_date": "2026-04-01" });
        it.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it
    };
    let of = |order: &str| format!("{name}-{order}");
    batch(
        "/invoices",
        &json!([
            document("1", json!({ "order_external_id": of("1"), "amount": "10.00" })),
            document("2", json!({ "order_external_id": of("2"), "amount": "6.00" })),
            document(
                "3",
                json!({ "kind": "credit_note", "amount": "4.00",
                "corrects_invoice_external_id": of("1") })
            ),
        ]),
    )
}

/// A payment of two invoices, and one with an unapplied rest.
fn paid(stage: &Stage, name: &str) -> Wish {
    let payment = |number: &str, amount: &str, used: Value| {
        json!({ "external_id": format!("{name}-{number}"), "customer_id": stage.customer,
            "received_on": "2026-04-09", "amount": amount, "allocations": used })
    };
    let used = |number: &str, amount: &str| json!({ "invoice_external_id": format!("{name}-{number}"), "amount": amount });
    batch(
        "/payments",
        &json!([
            payment("1", "9.00", json!([used("1", "8.00"), used("2", "1.00")])),
            payment("2", "5.00", json!([used("2", "3.00")])),
        ]),
    )
}

#[actix_web::test]
async fn killed_at_each_step_of_invoices() {
    let mut stage = Stage::new().await;
    let wish = |stage: &Stage, name: &str, _: &Told| invoiced(stage, name);
    killed_at_each_step(&mut stage, &INVOICE, ordered, wish, statement()).await;
    check(&stage).await;
}

#[actix_web::test]
async fn killed_at_each_step_of_payments() {
    let mut stage = Stage::new().await;
    let billed = |stage: &Stage, name: &str| {
        let mut it = invoiced(stage, name);
        // Without the orders, which do not exist here.
        for item in it.body["items"].as_array_mut().unwrap() {
            item.as_object_mut().unwrap().remove("order_external_id");
        }
        it
    };
    let wish = |stage: &Stage, name: &str, _: &Told| paid(stage, name);
    killed_at_each_step(&mut stage, &PAYMENT, billed, wish, statement()).await;
    check(&stage).await;
}

#[actix_web::test]
async fn killed_at_each_step_of_a_reversal() {
    let mut stage = Stage::new().await;
    let received = |stage: &Stage, name: &str| Wish {
        path: "/payments".to_owned(),
        body: json!({ "customer_id": stage.customer, "amount": "7.00", "method": "cheque",
            "note": format!("{name}-1") }),
    };
    let wish = |_: &Stage, _: &str, payment: &Told| Wish {
        path: format!("/payments/{}/reverse", payment.id()),
        body: json!({ "reason": "退票" }),
    };
    killed_at_each_step(&mut stage, &PAYMENT, received, wish, statement()).await;
    check(&stage).await;
}

async fn check(stage: &Stage) {
    for (rows, why) in WRONG {
        assert_eq!(count(&stage.service.url(), rows).await, 0, "{why}");
    }
}

/// Checks that stored figures equal those of documents and allocations: queries for rows that must
/// never exist, and their meaning.
pub const WRONG: &[(&str, &str)] = &[
    (
        "invoices i where open_amount <> case when status <> 'posted' then 0 else
            (case kind when 'invoice' then total_amount else -total_amount end)
            - coalesce((select sum(amount) from allocations a where a.invoice_id = i.id
                and reversed_on is null), 0)
            + coalesce((select sum(amount) from allocations a where a.credit_note_id = i.id
                and reversed_on is null), 0) end",
        "an invoice is not what was paid of it",
    ),
    (
        "payments m where unapplied_amount <> case when reversed_on is not null then 0 else amount
            - coalesce((select sum(amount) from allocations a where a.payment_id = m.id
                and reversed_on is null), 0) end",
        "a payment is not what is left of it",
    ),
    (
        "(select id, customer_id, open_amount as owed from invoices
                union all select id, customer_id, -unapplied_amount from payments
            ) as it (id, customer_id, owed)
            full join (select source_id, customer_id, sum(amount) as amount from open_items
                where kind <> 'order' group by source_id, customer_id) o on o.source_id = it.id
        where coalesce(o.amount, 0) <> coalesce(owed, 0)
            or o.customer_id <> it.customer_id",
        "the exposure is not what is open",
    ),
    (
        "orders o where invoiced_amount <> (select
            coalesce(sum(case kind when 'invoice' then total_amount else -total_amount end), 0)
            from invoices i where i.order_id = o.id and status = 'posted')
            and exists (select from invoices i where i.order_id = o.id)",
        "an order is not what was invoiced of it",
    ),
];
