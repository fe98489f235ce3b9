//! Every status, action and role of everything that has a status: only the documented edges, once
//! each, whoever else is trying at the same time.

use std::collections::BTreeMap;

use actix_web::http::Method;
use futures_util::future::{join, join_all};
use salesbook::auth::Role;

use crate::field_tables::{FOLLOW_UPS, VISITS};
use crate::growth_tables::{OPPORTUNITIES, SUGGESTIONS};
use crate::harness::{Actor, Answer, Service};
use crate::machine_tables::{Action, Again, CUSTOMERS, Machine, ORDERS, TARGETS};
use crate::machine_world::{World, real, service};
use crate::machine_tables::{Action, CUSTOMERS, INVESTIGATIONS, Machine, ORDERS, TARGETS, TERMS};

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
        if matches!(machine.path, "credit-investigations" | "terms-requests") {
            return self.asked(machine, wanted).await;
        }
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

    /// The same of what no ERP reports: requests by these people, as if they had come that far.
    async fn asked(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let mut customers = BTreeMap::new();
        let sells = |it: &&(Role, Actor<'_>)| it.0 == Role::Salesperson;
        let salesperson = self.actors.iter().find(sells).unwrap().1.id;
        for owner in [salesperson, self.seller] {
            let new = json!({ "name": owner, "owner_id": owner });
            let made = self.admin().post("/api/v1/customers", new).await.expect(201);
            let customer = made["id"].as_str().unwrap().to_owned();
            let basis = format!(
                "insert into credit_investigations (id, version, customer_id, status, reason,
                    requested_by, sources, score, recommended_limit, concluded_on, valid_until,
                    created_at, updated_at)
                values (gen_random_uuid(), 1, '{customer}', 'concluded', 'x', '{owner}', '{{}}', 90,
                    5000, '2026-11-01', '2027-11-01', now(), now())"
            );
            self.service.sql(&basis).await;
            customers.insert(owner, customer);
        }
        let (table, more, values) = match machine.path {
            "terms-requests" => (
                "terms_requests",
                "payment_days, credit_limit, valid_from",
                "30, 1000, '2026-11-01'",
            ),
            _ => ("credit_investigations", "sources", "'{}'"),
        };
        let ids: Vec<String> = wanted.iter().map(|_| Uuid::now_v7().to_string()).collect();
        let row = |(id, (status, by)): (&String, &(&str, Uuid))| {
            let customer = customers.get(by).unwrap_or(&customers[&self.seller]);
            format!(
                "insert into {table} (id, version, customer_id, status, reason, requested_by,
                    created_at, updated_at, {more})
                values ('{id}', 1, '{customer}', '{status}', 'x', '{by}', now(), now(), {values});
                insert into changes (event_id, type, id, version, op, at, by, data, diff, seen_by,
                    seen_before)
                values (gen_random_uuid(), '{}', '{id}', 1, 'created', '2026-11-20', '{by}', '{{}}',
                    '{{}}', '{{}}', '{{}}');",
                machine.type_
            )
        };
        let sql: Vec<String> = ids.iter().zip(wanted).map(row).collect();
        self.service.sql(&sql.concat()).await;
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
            machine.path.replace('-', "_"),
            machine.type_
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
    let mut owners = world.owners(machine, triples.len()).await;
    for (owner, (.., role, actor)) in owners.iter_mut().zip(&triples) {
        if !machine.personal && *role == Role::Salesperson {
            *owner = actor.id;
        }
    }
    let wanted: Vec<_> = triples.iter().zip(&owners).map(|it| (it.0.1, *it.1)).collect();
    // Whoever asked for terms hands them in and takes them back; somebody else decides.
    let author = |action: &Action| {
        machine.path == "terms-requests" && matches!(action.name, "submit" | "withdraw")
    };
    let owner = |action: &Action, role: Role, actor: &Actor<'_>| match role {
        Role::Salesperson => actor.id,
        _ if author(action) => actor.id,
        _ => world.seller,
    };
    let wanted: Vec<_> = triples.iter().map(|it| (it.1, owner(it.0, it.2, it.3))).collect();
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
                _ if action.name == "DELETE" => told == 404,
                // Who may do it in the one status need not in the next.
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
    if machine.path == "orders" {
        world.books_are_right(&ways).await;
    }
    println!("{} triples of {}, {edges} of them edges", triples.len(), machine.path);
}

/// Another team's people are told that there is nothing, whatever they try.
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

/// What two actions at once may come to: who went through, and the way that the row took.
fn serial(from: &'static str, first: &Action, second: &Action) -> (bool, bool, Vec<&'static str>) {
    let (mut way, mut went) = (vec![from], [false, false]);
    for (at, action) in [first, second].into_iter().enumerate() {
        let Some(to) = action.from(way.last().unwrap()).1 else { continue };
        let again =
            if at == 1 && first.name == second.name { action.again } else { Again::ByStatus };
        went[at] = again != Again::Refused;
        if again == Again::ByStatus {
            way.push(to);
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
    let owners = world.owners(machine, pairs.len()).await;
    let wanted: Vec<_> = pairs.iter().zip(&owners).map(|it| (it.0.0, *it.1)).collect();
    let ids = world.rows(machine, &wanted).await;
    let mut ways = BTreeMap::new();
    let all: Vec<_> = pairs.iter().zip(&ids).collect();
    let hands = pairs.iter().zip(&owners).map(|(pair, owner)| {
        let hand = |action: &Action| {
            let admin = action.from(pair.0).0.contains(&Role::Admin);
            service.signed_in(if admin { world.admin().id } else { *owner })
        };
        (hand(pair.1), hand(pair.2))
    });
    let hands: Vec<_> = hands.collect();
    let meetings: Vec<_> = all.iter().zip(&hands).collect();
    let mut told = vec![];
    // A few meetings at a time, so that the connections suffice.
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
            // What is based on a version has found another one.
            let (taken, late) = if went.0 { (first, second) } else { (second, first) };
            let based = matches!(late.name, "PATCH" | "DELETE");
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
    every_triple_of_visits, pairs_of_visits: VISITS
    every_triple_of_follow_ups, pairs_of_follow_ups: FOLLOW_UPS
    every_triple_of_customers, pairs_of_customers: CUSTOMERS
    every_triple_of_orders, pairs_of_orders: ORDERS
    every_triple_of_targets, pairs_of_targets: TARGETS
    every_triple_of_suggestions, pairs_of_suggestions: SUGGESTIONS
    every_triple_of_opportunities, pairs_of_opportunities: OPPORTUNITIES
    every_triple_of_investigations, pairs_of_investigations: INVESTIGATIONS
    every_triple_of_terms, pairs_of_terms: TERMS
}
