//! Writing external ids: a client writes those of its own system, users those of systems without a
//! client, and admins all.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::complaints::id;
use crate::support::harness::{Actor, Answer, Service};
use crate::targets::{codes, with};

const CUSTOMERS: &str = "/api/v1/customers";

/// Every resource that accepts an external id when a single row is created.
fn singles(seller: &Actor<'_>, customer: &str, product: &Value) -> Vec<(&'static str, Value)> {
    let customer = id(customer);
    vec![
        ("customers", json!({ "name": "Baoli", "allow_duplicate": true })),
        ("contacts", json!({ "customer_id": customer, "name": "王芳" })),
        ("territories", json!({ "name": "East" })),
        ("products", json!({ "code": "Q", "name": "Q" })),
        (
            "orders",
            json!({ "customer_id": customer, "lines": [{ "product_id": product, "quantity": "1" }] }),
        ),
        ("users", json!({ "name": "李伟" })),
        ("teams", json!({ "name": "East" })),
        (
            "targets",
            json!({ "owner_type": "company", "period_type": "year", "period_start": "2026-01-01",
                "value": "1000" }),
        ),
        ("visits", json!({ "customer_id": customer, "owner_id": seller.id })),
        (
            "complaints",
            json!({ "customer_id": customer, "category": "quality", "description": "外壳开裂" }),
        ),
    ]
}

const BATCHES: [&str; 15] = [
    "complaints",
    "contacts",
    "control-balances",
    "customers",
    "exchange-rates",
    "invoices",
    "orders",
    "payments",
    "products",
    "shipments",
    "targets",
    "teams",
    "territories",
    "users",
    "visits",
];

async fn make(actor: &Actor<'_>, of: &str, new: &Value) -> Answer {
    let key = uuid::Uuid::now_v7().to_string();
    let headers = [("idempotency-key", key.as_str())];
    actor.send(Method::POST, &format!("/api/v1/{of}"), Some(new.clone()), &headers).await
}

fn assert_foreign(of: &str, answer: &Answer) {
    assert_eq!(answer.status, 403, "{of}: {:#}", answer.body);
    assert_eq!(answer.body["code"], "foreign_source_system", "{of}");
    assert_eq!(codes(&answer.body), ["/source_system foreign_source_system"], "{of}");
}

#[actix_web::test]
async fn a_client_writes_only_its_own_source_system() {
    let service = Service::start().await;
    let (seller, admin) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Admin).await);
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
    let customer = seller.customer("Anji").await;
    // A client with all rights also writes for one system only.
    let clients =
        [service.client(Role::Erp, "oracle").await, service.client(Role::Admin, "oracle").await];

    for (of, new) in singles(&seller, &customer, &product) {
        let sap = with(new.clone(), &json!({ "source_system": "sap", "external_id": "K-1" }));
        assert_foreign(of, &make(&clients[1], of, &sap).await);
        let told = make(&clients[0], of, &sap).await;
        assert_eq!(told.status, 403, "{of}: {:#}", told.body);
        let own = with(new, &json!({ "external_id": "K-1" }));
        let made = make(&clients[1], of, &own).await.expect(201);
        assert_eq!(
            (&made["source_system"], &made["external_id"]),
            (&json!("oracle"), &json!("K-1"))
        );
    }
    for of in BATCHES {
        for client in &clients {
            let sap = json!({ "source_system": "sap", "items": [] });
            let own = json!({ "source_system": "oracle", "items": [] });
            assert_foreign(of, &make(client, &format!("{of}/batch"), &sap).await);
            make(client, &format!("{of}/batch"), &own).await.expect(200);
        }
    }
}

#[actix_web::test]
async fn people_leave_the_source_system_of_a_client_alone() {
    let service = Service::start().await;
    let (seller, admin) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Admin).await);
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
    let customer = seller.customer("Anji").await;
    let erp = service.client(Role::Erp, "sap").await;
    let sap = json!({ "source_system": "sap", "external_id": "K-9999" });
    let roles = [Role::Salesperson, Role::BackOffice, Role::Erp, Role::Hr, Role::SalesManager];
    let person = service.person(&roles).await;

    for (of, new) in singles(&seller, &customer, &product) {
        assert_foreign(of, &make(&person, of, &with(new.clone(), &sap)).await);
        let free = with(new, &json!({ "source_system": "excel", "external_id": "K-9999" }));
        make(&person, of, &free).await.expect(201);
    }
    for of in BATCHES {
        let batch = json!({ "source_system": "sap", "items": [] });
        assert_foreign(of, &make(&person, &format!("{of}/batch"), &batch).await);
    }
    // An external id without a source system would be useless.
    let nameless = json!({ "name": "Baoli", "allow_duplicate": true, "external_id": "K-9999" });
    let problem = seller.post(CUSTOMERS, nameless).await.expect(422);
    assert_eq!(codes(&problem), ["/source_system required"]);

    // An inactive client still owns its external ids.
    service.sql("update api_clients set active = false").await;
    service.directory_changed().await;
    let new = with(json!({ "name": "K" }), &sap);
    assert_foreign("customers", &seller.post(CUSTOMERS, new.clone()).await);
    service.sql("update api_clients set active = true").await;
    service.directory_changed().await;

    // The row that the ERP sends with this id is not visible to the user who tried to reserve it.
    let items = json!({ "items": [{ "external_id": "K-9999", "name": "Secret & Sons" }] });
    let told = make(&erp, "customers/batch", &items).await.expect(200);
    assert_eq!(told["created"], 1, "{told:#}");
    let secret = told["results"][0]["id"].as_str().unwrap();
    seller.get(&format!("{CUSTOMERS}/{secret}")).await.expect(404);

    let new =
        with(json!({ "name": "By hand" }), &json!({ "source_system": "sap", "external_id": "A" }));
    admin.post(CUSTOMERS, new).await.expect(201);
}
