//! Smaller reports, the filters of all reports, and their formats and refusals.

use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::{REPORTS, report, service, shop, table};

#[actix_web::test]
async fn the_smaller_reports() {
    let service = service().await;
    let shop = shop(&service).await;
    let rhythm = report(&shop.director, "order-intervals?as_of=2026-04-01").await;
    let columns = [
        "customer_external_id",
        "orders",
        "average_days_between_orders",
        "average_order_amount",
        "days_since_last_order",
    ];
    assert_eq!(
        table(&rhythm, &columns),
        ["A 2 63.00 750.0000 27", "B 2 47.00 300.0050 12", "C 1 null 250.0000 11"]
    );
    let silent = report(&shop.director, "order-intervals?as_of=2026-04-01&dormant_days=12").await;
    assert_eq!(table(&silent, &["customer_external_id"]), ["A", "B"]);
    let new = report(&shop.director, "new-customers?period=2026&group_by=month").await;
    assert_eq!(table(&new, &["month", "new_customers"]), ["2026-01 1", "2026-02 1", "2026-03 1"]);
    let ahead = report(&shop.director, "forecast?from=2026-01-01&to=2026-06-01").await;
    assert_eq!(
        table(&ahead, &["month", "amount", "forecast"]),
        [
            "2026-01 1000.0000 null",
            "2026-02 80.0000 null",
            "2026-03 1270.0100 null",
            "2026-04 0.0000 783.3367",
            "2026-05 null 450.0033",
        ]
    );
    let people = report(&shop.director, "team-sales?period=2026").await;
    let (seller, manager) = (shop.seller.id, shop.manager.id);
    let rows =
        table(&people, &["user_id", "own_amount", "team_orders", "team_amount", "team_size"]);
    assert!(rows.contains(&format!("{seller} 1800.0100 3 1800.0100 1")), "{rows:#?}");
    assert!(rows.contains(&format!("{manager} 0.0000 3 1800.0100 2")), "{rows:#?}");
    assert!(rows.contains(&format!("{} 0.0000 4 2100.0100 4", shop.director.id)), "{rows:#?}");
    let until = report(&shop.director, "sales?period=2026&as_of=2026-03-05").await;
    assert_eq!(until["totals"]["amount"], json!("1500.0000"));
}

#[actix_web::test]
async fn filters_by_id_and_by_external_id() {
    let service = service().await;
    let shop = shop(&service).await;
    let amount = async |question: &str| {
        report(&shop.director, &format!("sales?period=2026&{question}")).await["totals"]["amount"]
            .clone()
    };
    let seller = shop.seller.id;
    assert_eq!(amount(&format!("salesperson_id={seller}")).await, "1800.0100");
    let external = format!("salesperson_external_id=e-{seller}&salesperson_source_system=test");
    assert_eq!(amount(&external).await, "1800.0100");
    assert_eq!(amount("customer_external_id=A&customer_source_system=test").await, "1500.0000");
    assert_eq!(amount("customer_external_id=nobody&customer_source_system=test").await, "0.0000");
    assert_eq!(amount(&format!("customer_id={}", Uuid::nil())).await, "0.0000");
    assert_eq!(amount("product_external_id=Bike&product_source_system=test").await, "2350.0100");
    let top = service.texts("select id::text from teams where parent_id is null").await;
    assert_eq!(amount(&format!("team_id={}", top[0])).await, "2100.0100");
    assert_eq!(amount("category=Bikes&channel=online").await, "250.0000");
}

#[actix_web::test]
async fn questions_that_cannot_be_answered() {
    let service = service().await;
    let reader = service.actor(Role::Reporter).await;
    for (question, fault) in [
        ("sales", "/period required"),
        ("sales?period=2026&from=2026-01-01", "/from contradiction"),
        ("sales?from=2026-02-01&to=2026-01-01", "/to range"),
        ("sales?from=2026-02-01", "/to required"),
        ("sales?from=2026-02-30&to=2026-03-01", "/from format"),
        ("sales?period=2026-13", "/period format"),
        ("sales?period=2026-W54", "/period format"),
        ("sales?period=2025-W53", "/period format"),
        ("sales?period=26", "/period format"),
        ("sales?period=2026&group_by=colour", "/group_by/0 unknown_value"),
        ("sales?period=2026&group_by=month,month", "/group_by/1 duplicate"),
        ("sales?period=2026&group_by=week,month&compare=previous_period", "/compare contradiction"),
        (
            "sales?period=2026&group_by=month&compare=previous_year,previous_year",
            "/compare/1 duplicate",
        ),
        ("sales?period=2026&compare=previous_year", "/compare contradiction"),
        ("sales?period=2026&group_by=month&compare_whole=true", "/compare_whole contradiction"),
        ("sales?period=2026&group_by=region&empty=include", "/empty contradiction"),
        ("sales?period=2026&empty=include", "/empty contradiction"),
        ("sales?period=2026&bom=true", "/bom contradiction"),
        ("attainment?period=2026&dimension_value=Bikes", "/dimension_value contradiction"),
        (
            "attainment?period=2026&owner_type=channel\
                &owner_id=01910000-0000-7000-8000-000000000001",
            "/owner_id contradiction",
        ),
        ("sales?period=2026&compare=yesterday", "/compare/0 unknown_value"),
        ("sales?period=2026&colour=red", "/colour unknown_field"),
        ("sales?period=2026&format=xlsx", "/format not_available"),
        ("sales?period=2026&format=pdf", "/format unknown_value"),
        ("sales?period=2026&known_at=2026-01-01T00:00:00Z", "/known_at not_available"),
        ("sales?period=2026&as_of=today", "/as_of format"),
        ("sales?period=2026&customer_id=7", "/customer_id format"),
        ("top?period=2026", "/of required"),
        ("top?period=2026&of=customer&limit=0", "/limit range"),
        ("order-intervals?dormant_days=0", "/dormant_days range"),
        ("forecast?period=2026&method=crystal_ball", "/method unknown_value"),
        ("attainment?period=2026&group_by=owner", "/group_by unknown_value"),
        ("attainment/explain", "/target_id required"),
    ] {
        let problem = reader.get(&format!("{REPORTS}/{question}")).await.expect(400);
        let fault_of = |it: &Value| {
            format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
        };
        let faults: Vec<_> = problem["errors"].as_array().unwrap().iter().map(fault_of).collect();
        assert!(faults.iter().any(|it| it == fault), "{question}: {faults:?}");
    }
    let path = format!("{REPORTS}/attainment?period=2026&metric=signed_amount");
    assert_eq!(reader.get(&path).await.expect(422)["code"], "metric_not_available");
    let path = format!("{REPORTS}/sales?period=2026");
    let accept = [("accept", "application/vnd.ms-excel")];
    let answer = reader.send(Method::GET, &path, None, &accept).await;
    answer.expect(406);
}

#[actix_web::test]
async fn a_table_for_spreadsheets() {
    let service = service().await;
    let shop = shop(&service).await;
    service.sql("update customers set name = '=cmd|''/C calc''!A0, \"x\"' where code = 'A'").await;
    let app = test::init_service(service.inner.app()).await;
    let fetch = async |question: &str, accept: &str| {
        let token = shop.director.token.as_deref().unwrap();
        let request = TestRequest::get().uri(&format!("{REPORTS}/{question}"));
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        let request = request.insert_header(("accept", accept));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(
            response.headers().get("content-type").unwrap(),
            "text/csv; charset=utf-8; header=present"
        );
        String::from_utf8(test::read_body(response).await.to_vec()).unwrap()
    };
    let csv = fetch("abc?period=2026&format=csv", "*/*").await;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "position,customer_id,customer_external_id,customer_name,amount,cumulative_percent,class"
    );
    assert!(lines[1].contains(",A,\"'=cmd|'/C calc'!A0, \"\"x\"\"\",1500.0000,"), "{}", lines[1]);
    assert_eq!((lines.len(), lines[4]), (5, ""));
    // Without groups there is one row, the totals.
    let totals = fetch("sales?period=2026", "text/csv").await;
    let lines: Vec<&str> = totals.split("\r\n").collect();
    assert!(lines[0].starts_with("orders,lines,customers,salespeople,quantity,amount,"));
    assert_eq!((lines.len(), lines[2]), (3, ""), "{totals}");
    assert_ne!(lines[1].split(',').next(), Some("0"));
    let empty = fetch("sales?period=2020&group_by=channel&bom=true", "text/csv").await;
    assert_eq!(
        empty,
        "\u{feff}channel,orders,lines,customers,quantity,amount,share_percent,rank\r\n"
    );
}
