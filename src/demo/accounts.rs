//! Receivables: an invoice for each order that was shipped completely in the last half year, a
//! credit note for each return, payments, most of them in time, and the control balance of the ERP.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::calendar::{working_after, working_before, working_from};
use crate::money::{fen, part, yuan};
use crate::random::Random;

/// Days of invoices before today.
const DAYS: i64 = 180;

/// An invoice and its payment.
pub struct Billed {
    pub invoice: Value,
    pub payment: Option<Value>,
}

/// The invoices of these orders, in the same order. All random choices depend only on the number of
/// the invoice; `today` decides which events have already happened.
pub fn billed(today: Date, orders: &[Value]) -> Vec<Billed> {
    orders.iter().filter_map(|order| bill(today, order)).collect()
}

fn bill(today: Date, order: &Value) -> Option<Billed> {
    let shipped: Date = order["shipped_on"].as_str()?.parse().ok()?;
    let key = order["number"].as_str()?.replace("SO", "FP");
    let mut random = Random::of(&key);
    // Issued on the day of the shipment, or up to two working days later.
    let day = working_after(shipped, *random.choose(&[0, 0, 0, 1, 1, 2]));
    if day < today.saturating_sub(DAYS.days()) || day > today {
        return None;
    }

    let of = |name: &str| order[name].as_str().and_then(fen).unwrap_or_default();
    let total = of("amount") + of("tax_amount") + of("freight_amount");
    let due = day.saturating_add(30.days());
    let mut invoice = json!({
        "external_id": key,
        "number": key,
        "kind": if total < 0 { "credit_note" } else { "invoice" },
        "customer_external_id": order["customer_external_id"],
        "order_external_id": order["external_id"],
        "salesperson_external_id": order["salesperson_external_id"],
        "invoice_date": day.to_string(),
        "due_date": if total < 0 { day } else { due }.to_string(),
        "currency": "CNY",
        "amount": yuan((of("amount") + of("freight_amount")).abs()),
        "tax_amount": yuan(of("tax_amount").abs()),
        "total_amount": yuan(total.abs()),
    });
    // Days from the due date to the payment, and the share of the total that is paid.
    let (late, percent) = match random.between(0, 99) {
        0..70 => (-random.between(0, 12), 100),
        70..90 => (random.between(1, 40), 100),
        90..95 => (random.between(-5, 10), random.between(20, 80)),
        _ => return Some(Billed { invoice, payment: None }),
    };
    if random.percent(2) {
        invoice["disputed"] = true.into();
    }
    let received = working_from(due.saturating_add(late.days()));
    if total <= 0 || received > today {
        return Some(Billed { invoice, payment: None });
    }

    let used = part(total, percent);
    // Some customers pay 1,000 yuan too much, which stays unapplied.
    let over = if percent == 100 && random.percent(3) { 100_000 } else { 0 };
    let receipt = key.replace("FP", "HK");
    let payment = json!({
        "external_id": receipt,
        "number": receipt,
        "customer_external_id": order["customer_external_id"],
        "received_on": received.to_string(),
        "currency": "CNY",
        "amount": yuan(used + over),
        "method": random.choose(&["bank_transfer", "bank_transfer", "acceptance_bill", "online"]),
        "allocations": [{
            "invoice_external_id": key,
            "amount": yuan(used),
            "allocated_on": received.to_string(),
        }],
    });
    Some(Billed { invoice, payment: Some(payment) })
}

/// The control balance of the previous working day as the ERP reports it: the sum of all open
/// items.
pub fn control_balance(today: Date, invoices: &[Value], payments: &[Value]) -> Value {
    let as_of = working_before(today).to_string();
    let sum = |items: &[Value], day: &str, amount: &str| -> i64 {
        let until =
            items.iter().filter(|item| item[day].as_str().is_some_and(|day| day <= &*as_of));
        let signed = until.filter_map(|item| {
            let amount = fen(item[amount].as_str()?)?;
            Some(if item["kind"] == "credit_note" { -amount } else { amount })
        });
        signed.sum()
    };
    let open =
        sum(invoices, "invoice_date", "total_amount") - sum(payments, "received_on", "amount");
    json!({ "external_id": as_of, "as_of": as_of, "currency": "CNY", "amount": yuan(open) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{companies, items, text};

    #[test]
    fn most_is_paid_and_some_is_late() {
        for (today, company) in companies() {
            let (invoices, payments) = (items(company, "invoices"), items(company, "payments"));
            assert!((1000..3500).contains(&invoices.len()), "{today}: {}", invoices.len());
            let paid = |key: &str| {
                let theirs = payments
                    .iter()
                    .filter(|payment| payment["allocations"][0]["invoice_external_id"] == key);
                theirs
                    .filter_map(|payment| fen(payment["allocations"][0]["amount"].as_str()?))
                    .sum::<i64>()
            };
            let (mut overdue, mut unapplied) = (0, 0);
            for invoice in invoices {
                let (total, paid) =
                    (fen(text(invoice, "total_amount")).unwrap(), paid(text(invoice, "number")));
                assert!(paid <= total && text(invoice, "invoice_date") <= &*today.to_string());
                let parts = fen(text(invoice, "amount")).unwrap()
                    + fen(text(invoice, "tax_amount")).unwrap();
                assert_eq!(parts, total, "{invoice}");
                let late = text(invoice, "due_date") < &*today.to_string();
                overdue += i32::from(text(invoice, "kind") == "invoice" && late && paid < total);
            }
            for payment in payments {
                assert!(text(payment, "received_on") <= &*today.to_string(), "{payment}");
                unapplied += i32::from(payment["amount"] != payment["allocations"][0]["amount"]);
            }
            assert!(overdue > 50 && overdue * 4 < i32::try_from(invoices.len()).unwrap());
            assert!(
                unapplied > 5
                    && invoices.iter().any(|invoice| text(invoice, "kind") == "credit_note")
            );
        }
    }
}
