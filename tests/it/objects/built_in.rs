//! The types that the service brings along: every action in every state by everybody.

use salesbook::access::Role;
use serde_json::{Map, Value, json};

use super::{path, service};
use crate::support::harness::{Actor, Service};

fn has(list: &Value, wanted: &str) -> bool {
    list.as_array().into_iter().flatten().any(|it| it == wanted)
}

/// A value for a field.
fn value(field: &Value) -> Value {
    match field["type"].as_str().unwrap() {
        "integer" => json!(1),
        "decimal" | "money" => json!("1.00"),
        "date" => json!("2026-12-01"),
        "instant" => json!("2026-12-01T00:00:00Z"),
        "boolean" => json!(true),
        "choice" => field["options"][0]["key"].clone(),
        "choices" => json!([field["options"][0]["key"]]),
        "email" => json!("a@example.cn"),
        "url" => json!("https://example.cn/"),
        "reference" => Value::Null,
        _ => json!("x"),
    }
}

/// The fields of a definition that a condition selects, each with a value.
fn values(definition: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let fields = definition["fields"].as_array().unwrap().iter().filter(|field| wanted(field));
    let named = fields.map(|field| (field["key"].as_str().unwrap().to_owned(), value(field)));
    Value::Object(named.collect::<Map<_, _>>())
}

#[actix_web::test]
async fn every_action_in_every_state_by_everybody() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let leader = service.actor(Role::SalesManager).await;
    let author = service.actor(Role::Salesperson).await;
    let owner = service.actor(Role::Salesperson).await;
    service.team(None, &leader, &[&author, &owner]).await;
    let mut people: Vec<(String, Actor<'_>)> = vec![];
    for role in Role::ALL {
        people.push((role.as_str().to_owned(), service.actor(*role).await));
    }
    people.push(("owner".into(), service.signed_in(owner.id)));
    people.push(("author".into(), service.signed_in(author.id)));
    people.push(("leader".into(), service.signed_in(leader.id)));

    let types = admin.get("/api/v1/object-types?built_in=true").await.expect(200);
    let mut cells = [0; 3];
    for type_ in types["items"].as_array().unwrap() {
        let definition = &type_["definition"];
        let list = format!("/api/v1/objects/{}", type_["key"].as_str().unwrap());
        let mut new = values(definition, |field| field["required"] == true);
        new["owner_id"] = json!(owner.id);
        let made = author.post(&list, new).await.expect(201);
        let at = path(&made);

        for state in definition["states"].as_array().unwrap() {
            let state = state["key"].as_str().unwrap();
            let set = format!(
                "update objects set status = '{state}' where id = '{}'",
                made["id"].as_str().unwrap()
            );
            for transition in definition["transitions"].as_array().unwrap() {
                let action = transition["action"].as_str().unwrap();
                let sent = |field: &Value| {
                    ["requires", "takes"]
                        .iter()
                        .any(|list| has(&transition[*list], field["key"].as_str().unwrap()))
                };
                let body = values(definition, sent);
                for (name, actor) in &people {
                    let role = Role::ALL.iter().find(|role| role.as_str() == name);
                    let role = role.copied().unwrap_or(match name.as_str() {
                        "leader" => Role::SalesManager,
                        _ => Role::Salesperson,
                    });
                    let reads = has(&definition["readers"], role.as_str());
                    let sees = role.sees_everything()
                        || matches!(name.as_str(), "owner" | "author" | "leader");
                    let named =
                        has(&transition["actors"], name) || has(&transition["actors"], "anyone");
                    let never = transition["never_author"] == true && name == "author";
                    let may = (named || has(&transition["roles"], role.as_str())) && !never;
                    let expected = match () {
                        () if !reads => 403,
                        () if !sees => 404,
                        () if !may => 403,
                        () if !has(&transition["from"], state) => 409,
                        () => 200,
                    };
                    service.sql(&set).await;
                    let answer = actor.post(&format!("{at}/{action}"), body.clone()).await;
                    assert_eq!(
                        answer.status, expected,
                        "{state} {action} {name}: {:#}",
                        answer.body
                    );
                    if expected == 200 {
                        assert_eq!(answer.body["status"], transition["to"]);
                    }
                    cells[match expected {
                        200 => 0,
                        409 => 1,
                        _ => 2,
                    }] += 1;
                }
            }
        }
    }
    println!(
        "{} actions were taken, {} came in the wrong state, {} were not allowed",
        cells[0], cells[1], cells[2]
    );
    assert!(cells.iter().all(|count| *count > 5), "{cells:?}");
}

#[actix_web::test]
async fn a_new_release_changes_what_the_company_has_not() {
    let mut service = service().await;
    let id = service.actor(Role::Admin).await.id;
    let stored =
        service.texts("select definition::text from object_types where key = 'task'").await;
    let read = async |service: &Service| {
        let types = service.signed_in(id).get("/api/v1/object-types?built_in=true").await;
        let types = types.expect(200)["items"].as_array().unwrap().clone();
        types.into_iter().find(|it| it["key"] == "task").unwrap()
    };

    // The release before had another text.
    let label = "definition = jsonb_set(definition, '{label,en}', '\"Old\"') where key = 'task'";
    service.sql(&format!("update object_types set {label}")).await;
    service.sql(&format!("update object_type_versions set {label}")).await;
    service.restart().await;
    let now = read(&service).await;
    assert_eq!(now["definition"], stored[0].parse::<Value>().unwrap());
    assert_eq!((&now["definition_version"], &now["version"]), (&json!(2), &json!(2)));

    // What the company has changed stays.
    let mut own = now["definition"].clone();
    own["label"]["en"] = json!("Job");
    let at = format!("/api/v1/object-types/{}", now["id"].as_str().unwrap());
    let admin = service.signed_in(id);
    admin.patch(&at, 2, json!({ "definition": own })).await.expect(200);
    service.restart().await;
    let after = read(&service).await;
    assert_eq!((&after["definition"], &after["definition_version"]), (&own, &json!(3)));
}
