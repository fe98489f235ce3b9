//! Webhooks with working and with failing receivers.

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use salesbook::sync::webhook::Courier;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::{Actor, Service};
use crate::support::receiver::{Mood, Receiver};

pub fn courier(service: &Service) -> Courier {
    let inner = &service.inner;
    inner.courier(inner.db.clone()).unwrap()
}

/// Creates a webhook. Returns its path and its secret.
pub async fn hook(actor: &Actor<'_>, receiver: &Receiver, types: Value) -> (String, String) {
    let new = json!({ "url": receiver.url(), "types": types });
    let made = actor.post("/api/v1/webhooks", new).await.expect(201);
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    (path, made["secret"].as_str().unwrap().to_owned())
}

/// Waits until the feed has this number of customer changes; other tests may delay it.
pub async fn told(reader: &Actor<'_>, count: usize) {
    let start = Instant::now();
    let feed = async || reader.get("/api/v1/changes?types=customer").await.expect(200);
    while feed().await["items"].as_array().unwrap().len() < count {
        assert!(start.elapsed() < Duration::from_secs(30), "fewer than {count}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Delivers events until this number of requests has arrived; other tests may delay the feed.
pub async fn send_until(courier: &Courier, receiver: &Receiver, count: usize) {
    let start = Instant::now();
    while receiver.count() < count {
        courier.once().await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "{} of {count}", receiver.count());
        sleep(Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn events_arrive_signed_and_in_order() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    seller.customer("Before it began").await;
    // The earlier event must be in the feed, because later ones are delivered to the webhook.
    told(&sap, 1).await;
    let (all, some) = (Receiver::new(Mood::Good).await, Receiver::new(Mood::Good).await);
    let (_, secret) = hook(&sap, &all, json!([])).await;
    hook(&sap, &some, json!(["product"])).await;
    let (one, two) = (seller.customer("Lin").await, seller.customer("Wang").await);
    for version in 1..4 {
        for path in [&one, &two] {
            let city = json!({ "city": format!("{version}") });
            seller.patch(path, version, city).await.expect(200);
        }
    }
    let courier = courier(&service);
    send_until(&courier, &all, 8).await;
    assert_eq!(courier.once().await.unwrap(), 0, "nothing is sent again");
    let versions = all.versions();
    assert_eq!(versions.len(), 2);
    assert!(versions.values().all(|it| *it == [1, 2, 3, 4]), "{versions:?}");
    all.got.borrow().iter().for_each(|it| it.verify(&secret));
    let feed = sap.get("/api/v1/changes?types=customer").await.expect(200);
    let sent = all.got.borrow()[0].event();
    let told =
        feed["items"].as_array().unwrap().iter().find(|it| it["event_id"] == sent["event_id"]);
    assert_eq!(told, Some(&sent), "as the feed tells it");
    assert_eq!(some.count(), 0);
    let wrong = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        all.got.borrow()[0].verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    }));
    assert!(wrong.is_err(), "another secret does not verify");
}

/// A failing event delays later events of the same resource only. After three days it is given up
/// and listed as dead, and can be sent again.
#[actix_web::test]
async fn what_is_not_taken_for_three_days_is_given_up() {
    let clock = Clock::fixed(Timestamp("2026-11-20T04:00:00Z".parse().unwrap()));
    let service = Service::start_at(clock.clone()).await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Fails).await;
    let (path, _) = hook(&admin, &receiver, json!(["customer"])).await;
    let customer = seller.customer("Lin").await;
    seller.patch(&customer, 1, json!({ "city": "Ulm" })).await.expect(200);
    let courier = courier(&service);
    send_until(&courier, &receiver, 1).await;
    let mut attempts = 1;
    let first = clock.now();
    loop {
        assert_eq!(courier.once().await.unwrap(), 0, "not before its time");
        if service.count("webhook_deliveries where status = 'dead'").await > 0 {
            break;
        }
        let next = "select min(next_attempt_at)::text from webhook_deliveries where attempts > 0
            and status = 'pending'";
        let next = service.texts(next).await.remove(0);
        let next = next.replace(' ', "T").replace("+00", "Z");
        let next: jiff::Timestamp = next.parse().unwrap();
        assert!(next - SignedDuration::from_secs(5) >= clock.now().0);
        clock.set(Timestamp(next));
        courier.once().await.unwrap();
        attempts += 1;
        assert!(attempts < 100);
    }
    assert_eq!(clock.now().0, first.0 + SignedDuration::from_hours(72));
    // The delayed event has its own three days.
    let admin = service.signed_in(admin.id);
    let dead = admin.get(&format!("{path}/deliveries?status=dead")).await.expect(200);
    assert_eq!(dead["items"].as_array().unwrap().len(), 1);
    let dead = &dead["items"][0];
    assert!(dead["attempts"].as_i64().unwrap() > 20, "{dead:#}");
    let seen = receiver.versions();
    assert_eq!(seen.len(), 1);
    receiver.mood.set(Mood::Good);
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_hours(1)));
    let before = receiver.count();
    send_until(&courier, &receiver, before + 1).await;
    let event = receiver.got.borrow().last().unwrap().event();
    assert_eq!(event["version"], 2, "the next one has its turn");

    let replay = format!("{path}/deliveries/{}/replay", dead["id"].as_str().unwrap());
    let admin = service.signed_in(admin.id);
    let again = admin.post(&replay, Value::Null).await.expect(200);
    assert_eq!((&again["status"], &again["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(admin.post(&replay, Value::Null).await.expect(409)["code"], "wrong_status");
    let before = receiver.count();
    send_until(&courier, &receiver, before + 1).await;
    let last = receiver.got.borrow().last().unwrap().event();
    assert_eq!((&last["version"], &last["event_id"]), (&json!(1), &dead["event_id"]));

    // The log is kept for 30 days after the last attempt, so that late failures can be noticed.
    let forget = async || {
        let run = async |tx: &mut _| salesbook::sync::webhook::forget_old(tx).await;
        let (db, clock) = (&service.inner.db, &service.inner.clock);
        salesbook::platform::Tx::run(db, clock, uuid::Uuid::nil(), run).await.unwrap()
    };
    let days = SignedDuration::from_hours(24 * 30);
    for tried in [first.0, first.0 + SignedDuration::from_hours(73)] {
        clock.set(Timestamp(tried + days));
        assert_eq!(forget().await, 0);
    }
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_hours(1)));
    assert_eq!(forget().await, 2);
}

#[actix_web::test]
async fn one_resource_does_not_wait_for_another() {
    let service = Service::start().await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Fails).await;
    hook(&admin, &receiver, json!(["customer"])).await;
    let stuck = seller.customer("Lin").await;
    let courier = courier(&service);
    send_until(&courier, &receiver, 1).await;
    receiver.mood.set(Mood::Good);
    seller.patch(&stuck, 1, json!({ "city": "Ulm" })).await.expect(200);
    seller.customer("Wang").await;
    send_until(&courier, &receiver, 2).await;
    let event = receiver.got.borrow()[1].event();
    assert_eq!(event["data"]["name"], "Wang", "the other one waits for its own first event");
}

/// Two instances, one of which is paused for longer than its lease.
#[actix_web::test]
async fn each_event_is_brought_by_one_instance() {
    let clock = Clock::fixed(Timestamp("2026-11-20T04:00:00Z".parse().unwrap()));
    let service = Service::start_at(clock.clone()).await;
    let (admin, seller) =
        (service.actor(Role::Admin).await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    hook(&admin, &receiver, json!(["customer"])).await;
    for n in 0..20 {
        seller.customer(&format!("C{n}")).await;
    }
    let (one, two) = (courier(&service), courier(&service));
    let start = Instant::now();
    while receiver.count() < 20 {
        let (a, b) = tokio::join!(one.once(), two.once());
        a.and(b).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30), "{}", receiver.count());
    }
    assert_eq!((receiver.count(), receiver.versions().len()), (20, 20), "each once");
    // The first instance waits for a receiver that does not answer, as if it were paused.
    receiver.mood.set(Mood::Hangs);
    seller.customer("Late").await;
    let one = Rc::new(one);
    let paused = rt::spawn({
        let one = one.clone();
        async move { one.once().await }
    });
    send_until(&two, &receiver, 21).await;
    assert_eq!(two.once().await.unwrap(), 0, "it is the first one's");
    receiver.mood.set(Mood::Good);
    clock.set(Timestamp(clock.now().0 + SignedDuration::from_secs(31)));
    send_until(&two, &receiver, 22).await;
    let delivered = "select attempts::text from webhook_deliveries where status = 'delivered'
        order by created_at desc, id desc limit 1";
    let told = service.texts(delivered).await;
    // The first instance continues, but may not change the results of the second one.
    let _ = paused.await.unwrap();
    assert_eq!(service.texts(delivered).await, told, "not undone by the one before");
    assert_eq!(service.count("webhook_deliveries where status <> 'delivered'").await, 0);
}
