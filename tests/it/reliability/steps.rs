//! Kills the service at each step of a write: before each message to the database, and after each
//! message before its answer arrives, until a request succeeds. A run takes the first step, the last
//! ones and a sample of the others; with `TORTURE_MINUTES` it takes all.

use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::harness::Service;
use crate::support::process::{Caller, Process, Told, count, texts};
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::sampling::{is_sampled, often};

/// Time limit for the restart of a debug build and for the end of a dead connection.
const BACK: Duration = Duration::from_secs(20);

/// Each fault occurs at one of this many steps in a run.
const ONE_IN: usize = 8;

/// A write whose rows have a unique name.
pub struct Wish {
    pub path: String,
    pub body: Value,
}

/// A kind of row: its path, its type in the feed, and a query for the state of the rows of a name,
/// `{name}`, without values that differ between names.
pub struct Kind {
    pub path: &'static str,
    pub type_: &'static str,
    pub rows: &'static str,
    /// SQL that prepares the database for the next write
    pub tidy: &'static str,
}

const ORDER: Kind = Kind {
    path: "/orders",
    type_: "order",
    rows: "select concat_ws(' ', replace(external_id, '{name}', ''), version, status,
            amount::float8,
            'lines', (select string_agg(concat(line_number, ':', amount::float8), ' '
                order by line_number) from order_lines where order_id = o.id),
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = o.id and type = 'order'),
            'ledger', (select string_agg(concat(kind, line_number, ':', amount::float8), ' '
                order by recorded_at, kind desc, line_number)
                from sales_entries where order_id = o.id))
        from orders o where external_id like '{name}-%'",
    tidy: "select",
};

/// A service with one worker and one connection for requests, whose statements are already
/// prepared, so that each write of a kind takes the same messages.
pub struct Stage {
    pub service: Service,
    proxy: Proxy,
    process: Process,
    pub caller: Caller,
    pub customer: String,
    product: String,
}

impl Stage {
    pub async fn new() -> Self {
        let service = Service::start().await;
        let proxy = Proxy::opened(&service.url()).await;
        let mut process = Process::new();
        process.set("DATABASE_URL", &proxy.url(&service.url()));
        process.set("SALESBOOK_WORKERS", "1");
        process.set("SALESBOOK_POOL_SIZE", "1");
        process.start();
        process.ready(BACK).await;
        let caller = process.admin().await;
        let customer = caller.post("/customers", &json!({ "name": "Stamm" }), "").await.unwrap();
        let product = json!({ "code": "P", "name": "P", "unit": "pcs", "list_price": "10" });
        let product = caller.post("/products", &product, "").await.unwrap();
        let (customer, product) = (customer.id().to_owned(), product.id().to_owned());
        Self { service, proxy, process, caller, customer, product }
    }

    async fn post(&self, wish: &Wish, key: &str) -> Told {
        self.caller.post(&wish.path, &wish.body, key).await.unwrap()
    }

    /// The state of the rows of this name, without values that differ between names.
    async fn state(&self, kind: &Kind, name: &str) -> Vec<String> {
        let answered = "select 'answered ' || status from idempotency_keys where key = '{name}'";
        let query = format!("{} union all {answered} order by 1", kind.rows);
        texts(&self.service.url(), &query.replace("{name}", name)).await
    }

    /// Waits until no connection is active, and checks that every change belongs to a row.
    async fn comes_to_rest(&self, kind: &Kind) {
        let url = self.service.url();
        let busy = "pg_stat_activity where datname = current_database() and state <> 'idle'
            and backend_type = 'client backend' and pid <> pg_backend_pid()";
        let start = Instant::now();
        while count(&url, busy).await > 0 {
            assert!(start.elapsed() < BACK, "a connection of a dead service is still at work");
            sleep(Duration::from_millis(5)).await;
        }
        let (type_, table) = (kind.type_, kind.path[1..].replace('-', "_"));
        let loose = format!(
            "changes c where type = '{type_}' and not exists
            (select from {table} o where o.id = c.id)"
        );
        assert_eq!(count(&url, &loose).await, 0, "a change of nothing");
    }
}

/// The content of a response, without values that differ between names.
fn told(answer: &Told, name: &str) -> String {
    fn forget(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let own = ["id", "number", "filed_no", "offline_delay_s"];
                fields.retain(|name, _| {
                    !own.contains(&name.as_str())
                        && !name.ends_with("_at")
                        && !name.ends_with("_due")
                });
                fields.values_mut().for_each(forget);
            }
            Value::Array(items) => items.iter_mut().for_each(forget),
            _ => {}
        }
    }
    let mut body = answer.body.clone();
    forget(&mut body);
    format!("{} {body}", answer.status).replace(name, "")
}

/// Kills the service at each step, and compares the state before and after the same request is
/// repeated. `prepare` runs before each step, without a fault.
pub async fn killed_at_each_step(
    stage: &mut Stage,
    kind: &Kind,
    prepare: impl Fn(&Stage, &str) -> Wish,
    wish: impl Fn(&Stage, &str, &Told) -> Wish,
    place: impl Fn(usize) -> Place,
) {
    let start = Instant::now();
    // The expected result, without a fault. The first write has a key as well, so that all statements
    // of the second one are prepared, as they are below.
    let first = stage.post(&prepare(stage, "good"), "before-good").await;
    let before = stage.state(kind, "good").await;
    let good = stage.post(&wish(stage, "good", &first), "good").await;
    assert!(good.status < 300, "{good:?}");
    let good = told(&good, "good");
    let after = stage.state(kind, "good").await;
    assert_ne!(before, after);
    let (messages, statements) = stage.proxy.last_write();
    let last = if matches!(place(1), Place::Message(_)) { messages } else { statements };
    let (mut deaths, mut happened) = ([0, 0], 0);
    // The two faults take different steps.
    let faults = [(Fault::Held, 0), (Fault::Silence, ONE_IN / 2)];
    for (deaths, (fault, shift)) in deaths.iter_mut().zip(faults) {
        // The commit is the last step, or the last but one if a message follows it.
        let taken = |step: usize| step == 1 || step + 2 > last || is_sampled(step + shift, ONE_IN);
        for step in (1..).filter(|step| taken(*step)) {
            let name = format!("{fault:?}{step}");
            stage.service.sql(kind.tidy).await;
            let first = stage.post(&prepare(stage, &name), &format!("before-{name}")).await;
            assert!(first.status < 300, "{first:?}");
            stage.proxy.plan(place(step), fault);
            let (caller, wish) = (stage.caller.clone(), wish(stage, &name, &first));
            let (path, body, key) = (wish.path.clone(), wish.body.clone(), name.clone());
            let mut request = rt::spawn(async move { caller.post(&path, &body, &key).await });
            let through = tokio::select! {
                () = stage.proxy.meets() => None,
                answer = &mut request => Some(answer.unwrap().unwrap()),
            };
            if let Some(answer) = through {
                assert!(stage.proxy.take_back(), "step {step} has been met and nobody has died");
                assert_eq!(stage.proxy.met_at().1, "COMMIT", "the last step was not the last");
                assert_eq!(told(&answer, &name), good, "{name}");
                assert_eq!(stage.state(kind, &name).await, after, "{name}");
                break;
            }
            stage.process.kill();
            assert!(request.await.unwrap().is_err(), "{name}: the dead have answered");
            stage.comes_to_rest(kind).await;
            let met = stage.proxy.met_at();
            let found = stage.state(kind, &name).await;
            let whole = found == after;
            assert!(whole || found == before, "{name}, at {met:?}: a part of it: {found:#?}");
            assert_eq!(whole, fault == Fault::Silence && met.1 == "COMMIT", "{name}, at {met:?}");
            stage.process.start();
            stage.process.ready(BACK).await;
            let again = stage.post(&wish, &name).await;
            assert_eq!(again.header("idempotency-replayed").is_some(), whole, "{name}: {again:?}");
            assert_eq!(told(&again, &name), good, "{name}, at {met:?}");
            assert_eq!(stage.state(kind, &name).await, after, "{name}, at {met:?}");
            let once_more = stage.post(&wish, &name).await;
            assert_eq!((once_more.status, &once_more.body), (again.status, &again.body));
            if let Some(id) = again.body["id"].as_str() {
                let read = stage.caller.get(&format!("{}/{id}", kind.path)).await.unwrap();
                assert_eq!(read.body, again.body, "{name}");
            }
            *deaths += 1;
            happened += usize::from(whole);
        }
    }
    assert_eq!(happened, 1, "the answer of the commit alone came too late");
    let [before, after] = deaths;
    println!("killed before {before} messages and after {after}, in {:?}", start.elapsed());
}

fn entered(stage: &Stage, name: &str, _: &Told) -> Wish {
    let lines: Vec<_> = ["1", "2", "3"]
        .iter()
        .map(|quantity| {
            json!({ "product_id": stage.product, "quantity": quantity, "unit_price": "12.34" })
        })
        .collect();
    let body = json!({ "customer_id": stage.customer, "source_system": "single",
        "external_id": format!("{name}-1"), "order_date": "2026-03-31", "lines": lines });
    Wish { path: "/orders".to_owned(), body }
}

#[actix_web::test]
async fn killed_at_each_step_of_an_order() {
    let mut stage = Stage::new().await;
    let none = Told { status: 0, head: String::new(), body: Value::Null };
    let other = |stage: &Stage, name: &str| entered(stage, &format!("before-{name}"), &none);
    killed_at_each_step(&mut stage, &ORDER, other, entered, Place::Message).await;
    let url = stage.service.url();
    let lines = count(&url, "order_lines").await;
    assert_eq!(3 * count(&url, "orders").await, lines);
    assert_eq!(count(&url, "sales_entries").await, 0, "a draft is not sold");
}

/// The statements of a write, or all its messages in a longer test.
pub fn statement() -> fn(usize) -> Place {
    if often(1) > 1 { Place::Message } else { Place::Statement }
}

fn imported(stage: &Stage, name: &str, amounts: &[(usize, &str)]) -> Wish {
    let items = amounts.iter().map(|(number, amount)| {
        let line = |line| {
            json!({ "line_number": line, "product_id": stage.product, "quantity": "1",
                "unit_price": amount, "amount": amount })
        };
        json!({ "external_id": format!("{name}-{number}"), "customer_id": stage.customer,
            "order_date": "2026-03-31", "lines": [line(1), line(2), line(3)] })
    });
    let body = json!({ "source_system": "sap", "items": items.collect::<Vec<_>>() });
    Wish { path: "/orders/batch".to_owned(), body }
}

#[actix_web::test]
async fn killed_at_each_step_of_an_import() {
    let mut stage = Stage::new().await;
    let first = |stage: &Stage, name: &str| imported(stage, name, &[(1, "10.00"), (2, "20.00")]);
    // One order is changed, one is unchanged, two are new.
    let then = |stage: &Stage, name: &str, _: &Told| {
        imported(stage, name, &[(1, "11.00"), (2, "20.00"), (3, "30.00"), (4, "40.00")])
    };
    // Its statements are prepared each time, which adds many messages that change nothing.
    let place = statement();
    killed_at_each_step(&mut stage, &ORDER, first, then, place).await;
    let wrong = "orders o where amount <>
        (select sum(amount) from sales_entries e where e.order_id = o.id)";
    assert_eq!(count(&stage.service.url(), wrong).await, 0, "the ledger is not the orders");
}
