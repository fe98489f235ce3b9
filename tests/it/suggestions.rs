//! Suggestions: recorded once in the field and answered by the office.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

const PATH: &str = "/api/v1/suggestions";

async fn service() -> Service {
    Service::start_at(Clock::fixed(Timestamp("2026-11-20T02:00:00Z".parse().unwrap()))).await
}

async fn customer(of: &Actor<'_>) -> String {
    of.customer("上海林氏").await.rsplit('/').next().unwrap().to_owned()
}

async fn visit(of: &Actor<'_>, customer: &str) -> String {
    let made = of.post("/api/v1/visits", json!({ "customer_id": customer })).await.expect(201);
    made["id"].as_str().unwrap().to_owned()
}

fn path(suggestion: &Value) -> String {
    format!("{PATH}/{}", suggestion["id"].as_str().unwrap())
}

fn codes(problem: &Value) -> String {
    let errors = problem["errors"].as_array().unwrap().iter();
    let told = errors
        .map(|it| format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap()));
    told.collect::<Vec<_>>().join(", ")
}

#[actix_web::test]
async fn heard_on_a_visit_sent_twice_and_answered() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let stranger = service.actor(Role::Salesperson).await;
    let customer = customer(&seller).await;
    let visit = visit(&seller, &customer).await;
    let photo = [("content-type", "text/plain")];
    let photo =
        seller.send_bytes(Method::POST, "/api/v1/attachments", b"photo".to_vec(), &photo).await;
    let photo = photo.expect(201)["id"].clone();

    let heard = format!("/api/v1/visits/{visit}/suggestions");
    let new = json!({ "category": "product", "text": "希望提供小包装", "attachment_ids": [photo] });
    stranger.post(&heard, new.clone()).await.expect(404);
    let key = [("idempotency-key", "phone-17-1")];
    let made = seller.send(Method::POST, &heard, Some(new.clone()), &key).await;
    assert_eq!(made.header("location"), path(&made.body));
    let made = made.expect(201);
    let again = seller.send(Method::POST, &heard, Some(new), &key).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!((again.expect(201), service.count("suggestions").await), (made.clone(), 1));
    assert_eq!(
        (&made["customer_id"], &made["visit_id"], &made["reporter_id"], &made["status"]),
        (&json!(customer), &json!(visit), &json!(seller.id), &json!("new"))
    );
    let path = path(&made);
    let file = format!("/api/v1/attachments/{}", photo.as_str().unwrap());
    office.get(&file).await.expect(200);
    stranger.get(&file).await.expect(404);

    let answer = format!("{path}/answer");
    let noted = json!({ "decision": "noted" });
    seller.post(&answer, noted.clone()).await.expect(403);
    let noted = office.post(&answer, noted).await.expect(200);
    assert_eq!((&noted["status"], &noted["answer"]), (&json!("noted"), &Value::Null));
    let silent = office.post(&answer, json!({ "decision": "adopted" })).await.expect(422);
    assert_eq!(codes(&silent), "/answer required");
    let adopted = json!({ "decision": "adopted", "answer": "明年一季度推出" });
    let adopted = office.post(&answer, adopted).await.expect(200);
    assert_eq!(
        (&adopted["status"], &adopted["answered_by"], &adopted["answered_at"]),
        (&json!("adopted"), &json!(office.id), &json!("2026-11-20T02:00:00Z"))
    );
    let declined = json!({ "decision": "declined", "answer": "成本太高" });
    let late = office.post(&answer, declined).await.expect(409);
    assert_eq!(
        (&late["code"], &late["current_status"]),
        (&json!("wrong_status"), &json!("adopted"))
    );
    assert_eq!(seller.get(&path).await.expect(200)["answer"], "明年一季度推出");
    let history = seller.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn each_rule_violated_once() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let (mine, second, theirs) =
        (customer(&seller).await, customer(&seller).await, customer(&other).await);
    let contact = json!({ "customer_id": second, "name": "王芳" });
    let contact = seller.post("/api/v1/contacts", contact).await.expect(201)["id"].clone();
    let elsewhere = visit(&seller, &second).await;
    let hidden = visit(&other, &theirs).await;
    let nobody = Uuid::now_v7();
    for (changes, expected) in [
        (json!({ "category": "colour" }), "/category unknown_value"),
        (json!({ "text": "" }), "/text too_short"),
        (json!({ "text": "多".repeat(5001) }), "/text too_long"),
        (json!({ "attachment_ids": vec![nobody; 21] }), "/attachment_ids too_many"),
        (json!({ "attachment_ids": [nobody] }), "/attachment_ids/0 unknown_reference"),
        (json!({ "attachment_ids": [nobody, nobody] }), "/attachment_ids/1 duplicate"),
        (json!({ "customer_id": theirs }), "/customer_id unknown_reference"),
        (json!({ "visit_id": hidden }), "/visit_id unknown_reference"),
        (json!({ "visit_id": elsewhere }), "/visit_id contradiction"),
        (json!({ "contact_id": contact }), "/contact_id contradiction"),
        (json!({ "answer": "x" }), "/answer unknown_field"),
    ] {
        let mut new = json!({ "customer_id": mine, "category": "service", "text": "多来几次" });
        new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assert_eq!(codes(&seller.post(PATH, new).await.expect(422)), expected);
    }
    let merge = json!({ "loser_id": second });
    let admin = service.actor(Role::Admin).await;
    let left = json!({ "customer_id": second, "category": "service", "text": "多来几次" });
    let moved = path(&seller.post(PATH, left.clone()).await.expect(201));
    admin.post(&format!("/api/v1/customers/{mine}/merge"), merge).await.expect(200);
    assert_eq!(seller.get(&moved).await.expect(200)["customer_id"], json!(mine));
    let next = seller.post(PATH, left).await.expect(201);
    assert_eq!(next["customer_id"], json!(mine), "the loser's id leads to the winner");
}

#[actix_web::test]
async fn whoever_recorded_it_or_looks_after_the_customer_sees_it() {
    let service = service().await;
    let (seller, coach, stranger) = (
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    );
    let (manager, office) =
        (service.actor(Role::SalesManager).await, service.actor(Role::BackOffice).await);
    service.team(None, &manager, &[&coach]).await;
    let customer = customer(&seller).await;
    let along = json!({ "customer_id": customer, "participant_ids": [coach.id] });
    let along = seller.post("/api/v1/visits", along).await.expect(201)["id"].clone();
    let heard = format!("/api/v1/visits/{}/suggestions", along.as_str().unwrap());
    let new = json!({ "category": "delivery", "text": "提前一天通知" });
    let made = path(&coach.post(&heard, new).await.expect(201));
    let new = json!({ "customer_id": customer, "category": "price", "text": "多给点折扣" });
    seller.post(PATH, new).await.expect(201);
    for (actor, count) in [(&seller, 2), (&coach, 1), (&manager, 1), (&office, 2), (&stranger, 0)] {
        let list = actor.get(&format!("{PATH}?total=exact")).await.expect(200);
        assert_eq!(
            (&list["total"], list["items"].as_array().unwrap().len()),
            (&json!(count), count)
        );
        actor.get(&made).await.expect(if count > 0 { 200 } else { 404 });
    }
    let answer = json!({ "decision": "declined", "answer": "x" });
    let other = service.actor(Role::SalesManager).await;
    other.post(&format!("{made}/answer"), answer.clone()).await.expect(404);
    manager.post(&format!("{made}/answer"), answer).await.expect(200);
    let few = |query: String| {
        let office = &office;
        async move {
            let list = office.get(&format!("{PATH}?total=exact&{query}")).await.expect(200);
            list["total"].as_u64().unwrap()
        }
    };
    assert_eq!(few(format!("reporter_id={}", coach.id)).await, 1);
    assert_eq!(few(format!("customer_id={customer}")).await, 2);
    assert_eq!(few(format!("visit_id={}", along.as_str().unwrap())).await, 1);
    assert_eq!(few("category=price,product".into()).await, 1);
    assert_eq!(few("status=declined".into()).await, 1);
    assert_eq!(few("created_from=2026-11-20T02:00:01Z".into()).await, 0);
    assert_eq!(few("created_to=2026-11-20T02:00:01Z".into()).await, 2);
    service.actor(Role::Finance).await.get(PATH).await.expect(403);
}
