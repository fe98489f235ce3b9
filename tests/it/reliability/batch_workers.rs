//! Concurrent batches of several workers for the same customers.

use diesel_async::SimpleAsyncConnection;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::credit::{Desk, id};
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Dice;
use crate::support::process::{execute, until};

fn order(key: &str, customer: &str, amount: &str) -> Value {
    json!({ "external_id": key, "number": key, "customer_id": id(customer),
        "order_date": "2026-03-02", "lines": [{ "quantity": "1", "amount": amount }] })
}

async fn send(erp: &Actor<'_>, path: &str, items: Vec<Value>) -> Value {
    let told = erp.post(&format!("/api/v1/{path}/batch"), json!({ "items": items })).await;
    told.expect(200)
}

/// A batch that waits for the credit of a customer has already written its lines.
#[actix_web::test]
async fn the_rows_of_credit_are_taken_last() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let url = service.url();
    let waiting = "pg_locks l join pg_stat_activity a using (pid)
        where l.relation = 'order_lines'::regclass and l.mode = 'RowExclusiveLock'
        and a.datname = current_database() and a.wait_event_type = 'Lock'";

    let mut conn = salesbook::platform::db::connect(&url).await.unwrap();
    conn.batch_execute("begin; select from customer_credits for update").await.unwrap();

    let holder = async {
        until(&url, waiting).await;
        conn.batch_execute("commit").await.unwrap();
    };
    let batch = send(&desk.erp, "orders", vec![order("O1", &desk.customer, "60")]);
    let ((), told) = join(holder, batch).await;

    assert_eq!(told["created"], 1, "{told:#}");
}

/// If two batches exceed a limit only together, the second one is flagged.
#[actix_web::test]
async fn two_batches_know_of_each_other() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    for round in 0..10 {
        let customer = desk.seller.customer(&format!("{round}")).await;
        let limit = json!({ "credit_limit": "100" });
        desk.admin.patch(&format!("{customer}/credit"), 0, limit).await.expect(200);

        let one = send(&desk.erp, "orders", vec![order(&format!("A{round}"), &customer, "60")]);
        let two = send(&desk.erp, "orders", vec![order(&format!("B{round}"), &customer, "60")]);
        join(one, two).await;

        let of = format!("orders where customer_id = '{}' and credit_exceeded", id(&customer));
        assert_eq!(service.count(&of).await, 1, "round {round}");
        // The recorded change has the final state.
        let recorded = format!(
            "changes c join orders o on o.id = c.id where o.customer_id = '{}'
            and (c.data ->> 'credit_exceeded')::bool <> o.credit_exceeded",
            id(&customer)
        );
        assert_eq!(service.count(&recorded).await, 0, "round {round}");
    }
}

/// The limit is consumed in the order of the items.
#[actix_web::test]
async fn the_first_items_have_the_limit() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    desk.credit(json!({ "credit_limit": "100" })).await;
    let items = ["Z", "M", "A"].map(|key| order(key, &desk.customer, "60")).to_vec();

    let told = send(&desk.erp, "orders", items.clone()).await;
    let flagged = service
        .texts("select external_id from orders where credit_exceeded order by external_id")
        .await;
    let again = send(&desk.erp, "orders", items).await;

    assert_eq!(told["created"], 3);
    assert_eq!(flagged, ["A", "M"]);
    assert_eq!(again["unchanged"], 3, "{again:#}");
}

/// Four workers send orders, invoices, payments and the customers themselves, each in a different
/// order.
#[actix_web::test]
async fn four_workers_in_any_order() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let names: Vec<String> = (0..60).map(|n| format!("C{n}")).collect();
    let customers = |city: &str| -> Vec<Value> {
        let customer = |name| json!({ "external_id": name, "name": name, "city": city });
        names.iter().map(customer).collect()
    };
    send(&desk.erp, "customers", customers("Jena")).await;
    let first = |name: &String| {
        json!({ "external_id": name, "number": name, "customer_external_id": name,
            "order_date": "2026-03-02", "lines": [{ "quantity": "1", "amount": "10" }] })
    };
    send(&desk.erp, "orders", names.iter().map(first).collect()).await;
    // The limit is reached in the middle, so that some orders are flagged.
    execute(&service.url(), "update customer_credits set credit_limit = 500").await;

    let worker = async |worker: usize| {
        let mut dice = Dice(worker as u64 + 1);
        let mut sent = 0;
        for round in 0..4 {
            let mut orders = vec![];
            for n in 0..120 {
                // Two workers send half of the rows.
                let key = format!("{}-{round}-{n}", if n % 2 == 0 { worker } else { worker / 2 });
                orders.push(json!({ "external_id": key, "number": key, "order_date": "2026-03-02",
                    "customer_external_id": names[n * 7 % 60],
                    "lines": [{ "quantity": "1", "amount": "10" }] }));
            }
            for place in (1..orders.len()).rev() {
                orders.swap(place, dice.roll(place + 1));
            }
            let told = send(&desk.erp, "orders", orders).await;
            assert_eq!(told["failed"], 0, "{told:#}");
            let mut invoices = vec![];
            for n in 0..60 {
                let key = format!("I{worker}-{round}-{n}");
                invoices.push(json!({ "external_id": key, "number": key, "amount": "10",
                    "invoice_date": "2026-03-02", "customer_external_id": names[n * 11 % 60] }));
            }
            assert_eq!(send(&desk.erp, "invoices", invoices).await["failed"], 0);
            let city = ["Jena", "Gera", "Suhl"][dice.roll(3)];
            assert_eq!(send(&desk.erp, "customers", customers(city)).await["failed"], 0);
            sent += 1;
        }
        sent
    };
    let sent = join_all((0..4).map(worker)).await;

    assert_eq!(sent, [4; 4]);
    let owed = "select 1 from orders o full join open_items i
        on i.source_id = o.id and i.kind = 'order' where i.amount is distinct from o.total_amount
        and coalesce(i.kind, 'order') = 'order'";
    assert_eq!(service.texts(&format!("select 'x' from ({owed}) as wrong")).await.len(), 0);
    assert_eq!(service.count("invoices").await, 4 * 4 * 60);
}
