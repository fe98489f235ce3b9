//! Stored due times that depend on working days are updated when the calendar changes.

use salesbook::access::Role;
use salesbook::complaints::hooks::check_deadlines;
use salesbook::platform::{Clock, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::complaints::{COMPLAINTS, about, at, path, step};
use crate::support::harness::{Actor, Service};
use crate::surveys;

/// A service on a Monday at 10:00 in Shanghai.
async fn service() -> Service {
    Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await
}

async fn checked(service: &Service) {
    Tx::run(&service.inner.db, &service.inner.clock, Uuid::nil(), check_deadlines).await.unwrap();
}

async fn tuesday_off(office: &Actor<'_>) -> String {
    let holiday = json!({ "date": "2026-11-24", "kind": "holiday", "name": "停电" });
    let holiday = office.post("/api/v1/holidays", holiday).await.expect(201);
    format!("/api/v1/holidays/{}", holiday["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_filing_follows_a_new_holiday_until_it_is_done() {
    let service = service().await;
    let (seller, office) =
        (service.actor(Role::Salesperson).await, service.actor(Role::BackOffice).await);
    let customer = seller.customer("上海林氏").await;
    let open = path(&seller.post(COMPLAINTS, about(&customer)).await.expect(201));
    let mut settled = about(&customer);
    settled["resolved"] = json!({ "resolution": "当场更换新品" });
    let settled = path(&seller.post(COMPLAINTS, settled).await.expect(201));
    let filed = path(&seller.post(COMPLAINTS, about(&customer)).await.expect(201));
    step(&office, &filed, "file", Value::Null).await.expect(200);
    let due = async |path: &str, name: &str| office.get(path).await.expect(200)[name].clone();

    let holiday = tuesday_off(&office).await;
    checked(&service).await;

    for path in [&open, &settled] {
        assert_eq!(due(path, "filing_due").await, "2026-11-25T10:00:00Z", "{path}");
    }
    assert_eq!(due(&open, "proposal_due_at").await, "2026-11-25T10:00:00Z");
    assert_eq!(due(&open, "resolve_due").await, "2026-11-27T02:00:00Z");
    assert_eq!(due(&filed, "filing_due").await, "2026-11-24T10:00:00Z", "it was done in time");
    let history = office.get(&format!("{open}/history")).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["filing_due"]["to"], "2026-11-25T10:00:00Z");

    let admin = service.actor(Role::Admin).await;
    let tag = [("if-match", "\"1\"")];
    admin.send(actix_web::http::Method::DELETE, &holiday, None, &tag).await.expect(204);
    let version = admin.get("/api/v1/company").await.expect(200)["version"].as_i64().unwrap();
    let hours = json!({ "settings": { "working_day_ends": 17 } });
    admin.patch("/api/v1/company", version, hours).await.expect(200);
    checked(&service).await;

    assert_eq!(due(&open, "filing_due").await, "2026-11-24T09:00:00Z");
}

#[actix_web::test]
async fn results_and_low_scores_of_surveys_follow_a_new_holiday() {
    let service = service().await;
    let (director, office) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::BackOffice).await);
    let seller = service.actor(Role::Salesperson).await;
    surveys::customer(&seller, json!({})).await;
    let survey = surveys::open(&director, surveys::new_survey()).await;
    let links = surveys::sample(&director, &survey, json!({ "size": 1 })).await;
    let low = surveys::answer(1, 1);
    service.anonymous().post(&links[0].1, low).await.expect(200);
    let closed = surveys::act(&director, &format!("{survey}/close"), 200).await;
    let due = async || {
        let due = "select to_char(due_at at time zone 'utc', 'MM-DD HH24:MI') from follow_ups";
        (service.texts(due).await, director.get(&survey).await.expect(200))
    };
    assert_eq!(closed["dispatch_due_on"], "2026-11-30");
    assert_eq!(due().await.0, ["11-24 10:00"]);

    tuesday_off(&office).await;

    let (follow_ups, survey) = due().await;
    assert_eq!(follow_ups, ["11-25 10:00"]);
    assert_eq!(survey["dispatch_due_on"], "2026-12-01");
}
