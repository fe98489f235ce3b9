//! Requests and responses in the document beyond their schemas: codes of refusals, headers, and
//! batches as lines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::document;
use crate::problems::MEANINGS;

/// Codes of requests that are refused before an operation is found.
const EVERYWHERE: [(u16, &str); 5] = [
    (400, "invalid_header"),
    (400, "invalid_path"),
    (400, "invalid_query"),
    (400, "uri_too_long"),
    (431, "headers_too_large"),
];

/// Codes of any request whose statement the database does not carry out.
const UNAVAILABLE: [&str; 3] = ["busy", "timeout", "unavailable"];

/// Returns the codes with which an operation is refused, by status. Failures of the service itself
/// are left out, because they are the same for all operations.
pub fn refusals_of(
    method: &str,
    path: &str,
    operation: &Value,
) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut all: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    let id = operation["operationId"].as_str().unwrap_or_default();
    let arguments = &document::operations()[id];
    let derived = EVERYWHERE.iter().chain(&arguments.refusals).copied();
    let said = said(operation["description"].as_str().unwrap_or_default());
    for (status, code) in derived.chain(declared(operation)).chain(said) {
        all.entry(status).or_default().insert(code);
    }

    let api = path.starts_with("/api/v1/");
    let parameters = operation["parameters"].as_array();
    let takes =
        |name| parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == name));
    if api || path.starts_with("/public/") {
        all.entry(406).or_default().insert("not_acceptable");
    }

    // Every list is also served as a table (`Accept: text/csv`), outside of its handler. The change
    // feed is no list: it has no total.
    if method == "get" && takes("total") {
        all.entry(422).or_default().insert("too_many_rows");
        all.entry(429).or_default().insert("too_many_reports");
        all.entry(503).or_default().insert("busy_reporting");
    }

    // Programs must send a key with every request that creates something.
    if arguments.refusals.contains(&(409, "request_in_progress"))
        && operation["responses"]["201"].is_object()
    {
        all.entry(400).or_default().insert("idempotency_key_required");
    }

    // Errors that the database reports, whatever the handler.
    if operation["requestBody"].is_object() {
        all.entry(422).or_default().insert("out_of_range");
    }
    if method == "delete" {
        all.entry(409).or_default().insert("still_referenced");
    }
    if api {
        all.entry(429).or_default().insert("too_many_requests");
        all.entry(503).or_default().extend(UNAVAILABLE);
    }

    all.retain(|status, _| *status < 500 || *status == 503);
    all
}

/// Completes an operation with the parts that similar operations have in common, and collects the
/// responses that several operations share.
pub fn complete(method: &str, path: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
    refusals(method, path, operation, shared);
    name_sorts(operation);
    let page = operation.pointer("/responses/200/content/application~1json/schema/$ref");
    if page.and_then(Value::as_str).is_some_and(|name| name.ends_with("Page")) {
        operation["responses"]["200"]["headers"]["Link"] = json!({
            "description": "Address of the next page with `rel=\"next\"`. Absent on the last page.",
            "schema": { "type": "string" },
        });
    }

    if path.ends_with("/batch") {
        let lines = "One item per line, each as in `items`. The other members of the JSON body are \
            query parameters. 每行一条";
        operation["requestBody"]["content"]["application/x-ndjson"] = json!({
            "schema": { "type": "string", "description": lines },
            "example": "{\"external_id\":\"1001\"}\n{\"external_id\":\"1002\"}\n",
        });
    }
}

/// Adds names for the values of `sort`: no name begins with `-`, and Kotlin reserves `name` in
/// enumerations.
fn name_sorts(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten().filter(|found| found["name"] == "sort") {
        let values = parameter["schema"]["enum"].as_array().into_iter().flatten();
        let sorts = values.filter_map(Value::as_str).map(|value| match value.strip_prefix('-') {
            Some(column) => format!("{column}_descending"),
            None => format!("{value}_ascending"),
        });
        let names: Vec<String> = sorts.collect();
        if !names.is_empty() {
            parameter["schema"]["x-enum-varnames"] = json!(names);
        }
    }
}

/// Replaces the common response for refusals by one for each status, with its codes.
fn refusals(method: &str, path: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
    let all = refusals_of(method, path, operation);
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let content = responses.get("4XX").map(|response| response["content"].clone());
    // OAuth responses have a format of their own.
    let Some(content) = content.filter(|content| content.get("application/problem+json").is_some())
    else {
        return;
    };
    responses.remove("4XX");

    for (status, codes) in all {
        let names: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let mut response = json!({
            "description": format!("Codes: {}", names.join(", ")),
            "content": content,
            "x-codes": codes,
        });
        if matches!(status, 429 | 503) || codes.contains("request_in_progress") {
            response["headers"]["Retry-After"] = json!({
                "description": "Seconds to wait before repeating the request",
                "schema": { "type": "integer", "minimum": 1 },
            });
        }

        // Short responses are shared, because most operations have the same ones.
        if codes.len() <= 2 && content.as_object().is_some_and(|kinds| kinds.len() == 1) {
            let name = codes.iter().map(|code| camel_case(code)).collect::<Vec<_>>().join("Or");
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            shared.insert(name, std::mem::replace(&mut response, reference));
        }
        responses.insert(status.to_string(), response);
    }
}

/// Returns the refusals that a handler declares as responses with their codes in the description.
fn declared(operation: &Value) -> Vec<(u16, &'static str)> {
    let responses = operation["responses"].as_object().into_iter().flatten();
    let refusals = responses.filter_map(|(status, response)| {
        let status = status.parse().ok().filter(|status| *status >= 400)?;
        Some((status, response["description"].as_str()?))
    });
    let codes = refusals.flat_map(|(status, text)| {
        let codes = text.split('`').skip(1).step_by(2);
        codes.map(move |code| (status, known(code).expect("every code has a meaning")))
    });
    codes.collect()
}

fn known(code: &str) -> Option<&'static str> {
    MEANINGS.iter().map(|meaning| meaning.0).find(|known| *known == code)
}

/// Returns the refusals that the description of an operation names, such as "409 `stale`".
fn said(description: &str) -> Vec<(u16, &'static str)> {
    let parts: Vec<&str> = description.split('`').collect();
    let pairs = parts.windows(2).filter_map(|pair| {
        let status = pair[0].trim_end().rsplit([' ', '\n', '(']).next()?.parse().ok()?;
        (400..500).contains(&status).then_some((status, known(pair[1])?))
    });
    pairs.collect()
}

/// Turns `not_found` into `NotFound`.
fn camel_case(code: &str) -> String {
    let words = code.split('_').filter_map(|word| Some((word.get(..1)?, word.get(1..)?)));
    words.map(|(first, rest)| first.to_uppercase() + rest).collect()
}
