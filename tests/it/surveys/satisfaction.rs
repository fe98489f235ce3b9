//! The satisfaction report: every figure equals the number that the same caller can count in lists.

use std::collections::BTreeMap;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::reports::totals::list;
use crate::reports::{REPORTS, report};
use crate::support::harness::{Actor, Service};
use crate::surveys::{act, answer, at, customer, new_survey, open, sample};
use crate::visits::reports::text;

/// Computes the expected report of some customers from the lists.
fn counted(invitations: &[&Value], responses: &[Value]) -> Value {
    let answered = |it: &Value| responses.iter().find(|r| r["invitation_id"] == it["id"]).cloned();
    let given: Vec<Value> = invitations.iter().filter_map(|it| answered(it)).collect();
    let numbers =
        |name: &str| -> Vec<i64> { given.iter().filter_map(|r| r[name].as_i64()).collect() };
    let (nps, scores) = (numbers("nps"), numbers("score"));
    let (promoters, detractors) =
        (nps.iter().filter(|it| **it >= 9).count(), nps.iter().filter(|it| **it <= 6).count());
    let satisfied = scores.iter().filter(|it| **it >= 4).count();
    let low = given.iter().filter(|r| r["low"] == true).count();
    json!({
        "invitations": invitations.len(), "responses": given.len(),
        "response_rate_percent": ratio(100 * number(given.len()), invitations.len(), 2),
        "promoters": promoters, "passives": nps.len() - promoters - detractors,
        "detractors": detractors,
        "nps": ratio(100 * (number(promoters) - number(detractors)), nps.len(), 2),
        "scores": scores.len(), "satisfied": satisfied,
        "csat_percent": ratio(100 * number(satisfied), scores.len(), 2),
        "average_score": ratio(scores.iter().sum(), scores.len(), 4),
        "low_scores": low, "follow_ups": low,
    })
}

fn number(of: usize) -> i64 {
    i64::try_from(of).unwrap()
}

/// A quotient rounded half away from zero, or null if the divisor is 0.
fn ratio(part: i64, whole: usize, digits: u32) -> Value {
    let Ok(whole @ 1..) = i64::try_from(whole) else { return Value::Null };
    let scale = 10_i64.pow(digits);
    let (sign, part) = (part.signum(), part.abs());
    let units = (2 * part * scale + whole) / (2 * whole);
    let width = digits as usize;
    let minus = if sign < 0 && units > 0 { "-" } else { "" };
    json!(format!("{minus}{}.{:0width$}", units / scale, units % scale))
}

/// Two surveys in two months among customers of three salespeople; some answer.
async fn asked(service: &Service, director: &Actor<'_>, sellers: &[Actor<'_>]) -> Vec<String> {
    let places = [(Some("A"), Some("上海")), (Some("B"), Some("江苏")), (None, None)];
    for n in 0..15 {
        let (tier, region) = places[n / 2 % 3];
        customer(&sellers[n % 3], json!({ "tier": tier, "region": region })).await;
    }
    let given = [(5, 10), (4, 9), (3, 7), (2, 6), (1, 0), (5, 8), (4, 3)];
    let mut surveys = vec![];
    for month in ["2026-11-30T18:00:00Z", "2026-12-10T02:00:00Z"] {
        service.inner.clock.set(at(month));
        let director = service.signed_in(director.id);
        let survey = open(&director, new_survey()).await;
        let links = sample(&director, &survey, json!({ "size": 12, "seed": 7 })).await;
        for (n, (_, link)) in links.iter().enumerate().filter(|(n, _)| n % 4 != 3) {
            let (overall, recommend) = given[n % given.len()];
            service.anonymous().post(link, answer(overall, recommend)).await.expect(200);
        }
        surveys.push(survey);
    }
    surveys
}

#[actix_web::test]
async fn every_figure_is_what_the_lists_say() {
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let director = service.actor(Role::SalesDirector).await;
    let manager = service.actor(Role::SalesManager).await;
    let sellers = [
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    ];
    service.team(None, &manager, &[&sellers[0], &sellers[1]]).await;
    let surveys = asked(&service, &director, &sellers).await;
    let mut seen = vec![];
    for reader in [&director, &manager, &sellers[0], &sellers[1]] {
        let reader = &service.signed_in(reader.id);
        let mut invitations = vec![];
        let mut responses = vec![];
        for survey in &surveys {
            let below = survey.trim_start_matches("/api/v1/");
            invitations.extend(list(reader, &format!("{below}/invitations?")).await);
            responses.extend(list(reader, &format!("{below}/responses?")).await);
        }
        let customers: BTreeMap<String, Value> = list(reader, "customers?")
            .await
            .into_iter()
            .map(|it| (text(&it, "id").to_owned(), it["owner_id"].clone()))
            .collect();
        let key = |it: &Value, by: &str| match by {
            "survey" => json!([it["survey_id"]]),
            // 18:00 UTC on 30 November is in the next month in Shanghai.
            "month" => json!(["2026-12"]),
            "owner" => json!([customers[text(it, "customer_id")]]),
            by => json!([it[by]]),
        };
        for by in ["survey", "month", "region", "tier", "owner"] {
            let told = report(reader, &format!("satisfaction?period=2026&group_by={by}")).await;
            let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
            for it in &invitations {
                groups.entry(key(it, by).to_string()).or_default().push(it);
            }
            let column = match by {
                "survey" => "survey_id",
                "owner" => "owner_id",
                by => by,
            };
            let rows = told["rows"].as_array().unwrap();
            assert_eq!(rows.len(), groups.len(), "{by} {told:#}");
            for row in rows {
                let these = &groups[&json!([row[column]]).to_string()];
                for (name, figure) in counted(these, &responses).as_object().unwrap() {
                    assert_eq!(&row[name], figure, "{by} {name} {row:#}");
                }
            }
            let all: Vec<&Value> = invitations.iter().collect();
            assert_eq!(told["totals"], counted(&all, &responses), "{by}");
        }
        seen.push(invitations.len());
    }
    assert_eq!(seen[0], 24);
    assert!(seen[1] < 24 && seen[2] + seen[3] == seen[1] && seen[2] > 0 && seen[3] > 0, "{seen:?}");
}

#[actix_web::test]
async fn narrowed_as_of_and_refused() {
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    for (tier, region) in [("A", "上海"), ("B", "江苏"), ("B", "上海")] {
        customer(&seller, json!({ "tier": tier, "region": region })).await;
    }
    let survey = open(&director, new_survey()).await;
    let links = sample(&director, &survey, json!({ "size": 3 })).await;
    service.inner.clock.set(at("2026-11-25T02:00:00Z"));
    let director = service.signed_in(director.id);
    service.anonymous().post(&links[0].1, answer(5, 10)).await.expect(200);
    let figures = async |question: &str| {
        let told = report(&director, &format!("satisfaction?{question}")).await;
        (told["totals"]["invitations"].clone(), told["totals"]["responses"].clone())
    };
    assert_eq!(figures("period=2026-11").await, (json!(3), json!(1)));
    assert_eq!(figures("period=2026-11&as_of=2026-11-24").await, (json!(3), json!(0)));
    assert_eq!(figures("period=2026-11&as_of=2026-11-22").await, (json!(0), json!(0)));
    assert_eq!(figures("period=2026-10").await, (json!(0), json!(0)));
    assert_eq!(figures("period=2026&tier=B").await.0, json!(2));
    assert_eq!(figures("period=2026&tier=B&region=%E4%B8%8A%E6%B5%B7").await.0, json!(1));
    assert_eq!(figures(&format!("period=2026&owner_id={}", director.id)).await.0, json!(0));
    let csv = format!("{REPORTS}/satisfaction?period=2026&group_by=tier&format=csv");
    let csv = director.send(Method::GET, &csv, None, &[]).await;
    assert!(csv.text().starts_with("tier,invitations,responses,"), "{}", csv.text());
    assert_eq!(csv.text().lines().count(), 3);
    for wrong in ["group_by=weather", "tier=D", "owner_id=me", "since=2026-01-01"] {
        let path = format!("{REPORTS}/satisfaction?period=2026&{wrong}");
        director.get(&path).await.expect(400);
    }
    let quality = service.actor(Role::Quality).await;
    quality.get(&format!("{REPORTS}/satisfaction?period=2026")).await.expect(403);
    act(&director, &format!("{survey}/close"), 200).await;
    assert_eq!(figures("period=2026-11").await, (json!(3), json!(1)));
}

#[actix_web::test]
async fn results_are_passed_on_once_within_five_working_days() {
    let service = Service::start_at(Clock::fixed(at("2026-09-24T15:59:59Z"))).await;
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let survey = open(&director, new_survey()).await;
    let dispatch = format!("{survey}/dispatch");
    let early = act(&director, &dispatch, 409).await;
    assert_eq!(
        (&early["code"], &early["current_status"]),
        (&json!("wrong_status"), &json!("open"))
    );
    assert_eq!(director.get(&survey).await.expect(200)["dispatch_due_on"], Value::Null);
    // It is still the 24th in Shanghai. The following weeks contain holidays and a make-up day.
    let closed = act(&director, &format!("{survey}/close"), 200).await;
    let calendar = service.texts(
        "select day::date::text from generate_series('2026-09-25'::date, '2026-10-31', '1 day') day
         left join holidays on date = day::date
         where coalesce(kind = 'working', extract(isodow from day) < 6) order by day",
    );
    assert_eq!(closed["dispatch_due_on"], calendar.await[4]);
    assert!(closed["dispatch_due_on"].as_str().unwrap() > "2026-10-01", "{closed:#}");
    act(&seller, &dispatch, 403).await;
    let told = act(&director, &dispatch, 200).await;
    assert_eq!(
        (&told["dispatched_at"], &told["dispatched_by"], &told["status"]),
        (&json!("2026-09-24T15:59:59Z"), &json!(director.id), &json!("closed"))
    );
    assert_eq!(act(&director, &dispatch, 409).await["code"], "already_dispatched");
    let history = seller.get(&format!("{survey}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 4);
}
