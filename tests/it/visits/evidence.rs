//! Evidence of visits: positions of phones, named people, and refusals without effects.

use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::attachments::{picture, uploaded};
use crate::complaints::id;
use crate::support::harness::{Actor, Answer, Service};
use crate::targets::{codes, with};

const VISITS: &str = "/api/v1/visits";
/// 10:00 in Shanghai
const NOW: &str = "2026-11-20T02:00:00Z";
const SHANGHAI: (f64, f64) = (31.2304, 121.4737);
/// The mean radius of the earth, in metres
const EARTH: f64 = 6_371_008.8;

fn now() -> Timestamp {
    Timestamp(NOW.parse().unwrap())
}

async fn service() -> Service {
    Service::start_at(Clock::fixed(now())).await
}

/// An event this number of seconds before the current time.
fn ago(seconds: i64) -> Value {
    json!({ "occurred_at": Timestamp(now().0 - SignedDuration::from_secs(seconds)) })
}

/// A position this number of metres north of the customer, with its accuracy in metres.
fn north(metres: f64, accuracy: f64) -> Value {
    json!({ "latitude": SHANGHAI.0 + (metres / EARTH).to_degrees(), "accuracy_m": accuracy })
}

fn there() -> Value {
    with(
        json!({ "longitude": SHANGHAI.1, "fix_age_s": 2.0, "occurred_at": now() }),
        &north(0.0, 10.0),
    )
}

async fn customer(seller: &Actor<'_>) -> Value {
    let new = json!({ "name": "上海林氏", "allow_duplicate": true, "latitude": SHANGHAI.0,
        "longitude": SHANGHAI.1 });
    seller.post("/api/v1/customers", new).await.expect(201)["id"].clone()
}

async fn planned(seller: &Actor<'_>, customer: &Value) -> String {
    let new = json!({ "customer_id": customer });
    let made = seller.post(VISITS, new).await.expect(201);
    format!("{VISITS}/{}", made["id"].as_str().unwrap())
}

/// The result of a visit of ten minutes: of the position, of the visit, the distance, the delay of
/// an offline phone, and the duration.
type Judged = (&'static str, &'static str, Option<i32>, i64, i64);

/// Replaces the duration of a visit so long that its check-out must have been forgotten.
const FORGOTTEN: i64 = -1;

/// Every rule for evidence, at its limits.
fn cases() -> Vec<(&'static str, Value, Result<Judged, &'static str>)> {
    let hours = |hours: i64| 3600 * hours;
    let none = json!({ "latitude": null, "longitude": null });
    let review = "pending_review";
    vec![
        ("at the customer's", json!({}), Ok(("in_fence", "valid", Some(0), 0, 10))),
        ("no fix", none.clone(), Ok(("no_fix", review, None, 0, 10))),
        ("fresh", json!({ "fix_age_s": 60.0 }), Ok(("in_fence", "valid", Some(0), 0, 10))),
        ("stale", json!({ "fix_age_s": 60.5 }), Ok(("stale_fix", review, Some(0), 0, 10))),
        ("mock", json!({ "mock": true }), Ok(("mock_suspected", review, Some(0), 0, 10))),
        (
            "mock and nowhere",
            with(none, &json!({ "mock": true })),
            Ok(("mock_suspected", review, None, 0, 10)),
        ),
        ("accurate enough", north(400.0, 200.0), Ok(("in_fence", "valid", Some(400), 0, 10))),
        ("inaccurate", north(0.0, 200.5), Ok(("low_accuracy", review, Some(0), 0, 10))),
        ("at the radius", north(299.9999, 0.0), Ok(("in_fence", "valid", Some(300), 0, 10))),
        ("just outside", north(300.0001, 0.0), Ok(("out_of_fence", review, Some(300), 0, 10))),
        ("perhaps inside", north(419.9999, 120.0), Ok(("in_fence", "valid", Some(420), 0, 10))),
        ("surely outside", north(420.0001, 120.0), Ok(("out_of_fence", review, Some(420), 0, 10))),
        ("far away", north(7739.0, 10.0), Ok(("out_of_fence", review, Some(7739), 0, 10))),
        ("offline for 6 h", ago(hours(6)), Ok(("in_fence", "valid", Some(0), hours(6), 370))),
        (
            "offline for a day",
            ago(hours(24)),
            Ok(("in_fence", review, Some(0), hours(24), FORGOTTEN)),
        ),
        (
            "a second longer",
            ago(hours(24) + 1),
            Ok(("in_fence", review, Some(0), hours(24) + 1, FORGOTTEN)),
        ),
        (
            "offline for 7 days",
            ago(hours(168)),
            Ok(("in_fence", review, Some(0), hours(168), FORGOTTEN)),
        ),
        ("a second more", ago(hours(168) + 1), Err("/occurred_at too_old")),
        ("offline for 8 days", ago(hours(192)), Err("/occurred_at too_old")),
        ("2 minutes behind", ago(120), Ok(("in_fence", "valid", Some(0), 120, 12))),
        ("2 minutes ahead", ago(-120), Ok(("in_fence", "valid", Some(0), 0, 8))),
        ("a second more ahead", ago(-121), Err("/occurred_at in_future")),
    ]
}

#[actix_web::test]
async fn every_rule_of_evidence_at_its_edge() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = customer(&seller).await;
    for (name, more, expected) in cases() {
        let visit = planned(&seller, &customer).await;
        let begun = seller.post(&format!("{visit}/check-in"), with(there(), &more)).await;
        let expected = match expected {
            Ok(expected) => expected,
            Err(expected) => {
                assert_eq!(codes(&begun.expect(422)), [expected], "{name}");
                assert_eq!(seller.get(&visit).await.expect(200)["version"], 1, "{name}");
                continue;
            }
        };
        begun.expect(200);
        let end = Timestamp(now().0 + SignedDuration::from_mins(10));
        service.inner.clock.set(end);
        let more = json!({ "occurred_at": end, "outcome": "promised", "complaint_answer": false });
        let done = seller.post(&format!("{visit}/check-out"), with(there(), &more)).await;
        let done = done.expect(200);
        let check = &done["checks"].as_array().unwrap()[0];
        let found = (
            check["geo_status"].as_str().unwrap(),
            done["validity"].as_str().unwrap(),
            check["distance_m"].as_i64().map(|it| i32::try_from(it).unwrap()),
            check["offline_delay_s"].as_i64().unwrap(),
            done["duration_min"].as_i64().unwrap_or(FORGOTTEN),
        );
        assert_eq!(found, expected, "{name}");
        service.inner.clock.set(now());
    }
    let nowhere = json!(id(&seller.customer("没有坐标").await));
    let visit = planned(&seller, &nowhere).await;
    let begun = seller.post(&format!("{visit}/check-in"), there()).await.expect(200);
    assert_eq!(begun["checks"][0]["geo_status"], "not_located");
    assert_eq!(begun["checks"][0]["distance_m"], Value::Null);
}

/// The numbers of rows that a refused request must not change.
async fn written(service: &Service) -> Vec<i64> {
    let mut counts = vec![];
    for table in ["visits", "visit_checks", "changes", "follow_ups", "attachment_links"] {
        counts.push(service.count(table).await);
    }
    counts
}

#[actix_web::test]
async fn what_is_refused_writes_nothing() {
    let service = service().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let office = service.actor(Role::BackOffice).await;
    let customer = customer(&seller).await;
    let (first, second) = (planned(&seller, &customer).await, planned(&seller, &customer).await);
    let (begin, end) = (format!("{first}/check-in"), format!("{first}/check-out"));
    let done = json!({ "outcome": "promised", "complaint_answer": false });
    let refused = |answer: Answer, status: u16, code: &str, at: &[&str]| {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.expect(status);
        assert_eq!(problem["code"], code, "{problem:#}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
        if !at.is_empty() {
            assert_eq!(codes(&problem), at);
        }
    };
    let before = written(&service).await;
    for (more, at) in [
        (ago(-121), "/occurred_at in_future"),
        (ago(-365 * 86400), "/occurred_at in_future"),
        (ago(8 * 86400), "/occurred_at too_old"),
        (json!({ "occurred_at": null }), "/occurred_at type"),
        (json!({ "latitude": 91 }), "/latitude range"),
        (json!({ "latitude": -90.001 }), "/latitude range"),
        (json!({ "longitude": 180.5 }), "/longitude range"),
        (json!({ "longitude": null }), "/longitude required"),
        (json!({ "accuracy_m": -1 }), "/accuracy_m range"),
        (json!({ "fix_age_s": -0.1 }), "/fix_age_s range"),
        (json!({ "mock": "no" }), "/mock type"),
        (json!({ "status": "completed" }), "/status unknown_field"),
    ] {
        let answer = seller.post(&begin, with(there(), &more)).await;
        refused(answer, 422, "invalid", &[at]);
    }
    refused(stranger.post(&begin, there()).await, 404, "not_found", &[]);
    refused(office.post(&begin, there()).await, 403, "not_your_visit", &[]);
    refused(seller.post(&end, with(there(), &done)).await, 409, "wrong_status", &[]);
    assert_eq!(written(&service).await, before);

    seller.post(&begin, there()).await.expect(200);
    let before = written(&service).await;
    let answer = seller.post(&format!("{second}/check-in"), there()).await;
    refused(answer, 409, "visit_in_progress", &[]);
    refused(seller.post(&begin, there()).await, 409, "wrong_status", &[]);
    for (more, at) in [
        (with(done.clone(), &ago(1)), "/occurred_at range"),
        (with(done.clone(), &ago(-121)), "/occurred_at in_future"),
        (with(done.clone(), &json!({ "latitude": 91 })), "/latitude range"),
        (with(done.clone(), &json!({ "accuracy_m": -1 })), "/accuracy_m range"),
        (json!({ "outcome": "promised" }), "/complaint_answer required"),
        (json!({ "outcome": "sold", "complaint_answer": true }), "/outcome unknown_value"),
        (
            with(done.clone(), &json!({ "attachment_ids": [Uuid::nil()] })),
            "/attachment_ids/0 unknown_reference",
        ),
        (
            with(done.clone(), &json!({ "follow_up": { "due_at": NOW } })),
            "/follow_up/instruction required",
        ),
    ] {
        refused(seller.post(&end, with(there(), &more)).await, 422, "invalid", &[at]);
    }
    refused(stranger.post(&end, with(there(), &done)).await, 404, "not_found", &[]);
    assert_eq!(written(&service).await, before);
    seller.post(&end, with(there(), &done)).await.expect(200);
}

/// A contact of each of three customers: two of the seller, one of a stranger.
struct People<'a> {
    seller: Actor<'a>,
    customers: Vec<Value>,
    contacts: Vec<Value>,
}

async fn people(service: &Service) -> People<'_> {
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (mut customers, mut contacts) = (vec![], vec![]);
    for owner in [&seller, &seller, &stranger] {
        let customer = customer(owner).await;
        let contact = json!({ "customer_id": customer, "name": "王芳" });
        let contact = owner.post("/api/v1/contacts", contact).await.expect(201);
        customers.push(customer);
        contacts.push(contact["id"].clone());
    }
    People { seller, customers, contacts }
}

#[actix_web::test]
async fn a_visit_names_people_whom_its_planner_sees() {
    let service = service().await;
    let People { seller, customers, contacts } = people(&service).await;
    let (mine, other, hidden) = (&contacts[0], &contacts[1], &contacts[2]);
    let visit = planned(&seller, &customers[0]).await;
    let before = written(&service).await;
    for (more, expected) in [
        (json!({ "contact_ids": [mine, other] }), "/contact_ids/1 contradiction"),
        (json!({ "contact_ids": [hidden] }), "/contact_ids/0 unknown_reference"),
        (json!({ "contact_ids": [mine, Uuid::now_v7()] }), "/contact_ids/1 unknown_reference"),
        (json!({ "contact_ids": [mine, mine] }), "/contact_ids/1 duplicate"),
        (json!({ "contact_ids": [customers[0]] }), "/contact_ids/0 unknown_reference"),
        (json!({ "participant_ids": [Uuid::nil()] }), "/participant_ids/0 unknown_reference"),
        (json!({ "participant_ids": [seller.id] }), "/participant_ids contradiction"),
    ] {
        let new = with(json!({ "customer_id": customers[0] }), &more);
        assert_eq!(codes(&seller.post(VISITS, new).await.expect(422)), [expected]);
        assert_eq!(codes(&seller.patch(&visit, 1, more).await.expect(422)), [expected]);
    }
    assert_eq!(written(&service).await, before);
    let coach = service.actor(Role::Salesperson).await;
    let good = json!({ "contact_ids": [mine], "participant_ids": [coach.id] });
    let new = with(json!({ "customer_id": customers[0] }), &good);
    assert_eq!(seller.post(VISITS, new).await.expect(201)["contact_ids"], json!([mine]));
    let changed = seller.patch(&visit, 1, good).await.expect(200);
    assert_eq!(changed["participant_ids"], json!([coach.id]));

    // A user who no longer sees a customer cannot name its contacts, but those named before stay.
    let away =
        format!("update customers set owner_id = '{}' where id = {}", coach.id, customers[0]);
    service.sql(&away.replace('"', "'")).await;
    let again = json!({ "contact_ids": [mine] });
    let told = seller.patch(&visit, 2, again).await.expect(422);
    assert_eq!(codes(&told), ["/contact_ids/0 unknown_reference"]);
    let purpose = json!({ "purpose": "收款" });
    assert_eq!(seller.patch(&visit, 2, purpose).await.expect(200)["contact_ids"], json!([mine]));
}

#[actix_web::test]
async fn a_batch_of_visits_names_people_who_are_there() {
    let service = service().await;
    let People { seller, customers, contacts } = people(&service).await;
    let erp = service.client(Role::Erp, "crm").await;
    let item = |number: &str, more: Value| {
        let item = json!({ "external_id": number, "customer_id": customers[0],
            "owner_id": seller.id, "planned_date": "2026-11-02" });
        with(item, &more)
    };
    let check = json!({ "occurred_at": "2026-11-02T02:00:00Z", "photo_id": Uuid::nil() });
    let batch = json!([
        item("1", json!({ "contact_ids": [contacts[0]] })),
        item("2", json!({ "contact_ids": [contacts[0], Uuid::nil()] })),
        item("3", json!({ "contact_ids": [contacts[1]] })),
        item("4", json!({ "participant_ids": [Uuid::now_v7()] })),
        item("5", json!({ "contact_ids": [contacts[0], contacts[0]] })),
        item("6", json!({ "check_in": check })),
        item("7", json!({ "attachment_ids": [] })),
        item("8", json!({ "contact_ids": [Uuid::nil()], "participant_ids": [Uuid::nil()] })),
    ]);
    let send = async |items: Value| {
        erp.post(&format!("{VISITS}/batch"), json!({ "items": items })).await.expect(200)
    };
    let told = send(batch).await;
    assert_eq!((&told["created"], &told["failed"]), (&json!(1), &json!(7)), "{told:#}");
    let results = told["results"].as_array().unwrap()[1..].iter();
    let faults: Vec<String> = results.map(|it| codes(&it["problem"]).join(", ")).collect();
    assert_eq!(
        faults,
        [
            "/contact_ids/1 unknown_reference",
            "/contact_ids/0 contradiction",
            "/participant_ids/0 unknown_reference",
            "/contact_ids/1 duplicate",
            "/check_in/photo_id unknown_field",
            "/attachment_ids unknown_field",
            "/contact_ids/0 unknown_reference, /participant_ids/0 unknown_reference",
        ]
    );
    assert_eq!(service.count("visits").await, 1);
    // The contacts of a visit must belong to its customer.
    let moved = send(json!([{ "external_id": "1", "customer_id": customers[1] }])).await;
    assert_eq!(codes(&moved["results"][0]["problem"]), ["/contact_ids/0 contradiction"]);
    let both = json!([{ "external_id": "1", "customer_id": customers[1],
        "contact_ids": [contacts[1]] }]);
    assert_eq!(send(both).await["updated"], 1);
}

#[actix_web::test]
async fn a_photo_of_a_check_is_ones_own() {
    let service = service().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let customer = customer(&seller).await;
    let visit = planned(&seller, &customer).await;
    let photo = picture(64, 48, image::ImageFormat::Jpeg);
    let (mine, theirs) = (uploaded(&seller, &photo).await, uploaded(&stranger, &photo).await);
    let before = written(&service).await;
    for unknown in [id(&theirs), &Uuid::now_v7().to_string()] {
        let check = with(there(), &json!({ "photo_id": unknown }));
        let told = seller.post(&format!("{visit}/check-in"), check).await.expect(422);
        assert_eq!(codes(&told), ["/photo_id unknown_reference"]);
    }
    assert_eq!(written(&service).await, before);
    let check = with(there(), &json!({ "photo_id": id(&mine) }));
    let begun = seller.post(&format!("{visit}/check-in"), check).await.expect(200);
    assert_eq!(begun["checks"][0]["photo_id"], id(&mine));
    let read = seller.get(&mine).await.expect(200);
    assert_eq!(read["attached_to"][0]["type"], "visit", "{read:#}");
}
