use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn contact(actor: &Actor<'_>, customer: &str, more: Value) -> Value {
    let mut new = json!({ "customer_id": id(customer), "name": "王芳", "allow_duplicate": true });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    actor.post("/api/v1/contacts", new).await.expect(201)
}

#[actix_web::test]
async fn personal_fields_are_for_those_who_need_them() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = seller.customer("Lin & Sons").await;
    let personal = json!({ "birth_year": 1980, "personality": "calm", "hobbies": ["围棋"] });
    let mine = contact(&seller, &customer, personal).await;
    assert_eq!((&mine["birth_year"], &mine["masked_fields"]), (&json!(1980), &json!([])));
    let path = format!("/api/v1/contacts/{}", mine["id"].as_str().unwrap());
    let shown = office.get(&path).await.expect(200);
    for name in ["birth_year", "hobbies", "personality"] {
        assert_eq!(shown[name], Value::Null, "{name}");
    }
    assert_eq!(shown["masked_fields"], json!(["birth_year", "hobbies", "personality"]));
    assert_eq!(shown["name"], "王芳");
    let list = office.get("/api/v1/contacts").await.expect(200);
    assert_eq!(list["items"][0], shown);
    let refused = office.get("/api/v1/contacts?birth_year=1980").await.expect(403);
    assert_eq!(refused["errors"][0]["pointer"], "/birth_year");
    let refused = office.patch(&path, 1, json!({ "hobbies": [] })).await.expect(403);
    assert_eq!(refused["errors"][0]["pointer"], "/hobbies");
    let history = office.get(&format!("{path}/history")).await.expect(200);
    assert!(!history.to_string().contains("围棋"));
    let stale = office.patch(&path, 7, json!({ "title": "CEO" })).await.expect(412);
    assert!(!stale.to_string().contains("calm"));
}

#[actix_web::test]
async fn what_is_erased_is_gone_from_everywhere() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let customer = seller.customer("Lin & Sons").await;
    let new = json!({ "customer_id": id(&customer), "name": "Anneliese", "birth_year": 1981,
        "phone": "555-0199", "hobbies": ["Segelfliegen"] });
    let key = [("idempotency-key", "k1")];
    let post = seller.send(Method::POST, "/api/v1/contacts", Some(new.clone()), &key);
    let made = post.await.expect(201);
    let path = format!("/api/v1/contacts/{}", made["id"].as_str().unwrap());
    seller.patch(&path, 1, json!({ "personality": "patient as a stone" })).await.expect(200);

    let erased = office.post(&format!("{path}/erase"), json!({})).await.expect(200);
    assert_eq!((&erased["name"], &erased["phone"]), (&json!("***"), &Value::Null));
    let again = office.post(&format!("{path}/erase"), json!({})).await.expect(200);
    assert_eq!(again["version"], erased["version"], "twice is once");
    let everything = "select row_to_json(it)::text from changes it
        union all select convert_from(body, 'utf8') from idempotency_keys
        union all select row_to_json(it)::text from contacts it";
    let kept = service.texts(everything).await.join("\n");
    for trace in ["Anneliese", "1981", "555-0199", "Segelfliegen", "patient"] {
        assert!(!kept.contains(trace), "{trace} is still there");
    }
    let answer = seller.patch(&path, 3, json!({ "name": "Anneliese" })).await.expect(409);
    assert_eq!(answer["code"], "contact_erased");
    let feed = seller.get("/api/v1/changes?types=contact").await.expect(200);
    assert!(!feed.to_string().contains("Anneliese"));
}

#[actix_web::test]
async fn a_customer_has_one_primary_contact() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin & Sons").await;
    let first = contact(&seller, &customer, json!({ "is_primary": true })).await;
    contact(&seller, &customer, json!({ "is_primary": true })).await;
    let path = format!("/api/v1/contacts/{}", first["id"].as_str().unwrap());
    let first = seller.get(&path).await.expect(200);
    assert_eq!((&first["is_primary"], &first["version"]), (&json!(false), &json!(2)));
    let erp = service.client(Role::Erp, "sap").await;
    let item = json!({ "external_id": "K1", "customer_id": id(&customer), "name": "K",
        "is_primary": true });
    let outcomes = erp.post("/api/v1/contacts/batch", json!({ "items": [item] })).await.expect(200);
    let fault = &outcomes["results"][0]["problem"]["errors"][0];
    assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/is_primary"), &json!("duplicate")));
}

#[actix_web::test]
async fn a_contact_is_as_visible_as_its_customer() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let customer = seller.customer("Lin & Sons").await;
    let mine = contact(&seller, &customer, json!({})).await;
    let path = format!("/api/v1/contacts/{}", mine["id"].as_str().unwrap());
    stranger.get(&path).await.expect(404);
    stranger.patch(&path, 1, json!({ "name": "X" })).await.expect(404);
    stranger.send(Method::DELETE, &path, None, &[("if-match", "\"1\"")]).await.expect(404);
    let new = json!({ "customer_id": id(&customer), "name": "X" });
    let fault = stranger.post("/api/v1/contacts", new).await.expect(422);
    assert_eq!(fault["errors"][0]["code"], "unknown_reference");
    assert_eq!(stranger.get("/api/v1/contacts").await.expect(200)["items"], json!([]));
    seller.send(Method::DELETE, &path, None, &[("if-match", "\"1\"")]).await.expect(204);
    seller.get(&path).await.expect(404);
}
