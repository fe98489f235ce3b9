//! Objects of the types that a company defines, and of those that the service brings along.

mod built_in;
mod definitions;
mod feed;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Answer, Service};

async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-20T02:00:00Z".parse().unwrap()))).await
}

/// A type of the company's own: 车辆申请.
fn vehicle_request() -> Value {
    let label = json!({ "zh": "文", "en": "text" });
    let state = |key: &str, last: bool| json!({ "key": key, "label": label, "final": last });
    json!({
        "key": "vehicle_request", "label": label, "prefix": "VR",
        "readers": ["admin", "sales_manager", "salesperson", "finance", "reporter"],
        "creators": ["sales_manager", "salesperson"],
        "visible_to": ["customer"],
        "fields": [
            { "key": "purpose", "label": label, "type": "text", "required": true, "max_length": 20 },
            { "key": "day", "label": label, "type": "date", "required": true },
            { "key": "seats", "label": label, "type": "integer", "minimum": 1, "maximum": 9 },
            { "key": "kind", "label": label, "type": "choice", "options": [
                { "key": "car", "label": label }, { "key": "van", "label": label } ] },
            { "key": "customer_id", "label": label, "type": "reference", "to": "customer" },
            { "key": "odometer", "label": label, "type": "integer", "by_action": true },
            { "key": "approved_at", "label": label, "type": "instant", "by_action": true },
        ],
        "states": [state("requested", false), state("approved", false), state("rejected", true),
            state("returned", true)],
        "transitions": [
            { "action": "approve", "label": label, "from": ["requested"], "to": "approved",
              "actors": ["leader"], "never_author": true, "stamps": ["approved_at"] },
            { "action": "reject", "label": label, "from": ["requested"], "to": "rejected",
              "actors": ["leader"] },
            { "action": "hand_back", "label": label, "from": ["approved"], "to": "returned",
              "actors": ["owner"], "requires": ["odometer"] },
        ],
    })
}

async fn defined(admin: &Actor<'_>, definition: Value) -> Value {
    admin.post("/api/v1/object-types", json!({ "definition": definition })).await.expect(201)
}

/// The pointers and codes of a problem.
fn faults(answer: &Answer) -> Vec<String> {
    assert!(answer.status.is_client_error(), "{answer:?}");
    let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    errors.iter().map(|it| format!("{} {}", text(&it["pointer"]), text(&it["code"]))).collect()
}

fn path(object: &Value) -> String {
    let text = |name: &str| object[name].as_str().unwrap();
    format!("/api/v1/objects/{}/{}", text("type"), text("id"))
}

#[actix_web::test]
async fn a_type_is_defined_and_used_at_once() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    service.team(None, &manager, &[&seller]).await;

    let type_ = defined(&admin, vehicle_request()).await;
    assert_eq!((&type_["definition_version"], &type_["built_in"]), (&json!(1), &json!(false)));
    let new = json!({ "purpose": "送样品", "day": "2026-11-21", "kind": "van" });
    let key = [("idempotency-key", "phone-1")];
    let list = "/api/v1/objects/vehicle_request";
    let made = seller.send(Method::POST, list, Some(new.clone()), &key).await;
    assert!(made.header("location").starts_with(list), "{made:?}");
    let made = made.expect(201);
    let again = seller.send(Method::POST, list, Some(new), &key).await.expect(201);
    assert_eq!((&again, service.count("objects").await), (&made, 1));
    assert_eq!(made["number"], "VR-2026-000001");
    assert_eq!(made["status"], "requested");
    assert_eq!((&made["seats"], &made["kind"]), (&Value::Null, &json!("van")));

    // A colleague does not see it, and its owner and author may not approve it.
    let at = path(&made);
    stranger.get(&at).await.expect(404);
    assert_eq!(stranger.get(list).await.expect(200)["items"], json!([]));
    let approve = format!("{at}/approve");
    assert_eq!(seller.post(&approve, json!({})).await.expect(403)["code"], "not_your_object");
    let own = json!({ "purpose": "x", "day": "2026-11-21", "owner_id": seller.id });
    let own = manager.post(list, own).await.expect(201);
    manager.post(&format!("{}/approve", path(&own)), json!({})).await.expect(403);
    let cancelled = manager.post(&format!("{}/reject", path(&own)), json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "rejected");
    let approved = manager.post(&approve, json!({})).await.expect(200);
    assert_eq!(
        (&approved["status"], &approved["approved_at"]),
        (&json!("approved"), &json!("2026-11-20T02:00:00Z"))
    );
    let wrong = manager.post(&approve, json!({})).await.expect(409);
    assert_eq!(
        (&wrong["code"], &wrong["current_status"]),
        (&json!("wrong_status"), &json!("approved"))
    );
    seller.post(&format!("{at}/fly"), json!({})).await.expect(404);

    // The action asks for a field, and ends the object.
    let hand_back = format!("{at}/hand_back");
    assert_eq!(faults(&seller.post(&hand_back, json!({})).await), ["/odometer required"]);
    let ended = seller.post(&hand_back, json!({ "odometer": 52_000 })).await.expect(200);
    assert_eq!((&ended["status"], &ended["odometer"]), (&json!("returned"), &json!(52_000)));
    assert!(ended["ended_at"].is_string());
    let late = seller.patch(&at, 3, json!({ "purpose": "x" })).await;
    assert_eq!(late.expect(409)["code"], "wrong_status");

    let history = manager.get(&format!("{at}/history")).await.expect(200);
    let steps: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|it| &it["diff"]["status"]["to"]).collect();
    assert_eq!(steps, ["returned", "approved", "requested"]);
    let open = manager.get(&format!("{list}?open=true")).await.expect(200);
    assert_eq!(open["items"], json!([]));
    let found = manager.get(&format!("{list}?status=returned&number=VR-2026-000001")).await;
    assert_eq!(found.expect(200)["items"], json!([ended]));
}

#[actix_web::test]
async fn values_are_what_the_definition_says() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let quality = service.actor(Role::Quality).await;
    defined(&admin, vehicle_request()).await;
    let list = "/api/v1/objects/vehicle_request";
    let hidden = stranger.customer("别人的").await;
    let hidden = hidden.rsplit('/').next().unwrap();

    let good = json!({ "purpose": "送样品", "day": "2026-11-21" });
    let cases = [
        (json!({ "seats": 10 }), "/seats range"),
        (json!({ "seats": "1" }), "/seats type"),
        (json!({ "kind": "bus" }), "/kind unknown_value"),
        (json!({ "day": "2026-02-30" }), "/day format"),
        (json!({ "day": null }), "/day type"),
        (json!({ "purpose": "x".repeat(21) }), "/purpose too_long"),
        (json!({ "colour": "red" }), "/colour unknown_field"),
        (json!({ "odometer": 1 }), "/odometer unknown_field"),
        (json!({ "status": "approved" }), "/status unknown_field"),
        (json!({ "customer_id": hidden }), "/customer_id unknown_reference"),
        (json!({ "customer_external_id": "1" }), "/customer_source_system required"),
    ];
    for (more, expected) in cases {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(faults(&seller.post(list, body).await), [expected], "{more}");
    }
    assert_eq!(faults(&seller.post(list, json!({})).await), ["/purpose required", "/day required"]);
    assert_eq!(seller.post(list, json!([])).await.status, 422);
    assert_eq!(service.count("objects").await, 0);

    // The definition names the roles that may read and create.
    quality.get(list).await.expect(403);
    quality.post(list, good.clone()).await.expect(403);
    admin.post(list, good.clone()).await.expect(403);
    seller.get("/api/v1/objects/nothing").await.expect(404);
    seller.post("/api/v1/objects/nothing", good.clone()).await.expect(404);

    // A switched off type has no new objects.
    let made = seller.post(list, good.clone()).await.expect(201);
    let type_ =
        admin.get("/api/v1/object-types?built_in=false").await.expect(200)["items"][0].clone();
    let at = format!("/api/v1/object-types/{}", type_["id"].as_str().unwrap());
    admin.patch(&at, 1, json!({ "active": false })).await.expect(200);
    assert_eq!(seller.post(list, good).await.expect(409)["code"], "type_switched_off");
    let changed = seller.patch(&path(&made), 1, json!({ "seats": 4 })).await.expect(200);
    assert_eq!((&changed["seats"], &changed["version"]), (&json!(4), &json!(2)));
    stranger.patch(&path(&made), 2, json!({ "seats": 5 })).await.expect(404);
}

#[actix_web::test]
async fn a_task_is_accepted_reported_and_done() {
    let service = service().await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    service.team(None, &manager, &[&seller]).await;
    let new = json!({ "title": "整理样品室", "due_on": "2026-11-25", "owner_id": seller.id });
    let task = manager.post("/api/v1/objects/task", new).await.expect(201);
    assert_eq!(task["number"], "TA-2026-000001");
    let at = path(&task);
    let act = async |actor: &Actor<'_>, action: &str, body: Value| {
        actor.post(&format!("{at}/{action}"), body).await
    };

    stranger.get(&at).await.expect(404);
    act(&manager, "accept", json!({})).await.expect(403);
    assert_eq!(faults(&act(&seller, "decline", json!({})).await), ["/reason required"]);
    act(&seller, "accept", json!({})).await.expect(200);
    act(&seller, "accept", json!({})).await.expect(409);
    act(&seller, "submit", json!({ "result": "已整理" })).await.expect(200);
    act(&seller, "complete", json!({})).await.expect(403);
    act(&manager, "return", json!({ "reason": "缺照片" })).await.expect(200);
    act(&seller, "submit", json!({ "result": "已补照片" })).await.expect(200);
    let done = act(&manager, "complete", json!({})).await.expect(200);
    assert_eq!((&done["status"], &done["result"]), (&json!("done"), &json!("已补照片")));
    act(&manager, "cancel", json!({ "reason": "x" })).await.expect(409);
}

#[actix_web::test]
async fn a_list_is_filtered_by_the_fields_of_the_type() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let mut definition = vehicle_request();
    let field = |key: &str, type_: &str| json!({ "key": key, "type": type_, "label": { "zh": "甲", "en": "A" } });
    let more =
        [("cost", "money"), ("leaves_at", "instant"), ("paid", "boolean"), ("plate", "text")];
    definition["fields"].as_array_mut().unwrap().extend(more.map(|it| field(it.0, it.1)));
    defined(&admin, definition).await;
    // Another type has texts in a field of the same name.
    let mut other = vehicle_request();
    other["key"] = json!("other");
    other["fields"][2] = field("seats", "text");
    defined(&admin, other).await;
    let new = json!({ "purpose": "x", "day": "2026-11-21", "seats": "four" });
    seller.post("/api/v1/objects/other", new).await.expect(201);

    let list = "/api/v1/objects/vehicle_request";
    for (purpose, rest) in [
        ("a", json!({ "seats": 2, "kind": "car", "cost": "9.5", "paid": true, "plate": "沪A" })),
        (
            "b",
            json!({ "seats": 4, "kind": "van", "cost": "10", "leaves_at": "2026-11-21T08:00:00+08:00" }),
        ),
        (
            "c",
            json!({ "day": "2026-12-01", "cost": "100.00", "leaves_at": "2026-11-21T00:00:00.5Z" }),
        ),
    ] {
        let mut body = json!({ "purpose": purpose, "day": "2026-11-21" });
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        seller.post(list, body).await.expect(201);
    }
    let cases = [
        ("kind=van", "b"),
        ("kind=van,car", "ab"),
        ("seats=4", "b"),
        ("seats=ge:2", "ab"),
        ("seats=ge:2&seats=lt:4", "!"),
        ("cost=lt:10", "a"),
        ("cost=10", "b"),
        ("cost=gt:9.50", "bc"),
        ("day=gt:2026-11-21", "c"),
        ("day=2026-11-21", "ab"),
        ("leaves_at=2026-11-21T00:00:00Z", "b"),
        ("leaves_at=gt:2026-11-21T00:00:00Z", "c"),
        ("paid=true", "a"),
        ("plate=%E6%B2%AAA", "a"),
        ("purpose=b&kind=van", "b"),
        ("purpose=b&kind=car", ""),
        ("seats=four", "!"),
        ("kind=bus", "!"),
        ("day=2026-13-01", "!"),
        ("paid=gt:true", "!"),
        ("colour=red", "!"),
        ("purpose=%00", "!"),
        ("purpose=%20a%20", "a"),
        ("leaves_at=2026-11-21t08:00:00%2B08:00", "b"),
    ];
    for (query, expected) in cases {
        let answer = seller.get(&format!("{list}?{query}&sort=created_at&total=exact")).await;
        if expected == "!" {
            assert_eq!(answer.expect(400)["code"], "invalid_query", "{query}");
            continue;
        }
        let page = answer.expect(200);
        let found = page["items"].as_array().unwrap().iter();
        let found: String = found.map(|it| it["purpose"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
    }

    // As CSV, the fields of the type are columns.
    let csv = [("accept", "text/csv")];
    let table =
        seller.send(Method::GET, &format!("{list}?fields=purpose,cost,status"), None, &csv).await;
    let rows: Vec<_> = table.text().trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows[0].contains("purpose") && rows[0].contains("cost"), "{rows:?}");
    assert!(!rows[0].contains("seats") && rows[1].contains("100.00"), "{rows:?}");

    seller.get("/api/v1/objects/%00").await.expect(404);

    // A cursor belongs to the filter.
    let page = seller.get(&format!("{list}?limit=1&cost=ge:9.5")).await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    seller.get(&format!("{list}?limit=1&cost=ge:9.5&cursor={cursor}")).await.expect(200);
    seller.get(&format!("{list}?limit=1&cost=ge:9.4&cursor={cursor}")).await.expect(400);

    // Values have one spelling, and amounts no more decimal places than the currency.
    let made = seller.get(&format!("{list}?purpose=b")).await.expect(200)["items"][0].clone();
    assert_eq!(
        (&made["cost"], &made["leaves_at"]),
        (&json!("10.00"), &json!("2026-11-21T00:00:00Z"))
    );
    let fine = json!({ "purpose": "x", "day": "2026-11-21", "cost": "1.001" });
    assert_eq!(faults(&seller.post(list, fine).await), ["/cost range"]);
}
