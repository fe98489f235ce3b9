//! The process that delivers webhooks dies at each step: another one continues, and in the end each
//! event has arrived.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use salesbook::access::Role;
use salesbook::platform::Db;
use serde_json::json;
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::receiver::{Got, Mood, Receiver};
use crate::sync::webhooks::{courier, hook, send_until};

/// Parts of the statements of a delivery, in order: the lease, the webhook, the transaction that
/// reads the feed, the due events and their changes, and the results.
const STEPS: [&str; 8] = [
    "UPDATE \"webhook_positions\" SET \"fence\"",
    "\"previous_secret\"",
    "\"webhook_positions\".\"epoch\"",
    "INSERT INTO \"webhook_deliveries\"",
    "UPDATE \"webhook_positions\" SET \"epoch\"",
    "first_of_each where next_attempt_at",
    "unnest(",
    "UPDATE \"webhook_deliveries\"",
];

/// Time limit, because the feed may hold an event back.
const DEADLINE: Duration = Duration::from_secs(20);

#[actix_web::test]
async fn killed_at_each_step_of_telling() {
    let service = Service::start().await;
    let (sap, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let receiver = Receiver::new(Mood::Good).await;
    let (path, _) = hook(&sap, &receiver, json!(["customer"])).await;
    let (proxy, healthy) = (Proxy::opened(&service.url()).await, courier(&service));
    let mut made = 0;
    for fault in [Fault::BeforeSend, Fault::AfterSend] {
        for step in STEPS {
            seller.customer(&format!("{fault:?} {step}")).await;
            made += 1;
            let url = proxy.url(&service.url());
            let start = Instant::now();
            loop {
                proxy.plan(Place::Read(step), fault);
                let dying = service.inner.courier(Db::new(&url, 1)).unwrap();
                // The error of the dying instance does not matter.
                let _ = dying.once().await;
                if !proxy.take_back() {
                    break;
                }
                // The feed holds an event back until older transactions of the whole server, also
                // those of other tests, have ended.
                assert!(start.elapsed() < DEADLINE, "{fault:?} {step} was never met");
                sleep(Duration::from_millis(50)).await;
            }
            service.sql("update webhook_positions set lease_until = now()").await;
            let events = || -> BTreeSet<String> {
                let got = receiver.got.borrow();
                let id = |it: &Got| it.event()["event_id"].as_str().unwrap().to_owned();
                got.iter().map(id).collect()
            };
            while events().len() < made {
                let count = receiver.count() + 1;
                send_until(&healthy, &receiver, count).await;
            }
            assert_eq!(events().len(), made, "{fault:?} {step}");
        }
    }
    // Events that arrived without a recorded result were sent again; in the end all are recorded.
    while healthy.once().await.unwrap() > 0 {}
    assert!(receiver.count() > made, "the answer to the last step is lost in one of them");
    let log = sap.get(&format!("{path}/deliveries?total=exact&status=delivered")).await.expect(200);
    assert_eq!(log["total"], made);
    println!("{made} deaths and events, {} requests", receiver.count());
}
