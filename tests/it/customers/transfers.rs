//! Transfers of customers, their status, and merges of duplicates.

use salesbook::access::Role;
use salesbook::platform::{Clock, Db, Timestamp, Tx};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn transfer(actor: &Actor<'_>, customer: &str, more: Value) -> Value {
    let mut new = json!({ "customers": [{ "customer_id": id(customer) }], "reason": "holiday" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    actor.post("/api/v1/customers/transfer", new).await.expect(200)
}

fn at(text: &str) -> Clock {
    Clock::fixed(Timestamp(text.parse().unwrap()))
}

async fn apply(db: &Db, clock: &Clock) -> u64 {
    let nobody = uuid::Uuid::nil();
    Tx::run(db, clock, nobody, salesbook::customers::transfer::apply_due).await.unwrap()
}

#[actix_web::test]
async fn a_transfer_waits_for_its_day() {
    let service = Service::start_at(at("2026-03-02T02:00:00Z")).await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let seller = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let path = seller.customer("Lin & Sons").await;
    transfer(&office, &path, json!({ "owner_id": other.id, "effective_on": "2026-03-04" })).await;
    assert_eq!(apply(db, clock).await, 0);
    seller.get(&path).await.expect(200);
    other.get(&path).await.expect(404);
    // The day begins at midnight in Shanghai, at 16:00 UTC of the day before.
    clock.set(Timestamp("2026-03-03T16:00:00Z".parse().unwrap()));
    assert_eq!(apply(db, clock).await, 1);
    assert_eq!(apply(db, clock).await, 0, "once");
    let token = service.inner.tokens.issue(office.id, clock.now()).unwrap();
    let list = format!("{path}/transfers");
    let transfers = service.bearer(token).get(&list).await.expect(200);
    assert_ne!(transfers["items"][0]["applied_at"], Value::Null);
    assert_eq!(transfers["items"][0]["from_owner_id"], json!(seller.id));
    let token = service.inner.tokens.issue(other.id, clock.now()).unwrap();
    service.bearer(token).get(&path).await.expect(200);
}

#[actix_web::test]
async fn a_planned_transfer_can_be_called_off() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    let path = seller.customer("Lin & Sons").await;
    let day = salesbook::platform::Date(service.inner.clock.today().0 + jiff::Span::new().days(3));
    let planned = transfer(&office, &path, json!({ "owner_id": null, "effective_on": day })).await;
    let transfer_id = planned["items"][0]["id"].as_str().unwrap();
    let cancel = format!("{path}/transfers/{transfer_id}/cancel");
    let done = office.post(&cancel, json!({})).await.expect(200);
    assert_ne!(done["items"][0]["cancelled_at"], Value::Null);
    let now = transfer(&office, &path, json!({ "owner_id": office.id })).await;
    let transfer_id = now["items"][0]["id"].as_str().unwrap();
    let cancel = format!("{path}/transfers/{transfer_id}/cancel");
    assert_eq!(office.post(&cancel, json!({})).await.expect(409)["code"], "transfer_applied");
}

#[actix_web::test]
async fn all_or_none_are_handed_over() {
    let service = Service::start().await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let mine = manager.customer("Mine").await;
    let theirs = seller.customer("Not mine").await;
    let customers = json!([{ "customer_id": id(&mine) }, { "customer_id": id(&theirs) }]);
    let both = json!({ "customers": customers, "owner_id": seller.id, "reason": "r" });
    let problem = manager.post("/api/v1/customers/transfer", both).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/customers/1/customer_id");
    assert_eq!(manager.get(&mine).await.expect(200)["owner_id"], json!(manager.id));
    for (field, day) in [("/effective_on", "2001-01-01"), ("/effective_on", "2099-01-01")] {
        let late = json!({ "customers": [{ "customer_id": id(&mine) }], "owner_id": seller.id,
            "reason": "r", "effective_on": day });
        let problem = manager.post("/api/v1/customers/transfer", late).await.expect(422);
        assert_eq!(problem["errors"][0]["pointer"], field);
    }
    seller.post("/api/v1/customers/transfer", json!({})).await.expect(403);
}

#[actix_web::test]
async fn duplicates_are_named_to_those_who_see_them() {
    let service = Service::start().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let new = json!({ "name": "上海林氏贸易有限公司", "phone": "021-5555" });
    seller.post("/api/v1/customers", new).await.expect(201);
    let again = json!({ "name": "上海 林氏贸易" });
    let problem = seller.post("/api/v1/customers", again.clone()).await.expect(409);
    assert_eq!(problem["code"], "possible_duplicate");
    assert_eq!(problem["duplicates"][0]["name"], "上海林氏贸易有限公司");
    let problem = stranger.post("/api/v1/customers", again).await.expect(409);
    assert_eq!(problem["duplicates"], json!([]), "not whose it is");
    let phone = json!({ "name": "Another", "phone": "021-5555" });
    seller.post("/api/v1/customers", phone).await.expect(409);
    let anyway = json!({ "name": "上海林氏贸易", "allow_duplicate": true });
    seller.post("/api/v1/customers", anyway).await.expect(201);
}

#[actix_web::test]
async fn every_edge_of_the_status_machine_and_no_other() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let actions = ["activate", "make-dormant", "lose", "blacklist", "reinstate"];
    let mut edges = vec![];
    for from in ["prospect", "active", "dormant", "lost", "blacklisted"] {
        for action in actions {
            let path = service.actor(Role::Salesperson).await.customer("C").await;
            let set = format!("update customers set status = '{from}' where id = '{}'", id(&path));
            service.sql(&set).await;
            // A prospect can be lost only after three visits over at least two weeks.
            let seen = format!(
                "insert into visits (id, version, owner_id, customer_id, contact_ids,
                participant_ids, visit_type, plan_source, planned_date, remote, status,
                attachment_ids, created_at, updated_at)
                select gen_random_uuid(), 1, owner_id, id, '{{}}', '{{}}', 'planned', 'manual',
                    date '2026-01-01' + 7 * day, false, 'completed', '{{}}', now(), now()
                from customers, generate_series(0, 2) as day where id = '{}'",
                id(&path)
            );
            service.sql(&seen).await;
            let body = match action {
                "activate" | "make-dormant" => json!({}),
                _ => json!({ "reason": "because" }),
            };
            let answer = admin.post(&format!("{path}/{action}"), body.clone()).await;
            if answer.status == 200 {
                let to = answer.expect(200)["status"].as_str().unwrap().to_owned();
                edges.push(format!("{from} {action} {to}"));
            } else {
                let problem = answer.expect(409);
                let told = (&problem["code"], &problem["current_status"]);
                assert_eq!(told, (&json!("wrong_status"), &json!(from)));
            }
        }
    }
    assert_eq!(
        edges,
        [
            "prospect activate active",
            "prospect lose lost",
            "prospect blacklist blacklisted",
            "active make-dormant dormant",
            "active lose lost",
            "active blacklist blacklisted",
            "dormant activate active",
            "dormant lose lost",
            "dormant blacklist blacklisted",
            "lost activate active",
            "lost blacklist blacklisted",
            "blacklisted reinstate prospect",
        ]
    );
}

#[actix_web::test]
async fn two_that_are_one() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let seller = service.actor(Role::Salesperson).await;
    let winner = seller.customer("Lin & Sons").await;
    let loser = seller.customer("Lin and Sons").await;
    let new = json!({ "customer_id": id(&loser), "name": "王芳" });
    let contact = seller.post("/api/v1/contacts", new).await.expect(201);
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    let product = admin.post("/api/v1/products", product).await.expect(201);
    let lines = json!([{ "product_id": product["id"], "quantity": "3" }]);
    let order = json!({ "customer_id": id(&loser), "lines": lines });
    let order = seller.post("/api/v1/orders", order).await.expect(201);
    let order = format!("/api/v1/orders/{}", order["id"].as_str().unwrap());
    seller.post(&format!("{order}/submit"), json!({})).await.expect(200);
    admin.post(&format!("{order}/confirm"), json!({})).await.expect(200);

    let merge = format!("{winner}/merge");
    let itself = json!({ "loser_id": id(&winner) });
    let problem = admin.post(&merge, itself).await.expect(422);
    assert_eq!(problem["errors"][0]["code"], "same_customer");
    admin.post(&merge, json!({ "loser_id": id(&loser) })).await.expect(200);
    let gone = seller.get(&loser).await.expect(200);
    assert_eq!(gone["merged_into_id"], json!(id(&winner)));
    let contact = format!("/api/v1/contacts/{}", contact["id"].as_str().unwrap());
    assert_eq!(seller.get(&contact).await.expect(200)["customer_id"], json!(id(&winner)));
    assert_eq!(seller.get(&order).await.expect(200)["customer_id"], json!(id(&winner)));
    let sold =
        format!("select amount::text from sales_entries where customer_id = '{}'", id(&winner));
    assert_eq!(service.texts(&sold).await, ["30.000000"]);
    let listed = seller.get("/api/v1/customers?total=exact").await.expect(200);
    assert_eq!(listed["total"], 1);
    let problem = seller.patch(&loser, 2, json!({ "city": "Ulm" })).await.expect(409);
    assert_eq!(problem["code"], "customer_merged");
    admin.post(&merge, json!({ "loser_id": id(&loser) })).await.expect(409);
}
