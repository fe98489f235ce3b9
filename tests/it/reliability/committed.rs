//! Writes with an unknown result: the connection is cut around COMMIT, or the service dies.
//! Repeating them with the same key creates one row, however often.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::inventing::Dice;
use crate::support::process::{Caller, Process, START, Told, count, texts};
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::sampling::or_in_torture;

const CLIENTS: usize = 6;

/// The last statements of a write; the connection breaks at one of them.
const ENDS: [&str; 4] =
    ["INSERT INTO \"changes\"", "INSERT INTO \"idempotency_keys\"", "COMMIT", "COMMIT"];
const FAULTS: [Fault; 3] = [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer];

/// The number of writes: `TORTURE_POSTS` if set, otherwise ten thousand with `TORTURE_MINUTES`.
fn posts() -> usize {
    let told = std::env::var("TORTURE_POSTS").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(or_in_torture(200, 10_000))
}

/// Repeats a request like a client program until the answer is final. Returns the number of
/// attempts as well.
async fn repeated(caller: &Caller, path: &str, body: &Value, key: &str) -> (Told, usize) {
    let (start, mut asked) = (Instant::now(), 0);
    loop {
        asked += 1;
        match caller.post(path, body, key).await {
            Ok(told) if told.status != 503 && told.body["code"] != "request_in_progress" => {
                return (told, asked);
            }
            _ => assert!(start.elapsed() < START, "{path} {key} has no end"),
        }
        sleep(Duration::from_millis(30)).await;
    }
}

/// Creates orders and customers with several clients. Returns the number of lost answers.
async fn post_all(caller: &Caller, done: &Cell<usize>, trouble: impl Fn(&mut Dice)) -> usize {
    let posts = posts();
    let customer = json!({ "name": "Stamm", "allow_duplicate": true });
    let (customer, _) = repeated(caller, "/customers", &customer, "stamm").await;
    let product = json!({ "code": "P", "name": "P", "unit": "pcs", "list_price": "10" });
    let (product, _) = repeated(caller, "/products", &product, "product").await;
    let (customer, product) = (customer.id(), product.id());
    let trouble = &trouble;
    let each = (0..CLIENTS).map(|client| async move {
        let (mut dice, mut again) = (Dice(client as u64 + 1), 0);
        for n in (client..posts).step_by(CLIENTS) {
            let (path, body) = if n % 3 == 0 {
                let new = json!({ "name": format!("K{n}"), "allow_duplicate": true,
                    "source_system": "cut", "external_id": format!("{n}") });
                ("/customers", new)
            } else {
                let lines = json!([{ "quantity": "1", "product_id": product }]);
                let new = json!({ "customer_id": customer, "source_system": "cut",
                    "external_id": format!("{n}"), "lines": lines });
                ("/orders", new)
            };
            trouble(&mut dice);
            let (told, asked) = repeated(caller, path, &body, &format!("key-{n}")).await;
            assert_eq!(told.status, 201, "{told:?}");
            again += asked - 1;
            done.set(done.get() + 1);
        }
        again
    });
    join_all(each).await.iter().sum()
}

/// Checks that each row exists exactly once, together with the rows that belong to it.
async fn check(url: &str) {
    let posts = posts();
    let customers = posts.div_ceil(3);
    for (rows, expected) in [
        ("customers where source_system = 'cut'", customers),
        ("orders where source_system = 'cut'", posts - customers),
        ("order_lines", posts - customers),
        ("changes where type = 'order'", posts - customers),
        ("changes where type = 'customer'", customers + 1),
    ] {
        assert_eq!(count(url, rows).await, expected, "{rows}");
    }
    let twice = "select source_system || external_id from (select source_system, external_id, 'c' \
        from customers union all select source_system, external_id, 'o' from orders) as it \
        (source_system, external_id, kind) where external_id is not null \
        group by source_system, external_id, kind having count(*) > 1";
    assert_eq!(texts(url, twice).await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_cut_around_the_commit_makes_one_row() {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let caller = process.admin().await;
    let again = post_all(&caller, &Cell::new(0), |dice| {
        if dice.roll(2) == 0 {
            let (end, fault) = (ENDS[dice.roll(ENDS.len())], FAULTS[dice.roll(FAULTS.len())]);
            proxy.plan(Place::Write(end), fault);
        }
    })
    .await;
    proxy.take_back();
    println!("{} posts, {} cut, {again} repeated", posts(), proxy.times_met());
    assert!(proxy.times_met() > posts() / 10, "{}", proxy.times_met());
    check(&service.url()).await;
}

#[actix_web::test]
async fn a_death_in_between_makes_one_row() {
    let service = Service::start().await;
    let mut process = Process::on(&service.url()).await;
    let caller = process.admin().await;
    let (done, over) = (Cell::new(0), Cell::new(false));
    let posting = async {
        let again = post_all(&caller, &done, |_| {}).await;
        over.set(true);
        again
    };
    let killing = async {
        let (mut deaths, mut dice) = (0, Dice(7));
        while !over.get() {
            let next = done.get() + 20 + dice.roll(20);
            while done.get() < next && !over.get() {
                sleep(Duration::from_millis(5)).await;
            }
            if !over.get() {
                process.kill();
                process.start();
                process.ready(START).await;
                deaths += 1;
            }
        }
        deaths
    };
    let (again, deaths) = tokio::join!(posting, killing);
    println!("{} posts, {deaths} deaths, {again} repeated", posts());
    assert!(deaths > 3 && again > deaths, "{deaths} deaths, {again} repeated");
    check(&service.url()).await;
}
