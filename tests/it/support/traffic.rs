//! Clients that write and read during a failure, and checks of the state after it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::process::{Caller, Process, Told, count, texts};

/// The number of orders in a batch.
const BATCH: usize = 20;

/// The time for which a client repeats a request without an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A write with its key and its response.
struct Write {
    path: &'static str,
    body: Value,
    key: String,
    told: Told,
}

#[derive(Default)]
struct Notes {
    done: RefCell<Vec<Write>>,
    /// The number of responses with each status; 0 counts requests without a response
    statuses: RefCell<BTreeMap<u16, usize>>,
    wrong: RefCell<Vec<String>>,
    over: Cell<bool>,
}

/// Six writers and two readers, which run until [`Traffic::end`].
pub struct Traffic {
    notes: Rc<Notes>,
    clients: Vec<rt::task::JoinHandle<()>>,
}

impl Traffic {
    pub async fn start(process: &Process) -> Self {
        let caller = process.admin().await;
        let notes = Rc::new(Notes::default());
        let customer = json!({ "name": "Stamm", "allow_duplicate": true });
        let customer = caller.post("/customers", &customer, "stamm").await.unwrap();
        let product = json!({ "code": "P", "name": "P", "unit": "pcs", "list_price": "10" });
        let product = caller.post("/products", &product, "product").await.unwrap();
        let (customer, product) = (customer.id().to_owned(), product.id().to_owned());
        let mut clients = vec![];
        for worker in 0..6 {
            let (caller, notes) = (caller.clone(), notes.clone());
            let (customer, product) = (customer.clone(), product.clone());
            clients.push(rt::spawn(async move {
                while !notes.over.get() {
                    let (path, body) = wish(worker % 3, &customer, &product);
                    write(&caller, &notes, path, body).await;
                }
            }));
        }
        for path in ["/customers?limit=20", "/orders?limit=5"] {
            let (caller, notes) = (caller.clone(), notes.clone());
            clients.push(rt::spawn(async move {
                while !notes.over.get() {
                    if let Ok(told) = caller.get(path).await {
                        notes.note(path, &told);
                    }
                    sleep(Duration::from_millis(10)).await;
                }
            }));
        }
        Self { notes, clients }
    }

    /// Waits until this number of further writes has been acknowledged.
    pub async fn flows(&self, more: usize) {
        let (start, before) = (Instant::now(), self.notes.done.borrow().len());
        while self.notes.done.borrow().len() < before + more {
            self.notes.are_good();
            assert!(start.elapsed() < PATIENCE, "stuck: {:?}", self.notes.statuses.borrow());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Repeats the latest writes: each gets its original response.
    pub async fn replay(&self, caller: &Caller) {
        let same = |it: &Write| (it.path, it.body.clone(), it.key.clone(), it.told.body.clone());
        let latest: Vec<_> = self.notes.done.borrow().iter().rev().take(12).map(same).collect();
        for (path, body, key, told) in latest {
            let again = loop {
                match caller.post(path, &body, &key).await {
                    Ok(again) if again.status != 503 => break again,
                    _ => sleep(Duration::from_millis(50)).await,
                }
            };
            assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again:?}");
            assert_eq!(again.body, told);
        }
    }

    /// Waits until every write has finished, then compares all acknowledged writes with the
    /// database.
    pub async fn end(self, process: &Process) -> String {
        self.notes.over.set(true);
        for client in self.clients {
            client.await.unwrap();
        }
        let notes = self.notes;
        notes.are_good();
        let done = notes.done.take();
        check(&process.database(), &done).await;
        format!("{} writes, answers {:?}", done.len(), notes.statuses.borrow())
    }

    pub fn saw(&self, status: u16) -> bool {
        self.notes.statuses.borrow().contains_key(&status)
    }
}

impl Notes {
    fn are_good(&self) {
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Besides successes, only a 503 with Retry-After or a running request with the same key is
    /// valid.
    fn note(&self, path: &str, told: &Told) {
        *self.statuses.borrow_mut().entry(told.status).or_default() += 1;
        let good = match told.status {
            200 | 201 => true,
            503 => told.header("retry-after").is_some(),
            409 => told.body["code"] == "request_in_progress",
            _ => false,
        };
        if !good {
            self.wrong.borrow_mut().push(format!("{path}: {} {}", told.status, told.body));
        }
    }
}

fn wish(kind: usize, customer: &str, product: &str) -> (&'static str, Value) {
    let name = Uuid::now_v7().to_string();
    let line = json!({ "product_id": product, "quantity": "2", "unit_price": "12.34" });
    match kind {
        0 => ("/customers", json!({ "name": name, "allow_duplicate": true })),
        1 => (
            "/orders",
            json!({ "customer_id": customer, "external_id": name,
            "source_system": "single", "lines": [line, line, line] }),
        ),
        _ => {
            let lines = (1..=3).map(|number| {
                json!({ "line_number": number,
                "product_id": product, "quantity": "1", "unit_price": "10", "amount": "10.00" })
            });
            let lines = lines.collect::<Vec<_>>();
            let order = |number| {
                json!({ "external_id": format!("{name}-{number}"),
                "customer_id": customer, "order_date": "2026-03-31", "lines": lines })
            };
            let items: Vec<_> = (0..BATCH).map(order).collect();
            ("/orders/batch", json!({ "source_system": "batches", "items": items }))
        }
    }
}

/// Sends the request with the same key until there is a response.
async fn write(caller: &Caller, notes: &Notes, path: &'static str, body: Value) {
    let (key, start) = (Uuid::now_v7().to_string(), Instant::now());
    while start.elapsed() < PATIENCE {
        if let Ok(told) = caller.post(path, &body, &key).await {
            notes.note(path, &told);
            if matches!(told.status, 200 | 201) {
                notes.done.borrow_mut().push(Write { path, body, key, told });
                return;
            }
        } else {
            *notes.statuses.borrow_mut().entry(0).or_default() += 1;
        }
        sleep(Duration::from_millis(30)).await;
    }
    notes.wrong.borrow_mut().push(format!("{path}: no answer in {PATIENCE:?}"));
}

async fn check(url: &str, done: &[Write]) {
    let of = |path: &str| done.iter().filter(|it| it.path == path).count();
    let orders = of("/orders") + BATCH * of("/orders/batch");
    assert_eq!(count(url, "customers").await, of("/customers") + 1, "customers");
    assert_eq!(count(url, "orders").await, orders, "orders");
    assert_eq!(count(url, "order_lines").await, 3 * orders, "lines");
    assert_eq!(count(url, "sales_entries").await, 3 * BATCH * of("/orders/batch"), "ledger");
    assert_eq!(count(url, "idempotency_keys").await, done.len() + 2, "keys");
    let none = [
        (
            "an order without its lines",
            "orders o where 3 <> (select count(*) from order_lines l
            where l.order_id = o.id)",
        ),
        (
            "an order that is not the sum of its lines",
            "orders o where amount <> (select sum(amount)
            from order_lines l where l.order_id = o.id)",
        ),
        (
            "a confirmed order that is not in the ledger",
            "orders o where status = 'confirmed' and
            amount <> (select sum(amount) from sales_entries e where e.order_id = o.id)",
        ),
        (
            "an order without its change",
            "orders o where 1 <> (select count(*) from changes c
            where c.id = o.id and c.version = o.version)",
        ),
        (
            "a customer without its change",
            "customers o where 1 <> (select count(*) from changes c
            where c.id = o.id and c.version = o.version)",
        ),
        (
            "a change of nothing",
            "changes c where type = 'order' and not exists
            (select from orders o where o.id = c.id)",
        ),
    ];
    for (what, rows) in none {
        assert_eq!(count(url, rows).await, 0, "{what}");
    }
    let mut ids = texts(url, "select id from customers union all select id from orders").await;
    ids.sort();
    for write in done {
        let results = write.told.body["results"].as_array();
        let told: Vec<&str> = match results {
            Some(results) => results.iter().filter_map(|it| it["id"].as_str()).collect(),
            None => vec![write.told.id()],
        };
        let expected = if results.is_some() { BATCH } else { 1 };
        assert_eq!(told.len(), expected, "{}", write.told.body);
        for id in told {
            assert!(ids.binary_search_by(|it| it.as_str().cmp(id)).is_ok(), "{id} is lost");
        }
    }
}
