//! Reports: figures, visibility and refusals.

pub mod adventureworks;
pub mod calls;
pub mod comparisons;
pub mod counts;
pub mod derived_figures;
pub mod forms;
pub mod limits;
pub mod people;
pub mod reach;
pub mod sources;
pub mod totals;

use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Service};

pub const REPORTS: &str = "/api/v1/reports";

/// Two teams, one below the other, three customers, five orders and a target. They are written
/// directly to the database, so that every figure is known: two people share order 3, order 4 has
/// no salesperson, and order 5 was cancelled in the next month.
pub struct Shop<'a> {
    pub director: Actor<'a>,
    pub manager: Actor<'a>,
    pub seller: Actor<'a>,
    pub stranger: Actor<'a>,
}

pub async fn service() -> Service {
    let now = Timestamp("2026-04-16T04:00:00Z".parse().unwrap());
    Service::start_at(Clock::fixed(now)).await
}

pub async fn shop(service: &Service) -> Shop<'_> {
    let director = service.actor(Role::SalesDirector).await;
    let manager = service.actor(Role::SalesManager).await;
    let seller = service.actor(Role::Salesperson).await;
    let stranger = service.actor(Role::Salesperson).await;
    let top = service.team(None, &director, &[&stranger]).await;
    let team = service.team(Some(top), &manager, &[&seller]).await;
    let path = format!("{{{team},{top}}}");
    let (a, b, c) =
        (customer(service, "A").await, customer(service, "B").await, customer(service, "C").await);
    let bike = product(service, "Bike").await;
    let orders = Orders { service, product: bike };
    orders.add(1, a, "2026-01-01", "shop", &[(Some(seller.id), &path, "1000.00")]).await;
    orders.add(2, a, "2026-03-05", "shop", &[(Some(seller.id), &path, "500.00")]).await;
    let other = format!("{{{top}}}");
    let shares = [(Some(seller.id), &*path, "300.01"), (Some(stranger.id), &*other, "300.00")];
    orders.add(3, b, "2026-03-20", "shop", &shares).await;
    orders.add(4, c, "2026-03-21", "online", &[(None, "{}", "250.00")]).await;
    let lost =
        orders.add(5, b, "2026-02-01", "shop", &[(Some(stranger.id), &other, "80.00")]).await;
    orders.reverse(lost, "2026-03-01").await;
    Shop { director, manager, seller, stranger }
}

pub async fn customer(service: &Service, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    let insert = format!(
        "insert into customers (id, version, code, name, kind, status, created_at, updated_at,
            name_pinyin, name_key, search, grams, source_system, external_id)
        values ('{id}', 1, '{name}', '{name}', 'company', 'active', now(), now(), '', '', '', '{{}}',
            'test', '{name}')"
    );
    service.sql(&insert).await;
    id
}

pub async fn product(service: &Service, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    let insert = format!(
        "insert into products (id, version, code, name, name_pinyin, unit, active, prices, category,
            source_system, external_id, created_at, updated_at)
        values ('{id}', 1, '{name}', '{name}', '', 'piece', true, '[]', 'Bikes', 'test', '{name}',
            now(), now())"
    );
    service.sql(&insert).await;
    id
}

pub struct Orders<'a> {
    pub service: &'a Service,
    pub product: Uuid,
}

impl Orders<'_> {
    /// Creates a confirmed order and its entries; its line is a cent less than the order.
    pub async fn add(
        &self,
        number: u32,
        customer: Uuid,
        day: &str,
        channel: &str,
        shares: &[(Option<Uuid>, &str, &str)],
    ) -> Uuid {
        let id = Uuid::now_v7();
        let credited: Vec<String> =
            shares.iter().filter_map(|it| Some(it.0?.to_string())).collect();
        let paths = shares.iter().map(|it| format!("select unnest('{}'::uuid[])", it.1));
        let paths = paths.collect::<Vec<_>>().join(" union ");
        let insert = format!(
            "insert into orders (id, version, number, customer_id, credits, credited, team_path,
                channel, order_date, confirmed_on, currency, exchange_rate, status, amount,
                tax_amount, freight_amount, total_amount, created_at, updated_at)
            values ('{id}', 1, 'SO{number}', '{customer}', '[]', '{{{}}}', array({paths}),
                '{channel}', '{day}', '{day}', 'CNY', 1, 'confirmed', 0, 0, 0, 0, now(), now())",
            credited.join(",")
        );
        self.service.sql(&insert).await;
        for (user, path, amount) in shares {
            let user = user.map_or("null".to_owned(), |id| format!("'{id}'"));
            let insert = format!(
                "insert into sales_entries (order_id, line_number, kind, user_id, team_path,
                    product_id, category, customer_id, channel, booked_on, recorded_at, quantity,
                    amount, line_amount, cost)
                values ('{id}', 1, 'booked', {user}, '{path}', '{}', 'Bikes', '{customer}',
                    '{channel}', '{day}', now(), 1, {amount}, {amount} - 0.01, {amount} / 2)",
                self.product
            );
            self.service.sql(&insert).await;
        }
        id
    }

    pub async fn reverse(&self, order: Uuid, day: &str) {
        let insert = format!(
            "insert into sales_entries (order_id, line_number, kind, user_id, team_path,
                product_id, category, customer_id, channel, booked_on, recorded_at, quantity,
                amount, line_amount, cost)
            select order_id, line_number, 'reversed', user_id, team_path, product_id, category,
                customer_id, channel, '{day}', now(), -quantity, -amount, -line_amount, -cost
            from sales_entries where order_id = '{order}'"
        );
        self.service.sql(&insert).await;
    }
}

pub async fn report(actor: &Actor<'_>, question: &str) -> Value {
    actor.get(&format!("{REPORTS}/{question}")).await.expect(200)
}

/// Some columns of every row, as text.
pub fn table(report: &Value, columns: &[&str]) -> Vec<String> {
    let cell = |row: &Value, column: &str| match &row[column] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |row| columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>().join(" ");
    report["rows"].as_array().unwrap().iter().map(row).collect()
}

#[actix_web::test]
async fn totals_are_those_of_the_rows_that_the_reader_may_see() {
    let service = service().await;
    let shop = shop(&service).await;
    let finance = service.actor(Role::Finance).await;
    for (actor, orders, amount) in [
        (&shop.director, 5, "2350.0100"),
        (&finance, 5, "2350.0100"),
        // Callers who see a shared order see all its shares.
        (&shop.manager, 3, "2100.0100"),
        (&shop.seller, 3, "2100.0100"),
        (&shop.stranger, 2, "600.0100"),
    ] {
        let all = report(actor, "sales?period=2026").await;
        assert_eq!(all["rows"], json!([]));
        assert_eq!(
            (&all["totals"]["orders"], &all["totals"]["amount"]),
            (&json!(orders), &json!(amount))
        );
        let rule = match actor.id {
            id if id == shop.director.id || id == finance.id => "true".to_owned(),
            id if id == shop.manager.id => format!("credited && array['{}'::uuid]", shop.seller.id),
            id => format!("credited && array['{id}'::uuid]"),
        };
        let seen = format!(
            "select sum(amount)::numeric(20, 4)::text from sales_entries
            where order_id in (select id from orders where {rule})"
        );
        assert_eq!(service.texts(&seen).await, [amount]);
        for keys in ["salesperson", "month", "team,quarter", "customer,channel", "region", "week"] {
            let rows = report(actor, &format!("sales?period=2026&group_by={keys}")).await;
            let sum = table(&rows, &["amount"]).iter().map(|it| cents(it)).sum::<i64>();
            assert_eq!(sum, cents(amount), "{keys}");
        }
        let people = report(actor, "team-sales?period=2026").await;
        let sum = table(&people, &["own_amount"]).iter().map(|it| cents(it)).sum::<i64>();
        assert_eq!(sum, cents(people["totals"]["own_amount"].as_str().unwrap()));
    }
    let quality = service.actor(Role::Quality).await;
    quality.get(&format!("{REPORTS}/sales?period=2026")).await.expect(403);
    service.anonymous().get(&format!("{REPORTS}/sales?period=2026")).await.expect(401);
}

pub fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap()
}

#[actix_web::test]
async fn groups_with_shares_and_ranks() {
    let service = service().await;
    let shop = shop(&service).await;
    let rows = report(&shop.director, "sales?period=2026-Q1&group_by=salesperson").await;
    let columns = ["salesperson_id", "orders", "amount", "share_percent", "rank"];
    let (seller, stranger) = (shop.seller.id, shop.stranger.id);
    // The row without a salesperson has a share, but no rank; 80.00 were booked and reversed.
    assert_eq!(
        table(&rows, &columns),
        [
            format!("{seller} 3 1800.0100 76.60 1"),
            format!("{stranger} 2 300.0000 12.77 2"),
            "null 1 250.0000 10.64 null".to_owned(),
        ]
    );
    let keys: Vec<&String> = rows["rows"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 10, "{keys:?}");

    let rows = report(&shop.director, "sales?period=2026&group_by=category,month").await;
    assert_eq!(
        table(&rows, &["category", "month", "orders", "amount", "rank"]),
        ["Bikes 2026-01 1 999.9900 1", "Bikes 2026-02 1 79.9900 1", "Bikes 2026-03 3 1269.9800 1"]
    );
    assert_eq!(rows["totals"]["rounding_difference"], json!("0.0500"));
    let rows =
        report(&shop.director, "sales?period=2026&group_by=year,quarter,week,day&channel=online")
            .await;
    assert_eq!(
        table(&rows, &["year", "quarter", "week", "day"]),
        ["2026 2026-Q1 2026-W12 2026-03-21"]
    );
}

#[actix_web::test]
async fn ties_share_a_place() {
    let service = service().await;
    let shop = shop(&service).await;
    let orders = Orders { service: &service, product: product(&service, "Bell").await };
    for (number, name, amount) in
        [(11, "X", "10.00"), (12, "Y", "20.00"), (13, "Z", "20.00"), (14, "W", "5.00")]
    {
        let customer = customer(&service, name).await;
        orders.add(number, customer, "2025-05-01", "web", &[(None, "{}", amount)]).await;
    }
    let rows = report(&shop.director, "sales?period=2025&group_by=customer").await;
    assert_eq!(table(&rows, &["rank"]), ["1", "1", "3", "4"]);
    let top = report(&shop.director, "top?period=2025&of=customer&limit=2").await;
    assert_eq!(table(&top, &["rank", "customer_external_id"]), ["1 Y", "1 Z"]);
    assert_eq!(top["totals"]["amount"], json!("55.0000"));
    let abc = report(&shop.director, "abc?period=2025").await;
    assert_eq!(
        table(&abc, &["position", "customer_external_id", "cumulative_percent", "class"]),
        ["1 Y 36.3636 A", "2 Z 72.7273 A", "3 X 90.9091 A", "4 W 100.0000 B"]
    );
}

#[actix_web::test]
async fn compared_with_before() {
    let service = service().await;
    let shop = shop(&service).await;
    let compare = "compare=previous_period,previous_year&empty=include";
    let rows = report(
        &shop.director,
        &format!("sales?from=2026-01-01&to=2026-06-01&group_by=month&{compare}"),
    )
    .await;
    let columns =
        ["month", "orders", "amount", "previous_period_amount", "previous_period_growth_percent"];
    assert_eq!(
        table(&rows, &columns),
        [
            "2026-01 1 1000.0000 null null",
            "2026-02 1 80.0000 1000.0000 -92.00",
            "2026-03 3 1270.0100 80.0000 1487.51",
            // The comparison covers the same days: 420.00 had been sold by 16 March.
            "2026-04 0 0.0000 420.0000 -100.00",
            "2026-05 0 0.0000 0.0000 null",
        ]
    );
    assert_eq!(table(&rows, &["previous_year_amount"]), ["null"; 5]);
    let rows =
        report(&shop.director, "sales?period=2026-03&group_by=channel&compare=previous_period")
            .await;
    let columns = ["channel", "amount", "previous_period_amount"];
    assert_eq!(table(&rows, &columns), ["shop 1020.0100 80.0000", "online 250.0000 0.0000"]);
    let rows = report(
        &shop.director,
        "sales?period=2027&group_by=year&compare=previous_year&empty=include",
    )
    .await;
    let columns = ["year", "amount", "previous_year_amount", "previous_year_growth_percent"];
    assert_eq!(table(&rows, &columns), ["2027 0.0000 2350.0100 -100.00"]);
}

#[actix_web::test]
async fn a_correction_moves_an_order_a_cancellation_does_not() {
    let service = service().await;
    let shop = shop(&service).await;
    let orders = Orders { service: &service, product: product(&service, "Bell").await };
    let (wrong, right) = (customer(&service, "Wrong").await, customer(&service, "Right").await);
    let id = orders.add(21, wrong, "2025-05-01", "web", &[(None, "{}", "10.00")]).await;
    orders.reverse(id, "2025-05-01").await;
    let again = format!(
        "insert into sales_entries (order_id, line_number, kind, team_path, customer_id, channel,
            booked_on, recorded_at, quantity, amount, line_amount)
        values ('{id}', 1, 'booked', '{{}}', '{right}', 'web', '2025-06-01', now(), 1, 12, 12)"
    );
    service.sql(&again).await;
    let rows = report(&shop.director, "sales?period=2025&group_by=month").await;
    let columns = ["month", "orders", "customers", "amount"];
    assert_eq!(table(&rows, &columns), ["2025-06 1 1 12.0000"]);
    assert_eq!(rows["totals"]["customers"], json!(1));
    let new = report(&shop.director, "new-customers?period=2025").await;
    assert_eq!(table(&new, &["month", "new_customers"]), ["2025-06 1"]);
}
