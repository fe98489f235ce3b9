//! Malformed HTTP requests are answered with 4xx or not at all, and the service survives.

use std::time::Duration;

use serde_json::json;

use crate::support::harness::Service;
use crate::support::process::{Process, exchange};

/// The statuses of all answers on a connection.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let parts = text.split("HTTP/1.").skip(1).filter_map(|it| it.get(2..5)?.parse().ok());
    parts.collect()
}

#[actix_web::test]
async fn odd_requests_are_turned_away() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let token =
        format!("host: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n", caller.token);
    let json = "content-type: application/json\r\n";
    let long = "x".repeat(64 << 10);
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\n{token}\r\n");
    let post = |headers: &str, body: &str| {
        format!("POST /api/v1/customers HTTP/1.1\r\n{token}{json}{headers}\r\n{body}")
    };
    let smuggled = "0\r\n\r\nGET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";
    let odd = [
        ("both lengths", post("content-length: 5\r\ntransfer-encoding: chunked\r\n", smuggled)),
        ("two lengths", post("content-length: 5\r\ncontent-length: 6\r\n", "{\"a\":1}")),
        ("a length that is none", post("content-length: -1\r\n", "")),
        ("a length beyond all", post("content-length: 99999999999999999999\r\n", "")),
        ("an unknown encoding", post("transfer-encoding: gzip\r\n", "abc")),
        ("encodings in disorder", post("transfer-encoding: chunked, gzip\r\n", smuggled)),
        ("a hidden encoding", post("transfer-encoding : chunked\r\n", smuggled)),
        ("a chunk that is none", post("transfer-encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n")),
        ("a packed body", post("content-encoding: gzip\r\ncontent-length: 3\r\n", "abc")),
        ("headers of 64 kB", format!("GET /api/v1/me HTTP/1.1\r\n{token}x: {long}\r\n\r\n")),
        ("1,000 headers", {
            let many = "x: y\r\n".repeat(1000);
            format!("GET /api/v1/me HTTP/1.1\r\n{token}{many}\r\n")
        }),
        ("a long path", get(&format!("/api/v1/{}", &long[..20_000]))),
        ("half an escape", get("/api/v1/customers/%")),
        ("a bad escape", get("/api/v1/customers/%zz")),
        ("bytes that are not UTF-8", get("/api/v1/customers/%ff%fe")),
        ("a bad escape in the query", get("/api/v1/customers?q=%zz&limit=%")),
        ("a NUL in the path", get("/api/v1/customers/%00")),
        ("a NUL in the query", get("/api/v1/customers?q=%00")),
        ("a path upwards", get("/api/v1/../../etc/passwd")),
        ("a hidden path upwards", get("/docs/%2e%2e/%2e%2e/etc/passwd")),
        ("a method to spy", format!("TRACE /api/v1/me HTTP/1.1\r\n{token}\r\n")),
        ("a tunnel", format!("CONNECT a:443 HTTP/1.1\r\n{token}\r\n")),
        ("a method of nobody", format!("FROB /api/v1/me HTTP/1.1\r\n{token}\r\n")),
        (
            "another method hidden",
            format!(
                "POST /api/v1/me HTTP/1.1\r\n{token}x-http-method-override: GET\r\ncontent-length: 0\r\n\r\n"
            ),
        ),
        ("a version of nobody", format!("GET /api/v1/me HTTP/9.9\r\n{token}\r\n")),
        ("no HTTP", "\u{16}\u{3}\u{1}\u{2}".to_owned() + "\r\n\r\n"),
        ("two answers wanted", get("/api/v1/customers?q=a%0d%0aset-cookie:b")),
        ("a bare line feed", "GET /api/v1/customers/x\nhost: a\n\n".to_owned()),
        ("two tokens", get("/api/v1/me").replacen("\r\n", "\r\nauthorization: Bearer x\r\n", 1)),
    ];
    for (what, request) in odd {
        let answer = exchange(process.port, request.as_bytes()).await;
        let statuses = statuses(&answer);
        let text = String::from_utf8_lossy(&answer);
        // At most one response: the rest of the request must not be parsed as a second one.
        assert!(matches!(statuses.as_slice(), [] | [400..500]), "{what}: {text}");
        assert!(!text.to_ascii_lowercase().contains("\nset-cookie"), "{what}");
    }
    process.ready(Duration::from_secs(5)).await;
    assert_eq!(service.count("customers").await, 0);
}

#[actix_web::test]
async fn old_and_unusual_requests_are_served() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let token = format!("authorization: Bearer {}\r\n", caller.token);
    let old = format!("GET /api/v1/me HTTP/1.0\r\n{token}\r\n");
    assert_eq!(statuses(&exchange(process.port, old.as_bytes()).await), [200]);
    let absolute = format!(
        "GET http://salesbook.example/api/v1/me HTTP/1.1\r\nhost: a\r\n{token}connection: close\r\n\r\n"
    );
    assert_eq!(statuses(&exchange(process.port, absolute.as_bytes()).await), [200]);
    // A hundred pipelined requests on one connection are answered in order.
    let body = |number: usize| json!({ "name": format!("Customer {number}") }).to_string();
    let request = |number: usize| {
        let (body, close) = (body(number), if number == 99 { "close" } else { "keep-alive" });
        let length = body.len();
        format!(
            "POST /api/v1/customers HTTP/1.1\r\nhost: a\r\n{token}connection: {close}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let requests = (0..100).map(request).collect::<Vec<_>>().concat();
    let answer = exchange(process.port, requests.as_bytes()).await;
    assert_eq!(statuses(&answer), [201; 100]);
    let text = String::from_utf8_lossy(&answer);
    let places = (0..100).map(|number| text.find(&format!("\"Customer {number}\"")).unwrap());
    assert!(places.collect::<Vec<_>>().is_sorted());
    assert_eq!(service.count("customers").await, 100);
}
