//! The day to which a visit counts, and impossible evidence.

use salesbook::access::Role;
use salesbook::platform::Tx;
use salesbook::visits::visit::mark_missed;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::complaints::at;
use crate::support::harness::{Actor, Service};
use crate::targets::codes;
use crate::visits::{PATH, customer, done, id, planned, service, there, with};

fn when(service: &Service, instant: &str) -> Value {
    with(there(service), json!({ "occurred_at": instant }))
}

/// The planned and completed visits of a day in the report.
async fn counted(reader: &Actor<'_>, from: &str, to: &str) -> (Value, Value) {
    let path = format!("/api/v1/reports/visits?from={from}&to={to}");
    let totals = reader.get(&path).await.expect(200)["totals"].clone();
    (totals["planned"].clone(), totals["completed"].clone())
}

#[actix_web::test]
async fn a_visit_counts_on_the_day_of_its_check_in() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let boss = service.actor(Role::GeneralManager).await;
    // Check-in at 00:30 on the 15th in Shanghai, sent five days later.
    let offline = planned(&seller, json!({})).await;
    let begin = when(&service, "2026-11-14T16:30:00Z");
    let begun = seller.post(&format!("{offline}/check-in"), begin).await.expect(200);
    let end = with(done(&service), json!({ "occurred_at": "2026-11-14T17:00:00Z" }));
    seller.post(&format!("{offline}/check-out"), end).await.expect(200);
    // The visit is planned for next week and takes place today.
    let early = planned(&seller, json!({ "planned_date": "2026-11-27" })).await;
    seller.post(&format!("{early}/check-in"), there(&service)).await.expect(200);

    assert_eq!(
        (&begun["planned_date"], &begun["rescheduled_from"]),
        (&json!("2026-11-15"), &json!("2026-11-20"))
    );
    for (from, to, expected) in [
        ("2026-11-14", "2026-11-15", (0, 0)),
        ("2026-11-15", "2026-11-16", (1, 1)),
        ("2026-11-20", "2026-11-21", (1, 0)),
        ("2026-11-27", "2026-11-28", (0, 0)),
    ] {
        let expected = (json!(expected.0), json!(expected.1));
        assert_eq!(counted(&boss, from, to).await, expected, "{from}");
    }
    let today = seller.get("/api/v1/me/today").await.expect(200);
    assert_eq!(today["visits"].as_array().unwrap().len(), 1, "{today:#}");
    assert_eq!(today["visits"][0]["id"], early.rsplit('/').next().unwrap());
    let silent = boss.get("/api/v1/reports/not-visited?days=1&as_of=2026-11-20").await.expect(200);
    let last: Vec<_> =
        silent["rows"].as_array().unwrap().iter().map(|row| &row["last_visit_on"]).collect();
    assert!(last.contains(&&json!("2026-11-15")), "{silent:#}");
}

async fn missed(service: &Service) {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    Tx::run(db, clock, Uuid::nil(), mark_missed).await.unwrap();
}

#[actix_web::test]
async fn a_companion_joins_a_missed_visit_on_its_day_only() {
    let service = service().await;
    let (seller, coach) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let visit = planned(&seller, json!({ "participant_ids": [coach.id] })).await;
    let path = format!("{visit}/check-in");
    service.inner.clock.set(at("2026-11-23T02:00:00Z"));
    missed(&service).await;
    let coach = service.signed_in(coach.id);

    let late = coach.post(&path, there(&service)).await.expect(409);
    let offline = coach.post(&path, when(&service, "2026-11-20T03:00:00Z")).await.expect(200);

    assert_eq!(late["code"], "not_on_planned_day");
    assert_eq!(offline["status"], "missed");
    assert_eq!(service.count("visit_checks where open").await, 0, "nobody is still there");
    let other = planned(&coach, json!({})).await;
    coach.post(&format!("{other}/check-in"), there(&service)).await.expect(200);
}

#[actix_web::test]
async fn a_refusal_names_the_visit_that_is_in_progress() {
    let service = service().await;
    let (seller, coach) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let along = json!({ "participant_ids": [coach.id] });
    let own = planned(&coach, json!({})).await;
    let busy = async |visit: &str| {
        let told = coach.post(&format!("{own}/check-in"), there(&service)).await.expect(409);
        assert_eq!(told["code"], "visit_in_progress");
        assert_eq!(told["visit_id"], visit.rsplit('/').next().unwrap());
    };

    let cancelled = planned(&seller, along.clone()).await;
    coach.post(&format!("{cancelled}/check-in"), there(&service)).await.expect(200);
    busy(&cancelled).await;
    let why = json!({ "reason": "客户临时有会" });
    seller.post(&format!("{cancelled}/cancel"), why).await.expect(200);

    let without = planned(&seller, along.clone()).await;
    coach.post(&format!("{without}/check-in"), there(&service)).await.expect(200);
    busy(&without).await;
    seller.patch(&without, 2, json!({ "participant_ids": [] })).await.expect(200);

    let ended = planned(&seller, along.clone()).await;
    coach.post(&format!("{ended}/check-in"), there(&service)).await.expect(200);
    seller.post(&format!("{ended}/check-in"), there(&service)).await.expect(200);
    busy(&ended).await;
    seller.post(&format!("{ended}/check-out"), done(&service)).await.expect(200);

    coach.post(&format!("{own}/check-in"), there(&service)).await.expect(200);
    // Companions can still check out after the end of the visit.
    coach.post(&format!("{ended}/check-out"), there(&service)).await.expect(200);
    assert_eq!(service.count("visit_checks where open").await, 1);
}

#[actix_web::test]
async fn what_the_outcome_of_a_visit_cannot_be() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = planned(&seller, json!({})).await;
    let heard = json!({ "category": "quality", "description": "外壳开裂" });
    seller.post(&format!("{visit}/complaints"), heard).await.expect(201);
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let refused = json!({ "outcome": "refused", "refuse_reason": "price" });
    let refused = with(there(&service), refused);
    let path = format!("{visit}/check-out");

    let past = with(refused.clone(), json!({ "next_visit_on": "2026-11-19" }));
    let past = seller.post(&path, past).await.expect(422);
    let content = json!({ "next_visit_on": "2026-12-01", "complaint_answer": false });
    let content = seller.post(&path, with(refused.clone(), content)).await.expect(422);
    let good = with(refused, json!({ "next_visit_on": "2026-11-20" }));
    let good = seller.post(&path, good).await.expect(200);

    assert_eq!(codes(&past), ["/next_visit_on range"]);
    assert_eq!(codes(&content), ["/complaint_answer contradiction"]);
    assert_eq!(good["complaint_answer"], true, "the complaint answers it");
}

#[actix_web::test]
async fn a_check_out_that_was_forgotten_is_left_out_of_averages() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let boss = service.actor(Role::GeneralManager).await;
    for (begin, end) in [
        ("2026-11-18T01:00:00Z", "2026-11-18T13:01:00Z"),
        ("2026-11-19T01:00:00Z", "2026-11-19T01:30:00Z"),
    ] {
        let visit = planned(&seller, json!({})).await;
        seller.post(&format!("{visit}/check-in"), when(&service, begin)).await.expect(200);
        let end = with(done(&service), json!({ "occurred_at": end }));
        seller.post(&format!("{visit}/check-out"), end).await.expect(200);
    }

    let report = "/api/v1/reports/visits?from=2026-11-01&to=2026-12-01";
    let totals = boss.get(report).await.expect(200)["totals"].clone();

    assert_eq!(
        (&totals["completed"], &totals["average_duration_min"]),
        (&json!(2), &json!("30.0000"))
    );
}

#[actix_web::test]
async fn what_no_other_system_can_report_of_a_visit() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let erp = service.client(Role::Erp, "crm").await;
    let customer = customer(&seller).await;
    let check = |at: &str| json!({ "occurred_at": at });
    let (past, future) = (check("2026-11-19T02:00:00Z"), check("2026-11-21T02:00:00Z"));
    let cases = [
        (json!({ "planned_date": "2027-01-05" }), "/planned_date in_future"),
        (json!({ "planned_date": "2026-11-21", "status": "missed" }), "/planned_date in_future"),
        (json!({ "check_in": future }), "/check_in/occurred_at in_future"),
        (json!({ "check_in": past, "check_out": future }), "/check_out/occurred_at in_future"),
        (json!({ "check_in": past, "status": "planned" }), "/status contradiction"),
        (json!({ "check_in": past, "status": "cancelled" }), "/status contradiction"),
        (json!({ "next_visit_on": "2026-11-18" }), "/next_visit_on range"),
    ];
    let items: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(number, (more, _))| {
            let item = json!({ "external_id": number.to_string(), "customer_id": customer,
                "owner_id": seller.id, "planned_date": "2026-11-19" });
            with(item, more.clone())
        })
        .collect();

    let told = erp.post(&format!("{PATH}/batch"), json!({ "items": items })).await.expect(200);

    for ((more, expected), result) in cases.iter().zip(told["results"].as_array().unwrap()) {
        assert_eq!(codes(&result["problem"]), [*expected], "{more}");
    }
    let early = json!([{ "external_id": "early", "customer_id": customer, "owner_id": seller.id,
        "planned_date": "2026-11-27", "check_in": past }]);
    let told = erp.post(&format!("{PATH}/batch"), json!({ "items": early })).await.expect(200);
    let visit = format!("{PATH}/{}", id(&told["results"][0]));
    assert_eq!(seller.get(&visit).await.expect(200)["planned_date"], "2026-11-19");
}

#[actix_web::test]
async fn a_figure_leaves_out_what_was_stored_before_it_was_refused() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let boss = service.actor(Role::GeneralManager).await;
    let erp = service.client(Role::Erp, "crm").await;
    let customer = customer(&seller).await;
    let item = |key: &str, day: &str, status: &str| {
        json!({ "external_id": key, "customer_id": customer, "owner_id": seller.id,
            "planned_date": day, "status": status })
    };
    let items = json!([item("1", "2026-11-19", "completed"), item("2", "2027-01-05", "planned")]);
    let told = erp.post(&format!("{PATH}/batch"), json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], 2);
    service.sql("update visits set planned_date = '2027-01-06' where external_id = '1'").await;

    let told = counted(&boss, "2026-11-01", "2027-02-01").await;

    assert_eq!(told, (json!(1), json!(0)));
}

/// Midnight ends the day of a plan, not the job that runs minutes later.
#[actix_web::test]
async fn a_plan_whose_day_is_over_has_been_missed_before_the_job_says_so() {
    let service = service().await;
    let (seller, coach) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let visit = planned(&seller, json!({ "participant_ids": [coach.id] })).await;
    service.inner.clock.set(at("2026-11-20T16:00:00Z"));
    let (seller, coach) = (service.signed_in(seller.id), service.signed_in(coach.id));
    let why = json!({ "reason": "客户临时有会" });
    let day = with(why.clone(), json!({ "planned_date": "2026-11-25" }));

    let cancelled = seller.post(&format!("{visit}/cancel"), why.clone()).await.expect(409);
    let moved = seller.post(&format!("{visit}/reschedule"), day).await.expect(409);
    let changed = seller.patch(&visit, 1, json!({ "purpose": "收款" })).await.expect(409);
    let begun = seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(409);
    let joined = coach.post(&format!("{visit}/check-in"), there(&service)).await.expect(409);
    let explained = seller.post(&format!("{visit}/explain"), why).await.expect(200);

    for refused in [&cancelled, &moved, &changed] {
        assert_eq!(refused["code"], "wrong_status");
        assert_eq!(refused["current_status"], "missed");
    }
    assert_eq!((&begun["code"], &joined["code"]), (&json!("not_on_planned_day"), &begun["code"]));
    assert_eq!(explained["status"], "missed");
    missed(&service).await;
    let seen = seller.get(&visit).await.expect(200);
    assert_eq!(seen["reason"], "客户临时有会", "the job leaves it alone");
}
