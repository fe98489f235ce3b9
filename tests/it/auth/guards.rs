//! Permission checks hold on every path, and nobody can relax the checks of their own customers.

use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::credit::Desk;
use crate::support::harness::Service;

fn clock() -> Clock {
    Clock::fixed(Timestamp("2026-03-02T02:00:00Z".parse().unwrap()))
}

#[actix_web::test]
async fn no_detour_around_the_patience_with_prospects() {
    let service = Service::start_at(clock()).await;
    let seller = service.actor(Role::Salesperson).await;
    let why = json!({ "reason": "不要" });
    let detours: [&[&str]; 3] = [&[], &["activate"], &["activate", "make-dormant"]];
    for detour in detours {
        let customer = seller.customer("上海林氏").await;
        for step in detour {
            seller.post(&format!("{customer}/{step}"), json!({})).await.expect(200);
        }

        let refused = seller.post(&format!("{customer}/lose"), why.clone()).await.expect(409);

        assert_eq!(refused["code"], "too_few_attempts", "{detour:?}");
    }
}

#[actix_web::test]
async fn who_has_bought_may_be_lost() {
    let service = Service::start_at(clock()).await;
    let desk = Desk::of(&service).await;
    let order = desk.order("10").await;
    desk.admin.post(&format!("{order}/confirm"), json!({})).await.expect(200);

    let why = json!({ "reason": "倒闭" });
    let lost = desk.seller.post(&format!("{}/lose", desk.customer), why).await.expect(200);

    assert_eq!(lost["status"], "lost");
}

#[actix_web::test]
async fn an_order_moves_on_only_for_a_customer_to_sell_to() {
    let service = Service::start_at(clock()).await;
    let desk = Desk::of(&service).await;
    let order = desk.order("10").await;
    let why = json!({ "reason": "诈骗" });
    desk.admin.post(&format!("{}/blacklist", desk.customer), why).await.expect(200);

    let refused = desk.admin.post(&format!("{order}/confirm"), json!({})).await.expect(422);

    let fault = &refused["errors"][0];
    let told = (&fault["pointer"], &fault["code"]);
    assert_eq!(told, (&json!("/customer_id"), &json!("customer_blacklisted")));
}

#[actix_web::test]
async fn a_tier_is_set_by_somebody_who_does_not_profit() {
    let service = Service::start_at(clock()).await;
    let (seller, manager) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesManager).await);
    let office = service.actor(Role::BackOffice).await;
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("上海林氏").await;
    let tier = json!({ "tier": "A" });

    let owner = seller.patch(&customer, 1, tier.clone()).await.expect(403);
    let new = json!({ "name": "北京王氏", "tier": "A" });
    let creator = seller.post("/api/v1/customers", new.clone()).await.expect(403);
    let own = manager.post("/api/v1/customers", new).await.expect(403);
    let leader = manager.patch(&customer, 1, tier).await.expect(200);
    let same = seller.patch(&customer, 2, json!({ "tier": "A", "city": "上海" })).await.expect(200);
    let cleared = office.patch(&customer, 3, json!({ "tier": null })).await.expect(200);

    for refused in [&owner, &creator] {
        assert_eq!(refused["errors"][0]["code"], "forbidden_field");
        assert_eq!(refused["errors"][0]["pointer"], "/tier");
    }
    assert_eq!(own["code"], "self_approval");
    assert_eq!((&leader["tier"], &same["tier"]), (&json!("A"), &json!("A")));
    assert_eq!(cleared["tier"], Value::Null);
}
