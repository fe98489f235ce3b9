//! Impossible data is refused from every caller: dates out of range, people not yet born,
//! complaints that were settled before they were made.

use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::complaints::at;
use crate::receivables::batch;
use crate::support::harness::Service;
use crate::targets::codes;

async fn service() -> Service {
    Service::start_at(Clock::fixed(at("2026-11-20T02:00:00Z"))).await
}

#[actix_web::test]
async fn one_range_for_all_business_dates() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let erp = service.client(Role::Erp, "sap").await;
    let customer = admin.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();
    for day in ["1899-12-31", "2200-01-01", "9999-12-31", "0001-01-01"] {
        for (path, body, pointer) in [
            ("holidays", json!({ "date": day, "kind": "holiday", "name": "停电" }), "/date"),
            ("orders", json!({ "customer_id": customer, "order_date": day }), "/order_date"),
            ("visits", json!({ "customer_id": customer, "planned_date": day }), "/planned_date"),
            ("users", json!({ "name": "Li", "employed_from": day }), "/employed_from"),
            (
                "exchange-rates",
                json!({ "from": "USD", "to": "CNY", "valid_on": day, "rate": "7" }),
                "/valid_on",
            ),
        ] {
            let told = admin.post(&format!("/api/v1/{path}"), body).await.expect(422);
            let expected = format!("{pointer} range");
            assert!(codes(&told).contains(&expected), "{path} {day}: {told:#}");
        }
        let order = json!([{ "external_id": day, "customer_id": customer, "order_date": day,
            "lines": [{ "quantity": "1", "amount": "10" }] }]);
        let told = batch(&erp, "orders", order).await;
        assert_eq!(codes(&told["results"][0]["problem"]), ["/order_date range"], "{day}");
    }
    let path = "/api/v1/reports/sales?group_by=year&from=1900-01-01&to=";
    admin.get(&format!("{path}2200-01-01")).await.expect(200);
    let told = admin.get(&format!("{path}9999-12-31")).await.expect(400);
    assert_eq!(codes(&told), ["/to range"]);
}

#[actix_web::test]
async fn nobody_is_born_in_the_future() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let erp = service.client(Role::Erp, "sap").await;
    let customer = admin.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();
    let contact =
        |year: i32| json!({ "customer_id": customer, "name": "王芳", "birth_year": year });

    let unborn = admin.post("/api/v1/contacts", contact(2027)).await.expect(422);
    let made = admin.post("/api/v1/contacts", contact(1990)).await.expect(201);
    let path = format!("/api/v1/contacts/{}", made["id"].as_str().unwrap());
    let changed = admin.patch(&path, 1, json!({ "birth_year": 2090 })).await.expect(422);
    let mut item = contact(2090);
    item["external_id"] = json!("1");
    let told = batch(&erp, "contacts", json!([item])).await;

    for problem in [&unborn, &changed] {
        assert_eq!(codes(problem), ["/birth_year range"]);
    }
    // The fault is reported although an ERP may not write personal fields anyway.
    assert!(codes(&told["results"][0]["problem"]).contains(&"/birth_year range".to_owned()));
}

#[actix_web::test]
async fn what_no_other_system_can_report_of_a_complaint() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let customer = json!([{ "external_id": "C", "name": "Lin" }]);
    batch(&erp, "customers", customer).await;
    let cases = [
        (json!({ "resolved_at": "2026-11-01T02:00:00Z" }), "/resolved_at range"),
        (json!({ "resolved_at": "2026-11-21T02:00:00Z" }), "/resolved_at in_future"),
        (json!({ "first_response_at": "2026-11-09T02:00:00Z" }), "/first_response_at range"),
        (json!({ "interim_at": "2026-11-09T02:00:00Z" }), "/interim_at range"),
        (
            json!({ "resolved_at": "2026-11-12T02:00:00Z", "closed_at": "2026-11-11T02:00:00Z",
                "status": "closed" }),
            "/closed_at range",
        ),
        (json!({ "filed_at": "2026-11-09T02:00:00Z", "filed_no": "F" }), "/filed_at range"),
        (json!({ "follow_up_call_at": "2026-12-09T02:00:00Z" }), "/follow_up_call_at in_future"),
        (json!({ "occurred_at": "2026-11-11T02:00:00Z" }), "/occurred_at range"),
        (json!({ "received_at": "2026-11-21T02:00:00Z" }), "/received_at in_future"),
    ];
    let items: Vec<Value> = cases
        .iter()
        .enumerate()
        .map(|(number, (more, _))| {
            let mut item = json!({ "external_id": number.to_string(), "customer_external_id": "C",
                "category": "quality", "description": "外壳开裂", "status": "resolved",
                "received_at": "2026-11-10T02:00:00Z", "resolved_at": "2026-11-12T02:00:00Z" });
            item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            item
        })
        .collect();

    let told = batch(&erp, "complaints", json!(items)).await;

    for ((more, expected), result) in cases.iter().zip(told["results"].as_array().unwrap()) {
        assert!(codes(&result["problem"]).iter().any(|it| it == expected), "{more}: {result:#}");
    }
    assert_eq!(service.count("complaints").await, 0);
}

#[actix_web::test]
async fn an_average_leaves_out_what_was_stored_before_it_was_refused() {
    let service = service().await;
    let boss = service.actor(Role::GeneralManager).await;
    let erp = service.client(Role::Erp, "sap").await;
    batch(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let item = |number: &str, resolved: &str| {
        json!({ "external_id": number, "customer_external_id": "C", "category": "quality",
            "description": "外壳开裂", "status": "resolved",
            "received_at": "2026-11-10T02:00:00Z", "resolved_at": resolved })
    };
    let items = json!([item("1", "2026-11-10T12:00:00Z"), item("2", "2026-11-12T02:00:00Z")]);
    assert_eq!(batch(&erp, "complaints", items).await["created"], 2);
    service
        .sql(
            "update complaint_clocks set resolved_at = '2026-11-01T02:00:00Z'
            where resolved_at = '2026-11-12T02:00:00Z'",
        )
        .await;

    let report = boss.get("/api/v1/reports/complaints?period=2026-11").await.expect(200);

    assert_eq!(report["totals"]["complaints"], 2);
    assert_eq!(report["totals"]["average_resolution_hours"], "10.0000");
}
