//! A null from a source that has never filled a field does not clear the value that a user entered.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{merged, send};
use crate::support::harness::Service;

#[actix_web::test]
async fn a_first_null_says_nothing() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let item = json!({ "external_id": "E", "name": "Lin" });
    let told = send(&erp, "customers", json!([item])).await;
    let path = format!("/api/v1/customers/{}", told["results"][0]["id"].as_str().unwrap());
    let handed = json!({ "customers": [{ "customer_id": told["results"][0]["id"] }],
        "owner_id": seller.id, "reason": "x" });
    manager.post("/api/v1/customers/transfer", handed).await.expect(200);
    let people = json!({ "phone": "2", "city": "Ulm" });
    manager.patch(&path, 2, people).await.expect(200);
    let sent = async |more: Value| {
        send(&erp, "customers", json!([merged(item.clone(), &more)])).await;
        let seen = manager.get(&path).await.expect(200);
        ["phone", "city", "owner_id"].map(|field| seen[field].clone())
    };
    let owner = json!(seller.id);
    let empty = json!({ "phone": null, "city": null, "owner_external_id": null });

    assert_eq!(sent(empty.clone()).await, [json!("2"), json!("Ulm"), owner.clone()]);
    assert_eq!(sent(empty).await, [json!("2"), json!("Ulm"), owner.clone()], "and repeated");
    let filled = sent(json!({ "phone": "3", "city": null })).await;
    assert_eq!(filled, [json!("3"), json!("Ulm"), owner.clone()]);
    let cleared = sent(json!({ "phone": null, "city": null })).await;
    assert_eq!(cleared, [Value::Null, json!("Ulm"), owner], "it takes back what it said");
}

#[actix_web::test]
async fn nor_does_one_that_comes_with_the_external_id() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let manager = service.actor(Role::SalesDirector).await;
    let new = json!({ "name": "Lin", "phone": "2" });
    let made = manager.post("/api/v1/customers", new).await.expect(201);
    let path = format!("/api/v1/customers/{}", made["id"].as_str().unwrap());

    let item = json!({ "id": made["id"], "external_id": "E", "phone": null, "city": "Ulm" });
    send(&erp, "customers", json!([item])).await;

    let seen = manager.get(&path).await.expect(200);
    assert_eq!((&seen["phone"], &seen["city"]), (&json!("2"), &json!("Ulm")));
}
