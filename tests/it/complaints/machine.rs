//! Complaints in every status, with every action and actor: documented transitions succeed, all
//! others are refused.

use std::collections::HashMap;

use actix_web::http::Method;
use futures_util::future::{join, join_all};
use salesbook::access::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::complaints::COMPLAINTS;
use crate::support::harness::{Actor, Answer, Service};
use crate::support::sampling::{is_sampled, or_in_torture};

const STATUSES: [&str; 8] = [
    "registered",
    "accepted",
    "in_progress",
    "pending_customer",
    "resolved",
    "closed",
    "rejected",
    "withdrawn",
];

const OPEN: &[&str] = &["registered", "accepted", "in_progress", "pending_customer"];
const NOT_CLOSED: &[&str] =
    &["registered", "accepted", "in_progress", "pending_customer", "resolved"];

/// Users who see the complaint, and their roles.
const WITHIN: [(&str, Role); 10] = [
    ("owner", Role::Salesperson),
    ("reporter", Role::Salesperson),
    ("manager", Role::SalesManager),
    ("director", Role::SalesDirector),
    ("office", Role::BackOffice),
    ("admin", Role::Admin),
    ("general", Role::GeneralManager),
    ("quality", Role::Quality),
    ("erp", Role::Erp),
    ("reports", Role::Reporter),
];

/// Users who do not see the complaint, and their roles.
const WITHOUT: [(&str, Role); 3] = [
    ("stranger", Role::Salesperson),
    ("other_manager", Role::SalesManager),
    ("finance", Role::Finance),
];

/// A transition, written independently of the service: the action, the statuses before it, the
/// status after it (`None` if it stays the same), the permitted roles (empty for all except those
/// that only read), and the permitted actors.
struct Edge {
    action: &'static str,
    from: &'static [&'static str],
    to: Option<&'static str>,
    roles: &'static [Role],
    who: &'static [&'static str],
}

const HANDLERS: &[Role] = &[Role::SalesManager, Role::SalesDirector, Role::BackOffice, Role::Admin];
const JUDGES: &[Role] = &[Role::SalesManager, Role::SalesDirector, Role::Admin];
const FILERS: &[Role] = &[Role::BackOffice, Role::Admin];
const HANDLING: &[&str] = &["manager", "director", "office", "admin"];
const ANY: &[&str] =
    &["owner", "reporter", "manager", "director", "office", "admin", "general", "quality", "erp"];

const fn edge(
    action: &'static str,
    from: &'static [&'static str],
    to: Option<&'static str>,
    roles: &'static [Role],
    who: &'static [&'static str],
) -> Edge {
    Edge { action, from, to, roles, who }
}

const EDGES: [Edge; 17] = [
    edge("accept", &["registered"], Some("accepted"), HANDLERS, HANDLING),
    edge("assign", &["accepted", "in_progress", "pending_customer"], None, HANDLERS, HANDLING),
    edge("reject", &["registered"], Some("rejected"), JUDGES, HANDLING),
    edge("start", &["accepted"], Some("in_progress"), &[], &["owner"]),
    edge("wait", &["in_progress"], Some("pending_customer"), &[], &["owner"]),
    edge("resume", &["pending_customer"], Some("in_progress"), &[], ANY),
    edge("resolve", &["in_progress"], Some("resolved"), &[], &["owner"]),
    edge("close", &["resolved"], Some("closed"), FILERS, HANDLING),
    edge("reopen", &["resolved", "closed"], Some("in_progress"), &[], ANY),
    edge(
        "withdraw",
        &["registered", "accepted", "in_progress"],
        Some("withdrawn"),
        &[],
        &["reporter"],
    ),
    edge("proposals", OPEN, None, &[], ANY),
    edge("file", NOT_CLOSED, None, FILERS, HANDLING),
    edge("confirm", &["resolved"], None, &[], &["owner", "office", "admin"]),
    edge("follow-up-call", &["resolved"], None, &[], &["owner", "office", "admin"]),
    edge("escalate", OPEN, None, JUDGES, HANDLING),
    edge("dispatch", NOT_CLOSED, None, HANDLERS, HANDLING),
    edge(
        "change",
        OPEN,
        None,
        &[],
        &["owner", "reporter", "manager", "director", "office", "admin"],
    ),
];

struct Cast<'a> {
    actors: HashMap<&'static str, Actor<'a>>,
    customer: String,
}

async fn cast(service: &Service) -> Cast<'_> {
    let mut actors = HashMap::new();
    for (name, role) in WITHIN.into_iter().chain(WITHOUT) {
        let actor = match role {
            Role::Erp => service.client(role, "sap").await,
            role => service.actor(role).await,
        };
        actors.insert(name, actor);
    }
    service.team(None, &actors["manager"], &[&actors["owner"], &actors["reporter"]]).await;
    let customer = actors["owner"].customer("上海林氏贸易有限公司").await;
    let customer = customer.rsplit('/').next().unwrap().to_owned();
    Cast { actors, customer }
}

/// A complaint in this status that is ready for the action.
fn fact(cast: &Cast<'_>, key: usize, status: &str, action: &str) -> Value {
    let id = |name: &str| cast.actors[name].id;
    let mut fact = json!({ "external_id": key.to_string(), "customer_id": cast.customer,
        "category": "quality", "description": "外壳开裂", "status": status,
        "reporter_id": id("reporter") });
    let now = "2026-11-23T01:00:00Z";
    let mut more = json!({});
    if status != "registered" {
        more["owner_id"] = json!(id("owner"));
    }
    if action == "close" {
        more["received_at"] = json!(now);
        more["filed_at"] = json!(now);
        more["customer_confirmed_at"] = json!(now);
    }
    fact.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fact
}

/// Creates complaints in these statuses, for these actions. Returns their ids.
async fn given(cast: &Cast<'_>, wanted: &[(&str, &str)]) -> Vec<Uuid> {
    static KEY: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let key = || KEY.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let items: Vec<Value> = wanted.iter().map(|it| fact(cast, key(), it.0, it.1)).collect();
    let path = format!("{COMPLAINTS}/batch");
    let outcomes = cast.actors["erp"].post(&path, json!({ "items": items })).await.expect(200);
    assert_eq!(outcomes["created"], wanted.len(), "{:#}", outcomes["results"][0]);
    let results = outcomes["results"].as_array().unwrap();
    results.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect()
}

async fn act(cast: &Cast<'_>, actor: &Actor<'_>, id: Uuid, action: &str) -> Answer {
    let body = match action {
        "accept" => json!({ "owner_id": cast.actors["owner"].id }),
        "assign" => json!({ "owner_id": cast.actors["reporter"].id }),
        "reject" => json!({ "reason": "人为损坏", "customer_informed": true }),
        "wait" | "reopen" | "escalate" => json!({ "reason": "等客户寄回样品" }),
        "resolve" => json!({ "resolution": "换货", "root_cause": "受潮" }),
        "withdraw" => json!({ "statement": "客户不再追究" }),
        "proposals" => json!({ "text": "换货", "cost": "100" }),
        "confirm" => json!({ "by": "call", "satisfaction": 5 }),
        "follow-up-call" => json!({ "satisfaction": 4 }),
        "change" => {
            let path = format!("{COMPLAINTS}/{id}");
            return actor.patch(&path, 1, json!({ "batch_no": "B-1" })).await;
        }
        _ => Value::Null,
    };
    let body = Some(body).filter(|it| !it.is_null());
    actor.send(Method::POST, &format!("{COMPLAINTS}/{id}/{action}"), body, &[]).await
}

/// The expected status code.
fn expected(edge: &Edge, status: &str, name: &str, role: Role) -> u16 {
    let reads_only = role == Role::Reporter;
    let owns = name != "owner" || status != "registered" || edge.who == ANY;
    if reads_only || !edge.roles.is_empty() && !edge.roles.contains(&role) {
        403
    } else if WITHOUT.iter().any(|it| it.0 == name) {
        404
    } else if !edge.who.contains(&name) || !owns {
        403
    } else if edge.from.contains(&status) {
        200
    } else {
        409
    }
}

#[actix_web::test]
async fn every_status_action_and_actor() {
    let service = Service::start().await;
    let cast = cast(&service).await;
    let mut triples = vec![];
    for edge in &EDGES {
        for status in STATUSES {
            for (at, (name, role)) in WITHIN.into_iter().chain(WITHOUT).enumerate() {
                // Of the users who may not act, a normal run takes a sample.
                let refused = matches!(expected(edge, status, name, role), 403 | 404);
                if !refused || is_sampled(at + triples.len(), 3) {
                    triples.push((edge, status, name, role));
                }
            }
        }
    }
    let wanted: Vec<_> = triples.iter().map(|it| (it.1, it.0.action)).collect();
    let ids = given(&cast, &wanted).await;
    // Makes them visible to the quality department: the time of the dispatch cannot be imported.
    service.sql("update complaints set dispatched_at = created_at").await;
    let mut seen = HashMap::<u16, usize>::new();
    for ((edge, status, name, role), id) in triples.iter().zip(ids) {
        let answer = act(&cast, &cast.actors[name], id, edge.action).await;
        let told = format!("{} of a {status} complaint by {name}: {:#}", edge.action, answer.body);
        let code = expected(edge, status, name, *role);
        assert_eq!(answer.status.as_u16(), code, "{told}");
        *seen.entry(code).or_default() += 1;
        match code {
            200 => assert_eq!(answer.body["status"], edge.to.unwrap_or(status), "{told}"),
            409 => {
                assert_eq!(answer.body["code"], "wrong_status", "{told}");
                assert_eq!(answer.body["current_status"], *status, "{told}");
            }
            _ => {}
        }
        let version = if code == 200 && edge.action != "dispatch" { 2 } else { 1 };
        let path = format!("{COMPLAINTS}/{id}");
        assert_eq!(cast.actors["admin"].get(&path).await.expect(200)["version"], version, "{told}");
    }
    // A sample of a third of the refused ones leaves at least a third of all.
    let all = 17 * 8 * 13;
    let (fewest, most) = or_in_torture((all / 3, all), (all, all));
    assert!((fewest..=most).contains(&triples.len()), "{} triples", triples.len());
    println!("{} triples: {seen:?}", triples.len());
    assert!(seen[&200] > 150 && seen[&409] > 150, "{seen:?}");
}

/// An actor who may take the transition.
fn hand(edge: &Edge) -> &'static str {
    match edge.action {
        "close" | "file" => "office",
        "change" => "reporter",
        _ => edge.who[0],
    }
}

#[actix_web::test]
async fn each_action_twice_and_in_pairs_has_one_effect() {
    let pairs = or_in_torture(8, 20);
    let service = Service::start().await;
    let cast = cast(&service).await;
    for edge in &EDGES {
        let actor = &cast.actors[hand(edge)];
        let ids = given(&cast, &vec![(edge.from[0], edge.action); pairs + 1]).await;
        let told = edge.action;
        act(&cast, actor, ids[0], told).await.expect(200);
        let again = act(&cast, actor, ids[0], told).await;
        assert!([200, 409, 412].contains(&again.status.as_u16()), "{told}: {:#}", again.body);
        for four in ids[1..].chunks(4) {
            join_all(four.iter().map(async |id| {
                let twice = join(act(&cast, actor, *id, told), act(&cast, actor, *id, told));
                let (one, two) = twice.await;
                let codes = [one.status.as_u16(), two.status.as_u16()];
                assert!(codes.contains(&200), "{told}: {:#} {:#}", one.body, two.body);
                assert!(codes.iter().all(|it| [200, 409, 412].contains(it)), "{told}: {codes:?}");
            }))
            .await;
        }
        for id in ids {
            let recorded = format!("changes where id = '{id}'");
            assert_eq!(service.count(&recorded).await, 2, "{told}: created, and one effect");
        }
    }
    let filed = "select filed_no from complaint_settlements where filed_no is not null order by 1";
    let filings = service.texts(filed).await;
    assert_eq!(filings.len(), pairs + 1);
    let expected: Vec<String> =
        (1..=filings.len()).map(|n| format!("{}{n:04}", &filings[0][..8])).collect();
    assert_eq!(filings, expected);
}
