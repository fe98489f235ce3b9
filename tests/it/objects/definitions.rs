//! Definitions: their faults, guards and versions.

use std::collections::BTreeSet;

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use super::{defined, faults, path, service, vehicle_request};
use crate::api::openapi;

#[actix_web::test]
async fn faults_of_a_definition_have_pointers() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let types = service.count("object_types").await;
    let cases = [
        ("/key", json!("Vehicle"), "/definition/key format"),
        ("/key", json!("report"), "/definition/key reserved"),
        ("/key", json!("task"), "/definition/key duplicate"),
        ("/prefix", json!("x"), "/definition/prefix format"),
        ("/readers/0", json!("emperor"), "/definition/readers/0 unknown_value"),
        ("/fields/0/key", json!("id"), "/definition/fields/0/key reserved"),
        ("/fields/0/key", json!("status"), "/definition/fields/0/key reserved"),
        ("/fields/0/key", json!("x".repeat(200)), "/definition/fields/0/key format"),
        ("/fields/0/key", json!("day"), "/definition/fields/1/key duplicate"),
        ("/fields/0/key", json!("car_id"), "/definition/fields/0/key invalid"),
        ("/fields/0/minimum", json!(1), "/definition/fields/0/minimum invalid"),
        ("/fields/0/to", json!("customer"), "/definition/fields/0/to invalid"),
        ("/fields/1/max_length", json!(5), "/definition/fields/1/max_length invalid"),
        ("/fields/2/maximum", json!(0), "/definition/fields/2/maximum range"),
        ("/fields/3/options", json!([]), "/definition/fields/3/options invalid"),
        ("/fields/4/to", json!("order"), "/definition/fields/4/key invalid"),
        ("/fields/5/required", json!(true), "/definition/fields/5/required invalid"),
        ("/states/0/final", json!(true), "/definition/states/0/final invalid"),
        ("/transitions/0/action", json!("history"), "/definition/transitions/0/action reserved"),
        (
            "/transitions/0/from/0",
            json!("nowhere"),
            "/definition/transitions/0/from/0 unknown_value",
        ),
        ("/transitions/0/from/0", json!("returned"), "/definition/transitions/0/from/0 invalid"),
        ("/transitions/2/to", json!("nowhere"), "/definition/transitions/2/to unknown_value"),
        ("/transitions/1/actors", json!([]), "/definition/transitions/1/actors required"),
        (
            "/transitions/2/requires/0",
            json!("x1"),
            "/definition/transitions/2/requires/0 unknown_value",
        ),
        ("/transitions/0/stamps/0", json!("seats"), "/definition/transitions/0/stamps/0 invalid"),
        ("/transitions/2/to", json!("rejected"), "/definition/states/3 invalid"),
    ];
    for (pointer, value, expected) in cases {
        let mut definition = vehicle_request();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match definition.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => definition.pointer_mut(parent).unwrap()[name] = value.clone(),
        }
        let answer = admin.post("/api/v1/object-types", json!({ "definition": definition })).await;
        let found = faults(&answer);
        assert!(found.contains(&expected.to_owned()), "{pointer} {value}: {found:?}");
    }
    let mut many = vehicle_request();
    many["readers"] = json!(["sales_manager"]);
    let options = (0..200).map(|n| json!({ "key": format!("o{n}"), "label": many["label"] }));
    many["fields"][3]["options"] = options.collect();
    let field = many["fields"][3].clone();
    let choices = (0..10).map(|n| {
        let mut field = field.clone();
        field["key"] = json!(format!("f{n}"));
        field
    });
    many["fields"].as_array_mut().unwrap().extend(choices);
    let answer = admin.post("/api/v1/object-types", json!({ "definition": many })).await;
    assert_eq!(faults(&answer), ["/definition/readers invalid", "/definition/fields too_many"]);
    // Whatever is wrong, an answer names no more than a hundred faults.
    let mut many = vehicle_request();
    let nowhere: Vec<_> = (0..50).map(|n| format!("s{n}")).collect();
    many["transitions"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|it| it["from"] = json!(nowhere));
    let answer = admin.post("/api/v1/object-types", json!({ "definition": many })).await;
    assert_eq!(faults(&answer).len(), 100);

    let mut many = vehicle_request();
    let field = many["fields"][1].clone();
    let named = |n: usize| {
        let mut field = field.clone();
        field["key"] = json!(format!("f{n}"));
        field
    };
    many["fields"] = (0..501).map(named).collect();
    let answer = admin.post("/api/v1/object-types", json!({ "definition": many })).await;
    assert_eq!(faults(&answer), ["/definition/fields too_many"]);
    seller
        .post("/api/v1/object-types", json!({ "definition": vehicle_request() }))
        .await
        .expect(403);
    assert_eq!(service.count("object_types").await, types);
}

#[actix_web::test]
async fn no_field_is_named_like_what_every_object_has() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let object = &openapi::DOCUMENT["components"]["schemas"]["CustomObject"]["properties"];
    let list = &openapi::DOCUMENT["paths"]["/api/v1/objects/{type}"]["get"]["parameters"];
    let parameters = list.as_array().unwrap().iter().filter(|it| it["in"] == "query");
    let names: BTreeSet<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .chain(parameters.map(|it| it["name"].as_str().unwrap()))
        .filter(|name| *name != "customer_id")
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let mut definition = vehicle_request();
        definition["fields"][0]["key"] = json!(name);
        let answer = admin.post("/api/v1/object-types", json!({ "definition": definition })).await;
        let expected = "/definition/fields/0/key reserved".to_owned();
        assert!(faults(&answer).contains(&expected), "{name}: {:#}", answer.body);
    }
}

#[actix_web::test]
async fn a_guard_refuses_an_action_in_the_readers_language() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    service.team(None, &manager, &[&seller]).await;
    let with = |when: &str| {
        let mut definition = vehicle_request();
        definition["transitions"][0]["guard"] = json!({ "when": when, "code": "too_large",
            "message": { "zh": "最多 5 座,且须提前一天", "en": "At most 5 seats, a day ahead" } });
        definition
    };
    let at = "/definition/transitions/0/guard/when";
    for when in ["seats <=", "colour == null", "seats", "day > 5", "fly()", "purpose.matches('x')"]
    {
        let answer = admin.post("/api/v1/object-types", json!({ "definition": with(when) })).await;
        assert_eq!(faults(&answer), [format!("{at} invalid_expression")], "{when}");
    }
    let nested = format!("{}true{}", "(".repeat(400), ")".repeat(400));
    let answer = admin.post("/api/v1/object-types", json!({ "definition": with(&nested) })).await;
    assert_eq!(faults(&answer), [format!("{at} invalid_expression")]);

    let guard = "(seats == null || seats <= 5) && days(today(), day) >= 1 && caller_id != owner_id";
    defined(&admin, with(guard)).await;
    let list = "/api/v1/objects/vehicle_request";
    for (seats, day, fits) in [
        (json!(4), "2026-11-21", true),
        (json!(6), "2026-11-21", false),
        (Value::Null, "2026-11-21", true),
        (json!(4), "2026-11-20", false),
    ] {
        let new = json!({ "purpose": "x", "day": day, "seats": seats });
        let made = seller.post(list, new).await.expect(201);
        let approve = format!("{}/approve", path(&made));
        let answer = manager.post(&approve, json!({})).await;
        if fits {
            answer.expect(200);
            continue;
        }
        let refused = answer.expect(409);
        assert_eq!(
            (&refused["code"], &refused["guard"]),
            (&json!("refused_by_guard"), &json!("too_large"))
        );
        assert_eq!(refused["detail"], "At most 5 seats, a day ahead");
        let chinese = [("accept-language", "zh-CN")];
        let refused = manager.send(Method::POST, &approve, Some(json!({})), &chinese).await;
        assert_eq!(refused.expect(409)["detail"], "最多 5 座,且须提前一天");
        assert_eq!(manager.get(&path(&made)).await.expect(200), made);
    }

    // A missing value does not fulfil a guard.
    let mut other = with("seats <= 5");
    other["key"] = json!("other");
    defined(&admin, other).await;
    let new = json!({ "purpose": "x", "day": "2026-11-21" });
    let made = seller.post("/api/v1/objects/other", new).await.expect(201);
    manager.post(&format!("{}/approve", path(&made)), json!({})).await.expect(409);
}

#[actix_web::test]
async fn a_definition_changes_under_its_objects() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    service.team(None, &manager, &[&seller]).await;
    let type_ = defined(&admin, vehicle_request()).await;
    let at = format!("/api/v1/object-types/{}", type_["id"].as_str().unwrap());
    let list = "/api/v1/objects/vehicle_request";
    let new = json!({ "purpose": "送样品", "day": "2026-11-21", "kind": "van" });
    let made = seller.post(list, new.clone()).await.expect(201);

    // What unfinished objects have cannot disappear, and neither can what readers rely on.
    let mut next = vehicle_request();
    next["fields"][3]["options"].as_array_mut().unwrap().pop();
    let refused = admin.patch(&at, 1, json!({ "definition": next })).await.expect(409);
    assert_eq!((&refused["code"], &refused["ids"]), (&json!("in_use"), &json!([made["id"]])));
    let mut next = vehicle_request();
    next["fields"][2]["type"] = json!("text");
    next["fields"][2].as_object_mut().unwrap().retain(|name, _| !name.ends_with("imum"));
    next["fields"].as_array_mut().unwrap().remove(5);
    next["transitions"][2]["requires"] = json!([]);
    next["readers"] = json!(["admin"]);
    next["key"] = json!("other");
    let found = faults(&admin.patch(&at, 1, json!({ "definition": next })).await);
    let expected = [
        "/definition/key",
        "/definition/readers",
        "/definition/fields/2/type",
        "/definition/fields",
    ];
    assert_eq!(found, expected.map(|pointer| format!("{pointer} immutable")));

    // A new field: old objects get it with their next action.
    let mut next = vehicle_request();
    next["visible_to"] = json!(["customer", "everybody"]);
    let plate = json!({ "key": "plate", "label": { "zh": "车牌", "en": "Plate" }, "type": "text" });
    next["fields"].as_array_mut().unwrap().push(plate);
    let changed = admin.patch(&at, 1, json!({ "definition": next })).await.expect(200);
    assert_eq!(changed["definition_version"], 2);
    let same = seller.get(&path(&made)).await.expect(200);
    assert_eq!(same, made);
    stranger.get(&path(&made)).await.expect(404);
    let approved = manager.post(&format!("{}/approve", path(&made)), json!({})).await.expect(200);
    stranger.get(&path(&made)).await.expect(200);
    assert_eq!(
        (&approved["definition_version"], approved.get("plate")),
        (&json!(2), Some(&Value::Null))
    );
    let made =
        seller.post(list, json!({ "purpose": "x", "day": "2026-11-22", "plate": "沪A" })).await;
    assert_eq!(made.expect(201)["plate"], "沪A");
}
