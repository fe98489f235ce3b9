//! Approved targets of last year and this year, by month, quarter and year, for the company and for
//! each region, team and salesperson.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::money::{growth, yuan};
use crate::orders::{expected, strength};
use crate::organisation::{TEAMS, sellers};
use crate::random::Random;

/// The assumed value of an average order of 2024 in fen, with which targets are within reach.
const USUAL_ORDER: i64 = 1_250_000;

/// Targets are multiples of 1,000 yuan.
const STEP: i64 = 100_000;

/// The targets of one owner for the 12 months of a year, in fen, and the owner of the parent
/// target.
struct Plan {
    owner_type: &'static str,
    owner: &'static str,
    above: Option<&'static str>,
    months: Vec<i64>,
}

/// The targets, parents before their children.
pub fn targets(today: Date) -> Vec<Value> {
    [today.year() - 1, today.year()].into_iter().flat_map(of_year).collect()
}

fn of_year(year: i16) -> Vec<Value> {
    let plans = plans(year);
    plans.iter().flat_map(|plan| items(year, plan)).collect()
}

fn plans(year: i16) -> Vec<Plan> {
    let strengths: i64 = sellers().map(|seller| strength(seller.username)).sum();
    let person = |seller: &'static crate::organisation::Person| {
        let stretch = Random::of(&format!("target {year} {}", seller.username)).between(88, 112);
        let share = |whole: i64| whole * strength(seller.username) / strengths * stretch / 100;
        let months = (1..=12).map(|month| round(share(month_of(year, month)))).collect();
        Plan { owner_type: "user", owner: seller.username, above: seller.team, months }
    };

    let mut plans: Vec<Plan> = sellers().map(person).collect();
    // From the lowest teams up, so that the plans below a team are complete.
    for (team, _, parent) in TEAMS.iter().rev() {
        let below: Vec<&Plan> = plans.iter().filter(|plan| plan.above == Some(team)).collect();
        let sum = |month: usize| below.iter().map(|plan| plan.months[month]).sum::<i64>();
        // Slightly less than the sum of the targets below.
        let months = (0..12).map(|month| round(sum(month) * 99 / 100)).collect();
        let plan = match parent {
            // The target of the topmost team is that of the company.
            None => Plan { owner_type: "company", owner: team, above: None, months },
            Some(_) => Plan { owner_type: "team", owner: team, above: *parent, months },
        };
        plans.push(plan);
    }

    plans.reverse();
    plans
}

/// The expected sales of the whole company in a month, in fen.
fn month_of(year: i16, month: i8) -> i64 {
    let first = date(year, month, 1);
    let days = i64::from(first.days_in_month());
    let orders: i64 = (0..days).map(|day| expected(first.saturating_add(day.days()))).sum();
    orders * USUAL_ORDER / 100 * (100 + (growth(year) - 100) / 20) / 100
}

fn round(fen: i64) -> i64 {
    fen / STEP * STEP
}

fn items(year: i16, plan: &Plan) -> Vec<Value> {
    let mut items = vec![];
    let periods = [("year", 12), ("quarter", 3), ("month", 1)];
    for (kind, length) in periods {
        for (place, months) in plan.months.chunks(length).enumerate() {
            let name = |owner: &str| match kind {
                "year" => format!("{owner}-{year}"),
                "quarter" => format!("{owner}-{year}-Q{}", place + 1),
                _ => format!("{owner}-{year}-{:02}", place + 1),
            };

            let start = i8::try_from(place * length + 1).unwrap_or(1);
            let mut item = json!({
                "external_id": name(plan.owner),
                "owner_type": plan.owner_type,
                "metric": "ordered_amount",
                "level": "base",
                "period_type": kind,
                "period_start": date(year, start, 1).to_string(),
                "value": yuan(months.iter().sum()),
                "currency": "CNY",
                "status": "approved",
            });

            if plan.owner_type != "company" {
                item["owner_external_id"] = plan.owner.into();
            }
            if let Some(above) = plan.above {
                item["parent_external_id"] = name(above).into();
            }
            items.push(item);
        }
    }
    items
}
