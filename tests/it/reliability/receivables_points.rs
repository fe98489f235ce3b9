//! Network faults at each step of the writes of invoices and payments: repeating the request
//! creates exactly one document, and stored figures equal those of the documents.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::reliability::receivables_steps::WRONG;
use crate::reliability::visits_points::{Before, CHANGES, Make, Write, cut_off};

/// Finance writes invoices; a salesperson can own customers.
const FINANCE: &[Role] = &[Role::Finance, Role::Salesperson];

/// The statement that records changes of several rows.
const ALL_CHANGES: &str = "insert into changes";

const OWED: &str = "insert into open_items";

/// A document of the ERP, numbered consecutively.
fn document(before: &Before, name: &str, amount: &str) -> Value {
    json!({ "external_id": format!("{name}{}", before.made), "customer_id": before.customer,
        "invoice_date": "2026-04-01", "amount": amount })
}

fn batch(items: &Value) -> Value {
    json!({ "source_system": "sap", "items": items })
}

fn order(before: &Before) -> Value {
    let lines = [json!({ "quantity": "1", "amount": "10.00" })];
    batch(&json!([{ "external_id": format!("O{}", before.made), "customer_id": before.customer,
        "order_date": "2026-03-31", "lines": lines }]))
}

fn draft(before: &Before) -> Value {
    json!({ "customer_id": before.customer, "amount": "10.00" })
}

/// Requests that create a posted invoice.
const POSTED: [(&str, Make); 2] = [("/invoices", draft), ("/invoices/{id}/post", |_| Value::Null)];

fn payment(before: &Before) -> Value {
    json!({ "customer_id": before.customer, "amount": "8.00",
        "allocations": [{ "invoice_id": before.last, "amount": "6.00" }] })
}

const POSTING: Write = Write {
    roles: &[Role::Admin],
    first: &[
        ("/orders/batch", order),
        (
            "/invoices",
            |it| json!({ "customer_id": it.customer, "amount": "10.00", "order_id": it.last }),
        ),
    ],
    path: "/invoices/{id}/post",
    status: 200,
    body: |_| Value::Null,
    steps: &[
        "UPDATE \"invoices\"",
        CHANGES,
        OWED,
        "update orders set version",
        "delete from open_items",
        ALL_CHANGES,
    ],
    rows: &[
        "invoices where status = 'posted'",
        "changes where type = 'invoice' and version = 2",
        "changes where type = 'order' and version = 2",
        "orders where billing_status = 'invoiced'",
        "open_items",
    ],
    tidy: "select",
    wrong: WRONG,
};

const DRAFT: Write = Write {
    roles: FINANCE,
    first: &[],
    path: "/invoices",
    status: 201,
    body: draft,
    steps: &["INSERT INTO \"invoices\"", CHANGES],
    rows: &["invoices", "changes where type = 'invoice'"],
    tidy: "select",
    wrong: WRONG,
};

const PAYMENT: Write = Write {
    roles: FINANCE,
    first: &POSTED,
    path: "/payments",
    status: 201,
    body: payment,
    steps: &[
        "INSERT INTO \"payments\"",
        CHANGES,
        "INSERT INTO \"allocations\"",
        "update invoices set version",
        ALL_CHANGES,
        OWED,
    ],
    rows: &[
        "payments",
        "allocations",
        "invoices where open_amount = 4",
        "open_items where kind = 'receipt' and amount = -2",
        "changes where type = 'payment'",
        "changes where type = 'invoice' and version = 3",
    ],
    tidy: "select",
    wrong: WRONG,
};

const REVERSAL: Write = Write {
    roles: FINANCE,
    first: &[POSTED[0], POSTED[1], ("/payments", payment)],
    path: "/payments/{id}/reverse",
    status: 200,
    body: |_| json!({ "reason": "退票" }),
    steps: &[
        "update allocations set reversed_on",
        "update invoices set version",
        ALL_CHANGES,
        OWED,
        "delete from open_items",
        "UPDATE \"payments\"",
        CHANGES,
    ],
    rows: &[
        "payments where reversed_on is not null",
        "allocations where reversed_on is not null",
        "invoices where open_amount = total_amount",
        "open_items",
        "changes where type = 'payment' and version = 2",
        "changes where type = 'invoice' and version = 4",
    ],
    tidy: "select",
    wrong: WRONG,
};

/// A credit note before its invoice, which refers to an order, and an invoice without an order.
const INVOICES: Write = Write {
    roles: &[Role::Erp],
    first: &[("/orders/batch", order)],
    path: "/invoices/batch",
    status: 200,
    body: |it| {
        let mut note = document(it, "N", "4.00");
        note["kind"] = json!("credit_note");
        note["corrects_invoice_external_id"] = json!(format!("I{}", it.made));
        let mut billed = document(it, "I", "10.00");
        billed["order_id"] = json!(it.last);
        batch(&json!([note, billed, document(it, "J", "6.00")]))
    },
    steps: &[
        "INSERT INTO \"invoices\"",
        ALL_CHANGES,
        "INSERT INTO \"allocations\"",
        "update invoices set version",
        OWED,
        "update orders set version",
    ],
    rows: &[
        "invoices where external_id like 'N%' and open_amount = 0",
        "invoices where external_id like 'I%' and open_amount = 6",
        "invoices where external_id like 'J%' and open_amount = 6",
        "allocations where credit_note_id is not null",
        "orders where invoiced_amount = 6",
        "changes where type = 'invoice' and version = 1 and data->>'external_id' like 'N%'",
        "changes where type = 'invoice' and version = 2 and data->>'external_id' like 'I%'",
        "changes where type = 'invoice' and data->>'external_id' like 'J%'",
    ],
    tidy: "select",
    wrong: WRONG,
};

/// A payment of two invoices, and an unapplied one.
const PAYMENTS: Write = Write {
    roles: &[Role::Erp],
    first: &[("/invoices/batch", |it| {
        batch(&json!([document(it, "I", "10.00"), document(it, "J", "6.00")]))
    })],
    path: "/payments/batch",
    status: 200,
    body: |it| {
        let used = |name: &str, amount: &str| json!({ "amount": amount, "invoice_external_id": format!("{name}{}", it.made) });
        let new = |name: &str, amount: &str, uses: Value| {
            json!({ "external_id": format!("{name}{}", it.made), "customer_id": it.customer,
                "received_on": "2026-04-09", "amount": amount, "allocations": uses })
        };
        let uses = json!([used("I", "8.00"), used("J", "1.00")]);
        batch(&json!([new("P", "9.00", uses), new("Q", "5.00", json!([]))]))
    },
    steps: &[
        "INSERT INTO \"payments\"",
        "DELETE",
        "INSERT INTO \"allocations\"",
        "update invoices set version",
        ALL_CHANGES,
        OWED,
    ],
    rows: &[
        "payments where external_id like 'P%' and unapplied_amount = 0",
        "payments where external_id like 'Q%' and unapplied_amount = 5",
        "allocations where amount = 8",
        "allocations where amount = 1",
        "invoices where external_id like 'I%' and open_amount = 2",
        "invoices where external_id like 'J%' and open_amount = 5",
        "changes where type = 'payment' and data->>'external_id' like 'P%'",
        "changes where type = 'payment' and data->>'external_id' like 'Q%'",
    ],
    tidy: "select",
    wrong: WRONG,
};

#[actix_web::test]
async fn invoices_are_cut_off_at_every_step() {
    for write in [&DRAFT, &POSTING, &INVOICES] {
        cut_off(write).await;
    }
}

#[actix_web::test]
async fn payments_are_cut_off_at_every_step() {
    for write in [&PAYMENT, &REVERSAL, &PAYMENTS] {
        cut_off(write).await;
    }
}
