//! Receivables in any status for the tests of the state machines.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::machines::tables::Machine;
use crate::machines::world::World;

/// The state machines of receivables.
pub const PATHS: [&str; 6] =
    ["invoices", "payments", "promises", "collection-tasks", "risk-cases", "write-off-requests"];

impl World<'_> {
    /// Creates rows, and sets their status as if users and jobs had done so.
    pub async fn owed(&self, machine: &Machine, wanted: &[(&str, Uuid)]) -> Vec<String> {
        let (mut customers, mut invoices) = (BTreeMap::new(), BTreeMap::new());
        for owner in [self.seller, self.salesperson()] {
            let new = json!({ "name": owner, "owner_id": owner });
            let made = self.admin().post("/api/v1/customers", new).await.expect(201);
            customers.insert(owner, made["id"].as_str().unwrap().to_owned());
            // The amount exceeds all payments and write-offs of the test.
            let new = json!({ "external_id": format!("owed-{owner}"), "customer_id": made["id"],
                "invoice_date": "2026-11-01", "due_date": "2026-12-31", "amount": "1000000" });
            invoices.insert(owner, self.import("invoices", vec![new]).await.remove(0));
        }
        let of = |all: &BTreeMap<Uuid, String>, owner: &Uuid| {
            all.get(owner).unwrap_or(&all[&self.seller]).clone()
        };
        let external = |n: usize| format!("{}-{n}", Uuid::now_v7());
        let document = |(n, (status, owner)): (usize, &(&str, Uuid))| match machine.path {
            "invoices" => json!({ "external_id": external(n), "amount": "10", "status": status,
                "customer_id": of(&customers, owner), "invoice_date": "2026-11-02",
                // Not overdue: an overdue invoice would prevent posting more.
                "due_date": "2026-12-31" }),
            _ => json!({ "external_id": external(n), "amount": "10",
                "customer_id": of(&customers, owner), "received_on": "2026-11-02",
                "reversed_on": (*status == "reversed").then_some("2026-11-03") }),
        };
        if matches!(machine.path, "invoices" | "payments") {
            let made = wanted.iter().enumerate().map(document).collect();
            let made = self.import(machine.path, made).await;
            // As if users had written them, because only the ERP may change its own rows.
            let written = format!("update {} set source_system = null", machine.path);
            self.service.sql(&written).await;
            return made;
        }
        let ids: Vec<String> = wanted.iter().map(|_| Uuid::now_v7().to_string()).collect();
        let row = |(n, (id, (status, owner))): (usize, (&String, &(&str, Uuid)))| {
            let (customer, invoice) = (of(&customers, owner), of(&invoices, owner));
            let approved = "insert into write_off_requests (id, version, customer_id, status,
                created_at, updated_at, invoice_id, risk_case_id, currency, amount, reason,
                requested_by) values (gen_random_uuid(), 1";
            let (columns, values, after) = match machine.path {
                "promises" => (
                    "made_by, promised_on, due_on, currency, amount, received_amount",
                    format!("'{owner}', '2026-11-01', '2026-12-01', 'CNY', 5, 0"),
                    String::new(),
                ),
                "collection-tasks" => (
                    "invoice_id, assignee_id, step, due_on, invoice_due_on, currency, amount",
                    format!(
                        "'{invoice}', '{owner}', 'first', '2026-11-02',
                        date '2020-01-01' + {n}, 'CNY', 5"
                    ),
                    String::new(),
                ),
                "risk-cases" => (
                    "owner_id, trigger, amount, measures, recovered_amount, opened_on, closed_on",
                    format!(
                        "'{owner}', 'other', 5, '[]', 0, '2026-11-01', {}",
                        match *status {
                            "open" | "measures" => "null",
                            _ => "date '2026-11-02'",
                        }
                    ),
                    format!(
                        "{approved}, '{customer}', 'approved', now(), now(), '{invoice}',
                        '{id}', 'CNY', 1, 'x', '{owner}');"
                    ),
                ),
                _ => (
                    "invoice_id, currency, amount, reason, requested_by",
                    format!("'{invoice}', 'CNY', 1, 'x', '{owner}'"),
                    String::new(),
                ),
            };
            format!(
                "insert into {} (id, version, customer_id, status, created_at, updated_at, {columns})
                values ('{id}', 1, '{customer}', '{status}', now(), now(), {values});
                insert into changes (event_id, type, id, version, op, at, by, data, diff, seen_by,
                    seen_before)
                values (gen_random_uuid(), '{}', '{id}', 1, 'created', '2026-11-20', '{owner}',
                    '{{}}', '{{}}', '{{}}', '{{}}'); {after}",
                machine.path.replace('-', "_"),
                machine.type_
            )
        };
        let sql: Vec<String> = ids.iter().zip(wanted).enumerate().map(row).collect();
        self.service.sql(&sql.concat()).await;
        ids
    }

    async fn import(&self, of: &str, items: Vec<Value>) -> Vec<String> {
        let count = items.len();
        let path = format!("/api/v1/{of}/batch");
        let told = self.erp.post(&path, json!({ "items": items })).await.expect(200);
        assert_eq!(told["created"], count, "{told:#}");
        let results = told["results"].as_array().unwrap();
        results.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}
