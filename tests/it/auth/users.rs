//! Users: visible and writable fields for each role.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::auth::{membership, user};
use salesbook::platform::{Date, Timestamp, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const USERS: &str = "/api/v1/users";

fn path(id: impl std::fmt::Display) -> String {
    format!("{USERS}/{id}")
}

fn id_of(value: &Value) -> Uuid {
    value["id"].as_str().unwrap().parse().unwrap()
}

async fn batch(actor: &Actor<'_>, items: Value) -> Value {
    let body = json!({ "source_system": "sap", "items": items });
    actor.post(&format!("{USERS}/batch"), body).await.expect(200)
}

#[actix_web::test]
async fn everybody_sees_names_and_teams_and_no_more() {
    let service = Service::start().await;
    let (admin, boss) = (service.actor(Role::Admin).await, service.actor(Role::SalesManager).await);
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let team = service.team(None, &boss, &[&seller]).await;
    let change = json!({ "phone": "13800000000", "email": "a@example.com" });
    admin.patch(&path(seller.id), 1, change).await.expect(200);

    for reader in [&admin, &boss, &seller] {
        let seen = reader.get(&path(seller.id)).await.expect(200);
        assert_eq!(seen["phone"], "13800000000");
        assert_eq!(seen["roles"], json!(["salesperson"]));
        assert_eq!(seen["manager_id"], json!(boss.id));
        assert_eq!(seen["masked_fields"], json!([]));
    }
    let reporter = service.actor(Role::Reporter).await;
    for reader in [&stranger, &reporter] {
        let seen = reader.get(&path(seller.id)).await.expect(200);
        assert_eq!((&seen["team_id"], &seen["leads_team"]), (&json!(team), &json!(false)));
        for field in seen["masked_fields"].as_array().unwrap() {
            assert!(seen[field.as_str().unwrap()].is_null(), "{field}");
        }
        assert!(
            ["phone", "email", "roles", "username", "external_id"]
                .iter()
                .all(|field| { seen["masked_fields"].as_array().unwrap().contains(&json!(field)) })
        );
        assert!(!seen.to_string().contains("13800000000"));
        let list = reader.get(&format!("{USERS}?role=admin")).await.expect(403);
        assert_eq!(list["errors"][0]["pointer"], "/role");
        let history = reader.get(&(path(seller.id) + "/history")).await.expect(200);
        assert!(!history.to_string().contains("13800000000"), "{history}");
    }
    let list = stranger.get(USERS).await.expect(200);
    let row = list["items"].as_array().unwrap().iter().find(|it| it["id"] == json!(seller.id));
    assert_eq!(row.unwrap()["phone"], Value::Null);
    let list = admin.get(&format!("{USERS}?role=admin,erp")).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let history = admin.get(&(path(seller.id) + "/history")).await.expect(200);
    assert_eq!(history["items"][0]["diff"]["phone"]["to"], "13800000000");

    let mut recorded = json!({ "id": seller.id, "name": "A", "phone": "1", "roles": ["hr"] });
    let strange = salesbook::access::Caller::of(salesbook::access::Person {
        id: stranger.id,
        roles: vec![Role::Salesperson],
        machine: false,
        source_system: None,
        reach: vec![stranger.id],
        teams: vec![],
    });
    recorded = user::shown(&strange, recorded);
    assert_eq!((&recorded["phone"], &recorded["roles"]), (&Value::Null, &Value::Null));
    assert_eq!(recorded["name"], "A");
}

/// Encodes a byte for a URL.
fn escaped(byte: u8) -> String {
    if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

#[actix_web::test]
async fn names_are_found_and_sorted_as_they_are_read() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    for name in ["张伟", "阿宝", "李娜", "Bob"] {
        admin.post(USERS, json!({ "name": name })).await.expect(201);
    }
    let names = async |query: &str| -> Vec<String> {
        let query: String = query.bytes().map(escaped).collect();
        let list = admin.get(&format!("{USERS}?{query}")).await.expect(200);
        let rows = list["items"].as_array().unwrap().iter();
        let names = rows.map(|row| row["name"].as_str().unwrap().to_owned());
        names.filter(|name| !name.starts_with("e-")).collect()
    };
    assert_eq!(names("sort=name_pinyin").await, ["阿宝", "Bob", "李娜", "张伟"]);
    assert_eq!(names("sort=-created_at").await, ["Bob", "李娜", "阿宝", "张伟"]);
    for (q, found) in
        [("伟", "张伟"), ("zhangw", "张伟"), ("ln", "李娜"), ("li na", "李娜"), ("BO", "Bob")]
    {
        assert!(names(&format!("q={q}")).await.contains(&found.to_owned()), "{q}");
    }
    // Reading page by page gives the same rows as a single request.
    let mut cursor = String::new();
    let mut found = vec![];
    loop {
        let query = format!("{USERS}?sort=name_pinyin&limit=2{cursor}");
        let page = admin.get(&query).await.expect(200);
        found.extend(page["items"].as_array().unwrap().iter().map(|row| row["name"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let all = admin.get(&format!("{USERS}?sort=name_pinyin")).await.expect(200);
    let all: Vec<_> =
        all["items"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(found, all);
}

#[actix_web::test]
async fn only_an_admin_grants_roles() {
    let service = Service::start().await;
    let (admin, hr) = (service.actor(Role::Admin).await, service.actor(Role::Hr).await);
    let erp = service.actor(Role::Erp).await;
    for actor in [&hr, &erp] {
        let new = json!({ "name": "A", "roles": ["salesperson", "admin"] });
        let refused = actor.post(USERS, new).await.expect(403);
        assert_eq!(
            (&refused["code"], &refused["errors"][0]["pointer"]),
            (&json!("roles_not_grantable"), &json!("/roles"))
        );
        let made = actor.post(USERS, json!({ "name": "A" })).await.expect(201);
        assert_eq!(made["roles"], json!(["salesperson"]));
        let path = path(id_of(&made));
        actor.patch(&path, 1, json!({ "roles": ["hr"] })).await.expect(403);
        let same = json!({ "roles": ["salesperson"], "phone": "1" });
        actor.patch(&path, 1, same).await.expect(200);
    }
    let new = json!({ "name": "B", "roles": ["quality", "sales_manager"] });
    let made = admin.post(USERS, new).await.expect(201);
    assert_eq!(made["roles"], json!(["sales_manager", "quality"]));
    hr.patch(&path(hr.id), 1, json!({ "roles": ["hr", "admin"] })).await.expect(403);
    service.actor(Role::SalesManager).await.post(USERS, json!({ "name": "C" })).await.expect(403);

    // In batches, an ERP may report the role of a salesperson, but cannot give or remove others.
    let outcomes = batch(
        &erp,
        json!([
            { "external_id": "1", "name": "A", "roles": ["salesperson"] },
            { "external_id": "2", "name": "B", "roles": ["admin"] },
            { "external_id": "3", "name": "C", "password": "correct horse battery" },
            { "external_id": "4", "name": "D" },
        ]),
    )
    .await;
    assert_eq!((&outcomes["created"], &outcomes["failed"]), (&json!(2), &json!(2)), "{outcomes:#}");
    assert_eq!(outcomes["results"][1]["problem"]["errors"][0]["code"], "roles_not_grantable");
    assert_eq!(outcomes["results"][2]["problem"]["errors"][0]["code"], "unknown_field");
    let first = path(outcomes["results"][0]["id"].as_str().unwrap());
    admin.patch(&first, 1, json!({ "roles": ["sales_manager"] })).await.expect(200);
    let again = batch(&erp, json!([{ "external_id": "1", "roles": ["salesperson"] }])).await;
    assert_eq!(again["unchanged"], 1);
    assert_eq!(admin.get(&first).await.expect(200)["roles"], json!(["sales_manager"]));
    let granted = batch(&admin, json!([{ "external_id": "4", "roles": ["hr"] }])).await;
    assert_eq!(granted["updated"], 1);
    hr.post(&format!("{USERS}/batch"), json!({ "items": [] })).await.expect(403);
}

#[actix_web::test]
async fn somebody_can_always_let_others_in() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let own = path(admin.id);
    for change in [
        json!({ "roles": ["hr"] }),
        json!({ "active": false }),
        json!({ "employed_to": "2020-01-01" }),
    ] {
        let refused = admin.patch(&own, 1, change).await.expect(409);
        assert!(["last_admin", "own_account"].contains(&refused["code"].as_str().unwrap()));
    }

    // Two admins: each may disable the other, but only one request succeeds.
    let other = service.actor(Role::Admin).await;
    let (a, b) = (path(other.id), own.clone());
    let off = json!({ "active": false });
    let both =
        futures_util::future::join(admin.patch(&a, 1, off.clone()), other.patch(&b, 1, off)).await;
    let mut told = [both.0.status.as_u16(), both.1.status.as_u16()];
    told.sort_unstable();
    assert_eq!(told, [200, 409]);
    let left = service.count("users where active and 'admin' = any(roles)").await;
    assert_eq!(left, 1);

    // Two items of a batch may not do more than two batches in sequence.
    let service = Service::start().await;
    let (first, second) = (service.actor(Role::Admin).await, service.actor(Role::Admin).await);
    let third = service.actor(Role::Admin).await;
    let leaving = format!("update users set employed_to = '2999-01-01' where id = '{}'", third.id);
    service.sql(&leaving).await;
    let outcomes = batch(
        &third,
        json!([
            { "external_id": "1", "id": first.id, "active": false },
            { "external_id": "2", "id": second.id, "active": false },
        ]),
    )
    .await;
    assert_eq!(outcomes["failed"], 2, "they have external ids of another system: {outcomes:#}");
    service.sql("update users set source_system = null, external_id = null").await;
    let outcomes = batch(
        &third,
        json!([
            { "external_id": "1", "id": first.id, "active": false },
            { "external_id": "2", "id": second.id, "active": false },
        ]),
    )
    .await;
    assert_eq!((&outcomes["updated"], &outcomes["failed"]), (&json!(1), &json!(1)), "{outcomes:#}");
}

#[actix_web::test]
async fn a_move_is_a_membership() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let team = async |name: &str| {
        id_of(&admin.post("/api/v1/teams", json!({ "name": name })).await.expect(201))
    };
    let (east, west) = (team("East").await, team("West").await);
    let new = json!({ "name": "A", "team_id": east, "employed_from": "2024-03-01" });
    let user = admin.post(USERS, new).await.expect(201);
    assert_eq!((&user["team_id"], &user["version"]), (&json!(east), &json!(1)));
    let path = path(id_of(&user));
    let stays = || {
        service.texts(
            "select concat_ws(' ', valid_from, coalesce(valid_to::text, '-'), leads) \
         from memberships order by valid_from",
        )
    };
    assert_eq!(stays().await, ["2024-03-01 - f"]);

    let moved =
        admin.patch(&path, 1, json!({ "team_id": west, "effective_on": "2025-01-01" })).await;
    assert_eq!(moved.expect(200)["team_id"], json!(west));
    let led =
        admin.patch(&path, 2, json!({ "leads_team": true, "effective_on": "2025-06-01" })).await;
    assert_eq!(led.expect(200)["leads_team"], json!(true));
    assert_eq!(
        stays().await,
        ["2024-03-01 2025-01-01 f", "2025-01-01 2025-06-01 f", "2025-06-01 - t"]
    );
    let same = admin.patch(&path, 3, json!({ "team_id": west, "leads_team": true })).await;
    assert_eq!(same.expect(200)["version"], 3, "nothing different writes nothing");

    // A future change: today only the version changes, and the row changes on that day.
    let clock = &service.inner.clock;
    let ahead = json!({ "team_id": null, "effective_on": "2199-01-01" });
    let planned = admin.patch(&path, 3, ahead).await.expect(200);
    assert_eq!((&planned["team_id"], &planned["version"]), (&json!(west), &json!(4)));
    let run = || Tx::run(&service.inner.db, clock, Uuid::nil(), user::apply_memberships);
    assert_eq!(run().await.unwrap(), 0);
    let now = clock.now();
    clock.set(Timestamp("2199-01-02T00:00:00Z".parse().unwrap()));
    service.sql("create table changes_then partition of changes for values from ('2198-12-01') to ('2199-03-01')").await;
    assert_eq!(run().await.unwrap(), 1);
    assert_eq!(run().await.unwrap(), 0);
    clock.set(now);
    let row = admin.get(&path).await.expect(200);
    assert_eq!((&row["team_id"], &row["version"]), (&Value::Null, &json!(5)));

    let nowhere = json!({ "name": "B", "leads_team": true });
    let refused = admin.post(USERS, nowhere).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/leads_team");
    let unknown = json!({ "name": "B", "team_id": Uuid::nil() });
    let refused = admin.post(USERS, unknown).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "unknown_reference");
    let first = admin.post(USERS, json!({ "name": "C", "team_id": east })).await.expect(201);
    let from = "select min(valid_from)::text from memberships";
    assert_eq!(service.texts(from).await, ["0001-01-01"]);

    // The team to which the sales of a day count.
    let day = |text: &str| Date(text.parse().unwrap());
    let id = id_of(&user);
    let wanted = [
        (id, day("2020-01-01")),
        (id, day("2025-02-01")),
        (id, day("2199-06-01")),
        (admin.id, day("2025-01-01")),
    ];
    let mut conn = service.inner.db.conn().await.unwrap();
    let top = team("Top").await;
    service.sql(&format!("update teams set parent_id = '{top}' where id = '{west}'")).await;
    let paths = membership::team_paths(&mut conn, &wanted).await.unwrap();
    assert_eq!(paths[&wanted[0]], [east]);
    assert_eq!(paths[&wanted[1]], [west, top]);
    assert_eq!(paths[&wanted[2]], [east], "after the last one the first one counts again");
    assert_eq!(paths[&wanted[3]], Vec::<Uuid>::new());
    assert_ne!(id_of(&first), id);
}

#[actix_web::test]
async fn a_manager_is_the_nearest_leader_above() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let (top, middle) =
        (service.actor(Role::SalesDirector).await, service.actor(Role::SalesManager).await);
    let seller = service.actor(Role::Salesperson).await;
    let above = service.team(None, &top, &[]).await;
    service.team(Some(above), &middle, &[&seller]).await;
    let manager = async |of: Uuid| admin.get(&path(of)).await.expect(200)["manager_id"].clone();
    assert_eq!(manager(seller.id).await, json!(middle.id));
    assert_eq!(manager(middle.id).await, json!(top.id));
    assert_eq!(manager(top.id).await, Value::Null);
    admin.patch(&path(middle.id), 1, json!({ "active": false })).await.expect(200);
    assert_eq!(manager(seller.id).await, json!(top.id));
}

#[actix_web::test]
async fn what_is_unique_and_what_is_stale() {
    let service = Service::start().await;
    let hr = service.actor(Role::Hr).await;
    let new = json!({ "name": "A", "username": "a", "external_id": "1", "source_system": "sap" });
    let user = hr.post(USERS, new.clone()).await.expect(201);
    let refused = hr.post(USERS, json!({ "name": "B", "username": "a" })).await.expect(409);
    assert_eq!(
        (&refused["code"], &refused["errors"][0]["pointer"]),
        (&json!("duplicate"), &json!("/username"))
    );
    let refused = hr.post(USERS, json!({ "name": "B", "external_id": "1" })).await.expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/source_system");
    let path = path(id_of(&user));
    let stale = hr.patch(&path, 7, json!({ "phone": "1" })).await.expect(412);
    assert_eq!(stale["current"], json!({ "phone": null }));
    let none = hr.send(Method::PATCH, &path, Some(json!({ "phone": "1" })), &[]).await;
    none.expect(428);
    for (change, pointer) in [
        (json!({ "employed_from": "2025-01-02", "employed_to": "2025-01-02" }), "/employed_to"),
        (json!({ "email": "nonsense" }), "/email"),
        (json!({ "username": "with space" }), "/username"),
        (json!({ "roles": [] }), "/roles"),
        (json!({ "name": "" }), "/name"),
        (json!({ "version": 2 }), "/version"),
        (json!({ "manager_id": null }), "/manager_id"),
        (json!({ "password": "correct horse battery" }), "/password"),
    ] {
        let refused = hr.patch(&path, 1, change).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let gone = hr.patch(&path, 1, json!({ "employed_to": "2020-01-01" })).await.expect(200);
    assert_eq!(gone["employed_to"], "2020-01-01");
}
