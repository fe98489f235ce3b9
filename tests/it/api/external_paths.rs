//! `external:<source>:<id>` in place of an id in paths.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::api::list_forms::pointers;
use crate::support::harness::{Actor, Service};

async fn customer(erp: &Actor<'_>, external_id: &str) -> String {
    let items = json!({ "items": [{ "external_id": external_id, "name": external_id }] });
    let told = erp.post("/api/v1/customers/batch", items).await.expect(200);
    told["results"][0]["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn other_systems_need_not_know_our_ids() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let id = customer(&erp, "C-1").await;
    let path = "/api/v1/customers/external:sap:C-1";

    let read = office.get(path).await;
    let changed = office.patch(path, 1, json!({ "city": "Ulm" })).await.expect(200);
    let history = office.get(&format!("{path}/history")).await.expect(200);
    let acted = json!({ "reason": "went away" });
    let acted = office.post(&format!("{path}/blacklist"), acted).await.expect(200);

    assert!(read.header("etag").starts_with("\"1-"));
    assert_eq!(read.expect(200)["id"], id);
    assert_eq!((&changed["id"], &changed["city"]), (&json!(id), &json!("Ulm")));
    assert_eq!(history["items"].as_array().unwrap().len(), 2);
    assert_eq!(acted["status"], "blacklisted");
    for (path, status) in [
        ("external:sap:C-2", 404),
        ("external:crm:C-1", 404),
        ("external:sap", 400),
        ("external:sap:", 400),
        ("external:sap:%00", 400),
        ("external:sap:%FF", 400),
    ] {
        office.get(&format!("/api/v1/customers/{path}")).await.expect(status);
    }
    service.anonymous().get(path).await.expect(401);
    service.actor(Role::Quality).await.get(path).await.expect(403);
}

#[actix_web::test]
async fn any_text_can_be_an_external_id() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    for (name, segment) in [
        ("a/b", "external:sap:a%2Fb"),
        ("a:b", "external:sap:a:b"),
        ("50%", "external:sap:50%25"),
        ("客户 1", "external:sap:%E5%AE%A2%E6%88%B7%201"),
        ("a+b", "external:sap:a+b"),
        ("c/d", "external%3Asap%3Ac%2Fd"),
    ] {
        let id = customer(&erp, name).await;
        let read = erp.get(&format!("/api/v1/customers/{segment}")).await;
        assert_eq!(read.expect(200)["id"], id, "{name}");
    }
    let (one, two) = (customer(&erp, "1,2").await, customer(&erp, "3").await);

    let list = "/api/v1/customers?sort=-created_at&id=external:sap:1%252C2";
    let page = erp.get(&format!("{list},external:sap:none&id={two}")).await.expect(200);

    let ids: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&json!(two), &json!(one)]);
    let wrong = erp.get(&format!("{list},external:sap,1")).await.expect(400);
    assert_eq!(pointers(&wrong), ["/id/1", "/id/2"]);
}

#[actix_web::test]
async fn a_merged_customers_leads_to_the_winner() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let (winner, loser) = (customer(&erp, "W").await, customer(&erp, "L").await);
    let merge = json!({ "loser_id": loser });
    office.post(&format!("/api/v1/customers/{winner}/merge"), merge).await.expect(200);

    let read = office.get("/api/v1/customers/external:sap:L").await.expect(200);
    let list = office.get("/api/v1/customers?id=external:sap:L,external:sap:W").await.expect(200);
    let orders = office.get("/api/v1/orders?customer_id=external:sap:L").await;

    assert_eq!(read["id"], winner);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    orders.expect(200);
}

#[actix_web::test]
async fn whose_external_id_is_hidden_is_not_found_by_it() {
    let service = Service::start().await;
    let (seller, colleague) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let hr = service.actor(Role::Hr).await;
    let of = |id| format!("/api/v1/users/external:test:e-{id}");
    let listed = |id| format!("/api/v1/users?id=external:test:e-{id}&total=exact");

    seller.get(&of(colleague.id)).await.expect(404);
    assert_eq!(seller.get(&listed(colleague.id)).await.expect(200)["total"], 0);
    assert_eq!(seller.get(&of(seller.id)).await.expect(200)["id"], json!(seller.id));
    assert_eq!(hr.get(&of(colleague.id)).await.expect(200)["id"], json!(colleague.id));
    assert_eq!(hr.get(&listed(colleague.id)).await.expect(200)["total"], 1);
}

#[actix_web::test]
async fn a_repeated_request_is_the_same_after_a_merge() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let (winner, loser) = (customer(&erp, "W").await, customer(&erp, "L").await);
    let change = async || {
        let headers = [("idempotency-key", "k"), ("if-match", "\"1\"")];
        let city = Some(json!({ "city": "Ulm" }));
        office.send(Method::PATCH, "/api/v1/customers/external:sap:L", city, &headers).await
    };

    let first = change().await.expect(200);
    let merge = json!({ "loser_id": loser });
    office.post(&format!("/api/v1/customers/{winner}/merge"), merge).await.expect(200);
    let again = change().await;

    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(200)["id"], first["id"]);
}

#[actix_web::test]
async fn a_filter_is_refused_where_there_are_no_external_ids() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let hook = json!({ "url": "https://example.com/1" });
    let hook = admin.post("/api/v1/webhooks", hook).await.expect(201);
    let path = format!("/api/v1/webhooks/{}/deliveries", hook["id"].as_str().unwrap());

    let refused = admin.get(&format!("{path}?resource_id=external:sap:1")).await.expect(400);

    assert_eq!(pointers(&refused), ["/resource_external_id"]);
}
