//! Figures derived from masked fields are masked, and those derived from invisible rows are
//! invisible.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::complaints::{COMPLAINTS, about};
use crate::credit::{Desk, id};
use crate::support::harness::{Actor, Service};
use crate::targets::{TARGETS, act, codes, delete, of_user, path, with};

#[actix_web::test]
async fn a_margin_does_not_tell_the_cost() {
    let service = Service::start().await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;
    let margin = json!({ "owner_type": "user", "owner_id": seller.id, "metric": "gross_margin",
        "period_type": "month", "period_start": "2026-03-01", "value": "100" });

    // A salesperson cannot draft a margin target, neither directly nor by a change.
    let problem = seller.post(TARGETS, margin.clone()).await.expect(403);
    assert_eq!(codes(&problem), ["/metric forbidden_field"]);
    let amount = with(margin.clone(), &json!({ "metric": "ordered_amount" }));
    let draft = seller.post(TARGETS, amount).await.expect(201);
    let path = format!("{TARGETS}/{}", draft["id"].as_str().unwrap());
    let problem = seller.patch(&path, 1, json!({ "metric": "gross_margin" })).await.expect(403);
    assert_eq!(codes(&problem), ["/metric forbidden_field"]);

    // Reports in any format hide a margin target of somebody else from them.
    let margin = manager.post(TARGETS, margin).await.expect(201);
    let margin = margin["id"].as_str().unwrap();
    let explain = format!("attainment/explain?target_id={margin}");
    let attainment = "attainment?metric=gross_margin&from=2026-01-01&to=2027-01-01";
    for report in [explain.as_str(), attainment] {
        for form in ["", "&format=csv"] {
            let path = format!("/api/v1/reports/{report}{form}");
            let problem = seller.get(&path).await.expect(403);
            assert_eq!(codes(&problem), ["/metric field_not_readable"], "{path}");
            assert_eq!(manager.get(&path).await.status, 200, "{path}");
        }
    }

    // The stored figure of a closed target is hidden as well.
    let close = format!(
        "update targets set status = 'closed', closed_at = now(), closed_actual = 77,
        approved_at = now() where id = '{margin}'"
    );
    service.sql(&close).await;
    let seen = async |actor: &Actor<'_>| {
        let one = actor.get(&format!("{TARGETS}/{margin}")).await.expect(200);
        let all = actor.get(&format!("{TARGETS}?metric=gross_margin")).await.expect(200);
        assert_eq!(all["items"][0]["closed_actual"], one["closed_actual"]);
        (one["closed_actual"].clone(), one["masked_fields"].clone())
    };
    assert_eq!(seen(&seller).await, (Value::Null, json!(["closed_actual"])));
    assert_ne!(seen(&admin).await.0, Value::Null);
}

#[actix_web::test]
async fn an_external_id_that_is_masked_finds_nobody() {
    let service = Service::start().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (manager, office) =
        (service.actor(Role::SalesManager).await, service.actor(Role::BackOffice).await);
    service.team(None, &manager, &[&seller]).await;
    let customer = seller.customer("Anji").await;
    let named = |external_id: &str| {
        let name =
            json!({ "about_user_external_id": external_id, "about_user_source_system": "test" });
        with(about(&customer), &name)
    };
    let of = |actor: &Actor<'_>| format!("e-{}", actor.id);

    for external_id in [of(&stranger), "nobody".to_owned()] {
        let problem = seller.post(COMPLAINTS, named(&external_id)).await.expect(422);
        assert_eq!(codes(&problem), ["/about_user_external_id unknown_reference"]);
    }
    seller.post(COMPLAINTS, named(&of(&manager))).await.expect(422);

    let known = manager.post(COMPLAINTS, named(&of(&seller))).await.expect(201);
    assert_eq!(known["about_user_id"], json!(seller.id));
    let known = office.post(COMPLAINTS, named(&of(&stranger))).await.expect(201);
    assert_eq!(known["about_user_id"], json!(stranger.id));
    // Everybody can see the names and ids of all users.
    let by_id = with(about(&customer), &json!({ "about_user_id": stranger.id }));
    seller.post(COMPLAINTS, by_id).await.expect(201);
}

#[actix_web::test]
async fn a_phone_number_does_not_tell_of_invisible_customers() {
    let service = Service::start().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let new = json!({ "name": "上海林氏贸易有限公司", "phone": "021-5555 0100" });
    seller.post("/api/v1/customers", new).await.expect(201);
    let same = |name: &str| json!({ "name": name, "phone": "021-5555 0100" });

    stranger.post("/api/v1/customers", same("Somebody else")).await.expect(201);

    // Duplicates among the caller's own customers are reported, and so are equal names.
    let problem = stranger.post("/api/v1/customers", same("Once more")).await.expect(409);
    assert_eq!(problem["duplicates"].as_array().unwrap().len(), 1);
    assert_eq!(problem["duplicates"][0]["name"], "Somebody else");
    let problem = seller.post("/api/v1/customers", same("Again")).await.expect(409);
    assert_eq!(problem["duplicates"][0]["name"], "上海林氏贸易有限公司");
}

#[actix_web::test]
async fn a_refusal_does_not_add_up_the_targets_of_others() {
    let service = Service::start().await;
    let (office, director) =
        (service.actor(Role::BackOffice).await, service.actor(Role::SalesDirector).await);
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let company = json!({ "owner_type": "company", "period_type": "month",
        "period_start": "2026-11-01", "value": "100" });
    let whole = office.post(TARGETS, company).await.expect(201);
    let part =
        |of: &Actor<'_>, value| with(of_user(of.id, value), &json!({ "parent_id": whole["id"] }));
    office.post(TARGETS, part(&stranger, "60")).await.expect(201);
    let own = path(&seller.post(TARGETS, part(&seller, "40")).await.expect(201));
    act(&director, &path(&whole), "approve").await.expect(200);

    let refused = [
        delete(&seller, &own, 1).await.expect(409),
        seller.patch(&own, 1, json!({ "value": "39" })).await.expect(409),
    ];

    for problem in refused {
        assert_eq!(problem["code"], "target_under_allocated");
        assert_eq!((&problem["allocated"], &problem["required"]), (&Value::Null, &Value::Null));
        assert!(!problem["detail"].to_string().contains("60"), "{problem:#}");
    }
}

#[actix_web::test]
async fn the_credit_of_an_invisible_customer_stays_so() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let (manager, helper) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    service.team(None, &manager, &[&helper]).await;
    let order = json!({ "customer_id": id(&desk.customer), "salesperson_id": helper.id,
        "lines": [{ "product_id": desk.product, "quantity": "777" }] });
    let order = desk.admin.post("/api/v1/orders", order).await.expect(201);
    let order = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    desk.admin.post(&format!("{order}/submit"), json!({})).await.expect(200);
    manager.get(&desk.customer).await.expect(404);

    let told = manager.post(&format!("{order}/confirm"), json!({})).await.expect(409);
    let whole = desk.admin.post(&format!("{order}/confirm"), json!({})).await.expect(409);

    assert_eq!((&told["code"], &whole["code"]), (&json!("credit_limit_exceeded"), &told["code"]));
    for name in ["exposure", "limit", "available", "reasons"] {
        assert_eq!(told[name], Value::Null, "{name}");
    }
    assert_ne!(whole["exposure"], Value::Null, "whoever sees the customer sees why");
}
