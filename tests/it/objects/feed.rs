//! Objects in the change feed and in snapshots.

use salesbook::access::Role;
use serde_json::{Value, json};

use super::{defined, path, service, vehicle_request};
use crate::support::harness::Actor;

#[actix_web::test]
async fn the_feed_tells_of_objects_as_they_are_seen() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    // Sees every row, but is no reader of the type.
    let office = service.actor(Role::BackOffice).await;
    // Sees all customers, and so the objects of customers.
    let finance = service.actor(Role::Finance).await;
    let reporter = service.client(Role::Reporter, "bi").await;
    let feed = "/api/v1/changes?types=object.vehicle_request";
    let start = async |actor: &Actor<'_>| {
        let page = actor.get(feed).await.expect(200);
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let told = async |actor: &Actor<'_>, cursor: &str, wait: u8| -> Vec<String> {
        let page = actor.get(&format!("{feed}&cursor={cursor}&wait={wait}")).await.expect(200);
        let events = page["items"].as_array().unwrap().iter();
        let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
        events.map(|it| format!("{} {}", text(it, "type"), text(it, "op"))).collect()
    };
    let mut cursors = vec![];
    for actor in [&seller, &other, &office, &reporter, &finance] {
        cursors.push(start(actor).await);
    }

    // The type is newer than the cursors, which stay valid.
    defined(&admin, vehicle_request()).await;
    let customer = seller.customer("上海林氏").await;
    let id = customer.rsplit('/').next().unwrap();
    let new = json!({ "purpose": "送样品", "day": "2026-11-21", "customer_id": id });
    let made = seller.post("/api/v1/objects/vehicle_request", new).await.expect(201);
    other.get(&path(&made)).await.expect(404);
    let created = ["object.vehicle_request created"];
    assert_eq!(told(&seller, &cursors[0], 20).await, created);
    assert_eq!(told(&other, &cursors[1], 0).await, [""; 0]);
    assert_eq!(told(&office, &cursors[2], 0).await, [""; 0]);
    assert_eq!(told(&reporter, &cursors[3], 0).await, created);

    assert_eq!(told(&finance, &cursors[4], 0).await, created);
    finance.get(&path(&made)).await.expect(200);
    office.get(&path(&made)).await.expect(403);
    let whole = office.post("/api/v1/changes/snapshot", Value::Null).await.expect(200);
    let mut rows = format!("/api/v1/changes?cursor={}", whole["cursor"].as_str().unwrap());
    loop {
        let page = office.get(&rows).await.expect(200);
        let mut types = page["items"].as_array().unwrap().iter().map(|it| &it["type"]);
        assert!(types.all(|it| it != "object.vehicle_request"));
        if page["more"] == false {
            break;
        }
        rows = format!("/api/v1/changes?cursor={}", page["next_cursor"].as_str().unwrap());
    }

    // With the customer, the object becomes visible to the new owner.
    let after = start(&other).await;
    let to = json!({ "customers": [{ "customer_id": id }], "owner_id": other.id, "reason": "x" });
    admin.post("/api/v1/customers/transfer", to).await.expect(200);
    other.get(&path(&made)).await.expect(200);
    assert_eq!(told(&other, &after, 20).await, created);

    // A snapshot has what the list has.
    let copy =
        other.post("/api/v1/changes/snapshot?types=object.vehicle_request", Value::Null).await;
    let cursor = copy.expect(200)["cursor"].as_str().unwrap().to_owned();
    let rows = format!("/api/v1/changes?types=object.vehicle_request&cursor={cursor}");
    let rows = other.get(&rows).await.expect(200);
    assert_eq!(rows["items"][0]["data"], other.get(&path(&made)).await.expect(200));
}

#[actix_web::test]
async fn who_sees_more_objects_than_before_starts_anew() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let feeds = ["/api/v1/changes?types=object.task", "/api/v1/changes?"];
    let start = async || {
        let mut next = vec![];
        for feed in feeds {
            let page = seller.get(feed).await.expect(200);
            next.push(format!("{feed}&cursor={}", page["next_cursor"].as_str().unwrap()));
        }
        next
    };

    let before = start().await;
    defined(&admin, vehicle_request()).await;
    for feed in &before {
        seller.get(feed).await.expect(200);
    }
    // Now a leader, and later with a further role.
    service.team(None, &seller, &[&other]).await;
    for feed in before {
        assert_eq!(seller.get(&feed).await.expect(410)["code"], "scope_changed");
    }
    let before = start().await;
    service
        .sql(&format!("update users set roles = roles || '{{hr}}' where id = '{}'", seller.id))
        .await;
    service.directory_changed().await;
    for feed in before {
        assert_eq!(seller.get(&feed).await.expect(410)["code"], "scope_changed");
    }
}
