//! Misbehaving webhook receivers: each gets its events in the end, and others do not wait for them.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::rt;
use salesbook::access::Role;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::{Actor, Service};
use crate::support::receiver::{MUCH, Mood, Receiver};
use crate::support::sampling::or_in_torture;
use crate::sync::webhooks::{courier, hook};

/// Time limit on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

const EVENTS: usize = 6;

struct Bad {
    mood: Mood,
    receiver: Receiver,
    path: String,
}

impl Bad {
    async fn new(actor: &Actor<'_>, mood: Mood) -> Self {
        let receiver = Receiver::new(mood).await;
        let (path, _) = hook(actor, &receiver, json!(["customer"])).await;
        Self { mood, receiver, path }
    }

    /// The logged attempts.
    async fn tried(&self, actor: &Actor<'_>) -> Vec<Value> {
        let log = actor.get(&format!("{}/deliveries?limit=200", self.path)).await.expect(200);
        let items = log["items"].as_array().unwrap().iter();
        items.filter(|it| it["attempts"] != 0).cloned().collect()
    }

    fn check(&self, tried: &Value) {
        let (status, code) = (tried["status"].as_str().unwrap(), &tried["response_status"]);
        let error = tried["error"].as_str().unwrap_or_default();
        let (mood, told) = (self.mood, (status, code, error));
        assert!(error.len() < 1000, "{mood:?} {error}");
        match mood {
            // A receiver that answers with success has got the event.
            Mood::Breaks | Mood::Chats => assert_eq!(told, ("delivered", &json!(200), "")),
            Mood::Fails => {
                assert_eq!((status, code), ("pending", &json!(500)));
                assert!(error.contains("out of ink"), "{error}");
            }
            Mood::Redirects => assert_eq!((status, code), ("pending", &json!(302))),
            Mood::Passes(_) => assert_eq!((status, code), ("pending", &json!(307))),
            Mood::Talks => {
                assert_eq!((status, code), ("pending", &json!(503)));
                assert!(error.ends_with("xxx") && error.len() < 600, "{error}");
            }
            Mood::Hangs | Mood::Drips => {
                assert_eq!(told, ("pending", &Value::Null, "no answer in time"));
            }
            _ => {
                assert_eq!((status, code), ("pending", &Value::Null), "{mood:?} {error}");
                assert!(!error.is_empty(), "{mood:?}");
            }
        }
    }
}

#[actix_web::test]
async fn each_is_given_up_logged_and_served_in_the_end() {
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let inside = Receiver::new(Mood::Good).await;
    let moods = [
        Mood::Refuses,
        Mood::Fails,
        Mood::Hangs,
        Mood::Drips,
        Mood::Redirects,
        Mood::Passes(inside.port),
        Mood::Talks,
        Mood::Chats,
        Mood::Swells,
        Mood::Breaks,
        Mood::Babbles,
    ];
    let mut bad = vec![];
    for mood in moods.into_iter().flat_map(|it| vec![it; or_in_torture(1, 3)]) {
        bad.push(Bad::new(&sap, mood).await);
    }
    // Nothing listens on this port yet.
    let gone = Receiver::closed(Mood::Good);
    let (path, _) = hook(&sap, &gone, json!(["customer"])).await;
    bad.push(Bad { mood: Mood::Refuses, receiver: gone.clone(), path });
    let poller = rt::spawn(service.inner.directory.clone().watch());
    let running = rt::spawn(Rc::new(courier(&service)).run());
    let seller = service.actor(Role::Salesperson).await;
    for n in 0..EVENTS {
        seller.customer(&format!("C{n}")).await;
    }
    let start = Instant::now();
    for it in &bad {
        let tried = loop {
            let tried = it.tried(&sap).await;
            if !tried.is_empty() {
                break tried;
            }
            assert!(start.elapsed() < PATIENCE, "{:?} was never told anything", it.mood);
            sleep(Duration::from_millis(100)).await;
        };
        for tried in &tried {
            it.check(tried);
        }
        let (said, times) = (it.receiver.said.get(), it.receiver.count().max(1));
        if matches!(it.mood, Mood::Talks | Mood::Chats | Mood::Swells) {
            println!("{:?}: {} of {MUCH} bytes were taken", it.mood, said / times);
            assert!(said > 0 && said / times < MUCH / 4, "{:?}: {said} in {times}", it.mood);
        }
    }
    assert_eq!(inside.count(), 0, "no redirect is followed");
    gone.open();
    for it in &bad {
        it.receiver.mood.set(Mood::Good);
    }
    // All receivers get all events in the end; an event may arrive twice.
    let events = "select event_id::text from changes where type = 'customer'";
    let events: BTreeSet<String> = service.texts(events).await.into_iter().collect();
    assert_eq!(events.len(), EVENTS);
    let start = Instant::now();
    for it in &bad {
        let pending = format!("{}/deliveries?status=pending&total=exact", it.path);
        while sap.get(&pending).await.expect(200)["total"] != 0 {
            assert!(start.elapsed() < PATIENCE, "{:?}", it.mood);
            sleep(Duration::from_millis(200)).await;
        }
        let got = it.receiver.got.borrow();
        let got: BTreeSet<String> =
            got.iter().map(|it| it.event()["event_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(got, events, "{:?}", it.mood);
    }
    running.abort();
    poller.abort();
}

/// Compares the delay of a good receiver without bad ones and with them, in turn, so that a busy
/// machine delays both alike.
#[actix_web::test]
async fn nobody_waits_for_them() {
    const TURNS: usize = 3;
    let service = Service::start().await;
    let sap = service.client(Role::Erp, "sap").await;
    let seller = service.actor(Role::Salesperson).await;
    let good = Receiver::new(Mood::Good).await;
    hook(&sap, &good, json!(["customer"])).await;
    let poller = rt::spawn(service.inner.directory.clone().watch());
    let running = rt::spawn(Rc::new(courier(&service)).run());
    let lateness = async || {
        let mut each = vec![];
        for n in 0..5 {
            let before = good.count();
            seller.customer(&format!("C{n}")).await;
            let made = Instant::now();
            while good.count() == before {
                assert!(made.elapsed() < PATIENCE, "nothing comes any more");
                sleep(Duration::from_millis(10)).await;
            }
            each.push(made.elapsed());
        }
        median(each)
    };
    lateness().await;
    let (mut without, mut with) = (vec![], vec![]);
    for _ in 0..TURNS {
        without.push(lateness().await);
        let mut bad = vec![];
        for mood in [Mood::Hangs, Mood::Drips, Mood::Fails, Mood::Talks, Mood::Refuses] {
            bad.push(Bad::new(&sap, mood).await);
            bad.push(Bad::new(&sap, mood).await);
        }
        // Waits until the first bad receiver blocks a delivery.
        let start = Instant::now();
        seller.customer("For them").await;
        while bad.iter().all(|it| it.mood != Mood::Hangs || it.receiver.count() == 0) {
            assert!(start.elapsed() < PATIENCE, "they are never told anything");
            sleep(Duration::from_millis(10)).await;
        }
        with.push(lateness().await);
        for it in bad {
            sap.send(Method::DELETE, &it.path, None, &[("if-match", "\"1\"")]).await.expect(204);
        }
    }
    println!("late without them {without:?}, with them {with:?}");
    let later = with.iter().zip(&without).map(|(with, without)| with.saturating_sub(*without));
    let later = median(later.collect());
    assert!(later <= Duration::from_secs(1), "later by {later:?}");
    running.abort();
    poller.abort();
}

fn median(mut of: Vec<Duration>) -> Duration {
    of.sort_unstable();
    of[of.len() / 2]
}
