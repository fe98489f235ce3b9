//! Generates the demo company 示范公司, a Chinese dealer in industrial supplies: teams, people,
//! customers, products and targets, the orders of last year and of this year until today, half a
//! year of shipments, invoices and payments, and a year of visits, complaints and follow-ups.
//! Nobody works on public holidays. The same day always gives the same company; a later day adds
//! the events since then.

mod accounts;
mod calendar;
mod catalogue;
mod complaints;
mod credit;
#[cfg(test)]
mod field_tests;
mod fill;
#[cfg(test)]
mod fill_tests;
mod follow_ups;
mod manual;
mod market;
mod money;
mod orders;
mod organisation;
mod people;
mod random;
mod sayings;
mod shipments;
mod surveys;
mod targets;
#[cfg(test)]
mod tests;
mod visits;

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

pub use fill::{Filled, fill};
pub use follow_ups::DemoFollowUp;
pub use people::Travel;
use surveys::Survey;

/// The name of the company.
pub const NAME: &str = "示范公司";

/// The source system of the demo's external ids.
pub const SOURCE_SYSTEM: &str = "demo";

/// A company: items for batches, and data that people enter through the API.
#[derive(Debug, PartialEq)]
pub struct Company {
    pub today: Date,
    /// Resources as in `/api/v1/<resource>/batch` with their items, ordered so that references
    /// exist before they are used.
    pub batches: Vec<(&'static str, Vec<Value>)>,
    /// Follow-ups, which have no batch: people create and handle them when the rest exists
    pub errands: Vec<DemoFollowUp>,
    /// Satisfaction surveys 满意度调查 with their answers
    pub surveys: Vec<Survey>,
    /// Users who can log in. Batches do not carry passwords.
    pub logins: Vec<Login>,
}

/// A user who can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Also the external id of the user
    pub username: &'static str,
    pub password: &'static str,
    /// Role, such as `sales_manager`
    pub role: &'static str,
    /// Display name
    pub name: &'static str,
}

/// Generates the company at the time `now`; `today` is the date in China. Visits that are over have
/// outcomes, later ones are plans.
pub fn company(today: Date, now: Timestamp) -> Company {
    let products = catalogue::products();
    let customers = market::customers(today);
    let visits = visits::visits(today, now, &customers);
    let complaints = complaints::complaints(today, &customers, &products, &visits);
    let errands = follow_ups::errands(today, &customers);
    let surveys = surveys::surveys(today);
    let year = today.year();

    let mut orders = orders::orders(today, &customers, &products);
    let shipments = shipments::shipments(today, &mut orders);
    let (invoices, payments): (Vec<_>, Vec<_>) = accounts::billed(today, &orders)
        .into_iter()
        .map(|billed| (billed.invoice, billed.payment))
        .unzip();
    let payments: Vec<Value> = payments.into_iter().flatten().collect();
    let balance = accounts::control_balance(today, &invoices, &payments);

    let batches = vec![
        ("exchange-rates", exchange_rates(today)),
        ("teams", organisation::teams()),
        ("users", organisation::users()),
        ("territories", organisation::territories()),
        ("products", products.iter().map(|product| product.item(year)).collect()),
        ("customers", customers.iter().map(market::Customer::item).collect()),
        ("contacts", customers.iter().flat_map(market::Customer::contacts).collect()),
        ("targets", targets::targets(today)),
        ("orders", orders),
        ("shipments", shipments),
        ("invoices", invoices),
        ("payments", payments),
        ("control-balances", vec![balance]),
        ("visits", visits.into_iter().map(|visit| visit.item).collect()),
        ("complaints", complaints),
    ];
    Company { today, batches, errands, surveys, logins: organisation::logins() }
}

/// The exchange rates of foreign currencies to yuan on the first of each month.
fn exchange_rates(today: Date) -> Vec<Value> {
    let mut rates = vec![];
    let mut day = date(today.year() - 1, 1, 1);
    while day <= today {
        for (currency, usual) in [("USD", 71_500), ("EUR", 78_200)] {
            let rate = usual + random::Random::of_day(currency, day).between(-900, 900);
            rates.push(json!({
                "external_id": format!("{currency}-{day}"),
                "from": currency,
                "to": "CNY",
                "valid_on": day.to_string(),
                "rate": format!("{}.{:04}", rate / 10_000, rate % 10_000),
            }));
        }
        day = day.saturating_add(1.month());
    }
    rates
}
