//! Batch items that arrive before the rows to which they refer.

use std::collections::BTreeMap;

use actix_web::http::Method;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::merged;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;
use crate::support::sampling::often;
use crate::sync::erp_day::{DAY, Part, order};
use crate::sync::parked_size::drain;

async fn park(erp: &Actor<'_>, path: &str, items: Vec<Value>) -> Value {
    let body = json!({ "items": items, "unknown_references": "park" });
    erp.post(&format!("/api/v1/{path}/batch"), body).await.expect(200)
}

async fn pending(erp: &Actor<'_>) -> Vec<Value> {
    let list = erp.get("/api/v1/pending-items?limit=200").await.expect(200);
    list["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn what_comes_too_early_waits() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let item = json!({ "external_id": "O", "number": "O", "customer_external_id": "C",
        "order_date": "2026-03-02",
        "lines": [{ "product_external_id": "P", "quantity": "1", "amount": "10" }] });
    let told = park(&erp, "orders", vec![item.clone()]).await;
    assert_eq!((&told["pending"], &told["results"][0]["status"]), (&json!(1), &json!("pending")));
    let waits = pending(&erp).await;
    let reference =
        |kind: &str, id: &str| json!({ "type": kind, "source_system": "sap", "external_id": id });
    assert_eq!(
        waits[0]["waits_for"],
        json!([reference("customer", "C"), reference("product", "P")])
    );
    assert_eq!((&waits[0]["item"], &waits[0]["circular"]), (&item, &json!(false)));
    assert_eq!((&waits[0]["type"], &waits[0]["external_id"]), (&json!("order"), &json!("O")));
    let product = json!({ "external_id": "P", "code": "P", "name": "P", "list_price": "10" });
    assert_eq!(park(&erp, "products", vec![product]).await["created"], 1);
    assert_eq!(pending(&erp).await[0]["waits_for"], json!([reference("customer", "C")]));
    assert_eq!(
        park(&erp, "customers", vec![json!({ "external_id": "C", "name": "C" })]).await["created"],
        1
    );
    assert_eq!(pending(&erp).await.len(), 0);
    let orders = erp.get("/api/v1/orders").await.expect(200);
    assert_eq!(orders["items"][0]["external_id"], "O");
    let id = orders["items"][0]["id"].as_str().unwrap();
    let by = format!("select by::text from changes where id = '{id}'");
    assert_eq!(service.texts(&by).await, [erp.id.to_string()]);
    // Items fail without the option, and for references that no batch can provide.
    let wrong = json!({ "external_id": "W", "name": "W", "owner_id": uuid::Uuid::nil() });
    let told = park(&erp, "customers", vec![wrong]).await;
    assert_eq!((&told["failed"], &told["pending"]), (&json!(1), &json!(0)), "an id never arrives");
    let early = json!({ "items": [order(1, "C9")] });
    let told = erp.post("/api/v1/orders/batch", early.clone()).await.expect(200);
    assert_eq!(told["failed"], 1);
    let mut dry = early;
    (dry["unknown_references"], dry["dry_run"]) = (json!("park"), json!(true));
    let told = erp.post("/api/v1/orders/batch", dry).await.expect(200);
    assert_eq!((&told["pending"], pending(&erp).await.len()), (&json!(1), 0));
}

#[actix_web::test]
async fn the_newest_item_counts() {
    let service = Service::start().await;
    let (erp, other) =
        (service.client(Role::Erp, "sap").await, service.client(Role::Erp, "other").await);
    let contact = |name: &str, customer: &str| json!({ "external_id": "K", "name": name, "customer_external_id": customer });
    park(&erp, "contacts", vec![contact("old", "C1")]).await;
    park(&erp, "contacts", vec![contact("new", "C2")]).await;
    let waits = pending(&erp).await;
    assert_eq!((waits.len(), &waits[0]["item"]["name"]), (1, &json!("new")));
    assert_eq!(pending(&other).await.len(), 0, "another system's");
    let path = format!("/api/v1/pending-items/{}", waits[0]["id"].as_str().unwrap());
    other.get(&path).await.expect(404);
    other.send(Method::DELETE, &path, None, &[]).await.expect(404);
    erp.get(&path).await.expect(200);
    let customer = |id: &str| json!({ "external_id": id, "name": id });
    park(&erp, "customers", vec![customer("C1")]).await;
    assert_eq!(erp.get("/api/v1/contacts").await.expect(200)["items"], json!([]));
    // A newer item that is not parked replaces the parked one.
    let told = park(&erp, "contacts", vec![contact("third", "C1")]).await;
    assert_eq!((&told["created"], pending(&erp).await.len()), (&json!(1), 0));
    park(&erp, "customers", vec![customer("C2")]).await;
    let list = erp.get("/api/v1/contacts").await.expect(200);
    assert_eq!((&list["items"][0]["name"], &list["items"][1]), (&json!("third"), &Value::Null));
    // A discarded item is never applied.
    let mut last = contact("K2", "C3");
    last["external_id"] = json!("K2");
    park(&erp, "contacts", vec![last]).await;
    let path = format!("/api/v1/pending-items/{}", pending(&erp).await[0]["id"].as_str().unwrap());
    erp.send(Method::DELETE, &path, None, &[]).await.expect(204);
    erp.send(Method::DELETE, &path, None, &[]).await.expect(404);
    park(&erp, "customers", vec![customer("C3")]).await;
    assert_eq!(erp.get("/api/v1/contacts").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_circle_is_shown_as_one() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let below = |name: &str, parent: &str| {
        vec![json!({ "external_id": name, "name": name, "parent_external_id": parent })]
    };
    park(&erp, "territories", below("A", "B")).await;
    park(&erp, "territories", below("B", "C")).await;
    // An item is parked although the item to which it refers is in the same batch but parked.
    let both = [below("X", "Y"), below("Y", "Z")].concat();
    assert_eq!(park(&erp, "territories", both).await["pending"], 2);
    let circular = async || -> BTreeMap<String, bool> {
        let each =
            |it: &Value| (it["external_id"].as_str().unwrap().to_owned(), it["circular"] == true);
        pending(&erp).await.iter().map(each).collect()
    };
    assert!(circular().await.values().all(|it| !it));
    park(&erp, "territories", below("C", "A")).await;
    let found = circular().await;
    let round: Vec<_> = found.iter().filter(|it| *it.1).map(|it| it.0.as_str()).collect();
    assert_eq!((round, found.len()), (vec!["A", "B", "C"], 5));
    // An item that does not wait breaks the cycle.
    let whole = vec![json!({ "external_id": "C", "name": "C", "parent_id": null })];
    assert_eq!(park(&erp, "territories", whole).await["created"], 1);
    park(&erp, "territories", vec![json!({ "external_id": "Z", "name": "Z" })]).await;
    assert_eq!(pending(&erp).await.len(), 0);
    let list = erp.get("/api/v1/territories?total=exact").await.expect(200);
    assert_eq!(list["total"], 6);
}

/// The job applies items whose reference was created outside of a batch. If an item is refused
/// then, it stays with the reason.
#[actix_web::test]
async fn a_job_finds_the_rest() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let retry = async || {
        let run = async |tx: &mut _| salesbook::sync::pending::retry(tx).await;
        let (db, clock) = (&service.inner.db, &service.inner.clock);
        salesbook::platform::Tx::run(db, clock, uuid::Uuid::nil(), run).await.unwrap()
    };
    let contact = |id: &str, primary: bool| json!({ "external_id": id, "name": id, "customer_external_id": "C", "is_primary": primary });
    park(&erp, "contacts", vec![contact("K1", true)]).await;
    park(&erp, "contacts", vec![contact("K2", false)]).await;
    assert_eq!(retry().await, 0);
    let new = json!({ "name": "C", "source_system": "sap", "external_id": "C" });
    // Except in batches, only an admin writes an external id of a system that has a client.
    let admin = service.actor(Role::Admin).await;
    let customer = admin.post("/api/v1/customers", new).await.expect(201);
    let taken = json!({ "customer_id": customer["id"], "name": "first", "is_primary": true });
    office.post("/api/v1/contacts", taken).await.expect(201);
    assert_eq!(retry().await, 2);
    let left = pending(&erp).await;
    assert_eq!((left.len(), &left[0]["external_id"]), (1, &json!("K1")));
    assert_eq!(left[0]["problem"]["errors"][0]["pointer"], "/is_primary", "{left:#?}");
    assert_eq!((retry().await, pending(&erp).await.len()), (0, 1), "it is not tried for ever");
    // The item is accepted when it is sent again without the fault.
    assert_eq!(park(&erp, "contacts", vec![contact("K1", false)]).await["created"], 1);
    assert_eq!(pending(&erp).await.len(), 0);
    // Items are applied with the current rights of their sender.
    park(&erp, "orders", vec![order(1, "C2")]).await;
    let reporter = "update api_clients set roles = '{reporter}' where source_system = 'sap'";
    service.sql(reporter).await;
    service.directory_changed().await;
    let admin = service.actor(Role::Admin).await;
    for (path, item) in [
        ("customers", json!({ "external_id": "C2", "name": "C2" })),
        ("users", json!({ "external_id": "U1", "name": "U1", "username": "u1" })),
        ("products", json!({ "external_id": "P1", "code": "P1", "name": "P", "list_price": "1" })),
    ] {
        let batch = json!({ "items": [item], "source_system": "sap" });
        let told = admin.post(&format!("/api/v1/{path}/batch"), batch).await.expect(200);
        assert_eq!(told["created"], 1, "{told:#}");
    }
    let left = pending(&admin).await;
    assert_eq!((&left[0]["problem"]["code"], left.len()), (&json!("forbidden"), 1));
}

/// The batches of the day: their path and their items.
fn day() -> Vec<(&'static str, Vec<Value>)> {
    let batches = |it: &'static Part| (0..it.parts).map(|part| (it.path, (it.items)(part)));
    DAY.iter().flat_map(batches).collect()
}

async fn state(service: &Service) -> Vec<String> {
    let mut all = vec![];
    for part in DAY {
        let mut rows = service.texts(part.state).await;
        rows.sort();
        assert!(!rows.is_empty(), "nothing of {}", part.path);
        all.extend(rows.iter().map(|it| format!("{} {it}", part.path)));
    }
    all
}

#[actix_web::test]
async fn the_order_of_a_day_does_not_matter() {
    let in_order = Service::start().await;
    let erp = in_order.client(Role::Erp, "sap").await;
    for (path, items) in day() {
        let count = items.len();
        let told = erp.post(&format!("/api/v1/{path}/batch"), json!({ "items": items })).await;
        let told = told.expect(200);
        assert_eq!(told["created"], count, "{told:#}");
    }
    let right = state(&in_order).await;
    assert!(right.len() > 150, "{}", right.len());
    for seed in 0..often(4) {
        let service = Service::start().await;
        let erp = service.client(Role::Erp, "sap").await;
        let mut dice = Dice(seed as u64 + 7);
        // Each batch is sent one to three times with its key, in any order, as after lost answers.
        let day = day().into_iter().enumerate();
        let mut shuffled: Vec<_> = day.flat_map(|it| vec![it; 1 + dice.roll(3)]).collect();
        for n in (1..shuffled.len()).rev() {
            shuffled.swap(n, dice.roll(n + 1));
        }
        let mut waited = 0;
        for (n, (path, items)) in shuffled.clone() {
            let items: Vec<_> = items.into_iter().rev().collect();
            let body = json!({ "items": items, "unknown_references": "park" });
            let key = format!("day-{n}");
            let url = format!("/api/v1/{path}/batch");
            let told = erp.send(Method::POST, &url, Some(body), &[("idempotency-key", &key)]).await;
            let told = told.expect(200);
            assert_eq!(told["failed"], 0, "{told:#}");
            waited += told["pending"].as_u64().unwrap();
        }
        assert!(waited > 0, "nothing came too early");
        assert_eq!(pending(&erp).await, Vec::<Value>::new());
        let told = state(&service).await;
        let (more, less): (Vec<_>, Vec<_>) = (
            told.iter().filter(|it| !right.contains(it)).collect(),
            right.iter().filter(|it| !told.contains(it)).collect(),
        );
        assert_eq!((more, less), (vec![], vec![]), "seed {seed}, {waited} had to wait");
        let before = service.count("changes").await;
        for (_, (path, items)) in shuffled {
            let told = park(&erp, path, items.clone()).await;
            assert_eq!(told["unchanged"], items.len(), "{told:#}");
        }
        assert_eq!(service.count("changes").await, before, "0 events");
    }
}

/// An item that refers to a refused item of the same batch is parked, because the refused item may
/// be corrected and sent again.
#[actix_web::test]
async fn what_refers_to_an_item_that_is_refused_beside_it_waits() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    park(&erp, "customers", vec![json!({ "external_id": "C", "name": "C" })]).await;
    let document = |name: &str, more: Value| {
        merged(
            json!({ "external_id": name, "customer_external_id": "C", "amount": "10",
                "invoice_date": "2026-03-02" }),
            &more,
        )
    };
    let note = |name: &str, of: &str| {
        document(
            name,
            json!({ "kind": "credit_note", "amount": "4", "corrects_invoice_external_id": of }),
        )
    };
    for (name, wrong) in [
        ("A", json!({ "due_date": "2026-03-01" })),
        ("B", json!({ "salesperson_id": uuid::Uuid::nil() })),
        ("C", json!({ "amount": "ten" })),
    ] {
        let n = format!("N{name}");
        let both = vec![note(&n, name), document(name, wrong)];
        let failed = json!({ "items": both });
        let failed = erp.post("/api/v1/invoices/batch", failed).await.expect(200);
        assert_eq!(failed["failed"], 2, "{failed:#}");
        let problem = &failed["results"][0]["problem"]["errors"][0];
        assert_eq!(problem["code"], "unknown_reference", "{failed:#}");
        let told = park(&erp, "invoices", both).await;
        let each = [0, 1].map(|at| told["results"][at]["status"].clone());
        assert_eq!(each, [json!("pending"), json!("failed")], "{told:#}");
        let waits = pending(&erp).await;
        assert_eq!((waits.len(), &waits[0]["external_id"]), (1, &json!(n)));
        assert_eq!(waits[0]["waits_for"][0]["external_id"], json!(name), "{waits:#?}");
        let good = park(&erp, "invoices", vec![document(name, json!({}))]).await;
        assert_eq!((&good["created"], pending(&erp).await.len()), (&json!(1), 0), "{good:#}");
        let invoice = good["results"][0]["id"].as_str().unwrap();
        let invoice = erp.get(&format!("/api/v1/invoices/{invoice}")).await.expect(200);
        assert_eq!(invoice["open_amount"], "6.00");
        // The row exists already, so that it can be referred to although its new version is
        // refused.
        let worse = document(name, json!({ "due_date": "2026-03-01" }));
        let told = park(&erp, "invoices", vec![note(&format!("M{name}"), name), worse]).await;
        assert_eq!((&told["created"], &told["failed"]), (&json!(1), &json!(1)), "{told:#}");
    }
}

/// A chain of parked items of any length is applied one by one, without recursion.
#[actix_web::test]
async fn a_chain_follows_its_first_link() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let link = |n: i32| json!({ "external_id": format!("T{n}"), "name": format!("T{n}"), "parent_external_id": format!("T{}", n + 1) });
    assert_eq!(park(&erp, "territories", (0..600).map(link).collect()).await["pending"], 600);
    let first = json!({ "external_id": "T600", "name": "T600" });
    assert_eq!(park(&erp, "territories", vec![first]).await["created"], 1);
    assert_eq!(service.count("territories").await, 201, "the others follow with the job");
    drain(&service).await;
    assert_eq!(pending(&erp).await.len(), 0);
    assert_eq!(erp.get("/api/v1/territories?total=exact").await.expect(200)["total"], 601);
}

#[actix_web::test]
async fn what_its_sender_may_not_do_any_more_spoils_no_other_batch() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let contact = |id: &str| json!({ "external_id": id, "name": id, "customer_external_id": "C7" });
    park(&erp, "contacts", vec![contact("K1"), contact("K2")]).await;
    service.sql("update api_clients set source_system = 'oracle'").await;
    service.directory_changed().await;
    let admin = service.actor(Role::Admin).await;
    let batch = json!({ "items": [{ "external_id": "C7", "name": "C7" }], "source_system": "sap" });
    let told = admin.post("/api/v1/customers/batch", batch).await.expect(200);
    assert_eq!(told["created"], 1, "{told:#}");
    let left = pending(&admin).await;
    let code = json!("foreign_source_system");
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|it| it["problem"]["code"] == code), "{left:#?}");
}

#[actix_web::test]
async fn a_system_whose_other_half_never_comes_has_a_limit() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let filled = format!(
        "insert into pending_items select gen_random_uuid(), 'sap', 'order', 'x' || n, '{{}}', null,
        '{}', now() from generate_series(1, 99998) n",
        erp.id
    );
    service.sql(&filled).await;
    let told = park(&erp, "orders", vec![order(1, "C1"), order(2, "C1"), order(3, "C1")]).await;
    assert_eq!((&told["pending"], &told["failed"]), (&json!(2), &json!(1)));
    assert_eq!(told["results"][2]["problem"]["code"], "too_many_pending");
    assert_eq!(service.count("pending_items").await, 100_000);
    // Parked items can be sent again despite the limit, and other systems have their own limit.
    let again = park(&erp, "orders", vec![order(1, "C2")]).await;
    assert_eq!(again["pending"], 1, "{again:#}");
    let other = service.client(Role::Erp, "oms").await;
    assert_eq!(park(&other, "orders", vec![order(9, "C1")]).await["pending"], 1);
}
