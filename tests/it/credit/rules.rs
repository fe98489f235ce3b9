//! Rules of the credit check: the invoices whose overdue days count, the day from which an item is
//! overdue, the amount and validity of overrides, and decisions on one's own customers.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::Timestamp;
use serde_json::{Value, json};

use crate::credit::{Desk, confirm, id};
use crate::receivables::{send, service_on};
use crate::support::harness::Actor;

/// Creates an open invoice with this due date and amount.
async fn owe(desk: &Desk<'_>, customer: &str, due: &str, amount: &str) {
    let item = json!({ "external_id": format!("{due} {}", id(customer)), "amount": amount,
        "customer_id": id(customer), "invoice_date": "2026-01-02", "due_date": due });
    send(&desk.erp, "invoices", json!([item])).await;
}

fn go_to(desk: &Desk<'_>, instant: &str) {
    desk.service.inner.clock.set(Timestamp(instant.parse().unwrap()));
}

#[actix_web::test]
async fn each_tier_has_days_of_its_own() {
    let service = service_on("2026-06-15").await;
    let desk = Desk::of(&service).await;
    let mut of_b = String::new();
    for (tier, days, last_day, day_after) in [
        (Value::Null, 7, "2026-06-08", "2026-06-07"),
        (json!("C"), 7, "2026-06-08", "2026-06-07"),
        (json!("B"), 15, "2026-05-31", "2026-05-30"),
        (json!("A"), 30, "2026-05-16", "2026-05-15"),
    ] {
        let customer = desk.seller.customer(&format!("Tier {tier}")).await;
        let version = desk.admin.get(&customer).await.expect(200)["version"].as_i64().unwrap();
        desk.admin.patch(&customer, version, json!({ "tier": tier })).await.expect(200);
        owe(&desk, &customer, last_day, "1000").await;
        let (first, second) =
            (desk.order_of(&customer, "1").await, desk.order_of(&customer, "1").await);
        confirm(&desk.admin, &first, 200).await;
        owe(&desk, &customer, day_after, "0.01").await;
        let refused = confirm(&desk.admin, &second, 409).await;
        assert_eq!(refused["reasons"], json!(["overdue"]), "{tier}");
        let told = (&refused["max_overdue_days"], &refused["oldest_overdue_days"]);
        assert_eq!(told, (&json!(days), &json!(days + 1)), "{tier}");
        if tier == "B" {
            of_b = second;
        }
    }
    for (tier, status) in [("a", 409), ("c", 409), ("b", 200)] {
        let company = desk.admin.get("/api/v1/company").await.expect(200);
        let more = json!({ "settings": { format!("max_overdue_days_{tier}"): 16 } });
        let version = company["version"].as_i64().unwrap();
        desk.admin.patch("/api/v1/company", version, more).await.expect(200);
        confirm(&desk.admin, &of_b, status).await;
    }
}

#[actix_web::test]
async fn what_is_due_today_is_overdue_tomorrow() {
    let service = service_on("2026-06-15").await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "max_overdue_days": 0 })).await;
    owe(&desk, &desk.customer, "2026-06-15", "1000").await;
    let overdue = |told: &Value| {
        let amount = told["overdue_amount"].as_str().unwrap().to_owned();
        (told["oldest_overdue_days"].as_i64().unwrap(), amount)
    };
    assert_eq!(overdue(&desk.exposure().await), (0, "0.00".into()));
    // The overdue amount is below the threshold; the rest is not due yet.
    owe(&desk, &desk.customer, "2026-06-14", "999.99").await;
    assert_eq!(overdue(&desk.exposure().await), (1, "999.99".into()));
    let (first, second) = (desk.order("1").await, desk.order("1").await);
    confirm(&desk.admin, &first, 200).await;
    // The day is that of the company, which is eight hours ahead of UTC.
    go_to(&desk, "2026-06-15T15:59:59Z");
    let admin = service.signed_in(desk.admin.id);
    let exposure = async |by: &Actor<'_>| {
        by.get(&format!("{}/credit", desk.customer)).await.expect(200)["exposure"].clone()
    };
    assert_eq!(overdue(&exposure(&admin).await), (1, "999.99".into()));
    go_to(&desk, "2026-06-15T16:00:00Z");
    assert_eq!(overdue(&exposure(&admin).await), (2, "1999.99".into()));
    assert_eq!(confirm(&admin, &second, 409).await["reasons"], json!(["overdue"]));
}

#[actix_web::test]
async fn an_override_bears_an_order_of_a_late_customer_until_it_is_over() {
    let service = service_on("2026-06-15").await;
    let desk = Desk::of(&service).await;
    let other = desk.seller.customer("Wang").await;
    for customer in [&desk.customer, &other] {
        owe(&desk, customer, "2026-01-05", "1000").await;
    }
    let order = desk.order("50").await;
    assert_eq!(confirm(&desk.admin, &order, 409).await["reasons"], json!(["overdue"]));
    let answer = async |customer: &str, amount: &str| {
        let new = json!({ "amount": amount, "reason": "货款已汇出",
            "expires_at": "2026-06-15T05:00:00Z" });
        let made = desk.controller.post(&format!("{customer}/credit-overrides"), new).await;
        let location = made.header("location").to_owned();
        made.expect(201);
        location
    };
    let told = async |order: &str, amount: &str| {
        let refused = confirm(&service.signed_in(desk.admin.id), order, 409).await;
        assert_eq!(refused["reasons"], json!(["overdue"]));
        assert_eq!(refused["override_amount"], amount);
    };
    answer(&other, "5000").await;
    told(&order, "0.00").await;
    answer(&desk.customer, "50").await;
    let more = desk.order("50.01").await;
    told(&more, "50.00").await;
    confirm(&desk.admin, &order, 200).await;
    // Overrides do not add up, and revoked ones do not count.
    answer(&desk.customer, "50.01").await;
    let revoked = answer(&desk.customer, "70").await;
    desk.controller.post(&format!("{revoked}/revoke"), json!({})).await.expect(200);
    let much = desk.order("50.02").await;
    told(&much, "50.01").await;
    let late = desk.order("50.01").await;
    // The override covers overdue items, but not an excess over the limit above its amount.
    desk.credit(json!({ "credit_limit": "1000" })).await;
    let refused = confirm(&desk.admin, &more, 409).await;
    assert_eq!(refused["reasons"], json!(["over_limit"]), "1100.01 of 1050.01");
    desk.credit(json!({ "credit_limit": null })).await;
    go_to(&desk, "2026-06-15T04:59:59Z");
    confirm(&service.signed_in(desk.admin.id), &more, 200).await;
    go_to(&desk, "2026-06-15T05:00:00Z");
    told(&late, "0.00").await;
}

/// The roles that may decide, and the request of the decision.
type Decisions = Vec<(&'static [Role], Method, String, Value)>;

/// One decision of each kind on a customer's credit, as prepared by the desk.
async fn decisions(desk: &Desk<'_>, customer: &str) -> Decisions {
    const LIMITS: &[Role] =
        &[Role::Admin, Role::SalesDirector, Role::Finance, Role::CreditController];
    const OVERRIDES: &[Role] = &[Role::CreditController];
    const INVESTIGATE: &[Role] = &[Role::Admin, Role::Finance, Role::CreditController];
    const TERMS: &[Role] = &[
        Role::Admin,
        Role::GeneralManager,
        Role::SalesDirector,
        Role::SalesManager,
        Role::CreditController,
    ];
    const WRITE_OFFS: &[Role] =
        &[Role::Admin, Role::GeneralManager, Role::SalesDirector, Role::Finance];
    let ask = async |path: &str, new: Value| {
        let made = desk.controller.post(path, new).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    };
    let found = json!({ "sources": ["register"], "score": 70, "recommended_limit": "1000" });
    let mut concluding = vec![];
    for _ in 0..2 {
        let path = format!("{customer}/credit-investigations");
        let made = ask(&path, json!({ "reason": "x" })).await;
        let path = format!("/api/v1/credit-investigations/{made}");
        desk.controller.post(&format!("{path}/start"), json!({})).await.expect(200);
        concluding.push(format!("{path}/conclude"));
    }
    // Terms need a concluded investigation.
    desk.controller.post(&concluding[0], found.clone()).await.expect(200);
    owe(desk, customer, "2026-12-31", "10").await;
    let owed = format!("/api/v1/invoices?customer_id={}", id(customer));
    let owed = desk.controller.get(&owed).await.expect(200)["items"][0]["id"].clone();
    let (credit, over) = (format!("{customer}/credit"), format!("{customer}/credit-overrides"));
    let (why, note) = (json!({ "reason": "x" }), json!({ "note": "x" }));
    let answer = json!({ "amount": "1", "reason": "x", "expires_at": "2026-06-16T00:00:00Z" });
    let mut all = vec![
        (LIMITS, Method::PATCH, credit.clone(), json!({ "credit_limit": "1" })),
        (LIMITS, Method::POST, format!("{credit}/hold"), why.clone()),
        (LIMITS, Method::POST, format!("{credit}/release"), json!({})),
        (OVERRIDES, Method::POST, over, answer),
        (INVESTIGATE, Method::POST, concluding.remove(1), found),
    ];
    for step in ["reject", "approve"] {
        let terms = json!({ "payment_days": 30, "credit_limit": "1", "reason": "x" });
        let terms = ask(&format!("{customer}/terms-requests"), terms).await;
        let terms = format!("/api/v1/terms-requests/{terms}");
        desk.controller.post(&format!("{terms}/submit"), json!({})).await.expect(200);
        all.push((TERMS, Method::POST, format!("{terms}/{step}"), why.clone()));
        let new = json!({ "invoice_id": owed, "amount": "1", "reason": "x" });
        let request = ask("/api/v1/write-off-requests", new).await;
        let path = format!("/api/v1/write-off-requests/{request}/{step}");
        all.push((WRITE_OFFS, Method::POST, path, note.clone()));
    }
    all
}

#[actix_web::test]
async fn nobody_decides_on_the_credit_of_a_customer_of_their_own() {
    let service = service_on("2026-06-15").await;
    let desk = Desk::of(&service).await;
    let tag = [("if-match", "\"0\"")];
    for role in [
        Role::Admin,
        Role::GeneralManager,
        Role::SalesDirector,
        Role::SalesManager,
        Role::Finance,
        Role::CreditController,
    ] {
        let owner = service.person(&[role, Role::Salesperson]).await;
        let other = service.actor(role).await;
        // A team makes the customer visible to the manager.
        service.team(None, &other, &[&owner]).await;
        let customer = owner.customer(role.as_str()).await;
        let decisions = decisions(&desk, &customer).await;
        let before = service.count("changes").await;
        for (roles, method, path, body) in &decisions {
            let tag = if method == Method::PATCH { &tag[..] } else { &[] };
            let told = owner.send(method.clone(), path, Some(body.clone()), tag).await;
            let code = if roles.contains(&role) { "self_approval" } else { "forbidden" };
            assert_eq!(told.expect(403)["code"], code, "{role:?} {path}");
        }
        assert_eq!(service.count("changes").await, before);
        for (roles, method, path, body) in &decisions {
            let tag = if method == Method::PATCH { &tag[..] } else { &[] };
            let told = other.send(method.clone(), path, Some(body.clone()), tag).await;
            let good = told.status.is_success();
            assert_eq!(good, roles.contains(&role), "{role:?} {path}: {:#}", told.body);
        }
    }
}
