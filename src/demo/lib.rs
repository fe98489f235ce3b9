//! A demo company, 示范公司: a Chinese dealer in industrial supplies with its teams, people,
//! customers, products, targets, the orders of last year and this year until today with half a year
//! of shipments, invoices and payments, and a year of visits, complaints and follow-ups. Nobody works on
//! public holidays. The same day gives the same company; a later day adds what has happened since to
//! what is there.

mod accounts;
mod by_hand;
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
pub use follow_ups::Errand;
pub use people::Travel;
use surveys::Survey;

/// The name of the company.
pub const NAME: &str = "示范公司";

/// Whose external ids those of the demo are.
pub const SOURCE_SYSTEM: &str = "demo";

/// A company as items of batches.
#[derive(Debug, PartialEq)]
pub struct Company {
    pub today: Date,
    /// A resource, as it stands in `/api/v1/<resource>/batch`, with its items. In this order
    /// references are there before they are needed.
    pub batches: Vec<(&'static str, Vec<Value>)>,
    /// What no batch brings: made by people, once the rest is there. Surveys 满意度调查 go here as
    /// well, as errands of the back office.
    pub errands: Vec<Errand>,
    /// How satisfied the customers are
    pub surveys: Vec<Survey>,
    /// People to try it out as. Passwords do not go through batches.
    pub logins: Vec<Login>,
}

/// Somebody who can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// Also the external id of the user
    pub username: &'static str,
    pub password: &'static str,
    /// `sales_manager`
    pub role: &'static str,
    /// As people write it
    pub name: &'static str,
}

/// The company at a time of day; `today` is the company's own date. The visits that are over have their
/// outcomes, those of later are plans.
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
    let (invoices, payments): (Vec<_>, Vec<_>) =
        accounts::billed(today, &orders).into_iter().map(|it| (it.invoice, it.payment)).unzip();
    let payments: Vec<Value> = payments.into_iter().flatten().collect();
    let balance = accounts::control_balance(today, &invoices, &payments);
    let batches = vec![
        ("exchange-rates", exchange_rates(today)),
        ("teams", organisation::teams()),
        ("users", organisation::users()),
        ("territories", organisation::territories()),
        ("products", products.iter().map(|it| it.item(year)).collect()),
        ("customers", customers.iter().map(market::Customer::item).collect()),
        ("contacts", customers.iter().flat_map(market::Customer::contacts).collect()),
        ("targets", targets::targets(today)),
        ("orders", orders),
        ("shipments", shipments),
        ("invoices", invoices),
        ("payments", payments),
        ("control-balances", vec![balance]),
        ("visits", visits.into_iter().map(|it| it.item).collect()),
        ("complaints", complaints),
    ];
    Company { today, batches, errands, surveys, logins: organisation::logins() }
}

/// What foreign money was worth on the first of each month, in yuan.
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
