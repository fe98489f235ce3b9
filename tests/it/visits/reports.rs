//! Visit reports: every figure equals the number that the same caller can count in the lists.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::{Decimal, RoundingStrategy};
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::totals::list;
use crate::reports::{REPORTS, report};
use crate::support::harness::{Actor, Service};

const FROM: &str = "2026-02-01";
const TO: &str = "2026-06-01";
pub const PERIOD: &str = "from=2026-02-01&to=2026-06-01";

pub async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-06-20T04:00:00Z".parse().unwrap()))).await
}

/// Two salespeople of a manager, and one in another team.
pub struct Field<'a> {
    pub lead: Actor<'a>,
    pub sellers: [Actor<'a>; 3],
    pub team: Uuid,
}

/// Imports nine customers, eighty visits and thirty orders.
pub async fn field(service: &Service) -> Field<'_> {
    let lead = service.actor(Role::SalesManager).await;
    let sellers = [
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    ];
    let team = service.team(None, &lead, &[&sellers[0], &sellers[1]]).await;
    let erp = service.client(Role::Erp, "crm").await;
    let person = |n: usize| sellers[n % 3].id;
    let statuses =
        ["active", "prospect", "dormant", "active", "active", "lost", "active", "blacklisted"];
    let (regions, tiers) =
        ([None, Some("上海"), Some("江苏")], [Some("A"), Some("B"), None, Some("C")]);
    let customer = |n: usize| {
        let owner = (n != 8).then(|| person(n));
        let (status, region) = (statuses.get(n).unwrap_or(&"prospect"), regions[n / 3]);
        json!({ "external_id": format!("C{n}"), "name": format!("客户{n}"), "owner_id": owner,
            "status": status, "region": region, "tier": tiers[n % 4], "latitude": 31.23,
            "longitude": 121.47 })
    };
    send(&erp, "customers", (0..9).map(customer).collect()).await;
    send(&erp, "visits", (0..80).map(|n| visit(n, person(n), person(n + 1))).collect()).await;
    let order = |n: usize| {
        let shares = match n % 5 {
            0 => json!([]),
            1 => json!([{ "user_id": person(n), "share_percent": "33.3" },
                { "user_id": person(n + 1), "share_percent": "66.7" }]),
            _ => json!([{ "user_id": person(n), "share_percent": "100" }]),
        };
        let status = ["confirmed", "closed", "draft"][n % 3];
        json!({ "external_id": format!("O{n}"), "number": format!("O{n}"), "credits": shares,
            "status": status, "customer_external_id": format!("C{}", n * 5 % 9),
            "order_date": format!("2026-{:02}-{:02}", 1 + n % 6, 1 + n % 28),
            "lines": [{ "quantity": "1", "amount": format!("{}.{:02}", n * 37, n) }] })
    };
    send(&erp, "orders", (0..30).map(order).collect()).await;
    Field { lead, sellers, team }
}

pub async fn send(erp: &Actor<'_>, of: &str, items: Vec<Value>) {
    let count = items.len();
    let path = format!("/api/v1/{of}/batch");
    let told = erp.post(&path, json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], count, "{told:#}");
}

/// A visit of any status and duration, inside or outside the geofence, sometimes accompanied.
fn visit(n: usize, owner: Uuid, other: Uuid) -> Value {
    let statuses = ["completed", "planned", "completed", "cancelled", "completed", "missed"];
    let status = if n == 7 { "abandoned" } else { statuses[n % 6] };
    // No event may be after 20 June.
    let month = 1 + n / 2 % 6;
    let day = format!("2026-{month:02}-{:02}", 1 + n * 5 % if month == 6 { 19 } else { 28 });
    let mut item = json!({ "external_id": format!("V{n}"), "owner_id": owner, "status": status,
        "customer_external_id": format!("C{}", [0, 1, 3, 4, 5, 6, 7, 8][n * 3 % 8]), "planned_date": day });
    if n % 7 == 3 {
        item["participant_ids"] = json!([other]);
    }
    if status == "completed" {
        let latitude = if n % 5 == 2 { 31.5 } else { 31.23 };
        let check =
            |at: String| json!({ "occurred_at": at, "latitude": latitude, "longitude": 121.47 });
        item["check_in"] = check(format!("{day}T02:00:00Z"));
        item["check_out"] = check(format!("{day}T02:{:02}:00Z", 1 + n % 50));
        item["outcome"] = json!(["ordered", "refused", "informed", "refused", "absent"][n / 2 % 5]);
        if item["outcome"] == "refused" {
            item["refuse_reason"] = json!(["price", "no_need", "price"][n % 3]);
            item["next_visit_on"] = json!("2026-07-01");
        }
        if !n.is_multiple_of(11) {
            item["complaint_answer"] = json!(n.is_multiple_of(3));
        }
    }
    item
}

pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("-")
}

pub fn rounded(value: Decimal, digits: u32) -> String {
    let mut value = value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    value.rescale(digits);
    value.to_string()
}

/// A ratio, or null if the divisor is 0.
pub fn ratio(part: usize, whole: usize, times: i64, digits: u32) -> Value {
    let ratio = (Decimal::from(times) * Decimal::from(part)).checked_div(Decimal::from(whole));
    json!(ratio.map(|it| rounded(it, digits)))
}

/// Checks that the rows have exactly these keys, each once, and these figures.
pub fn agree(report: &Value, keys: &[&str], expected: &BTreeMap<String, Value>) {
    let key = |row: &Value| keys.iter().map(|it| text(row, it)).collect::<Vec<_>>().join(" ");
    let rows = report["rows"].as_array().unwrap();
    let found: BTreeMap<String, &Value> = rows.iter().map(|row| (key(row), row)).collect();
    assert_eq!(found.len(), rows.len(), "a key stands there twice");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, figures) in expected {
        contains(found[key], figures);
    }
}

pub fn contains(row: &Value, figures: &Value) {
    for (name, figure) in figures.as_object().unwrap() {
        assert_eq!(row[name], *figure, "{name} of {row:#}");
    }
}

/// Groups visits by a key.
pub fn grouped<'a>(
    visits: impl IntoIterator<Item = &'a Value>,
    key: impl Fn(&Value) -> String,
) -> BTreeMap<String, Vec<&'a Value>> {
    let mut groups = BTreeMap::<_, Vec<&Value>>::new();
    for visit in visits {
        groups.entry(key(visit)).or_default().push(visit);
    }
    groups
}

pub fn count(visits: &[&Value], wanted: impl Fn(&Value) -> bool) -> usize {
    visits.iter().filter(|it| wanted(it)).count()
}

pub fn customers(visits: &[&Value]) -> BTreeSet<String> {
    visits.iter().map(|it| text(it, "customer_id").to_owned()).collect()
}

fn completed(visit: &Value) -> bool {
    visit["status"] == "completed"
}

fn in_period(visit: &Value) -> bool {
    (FROM..TO).contains(&text(visit, "planned_date"))
}

fn figures_of_visits(visits: &[&Value]) -> Value {
    let done: Vec<&Value> = visits.iter().copied().filter(|it| completed(it)).collect();
    let overlapping = |it: &Value| {
        it["checks"].as_array().unwrap().iter().any(|check| check["overlapping"] == true)
    };
    let alone = done.iter().filter(|it| !overlapping(it));
    let minutes: Vec<i64> = alone.filter_map(|it| it["duration_min"].as_i64()).collect();
    let (minutes, timed) = (minutes.iter().sum::<i64>(), minutes.len());
    let in_fence = |it: &Value| {
        it["checks"].as_array().unwrap().iter().any(|check| {
            check["user_id"] == it["owner_id"]
                && check["kind"] == "check_in"
                && check["geo_status"] == "in_fence"
        })
    };
    json!({ "planned": visits.len(), "completed": done.len(),
        "valid": count(&done, |it| it["validity"] == "valid"), "in_fence": count(&done, in_fence),
        "customers": customers(&done).len(), "active_days": days(&done),
        "average_duration_min": ratio(minutes.try_into().unwrap(), timed, 1, 4) })
}

/// The number of distinct days of each person.
fn days(visits: &[&Value]) -> usize {
    let days = visits.iter().map(|it| (text(it, "owner_id"), text(it, "planned_date")));
    days.collect::<BTreeSet<_>>().len()
}

async fn check_visits(actor: &Actor<'_>, visits: &[Value]) {
    let told = report(actor, &format!("visits?{PERIOD}")).await;
    let counted: Vec<&Value> =
        visits.iter().filter(|it| in_period(it) && it["status"] != "cancelled").collect();
    let key = |it: &Value| format!("{} {}", text(it, "owner_id"), &text(it, "planned_date")[..7]);
    let groups = grouped(counted.iter().copied(), key);
    let expected = groups.into_iter().map(|it| (it.0, figures_of_visits(&it.1))).collect();
    agree(&told, &["user_id", "month"], &expected);
    contains(&told["totals"], &figures_of_visits(&counted));
    let people: BTreeSet<&str> = counted.iter().map(|it| text(it, "owner_id")).collect();
    assert_eq!(told["totals"]["people"], people.len());
}

async fn check_customers(actor: &Actor<'_>, visits: &[Value]) {
    let known = list(actor, "customers?sort=name").await;
    let gone = [json!("lost"), json!("blacklisted")];
    let known: Vec<&Value> = known.iter().filter(|it| !gone.contains(&it["status"])).collect();
    let done: Vec<&Value> = visits.iter().filter(|it| completed(it)).collect();
    let met = customers(&done.iter().copied().filter(|it| in_period(it)).collect::<Vec<_>>());
    let figures = |customers: &[&Value]| {
        let visited = count(customers, |it| met.contains(text(it, "id")));
        json!({ "customers": customers.len(), "visited": visited,
            "coverage_percent": ratio(visited, customers.len(), 100, 2) })
    };
    for (by, field) in [("region", "region"), ("tier", "tier"), ("owner", "owner_id")] {
        let told = report(actor, &format!("coverage?group_by={by}&{PERIOD}")).await;
        let groups = grouped(known.iter().copied(), |it| text(it, field).to_owned());
        let expected = groups.into_iter().map(|it| (it.0, figures(&it.1))).collect();
        agree(&told, &[field], &expected);
        contains(&told["totals"], &figures(&known));
    }

    let told = report(actor, "not-visited?days=40&as_of=2026-05-10").await;
    let last = |customer: &Value| {
        let theirs = done.iter().filter(|it| it["customer_id"] == customer["id"]);
        theirs.map(|it| text(it, "planned_date")).filter(|it| *it <= "2026-05-10").max()
    };
    let days = |day: Option<&str>| day.map(|it| days_between(it, "2026-05-10"));
    let waiting = known.iter().map(|it| (*it, last(it), days(last(it))));
    let waiting: Vec<_> = waiting.filter(|it| it.2.is_none_or(|days| days >= 40)).collect();
    let row = |(customer, last, days): &(&Value, Option<&str>, Option<i32>)| {
        let figures = json!({ "customer_name": customer["name"], "owner_id": customer["owner_id"],
            "last_visit_on": last, "days_since": days });
        (text(customer, "id").to_owned(), figures)
    };
    agree(&told, &["customer_id"], &waiting.iter().map(row).collect());
    let never = waiting.iter().filter(|it| it.1.is_none()).count();
    contains(&told["totals"], &json!({ "customers": waiting.len(), "never_visited": never }));
}

fn days_between(from: &str, to: &str) -> i32 {
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    day(from).until(day(to)).unwrap().get_days()
}

async fn check_rhythm_and_refusals(actor: &Actor<'_>, visits: &[Value]) {
    let told = report(actor, "visit-intervals?as_of=2026-05-10").await;
    let done = |it: &&Value| completed(it) && text(it, "planned_date") <= "2026-05-10";
    let done: Vec<&Value> = visits.iter().filter(done).collect();
    let figures = |visits: &[&Value]| {
        let days = || visits.iter().map(|it| text(it, "planned_date"));
        let (first, last) = (days().min().unwrap(), days().max().unwrap());
        let between = usize::try_from(days_between(first, last)).unwrap();
        json!({ "visits": visits.len(), "first_visit": first, "last_visit": last,
            "average_days_between_visits": ratio(between, visits.len() - 1, 1, 2),
            "days_since_last_visit": days_between(last, "2026-05-10") })
    };
    let groups = grouped(done.iter().copied(), |it| text(it, "customer_id").to_owned());
    contains(&told["totals"], &json!({ "visits": done.len(), "customers": groups.len() }));
    let expected = groups.into_iter().map(|it| (it.0, figures(&it.1))).collect();
    agree(&told, &["customer_id"], &expected);

    let told = report(actor, &format!("refusals?{PERIOD}")).await;
    let made: Vec<&Value> = visits.iter().filter(|it| completed(it) && in_period(it)).collect();
    let refused: Vec<&Value> =
        made.iter().copied().filter(|it| it["outcome"] == "refused").collect();
    let groups = grouped(refused.iter().copied(), |it| text(it, "refuse_reason").to_owned());
    let figures = |it: &[&Value]| {
        json!({ "visits": it.len(), "customers": customers(it).len(),
            "share_percent": ratio(it.len(), refused.len(), 100, 2) })
    };
    let expected = groups.into_iter().map(|it| (it.0, figures(&it.1))).collect();
    agree(&told, &["refuse_reason"], &expected);
    contains(
        &told["totals"],
        &json!({ "visits": refused.len(), "customers": customers(&refused).len(),
            "completed": made.len(), "refused_percent": ratio(refused.len(), made.len(), 100, 2) }),
    );
}

/// Compares the orders with those that the same caller sees in the sales report.
async fn check_funnel(actor: &Actor<'_>, visits: &[Value]) {
    let told = report(actor, &format!("activity-funnel?{PERIOD}")).await;
    let made: Vec<&Value> = visits.iter().filter(|it| completed(it) && in_period(it)).collect();
    let by_owner = grouped(made.iter().copied(), |it| text(it, "owner_id").to_owned());
    let sales = report(actor, &format!("sales?group_by=salesperson&{PERIOD}")).await;
    let sales = sales["rows"].as_array().unwrap().iter();
    let sales: BTreeMap<&str, &Value> = sales
        .filter(|it| !it["salesperson_id"].is_null())
        .map(|it| (text(it, "salesperson_id"), it))
        .collect();
    let people = by_owner.keys().map(String::as_str).chain(sales.keys().copied());
    let mut expected = BTreeMap::new();
    for person in people.collect::<BTreeSet<&str>>() {
        let made = by_owner.get(person).map_or(&[][..], Vec::as_slice);
        let valid = count(made, |it| it["validity"] == "valid");
        let none = json!({ "orders": 0, "customers": 0, "amount": "0.0000" });
        let sold = sales.get(person).copied().unwrap_or(&none);
        let question = format!("sales?group_by=customer&salesperson_id={person}&{PERIOD}");
        let bought = report(actor, &question).await;
        let bought = bought["rows"].as_array().unwrap().iter().map(|it| text(it, "customer_id"));
        let met = customers(made);
        let converted = bought.filter(|it| met.contains(*it)).count();
        let orders = usize::try_from(sold["orders"].as_u64().unwrap()).unwrap();
        let figures = json!({ "visits": made.len(), "valid_visits": valid,
            "customers_visited": met.len(), "active_days": days(made), "customers_ordered": sold["customers"],
            "customers_converted": converted, "orders": orders, "amount": sold["amount"],
            "valid_percent": ratio(valid, made.len(), 100, 2),
            "conversion_percent": ratio(converted, met.len(), 100, 2),
            "visits_per_order": ratio(made.len(), orders, 1, 2) });
        expected.insert(person.to_owned(), figures);
    }
    agree(&told, &["user_id"], &expected);
    let totals = json!({ "people": expected.len(), "visits": made.len(),
        "valid_visits": count(&made, |it| it["validity"] == "valid"),
        "customers_visited": customers(&made).len(), "active_days": days(&made) });
    contains(&told["totals"], &totals);
    let amount = |it: &Value| it["amount"].as_str().unwrap().parse::<Decimal>().unwrap();
    assert_eq!(amount(&told["totals"]), expected.values().map(amount).sum());
}

#[actix_web::test]
async fn every_figure_is_what_the_same_caller_can_count() {
    let service = service().await;
    let Field { lead, sellers, .. } = field(&service).await;
    let mut actors = vec![lead];
    actors.extend(sellers);
    for role in Role::ALL {
        actors.push(service.actor(*role).await);
    }
    let mut different = BTreeSet::new();
    for actor in &actors {
        let told = actor.get(&format!("{REPORTS}/visits?{PERIOD}")).await;
        if told.status == 403 {
            actor.get("/api/v1/visits").await.expect(403);
            for name in
                ["coverage", "refusals", "activity-funnel", "visit-intervals", "not-visited"]
            {
                actor.get(&format!("{REPORTS}/{name}?{PERIOD}")).await.expect(403);
            }
            continue;
        }
        let visits = list(actor, "visits?sort=planned_date").await;
        check_visits(actor, &visits).await;
        check_customers(actor, &visits).await;
        check_rhythm_and_refusals(actor, &visits).await;
        check_funnel(actor, &visits).await;
        different.insert(visits.len());
    }
    assert!(different.len() >= 5, "the callers see different things: {different:?}");
    assert!(different.contains(&80) && different.contains(&0), "{different:?}");
}
