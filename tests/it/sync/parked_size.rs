//! Many items that wait for one customer are applied in parts, by batches and by the job.

use futures_util::future::join;
use salesbook::access::Role;
use salesbook::platform::jobs;
use salesbook::schedule::JOBS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

fn order(n: usize, customer: usize, lines: usize) -> Value {
    let line = json!({ "quantity": "1", "amount": "10" });
    json!({ "external_id": format!("O{n}"), "number": format!("N{n}"),
        "customer_external_id": format!("C{customer}"), "order_date": "2026-03-02",
        "lines": vec![line; lines] })
}

async fn park(erp: &Actor<'_>, path: &str, items: Vec<Value>) -> Value {
    let body = json!({ "items": items, "unknown_references": "park" });
    erp.post(&format!("/api/v1/{path}/batch"), body).await.expect(200)
}

async fn bring(erp: &Actor<'_>, customers: usize) -> Value {
    let customer = |n| json!({ "external_id": format!("C{n}"), "name": format!("C{n}") });
    park(erp, "customers", (0..customers).map(customer).collect()).await
}

/// Runs the job until nothing is due. Returns the number of runs.
pub async fn drain(service: &Service) -> usize {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let job = *JOBS.iter().find(|job| job.name == "pending_items").unwrap();
    let mut rounds = 0;
    while jobs::attempt(db, clock, job, Uuid::now_v7()).await.unwrap() {
        rounds += 1;
    }
    rounds
}

#[actix_web::test]
async fn who_brings_a_customer_does_not_wait_for_everything() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    drain(&service).await;
    park(&erp, "orders", (0..2500).map(|n| order(n, 0, 1)).collect()).await;

    bring(&erp, 1).await;
    let at_once = service.count("orders").await;
    let rounds = drain(&service).await;

    assert_eq!(at_once, 200);
    assert_eq!((service.count("orders").await, service.count("pending_items").await), (2500, 0));
    assert!((3..=5).contains(&rounds), "{rounds} rounds without a pause");
}

#[actix_web::test]
async fn large_items_count_by_their_lines() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    drain(&service).await;
    park(&erp, "orders", (0..40).map(|n| order(n, 0, 600)).collect()).await;

    bring(&erp, 1).await;
    let at_once = service.count("order_lines").await;
    drain(&service).await;

    assert!((600..=6000).contains(&at_once), "{at_once} lines");
    assert_eq!((service.count("orders").await, service.count("pending_items").await), (40, 0));
}

#[actix_web::test]
async fn an_item_that_is_too_large_has_its_turn() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let line = json!({ "quantity": "1", "amount": "10", "description": "x".repeat(500) });
    let mut heavy = order(0, 0, 0);
    heavy["lines"] = json!(vec![line; 1000]);
    for n in 0..3 {
        heavy["external_id"] = json!(format!("H{n}"));
        heavy["number"] = json!(format!("H{n}"));
        park(&erp, "orders", vec![heavy.clone()]).await;
    }

    bring(&erp, 1).await;

    assert!(service.count("orders").await >= 1);
    drain(&service).await;
    assert_eq!(service.count("orders").await, 3);
}

/// A client that repeats its batches writes the same rows as the concurrent job.
#[actix_web::test]
async fn a_repetition_while_the_rest_is_applied() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    drain(&service).await;
    // The orders are sorted neither by customer nor in reverse.
    let orders: Vec<Value> = (0..4000).map(|n| order(n, n * 7 % 40, 2)).collect();
    park(&erp, "orders", orders.clone()).await;
    bring(&erp, 40).await;

    let again = async {
        let customers = bring(&erp, 40).await;
        let reversed = orders.iter().rev().cloned().collect();
        (customers, park(&erp, "orders", reversed).await)
    };
    let (rounds, (customers, told)) = join(drain(&service), again).await;

    assert!(rounds > 0);
    assert_eq!(customers["unchanged"], 40, "{:#}", customers["results"][0]);
    assert_eq!((&told["failed"], &told["pending"]), (&json!(0), &json!(0)));
    drain(&service).await;
    assert_eq!((service.count("orders").await, service.count("pending_items").await), (4000, 0));
}
