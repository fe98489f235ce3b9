//! The service is killed at each step of the writes of visits, complaints and follow-ups, and a
//! thousand clients send the same write.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::reliability::load::TWINS;
use crate::reliability::steps::{Kind, Stage, Wish, killed_at_each_step, statement};
use crate::support::harness::{Actor, Service};
use crate::support::process::{Caller, Process, Told, count, texts};

const VISIT: Kind = Kind {
    path: "/visits",
    type_: "visit",
    rows: "select concat_ws(' ', replace(external_id, '{name}', ''), version, status, duration_min,
            'checks', (select string_agg(concat(kind, open, geo_status), ' ' order by kind)
                from visit_checks where visit_id = v.id),
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = v.id and type = 'visit'))
        from visits v where external_id like '{name}-%'",
    // A user can have only one open visit.
    tidy: "update visit_checks set open = false",
};

const COMPLAINT: Kind = Kind {
    path: "/complaints",
    type_: "complaint",
    rows: "select concat_ws(' ', replace(external_id, '{name}', ''), version, status,
            'clock', (select count(*) from complaint_clocks where complaint_id = o.id),
            'settled', (select string_agg(concat(resolution_mode, compensation_amount::float8,
                ' filed ', filed_no is not null), ' ')
                from complaint_settlements where complaint_id = o.id),
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = o.id and type = 'complaint'))
        from complaints o where external_id like '{name}-%'",
    tidy: "select",
};

const FOLLOW_UP: Kind = Kind {
    path: "/follow-ups",
    type_: "follow_up",
    rows: "select concat_ws(' ', replace(instruction, '{name}', ''), version, status,
            'changes', (select string_agg(concat(version, op), ' ' order by version)
                from changes c where c.id = o.id and type = 'follow_up'))
        from follow_ups o where instruction like '{name}-%'",
    tidy: "select",
};

/// A user with this role who calls the process.
async fn caller(service: &Service, role: Role, port: u16) -> (Caller, String) {
    let actor: Actor<'_> = service.actor(role).await;
    let customer = actor.customer("上海林氏").await.rsplit('/').next().unwrap().to_owned();
    (Caller { port, token: actor.token.unwrap() }, customer)
}

async fn stage(role: Role) -> Stage {
    let mut stage = Stage::new().await;
    (stage.caller, stage.customer) = caller(&stage.service, role, stage.caller.port).await;
    stage
}

fn planned(stage: &Stage, name: &str) -> Wish {
    let body = json!({ "customer_id": stage.customer, "source_system": "phone",
        "external_id": format!("{name}-1") });
    Wish { path: "/visits".to_owned(), body }
}

fn begun(stage: &Stage, _: &str, visit: &Told) -> Wish {
    let now = stage.service.inner.clock.now();
    let body = json!({ "occurred_at": now, "latitude": 31.2304, "longitude": 121.4737 });
    Wish { path: format!("/visits/{}/check-in", visit.id()), body }
}

fn complaint(stage: &Stage, name: &str, more: &Value) -> Wish {
    let mut body = json!({ "customer_id": stage.customer, "source_system": "phone",
        "external_id": format!("{name}-1"), "category": "quality", "description": "外壳开裂" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Wish { path: "/complaints".to_owned(), body }
}

fn settled(stage: &Stage, name: &str) -> Wish {
    let how = json!({ "resolution": "换货", "root_cause": "受潮", "compensation_amount": "200" });
    complaint(stage, name, &json!({ "resolved": how }))
}

fn registered(stage: &Stage, name: &str) -> Wish {
    complaint(stage, name, &json!({}))
}

fn filed(_: &Stage, _: &str, complaint: &Told) -> Wish {
    Wish { path: format!("/complaints/{}/file", complaint.id()), body: json!({}) }
}

fn assigned(stage: &Stage, name: &str) -> Wish {
    let body = json!({ "customer_id": stage.customer, "instruction": format!("{name}-1"),
        "due_at": "2199-01-01T00:00:00Z" });
    Wish { path: "/follow-ups".to_owned(), body }
}

#[actix_web::test]
async fn killed_at_each_step_of_a_check_in() {
    let mut stage = stage(Role::Salesperson).await;
    killed_at_each_step(&mut stage, &VISIT, planned, begun, statement()).await;
    let url = stage.service.url();
    let visits = count(&url, "visits where status = 'in_progress'").await;
    assert_eq!(count(&url, "visit_checks").await, visits);
}

#[actix_web::test]
async fn killed_at_each_step_of_a_complaint_on_the_spot() {
    let mut stage = stage(Role::Salesperson).await;
    let other = |stage: &Stage, name: &str| settled(stage, &format!("before-{name}"));
    let wish = |stage: &Stage, name: &str, _: &Told| settled(stage, name);
    killed_at_each_step(&mut stage, &COMPLAINT, other, wish, statement()).await;
}

#[actix_web::test]
async fn killed_at_each_step_of_a_filing() {
    let mut stage = stage(Role::BackOffice).await;
    killed_at_each_step(&mut stage, &COMPLAINT, registered, filed, statement()).await;
    let url = stage.service.url();
    let numbers = "select right(filed_no, 4)::int from complaint_settlements order by 1";
    let numbers = texts(&url, numbers).await;
    let all: Vec<String> = (1..=numbers.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, all, "whoever died has taken no number along");
    assert_eq!(numbers.len(), count(&url, "complaints").await);
}

#[actix_web::test]
async fn killed_at_each_step_of_a_follow_up() {
    let mut stage = stage(Role::BackOffice).await;
    let other = |stage: &Stage, name: &str| assigned(stage, &format!("before-{name}"));
    let wish = |stage: &Stage, name: &str, _: &Told| assigned(stage, name);
    killed_at_each_step(&mut stage, &FOLLOW_UP, other, wish, statement()).await;
}

/// Sends many equal requests with one key at once: one is executed, and the others get its answer.
async fn twins(caller: &Caller, path: &str, body: &Value, status: u16) {
    let answers = join_all((0..TWINS).map(|_| caller.post(path, body, "twin"))).await;
    let first = caller.post(path, body, "twin").await.unwrap();
    assert_eq!((first.status, first.header("idempotency-replayed")), (status, Some("true")));
    let mut statuses = BTreeMap::<u16, usize>::new();
    for answer in answers {
        let answer = answer.unwrap();
        *statuses.entry(answer.status).or_default() += 1;
        match answer.status {
            409 => {
                assert_eq!(answer.body["code"], "request_in_progress");
                assert!(answer.header("retry-after").is_some());
            }
            503 => assert!(answer.header("retry-after").is_some()),
            _ => assert_eq!((answer.status, &answer.body), (status, &first.body)),
        }
    }
    println!("answers {statuses:?} of {path}");
}

#[actix_web::test]
async fn a_thousand_twins_are_one_complaint_and_one_check_in() {
    let service = Service::start().await;
    let process = Process::on(&service.url()).await;
    let (seller, customer) = caller(&service, Role::Salesperson, process.port).await;
    let complaint = json!({ "customer_id": customer, "category": "quality",
        "description": "外壳开裂" });
    twins(&seller, "/complaints", &complaint, 201).await;
    for rows in ["complaints", "complaint_clocks", "changes where type = 'complaint'"] {
        assert_eq!(service.count(rows).await, 1, "{rows}");
    }
    let visit = json!({ "customer_id": customer });
    let visit = seller.post("/visits", &visit, "").await.unwrap();
    let check = json!({ "occurred_at": service.inner.clock.now() });
    service.sql("delete from idempotency_keys").await;
    twins(&seller, &format!("/visits/{}/check-in", visit.id()), &check, 200).await;
    let begun = "changes where type = 'visit' and op = 'updated'";
    for rows in ["visit_checks", begun, "idempotency_keys"] {
        assert_eq!(service.count(rows).await, 1, "{rows}");
    }
}
