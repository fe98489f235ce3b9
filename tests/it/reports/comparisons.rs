//! Sales compared with earlier ones, 环比 and 同比: the same days, or whole periods on request.

use crate::reports::{Orders, customer, product, report, service, shop, table};
use crate::support::harness::Service;

const COLUMNS: [&str; 4] = [
    "previous_year_amount",
    "previous_year_growth_percent",
    "previous_year_from",
    "previous_year_to",
];

/// Creates orders without a salesperson on these days, in the channel `shop`.
async fn sold(service: &Service, days: &[(&str, &str)]) {
    let orders = Orders { service, product: product(service, "Bell").await };
    let buyer = customer(service, "Buyer").await;
    for (number, &(day, amount)) in (100..).zip(days) {
        orders.add(number, buyer, day, "shop", &[(None, "{}", amount)]).await;
    }
}

/// Today is 2026-04-16.
const YEAR: [(&str, &str); 4] = [
    ("2025-02-10", "100.00"),
    ("2025-04-16", "50.00"),
    ("2025-04-17", "1000.00"),
    ("2025-12-01", "7.00"),
];

#[actix_web::test]
async fn a_running_year_is_compared_with_the_same_days() {
    let service = service().await;
    let shop = shop(&service).await;
    sold(&service, &YEAR).await;

    let year = "sales?period=2026&group_by=year&compare=previous_year";
    let rows = report(&shop.director, year).await;
    assert_eq!(table(&rows, &COLUMNS), ["150.0000 1466.67 2025-01-01 2025-04-17"]);
    assert_eq!(table(&rows, &["compared_from", "compared_to"]), ["2026-01-01 2026-04-17"]);

    let rows = report(&shop.director, &format!("{year}&compare_whole=true")).await;
    assert_eq!(table(&rows, &COLUMNS), ["1157.0000 103.11 2025-01-01 2026-01-01"]);
    assert_eq!(table(&rows, &["compared_from", "compared_to"]), ["2026-01-01 2027-01-01"]);

    let rows = report(&shop.director, &format!("{year}&as_of=2026-03-05")).await;
    assert_eq!(table(&rows, &COLUMNS), ["100.0000 1400.00 2025-01-01 2025-03-06"]);
}

#[actix_web::test]
async fn so_is_a_running_range_and_part_of_a_period() {
    let service = service().await;
    let shop = shop(&service).await;
    sold(&service, &YEAR).await;

    let shops = "sales?period=2026&channel=shop&group_by=channel&compare=previous_year";
    let rows = report(&shop.director, shops).await;
    assert_eq!(table(&rows, &COLUMNS), ["150.0000 1300.01 2025-01-01 2025-04-17"]);
    let rows = report(&shop.director, &format!("{shops}&compare_whole=true")).await;
    assert_eq!(table(&rows, &COLUMNS)[0].split(' ').next(), Some("1157.0000"));

    let columns = ["previous_period_amount", "previous_period_from", "previous_period_to"];
    let month = "sales?period=2026-04&group_by=month&empty=include&compare=previous_period";
    let rows = report(&shop.director, month).await;
    assert_eq!(table(&rows, &columns), ["420.0000 2026-03-01 2026-03-17"]);

    let part = "sales?from=2026-03-05&to=2026-03-21&group_by=month&compare=previous_period";
    let rows = report(&shop.director, part).await;
    assert_eq!(table(&rows, &columns), ["0.0000 2026-02-05 2026-02-21"]);
    let rows = report(&shop.director, &format!("{part}&compare_whole=true")).await;
    assert_eq!(table(&rows, &columns), ["80.0000 2026-02-01 2026-03-01"]);
}

#[actix_web::test]
async fn the_29_february_has_a_counterpart() {
    let service = service().await;
    let shop = shop(&service).await;
    let days = [
        ("2023-02-28", "50.00"),
        ("2024-02-28", "10.00"),
        ("2024-02-29", "20.00"),
        ("2025-02-28", "60.00"),
    ];
    sold(&service, &days).await;

    let rows =
        report(&shop.director, "sales?period=2024-02&group_by=day&compare=previous_year").await;
    assert_eq!(
        table(&rows, &COLUMNS),
        ["50.0000 -80.00 2023-02-28 2023-03-01", "50.0000 -60.00 2023-02-28 2023-03-01"]
    );

    let rows =
        report(&shop.director, "sales?period=2025-02&group_by=day&compare=previous_year").await;
    assert_eq!(table(&rows, &COLUMNS), ["30.0000 100.00 2024-02-28 2024-03-01"]);

    let range = "sales?from=2024-02-28&to=2024-02-29&group_by=channel&compare=previous_year";
    let rows = report(&shop.director, range).await;
    assert_eq!(table(&rows, &COLUMNS), ["50.0000 -80.00 2023-02-28 2023-03-01"]);
}

#[actix_web::test]
async fn a_week_53_is_compared_with_week_52() {
    let service = service().await;
    let shop = shop(&service).await;
    sold(&service, &[("2019-12-24", "40.00"), ("2020-12-22", "10.00"), ("2020-12-29", "30.00")])
        .await;

    let weeks = "sales?from=2020-12-21&to=2021-01-04&group_by=week&compare=previous_year";
    let rows = report(&shop.director, weeks).await;

    assert_eq!(table(&rows, &["week"]), ["2020-W52", "2020-W53"]);
    assert_eq!(
        table(&rows, &COLUMNS),
        ["40.0000 -75.00 2019-12-23 2019-12-30", "40.0000 -25.00 2019-12-23 2019-12-30"]
    );
}
