//! Overlapping visits of one user: all of them are flagged and left out of averages.

use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::receivables::{merged, send};
use crate::support::harness::{Actor, Service};

const REPORT: &str = "/api/v1/reports/visits?from=2026-11-01&to=2026-12-01";

async fn service() -> Service {
    let now = "2026-11-20T02:00:00Z".parse().unwrap();
    Service::start_at(Clock::fixed(salesbook::platform::Timestamp(now))).await
}

fn at(time: &str) -> Value {
    json!({ "occurred_at": format!("2026-11-19T{time}:00Z") })
}

/// A visit of the previous day that a phone reports now, because it was offline.
async fn visited(seller: &Actor<'_>, begin: &str, end: &str) -> String {
    let customer = seller.customer(&format!("{begin} {end}")).await;
    let new = json!({ "customer_id": customer.rsplit('/').next().unwrap() });
    let visit = seller.post("/api/v1/visits", new).await.expect(201);
    let visit = format!("/api/v1/visits/{}", visit["id"].as_str().unwrap());
    seller.post(&format!("{visit}/check-in"), at(begin)).await.expect(200);
    let done = json!({ "outcome": "informed", "complaint_answer": false });
    seller.post(&format!("{visit}/check-out"), merged(at(end), &done)).await.expect(200);
    visit
}

/// The overlap flag of the owner's check-out.
async fn overlapping(reader: &Actor<'_>, visit: &str) -> bool {
    let visit = reader.get(visit).await.expect(200);
    assert!(visit["duration_min"].is_number() || visit["checks"][1]["overlapping"] == false);
    visit["checks"][1]["overlapping"].as_bool().unwrap()
}

#[actix_web::test]
async fn nobody_is_at_two_customers_at_once() {
    let service = service().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let boss = service.actor(Role::GeneralManager).await;
    let average =
        async || boss.get(REPORT).await.expect(200)["totals"]["average_duration_min"].clone();

    let first = visited(&seller, "01:00", "02:00").await;
    assert!(!overlapping(&seller, &first).await);
    assert_eq!(average().await, "60.0000");
    let second = visited(&seller, "01:30", "02:30").await;
    let third = visited(&seller, "02:30", "02:40").await;
    let elsewhere = visited(&other, "01:00", "01:20").await;

    for (visit, expected) in [(&first, true), (&second, true), (&third, false)] {
        assert_eq!(overlapping(&seller, visit).await, expected, "{visit}");
    }
    assert!(!overlapping(&other, &elsewhere).await);
    assert_eq!(average().await, "15.0000");
    let history = seller.get(&format!("{first}/history?limit=1")).await.expect(200);
    let step = &history["items"][0]["diff"]["checks"];
    let flags = ["from", "to"].map(|side| step[side][1]["overlapping"].clone());
    assert_eq!(flags, [json!(false), json!(true)], "{history:#}");
}

#[actix_web::test]
async fn a_check_out_that_was_forgotten_says_nothing_of_the_others() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;

    let forgotten = visited(&seller, "00:00", "12:01").await;
    let other = visited(&seller, "01:00", "01:30").await;

    for visit in [forgotten, other] {
        assert!(!overlapping(&seller, &visit).await);
    }
}

#[actix_web::test]
async fn what_another_system_corrects_overlaps_no_longer() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let seller = service.actor(Role::Salesperson).await;
    let own = visited(&seller, "05:00", "05:30").await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let item = |name: &str, begin: &str, end: &str| {
        json!({ "external_id": name, "customer_external_id": "C", "owner_id": seller.id,
            "planned_date": "2026-11-19", "check_in": at(begin), "check_out": at(end) })
    };
    let flags = "select concat_ws(' ', external_id, overlapping) from visits
        join visit_checks on visit_id = visits.id and kind = 'check_out'
        where external_id is not null order by external_id";

    let items = json!([
        item("A", "01:00", "02:00"),
        item("B", "01:10", "01:20"),
        item("C", "05:20", "05:40")
    ]);
    send(&erp, "visits", items.clone()).await;
    assert_eq!(service.texts(flags).await, ["A t", "B t", "C t"]);
    assert!(overlapping(&seller, &own).await);
    assert_eq!(send(&erp, "visits", items).await["unchanged"], 3);

    send(&erp, "visits", json!([item("B", "02:00", "02:20"), item("C", "05:30", "05:40")])).await;
    assert_eq!(service.texts(flags).await, ["A f", "B f", "C f"]);
    assert!(!overlapping(&seller, &own).await);
}

#[actix_web::test]
async fn a_visit_that_moves_away_leaves_no_flag_behind() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let own = visited(&seller, "05:00", "05:30").await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let on = |day: &str, time: &str| json!({ "occurred_at": format!("{day}T{time}:00Z") });
    let visit = |owner: &Actor<'_>, day: &str, end: &str| {
        json!([{ "external_id": "V", "customer_external_id": "C", "owner_id": owner.id,
            "planned_date": day, "check_in": on(day, "05:20"), "check_out": on(day, end) }])
    };
    let flags = "select count(*)::text from visit_checks where overlapping";

    for (owner, day, end) in [
        (&other, "2026-11-19", "05:40"),
        (&seller, "2026-11-09", "05:40"),
        // A visit this long counts as a forgotten check-out.
        (&seller, "2026-11-19", "23:50"),
    ] {
        send(&erp, "visits", visit(&seller, "2026-11-19", "05:40")).await;
        assert_eq!(service.texts(flags).await, ["2"], "before {day} {end}");
        assert!(overlapping(&seller, &own).await);

        send(&erp, "visits", visit(owner, day, end)).await;
        assert_eq!(service.texts(flags).await, ["0"], "after {day} {end}");
        assert!(!overlapping(&seller, &own).await);
    }
}
