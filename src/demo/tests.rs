use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::Company;
use crate::calendar::{is_holiday, is_working};
use crate::visits::at;

/// An ordinary day, the first and the last day of a year, and a leap day.
pub const DAYS: [Date; 4] =
    [date(2026, 11, 23), date(2026, 1, 1), date(2027, 12, 31), date(2028, 2, 29)];

/// The companies on these days; generated once, because it is slow without optimisation.
pub static COMPANIES: LazyLock<[Company; 4]> = LazyLock::new(|| DAYS.map(company));

/// The company at the beginning of a day.
pub fn company(today: Date) -> Company {
    crate::company(today, at(today, 0))
}

pub fn companies() -> impl Iterator<Item = (Date, &'static Company)> {
    DAYS.into_iter().zip(COMPANIES.iter())
}

pub fn items<'a>(company: &'a Company, resource: &str) -> &'a [Value] {
    &company.batches.iter().find(|batch| batch.0 == resource).unwrap().1
}

pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// Parses a decimal as hundredths: `"12.34"` → 1234
fn hundredths(amount: &Value) -> i64 {
    let text = amount.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "00"));
    assert_eq!(fraction.len(), 2, "{text}");
    format!("{whole}{fraction}").parse().unwrap()
}

#[test]
fn the_same_day_gives_the_same_company() {
    assert_eq!(company(DAYS[0]), COMPANIES[0]);
}

#[test]
fn a_later_day_adds_orders_and_keeps_those_of_before() {
    let kept = ["customer_external_id", "salesperson_external_id", "order_date", "lines", "amount"];
    let tomorrow = company(date(2026, 11, 24));
    for (before, after) in [(&COMPANIES[0], &tomorrow), (&COMPANIES[0], &COMPANIES[2])] {
        let later: HashMap<&str, &Value> = items(after, "orders")
            .iter()
            .map(|order| (text(order, "external_id"), order))
            .collect();
        let first = text(&items(after, "orders")[0], "order_date");
        let shared =
            items(before, "orders").iter().filter(|order| text(order, "order_date") >= first);
        let mut count = 0;
        for order in shared {
            let same = later[text(order, "external_id")];
            for name in kept {
                assert_eq!(order[name], same[name], "{order}");
            }
            count += 1;
        }
        assert!(count > 2000 && later.len() > count);
    }
}

#[test]
fn it_is_as_large_as_promised() {
    for (today, company) in companies() {
        let count = |resource| items(company, resource).len();
        let sells = |user: &&Value| user["roles"] == json!(["salesperson"]);
        let people = items(company, "users");
        assert!(people.iter().filter(sells).count() >= 20);
        for role in ["general_manager", "sales_manager", "back_office", "finance"] {
            assert!(people.iter().any(|user| user["roles"] == json!([role])), "{role}");
        }
        assert!(count("customers") >= 300 && count("contacts") >= count("customers"));
        assert!(count("products") >= 100 && count("teams") == 11);
        assert!((3000..10_000).contains(&count("orders")), "{today}: {}", count("orders"));
        let roles: Vec<_> = company.logins.iter().map(|login| login.role).collect();
        assert_eq!(roles[..3], ["sales_manager", "salesperson", "back_office"]);
        let people: HashSet<_> = people.iter().map(|user| text(user, "username")).collect();
        assert!(company.logins.iter().all(|login| people.contains(login.username)));
        // Every role except that of the administrator, whom the service creates.
        assert_eq!(roles.iter().collect::<HashSet<_>>().len(), 9);
        assert!(company.logins.iter().all(|login| login.password.len() >= 10));
    }
    let company = &COMPANIES[0];
    assert!(items(company, "orders").len() >= 6000);
    for (resource, name, values) in [
        ("orders", "status", &["draft", "submitted", "confirmed", "closed", "cancelled"][..]),
        ("orders", "channel", &["direct", "distributor", "online"]),
        ("customers", "status", &["prospect", "active", "dormant", "lost", "blacklisted"]),
        ("customers", "tier", &["A", "B", "C"]),
    ] {
        let found: HashSet<_> =
            items(company, resource).iter().map(|item| text(item, name)).collect();
        assert_eq!(found, values.iter().copied().collect(), "{resource} {name}");
    }
    let returned = |order: &&Value| text(order, "amount").starts_with('-');
    assert!(items(company, "orders").iter().filter(returned).count() > 50);
}

#[test]
fn names_and_numbers_are_unique() {
    for (today, company) in companies() {
        for (resource, name) in [
            ("users", "username"),
            ("products", "code"),
            ("products", "name"),
            ("customers", "code"),
            ("customers", "name"),
            ("orders", "number"),
            ("invoices", "number"),
            ("payments", "number"),
        ] {
            let mut seen = HashSet::new();
            for item in items(company, resource) {
                assert!(seen.insert(text(item, name)), "{today}: {resource} {}", item[name]);
            }
        }
        for (resource, items) in &company.batches {
            let ids: HashSet<_> = items.iter().map(|item| text(item, "external_id")).collect();
            assert!(ids.len() == items.len() && !ids.contains(""), "{resource}");
        }
    }
}

/// Collects every `…_external_id` inside an item, with its name.
fn references<'a>(item: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match item {
        Value::Array(items) => items.iter().for_each(|element| references(element, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.strip_suffix("_external_id") {
                    Some(name) => found.push((name, value.as_str().unwrap())),
                    None => references(value, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn all_references_resolve() {
    for (today, company) in companies() {
        let ids: HashSet<(&str, &str)> = company
            .batches
            .iter()
            .flat_map(|(resource, items)| {
                items.iter().map(|item| (*resource, text(item, "external_id")))
            })
            .collect();
        for (resource, items) in &company.batches {
            for item in items {
                let mut found = vec![];
                references(item, &mut found);
                for (name, id) in found {
                    let owner = match text(item, "owner_type") {
                        "team" => "teams",
                        _ => "users",
                    };
                    let of = match name {
                        "team" => "teams",
                        "customer" => "customers",
                        "visit" => "visits",
                        "order" => "orders",
                        "invoice" => "invoices",
                        "repeat_of" => "complaints",
                        "product" => "products",
                        "territory" => "territories",
                        "parent" => resource,
                        "owner" => owner,
                        "user" | "salesperson" | "reporter" => "users",
                        other => panic!("{other}"),
                    };
                    assert!(ids.contains(&(of, id)), "{today}: {resource} {item}");
                }
            }
        }
    }
}

#[test]
fn every_customer_has_an_owner_within_the_teams() {
    for (_, company) in companies() {
        let sellers: HashSet<&str> = items(company, "users")
            .iter()
            .filter(|user| {
                user["roles"] == json!(["salesperson"]) && user["team_external_id"].is_string()
            })
            .map(|user| text(user, "external_id"))
            .collect();
        for customer in items(company, "customers") {
            assert!(sellers.contains(text(customer, "owner_external_id")), "{customer}");
        }
    }
}

#[test]
fn nothing_has_happened_in_the_future() {
    for (today, company) in companies() {
        for order in items(company, "orders") {
            for name in ["order_date", "confirmed_on", "cancelled_on", "shipped_on"] {
                assert!(text(order, name) <= &*today.to_string(), "{today}: {order}");
            }
        }
        let last =
            items(company, "orders").iter().map(|order| text(order, "order_date")).max().unwrap();
        let first = &items(company, "orders")[0];
        let lag = last.parse::<Date>().unwrap().until(today).unwrap().get_days();
        assert!(lag <= 4, "{lag} days without an order");
        assert!(text(first, "order_date").starts_with(&format!("{}-01", today.year() - 1)));
    }
}

#[test]
fn nobody_works_on_holidays() {
    let days = [
        ("orders", &["order_date", "confirmed_on", "cancelled_on", "shipped_on"][..]),
        ("shipments", &["shipped_on", "delivered_on"]),
        ("invoices", &["invoice_date"]),
        ("payments", &["received_on"]),
        ("visits", &["planned_date"]),
        (
            "complaints",
            &[
                "received_at",
                "first_response_at",
                "interim_at",
                "resolved_at",
                "filed_at",
                "closed_at",
            ],
        ),
    ];
    for (today, company) in companies() {
        for (resource, names) in days {
            for item in items(company, resource) {
                for name in names.iter().filter(|name| item[**name].is_string()) {
                    let text = text(item, name);
                    // The day of an instant is that in China.
                    let instant = text.parse::<Timestamp>();
                    let day = instant.map(|instant| {
                        instant.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date()
                    });
                    let day: Date = day.unwrap_or_else(|_| text.parse().unwrap());
                    assert!(
                        is_working(day) || day == today && !is_holiday(day),
                        "{today} {name} {item}"
                    );
                }
            }
        }
    }
}

#[test]
fn today_is_a_working_day_at_whatever_hour() {
    let saturday = date(2026, 11, 21);
    for today in [DAYS[0], saturday] {
        let customers = crate::market::customers(today);
        let mut last = 0;
        for hour in 0..24 {
            let now = at(today, hour * 60);

            let all = crate::visits::visits(today, now, &customers);

            let visits = all.iter().filter(|visit| visit.day == today).map(|visit| &visit.item);
            let visits: Vec<_> = visits.collect();
            let over = visits.iter().filter(|visit| text(visit, "status") != "planned").count();
            assert!(visits.len() > 24 && over >= last, "{hour}: {over} of {}", visits.len());
            assert_eq!(over > 0, hour > 9, "{hour}: {over}");
            last = over;
            for visit in visits {
                let end = visit["check_out"]["occurred_at"].as_str();
                let end = end.map(|end| end.parse::<Timestamp>().unwrap());
                assert!(end.is_none_or(|end| end <= now), "{hour}: {visit}");
                assert!(!["in_progress", "missed"].contains(&text(visit, "status")), "{visit}");
            }
        }
    }
}

#[test]
fn amounts_are_the_sums_of_their_lines() {
    let company = &COMPANIES[0];
    for order in items(company, "orders") {
        let mut sum = 0;
        for line in order["lines"].as_array().unwrap() {
            let whole = |name| text(line, name).parse::<i64>().unwrap();
            // In ten thousandths of a yuan
            let exact = whole("quantity")
                * hundredths(&line["unit_price"])
                * (100 - whole("discount_percent"));
            let amount = hundredths(&line["amount"]);
            let off = amount * 100 - exact;
            assert!(
                off.abs() < 50 || off.abs() == 50 && amount.abs() * 100 > exact.abs(),
                "{line}"
            );
            assert!(whole("quantity") != 0);
            sum += amount;
        }
        assert_eq!(hundredths(&order["amount"]), sum, "{order}");
    }
}

#[test]
fn targets_below_add_up_to_those_above_or_more() {
    for (today, company) in companies() {
        let targets = items(company, "targets");
        let mut below = HashMap::<&str, i64>::new();
        for target in targets {
            *below.entry(text(target, "parent_external_id")).or_default() +=
                hundredths(&target["value"]);
        }
        let mut parents = 0;
        for target in targets.iter().filter(|target| text(target, "owner_type") != "user") {
            let (value, sum) = (hundredths(&target["value"]), below[text(target, "external_id")]);
            assert!(value > 0 && sum >= value, "{target}: {sum}");
            parents += 1;
        }
        assert_eq!(parents, (1 + 3 + 7) * 17 * 2);
        let of = |owner: &str, kind: &str, year: i16| {
            let year = year.to_string();
            let theirs = targets.iter().filter(|target| {
                text(target, "external_id").starts_with(&format!("{owner}-{year}"))
                    && text(target, "period_type") == kind
            });
            theirs.map(|target| hundredths(&target["value"])).sum::<i64>()
        };
        for owner in ["HQ", "EAST", "SH", "wang.fang"] {
            for year in [today.year() - 1, today.year()] {
                let [month, quarter, year] =
                    ["month", "quarter", "year"].map(|kind| of(owner, kind, year));
                assert!(month > 0 && month == quarter && quarter == year);
            }
        }
    }
}

#[test]
fn targets_are_in_reach() {
    let company = &COMPANIES[0];
    let mut sold = HashMap::<&str, i64>::new();
    for order in items(company, "orders") {
        let counts = matches!(text(order, "status"), "confirmed" | "closed");
        if counts && text(order, "order_date") < "2026" {
            let amount = hundredths(&order["amount"]);
            *sold.entry(text(order, "salesperson_external_id")).or_default() += amount;
            *sold.entry("").or_default() += amount;
        }
    }
    let percent = |id: &str, sold: i64| {
        let target =
            items(company, "targets").iter().find(|target| text(target, "external_id") == id);
        sold * 100 / hundredths(&target.unwrap()["value"])
    };
    let whole = percent("HQ-2025", sold.remove("").unwrap());
    assert!((95..=110).contains(&whole), "{whole} %");
    let each: Vec<_> =
        sold.iter().map(|(id, sold)| percent(&format!("{id}-2025"), *sold)).collect();
    assert!(each.iter().all(|percent| (60..=150).contains(percent)), "{each:?}");
    let met = each.iter().filter(|percent| **percent >= 100).count();
    assert!((6..=18).contains(&met), "{met} of {}", each.len());
}
