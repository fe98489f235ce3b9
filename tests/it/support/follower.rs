//! A consumer that follows the change feed and keeps a copy of the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::Actor;
use crate::support::process::{Caller, START};

pub const TYPES: &str = "customer,contact,order,complaint";

/// More types: also receivables and visits.
pub const MORE: &str = "customer,contact,order,complaint,invoice,payment,visit";

/// A client of `/api/v1`, within this process or from outside.
pub trait Client {
    async fn read(&self, path: &str) -> Value;
    async fn write(&self, path: &str, body: &Value, key: &str);
}

impl Client for Actor<'_> {
    async fn read(&self, path: &str) -> Value {
        self.get(&format!("/api/v1{path}")).await.expect(200)
    }

    /// Sends a write, which may fail because the service is too busy.
    async fn write(&self, path: &str, body: &Value, _key: &str) {
        let done = self.post(&format!("/api/v1{path}"), body.clone()).await;
        assert!(matches!(done.status.as_u16(), 200 | 503), "{path} {:#}", done.body);
        assert_eq!(done.body["failed"].as_u64().unwrap_or_default(), 0, "{:#}", done.body);
    }
}

/// A client that copes with restarts of the service.
impl Client for Caller {
    async fn read(&self, path: &str) -> Value {
        let start = Instant::now();
        loop {
            match self.get(path).await {
                Ok(told) if told.status == 200 => return told.body,
                Ok(told) => assert_eq!(told.status, 503, "{path} {:#}", told.body),
                Err(_) => {}
            }
            assert!(start.elapsed() < START, "{path} has no answer");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn write(&self, path: &str, body: &Value, key: &str) {
        let start = Instant::now();
        loop {
            match self.post(path, body, key).await {
                Ok(told) if told.status == 200 => {
                    let failed = told.body["failed"].as_u64().unwrap_or_default();
                    return assert_eq!(failed, 0, "{:#}", told.body);
                }
                Ok(told) if told.body["code"] == "request_in_progress" => {}
                Ok(told) => assert_eq!(told.status, 503, "{path} {:#}", told.body),
                Err(_) => {}
            }
            assert!(start.elapsed() < START, "{path} {key} has no answer");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A follower of the feed: a copy of the visible rows, and all received events.
pub struct Follower {
    pub types: &'static str,
    pub cursor: String,
    pub copy: BTreeMap<(String, String), Value>,
    pub told: BTreeSet<String>,
}

impl Default for Follower {
    fn default() -> Self {
        Self::of(TYPES)
    }
}

impl Follower {
    pub fn of(types: &'static str) -> Self {
        Self { types, cursor: String::new(), copy: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// Reads to the current end. Returns the events.
    pub async fn follow(&mut self, actor: &impl Client, limit: usize) -> Vec<Value> {
        let mut seen = vec![];
        loop {
            let (page, more) = self.page(actor, limit).await;
            seen.extend(page);
            if !more {
                return seen;
            }
        }
    }

    pub async fn page(&mut self, actor: &impl Client, limit: usize) -> (Vec<Value>, bool) {
        let at = match &*self.cursor {
            "" => String::new(),
            cursor => format!("&cursor={cursor}"),
        };
        let feed = actor.read(&format!("/changes?types={}&limit={limit}{at}", self.types)).await;
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

    /// Reads until all earlier writes have arrived. Transactions of other tests delay the feed of
    /// the whole server for a while.
    pub async fn catch_up(&mut self, actor: &impl Client) {
        let start = Instant::now();
        while start.elapsed() < START {
            self.follow(actor, 100).await;
            if self.copy == listed(actor, self.types).await {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let there = listed(actor, self.types).await;
        let differs = |it: &&(String, String)| self.copy.get(*it) != there.get(*it);
        let keys: BTreeSet<_> = self.copy.keys().chain(there.keys()).collect();
        let different: Vec<_> = keys.into_iter().filter(differs).collect();
        let first = different.first().map(|it| (it, self.copy.get(*it), there.get(*it)));
        panic!("{} rows differ, such as {first:#?}", different.len());
    }
}

/// The rows that the lists show.
pub async fn listed(actor: &impl Client, types: &str) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for kind in types.split(',') {
        let mut cursor = String::new();
        loop {
            let list = actor.read(&format!("/{kind}s?limit=200{cursor}")).await;
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

/// Waits for this number of events. Returns their operations and types in order.
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

/// Creates a customer of this user with a contact, an order without a salesperson and a complaint
/// without a reporter, which are visible only because of the customer.
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
