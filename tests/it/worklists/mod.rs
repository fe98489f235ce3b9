//! Worklists: a user's tasks of the day, a manager's overview, and nobody else's rows.

pub mod scoreboard;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::test::{self, TestRequest};
use diesel::connection::InstrumentationEvent;
use diesel_async::AsyncConnection;
use salesbook::access::Role;
use salesbook::platform::{Clock, Db, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

pub const TODAY: &str = "/api/v1/me/today";
pub const BOARD: &str = "/api/v1/team/board";

/// 10:00 in Shanghai
async fn service() -> Service {
    Service::start_at(Clock::fixed(instant("2026-11-20T02:00:00Z"))).await
}

fn instant(text: &str) -> Timestamp {
    Timestamp(text.parse().unwrap())
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// The ids of a list, in order.
fn ids(list: &Value) -> Vec<String> {
    let name = if list[0].get("visit_id").is_some() { "visit_id" } else { "id" };
    list.as_array().unwrap().iter().map(|it| it[name].as_str().unwrap().to_owned()).collect()
}

async fn customer(seller: &Actor<'_>, name: &str) -> String {
    seller.customer(name).await.rsplit('/').next().unwrap().to_owned()
}

/// Imports visits of this user to this customer.
async fn reported(service: &Service, owner: Uuid, customer: &str, items: Value) -> Vec<String> {
    let erp = service.client(Role::Erp, &format!("crm{}", Uuid::now_v7().simple())).await;
    let mut items = items.as_array().unwrap().clone();
    for (n, item) in items.iter_mut().enumerate() {
        item["external_id"] = json!(n.to_string());
        item["owner_id"] = json!(owner);
        item["customer_id"] = item.get("customer_id").cloned().unwrap_or(json!(customer));
    }
    let told = erp.post("/api/v1/visits/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(told["created"], items.len(), "{told:#}");
    told["results"].as_array().unwrap().iter().map(id).collect()
}

async fn follow_up(by: &Actor<'_>, to: Uuid, customer: &str, due_at: &str) -> String {
    let new = json!({ "customer_id": customer, "assignee_id": to, "instruction": "回访",
        "due_at": due_at });
    id(&by.post("/api/v1/follow-ups", new).await.expect(201))
}

#[actix_web::test]
async fn visits_that_are_to_be_made_or_explained() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let (manager, coach) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    service.team(None, &manager, &[&seller]).await;
    let place = customer(&seller, "上海林氏").await;
    let begun = json!({ "occurred_at": "2026-11-19T02:00:00Z" });
    let made = reported(
        &service,
        seller.id,
        &place,
        json!([
            { "planned_date": "2026-11-20", "status": "planned",
              "window_from": "2026-11-20T05:00:00Z", "window_to": "2026-11-20T07:00:00Z" },
            { "planned_date": "2026-11-20", "status": "planned", "participant_ids": [coach.id],
              "window_from": "2026-11-20T00:00:00Z", "window_to": "2026-11-20T01:00:00Z" },
            { "planned_date": "2026-11-20", "status": "completed" },
            { "planned_date": "2026-11-20", "status": "cancelled" },
            { "planned_date": "2026-11-21", "status": "planned", "participant_ids": [coach.id] },
            { "planned_date": "2026-11-19", "status": "in_progress", "check_in": begun },
            { "planned_date": "2026-11-18", "status": "missed" },
            { "planned_date": "2026-11-17", "status": "missed", "reason": "暴雨" },
            { "planned_date": "2026-11-10", "status": "missed" },
            { "planned_date": "2026-11-10", "status": "completed" },
        ]),
    )
    .await;
    let today = seller.get(TODAY).await.expect(200);
    assert_eq!((&today["date"], &today["counts"]["visits"]), (&json!("2026-11-20"), &json!(6)));
    let expected = [5, 1, 0, 2, 6, 8].map(|n| made[n].clone());
    assert_eq!(ids(&today["visits"]), expected, "{today:#}");
    let first = &today["visits"][0];
    assert_eq!(
        (&first["status"], &first["customer_name"]),
        (&json!("in_progress"), &json!("上海林氏"))
    );
    assert_eq!(ids(&today["deadlines"]), [made[1].clone(), made[0].clone()]);
    let overdue = today["deadlines"].as_array().unwrap().iter().map(|it| it["overdue"] == true);
    assert_eq!(overdue.collect::<Vec<_>>(), [true, false]);

    let along = coach.get(TODAY).await.expect(200);
    assert_eq!(ids(&along["visits"]), [made[1].clone()]);
    assert_eq!(along["visits"][0]["owner_id"], json!(seller.id));
    for other in [&manager, &service.actor(Role::Salesperson).await] {
        let today = other.get(TODAY).await.expect(200);
        let none = json!({ "visits": 0, "follow_ups": 0, "next_attempts": 0, "complaints": 0,
            "complaints_overdue": 0, "complaints_to_accept": 0, "complaints_to_file": 0 });
        assert_eq!(today["counts"], none, "not even those of one's people");
        assert!(!today.to_string().contains("林氏"));
    }
}

#[actix_web::test]
async fn follow_ups_until_midnight_and_promises() {
    let service = service().await;
    service.inner.clock.set(instant("2026-11-19T00:00:00Z"));
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let place = customer(&seller, "苏州金阊").await;
    let mut due = vec![];
    for at in ["2026-11-20T15:59:59Z", "2026-11-20T16:00:00Z", "2026-11-19T03:00:00Z"] {
        due.push(follow_up(&office, seller.id, &place, at).await);
    }
    let gone = follow_up(&office, seller.id, &place, "2026-11-20T03:00:00Z").await;
    let cancel = format!("/api/v1/follow-ups/{gone}/cancel");
    office.post(&cancel, json!({ "reason": "不用了" })).await.expect(200);
    let (second, third) =
        (customer(&seller, "宁波海曙").await, customer(&seller, "杭州西泠").await);
    let promised = json!([
        { "planned_date": "2026-11-01", "status": "completed", "outcome": "refused",
          "refuse_reason": "price", "next_visit_on": "2026-11-20", "customer_id": second },
        { "planned_date": "2026-11-02", "status": "completed", "next_visit_on": "2026-11-21" },
        { "planned_date": "2026-11-03", "status": "completed", "next_visit_on": "2026-11-15",
          "customer_id": third },
    ]);
    let promised = reported(&service, seller.id, &place, promised).await;
    service.inner.clock.set(instant("2026-11-20T02:00:00Z"));
    let seller = service.signed_in(seller.id);

    let today = seller.get(TODAY).await.expect(200);
    assert_eq!(ids(&today["follow_ups"]), [due[2].clone(), due[0].clone()]);
    assert_eq!(today["follow_ups"][0]["overdue"], true);
    assert_eq!(today["follow_ups"][1]["overdue"], false);
    assert_eq!(ids(&today["deadlines"]), [due[2].clone(), due[0].clone()]);
    assert_eq!(today["deadlines"][0]["of"], "follow_up");
    assert_eq!(ids(&today["next_attempts"]), [promised[2].clone(), promised[0].clone()]);
    assert_eq!(today["next_attempts"][1]["refuse_reason"], "price");
    let plan = json!({ "customer_id": third });
    let planned = id(&seller.post("/api/v1/visits", plan).await.expect(201));
    let today = seller.get(TODAY).await.expect(200);
    assert_eq!(ids(&today["next_attempts"]), [promised[0].clone()], "it is planned now");
    assert_eq!(ids(&today["visits"]), [planned]);
    let counts = json!({ "visits": 1, "follow_ups": 2, "next_attempts": 1, "complaints": 0,
        "complaints_overdue": 0, "complaints_to_accept": 0, "complaints_to_file": 0 });
    assert_eq!(today["counts"], counts);
    let office = service.signed_in(office.id).get(TODAY).await.expect(200);
    assert_eq!(office["counts"]["follow_ups"], 0, "those are for somebody else to do");
    service.actor(Role::Finance).await.get(TODAY).await.expect(403);
}

#[actix_web::test]
async fn long_lists_are_cut_and_counted_and_all_is_one_statement() {
    let service = service().await;
    let (seller, manager) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesManager).await);
    let place = customer(&seller, "客户").await;
    let missed = json!({ "planned_date": "2026-11-10", "status": "missed" });
    reported(&service, seller.id, &place, json!(vec![missed; 60])).await;
    follow_up(&service.actor(Role::BackOffice).await, seller.id, &place, "2026-11-20T03:00:00Z")
        .await;
    let today = seller.get(TODAY).await.expect(200);
    assert_eq!(today["visits"].as_array().unwrap().len(), 50);
    assert_eq!(today["counts"]["visits"], 60);

    let db = Db::new(service.url(), 1);
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = statements.clone();
    let counting = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    db.conn().await.unwrap().set_instrumentation(counting);
    let app = test::init_service(service.inner.on(db).app()).await;
    for (actor, path, most) in [(&seller, TODAY, 3), (&manager, BOARD, 1)] {
        let token = format!("Bearer {}", actor.token.as_ref().unwrap());
        let request = TestRequest::get().uri(path).insert_header(("authorization", token));
        let before = statements.load(Ordering::Relaxed);
        assert_eq!(test::call_service(&app, request.to_request()).await.status(), 200);
        let used = statements.load(Ordering::Relaxed) - before;
        assert!((1..=most).contains(&used), "{path}: {used} statements");
    }
}

#[actix_web::test]
async fn a_manager_sees_the_day_of_the_team() {
    let service = service().await;
    let (manager, director) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesDirector).await);
    let (seller, coach, stranger) = (
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    );
    let office = service.actor(Role::BackOffice).await;
    service.team(None, &manager, &[&seller, &coach]).await;
    let (place, hidden) =
        (customer(&seller, "上海林氏").await, customer(&stranger, "Geheimrat").await);
    let check = |at: &str| json!({ "occurred_at": at, "latitude": 31.23, "longitude": 121.47 });
    let day = json!([
        { "planned_date": "2026-11-20", "status": "planned" },
        { "planned_date": "2026-11-20", "status": "completed" },
        { "planned_date": "2026-11-20", "status": "completed", "outcome": "informed", "remote": true,
          "complaint_answer": false, "check_in": check("2026-11-20T00:00:00Z"),
          "check_out": check("2026-11-20T00:30:00Z") },
        { "planned_date": "2026-11-20", "status": "cancelled" },
        { "planned_date": "2026-11-19", "status": "completed" },
        { "planned_date": "2026-11-20", "status": "in_progress",
          "check_in": check("2026-11-20T01:10:00Z") },
    ]);
    let made = reported(&service, seller.id, &place, day).await;
    let elsewhere = json!([{ "planned_date": "2026-11-20", "status": "in_progress",
        "check_in": check("2026-11-20T01:30:00Z") }]);
    reported(&service, stranger.id, &hidden, elsewhere).await;
    follow_up(&office, seller.id, &place, "2026-11-20T02:30:00Z").await;
    follow_up(&office, seller.id, &place, "2026-11-25T02:00:00Z").await;
    follow_up(&office, stranger.id, &hidden, "2026-11-25T02:00:00Z").await;
    service.inner.clock.set(instant("2026-11-20T02:31:00Z"));

    let board = async |actor: Uuid| {
        let actor = service.signed_in(actor);
        let (mut people, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let page = format!("{BOARD}?limit=1&total=exact{cursor}");
            let page = actor.get(&page).await.expect(200);
            let row = page["items"][0].clone();
            people.insert(row["user_id"].as_str().unwrap().to_owned(), row);
            let Some(next) = page["next_cursor"].as_str() else {
                assert_eq!(page["total"], people.len());
                return people;
            };
            cursor = format!("&cursor={next}");
        }
    };
    let people = |ids: &[Uuid]| {
        let mut ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        ids.sort();
        ids
    };
    let seen = board(manager.id).await;
    let keys = seen.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys, people(&[manager.id, seller.id, coach.id]));
    let row = &seen[&seller.id.to_string()];
    let expected = json!({ "user_id": seller.id, "user_name": row["user_name"],
        "team_id": row["team_id"], "visits_planned": 4, "visits_completed": 2, "visits_valid": 1,
        "in_progress": { "visit_id": made[5], "customer_id": place, "customer_name": "上海林氏",
            "since": "2026-11-20T01:10:00Z" },
        "follow_ups_open": 2, "follow_ups_overdue": 1, "complaints_open": 0,
        "complaints_overdue": 0, "complaints_unfiled": 0 });
    assert_eq!(*row, expected);
    assert_eq!(seen[&coach.id.to_string()]["in_progress"], Value::Null);
    assert!(!json!(seen).to_string().contains("Geheimrat"));
    let all = board(director.id).await.into_keys().collect::<Vec<_>>();
    assert_eq!(all, people(&[manager.id, director.id, seller.id, coach.id, stranger.id]));
    let all = board(office.id).await;
    assert_eq!(all[&stranger.id.to_string()]["in_progress"]["customer_name"], "Geheimrat");
    service.signed_in(seller.id).get(BOARD).await.expect(403);
}
