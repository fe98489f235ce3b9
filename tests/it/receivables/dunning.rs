//! Dunning: tasks follow the owner of the customer, and disputed invoices are left out.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::credit::Desk;
use crate::receivables::collections::{desk, item};
use crate::receivables::{collect, go_to, merged, send, service, service_on};
use crate::support::harness::Actor;

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
    // Without an owner of the customer, the task keeps its assignee.
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
    let at_risk = async || {
        let told = desk.seller.get("/api/v1/receivables/risks?total=exact").await.expect(200);
        assert_eq!(told["total"], told["items"].as_array().unwrap().len());
        told["items"][0]["triggers"].clone()
    };
    crate::credit::terms::concluded(&desk, 80, "50000").await;
    crate::credit::terms::concluded(&desk, 60, "50000").await;
    assert_eq!(at_risk().await, Value::Null, "nothing is owed");
    let id = desk.customer.rsplit('/').next().unwrap();
    let item = json!({ "external_id": "A", "number": "A", "customer_id": id,
        "invoice_date": "2026-06-01", "due_date": "2026-07-30", "amount": "100" });
    send(&desk.erp, "invoices", json!([item])).await;
    assert_eq!(at_risk().await, json!(["credit_score"]));
    crate::credit::terms::concluded(&desk, 41, "50000").await;
    assert_eq!(at_risk().await, Value::Null, "19 points are not 20, and only the last drop counts");
    crate::credit::terms::concluded(&desk, 21, "50000").await;
    assert_eq!(at_risk().await, json!(["credit_score"]));
    let paid = json!([{ "external_id": "P", "number": "P", "customer_id": id, "amount": "100",
        "received_on": "2026-06-15",
        "allocations": [{ "invoice_external_id": "A", "amount": "100" }] }]);
    send(&desk.erp, "payments", paid).await;
    assert_eq!(at_risk().await, Value::Null, "nothing is owed any more");
}

#[actix_web::test]
async fn whose_debts_are_at_risk() {
    let service = service().await;
    let late = json!({ "invoice_date": "2026-01-01" });
    let desk =
        desk(&service, json!([item("A", "2026-04-16", &late), item("B", "2026-04-15", &late)]))
            .await;
    let (seller, erp) = (service.signed_in(desk.seller), service.actor(Role::Erp).await);
    send(
        &erp,
        "customers",
        json!([{ "external_id": "D", "name": "Wang" },
        { "external_id": "E", "name": "Wu", "owner_id": seller.id }]),
    )
    .await;
    send(
        &erp,
        "invoices",
        json!([
            item("D", "2026-04-15", &merged(late.clone(), &json!({ "customer_external_id": "D" }))),
            item("E", "2026-04-16", &merged(late, &json!({ "customer_external_id": "E" })))
        ]),
    )
    .await;
    let finance = service.actor(Role::Finance).await;
    let risks = async |who: &Actor<'_>| {
        let told = who.get("/api/v1/receivables/risks?total=exact").await.expect(200);
        assert_eq!(told["total"], told["items"].as_array().unwrap().len());
        let row = |it: &Value| {
            format!(
                "{} {} {} {}",
                it["customer_name"].as_str().unwrap(),
                it["triggers"],
                it["overdue_days"],
                it["overdue_amount"]
            )
        };
        let mut rows: Vec<String> = told["items"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    };
    let lin = r#"Lin ["overdue"] 61 "200.00""#;
    assert_eq!(risks(&seller).await, [lin], "60 days are not more than 60");
    assert_eq!(risks(&finance).await, [lin, r#"Wang ["overdue"] 61 "100.00""#]);
    // Two broken promises.
    let wu = seller.get("/api/v1/customers?q=Wu").await.expect(200)["items"][0]["id"].clone();
    for _ in 0..2 {
        let promise = json!({ "customer_id": wu, "due_on": "2026-06-15", "amount": "5" });
        seller.post("/api/v1/promises", promise).await.expect(201);
    }
    go_to(&service, "2026-06-16").await;
    collect(&service).await;
    let seller = service.signed_in(desk.seller);
    assert_eq!(
        risks(&seller).await,
        [
            r#"Lin ["overdue"] 62 "200.00""#.to_owned(),
            r#"Wu ["overdue","broken_promises"] 61 "100.00""#.to_owned()
        ]
    );
    service.actor(Role::Quality).await.get("/api/v1/receivables/risks").await.expect(403);
}
