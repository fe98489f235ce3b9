//! Teams and memberships.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const TEAMS: &str = "/api/v1/teams";

async fn team(actor: &Actor<'_>, name: &str, parent: Option<&str>) -> String {
    let team = actor.post(TEAMS, json!({ "name": name, "parent_id": parent })).await.expect(201);
    team["id"].as_str().unwrap().to_owned()
}

fn path(id: &str) -> String {
    format!("{TEAMS}/{id}")
}

async fn delete(actor: &Actor<'_>, path: &str, version: i64) -> u16 {
    let tag = format!("\"{version}\"");
    actor.send(Method::DELETE, path, None, &[("if-match", &tag)]).await.status.as_u16()
}

#[actix_web::test]
async fn a_team_from_beginning_to_end() {
    let service = Service::start().await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let top = team(&admin, "Top", None).await;
    let below = team(&admin, "Below", Some(&top)).await;
    seller.post(TEAMS, json!({ "name": "Mine" })).await.expect(403);
    assert_eq!(seller.get(&path(&below)).await.expect(200)["parent_id"], top.as_str());
    let list = seller.get(&format!("{TEAMS}?parent_id={top}&total=exact")).await.expect(200);
    assert_eq!((&list["items"][0]["name"], &list["total"]), (&json!("Below"), &json!(1)));
    assert_eq!(
        seller.get(&format!("{TEAMS}?q=elo")).await.expect(200)["items"][0]["name"],
        "Below"
    );

    let coded = admin.patch(&path(&below), 1, json!({ "code": "B" })).await.expect(200);
    assert_eq!((&coded["code"], &coded["version"]), (&json!("B"), &json!(2)));
    let refused = admin.patch(&path(&top), 1, json!({ "code": "B" })).await.expect(409);
    assert_eq!(refused["errors"][0]["pointer"], "/code");
    let history = seller.get(&(path(&below) + "/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 2);

    assert_eq!(delete(&admin, &path(&top), 1).await, 409, "there is a team below it");
    let new = json!({ "user_id": seller.id, "valid_from": "2020-01-01", "valid_to": "2020-02-01" });
    admin.post(&(path(&below) + "/memberships"), new).await.expect(201);
    assert_eq!(delete(&admin, &path(&below), 2).await, 409, "somebody has been in it");
    let empty = team(&admin, "Empty", None).await;
    assert_eq!(delete(&admin, &path(&empty), 1).await, 204);
    admin.get(&path(&empty)).await.expect(404);
}

#[actix_web::test]
async fn no_team_is_above_itself() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let a = team(&admin, "A", None).await;
    let b = team(&admin, "B", Some(&a)).await;
    let c = team(&admin, "C", Some(&b)).await;
    for parent in [&a, &b, &c] {
        let refused = admin.patch(&path(&a), 1, json!({ "parent_id": parent })).await.expect(409);
        assert_eq!(
            (&refused["code"], &refused["errors"][0]["pointer"]),
            (&json!("team_cycle"), &json!("/parent_id"))
        );
    }
    admin.patch(&path(&c), 1, json!({ "parent_id": null })).await.expect(200);
    // Two concurrent changes, each of which is valid by itself.
    let (x, y) = (team(&admin, "X", None).await, team(&admin, "Y", None).await);
    let (px, py) = (path(&x), path(&y));
    let both = futures_util::future::join(
        admin.patch(&px, 1, json!({ "parent_id": y })),
        admin.patch(&py, 1, json!({ "parent_id": x })),
    )
    .await;
    let mut told = [both.0.status.as_u16(), both.1.status.as_u16()];
    told.sort_unstable();
    assert_eq!(told, [200, 409]);
}

#[actix_web::test]
async fn teams_come_in_any_order() {
    let service = Service::start().await;
    let erp = service.actor(Role::Erp).await;
    let batch = async |items: Value| {
        let body = json!({ "source_system": "sap", "items": items });
        erp.post(&format!("{TEAMS}/batch"), body).await.expect(200)
    };
    let outcomes = batch(json!([
        { "external_id": "3", "name": "C", "parent_external_id": "2" },
        { "external_id": "2", "name": "B", "parent_external_id": "1" },
        { "external_id": "1", "name": "A" },
        { "external_id": "4", "name": "D", "parent_external_id": "unknown" },
        { "external_id": "5", "code": "no name" },
    ]))
    .await;
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(3), &json!(2)), "{outcomes:#}");
    let again = batch(json!([{ "external_id": "1", "name": "A" }])).await;
    assert_eq!(again["unchanged"], 1);

    // The tree is turned upside down; the result is valid as a whole.
    let turned = batch(json!([
        { "external_id": "1", "parent_external_id": "3" },
        { "external_id": "2", "parent_external_id": null },
        { "external_id": "3", "parent_external_id": "2" },
    ]))
    .await;
    assert_eq!((&turned["updated"], &turned["unchanged"]), (&json!(2), &json!(1)), "{turned:#}");
    // A cycle through a row outside of the batch: only that item fails.
    let circle = batch(json!([
        { "external_id": "2", "parent_external_id": "1" },
        { "external_id": "6", "name": "F" },
    ]))
    .await;
    assert_eq!((&circle["created"], &circle["failed"]), (&json!(1), &json!(1)), "{circle:#}");
    assert_eq!(circle["results"][0]["problem"]["code"], "team_cycle");
    // A cycle within the batch.
    let within = batch(json!([
        { "external_id": "7", "name": "G", "parent_external_id": "8" },
        { "external_id": "8", "name": "H", "parent_external_id": "7" },
    ]))
    .await;
    assert_eq!(within["failed"], 2);
}

#[actix_web::test]
async fn one_team_at_a_time() {
    let service = Service::start().await;
    let hr = service.actor(Role::Hr).await;
    let seller = service.actor(Role::Salesperson).await;
    let (a, b) = (team(&hr, "A", None).await, team(&hr, "B", None).await);
    let join = async |team: &str, from: &str, to: Value| {
        let new =
            json!({ "user_id": seller.id, "valid_from": from, "valid_to": to, "leads": true });
        hr.post(&(path(team) + "/memberships"), new).await
    };
    let first = join(&a, "2024-01-01", json!("2025-01-01")).await.expect(201);
    assert_eq!(
        (&first["version"], &first["user_name"]),
        (&json!(2), &json!(format!("e-{}", seller.id)))
    );
    let refused = join(&b, "2024-12-31", Value::Null).await.expect(409);
    assert_eq!(refused["code"], "overlapping_membership");
    join(&b, "2023-01-01", json!("2024-01-02")).await.expect(409);
    join(&b, "2025-06-01", json!("2025-06-01")).await.expect(422);
    let second = join(&b, "2025-01-01", Value::Null).await.expect(201);
    let user = format!("/api/v1/users/{}", seller.id);
    let shown = seller.get(&user).await.expect(200);
    assert_eq!((&shown["team_id"], &shown["leads_team"]), (&json!(b), &json!(true)));

    let on = async |team: &str, day: &str| {
        let list = seller.get(&format!("{}/memberships?on={day}", path(team))).await.expect(200);
        list["items"].as_array().unwrap().len()
    };
    assert_eq!((on(&a, "2024-12-31").await, on(&a, "2025-01-01").await), (1, 0));
    assert_eq!(on(&b, "2025-01-01").await, 1);

    let end = format!("/api/v1/memberships/{}/end", first["id"].as_str().unwrap());
    hr.post(&end, json!({ "valid_to": "2025-02-01" })).await.expect(409);
    hr.post(&end, json!({ "valid_to": "2024-06-01" })).await.expect(200);
    seller.post(&end, json!({ "valid_to": "2024-06-01" })).await.expect(403);
    let second = format!("/api/v1/memberships/{}", second["id"].as_str().unwrap());
    assert_eq!(hr.get(&second).await.expect(200)["version"], 4);
    assert_eq!(delete(&hr, &second, 3).await, 412);
    assert_eq!(delete(&hr, &second, 4).await, 204);
    assert_eq!(seller.get(&user).await.expect(200)["team_id"], Value::Null);
    let history = seller.get(&(user + "/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 4);

    // One of many concurrent requests succeeds.
    let other = service.actor(Role::Salesperson).await;
    let new = json!({ "user_id": other.id, "valid_from": "2024-01-01" });
    let at = path(&a) + "/memberships";
    let calls = (0..5).map(|_| hr.post(&at, new.clone()));
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status.as_u16() == 201).count();
    assert_eq!(made, 1);
    let unknown = json!({ "user_id": Uuid::nil() });
    let refused = hr.post(&at, unknown).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "unknown_reference");
}

#[actix_web::test]
async fn a_change_of_teams_changes_the_reach() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let boss = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let top = team(&admin, "Top", None).await;
    let below = team(&admin, "Below", None).await;
    for (user, team, leads) in [(boss.id, &top, true), (seller.id, &below, false)] {
        let change = json!({ "team_id": team, "leads_team": leads });
        admin.patch(&format!("/api/v1/users/{user}"), 1, change).await.expect(200);
    }
    let people = async || {
        service.inner.directory.poll().await.unwrap();
        boss.get("/api/v1/me").await.expect(200)["reach"]["people"].clone()
    };
    assert_eq!(people().await, json!(1));
    admin.patch(&path(&below), 1, json!({ "parent_id": top })).await.expect(200);
    assert_eq!(people().await, json!(2));
    admin.patch(&path(&below), 2, json!({ "parent_id": null })).await.expect(200);
    assert_eq!(people().await, json!(1));
}
