//! The company, with its settings, calendar, currencies and territories.

pub mod amounts;
pub mod currency;
pub mod days;
pub mod due_days;

use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use salesbook::access::Role;
use salesbook::company::Calendar;
use salesbook::platform::{self, Date};
use serde_json::{Value, json};

use crate::support::harness::Service;

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn settings_have_defaults_and_bounds() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let path = "/api/v1/company";
    let settings = admin.get("/api/v1/company/settings").await.expect(200);
    for setting in settings.as_array().unwrap() {
        assert_eq!(setting["value"], setting["default"], "{}", setting["name"]);
    }
    let wrong = json!({ "time_zone": "Mars/Olympus", "currency": "yuan",
        "settings": { "dormant_after_days": 1 } });
    let problem = admin.patch(path, 1, wrong).await.expect(422);
    assert_eq!(pointers(&problem), ["/currency"], "the shape comes first");
    let wrong =
        json!({ "time_zone": "Mars/Olympus", "settings": { "dormant_after_days": 1, "x": 1 } });
    let problem = admin.patch(path, 1, wrong).await.expect(422);
    let mut told = pointers(&problem);
    told.sort_unstable();
    assert_eq!(told, ["/settings/dormant_after_days", "/settings/x", "/time_zone"]);
    let good = json!({ "settings": { "dormant_after_days": 90 } });
    let company = admin.patch(path, 1, good.clone()).await.expect(200);
    assert_eq!((&company["version"], &company["settings"]), (&json!(2), &good["settings"]));
    let back = json!({ "settings": { "dormant_after_days": null } });
    let company = admin.patch(path, 2, back).await.expect(200);
    assert_eq!(company["settings"], json!({}));
    service.actor(Role::Finance).await.patch(path, 3, json!({ "name": "X" })).await.expect(403);
}

#[actix_web::test]
async fn the_currency_stays_once_something_is_counted_in_it() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let target = json!({ "owner_type": "company", "period_type": "year",
        "period_start": "2026-01-01", "value": "1000" });
    admin.patch("/api/v1/company", 1, json!({ "currency": "USD" })).await.expect(200);
    admin.post("/api/v1/targets", target).await.expect(201);
    let late = admin.patch("/api/v1/company", 2, json!({ "currency": "EUR" })).await.expect(409);
    assert_eq!(late["code"], "currency_in_use");
}

#[actix_web::test]
async fn the_holidays_of_china_come_along_and_can_be_replaced() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let spring = "/api/v1/holidays?date_from=2026-02-14&date_to=2026-03-01&limit=200";
    let days = office.get(spring).await.expect(200);
    let days = days["items"].as_array().unwrap();
    assert_eq!(days.iter().filter(|it| it["kind"] == "holiday").count(), 9);
    assert_eq!(days.iter().filter(|it| it["kind"] == "working").count(), 2);
    let path = format!("/api/v1/holidays/{}", days[0]["id"].as_str().unwrap());
    office.patch(&path, 1, json!({ "name": "Make-up day" })).await.expect(200);
    let twice = json!({ "date": "2026-02-16", "kind": "working", "name": "x" });
    let problem = office.post("/api/v1/holidays", twice).await.expect(409);
    assert_eq!(pointers(&problem), ["/date"]);
    service.actor(Role::Salesperson).await.post("/api/v1/holidays", json!({})).await.expect(403);
}

#[actix_web::test]
async fn a_foreign_order_counts_at_the_rate_of_its_day() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let rates = json!([
        { "external_id": "1", "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7" },
        { "external_id": "2", "from": "USD", "to": "CNY", "valid_on": "2026-03-01", "rate": "7.1" },
        { "external_id": "3", "from": "USD", "to": "USD", "valid_on": "2026-03-01", "rate": "1" },
        { "external_id": "4", "from": "EUR", "valid_on": "2026-03-01" },
    ]);
    let outcomes =
        erp.post("/api/v1/exchange-rates/batch", json!({ "items": rates })).await.expect(200);
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(2), &json!(2)));
    assert_eq!(outcomes["results"][2]["problem"]["errors"][0]["code"], "same_currency");
    let customers = json!({ "items": [{ "external_id": "C", "name": "C" }] });
    erp.post("/api/v1/customers/batch", customers).await.expect(200);
    let order = |number: &str, day: &str, currency: &str| {
        json!({ "external_id": number, "number": number, "order_date": day, "currency": currency,
            "customer_external_id": "C", "lines": [{ "quantity": "1", "amount": "100.01" }] })
    };
    let items = json!([
        order("1", "2026-02-28", "USD"),
        order("2", "2026-03-01", "USD"),
        order("3", "2025-12-31", "USD"),
        order("4", "2026-03-01", "CNY"),
    ]);
    let outcomes = erp.post("/api/v1/orders/batch", json!({ "items": items })).await.expect(200);
    let problem = &outcomes["results"][2]["problem"]["errors"][0];
    assert_eq!(problem["code"], "no_exchange_rate");
    let booked = "select trim_scale(amount)::text from sales_entries order by id";
    assert_eq!(service.texts(booked).await, ["700.07", "710.071", "100.01"]);
}

#[actix_web::test]
async fn territories_make_no_circle_and_have_one_holder() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let erp = service.client(Role::Erp, "sap").await;
    let items = json!([
        { "external_id": "SH", "name": "上海", "parent_external_id": "E" },
        { "external_id": "E", "name": "华东" },
        { "external_id": "A", "name": "A", "parent_external_id": "B" },
        { "external_id": "B", "name": "B", "parent_external_id": "A" },
    ]);
    let outcomes =
        erp.post("/api/v1/territories/batch", json!({ "items": items })).await.expect(200);
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(2), &json!(2)));
    let (city, east) = (&outcomes["results"][0]["id"], &outcomes["results"][1]["id"]);
    let path = format!("/api/v1/territories/{}", east.as_str().unwrap());
    let problem = admin.patch(&path, 1, json!({ "parent_id": city })).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "cycle");
    let problem = admin.patch(&path, 1, json!({ "parent_id": east })).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "cycle");
    let holder =
        |from: &str, to: Value| json!({ "user_id": admin.id, "valid_from": from, "valid_to": to });
    let both = json!([holder("2026-01-01", Value::Null), holder("2026-06-01", Value::Null)]);
    let problem = admin.patch(&path, 1, json!({ "holders": both })).await.expect(422);
    assert_eq!(pointers(&problem), ["/holders/0/valid_to"]);
    let one = json!([holder("2026-01-01", json!("2026-06-01")), holder("2026-06-01", Value::Null)]);
    admin.patch(&path, 1, json!({ "holders": one })).await.expect(200);
    let tag = [("if-match", "\"2\"")];
    let delete = admin.send("DELETE".parse().unwrap(), &path, None, &tag).await.expect(409);
    assert_eq!(delete["code"], "still_referenced");
}

#[actix_web::test]
async fn a_batch_of_lines_stands_or_falls_with_its_last_one() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let send = async |path: &str, body: &str| {
        let kind = [("content-type", "application/x-ndjson")];
        erp.send_text("POST".parse().unwrap(), path, Some(body), &kind).await
    };
    let lines =
        "{\"external_id\":\"1\",\"name\":\"A\"}\n\n{\"external_id\":\"2\",\"name\":\"B\"}\n";
    let outcomes = send("/api/v1/territories/batch?atomic=true", lines).await.expect(200);
    assert_eq!(outcomes["created"], 2);
    let cut = "{\"external_id\":\"3\",\"name\":\"A\"}\n{\"external_id\":\"4\",\"na";
    let problem = send("/api/v1/territories/batch", cut).await.expect(400);
    assert_eq!(pointers(&problem), ["/items/1"]);
    assert_eq!(service.count("territories").await, 2);
    let park = json!({ "items": [], "unknown_references": "park" });
    assert_eq!(erp.post("/api/v1/territories/batch", park).await.expect(200)["pending"], 0);
    let foreign = json!({ "items": [], "source_system": "crm" });
    let problem = erp.post("/api/v1/territories/batch", foreign).await.expect(403);
    assert_eq!(problem["code"], "foreign_source_system");
    let many: Vec<Value> = (0..10_001).map(|n| json!({ "external_id": n.to_string() })).collect();
    let problem = erp.post("/api/v1/territories/batch", json!({ "items": many })).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "too_many");
    let lines = send("/api/v1/territories/batch", &"{}\n".repeat(10_002)).await.expect(422);
    assert_eq!(lines["errors"][0]["code"], "too_many");
    // In memory each element takes many times the size that it has in the request.
    let odd = "0,".repeat(1_200_000);
    let monster = format!("{{\"items\":[{{\"external_id\":\"1\",\"x\":[{odd}0]}}]}}");
    let kind = [("content-type", "application/json")];
    let path = "/api/v1/territories/batch";
    let post = || "POST".parse().unwrap();
    let problem = erp.send_text(post(), path, Some(&monster), &kind).await.expect(413);
    assert_eq!(problem["code"], "batch_too_large");
    let huge = format!("{{\"items\":[],\"x\":\"{}\"}}", "x".repeat(33 << 20));
    let answer = erp.send_text("POST".parse().unwrap(), path, Some(&huge), &kind).await;
    assert_eq!(answer.expect(413)["code"], "body_too_large");
}

/// Working days are counted by the same rule in Rust, for writes, and in SQL, for reports.
#[actix_web::test]
async fn working_days_are_counted_alike_everywhere() {
    let service = Service::start().await;
    let mut conn = platform::db::connect(&service.url()).await.unwrap();
    let calendar = Calendar::load(&mut conn).await.unwrap();
    let first = Date("2025-12-20".parse().unwrap());
    let days: Vec<Date> = first.0.series(jiff::Span::new().days(1)).take(420).map(Date).collect();
    let count = Calendar::counted("of.first", "of.last");
    let pairs: Vec<(Date, Date)> =
        days.iter().enumerate().map(|(n, day)| (*day, days[(n * 37 + 11) % 420])).collect();
    let values: Vec<String> =
        pairs.iter().map(|(from, to)| format!("(date '{from}', date '{to}')")).collect();
    let counted = format!("{count}::bigint from (values {}) as of (first, last)", values.join(","));
    let counted: Vec<i64> = diesel::select(sql::<BigInt>(&counted)).load(&mut conn).await.unwrap();
    let expected: Vec<i64> =
        pairs.iter().map(|(from, to)| calendar.working_days(*from, *to)).collect();
    assert_eq!(expected, counted);
    assert!(expected.iter().any(|days| *days > 200) && expected.contains(&0));
}
