use std::collections::{HashMap, HashSet};

use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use crate::calendar::working_after;
use crate::tests::{companies, company, items, text};
use crate::visits::at;
use crate::{Company, DemoFollowUp};

fn found<'a>(company: &'a Company, resource: &str, name: &str) -> HashSet<&'a str> {
    items(company, resource).iter().map(|item| text(item, name)).collect()
}

fn count(items: &[Value], wanted: impl Fn(&Value) -> bool) -> usize {
    items.iter().filter(|item| wanted(item)).count()
}

#[test]
fn a_year_of_visits_of_every_kind() {
    for (today, company) in companies() {
        let visits = items(company, "visits");
        assert!((9_000..16_000).contains(&visits.len()), "{today}: {}", visits.len());
        for (name, values) in [
            ("type", &["planned", "ad_hoc", "route", "revisit", "accompanied", "inspection"][..]),
            ("plan_source", &["manual", "cadence", "weekly", "route"]),
            (
                "outcome",
                &["", "ordered", "promised", "informed", "refused", "absent", "closed_shop"],
            ),
            (
                "refuse_reason",
                &["", "price", "no_need", "no_budget", "competitor", "delivery", "quality"],
            ),
        ] {
            let expected: HashSet<&str> = values.iter().copied().collect();
            assert_eq!(found(company, "visits", name), expected, "{today} {name}");
        }
        let statuses = found(company, "visits", "status");
        for status in ["planned", "completed", "cancelled", "missed", "abandoned"] {
            assert!(statuses.contains(status), "{today} {status}");
        }
        let fix = |visit: &Value, name: &str| visit["check_in"][name].as_f64().unwrap_or_default();
        for (what, least, wanted) in [
            (
                "no fix",
                100,
                &(|visit: &Value| {
                    visit["check_in"].is_object() && visit["check_in"]["latitude"].is_null()
                }) as &dyn Fn(&Value) -> bool,
            ),
            ("mock", 30, &|visit| visit["check_in"]["mock"] == true),
            ("stale", 100, &|visit| fix(visit, "fix_age_s") > 60.0),
            ("inaccurate", 100, &|visit| fix(visit, "accuracy_m") > 200.0),
            ("remote", 100, &|visit| visit["remote"] == true),
            ("unexplained", 3, &|visit| visit["status"] == "missed" && visit["reason"].is_null()),
            ("accompanied", 100, &|visit| visit["participant_external_ids"].is_array()),
            ("unanswered", 20, &|visit| {
                visit["outcome"].is_string() && visit["complaint_answer"].is_null()
            }),
        ] {
            assert!(count(visits, wanted) >= least, "{today}: {what} {}", count(visits, wanted));
        }
        for refused in visits.iter().filter(|visit| visit["outcome"] == "refused") {
            assert!(refused["refuse_reason"].is_string() && refused["next_visit_on"].is_string());
        }
        let nowhere = count(items(company, "customers"), |customer| customer["latitude"].is_null());
        assert!((2..40).contains(&nowhere), "{nowhere}");
    }
    let forgotten = |today| {
        let company = company(today);
        count(items(&company, "visits"), |visit| visit["status"] == "in_progress")
    };
    assert!((17..20).map(|day| forgotten(date(2026, 11, day))).sum::<usize>() > 0);
}

#[test]
fn complaints_in_every_status_and_of_every_age() {
    let (mut statuses, mut all) = (HashSet::new(), vec![]);
    for (today, company) in companies() {
        let complaints = items(company, "complaints");
        assert!((300..900).contains(&complaints.len()), "{today}: {}", complaints.len());
        statuses.extend(found(company, "complaints", "status"));
        all.extend(complaints);
        let resolved = |complaint: &Value| complaint["status"] == "resolved";
        let on_the_spot = |complaint: &Value| complaint["resolution_mode"] == "on_the_spot";
        for (what, least, wanted) in [
            ("on the spot", 100, &on_the_spot as &dyn Fn(&Value) -> bool),
            ("closed", 100, &|complaint| {
                complaint["status"] == "closed" && complaint["filed_no"].is_string()
            }),
            ("unfiled", 3, &|complaint| resolved(complaint) && complaint["filed_no"].is_null()),
            ("filed", 3, &|complaint| resolved(complaint) && complaint["filed_no"].is_string()),
            ("repeats", 5, &|complaint| complaint["repeat_of_external_id"].is_string()),
            ("of a visit", 100, &|complaint| complaint["visit_external_id"].is_string()),
        ] {
            assert!(
                count(complaints, wanted) >= least,
                "{today}: {what} {}",
                count(complaints, wanted)
            );
        }
        for name in ["severity", "channel", "category"] {
            assert!(found(company, "complaints", name).len() >= 3, "{today} {name}");
        }
        let filed: Vec<&str> =
            complaints.iter().filter_map(|complaint| complaint["filed_no"].as_str()).collect();
        assert_eq!(filed.iter().collect::<HashSet<_>>().len(), filed.len());
        // A complaint during a visit is made by the customer of the visit.
        let visits: HashMap<&str, &Value> = items(company, "visits")
            .iter()
            .map(|visit| (text(visit, "external_id"), visit))
            .collect();
        for of in complaints.iter().filter(|complaint| complaint["visit_external_id"].is_string()) {
            let visit = visits[text(of, "visit_external_id")];
            assert_eq!(visit["customer_external_id"], of["customer_external_id"]);
            assert_eq!(visit["complaint_answer"], true);
        }
    }
    for day in [3, 6, 12, 18, 20] {
        let company = company(date(2026, 11, day));
        statuses.extend(items(&company, "complaints").iter().map(|complaint| {
            match text(complaint, "status") {
                "registered" => "registered",
                "accepted" => "accepted",
                "in_progress" => "in_progress",
                "pending_customer" => "pending_customer",
                _ => "closed",
            }
        }));
    }
    let every = [
        "registered",
        "accepted",
        "in_progress",
        "pending_customer",
        "resolved",
        "closed",
        "rejected",
        "withdrawn",
    ];
    assert_eq!(statuses, every.into());
}

/// Collects every instant in an item at any depth.
fn instants<'a>(item: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    for (name, value) in item.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => instants(value, found),
            Value::String(text) if name.ends_with("_at") => found.push((name, text)),
            _ => {}
        }
    }
}

#[test]
fn it_has_happened_before_today() {
    for (today, company) in companies() {
        // The last midnight in China
        let midnight = today.yesterday().unwrap().to_string() + "T16:00:00Z";
        for resource in ["visits", "complaints"] {
            for item in items(company, resource) {
                let mut all = vec![];
                instants(item, &mut all);
                assert!(all.iter().all(|instant| instant.1 < &*midnight), "{today}: {item}");
                let open = text(item, "status") == "planned";
                assert!(open || text(item, "planned_date") < &*today.to_string(), "{item}");
            }
        }
    }
}

#[test]
fn a_later_day_changes_only_what_goes_on() {
    let kept = [
        "customer_external_id",
        "owner_external_id",
        "planned_date",
        "category",
        "severity",
        "description",
        "occurred_at",
        "outcome",
        "check_in",
        "repeat_of_external_id",
    ];
    let (before, after) = (company(date(2026, 11, 23)), company(date(2026, 12, 7)));
    for resource in ["visits", "complaints"] {
        let later: HashMap<&str, &Value> =
            items(&after, resource).iter().map(|item| (text(item, "external_id"), item)).collect();
        let mut count = 0;
        for item in items(&before, resource) {
            let Some(same) = later.get(text(item, "external_id")) else { continue };
            for name in kept {
                assert!(item[name].is_null() || item[name] == same[name], "{name} {item} {same}");
            }
            count += 1;
        }
        assert!(count > 250, "{resource} {count}");
    }
}

#[test]
fn follow_ups_of_a_year_and_in_every_status() {
    for (today, company) in companies() {
        let (past, present): (Vec<_>, Vec<_>) =
            company.errands.iter().partition(|errand| errand.given.is_some());
        let last = |errand: &&DemoFollowUp| errand.steps.last().map_or("assign", |step| step.1.1);
        let every = ["assign", "accept", "start", "submit", "return", "complete", "cancel"];
        assert_eq!(present.iter().map(last).collect::<HashSet<_>>(), every.into());
        assert!((23..=27).contains(&past.len()), "{today} {}", past.len());
        let (due_today, past) = past.split_last().unwrap();
        assert_eq!(last(due_today), "accept");
        assert!(past.iter().all(|errand| ["complete", "cancel"].contains(&last(errand))));
        let ends = |errand: &&DemoFollowUp| working_after(errand.given.unwrap(), days(errand));
        assert!(
            past.is_sorted_by_key(|errand| errand.given)
                && past.iter().all(|errand| ends(errand) < today)
        );
        let people = company.logins.iter().map(|login| login.username).collect::<Vec<_>>();
        for errand in &company.errands {
            let day: Date = text(&errand.item, "due_at")[..10].parse().unwrap();
            assert!(day >= today || errand.given.is_some(), "{today} {day}");
            assert!(people.contains(&errand.by));
            assert!(errand.steps.iter().all(|step| people.contains(&step.1.0)));
            assert_eq!(errand.item["assignee_external_id"], json!("wang.fang"));
        }
    }
}

fn days(errand: &DemoFollowUp) -> i64 {
    errand.steps.iter().map(|step| step.0).sum()
}

#[test]
fn a_survey_each_quarter() {
    for (today, company) in companies() {
        let surveys = &company.surveys;
        assert_eq!(surveys.len(), 4);
        assert!(surveys.is_sorted_by_key(|survey| survey.opened), "{today}");
        assert!(surveys[..3].iter().all(|survey| survey.closed.unwrap() < at(today, 0)));
        assert_eq!(surveys[3].closed, None);
        assert!(surveys[3].opened + (14 * 24).hours() > at(today, 0), "the links are still good");
        let titles: HashSet<&str> =
            surveys.iter().map(|survey| text(&survey.new, "title_zh")).collect();
        assert_eq!(titles.len(), 4, "{titles:?}");
        // The burst limit of requests from one address.
        assert!(surveys.iter().map(|survey| survey.answers.len()).sum::<usize>() <= 100);
    }
}
