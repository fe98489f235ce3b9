//! Faults of the network at each step of what is written in the field and at the desk: the same
//! request again makes one row.

use std::time::Instant;

use salesbook::auth::Role;
use serde_json::{Value, json};

use crate::harness::Service;
use crate::points::{DEADLINE, GRACE, is_a_good_refusal, settled};
use crate::process::{Caller, Process, count, often};
use crate::proxy::{Fault, Place, Proxy};

/// One write: what is there before it, what is sent, which rows are there once for each.
struct Write {
    role: Role,
    /// What is created first, if it is a step of something
    first: Option<&'static str>,
    path: &'static str,
    status: u16,
    body: fn(&str) -> Value,
    steps: &'static [&'static str],
    rows: &'static [&'static str],
    /// What makes room for the next one
    tidy: &'static str,
}

fn complaint(customer: &str) -> Value {
    json!({ "customer_id": customer, "category": "quality", "description": "外壳开裂" })
}

const WRITES: [Write; 4] = [
    Write {
        role: Role::Salesperson,
        first: Some("/visits"),
        path: "/visits/{id}/check-in",
        status: 200,
        body: |_| json!({ "occurred_at": jiff::Timestamp::now() }),
        steps: &["\"visits\"", "INSERT INTO \"visit_checks\"", "UPDATE \"visits\""],
        rows: &["visits", "visit_checks", "changes where type = 'visit' and version = 2"],
        tidy: "update visit_checks set open = false",
    },
    Write {
        role: Role::Salesperson,
        first: None,
        path: "/complaints",
        status: 201,
        body: |customer| {
            let mut body = complaint(customer);
            body["resolved"] = json!({ "resolution": "换货", "compensation_amount": "200" });
            body
        },
        steps: &[
            "\"customers\"",
            "INSERT INTO \"complaints\"",
            "INSERT INTO \"complaint_clocks\"",
            "INSERT INTO \"complaint_settlements\"",
        ],
        rows: &["complaints", "complaint_clocks", "complaint_settlements"],
        tidy: "select",
    },
    Write {
        role: Role::BackOffice,
        first: Some("/complaints"),
        path: "/complaints/{id}/file",
        status: 200,
        body: |_| json!({}),
        steps: &["\"complaints\"", "UPDATE \"complaint_settlements\""],
        rows: &[
            "complaints",
            "complaint_settlements where filed_no is not null",
            "changes where type = 'complaint' and version = 2",
        ],
        tidy: "select",
    },
    Write {
        role: Role::BackOffice,
        first: None,
        path: "/follow-ups",
        status: 201,
        body: |customer| {
            json!({ "customer_id": customer, "instruction": "回访",
                "due_at": "2199-01-01T00:00:00Z" })
        },
        steps: &["\"customers\"", "INSERT INTO \"follow_ups\""],
        rows: &["follow_ups", "changes where type = 'follow_up'"],
        tidy: "select",
    },
];

const EVERY: [&str; 3] = ["INSERT INTO \"changes\"", "INSERT INTO \"idempotency_keys\"", "COMMIT"];

async fn cut_off(write: &Write) {
    let service = Service::start().await;
    let proxy = Proxy::opened(&service.url()).await;
    let process = Process::on(&proxy.url(&service.url())).await;
    let actor = service.actor(write.role).await;
    let customer = actor.customer("上海林氏").await.rsplit('/').next().unwrap().to_owned();
    let caller = Caller { port: process.port, token: actor.token.unwrap() };
    let mut made = 0;
    for step in write.steps.iter().chain(&EVERY) {
        for fault in [Fault::BeforeSend, Fault::AfterSend, Fault::MidAnswer] {
            for _ in 0..often(1) {
                service.sql(write.tidy).await;
                let mut path = write.path.to_owned();
                if let Some(first) = write.first {
                    let body = match first {
                        "/visits" => json!({ "customer_id": customer }),
                        _ => complaint(&customer),
                    };
                    let first = caller.post(first, &body, "").await.unwrap();
                    path = path.replace("{id}", first.id());
                }
                let (body, key) = ((write.body)(&customer), format!("key-{made}"));
                proxy.plan(Place::Write(step), fault);
                let start = Instant::now();
                let answer = caller.post(&path, &body, &key).await.unwrap();
                let what = format!("{path} at {step}, {fault:?}");
                assert!(start.elapsed() < DEADLINE + GRACE, "{what}: {:?}", start.elapsed());
                made += 1;
                assert_eq!(proxy.times_met(), made, "{what}: {answer:?}");
                is_a_good_refusal(&answer);
                let unknown = answer.body["code"] == "outcome_unknown";
                assert_eq!(unknown, *step == "COMMIT", "{what}: {answer:?}");
                let again = settled(&caller, &path, &body, &key).await;
                assert_eq!(again.status, write.status, "{what}: {again:?}");
                let happened = again.header("idempotency-replayed").is_some();
                assert_eq!(happened, unknown && fault != Fault::BeforeSend, "{what}: {again:?}");
            }
        }
    }
    for rows in write.rows {
        assert_eq!(count(&service.url(), rows).await, made, "{rows} by {}", write.path);
    }
    let gaps = "(select max(right(filed_no, 4)::int) - count(filed_no) as gaps
        from complaint_settlements) as it where gaps <> 0";
    assert_eq!(count(&service.url(), gaps).await, 0, "numbers without gaps");
    println!("{} cut off {made} times", write.path);
}

#[actix_web::test]
async fn the_field_is_cut_off_at_every_step() {
    for write in &WRITES {
        cut_off(write).await;
    }
}
