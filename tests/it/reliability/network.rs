//! Failures between the service and its database: cut, silent, slow and refused connections.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::process::{Process, count, execute};
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::sampling::{is_sampled, often};

const EACH: usize = 2;

/// Time limit of a request while the database is silent, on a busy machine.
const SILENCE: Duration = Duration::from_secs(12);

#[actix_web::test]
async fn a_commit_with_an_unknown_end_is_found_by_its_key() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    let faults = [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer, Fault::Silence];
    let mut made = 0;
    for round in 0..often(EACH) {
        // The last fault takes ten seconds.
        for fault in faults.into_iter().take(if is_sampled(round, 2) { 4 } else { 3 }) {
            proxy.plan(Place::Write("COMMIT"), fault);
            let name = format!("Fault {fault:?} {round}");
            let (new, key) = (json!({ "name": name, "allow_duplicate": true }), format!("k{made}"));
            let start = Instant::now();
            let answer = caller.post("/customers", &new, &key).await.unwrap();
            assert!(start.elapsed() < SILENCE, "{fault:?} took {:?}", start.elapsed());
            assert_eq!((answer.status, &answer.body["code"]), (503, &json!("outcome_unknown")));
            assert!(answer.header("retry-after").is_some());
            made += 1;
            assert_eq!(proxy.times_met(), made, "no fault was met");
            let again = loop {
                let again = caller.post("/customers", &new, &key).await.unwrap();
                match again.status {
                    409 if start.elapsed() < 2 * SILENCE => sleep(Duration::from_millis(50)).await,
                    _ => break again,
                }
            };
            assert_eq!(again.status, 201, "{fault:?}: {again:?}");
            let happened = again.header("idempotency-replayed").is_some();
            assert_eq!(happened, fault != Fault::BeforeSend, "{fault:?}");
            let rows = format!("customers where name = '{name}'");
            assert_eq!(count(&service.url(), &rows).await, 1, "{fault:?}");
        }
    }
}

#[actix_web::test]
async fn a_silent_database_keeps_nobody_waiting() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    assert_eq!(caller.get("/customers").await.unwrap().status, 200);
    proxy.mute(true);
    let (start, new) = (Instant::now(), json!({ "name": "Lin & Sons" }));
    let read = async {
        let answer = caller.get("/customers").await.unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        start.elapsed()
    };
    let live = process.get("/health/live");
    let (read, live) = tokio::join!(read, live);
    assert_eq!(live.unwrap().status, 200);
    assert!(read < SILENCE, "it took {read:?}");
    proxy.mute(false);
    process.ready(SILENCE).await;
    let start = Instant::now();
    while caller.post("/customers", &new, "lin").await.unwrap().status != 201 {
        assert!(start.elapsed() < SILENCE, "it does not come back");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(service.count("customers").await, 1);
    println!("the read was given up after {read:?}");
}

#[actix_web::test]
async fn a_database_that_comes_later_is_awaited() {
    let service = Service::start().await;
    let proxy = Proxy::new(&service.url());
    let mut process = Process::new();
    process.set("DATABASE_URL", &proxy.url(&service.url()));
    process.start();
    let start = Instant::now();
    while !process.log().contains("waiting for the database") {
        assert!(start.elapsed() < SILENCE, "{}", process.log());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(process.ended(Duration::from_millis(100)).await.is_none());
    proxy.open().await;
    process.ready(SILENCE).await;
    assert_eq!(process.admin().await.get("/me").await.unwrap().status, 200);
}

/// Starts the process, which must fail with one line of explanation. `None` if it does not end.
async fn refusal(process: &Process) -> Option<String> {
    let mut child = process.command("serve").stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > SILENCE {
            child.kill().unwrap();
            return None;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let reasons: Vec<_> = said.lines().filter(|it| it.starts_with("salesbook: ")).collect();
    assert_eq!(reasons.len(), 1, "{said}");
    Some(reasons[0].to_owned())
}

#[actix_web::test]
async fn what_cannot_work_is_refused_in_one_line() {
    let service = Service::start().await;
    // The keys of the first start are encrypted with its secret.
    execute(&service.url(), "delete from secrets; delete from signing_keys").await;
    let mut process = Process::new();
    process.set("DATABASE_URL", &service.url());
    process.set("SALESBOOK_SECRET", "the right secret");
    process.start();
    process.ready(Duration::from_mins(1)).await;
    // The port of the running process is in use.
    let line = refusal(&process).await.unwrap();
    assert!(line.contains("cannot listen on 127.0.0.1:"), "{line}");
    process.kill();
    process.set("SALESBOOK_SECRET", "another, wrong secret");
    let line = refusal(&process).await.unwrap();
    assert!(line.contains("another SALESBOOK_SECRET"), "{line}");
    // An impossible data folder: even root cannot create files below a file.
    let process = Process::new();
    std::fs::write(process.data(), "a file").unwrap();
    let line = refusal(&process).await.unwrap();
    assert!(line.contains("the data folder"), "{line}");
    let mut process = Process::new();
    process.set("DATABASE_URL", "postgresql://app:wrong password@127.0.0.1:none/x");
    let line = refusal(&process).await.unwrap();
    assert!(!line.contains("wrong password"), "{line}");
}
