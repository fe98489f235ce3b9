//! Events of orders and shipments cannot be in the future.

use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::complaints::at;
use crate::receivables::{batch, merged};
use crate::support::harness::{Actor, Service};
use crate::targets::codes;

async fn service() -> Service {
    Service::start_at(Clock::fixed(at("2026-11-20T02:00:00Z"))).await
}

fn order(number: &str, more: &Value) -> Value {
    let item = json!({ "external_id": number, "customer_external_id": "C",
        "order_date": "2026-11-02", "lines": [{ "quantity": "1", "amount": "10" }] });
    merged(item, more)
}

fn shipment(number: &str, more: &Value) -> Value {
    let item = json!({ "external_id": number, "order_external_id": "O",
        "shipped_on": "2026-11-19", "lines": [{ "line_number": 1, "quantity": "1" }] });
    merged(item, more)
}

/// A client with an order of customer C.
async fn erp(service: &Service) -> Actor<'_> {
    let erp = service.client(Role::Erp, "sap").await;
    batch(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    batch(&erp, "orders", json!([order("O", &json!({}))])).await;
    erp
}

#[actix_web::test]
async fn an_order_has_not_been_confirmed_tomorrow() {
    let service = service().await;
    let erp = erp(&service).await;
    let cases = [
        (json!({ "confirmed_on": "2026-11-21" }), "/confirmed_on in_future"),
        (json!({ "confirmed_on": "2031-01-01" }), "/confirmed_on in_future"),
        (json!({ "shipped_on": "2026-11-21" }), "/shipped_on in_future"),
        (json!({ "status": "cancelled", "cancelled_on": "2026-11-21" }), "/cancelled_on in_future"),
    ];
    let items = cases.iter().enumerate();
    let items = items.map(|(number, (more, _))| order(&number.to_string(), more));
    let items = items.collect::<Vec<_>>();

    let new = batch(&erp, "orders", json!(items)).await;

    for ((more, expected), result) in cases.iter().zip(new["results"].as_array().unwrap()) {
        assert_eq!(codes(&result["problem"]), [*expected], "{more}");
        let changed = merged(json!({ "external_id": "O" }), more);
        let told = batch(&erp, "orders", json!([changed])).await;
        assert_eq!(codes(&told["results"][0]["problem"]), [*expected], "{more}");
    }
    assert_eq!(service.count("orders").await, 1);
}

#[actix_web::test]
async fn the_client_of_an_erp_changes_one_order_by_the_same_rule() {
    let service = service().await;
    let erp = erp(&service).await;
    let listed = erp.get("/api/v1/orders").await.expect(200);
    let path = format!("/api/v1/orders/{}", listed["items"][0]["id"].as_str().unwrap());

    let refused = erp.patch(&path, 1, json!({ "shipped_on": "2026-11-21" })).await.expect(422);
    let taken = erp.patch(&path, 1, json!({ "shipped_on": "2026-11-20" })).await.expect(200);

    assert_eq!(codes(&refused), ["/shipped_on in_future"]);
    assert_eq!(taken["shipped_on"], "2026-11-20");
}

/// Order dates in the future are allowed, because customers order ahead.
#[actix_web::test]
async fn an_order_dated_ahead_is_confirmed_today() {
    let service = service().await;
    let erp = erp(&service).await;
    let ahead = order("A", &json!({ "order_date": "2026-12-05" }));
    let gone = order("B", &json!({ "order_date": "2026-12-05", "status": "cancelled" }));
    let agreed = order("D", &json!({ "confirmed_on": "2026-11-01" }));

    let told = batch(&erp, "orders", json!([ahead, gone, agreed])).await;

    assert_eq!(told["created"], 3, "{told:#}");
    let days = service.texts(
        "select concat_ws(' ', external_id, confirmed_on, cancelled_on) from orders
         where external_id <> 'O' order by external_id",
    );
    assert_eq!(days.await, ["A 2026-11-20", "B 2026-12-05", "D 2026-11-01"]);
}

#[actix_web::test]
async fn a_shipment_has_not_arrived_tomorrow() {
    let service = service().await;
    let erp = erp(&service).await;
    let planned = json!({ "shipped_on": "2026-11-21", "status": "cancelled" });
    let cases = [
        (json!({ "shipped_on": "2026-11-21" }), "/shipped_on in_future"),
        (json!({ "delivered_on": "2026-11-21" }), "/delivered_on in_future"),
    ];
    let items = cases.iter().map(|(more, _)| shipment("S", more)).collect::<Vec<_>>();

    let mut told = vec![];
    for item in items {
        told.push(batch(&erp, "shipments", json!([item])).await);
    }
    let kept = batch(&erp, "shipments", json!([shipment("P", &planned)])).await;
    let revived = json!([{ "external_id": "P", "status": "shipped" }]);
    let revived = batch(&erp, "shipments", revived).await;

    for ((more, expected), told) in cases.iter().zip(&told) {
        assert_eq!(codes(&told["results"][0]["problem"]), [*expected], "{more}");
    }
    assert_eq!(kept["created"], 1, "the day for which a cancelled one was planned: {kept:#}");
    assert_eq!(codes(&revived["results"][0]["problem"]), ["/shipped_on in_future"]);
}
