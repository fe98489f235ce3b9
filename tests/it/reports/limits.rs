//! Reports with too many rows are refused before they are computed, and queries on newly filled
//! tables are planned with current statistics.

use salesbook::platform::jobs;
use salesbook::schedule::JOBS;
use uuid::Uuid;

use crate::reports::{Orders, REPORTS, customer, product, service, shop};
use crate::support::harness::Service;

/// A period of three centuries.
const EVER: &str = "from=1900-01-01&to=2200-01-01";

#[actix_web::test]
async fn periods_without_sales_do_not_multiply_without_end() {
    let service = service().await;
    let shop = shop(&service).await;
    let orders = Orders { service: &service, product: product(&service, "Bell").await };
    for number in 50..70 {
        let buyer = customer(&service, &format!("Buyer {number}")).await;
        orders.add(number, buyer, "2026-02-02", "web", &[(None, "{}", "10.00")]).await;
    }

    for (question, status) in [
        // 23 customers and 109,572 days
        ("group_by=customer,day&empty=include", 422),
        ("group_by=customer,day&empty=include&format=csv", 422),
        ("group_by=day,channel,customer&empty=include&compare=previous_year", 422),
        ("group_by=customer,day", 200),
        ("group_by=customer,year&empty=include", 200),
        ("group_by=year&empty=include", 200),
    ] {
        let answer = shop.director.get(&format!("{REPORTS}/sales?{EVER}&{question}")).await;
        assert_eq!(answer.status.as_u16(), status, "{question}");
        if status == 422 {
            assert_eq!(answer.body["code"], "too_many_rows", "{question}");
        }
    }
}

async fn analysed(service: &Service) -> i64 {
    let analysed = "pg_stat_user_tables where relname = 'products' and last_analyze is not null";
    service.count(analysed).await
}

#[actix_web::test]
async fn a_table_that_was_filled_at_once_is_analysed() {
    let service = service().await;
    let job = *JOBS.iter().find(|job| job.name == "statistics").unwrap();
    let fill = "insert into products (id, version, code, name, name_pinyin, unit, active, prices,
            created_at, updated_at)
        select gen_random_uuid(), 1, 'P' || n, 'P', '', 'piece', true, '[]', now(), now()
        from generate_series(1, 6000) as n";
    assert_eq!(analysed(&service).await, 0);

    // The function flushes the statistics of the session, so that the job sees the new rows.
    service.sql(&format!("{fill}; select pg_stat_force_next_flush()")).await;
    let (db, clock) = (&service.inner.db, &service.inner.clock);
    jobs::attempt(db, clock, job, Uuid::now_v7()).await.unwrap();

    assert_eq!(analysed(&service).await, 1);
}
