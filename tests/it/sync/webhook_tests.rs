//! Test events of webhooks, and the log of deliveries.

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::app::Settings;
use serde_json::{Value, json};

use crate::support::harness::Service;
use crate::support::receiver::{Mood, Receiver};
use crate::sync::webhooks::{courier, hook, send_until};

#[actix_web::test]
async fn a_test_is_sent_at_once_and_signed_like_every_event() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let receiver = Receiver::new(Mood::Good).await;
    let (path, secret) = hook(&sap, &receiver, json!(["product"])).await;
    sap.patch(&path, 1, json!({ "active": false })).await.expect(200);

    let delivery = sap.post(&format!("{path}/test"), Value::Null).await.expect(200);

    assert_eq!((&delivery["type"], &delivery["status"]), (&json!("test"), &json!("delivered")));
    assert_eq!((&delivery["response_status"], &delivery["error"]), (&json!(200), &Value::Null));
    assert!(delivery["duration_ms"].as_i64().is_some_and(|ms| (0..10_000).contains(&ms)));
    let event = {
        let got = receiver.got.borrow();
        got[0].verify(&secret);
        got[0].event()
    };
    assert_eq!(event["event_id"], delivery["event_id"]);
    assert_eq!((&event["type"], &event["op"]), (&json!("test"), &json!("updated")));
    assert_eq!(event["data"], sap.get(&path).await.expect(200), "without the secret");
    let log = sap.get(&format!("{path}/deliveries")).await.expect(200);
    assert_eq!(log["items"], json!([delivery]));
}

#[actix_web::test]
async fn a_test_that_fails_is_no_failure_of_the_queue() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Fails).await;
    let (path, _) = hook(&sap, &receiver, json!(["customer"])).await;

    let delivery = sap.post(&format!("{path}/test"), Value::Null).await.expect(200);

    assert_eq!((&delivery["status"], &delivery["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!(delivery["response_status"], 500);
    let error = delivery["error"].as_str().unwrap();
    assert!(error.starts_with("500 Internal Server Error out of ink"), "{error}");
    assert_eq!(delivery["next_attempt_at"], Value::Null);
    let dead = sap.get(&format!("{path}/deliveries?status=dead,pending")).await.expect(200);
    assert_eq!(dead["items"], json!([]));
    let replay = format!("{path}/deliveries/{}/replay", delivery["id"].as_str().unwrap());
    assert_eq!(sap.post(&replay, Value::Null).await.expect(409)["code"], "wrong_status");
    receiver.mood.set(Mood::Good);
    seller.customer("Lin").await;
    send_until(&courier(&service), &receiver, 2).await;
    assert_eq!(receiver.got.borrow()[1].event()["type"], "customer", "nothing waits for it");
}

#[actix_web::test]
async fn a_receiver_that_is_not_there_is_described_in_words() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let receiver = Receiver::new(Mood::Refuses).await;
    let (path, secret) = hook(&sap, &receiver, json!([])).await;

    let delivery = sap.post(&format!("{path}/test"), Value::Null).await.expect(200);

    assert_eq!(
        (&delivery["status"], &delivery["response_status"]),
        (&json!("failed"), &Value::Null)
    );
    let error = delivery["error"].as_str().unwrap();
    assert!(error.len() > 5 && !error.contains("127.0.0.1"), "{error}");
    assert!(!delivery.to_string().contains(&secret));
}

#[actix_web::test]
async fn a_test_repeated_with_its_key_is_not_sent_again() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!([])).await;
    let path = format!("{path}/test");
    let key = [("idempotency-key", "once")];

    let first = sap.send(Method::POST, &path, None, &key).await;
    let again = sap.send(Method::POST, &path, None, &key).await;

    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.expect(200), again.expect(200));
    assert_eq!(receiver.count(), 1);
}

#[actix_web::test]
async fn only_its_owner_and_admins_test_a_webhook() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!([])).await;
    let path = format!("{path}/test");

    let other = service.client(Role::Erp, "other").await;
    other.post(&path, Value::Null).await.expect(404);
    service.actor(Role::SalesManager).await.post(&path, Value::Null).await.expect(403);
    service.anonymous().post(&path, Value::Null).await.expect(401);
    assert_eq!(receiver.count(), 0);
    service.actor(Role::Admin).await.post(&path, Value::Null).await.expect(200);
    assert_eq!(receiver.count(), 1);
}

#[actix_web::test]
async fn a_test_goes_only_where_events_may_go() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&admin, &receiver, json!([])).await;
    let strict = service.another(Settings::default()).await.unwrap();

    let strictly = strict.signed_in(admin.id);
    let delivery = strictly.post(&format!("{path}/test"), Value::Null).await.expect(200);

    assert_eq!((&delivery["status"], receiver.count()), (&json!("failed"), 0));
    assert!(delivery["error"].as_str().is_some_and(|why| !why.is_empty()));
}

#[actix_web::test]
async fn the_log_says_how_long_a_receiver_took() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!(["customer"])).await;
    seller.customer("Lin").await;

    send_until(&courier(&service), &receiver, 1).await;

    let log = sap.get(&format!("{path}/deliveries?limit=100")).await.expect(200);
    assert_eq!(
        (&log["items"][0]["attempts"], &log["items"][0]["response_status"]),
        (&json!(1), &json!(200))
    );
    assert!(log["items"][0]["duration_ms"].is_i64());
}

#[actix_web::test]
async fn the_log_of_a_webhook_does_not_grow_without_end() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let receiver = Receiver::new(Mood::Good).await;
    let (one, _) = hook(&sap, &receiver, json!([])).await;
    let (other, _) = hook(&sap, &receiver, json!([])).await;
    for (path, count, status) in
        [(&one, 10_005, "delivered"), (&one, 3, "dead"), (&other, 7, "delivered")]
    {
        let id = path.rsplit('/').next().unwrap();
        let insert = format!(
            "insert into webhook_deliveries (id, webhook_id, event_id, type, resource_id, xid, seq,
                at, status, attempts, last_attempt_at, created_at)
            select gen_random_uuid(), '{id}', gen_random_uuid(), 'customer', '{id}', 1, n, now(),
                '{status}', 1, now(), now() - n * interval '1 second'
            from generate_series(1, {count}) as n"
        );
        service.sql(&insert).await;
    }

    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let forget = async |tx: &mut _| salesbook::sync::webhook::forget_old(tx).await;
    let dropped = salesbook::platform::Tx::run(db, clock, sap.id, forget).await.unwrap();

    assert_eq!(dropped, 5);
    let total = async |path: &str, status: &str| {
        let path = format!("{path}/deliveries?total=exact&status={status}");
        sap.get(&path).await.expect(200)["total"].as_i64().unwrap()
    };
    assert_eq!(total(&one, "delivered").await, 10_000);
    assert_eq!((total(&one, "dead").await, total(&other, "delivered").await), (3, 7));
    let oldest = "select max(seq)::text from webhook_deliveries where status = 'delivered'";
    assert_eq!(service.texts(oldest).await, ["10000"], "the oldest go first");
}
