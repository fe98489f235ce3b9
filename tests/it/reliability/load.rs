//! Many concurrent clients: with the same key, for the same row, slow ones, and ones that
//! disconnect.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::harness::Service;
use crate::support::process::{Caller, Process, Told, count, texts};
use crate::support::sampling::{often, or_in_torture};

pub const TWINS: usize = 1000;
const SLOW: usize = 200;
const HANG_UPS: usize = 60;

#[actix_web::test]
async fn a_thousand_twins_make_one_row() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    // Only the key distinguishes the requests.
    let twin = json!({ "name": "Lin & Sons", "allow_duplicate": true });
    let answers = join_all((0..TWINS).map(|_| caller.post("/customers", &twin, "twin"))).await;
    let mut statuses = BTreeMap::<u16, usize>::new();
    let first = caller.post("/customers", &twin, "twin").await.unwrap();
    for answer in answers {
        let answer = answer.unwrap();
        *statuses.entry(answer.status).or_default() += 1;
        match answer.status {
            201 => assert_eq!(answer.body, first.body),
            409 => {
                assert_eq!(answer.body["code"], "request_in_progress");
                assert!(answer.header("retry-after").is_some());
            }
            // On a busy machine, some requests wait too long for a connection.
            503 => assert!(answer.header("retry-after").is_some()),
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, Some("true")));
    for rows in ["customers", "changes where type = 'customer'", "idempotency_keys"] {
        assert_eq!(service.count(rows).await, 1, "{rows}");
    }
    println!("answers {statuses:?}");
}

#[actix_web::test]
async fn no_update_is_lost() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let new = caller.post("/customers", &json!({ "name": "Lin & Sons" }), "").await.unwrap();
    let path = format!("/customers/{}", new.id());
    let editors = (0..editor_count()).map(|editor| edit(&caller, &path, editor));
    let made: Vec<(String, i64)> = join_all(editors).await.into_iter().flatten().collect();
    let last = caller.get(&path).await.unwrap().body;
    let versions: Vec<i64> = (2..=i64::try_from(made.len()).unwrap() + 1).collect();
    assert_eq!(last["version"], json!(versions.len() + 1));
    let mut told: Vec<i64> = made.iter().map(|it| it.1).collect();
    told.sort_unstable();
    assert_eq!(told, versions, "a version was given twice or never");
    // The history contains each write at the version that its response reported.
    let written = "select version || ' ' || (data ->> 'address') from changes
        where type = 'customer' and version > 1 order by version";
    let mut expected: Vec<_> = made.iter().map(|it| (it.1, it.0.clone())).collect();
    expected.sort_unstable();
    let expected: Vec<_> = expected.iter().map(|it| format!("{} {}", it.0, it.1)).collect();
    assert_eq!(texts(&service.url(), written).await, expected);
    assert!(!made.is_empty() && made.len() < editor_count() * edits_of_one(), "{}", made.len());
    println!("{} of {} went through", made.len(), editor_count() * edits_of_one());
}

/// The number of times that each of them edits it.
fn edits_of_one() -> usize {
    often(or_in_torture(10, 25))
}

/// The number of clients that edit one row.
fn editor_count() -> usize {
    or_in_torture(60, 200)
}

/// Edits a row repeatedly. Returns the written marks with the reported versions.
async fn edit(caller: &Caller, path: &str, editor: usize) -> Vec<(String, i64)> {
    let mut made = vec![];
    for attempt in 0..edits_of_one() {
        let read = told(caller.get(path)).await;
        // On a busy machine some requests get no connection, and have no effect.
        let Some(tag) = read.header("etag") else {
            assert_eq!(read.status, 503, "{read:?}");
            continue;
        };
        let mark = format!("{editor}/{attempt}");
        let answer = told(caller.patch(path, tag, &json!({ "address": mark }))).await;
        match answer.status {
            200 => made.push((mark, answer.body["version"].as_i64().unwrap())),
            412 => {}
            503 if answer.body["code"] != "outcome_unknown" => {}
            _ => panic!("{answer:?}"),
        }
    }
    made
}

async fn told(request: impl Future<Output = Result<Told, crate::support::process::Lost>>) -> Told {
    request.await.unwrap()
}

/// Clients that send all or a part of a request and disconnect.
#[actix_web::test]
async fn who_hangs_up_leaves_all_or_nothing() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let requests = (0..often(HANG_UPS)).map(|number| {
        let body = json!({ "name": format!("Customer {number}"), "allow_duplicate": true });
        (number, caller.posting("/customers", &body, &format!("key-{number}")))
    });
    let hang_up = async |(number, request): (usize, String)| {
        let mut stream = TcpStream::connect(("127.0.0.1", process.port)).await.unwrap();
        let whole = number % 3 > 0;
        let sent = if whole { request.len() } else { request.len() - 5 };
        stream.write_all(&request.as_bytes()[..sent]).await.unwrap();
        if number % 3 == 2 {
            sleep(Duration::from_millis(number as u64 % 8)).await;
        }
    };
    stream::iter(requests).for_each_concurrent(8, hang_up).await;
    // Repeated with their keys, complete requests get their answer and the others are executed.
    for number in 0..often(HANG_UPS) {
        let body = json!({ "name": format!("Customer {number}"), "allow_duplicate": true });
        let key = format!("key-{number}");
        let start = Instant::now();
        let answer = loop {
            let answer = caller.post("/customers", &body, &key).await.unwrap();
            match answer.status {
                409 if start.elapsed() < Duration::from_secs(20) => {
                    sleep(Duration::from_millis(20)).await;
                }
                _ => break answer,
            }
        };
        assert_eq!(answer.status, 201, "{answer:?}");
        let replayed = answer.header("idempotency-replayed").is_some();
        assert!(!replayed || number % 3 > 0, "a body that ended early was taken");
    }
    let rows = i64::try_from(often(HANG_UPS)).unwrap();
    for table in ["customers", "changes where type = 'customer'", "idempotency_keys"] {
        assert_eq!(service.count(table).await, rows, "{table}");
    }
    let open = "pg_stat_activity where datname = current_database() and state like 'idle in%'";
    assert_eq!(count(&service.url(), open).await, 0);
}

/// Connections with one byte per second are closed, and others are not affected.
#[actix_web::test]
async fn the_slow_do_not_disturb_the_others() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let request = caller.posting("/customers", &json!({ "name": "slow" }), "");
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    let start = Instant::now();
    let slow = (0..SLOW).map(|number| {
        let sent = if number % 2 == 0 { request.len() - 1 } else { head.len() };
        drip(process.port, &request.as_bytes()[..sent], number % 2 == 0)
    });
    let others = async {
        let mut slowest = Duration::ZERO;
        while start.elapsed() < Duration::from_secs(8) {
            let start = Instant::now();
            assert_eq!(caller.get("/customers?limit=1").await.unwrap().status, 200);
            slowest = slowest.max(start.elapsed());
            sleep(Duration::from_millis(20)).await;
        }
        slowest
    };
    let (ends, slowest) = tokio::join!(join_all(slow), others);
    assert!(slowest < Duration::from_secs(2), "others waited for {slowest:?}");
    let last = ends.iter().max().unwrap();
    assert!(*last < Duration::from_secs(40), "one was kept for {last:?}");
    assert_eq!(service.count("customers").await, 0);
    println!("others waited {slowest:?} at most; the last was closed after {last:?}");
}

/// Sends all but the end of the headers or of the body, and then at most one byte per second.
/// Returns the time until the service closed the connection.
async fn drip(port: u16, bytes: &[u8], body: bool) -> Duration {
    let start = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let at_once = if body { bytes.len() - 3 } else { 20 };
    stream.write_all(&bytes[..at_once]).await.unwrap();
    for byte in &bytes[at_once..] {
        let mut answer = [0; 2000];
        match timeout(Duration::from_secs(1), stream.read(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return start.elapsed(),
            Ok(Ok(length)) => {
                let status = String::from_utf8_lossy(&answer[..length]);
                assert!(status.starts_with("HTTP/1.1 4"), "{status}");
                return start.elapsed();
            }
            Err(_) if stream.write_all(&[*byte]).await.is_err() => return start.elapsed(),
            Err(_) => {}
        }
    }
    let _ = timeout(Duration::from_secs(40), stream.read_to_end(&mut vec![])).await;
    start.elapsed()
}

/// With fewer connections than the pool needs, some requests are answered by 503 and none by 500.
#[actix_web::test]
async fn a_database_with_few_connections_is_shared() {
    let service = Service::start().await;
    let url = service.url();
    // Held for the whole test, so that the limit can be removed when no connection is left.
    let mut conn = service.inner.db.conn().await.unwrap();
    let database = texts(&url, "select current_database()").await.remove(0);
    // Without the connection of this query.
    let ours = count(&url, "pg_stat_activity where datname = current_database()").await - 1;
    let process = Process::on(&url).await;
    let caller = process.admin().await;
    let limit = format!("alter database {database} connection limit");
    conn.batch_execute(&format!("{limit} {}", ours + 6)).await.unwrap();
    let ask = async |number: usize| {
        let (start, name) = (Instant::now(), json!({ "name": format!("Customer {number}") }));
        let answer = match number % 2 {
            0 => caller.get("/customers?limit=1").await.unwrap(),
            _ => caller.post("/customers", &name, "").await.unwrap(),
        };
        match answer.status {
            200 | 201 => {}
            503 => assert!(answer.header("retry-after").is_some()),
            _ => panic!("{answer:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        answer.status
    };
    let statuses: Vec<u16> =
        stream::iter(0..often(400)).map(ask).buffer_unordered(100).collect().await;
    assert!(statuses.contains(&503), "there were enough connections");
    let made = statuses.iter().filter(|it| **it == 201).count();
    conn.batch_execute(&format!("{limit} -1")).await.unwrap();
    assert_eq!(count(&url, "customers").await, made);
    let start = Instant::now();
    while ask(0).await != 200 {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    for number in 0..50 {
        assert!(ask(1000 + number).await < 300);
    }
    let told: Vec<Value> = vec![json!(made), json!(statuses.len())];
    println!("{told:?} went through");
}
