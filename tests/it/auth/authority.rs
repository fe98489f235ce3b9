//! Changes to users: no operation lets anybody extend their own rights.

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const USERS: &str = "/api/v1/users";
const PASSWORD: &str = "correct horse battery";

fn path(id: impl std::fmt::Display) -> String {
    format!("{USERS}/{id}")
}

fn refused(answer: crate::support::harness::Answer, code: &str) {
    let problem = answer.expect(403);
    assert_eq!(problem["code"], code, "{problem:#}");
}

async fn team(actor: &Actor<'_>, name: &str, parent: Option<&str>) -> String {
    let new = json!({ "name": name, "parent_id": parent });
    let team = actor.post("/api/v1/teams", new).await.expect(201);
    team["id"].as_str().unwrap().to_owned()
}

async fn join(actor: &Actor<'_>, team: &str, new: Value) -> crate::support::harness::Answer {
    actor.post(&format!("/api/v1/teams/{team}/memberships"), new).await
}

#[actix_web::test]
async fn only_admins_change_people_with_more_than_a_salespersons_roles() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let erp = service.actor(Role::Erp).await;
    let team = team(&admin, "East", None).await;
    let changes = [
        json!({ "name": "Somebody else" }),
        json!({ "username": "mine" }),
        json!({ "active": false }),
        json!({ "employed_to": "2199-01-01" }),
        json!({ "team_id": team }),
        json!({ "phone": "1" }),
    ];
    for role in Role::ALL {
        let person = service.actor(*role).await;
        for actor in [&hr, &erp] {
            let within = *role == Role::Salesperson
                || (*role == Role::Hr && actor.id == hr.id)
                || (*role == Role::Erp && actor.id == erp.id);
            if within {
                continue;
            }
            for change in &changes {
                refused(
                    actor.patch(&path(person.id), 1, change.clone()).await,
                    "roles_exceed_yours",
                );
            }
            let member = json!({ "user_id": person.id });
            refused(join(actor, &team, member).await, "roles_exceed_yours");
        }
        let version = admin.get(&path(person.id)).await.expect(200)["version"].clone();
        assert_eq!(version, 1, "{role:?}");
        admin.patch(&path(person.id), 1, json!({ "phone": "1" })).await.expect(200);
    }
    let seller = service.actor(Role::Salesperson).await;
    hr.patch(&path(seller.id), 1, json!({ "phone": "1" })).await.expect(200);
    erp.patch(&path(seller.id), 2, json!({ "phone": "2" })).await.expect(200);
    hr.patch(&path(hr.id), 1, json!({ "phone": "1" })).await.expect(200);
}

#[actix_web::test]
async fn a_membership_of_somebody_with_more_roles_ends_only_by_an_admin() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let boss = service.actor(Role::SalesManager).await;
    let team = team(&admin, "East", None).await;
    let new = json!({ "user_id": boss.id, "leads": true });
    let stay = join(&admin, &team, new).await.expect(201);
    let stay = format!("/api/v1/memberships/{}", stay["id"].as_str().unwrap());

    let end = hr.post(&format!("{stay}/end"), json!({ "valid_to": "2199-01-01" })).await;
    refused(end, "roles_exceed_yours");
    let delete = hr.send(Method::DELETE, &stay, None, &[("if-match", "\"2\"")]).await;
    refused(delete, "roles_exceed_yours");
}

#[actix_web::test]
async fn a_batch_changes_nobody_with_more_roles() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let boss = service.actor(Role::GeneralManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let erp = service.client(Role::Erp, "test").await;

    let items = [&admin, &boss, &seller].map(
        |person| json!({ "external_id": format!("e-{}", person.id), "name": "Somebody else" }),
    );
    let key = [("idempotency-key", "1")];
    let body = json!({ "items": items });
    let outcomes = erp.send(Method::POST, &format!("{USERS}/batch"), Some(body), &key).await;
    let outcomes = outcomes.expect(200);

    assert_eq!((&outcomes["updated"], &outcomes["failed"]), (&json!(1), &json!(2)));
    for place in [0, 1] {
        let fault = &outcomes["results"][place]["problem"]["errors"][0];
        assert_eq!(fault["code"], "roles_exceed_yours", "{outcomes:#}");
    }
    // Repeating the values of the source system is allowed.
    let same = json!({ "items": [{ "external_id": format!("e-{}", boss.id) }] });
    let same = erp.send(Method::POST, &format!("{USERS}/batch"), Some(same), &[]).await;
    assert_eq!(same.expect(200)["unchanged"], 1);
}

#[actix_web::test]
async fn the_last_admin_stays_one_on_every_later_day() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let other = service.actor(Role::Admin).await;
    let patch = async |of: &Actor<'_>, version, change: Value| {
        admin.patch(&path(of.id), version, change).await
    };
    patch(&other, 1, json!({ "employed_to": "2198-01-01" })).await.expect(200);

    for day in ["2197-01-01", "2198-01-01", "2199-01-01"] {
        let ended = patch(&admin, 1, json!({ "employed_to": day })).await.expect(409);
        assert_eq!(ended["code"], "last_admin", "{day}");
    }
    let batch = json!({ "source_system": "test", "items": [
        { "external_id": format!("e-{}", admin.id), "employed_to": "2199-01-01" },
        { "external_id": format!("e-{}", other.id), "employed_to": "2197-01-01" },
    ]});
    let outcomes = admin.post(&format!("{USERS}/batch"), batch).await.expect(200);
    assert_eq!((&outcomes["failed"], &outcomes["updated"]), (&json!(1), &json!(1)));
    assert_eq!(outcomes["results"][0]["problem"]["errors"][0]["code"], "last_admin");

    // Of two permanent admins, either may get an end date, but not both.
    patch(&other, 3, json!({ "employed_to": null })).await.expect(200);
    patch(&other, 4, json!({ "employed_to": "2199-01-01" })).await.expect(200);
    patch(&admin, 1, json!({ "employed_to": "2199-01-01" })).await.expect(409);
}

#[actix_web::test]
async fn passwords_give_no_wider_scope() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let password = json!({ "password": PASSWORD });
    for role in Role::ALL {
        let person = service.actor(*role).await;
        let answer = hr.post(&(path(person.id) + "/password"), password.clone()).await;
        match role {
            Role::Salesperson => drop(answer.expect(200)),
            _ => refused(answer, "roles_exceed_yours"),
        }
        admin.post(&(path(person.id) + "/password"), password.clone()).await.expect(200);
    }

    // A salesperson who leads a team, now or later, sees more than other salespeople.
    let team = team(&admin, "East", None).await;
    for from in ["2020-01-01", "2199-01-01"] {
        let leader = service.actor(Role::Salesperson).await;
        let new = json!({ "user_id": leader.id, "leads": true, "valid_from": from });
        join(&admin, &team, new).await.expect(201);
        let answer = hr.post(&(path(leader.id) + "/password"), password.clone()).await;
        refused(answer, "roles_exceed_yours");
    }
}

#[actix_web::test]
async fn an_erp_creates_no_logins() {
    let service = Service::start().await;
    let new = json!({ "name": "A", "username": "a", "password": PASSWORD });
    let erp = service.actor(Role::Erp).await;
    refused(erp.post(USERS, new.clone()).await, "password_not_settable");
    let client = service.client(Role::Erp, "sap").await;
    let key = [("idempotency-key", "1")];
    let answer = client.send(Method::POST, USERS, Some(new.clone()), &key).await;
    refused(answer, "password_not_settable");
    assert_eq!(service.count("users where password_hash is not null").await, 0);

    service.actor(Role::Hr).await.post(USERS, new).await.expect(201);
}

#[actix_web::test]
async fn nobody_appoints_themself_leader() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let east = team(&admin, "East", None).await;
    for from in ["2020-01-01", "2199-01-01"] {
        let new = json!({ "user_id": hr.id, "leads": true, "valid_from": from });
        refused(join(&hr, &east, new).await, "own_scope");
        let change = json!({ "team_id": east, "leads_team": true, "effective_on": from });
        refused(hr.patch(&path(hr.id), 1, change).await, "own_scope");
    }

    // Setting a user's password must not give more rights either.
    let new = json!({ "name": "B", "username": "b", "password": PASSWORD });
    let mut leading = new.clone();
    (leading["team_id"], leading["leads_team"]) = (json!(east), json!(true));
    refused(hr.post(USERS, leading).await, "own_scope");
    let mine = hr.post(USERS, new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let change = json!({ "team_id": east, "leads_team": true });
    refused(hr.patch(&path(&mine), 1, change.clone()).await, "own_scope");
    // The refusal also holds after a new password, which somebody who knew the old one may have
    // set.
    let own = json!({ "current": PASSWORD, "new": "another of ten mules" });
    let person = service.signed_in(mine.parse().unwrap());
    person.post("/api/v1/me/password", own).await.expect(204);
    let version = admin.get(&path(&mine)).await.expect(200)["version"].as_i64().unwrap();
    refused(hr.patch(&path(&mine), version, change.clone()).await, "own_scope");
    admin.patch(&path(&mine), version, change).await.expect(200);
    let seller = service.actor(Role::Salesperson).await;
    join(&hr, &east, json!({ "user_id": seller.id, "leads": true })).await.expect(201);
}

#[actix_web::test]
async fn nobody_puts_people_or_teams_below_themself() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let seller = service.actor(Role::Salesperson).await;
    let (own, west) = (team(&admin, "HR", None).await, team(&admin, "West", None).await);
    let below = team(&admin, "Below", Some(&own)).await;
    join(&admin, &own, json!({ "user_id": hr.id, "leads": true })).await.expect(201);

    for into in [&own, &below] {
        let new = json!({ "user_id": seller.id, "valid_from": "2199-01-01" });
        refused(join(&hr, into, new).await, "own_scope");
        let change = json!({ "team_id": into });
        refused(hr.patch(&path(seller.id), 1, change).await, "own_scope");
        let change = json!({ "parent_id": into });
        refused(hr.patch(&format!("/api/v1/teams/{west}"), 1, change).await, "own_scope");
    }
    // Reducing one's own rights is always allowed.
    let leave = json!({ "team_id": null, "effective_on": "2199-01-01" });
    hr.patch(&path(hr.id), 2, leave).await.expect(200);
    let elsewhere = json!({ "user_id": seller.id, "valid_from": "2020-01-01" });
    join(&hr, &west, elsewhere).await.expect(201);
    let change = json!({ "name": "West 1" });
    hr.patch(&format!("/api/v1/teams/{west}"), 1, change).await.expect(200);
    assert_eq!(service.count(&format!("memberships where team_id = '{own}'")).await, 1);
    assert_ne!(hr.id, Uuid::nil());
}
