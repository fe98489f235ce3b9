//! Reports: what they count, for whom, and what they refuse.

use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use salesbook::auth::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Actor, Service};

const REPORTS: &str = "/api/v1/reports";

/// Two teams, one below the other, three customers, five orders, a target. Written past the API,
/// so that every figure is known: two people share order 3, order 4 has nobody, order 5 was
/// cancelled in the next month.
struct Shop<'a> {
    director: Actor<'a>,
    manager: Actor<'a>,
    seller: Actor<'a>,
    stranger: Actor<'a>,
}

async fn service() -> Service {
    let now = Timestamp("2026-04-16T04:00:00Z".parse().unwrap());
    Service::start_at(Clock::fixed(now)).await
}

async fn shop(service: &Service) -> Shop<'_> {
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
    orders.add(1, a, "2026-01-10", "shop", &[(Some(seller.id), &path, "1000.00")]).await;
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

async fn customer(service: &Service, name: &str) -> Uuid {
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

async fn product(service: &Service, name: &str) -> Uuid {
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

struct Orders<'a> {
    service: &'a Service,
    product: Uuid,
}

impl Orders<'_> {
    /// A confirmed order of one line, with its entries: a cent less in the line than in the order.
    async fn add(
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

    async fn reverse(&self, order: Uuid, day: &str) {
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

async fn report(actor: &Actor<'_>, question: &str) -> Value {
    actor.get(&format!("{REPORTS}/{question}")).await.expect(200)
}

/// Some members of every row, as text.
fn table(report: &Value, columns: &[&str]) -> Vec<String> {
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
        // Of the shared order both see both shares.
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

fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap()
}

#[actix_web::test]
async fn groups_with_shares_and_ranks() {
    let service = service().await;
    let shop = shop(&service).await;
    let rows = report(&shop.director, "sales?period=2026-Q1&group_by=salesperson").await;
    let columns = ["salesperson_id", "orders", "amount", "share_percent", "rank"];
    let (seller, stranger) = (shop.seller.id, shop.stranger.id);
    // Without a salesperson there is a share and no place; 80.00 came and went.
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
        ["Bikes 2026-01 1 999.9900 1", "Bikes 2026-02 1 79.9900 1", "Bikes 2026-03 3 969.9900 1"]
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
            "2026-04 0 0.0000 1270.0100 -100.00",
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

async fn target(service: &Service, owner: (&str, Option<Uuid>), value: &str, more: &str) -> Uuid {
    let (id, (kind, owner)) = (Uuid::now_v7(), owner);
    let owner = owner.map_or("null".to_owned(), |id| format!("'{id}'"));
    let insert = format!(
        "insert into targets (id, version, owner_type, owner_id, metric, level, period_type,
            period_start, period_end, value, currency, status, authored_by, created_at, updated_at)
        values ('{id}', 1, '{kind}', {owner}, 'ordered_amount', 'base', 'quarter', '2026-01-01',
            '2026-04-01', {value}, 'CNY', 'approved', gen_random_uuid(), now(), now());
        update targets set {more} where id = '{id}'"
    );
    service.sql(&insert).await;
    id
}

#[actix_web::test]
async fn attainment_and_what_explains_it() {
    let service = service().await;
    let shop = shop(&service).await;
    let (seller, stranger) = (shop.seller.id, shop.stranger.id);
    let mine = target(&service, ("user", Some(seller)), "2000", "version = 1").await;
    target(&service, ("user", Some(stranger)), "0", "version = 1").await;
    let company = target(&service, ("company", None), "4000", "version = 1").await;
    let columns = [
        "owner_id",
        "orders",
        "target",
        "actual",
        "attainment_percent",
        "gap",
        "rank",
        "rank_by_actual",
    ];
    let all = report(&shop.director, "attainment?period=2026").await;
    assert_eq!(
        table(&all, &columns),
        [
            format!("{seller} 3 2000.0000 1800.0100 90.00 199.9900 1 1"),
            format!("{stranger} 2 0.0000 300.0000 null 0.0000 null 2"),
        ]
    );
    assert_eq!(
        table(&report(&shop.seller, "attainment?period=2026").await, &["owner_id"]),
        [seller.to_string()]
    );
    let sums = report(&shop.director, "attainment?period=2026&group_by=period").await;
    let columns = ["people", "target", "actual", "attainment_percent", "met"];
    assert_eq!(table(&sums, &columns), ["2 2000.0000 2100.0100 105.00 0"]);
    let sums = report(&shop.director, "attainment?period=2026&group_by=owner,year").await;
    assert_eq!(table(&sums, &["year", "rank"]), ["2026 1", "2026 null"]);

    // A team without a target has its members': those of the teams below too.
    let teams = report(&shop.director, "attainment?period=2026&owner_type=team").await;
    let columns = ["target_id", "target_source", "orders", "target", "actual"];
    assert_eq!(
        table(&teams, &columns),
        ["null members 4 2000.0000 2100.0100", "null members 3 2000.0000 1800.0100"]
    );
    // The company's is for everybody, each with what they may see.
    let whole = |report: &Value| table(report, &["actual"]);
    let question = "attainment?period=2026&owner_type=company";
    assert_eq!(whole(&report(&shop.director, question).await), ["2350.0100"]);
    assert_eq!(whole(&report(&shop.stranger, question).await), ["600.0100"]);

    for (actor, id, actual) in [
        (&shop.seller, mine, "1800.0100"),
        (&shop.director, company, "2350.0100"),
        (&shop.stranger, company, "600.0100"),
    ] {
        let explained = report(actor, &format!("attainment/explain?target_id={id}")).await;
        assert_eq!(explained["totals"]["actual"], json!(actual));
        assert_eq!(explained["totals"]["unexplained"], json!("0.0000"));
        let orders = explained["rows"].as_array().unwrap();
        let lines = orders.iter().flat_map(|order| order["lines"].as_array().unwrap());
        let sum = |rows: Vec<&Value>| {
            rows.iter().map(|it| cents(it["amount"].as_str().unwrap())).sum::<i64>()
        };
        assert_eq!(sum(orders.iter().collect()), cents(actual));
        assert_eq!(sum(lines.collect()), cents(actual));
    }
    let path = format!("{REPORTS}/attainment/explain?target_id={mine}");
    shop.stranger.get(&path).await.expect(404);
}

#[actix_web::test]
async fn running_closed_and_foreign_targets() {
    let service = service().await;
    let shop = shop(&service).await;
    let seller = ("user", Some(shop.seller.id));
    // As of the 16th of April 2026: 12 of 22 weekdays are over, and the 6th was none.
    let april = "period_type = 'month', period_start = '2026-04-01', period_end = '2026-05-01'";
    target(&service, seller, "1000", april).await;
    service.sql("delete from holidays").await;
    let holiday = "insert into holidays (id, version, date, kind, name, created_at, updated_at)
        values (gen_random_uuid(), 1, '2026-04-06', 'holiday', '清明节', now(), now()),
            (gen_random_uuid(), 1, '2026-04-25', 'working', '', now(), now())";
    service.sql(holiday).await;
    let running = report(&shop.seller, "attainment?period=2026-04").await;
    let columns = ["actual", "time_progress_percent", "pace", "required_daily"];
    assert_eq!(table(&running, &columns), ["0.0000 50.00 -50.00 90.9091"]);

    let closed = "status = 'closed', closed_actual = 1234.5, closed_at = now()";
    let id = target(&service, seller, "2000", closed).await;
    let shown = report(&shop.seller, "attainment?period=2026-Q1&period_type=quarter").await;
    assert_eq!(table(&shown, &["status", "actual"]), ["closed 1234.5000"]);
    let explained = report(&shop.seller, &format!("attainment/explain?target_id={id}")).await;
    assert_eq!(explained["totals"]["unexplained"], json!("-565.5100"));

    let question = "attainment?period=2026&group_by=owner,year";
    let mixed = shop.seller.get(&format!("{REPORTS}/{question}")).await.expect(422);
    assert_eq!(mixed["code"], "ambiguous_period_type");

    service.sql("update targets set currency = 'USD' where period_type = 'month'").await;
    let path = format!("{REPORTS}/attainment?period=2026-04");
    assert_eq!(shop.seller.get(&path).await.expect(422)["code"], "no_exchange_rate");
    let rate = "insert into exchange_rates (id, version, from_currency, to_currency, valid_on, rate,
            created_at, updated_at)
        select gen_random_uuid(), 1, 'USD', currency, '2026-03-31', 7.25, now(), now() from company";
    service.sql(rate).await;
    let converted = report(&shop.seller, "attainment?period=2026-04").await;
    assert_eq!(table(&converted, &["target"]), ["7250.0000"]);
}

#[actix_web::test]
async fn the_smaller_reports() {
    let service = service().await;
    let shop = shop(&service).await;
    let rhythm = report(&shop.director, "order-intervals?as_of=2026-04-01").await;
    let columns = [
        "customer_external_id",
        "orders",
        "average_days_between_orders",
        "average_order_amount",
        "days_since_last_order",
    ];
    assert_eq!(
        table(&rhythm, &columns),
        ["A 2 54.00 750.0000 27", "B 2 47.00 300.0050 12", "C 1 null 250.0000 11"]
    );
    let silent = report(&shop.director, "order-intervals?as_of=2026-04-01&dormant_days=12").await;
    assert_eq!(table(&silent, &["customer_external_id"]), ["A", "B"]);
    let new = report(&shop.director, "new-customers?period=2026&group_by=month").await;
    assert_eq!(table(&new, &["month", "new_customers"]), ["2026-01 1", "2026-02 1", "2026-03 1"]);
    let ahead = report(&shop.director, "forecast?from=2026-01-01&to=2026-06-01").await;
    assert_eq!(
        table(&ahead, &["month", "amount", "forecast"]),
        [
            "2026-01 1000.0000 null",
            "2026-02 80.0000 null",
            "2026-03 1270.0100 null",
            "2026-04 0.0000 783.3367",
            "2026-05 null 450.0033",
        ]
    );
    let people = report(&shop.director, "team-sales?period=2026").await;
    let (seller, manager) = (shop.seller.id, shop.manager.id);
    let rows =
        table(&people, &["user_id", "own_amount", "team_orders", "team_amount", "team_size"]);
    assert!(rows.contains(&format!("{seller} 1800.0100 3 1800.0100 1")), "{rows:#?}");
    assert!(rows.contains(&format!("{manager} 0.0000 3 1800.0100 2")), "{rows:#?}");
    assert!(rows.contains(&format!("{} 0.0000 4 2100.0100 4", shop.director.id)), "{rows:#?}");
    let until = report(&shop.director, "sales?period=2026&as_of=2026-03-05").await;
    assert_eq!(until["totals"]["amount"], json!("1500.0000"));
}

#[actix_web::test]
async fn filters_by_id_and_by_external_id() {
    let service = service().await;
    let shop = shop(&service).await;
    let amount = async |question: &str| {
        report(&shop.director, &format!("sales?period=2026&{question}")).await["totals"]["amount"]
            .clone()
    };
    let seller = shop.seller.id;
    assert_eq!(amount(&format!("salesperson_id={seller}")).await, "1800.0100");
    let external = format!("salesperson_external_id=e-{seller}&salesperson_source_system=test");
    assert_eq!(amount(&external).await, "1800.0100");
    assert_eq!(amount("customer_external_id=A&customer_source_system=test").await, "1500.0000");
    assert_eq!(amount("customer_external_id=nobody&customer_source_system=test").await, "0.0000");
    assert_eq!(amount(&format!("customer_id={}", Uuid::nil())).await, "0.0000");
    assert_eq!(amount("product_external_id=Bike&product_source_system=test").await, "2350.0100");
    let top = service.texts("select id::text from teams where parent_id is null").await;
    assert_eq!(amount(&format!("team_id={}", top[0])).await, "2100.0100");
    assert_eq!(amount("category=Bikes&channel=online").await, "250.0000");
}

#[actix_web::test]
async fn questions_that_cannot_be_answered() {
    let service = service().await;
    let reader = service.actor(Role::Reporter).await;
    for (question, fault) in [
        ("sales", "/period required"),
        ("sales?period=2026&from=2026-01-01", "/from contradiction"),
        ("sales?from=2026-02-01&to=2026-01-01", "/to range"),
        ("sales?from=2026-02-01", "/to required"),
        ("sales?from=2026-02-30&to=2026-03-01", "/from format"),
        ("sales?period=2026-13", "/period format"),
        ("sales?period=2026-W54", "/period format"),
        ("sales?period=2025-W53", "/period format"),
        ("sales?period=26", "/period format"),
        ("sales?period=2026&group_by=colour", "/group_by/0 unknown_value"),
        ("sales?period=2026&group_by=month,month", "/group_by/1 duplicate"),
        ("sales?period=2026&group_by=week,month&compare=previous_period", "/compare contradiction"),
        ("sales?period=2026&compare=yesterday", "/compare/0 unknown_value"),
        ("sales?period=2026&colour=red", "/colour unknown_field"),
        ("sales?period=2026&format=xlsx", "/format not_available"),
        ("sales?period=2026&format=pdf", "/format unknown_value"),
        ("sales?period=2026&known_at=2026-01-01T00:00:00Z", "/known_at not_available"),
        ("sales?period=2026&as_of=today", "/as_of format"),
        ("sales?period=2026&customer_id=7", "/customer_id format"),
        ("top?period=2026", "/of required"),
        ("top?period=2026&of=customer&limit=0", "/limit range"),
        ("order-intervals?dormant_days=0", "/dormant_days range"),
        ("forecast?period=2026&method=crystal_ball", "/method unknown_value"),
        ("attainment?period=2026&group_by=owner", "/group_by unknown_value"),
        ("attainment/explain", "/target_id required"),
    ] {
        let problem = reader.get(&format!("{REPORTS}/{question}")).await.expect(400);
        let fault_of = |it: &Value| {
            format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
        };
        let faults: Vec<_> = problem["errors"].as_array().unwrap().iter().map(fault_of).collect();
        assert!(faults.iter().any(|it| it == fault), "{question}: {faults:?}");
    }
    let path = format!("{REPORTS}/attainment?period=2026&metric=collected_amount");
    assert_eq!(reader.get(&path).await.expect(422)["code"], "metric_not_available");
    let path = format!("{REPORTS}/sales?period=2026");
    let accept = [("accept", "application/vnd.ms-excel")];
    let answer = reader.send(Method::GET, &path, None, &accept).await;
    assert_eq!(answer.expect(406)["code"], "not_available");
}

#[actix_web::test]
async fn a_table_for_spreadsheets() {
    let service = service().await;
    let shop = shop(&service).await;
    service.sql("update customers set name = '=cmd|''/C calc''!A0, \"x\"' where code = 'A'").await;
    let app = test::init_service(service.inner.app()).await;
    let fetch = async |question: &str, accept: &str| {
        let token = shop.director.token.as_deref().unwrap();
        let request = TestRequest::get().uri(&format!("{REPORTS}/{question}"));
        let request = request.insert_header(("authorization", format!("Bearer {token}")));
        let request = request.insert_header(("accept", accept));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(
            response.headers().get("content-type").unwrap(),
            "text/csv; charset=utf-8; header=present"
        );
        String::from_utf8(test::read_body(response).await.to_vec()).unwrap()
    };
    let csv = fetch("abc?period=2026&format=csv", "*/*").await;
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "position,customer_id,customer_external_id,customer_name,amount,cumulative_percent,class"
    );
    assert!(lines[1].contains(",A,\"'=cmd|'/C calc'!A0, \"\"x\"\"\",1500.0000,"), "{}", lines[1]);
    assert_eq!((lines.len(), lines[4]), (5, ""));
    let empty = fetch("sales?period=2020&group_by=channel&bom=true", "text/csv").await;
    assert_eq!(
        empty,
        "\u{feff}channel,orders,lines,customers,quantity,amount,share_percent,rank\r\n"
    );
}
