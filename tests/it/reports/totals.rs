//! For every role and every report, the totals equal the rows that the same caller can list.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

const YEAR: &str = "from=2026-01-01&to=2027-01-01";

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

/// Reads all pages of a list.
pub async fn list(actor: &Actor<'_>, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (vec![], String::new());
    loop {
        let url = format!("/api/v1/{path}&limit=7{cursor}");
        let page = actor.get(&url).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { return items };
        cursor = format!("&cursor={next}");
    }
}

/// Imports forty orders of six customers, credited to members of two teams, to several people, or
/// to nobody.
async fn company<'a>(service: &'a Service, sellers: &[&Actor<'_>]) -> Vec<Actor<'a>> {
    let erp = service.client(Role::Erp, "sap").await;
    let owner = |n: usize| match n % 3 {
        0 => Value::Null,
        n => json!(sellers[n % sellers.len()].id),
    };
    let customers: Vec<Value> = (0..6)
        .map(|n| json!({ "external_id": format!("C{n}"), "name": format!("C{n}"), "owner_id": owner(n) }))
        .collect();
    erp.post("/api/v1/customers/batch", json!({ "items": customers })).await.expect(200);
    let orders: Vec<Value> = (0..40)
        .map(|n: usize| {
            let person = |n: usize| sellers[n % sellers.len()].id;
            let shares = match n % 5 {
                0 => json!([]),
                1 => json!([{ "user_id": person(n), "share_percent": "33.3" },
                    { "user_id": person(n + 1), "share_percent": "66.7" }]),
                _ => json!([{ "user_id": person(n), "share_percent": "100" }]),
            };
            let status = ["confirmed", "closed", "draft", "confirmed"][n % 4];
            json!({ "external_id": format!("O{n}"), "number": format!("O{n}"), "status": status,
                "order_date": format!("2026-{:02}-{:02}", 1 + n % 9, 1 + n % 28),
                "customer_external_id": format!("C{}", n % 6), "credits": shares,
                "lines": [{ "quantity": "1", "amount": format!("{}.{:02}", n * 37, n) }] })
        })
        .collect();
    let outcomes = erp.post("/api/v1/orders/batch", json!({ "items": orders })).await.expect(200);
    assert_eq!(outcomes["created"], 40, "{outcomes:#}");
    let mut actors = vec![];
    for role in Role::ALL {
        actors.push(service.actor(*role).await);
    }
    actors
}

#[actix_web::test]
async fn totals_equal_the_rows_that_the_same_caller_can_list() {
    let service = Service::start().await;
    let (lead, other) =
        (service.actor(Role::SalesManager).await, service.actor(Role::SalesManager).await);
    let (a, b, c) = (
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
    );
    let top = service.team(None, &lead, &[&a]).await;
    service.team(Some(top), &other, &[&b, &c]).await;
    let mut actors = company(&service, &[&a, &b, &c, &lead]).await;
    actors.extend([lead, other, a, b, c]);
    let mut different = BTreeSet::new();
    for actor in &actors {
        let report = async |name: &str| actor.get(&format!("/api/v1/reports/{name}{YEAR}")).await;
        let sales = report("sales?").await;
        if sales.status == 403 {
            actor.get("/api/v1/orders").await.expect(403);
            continue;
        }
        let orders = list(actor, "orders?status=confirmed,closed").await;
        let sum: Decimal = orders.iter().map(|it| decimal(&it["amount"])).sum();
        let count = orders.len();
        let buyers: BTreeSet<_> = orders.iter().map(|it| it["customer_id"].to_string()).collect();
        let totals = &sales.expect(200)["totals"];
        assert_eq!(decimal(&totals["amount"]), sum);
        let counts = (&totals["orders"], &totals["customers"]);
        assert_eq!(counts, (&json!(count), &json!(buyers.len())));
        let rows = |report: &Value, column: &str| -> Decimal {
            let cells = report["rows"].as_array().unwrap().iter().map(|row| row[column].clone());
            // A future month of a forecast has no amount.
            cells.filter(|cell| !cell.is_null()).map(|cell| decimal(&cell)).sum()
        };
        let sales_by = ["salesperson", "team", "customer,month", "channel", "week", "territory"];
        for keys in sales_by {
            let grouped = report(&format!("sales?group_by={keys}&")).await.expect(200);
            assert_eq!(rows(&grouped, "amount"), sum, "{keys}");
        }
        assert_eq!(rows(&report("abc?").await.expect(200), "amount"), sum);
        assert_eq!(rows(&report("top?of=customer&limit=100&").await.expect(200), "amount"), sum);
        assert_eq!(rows(&report("forecast?method=mean_of_3&").await.expect(200), "amount"), sum);
        let intervals = report("order-intervals?").await.expect(200);
        let intervals = intervals["rows"].as_array().unwrap();
        let seen: u64 = intervals.iter().map(|row| row["orders"].as_u64().unwrap()).sum();
        assert_eq!((seen, intervals.len()), (count as u64, buyers.len()));
        let new = report("new-customers?group_by=month&").await.expect(200);
        let new = new["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["new_customers"].as_u64().unwrap());
        assert_eq!(new.sum::<u64>(), buyers.len() as u64);
        different.insert((sum, count));
    }
    assert!(different.len() >= 5, "the callers see different things: {different:?}");
}
