//! Somebody who follows the change feed and keeps a copy of what it tells.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::harness::Actor;

pub const TYPES: &str = "customer,contact,order,complaint";

/// Somebody who follows the feed: a copy of what they see, and all that they were told.
#[derive(Default)]
pub struct Follower {
    pub cursor: String,
    pub copy: BTreeMap<(String, String), Value>,
    pub told: BTreeSet<String>,
}

impl Follower {
    /// Reads to the end that is there now; the events.
    pub async fn follow(&mut self, actor: &Actor<'_>, limit: usize) -> Vec<Value> {
        let mut seen = vec![];
        loop {
            let (page, more) = self.page(actor, limit).await;
            seen.extend(page);
            if !more {
                return seen;
            }
        }
    }

    pub async fn page(&mut self, actor: &Actor<'_>, limit: usize) -> (Vec<Value>, bool) {
        let at = match &*self.cursor {
            "" => String::new(),
            cursor => format!("&cursor={cursor}"),
        };
        let url = format!("/api/v1/changes?types={TYPES}&limit={limit}{at}");
        let feed = actor.get(&url).await.expect(200);
        for event in feed["items"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            assert!(self.told.insert(text("event_id")), "twice: {event}");
            let key = (text("type"), text("id"));
            if matches!(event["op"].as_str(), Some("deleted" | "hidden")) {
                self.copy.remove(&key);
            } else {
                assert_eq!(event["data"]["version"], event["version"], "{event}");
                self.copy.insert(key, event["data"].clone());
            }
        }
        feed["next_cursor"].as_str().unwrap().clone_into(&mut self.cursor);
        (feed["items"].as_array().unwrap().clone(), feed["more"] == true)
    }

    /// Until nothing that was written before this is missing: other tests' transactions hold the
    /// feed of the whole server back for a while.
    pub async fn catch_up(&mut self, actor: &Actor<'_>) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            self.follow(actor, 100).await;
            if self.copy == listed(actor).await {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let there = listed(actor).await;
        let differs = |it: &&(String, String)| self.copy.get(*it) != there.get(*it);
        let keys: BTreeSet<_> = self.copy.keys().chain(there.keys()).collect();
        let different: Vec<_> = keys.into_iter().filter(differs).collect();
        if let Some(key) = different.first() {
            println!("told {:#?}\nthere {:#?}", self.copy.get(*key), there.get(*key));
        }
        panic!("{} rows differ, such as {:?}", different.len(), different.first());
    }
}

/// What the lists show.
pub async fn listed(actor: &Actor<'_>) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for kind in TYPES.split(',') {
        let mut cursor = String::new();
        loop {
            let list = actor.get(&format!("/api/v1/{kind}s?limit=200{cursor}")).await.expect(200);
            for row in list["items"].as_array().unwrap() {
                let id = row["id"].as_str().unwrap().to_owned();
                found.insert((kind.to_owned(), id), row.clone());
            }
            let Some(next) = list["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
    }
    found
}

/// Waits for the events that an actor has to be told by now: (op, type) in order.
pub async fn told(actor: &Actor<'_>, follower: &mut Follower, count: usize) -> Vec<String> {
    let (mut seen, start) = (vec![], Instant::now());
    while seen.len() < count && start.elapsed() < Duration::from_secs(20) {
        seen.extend(follower.follow(actor, 3).await);
    }
    seen.extend(follower.follow(actor, 3).await);
    let text =
        |it: &Value| format!("{} {}", it["op"].as_str().unwrap(), it["type"].as_str().unwrap());
    seen.iter().map(text).collect()
}

/// A customer of this person's with a contact, an order that nobody is credited with and a
/// complaint that nobody reported: seen because of the customer alone.
pub async fn household(erp: &Actor<'_>, name: &str, owner: &Actor<'_>) -> String {
    let send = async |path: &str, mut item: Value| {
        item["external_id"] = json!(name);
        let told = erp.post(&format!("/api/v1/{path}/batch"), json!({ "items": [item] })).await;
        let told = told.expect(200);
        assert_eq!(told["created"], 1, "{told:#}");
        told["results"][0]["id"].as_str().unwrap().to_owned()
    };
    let customer = send("customers", json!({ "name": name, "owner_id": owner.id })).await;
    send("contacts", json!({ "customer_id": customer, "name": "王芳" })).await;
    let lines = json!([{ "quantity": "1", "amount": "10" }]);
    let order = json!({ "customer_id": customer, "order_date": "2026-03-02", "lines": lines });
    send("orders", order).await;
    let complaint = json!({ "customer_id": customer, "category": "price", "description": "贵" });
    send("complaints", complaint).await;
    customer
}

pub async fn hand_over(office: &Actor<'_>, customer: &str, to: Option<&Actor<'_>>) -> u16 {
    let transfer = json!({ "customers": [{ "customer_id": customer }], "reason": "r",
        "owner_id": to.map(|it| it.id) });
    office.post("/api/v1/customers/transfer", transfer).await.status.as_u16()
}
