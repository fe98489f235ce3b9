//! Shipments 发货 of the last half year: one for most orders, two for some.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::calendar::working_after;
use crate::random::Random;

/// Days of shipments before today.
const DAYS: i64 = 180;

const CARRIERS: &[(&str, &str)] = &[("顺丰速运", "SF"), ("德邦快递", "DPK"), ("跨越速运", "KY")];

/// The shipments of these orders. Orders with a part that is not shipped yet are changed to
/// confirmed, without a shipping date.
pub fn shipments(today: Date, orders: &mut [Value]) -> Vec<Value> {
    let mut shipments = vec![];
    for order in orders {
        let Some(first) = shipped(order) else { continue };
        if first < today.saturating_sub(DAYS.days()) {
            continue;
        }
        let number = order["number"].as_str().unwrap_or_default().replace("SO", "FH");
        let mut random = Random::of(&number);
        let lines = order["lines"].as_array().cloned().unwrap_or_default();
        let (in_parts, later) = (random.percent(12), random.between(3, 9));
        let (now, then) =
            lines.split_at(if in_parts { lines.len().div_ceil(2) } else { lines.len() });

        shipments.push(shipment(today, (&*number, 1), order, (first, now), &mut random));
        if then.is_empty() {
            continue;
        }
        let last = working_after(first, later);
        if last <= today {
            shipments.push(shipment(today, (&*number, 2), order, (last, then), &mut random));
            order["shipped_on"] = last.to_string().into();
        } else {
            order["status"] = "confirmed".into();
            order["shipped_on"] = Value::Null;
        }
    }
    shipments
}

/// The day of the shipment. Returns have none.
fn shipped(order: &Value) -> Option<Date> {
    let returned = order["amount"].as_str()?.starts_with('-');
    order["shipped_on"].as_str()?.parse().ok().filter(|_| !returned)
}

fn shipment(
    today: Date,
    (number, part): (&str, i64),
    order: &Value,
    (day, lines): (Date, &[Value]),
    random: &mut Random,
) -> Value {
    let number = format!("{number}-{part}");
    let (carrier, prefix) = random.choose(CARRIERS);
    let tracking_number = format!("{prefix}{:012}", random.between(0, 999_999_999_999));
    let delivered = working_after(day, random.between(1, 3));
    let line =
        |line: &Value| json!({ "line_number": line["line_number"], "quantity": line["quantity"] });

    let mut item = json!({
        "external_id": number,
        "number": number,
        "order_external_id": order["external_id"],
        "shipped_on": day.to_string(),
        "carrier": carrier,
        "tracking_number": tracking_number,
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    });
    if delivered <= today {
        item["delivered_on"] = delivered.to_string().into();
    }
    item
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::calendar::is_working;
    use crate::tests::{companies, items, text};

    #[test]
    fn what_is_shipped_was_ordered_and_is_billed_afterwards() {
        for (today, company) in companies() {
            let shipments = items(company, "shipments");
            let mut last = HashMap::new();
            for shipment in shipments {
                let day = text(shipment, "shipped_on");
                assert!(
                    day <= &*today.to_string() && is_working(day.parse().unwrap()),
                    "{shipment}"
                );
                last.insert(text(shipment, "order_external_id"), day);
            }
            for order in
                items(company, "orders").iter().filter(|order| order["shipped_on"].is_string())
            {
                let shipped = last.get(text(order, "external_id"));
                assert!(shipped.is_none_or(|day| *day == text(order, "shipped_on")), "{order}");
            }
            for invoice in items(company, "invoices") {
                let shipped = last.get(text(invoice, "order_external_id"));
                assert!(
                    shipped.is_none_or(|day| *day <= text(invoice, "invoice_date")),
                    "{invoice}"
                );
            }
            assert!(shipments.len() > last.len() + 50, "{today}: some in two parts");
        }
    }
}
