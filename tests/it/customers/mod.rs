pub mod contacts;
pub mod dormancy;
pub mod merged_cases;
pub mod merges;
pub mod phone_numbers;
pub mod positions;
pub mod transfers;

use std::collections::BTreeMap;

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

#[actix_web::test]
async fn a_customer_from_first_to_last() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let new = json!({ "name": "Lin & Sons", "city": "上海", "phone": "021-5555" });
    let answer = seller.post("/api/v1/customers", new).await;
    let path = answer.header("location").to_owned();
    assert!(answer.header("etag").starts_with("\"1-"));
    assert_eq!(answer.expect(201)["status"], "prospect");

    let changes = json!({ "city": null, "name": "Lin & Daughters" });
    let customer = seller.patch(&path, 1, changes.clone()).await.expect(200);
    assert_eq!((&customer["city"], &customer["version"]), (&Value::Null, &json!(2)));
    let again = seller.patch(&path, 2, changes).await.expect(200);
    assert_eq!(again["version"], 2, "changing nothing is no version");
    let problem = seller.patch(&path, 2, json!({ "name": null })).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/name");

    let history = seller.get(&format!("{path}/history?limit=1")).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["city"], json!({ "from": "上海", "to": null }));
    let next = history["next_cursor"].as_str().unwrap();
    let history = seller.get(&format!("{path}/history?limit=1&cursor={next}")).await.expect(200);
    assert_eq!(history["items"][0]["op"], "created");
    assert_eq!(history["next_cursor"], Value::Null);
}

#[actix_web::test]
async fn a_list_is_walked_page_by_page() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    for name in ["b", "a", "c", "a", "B"] {
        seller.customer(name).await;
    }
    for (sort, expected) in [("name", "B a a b c"), ("-created_at", "B a c a b")] {
        let first = format!("/api/v1/customers?limit=2&sort={sort}");
        let (mut url, mut names) = (first.clone(), vec![]);
        loop {
            let answer = seller.get(&url).await;
            let link = answer.header("link").to_owned();
            let page = answer.expect(200);
            let items = page["items"].as_array().unwrap();
            names.extend(items.iter().map(|it| it["name"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            url = format!("{first}&cursor={cursor}");
            assert_eq!(link, format!("<{url}>; rel=\"next\""));
        }
        assert_eq!(names.join(" "), expected);
    }
}

#[actix_web::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    seller.customer("a").await;
    seller.customer("b").await;
    let page = seller.get("/api/v1/customers?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = format!("/api/v1/customers?limit=1&sort=-created_at&cursor={cursor}");
    assert_eq!(seller.get(&other).await.expect(400)["code"], "invalid_cursor");
    let forged = format!("/api/v1/customers?limit=1&cursor=AAAA{}", &cursor[4..]);
    seller.get(&forged).await.expect(400);
    // Another user may use the cursor, and sees only the rows within their own scope.
    let other = service.actor(Role::Salesperson).await;
    let page = other.get(&format!("/api/v1/customers?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(page["items"], json!([]));
}

fn items(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({ "external_id": format!("C{n}"), "name": format!("Customer {n}") }))
        .collect()
}

async fn import(erp: &Actor<'_>, items: Vec<Value>) -> Value {
    let batch = json!({ "source_system": "sap", "items": items });
    erp.post("/api/v1/customers/batch", batch).await.expect(200)
}

/// The number of recorded changes of customers.
async fn changes(service: &Service) -> i64 {
    service.count("changes where type = 'customer'").await
}

fn statuses(outcomes: &Value) -> String {
    let results = outcomes["results"].as_array().unwrap();
    results.iter().map(|it| it["status"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[actix_web::test]
async fn a_dry_run_tells_and_does_nothing() {
    let service = Service::start().await;
    let erp = service.actor(Role::Erp).await;
    let batch = json!({ "source_system": "sap", "items": items(3), "dry_run": true });
    let outcomes = erp.post("/api/v1/customers/batch", batch).await.expect(200);
    assert_eq!(outcomes["created"], 3);
    assert_eq!(changes(&service).await, 0);
    assert_eq!(import(&erp, items(3)).await["created"], 3);
}

#[actix_web::test]
async fn a_batch_of_a_thousand_and_again() {
    let service = Service::start().await;
    let erp = service.actor(Role::Erp).await;
    assert_eq!(import(&erp, items(1000)).await["created"], 1000);
    assert_eq!(changes(&service).await, 1000);
    let again = import(&erp, items(1000)).await;
    assert_eq!((&again["unchanged"], &again["updated"]), (&json!(1000), &json!(0)));
    assert_eq!(again["results"][7]["version"], 1);
    assert_eq!(changes(&service).await, 1000, "the unchanged leave no trace");

    let mut some = items(1000);
    some[3]["city"] = json!("Ulm");
    let outcomes = import(&erp, some).await;
    assert_eq!((&outcomes["unchanged"], &outcomes["updated"]), (&json!(999), &json!(1)));
}

#[actix_web::test]
async fn each_item_of_a_batch_stands_for_itself() {
    let service = Service::start().await;
    let erp = service.actor(Role::Erp).await;
    let seller = service.actor(Role::Salesperson).await;
    let owner = format!("e-{}", seller.id);
    let batch = vec![
        json!({ "external_id": "A", "name": "old" }),
        json!({ "external_id": "B" }),
        json!({ "external_id": "C", "name": "C", "owner_external_id": "nobody",
            "owner_source_system": "test" }),
        json!({ "external_id": "A", "name": "new", "owner_external_id": owner,
            "owner_source_system": "test" }),
        json!({ "external_id": "D", "name": "D", "latitude": 91 }),
        json!({ "external_id": "E", "name": "E", "colour": "red" }),
        json!({ "external_id": "F", "name": "F", "owner_id": uuid::Uuid::nil() }),
    ];
    let outcomes = import(&erp, batch.clone()).await;
    assert_eq!(statuses(&outcomes), "superseded failed failed created failed failed failed");
    let pointer = |index: usize| &outcomes["results"][index]["problem"]["errors"][0]["pointer"];
    let pointers: BTreeMap<_, _> = [1, 2, 4, 5, 6].map(|index| (index, pointer(index))).into();
    assert_eq!(
        json!(pointers),
        json!({ "1": "/name", "2": "/owner_external_id", "4": "/latitude", "5": "/colour",
            "6": "/owner_id" })
    );
    let mine = seller.get("/api/v1/customers").await.expect(200);
    assert_eq!(mine["items"][0]["name"], "new");

    let atomic = json!({ "source_system": "crm", "items": batch, "atomic": true });
    let problem = erp.post("/api/v1/customers/batch", atomic).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/items/1/name");
    assert_eq!(mine, seller.get("/api/v1/customers").await.expect(200));
}

#[actix_web::test]
async fn a_row_that_the_database_refuses_fails_alone() {
    let service = Service::start().await;
    let erp = service.actor(Role::Erp).await;
    // A constraint that only the database knows, such as after a hasty migration.
    service.sql("alter table customers add constraint customers_name_check check (name <> 'Customer 5')").await;
    let outcomes = import(&erp, items(20)).await;
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(19), &json!(1)));
    assert_eq!(outcomes["results"][5]["problem"]["code"], "out_of_range");
    assert_eq!(changes(&service).await, 19);
}
