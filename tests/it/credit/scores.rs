//! Defaults by credit score, and limits without a valid investigation.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{send, service};
use crate::reports::{REPORTS, report, table};
use crate::support::harness::{Actor, Service};

/// The external id, score, last valid day and limit on 2026-06-15.
const KNOWN: [(&str, i32, &str, &str); 6] = [
    ("A", 55, "2026-12-01", "100"),
    ("B", 60, "2026-12-01", "200"),
    ("C", 69, "2026-12-01", "null"),
    ("D", 70, "2026-06-14", "400"),
    ("E", 89, "2026-06-14", "0"),
    ("F", 90, "2026-12-01", "1000"),
];

async fn investigated(service: &Service) -> (Actor<'_>, Actor<'_>, Actor<'_>) {
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let erp = service.actor(Role::Erp).await;
    let named = |key: &str, owner: &Actor<'_>| {
        json!({ "external_id": key, "name": format!("Customer {key}"), "owner_id": owner.id,
            "region": "上海" })
    };
    let mut customers: Vec<Value> = KNOWN.iter().map(|it| named(it.0, &seller)).collect();
    customers.push(named("Z", &stranger));
    send(&erp, "customers", json!(customers)).await;
    for (key, score, until, limit) in KNOWN {
        // Neither older investigations count nor those that are not concluded.
        service
            .sql(&format!(
                "insert into credit_investigations (id, version, customer_id, status, reason,
                    requested_by, sources, score, recommended_limit, concluded_on, valid_until,
                    created_at, updated_at)
                select gen_random_uuid(), 1, customers.id, it.status, 'new', owner_id, '{{}}',
                    it.score, 1000, it.day::date, '{until}', now(), now()
                from customers cross join (values ('concluded', {score}, '2026-02-01'),
                    ('expired', 10, '2025-02-01'), ('requested', null, null))
                    as it (status, score, day)
                where customers.external_id = '{key}';
                insert into customer_credits (id, version, credit_limit, tolerance_percent, hold,
                    created_at, updated_at)
                select id, 1, {limit}, 0, false, now(), now() from customers
                where external_id = '{key}' and {limit} is not null
                on conflict (id) do update set credit_limit = excluded.credit_limit"
            ))
            .await;
    }
    let invoice = |key: &str, of: &str, due: &str, amount: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "amount": amount,
            "invoice_date": "2026-02-01", "due_date": due })
    };
    let items = json!([
        // 61 days late, 60 days late, not due, and of a customer without an investigation.
        invoice("1", "A", "2026-04-15", "100"),
        invoice("2", "C", "2026-04-16", "50"),
        invoice("3", "F", "2026-07-01", "30"),
        invoice("4", "Z", "2026-03-01", "999"),
        invoice("5", "E", "2026-07-01", "70"),
    ]);
    send(&erp, "invoices", items).await;
    let facts =
        "insert into risk_cases (id, version, customer_id, owner_id, trigger, amount, status,
            measures, recovered_amount, opened_on, closed_on, created_at, updated_at)
        select gen_random_uuid(), 1, id, owner_id, 'litigation', 10,
            case external_id when 'B' then 'open' else 'recovered' end, '[]', 0, '2026-03-01',
            case external_id when 'B' then null else '2026-04-01'::date end, now(), now()
        from customers where external_id in ('B', 'C');
        insert into write_off_requests (id, version, invoice_id, customer_id, currency, amount,
            reason, requested_by, status, decided_by, decided_on, created_at, updated_at)
        select gen_random_uuid(), 1, invoices.id, customer_id, 'CNY', 1, 'lost', owner_id,
            case customers.external_id when 'E' then 'approved' else 'rejected' end,
            gen_random_uuid(), '2026-02-01', now(), now()
        from invoices join customers on customers.id = customer_id
        where customers.external_id in ('E', 'F')";
    service.sql(facts).await;
    (service.actor(Role::CreditController).await, seller, stranger)
}

const COLUMNS: [&str; 7] = [
    "band",
    "customers",
    "limit",
    "exposure",
    "overdue_amount",
    "defaulted",
    "default_rate_percent",
];

#[actix_web::test]
async fn who_defaults_by_score() {
    let service = service().await;
    let (controller, seller, stranger) = investigated(&service).await;
    let told = report(&controller, "credit-scores").await;
    let rows = [
        "below_60 1 100.0000 100.0000 100.0000 1 100.00",
        "60-69 2 200.0000 50.0000 50.0000 1 50.00",
        "70-79 1 400.0000 0.0000 0.0000 0 0.00",
        "80-89 1 0.0000 70.0000 0.0000 1 100.00",
        "90_and_above 1 1000.0000 30.0000 0.0000 0 0.00",
    ];
    assert_eq!(table(&told, &COLUMNS), rows);
    let totals = json!({ "rows": [told["totals"]] });
    assert_eq!(
        table(&totals, &COLUMNS[1..]),
        ["6 1700.0000 250.0000 150.0000 3 50.00"],
        "{totals:#}"
    );
    // D still has a limit; that of E is 0.
    assert_eq!(told["totals"]["expired_with_open_limit"], 1);
    let end = "update customer_credits set valid_until = '2026-06-14'";
    service.sql(end).await;
    let told = report(&seller, "credit-scores").await;
    assert_eq!(told["totals"]["expired_with_open_limit"], 0);
    assert_eq!(table(&told, &COLUMNS), rows, "the customers are the seller's");

    let told = report(&stranger, "credit-scores").await;
    assert_eq!(table(&told, &COLUMNS[..2])[0], "below_60 0");
    assert_eq!(
        (&told["totals"]["customers"], &told["rows"][0]["default_rate_percent"]),
        (&json!(0), &Value::Null)
    );
    let csv = format!("{REPORTS}/credit-scores?format=csv&region=%E4%B8%8A%E6%B5%B7");
    controller.get(&csv).await.expect(200);
    let past = format!("{REPORTS}/credit-scores?as_of=2026-06-14");
    assert_eq!(controller.get(&past).await.expect(400)["code"], "not_available");
}

#[actix_web::test]
async fn who_is_sold_to_without_terms() {
    let service = service().await;
    let (seller, stranger) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let erp = service.actor(Role::Erp).await;
    let customers = json!([
        { "external_id": "A", "name": "Anji", "owner_id": seller.id, "region": "上海" },
        { "external_id": "B", "name": "Baoli", "owner_id": stranger.id, "region": "江苏" },
        { "external_id": "C", "name": "Chang", "owner_id": seller.id, "region": "江苏" }]);
    send(&erp, "customers", customers).await;
    let order = |key: &str, of: &str, day: &str, amount: &str, status: &str| {
        json!({ "external_id": key, "number": key, "customer_external_id": of, "order_date": day,
            "status": status, "lines": [{ "line_number": 1, "quantity": "1", "amount": amount }] })
    };
    let mut items = json!([
        order("1", "A", "2026-05-09", "100", "confirmed"),
        order("2", "A", "2026-05-10", "30", "confirmed"),
        order("3", "B", "2026-06-01", "50", "closed"),
        order("4", "B", "2026-06-02", "20", "confirmed"),
        order("5", "C", "2026-06-02", "999", "draft"),
    ]);
    // The customer of another salesperson, whose account is not visible.
    items[3]["salesperson_id"] = json!(seller.id);
    send(&erp, "orders", items).await;
    let terms = "insert into terms_requests (id, version, customer_id, status, payment_days,
            credit_limit, valid_from, reason, requested_by, created_at, updated_at)
        select gen_random_uuid(), 1, id, case external_id when 'A' then 'approved' else 'rejected' end,
            30, 1000, case external_id when 'A' then '2026-05-10'::date else '2026-01-01' end, 'new',
            owner_id, now(), now()
        from customers";
    service.sql(terms).await;
    let reporter = service.actor(Role::Reporter).await;
    let told = report(&reporter, "without-terms?period=2026").await;
    let columns = ["customer_external_id", "orders", "amount", "first_order", "exposure"];
    let rows = ["A 1 100.0000 2026-05-09 130.0000", "B 2 70.0000 2026-06-01 20.0000"];
    assert_eq!(table(&told, &columns), rows);
    assert_eq!(
        told["totals"],
        json!({ "customers": 2, "owing": 2, "orders": 3, "amount": "170.0000",
            "exposure": "150.0000" })
    );
    let told = report(&seller, "without-terms?period=2026").await;
    assert_eq!(table(&told, &columns[..4]), ["A 1 100.0000 2026-05-09", "B 1 20.0000 2026-06-02"]);
    let exposures = [0, 1].map(|n| told["rows"][n]["exposure"].clone());
    assert_eq!(exposures, [json!("130.0000"), Value::Null], "the order, not the account");
    assert_eq!(
        (&told["totals"]["owing"], &told["totals"]["exposure"]),
        (&json!(1), &json!("130.0000"))
    );
    let told = report(&reporter, "without-terms?period=2026-06&as_of=2026-06-01").await;
    assert_eq!(table(&told, &["orders", "last_order"]), ["1 2026-06-01"]);
    let csv = format!("{REPORTS}/without-terms?period=2026&region=%E4%B8%8A%E6%B5%B7&format=csv");
    reporter.get(&csv).await.expect(200);
}
