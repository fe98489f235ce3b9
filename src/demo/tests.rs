use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex};

use exchange::Credentials;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::{Company, company, fill};

/// An ordinary day, the ends of a year, a leap day.
const DAYS: [Date; 4] =
    [date(2026, 11, 23), date(2026, 1, 1), date(2027, 12, 31), date(2028, 2, 29)];

/// Of these days; made once, because it takes a while without optimisation.
static COMPANIES: LazyLock<[Company; 4]> = LazyLock::new(|| DAYS.map(company));

pub fn companies() -> impl Iterator<Item = (Date, &'static Company)> {
    DAYS.into_iter().zip(COMPANIES.iter())
}

pub fn items<'a>(company: &'a Company, resource: &str) -> &'a [Value] {
    &company.batches.iter().find(|it| it.0 == resource).unwrap().1
}

pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

/// `"12.34"` → 1234
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
        let later: HashMap<&str, &Value> =
            items(after, "orders").iter().map(|it| (text(it, "external_id"), it)).collect();
        let first = text(&items(after, "orders")[0], "order_date");
        let shared = items(before, "orders").iter().filter(|it| text(it, "order_date") >= first);
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
        let sells = |it: &&Value| it["roles"] == json!(["salesperson"]);
        let people = items(company, "users");
        assert!(people.iter().filter(sells).count() >= 20);
        for role in ["general_manager", "sales_manager", "back_office", "finance"] {
            assert!(people.iter().any(|it| it["roles"] == json!([role])), "{role}");
        }
        assert!(count("customers") >= 300 && count("contacts") >= count("customers"));
        assert!(count("products") >= 100 && count("teams") == 11);
        assert!((3000..10_000).contains(&count("orders")), "{today}: {}", count("orders"));
        let roles: Vec<_> = company.logins.iter().map(|it| it.role).collect();
        assert_eq!(roles, ["sales_manager", "salesperson", "back_office"]);
        assert!(company.logins.iter().all(|it| it.password.len() >= 10));
    }
    let company = &COMPANIES[0];
    assert!(items(company, "orders").len() >= 6000);
    for (resource, name, values) in [
        ("orders", "status", &["draft", "submitted", "confirmed", "closed", "cancelled"][..]),
        ("orders", "channel", &["direct", "distributor", "online"]),
        ("customers", "status", &["prospect", "active", "dormant", "lost", "blacklisted"]),
        ("customers", "tier", &["A", "B", "C"]),
    ] {
        let found: HashSet<_> = items(company, resource).iter().map(|it| text(it, name)).collect();
        assert_eq!(found, values.iter().copied().collect(), "{resource} {name}");
    }
    let returned = |it: &&Value| text(it, "amount").starts_with('-');
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
            let ids: HashSet<_> = items.iter().map(|it| text(it, "external_id")).collect();
            assert!(ids.len() == items.len() && !ids.contains(""), "{resource}");
        }
    }
}

/// Every `…_external_id` inside an item, with its name.
fn references<'a>(item: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match item {
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
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
                items.iter().map(|it| (*resource, text(it, "external_id")))
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
            .filter(|it| {
                it["roles"] == json!(["salesperson"]) && it["team_external_id"].is_string()
            })
            .map(|it| text(it, "external_id"))
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
        let last = items(company, "orders").iter().map(|it| text(it, "order_date")).max().unwrap();
        let first = &items(company, "orders")[0];
        let lag = last.parse::<Date>().unwrap().until(today).unwrap().get_days();
        assert!(lag <= 4, "{lag} days without an order");
        assert!(text(first, "order_date").starts_with(&format!("{}-01", today.year() - 1)));
    }
}

#[test]
fn amounts_are_the_sums_of_their_lines() {
    let company = &COMPANIES[0];
    for order in items(company, "orders") {
        let mut sum = 0;
        for line in order["lines"].as_array().unwrap() {
            let whole = |name| text(line, name).parse::<i64>().unwrap();
            // in ten thousandths of a yuan
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
        for target in targets.iter().filter(|it| text(it, "owner_type") != "user") {
            let (value, sum) = (hundredths(&target["value"]), below[text(target, "external_id")]);
            assert!(value > 0 && sum >= value, "{target}: {sum}");
            parents += 1;
        }
        assert_eq!(parents, (1 + 3 + 7) * 17 * 2);
        let of = |owner: &str, kind: &str, year: i16| {
            let year = year.to_string();
            let theirs = targets.iter().filter(|it| {
                text(it, "external_id").starts_with(&format!("{owner}-{year}"))
                    && text(it, "period_type") == kind
            });
            theirs.map(|it| hundredths(&it["value"])).sum::<i64>()
        };
        for owner in ["HQ", "EAST", "SH", "wang.fang"] {
            for year in [today.year() - 1, today.year()] {
                let [month, quarter, year] =
                    ["month", "quarter", "year"].map(|it| of(owner, it, year));
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
        let target = items(company, "targets").iter().find(|it| text(it, "external_id") == id);
        sold * 100 / hundredths(&target.unwrap()["value"])
    };
    let whole = percent("HQ-2025", sold.remove("").unwrap());
    assert!((95..=110).contains(&whole), "{whole} %");
    let each: Vec<_> =
        sold.iter().map(|(id, sold)| percent(&format!("{id}-2025"), *sold)).collect();
    assert!(each.iter().all(|it| (60..=150).contains(it)), "{each:?}");
    let met = each.iter().filter(|it| **it >= 100).count();
    assert!((6..=18).contains(&met), "{met} of {}", each.len());
}

#[tokio::test]
async fn fills_a_service_and_makes_the_logins_work() {
    let server = MockServer::start().await;
    let asked = Mutex::new(HashSet::new());
    let login = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let name = text(&body, "username").to_owned();
        // this one was set by an earlier start, the others are good when they are asked for again
        let again = !asked.lock().unwrap().insert(name.clone());
        if name == "wang.fang" || again {
            return ResponseTemplate::new(200).set_body_json(json!({ "access_token": name }));
        }
        ResponseTemplate::new(401)
    };
    let at = |path| Mock::given(method("POST")).and(path_regex(path));
    at("/auth/login$").respond_with(login).mount(&server).await;
    let taken = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        assert_eq!(body["source_system"], "demo");
        let result = |(index, item): (usize, &Value)| {
            let id = format!("id-of-{}", text(item, "external_id"));
            json!({ "index": index, "status": "created", "id": id })
        };
        let results: Vec<_> =
            body["items"].as_array().unwrap().iter().enumerate().map(result).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "results": results }))
    };
    at("/batch$").respond_with(taken).mount(&server).await;
    let made = ResponseTemplate::new(201).set_body_json(json!({ "id": "7" }));
    let company = &COMPANIES[1];
    let errands = u64::try_from(company.errands.len()).unwrap();
    at("/follow-ups$").respond_with(made).expect(errands).mount(&server).await;
    let done = |request: &Request| {
        let by = request.headers["authorization"].to_str().unwrap();
        let theirs = !request.url.path().ends_with("/accept") || by == "Bearer wang.fang";
        ResponseTemplate::new(if theirs { 200 } else { 403 })
    };
    let steps = company.errands.iter().map(|it| it.steps.len()).sum::<usize>();
    // And what was given for low scores, of three surveys that are over.
    let steps = u64::try_from(steps).unwrap() + 3;
    at("/follow-ups/7/[a-z]+$").respond_with(done).expect(steps).mount(&server).await;
    let low = ResponseTemplate::new(200).set_body_json(json!({ "items": [{ "id": "7" }] }));
    Mock::given(method("GET")).respond_with(low).expect(4).mount(&server).await;
    // Of the seller's customers the first is asked about and gets terms.
    let done = || ResponseTemplate::new(200).set_body_json(json!({ "id": "9" }));
    at("/customers/7/(credit-investigations|terms-requests)$")
        .respond_with(done())
        .expect(2)
        .mount(&server)
        .await;
    at("/(credit-investigations|terms-requests)/9/(start|conclude|submit|approve)$")
        .respond_with(done())
        .expect(4)
        .mount(&server)
        .await;
    let survey = ResponseTemplate::new(201).set_body_json(json!({ "id": "8" }));
    at("/surveys$").respond_with(survey).expect(4).mount(&server).await;
    let links: Vec<_> = (0..40).map(|n| json!({ "link": format!("/public/{n}") })).collect();
    let links = ResponseTemplate::new(200).set_body_json(json!({ "invitations": links }));
    at("/surveys/8/sample$").respond_with(links).expect(4).mount(&server).await;
    at("/surveys/8/(open|close)$")
        .respond_with(ResponseTemplate::new(200))
        .expect(7)
        .mount(&server)
        .await;
    at("/public/[0-9]+$").respond_with(ResponseTemplate::new(200)).expect(100).mount(&server).await;
    for (username, password) in
        [("zhang.min", "manager-lotus-27"), ("fang.wen", "office-jasmine-63")]
    {
        Mock::given(method("POST"))
            .and(path(format!("/api/v1/users/id-of-{username}/password")))
            .and(wiremock::matchers::body_json(json!({ "password": password })))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
    }
    let admin = Credentials::Token("admin".into());
    let times = Mutex::new(vec![]);
    let travel = |at: Option<Timestamp>| times.lock().unwrap().push(at);
    let filled = fill(&server.uri(), admin, company, &travel).await.unwrap();
    let times = times.into_inner().unwrap();
    assert!(times.len() > 100 && times.last() == Some(&None), "in the present at last");
    assert!(times.iter().flatten().all(|it| *it < crate::visits::at(DAYS[1], 0)), "no future");
    assert_eq!(filled.refused, [""; 0]);
    let created: Vec<_> = filled.summary.files.iter().map(|it| (&*it.file, it.created)).collect();
    let sent: Vec<_> = company.batches.iter().map(|it| (it.0, it.1.len())).collect();
    assert_eq!(created, sent);
    let visits = server.received_requests().await.unwrap();
    let visits = visits.iter().filter(|it| it.url.path().ends_with("/visits/batch"));
    let company: Vec<String> = visits
        .flat_map(|it| it.body_json::<Value>().unwrap()["items"].as_array().unwrap().clone())
        .filter_map(|it| Some(it["participant_ids"].as_array()?[0].to_string()))
        .collect();
    assert!(company.len() > 100 && company.contains(&"\"id-of-zhang.min\"".to_owned()));
}
