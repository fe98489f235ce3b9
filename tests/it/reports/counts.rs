//! Counts of sales reports: orders, lines, customers and people count once, even if shared.

use serde_json::json;

use crate::reports::{Orders, customer, product, report, service, shop, table};
use crate::support::harness::Service;

/// Adds a second line to every order, with the same people as the first.
async fn two_lines(service: &Service) {
    let line = "insert into sales_entries (order_id, line_number, kind, user_id, team_path,
            product_id, category, customer_id, channel, booked_on, recorded_at, quantity, amount,
            line_amount, cost)
        select order_id, 2, kind, user_id, team_path, product_id, 'Bells', customer_id, channel,
            booked_on, recorded_at, quantity, amount, line_amount, cost
        from sales_entries where line_number = 1 order by id";
    service.sql(line).await;
}

#[actix_web::test]
async fn an_order_of_two_people_counts_once() {
    let service = service().await;
    let shop = shop(&service).await;
    two_lines(&service).await;

    let march = report(&shop.director, "sales?period=2026-03&group_by=month&channel=shop").await;
    let columns = ["orders", "lines", "customers"];
    assert_eq!(table(&march, &columns), ["2 4 2"]);
    let people = report(&shop.director, "sales?period=2026-03&group_by=salesperson").await;
    assert_eq!(table(&people, &columns), ["2 4 2", "1 2 1", "1 2 1"]);
    let things = report(&shop.director, "sales?period=2026&group_by=category").await;
    assert_eq!(table(&things, &["category", "orders", "lines"]), ["Bells 5 5", "Bikes 5 5"]);

    for question in ["sales?period=2026", "sales?period=2026&group_by=category,month"] {
        let totals = report(&shop.director, question).await["totals"].clone();
        let counts = ["orders", "lines", "customers", "salespeople"].map(|name| &totals[name]);
        assert_eq!(json!(counts), json!([5, 10, 3, 2]), "{question}");
    }
}

#[actix_web::test]
async fn an_order_that_was_cancelled_and_confirmed_again_counts_once() {
    let service = service().await;
    let shop = shop(&service).await;
    let orders = Orders { service: &service, product: product(&service, "Bell").await };
    let (first, second) = (customer(&service, "First").await, customer(&service, "Second").await);
    let id = orders.add(31, first, "2025-05-01", "web", &[(None, "{}", "10.00")]).await;
    orders.reverse(id, "2025-05-10").await;
    let again = format!(
        "insert into sales_entries (order_id, line_number, kind, team_path, customer_id, channel,
            booked_on, recorded_at, quantity, amount, line_amount)
        values ('{id}', 1, 'booked', '{{}}', '{second}', 'web', '2025-05-20', now(), 1, 12, 12)"
    );
    service.sql(&again).await;

    let rows = report(&shop.director, "sales?period=2025&group_by=month").await;

    let columns = ["month", "orders", "lines", "customers", "amount"];
    assert_eq!(table(&rows, &columns), ["2025-05 1 1 2 12.0000"]);
    assert_eq!(rows["totals"]["orders"], 1);
    assert_eq!(rows["totals"]["first_date"], "2025-05-01");
    assert_eq!(rows["totals"]["last_date"], "2025-05-20");
}
