//! Network faults at each step of the writes of visits, complaints and follow-ups: repeating the
//! request creates exactly one row.

use std::time::Instant;

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::reliability::points::{DEADLINE, GRACE, is_a_good_refusal, settled};
use crate::support::harness::Service;
use crate::support::process::{Caller, Process, count};
use crate::support::proxy::{Fault, Place, Proxy};
use crate::support::sampling::{is_sampled, often};

/// A write: the state before it, the request, and the rows that it creates once.
pub struct Write {
    pub roles: &'static [Role],
    /// Preceding requests: paths and bodies
    pub first: &'static [(&'static str, Make)],
    pub path: &'static str,
    pub status: u16,
    pub body: Make,
    pub steps: &'static [&'static str],
    pub rows: &'static [&'static str],
    /// SQL that prepares the next write
    pub tidy: &'static str,
    /// Queries for rows that must never exist, and their meaning
    pub wrong: &'static [(&'static str, &'static str)],
}

pub type Make = fn(&Before) -> Value;

/// The existing rows to which a body may refer.
pub struct Before {
    pub customer: String,
    /// The last created row: `{id}` in a path
    pub last: String,
    /// The number of writes so far
    pub made: usize,
}

fn complaint(before: &Before) -> Value {
    json!({ "customer_id": before.customer, "category": "quality", "description": "外壳开裂" })
}

/// Queries for gaps in numbers.
const GAPS: &[(&str, &str)] = &[(
    "(select max(right(filed_no, 4)::int) - count(filed_no) as gaps
        from complaint_settlements) as it where gaps <> 0",
    "a number is missing",
)];

const WRITES: [Write; 4] = [
    Write {
        roles: &[Role::Salesperson],
        first: &[("/visits", |it| json!({ "customer_id": it.customer }))],
        path: "/visits/{id}/check-in",
        status: 200,
        #[expect(clippy::disallowed_methods, reason = "the service under test has the real clock")]
        body: |_| json!({ "occurred_at": jiff::Timestamp::now() }),
        steps: &["\"visits\"", "INSERT INTO \"visit_checks\"", "UPDATE \"visits\"", CHANGES],
        rows: &["visits", "visit_checks", "changes where type = 'visit' and version = 2"],
        tidy: "update visit_checks set open = false",
        wrong: &[],
    },
    Write {
        roles: &[Role::Salesperson],
        first: &[],
        path: "/complaints",
        status: 201,
        body: |it| {
            let mut body = complaint(it);
            body["resolved"] = json!({ "resolution": "换货", "compensation_amount": "200" });
            body
        },
        steps: &[
            "\"customers\"",
            "INSERT INTO \"complaints\"",
            "INSERT INTO \"complaint_clocks\"",
            "INSERT INTO \"complaint_settlements\"",
            CHANGES,
        ],
        rows: &["complaints", "complaint_clocks", "complaint_settlements"],
        tidy: "select",
        wrong: &[],
    },
    Write {
        roles: &[Role::BackOffice],
        first: &[("/complaints", complaint)],
        path: "/complaints/{id}/file",
        status: 200,
        body: |_| json!({}),
        steps: &["\"complaints\"", "UPDATE \"complaint_settlements\"", CHANGES],
        rows: &[
            "complaints",
            "complaint_settlements where filed_no is not null",
            "changes where type = 'complaint' and version = 2",
        ],
        tidy: "select",
        wrong: GAPS,
    },
    Write {
        roles: &[Role::BackOffice],
        first: &[],
        path: "/follow-ups",
        status: 201,
        body: |it| {
            json!({ "customer_id": it.customer, "instruction": "回访",
                "due_at": "2199-01-01T00:00:00Z" })
        },
        steps: &["\"customers\"", "INSERT INTO \"follow_ups\"", CHANGES],
        rows: &["follow_ups", "changes where type = 'follow_up'"],
        tidy: "select",
        wrong: &[],
    },
];

/// The statement that records a change.
pub const CHANGES: &str = "INSERT INTO \"changes\"";
const EVERY: [&str; 2] = ["INSERT INTO \"idempotency_keys\"", "COMMIT"];

/// Interrupts the write at each of its steps in each way. Repeating it creates exactly one row.
pub async fn cut_off(write: &Write) {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let actor = service.person(write.roles).await;
    let customer = actor.customer("上海林氏").await.rsplit('/').next().unwrap().to_owned();
    let caller = Caller { port: process.port, token: actor.token.unwrap() };
    let mut it = Before { customer, last: String::new(), made: 0 };
    let faults = [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer];
    for (number, step) in write.steps.iter().chain(&EVERY).enumerate() {
        // Each step with one of the faults, the commit with all.
        let tried = |at: &usize| *step == "COMMIT" || is_sampled(number + at, faults.len());
        for fault in (0..faults.len()).filter(tried).map(|at| faults[at]) {
            for _ in 0..often(1) {
                service.sql(write.tidy).await;
                for (first, body) in write.first {
                    let first = first.replace("{id}", &it.last);
                    let made = caller.post(&first, &body(&it), "").await.unwrap();
                    assert!(made.status < 300, "{first}: {made:?}");
                    let id = [&made.body["id"], &made.body["results"][0]["id"]];
                    id.iter().find_map(|it| it.as_str()).unwrap().clone_into(&mut it.last);
                }
                let path = write.path.replace("{id}", &it.last);
                let (body, key) = ((write.body)(&it), format!("key-{}", it.made));
                proxy.plan(Place::Write(step), fault);
                let start = Instant::now();
                let answer = caller.post(&path, &body, &key).await.unwrap();
                let what = format!("{path} at {step}, {fault:?}");
                assert!(start.elapsed() < DEADLINE + GRACE, "{what}: {:?}", start.elapsed());
                it.made += 1;
                assert_eq!(proxy.times_met(), it.made, "{what}: {answer:?}");
                is_a_good_refusal(&answer);
                let unknown = answer.body["code"] == "outcome_unknown";
                assert_eq!(unknown, *step == "COMMIT", "{what}: {answer:?}");
                let again = settled(&caller, &path, &body, &key).await;
                assert_eq!(again.status, write.status, "{what}: {again:?}");
                let happened = again.header("idempotency-replayed").is_some();
                assert_eq!(happened, unknown && fault != Fault::BeforeSend, "{what}: {again:?}");
                for rows in write.rows {
                    assert_eq!(count(&service.url(), rows).await, it.made, "{what}: {rows}");
                }
                for (rows, why) in write.wrong {
                    assert_eq!(count(&service.url(), rows).await, 0, "{what}: {why}");
                }
            }
        }
    }
    println!("{} cut off {} times", write.path, it.made);
}

#[actix_web::test]
async fn the_field_is_cut_off_at_every_step() {
    for write in &WRITES {
        cut_off(write).await;
    }
}
