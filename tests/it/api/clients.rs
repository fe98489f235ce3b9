//! Requirements of client generators: names that are not reserved in any language, types that are
//! generated correctly, and complete responses.

use std::collections::BTreeSet;
use std::fs;

use actix_web::http::StatusCode;
use salesbook::access::Role;
use salesbook::platform::shape::everywhere;
use salesbook::problems::MEANINGS;
use serde_json::{Value, json};

use crate::api::openapi::{DOCUMENT, operations, resolved};
use crate::service::docs::{ELSEWHERE, files};
use crate::support::harness::Service;

/// Names of the generators' own classes, and of built-in types of their languages.
const TAKEN: [&str; 71] = [
    "AbstractMap",
    "Any",
    "ApiClient",
    "ApiException",
    "ApiResponse",
    "Array",
    "AuthenticatedClient",
    "BigDecimal",
    "Body",
    "Boolean",
    "Client",
    "Collection",
    "Comparable",
    "Configuration",
    "Cookie",
    "DateTime",
    "Date",
    "Decimal",
    "Dictionary",
    "Double",
    "Duration",
    "DynamicJsonElement",
    "Enum",
    "Environment",
    "Error",
    "Event",
    "Exception",
    "File",
    "Float",
    "Function",
    "Future",
    "HTTPError",
    "Header",
    "Headers",
    "Int",
    "Integer",
    "Iterable",
    "Iterator",
    "JSON",
    "List",
    "Long",
    "Map",
    "Model",
    "Module",
    "Never",
    "Nothing",
    "Null",
    "Number",
    "Object",
    "Optional",
    "Option",
    "Package",
    "Pattern",
    "Promise",
    "Query",
    "Record",
    "RegExp",
    "Request",
    "Response",
    "Result",
    "Runtime",
    "Server",
    "Set",
    "Stream",
    "String",
    "Symbol",
    "Thread",
    "Type",
    "Unit",
    "Unset",
    "Void",
];

fn schemas() -> impl Iterator<Item = (&'static String, &'static Value)> {
    DOCUMENT["components"]["schemas"].as_object().unwrap().iter()
}

fn schema(name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][name]
}

#[test]
fn names_of_schemas_are_free() {
    let mut seen = BTreeSet::new();
    for (name, _) in schemas() {
        assert!(!TAKEN.contains(&name.as_str()), "{name} is a class of generated clients");
        assert!(seen.insert(name.to_lowercase()), "{name} differs by its case only");
    }
}

/// openapi-typescript and others assume that a property with a default is always present.
#[test]
fn no_property_has_a_default() {
    let mut whole = DOCUMENT.clone();
    let found = std::cell::RefCell::new(vec![]);
    everywhere(&mut whole, &|part| {
        let Some(properties) = part["properties"].as_object() else { return };
        let with = properties.iter().filter(|it| it.1.get("default").is_some());
        found.borrow_mut().extend(with.map(|it| it.0.clone()));
    });

    assert!(found.borrow().is_empty(), "{:?}", found.borrow());
    let description = schema("CustomerBatch")["properties"]["atomic"]["description"].as_str();
    assert!(description.unwrap().contains("Default: `false`."));
}

#[test]
fn codes_are_an_enumeration() {
    let codes: Vec<&str> = MEANINGS.iter().map(|meaning| meaning.0).collect();

    assert_eq!(schema("ProblemCode")["enum"], json!(codes));
    for name in ["Problem", "Fault"] {
        let reference = &schema(name)["properties"]["code"]["$ref"];
        assert_eq!(reference, "#/components/schemas/ProblemCode", "{name}");
    }
}

/// Every member that a problem may have is documented.
#[test]
fn members_of_problems_are_documented() {
    let known = schema("Problem")["properties"].as_object().unwrap();
    let mut added = BTreeSet::new();
    for path in files("src", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        if ELSEWHERE.iter().any(|it| path.starts_with(it)) {
            continue;
        }
        let names = text.split(".member(\"").skip(1).filter_map(|rest| rest.split('"').next());
        added.extend(names.map(str::to_owned));
    }

    assert!(added.len() > 15, "{added:?}");
    let missing: Vec<_> = added.iter().filter(|name| !known.contains_key(*name)).collect();
    assert!(missing.is_empty(), "ProblemMembers does not describe {missing:?}");
    // The members of the breakdown in a credit refusal.
    for name in schema("CreditBreakdown")["properties"].as_object().unwrap().keys() {
        assert!(known.contains_key(name), "{name}");
    }
}

/// Checks the list of codes of some operations. The tests of all domains fail for a response whose
/// code is not listed.
#[test]
fn operations_list_their_own_codes() {
    let codes = |wanted: &str, status: &str| {
        let (_, _, operation) = operations()
            .find(|it| it.2["operationId"] == wanted)
            .unwrap_or_else(|| panic!("{wanted}"));
        let codes = resolved(&operation["responses"][status])["x-codes"].as_array().cloned();
        codes
            .unwrap_or_default()
            .into_iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(codes("list_customers", "409"), [""; 0]);
    assert_eq!(codes("list_customers", "422"), ["too_many_rows"]);
    assert_eq!(codes("read_order", "404"), ["not_found"]);
    assert!(codes("confirm_order", "409").contains(&"credit_limit_exceeded".to_owned()));
    assert!(!codes("check_in", "409").contains(&"credit_limit_exceeded".to_owned()));
    assert!(codes("check_in", "409").contains(&"already_checked_in".to_owned()));
    assert!(codes("lose_customer", "409").contains(&"too_few_attempts".to_owned()));
    assert_eq!(codes("update_order", "428"), ["if_match_required"]);
    assert!(codes("import_orders", "413").contains(&"batch_too_large".to_owned()));
    assert!(!codes("create_order", "413").contains(&"batch_too_large".to_owned()));
    for (path, method, operation) in operations() {
        let known: BTreeSet<&str> = MEANINGS.iter().map(|meaning| meaning.0).collect();
        for response in operation["responses"].as_object().unwrap().values().map(resolved) {
            for code in response["x-codes"].as_array().into_iter().flatten() {
                let code = code.as_str().unwrap();
                assert!(known.contains(code), "{method} {path}: {code}");
                let text = response["description"].as_str().unwrap();
                assert!(text.contains(&format!("`{code}`")), "{method} {path}: {text}");
            }
        }
    }
}

#[test]
fn events_have_the_type_of_what_has_changed() {
    let event = schema("ChangeEvent");
    let mapping = event["discriminator"]["mapping"].as_object().unwrap();

    assert_eq!(mapping.len(), event["oneOf"].as_array().unwrap().len());
    assert_eq!(mapping["customer"], "#/components/schemas/CustomerEvent");
    let customer = schema("CustomerEvent");
    assert_eq!(customer["properties"]["type"]["enum"], json!(["customer"]));
    let data = &customer["properties"]["data"]["oneOf"];
    assert_eq!(data[1]["$ref"], "#/components/schemas/Customer");
    assert_eq!(schema("PaymentPromiseEvent")["properties"]["type"]["enum"], json!(["promise"]));
}

#[test]
fn headers_and_lines_are_documented() {
    for (path, method, operation) in operations() {
        let responses = &operation["responses"];
        let body = responses["200"].pointer("/content/application~1json/schema/$ref");
        if body.and_then(Value::as_str).is_some_and(|name| name.ends_with("Page")) {
            assert!(responses["200"]["headers"]["Link"].is_object(), "{method} {path}");
        }
        for status in ["429", "503"] {
            let response = resolved(&responses[status]);
            let header = &response["headers"]["Retry-After"]["schema"]["type"];
            assert!(
                response["x-codes"].is_null() || header == "integer",
                "{method} {path} {status}"
            );
        }
        let kinds = operation["requestBody"]["content"].as_object();
        let lines = kinds.is_some_and(|kinds| kinds.contains_key("application/x-ndjson"));
        assert_eq!(lines, path.ends_with("/batch"), "{method} {path}");
    }
}

/// The documented header has the same name as that of the response.
#[actix_web::test]
async fn a_page_leads_to_the_next_one() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    admin.customer("林氏贸易").await;
    admin.customer("王氏贸易").await;

    let first = admin.get("/api/v1/customers?limit=1").await;

    assert_eq!(first.status, StatusCode::OK);
    assert!(first.header("link").contains("rel=\"next\""), "{}", first.header("link"));
}
