//! What the document says of requests and answers beside their schemas: the codes of refusals,
//! headers, and batches as lines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::problems::MEANINGS;

/// The statuses and codes that each operation is refused with; made by build/refusals.rs.
const REFUSALS: &[(&str, &[(u16, &str)])] = include!(concat!(env!("OUT_DIR"), "/refusals.rs"));

/// What any request may meet whose statement the database does not carry out.
const UNAVAILABLE: [&str; 3] = ["busy", "timeout", "unavailable"];

/// The codes that an operation is refused with, by status. Those of failures of the service itself
/// are the same for all and not among them.
pub fn refusals_of(
    method: &str,
    path: &str,
    operation: &Value,
) -> BTreeMap<u16, BTreeSet<&'static str>> {
    let mut all: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    let derived =
        REFUSALS.iter().find(|it| operation["operationId"] == it.0).map_or(&[][..], |it| it.1);
    let api = path.starts_with("/api/v1/");
    let batch = path.ends_with("/batch");
    let parameters = operation["parameters"].as_array();
    let takes = |name| parameters.is_some_and(|all| all.iter().any(|it| it["name"] == name));
    let fits = |code: &str| match code {
        "batch_too_large" => batch,
        "body_too_large"
        | "busy_uploading"
        | "malformed_json"
        | "unreadable_body"
        | "unsupported_media_type" => operation["requestBody"].is_object(),
        "invalid_cursor" => takes("cursor"),
        "not_acceptable" => api || path.starts_with("/public/"),
        _ => true,
    };
    for (status, code) in derived.iter().filter(|it| fits(it.1)) {
        all.entry(*status).or_default().insert(code);
    }
    if path.contains('{') {
        all.entry(404).or_default().insert("not_found");
    }
    // Lists are tables, too (`Accept: text/csv`), which are no work of their handlers. The feed is no
    // list: it has no total.
    if method == "get" && takes("total") {
        all.entry(422).or_default().insert("too_many_rows");
        all.entry(429).or_default().insert("too_many_reports");
        all.entry(503).or_default().insert("busy_reporting");
    }
    // What only the database finds becomes an error by `?`, which no search for calls sees.
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

/// Adds to an operation what is true of all that are like it, and to the responses that several share.
pub fn complete(method: &str, path: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
    refusals(method, path, operation, shared);
    name_sorts(operation);
    let page = operation.pointer("/responses/200/content/application~1json/schema/$ref");
    if page.and_then(Value::as_str).is_some_and(|name| name.ends_with("Page")) {
        operation["responses"]["200"]["headers"]["Link"] = json!({
            "description": "The address of the next page, with `rel=\"next\"`. Absent on the last page.",
            "schema": { "type": "string" },
        });
    }
    if path.ends_with("/batch") {
        let lines = "One item per line, each like those in `items`; the other members of the JSON \
            body are parameters of the query. 每行一条";
        operation["requestBody"]["content"]["application/x-ndjson"] = json!({
            "schema": { "type": "string", "description": lines },
            "example": "{\"external_id\":\"1001\"}\n{\"external_id\":\"1002\"}\n",
        });
    }
}

/// Names for the values of `sort`: `-` begins no name, and `name` is taken in enumerations of Kotlin.
fn name_sorts(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten().filter(|it| it["name"] == "sort") {
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

/// One response for each status, with its codes, in place of one for all of them.
fn refusals(method: &str, path: &str, operation: &mut Value, shared: &mut Map<String, Value>) {
    let mut all = refusals_of(method, path, operation);
    let said = said(operation["description"].as_str().unwrap_or_default());
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let content = responses.get("4XX").map(|response| response["content"].clone());
    // Answers of OAuth have a form of their own.
    let Some(content) = content.filter(|it| it.get("application/problem+json").is_some()) else {
        return;
    };
    responses.remove("4XX");
    for (status, code) in said {
        all.entry(status).or_default().insert(code);
    }
    for (status, codes) in all {
        let names: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        let mut response = json!({
            "description": format!("Codes: {}", names.join(", ")),
            "content": content,
            "x-codes": codes,
        });
        if matches!(status, 429 | 503) || codes.contains("request_in_progress") {
            response["headers"]["Retry-After"] = json!({
                "description": "Seconds to wait before the same request is sent again",
                "schema": { "type": "integer", "minimum": 1 },
            });
        }
        // Most are those that all operations have.
        if codes.len() <= 2 && content.as_object().is_some_and(|kinds| kinds.len() == 1) {
            let name = codes.iter().map(|code| camel_case(code)).collect::<Vec<_>>().join("Or");
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            shared.insert(name, std::mem::replace(&mut response, reference));
        }
        responses.insert(status.to_string(), response);
    }
}

/// What the description of an operation says of its refusals: "409 `stale`".
fn said(description: &str) -> Vec<(u16, &'static str)> {
    let parts: Vec<&str> = description.split('`').collect();
    let pairs = parts.windows(2).filter_map(|pair| {
        let status = pair[0].trim_end().rsplit([' ', '\n', '(']).next()?.parse().ok()?;
        let code = MEANINGS.iter().find(|meaning| meaning.0 == pair[1])?.0;
        (400..500).contains(&status).then_some((status, code))
    });
    pairs.collect()
}

/// `not_found` as `NotFound`
fn camel_case(code: &str) -> String {
    let words = code.split('_').filter_map(|word| Some((word.get(..1)?, word.get(1..)?)));
    words.map(|(first, rest)| first.to_uppercase() + rest).collect()
}
