//! The memory of the process during and after a batch with many lines.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::process::Process;
use crate::support::sampling::or_in_torture;

/// The most megabytes that a batch may add to an idle service.
const MORE: u64 = 134;

/// A value in `/proc/<pid>/status`, in megabytes.
fn megabytes(process: &Process, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1000
}

/// Orders with twenty lines; ten thousand of them are the largest batch.
fn orders(count: usize, amount: &str) -> Value {
    let line = json!({ "quantity": "2", "unit_price": "5", "amount": amount,
        "description": "a product that no catalogue has" });
    let lines = vec![line; 20];
    let order = |n: usize| {
        json!({ "external_id": format!("O{n}"), "number": format!("N{n}"), "lines": lines,
            "customer_external_id": format!("C{}", n % 100), "order_date": "2026-03-02" })
    };
    json!({ "source_system": "sap", "items": (0..count).map(order).collect::<Vec<_>>() })
}

#[actix_web::test]
async fn lines_take_memory_only_while_their_batch_runs() {
    // The memory that may remain after a minute; more in a debug build.
    let (count, kept) = or_in_torture((1000, 68), (10_000, 34));
    let process = Process::private().await;
    let admin = process.admin().await;
    let customer = |n| json!({ "external_id": format!("C{n}"), "name": format!("C{n}") });
    let customers: Vec<Value> = (0..100).map(customer).collect();
    let body = json!({ "source_system": "sap", "items": customers });
    assert_eq!(admin.post("/customers/batch", &body, "c").await.unwrap().status, 200);
    let (idle, own) = (megabytes(&process, "VmRSS"), megabytes(&process, "RssAnon"));

    for (key, amount) in [("created", "10"), ("updated", "11")] {
        let told = admin.post("/orders/batch", &orders(count, amount), key).await.unwrap();
        assert_eq!((told.status, &told.body[key]), (200, &json!(count)), "{}", told.body["code"]);
    }
    let most = megabytes(&process, "VmHWM");
    let end = Instant::now() + Duration::from_mins(1);
    while megabytes(&process, "RssAnon") > own + kept && Instant::now() < end {
        sleep(Duration::from_millis(200)).await;
    }
    // Without the pages of the program itself, which are loaded as they are used.
    let after = megabytes(&process, "RssAnon");

    println!(
        "{idle} MB idle, {most} MB at most; without the program {own} MB, {after} MB after it"
    );
    assert!(most <= idle + MORE, "{idle} MB, then {most} MB");
    assert!(after <= own + kept, "{own} MB, then {after} MB");
}
