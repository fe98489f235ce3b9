//! Amounts and dates, checked with integers: results of decimals and of the calendar library are
//! computed again with whole numbers, and must be equal to the cent and to the day.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use salesbook::access::Role;
use salesbook::platform::Money;
use salesbook::platform::money::split;
use serde_json::{Value, json};

use crate::company::days::{Day, iso_week};
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;

/// A decimal in millionths.
fn millionths(text: &str) -> i128 {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<6}");
    assert_eq!(part.len(), 6, "{text}");
    sign * (whole.parse::<i128>().unwrap() * 1_000_000 + part.parse::<i128>().unwrap())
}

/// Millionths as the shortest decimal with at least `least` decimal places.
fn decimal(value: i128, least: usize) -> String {
    let (whole, part) = (value.abs() / 1_000_000, format!("{:06}", value.abs() % 1_000_000));
    let kept = part.trim_end_matches('0').len().max(least);
    let sign = if value < 0 { "-" } else { "" };
    if kept == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{}", &part[..kept]) }
}

/// A quotient rounded half away from zero.
fn rounded(value: i128, by: i128) -> i128 {
    let (whole, rest) = (value / by, (value % by).abs());
    if rest * 2 >= by { whole + value.signum() } else { whole }
}

const CURRENCIES: [(&str, u32); 3] = [("CNY", 2), ("JPY", 0), ("KWD", 3)];

/// A line with its amount, quantity × price × (1 − discount), and its tax.
struct Line {
    quantity: i128,
    price: i128,
    discount: i128,
    tax: i128,
}

impl Line {
    fn amount(&self, digits: u32) -> i128 {
        // The product has 20 decimal places, which are rounded to those of the currency.
        let exact = self.quantity * self.price * (100_000_000 - self.discount);
        rounded(exact, 10_i128.pow(20 - digits)) * 10_i128.pow(6 - digits)
    }

    fn tax(&self, digits: u32) -> i128 {
        let exact = self.amount(digits) * self.tax;
        rounded(exact, 10_i128.pow(14 - digits)) * 10_i128.pow(6 - digits)
    }

    /// A random line: rounding halves, edge cases, and arbitrary values.
    fn thrown(dice: &mut Dice) -> Self {
        let mut number = |digits: u32| {
            let most = 10_usize.pow(digits.min(9));
            i128::try_from(dice.roll(most)).unwrap() * 10_i128.pow(digits.saturating_sub(9))
        };
        let (a, b, kind) = (number(4), number(12), number(1));
        let (mut quantity, price, discount) = match kind {
            // Half of the smallest unit of a cent, yen or fils: 1 × n.nn5, 0.5 × n.
            0 => (1_000_000, a * 10_000 + 5_000, 0),
            1 => (500_000, a * 10_000 + 10_000, 0),
            2 => (1_000_000, a * 1_000 + 500, 0),
            3 => (500_000, a * 1_000_000 + 1_000_000, 0),
            // A discount of 50 % on an odd cent, or of 100 %.
            4 => (1_000_000, a * 20_000 + 10_000, 50_000_000),
            5 => (b % 1_000_000_000 + 1, a * 1_000, 100_000_000),
            // Slightly below a half.
            6 => (1_000_000, a * 10_000 + 4_999, 0),
            7 => (1, b % 100_000_000, 1),
            _ => (b % 1_000_000_000 + 1, number(10), number(8)),
        };
        if number(1) < 3 {
            quantity = -quantity;
        }
        let tax =
            [0, 13_000_000, 9_000_000, 6_500_000, 333_300][usize::try_from(number(3)).unwrap() % 5];
        Self { quantity, price, discount, tax }
    }
}

/// Creates a product for each tax rate.
async fn products(admin: &Actor<'_>) -> BTreeMap<i128, Value> {
    let mut made = BTreeMap::new();
    for tax in [0, 13_000_000, 9_000_000, 6_500_000, 333_300] {
        let code = decimal(tax, 0);
        let new = json!({ "code": code, "name": code, "tax_rate": code, "list_price": "1" });
        made.insert(tax, admin.post("/api/v1/products", new).await.expect(201)["id"].clone());
    }
    made
}

#[actix_web::test]
async fn lines_taxes_and_totals_are_right_to_the_cent() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let products = products(&admin).await;
    for (currency, rate) in [("JPY", "0.047"), ("KWD", "23.4")] {
        let rate = json!({ "from": currency, "to": "CNY", "rate": rate, "valid_on": "2026-01-01" });
        admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    }
    let (mut dice, mut cases) = (Dice(4), 0);
    for round in 0..12 {
        let (currency, digits) = CURRENCIES[round % 3];
        let shown = |value: i128| decimal(value, usize::try_from(digits).unwrap());
        let lines: Vec<Line> = (0..100).map(|_| Line::thrown(&mut dice)).collect();
        let sent = lines.iter().map(|it| {
            json!({ "product_id": products[&it.tax], "quantity": decimal(it.quantity, 0),
                "unit_price": decimal(it.price, 0), "discount_percent": decimal(it.discount, 0) })
        });
        let freight = i128::try_from(dice.roll(100_000)).unwrap() * 10_i128.pow(6 - digits);
        let new = json!({ "customer_id": customer.rsplit('/').next(), "currency": currency,
            "order_date": "2026-03-02", "freight_amount": decimal(freight, 0),
            "lines": sent.collect::<Vec<_>>() });
        let order = admin.post("/api/v1/orders", new).await.expect(201);
        for (told, line) in order["lines"].as_array().unwrap().iter().zip(&lines) {
            let amount = shown(line.amount(digits));
            assert_eq!(told["amount"], amount, "{currency}: {told}");
            cases += 1;
        }
        let sum: i128 = lines.iter().map(|it| it.amount(digits)).sum();
        let tax: i128 = lines.iter().map(|it| it.tax(digits)).sum();
        assert_eq!(order["amount"], shown(sum));
        assert_eq!(order["tax_amount"], shown(tax));
        assert_eq!(order["total_amount"], shown(sum + tax + freight));
        // The stored order equals the response.
        let path = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
        assert_eq!(admin.get(&path).await.expect(200), order);
    }
    println!("{cases} lines");
}

/// Exact products with more digits than a decimal of 96 bits has.
#[actix_web::test]
async fn a_line_is_right_however_many_digits_it_has() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let product = products(&admin).await[&0].clone();
    let line = |quantity, price, discount| Line { quantity, price, discount, tax: 0 };
    let mut lines = vec![line(999_999_999_999_999, 99_999_999, 1), line(1, 1, 0)];
    // Below half a cent by less than 28 digits can express.
    lines.extend(hairs(20));
    for line in lines {
        let new = json!({ "customer_id": customer.rsplit('/').next(), "lines": [{
            "product_id": product, "quantity": decimal(line.quantity, 0),
            "unit_price": decimal(line.price, 0), "discount_percent": decimal(line.discount, 0) }] });
        let order = admin.post("/api/v1/orders", new.clone()).await.expect(201);
        assert_eq!(order["amount"], decimal(line.amount(2), 2), "{new}");
    }
    let large = json!({ "customer_id": customer.rsplit('/').next(), "lines": [{
        "product_id": product, "quantity": "999999999", "unit_price": "999999999" }] });
    admin.post("/api/v1/orders", large).await.expect(422);
}

/// Lines whose exact amount ends in 4999 and many more nines, found by solving for the quantity.
fn hairs(count: usize) -> Vec<Line> {
    let (whole, mut found) = (10_i128.pow(18), vec![]);
    let mut discount = 12_345_679;
    while found.len() < count {
        discount += 2;
        let rest = 100_000_000 - discount;
        for price in [1_234_567_891_i128, 987_654_321, 1_111_111_117] {
            let factor = price * rest % whole;
            let Some(inverse) = inverse(factor, whole) else { continue };
            for short in 1..4_000 {
                let quantity = multiplied(whole / 2 - short, inverse, whole);
                if quantity < 1_000_000_000_000_000 && quantity > 900_000_000_000 {
                    found.push(Line { quantity, price, discount, tax: 0 });
                    break;
                }
            }
        }
    }
    found
}

fn inverse(of: i128, modulo: i128) -> Option<i128> {
    let (mut a, mut b, mut x, mut y) = (of, modulo, 1_i128, 0_i128);
    while b != 0 {
        let times = a / b;
        (a, b) = (b, a - times * b);
        (x, y) = (y, x - times * y);
    }
    (a == 1).then(|| x.rem_euclid(modulo))
}

fn multiplied(a: i128, b: i128, modulo: i128) -> i128 {
    // In two steps, because the product has 120 bits and sums must not overflow.
    let (high, low) = (b / 1_000_000_000, b % 1_000_000_000);
    ((a * high % modulo) * 1_000_000_000 % modulo + a * low % modulo) % modulo
}

/// Distributes an amount by the largest remainder method; ties go to the first.
fn shared(amount: i128, weights: &[i128]) -> Vec<i128> {
    let whole: i128 = weights.iter().sum();
    let mut parts: Vec<i128> = weights.iter().map(|w| (amount * w).div_euclid(whole)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| (-(amount * weights[*at]).rem_euclid(whole), *at));
    let left = amount - parts.iter().sum::<i128>();
    order.iter().take(usize::try_from(left).unwrap()).for_each(|at| parts[*at] += 1);
    parts
}

#[test]
fn shares_go_by_the_largest_remainder() {
    let (mut dice, mut cases) = (Dice(5), 0);
    for round in 0..2_000 {
        let digits = [2, 0, 3][round % 3];
        let count = 1 + dice.roll(if round % 10 == 0 { 60 } else { 8 });
        let equal = dice.roll(3) == 0;
        let mut weights: Vec<i128> = (0..count)
            .map(|_| if equal { 1 } else { i128::try_from(dice.roll(1_000)).unwrap() })
            .collect();
        if weights.iter().all(|it| *it == 0) {
            weights[0] = 1;
        }
        let mut amount = i128::try_from(dice.roll(1_000_000_000)).unwrap() - 300_000_000;
        amount = [amount, amount % 100, 0, amount * 997][dice.roll(4)];
        let value = |it: i128, scale| Decimal::from_i128_with_scale(it, scale);
        let by: Vec<Decimal> = weights.iter().map(|it| value(*it, 2)).collect();
        let parts = split(value(amount, digits), &by, digits);
        let expected: Vec<Decimal> =
            shared(amount, &weights).into_iter().map(|it| value(it, digits)).collect();
        assert_eq!(parts, expected, "{amount} by {weights:?}");
        assert_eq!(parts.iter().sum::<Decimal>(), value(amount, digits));
        cases += 1;
    }
    println!("{cases} splits");
}

#[test]
fn halves_go_away_from_zero_in_every_currency() {
    for (currency, digits) in CURRENCIES {
        let unit = 10_i128.pow(6 - digits);
        for n in -200..200_i128 {
            for off in [-1, 0, 1] {
                let value = n * unit / 2 + off;
                let told = Money(Decimal::from_i128_with_scale(value, 6)).rounded(currency);
                let expected = Decimal::from_i128_with_scale(rounded(value, unit) * unit, 6);
                assert_eq!(told.0, expected, "{value} millionths of {currency}");
            }
        }
    }
}

#[actix_web::test]
async fn a_target_is_broken_down_to_the_cent_and_to_the_day() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    for (round, month) in
        ["2028-02", "2027-02", "2030-12", "2031-01", "2029-04", "2032-02"].into_iter().enumerate()
    {
        let first: Day = format!("{month}-01").parse().unwrap();
        let end = first.month_after();
        let cents = 10_000_001 + 7_919 * i128::try_from(round).unwrap();
        let new = json!({ "owner_type": "company", "period_type": "month",
            "period_start": first.to_string(), "value": decimal(cents * 10_000, 2) });
        let whole = admin.post("/api/v1/targets", new).await.expect(201);
        assert_eq!(whole["period_end"], end.to_string());
        let path = format!("/api/v1/targets/{}/decompose", whole["id"].as_str().unwrap());
        let (kind, starts): (_, Vec<Day>) = match round % 2 {
            0 => ("day", (first.0..end.0).map(Day).collect()),
            _ => (
                "week",
                (first.0..end.0).map(Day).filter(|it| *it == first || it.weekday() == 0).collect(),
            ),
        };
        let how = json!({ "period_type": kind, "method": "equal" });
        let parts = admin.post(&path, how).await.expect(200);
        let parts = parts["items"].as_array().unwrap();
        let ends = starts.iter().skip(1).chain([&end]);
        let values = shared(cents, &vec![1; starts.len()]);
        assert_eq!(parts.len(), starts.len());
        for (part, ((start, end), value)) in parts.iter().zip(starts.iter().zip(ends).zip(values)) {
            let told = ["period_start", "period_end", "value"].map(|name| part[name].clone());
            assert_eq!(told, [start.to_string(), end.to_string(), decimal(value * 10_000, 2)]);
        }
    }
}

/// Returns the name of the period of a day.
type Name = fn(Day) -> Value;

/// Orders at the boundaries of months, quarters, weeks and years count in the right period.
#[actix_web::test]
async fn every_order_counts_in_its_own_period() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    let mut days = vec![];
    for year in 2019..=2033 {
        for month in 1..=12 {
            let first = Day::of(year, month, 1);
            days.extend([first, Day(first.month_after().0 - 1)]);
        }
        days.extend([Day::of(year, 3, 1), Day(Day::of(year, 3, 1).0 - 1), Day::of(year, 1, 4)]);
    }
    let customer = json!({ "items": [{ "external_id": "C", "name": "C" }] });
    erp.post("/api/v1/customers/batch", customer).await.expect(200);
    let cents = |n: usize| i128::try_from(n * 37 % 9_973 + 1).unwrap();
    let item = |(n, day): (usize, &Day)| {
        json!({ "external_id": format!("{n}"), "number": format!("{n}"), "order_date": day.to_string(),
            "customer_external_id": "C",
            "lines": [{ "quantity": "1", "amount": decimal(cents(n) * 10_000, 2) }] })
    };
    let items: Vec<Value> = days.iter().enumerate().map(item).collect();
    let told = erp.post("/api/v1/orders/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], days.len(), "{told}");
    let names: [(&str, Name); 5] = [
        ("day", |it| it.to_string().into()),
        ("month", |it| it.to_string()[..7].into()),
        ("quarter", |it| format!("{}-Q{}", it.parts().0, (it.parts().1 + 2) / 3).into()),
        ("year", |it| it.parts().0.into()),
        ("week", |it| format!("{}-W{:02}", iso_week(it).0, iso_week(it).1).into()),
    ];
    let mut cases = 0;
    for (key, name) in names {
        let mut expected = BTreeMap::<String, i128>::new();
        for (n, day) in days.iter().enumerate() {
            *expected.entry(name(*day).to_string()).or_default() += cents(n);
        }
        let url = format!("/api/v1/reports/sales?group_by={key}&from=2019-01-01&to=2034-01-01");
        let report = admin.get(&url).await.expect(200);
        let rows = report["rows"].as_array().unwrap().iter();
        let told: BTreeMap<String, i128> = rows
            .map(|row| (row[key].to_string(), millionths(row["amount"].as_str().unwrap()) / 10_000))
            .collect();
        assert_eq!(told, expected, "{key}");
        // A single period has the same figures as its row in the report.
        for (period, cents) in expected.iter().step_by(if key == "day" { 1_000 } else { 7 }) {
            let period = period.trim_matches('"');
            let url = format!("/api/v1/reports/sales?period={period}");
            if key != "day" {
                let totals = &admin.get(&url).await.expect(200)["totals"];
                assert_eq!(
                    millionths(totals["amount"].as_str().unwrap()),
                    cents * 10_000,
                    "{period}"
                );
            }
            cases += 1;
        }
        cases += expected.len();
    }
    println!("{cases} periods");
}
