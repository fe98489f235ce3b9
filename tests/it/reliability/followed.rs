//! Followers of the feed during concurrent writes with transactions of any length and changes of
//! customer owners. An admin, an ERP and a salesperson follow. In the end they have all rows,
//! without gaps and duplicates, even if the service dies in between.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use salesbook::access::Role;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::follower::{Client, Follower, MORE, household};
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;
use crate::support::process::{Caller, Process, START, execute};
use crate::support::receiver::{Got, Mood, Receiver};
use crate::support::sampling::or_in_torture;

const WRITERS: usize = 6;
const CUSTOMERS: usize = 20;

/// The duration of the writes.
fn span() -> Duration {
    Duration::from_secs(or_in_torture(5, 60))
}

/// The participants.
struct People<'a> {
    admin: Actor<'a>,
    erp: Actor<'a>,
    office: Actor<'a>,
    anna: Actor<'a>,
    boris: Actor<'a>,
    customers: Vec<String>,
}

async fn people(service: &Service) -> People<'_> {
    let (erp, anna) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let boris = service.actor(Role::Salesperson).await;
    let mut customers = vec![];
    for n in 0..CUSTOMERS {
        let owner = if n % 2 == 0 { &anna } else { &boris };
        customers.push(household(&erp, &format!("C{n}"), owner).await);
        let owed = |kind: &str, mut item: Value| {
            item["external_id"] = json!(format!("C{n}"));
            item["customer_external_id"] = json!(format!("C{n}"));
            (format!("/{kind}/batch"), json!({ "items": [item] }))
        };
        for (path, body) in [
            // Rows that are visible only because of the customer.
            owed(
                "invoices",
                json!({ "invoice_date": "2026-03-05", "due_date": "2026-04-04",
                "amount": "1000", "salesperson_id": null }),
            ),
            owed("payments", json!({ "received_on": "2026-03-09", "amount": "7" })),
            owed(
                "visits",
                json!({ "owner_id": owner.id, "planned_date": "2030-03-02",
                "status": "planned" }),
            ),
        ] {
            erp.write(&path, &body, "").await;
        }
    }
    let (admin, office) = (service.actor(Role::Admin).await, service.actor(Role::BackOffice).await);
    People { admin, erp, office, anna, boris, customers }
}

/// The next request of a writer.
fn wish(dice: &mut Dice, mark: &str, owners: [Uuid; 2]) -> (&'static str, Value) {
    let owner = owners[dice.roll(2)];
    let day = 1 + dice.roll(28);
    // Some batches are large, so that their transactions take long.
    let many = if dice.roll(3) == 0 { 1 + dice.roll(CUSTOMERS) } else { 1 };
    let first = dice.roll(CUSTOMERS);
    let each = |more: &dyn Fn(usize) -> Value| -> Value {
        let item = |n: usize| {
            let mut item = json!({ "external_id": format!("C{n}") });
            item.as_object_mut().unwrap().extend(more(n).as_object().unwrap().clone());
            item
        };
        (first..first + many).map(|n| item(n % CUSTOMERS)).collect()
    };
    let (new, of) = (format!("{mark}-new"), format!("C{first}"));
    let (path, items) = match dice.roll(11) {
        0 => ("customers", each(&|_| json!({ "owner_id": owner }))),
        1 => ("customers", each(&|_| json!({ "city": mark }))),
        2 => ("contacts", each(&|_| json!({ "title": mark }))),
        3 => ("orders", each(&|_| json!({ "channel": mark }))),
        4 => ("complaints", each(&|_| json!({ "batch_no": mark }))),
        5 => ("invoices", each(&|_| json!({ "due_date": format!("2026-05-{day:02}") }))),
        6 => ("payments", each(&|_| json!({ "note": mark }))),
        7 => (
            "visits",
            each(&|_| {
                json!({ "owner_id": owner,
            "planned_date": format!("2030-03-{day:02}") })
            }),
        ),
        8 => {
            let lines = json!([{ "quantity": "1", "amount": "10" }]);
            (
                "orders",
                json!([{ "external_id": new, "customer_external_id": of,
                "order_date": "2026-03-02", "lines": lines }]),
            )
        }
        9 => (
            "invoices",
            json!([{ "external_id": new, "customer_external_id": of,
            "invoice_date": "2026-03-05", "due_date": "2026-04-04", "amount": "10" }]),
        ),
        _ => {
            let used = json!([{ "invoice_external_id": of, "amount": "0.01" }]);
            (
                "payments",
                json!([{ "external_id": new, "customer_external_id": of,
                "received_on": "2026-03-09", "amount": "0.02", "allocations": used }]),
            )
        }
    };
    (path, json!({ "items": items }))
}

/// Writes until the end. Returns the number of writes.
async fn write(
    (erp, office): (&impl Client, &impl Client),
    (url, people, seed): (&str, &People<'_>, u64),
    until: Instant,
) -> usize {
    let writers = (0..WRITERS).map(|writer| async move {
        let (mut dice, mut round) = (Dice(seed + writer as u64), 0);
        let owners = [people.anna.id, people.boris.id];
        while Instant::now() < until {
            round += 1;
            let mark = format!("{writer}-{round}");
            let (path, body) = wish(&mut dice, &mark, owners);
            erp.write(&format!("/{path}/batch"), &body, &format!("{seed}-{mark}")).await;
            let customer = &people.customers[dice.roll(CUSTOMERS)];
            if dice.roll(4) == 0 {
                let transfer = json!({ "customers": [{ "customer_id": customer }],
                    "reason": "r", "owner_id": owners[dice.roll(2)] });
                let key = format!("{seed}-{mark}-over");
                office.write("/customers/transfer", &transfer, &key).await;
            }
            if dice.roll(5) == 0 {
                // Concurrent writes of this customer have to wait just as long.
                let pause = dice.roll(300);
                let idle = format!(
                    "begin; select pg_current_xact_id(); select from customers where id = \
                     '{customer}' for update; select pg_sleep({pause} / 1000.0); commit"
                );
                execute(url, &idle).await;
            }
        }
        round
    });
    join_all(writers).await.iter().sum()
}

/// Checks that a follower who sees everything got all changes and nothing else.
async fn none_missed(service: &Service, told: &BTreeSet<String>) -> usize {
    let kinds = MORE.replace(',', "','");
    let all = format!(
        "select event_id::text from changes where type in ('{kinds}') and op <> 'handed_over'"
    );
    let all: BTreeSet<String> = service.texts(&all).await.into_iter().collect();
    let (missed, invented) = (all.difference(told).count(), told.difference(&all).count());
    assert_eq!((missed, invented), (0, 0), "of {}", all.len());
    all.len()
}

#[actix_web::test]
async fn a_copy_equals_the_tables() {
    let service = Service::start().await;
    let people = people(&service).await;
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let url = service.url();
    let until = Instant::now() + span();
    let (mut all, mut erp, mut part) = (Follower::of(MORE), Follower::of(MORE), Follower::of(MORE));
    let over = Cell::new(false);
    // After a while the followers continue with another instance.
    let next = service.another(salesbook::app::Settings::default()).await.unwrap();
    let here = [&people.admin, &people.erp, &people.anna];
    let there = here.map(|it| next.signed_in(it.id));
    let following = async {
        let mut turn = 0;
        while !over.get() {
            turn += 1;
            let later = turn > 20;
            let [a, e, p] = if later { there.each_ref() } else { here };
            all.follow(a, 7).await;
            erp.follow(e, 50).await;
            part.follow(p, 5).await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    let writing = async {
        let rounds = write((&people.erp, &people.office), (&url, &people, seed), until).await;
        over.set(true);
        rounds
    };
    let (rounds, ()) = tokio::join!(writing, following);
    all.catch_up(&people.admin).await;
    erp.catch_up(&people.erp).await;
    part.catch_up(&people.anna).await;
    let events = none_missed(&service, &all.told).await;
    none_missed(&service, &erp.told).await;
    assert!(rounds > WRITERS && events > rounds, "{events} {rounds}");
    let one = part.told.len();
    println!("{rounds} writes, {events} events for all, {one} for one; 0 missed, 0 twice");
}

/// The same test with a separate process that is killed or stopped and started again. A webhook
/// also gets all changes in order.
#[actix_web::test]
async fn a_copy_survives_deaths_of_the_service() {
    let service = Service::start().await;
    let people = people(&service).await;
    let seed = u64::from(std::process::id()) + 1;
    println!("seed {seed}");
    let url = service.url();
    let mut process = Process::new();
    process.set("DATABASE_URL", &url);
    process.set("SALESBOOK_WEBHOOK_LOOPBACK", "true");
    process.start();
    process.ready(START).await;
    let port = process.port;
    let [admin, erp, office, anna] = [&people.admin, &people.erp, &people.office, &people.anna]
        .map(|it| Caller { port, token: it.token.clone().unwrap() });
    let receiver = Receiver::new(Mood::Good).await;
    let kinds: Vec<&str> = MORE.split(',').collect();
    let hook = json!({ "url": receiver.url(), "types": kinds });
    assert_eq!(erp.post("/webhooks", &hook, "").await.unwrap().status, 201);
    let before: BTreeSet<String> =
        service.texts("select event_id::text from changes").await.into_iter().collect();

    let until = Instant::now() + span();
    let (mut all, mut part) = (Follower::of(MORE), Follower::of(MORE));
    let over = Cell::new(false);
    let writing = async {
        let rounds = write((&erp, &office), (&url, &people, seed), until).await;
        over.set(true);
        rounds
    };
    let first = async {
        while !over.get() {
            all.follow(&admin, 7).await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    let second = async {
        while !over.get() {
            part.follow(&anna, 5).await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    let dying = async {
        let (mut dice, mut deaths) = (Dice(seed), 0);
        while !over.get() {
            sleep(Duration::from_millis(700 + dice.roll(800) as u64)).await;
            if deaths % 2 == 0 {
                process.kill();
                // The lease of the dead process would last half a minute.
                execute(&url, "update webhook_positions set lease_until = now()").await;
            } else {
                process.terminate(START).await.expect("it ends when it is asked to");
                let held = "webhook_positions where holder is not null";
                assert_eq!(service.count(held).await, 0, "what it held is free");
            }
            deaths += 1;
            process.start();
            process.ready(START).await;
        }
        deaths
    };
    let (rounds, (), (), deaths) = tokio::join!(writing, first, second, dying);
    all.catch_up(&admin).await;
    part.catch_up(&anna).await;
    let events = none_missed(&service, &all.told).await;
    assert!(deaths > 1 && rounds > WRITERS, "{deaths} deaths, {rounds} writes");
    let one = part.told.len();
    println!("{rounds} writes, {deaths} deaths, {events} events for all, {one} for one");
    pushed(&receiver, all.told.difference(&before).cloned().collect()).await;
}

/// Waits until a receiver has all of these events. Events may arrive twice, but those of a resource
/// arrive in order.
async fn pushed(receiver: &Receiver, events: BTreeSet<String>) {
    let start = Instant::now();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    loop {
        let got: Vec<Value> = receiver.got.borrow().iter().map(Got::event).collect();
        let ids: BTreeSet<String> = got.iter().map(|it| text(it, "event_id")).collect();
        if ids == events {
            let mut versions = BTreeMap::new();
            for it in &got {
                let version = it["version"].as_i64().unwrap();
                let before = versions.insert((text(it, "type"), text(it, "id")), version);
                assert!(before.is_none_or(|before| before <= version), "{it:#}");
            }
            return println!("{} pushed, {} of them again", ids.len(), got.len() - ids.len());
        }
        let (missed, invented) = (events.difference(&ids).count(), ids.difference(&events).count());
        assert!(start.elapsed() < 2 * START, "{missed} missed, {invented} too many");
        sleep(Duration::from_millis(200)).await;
    }
}
