//! Visibility and search of invoices, merges of customers, and concurrent allocations.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::invoices::{item, open};
use crate::receivables::{send, service};

#[actix_web::test]
async fn whose_invoices_one_sees() {
    let service = service().await;
    let erp = service.actor(Role::Erp).await;
    let (owner, seller) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let (stranger, manager) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesManager).await);
    service.team(None, &manager, &[&seller]).await;
    send(
        &erp,
        "customers",
        json!([{ "external_id": "C", "name": "Lin", "owner_id": owner.id },
        { "external_id": "P", "name": "pool" }]),
    )
    .await;
    let items = json!([
        item("A", &json!({ "salesperson_id": seller.id })),
        item("B", &json!({})),
        item("P", &json!({ "customer_external_id": "P" }))
    ]);
    let made = send(&erp, "invoices", items).await["results"].clone();
    let money = json!([{ "external_id": "P", "number": "P", "customer_external_id": "C",
        "received_on": "2026-06-10", "amount": "50",
        "allocations": [{ "invoice_external_id": "A", "amount": "50" }] }]);
    let money = send(&erp, "payments", money).await["results"][0]["id"].clone();
    let quality = service.actor(Role::Quality).await;
    quality.get("/api/v1/invoices").await.expect(403);
    for (who, invoices, paid) in [
        (&owner, [true, true, false], true),
        (&seller, [true, false, false], true),
        (&manager, [true, false, false], true),
        (&stranger, [false, false, false], false),
        (&service.actor(Role::Finance).await, [true, true, true], true),
        (&service.actor(Role::CreditController).await, [true, true, true], true),
        (&service.actor(Role::Reporter).await, [true, true, true], true),
    ] {
        let list = who.get("/api/v1/invoices?total=exact").await.expect(200);
        let seen = invoices.iter().filter(|it| **it).count();
        assert_eq!(list["total"], seen, "{invoices:?}");
        for (n, sees) in invoices.iter().enumerate() {
            let path = format!("/api/v1/invoices/{}", made[n]["id"].as_str().unwrap());
            who.get(&path).await.expect(if *sees { 200 } else { 404 });
        }
        let path = format!("/api/v1/payments/{}", money.as_str().unwrap());
        who.get(&path).await.expect(if paid { 200 } else { 404 });
    }
    let customer = erp.get("/api/v1/customers?q=pool").await.expect(200)["items"][0]["id"].clone();
    let path = format!("/api/v1/customers/{}/statement", customer.as_str().unwrap());
    manager.get(&path).await.expect(404);
    erp.get(&path).await.expect(200);
}

#[actix_web::test]
async fn lists_filter() {
    let service = service().await;
    let erp = service.actor(Role::Erp).await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let items = json!([
        item("A", &json!({ "due_date": "2026-06-10" })),
        item("B", &json!({ "disputed": true })),
        item("D", &json!({ "status": "draft" })),
        item("N", &json!({ "kind": "credit_note", "amount": "5" })),
    ]);
    send(&erp, "invoices", items).await;
    for (question, expected) in [
        ("open=true", "A B N"),
        ("open=false", "D"),
        ("overdue=true", "A"),
        ("overdue=false", "B D N"),
        ("disputed=true", "B"),
        ("kind=credit_note", "N"),
        ("status=draft,cancelled", "D"),
        ("number=B", "B"),
        ("due_date_from=2026-06-11&due_date_to=2026-07-01&kind=invoice", "B D"),
        ("invoice_date_from=2026-06-02", ""),
        ("customer_external_id=C&customer_source_system=sap&open=true&kind=invoice", "A B"),
        ("customer_external_id=X&customer_source_system=sap", ""),
    ] {
        let list = erp.get(&format!("/api/v1/invoices?{question}")).await.expect(200);
        let mut numbers: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["number"].as_str().unwrap())
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers.join(" "), expected, "{question}");
    }
    erp.get("/api/v1/invoices?open=yes").await.expect(400);
}

/// The receivables of merged customers are added up.
#[actix_web::test]
async fn what_the_loser_owes_the_winner_owes() {
    let service = service().await;
    let (admin, erp) = (service.actor(Role::Admin).await, service.actor(Role::Erp).await);
    let made = send(
        &erp,
        "customers",
        json!([{ "external_id": "C", "name": "Lin" },
        { "external_id": "D", "name": "Wang" }]),
    )
    .await;
    let (winner, loser) = (&made["results"][0]["id"], &made["results"][1]["id"]);
    let items = json!([item("A", &json!({ "customer_external_id": "D" })), item("B", &json!({}))]);
    send(&erp, "invoices", items).await;
    send(
        &erp,
        "payments",
        json!([{ "external_id": "P", "number": "P",
        "customer_external_id": "D", "received_on": "2026-06-10", "amount": "50" }]),
    )
    .await;
    let merge = format!("/api/v1/customers/{}/merge", winner.as_str().unwrap());
    admin.post(&merge, json!({ "loser_id": loser })).await.expect(200);
    let owed =
        "select customer_id::text || ' ' || trim_scale(sum(amount)) from open_items group by 1";
    let owner = winner.as_str().unwrap();
    assert_eq!(
        service.texts(&owed.replace("group by 1", "group by customer_id")).await,
        [format!("{owner} 176")]
    );
    assert_eq!(service.count(&format!("invoices where customer_id = '{owner}'")).await, 2);
    assert_eq!(service.count(&format!("payments where customer_id = '{owner}'")).await, 1);
    assert_eq!(crate::receivables::differences(&service).await, 0);
}

/// Two concurrent allocations of one payment never exceed its amount.
#[actix_web::test]
async fn two_at_the_same_invoice() {
    let service = service().await;
    let (finance, erp) = (service.actor(Role::Finance).await, service.actor(Role::Erp).await);
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    let made = send(&erp, "invoices", json!([item("A", &json!({}))])).await;
    let invoice = made["results"][0]["id"].clone();
    let payment = |n: usize| {
        json!({ "external_id": format!("P{n}"), "number": format!("P{n}"),
        "customer_external_id": "C", "received_on": "2026-06-10", "amount": "100" })
    };
    let made = send(&erp, "payments", (0..6).map(payment).collect()).await["results"].clone();
    let take = async |n: usize| {
        let path = format!("/api/v1/payments/{}/allocate", made[n]["id"].as_str().unwrap());
        let to = json!({ "allocations": [{ "invoice_id": invoice, "amount": "60" }] });
        finance.post(&path, to).await.status.as_u16()
    };
    let told = futures_util::future::join_all((0..6).map(take)).await;
    assert_eq!(told.iter().filter(|it| **it == 200).count(), 1, "{told:?}");
    assert!(told.iter().all(|it| matches!(it, 200 | 422)), "{told:?}");
    assert_eq!(open(&finance, invoice.as_str().unwrap()).await[0], "53.00");
}

/// The order of payments and credit notes does not affect the result.
#[actix_web::test]
async fn what_an_erp_sends_first_does_not_matter() {
    let service = service().await;
    let erp = service.actor(Role::Erp).await;
    send(&erp, "customers", json!([{ "external_id": "C", "name": "Lin" }])).await;
    for order in [["note", "money"], ["money", "note"]] {
        let key = |name: &str| format!("{name} {}", order[0]);
        let invoice = item(&key("A"), &json!({ "tax_amount": "0" }));
        let invoice = send(&erp, "invoices", json!([invoice])).await["results"][0]["id"].clone();
        let mut note_id = Value::Null;
        for part in order {
            if part == "note" {
                let note = item(
                    &key("N"),
                    &json!({ "kind": "credit_note", "amount": "30",
                    "tax_amount": "0", "corrects_invoice_external_id": key("A") }),
                );
                note_id = send(&erp, "invoices", json!([note])).await["results"][0]["id"].clone();
            } else {
                let money = json!([{ "external_id": key("P"), "number": key("P"), "amount": "90",
                    "customer_external_id": "C", "received_on": "2026-06-10", "allocations":
                    [{ "invoice_external_id": key("A"), "amount": "90" }] }]);
                send(&erp, "payments", money).await;
            }
        }
        assert_eq!(open(&erp, invoice.as_str().unwrap()).await[0], "0.00", "{order:?}");
        assert_eq!(open(&erp, note_id.as_str().unwrap()).await[0], "-20.00", "{order:?}");
        assert_eq!(crate::receivables::differences(&service).await, 0);
    }
}
