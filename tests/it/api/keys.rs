//! The scope of an Idempotency-Key besides the body.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Answer, Service};

async fn send(actor: &Actor<'_>, method: Method, path: &str, body: Value) -> Answer {
    let headers = [("idempotency-key", "k"), ("if-match", "\"1\"")];
    actor.send(method, &format!("/api/v1/{path}"), Some(body), &headers).await
}

#[actix_web::test]
async fn a_key_is_for_one_method_path_and_query() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let (new, batch) = (json!({ "name": "A", "code": "A" }), "teams/batch?dry_run=false");
    let made = send(&admin, Method::POST, "teams", new.clone()).await.expect(201);
    let made = format!("teams/{}", made["id"].as_str().unwrap());
    for (method, path) in [
        (Method::POST, "territories"),
        (Method::POST, "teams?x=1"),
        (Method::POST, batch),
        (Method::PATCH, &*made),
    ] {
        let told = send(&admin, method.clone(), path, new.clone()).await;
        let code = &told.body["code"];
        // An unknown query or body is refused before the key is checked.
        let fine = code == "idempotency_key_reused" || path.contains('?') && told.status != 201;
        assert!(fine, "{method} {path}: {told:?}");
    }
    let again = send(&admin, Method::POST, "teams", new).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
    assert_eq!((service.count("teams").await, service.count("territories").await), (1, 0));
}

#[actix_web::test]
async fn a_dry_run_leaves_the_key_free() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let batch = json!({ "items": [{ "external_id": "1", "name": "A" }], "dry_run": true });
    send(&erp, Method::POST, "customers/batch", batch.clone()).await.expect(200);
    assert_eq!(service.count("idempotency_keys").await, 0);
    let again = send(&erp, Method::POST, "customers/batch", batch.clone()).await;
    assert_eq!(again.header("idempotency-replayed"), "");
    let mut real = batch;
    real["dry_run"] = json!(false);
    let told = send(&erp, Method::POST, "customers/batch", real).await.expect(200);
    assert_eq!((&told["created"], service.count("customers").await), (&json!(1), 1));
}
