//! Only changed values of a source count: repeating them does not undo changes by users.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, faults, merged, send};
use crate::support::harness::Service;
use crate::sync::erp_day::DAY;

/// The result of the only item of a batch.
fn result(told: &Value) -> &Value {
    &told["results"][0]
}

#[actix_web::test]
async fn a_repeated_row_undoes_nothing_that_people_decided() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let (first, second) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let item = json!({ "external_id": "E", "name": "Lin", "status": "active",
        "owner_id": first.id, "tier": "B", "phone": "1" });
    let told = send(&erp, "customers", json!([item])).await;
    let id = result(&told)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/customers/{id}");
    let why = json!({ "reason": "does not pay" });
    manager.post(&format!("{path}/blacklist"), why).await.expect(200);
    let handed =
        json!({ "customers": [{ "customer_id": id }], "owner_id": second.id, "reason": "x" });
    manager.post("/api/v1/customers/transfer", handed).await.expect(200);
    let decided = manager.patch(&path, 3, json!({ "phone": "2" })).await.expect(200);
    let events = service.count("changes").await;

    let told = send(&erp, "customers", json!([item])).await;

    assert_eq!(told["unchanged"], 1, "{told:#}");
    assert_eq!(result(&told)["version"], decided["version"]);
    assert_eq!(manager.get(&path).await.expect(200), decided);
    assert_eq!(service.count("changes").await, events);
}

#[actix_web::test]
async fn only_what_the_source_changes_is_applied() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let item = json!({ "external_id": "E", "name": "Lin", "phone": "1", "city": "Ulm" });
    let told = send(&erp, "customers", json!([item])).await;
    let path = format!("/api/v1/customers/{}", result(&told)["id"].as_str().unwrap());
    manager.patch(&path, 1, json!({ "phone": "2", "city": null })).await.expect(200);

    let moved = merged(item.clone(), &json!({ "name": "Lin & Sons" }));
    let told = send(&erp, "customers", json!([moved])).await;
    assert_eq!(told["updated"], 1);
    let seen = manager.get(&path).await.expect(200);
    assert_eq!((&seen["name"], &seen["phone"]), (&json!("Lin & Sons"), &json!("2")));
    assert_eq!(seen["city"], Value::Null);

    // A field that was absent once is unchanged when it returns with the same value.
    send(&erp, "customers", json!([{ "external_id": "E", "name": "Lin & Sons" }])).await;
    assert_eq!(send(&erp, "customers", json!([moved])).await["unchanged"], 1);
    let cleared = merged(moved, &json!({ "phone": null }));
    send(&erp, "customers", json!([cleared])).await;
    assert_eq!(manager.get(&path).await.expect(200)["phone"], Value::Null, "null is a value");
}

#[actix_web::test]
async fn what_was_not_carried_out_was_not_heard() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let item = |phone: &str| json!({ "external_id": "E", "name": "Lin", "phone": phone });
    let told = send(&erp, "customers", json!([item("1")])).await;
    let path = format!("/api/v1/customers/{}", result(&told)["id"].as_str().unwrap());

    let failing = merged(item("2"), &json!({ "owner_external_id": "nobody" }));
    assert_eq!(batch(&erp, "customers", json!([failing])).await["failed"], 1);
    let dry = json!({ "items": [item("2")], "dry_run": true });
    assert_eq!(erp.post("/api/v1/customers/batch", dry).await.expect(200)["updated"], 1);
    let atomic = json!({ "items": [item("2"), { "external_id": "F" }], "atomic": true });
    erp.post("/api/v1/customers/batch", atomic).await.expect(422);
    assert_eq!(send(&erp, "customers", json!([item("2")])).await["updated"], 1);

    // Only the batch that was executed has changed the row and is remembered.
    assert_eq!(manager.get(&path).await.expect(200)["phone"], "2");
    assert_eq!(service.count("source_items").await, 1);
}

#[actix_web::test]
async fn only_people_lift_a_blacklist() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let item = |status: &str, city: &str| json!([{ "external_id": "E", "name": "Lin", "status": status, "city": city }]);
    let told = send(&erp, "customers", item("prospect", "Ulm")).await;
    let path = format!("/api/v1/customers/{}", result(&told)["id"].as_str().unwrap());
    let why = json!({ "reason": "does not pay" });
    manager.post(&format!("{path}/blacklist"), why).await.expect(200);

    let told = send(&erp, "customers", item("lost", "Bonn")).await;

    let seen = manager.get(&path).await.expect(200);
    assert_eq!((&seen["status"], &seen["city"]), (&json!("blacklisted"), &json!("Bonn")));
    let warning = &result(&told)["warnings"][0];
    assert_eq!(warning["pointer"], "/status");
    assert_eq!(warning["code"], "customer_blacklisted");
    let told = send(&erp, "customers", item("lost", "Bonn")).await;
    assert_eq!(told["unchanged"], 1);
    assert_eq!(result(&told)["warnings"], Value::Null);
}

/// Every resource of the ERP's day, after users or other programs have changed its rows.
#[actix_web::test]
async fn every_resource_is_left_as_it_is_by_a_repetition() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    for part in DAY {
        for place in 0..part.parts {
            send(&erp, part.path, json!((part.items)(place))).await;
        }
    }
    for change in [
        "update teams set name = 'X'",
        "update users set name = 'X' where source_system = 'sap'",
        "update territories set name = 'X'",
        "update products set name = 'X'",
        "update customers set name = 'X', owner_id = null, territory_id = null",
        "update contacts set name = 'X'",
        "update orders set due_date = '2027-01-01', channel = 'X'",
        "update shipments set carrier = 'X'",
        "update invoices set due_date = '2027-01-01'",
        "update payments set note = 'X'",
        "update complaints set description = 'X', owner_id = null",
    ] {
        service.sql(change).await;
    }
    let events = service.count("changes").await;

    for part in DAY {
        for place in 0..part.parts {
            let items = (part.items)(place);
            let told = send(&erp, part.path, json!(items)).await;
            assert_eq!(told["unchanged"], items.len(), "{}: {told:#}", part.path);
        }
    }

    assert_eq!(service.count("changes").await, events);
    assert_eq!(service.count("customers where name <> 'X'").await, 0);
}

#[actix_web::test]
async fn an_order_taken_here_stays_the_peoples_when_it_gets_a_number_elsewhere() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();
    let product = json!([{ "external_id": "P", "code": "P", "name": "P", "list_price": "10" }]);
    let product = &send(&erp, "products", product).await["results"][0]["id"];
    let new = json!({ "customer_id": customer, "channel": "retail",
        "lines": [{ "product_id": product, "quantity": "1" }] });
    let order = seller.post("/api/v1/orders", new).await.expect(201);

    let linked = json!([{ "id": order["id"], "external_id": "E1" }]);
    assert_eq!(send(&erp, "orders", linked).await["updated"], 1);

    for (field, value) in [
        ("credits", json!([{ "user_id": other.id, "share_percent": "100" }])),
        ("channel", json!("x")),
    ] {
        let told = batch(&erp, "orders", json!([{ "external_id": "E1", field: value }])).await;
        let fault = format!("/{field} field_not_owned");
        assert_eq!(faults(&result(&told)["problem"]), [fault], "{told:#}");
    }
    let told =
        send(&erp, "orders", json!([{ "external_id": "E1", "due_date": "2027-01-01" }])).await;
    assert_eq!(told["updated"], 1, "all else is the ERP's as well");
}

#[actix_web::test]
async fn a_field_that_was_replaced_by_another_is_news_again() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (one, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    send(&erp, "customers", json!([{ "external_id": "K", "name": "Lin" }])).await;
    let order = json!({ "external_id": "O", "customer_external_id": "K", "order_date": "2026-03-02",
        "lines": [{ "quantity": "1", "amount": "100" }], "salesperson_id": one.id });
    let told = send(&erp, "orders", json!([order])).await;
    let path = format!("/api/v1/orders/{}", result(&told)["id"].as_str().unwrap());

    let shared = json!([{ "user_id": other.id, "share_percent": "100" }]);
    send(&erp, "orders", json!([{ "external_id": "O", "credits": shared }])).await;
    let told = send(&erp, "orders", json!([order])).await;

    assert_eq!(told["updated"], 1, "{told:#}");
    assert_eq!(erp.get(&path).await.expect(200)["credits"][0]["user_id"], json!(one.id));
}

#[actix_web::test]
async fn a_set_in_another_order_is_no_news() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let item = |roles: Value| json!({ "items": [{ "external_id": "U", "name": "U", "roles": roles }], "source_system": "hr" });
    let path = "/api/v1/users/batch";
    let told = admin.post(path, item(json!(["salesperson", "finance"]))).await.expect(200);
    let user = format!("/api/v1/users/{}", result(&told)["id"].as_str().unwrap());
    admin.patch(&user, 1, json!({ "roles": ["salesperson"] })).await.expect(200);

    let told = admin.post(path, item(json!(["finance", "salesperson"]))).await.expect(200);

    assert_eq!(told["unchanged"], 1, "{told:#}");
    assert_eq!(admin.get(&user).await.expect(200)["roles"], json!(["salesperson"]));
}

#[actix_web::test]
async fn a_visit_that_took_place_on_another_day_keeps_its_planned_one() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let seller = service.actor(Role::Salesperson).await;
    send(&erp, "customers", json!([{ "external_id": "K", "name": "Lin" }])).await;
    let visit = json!({ "external_id": "V", "customer_external_id": "K", "owner_id": seller.id,
        "planned_date": "2026-03-10", "status": "planned" });
    let told = send(&erp, "visits", json!([visit])).await;
    let path = format!("/api/v1/visits/{}", result(&told)["id"].as_str().unwrap());

    let done = merged(
        visit,
        &json!({ "status": "in_progress",
        "check_in": { "occurred_at": "2026-03-12T02:00:00Z" } }),
    );
    send(&erp, "visits", json!([done])).await;

    let seen = erp.get(&path).await.expect(200);
    assert_eq!(
        (&seen["planned_date"], &seen["rescheduled_from"]),
        (&json!("2026-03-12"), &json!("2026-03-10"))
    );
}

#[actix_web::test]
async fn instalments_that_people_agreed_on_survive_another_change() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let finance = service.actor(Role::Finance).await;
    send(&erp, "customers", json!([{ "external_id": "K", "name": "Lin" }])).await;
    let parts =
        |days: [&str; 2]| days.map(|day| json!({ "due_date": day, "amount": "50" })).to_vec();
    let invoice = json!({ "external_id": "I", "number": "I", "customer_external_id": "K",
        "invoice_date": "2026-03-02", "amount": "100", "tax_amount": "0",
        "instalments": parts(["2026-04-01", "2026-05-01"]) });
    let told = send(&erp, "invoices", json!([invoice])).await;
    let path = format!("/api/v1/invoices/{}", result(&told)["id"].as_str().unwrap());
    let agreed = json!({ "instalments": parts(["2026-06-01", "2026-07-01"]) });
    finance.patch(&path, 1, agreed).await.expect(200);

    let marked = merged(invoice, &json!({ "disputed": true }));
    let told = send(&erp, "invoices", json!([marked])).await;

    assert_eq!(told["updated"], 1, "{told:#}");
    let seen = finance.get(&path).await.expect(200);
    assert_eq!(seen["instalments"][0]["due_date"], "2026-06-01");
}
