//! Reports show the targets and sales that the reader can list. Seeing a target gives no permission
//! to change it.

use std::collections::BTreeSet;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const SPAN: &str = "from=2026-01-01&to=2027-01-01";

async fn service() -> Service {
    let now = Timestamp("2026-11-20T04:00:00Z".parse().unwrap());
    Service::start_at(Clock::fixed(now)).await
}

async fn import(erp: &Actor<'_>, path: &str, items: Vec<Value>) -> Vec<Value> {
    let count = items.len();
    let told = erp.post(&format!("/api/v1/{path}/batch"), json!({ "items": items })).await;
    let told = told.expect(200);
    assert_eq!(told["created"], count, "{told:#}");
    told["results"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect()
}

fn ids(rows: &Value, name: &str) -> BTreeSet<String> {
    rows.as_array().unwrap().iter().map(|it| it[name].to_string()).collect()
}

#[actix_web::test]
async fn attainment_is_told_of_the_targets_that_are_listed() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (lead, other) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    let (ours, theirs) =
        (service.team(None, &lead, &[&anna]).await, service.team(None, &other, &[&boris]).await);
    let owner = |n: usize| [json!(anna.id), json!(boris.id), Value::Null][n].clone();
    let customers =
        (0..3).map(|n| json!({ "external_id": n.to_string(), "name": "C", "owner_id": owner(n) }));
    let customers = import(&erp, "customers", customers.collect()).await;
    let orders = (0..2).map(|n| {
        json!({ "external_id": n.to_string(), "number": n.to_string(), "customer_id": customers[n],
            "order_date": "2026-03-02", "credits": [{ "user_id": owner(n), "share_percent": "100" }],
            "lines": [{ "quantity": "1", "amount": format!("{}", 10 + n) }] })
    });
    import(&erp, "orders", orders.collect()).await;
    let mut owners = vec![
        json!({ "owner_type": "company" }),
        json!({ "owner_type": "channel", "channel": "shop" }),
    ];
    owners.extend([&anna, &boris].map(|it| json!({ "owner_type": "user", "owner_id": it.id })));
    owners.extend([ours, theirs].map(|it| json!({ "owner_type": "team", "owner_id": it })));
    owners.extend(customers.iter().map(|it| json!({ "owner_type": "customer", "owner_id": it })));
    let targets = owners.into_iter().enumerate().map(|(n, mut it)| {
        it["external_id"] = json!(n.to_string());
        (it["value"], it["period_type"], it["period_start"]) =
            (json!("100"), json!("year"), json!("2026-01-01"));
        it
    });
    import(&erp, "targets", targets.collect()).await;
    let (finance, reporter) =
        (service.actor(Role::Finance).await, service.actor(Role::Reporter).await);
    for (who, sold) in [
        (&anna, "10"),
        (&boris, "11"),
        (&lead, "10"),
        (&other, "11"),
        (&finance, "21"),
        (&reporter, "21"),
    ] {
        let mut seen = 0;
        for kind in ["company", "team", "user", "channel", "customer"] {
            let list = who.get(&format!("/api/v1/targets?owner_type={kind}")).await.expect(200);
            let url = format!("/api/v1/reports/attainment?owner_type={kind}&{SPAN}");
            let report = who.get(&url).await.expect(200);
            let listed = ids(&list["items"], "id");
            assert_eq!(ids(&report["rows"], "target_id"), listed, "{kind}");
            seen += listed.len();
            if kind == "company" {
                // Everybody sees the company target, with the sales within their own scope.
                let actual = report["rows"][0]["actual"].as_str().unwrap();
                assert_eq!(actual.split('.').next().unwrap(), sold);
            }
        }
        assert!(seen > 2, "{seen}");
    }
    let people = lead.get(&format!("/api/v1/reports/team-sales?{SPAN}")).await.expect(200);
    let mine = BTreeSet::from([&lead, &anna].map(|it| json!(it.id).to_string()));
    assert!(ids(&people["rows"], "user_id").is_subset(&mine), "{people:#}");
    assert!(!people["rows"].as_array().unwrap().is_empty());
}

/// The leader of the team that booked an order sees it, even after its salesperson has left.
#[actix_web::test]
async fn an_order_stays_with_the_team_that_booked_it() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (seller, lead) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesManager).await);
    service.team(None, &lead, &[&seller]).await;
    let customer =
        import(&erp, "customers", vec![json!({ "external_id": "C", "name": "C" })]).await;
    let order = json!({ "external_id": "O", "number": "O", "customer_id": customer[0],
        "order_date": "2026-03-02", "credits": [{ "user_id": seller.id, "share_percent": "100" }],
        "lines": [{ "quantity": "1", "amount": "10" }] });
    import(&erp, "orders", vec![order]).await;
    service.sql(&format!("delete from memberships where user_id = '{}'", seller.id)).await;
    service.directory_changed().await;
    let list = lead.get("/api/v1/orders").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let report = lead.get(&format!("/api/v1/reports/sales?{SPAN}")).await.expect(200);
    assert_eq!(report["totals"]["amount"], "10.0000");
    let stranger = service.actor(Role::SalesManager).await;
    let report = stranger.get(&format!("/api/v1/reports/sales?{SPAN}")).await.expect(200);
    assert_eq!(report["totals"]["orders"], 0);
}

#[actix_web::test]
async fn a_manager_reads_the_targets_of_the_company_and_no_more() {
    let service = service().await;
    let erp = service.client(Role::Erp, "sap").await;
    let lead = service.actor(Role::SalesManager).await;
    let target = |status: &str| {
        json!({ "external_id": status, "owner_type": "company", "value": "100", "status": status,
            "dimension": "region", "dimension_value": status, "period_type": "month",
            "period_start": "2026-03-01" })
    };
    let made = import(&erp, "targets", vec![target("draft"), target("approved")]).await;
    let how = json!({ "period_type": "week", "method": "equal" });
    let actions = [
        (0, Method::POST, "/approve", Some(json!({}))),
        (1, Method::POST, "/close", None),
        (0, Method::POST, "/decompose", Some(how)),
        // Nor can the caller become the owner of the target.
        (0, Method::PATCH, "", Some(json!({ "owner_type": "user", "owner_id": lead.id }))),
        (0, Method::DELETE, "", None),
    ];
    for (at, method, action, body) in actions {
        let url = format!("/api/v1/targets/{}{action}", made[at].as_str().unwrap());
        lead.get(url.trim_end_matches(action)).await.expect(200);
        let tag = [("if-match", "\"1\"")];
        let told = lead.send(method.clone(), &url, body, &tag).await.expect(403);
        assert_eq!(told["code"], "not_your_target", "{method} {action}");
    }
}
