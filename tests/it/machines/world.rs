//! A company for the tests of the state machines, with users and with rows in any status.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::machines::tables::Machine;
use crate::receivables::world;
use crate::reliability::receivables_steps::WRONG;
use crate::support::harness::{Actor, Service};

/// A company with a user of every role.
pub struct World<'a> {
    pub service: &'a Service,
    pub actors: Vec<(Role, Actor<'a>)>,
    pub erp: Actor<'a>,
    pub seller: Uuid,
    team: Uuid,
}

/// The status as stored in the database.
pub fn real(status: &str) -> &str {
    if status == "unreported" { "completed" } else { status }
}

pub async fn service() -> Service {
    // On this day a target of October can be closed.
    let now = Timestamp("2026-11-20T04:00:00Z".parse().unwrap());
    Service::start_at(Clock::fixed(now)).await
}

impl<'a> World<'a> {
    pub async fn of(service: &'a Service) -> Self {
        let mut actors = vec![];
        for role in Role::ALL {
            actors.push((*role, service.actor(*role).await));
        }
        let seller = service.actor(Role::Salesperson).await;
        let manager = &actors.iter().find(|it| it.0 == Role::SalesManager).unwrap().1;
        let team = service.team(None, manager, &[&seller]).await;
        let erp = service.client(Role::Erp, "sap").await;
        let seller = seller.id;
        Self { service, actors, erp, seller, team }
    }

    /// Owners for `count` rows, all in the team: one for all, or one for each.
    pub async fn owners(&self, machine: &Machine, count: usize) -> Vec<Uuid> {
        if machine.path == "write-off-requests" {
            // Salespeople cannot make this request.
            return vec![self.by(Role::SalesManager).id; count];
        }
        if !machine.personal {
            return vec![self.seller; count];
        }
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        let list: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let (list, team) = (list.join(","), self.team);
        let sql = format!(
            "insert into users (id, version, username, name, name_pinyin, roles, active, team_id,
                source_system, external_id, created_at, updated_at)
            select id, 1, id, id, id, '{{salesperson}}', true, '{team}', 'test', id, now(), now()
                from (select it::uuid as id from unnest('{{{list}}}'::text[]) it) as it;
            insert into memberships select gen_random_uuid(), it::uuid, '{team}', false, '2000-01-01'
                from unnest('{{{list}}}'::text[]) it"
        );
        self.service.sql(&sql).await;
        self.service.directory_changed().await;
        ids
    }

    /// Creates follow-ups one by one and sets their status in the database.
    async fn assigned(&self, customer: &Value, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let mut ids = vec![];
        for some in wanted.chunks(8) {
            let assign = some.iter().map(async |(_, assignee)| {
                let new = json!({ "customer_id": customer, "assignee_id": assignee,
                    "instruction": "回访", "due_at": "2026-12-01T04:00:00Z" });
                let made = self.admin().post("/api/v1/follow-ups", new).await.expect(201);
                made["id"].as_str().unwrap().to_owned()
            });
            ids.extend(join_all(assign).await);
        }
        for status in ["accepted", "in_progress", "submitted", "returned", "done", "cancelled"] {
            let some = wanted.iter().zip(&ids).filter(|it| it.0.0 == status);
            let some: Vec<String> = some.map(|it| format!("'{}'", it.1)).collect();
            let some = some.join(",");
            let sql = format!("update follow_ups set status = '{status}' where id in ({some})");
            if !some.is_empty() {
                self.service.sql(&sql).await;
            }
        }
        ids
    }

    pub fn admin(&self) -> &Actor<'a> {
        self.by(Role::Admin)
    }

    pub fn salesperson(&self) -> Uuid {
        self.by(Role::Salesperson).id
    }

    fn by(&self, role: Role) -> &Actor<'a> {
        &self.actors.iter().find(|it| it.0 == role).unwrap().1
    }

    /// Imports rows with these statuses and owners.
    pub async fn rows(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        if world::PATHS.contains(&machine.path) {
            return self.owed(machine, wanted).await;
        }
        if matches!(machine.path, "credit-investigations" | "terms-requests") {
            return self.asked(machine, wanted).await;
        }
        if matches!(machine.path, "suggestions" | "opportunities") {
            return self.recorded(machine, wanted).await;
        }
        let customer = match machine.path {
            "orders" | "visits" | "follow-ups" => {
                let items = json!({ "items": [{ "external_id": "buyer", "name": "buyer",
                    "latitude": 31.23, "longitude": 121.47 }] });
                let made = self.erp.post("/api/v1/customers/batch", items).await.expect(200);
                made["results"][0]["id"].clone()
            }
            _ => Value::Null,
        };
        if machine.path == "follow-ups" {
            return self.assigned(&customer, wanted).await;
        }
        let item = |(n, (status, owner)): (usize, &(&str, Uuid))| {
            let id = format!("{}-{n}", Uuid::now_v7());
            match machine.path {
                "visits" => visit(&id, status, *owner, &customer),
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

    /// Creates rows that cannot be imported, and sets their status in the database.
    async fn recorded(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let (mut customers, mut ids, mut moves) = (BTreeMap::new(), vec![], String::new());
        for (status, owner) in wanted {
            let actor = self.service.signed_in(*owner);
            if !customers.contains_key(owner) {
                customers.insert(*owner, actor.customer("buyer").await);
            }
            let customer = customers[owner].rsplit('/').next();
            let new = match machine.path {
                "suggestions" => json!({ "customer_id": customer, "category": "other",
                    "text": "x" }),
                _ => json!({ "customer_id": customer, "category": "x", "next_step": "x",
                    "next_step_on": "2026-12-01" }),
            };
            let made = actor.post(&format!("/api/v1/{}", machine.path), new).await.expect(201);
            let id = made["id"].as_str().unwrap().to_owned();
            let answer = if machine.path == "suggestions" { ", answer = 'x'" } else { "" };
            let update = format!("update {} set status = '{status}'{answer}", machine.path);
            moves.extend([update.as_str(), " where id = '", &id, "';"]);
            ids.push(id);
        }
        self.service.sql(&moves).await;
        ids
    }

    /// Creates requests of these users, and sets their status in the database.
    async fn asked(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let mut customers = BTreeMap::new();
        for owner in [self.salesperson(), self.seller] {
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

    /// Creates three visits over two weeks for each customer, after which a prospect may be lost.
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

    /// The status, version and number of changes of each row, without the invoices that other rows
    /// refer to.
    pub async fn stored(&self, machine: &Machine) -> BTreeMap<String, (String, i64, i64)> {
        let (table, type_) = (machine.path.replace('-', "_"), machine.type_);
        let status = match machine.path {
            "payments" => "case when reversed_on is null then 'received' else 'reversed' end",
            _ => "it.status",
        };
        let query = format!(
            "select concat_ws(' ', id, coalesce((select {status} from {table} it
                where it.id = c.id), 'gone'), max(version), count(*))
            from changes c where type = '{type_}'
                and (data->>'external_id' like 'owed-%') is not true group by id"
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

    /// The number of ledger entries of each order, and their sum.
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

    /// Checks the effects of the rows of this machine on the books.
    pub async fn is_right(&self, machine: &Machine, ways: &BTreeMap<String, Vec<&str>>) {
        if machine.path == "orders" {
            self.books_are_right(ways).await;
        }
        if world::PATHS.contains(&machine.path) {
            for (rows, why) in WRONG {
                assert_eq!(self.service.count(rows).await, 0, "{why}");
            }
        }
    }

    /// Checks that the ledger contains each order according to its transitions, and at most once.
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

/// A visit whose check-in and check-out, if any, are far from the customer.
fn visit(id: &str, status: &str, owner: Uuid, customer: &Value) -> Value {
    // A planned visit of a past day would become missed.
    let day = if status == "planned" { "2026-11-20" } else { "2026-11-19" };
    let mut item = json!({ "external_id": id, "status": real(status), "owner_id": owner,
        "customer_id": customer, "planned_date": day });
    let check = |at: &str| json!({ "occurred_at": at, "latitude": 31.5, "longitude": 121.47 });
    if ["in_progress", "completed", "unreported"].contains(&status) {
        item["check_in"] = check("2026-11-19T03:00:00Z");
    }
    if ["completed", "unreported"].contains(&status) {
        item["check_out"] = check("2026-11-19T04:00:00Z");
    }
    if status == "completed" {
        item["outcome"] = json!("informed");
        item["complaint_answer"] = json!(false);
    }
    item
}
