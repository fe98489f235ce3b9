//! The checked-in document equals the one that the server serves, and responses match it.
//! Refresh it with `cargo run -- openapi > openapi/openapi.json`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex};

use actix_web::http::{Method, StatusCode};
use jsonschema::Validator;
use salesbook::document;
use serde_json::{Map, Value, json};

use crate::api::chinese;

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(document::value);

/// Every operation with its path and method.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    DOCUMENT["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Fails if a response does not match the document.
pub fn check_answer(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    // No operation documents this status, even where a longer path looks like an id.
    if status == StatusCode::METHOD_NOT_ALLOWED {
        return;
    }
    // Responses with selected fields lack required ones.
    if query.contains("fields=") && status.is_success() {
        return;
    }
    let method = method.as_str().to_lowercase();
    let fits = |template: &str| {
        let (a, b) = (template.split('/'), path.split('/'));
        a.clone().count() == b.clone().count()
            && a.zip(b).all(|(a, b)| a == b || a.starts_with('{'))
    };
    let mut fitting: Vec<_> = operations().filter(|it| it.1 == method && fits(it.0)).collect();
    fitting.sort_by_key(|it| it.0.matches('{').count());
    let Some((template, _, operation)) = fitting.first() else { return };
    let responses = &operation["responses"];
    let class = format!("{}XX", status.as_u16() / 100);
    let found = [status.as_str(), class.as_str()].into_iter().find_map(|key| responses.get(key));
    let Some(response) = found else {
        assert_eq!(status, StatusCode::NOT_MODIFIED, "{method} {template}: {status} undocumented");
        return;
    };
    let response = resolved(response);
    check_code(&format!("{method} {template} {status}"), response, body);
    let Some(content) = response["content"].as_object() else { return };
    if !content.keys().any(|kind| kind.ends_with("json")) {
        return;
    }
    let content = &content.iter().find(|it| it.0.ends_with("json")).unwrap().1["schema"];
    let check = compiled(content);
    let body = without_stubs(body);
    let faults: Vec<_> =
        check.iter_errors(&body).map(|e| format!("{} {e}", e.instance_path)).collect();
    assert!(faults.is_empty(), "{method} {template} {status}: {faults:#?}");
}

/// Tests that write changes directly do not record whole rows.
fn without_stubs(body: &Value) -> Value {
    let mut body = body.clone();
    let events = body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten();
    for event in events.filter(|event| event["event_id"].is_string()) {
        if event["data"]["id"].is_null() {
            event["data"] = Value::Null;
        }
    }
    body
}

/// A response that several operations share
pub fn resolved(response: &'static Value) -> &'static Value {
    let reference = response["$ref"].as_str();
    reference.map_or(response, |it| DOCUMENT.pointer(&it[1..]).unwrap())
}

/// Fails if an operation is refused with a code that the document does not list there, or with an
/// undocumented member or an untranslated text.
fn check_code(place: &str, response: &Value, body: &Value) {
    let Some(codes) = response["x-codes"].as_array() else { return };
    assert!(codes.contains(&body["code"]), "{place}: {} is not among {codes:?}", body["code"]);
    let known = DOCUMENT["components"]["schemas"]["Problem"]["properties"].as_object().unwrap();
    let unknown: Vec<_> =
        body.as_object().unwrap().keys().filter(|name| !known.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "{place}: Problem does not document {unknown:?}");
    chinese::check_texts(body);
}

/// The named schemas that a schema uses. A check with all schemas takes ten megabytes.
fn parts(content: &Value) -> Map<String, Value> {
    let (mut todo, mut found) = (BTreeSet::new(), Map::new());
    collect_refs(content, &mut todo);
    while let Some(reference) = todo.pop_first() {
        let name = reference.rsplit('/').next().unwrap();
        if !found.contains_key(name) {
            let part = DOCUMENT.pointer(&reference[1..]).unwrap();
            collect_refs(part, &mut todo);
            found.insert(name.to_owned(), part.clone());
        }
    }
    found
}

/// The check of a schema, compiled once because that takes longer than any request.
fn compiled(content: &'static Value) -> &'static Validator {
    static KNOWN: LazyLock<Mutex<HashMap<usize, &'static Validator>>> =
        LazyLock::new(Mutex::default);
    let place = std::ptr::from_ref(content).addr();
    KNOWN.lock().unwrap().entry(place).or_insert_with(|| {
        let mut schema = content.clone();
        schema["components"] = json!({ "schemas": parts(content) });
        let options = jsonschema::options().should_validate_formats(true);
        Box::leak(Box::new(options.build(&schema).unwrap()))
    })
}

#[test]
fn checked_in_document_is_current() {
    let fresh = document::text();
    let saved = std::fs::read_to_string("openapi/openapi.json").unwrap();
    assert!(fresh == saved, "run: cargo run -- openapi > openapi/openapi.json");
}

#[test]
fn every_reference_resolves() {
    let mut refs = BTreeSet::new();
    collect_refs(&DOCUMENT, &mut refs);
    for reference in refs {
        assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "dangling {reference}");
    }
}

#[test]
fn every_operation_says_what_it_answers() {
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two operations are called {name}");
        assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("5XX"), "{name}");
        assert!(responses.keys().any(|status| status.starts_with('4')), "{name}");
        assert!(responses.values().all(|it| resolved(it)["description"].is_string()), "{name}");
        if method == "patch" || method == "post" && operation["requestBody"] != Value::Null {
            assert_ne!(operation["requestBody"]["content"], json!(null), "{name} takes no body");
        }
    }
}

fn collect_refs(value: &Value, refs: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == "$ref" => drop(refs.insert(text.clone())),
            other => collect_refs(other, refs),
        }),
        Value::Array(items) => items.iter().for_each(|item| collect_refs(item, refs)),
        _ => {}
    }
}
