//! Tests the reference client of `examples/erp_sync` with lost and refused answers, a killed
//! service, and expired cursors.

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::{rt, web};
use salesbook::access::Role;
use salesbook::auth::api_client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::harness::Service;
use crate::support::process::{Caller, Process, START, execute};

/// A proxy between the client and the service that answers some requests itself, or drops the
/// answer.
async fn trouble(port: u16, count: Rc<Cell<usize>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    rt::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let number = count.get();
            count.set(number + 1);
            rt::spawn(async move {
                let refusal = |status: &str, code: &str| {
                    let body = json!({ "code": code }).to_string();
                    let length = body.len();
                    format!(
                        "HTTP/1.1 {status}\r\nretry-after: 0\r\nconnection: close\r\n\
                         content-length: {length}\r\n\r\n{body}"
                    )
                };
                let own = match number % 9 {
                    1 => refusal("503 Service Unavailable", "busy"),
                    3 => refusal("429 Too Many Requests", "too_many_requests"),
                    5 => refusal("409 Conflict", "request_in_progress"),
                    // An error page of the proxy.
                    7 => {
                        "HTTP/1.1 502 Bad Gateway\r\nretry-after: Fri, 27 Nov 2026 00:00:00 GMT\r\n\
                         connection: close\r\ncontent-length: 4\r\n\r\n<b/>"
                            .to_owned()
                    }
                    // Half of an answer.
                    8 => {
                        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 50\r\n\r\n{\"a\":"
                            .to_owned()
                    }
                    _ => String::new(),
                };
                if !own.is_empty() {
                    let mut taken = vec![0; 64 * 1024];
                    let _ = client.read(&mut taken).await;
                    let _ = client.write_all(own.as_bytes()).await;
                    // Reads the rest of the request, so that the answer is not cut off.
                    let _ = client.shutdown().await;
                    let rest =
                        async { while client.read(&mut taken).await.is_ok_and(|n| n > 0) {} };
                    let _ = timeout(START, rest).await;
                    return;
                }
                let Ok(mut service) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                if number % 9 == 6 {
                    // The request arrives, but its answer is lost.
                    let (mut from, _) = client.split();
                    let (mut back, mut to) = service.split();
                    let pass = async { tokio::io::copy(&mut from, &mut to).await };
                    let mut first = [0; 1];
                    tokio::select! { _ = pass => {}, _ = back.read(&mut first) => {} }
                    return;
                }
                let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
            });
        }
    });
    own
}

struct Erp {
    database: PathBuf,
    id: String,
    secret: String,
}

impl Erp {
    /// Runs the client once. Returns its final report.
    async fn sync(&self, port: u16) -> Value {
        let mut run = Command::new("python3");
        run.arg("examples/erp_sync/erp_sync.py")
            .args(["--url", &format!("http://127.0.0.1:{port}")]);
        run.args(["--client-id", &self.id, "--client-secret", &self.secret]);
        run.arg("--db").arg(&self.database);
        let done = web::block(move || run.output()).await.unwrap().unwrap();
        let (told, errors) =
            (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{errors}"))
    }

    /// Writes records to the ERP.
    fn write(&self, records: &[(&str, String, Value)]) {
        let sql = "import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute('create table if not exists records (type text, external_id text, id text, data text, revision integer default 1, dirty integer default 1, problem text, primary key (type, external_id))')
for kind, name, data in json.load(sys.stdin):
    db.execute('insert into records (type, external_id, data) values (?, ?, ?) on conflict do update set data = excluded.data, revision = revision + 1, dirty = 1', (kind, name, json.dumps(data)))
db.commit()";
        let mut run = Command::new("python3");
        run.args(["-c", sql]).arg(&self.database).stdin(Stdio::piped());
        let mut child = run.spawn().unwrap();
        let text = serde_json::to_vec(records).unwrap();
        child.stdin.take().unwrap().write_all(&text).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

fn customer(n: usize, city: &str) -> (&'static str, String, Value) {
    let data = json!({ "name": format!("客户 {n}"), "code": format!("C{n}"), "city": city, "phone": null });
    ("customer", format!("C{n}"), data)
}

#[actix_web::test]
async fn both_sides_end_equal() {
    let service = Service::start().await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let made = api_client::create_cli(db, clock, "sap", vec![Role::Erp], Some("sap")).await;
    let (id, secret) = made.unwrap();
    let mut process = Process::on(&service.url()).await;
    let count = Rc::new(Cell::new(0));
    let port = trouble(process.port, count.clone()).await;
    let erp = Erp { database: process.folder.join("erp.sqlite"), id, secret };
    let mut records = vec![];
    for n in 0..60 {
        let lines = json!([{ "product_external_id": format!("P{}", n % 7), "quantity": "2",
            "unit_price": "5", "amount": "10.00" }]);
        let order = json!({ "number": format!("N{n}"), "customer_external_id": format!("C{n}"),
            "order_date": "2026-03-02", "lines": lines });
        records.push(("order", format!("O{n}"), order));
        let invoice = json!({ "number": format!("I{n}"), "customer_external_id": format!("C{n}"),
            "order_external_id": format!("O{n}"), "invoice_date": "2026-03-05",
            "due_date": "2026-04-04", "amount": "10.00" });
        records.push(("invoice", format!("I{n}"), invoice));
        let used = json!([{ "invoice_external_id": format!("I{n}"), "amount": "7.00" }]);
        let payment = json!({ "number": format!("M{n}"), "customer_external_id": format!("C{n}"),
            "received_on": "2026-03-09", "amount": "7.00", "allocations": used });
        records.push(("payment", format!("M{n}"), payment));
        records.push(customer(n, "Ulm"));
    }
    for n in 0..7 {
        let product = json!({ "code": format!("P{n}"), "name": "P", "list_price": "5" });
        records.push(("product", format!("P{n}"), product));
    }
    erp.write(&records);
    let done = erp.sync(port).await;
    assert_eq!((&done["equal"], &done["records"]), (&json!(true), &json!(247)), "{done:#}");
    assert_eq!(service.count("orders").await, 60);
    let paid = "invoices where open_amount = 3 and status = 'posted'";
    assert_eq!((service.count(paid).await, service.count("payments").await), (60, 60));
    assert!(count.get() > 10, "it met trouble");

    // Both sides change: a user creates a customer in the service and moves another one.
    let seller = service.actor(Role::Salesperson).await;
    let token = seller.token.clone().unwrap();
    let seller = Caller { port: process.port, token };
    let new = json!({ "name": "Made here", "city": "Bonn" });
    let told = seller.post("/customers", &new, "k1").await.unwrap();
    assert_eq!(told.status, 201, "{}", told.body);
    execute(&service.url(), "select 1").await;
    let admin = service.actor(Role::Admin).await;
    let list = admin.get("/api/v1/customers?q=C5").await.expect(200);
    let there = list["items"].as_array().unwrap().iter().find(|it| it["external_id"] == "C5");
    let path = format!("/api/v1/customers/{}", there.unwrap()["id"].as_str().unwrap());
    admin.patch(&path, 1, json!({ "city": "Jena" })).await.expect(200);
    erp.write(&[customer(1, "Trier"), customer(100, "Trier")]);
    let done = erp.sync(port).await;
    assert_eq!((&done["equal"], &done["records"]), (&json!(true), &json!(249)), "{done:#}");
    let linked = service.count("customers where external_id like 'SB-%' and city = 'Bonn'").await;
    assert_eq!(linked, 1);
    assert_eq!(admin.get(&path).await.expect(200)["city"], "Jena", "the change here stays");

    // The service is killed, and then the database is restored: 410, and a full copy follows.
    erp.write(&(200..400).map(|n| customer(n, "Köln")).collect::<Vec<_>>());
    let (done, ()) = tokio::join!(erp.sync(port), async {
        let start = Instant::now();
        while service.count("customers").await == 62 {
            assert!(start.elapsed() < START, "nothing comes");
            sleep(Duration::from_millis(5)).await;
        }
        process.kill();
        service.sql("update feed_epoch set xid = xid + 1000000").await;
        process.start();
        process.ready(START).await;
    });
    assert_eq!(done["equal"], true, "{done:#}");
    let done = erp.sync(port).await;
    assert_eq!((&done["equal"], &done["records"]), (&json!(true), &json!(449)), "{done:#}");
    assert_eq!(service.count("customers").await, 262);
}
