//! Shipments, invoices and payments of an ERP in bulk: valid and invalid rows, duplicates within a
//! batch, rows before their references, repetitions, and two concurrent senders.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use futures_util::future::join;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{differences, merged, send, service};
use crate::reliability::receivables_steps::WRONG;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;
use crate::support::sampling::{often, or_in_torture};
use crate::sync::parked_size::drain;

static BATCHES: LazyLock<usize> = LazyLock::new(|| or_in_torture(20, 50));

/// The resources, with the columns to compare; columns that depend on other rows are left out.
const KINDS: [(&str, &str, &str); 3] = [
    (
        "payments",
        "payment",
        "number, customer_id, received_on, currency, amount, reversed_on, (select
            string_agg(concat_ws(':', invoice_id, amount), ' ' order by id)
            from allocations where payment_id = it.id)",
    ),
    (
        "invoices",
        "invoice",
        "number, kind, customer_id, order_id, corrects_invoice_id, due_date, currency,
            total_amount, disputed, status",
    ),
    ("shipments", "shipment", "number, order_id, status, shipped_on, delivered_on, lines"),
];

/// An item, and the code of its refusal if it is invalid.
type Item = (Value, Option<&'static str>);

/// A random ERP, reproducible by its seed.
struct Erp {
    dice: Dice,
    /// The number of batches so far; later batches have newer rows
    round: usize,
}

impl Erp {
    fn number(&mut self) -> usize {
        3 * self.round + self.dice.roll(40)
    }

    fn batch(&mut self, of: &str) -> Vec<Item> {
        let mut items: Vec<Item> = vec![];
        for _ in 0..10 + self.dice.roll(30) {
            let n = self.number();
            let bad = self.dice.roll(4) == 0;
            let item = match (of, bad) {
                ("payments", false) => (self.payment(n), None),
                ("payments", true) => self.bad_payment(n),
                ("invoices", false) if self.dice.roll(4) == 0 => (note(n), None),
                ("invoices", false) => (self.invoice(n), None),
                ("invoices", true) => self.bad_invoice(n),
                (_, false) => (self.shipment(n), None),
                (_, true) => self.bad_shipment(n),
            };
            items.push(item);
        }
        // Shuffled, so that references, or other versions of a row, often come later.
        for place in (1..items.len()).rev() {
            items.swap(place, self.dice.roll(place + 1));
        }
        items
    }

    /// A payment of two invoices, which may not exist yet; sometimes reversed and allocated again.
    fn payment(&mut self, n: usize) -> Value {
        let mut used = vec![];
        for _ in 0..self.dice.roll(3) {
            let invoice = n + 4 * self.dice.roll(7);
            // Invoices that will be cancelled are not paid.
            if invoice % 8 != 7 {
                let amount = ["1", "2.50", "3"][self.dice.roll(3)];
                used.push(
                    json!({ "invoice_external_id": format!("I{invoice}"), "amount": amount }),
                );
            }
        }
        let back = (self.dice.roll(6) == 0).then_some("2026-04-20");
        json!({ "external_id": format!("P{n}"), "customer_external_id": format!("C{}", n % 4),
            "received_on": "2026-04-09", "amount": "10", "allocations": used, "reversed_on": back,
            "note": self.dice.pick(&["a", "b"]) })
    }

    fn bad_payment(&mut self, n: usize) -> Item {
        let used = |invoice: usize, amount: &str| json!([{ "invoice_external_id": format!("I{invoice}"), "amount": amount }]);
        let (more, code) = [
            (json!({ "amount": "0" }), "range"),
            (json!({ "amount": 5 }), "type"),
            (json!({ "currency": "EUR" }), "no_exchange_rate"),
            (json!({ "reversed_on": "2026-07-01" }), "range"),
            (json!({ "number": "TAKEN" }), "duplicate"),
            (json!({ "allocations": used((n + 1) % 4, "1") }), "another_customer"),
            (json!({ "allocations": used(n % 4, "11") }), "above_unapplied"),
            (json!({ "allocations": used(n % 4, "0") }), "range"),
        ][self.dice.roll(8)]
        .clone();
        let known = json!({ "allocations": [], "reversed_on": null });
        let item = merged(merged(self.payment(n), &known), &more);
        self.spoilt(item, n, code)
    }

    /// An invoice of an order. One of eight is cancelled in the second half of the test.
    fn invoice(&mut self, n: usize) -> Value {
        let cancelled = n % 8 == 7 && self.round > *BATCHES / 2;
        let status = if cancelled { "cancelled" } else { "posted" };
        let order = n % 4 + 4 * (n / 4 % 3);
        json!({ "external_id": format!("I{n}"), "customer_external_id": format!("C{}", n % 4),
            "order_external_id": format!("O{order}"), "invoice_date": "2026-04-01",
            "due_date": self.dice.pick(&["2026-04-30", "2026-05-31"]), "status": status,
            "amount": format!("{}", 200 + n), "disputed": self.dice.roll(5) == 0 })
    }

    fn bad_invoice(&mut self, n: usize) -> Item {
        if self.dice.roll(5) == 0 {
            // For an invoice that is refused in the same batch, or that does not exist.
            let item = json!({ "external_id": format!("BN{n}"), "amount": "1000000",
                "customer_external_id": format!("C{}", n % 4), "invoice_date": "2026-04-02",
                "corrects_invoice_external_id": format!("I{}", n % 4), "kind": "credit_note" });
            return (item, Some("above_invoice"));
        }
        let part = json!([{ "due_date": "2026-05-31", "amount": "1" }]);
        let (more, code) = [
            (json!({ "amount": "-1" }), "range"),
            (json!({ "amount": "1,5" }), "format"),
            (json!({ "due_date": "2026-03-31" }), "range"),
            (json!({ "currency": "EUR" }), "no_exchange_rate"),
            (json!({ "instalments": part }), "instalments_sum"),
            (json!({ "number": "TAKEN" }), "duplicate"),
            (json!({ "order_external_id": format!("O{}", (n + 1) % 4) }), "another_customer"),
        ][self.dice.roll(7)]
        .clone();
        let item = merged(self.invoice(n), &more);
        self.spoilt(item, n, code)
    }

    fn shipment(&mut self, n: usize) -> Value {
        let quantity = ["1", "2.5", "9"][self.dice.roll(3)];
        // For an order that arrives in the second half.
        let order = if self.dice.roll(5) == 0 { 12 + n % 8 } else { n % 12 };
        json!({ "external_id": format!("S{n}"), "order_external_id": format!("O{order}"),
            "shipped_on": "2026-04-05", "delivered_on":
                (self.dice.roll(2) == 0).then_some("2026-04-08"),
            "lines": [{ "line_number": 1 + self.dice.roll(2), "quantity": quantity }] })
    }

    fn bad_shipment(&mut self, n: usize) -> Item {
        let lines = |all: &[(u8, &str)]| {
            let line = |it: &(u8, &str)| json!({ "line_number": it.0, "quantity": it.1 });
            json!({ "lines": all.iter().map(line).collect::<Vec<_>>() })
        };
        let (more, code) = [
            (lines(&[(9, "1")]), "unknown_reference"),
            (lines(&[(1, "0")]), "range"),
            (lines(&[(1, "1"), (1, "2")]), "duplicate"),
            (lines(&[]), "too_few"),
            (json!({ "delivered_on": "2026-04-04" }), "range"),
        ][self.dice.roll(5)]
        .clone();
        let more = merged(json!({ "order_external_id": format!("O{}", n % 12) }), &more);
        let item = merged(self.shipment(n), &more);
        self.spoilt(item, n, code)
    }

    /// An invalid row: a new one, or another version of a valid one.
    fn spoilt(&mut self, mut item: Value, n: usize, code: &'static str) -> Item {
        // The number of a posted invoice cannot change.
        if self.dice.roll(2) == 0 || code == "duplicate" {
            item["external_id"] = json!(format!("B{n}"));
        }
        (item, Some(code))
    }
}

/// A credit note of 5 for an invoice.
fn note(n: usize) -> Value {
    let invoice = n - n % 2;
    json!({ "external_id": format!("N{invoice}"), "kind": "credit_note", "amount": "5",
        "customer_external_id": format!("C{}", invoice % 4), "invoice_date": "2026-04-02",
        "corrects_invoice_external_id": format!("I{invoice}") })
}

fn orders(numbers: std::ops::Range<usize>) -> Value {
    let order = |n| {
        let line = json!({ "quantity": "10", "amount": "100" });
        json!({ "external_id": format!("O{n}"), "customer_external_id": format!("C{}", n % 4),
            "number": format!("O{n}"), "order_date": "2026-03-31", "lines": [line, line] })
    };
    numbers.map(order).collect()
}

/// Creates customers, their orders, and invoices and payments whose numbers are taken.
async fn shop(service: &Service) -> Actor<'_> {
    let erp = service.client(Role::Erp, "sap").await;
    let customer = |n| json!({ "external_id": format!("C{n}"), "name": format!("C{n}") });
    send(&erp, "customers", (0..4).map(customer).collect()).await;
    send(&erp, "orders", orders(0..12)).await;
    let mut dice = Erp { dice: Dice(0), round: 0 };
    let mut invoices: Vec<_> = (0..4).map(|n| dice.invoice(n)).collect();
    invoices[0]["number"] = json!("TAKEN");
    send(&erp, "invoices", json!(invoices)).await;
    let taken = json!({ "external_id": "taken", "number": "TAKEN", "amount": "1",
        "customer_external_id": "C0", "received_on": "2026-04-09" });
    send(&erp, "payments", json!([taken])).await;
    erp
}

/// Sends a batch until no item has to be repeated.
async fn told(erp: &Actor<'_>, of: &str, items: &[Item]) -> Value {
    let items: Vec<_> = items.iter().map(|it| &it.0).collect();
    let body = json!({ "items": items, "unknown_references": "park" });
    loop {
        let told = erp.post(&format!("/api/v1/{of}/batch"), body.clone()).await;
        if told.status != 503 {
            return told.expect(200);
        }
        assert!(!told.header("retry-after").is_empty(), "{told:?}");
    }
}

/// Checks that there is one result per item, in order, and that the counts are right. Returns the
/// statuses.
fn statuses<'a>(told: &'a Value, items: &[Item]) -> Vec<&'a str> {
    let results = told["results"].as_array().unwrap();
    assert_eq!(results.len(), items.len());
    let mut statuses = vec![];
    for (index, it) in results.iter().enumerate() {
        assert_eq!(it["index"], index);
        statuses.push(it["status"].as_str().unwrap());
    }
    for status in ["created", "updated", "unchanged", "superseded", "pending", "failed"] {
        let count = statuses.iter().filter(|it| **it == status).count();
        assert_eq!(told[status], count, "{status}");
    }
    statuses
}

/// Checks the result of each item: the last one with the same external id counts, and invalid ones
/// are refused. Returns the number of items to repeat because a concurrent sender created the same
/// row.
fn check_each(items: &[Item], told: &Value, has_rival: bool) -> usize {
    let mut late = 0;
    let statuses = statuses(told, items);
    let shape = |it: &Item| matches!(it.1, Some("type" | "format" | "too_few"));
    for (index, (item, code)) in items.iter().enumerate() {
        let what = || format!("{item} {:#}", told["results"][index]);
        let same = |it: &&Item| it.0["external_id"] == item["external_id"] && !shape(it);
        let last = shape(&items[index]) || !items[index + 1..].iter().any(|it| same(&it));
        let taken = told["results"][index]["problem"]["errors"].as_array().is_some_and(|all| {
            all.iter().any(|it| it["pointer"] == "/external_id" && it["code"] == "duplicate")
        });
        match (last, code) {
            (false, _) => assert_eq!(statuses[index], "superseded", "{}", what()),
            _ if taken => {
                assert!(has_rival, "{}", what());
                late += 1;
            }
            (true, Some(code)) => {
                assert_eq!(statuses[index], "failed", "{}", what());
                let errors = told["results"][index]["problem"]["errors"].as_array().unwrap();
                assert!(errors.iter().any(|it| it["code"] == **code), "{}", what());
            }
            // A credit note for an invoice that is refused in the same batch.
            (true, None) if statuses[index] == "failed" => {
                let corrected = &item["corrects_invoice_external_id"];
                let refused =
                    |it: (&Item, &&str)| it.0.0["external_id"] == *corrected && *it.1 == "failed";
                assert!(items.iter().zip(&statuses).any(refused), "{}", what());
            }
            (true, None) => {}
        }
    }
    late
}

/// The rows of a kind by their external ids.
async fn rows(service: &Service, (of, _, columns): (&str, &str, &str)) -> BTreeMap<String, String> {
    let query = format!("select concat_ws(' ', external_id, {columns}) from {of} it");
    let rows = service.texts(&query).await;
    let by_name = |it: &String| (it.split(' ').next().unwrap().to_owned(), it.clone());
    let found: BTreeMap<_, _> = rows.iter().map(by_name).collect();
    assert_eq!(found.len(), rows.len(), "an external id has two rows");
    found
}

async fn check(service: &Service) {
    for (rows, why) in WRONG {
        assert_eq!(service.count(rows).await, 0, "{why}");
    }
    let twice = "(select from changes group by type, id, version having count(*) > 1) as it";
    assert_eq!(service.count(twice).await, 0, "a version has two records");
    assert_eq!(differences(service).await, 0);
}

#[actix_web::test]
async fn of_many_batches_each_row_comes_to_what_it_should() {
    let service = service().await;
    let sap = shop(&service).await;
    let (mut sums, mut replayed) = (BTreeMap::<String, usize>::new(), 0);
    for round in 0..often(*BATCHES) {
        let seed = 1000 + u64::try_from(round).unwrap();
        println!("seed {seed}");
        let mut erp = Erp { dice: Dice(seed), round: round % *BATCHES };
        let kind = KINDS[round % 3];
        let items = erp.batch(kind.0);
        let before = rows(&service, kind).await;
        let first = told(&sap, kind.0, &items).await;
        check_each(&items, &first, false);
        let statuses = statuses(&first, &items);
        let after = rows(&service, kind).await;
        let mut good = HashSet::new();
        for ((item, _), status) in items.iter().zip(&statuses) {
            *sums.entry(format!("{} {status}", kind.0)).or_default() += 1;
            if !matches!(*status, "failed" | "superseded" | "pending") {
                good.insert(item["external_id"].as_str().unwrap());
            }
        }
        for (item, _) in &items {
            let name = item["external_id"].as_str().unwrap();
            let same = before.get(name) == after.get(name);
            assert!(same || good.contains(name), "{name} was refused and is another");
        }
        check(&service).await;
        let changes = service.count("changes").await;
        for _ in 0..or_in_torture(3, 10) {
            let again = told(&sap, kind.0, &items).await;
            let expected = statuses.iter().map(|it| match *it {
                "created" | "updated" => "unchanged",
                same => same,
            });
            assert_eq!(self::statuses(&again, &items), expected.collect::<Vec<_>>());
            assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)));
            replayed += 1;
        }
        assert_eq!(service.count("changes").await, changes, "seed {seed}: a replay was recorded");
        assert_eq!(rows(&service, kind).await, after, "seed {seed}: a replay changed something");
        if round % *BATCHES == *BATCHES / 2 {
            send(&sap, "orders", orders(12..20)).await;
        }
    }
    // The rows for which others wait arrive last.
    let mut erp = Erp { dice: Dice(7), round: *BATCHES };
    let known = rows(&service, KINDS[1]).await;
    let missing = (0..6 * *BATCHES + 100).filter(|n| !known.contains_key(&format!("I{n}")));
    let missing: Vec<_> = missing.map(|n| erp.invoice(n)).collect();
    let waited = service.count("pending_items").await;
    send(&sap, "invoices", json!(missing)).await;
    drain(&service).await;
    let left = service.texts("select external_id from pending_items order by 1").await;
    assert_eq!(left, Vec::<String>::new(), "everything is there");
    check(&service).await;
    println!("{sums:?}, {replayed} replays, {waited} waited to the end");
    for (of, ..) in KINDS {
        for status in ["created", "updated", "superseded", "failed", "pending"] {
            assert!(sums.contains_key(&format!("{of} {status}")), "none of {of} was {status}");
        }
    }
}

#[actix_web::test]
async fn two_sides_bring_the_same_rows_at_once() {
    let service = service().await;
    let sap = shop(&service).await;
    let other = service.client(Role::Erp, "sap").await;
    let (mut sent, mut late) = (0, 0);
    for round in 0..often(*BATCHES / 2) {
        let kind = KINDS[round % 3];
        let seed = 5000 + u64::try_from(round).unwrap();
        println!("seed {seed}");
        let of = |seed| Erp { dice: Dice(seed), round: round % *BATCHES }.batch(kind.0);
        let (one, two) = (of(seed), of(seed + 100));
        let both = join(told(&sap, kind.0, &one), told(&other, kind.0, &two)).await;
        late += check_each(&one, &both.0, true) + check_each(&two, &both.1, true);
        rows(&service, kind).await;
        check(&service).await;
        sent += one.len() + two.len();
        // Sequentially, the last batch determines the state, and repeating it changes nothing.
        for items in [&one, &two] {
            check_each(items, &told(&sap, kind.0, items).await, false);
        }
        let changes = service.count("changes").await;
        told(&other, kind.0, &two).await;
        assert_eq!(service.count("changes").await, changes, "seed {seed}");
        check(&service).await;
    }
    let versions = "(select type, id from changes group by type, id
        having max(version) <> count(*)) as it";
    assert_eq!(service.count(versions).await, 0, "a version is missing");
    println!("{sent} items from two sides, {late} of them had to come again");
}
