//! The formats of lists do not reveal hidden rows either.

use std::collections::BTreeSet;

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::hidden::{SECRET, World, said};
use crate::api::openapi;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Inventor;

/// The values that a parameter of an operation accepts.
fn words(operation: &Value, parameter: &str) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut known = parameters.filter(|known| known["name"] == parameter && known["in"] == "query");
    let words = known.next().and_then(|known| known["schema"]["items"]["enum"].as_array().cloned());
    words.into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
}

fn forms(operation: &Value) -> Vec<String> {
    let (expansions, fields) = (words(operation, "expand"), words(operation, "fields"));
    let mut forms = vec![format!("fields={}", fields.join(","))];
    if !expansions.is_empty() {
        forms.push(format!("expand={}", expansions.join(",")));
        forms.push(format!("expand={}&fields=id", expansions.join("&expand=")));
    }
    forms
}

#[actix_web::test]
async fn no_form_of_a_list_shows_what_is_hidden() {
    let service = Service::start().await;
    let world = World::of(&service).await;
    let hidden: Vec<&str> = world.hidden.iter().map(|row| row.1.as_str()).collect();
    let hidden = hidden.join(",");
    let mut cells = 0;
    for (path, method, operation) in openapi::operations() {
        let forms = forms(operation);
        if method != "get" || path.contains('{') || words(operation, "fields").is_empty() {
            continue;
        }
        for actor in [&world.anna, &world.manager] {
            let mut asked = vec![format!("{path}?updated_from=2000-01-01T00:00:00Z")];
            asked.push(format!("{path}?id={hidden}&total=exact"));
            asked.push(format!("{path}?q={SECRET}&total=exact"));
            asked.extend(forms.iter().map(|form| format!("{path}?{form}")));
            for url in asked {
                for accept in ["application/json", "text/csv"] {
                    let told = actor.send(Method::GET, &url, None, &[("accept", accept)]).await;
                    assert!(told.status.as_u16() < 500, "{url}");
                    let text = String::from_utf8_lossy(&told.bytes).into_owned();
                    assert!(!text.contains(SECRET), "{url} {accept}: {text}");
                    let by_id = url.contains("?id=") && told.body["total"].is_number();
                    assert!(!by_id || told.body["total"] == 0, "{url}: {text}");
                    cells += 1;
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(cells > 300, "{cells}");
}

/// Checks whether the caller can read a related row by its id.
async fn can_read(actor: &Actor<'_>, of: &str, id: &Value) -> bool {
    let path = format!("/api/v1/{of}/{}", id.as_str().unwrap());
    actor.get(&path).await.status == 200
}

#[actix_web::test]
async fn a_name_is_shown_to_whoever_can_read_its_row() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    Inventor::with_rows(&service, &admin, 3).await;
    let world = World::of(&service).await;
    let mut actors = vec![world.anna, world.boris, world.manager];
    for role in Role::ALL {
        actors.push(service.actor(*role).await);
    }
    let targets = [
        ("customer", "customers"),
        ("contact", "contacts"),
        ("product", "products"),
        ("order", "orders"),
        ("invoice", "invoices"),
        ("owner", "users"),
        ("salesperson", "users"),
    ];
    let mut cells = 0;
    for (path, method, operation) in openapi::operations() {
        let known = words(operation, "expand");
        if method != "get" || path.contains('{') || known.is_empty() || path.ends_with("targets") {
            continue;
        }
        for actor in &actors {
            let page = actor.get(&format!("{path}?limit=3&expand={}", known.join(","))).await;
            for row in page.body["items"].as_array().into_iter().flatten() {
                for (member, of) in targets {
                    let (id, name) = (&row[format!("{member}_id")], &row[member]);
                    if id.is_null() || !known.iter().any(|known| known == member) {
                        continue;
                    }
                    let seen = can_read(actor, of, id).await;
                    assert_eq!(seen, !name.is_null(), "{path} {member}: {row:#}");
                    assert!(!seen || name["id"] == *id);
                    cells += 1;
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(cells > 100, "{cells}");
}

#[actix_web::test]
async fn selected_fields_are_masked_as_in_the_whole() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    Inventor::with_rows(&service, &admin, 3).await;
    let mut cells = 0;
    for role in [Role::Salesperson, Role::Finance, Role::Reporter, Role::Erp] {
        let actor = service.actor(role).await;
        for (path, method, operation) in openapi::operations() {
            let fields = words(operation, "fields");
            if method != "get" || path.contains('{') || fields.is_empty() {
                continue;
            }
            let whole = actor.get(&format!("{path}?limit=2")).await;
            let Some(rows) = whole.body["items"].as_array().filter(|rows| !rows.is_empty()) else {
                continue;
            };
            for field in &fields {
                let url = format!("{path}?limit=2&fields={field}");
                let page = actor.get(&url).await.expect(200);
                for (row, part) in rows.iter().zip(page["items"].as_array().unwrap()) {
                    let names: BTreeSet<&str> =
                        part.as_object().unwrap().keys().map(String::as_str).collect();
                    let fine = ["id", "masked_fields", field.as_str()];
                    assert!(names.iter().all(|name| fine.contains(name)), "{url}: {names:?}");
                    assert!(names.iter().all(|name| part[name] == row[name]), "{url}");
                    cells += 1;
                }
            }
        }
    }
    println!("{cells} cells");
    assert!(cells > 500, "{cells}");
}

#[actix_web::test]
async fn external_ids_of_hidden_rows_lead_nowhere() {
    let service = Inventor::service().await;
    let admin = service.actor(Role::Admin).await;
    let mut inventor = Inventor::with_rows(&service, &admin, 3).await;
    let world = World::of(&service).await;
    let mut cells = 0;
    for (template, method, operation) in openapi::operations() {
        let of = template.split('/').nth(3).unwrap_or_default();
        let table = of.replace('-', "_");
        let Some(id) = world.hidden.iter().find(|row| row.0 == of).map(|row| &row.1) else {
            continue;
        };
        let path = operation["parameters"].to_string().contains("external:");
        if !template.contains("{id}") || !path {
            continue;
        }
        service
            .sql(&format!(
                "update {table} set source_system = 'sap', external_id = 'X' where id = '{id}'"
            ))
            .await;
        let body = inventor.body(operation);
        let method: Method = method.to_uppercase().parse().unwrap();
        for actor in [&world.anna, &world.manager] {
            let ask = async |id: &str| {
                let url = template.replace("{id}", id).replace("{transfer_id}", id);
                let tag = [("if-match", "\"1\"")];
                said(&actor.send(method.clone(), &url, body.clone(), &tag).await)
            };
            let hidden = ask("external:sap:X").await;
            assert_eq!(hidden, ask("external:sap:none").await, "{method} {template}");
            assert_eq!(hidden, ask(&Uuid::now_v7().to_string()).await, "{method} {template}");
            cells += 1;
        }
    }
    println!("{cells} cells");
    assert!(cells > 30, "{cells}");
    let listed = "/api/v1/customers?total=exact&id=external:sap:X";
    assert_eq!(world.anna.get(listed).await.expect(200)["total"], 0);
    assert_eq!(world.boris.get(listed).await.expect(200)["total"], 1);
    let orders = "/api/v1/orders?total=exact&customer_id=external:sap:X";
    assert_eq!(world.anna.get(orders).await.expect(200)["total"], 0);
    assert_eq!(world.boris.get(orders).await.expect(200)["total"], json!(1));
}
