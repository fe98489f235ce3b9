//! Orders and credit: credit holds, shipments and invoices, orders of an ERP beyond a limit, and
//! owners of fields.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::orders::order;
use salesbook::platform::{Money, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::credit::{Desk, confirm, id};
use crate::support::harness::{Actor, Service};

async fn import(erp: &Actor<'_>, resource: &str, items: Value) -> Value {
    let path = format!("/api/v1/{resource}/batch");
    erp.post(&path, json!({ "items": items })).await.expect(200)
}

fn item(number: &str, customer: &str, amount: &str, more: &Value) -> Value {
    let mut item = json!({ "external_id": number, "number": number, "customer_id": id(customer),
        "order_date": "2026-03-02", "lines": [{ "quantity": "2", "amount": amount }] });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

async fn items(service: &Service) -> Vec<String> {
    let rows = "select concat_ws(' ', it.kind, o.number, trim_scale(it.amount)) from open_items it
        join orders o on o.id = it.source_id order by o.number";
    service.texts(rows).await
}

#[actix_web::test]
async fn an_order_waits_for_credit() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let (first, second) = (desk.order("80").await, desk.order("30").await);
    confirm(&desk.admin, &first, 200).await;
    confirm(&desk.admin, &second, 409).await;
    let why = json!({ "reason": "等待回款" });
    desk.seller.post(&format!("{second}/hold"), why.clone()).await.expect(403);
    let held = desk.admin.post(&format!("{second}/hold"), why).await.expect(200);
    assert_eq!(
        (&held["status"], &held["status_reason"]),
        (&json!("credit_hold"), &json!("等待回款"))
    );
    confirm(&desk.admin, &second, 409).await;
    let release = format!("{second}/release");
    let problem = desk.controller.post(&release, json!({})).await.expect(409);
    assert_eq!(problem["code"], "credit_limit_exceeded");
    desk.seller.post(&release, json!({})).await.expect(403);
    let back_office = service.actor(Role::BackOffice).await;
    back_office.post(&release, json!({})).await.expect(403);
    desk.admin.post(&format!("{first}/close"), json!({})).await.expect(200);
    let released = desk.controller.post(&release, json!({})).await.expect(200);
    assert_eq!(
        (&released["status"], &released["status_reason"]),
        (&json!("confirmed"), &Value::Null)
    );
    assert_eq!(service.count("sales_entries").await, 2, "it counts as sold");

    let own = json!({ "customer_id": id(&desk.customer), "salesperson_id": desk.controller.id,
        "lines": [{ "product_id": desk.product, "quantity": "1" }] });
    let own = desk.admin.post("/api/v1/orders", own).await.expect(201);
    let own = format!("/api/v1/orders/{}", own["id"].as_str().unwrap());
    desk.admin.post(&format!("{own}/submit"), json!({})).await.expect(200);
    desk.admin.post(&format!("{own}/hold"), json!({ "reason": "x" })).await.expect(200);
    let problem = desk.controller.post(&format!("{own}/release"), json!({})).await.expect(403);
    assert_eq!(problem["code"], "self_approval");
    desk.admin.post(&format!("{own}/release"), json!({})).await.expect(200);
}

#[actix_web::test]
async fn facts_are_stored_and_flagged() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let other = desk.seller.customer("Wang").await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let told = import(
        &desk.erp,
        "orders",
        json!([
            item("1", &desk.customer, "60", &json!({})),
            item("2", &desk.customer, "50", &json!({})),
            item("3", &desk.customer, "500", &json!({ "status": "submitted" })),
            item("4", &desk.customer, "500", &json!({ "billing_status": "invoiced" })),
            item("5", &other, "500", &json!({})),
            item("6", &desk.customer, "-20", &json!({})),
        ]),
    )
    .await;
    assert_eq!(told["created"], 6, "{told:#}");
    let flags = "select number || ' ' || credit_exceeded from orders order by number";
    let flagged =
        ["1 false", "2 true", "3 false", "4 false", "5 false", "6 false"].map(str::to_owned);
    assert_eq!(service.texts(flags).await, flagged);
    assert_eq!(items(&service).await, ["order 1 60", "order 2 50", "order 5 500"]);
    let events = service.count("changes").await;
    let again = json!([
        item("2", &desk.customer, "50", &json!({})),
        item("1", &desk.customer, "60", &json!({}))
    ]);
    assert_eq!(import(&desk.erp, "orders", again).await["unchanged"], 2);
    assert_eq!(service.count("changes").await, events, "unchanged writes nothing");
    // The orders move to another customer, and are corrected, cancelled and closed.
    let moved = json!([
        item("1", &other, "60", &json!({})),
        item("2", &desk.customer, "40", &json!({})),
        item("5", &other, "500", &json!({ "status": "cancelled" })),
    ]);
    assert_eq!(import(&desk.erp, "orders", moved).await["updated"], 3);
    assert_eq!(items(&service).await, ["order 1 60", "order 2 40"]);
    assert_eq!(desk.exposure().await["exposure"], "40.00");
    let closed = json!([item("2", &desk.customer, "40", &json!({ "status": "closed" }))]);
    import(&desk.erp, "orders", closed).await;
    assert_eq!(desk.exposure().await["exposure"], "0.00");
    let dry = json!({ "dry_run": true, "items": [item("9", &desk.customer, "40", &json!({}))] });
    desk.erp.post("/api/v1/orders/batch", dry).await.expect(200);
    assert_eq!(items(&service).await, ["order 1 60"]);
}

#[actix_web::test]
async fn what_is_billed_is_no_longer_owed_as_an_order() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let rate = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7.123456" });
    desk.admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    let told = import(
        &desk.erp,
        "orders",
        json!([
            item("1", &desk.customer, "10", &json!({ "currency": "USD" })),
            item("2", &desk.customer, "-10", &json!({}))
        ]),
    )
    .await;
    let of = |at: usize| told["results"][at]["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    assert_eq!(items(&service).await, ["order 1 71.23456"]);
    let money = |text: &str| Money(text.parse().unwrap());
    for (order, billed, status, left) in [
        (of(0), "4", "partial", vec!["order 1 42.740736"]),
        (of(0), "4", "partial", vec!["order 1 42.740736"]),
        (of(0), "10", "invoiced", vec![]),
        (of(0), "11", "invoiced", vec![]),
        (of(0), "0", "none", vec!["order 1 71.23456"]),
        (of(1), "-4", "partial", vec!["order 1 71.23456"]),
        (of(1), "-10", "invoiced", vec!["order 1 71.23456"]),
    ] {
        let (db, clock) = (&service.inner.db, &service.inner.clock);
        let change = [order::Billing { order_id: order, invoiced: money(billed), paid: None }];
        Tx::run(db, clock, Uuid::nil(), async |tx| order::billed(tx, &change).await).await.unwrap();
        let row = desk.seller.get(&format!("/api/v1/orders/{order}")).await.expect(200);
        assert_eq!(row["billing_status"], status, "{billed}");
        assert_eq!(items(&service).await, left, "{billed}");
    }
    let row = desk.seller.get(&format!("/api/v1/orders/{}", of(0))).await.expect(200);
    assert_eq!((&row["version"], &row["invoiced_amount"]), (&json!(5), &json!("0.00")));
}

#[actix_web::test]
async fn the_order_follows_its_shipments() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let lines = json!({ "lines": [{ "quantity": "2", "amount": "20" }, { "quantity": "3", "amount": "30" },
        { "quantity": "-1", "amount": "-5" }], "amount": "45" });
    let told = import(&desk.erp, "orders", json!([item("1", &desk.customer, "0", &lines)])).await;
    let order = format!("/api/v1/orders/{}", told["results"][0]["id"].as_str().unwrap());
    let sent = |key: &str, lines: Value, more: &Value| {
        let mut item = json!({ "external_id": key, "order_external_id": "1",
            "shipped_on": "2026-03-05", "lines": lines });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let line = |number: u8, quantity: &str| json!({ "line_number": number, "quantity": quantity });
    let status = async || {
        let order = desk.seller.get(&order).await.expect(200);
        [&order["fulfilment_status"], &order["shipped_on"]]
            .map(|it| it.as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    for (item, expected) in [
        (sent("a", json!([line(1, "2")]), &json!({ "carrier": "顺丰" })), "partial -"),
        (sent("b", json!([line(2, "2.999")]), &json!({ "shipped_on": "2026-03-06" })), "partial -"),
        (sent("c", json!([line(2, "0.001")]), &json!({})), "shipped 2026-03-06"),
        (json!({ "external_id": "a", "delivered_on": "2026-03-07" }), "shipped 2026-03-06"),
        (json!({ "external_id": "b", "status": "delivered" }), "shipped 2026-03-06"),
        (json!({ "external_id": "c", "delivered_on": "2026-03-08" }), "delivered 2026-03-06"),
        (json!({ "external_id": "b", "status": "cancelled" }), "partial 2026-03-06"),
    ] {
        let told = import(&desk.erp, "shipments", json!([item])).await;
        assert_eq!(told["failed"], 0, "{told:#}");
        assert_eq!(status().await, expected, "{item}");
    }
    let again = json!([{ "external_id": "b", "status": "cancelled" }]);
    let events = service.count("changes").await;
    assert_eq!(import(&desk.erp, "shipments", again).await["unchanged"], 1);
    assert_eq!(service.count("changes").await, events);
    let why = json!({ "reason": "too late" });
    let problem = desk.admin.post(&format!("{order}/cancel"), why).await.expect(409);
    assert_eq!(problem["code"], "order_shipped");
    for (item, expected) in [
        (sent("x", json!([line(9, "1")]), &json!({})), "/lines/0/line_number unknown_reference"),
        (
            sent("x", json!([line(1, "1"), line(1, "1")]), &json!({})),
            "/lines/1/line_number duplicate",
        ),
        (sent("x", json!([line(1, "0")]), &json!({})), "/lines/0/quantity range"),
        (
            sent("x", json!([line(1, "1")]), &json!({ "delivered_on": "2026-03-04" })),
            "/delivered_on range",
        ),
        (
            sent("x", json!([line(1, "1")]), &json!({ "order_external_id": "?" })),
            "/order_external_id unknown_reference",
        ),
        (json!({ "external_id": "x" }), "/order_id required"),
    ] {
        let told = import(&desk.erp, "shipments", json!([item])).await;
        let fault = &told["results"][0]["problem"]["errors"][0];
        let told =
            format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap());
        assert_eq!(told, expected);
    }
    let list =
        format!("/api/v1/shipments?order_id={}&customer_id={}", id(&order), id(&desk.customer));
    let list = desk.seller.get(&list).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    let stranger = service.actor(Role::Salesperson).await;
    assert_eq!(stranger.get("/api/v1/shipments").await.expect(200)["items"], json!([]));
    let one = format!("/api/v1/shipments/{}", list["items"][0]["id"].as_str().unwrap());
    stranger.get(&one).await.expect(404);
    desk.seller.get(&format!("{one}/history")).await.expect(200);
}

#[actix_web::test]
async fn who_keeps_which_field() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let told =
        import(&desk.erp, "orders", json!([item("1", &desk.customer, "10", &json!({}))])).await;
    let order = format!("/api/v1/orders/{}", told["results"][0]["id"].as_str().unwrap());
    for (name, value) in [
        ("fulfilment_status", "shipped"),
        ("billing_status", "invoiced"),
        ("payment_status", "paid"),
        ("shipped_on", "2026-03-05"),
    ] {
        let problem = desk.admin.patch(&order, 1, json!({ name: value })).await.expect(409);
        assert_eq!(problem["code"], "field_not_owned");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"));
    }
    let paid = json!({ "payment_status": "paid", "billing_status": "invoiced" });
    let paid = desk.erp.patch(&order, 1, paid).await.expect(200);
    assert_eq!(paid["payment_status"], "paid");
    assert_eq!(desk.exposure().await["exposure"], "0.00");
    desk.erp.patch(&order, 2, json!({ "channel": "web" })).await.expect(409);

    // An order that a user entered keeps its salespeople when the ERP sends it with an external id.
    let taken = desk.order("5").await;
    let link = |more: Value| {
        let mut item = json!({ "external_id": "2", "id": id(&taken), "status": "confirmed" });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([item])
    };
    for (more, at) in [
        (json!({ "channel": "web" }), "/channel"),
        (json!({ "salesperson_id": desk.admin.id }), "/credits"),
    ] {
        let told = import(&desk.erp, "orders", link(more)).await;
        let fault = &told["results"][0]["problem"]["errors"][0];
        assert_eq!((&fault["code"], &fault["pointer"]), (&json!("field_not_owned"), &json!(at)));
    }
    let told = import(&desk.erp, "orders", link(json!({ "salesperson_id": desk.seller.id }))).await;
    assert_eq!(told["updated"], 1, "{told:#}");

    let customer = json!([{ "external_id": "C", "code": "C-1", "name": "C", "latitude": 31.2, "longitude": 121.5 }]);
    let told = import(&desk.erp, "customers", customer.clone()).await;
    let path = format!("/api/v1/customers/{}", told["results"][0]["id"].as_str().unwrap());
    let problem =
        desk.admin.patch(&path, 1, json!({ "code": "C-2", "city": "Ulm" })).await.expect(409);
    assert_eq!(problem["errors"][0]["pointer"], "/code");
    desk.admin.patch(&path, 1, json!({ "code": "C-1", "latitude": 31.3 })).await.expect(200);
    assert_eq!(import(&desk.erp, "customers", customer).await["unchanged"], 1);
    let moved = json!([{ "external_id": "C", "latitude": 31.4 }]);
    let told = import(&desk.erp, "customers", moved).await;
    assert_eq!(told["results"][0]["problem"]["errors"][0]["code"], "field_not_owned");
    desk.admin.patch(&desk.customer, 1, json!({ "code": "own" })).await.expect(200);
    let schemas = &crate::api::openapi::DOCUMENT["components"]["schemas"];
    assert_eq!(schemas["Customer"]["properties"]["code"]["x-owner"], "erp");
    assert_eq!(schemas["Customer"]["properties"]["latitude"]["x-owner"], "people");
    assert_eq!(schemas["OrderProgress"]["properties"]["payment_status"]["x-owner"], "erp");
    let place = serde_json::to_string(&schemas["OrderChanges"]).unwrap();
    assert!(place.contains(r#""x-owner":"erp""#), "{place}");
}

#[actix_web::test]
async fn what_the_loser_owes_is_the_winners() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let loser = desk.seller.customer("Lin and Sons").await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let (first, second) = (desk.order("80").await, desk.order_of(&loser, "30").await);
    for order in [&first, &second] {
        confirm(&desk.admin, order, 200).await;
    }
    service
        .sql(&format!(
            "insert into open_items (kind, source_id, customer_id, amount)
        values ('invoice', gen_random_uuid(), '{}', 7)",
            id(&loser)
        ))
        .await;
    let reason = json!({ "reason": "x" });
    let asked =
        desk.seller.post(&format!("{loser}/credit-investigations"), reason).await.expect(201);
    let merge = json!({ "loser_id": id(&loser) });
    desk.admin.post(&format!("{}/merge", desk.customer), merge).await.expect(200);
    assert_eq!(desk.exposure().await["exposure"], "117.00");
    let flags =
        async |order: &str| desk.seller.get(order).await.expect(200)["credit_exceeded"].clone();
    assert_eq!((flags(&first).await, flags(&second).await), (json!(false), json!(true)));
    let asked = format!("/api/v1/credit-investigations/{}", asked["id"].as_str().unwrap());
    assert_eq!(desk.seller.get(&asked).await.expect(200)["customer_id"], id(&desk.customer));
    let closed = desk
        .admin
        .send(
            Method::PATCH,
            &format!("{loser}/credit"),
            Some(json!({ "credit_limit": "1" })),
            &[("if-match", "\"0\"")],
        )
        .await;
    assert_eq!(closed.expect(409)["code"], "customer_merged");
}
