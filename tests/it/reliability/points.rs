//! Network faults at every statement between the service and its database.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::process::{Caller, Process, Told, count, execute, texts};
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::sampling::{is_sampled, often};

const EACH: usize = 2;

/// Time limit for every response; the tests allow a busy machine a little more.
pub const DEADLINE: Duration = Duration::from_secs(10);
pub const GRACE: Duration = Duration::from_secs(2);

const FAULTS: [Fault; 5] =
    [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer, Fault::Held, Fault::Silence];

/// The statements of the write of an order, including its commit.
const STEPS: [&str; 10] = [
    "begin; set local",
    "pg_try_advisory_xact_lock",
    "FROM \"idempotency_keys\"",
    "FROM \"customers\"",
    "nextval('orders_number_seq')",
    "INSERT INTO \"orders\"",
    "insert into order_lines",
    "INSERT INTO \"changes\"",
    "INSERT INTO \"idempotency_keys\"",
    "COMMIT",
];

/// Checks for a 503 with Retry-After that reveals no internals.
pub fn is_a_good_refusal(answer: &Told) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    let text = answer.body.to_string().to_lowercase();
    for inner in ["select", "insert", "postgres", "connection", "src/", "diesel"] {
        assert!(!text.contains(inner), "{answer:?}");
    }
}

/// Repeats a request, as a client program would, until the first one has finished.
pub async fn settled(caller: &Caller, path: &str, body: &Value, key: &str) -> Told {
    let start = Instant::now();
    loop {
        let again = caller.post(path, body, key).await.unwrap();
        match again.status {
            409 | 503 if start.elapsed() < 2 * DEADLINE => sleep(Duration::from_millis(50)).await,
            _ => return again,
        }
    }
}

/// Builds the body of an order with three lines.
async fn order(caller: &Caller) -> impl Fn(&str) -> Value + use<> {
    let customer = json!({ "name": "Stamm", "allow_duplicate": true });
    let customer = caller.post("/customers", &customer, "stamm").await.unwrap();
    let product = json!({ "code": "P", "name": "P", "unit": "pcs", "list_price": "10" });
    let product = caller.post("/products", &product, "product").await.unwrap();
    let (customer, product) = (customer.id().to_owned(), product.id().to_owned());
    move |name| {
        let line = json!({ "product_id": product, "quantity": "1" });
        json!({ "customer_id": customer, "source_system": "single", "external_id": name,
            "lines": [line, line, line] })
    }
}

/// Injects one fault at these statements of a write.
async fn each_of(steps: &[&'static str], fault: Fault) {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    let order = order(&caller).await;
    let (mut slowest, mut made) = (Duration::ZERO, 0);
    for step in steps {
        // Each of these faults takes ten seconds.
        let rounds = if fault == Fault::Silence || fault == Fault::Held { 1 } else { EACH };
        for round in 0..often(rounds) {
            let name = format!("{step} {round}");
            let (new, key) = (order(&name), format!("key-{made}"));
            proxy.plan(Place::Write(step), fault);
            let start = Instant::now();
            let answer = caller.post("/orders", &new, &key).await.unwrap();
            slowest = slowest.max(start.elapsed());
            assert!(start.elapsed() < DEADLINE + GRACE, "{name} took {:?}", start.elapsed());
            made += 1;
            assert_eq!(proxy.times_met(), made, "{name}: {answer:?}");
            is_a_good_refusal(&answer);
            let unknown = answer.body["code"] == "outcome_unknown";
            assert_eq!(unknown, *step == "COMMIT", "{name}: {answer:?}");
            let again = settled(&caller, "/orders", &new, &key).await;
            assert_eq!(again.status, 201, "{name}: {again:?}");
            let arrived = !matches!(fault, Fault::BeforeSend | Fault::Held);
            let happened = again.header("idempotency-replayed").is_some();
            assert_eq!(happened, unknown && arrived, "{name}: {again:?}");
            let read = caller.get(&format!("/orders/{}", again.id())).await.unwrap();
            assert_eq!((read.status, &read.body), (200, &again.body), "{name}");
        }
    }
    for (rows, each) in [("orders", 1), ("order_lines", 3), ("changes where type = 'order'", 1)] {
        assert_eq!(count(&service.url(), rows).await, made * each, "{rows}");
    }
    println!("{fault:?} at {made} points, {slowest:?} at most");
}

#[actix_web::test]
async fn an_order_is_cut_off_at_every_step() {
    for fault in [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer] {
        each_of(&STEPS, fault).await;
    }
}

#[actix_web::test]
async fn an_order_meets_a_black_hole_at_every_step() {
    // The faults run concurrently, each against a separate service.
    let parts = STEPS.chunks(3).flat_map(|steps| {
        [Fault::Held, Fault::Silence].map(|fault| Box::pin(each_of(steps, fault)))
    });
    join_all(parts).await;
}

#[actix_web::test]
async fn a_read_meets_every_fault() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    let new = json!({ "name": "Lin & Sons" });
    let path = caller.post("/customers", &new, "").await.unwrap();
    let path = format!("/customers/{}", path.id());
    for round in 0..often(EACH) {
        // The last two faults take ten seconds each.
        for fault in FAULTS.into_iter().take(if is_sampled(round, 2) { 5 } else { 3 }) {
            // Reads the row by its id, because jobs read customers as well and would meet the fault
            // first.
            proxy.plan(Place::Read("\"customers\".\"id\" = $"), fault);
            let start = Instant::now();
            let answer = caller.get(&path).await.unwrap();
            assert!(start.elapsed() < DEADLINE + GRACE, "{fault:?} took {:?}", start.elapsed());
            assert!(!proxy.take_back(), "{fault:?} was not met: {answer:?}");
            is_a_good_refusal(&answer);
            let again = caller.get(&path).await.unwrap();
            assert_eq!((again.status, &again.body["name"]), (200, &new["name"]), "{round}");
        }
    }
}

/// The service has lost its connections, and new ones fail.
#[actix_web::test]
async fn a_beginning_meets_every_fault() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    let order = order(&caller).await;
    for round in 0..often(1) {
        for fault in FAULTS {
            proxy.plan(Place::Startup, fault);
            let others = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and usename = current_user
                and pid <> pg_backend_pid()";
            execute(&service.url(), others).await;
            let name = format!("{fault:?}-{round}");
            let (new, start) = (order(&name), Instant::now());
            let write = caller.post("/orders", &new, &name);
            let (write, read, live, ready) = tokio::join!(
                write,
                caller.get("/customers"),
                process.get("/health/live"),
                process.get("/health/ready")
            );
            assert!(start.elapsed() < DEADLINE + GRACE, "{fault:?} took {:?}", start.elapsed());
            assert_eq!(live.unwrap().status, 200);
            for answer in [write, read, ready] {
                is_a_good_refusal(&answer.unwrap());
            }
            assert!(proxy.take_back());
            let again = settled(&caller, "/orders", &new, &name).await;
            assert_eq!(again.status, 201, "{fault:?}: {again:?}");
            assert!(again.header("idempotency-replayed").is_none());
            let rows = format!("select count(*) from orders where external_id = '{name}'");
            assert_eq!(texts(&service.url(), &rows).await, ["1"]);
        }
    }
}
