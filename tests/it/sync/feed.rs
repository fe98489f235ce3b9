//! The change feed of one reader: rows that enter and leave the view, snapshots, and a consumer
//! whose copy equals the tables despite concurrent writes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::platform::db::connect;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::follower::{Follower, TYPES, hand_over, household, listed, told};
use crate::support::harness::{Actor, Service};

const HIDDEN: [&str; 4] = ["hidden contact", "hidden order", "hidden complaint", "hidden customer"];

#[actix_web::test]
async fn what_hangs_on_a_customer_goes_with_it() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let (anna, boris, clara) = (
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    );
    let manager = service.actor(Role::SalesManager).await;
    let customer = household(&erp, "Lin", &anna).await;
    let mut followers: [Follower; 5] = Default::default();
    let [a, b, c, m, all] = &mut followers;
    assert_eq!(told(&anna, a, 4).await.len(), 4);
    assert_eq!(told(&office, all, 4).await.len(), 4);

    assert_eq!(hand_over(&office, &customer, Some(&boris)).await, 200);
    let sorted = |mut it: Vec<String>| {
        it.sort();
        it
    };
    let hidden = sorted(HIDDEN.map(str::to_owned).to_vec());
    let created = sorted(HIDDEN.map(|it| it.replace("hidden", "created")).to_vec());
    let entered = told(&boris, b, 4).await;
    assert_eq!(entered[0], "created customer", "what is referred to comes first");
    assert_eq!(sorted(entered), created);
    assert_eq!(sorted(told(&anna, a, 4).await), hidden);
    assert_eq!(told(&office, all, 1).await, ["updated customer"], "who saw all sees one change");
    assert_eq!(told(&clara, c, 0).await, Vec::<String>::new());
    assert_eq!((a.copy.len(), &b.copy), (0, &listed(&boris, TYPES).await));

    // Into the pool: managers see the customer and its contacts.
    assert_eq!(hand_over(&office, &customer, None).await, 200);
    assert_eq!(sorted(told(&boris, b, 4).await), hidden);
    assert_eq!(sorted(told(&manager, m, 2).await), ["created contact", "created customer"]);
    assert_eq!(m.copy, listed(&manager, TYPES).await);
    // The owner is changed by a batch.
    let items = json!([{ "external_id": "Lin", "owner_id": clara.id }]);
    erp.post("/api/v1/customers/batch", json!({ "items": items })).await.expect(200);
    assert_eq!(sorted(told(&clara, c, 4).await), created);
    assert_eq!(sorted(told(&manager, m, 2).await), ["hidden contact", "hidden customer"]);

    // The rows themselves have not changed.
    let order = c.copy.keys().find(|it| it.0 == "order").unwrap();
    let history = clara.get(&format!("/api/v1/orders/{}/history", order.1)).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 1);
    assert_eq!(history["items"][0]["op"], "created");
}

/// Rows whose changes have expired are reported with their current state.
#[actix_web::test]
async fn what_enters_the_view_has_its_data() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let customer = household(&erp, "Lin", &anna).await;
    service.sql("delete from changes where type = 'order'").await;
    let office = service.actor(Role::BackOffice).await;
    hand_over(&office, &customer, Some(&boris)).await;
    let mut follower = Follower::default();
    told(&boris, &mut follower, 4).await;
    assert_eq!(follower.copy, listed(&boris, TYPES).await);
}

#[actix_web::test]
async fn who_waits_for_a_row_stands_behind_who_has_it() {
    let service = Service::start().await;
    let reader = service.actor(Role::Erp).await;
    let insert = |version: i64| {
        format!(
            "insert into changes (event_id, type, id, version, op, at, by, data, diff, seen_by,
             seen_before) values (gen_random_uuid(), 'customer', '{}', {version}, 'updated', now(),
             gen_random_uuid(), '{{\"version\": {version}}}', '{{}}', '{{}}', '{{}}')",
            reader.id
        )
    };
    // The first transaction takes its number early and writes after the second one, as if it had
    // waited for a lock.
    let mut has_it = connect(&service.url()).await.unwrap();
    has_it.batch_execute("select pg_advisory_lock(7)").await.unwrap();
    let first = format!(
        "begin; select pg_current_xact_id(); select pg_advisory_xact_lock(7); {}; commit",
        insert(3)
    );
    let second = async {
        let waits = "pg_locks where locktype = 'advisory' and objid = 7 and not granted
            and database = (select oid from pg_database where datname = current_database())";
        let start = Instant::now();
        while service.count(waits).await == 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "nobody waits");
            sleep(Duration::from_millis(10)).await;
        }
        service.sql(&insert(2)).await;
        has_it.batch_execute("select pg_advisory_unlock(7)").await.unwrap();
    };
    tokio::join!(service.sql(&first), second);
    let mut follower = Follower::default();
    told(&reader, &mut follower, 2).await;
    let row = &follower.copy[&("customer".to_owned(), reader.id.to_string())];
    assert_eq!(row["version"], 3, "the last change of a row is told last");
}

#[actix_web::test]
async fn a_copy_joins_the_feed_without_a_hole() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let mut customers = vec![];
    for n in 0..12 {
        customers.push(household(&erp, &format!("C{n}"), &anna).await);
    }
    let start = async |actor: &Actor<'_>| {
        let url = format!("/api/v1/changes/snapshot?types={TYPES}");
        let begun = actor.post(&url, Value::Null).await.expect(200);
        let cursor = begun["cursor"].as_str().unwrap().to_owned();
        Follower { cursor, ..Follower::default() }
    };
    let (mut a, mut all) = (start(&anna).await, start(&office).await);
    // Requesting a page twice returns the same page.
    let url = format!("/api/v1/changes?types={TYPES}&limit=5&cursor={}", a.cursor);
    let (once, twice) = (anna.get(&url).await.expect(200), anna.get(&url).await.expect(200));
    assert_eq!((&once["items"], once["items"].as_array().unwrap().len()), (&twice["items"], 5));
    assert!(once["items"].as_array().unwrap().iter().all(|it| it["op"] == "created"));
    for (n, customer) in customers.iter().enumerate() {
        a.page(&anna, 5).await;
        all.page(&office, 7).await;
        match n % 4 {
            0 => drop(hand_over(&office, customer, Some(&boris)).await),
            1 => drop(household(&erp, &format!("D{n}"), &anna).await),
            2 => {
                let path = format!("/api/v1/customers/{customer}");
                anna.patch(&path, 1, json!({ "city": "Ulm" })).await.expect(200);
            }
            _ => {
                let of = format!("/api/v1/contacts?customer_id={customer}");
                let list = office.get(&of).await.expect(200);
                let path = format!("/api/v1/contacts/{}", list["items"][0]["id"].as_str().unwrap());
                let delete = actix_web::http::Method::DELETE;
                office.send(delete, &path, None, &[("if-match", "\"1\"")]).await.expect(204);
            }
        }
    }
    a.catch_up(&anna).await;
    all.catch_up(&office).await;
    assert!(!a.copy.is_empty() && all.copy.len() > a.copy.len());
    // Rows come after the rows to which they refer.
    let mut fresh = start(&office).await;
    let kinds: Vec<_> = fresh.follow(&office, 9).await;
    let kinds: Vec<_> = kinds.iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect();
    let mut order = kinds.clone();
    order.dedup();
    assert_eq!(order[..4], ["customer", "contact", "order", "complaint"]);
    // The list is masked in the same way as the feed.
    let finance = service.actor(Role::Finance).await;
    let mut accounts = start(&finance).await;
    accounts.follow(&finance, 50).await;
    assert!(accounts.copy.keys().all(|it| it.0 != "contact"), "not for finance");
    let contact = |of: &Follower| of.copy.iter().find(|it| it.0.0 == "contact").unwrap().1.clone();
    assert_eq!(contact(&fresh)["masked_fields"], json!(["birth_year", "hobbies", "personality"]));
    let nothing = service.actor(Role::Salesperson).await;
    assert_eq!(start(&nothing).await.follow(&nothing, 50).await.len(), 0);
}

#[actix_web::test]
async fn a_cursor_is_ones_own_and_does_not_last_for_ever() {
    let clock = Clock::fixed(Timestamp("2026-11-20T04:00:00Z".parse().unwrap()));
    let service = Service::start_at(clock.clone()).await;
    let (sap, other) =
        (service.client(Role::Erp, "sap").await, service.client(Role::Erp, "other").await);
    let feed = sap.get("/api/v1/changes?types=customer").await.expect(200);
    let url = |cursor: &str| format!("/api/v1/changes?types=customer&cursor={cursor}");
    let url = url(feed["next_cursor"].as_str().unwrap());
    sap.get(&url).await.expect(200);
    assert_eq!(other.get(&url).await.expect(400)["code"], "invalid_cursor");
    assert_eq!(sap.get(&format!("{url}x")).await.expect(400)["code"], "invalid_cursor");
    for path in ["changes?types=customer,nonsense", "changes?types="] {
        let problem = sap.get(&format!("/api/v1/{path}")).await.expect(400);
        assert_eq!(problem["code"], "invalid_query");
    }
    sap.post("/api/v1/changes/snapshot?types=nonsense", Value::Null).await.expect(400);
    let days = |days: i64| {
        let now = Timestamp(
            "2026-11-20T04:00:00Z".parse::<jiff::Timestamp>().unwrap()
                + SignedDuration::from_hours(24 * days),
        );
        clock.set(now);
    };
    let copy = sap.post("/api/v1/changes/snapshot", Value::Null).await.expect(200);
    let copy = format!("/api/v1/changes?cursor={}", copy["cursor"].as_str().unwrap());
    days(90);
    let (sap, copied) = (service.signed_in(sap.id), copy);
    sap.get(&url).await.expect(200);
    days(91);
    let sap = service.signed_in(sap.id);
    assert_eq!(sap.get(&url).await.expect(410)["code"], "cursor_expired");
    assert_eq!(sap.get(&copied).await.expect(410)["code"], "cursor_expired");
}

/// Partitions are created before they are needed and dropped after the retention period.
#[actix_web::test]
async fn the_record_of_changes_is_kept_by_the_month() {
    let clock = Clock::fixed(Timestamp("2026-11-20T04:00:00Z".parse().unwrap()));
    let service = Service::start_at(clock.clone()).await;
    let partitions = async || {
        let all = "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'changes'::regclass order by 1";
        service.texts(all).await
    };
    let run = async || {
        let (db, clock) = (&service.inner.db, &service.inner.clock);
        let keep = async |tx: &mut _| salesbook::sync::keep_partitions(tx).await;
        salesbook::platform::Tx::run(db, clock, uuid::Uuid::nil(), keep).await.unwrap()
    };
    run().await;
    assert!(partitions().await.contains(&"changes_2026_12".to_owned()));
    clock.set(Timestamp("2033-11-30T04:00:00Z".parse().unwrap()));
    run().await;
    assert!(partitions().await.contains(&"changes_2026_11".to_owned()), "seven years");
    clock.set(Timestamp("2033-12-01T04:00:00Z".parse().unwrap()));
    assert!(run().await > 0);
    let left = partitions().await;
    assert!(!left.contains(&"changes_2026_11".to_owned()), "{left:?}");
    assert!(
        left.contains(&"changes_2026_12".to_owned())
            && left.contains(&"changes_2034_01".to_owned())
    );
}

/// Every resource with versions is either in the feed or left out deliberately.
#[actix_web::test]
async fn every_resource_is_in_the_feed() {
    // API clients and webhooks are visible to admins only; attachments are part of their owners.
    let left_out = ["api_client", "attachment", "membership", "webhook"];
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let problem = admin.get("/api/v1/changes?types=nonsense").await.expect(400);
    let known = problem["errors"][0]["message"].as_str().unwrap();
    let known: BTreeSet<&str> = known.trim_start_matches("one of ").split(", ").collect();
    let mut found = BTreeSet::new();
    for text in crate::service::style::texts() {
        for part in text.split("resource! {").skip(1) {
            let name = part.split('"').nth(1).unwrap_or_default().to_owned();
            if part.contains(" seen by ")
                && !name.is_empty()
                && name.chars().all(|it| it.is_ascii_lowercase() || it == '_')
            {
                found.insert(name);
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    let missing: Vec<_> = found
        .iter()
        .filter(|it| !known.contains(it.as_str()) && !left_out.contains(&it.as_str()))
        .collect();
    assert!(missing.is_empty(), "neither in KINDS nor left out: {missing:?}");
}

#[actix_web::test]
async fn who_waits_is_woken() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let poller = actix_web::rt::spawn(service.inner.directory.clone().watch());
    // More requests than database connections.
    let url = "/api/v1/changes?types=customer&wait=20";
    let waiting = join_all((0..30).map(|_| seller.get(url)));
    tokio::pin!(waiting);
    let early = timeout(Duration::from_millis(700), &mut waiting).await;
    assert!(early.is_err(), "nothing has happened yet");
    let start = Instant::now();
    // This request would block if the waiting ones held connections.
    let (all, _) = tokio::join!(waiting, seller.customer("Lin & Sons"));
    for feed in all {
        assert_eq!(feed.expect(200)["items"].as_array().unwrap().len(), 1);
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    poller.abort();
}
