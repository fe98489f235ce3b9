//! Several instances on one database: jobs take effect once, even if an instance is paused.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::SignedDuration;
use salesbook::access::Role;
use salesbook::app::Settings;
use salesbook::platform::jobs::{self, Job};
use salesbook::platform::{Clock, Timestamp};
use salesbook::schedule::JOBS;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::attachments::{picture, uploaded};
use crate::complaints::{COMPLAINTS, about, at, id};
use crate::support::gate::Gate;
use crate::support::harness::{Actor, Service};
use crate::support::process::{Process, signal, until};

/// The number of rows of each kind that a job finds.
const EACH: usize = 5;

/// Creates work for all jobs: missed visits, unanswered complaints, follow-ups that nobody
/// accepted, unreferenced files, scheduled changes of owners and teams, and expired answers.
async fn all_due(service: &Service) {
    let (office, admin) = (service.actor(Role::BackOffice).await, service.actor(Role::Admin).await);
    let (seller, other) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let team = service.team(None, &service.actor(Role::SalesManager).await, &[]).await;
    for number in 0..EACH {
        let customer = seller.customer("上海林氏").await;
        let visit = json!({ "customer_id": id(&customer) });
        seller.post("/api/v1/visits", visit).await.expect(201);
        office.post(COMPLAINTS, about(&customer)).await.expect(201);
        let follow_up = json!({ "customer_id": id(&customer), "assignee_id": seller.id,
            "instruction": "回访", "due_at": "2026-11-24T02:00:00Z" });
        office.post("/api/v1/follow-ups", follow_up).await.expect(201);
        let side = u32::try_from(40 + number).unwrap();
        uploaded(&seller, &picture(side, side, image::ImageFormat::Png)).await;
        let hand_over = json!({ "customers": [{ "customer_id": id(&customer) }],
            "owner_id": other.id, "reason": "休假", "effective_on": "2026-11-24" });
        office.post("/api/v1/customers/transfer", hand_over).await.expect(200);
        let person = service.actor(Role::Salesperson).await;
        let path = format!("/api/v1/users/{}", person.id);
        let moved = json!({ "team_id": team, "effective_on": "2026-11-24" });
        admin.patch(&path, 1, moved).await.expect(200);
        let (key, new) = (
            format!("old-{number}"),
            json!({ "name": format!("Kunde {number}"), "allow_duplicate": true }),
        );
        let key = [("idempotency-key", key.as_str())];
        let post = actix_web::http::Method::POST;
        admin.send(post, "/api/v1/customers", Some(new), &key).await.expect(201);
    }
}

/// The number of effects of each kind, according to the history and to the tables.
async fn effects(service: &Service) -> BTreeMap<&'static str, i64> {
    let changed = "changes where op = 'updated' and type =";
    let counts = [
        ("missed", format!("{changed} 'visit' and diff -> 'status' ->> 'to' = 'missed'")),
        ("missed visits", "visits where status = 'missed' and version = 2".to_owned()),
        ("escalated", format!("{changed} 'complaint' and diff -> 'escalation_level' is not null")),
        ("told", format!("{changed} 'follow_up' and diff -> 'escalated_at' is not null")),
        ("late", "follow_ups where escalated_at is not null and version = 2".to_owned()),
        ("moved", format!("{changed} 'customer' and diff -> 'owner_id' is not null")),
        ("files", "attachments".to_owned()),
        ("joined", format!("{changed} 'user' and diff -> 'team_id' is not null")),
        ("answers", "idempotency_keys".to_owned()),
    ];
    let mut found = BTreeMap::new();
    for (name, rows) in counts {
        found.insert(name, service.count(&rows).await);
    }
    found
}

#[actix_web::test]
async fn two_instances_do_each_thing_once() {
    let clock = Clock::fixed(at("2026-11-20T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    all_due(&service).await;
    let many = i64::try_from(EACH).unwrap();
    let before = effects(&service).await;
    for (name, count) in &before {
        let there = ["files", "answers"].contains(name);
        assert_eq!(*count, if there { many } else { 0 }, "{name}");
    }
    let other = service.another(Settings::default()).await.unwrap();
    let instances = [&service, &other].map(|it| (it, Uuid::now_v7()));
    clock.set(at("2026-11-26T02:00:00Z"));
    let round = async || {
        let runs = JOBS.iter().flat_map(|job| instances.map(|it| (*job, it)));
        let runs = runs.map(async |(job, (it, me))| {
            jobs::attempt(&it.inner.db, &it.inner.clock, job, me).await.unwrap()
        });
        join_all(runs).await.into_iter().filter(|ran| *ran).count()
    };
    assert_eq!(round().await, JOBS.len(), "each by one of the two");
    let after = effects(&service).await;
    for (name, count) in &after {
        let gone = ["files", "answers"].contains(name);
        assert_eq!(*count, if gone { 0 } else { many }, "{name}");
    }
    assert_eq!(round().await, 0, "nothing is due");
    // Later all jobs are due again, and find nothing to do.
    for minutes in [10, 360] {
        clock.set(Timestamp(clock.now().0 + SignedDuration::from_mins(minutes)));
        assert!(round().await > 0);
        let mut again = effects(&service).await;
        // Unanswered complaints continue to escalate.
        again.insert("escalated", after["escalated"]);
        assert_eq!(again, after);
    }
    let odd = "jobs where failures > 0 or runs <> fence or holder is not null";
    assert_eq!(service.count(odd).await, 0);
}

/// A visit that was planned for yesterday, by the clock of the machine.
async fn missed(service: &Service, seller: &Actor<'_>) -> String {
    let customer = seller.customer("上海林氏").await;
    let new = json!({ "customer_id": id(&customer) });
    let visit = seller.post("/api/v1/visits", new).await.expect(201)["id"].clone();
    let visit = visit.as_str().unwrap().to_owned();
    let sql = format!("update visits set planned_date = planned_date - 2 where id = '{visit}'");
    service.sql(&sql).await;
    visit
}

fn missed_visits() -> Job {
    *JOBS.iter().find(|job| job.name == "missed_visits").unwrap()
}

/// The state of the job: runs, failures and the number of its lease.
async fn state(service: &Service) -> String {
    let state =
        "select concat_ws(' ', runs, failures, fence) from jobs where name = 'missed_visits'";
    service.texts(state).await.remove(0)
}

async fn status(service: &Service, visit: &str) -> String {
    let status = format!(
        "select concat_ws(' ', status, version, (select count(*) from changes c
        where c.id = v.id)) from visits v where id = '{visit}'"
    );
    service.texts(&status).await.remove(0)
}

/// Lets the lease expire, as if two minutes had passed.
async fn much_later(service: &Service) {
    let over = "update jobs set lease_until = now() - interval '1 second'
        where name = 'missed_visits' and lease_until is not null";
    service.sql(over).await;
}

async fn take_over(service: &Service) -> bool {
    let (db, clock) = (&service.inner.db, Clock::default());
    jobs::attempt(db, &clock, missed_visits(), Uuid::now_v7()).await.unwrap()
}

/// Starts a separate service whose job is blocked by the gate, and pauses it there.
async fn stopped_at(service: &Service, gate: Gate<'_>, waiting: &str) -> (Process, u32) {
    let mut process = Process::new();
    process.set("DATABASE_URL", &service.url());
    process.start();
    until(&service.url(), waiting).await;
    let pid = process.pid();
    signal("STOP", pid);
    stands_still(pid).await;
    gate.open().await;
    (process, pid)
}

/// Waits until the process has stopped: one thread receives the signal and stops the others.
async fn stands_still(pid: u32) {
    let start = Instant::now();
    let stopped = || {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return true };
        threads.flatten().all(|thread| {
            let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.is_empty() || status.contains("State:\tT")
        })
    };
    while !stopped() {
        assert!(start.elapsed() < Duration::from_secs(10), "{pid} does not stop");
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until the paused process has noticed that it lost the job.
async fn refused(process: &Process) {
    let start = Instant::now();
    while !process.log().contains("lease_lost") {
        assert!(start.elapsed() < Duration::from_secs(20), "not refused: {}", process.log());
        sleep(Duration::from_millis(20)).await;
    }
}

async fn paused() -> (Service, Uuid, String) {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = missed(&service, &seller).await;
    let seller = seller.id;
    let job = "insert into jobs (name, next_run_at) values ('missed_visits', now())";
    service.sql(job).await;
    (service, seller, visit)
}

/// The process is paused after taking the lease, before it knows so.
#[actix_web::test]
async fn paused_before_its_work_it_does_nothing_twice() {
    let (service, seller, visit) = paused().await;
    let hold = "select 1 from jobs where name = 'missed_visits' for update";
    let gate = Gate::shut(&service, hold).await;
    let waiting = "pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query like '%\"jobs\"%'";
    let (process, pid) = stopped_at(&service, gate, waiting).await;
    until(&service.url(), "jobs where name = 'missed_visits' and fence = 1").await;
    assert!(!take_over(&service).await, "the lease is not over yet");
    much_later(&service).await;
    assert!(take_over(&service).await);
    assert_eq!(state(&service).await, "1 0 2");
    assert_eq!(status(&service, &visit).await, "missed 2 2");
    signal("CONT", pid);
    refused(&process).await;
    assert_eq!(state(&service).await, "1 0 2", "not even its failure is noted");
    assert_eq!(status(&service, &visit).await, "missed 2 2");
    // The resumed process works again.
    let next = missed(&service, &service.signed_in(seller)).await;
    service.sql("update jobs set next_run_at = now() where name = 'missed_visits'").await;
    until(&service.url(), "jobs where name = 'missed_visits' and runs = 2").await;
    assert_eq!(status(&service, &next).await, "missed 2 2");
}

/// The process is paused before the commit, with the rows locked.
#[actix_web::test]
async fn paused_before_its_commit_it_is_refused() {
    let (service, _, visit) = paused().await;
    let gate = Gate::before_writes(&service, "changes").await;
    let waiting = "pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query ilike '%into%changes%'";
    let (process, pid) = stopped_at(&service, gate, waiting).await;
    let idle = "pg_stat_activity where datname = current_database()
        and state = 'idle in transaction' and query ilike '%changes%'";
    until(&service.url(), idle).await;
    assert!(!take_over(&service).await, "the lease is not over yet");
    much_later(&service).await;
    assert!(take_over(&service).await, "what is locked is left for the next time");
    assert_eq!(
        (&*state(&service).await, &*status(&service, &visit).await),
        ("1 0 2", "planned 1 1")
    );
    signal("CONT", pid);
    refused(&process).await;
    assert_eq!(status(&service, &visit).await, "planned 1 1", "undone, all of it");
    service.sql("update jobs set next_run_at = now() where name = 'missed_visits'").await;
    until(&service.url(), "jobs where name = 'missed_visits' and runs = 2").await;
    assert_eq!(status(&service, &visit).await, "missed 2 2");
}
