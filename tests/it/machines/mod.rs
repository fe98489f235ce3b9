//! Every status, action and role of all state machines: only documented transitions succeed, once
//! each, even with concurrent requests.

pub mod tables;
pub mod world;

use std::collections::BTreeMap;

use actix_web::http::Method;
use futures_util::future::{join, join_all};
use salesbook::access::Role;

use crate::credit::tables::{INVESTIGATIONS, TERMS};
use crate::growth::tables::{OPPORTUNITIES, SUGGESTIONS};
use crate::machines::tables::{Action, Again, CUSTOMERS, Machine, ORDERS, TARGETS};
use crate::machines::world::{World, real, service};
use crate::receivables::tables::{
    COLLECTION_TASKS, INVOICES, PAYMENTS, PROMISES, RISK_CASES, WRITE_OFFS,
};
use crate::support::harness::{Actor, Answer, Service};
use crate::support::sampling::{is_sampled, or_in_torture};
use crate::visits::tables::{FOLLOW_UPS, VISITS};

/// The number of races of each pair of actions.
fn meetings() -> usize {
    or_in_torture(6, 20)
}

impl Machine {
    fn statuses(&self) -> impl Iterator<Item = &'static str> {
        self.actions[0].table.iter().map(|it| it.0)
    }
}

impl Action {
    fn is_based(&self) -> bool {
        self.name.starts_with("PATCH") || self.name == "DELETE"
    }

    /// Checks whether only the requester may take the action.
    fn is_the_askers(&self, machine: &Machine) -> bool {
        match machine.path {
            "terms-requests" => matches!(self.name, "submit" | "withdraw"),
            "write-off-requests" => self.name == "withdraw",
            _ => false,
        }
    }

    fn from(&self, status: &str) -> (&'static [Role], Option<&'static str>) {
        let row = self.table.iter().find(|it| it.0 == status);
        row.map_or((&[], None), |it| (it.1, it.2))
    }

    async fn take(&self, by: &Actor<'_>, machine: &Machine, id: &str, version: i64) -> Answer {
        let row = format!("/api/v1/{}/{id}", machine.path);
        let tag = format!("\"{version}\"");
        match self.name.split(' ').next().unwrap() {
            method @ ("PATCH" | "DELETE") => {
                let method = method.parse::<Method>().unwrap();
                by.send(method, &row, self.body.map(|make| make()), &[("if-match", &tag)]).await
            }
            name => {
                by.send(Method::POST, &format!("{row}/{name}"), self.body.map(|make| make()), &[])
                    .await
            }
        }
    }
}

/// Tests each combination of status, action and role, and a repetition of each. Of the many
/// combinations that are refused because of the role, a normal run takes a sample.
async fn every_triple(machine: &Machine) {
    let service = service().await;
    let world = World::of(&service).await;
    let mut triples = vec![];
    for action in machine.actions {
        for status in machine.statuses() {
            let may = action.from(status).0;
            let actors =
                world.actors.iter().enumerate().filter(|(at, (role, _))| {
                    may.contains(role) || is_sampled(at + triples.len(), 3)
                });
            let actors: Vec<_> = actors.map(|(_, it)| (action, status, it.0, &it.1)).collect();
            triples.extend(actors);
        }
    }
    let mut owners = world.owners(machine, triples.len()).await;
    for (owner, (action, _, role, actor)) in owners.iter_mut().zip(&triples) {
        // The requester submits and withdraws a request for terms; somebody else decides.
        let asks = action.is_the_askers(machine);
        if !machine.personal && (asks || *role == Role::Salesperson) {
            *owner = actor.id;
        }
    }
    let wanted: Vec<_> = triples.iter().zip(&owners).map(|it| (it.0.1, *it.1)).collect();
    let ids = world.rows(machine, &wanted).await;
    let (mut expected, mut ways) = (BTreeMap::new(), BTreeMap::new());
    let mut edges = 0;
    for (((action, status, role, actor), id), owner) in triples.iter().zip(&ids).zip(&owners) {
        let own = service.signed_in(*owner);
        let actor = if *role == Role::Salesperson { &own } else { *actor };
        let what = format!("{} {status} {} as {}", machine.path, action.name, role.as_str());
        let (may, to) = action.from(status);
        let told = action.take(actor, machine, id, 1).await.status.as_u16();
        let mut way = vec![*status];
        match (may.contains(role), to) {
            (false, _) => assert!(matches!(told, 403 | 404), "{what}: {told}"),
            (true, None) => assert_eq!(told, 409, "{what}"),
            (true, Some(to)) => {
                assert!(matches!(told, 200 | 204), "{what}: {told}");
                way.push(to);
                edges += 1;
            }
        }
        let (moved, version) = (way.len() > 1, i64::try_from(way.len()).unwrap());
        let now = *way.last().unwrap();
        expected.insert(id.clone(), (real(now).to_owned(), version, version));
        ways.insert(id.clone(), way);
        if moved {
            let again = action.take(actor, machine, id, 2).await;
            let told = again.status.as_u16();
            let goes_on = action.from(now).1.is_some();
            let fine = match action.again {
                Again::Nothing if goes_on => told == 200 && again.body["version"] == 2,
                Again::Anew if goes_on => {
                    expected.insert(id.clone(), (real(now).to_owned(), 3, 3));
                    told == 200 && again.body["version"] == 3
                }
                _ if action.name == "DELETE" => told == 404,
                // A role that is permitted in one status may not be permitted in the next.
                _ => told == 409 || told == 403 && !action.from(now).0.contains(role),
            };
            assert!(fine, "{what}, again: {told}");
        }
    }
    if machine.personal {
        let rows = triples.iter().zip(&ids).map(|(it, id)| (it.0, id.as_str()));
        nothing_for_strangers(&service, machine, rows.collect()).await;
    }
    assert_eq!(world.stored(machine).await.into_iter().collect::<BTreeMap<_, _>>(), expected);
    world.is_right(machine, &ways).await;
    println!("{} triples of {}, {edges} of them edges", triples.len(), machine.path);
}

/// Users of another team always get 404.
async fn nothing_for_strangers(service: &Service, machine: &Machine, rows: Vec<(&Action, &str)>) {
    let seller = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;
    for (action, id) in rows {
        let told = action.take(&manager, machine, id, 1).await;
        assert_eq!(told.expect(404)["code"], "not_found", "{} by a manager", action.name);
        let only_managers = action.table.iter().all(|it| !it.1.contains(&Role::Salesperson))
            && machine.path == "visits";
        let told = action.take(&seller, machine, id, 1).await.status;
        assert_eq!(told.as_u16(), if only_managers { 403 } else { 404 }, "{}", action.name);
    }
}

/// A possible result of two concurrent actions: which of them succeed, and the transitions of the
/// row.
fn serial(from: &'static str, first: &Action, second: &Action) -> (bool, bool, Vec<&'static str>) {
    let (mut way, mut went) = (vec![from], [false, false]);
    for (at, action) in [first, second].into_iter().enumerate() {
        let Some(to) = action.from(way.last().unwrap()).1 else { continue };
        let again =
            if at == 1 && first.name == second.name { action.again } else { Again::ByStatus };
        went[at] = again != Again::Refused;
        if matches!(again, Again::ByStatus | Again::Anew) {
            way.push(to);
        }
    }
    (went[0], went[1], way)
}

/// Two concurrent actions have the same result as in one of the two sequential orders.
async fn pairs_at_once(machine: &Machine) {
    let service = service().await;
    let world = World::of(&service).await;
    let mut pairs = vec![];
    for status in machine.statuses() {
        for (at, first) in machine.actions.iter().enumerate() {
            for second in &machine.actions[at..] {
                // Either action may go first.
                let ways = [serial(status, first, second), serial(status, second, first)];
                if ways.iter().any(|it| it.0 && it.1) || first.name == second.name && ways[0].0 {
                    pairs.push((status, first, second));
                }
            }
        }
    }
    let pairs: Vec<_> = pairs.iter().flat_map(|pair| vec![*pair; meetings()]).collect();
    let owners = world.owners(machine, pairs.len()).await;
    let wanted: Vec<_> = pairs.iter().zip(&owners).map(|it| (it.0.0, *it.1)).collect();
    let ids = world.rows(machine, &wanted).await;
    let mut ways = BTreeMap::new();
    let all: Vec<_> = pairs.iter().zip(&ids).collect();
    let hands = pairs.iter().zip(&owners).map(|(pair, owner)| {
        let hand = |action: &Action| {
            let own = machine.path == "write-off-requests" && action.is_the_askers(machine);
            let admin = !own && action.from(pair.0).0.contains(&Role::Admin);
            service.signed_in(if admin { world.admin().id } else { *owner })
        };
        (hand(pair.1), hand(pair.2))
    });
    let hands: Vec<_> = hands.collect();
    let meetings: Vec<_> = all.iter().zip(&hands).collect();
    let mut told = vec![];
    // Only a few races at a time, so that there are enough connections.
    for some in meetings.chunks(4) {
        let meet = some.iter().map(|(((_, first, second), id), (one, other))| {
            join(first.take(one, machine, id, 1), second.take(other, machine, id, 1))
        });
        told.extend(join_all(meet).await);
    }
    let stored = world.stored(machine).await;
    for (told, ((status, first, second), id)) in told.iter().zip(&all) {
        let what = format!("{} {status} {} and {}", machine.path, first.name, second.name);
        let went = |answer: &Answer| match answer.status.as_u16() {
            200 | 204 => true,
            404 if first.name == "DELETE" || second.name == "DELETE" => false,
            409 | 412 => false,
            _ => panic!("{what}: {answer:?}"),
        };
        let went = (went(&told.0), went(&told.1));
        let (one, other) = (serial(status, first, second), serial(status, second, first));
        let mut possible = vec![];
        possible.extend((went == (one.0, one.1)).then_some(one.2));
        possible.extend((went == (other.1, other.0)).then_some(other.2));
        if possible.is_empty() && went.0 != went.1 {
            // The later action finds a different version.
            let (taken, late) = if went.0 { (first, second) } else { (second, first) };
            let based = late.is_based();
            let way = vec![*status, taken.from(status).1.unwrap()];
            possible.extend(based.then_some(way));
        }
        let (now, version, changes) = &stored[*id];
        let way = possible.into_iter().find(|way| way.last().is_some_and(|it| real(it) == now));
        let way = way.unwrap_or_else(|| panic!("{what}: {went:?} and {now}, in which order?"));
        let effects = i64::try_from(way.len()).unwrap();
        assert_eq!((*version, *changes), (effects, effects), "{what}: {way:?}");
        ways.insert((*id).clone(), way);
    }
    world.is_right(machine, &ways).await;
    println!("{} pairs of {}", pairs.len(), machine.path);
}

macro_rules! machines {
    ($($name:ident, $pairs:ident: $machine:ident)*) => { $(
        #[actix_web::test]
        async fn $name() {
            every_triple(&$machine).await;
        }

        #[actix_web::test]
        async fn $pairs() {
            pairs_at_once(&$machine).await;
        }
    )* };
}

machines! {
    every_triple_of_visits, pairs_of_visits: VISITS
    every_triple_of_follow_ups, pairs_of_follow_ups: FOLLOW_UPS
    every_triple_of_customers, pairs_of_customers: CUSTOMERS
    every_triple_of_orders, pairs_of_orders: ORDERS
    every_triple_of_targets, pairs_of_targets: TARGETS
    every_triple_of_suggestions, pairs_of_suggestions: SUGGESTIONS
    every_triple_of_investigations, pairs_of_investigations: INVESTIGATIONS
    every_triple_of_terms, pairs_of_terms: TERMS
    every_triple_of_opportunities, pairs_of_opportunities: OPPORTUNITIES
    every_triple_of_invoices, pairs_of_invoices: INVOICES
    every_triple_of_payments, pairs_of_payments: PAYMENTS
    every_triple_of_promises, pairs_of_promises: PROMISES
    every_triple_of_collection_tasks, pairs_of_collection_tasks: COLLECTION_TASKS
    every_triple_of_risk_cases, pairs_of_risk_cases: RISK_CASES
    every_triple_of_write_offs, pairs_of_write_offs: WRITE_OFFS
}
