//! Visits: plans, check-ins and check-outs with evidence, validity and visibility.

pub mod cashflow;
pub mod complaints;
pub mod days;
pub mod evidence;
pub mod overlaps;
pub mod report_forms;
pub mod reports;
pub mod story;
pub mod tables;

use futures_util::future::join_all;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp, Tx};
use salesbook::visits;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

pub const PATH: &str = "/api/v1/visits";
/// 10:00 in Shanghai
const NOW: &str = "2026-11-20T02:00:00Z";

pub async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp(NOW.parse().unwrap()))).await
}

fn later(service: &Service, seconds: i64) {
    let clock = &service.inner.clock;
    clock.set(Timestamp(clock.now().0 + jiff::SignedDuration::from_secs(seconds)));
}

pub fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

/// Creates a customer in the middle of Shanghai.
pub async fn customer(seller: &Actor<'_>) -> String {
    let new = json!({ "name": format!("客户 {}", Uuid::now_v7()), "allow_duplicate": true,
        "latitude": 31.2304, "longitude": 121.4737 });
    let made = seller.post("/api/v1/customers", new).await.expect(201);
    id(&made).to_owned()
}

pub async fn planned(seller: &Actor<'_>, more: Value) -> String {
    let mut new = json!({ "customer_id": customer(seller).await });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{PATH}/{}", id(&seller.post(PATH, new).await.expect(201)))
}

pub fn there(service: &Service) -> Value {
    json!({ "occurred_at": service.inner.clock.now(), "latitude": 31.2305, "longitude": 121.4738,
        "accuracy_m": 10.0, "fix_age_s": 2.0 })
}

#[allow(clippy::needless_pass_by_value, reason = "each is made for one call")]
pub fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub fn done(service: &Service) -> Value {
    with(there(service), json!({ "outcome": "promised", "complaint_answer": false }))
}

#[actix_web::test]
async fn a_visit_from_plan_to_approval() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;
    let visit = planned(&seller, json!({ "planned_date": "2026-11-21", "purpose": "新品" })).await;
    let how = json!({ "planned_date": "2026-11-20", "reason": "客户改了时间" });
    let moved = seller.post(&format!("{visit}/reschedule"), how.clone()).await.expect(200);
    assert_eq!((&moved["rescheduled_from"], &moved["version"]), (&json!("2026-11-21"), &json!(2)));
    let again = seller.post(&format!("{visit}/reschedule"), how).await.expect(200);
    assert_eq!(again["version"], 2, "the same day is no other day");

    let far = with(there(&service), json!({ "latitude": 31.3 }));
    let begun = seller.post(&format!("{visit}/check-in"), far.clone()).await.expect(200);
    assert_eq!(begun["status"], "in_progress");
    assert_eq!(begun["checks"][0]["geo_status"], "out_of_fence");
    assert_eq!(begun["checks"][0]["distance_m"], 7739);
    let twice = seller.post(&format!("{visit}/check-in"), far.clone()).await.expect(409);
    assert_eq!(twice["code"], "wrong_status");
    later(&service, 660);
    let silent = with(there(&service), json!({ "outcome": "ordered" }));
    let told = seller.post(&format!("{visit}/check-out"), silent).await.expect(422);
    assert_eq!(told["errors"][0]["pointer"], "/complaint_answer");
    let early = with(done(&service), json!({ "occurred_at": "2026-11-20T01:59:00Z" }));
    let told = seller.post(&format!("{visit}/check-out"), early).await.expect(422);
    assert_eq!(told["errors"][0]["pointer"], "/occurred_at");
    let due = json!({ "follow_up": { "instruction": "送样品", "due_at": "2026-11-25T02:00:00Z" } });
    let ended = seller.post(&format!("{visit}/check-out"), with(done(&service), due)).await;
    let ended = ended.expect(200);
    assert_eq!((&ended["status"], &ended["duration_min"]), (&json!("completed"), &json!(11)));
    assert_eq!(ended["validity"], "pending_review");
    let next = seller.get("/api/v1/me/follow-ups").await.expect(200);
    assert_eq!(next["items"][0]["id"], ended["follow_up_id"]);
    assert_eq!(next["items"][0]["source"], "visit");

    let why = json!({ "reason": "仓库在郊外" });
    let own = seller.post(&format!("{visit}/approve-exception"), why.clone()).await.expect(403);
    assert_eq!(own["code"], "forbidden");
    let good = manager.post(&format!("{visit}/approve-exception"), why.clone()).await.expect(200);
    assert_eq!((&good["validity"], &good["approved_by"]), (&json!("valid"), &json!(manager.id)));
    let again = manager.post(&format!("{visit}/approve-exception"), why).await.expect(409);
    assert_eq!(again["code"], "nothing_to_approve");
    let history = seller.get(&format!("{visit}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 5);
}

#[actix_web::test]
async fn what_no_visit_can_be() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;
    let visit = planned(&seller, json!({})).await;
    let now = service.inner.clock.now().0;
    let at = |hours: i64| json!({ "occurred_at": Timestamp(now + jiff::SignedDuration::from_mins(60 * hours)) });
    let cases = [
        (at(1), "/occurred_at", "in_future"),
        (at(-8 * 24), "/occurred_at", "too_old"),
        (json!({ "latitude": 91 }), "/latitude", "range"),
        (json!({ "longitude": -180.5 }), "/longitude", "range"),
        (json!({ "accuracy_m": -1 }), "/accuracy_m", "range"),
        (json!({ "longitude": null }), "/longitude", "required"),
        (json!({ "photo_id": Uuid::now_v7(), "altitude": 3 }), "/altitude", "unknown_field"),
    ];
    for (more, pointer, code) in cases {
        let body = with(there(&service), more);
        let told = seller.post(&format!("{visit}/check-in"), body).await.expect(422);
        assert_eq!(
            (&told["errors"][0]["pointer"], &told["errors"][0]["code"]),
            (&json!(pointer), &json!(code))
        );
    }
    let check_in = format!("{visit}/check-in");
    assert_eq!(
        manager.post(&check_in, there(&service)).await.expect(403)["code"],
        "not_your_visit"
    );
    other.post(&check_in, there(&service)).await.expect(404);
    assert_eq!(service.count("visit_checks").await, 0);
    seller.post(&check_in, there(&service)).await.expect(200);
    let second = planned(&seller, json!({})).await;
    let told = seller.post(&format!("{second}/check-in"), there(&service)).await.expect(409);
    assert_eq!(told["code"], "visit_in_progress");
    seller.post(&format!("{visit}/abandon"), json!({ "reason": "停电" })).await.expect(200);
    seller.post(&format!("{second}/check-in"), there(&service)).await.expect(200);
    let refused = with(there(&service), json!({ "outcome": "refused", "complaint_answer": true }));
    let told = seller.post(&format!("{second}/check-out"), refused).await.expect(422);
    let pointers: Vec<_> =
        told["errors"].as_array().unwrap().iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/refuse_reason", "/next_visit_on"]);
    for (body, pointer) in [
        (json!({ "planned_date": "2026-11-19" }), "/planned_date"),
        (json!({ "planned_date": "2028-01-01" }), "/planned_date"),
        (json!({ "participant_ids": [seller.id] }), "/participant_ids"),
        (json!({ "participant_ids": [Uuid::now_v7()] }), "/participant_ids/0"),
        (json!({ "contact_ids": [Uuid::now_v7()] }), "/contact_ids/0"),
        (
            json!({ "window_from": "2026-11-20T03:00:00Z", "window_to": "2026-11-20T03:00:00Z" }),
            "/window_to",
        ),
    ] {
        let body = with(json!({ "customer_id": customer(&seller).await }), body);
        let told = seller.post(PATH, body).await.expect(422);
        assert_eq!(told["errors"][0]["pointer"], pointer, "{told}");
    }
    let for_other = json!({ "customer_id": customer(&seller).await, "owner_id": other.id });
    assert_eq!(seller.post(PATH, for_other).await.expect(403)["code"], "not_your_person");
}

#[actix_web::test]
async fn one_visit_at_a_time_whoever_is_faster() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    for _ in 0..10 {
        let seller = service.signed_in(seller.id);
        let visits = [planned(&seller, json!({})).await, planned(&seller, json!({})).await];
        let paths = visits.each_ref().map(|visit| format!("{visit}/check-in"));
        let calls = paths.iter().map(|path| seller.post(path, there(&service)));
        let told: Vec<u16> = join_all(calls).await.iter().map(|it| it.status.as_u16()).collect();
        assert!(told == [200, 409] || told == [409, 200], "{told:?}");
        let one = if told[0] == 200 { &visits[0] } else { &visits[1] };
        later(&service, 600);
        seller.post(&format!("{one}/check-out"), done(&service)).await.expect(200);
    }
    assert_eq!(service.count("visit_checks where open").await, 0);
}

#[actix_web::test]
async fn who_comes_along_has_checks_of_their_own() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let coach = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    let office = service.actor(Role::BackOffice).await;
    service.team(None, &manager, &[&seller]).await;
    let along = json!({ "type": "accompanied", "participant_ids": [coach.id] });
    let visit = planned(&seller, along).await;
    let (check_in, check_out) = (format!("{visit}/check-in"), format!("{visit}/check-out"));
    let first = coach.post(&check_in, there(&service)).await.expect(200);
    assert_eq!(first["status"], "planned", "the owner begins it");
    assert_eq!(
        coach.post(&check_in, there(&service)).await.expect(409)["code"],
        "already_checked_in"
    );
    seller.post(&check_in, there(&service)).await.expect(200);
    later(&service, 600);
    assert_eq!(coach.post(&check_out, done(&service)).await.expect(403)["code"], "not_your_visit");
    coach.post(&check_out, there(&service)).await.expect(200);
    let ended = seller.post(&check_out, done(&service)).await.expect(200);
    assert_eq!(
        (ended["checks"].as_array().unwrap().len(), &ended["owner_id"]),
        (4, &json!(seller.id))
    );

    let notes = format!("{visit}/coaching-notes");
    let note = json!({ "text": "先问需求,再报价", "score": 4 });
    coach.post(&notes, note.clone()).await.expect(200);
    manager.post(&notes, note.clone()).await.expect(200);
    assert_eq!(seller.post(&notes, note.clone()).await.expect(403)["code"], "not_your_visit");
    let seen = async |actor: &Actor<'_>| {
        actor.get(&notes).await.expect(200)["items"].as_array().unwrap().len()
    };
    assert_eq!((seen(&seller).await, seen(&manager).await, seen(&coach).await), (2, 2, 1));
    let counted = coach.get(&format!("{notes}?total=exact")).await.expect(200);
    assert_eq!(counted["total"], 1, "what the others wrote is not counted");
    stranger.get(&notes).await.expect(404);
    stranger.get(&visit).await.expect(404);
    office.get(&visit).await.expect(200);
    office.get(&notes).await.expect(403);
}

#[actix_web::test]
async fn what_was_not_done_is_missed_once() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = planned(&seller, json!({})).await;
    let job = || {
        Tx::run(&service.inner.db, &service.inner.clock, Uuid::nil(), visits::visit::mark_missed)
    };
    assert_eq!(job().await.unwrap(), 0, "the day is not over");
    // Midnight in the company's time zone is 16:00 UTC.
    service.inner.clock.set(Timestamp("2026-11-20T15:59:59Z".parse().unwrap()));
    assert_eq!(job().await.unwrap(), 0);
    service.inner.clock.set(Timestamp("2026-11-20T16:00:00Z".parse().unwrap()));
    assert_eq!((job().await.unwrap(), job().await.unwrap()), (1, 0));
    let seller = service.signed_in(seller.id);
    let why = json!({ "reason": "暴雨" });
    let told = seller.post(&format!("{visit}/explain"), why.clone()).await.expect(200);
    assert_eq!((&told["status"], &told["reason"]), (&json!("missed"), &json!("暴雨")));
    let twice = seller.post(&format!("{visit}/explain"), why).await.expect(409);
    assert_eq!(twice["code"], "already_explained");
    let today = seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(409);
    assert_eq!(today["code"], "not_on_planned_day");
    let then = with(there(&service), json!({ "occurred_at": "2026-11-20T03:00:00Z" }));
    let begun = seller.post(&format!("{visit}/check-in"), then).await.expect(200);
    assert_eq!(
        (&begun["status"], &begun["checks"][0]["offline_delay_s"]),
        (&json!("in_progress"), &json!(46800))
    );
}

#[actix_web::test]
async fn patience_before_a_prospect_is_lost() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = customer(&seller).await;
    let lose = async || {
        let seller = service.signed_in(seller.id);
        seller
            .post(&format!("/api/v1/customers/{customer}/lose"), json!({ "reason": "不要" }))
            .await
    };
    for (attempt, day) in ["2026-11-20", "2026-11-28", "2026-12-04"].into_iter().enumerate() {
        service.inner.clock.set(Timestamp(format!("{day}T02:00:00Z").parse().unwrap()));
        let seller = service.signed_in(seller.id);
        let told = lose().await.expect(409);
        assert_eq!(
            (&told["code"], &told["attempts"]),
            (&json!("too_few_attempts"), &json!(attempt))
        );
        let new = seller.post(PATH, json!({ "customer_id": customer })).await.expect(201);
        let visit = format!("{PATH}/{}", id(&new));
        seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
        later(&service, 600);
        let refused = with(
            there(&service),
            json!({ "outcome": "refused", "complaint_answer": false,
            "refuse_reason": "price", "next_visit_on": "2026-12-24" }),
        );
        seller.post(&format!("{visit}/check-out"), refused).await.expect(200);
        let next = seller.get("/api/v1/me/next-attempts?total=exact").await.expect(200);
        assert_eq!(next["total"], next["items"].as_array().unwrap().len());
        assert_eq!(next["items"].as_array().unwrap().len(), 1);
        assert_eq!(next["items"][0]["visit_id"], id(&new));
    }
    assert_eq!(lose().await.expect(200)["status"], "lost");
}

#[actix_web::test]
async fn another_system_reports_what_happened() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let erp = service.client(Role::Erp, "crm").await;
    let customer = customer(&seller).await;
    let check = |at: &str| json!({ "occurred_at": at, "latitude": 31.2304, "longitude": 121.4737 });
    let items = json!([
        { "external_id": "1", "customer_id": customer, "owner_id": seller.id,
          "planned_date": "2024-02-29", "check_in": check("2024-02-29T02:00:00Z"),
          "check_out": check("2024-02-29T02:30:00Z"), "outcome": "ordered", "complaint_answer": false },
        { "external_id": "2", "customer_id": customer, "owner_id": seller.id,
          "planned_date": "2026-12-01", "status": "planned" },
        { "external_id": "3", "customer_id": customer, "owner_id": seller.id },
        { "external_id": "4", "customer_id": customer, "owner_id": seller.id,
          "planned_date": "2026-11-01", "check_in": check("2026-11-01T02:00:00Z"),
          "check_out": check("2026-11-01T01:00:00Z") },
    ]);
    let told = erp.post("/api/v1/visits/batch", json!({ "items": items })).await.expect(200);
    assert_eq!((&told["created"], &told["failed"]), (&json!(2), &json!(2)), "{told:#}");
    let first = format!("{PATH}/{}", id(&told["results"][0]));
    let visit = seller.get(&first).await.expect(200);
    assert_eq!((&visit["validity"], &visit["duration_min"]), (&json!("valid"), &json!(30)));
    later(&service, 60);
    let again = erp.post("/api/v1/visits/batch", json!({ "items": items })).await.expect(200);
    assert_eq!((&again["unchanged"], &again["failed"]), (&json!(2), &json!(2)), "{again:#}");
    let more = json!([{ "external_id": "1", "summary": "订了三箱" }]);
    let told = erp.post("/api/v1/visits/batch", json!({ "items": more })).await.expect(200);
    assert_eq!(told["updated"], 1);
    assert_eq!(seller.get(&first).await.expect(200)["checks"], visit["checks"]);
}
