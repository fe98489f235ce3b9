//! Who collects, and from whom: tasks follow their customers, and what is disputed is left alone.

use salesbook::auth::Role;
use serde_json::{Value, json};

use crate::credit::Desk;
use crate::harness::Actor;
use crate::receivables::{collect, go_to, send, service, service_on};

async fn invoice(erp: &Actor<'_>, number: &str, due: &str) -> String {
    let item = json!({ "external_id": number, "number": number, "customer_external_id": "C",
        "invoice_date": "2026-06-01", "due_date": due, "amount": "100" });
    let told = send(erp, "invoices", json!([item])).await;
    told["results"][0]["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn tasks_follow_their_customers() {
    let service = service().await;
    let (admin, erp) = (service.actor(Role::Admin).await, service.actor(Role::Erp).await);
    let (first, second) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let owned = |by: &Actor<'_>| json!([{ "external_id": "C", "name": "Lin", "owner_id": by.id }]);
    send(&erp, "customers", owned(&first)).await;
    invoice(&erp, "A", "2026-06-10").await;
    invoice(&erp, "B", "2026-06-11").await;
    assert_eq!(collect(&service).await, 2);
    let tasks = first.get("/api/v1/me/collections").await.expect(200)["items"].clone();
    let path = |n: usize| format!("/api/v1/collection-tasks/{}", tasks[n]["id"].as_str().unwrap());
    let done = json!({ "channel": "phone", "result": "not_reached" });
    first.post(&format!("{}/result", path(0)), done).await.expect(200);
    send(&erp, "customers", owned(&second)).await;
    collect(&service).await;
    let mine = async |who: &Actor<'_>| {
        let mine = who.get("/api/v1/me/collections?total=exact").await.expect(200);
        mine["total"].as_i64().unwrap()
    };
    assert_eq!((mine(&first).await, mine(&second).await), (0, 1));
    let left = admin.get(&path(1)).await.expect(200);
    assert_eq!((&left["assignee_id"], &left["version"]), (&json!(second.id), &json!(2)));
    assert_eq!(admin.get(&path(0)).await.expect(200)["assignee_id"], json!(first.id), "it is done");
    first.get(&path(1)).await.expect(404);
    collect(&service).await;
    assert_eq!(admin.get(&path(1)).await.expect(200)["version"], 2, "once");
    // Nobody looks after the customer any more: whoever has the task keeps it.
    let nobody = json!([{ "external_id": "C", "owner_id": null }]);
    send(&erp, "customers", nobody).await;
    collect(&service).await;
    assert_eq!(admin.get(&path(1)).await.expect(200)["assignee_id"], json!(second.id));
}

#[actix_web::test]
async fn what_the_customer_disputes_is_marked_so() {
    let service = service().await;
    let (seller, erp) = (service.actor(Role::Salesperson).await, service.actor(Role::Erp).await);
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin", "owner_id": seller.id }]))
        .await;
    let invoice = format!("/api/v1/invoices/{}", invoice(&erp, "A", "2026-06-10").await);
    collect(&service).await;
    let task = seller.get("/api/v1/me/collections").await.expect(200)["items"][0].clone();
    let path = format!("/api/v1/collection-tasks/{}/result", task["id"].as_str().unwrap());
    let said = |result: &str| json!({ "channel": "phone", "result": result, "promise": null });
    let wrong = json!({ "channel": "phone", "result": "disputed",
        "promise": { "due_on": "2026-06-20" } });
    seller.post(&path, wrong).await.expect(422);
    assert_eq!(seller.get(&invoice).await.expect(200)["disputed"], false, "nothing has happened");
    seller.post(&path, said("disputed")).await.expect(200);
    assert_eq!(seller.get(&invoice).await.expect(200)["disputed"], true);
    seller.post(&path, said("disputed")).await.expect(409);
    go_to(&service, "2026-06-25").await;
    assert_eq!(collect(&service).await, 0, "nobody is reminded of it");
}

#[actix_web::test]
async fn a_score_that_drops_puts_what_is_owed_at_risk() {
    let service = service_on("2026-06-15").await;
    let desk = Desk::of(&service).await;
    let erp = service.actor(Role::Erp).await;
    let at_risk = async || {
        let told = desk.seller.get("/api/v1/receivables/risks?total=exact").await.expect(200);
        assert_eq!(told["total"], told["items"].as_array().unwrap().len());
        told["items"][0]["triggers"].clone()
    };
    crate::credit_terms::concluded(&desk, 80, "50000").await;
    crate::credit_terms::concluded(&desk, 60, "50000").await;
    assert_eq!(at_risk().await, Value::Null, "nothing is owed");
    let id = desk.customer.rsplit('/').next().unwrap();
    let item = json!({ "external_id": "A", "number": "A", "customer_id": id,
        "invoice_date": "2026-06-01", "due_date": "2026-07-30", "amount": "100" });
    send(&erp, "invoices", json!([item])).await;
    assert_eq!(at_risk().await, json!(["credit_score"]));
    crate::credit_terms::concluded(&desk, 41, "50000").await;
    assert_eq!(at_risk().await, Value::Null, "19 points are not 20, and only the last drop counts");
    crate::credit_terms::concluded(&desk, 21, "50000").await;
    assert_eq!(at_risk().await, json!(["credit_score"]));
    let paid = json!([{ "external_id": "P", "number": "P", "customer_id": id, "amount": "100",
        "received_on": "2026-06-15",
        "allocations": [{ "invoice_external_id": "A", "amount": "100" }] }]);
    send(&erp, "payments", paid).await;
    assert_eq!(at_risk().await, Value::Null, "nothing is owed any more");
}
