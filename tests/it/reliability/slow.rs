//! A slow, locked or stopped database: no request waits for ever, and requests that do not need the
//! database are not affected.

use std::time::{Duration, Instant};

use actix_web::rt;
use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::reliability::points::{DEADLINE, GRACE, is_a_good_refusal};
use crate::support::harness::Service;
use crate::support::process::{Process, Told, count, texts, took};
use crate::support::proxy::Proxy;
use crate::support::sampling::often;

/// Time limit of unaffected requests on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Checks for success or a proper 503.
fn is_good(answer: &Told) {
    if !matches!(answer.status, 200 | 201) {
        is_a_good_refusal(answer);
    }
}

#[actix_web::test]
async fn a_slow_network_is_waited_for_but_not_for_ever() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let mut process = Process::new();
    process.set("DATABASE_URL", &proxy.url(&service.url()));
    process.set("SALESBOOK_WORKERS", "1");
    process.start();
    process.ready(DEADLINE).await;
    let caller = process.admin().await;
    let slow = [50, 500, 5000].map(|ms| (Duration::from_millis(ms), None));
    let narrow = (Duration::ZERO, Some(10_000));
    for round in 0..often(1) {
        for (latency, width) in slow.into_iter().chain([narrow]) {
            let name = format!("{latency:?}-{width:?}-{round}").replace(['(', ')'], "");
            let new = json!({ "name": name, "allow_duplicate": true });
            let warm = json!({ "name": format!("before {name}"), "allow_duplicate": true });
            assert_eq!(caller.post("/customers", &warm, "").await.unwrap().status, 201);
            assert_eq!(caller.get("/customers?limit=50").await.unwrap().status, 200);
            proxy.delay(latency);
            proxy.narrow(width);
            let start = Instant::now();
            let live = async {
                let answer = process.get("/health/live").await.unwrap();
                (answer.status, start.elapsed() < AT_ONCE)
            };
            let (write, read, ready, live) = tokio::join!(
                caller.post("/customers", &new, &name),
                caller.get("/customers?limit=50"),
                process.get("/health/ready"),
                live
            );
            let (write, read, ready) = (write.unwrap(), read.unwrap(), ready.unwrap());
            assert!(start.elapsed() < DEADLINE + GRACE, "{name} took {:?}", start.elapsed());
            assert_eq!(live, (200, true));
            for answer in [&write, &read, &ready] {
                is_good(answer);
            }
            let statuses = (write.status, read.status, ready.status);
            println!("{latency:?} {width:?}: {statuses:?} after {:?}", start.elapsed());
            if latency == Duration::from_millis(50) {
                assert_eq!(statuses, (201, 200, 200));
            }
            proxy.delay(Duration::ZERO);
            proxy.narrow(None);
            process.ready(DEADLINE + GRACE).await;
            let again = loop {
                let again = caller.post("/customers", &new, &name).await.unwrap();
                match again.status {
                    409 | 503 if start.elapsed() < 4 * DEADLINE => {
                        sleep(Duration::from_millis(50)).await;
                    }
                    _ => break again,
                }
            };
            assert_eq!(again.status, 201, "{again:?}");
            let rows = format!("customers where name = '{name}'");
            assert_eq!(count(&service.url(), &rows).await, 1);
        }
    }
}

/// More requests than connections wait for a locked table; requests for other tables are served.
#[actix_web::test]
async fn a_locked_table_stops_those_who_need_it() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    for path in ["/customers", "/products", "/me"] {
        assert_eq!(caller.get(path).await.unwrap().status, 200);
    }
    for round in 0..often(1) {
        let mut lock = salesbook::platform::db::connect(&service.url()).await.unwrap();
        lock.batch_execute("begin; lock table customers").await.unwrap();
        let start = Instant::now();
        let waiting = (0..40).map(|number| {
            let caller = caller.clone();
            rt::spawn(async move {
                let new = json!({ "name": format!("Customer {number}"), "allow_duplicate": true });
                let answer = match number % 2 {
                    0 => caller.get("/customers").await,
                    _ => caller.post("/customers", &new, &format!("{round}-{number}")).await,
                };
                (answer.unwrap(), start.elapsed())
            })
        });
        let waiting: Vec<_> = waiting.collect();
        let needed = "pg_locks where relation = 'customers'::regclass and not granted";
        crate::support::process::until(&service.url(), needed).await;
        let (mut served, mut slowest) = (0, Duration::ZERO);
        while !waiting.iter().all(rt::task::JoinHandle::is_finished) {
            let product = json!({ "code": format!("P{round}-{served}"), "name": "P", "unit": "pcs",
                "list_price": "10" });
            let start = Instant::now();
            let others = tokio::join!(
                caller.get("/products"),
                caller.post("/products", &product, ""),
                caller.get("/me"),
                process.get("/health/live"),
                process.get("/health/ready"),
            );
            let statuses = [others.0, others.1, others.2, others.3, others.4];
            let statuses = statuses.map(|it| it.unwrap().status);
            assert_eq!(statuses, [200, 201, 200, 200, 200], "the unconcerned were starved");
            slowest = slowest.max(start.elapsed());
            served += 1;
        }
        assert!(slowest < AT_ONCE, "the unconcerned waited for {slowest:?}");
        for (answer, took) in join_all(waiting).await.into_iter().map(Result::unwrap) {
            is_a_good_refusal(&answer);
            assert!(took < DEADLINE + GRACE, "refused after {took:?}");
        }
        let refused = start.elapsed();
        lock.batch_execute("rollback").await.unwrap();
        assert_eq!(count(&service.url(), "customers").await, 0);
        assert_eq!(caller.get("/customers").await.unwrap().status, 200);
        println!("all refused after {refused:?}, {served} others served in {slowest:?} at most");
    }
}

/// Processes that are stopped until the value is dropped.
struct Stopped(Vec<u32>);

impl Stopped {
    fn new(pids: Vec<u32>) -> Self {
        // A backend that was resumed earlier may end at any moment.
        Self(pids.into_iter().filter(|pid| took("STOP", *pid)).collect())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            took("CONT", *pid);
        }
    }
}

#[actix_web::test]
async fn a_stopped_database_keeps_nobody_waiting() {
    let process = Process::private().await;
    let caller = process.admin().await;
    let url = process.database();
    let clients = "select pid from pg_stat_activity where backend_type = 'client backend'
        and pid <> pg_backend_pid()";
    for round in 0..often(1) {
        for all in [false, true] {
            let mut pids: Vec<u32> =
                texts(&url, clients).await.iter().map(|pid| pid.parse().unwrap()).collect();
            assert!(!pids.is_empty());
            // If the postmaster is stopped, too, there are no new connections.
            pids.extend(all.then(|| process.postmaster().unwrap()));
            let mut stopped = Some(Stopped::new(pids));
            let name = format!("{all}-{round}");
            let new = json!({ "name": name, "allow_duplicate": true });
            let start = Instant::now();
            let (write, read, live, ready) = tokio::join!(
                caller.post("/customers", &new, &name),
                caller.get("/customers"),
                process.get("/health/live"),
                process.get("/health/ready")
            );
            let took = start.elapsed();
            assert!(took < DEADLINE + GRACE, "it took {took:?}");
            assert_eq!(live.unwrap().status, 200);
            let (write, read, ready) = (write.unwrap(), read.unwrap(), ready.unwrap());
            println!("all {all}: {} {} {}, {took:?}", write.status, read.status, ready.status);
            for answer in [&write, &read, &ready] {
                is_good(answer);
            }
            if all {
                assert_eq!((write.status, read.status, ready.status), (503, 503, 503));
                let late = process.get("/health/ready").await.unwrap();
                assert_eq!(late.status, 503, "it is ready without a database");
                drop(stopped.take());
            }
            // The service has replaced the connections of stopped backends.
            process.ready(2 * DEADLINE).await;
            let again = loop {
                let again = caller.post("/customers", &new, &name).await.unwrap();
                match again.status {
                    409 | 503 if start.elapsed() < 6 * DEADLINE => {
                        // A stopped backend keeps its locks until it is resumed.
                        if start.elapsed() > 3 * DEADLINE {
                            drop(stopped.take());
                        }
                        sleep(Duration::from_millis(50)).await;
                    }
                    _ => break again,
                }
            };
            assert_eq!(again.status, 201, "{again:?}");
            let rows = format!("customers where name = '{name}'");
            assert_eq!(count(&url, &rows).await, 1);
        }
    }
}
