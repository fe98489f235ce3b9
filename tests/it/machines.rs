//! Every status, action and role of everything that has a status: only the documented edges, once
//! each, whoever else is trying at the same time.

use std::collections::BTreeMap;

use actix_web::http::Method;
use futures_util::future::{join, join_all};
use salesbook::auth::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Actor, Answer, Service};
use crate::machine_tables::{Action, CUSTOMERS, Machine, ORDERS, TARGETS};

/// How often each pair meets.
const MEETINGS: usize = 20;

impl Machine {
    fn statuses(&self) -> impl Iterator<Item = &'static str> {
        self.actions[0].table.iter().map(|it| it.0)
    }
}

impl Action {
    fn from(&self, status: &str) -> (&'static [Role], Option<&'static str>) {
        let row = self.table.iter().find(|it| it.0 == status);
        row.map_or((&[], None), |it| (it.1, it.2))
    }

    async fn take(&self, by: &Actor<'_>, machine: &Machine, id: &str, version: i64) -> Answer {
        let row = format!("/api/v1/{}/{id}", machine.path);
        let tag = format!("\"{version}\"");
        match self.name {
            "PATCH" | "DELETE" => {
                let method = self.name.parse::<Method>().unwrap();
                by.send(method, &row, self.body.map(|make| make()), &[("if-match", &tag)]).await
            }
            name => {
                by.send(Method::POST, &format!("{row}/{name}"), self.body.map(|make| make()), &[])
                    .await
            }
        }
    }
}

/// A company in which every role has somebody.
struct World<'a> {
    service: &'a Service,
    actors: Vec<(Role, Actor<'a>)>,
    erp: Actor<'a>,
    seller: Uuid,
}

async fn service() -> Service {
    // A target of October can be closed by then.
    let now = Timestamp("2026-11-20T04:00:00Z".parse().unwrap());
    Service::start_at(Clock::fixed(now)).await
}

impl<'a> World<'a> {
    async fn of(service: &'a Service) -> Self {
        let mut actors = vec![];
        for role in Role::ALL {
            actors.push((*role, service.actor(*role).await));
        }
        let seller = service.actor(Role::Salesperson).await;
        let manager = &actors.iter().find(|it| it.0 == Role::SalesManager).unwrap().1;
        service.team(None, manager, &[&seller]).await;
        let erp = service.client(Role::Erp, "sap").await;
        let seller = seller.id;
        Self { service, actors, erp, seller }
    }

    fn admin(&self) -> &Actor<'a> {
        &self.actors.iter().find(|it| it.0 == Role::Admin).unwrap().1
    }

    /// Rows with these statuses that belong to these people, as an ERP reports them.
    async fn rows(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let customer = match machine.path {
            "orders" => {
                let items = json!({ "items": [{ "external_id": "buyer", "name": "buyer" }] });
                let made = self.erp.post("/api/v1/customers/batch", items).await.expect(200);
                made["results"][0]["id"].clone()
            }
            _ => Value::Null,
        };
        let item = |(n, (status, owner)): (usize, &(&str, Uuid))| {
            let id = format!("{}-{n}", Uuid::now_v7());
            match machine.path {
                "customers" => json!({ "external_id": id, "name": id, "status": status,
                    "owner_id": owner }),
                "orders" => json!({ "external_id": id, "number": id, "status": status,
                    "customer_id": customer, "order_date": "2026-11-02",
                    "credits": [{ "user_id": owner, "share_percent": "100" }],
                    "lines": [{ "quantity": "1", "amount": "10" }, { "quantity": "2", "amount": "20" }] }),
                _ => json!({ "external_id": id, "status": status, "value": "30",
                    "owner_type": "user", "owner_id": owner, "period_type": "month",
                    "period_start": "2026-10-01", "dimension": "region", "dimension_value": id }),
            }
        };
        let items: Vec<Value> = wanted.iter().enumerate().map(item).collect();
        let path = format!("/api/v1/{}/batch", machine.path);
        let told = self.erp.post(&path, json!({ "items": items })).await.expect(200);
        assert_eq!(told["created"], wanted.len(), "{told:#}");
        let results = told["results"].as_array().unwrap();
        let ids: Vec<String> =
            results.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        if machine.path == "customers" {
            self.tried(&ids).await;
        }
        ids
    }

    /// Three visits over two weeks to each: then a prospect may be lost.
    async fn tried(&self, customers: &[String]) {
        let visit = |customer: &String, day: &str| {
            json!({ "external_id": format!("{customer} {day}"), "customer_id": customer,
                "owner_id": self.seller, "planned_date": day })
        };
        let days = ["2026-10-01", "2026-10-08", "2026-10-15"];
        let items: Vec<Value> =
            customers.iter().flat_map(|it| days.map(|day| visit(it, day))).collect();
        let told = self.erp.post("/api/v1/visits/batch", json!({ "items": items })).await;
        assert_eq!(told.expect(200)["created"], 3 * customers.len());
    }

    /// Status, version and number of changes, for each row that is there.
    async fn stored(&self, machine: &Machine) -> BTreeMap<String, (String, i64, i64)> {
        let query = format!(
            "select concat_ws(' ', id, coalesce((select it.status from {} it where it.id = c.id), 'gone'),
                max(version), count(*)) from changes c where type = '{}' group by id",
            machine.path, machine.type_
        );
        let rows = self.service.texts(&query).await;
        let rows = rows.iter().map(|row| {
            let [id, status, version, changes] = row.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let counts = (version.parse().unwrap(), changes.parse().unwrap());
            (id.to_owned(), (status.to_owned(), counts.0, counts.1))
        });
        rows.collect()
    }

    /// What the ledger has for each order: its entries, and what is left of its 30.00.
    async fn ledger(&self) -> BTreeMap<String, (i64, i64)> {
        let query = "select concat_ws(' ', order_id, count(*), sum(amount)::bigint)
            from sales_entries group by order_id";
        let rows = self.service.texts(query).await;
        let rows = rows.iter().map(|row| {
            let parts: Vec<&str> = row.split(' ').collect();
            (parts[0].to_owned(), (parts[1].parse().unwrap(), parts[2].parse().unwrap()))
        });
        rows.collect()
    }

    /// Each of these orders stands in the ledger as its way says, and no more than once.
    async fn books_are_right(&self, ways: &BTreeMap<String, Vec<&str>>) {
        let sold = |status: &&str| matches!(*status, "confirmed" | "closed");
        let ledger = self.ledger().await;
        for (id, way) in ways {
            let expected = match (way.iter().any(sold), way.last().is_some_and(sold)) {
                (false, _) => None,
                (true, true) => Some((2, 30)),
                (true, false) => Some((4, 0)),
            };
            assert_eq!(ledger.get(id).copied(), expected, "{id} {way:?}");
        }
    }
}

/// Each triple, and the same once more.
async fn every_triple(machine: &Machine) {
    let service = service().await;
    let world = World::of(&service).await;
    let mut triples = vec![];
    for action in machine.actions {
        for status in machine.statuses() {
            triples.extend(world.actors.iter().map(|(role, actor)| (action, status, *role, actor)));
        }
    }
    let owner = |role: Role, actor: &Actor<'_>| match role {
        Role::Salesperson => actor.id,
        _ => world.seller,
    };
    let wanted: Vec<_> = triples.iter().map(|it| (it.1, owner(it.2, it.3))).collect();
    let ids = world.rows(machine, &wanted).await;
    let (mut expected, mut ways) = (BTreeMap::new(), BTreeMap::new());
    let mut edges = 0;
    for ((action, status, role, actor), id) in triples.iter().zip(&ids) {
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
        expected.insert(id.clone(), (now.to_owned(), version, version));
        ways.insert(id.clone(), way);
        if moved {
            let again = action.take(actor, machine, id, 2).await;
            let told = again.status.as_u16();
            let fine = match action.name {
                // Sent again it changes nothing.
                "PATCH" => told == 200 && again.body["version"] == 2,
                "DELETE" => told == 404,
                // Who may do it in the one status need not in the next.
                _ => told == 409 || told == 403 && !action.from(now).0.contains(role),
            };
            assert!(fine, "{what}, again: {told}");
        }
    }
    assert_eq!(world.stored(machine).await.into_iter().collect::<BTreeMap<_, _>>(), expected);
    if machine.path == "orders" {
        world.books_are_right(&ways).await;
    }
    println!("{} triples of {}, {edges} of them edges", triples.len(), machine.path);
}

/// What two actions at once may come to: who went through, and the way that the row took.
fn serial(from: &'static str, first: &Action, second: &Action) -> (bool, bool, Vec<&'static str>) {
    let (mut way, mut went) = (vec![from], [false, false]);
    for (at, action) in [first, second].into_iter().enumerate() {
        if let Some(to) = action.from(way.last().unwrap()).1 {
            way.push(to);
            went[at] = true;
        }
    }
    (went[0], went[1], way)
}

/// Whatever two do at the same time comes to what they would have done one after the other.
async fn pairs_at_once(machine: &Machine) {
    let service = service().await;
    let world = World::of(&service).await;
    let mut pairs = vec![];
    for status in machine.statuses() {
        for (at, first) in machine.actions.iter().enumerate() {
            for second in &machine.actions[at..] {
                // One of them can go first, and the other would like to.
                let ways = [serial(status, first, second), serial(status, second, first)];
                if ways.iter().any(|it| it.0 && it.1) || first.name == second.name && ways[0].0 {
                    pairs.push((status, first, second));
                }
            }
        }
    }
    let pairs: Vec<_> = pairs.iter().flat_map(|pair| vec![*pair; MEETINGS]).collect();
    let wanted: Vec<_> = pairs.iter().map(|it| (it.0, world.seller)).collect();
    let ids = world.rows(machine, &wanted).await;
    let admin = world.admin();
    let mut ways = BTreeMap::new();
    let all: Vec<_> = pairs.iter().zip(&ids).collect();
    let mut told = vec![];
    // A few meetings at a time, so that the connections suffice.
    for some in all.chunks(4) {
        let meet = some.iter().map(|((_, first, second), id)| {
            join(first.take(admin, machine, id, 1), second.take(admin, machine, id, 1))
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
            // What is based on a version has found another one.
            let (taken, late) = if went.0 { (first, second) } else { (second, first) };
            let based = matches!(late.name, "PATCH" | "DELETE");
            let way = vec![*status, taken.from(status).1.unwrap()];
            possible.extend(based.then_some(way));
        }
        let (now, version, changes) = &stored[*id];
        let way = possible.into_iter().find(|way| way.last() == Some(&now.as_str()));
        let way = way.unwrap_or_else(|| panic!("{what}: {went:?} and {now}, in which order?"));
        let effects = i64::try_from(way.len()).unwrap();
        assert_eq!((*version, *changes), (effects, effects), "{what}: {way:?}");
        ways.insert((*id).clone(), way);
    }
    if machine.path == "orders" {
        world.books_are_right(&ways).await;
    }
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
    every_triple_of_customers, pairs_of_customers: CUSTOMERS
    every_triple_of_orders, pairs_of_orders: ORDERS
    every_triple_of_targets, pairs_of_targets: TARGETS
}
