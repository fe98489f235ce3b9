//! Balances after random histories, and the ageing of past days against earlier reports.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rust_decimal::Decimal;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp, Tx};
use salesbook::receivables;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};
use crate::support::sampling::{is_sampled, or_in_torture};

pub async fn service() -> Service {
    service_on("2026-06-15").await
}

pub async fn service_on(day: &str) -> Service {
    Service::start_at(Clock::fixed(noon(day))).await
}

fn noon(day: &str) -> Timestamp {
    Timestamp(format!("{day}T04:00:00Z").parse().unwrap())
}

/// Sets the clock, and creates the partitions that a job would have created by then.
pub async fn go_to(service: &Service, day: &str) {
    service.inner.clock.set(noon(day));
    service.new_month().await;
}

/// Sends a batch and checks that no item fails.
pub async fn send(erp: &Actor<'_>, of: &str, items: Value) -> Value {
    let told = batch(erp, of, items).await;
    assert_eq!(told["failed"], 0, "{told:#}");
    told
}

pub async fn batch(erp: &Actor<'_>, of: &str, items: Value) -> Value {
    let path = format!("/api/v1/{of}/batch");
    erp.post(&path, json!({ "source_system": "sap", "items": items })).await.expect(200)
}

/// The pointer and code of each fault of a response or of a failed item.
pub fn faults(problem: &Value) -> Vec<String> {
    let told = |it: &Value| {
        format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
    };
    problem["errors"].as_array().into_iter().flatten().map(told).collect()
}

pub fn merged(mut one: Value, more: &Value) -> Value {
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

pub fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// Runs the jobs of collections.
pub async fn collect(service: &Service) -> u64 {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    Tx::run(db, clock, Uuid::nil(), async |tx| receivables::hooks::collect(tx).await).await.unwrap()
}

/// Counts the open amounts that differ from the allocations.
pub async fn differences(service: &Service) -> u64 {
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    let check = async |tx: &mut Tx| receivables::hooks::check_amounts(tx).await;
    Tx::run(db, clock, Uuid::nil(), check).await.unwrap()
}

/// A random action; its numbers select among the existing rows.
#[derive(Debug, Clone)]
enum Step {
    Invoice { customer: usize, cents: i64, post: bool },
    CreditNote { of: usize, percent: i64 },
    Payment { customer: usize, cents: i64 },
    Oldest { payment: usize },
    ByHand { payment: usize, invoice: usize, cents: i64 },
    Reverse { payment: usize },
    FromErp { customer: usize, number: usize, cents: i64, paid: i64 },
    CancelledByErp { number: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (any, cents) = (0..1000_usize, 1..50_000_i64);
    prop_oneof![
        4 => (0..4_usize, cents.clone(), prop::bool::weighted(0.9))
            .prop_map(|(customer, cents, post)| Step::Invoice { customer, cents, post }),
        2 => (any.clone(), 1..150_i64).prop_map(|(of, percent)| Step::CreditNote { of, percent }),
        4 => (0..4_usize, cents.clone())
            .prop_map(|(customer, cents)| Step::Payment { customer, cents }),
        3 => any.clone().prop_map(|payment| Step::Oldest { payment }),
        3 => (any.clone(), any.clone(), cents.clone())
            .prop_map(|(payment, invoice, cents)| Step::ByHand { payment, invoice, cents }),
        1 => any.clone().prop_map(|payment| Step::Reverse { payment }),
        3 => (0..4_usize, 0..30_usize, cents, 0..120_i64).prop_map(
            |(customer, number, cents, paid)| Step::FromErp { customer, number, cents, paid }
        ),
        1 => (0..30_usize).prop_map(|number| Step::CancelledByErp { number }),
    ]
}

/// Generates the same steps for the same seed, so that failures can be reproduced.
fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    vec(step(), count).new_tree(&mut runner).unwrap().current()
}

fn money(cents: i64) -> String {
    Decimal::new(cents, 2).to_string()
}

/// Four customers, and the actors who write their documents.
struct Books<'a> {
    service: &'a Service,
    finance: Actor<'a>,
    erp: Actor<'a>,
    customers: Vec<String>,
    /// Distinguishes the documents of the clients
    client: usize,
    invoices: Vec<(usize, String)>,
    payments: Vec<String>,
}

impl<'a> Books<'a> {
    async fn new(service: &'a Service, client: usize) -> Self {
        let finance = service.actor(Role::Finance).await;
        let erp = service.actor(Role::Erp).await;
        let customers = (0..4)
            .map(|n| json!({ "external_id": format!("C{n}"), "name": format!("C{n}") }))
            .collect::<Vec<_>>();
        let made = send(&erp, "customers", json!(customers)).await;
        let ids = made["results"].as_array().unwrap();
        let customers = ids.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
        let (invoices, payments) = (vec![], vec![]);
        Self { service, finance, erp, customers, client, invoices, payments }
    }

    /// Sends a request until it is not refused as `busy`, in which case nothing was written.
    async fn post(by: &Actor<'_>, path: &str, body: Value) -> Answer {
        for _ in 0..100 {
            match by.post(path, body.clone()).await {
                answer if answer.status == 503 && answer.body["code"] == "busy" => {}
                answer => return answer,
            }
        }
        panic!("{path}: busy for ever");
    }

    async fn send(&self, of: &str, item: Value) -> Value {
        let batch = json!({ "source_system": "sap", "items": [item] });
        Self::post(&self.erp, &format!("/api/v1/{of}/batch"), batch).await.expect(200)
    }

    /// Takes a step, which business rules may refuse. Any other failure is an error.
    async fn take(&mut self, step: &Step) {
        let fine = |it: u16| assert!([200, 201, 409, 422].contains(&it), "{it} {step:?}");
        let today = self.service.inner.clock.today();
        let due = |cents: i64| (today.0 + jiff::Span::new().days(cents % 7)).to_string();
        let today = today.to_string();
        match step {
            Step::Invoice { customer, cents, post } => {
                let new = json!({ "customer_id": self.customers[*customer], "due_date": due(*cents),
                    "amount": money(*cents) });
                let made = Self::post(&self.finance, "/api/v1/invoices", new).await.expect(201);
                let id = made["id"].as_str().unwrap().to_owned();
                if *post {
                    let path = format!("/api/v1/invoices/{id}/post");
                    Self::post(&self.finance, &path, Value::Null).await.expect(200);
                }
                self.invoices.push((*customer, id));
            }
            Step::CreditNote { of, percent } => {
                let Some((customer, id)) = pick(&self.invoices, *of) else { return };
                let total = self.finance.get(&format!("/api/v1/invoices/{id}")).await.expect(200);
                let amount = decimal(&total["total_amount"]) * Decimal::new(*percent, 2);
                let new = json!({ "kind": "credit_note", "customer_id": self.customers[*customer],
                    "corrects_invoice_id": id, "amount": amount.round_dp(2).to_string() });
                let made = Self::post(&self.finance, "/api/v1/invoices", new).await;
                fine(made.status.as_u16());
                if made.status == 201 {
                    let path =
                        format!("/api/v1/invoices/{}/post", made.body["id"].as_str().unwrap());
                    fine(Self::post(&self.finance, &path, Value::Null).await.status.as_u16());
                }
            }
            Step::Payment { customer, cents } => {
                let new =
                    json!({ "customer_id": self.customers[*customer], "amount": money(*cents) });
                let made = Self::post(&self.finance, "/api/v1/payments", new).await.expect(201);
                self.payments.push(made["id"].as_str().unwrap().to_owned());
            }
            Step::Oldest { payment } => {
                let Some(id) = pick(&self.payments, *payment) else { return };
                let path = format!("/api/v1/payments/{id}/allocate");
                let told = Self::post(&self.finance, &path, json!({ "oldest_first": true })).await;
                fine(told.status.as_u16());
            }
            Step::ByHand { payment, invoice, cents } => {
                let (payment, invoice) =
                    (pick(&self.payments, *payment), pick(&self.invoices, *invoice));
                let (Some(payment), Some((_, invoice))) = (payment, invoice) else { return };
                let path = format!("/api/v1/payments/{payment}/allocate");
                let to =
                    json!({ "allocations": [{ "invoice_id": invoice, "amount": money(*cents) }] });
                fine(Self::post(&self.finance, &path, to).await.status.as_u16());
            }
            Step::Reverse { payment } => {
                let Some(id) = pick(&self.payments, *payment) else { return };
                let path = format!("/api/v1/payments/{id}/reverse");
                let told = Self::post(&self.finance, &path, json!({ "reason": "bounced" })).await;
                fine(told.status.as_u16());
            }
            Step::FromErp { customer, number, cents, paid } => {
                let key = format!("{}-{number}", self.client);
                let customer = format!("C{customer}");
                let invoice = json!({ "external_id": key, "number": format!("E{key}"),
                    "customer_external_id": customer, "invoice_date": today,
                    "due_date": due(*cents), "total_amount": money(*cents) });
                let told = self.send("invoices", invoice).await;
                if told["created"] == 1 {
                    let used = money(cents * paid.min(&100) / 100 + 1);
                    let payment = json!({ "external_id": key, "number": format!("E{key}"),
                        "customer_external_id": customer, "received_on": today,
                        "amount": money(cents * 2), "allocations": [
                            { "invoice_external_id": key, "amount": used, "allocated_on": today }] });
                    self.send("payments", payment).await;
                }
            }
            Step::CancelledByErp { number } => {
                let key = format!("{}-{number}", self.client);
                let item = json!({ "external_id": key, "status": "cancelled" });
                self.send("invoices", item).await;
            }
        }
    }
}

fn pick<T>(of: &[T], number: usize) -> Option<&T> {
    (!of.is_empty()).then(|| &of[number % of.len()])
}

/// The stored balance of each customer, that of the documents, and that of the open items.
async fn receivables(service: &Service) -> Vec<String> {
    service
        .texts(
            "select c.external_id || ' ' || trim_scale(coalesce(kept, 0)) || ' ' ||
                trim_scale(coalesce(total, 0) - coalesce(paid, 0)) || ' ' ||
                trim_scale(coalesce(items, 0))
            from customers c
            left join (select customer_id, sum(open_amount) as kept from invoices group by 1) as k
                on k.customer_id = c.id
            left join (select customer_id, sum(case kind when 'invoice' then total_amount
                    else -total_amount end) as total
                from invoices where status = 'posted' group by 1) as t on t.customer_id = c.id
            left join (select i.customer_id, sum(a.amount) as paid from allocations a
                join invoices i on i.id = a.invoice_id
                where a.reversed_on is null and a.credit_note_id is null group by 1) as p
                on p.customer_id = c.id
            left join (select customer_id, sum(amount) as items from open_items
                where kind = 'invoice' group by 1) as o on o.customer_id = c.id
            where c.external_id like 'C_' order by c.external_id",
        )
        .await
}

/// Eight concurrent clients: the stored balances equal those of the documents.
#[actix_web::test]
async fn receivables_are_invoices_without_credit_notes_and_allocations() {
    let count = or_in_torture(20, 200);
    for seed in (0..20).filter(|seed| is_sampled(*seed, 4)) {
        let seed = u64::try_from(seed).unwrap();
        let service = service().await;
        let mut clients = vec![];
        for client in 0..8 {
            clients.push(Books::new(&service, client).await);
        }
        join_all(clients.iter_mut().enumerate().map(|(n, books)| async move {
            for step in steps(seed * 8 + n as u64, count) {
                books.take(&step).await;
            }
        }))
        .await;
        for row in receivables(&service).await {
            let figures: Vec<&str> = row.split(' ').collect();
            assert_eq!(figures[1], figures[2], "seed {seed}: {row}");
            assert_eq!(figures[1], figures[3], "seed {seed}, open items: {row}");
        }
        assert_eq!(differences(&service).await, 0, "seed {seed}");
        let reader = service.actor(Role::Reporter).await;
        let aging = reader.get("/api/v1/reports/ar-aging").await.expect(200);
        for (n, id) in clients[0].customers.iter().enumerate() {
            let path = format!("/api/v1/customers/{id}/statement?from=2026-01-01");
            let accounts = reader.get(&path).await.expect(200)["accounts"].clone();
            let closing = decimal(&accounts[0]["closing_balance"]);
            let key = json!(format!("C{n}"));
            let row = aging["rows"].as_array().unwrap().iter();
            let row = row.filter(|it| it["customer_external_id"] == key);
            let balance: Decimal = row.map(|it| decimal(&it["balance"])).sum();
            assert_eq!(closing, balance, "seed {seed} customer {n}");
        }
    }
}

/// Without a day, the report uses stored amounts; with one, it computes them from allocations.
const TODAY: &str = "format=json";

/// The content of a report, without its time and its parameters.
async fn aging(reader: &Actor<'_>, day: &str, more: &str) -> Value {
    let path = format!("/api/v1/reports/ar-aging?{day}{more}");
    let mut told = reader.get(&path).await.expect(200);
    let members = told.as_object_mut().unwrap();
    members.retain(|name, _| name != "generated_at" && name != "parameters");
    told
}

#[actix_web::test]
async fn the_ageing_of_a_past_day_is_what_it_was_then() {
    for seed in 0..4 {
        let service = service_on("2026-05-25").await;
        let mut books = Books::new(&service, 0).await;
        let reader = service.actor(Role::Reporter).await.id;
        let mut then: BTreeMap<String, [Value; 2]> = BTreeMap::new();
        for (n, steps) in (0..).zip(steps(1000 + seed, 120).chunks(8)) {
            let day = jiff::civil::date(2026, 5, 25) + jiff::Span::new().days(n);
            let day = day.to_string();
            go_to(&service, &day).await;
            (books.finance, books.erp) =
                (service.signed_in(books.finance.id), service.signed_in(books.erp.id));
            for step in steps {
                books.take(step).await;
            }
            let reader = service.signed_in(reader);
            let told = [
                aging(&reader, TODAY, "").await,
                aging(&reader, TODAY, "&group_by=region&basis=invoice_date&bounds=2,5").await,
            ];
            then.insert(day, told);
        }
        let reader = service.signed_in(reader);
        for (day, told) in &then {
            let asked = format!("as_of={day}");
            assert_eq!(aging(&reader, &asked, "").await, told[0], "seed {seed} {day}");
            let other =
                aging(&reader, &asked, "&group_by=region&basis=invoice_date&bounds=2,5").await;
            assert_eq!(other, told[1], "seed {seed} {day}");
        }
        back_dated(&service, &reader, &then).await;
    }
}

/// Rows that arrive late: the ageing of each day differs by exactly these rows.
async fn back_dated(service: &Service, reader: &Actor<'_>, then: &BTreeMap<String, [Value; 2]>) {
    let erp = service.actor(Role::Erp).await;
    let late = json!([{ "external_id": "late", "number": "late", "customer_external_id": "C0",
        "invoice_date": "2026-05-28", "due_date": "2026-06-01", "total_amount": "100.00" }]);
    send(&erp, "invoices", late).await;
    let late = json!([{ "external_id": "late", "number": "late", "customer_external_id": "C0",
        "received_on": "2026-05-30", "amount": "70.00", "allocations": [
            { "invoice_external_id": "late", "amount": "40.00", "allocated_on": "2026-06-02" }] }]);
    send(&erp, "payments", late).await;
    for (day, told) in then {
        let now = aging(reader, &format!("as_of={day}"), "").await;
        let differs =
            |name: &str| decimal(&now["totals"][name]) - decimal(&told[0]["totals"][name]);
        let day = day.as_str();
        let outstanding = match day {
            day if day < "2026-05-28" => 0,
            day if day < "2026-06-02" => 100,
            _ => 60,
        };
        let unapplied = match day {
            day if day < "2026-05-30" => 0,
            day if day < "2026-06-02" => 70,
            _ => 30,
        };
        assert_eq!(differs("outstanding"), outstanding.into(), "{day}");
        assert_eq!(differs("unapplied"), unapplied.into(), "{day}");
        let overdue = if day > "2026-06-01" { outstanding } else { 0 };
        assert_eq!(differs("overdue"), overdue.into(), "{day}");
        let others = |report: &Value| {
            let mut rows = report["rows"].as_array().unwrap().clone();
            rows.retain(|row| row["customer_external_id"] != "C0");
            rows
        };
        assert_eq!(others(&now), others(&told[0]), "{day}: other customers");
    }
}
