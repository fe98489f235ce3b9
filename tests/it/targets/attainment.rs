//! Attainment of targets: the amounts that count, for each owner, and the orders behind them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::reports::{REPORTS, cents, report, service, shop, table};
use crate::support::harness::Service;

pub async fn target(
    service: &Service,
    owner: (&str, Option<Uuid>),
    value: &str,
    more: &str,
) -> Uuid {
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

    // A team without a target has the sum of its members' targets, including those of teams below.
    let teams = report(&shop.director, "attainment?period=2026&owner_type=team").await;
    let columns = ["target_id", "target_source", "orders", "target", "actual"];
    assert_eq!(
        table(&teams, &columns),
        ["null members 4 2000.0000 2100.0100", "null members 3 2000.0000 1800.0100"]
    );
    // Everybody sees the company target, with the figures within their own scope.
    let whole = |report: &Value| table(report, &["actual"]);
    let question = "attainment?period=2026&owner_type=company";
    assert_eq!(whole(&report(&shop.director, question).await), ["2350.0100"]);
    assert_eq!(whole(&report(&shop.stranger, question).await), ["600.0100"]);

    // The same applies to a closed target, whose stored figure covers all sales.
    let close = |closed: &str| format!("update targets set {closed} where id = '{company}'");
    service.sql(&close("status = 'closed', closed_at = now(), closed_actual = 2350.01")).await;
    assert_eq!(whole(&report(&shop.director, question).await), ["2350.0100"]);
    assert_eq!(whole(&report(&shop.stranger, question).await), ["600.0100"]);
    service.sql(&close("status = 'approved', closed_at = null, closed_actual = null")).await;

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
    // As of 2026-04-16: 12 of 22 working days are over; the 6th was a holiday.
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
    // The 30th is the last working day, on which the whole remainder is due.
    let last = report(&shop.seller, "attainment?period=2026-04&as_of=2026-04-30").await;
    assert_eq!(table(&last, &columns), ["0.0000 100.00 -100.00 1000.0000"]);

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
