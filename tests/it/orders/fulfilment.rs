//! Fulfilment of orders: a single order by line, all orders by month.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{go_to, merged, send, service};
use crate::reports::{REPORTS, report, table};
use crate::support::harness::{Actor, Service};

struct Trade<'a> {
    seller: Actor<'a>,
    stranger: Actor<'a>,
    reporter: Actor<'a>,
    /// Ids of the orders
    orders: Vec<String>,
}

/// On 2026-06-15: an order that was shipped short and late, one that is not due, one of two people
/// that the ERP reports as shipped, one that it reports as partly shipped, one that was closed
/// without a shipment, and a draft.
async fn trade(service: &Service) -> Trade<'_> {
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let erp = service.actor(Role::Erp).await;
    let customers = json!([
        { "external_id": "A", "name": "Anji", "owner_id": seller.id, "region": "上海" },
        { "external_id": "B", "name": "Baoli", "owner_id": stranger.id, "region": "江苏" }]);
    send(&erp, "customers", customers).await;
    let order = |key: &str, of: &str, day: &str, quantities: &[&str], more: Value| {
        let lines = quantities.iter().enumerate().map(
            |(at, quantity)| json!({ "line_number": at + 1, "quantity": quantity, "amount": "50" }),
        );
        let item = json!({ "external_id": key, "number": key, "customer_external_id": of,
            "order_date": day, "confirmed_on": day, "lines": lines.collect::<Vec<_>>() });
        merged(item, &more)
    };
    let both = json!([{ "user_id": seller.id, "share_percent": "50" },
        { "user_id": stranger.id, "share_percent": "50" }]);
    let alone =
        |person: &Actor<'_>, due: &str| json!({ "salesperson_id": person.id, "due_date": due });
    let items = json!([
        order("O1", "A", "2026-05-04", &["10", "5"], alone(&seller, "2026-05-20")),
        order("O2", "A", "2026-05-10", &["4"], alone(&seller, "2026-06-30")),
        order(
            "O3",
            "B",
            "2026-05-12",
            &["8"],
            json!({ "credits": both, "due_date": "2026-05-15",
            "fulfilment_status": "shipped", "shipped_on": "2026-05-16" })
        ),
        order(
            "O4",
            "B",
            "2026-06-01",
            &["6", "-2"],
            json!({ "salesperson_id": stranger.id,
            "fulfilment_status": "partial" })
        ),
        order(
            "O5",
            "B",
            "2026-06-02",
            &["3"],
            json!({ "salesperson_id": stranger.id,
            "status": "closed", "due_date": "2026-06-05" })
        ),
        order(
            "O6",
            "B",
            "2026-06-02",
            &["999"],
            json!({ "status": "draft", "confirmed_on": null })
        ),
    ]);
    let made = send(&erp, "orders", items).await;
    let orders = made["results"].as_array().unwrap().iter();
    let orders = orders.map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    let sent = |key: &str, day: &str, line: i32, quantity: &str, status: &str| {
        json!({ "external_id": key, "number": key, "order_external_id": "O1", "shipped_on": day,
            "status": status, "lines": [{ "line_number": line, "quantity": quantity }] })
    };
    let items = json!([
        sent("S1", "2026-05-18", 1, "10", "delivered"),
        sent("S2", "2026-05-25", 2, "3", "shipped"),
        sent("S3", "2026-05-19", 2, "2", "cancelled"),
    ]);
    send(&erp, "shipments", items).await;
    let invoice = |key: &str, of: &str, order: &str, amount: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "amount": amount,
            "order_external_id": order, "invoice_date": "2026-05-20", "due_date": "2026-05-20" })
    };
    send(
        &erp,
        "invoices",
        json!([invoice("I1", "A", "O1", "100"), invoice("I3", "B", "O3", "50")]),
    )
    .await;
    let pay = |key: &str, of: &str, day: &str, amount: &str, on: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "received_on": day,
            "amount": amount, "allocations": [{ "invoice_external_id": on, "amount": amount,
                "allocated_on": day }] })
    };
    let items = json!([
        pay("P1", "A", "2026-06-03", "60", "I1"),
        pay("P2", "A", "2026-06-13", "40", "I1"),
        pay("P3", "B", "2026-05-22", "50", "I3"),
    ]);
    send(&erp, "payments", items).await;
    send(&erp, "payments", json!([{ "external_id": "P3", "reversed_on": "2026-06-10" }])).await;
    let reporter = service.actor(Role::Reporter).await;
    Trade { seller, stranger, reporter, orders }
}

/// The ordered, shipped, delivered, cancelled and remaining quantities and the days late of each
/// line.
async fn lines(actor: &Actor<'_>, order: &str) -> Vec<String> {
    let told = actor.get(&format!("/api/v1/orders/{order}/availability")).await.expect(200);
    let lines = told["lines"].as_array().unwrap().iter();
    let members = ["ordered", "shipped", "delivered", "cancelled", "remaining"];
    let told = |line: &Value| {
        let quantity = |name: &str| match line[name].as_str() {
            Some(text) if text.contains('.') => {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            Some(text) => text.to_owned(),
            None => "null".to_owned(),
        };
        let all: Vec<String> = members.iter().map(|it| quantity(it)).collect();
        format!("{} {}", all.join(" "), line["days_late"])
    };
    lines.map(told).collect()
}

#[actix_web::test]
async fn what_of_an_order_is_on_its_way() {
    let service = service().await;
    let trade = trade(&service).await;
    let of = |at: usize| trade.orders[at].as_str();
    // The first line was in time; two of five are missing for 26 days in the second one.
    assert_eq!(lines(&trade.seller, of(0)).await, ["10 10 10 0 0 0", "5 3 0 0 2 26"]);
    assert_eq!(lines(&trade.seller, of(1)).await, ["4 0 0 0 4 0"], "there is time");
    assert_eq!(lines(&trade.seller, of(2)).await, ["8 8 0 0 0 1"], "as the ERP says");
    let partly = ["6 null null null null null", "-2 null null null null null"];
    assert_eq!(lines(&trade.stranger, of(3)).await, partly, "nobody knows which");
    assert_eq!(lines(&trade.stranger, of(4)).await, ["3 0 0 3 0 null"], "closed");
    let hidden = format!("/api/v1/orders/{}/availability", of(0));
    trade.stranger.get(&hidden).await.expect(404);
}

const COLUMNS: [&str; 9] = [
    "orders",
    "lines",
    "quantity_ordered",
    "quantity_shipped",
    "fill_rate_percent",
    "late_lines",
    "late_percent",
    "collected",
    "order_to_cash_days",
];

fn with<'a>(key: &'a str, columns: &[&'a str]) -> Vec<&'a str> {
    ["month", key].into_iter().chain(columns.iter().copied()).collect()
}

#[actix_web::test]
async fn how_well_orders_are_carried_out() {
    let service = service().await;
    let trade = trade(&service).await;
    let told = report(&trade.reporter, "fulfilment?period=2026").await;
    // (60 × 30 days + 40 × 40 days) ÷ 100; reversed payments do not count.
    let may = "3 4 27 21 77.78 2 50.00 100.0000 34.00";
    let june = "2 2 9 0 0.00 1 50.00 0.0000 null";
    assert_eq!(table(&told, &COLUMNS), [may, june]);
    let whole = json!({ "rows": [told["totals"]] });
    assert_eq!(table(&whole, &COLUMNS), ["5 6 36 21 58.33 3 50.00 100.0000 34.00"]);

    let told = report(&trade.reporter, "fulfilment?period=2026-05&group_by=region").await;
    let columns = with("region", &COLUMNS[..6]);
    assert_eq!(
        table(&told, &columns),
        ["2026-05 上海 2 3 19 13 68.42 1", "2026-05 江苏 1 1 8 8 100.00 1"]
    );
    let told = report(&trade.reporter, "fulfilment?period=2026-05&group_by=salesperson").await;
    let mut people = table(&told, &with("salesperson_id", &COLUMNS[..4]));
    let mut wanted = vec![
        format!("2026-05 {} 3 4 27 21", trade.seller.id),
        format!("2026-05 {} 1 1 8 8", trade.stranger.id),
    ];
    people.sort();
    wanted.sort();
    assert_eq!(people, wanted);
    assert_eq!(told["totals"]["orders"], 3, "each once");

    // On an earlier day less had been shipped and paid.
    let told = report(&trade.reporter, "fulfilment?period=2026-05&as_of=2026-06-04").await;
    assert_eq!(table(&told, &COLUMNS), ["3 4 27 21 77.78 2 50.00 110.0000 20.91"]);
    let told = report(&trade.reporter, "fulfilment?period=2026-05&as_of=2026-05-15").await;
    assert_eq!(table(&told, &COLUMNS), ["3 4 27 0 0.00 0 0.00 0.0000 null"]);

    // Callers get the orders within their scope and filters.
    let told = report(&trade.stranger, "fulfilment?period=2026-05&group_by=customer").await;
    let columns = with("customer_external_id", &["orders", "quantity_ordered"]);
    assert_eq!(table(&told, &columns), ["2026-05 B 1 8"]);
    let told = report(&trade.seller, "fulfilment?period=2026-05&as_of=2026-06-04").await;
    assert_eq!(told["totals"]["orders"], 3, "one of them shared");
    assert_eq!(told["totals"]["collected"], "60.0000", "whose invoice is somebody else's to see");
    let question = format!("fulfilment?period=2026-05&salesperson_id={}", trade.stranger.id);
    assert_eq!(report(&trade.reporter, &question).await["totals"]["orders"], 1);
    go_to(&service, "2026-07-02").await;
    let reporter = service.actor(Role::Reporter).await;
    let told = report(&reporter, "fulfilment?period=2026-05").await;
    assert_eq!(table(&told, &["late_lines"]), ["3"], "the promised day has passed");
    for by in ["", "&group_by=customer", "&group_by=salesperson", "&group_by=region"] {
        let path = format!("{REPORTS}/fulfilment?period=2026&format=csv{by}");
        reporter.get(&path).await.expect(200);
    }
}
