//! Every kind of target that can be approved can be measured: valid visits and new products,
//! checked against known figures.

use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::receivables::send;
use crate::reports::{report, table};
use crate::support::harness::{Actor, Service};
use crate::targets::{act, path};
use crate::visits::{self, done, id, there};

const TARGETS: &str = "/api/v1/targets";

/// Creates and approves a target for November 2026. Returns its id.
async fn approved(by: &Actor<'_>, approver: &Actor<'_>, more: Value) -> String {
    let mut new = json!({ "period_type": "month", "period_start": "2026-11-01", "value": "10" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let target = by.post(TARGETS, new).await.expect(201);
    act(approver, &path(&target), "approve").await.expect(200);
    target["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn valid_visits_count_for_their_owner_and_all_above() {
    let service = visits::service().await;
    let (director, admin) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::Admin).await);
    let (manager, seller) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    let team = service.team(None, &manager, &[&seller]).await;
    let metric = |more: Value| {
        let mut all = json!({ "metric": "valid_visits" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let visit = visits::planned(&seller, json!({})).await;
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let clock = &service.inner.clock;
    clock.set(salesbook::platform::Timestamp(clock.now().0 + jiff::SignedDuration::from_secs(600)));
    let made = seller.post(&format!("{visit}/check-out"), done(&service)).await.expect(200);
    assert_eq!(made["validity"], "valid");
    visits::planned(&seller, json!({})).await;

    for (kind, owner) in [("user", Some(seller.id)), ("team", Some(team)), ("company", None)] {
        let of = metric(json!({ "owner_type": kind, "owner_id": owner }));
        let target = approved(&director, &admin, of).await;
        let question = format!("attainment?period=2026-11&metric=valid_visits&owner_type={kind}");
        let told = report(&director, &question).await;
        let columns = ["orders", "actual", "attainment_percent"];
        assert_eq!(table(&told, &columns), ["1 1.0000 10.00"], "{kind}");
        let told = report(&director, &format!("attainment/explain?target_id={target}")).await;
        assert_eq!(told["rows"][0]["visit_id"], json!(id(&made)), "{kind}");
        assert_eq!(told["totals"]["unexplained"], "0.0000", "{kind}");
    }
    let channel = metric(json!({ "owner_type": "channel", "channel": "shop" }));
    let mut channel_target = json!({ "period_type": "month", "period_start": "2026-11-01",
        "value": "10" });
    channel_target.as_object_mut().unwrap().extend(channel.as_object().unwrap().clone());
    let refused = director.post(TARGETS, channel_target).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/owner_type");
}

#[actix_web::test]
async fn customers_count_that_buy_a_new_product_first() {
    let service = Service::start().await;
    let (director, admin) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::Admin).await);
    let (erp, seller) = (service.actor(Role::Erp).await, service.actor(Role::Salesperson).await);
    let customer = |key: &str| json!({ "external_id": key, "name": key, "owner_id": seller.id });
    send(&erp, "customers", json!([customer("A"), customer("B"), customer("C")])).await;
    let product = |key: &str| json!({ "external_id": key, "code": key, "name": key });
    let made = send(&erp, "products", json!([product("old"), product("new")])).await;
    let old: Uuid = made["results"][0]["id"].as_str().unwrap().parse().unwrap();
    let order = |key: &str, of: &str, what: &str, day: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "order_date": day,
            "salesperson_id": seller.id,
            "lines": [{ "product_external_id": what, "quantity": "1", "amount": "100" }] })
    };
    let orders = json!([
        order("1", "A", "old", "2024-01-01"),
        order("2", "B", "old", "2026-11-05"),
        order("3", "A", "new", "2026-10-05"),
        order("4", "A", "new", "2026-11-05"),
        order("5", "C", "new", "2026-11-06"),
        order("6", "C", "new", "2026-11-07"),
    ]);
    send(&erp, "orders", orders).await;

    let metric = |more: Value| {
        let mut all = json!({ "metric": "new_product_customers", "owner_type": "user",
            "owner_id": seller.id });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    approved(&director, &admin, metric(json!({}))).await;
    let one = json!({ "dimension": "product", "dimension_value": old });
    approved(&director, &admin, metric(one)).await;

    // C is the first buyer of the new product, A was one in October; B is new to the old one only.
    let told = report(&director, "attainment?period=2026-11&metric=new_product_customers").await;
    let mut told = table(&told, &["dimension", "actual"]);
    told.sort();
    assert_eq!(told, ["null 1.0000", "product 1.0000"]);
}

#[actix_web::test]
async fn what_cannot_be_measured_is_not_approved() {
    let service = Service::start().await;
    let (director, admin) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::Admin).await);
    let new = json!({ "owner_type": "company", "period_type": "month", "value": "10",
        "period_start": "2026-11-01", "currency": "EUR" });
    let target = director.post(TARGETS, new).await.expect(201);

    let without = act(&admin, &path(&target), "approve").await.expect(422);
    let rate = json!({ "from": "CNY", "to": "EUR", "valid_on": "2026-01-01", "rate": "0.125" });
    admin.post("/api/v1/exchange-rates", rate).await.expect(201);
    act(&admin, &path(&target), "approve").await.expect(200);
    let told = report(&director, "attainment?period=2026-11&owner_type=company").await;

    assert_eq!(without["code"], "no_exchange_rate");
    assert_eq!(table(&told, &["target"]), ["80.0000"]);
}
