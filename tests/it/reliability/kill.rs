//! The service and its database are killed while clients write.

use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::json;
use tokio::time::sleep;

use crate::support::process::{Process, execute, signal, until};
use crate::support::sampling::often;
use crate::support::traffic::Traffic;

const DEATHS_OF_SERVICE: usize = 5;
const DEATHS_OF_DATABASE: usize = 3;

/// Time limit for the restart of a debug build.
const BACK: Duration = Duration::from_secs(10);

/// Waits for a different moment each time: after some more writes, and then a little longer.
async fn some_time(traffic: &Traffic, round: usize) {
    traffic.flows(10 + 7 * (round % 4)).await;
    sleep(Duration::from_millis((37 * round as u64) % 100)).await;
}

#[actix_web::test]
async fn a_killed_service_has_lost_nothing() {
    let mut process = Process::private().await;
    let traffic = Traffic::start(&process).await;
    let caller = process.admin().await;
    let mut slowest = Duration::ZERO;
    for round in 0..often(DEATHS_OF_SERVICE) {
        some_time(&traffic, round).await;
        process.kill();
        process.start();
        slowest = slowest.max(process.ready(BACK).await);
        traffic.replay(&caller).await;
    }
    traffic.flows(20).await;
    println!("{}, back in {slowest:?} or less", traffic.end(&process).await);
}

#[actix_web::test]
async fn a_killed_database_comes_back_by_itself() {
    let process = Process::private().await;
    let traffic = Traffic::start(&process).await;
    let caller = process.admin().await;
    for round in 0..often(DEATHS_OF_DATABASE) {
        some_time(&traffic, round).await;
        let pid = process.postmaster().unwrap();
        signal("KILL", pid);
        back_from(&process, pid).await;
        traffic.replay(&caller).await;
    }
    traffic.flows(20).await;
    assert!(traffic.saw(503));
    println!("{}", traffic.end(&process).await);
}

/// `pg_ctl restart`, and an administrator who terminates all connections.
#[actix_web::test]
async fn an_administrator_of_the_database_breaks_nothing() {
    let process = Process::private().await;
    let traffic = Traffic::start(&process).await;
    traffic.flows(5).await;
    let (url, start) = (process.database(), Instant::now());
    while start.elapsed() < Duration::from_secs(3) {
        let one = "select pg_terminate_backend(pid) from pg_stat_activity
            where pid <> pg_backend_pid() and backend_type = 'client backend'
            order by random() limit 1";
        execute(&url, one).await;
        sleep(Duration::from_millis(50)).await;
    }
    for name in ["INT", "INT", "QUIT"] {
        let pid = process.postmaster().unwrap();
        signal(name, pid);
        back_from(&process, pid).await;
        traffic.flows(20).await;
    }
    assert!(traffic.saw(503));
    println!("{}", traffic.end(&process).await);
}

/// Waits for a new postmaster and until the service works with it.
async fn back_from(process: &Process, pid: u32) {
    let start = Instant::now();
    while process.postmaster().is_none_or(|new| new == pid) {
        assert!(start.elapsed() < BACK, "no new postmaster: {}", process.log());
        sleep(Duration::from_millis(20)).await;
    }
    process.ready(BACK).await;
}

/// A running request is answered before the process ends.
#[actix_web::test]
async fn a_stop_waits_for_what_runs() {
    let mut process = Process::private().await;
    let caller = process.admin().await;
    let (url, lock_url) = (process.database(), process.database());
    // Creating a customer waits for this lock for two seconds.
    let lock = rt::spawn(async move {
        execute(&lock_url, "begin; lock table customers; select pg_sleep(2); commit").await;
    });
    until(&url, "pg_locks where relation = 'customers'::regclass and granted").await;
    let items: Vec<_> =
        (0..50).map(|n| json!({ "external_id": n.to_string(), "name": n.to_string() })).collect();
    let batch = json!({ "source_system": "sap", "items": items });
    let running = rt::spawn(async move { caller.post("/customers/batch", &batch, "b").await });
    until(&url, "pg_locks where relation = 'customers'::regclass and not granted").await;
    assert!(!running.is_finished());
    let status = process.terminate(Duration::from_secs(20)).await.expect("it should have ended");
    assert!(status.success(), "{status}");
    let answer = running.await.unwrap().expect("the answer should have come");
    assert_eq!((answer.status, &answer.body["created"]), (200, &json!(50)), "{}", answer.body);
    lock.await.unwrap();
    process.start();
    process.ready(BACK).await;
    let list = process.admin().await.get("/customers?total=exact").await.unwrap();
    assert_eq!(list.body["total"], 50);
}
