//! Filters and sort orders of lists.

use std::collections::BTreeSet;

use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::list_forms::pointers;
use crate::api::openapi;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Inventor;

fn ids(page: &Value) -> BTreeSet<&str> {
    page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn has(operation: &Value, parameter: &str) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.clone().any(|known| known["in"] == "query" && known["name"] == parameter)
}

#[actix_web::test]
async fn every_list_finds_rows_by_id_and_by_their_last_change() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    Inventor::with_rows(&service, &admin, 3).await;
    let (mut lists, mut tried) = (0, 0);
    for (path, method, operation) in openapi::operations() {
        if method != "get" || path.contains('{') || !has(operation, "id") {
            continue;
        }
        lists += 1;
        let all = admin.get(&format!("{path}?limit=200")).await;
        if all.status == 403 {
            continue;
        }
        let all = all.expect(200);
        let rows = all["items"].as_array().unwrap();
        if rows.len() < 2 {
            continue;
        }
        tried += 1;

        let [one, two] = [&rows[0], &rows[1]].map(|row| row["id"].as_str().unwrap());
        let some = admin.get(&format!("{path}?id={one},{two}&total=exact")).await.expect(200);
        let same = admin.get(&format!("{path}?id={one}&id={two}")).await.expect(200);
        let none = admin.get(&format!("{path}?id={}", Uuid::now_v7())).await.expect(200);

        assert_eq!(ids(&some), BTreeSet::from([one, two]), "{path}");
        assert_eq!(ids(&same), ids(&some), "{path}");
        assert!(ids(&none).is_empty(), "{path}");
        assert!(some["total"] == 2 || some["total"].is_null(), "{path}: {}", some["total"]);
        if !has(operation, "updated_from") {
            continue;
        }
        let changed: BTreeSet<&str> =
            rows.iter().map(|row| row["updated_at"].as_str().unwrap()).collect();
        let latest = changed.last().unwrap();
        let since = admin.get(&format!("{path}?updated_from={latest}&total=exact")).await;
        let since = since.expect(200);
        let expected = rows.iter().filter(|row| row["updated_at"] == **latest).count();
        assert_eq!(ids(&since).len(), expected, "{path}");
        assert_eq!(since["total"], expected, "{path}");
        let later = admin.get(&format!("{path}?updated_from=2199-01-01T00:00:00Z")).await;
        assert!(ids(&later.expect(200)).is_empty(), "{path}");
    }
    println!("{lists} lists, {tried} with rows");
    assert!(tried > 20, "{tried} of {lists}");
}

#[actix_web::test]
async fn at_most_200_ids() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let many = |count| {
        let ids = (0..count).map(|_| Uuid::now_v7().to_string());
        format!("/api/v1/orders?id={}", ids.collect::<Vec<_>>().join(","))
    };

    admin.get(&many(200)).await.expect(200);
    let refused = admin.get(&many(201)).await.expect(400);

    assert_eq!(pointers(&refused), ["/id"]);
    let two = format!("/api/v1/orders?id={0}&q=a&q=b", Uuid::nil());
    assert_eq!(pointers(&admin.get(&two).await.expect(400)), ["/q"]);
}

#[actix_web::test]
async fn repeated_parameters_are_lists() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    seller.customer("Baoli").await;
    let count = async |query: &str| {
        let page = seller.get(&format!("/api/v1/customers?{query}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    };

    assert_eq!(count("status=active,prospect").await, 1);
    assert_eq!(count("status=active&status=prospect").await, 1);
    assert_eq!(count("status=active&status=lost").await, 0);
    let wrong = seller.get("/api/v1/customers?status=active&status=x").await.expect(400);
    assert_eq!(pointers(&wrong), ["/status/1"]);
}

async fn at(seller: &Actor<'_>, name: &str, latitude: f64, longitude: f64) {
    let place = json!({ "name": name, "latitude": latitude, "longitude": longitude });
    seller.post("/api/v1/customers", place).await.expect(201);
}

async fn names(actor: &Actor<'_>, path: &str) -> Vec<String> {
    let page = actor.get(path).await.expect(200);
    let rows = page["items"].as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn customers_nearby_the_nearest_first() {
    let service = Service::start().await;
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    seller.customer("nowhere").await;
    // A thousandth of a degree of latitude is 111 m.
    at(&seller, "far", 31.250, 121.470).await;
    at(&seller, "near", 31.231, 121.470).await;
    at(&seller, "middle", 31.230, 121.475).await;
    at(&seller, "corner", 31.2339, 121.4745).await;
    at(&other, "hidden", 31.230, 121.470).await;
    at(&seller, "east", -17.0, 179.999).await;
    at(&seller, "west", -17.0, -179.999).await;
    let list = "/api/v1/customers?near=31.230,121.470,";

    assert_eq!(names(&seller, &format!("{list}500")).await, ["near", "middle"]);
    assert_eq!(names(&seller, &format!("{list}5000")).await, ["near", "middle", "corner", "far"]);
    let sorted = format!("{list}5000&sort=name");
    assert_eq!(names(&seller, &sorted).await, ["corner", "far", "middle", "near"]);
    let meridian = names(&seller, "/api/v1/customers?near=-17,180,500").await;
    assert_eq!(meridian.len(), 2, "{meridian:?}");
    let (mut pages, mut next) = (vec![], format!("{list}5000&limit=1"));
    for _ in 0..4 {
        let page = seller.get(&next).await;
        pages.push(page.body["items"][0]["name"].as_str().unwrap().to_owned());
        let link = page.header("link").to_owned();
        next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(pages, ["near", "middle", "corner", "far"]);
    assert!(next.is_empty(), "{next}");
    for (wrong, at) in [
        ("near=31,121", "/near"),
        ("near=31,121,100001", "/near"),
        ("near=91,121,5", "/near"),
        ("near=a,b,c", "/near"),
        ("sort=distance", "/near"),
    ] {
        let refused = seller.get(&format!("/api/v1/customers?{wrong}")).await.expect(400);
        assert_eq!(pointers(&refused), [at], "{wrong}");
    }
}

#[actix_web::test]
async fn orders_and_visits_are_found_by_text_and_sorted() {
    let service = Service::start().await;
    let (seller, colleague) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let erp = service.client(Role::Erp, "sap").await;
    let customers = json!({ "items": [
        { "external_id": "1", "name": "上海林氏贸易有限公司", "owner_id": seller.id },
        { "external_id": "2", "name": "Baoli", "owner_id": seller.id },
        { "external_id": "3", "name": "Secret", "owner_id": colleague.id },
    ] });
    erp.post("/api/v1/customers/batch", customers).await.expect(200);
    let order = |number: &str, customer: &str| {
        json!({ "external_id": number, "number": number, "customer_external_id": customer,
            "order_date": "2026-03-02", "salesperson_id": seller.id,
            "lines": [{ "quantity": "1", "amount": "1" }] })
    };
    let orders = json!({ "items": [order("A-1", "1"), order("A_2", "2"), order("B-3", "3")] });
    erp.post("/api/v1/orders/batch", orders).await.expect(200);
    let visits = json!({ "items": [
        { "external_id": "1", "customer_external_id": "1", "owner_id": seller.id,
            "planned_date": "2026-03-02", "purpose": "介绍新品 100%", "status": "missed" },
        { "external_id": "3", "customer_external_id": "3", "owner_id": seller.id,
            "planned_date": "2026-03-03", "status": "missed" },
    ] });
    erp.post("/api/v1/visits/batch", visits).await.expect(200);
    let found = async |path: &str, field: &str| {
        let page = seller.get(&format!("/api/v1/{path}&total=exact")).await.expect(200);
        let rows = page["items"].as_array().unwrap();
        assert_eq!(page["total"], rows.len());
        let names: Vec<_> = rows.iter().map(|row| row[field].as_str().unwrap()).collect();
        names.join(" ")
    };

    assert_eq!(found("orders?q=a-", "number").await, "A-1");
    assert_eq!(found("orders?q=A_", "number").await, "A_2");
    assert_eq!(found("orders?q=%E6%9E%97%E6%B0%8F", "number").await, "A-1");
    assert_eq!(found("orders?q=baoli", "number").await, "A_2");
    assert_eq!(found("orders?q=secret", "number").await, "", "a colleague's customer");
    assert_eq!(found("orders?sort=number", "number").await, "A-1 A_2 B-3");
    assert_eq!(found("orders?sort=-number", "number").await, "B-3 A_2 A-1");
    for sort in ["updated_at", "-updated_at", "-created_at"] {
        assert_eq!(found(&format!("orders?sort={sort}"), "number").await.len(), 11);
        assert_eq!(found(&format!("visits?sort={sort}"), "external_id").await.len(), 3);
    }
    assert_eq!(found("visits?q=%E6%96%B0%E5%93%81", "external_id").await, "1");
    assert_eq!(found("visits?q=100%25", "external_id").await, "1");
    assert_eq!(found("visits?q=%E6%9E%97", "external_id").await, "1");
    assert_eq!(found("visits?q=secret", "external_id").await, "");
}
