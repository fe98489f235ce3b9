//! The batches of an ERP on one day, which refer to each other.

use serde_json::{Value, json};

pub fn order(n: usize, customer: &str) -> Value {
    json!({ "external_id": format!("O{n}"), "number": format!("N{n}"),
        "customer_external_id": customer, "order_date": "2026-03-02",
        "salesperson_external_id": format!("U{}", n % 3),
        "lines": [{ "product_external_id": format!("P{}", n % 5), "quantity": "1", "amount": "10" }] })
}

/// A resource: the path of its batches, the number of its parts, the items of a part, and the
/// stored rows by external id, without generated values.
pub struct Part {
    pub path: &'static str,
    pub parts: usize,
    pub items: fn(usize) -> Vec<Value>,
    pub state: &'static str,
}

/// All resources, ordered so that references exist. Add new resources here.
pub const DAY: &[Part] = &[
    Part {
        path: "teams",
        parts: 1,
        items: |_| vec![json!({ "external_id": "T", "code": "T", "name": "T" })],
        state: "select concat_ws('|', external_id, code, name) from teams",
    },
    Part {
        path: "users",
        parts: 1,
        items: |_| {
            let user = |n| {
                json!({ "external_id": format!("U{n}"), "name": format!("U{n}"),
                "username": format!("u{n}"), "team_external_id": "T" })
            };
            (0..3).map(user).collect()
        },
        state: "select concat_ws('|', u.external_id, u.name, t.external_id) from users u
            join teams t on t.id = u.team_id where u.source_system = 'sap'",
    },
    Part {
        path: "territories",
        parts: 1,
        items: |_| {
            let territory = |n: usize| {
                let mut it = json!({ "external_id": format!("R{n}"), "code": format!("R{n}"),
                    "name": format!("R{n}") });
                if n > 0 {
                    it["parent_external_id"] = json!(format!("R{}", (n - 1) / 2));
                }
                it
            };
            (0..6).map(territory).collect()
        },
        state: "select concat_ws('|', c.external_id, p.external_id) from territories c
            left join territories p on p.id = c.parent_id",
    },
    Part {
        path: "products",
        parts: 1,
        items: |_| {
            let product = |n| {
                json!({ "external_id": format!("P{n}"), "code": format!("P{n}"),
                "name": format!("P{n}"), "list_price": "10" })
            };
            (0..5).map(product).collect()
        },
        state: "select concat_ws('|', external_id, code, list_price) from products",
    },
    Part {
        path: "customers",
        parts: 4,
        items: |part| {
            let customer = |n: usize| {
                json!({ "external_id": format!("C{n}"), "code": format!("C{n}"),
                "name": format!("C{n}"), "owner_external_id": format!("U{}", n % 3),
                "territory_external_id": format!("R{}", n % 6) })
            };
            (part * 10..part * 10 + 10).map(customer).collect()
        },
        state: "select concat_ws('|', c.external_id, c.code, u.external_id, t.external_id)
            from customers c join users u on u.id = c.owner_id
            join territories t on t.id = c.territory_id",
    },
    Part {
        path: "contacts",
        parts: 4,
        items: |part| {
            let contact = |n: usize| {
                json!({ "external_id": format!("K{n}"), "name": format!("K{n}"),
                "customer_external_id": format!("C{}", (n * 7) % 40) })
            };
            (part * 10..part * 10 + 10).map(contact).collect()
        },
        state: "select concat_ws('|', k.external_id, c.external_id) from contacts k
            join customers c on c.id = k.customer_id",
    },
    Part {
        path: "orders",
        parts: 4,
        items: |part| {
            (0..15).map(|n| order(part * 15 + n, &format!("C{}", (n * 11 + part) % 40))).collect()
        },
        state: "select concat_ws('|', o.external_id, o.number, c.external_id, o.amount,
            o.fulfilment_status, p.external_id, u.external_id, t.external_id, s.amount)
            from orders o join customers c on c.id = o.customer_id
            join order_lines l on l.order_id = o.id join products p on p.id = l.product_id
            join users u on u.id = o.credited[1] left join teams t on t.id = o.team_path[1]
            left join sales_entries s on s.order_id = o.id",
    },
    Part {
        path: "shipments",
        parts: 3,
        items: |part| {
            let shipment = |n: usize| {
                json!({ "external_id": format!("S{n}"), "number": format!("S{n}"),
                "order_external_id": format!("O{}", (n * 7) % 60), "shipped_on": "2026-03-05",
                "lines": [{ "line_number": 1, "quantity": "1" }] })
            };
            (part * 10..part * 10 + 10).map(shipment).collect()
        },
        state: "select concat_ws('|', s.external_id, s.number, o.external_id, s.status)
            from shipments s join orders o on o.id = s.order_id",
    },
    Part {
        path: "invoices",
        parts: 4,
        items: |part| {
            // An invoice for each of the first 30 orders, and a credit note for every third one.
            let invoice = |n: usize| {
                let customer = (n % 15 * 11 + n / 15) % 40;
                json!({ "external_id": format!("I{n}"), "number": format!("I{n}"),
                "customer_external_id": format!("C{customer}"), "invoice_date": "2026-03-06",
                "order_external_id": format!("O{n}"), "due_date": "2026-04-05", "amount": "10" })
            };
            let note = |n: usize| {
                let customer = (n % 15 * 11 + n / 15) % 40;
                json!({ "external_id": format!("R{n}"), "number": format!("R{n}"),
                "kind": "credit_note", "customer_external_id": format!("C{customer}"),
                "corrects_invoice_external_id": format!("I{n}"), "invoice_date": "2026-03-09",
                "amount": "4" })
            };
            let mine = || (0..30).filter(|n| n % 4 == part);
            mine().map(invoice).chain(mine().filter(|n| n.is_multiple_of(3)).map(note)).collect()
        },
        state: "select concat_ws('|', i.external_id, i.kind, c.external_id, o.external_id, p.external_id,
            i.status, i.total_amount, i.open_amount, i.closed_on, o.billing_status,
            o.payment_status, o.invoiced_amount, u.external_id)
            from invoices i join customers c on c.id = i.customer_id
            left join orders o on o.id = i.order_id
            left join invoices p on p.id = i.corrects_invoice_id
            left join users u on u.id = i.salesperson_id",
    },
    Part {
        path: "payments",
        parts: 3,
        items: |part| {
            let payment = |n: usize| {
                let customer = (n % 15 * 11 + n / 15) % 40;
                json!({ "external_id": format!("M{n}"), "number": format!("M{n}"),
                "customer_external_id": format!("C{customer}"), "received_on": "2026-03-12",
                "amount": "8", "allocations": [{ "invoice_external_id": format!("I{n}"),
                "amount": if n.is_multiple_of(3) { "6" } else { "8" } }] })
            };
            (part * 6..part * 6 + 6).map(payment).collect()
        },
        state: "select concat_ws('|', m.external_id, c.external_id, m.amount, m.unapplied_amount,
            i.external_id, a.amount, a.allocated_on, e.amount)
            from payments m join customers c on c.id = m.customer_id
            left join allocations a on a.payment_id = m.id
            left join invoices i on i.id = a.invoice_id
            left join (select customer_id, sum(amount) as amount from open_items
                group by customer_id) e on e.customer_id = c.id",
    },
    Part {
        path: "complaints",
        parts: 4,
        items: |part| {
            let complaint = |n: usize| {
                json!({ "external_id": format!("X{part}{n}"), "number": format!("X{part}{n}"),
                "customer_external_id": format!("C{}", (n * 13 + part) % 40),
                "contact_external_id": null, "category": "price", "description": "贵",
                "owner_external_id": "U0", "received_at": "2026-03-02T08:00:00Z" })
            };
            (0..3).map(complaint).collect()
        },
        state: "select concat_ws('|', x.external_id, c.external_id, u.external_id)
            from complaints x join customers c on c.id = x.customer_id
            join users u on u.id = x.owner_id",
    },
];
