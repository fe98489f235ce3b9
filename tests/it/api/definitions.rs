//! The document defines every figure, and its limits of lists are enforced.

use salesbook::access::Role;
use salesbook::document;
use serde_json::{Value, json};

use crate::support::harness::Service;

fn described(schema: &Value, field: &str) -> String {
    let text = schema["properties"][field]["description"].as_str();
    text.unwrap_or_default().replace('\n', " ")
}

#[test]
fn figures_are_defined_where_generators_look() {
    let document = document::value();
    let schemas = &document["components"]["schemas"];

    for (schema, field, definition) in [
        ("PaymentBehaviourRow", "average_days_late", "mean of allocation date − due date"),
        ("PaymentBehaviourRow", "late_percent", "paid after the due date ÷ `paid`"),
        ("PaymentBehaviourTotals", "average_days_late", "Mean of allocation date − due date"),
        ("CollectionsRow", "collected", "payments allocated to invoices in the month"),
        ("CollectionsRow", "late_percent", "`late` ÷ `collected`"),
        ("CollectionsTotals", "late_percent", "`late` ÷ `collected`"),
        ("FulfilmentRow", "late_percent", "`late_lines` ÷ `lines`"),
    ] {
        let text = described(&schemas[schema], field);
        assert!(text.contains(definition), "{schema}.{field}: {text}");
    }
}

#[test]
fn a_field_that_may_be_null_has_its_own_description() {
    fn hidden(part: &Value, found: &mut Vec<String>) {
        let either = part["oneOf"].as_array().into_iter().flatten();
        let texts =
            either.filter(|it| it.get("$ref").is_some()).filter_map(|it| it.get("description"));
        found.extend(texts.map(Value::to_string));
        match part {
            Value::Object(parts) => parts.values().for_each(|part| hidden(part, found)),
            Value::Array(parts) => parts.iter().for_each(|part| hidden(part, found)),
            _ => {}
        }
    }
    let mut found = vec![];

    hidden(&document::value(), &mut found);

    assert_eq!(found, Vec::<String>::new());
}

#[actix_web::test]
async fn an_order_without_lines_is_refused_everywhere() {
    let service = Service::start().await;
    let (erp, seller) =
        (service.client(Role::Erp, "sap").await, service.actor(Role::Salesperson).await);
    let customer = seller.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();

    let order = json!({ "customer_id": customer, "lines": [] });
    let single = seller.post("/api/v1/orders", order).await.expect(422);
    let item = json!({ "external_id": "O1", "customer_id": customer, "order_date": "2026-01-05",
        "lines": [] });
    let batch = erp.post("/api/v1/orders/batch", json!({ "items": [item] })).await.expect(200);

    for problem in [&single, &batch["results"][0]["problem"]] {
        let fault = &problem["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/lines"), &json!("too_few")));
    }
    for schema in ["OrderDetails", "OrderFacts"] {
        let lines = &document::value()["components"]["schemas"][schema]["properties"]["lines"];
        assert_eq!(lines["minItems"], 1, "{schema}");
    }
}

/// Conflicts of codes between two source systems, and between a user and a source system.
#[actix_web::test]
async fn codes_are_unique_across_systems_and_the_refusal_says_so() {
    let service = Service::start().await;
    let (sap, crm, admin) = (
        service.client(Role::Erp, "sap").await,
        service.client(Role::Erp, "crm").await,
        service.actor(Role::Admin).await,
    );
    let advice = |problem: &Value, pointer: &str| {
        let fault = &problem["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!(pointer), &json!("duplicate")));
        let message = fault["message"].as_str().unwrap();
        assert!(message.contains("unique across") && message.contains("prefix"), "{message}");
    };

    for (path, pointer, item) in [
        ("customers", "/code", json!({ "external_id": "1", "name": "A", "code": "X1" })),
        ("products", "/code", json!({ "external_id": "1", "name": "A", "code": "X1" })),
        ("teams", "/code", json!({ "external_id": "1", "name": "A", "code": "X1" })),
        ("territories", "/code", json!({ "external_id": "1", "name": "A", "code": "X1" })),
        ("users", "/username", json!({ "external_id": "1", "name": "A", "username": "wang" })),
    ] {
        let at = format!("/api/v1/{path}/batch");
        assert_eq!(sap.post(&at, json!({ "items": [item] })).await.expect(200)["created"], 1);
        let told = crm.post(&at, json!({ "items": [item] })).await.expect(200);
        advice(&told["results"][0]["problem"], pointer);
    }

    let new = json!({ "name": "B", "code": "X1", "allow_duplicate": true });
    advice(&admin.post("/api/v1/customers", new).await.expect(409), "/code");
    let meaning = service.anonymous().get("/problems/duplicate").await.expect(200);
    assert!(meaning["en"].as_str().unwrap().contains("unique across source systems"));
    assert!(meaning["zh"].as_str().unwrap().contains("来源系统"));
}
