//! Within a batch only the final state counts: unique values can be swapped and passed on in any
//! order. A value of another row is 409 `duplicate` with a pointer, for every resource.

use std::time::{Duration, Instant};

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, faults, merged, send};
use crate::support::harness::{Actor, Service};

/// A unique field: the path of its batches, its name, three values, and the other fields of a new
/// row.
struct Case {
    path: &'static str,
    field: &'static str,
    values: [Value; 3],
    /// The pointer of a conflict
    pointer: &'static str,
    rest: Value,
}

fn texts() -> [Value; 3] {
    [json!("A"), json!("B"), json!("C")]
}

fn days() -> [Value; 3] {
    [json!("2026-03-01"), json!("2026-03-02"), json!("2026-03-03")]
}

fn cases() -> Vec<Case> {
    let case = |path, field, values, pointer, rest| Case { path, field, values, pointer, rest };
    let line = json!([{ "description": "x", "quantity": "1", "amount": "1" }]);
    let day = "2026-03-02";
    vec![
        case("teams", "code", texts(), "/code", json!({ "name": "x" })),
        case("users", "username", texts(), "/username", json!({ "name": "x" })),
        case("territories", "code", texts(), "/code", json!({ "name": "x" })),
        case("products", "code", texts(), "/code", json!({ "name": "x" })),
        case("customers", "code", texts(), "/code", json!({ "name": "x" })),
        case(
            "orders",
            "number",
            texts(),
            "/number",
            json!({ "customer_external_id": "X",
            "order_date": day, "lines": line }),
        ),
        case(
            "shipments",
            "number",
            texts(),
            "/number",
            json!({ "order_external_id": "X",
            "shipped_on": day, "lines": [{ "line_number": 1, "quantity": "1" }] }),
        ),
        case(
            "invoices",
            "number",
            texts(),
            "/number",
            json!({ "customer_external_id": "X",
            "invoice_date": day, "amount": "1", "status": "draft" }),
        ),
        case(
            "payments",
            "number",
            texts(),
            "/number",
            json!({ "customer_external_id": "X",
            "received_on": day, "amount": "1" }),
        ),
        case(
            "complaints",
            "number",
            texts(),
            "/number",
            json!({ "customer_external_id": "X",
            "category": "price", "description": "x" }),
        ),
        case(
            "complaints",
            "filed_no",
            texts(),
            "/filed_no",
            json!({ "customer_external_id": "X",
            "category": "price", "description": "x" }),
        ),
        case(
            "exchange-rates",
            "valid_on",
            days(),
            "/valid_on",
            json!({ "from": "USD", "to": "CNY",
            "rate": "7" }),
        ),
        case(
            "control-balances",
            "as_of",
            days(),
            "/as_of",
            json!({ "customer_external_id": "X",
            "amount": "1" }),
        ),
        case(
            "targets",
            "period_start",
            days(),
            "/period_start",
            json!({ "owner_type": "company",
            "period_type": "day", "value": "1" }),
        ),
    ]
}

async fn world(erp: &Actor<'_>) {
    send(erp, "customers", json!([{ "external_id": "X", "name": "X" }])).await;
    let order = json!({ "external_id": "X", "customer_external_id": "X", "order_date": "2026-03-01",
        "lines": [{ "description": "x", "quantity": "9", "amount": "1" }] });
    send(erp, "orders", json!([order])).await;
}

fn item(case: &Case, key: &str, value: &Value) -> Value {
    merged(json!({ "external_id": key, case.field: value }), &case.rest)
}

#[actix_web::test]
async fn values_are_swapped_and_passed_on_in_any_order() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    world(&erp).await;
    for (place, case) in cases().into_iter().enumerate() {
        let [a, b, c] = &case.values;
        let name = |row: usize| format!("{place}-{row}");
        let of = |row: usize, value: &Value| item(&case, &name(row), value);
        send(&erp, case.path, json!([of(1, a), of(2, b)])).await;

        let told = send(&erp, case.path, json!([of(1, b), of(2, a)])).await;
        assert_eq!(told["updated"], 2, "{}: {told:#}", case.path);
        let told = send(&erp, case.path, json!([of(1, a), of(2, c)])).await;
        assert_eq!(told["updated"], 2, "{}: {told:#}", case.path);
        let told = send(&erp, case.path, json!([of(2, b), of(1, c)])).await;
        assert_eq!(told["updated"], 2, "{}: {told:#}", case.path);
        let told = send(&erp, case.path, json!([of(3, c), of(1, a)])).await;
        assert_eq!(told["created"], 1, "{}: a new row gets what another gives up", case.path);
    }
    assert_eq!(service.count("orders where number ~ '^[0-9a-f]{8}-'").await, 0);
}

#[actix_web::test]
async fn what_somebody_else_has_is_a_conflict_with_a_pointer() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    world(&erp).await;
    for (place, case) in cases().into_iter().enumerate() {
        let [a, b, _] = &case.values;
        let of = |row: usize, value: &Value| item(&case, &format!("{place}-{row}"), value);
        send(&erp, case.path, json!([of(1, a)])).await;

        let told = batch(&erp, case.path, json!([of(2, a), of(3, b)])).await;

        assert_eq!((&told["failed"], &told["created"]), (&json!(1), &json!(1)), "{told:#}");
        let problem = &told["results"][0]["problem"];
        assert_eq!((&problem["status"], &problem["code"]), (&json!(409), &json!("duplicate")));
        assert_eq!(faults(problem), [format!("{} duplicate", case.pointer)], "{}", case.path);
        // The refused row keeps its value, so that no other row can take it.
        let told = batch(&erp, case.path, json!([of(4, b), of(3, a)])).await;
        assert_eq!(told["failed"], 2, "{}: {told:#}", case.path);
    }
}

#[actix_web::test]
async fn the_primary_contact_is_passed_on() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    world(&erp).await;
    let of = |key: &str, primary: bool| json!({ "external_id": key, "name": key, "customer_external_id": "X", "is_primary": primary });
    send(&erp, "contacts", json!([of("K1", true), of("K2", false)])).await;

    send(&erp, "contacts", json!([of("K2", true), of("K1", false)])).await;
    send(&erp, "contacts", json!([of("K2", false), of("K1", true)])).await;

    let told = batch(&erp, "contacts", json!([of("K3", true)])).await;
    let problem = &told["results"][0]["problem"];
    assert_eq!(problem["status"], 409, "{told:#}");
    assert_eq!(faults(problem), ["/is_primary duplicate"]);
    let primary = "select external_id from contacts where is_primary";
    assert_eq!(service.texts(primary).await, ["K1"]);
}

#[actix_web::test]
async fn many_conflicts_are_answered_soon() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let taken = |system: &'static str, many: usize| {
        let item = move |n: usize| json!({ "external_id": format!("{system}{n}"), "name": "x", "code": format!("T{n}") });
        json!((0..many).map(item).collect::<Vec<_>>())
    };
    send(&erp, "customers", taken("a", 3000)).await;
    let start = Instant::now();

    let told = batch(&erp, "customers", taken("b", 3000)).await;

    assert_eq!(told["failed"], 3000);
    assert!(told["results"].as_array().unwrap().iter().all(|it| it["problem"]["status"] == 409));
    // Halving the batch to find the conflicts would take half a minute; one query is much faster.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[actix_web::test]
async fn lists_within_items_keep_the_rules_of_single_writes() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let price = |from: &str| json!({ "price": "1", "valid_from": from, "valid_to": null });
    let product = |key: &str, prices: Value| json!({ "external_id": key, "code": key, "name": key, "prices": prices });
    let twice = product("P", json!([price("2026-01-01"), price("2026-01-01")]));
    let once = product("Q", json!([price("2026-01-01")]));
    let holder = |from: &str| json!({ "user_id": erp.id, "valid_from": from, "valid_to": null });
    let user = send(&erp, "users", json!([{ "external_id": "U", "name": "U" }])).await;
    let holder = |from: &str| merged(holder(from), &json!({ "user_id": user["results"][0]["id"] }));
    let territory = json!({ "external_id": "T", "code": "T", "name": "T",
        "holders": [holder("2026-01-01"), holder("2026-01-01")] });

    let products = batch(&erp, "products", json!([twice, once])).await;
    let territories = batch(&erp, "territories", json!([territory])).await;

    assert_eq!(faults(&products["results"][0]["problem"]), ["/prices/0/valid_to overlap"]);
    assert_eq!(products["created"], 1, "{products:#}");
    assert_eq!(faults(&territories["results"][0]["problem"]), ["/holders/1/valid_from overlap"]);
}

#[actix_web::test]
async fn a_credit_note_waits_for_an_invoice_that_is_refused() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    world(&erp).await;
    let invoice = |key: &str, number: &str| {
        json!({ "external_id": key, "number": number, "customer_external_id": "X",
            "invoice_date": "2026-03-02", "amount": "10" })
    };
    let note = merged(
        invoice("N", "N"),
        &json!({ "kind": "credit_note",
        "corrects_invoice_external_id": "I", "amount": "4" }),
    );
    send(&erp, "invoices", json!([invoice("J", "taken")])).await;
    let body = json!({ "items": [note, invoice("I", "taken")], "unknown_references": "park" });

    let told = erp.post("/api/v1/invoices/batch", body).await.expect(200);

    assert_eq!((&told["pending"], &told["failed"]), (&json!(1), &json!(1)), "{told:#}");
    send(&erp, "invoices", json!([invoice("I", "free")])).await;
    let open = "select open_amount::text from invoices where external_id = 'I'";
    assert_eq!(service.texts(open).await, ["6.000000"], "the note came with its invoice");
}
