//! The orders of last year and of this year until today.

use std::collections::HashMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::calendar::{is_working, working_after, working_from};
use crate::catalogue::Product;
use crate::market::Customer;
use crate::money::{growth, part, yuan};
use crate::organisation::sellers;
use crate::random::Random;

/// Hundredths of orders on an average working day of 2024.
const USUAL: i64 = 1_550;

/// Sales of each month in percent of an average one: low in February because of the Spring
/// Festival, high in December because budgets end.
const SEASON: [i64; 12] = [85, 55, 110, 105, 100, 110, 95, 90, 115, 95, 115, 125];

/// Days after which an order is closed.
const CLOSED_AFTER: i32 = 60;

/// The expected number of orders on a day, in hundredths.
pub fn expected(day: Date) -> i64 {
    let usual = if is_working(day) { USUAL } else { 0 };
    let month = usize::try_from(day.month() - 1).unwrap_or_default();
    usual * SEASON[month] / 100 * growth(day.year()) / 100
}

/// The relative sales strength of a salesperson, in percent.
pub fn strength(seller: &str) -> i64 {
    Random::of(&format!("strength {seller}")).between(60, 150)
}

pub fn orders(today: Date, customers: &[Customer], products: &[Product]) -> Vec<Value> {
    let mut of = HashMap::<&str, Vec<&Customer>>::new();
    for customer in customers {
        of.entry(customer.owner).or_default().push(customer);
    }

    let names: Vec<&str> = sellers().map(|seller| seller.username).collect();
    let strengths: Vec<i64> = names.iter().map(|name| strength(name)).collect();
    let sold: Vec<&Product> = products.iter().filter(|product| product.active).collect();

    let mut orders = vec![];
    let mut day = date(today.year() - 1, 1, 1);
    while day <= today {
        let mut random = Random::of_day("orders", day);
        let hundredths = expected(day) * random.between(75, 125) / 100;
        let count = hundredths / 100 + i64::from(random.percent(hundredths % 100));
        for number in 1..=count {
            let mut random = Random::of_day(&format!("order {number}"), day);
            let seller = random.weighted(strengths.iter().copied()).map(|place| names[place]);
            let theirs = seller.and_then(|name| of.get(name)).map_or(&[][..], Vec::as_slice);
            let place = random.weighted(theirs.iter().map(|customer| customer.weight(day)));
            if let Some(customer) = place.map(|place| theirs[place]) {
                orders.push(order(today, day, number, customer, &sold, &mut random));
            }
        }
        day = day.saturating_add(1.day());
    }
    orders
}

/// Generates an order. Random choices do not depend on `today`, which decides only how far the
/// order has got.
fn order(
    today: Date,
    day: Date,
    number: i64,
    customer: &Customer,
    products: &[&Product],
    random: &mut Random,
) -> Value {
    let returned = random.percent(2);
    let lines = lines(day, customer, products, returned, random);
    let amount: i64 = lines.iter().map(|line| line.0).sum();
    let lines: Vec<Value> = lines.into_iter().map(|line| line.1).collect();

    let channel = match random.between(0, 9) {
        0..6 => "direct",
        6..9 => "distributor",
        _ => "online",
    };
    let freight = if (0..50_000).contains(&amount) { 3_000 } else { 0 };

    let code = format!("SO{:04}{:02}{:02}-{number:03}", day.year(), day.month(), day.day());
    let mut item = json!({
        "external_id": code,
        "number": code,
        "customer_external_id": customer.external_id,
        "salesperson_external_id": customer.owner,
        "territory_external_id": customer.territory,
        "channel": channel,
        "order_date": day.to_string(),
        "due_date": day.saturating_add(30.days()).to_string(),
        "currency": "CNY",
        "lines": lines,
        "amount": yuan(amount),
        "tax_amount": yuan(part(amount, 13)),
        "freight_amount": yuan(freight),
    });

    let age = today.since(day).map_or(0, |span| span.get_days());
    let cancelled = random.percent(3);
    let quick = random.percent(50);
    // Most orders are shipped within days; some wait for the manufacturer.
    let days = if random.percent(8) { random.between(8, 20) } else { random.between(1, 5) };
    let (shipped, cancelled_on) =
        (working_after(day, days), working_from(day.saturating_add(4.days())));

    let status = match age {
        0 if quick => "submitted",
        0 => "draft",
        1..=2 if !quick => "submitted",
        _ if cancelled && cancelled_on <= today => "cancelled",
        age if age < CLOSED_AFTER => "confirmed",
        _ => "closed",
    };

    item["status"] = status.into();
    if status == "cancelled" {
        item["cancelled_on"] = cancelled_on.to_string().into();
    }
    if matches!(status, "confirmed" | "closed" | "cancelled") {
        item["confirmed_on"] = day.to_string().into();
    }
    if matches!(status, "confirmed" | "closed") && shipped <= today && !cancelled {
        item["shipped_on"] = shipped.to_string().into();
    }
    item
}

/// One to five lines, with their amounts in fen.
fn lines(
    day: Date,
    customer: &Customer,
    products: &[&Product],
    returned: bool,
    random: &mut Random,
) -> Vec<(i64, Value)> {
    let count = if returned { 1 } else { random.between(1, 5) };
    let first = random.between(0, i64::try_from(products.len()).unwrap_or(1) - 1);
    let line = |number: i64| {
        // In steps of seven, so that no product occurs twice.
        let at = usize::try_from(first + number * 7).unwrap_or_default() % products.len();
        let price = products[at].price(day.year());
        let worth = random.between(60_000, 900_000);
        let quantity = (worth / price).max(1);
        let quantity = if returned { -(quantity / 4).max(1) } else { quantity };

        let tier = match customer.tier {
            "A" => 8,
            "B" => 4,
            _ => 0,
        };
        let discount = tier + random.choose(&[0, 0, 2, 5]);
        let amount = part(quantity * price, 100 - discount);

        let item = json!({
            "line_number": number,
            "product_external_id": products[at].code,
            "quantity": quantity.to_string(),
            "unit_price": yuan(price),
            "discount_percent": discount.to_string(),
            "amount": yuan(amount),
        });
        (amount, item)
    };
    (1..=count).map(line).collect()
}
