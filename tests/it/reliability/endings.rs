//! The end of the process: a graceful shutdown on the first signal, an immediate one on the second.

use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::json;
use tokio::time::sleep;

use crate::support::process::{Process, execute, signal, until};

#[actix_web::test]
async fn a_second_signal_ends_at_once() {
    for name in ["TERM", "INT"] {
        let mut process = Process::private().await;
        let caller = process.admin().await;
        let (url, lock_url) = (process.database(), process.database());
        // Creating a customer waits for this lock, longer than the test lasts.
        let lock = "begin; lock table customers; select pg_sleep(60); commit";
        rt::spawn(async move { execute(&lock_url, lock).await });
        until(&url, "pg_locks where relation = 'customers'::regclass and granted").await;
        let items = json!([{ "external_id": "A", "name": "A" }]);
        let batch = json!({ "source_system": "sap", "items": items });
        rt::spawn(async move { caller.post("/customers/batch", &batch, "b").await });
        until(&url, "pg_locks where relation = 'customers'::regclass and not granted").await;

        signal("TERM", process.pid());
        let start = Instant::now();
        while process.get("/health/ready").await.is_ok() {
            assert!(start.elapsed() < Duration::from_secs(5), "it still takes requests");
            sleep(Duration::from_millis(20)).await;
        }
        assert!(process.ended(Duration::from_millis(500)).await.is_none(), "it waits");
        signal(name, process.pid());

        let status = process.ended(Duration::from_secs(3)).await.expect("it should have ended");
        assert!(!status.success(), "{name}: {status}");
    }
}
