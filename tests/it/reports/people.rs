//! Reports reveal no more about users than `GET /users` does.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::send;
use crate::support::harness::{Actor, Service};

/// The id and the external id of each user in the report.
async fn ids(reader: &Actor<'_>, report: &str, person: &str) -> Vec<(String, Value)> {
    let path = format!("/api/v1/reports/{report}");
    let told = reader.get(&path).await.expect(200);
    let text = |row: &Value| row[format!("{person}_id")].as_str().unwrap().to_owned();
    let rows = told["rows"].as_array().unwrap().iter();
    let rows = rows.map(|row| (text(row), row[format!("{person}_external_id")].clone()));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| row.0.clone());
    rows
}

#[actix_web::test]
async fn a_colleagues_external_id_is_masked_in_reports() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (seller, colleague) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (manager, director) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesDirector).await);
    service.team(None, &manager, &[&seller]).await;
    let customers = json!([{ "external_id": "C", "name": "Lin", "owner_id": seller.id }]);
    send(&erp, "customers", customers).await;
    let orders = json!([{ "external_id": "1", "customer_external_id": "C",
        "order_date": "2026-03-02", "lines": [{ "quantity": "1", "amount": "10" }],
        "credits": [{ "user_id": seller.id, "share_percent": "50" },
            { "user_id": colleague.id, "share_percent": "50" }] }]);
    send(&erp, "orders", orders).await;
    let own = |actor: &Actor<'_>| (actor.id.to_string(), json!(format!("e-{}", actor.id)));
    let masked = |actor: &Actor<'_>| (actor.id.to_string(), Value::Null);
    let sorted = |mut rows: Vec<(String, Value)>| {
        rows.sort_by_key(|row| row.0.clone());
        rows
    };
    let sales = "sales?period=2026-03&group_by=salesperson";

    for reader in [&seller, &manager] {
        let seen = ids(reader, sales, "salesperson").await;
        assert_eq!(seen, sorted(vec![own(&seller), masked(&colleague)]));
    }
    let all = ids(&director, sales, "salesperson").await;
    assert_eq!(all, sorted(vec![own(&seller), own(&colleague)]));

    let table = seller.get(&format!("/api/v1/reports/{sales}&format=csv")).await;
    assert_eq!(table.status, 200);
    // In this test, names contain the external ids.
    let told = |actor: &Actor<'_>| table.text().matches(&format!("e-{}", actor.id)).count();
    assert_eq!((told(&seller), told(&colleague)), (2, 1), "{}", table.text());
}

/// The external id of a team is visible to everybody, because a team is not a person.
#[actix_web::test]
async fn the_external_id_of_a_team_is_not_masked() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    let team = service.team(None, &manager, &[&seller]).await;
    service.sql("update teams set source_system = 'hr', external_id = 'T1'").await;
    let target = json!({ "owner_type": "team", "owner_id": team, "period_type": "month",
        "period_start": "2026-03-01", "value": "100" });
    admin.post("/api/v1/targets", target).await.expect(201);
    service.sql("update targets set status = 'approved', approved_at = now()").await;

    let seen = ids(&manager, "attainment?owner_type=team&period=2026-03", "owner").await;

    assert_eq!(seen, [(team.to_string(), json!("T1"))]);
}
