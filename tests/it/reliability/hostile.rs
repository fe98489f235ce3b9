//! Requests that are designed to cost the service more than the sender.

use std::time::{Duration, Instant};

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{json::parse, shape};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::receivables::batch;
use crate::support::harness::Service;
use crate::support::process::{Process, exchange};

/// A body with a long field name and a list as its value.
fn long_name_over_a_list() -> String {
    format!("{{\"{}\":[{}1]}}", "k".repeat(2_600_000), "1,".repeat(262_000))
}

/// The parser must take time proportional to the size of the body, not to the product of its parts.
#[test]
fn a_long_name_does_not_multiply_the_work() {
    let (long, plain) = (long_name_over_a_list(), format!("{{\"k\":[{}1]}}", "1,".repeat(262_000)));
    let times = |body: &str| {
        let start = Instant::now();
        let faults = parse(body.as_bytes()).unwrap().1;
        (start.elapsed(), faults)
    };

    let (expected, _) = times(&plain);
    let (taken, faults) = times(&long);

    assert!(taken < 20 * expected, "{taken:?} in place of {expected:?}");
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].pointer.as_str(), &*faults[0].code), ("", "name_too_long"));
}

#[test]
fn faults_below_a_long_path_take_bounded_memory() {
    let name = format!("{{\"{}\":", "k".repeat(256));
    let list = format!("[{}\"\\u0001\"]", "\"\\u0001\",".repeat(10_000));
    let body = format!("{}{list}{}", name.repeat(100), "}".repeat(100));

    let refused = parse(body.as_bytes()).unwrap_err().problem();

    let size: usize = refused.errors.iter().map(|fault| fault.pointer.len()).sum();
    assert_eq!(refused.code, "invalid");
    assert!((1..=100).contains(&refused.errors.len()) && size < 4 << 20, "{size}");
}

#[test]
fn a_pointer_leads_to_its_fault() {
    let body = json!([{ "a/b": { "c~d": ["x", "\u{1}"] } }]).to_string();

    let faults = parse(body.as_bytes()).unwrap().1;

    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].pointer, "/0/a~1b/c~0d/1");
}

/// Small objects take a hundred times as much memory as their text.
#[test]
fn a_body_has_a_limit_of_values() {
    for body in [
        format!("{{\"lines\":[{}0]}}", "{\"x\":1},".repeat(60_000)),
        format!("[{}0]", "[[]],".repeat(60_000)),
        format!("[{}0]", format!("{{{}\"y\":1}},", names(1_000)).repeat(100)),
    ] {
        let faults = parse(body.as_bytes()).unwrap().1;

        assert!(!faults.is_empty() && faults.iter().all(|fault| fault.code == "too_many"));
    }
    let most = format!("[{}0]", "1,".repeat(49_999));
    assert!(parse(most.as_bytes()).unwrap().1.is_empty());
}

fn names(count: usize) -> String {
    (0..count).map(|n| format!("\"n{n}\":1,")).collect::<Vec<_>>().concat()
}

#[actix_web::test]
async fn an_item_of_too_many_values_fails_alone() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let item = |name: &str| json!({ "external_id": name, "name": name, "code": name });
    let mut large = item("B");
    large["lines"] = vec![json!({ "x": 1 }); 60_000].into();

    let told = batch(&erp, "customers", json!([item("A"), large, item("C")])).await;

    assert_eq!((&told["created"], &told["failed"]), (&json!(2), &json!(1)));
    let fault = &told["results"][1]["problem"]["errors"][0];
    assert_eq!(fault["code"], "too_many");
    assert!(fault["pointer"].as_str().unwrap().starts_with("/lines/"), "{fault}");
}

#[actix_web::test]
async fn signing_in_takes_little() {
    let service = Service::start().await;
    let nobody = service.anonymous();
    let json = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let long = json!({ "username": "a", "password": "x".repeat(5000) }).to_string();
    let long_form = format!("grant_type=client_credentials&client_secret={}", "x".repeat(5000));

    for path in ["login", "refresh", "logout", "%6cogin"] {
        let path = format!("/api/v1/auth/{path}");
        let answer = nobody.send_bytes(Method::POST, &path, long.clone().into(), &json).await;
        assert_eq!(answer.status.as_u16(), 413, "{path} {:#}", answer.body);
    }
    let at = "/api/v1/auth/token";
    let answer = nobody.send_bytes(Method::POST, at, long_form.into(), &form).await;

    assert_eq!(answer.status.as_u16(), 413);
    assert_eq!(answer.body["error"], "invalid_request");
}

#[actix_web::test]
async fn invented_methods_make_no_metrics() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;

    for number in 0..50 {
        let request =
            format!("FROB{number} /api/v1/me HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        exchange(process.port, request.as_bytes()).await;
    }

    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let metrics = String::from_utf8(exchange(process.port, request.as_bytes()).await).unwrap();
    assert!(!metrics.contains("FROB"), "{metrics}");
    let others: Vec<_> = metrics.lines().filter(|line| line.contains("\"other\"")).collect();
    assert!(
        others.iter().any(|line| line.starts_with("http_requests_total") && line.ends_with(" 50"))
    );
}

#[actix_web::test]
async fn one_caller_is_slowed_down_and_told_so() {
    let service = Service::start().await;
    let mut process = Process::new();
    process.set("DATABASE_URL", &service.url());
    process.set("SALESBOOK_RATE_LIMIT", "2");
    process.start();
    process.ready(crate::support::process::START).await;
    let caller = process.admin().await;

    let mut answers = vec![];
    for _ in 0..30 {
        answers.push(caller.get("/me").await.unwrap());
    }

    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    assert!(good.len() >= 20, "{}", good.len());
    assert_eq!(good[0].header("ratelimit-policy"), Some("\"caller\";q=20;w=10"));
    assert_eq!(good[0].header("ratelimit"), Some("\"caller\";r=19;t=1"));
    let last = refused.last().expect("thirty at once are too many");
    assert_eq!((last.status, last.body["code"].as_str()), (429, Some("too_many_requests")));
    assert!(last.header("retry-after").is_some() && last.header("ratelimit").is_some());
}

/// Requests that wait for changes are answered when the service stops, which it does at once.
#[actix_web::test]
async fn an_open_poll_does_not_hold_up_the_end() {
    let service = Service::start().await;
    let mut process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let feed = caller.get("/changes?limit=1000").await.unwrap();
    let cursor = feed.body["next_cursor"].as_str().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", process.port)).await.unwrap();
    let poll = format!(
        "GET /api/v1/changes?wait=30&cursor={cursor} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\r\n",
        caller.token
    );
    stream.write_all(poll.as_bytes()).await.unwrap();
    // The request is waiting by now: a later one on another connection has been answered.
    assert_eq!(caller.get("/me").await.unwrap().status, 200);

    let start = Instant::now();
    let ended = process.terminate(Duration::from_secs(10)).await;

    assert!(
        ended.is_some_and(|status| status.success()),
        "still there after {:?}",
        start.elapsed()
    );
    let mut answer = vec![];
    timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("next_cursor"), "{answer}");
}

#[actix_web::test]
async fn an_etag_that_a_proxy_made_weak_is_good() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let path = seller.customer("上海林氏").await;
    let tag = seller.get(&path).await.header("etag").to_owned();
    let (weak, get) = (format!("W/{tag}"), Method::GET);

    for known in [weak.as_str(), "*", "\"0-0\", *", &format!("\"0-00\" ,{weak}")] {
        let answer = seller.send(get.clone(), &path, None, &[("if-none-match", known)]).await;
        assert_eq!(answer.status.as_u16(), 304, "{known}");
    }
    for unknown in ["W/\"0-00\"", "", "\"*\""] {
        let answer = seller.send(get.clone(), &path, None, &[("if-none-match", unknown)]).await;
        assert_eq!(answer.status.as_u16(), 200, "{unknown}");
    }
    let change = Some(json!({ "city": "上海" }));
    let patched =
        seller.send(Method::PATCH, &path, change.clone(), &[("if-match", weak.as_str())]).await;
    assert_eq!(patched.expect(200)["version"], 2);
    let stale = seller.send(Method::PATCH, &path, change.clone(), &[("if-match", &weak)]).await;
    assert_eq!(stale.expect(412)["code"], "stale");
    let any = seller.send(Method::PATCH, &path, change, &[("if-match", "*")]).await;
    assert_eq!(any.expect(400)["code"], "invalid_if_match");
}

/// The work on faults must be proportional to the number of reported faults.
#[test]
fn many_faults_cost_no_more_than_a_few() {
    #[derive(utoipa::ToSchema)]
    #[allow(dead_code)]
    struct Lines {
        lines: Vec<Line>,
    }
    #[derive(utoipa::ToSchema)]
    #[allow(dead_code)]
    struct Line {
        quantity: String,
    }
    let check = shape::of_body::<Lines>();
    let body = |line: Value, count: usize| json!({ "lines": vec![line; count] });
    let (good, bad) = (json!({ "quantity": "1" }), json!({ "x": 1 }));
    let timed = |value: &Value| {
        let start = Instant::now();
        let faults = shape::faults(check, value);
        (start.elapsed(), faults)
    };

    let (expected, none) = timed(&body(good.clone(), 100_000));
    let (taken, many) = timed(&body(bad.clone(), 100_000));
    let mut late = body(good, 50_000);
    late["lines"][49_999] = bad;
    let (_, last) = timed(&late);

    assert!(none.is_empty());
    assert_eq!(many.len(), 100);
    assert!(taken < expected, "{taken:?} in place of {expected:?}");
    assert!(last.iter().all(|fault| fault.pointer.starts_with("/lines/49999")), "{last:?}");
    assert!(!last.is_empty());
}
