//! Every report, filtered by a source system.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::api::openapi::operations;
use crate::reports::report;
use crate::reports::totals::list;
use crate::support::harness::{Actor, Service};
use crate::visits::reports::{send, service};

/// Two systems that have the same customers, orders, invoices, payments, visits and complaints.
async fn two_systems(service: &Service) -> Actor<'_> {
    let seller = service.actor(Role::Salesperson).await;
    let product = json!({ "code": "P", "name": "P", "list_price": "10" });
    let admin = service.actor(Role::Admin).await;
    let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
    for system in ["sap", "crm"] {
        let erp = service.client(Role::Erp, system).await;
        bring(&erp, system, &seller, &product).await;
    }
    admin
}

async fn bring(erp: &Actor<'_>, system: &str, seller: &Actor<'_>, product: &Value) {
    let of = |n: usize| json!(format!("C{}", n % 3));
    let number = |n: usize| format!("{system}-{n}");
    let customer = |n: usize| {
        json!({ "external_id": of(n), "name": number(n), "owner_id": seller.id, "status": "active",
            "latitude": 31.23, "longitude": 121.47 })
    };
    send(erp, "customers", (0..3).map(customer).collect()).await;
    let limit = |n: usize| json!({ "external_id": of(n), "credit_limit": "1.00" });
    send(erp, "customer-credits", (0..3).map(limit).collect()).await;
    let order = |n: usize| {
        json!({ "external_id": number(n), "number": number(n), "customer_external_id": of(n),
            "order_date": format!("2026-03-{:02}", n + 1), "due_date": "2026-04-01",
            "salesperson_id": seller.id, "channel": "shop",
            "lines": [{ "product_id": product, "quantity": "1", "amount": "100" }] })
    };
    send(erp, "orders", (0..6).map(order).collect()).await;
    let invoice = |n: usize| {
        json!({ "external_id": number(n), "number": number(n), "customer_external_id": of(n),
            "invoice_date": "2026-03-20", "due_date": "2026-04-20", "amount": "60" })
    };
    send(erp, "invoices", (0..3).map(invoice).collect()).await;
    let payment = |n: usize| {
        json!({ "external_id": number(n), "number": number(n), "customer_external_id": of(n),
            "received_on": "2026-05-02", "amount": "20",
            "allocations": [{ "invoice_external_id": number(n), "amount": "20" }] })
    };
    send(erp, "payments", (0..2).map(payment).collect()).await;
    let visit = |n: usize| {
        let day = format!("2026-04-{:02}", n + 1);
        let at = |time: &str| {
            json!({ "occurred_at": format!("{day}T{time}:00Z"), "latitude": 31.23,
                "longitude": 121.47 })
        };
        json!({ "external_id": number(n), "owner_id": seller.id, "customer_external_id": of(n % 2),
            "planned_date": day, "status": "completed", "check_in": at("02:00"),
            "check_out": at("02:20"), "outcome": "refused", "refuse_reason": "price",
            "next_visit_on": "2026-07-01", "complaint_answer": false })
    };
    send(erp, "visits", (0..4).map(visit).collect()).await;
    let channels = ["letter", "fax", "referral"];
    let complaint = |n: usize| {
        let mut item = json!({ "external_id": number(n), "description": "坏了",
            "customer_external_id": of(0), "received_at": format!("2026-04-{:02}T02:00:00Z", n + 1),
            "category": "quality", "severity": "general", "channel": channels[n] });
        if n > 0 {
            item["repeat_of_external_id"] = json!(number(n - 1));
        }
        item
    };
    send(erp, "complaints", (0..3).map(complaint).collect()).await;
}

/// Builds a query with the parameters without which a report is refused or empty.
fn question(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().unwrap().iter();
    let required = parameters.clone().filter(|it| it["required"] == true);
    let names: Vec<&str> = required.map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.iter().all(|name| *name == "of"), "{path} needs {names:?}");
    let mut asked: Vec<String> = names.iter().map(|name| format!("{name}=customer")).collect();
    if parameters.clone().any(|it| it["name"] == "period") {
        asked.push("period=2026".to_owned());
    }
    if path.ends_with("/sales") || path.ends_with("/complaints") {
        asked.push("group_by=month".to_owned());
    }
    asked.join("&")
}

/// The rows of a report without those that appear even without data.
fn rows(report: &Value) -> Vec<&Value> {
    let rows = report["rows"].as_array().unwrap().iter();
    // Bands without customers, months without sales and leaders without orders always appear.
    let is_something = |row: &&Value| match row {
        Value::Object(row) if row.contains_key("band") => row["customers"] != 0,
        Value::Object(row) if row.contains_key("forecast") => {
            row["amount"].as_str().is_some_and(|amount| amount != "0.0000")
        }
        Value::Object(row) if row.contains_key("team_orders") => row["team_orders"] != 0,
        _ => true,
    };
    rows.filter(is_something).collect()
}

#[actix_web::test]
async fn every_report_of_one_source_system() {
    let service = service().await;
    let admin = two_systems(&service).await;

    let mut with_rows = vec![];
    for (path, method, operation) in operations() {
        let name = path.strip_prefix("/api/v1/reports/");
        let Some(name) = name.filter(|name| method == "get" && *name != "attainment/explain")
        else {
            continue;
        };
        let question = question(path, operation);
        let ask = async |source: &str| report(&admin, &format!("{name}?{question}{source}")).await;
        let (all, nobody) = (ask("").await, ask("&source_system=nobody").await);
        let (sap, crm) = (ask("&source_system=sap").await, ask("&source_system=crm").await);

        assert!(rows(&nobody).is_empty(), "{path} ignores it: {nobody:#}");
        assert_eq!(rows(&sap).is_empty(), rows(&crm).is_empty(), "{path}");
        assert_eq!(sap["parameters"]["source_system"], "sap", "{path}");
        if rows(&all).is_empty() {
            continue;
        }
        assert_ne!(rows(&sap), rows(&all), "{path}");
        assert!(!rows(&sap).is_empty(), "{path}");
        with_rows.push(name);
    }

    assert!(with_rows.len() >= 20, "{with_rows:?}");
}

#[actix_web::test]
async fn the_sources_add_up() {
    let service = service().await;
    let admin = two_systems(&service).await;

    for (name, question, figure) in [
        ("sales", "period=2026", "orders"),
        ("visits", "period=2026", "completed"),
        ("complaints", "period=2026", "complaints"),
        ("payment-behaviour", "period=2026", "invoices"),
        ("ar-aging", "as_of=2026-06-20", "customers"),
        ("order-book", "as_of=2026-06-20", "orders"),
    ] {
        let ask = async |source: &str| {
            let told = report(&admin, &format!("{name}?{question}{source}")).await;
            told["totals"][figure].as_i64().unwrap()
        };
        let (sap, crm) = (ask("&source_system=sap").await, ask("&source_system=crm").await);

        assert!(sap > 0 && sap == crm, "{name}: {sap}, {crm}");
        assert_eq!(ask("").await, sap + crm, "{name}");
    }
}

#[actix_web::test]
async fn an_explanation_has_no_part() {
    let service = service().await;
    let admin = service.actor(Role::Admin).await;
    let owner = ("user", Some(admin.id));
    let target =
        crate::targets::attainment::target(&service, owner, "2000", "metric = 'quantity'").await;

    let path = format!("/api/v1/reports/attainment/explain?target_id={target}&source_system=sap");
    let problem = admin.get(&path).await.expect(400);

    assert_eq!(problem["errors"][0]["pointer"], "/source_system");
    assert_eq!(problem["errors"][0]["code"], "contradiction");
}

#[actix_web::test]
async fn complaints_come_by_letter_by_fax_and_from_others() {
    let service = service().await;
    let admin = two_systems(&service).await;

    let told = report(&admin, "complaints?group_by=channel&period=2026").await;

    let channels: Vec<&Value> =
        told["rows"].as_array().unwrap().iter().map(|row| &row["channel"]).collect();
    assert_eq!(channels, ["fax", "letter", "referral"]);
    assert_eq!(list(&admin, "complaints?channel=letter,fax").await.len(), 4);
}

#[actix_web::test]
async fn days_and_customers_of_visits_count_once() {
    let service = service().await;
    let admin = two_systems(&service).await;

    let told = report(&admin, "visits?period=2026-04").await;
    let funnel = report(&admin, "activity-funnel?period=2026-04").await;

    // Each system has visits to two customers on the same four days.
    let row = &told["rows"][0];
    assert_eq!(
        (&row["completed"], &row["customers"], &row["active_days"]),
        (&json!(8), &json!(4), &json!(4))
    );
    let totals = &told["totals"];
    assert_eq!((&totals["customers"], &totals["active_days"]), (&json!(4), &json!(4)));
    assert_eq!(funnel["rows"][0]["active_days"], 4);
}
