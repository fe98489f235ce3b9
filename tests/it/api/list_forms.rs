//! Formats of lists and single reads: names of related rows, selected fields, tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use diesel::connection::InstrumentationEvent;
use diesel_async::AsyncConnection;
use salesbook::access::Role;
use salesbook::platform::Db;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};

async fn batch(erp: &Actor<'_>, of: &str, items: Vec<Value>) {
    let count = items.len();
    let told = erp.post(&format!("/api/v1/{of}/batch"), json!({ "items": items })).await;
    assert_eq!(told.expect(200)["created"], count);
}

/// Creates customers of a salesperson, each with orders.
async fn orders(service: &Service, seller: Uuid, customers: usize, orders: usize) {
    let erp = service.client(Role::Erp, "sap").await;
    let customer = |n| {
        json!({ "external_id": format!("C{n}"), "code": format!("C-{n}"), "owner_id": seller,
            "name": format!("=Customer {n}") })
    };
    batch(&erp, "customers", (0..customers).map(customer).collect()).await;
    let order = |n: usize| {
        json!({ "external_id": format!("O{n}"), "number": format!("SO-{n}"),
            "customer_external_id": format!("C{}", n % customers), "order_date": "2026-03-02",
            "salesperson_id": seller, "lines": [{ "quantity": "1", "amount": "10.50" }] })
    };
    batch(&erp, "orders", (0..orders).map(order).collect()).await;
}

pub fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap().iter();
    errors.map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn a_screen_of_orders_is_one_request_and_three_statements() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    orders(&service, seller.id, 20, 60).await;
    let db = Db::new(service.url(), 1);
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = statements.clone();
    let counting = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    db.conn().await.unwrap().set_instrumentation(counting);
    let app = test::init_service(service.inner.on(db).app()).await;

    let token = format!("Bearer {}", seller.token.as_ref().unwrap());
    let request = TestRequest::get().uri("/api/v1/orders?limit=50&expand=customer,salesperson");
    let request = request.insert_header(("authorization", token)).to_request();
    let page: Value = test::call_and_read_body_json(&app, request).await;

    assert_eq!(statements.load(Ordering::Relaxed), 3);
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 50);
    for order in items {
        assert_eq!(order["customer"]["id"], order["customer_id"]);
        let name = order["customer"]["name"].as_str().unwrap();
        let code = order["customer"]["code"].as_str().unwrap();
        assert_eq!(name, code.replace("C-", "=Customer "));
        let credit = &order["credits"][0];
        assert_eq!(credit["user"]["id"], json!(seller.id));
        assert_eq!(credit["user"]["name"], format!("e-{}", seller.id));
    }
}

#[actix_web::test]
async fn invisible_rows_have_no_names() {
    let service = Service::start().await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    orders(&service, boris.id, 1, 1).await;
    service.sql(&format!("update orders set credited = credited || '{}'::uuid", anna.id)).await;

    let list = "/api/v1/orders?expand=customer";
    let hers = anna.get(list).await.expect(200)["items"][0].clone();
    let his = boris.get(list).await.expect(200)["items"][0].clone();

    assert_eq!(hers["customer_id"], his["customer_id"]);
    assert_eq!(hers["customer"], Value::Null);
    assert_eq!(his["customer"]["name"], "=Customer 0");
    let path = format!("/api/v1/orders/{}?expand=customer", his["id"].as_str().unwrap());
    assert_eq!(anna.get(&path).await.expect(200)["customer"], Value::Null);
    assert_eq!(boris.get(&path).await.expect(200)["customer"]["code"], "C-0");
}

#[actix_web::test]
async fn fields_select_and_nothing_else_is_shown() {
    let service = Service::start().await;
    let (seller, colleague) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    orders(&service, seller.id, 1, 2).await;
    let names = |row: &Value| {
        let names = row.as_object().unwrap().keys().map(String::as_str);
        names.collect::<Vec<_>>().join(" ")
    };

    let list = "/api/v1/orders?fields=number&fields=amount,lines&total=exact&expand=customer";
    let page = seller.get(list).await.expect(200);
    let order = &page["items"][1];
    let path = format!("/api/v1/orders/{}?fields=number", order["id"].as_str().unwrap());
    let alone = seller.get(&path).await.expect(200);
    let person = format!("/api/v1/users/{}?fields=phone", colleague.id);
    let person = seller.get(&person).await.expect(200);

    assert_eq!(names(&page), "items total");
    assert_eq!(names(order), "amount customer id lines number");
    assert_eq!(order["amount"], "10.50");
    assert_eq!(names(&alone), "id number");
    assert_eq!(names(&person), "id masked_fields phone");
    assert_eq!(person["phone"], Value::Null);
    let masked = person["masked_fields"].as_array().unwrap();
    assert!(masked.contains(&json!("phone")), "{person:#}");
}

#[actix_web::test]
async fn what_a_resource_has_not_is_refused() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Baoli").await;
    let wrong = format!("{customer}?expand=product&fields=nothing");
    let history = format!("{customer}/history?id={}", Uuid::nil());
    for (path, expected) in [
        ("/api/v1/orders?expand=customer,owner,nobody", vec!["/expand/1", "/expand/2"]),
        ("/api/v1/orders?fields=number,secret", vec!["/fields/1"]),
        ("/api/v1/orders?fields=", vec!["/fields/0"]),
        ("/api/v1/products?expand=customer", vec!["/expand/0"]),
        (wrong.as_str(), vec!["/expand/0", "/fields/0"]),
        (history.as_str(), vec!["/id"]),
        ("/api/v1/team/board?updated_from=2026-01-01T00:00:00Z", vec!["/updated_from"]),
        ("/api/v1/orders?id=1", vec!["/id/0"]),
        ("/api/v1/orders?updated_from=yesterday", vec!["/updated_from"]),
    ] {
        let manager = service.actor(Role::SalesManager).await;
        let actor = if path.contains("board") { &manager } else { &seller };
        let problem = actor.get(path).await.expect(400);
        assert_eq!(pointers(&problem), expected, "{path}");
    }
    let nobody = service.anonymous();
    nobody.get("/api/v1/orders?expand=nobody").await.expect(401);
    let quality = service.actor(Role::Quality).await;
    quality.get("/api/v1/customers?expand=nobody").await.expect(403);
}

#[actix_web::test]
async fn an_etag_is_that_of_the_form_that_is_shown() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let path = seller.customer("Baoli").await;
    let forms = [path.clone(), format!("{path}?expand=owner"), format!("{path}?fields=name")];
    let ask = async |path: &str, tag: &str| {
        seller.send(Method::GET, path, None, &[("if-none-match", tag)]).await
    };

    let mut tags = vec![];
    for form in &forms {
        tags.push(seller.get(form).await.header("etag").to_owned());
    }

    for (form, own) in forms.iter().zip(&tags) {
        assert!(own.starts_with("\"1-"), "{own}");
        for tag in &tags {
            let told = ask(form, tag).await;
            assert_eq!(told.status, if tag == own { 304 } else { 200 }, "{form} {tag}");
            assert!(told.status == 200 || told.bytes.is_empty());
        }
    }
    let change = json!({ "city": "Ulm" });
    let based_on = [("if-match", tags[1].as_str())];
    seller.send(Method::PATCH, &path, Some(change), &based_on).await.expect(200);
    let name = "update users set name = 'Anna' where id";
    service.sql(&format!("{name} = '{}'", seller.id)).await;
    let tag = seller.get(&forms[1]).await.header("etag").to_owned();
    service.sql(&format!("{} = '{}'", name.replace("Anna", "Eva"), seller.id)).await;
    assert_eq!(ask(&forms[1], &tag).await.status, 200, "the name is another");
}

async fn table(actor: &Actor<'_>, path: &str) -> Answer {
    actor.send(Method::GET, path, None, &[("accept", "text/csv")]).await
}

#[actix_web::test]
async fn a_list_is_a_table_as_a_whole() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    orders(&service, seller.id, 1, 260).await;

    let all =
        table(&seller, "/api/v1/orders?fields=number,amount,customer_id&expand=customer").await;
    let page = table(&seller, "/api/v1/orders?fields=number&limit=2&sort=number").await;
    let none = table(&seller, "/api/v1/visits?fields=purpose").await;
    let json = "application/json, text/csv;q=0.5";
    let json = seller.send(Method::GET, "/api/v1/orders", None, &[("accept", json)]).await;

    assert_eq!(all.status, 200);
    assert!(all.header("content-type").starts_with("text/csv; charset=utf-8"));
    assert_eq!(all.header("content-disposition"), "attachment; filename=\"orders.csv\"");
    let lines: Vec<&str> = all.text().lines().collect();
    assert_eq!(lines.len(), 261);
    assert_eq!(lines[0], "id,number,customer_id,customer_code,customer_name,amount");
    assert!(lines[1].ends_with(",C-0,'=Customer 0,10.50"), "{}", lines[1]);
    assert_eq!(page.text().lines().count(), 3);
    assert!(page.header("link").contains("limit=2"), "{}", page.header("link"));
    assert_eq!(none.text(), "id,purpose\r\n");
    assert_eq!(json.header("content-type"), "application/json");
    let counted = table(&seller, "/api/v1/orders?total=exact").await;
    assert_eq!(pointers(&counted.expect(400)), ["/total"]);
}

#[actix_web::test]
async fn a_table_has_an_end() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let rows = "insert into territories (id, version, name, holders, created_at, updated_at)
        select gen_random_uuid(), 1, n, '[]'::jsonb, now(), now() from generate_series";
    service.sql(&format!("{rows}(1, 10000) as n")).await;
    let whole = table(&admin, "/api/v1/territories?fields=name").await;
    service.sql(&format!("{rows}(1, 1) as n")).await;

    let refused = table(&admin, "/api/v1/territories?fields=name").await;

    assert_eq!(whole.text().lines().count(), 10_001);
    assert_eq!(refused.expect(422)["code"], "too_many_rows");
    assert_eq!(table(&admin, "/api/v1/territories?limit=200").await.status, 200);
}
