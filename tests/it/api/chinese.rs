//! Problems in Chinese: with `Accept-Language: zh-CN` every text of a problem is translated.

use std::collections::BTreeSet;
use std::fs;

use actix_web::body::to_bytes;
use actix_web::http::{Method, StatusCode};
use salesbook::access::Role;
use salesbook::platform::Error;
use salesbook::platform::error::Fault;
use salesbook::platform::language::Translate;
use salesbook::problems::{self, MEANINGS};
use salesbook::texts;
use serde_json::{Value, json};

use crate::api::openapi::{DOCUMENT, operations};
use crate::service::docs::{CALLS, ELSEWHERE, arguments, files};
use crate::support::bad_bodies::{bad_bodies, bad_queries};
use crate::support::harness::Service;
use crate::support::sampling::{is_sampled, or_in_torture};

/// Codes whose details come from libraries. In Chinese they are replaced by the meaning of the
/// code.
const FOREIGN: [&str; 7] = [
    "invalid",
    "invalid_query",
    "malformed_json",
    "malformed_multipart",
    "refused_by_guard",
    "unreadable_body",
    "unreadable_image",
];

/// Words that may stay English in Chinese texts.
const SHARED: [&str; 73] = [
    "ASCII",
    "Accept",
    "After",
    "Allow",
    "BA",
    "Bearer",
    "CN",
    "CNY",
    "CSV",
    "Content",
    "ERP",
    "ETag",
    "Excel",
    "GCJ",
    "GET",
    "IANA",
    "ISO",
    "Idempotency",
    "If",
    "JPEG",
    "JSON",
    "Key",
    "KiB",
    "Match",
    "MiB",
    "NDJSON",
    "NPS",
    "Office",
    "PATCH",
    "PDF",
    "PNG",
    "POST",
    "Q3",
    "Retry",
    "SLA",
    "T08",
    "URL",
    "UTF",
    "UUID",
    "W31",
    "WGS",
    "WebP",
    "Word",
    "ab12",
    "allow_duplicate",
    "api",
    "application",
    "as_of",
    "changes",
    "com",
    "csv",
    "example",
    "exchange",
    "factor",
    "form",
    "https",
    "json",
    "limit",
    "me",
    "multipart",
    "name",
    "ndjson",
    "near",
    "null",
    "object",
    "oldest_first",
    "rates",
    "remove",
    "settings",
    "snapshot",
    "task",
    "text",
    "v1",
];

/// Fails for an English text of a problem without a translation.
pub fn check_texts(problem: &Value) {
    let known = |code: &Value, text: &Value| {
        let text = text.as_str().unwrap_or_default();
        let foreign = FOREIGN.iter().any(|foreign| code == foreign);
        let fine = foreign || text.is_empty() || !text.is_ascii() || texts::chinese(text).is_some();
        assert!(fine, "src/texts has no Chinese for {code}: {text:?}");
    };
    known(&problem["code"], &problem["detail"]);
    for fault in problem["errors"].as_array().into_iter().flatten() {
        known(&fault["code"], &fault["message"]);
    }
}

/// Fails for a text that is not Chinese.
fn check_chinese(text: &str, names: &BTreeSet<String>) {
    let han = text.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it));
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let words =
        words.filter(|word| word.len() > 1 && !word.starts_with(|it: char| it.is_ascii_digit()));
    let english: Vec<_> =
        words.filter(|word| !SHARED.contains(word) && !names.contains(*word)).collect();
    assert!(han && english.is_empty(), "{english:?} in {text:?}");
}

/// Collects the names of fields and parameters, and the values of enumerations.
fn names(part: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = part["properties"].as_object() {
        found.extend(properties.keys().cloned());
    }
    found.extend(
        part["enum"].as_array().into_iter().flatten().filter_map(|it| Some(it.as_str()?.into())),
    );
    if part["in"].is_string() {
        found.extend(part["name"].as_str().map(str::to_owned));
    }
    match part {
        Value::Object(object) => object.values().for_each(|it| names(it, found)),
        Value::Array(items) => items.iter().for_each(|it| names(it, found)),
        _ => {}
    }
}

fn all_names() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    names(&DOCUMENT, &mut found);
    found
}

/// The error texts in a source file: arguments of constructors of errors and faults, and of
/// helpers.
fn written(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |text: &str| {
        let text = text.trim().trim_start_matches("format!(").trim();
        let Some(text) = text.strip_prefix('"') else { return };
        let end = text.match_indices('"').find(|it| !text[..it.0].ends_with('\\'));
        let text = &text[..end.map_or(0, |it| it.0)];
        if text.contains(' ') {
            found.insert(pattern(text));
        }
    };
    for mark in ["why =", "detail =", "message =", ".detail("] {
        source.split(mark).skip(1).for_each(&mut take);
    }
    for (call, _) in CALLS {
        let opening = format!("{call}(");
        for (at, _) in source.match_indices(&opening) {
            arguments(&source[at + opening.len()..]).into_iter().skip(1).for_each(&mut take);
        }
    }
    found
}

/// The text of a literal with `{}` in place of its arguments.
fn pattern(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let text = lines.fold(first, |text, line| text + line.trim_start()).replace("\\\"", "\"");
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "{}" + part.split_once('}').map_or("", |it| it.1))
}

#[test]
fn every_text_has_a_chinese_form() {
    let known: BTreeSet<&str> = texts::all().map(|pair| pair.0).collect();
    let mut missing = BTreeSet::new();
    for path in files("src", "rs") {
        let place = path.to_str().unwrap();
        if ELSEWHERE.iter().any(|it| place.starts_with(it)) || place.contains("/tests") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        let unknown = written(source).into_iter().filter(|it| !known.contains(it.as_str()));
        missing.extend(unknown.map(|text| format!("{place}: {text}")));
    }

    assert!(missing.is_empty(), "src/texts has no Chinese for {missing:#?}");
}

#[test]
fn texts_are_found() {
    let found = |source| written(source).into_iter().collect::<Vec<_>>();

    assert_eq!(found(r#"Fault::new(at, "range", "0 or more")"#), ["0 or more"]);
    assert_eq!(found(r#"let why = format!("at most {MOST} files");"#), ["at most {} files"]);
    assert_eq!(found("conflict(\"a\",\n    \"one \\\n     two\")"), ["one two"]);
    assert!(found(r#"Error::unavailable("busy")"#).is_empty());
}

#[test]
fn the_chinese_texts_are_chinese() {
    let names = all_names();
    for (english, _) in texts::all() {
        let filled = english.replace("{}", "7");
        let shown = texts::chinese(&filled).unwrap();

        check_chinese(&shown, &names);
        assert!(!shown.contains('{'), "{english} is shown as {shown}");
    }
}

#[actix_web::test]
async fn every_code_reads_in_both_languages() {
    let service = Service::start().await;
    let anonymous = service.anonymous();
    let names = all_names();
    for (code, english, chinese) in MEANINGS {
        let meaning = anonymous.get(&format!("/problems/{code}")).await.expect(200);
        assert_eq!((&meaning["en"], &meaning["zh"]), (&json!(english), &json!(chinese)));

        let fault = Fault::new("/name", *code, "nobody has written this");
        let error = Error::new(StatusCode::CONFLICT, code).faults(vec![fault]);
        let error = error.detail("nobody has written this");
        for (is_chinese, language) in [(true, "zh-CN"), (false, "en")] {
            let translate = is_chinese.then_some(problems::chinese as Translate);
            let answer = error.answer(Some("1"), translate);
            assert_eq!(answer.headers().get("content-language").unwrap(), language);
            let body = to_bytes(answer.into_body()).await.unwrap_or_default();
            let problem: Value = serde_json::from_slice(&body).unwrap();
            let texts = [&problem["title"], &problem["detail"], &problem["errors"][0]["message"]];
            for text in texts.map(|text| text.as_str().unwrap()) {
                if is_chinese {
                    check_chinese(text, &names);
                } else {
                    assert!(text.is_ascii(), "{text}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn every_status_has_a_chinese_title() {
    let mut statuses = BTreeSet::from([405, 500, 503]);
    for (path, method, operation) in operations() {
        statuses.extend(salesbook::responses::refusals_of(method, path, operation).into_keys());
    }
    for status in statuses {
        let error = Error::new(StatusCode::from_u16(status).unwrap(), "busy");
        let body = to_bytes(error.answer(Some("1"), Some(problems::chinese)).into_body())
            .await
            .unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap();

        let title = problem["title"].as_str().unwrap();
        assert!(!title.is_ascii(), "{status} {title}");
    }
}

#[actix_web::test]
async fn the_language_is_the_preferred_one() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let title = async |language: &str| {
        let headers = [("accept-language", language)];
        let answer = admin.send(Method::GET, "/api/v1/customers?limit=0", None, &headers).await;
        answer.expect(400)["errors"][0]["message"].as_str().unwrap().to_owned()
    };

    assert_eq!(title("en").await, "at least 1");
    assert_eq!(title("zh-CN").await, "至少 1");
    assert_eq!(title("en;q=0.5, zh-Hans-CN;q=0.8").await, "至少 1");
    assert_eq!(title("zh;q=0.1, en").await, "at least 1");
    assert_eq!(title("fr").await, "at least 1");
}

#[actix_web::test]
async fn items_of_a_batch_are_refused_in_chinese() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let batch = json!({ "source_system": "sap", "items": [{ "external_id": "1", "name": "林", "latitude": 1.5 }] });

    let headers = [("accept-language", "zh-CN")];
    let answer = admin.send(Method::POST, "/api/v1/customers/batch", Some(batch), &headers).await;

    let answer = answer.expect(200);
    let problem = &answer["results"][0]["problem"];
    assert_eq!(problem["title"], "内容不符合要求");
    assert_eq!(problem["errors"][0]["message"], "位置必须同时有经度和纬度");
}

/// Violations of the schemas are reported in Chinese, for every operation.
#[actix_web::test]
async fn faults_of_bodies_and_queries_are_chinese() {
    let service = Service::start().await;
    let everybody = service.person(Role::ALL).await;
    let names = all_names();
    let headers = [("accept-language", "zh-CN"), ("if-match", "\"1\"")];
    let (mut number, mut seen) = (0, 0);
    for (path, method, operation) in operations() {
        let path = path.replace("{id}", "0198c0de-0000-7000-8000-000000000001");
        if path.contains('{') || path.contains("/auth/") {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let mut asked: Vec<_> =
            bad_bodies(operation).into_iter().map(|it| (path.clone(), Some(it))).collect();
        if method == Method::GET {
            asked.extend(
                bad_queries(operation).into_iter().map(|it| (format!("{path}?{it}"), None)),
            );
        }
        for (path, body) in asked {
            number += 1;
            if !is_sampled(number, 3) {
                continue;
            }
            let answer = everybody.send(method.clone(), &path, body, &headers).await;
            if !answer.status.is_client_error() {
                continue;
            }
            let problem = &answer.body;
            check_chinese(problem["title"].as_str().unwrap(), &names);
            if let Some(detail) = problem["detail"].as_str().filter(|it| !it.is_empty()) {
                check_chinese(detail, &names);
            }
            for fault in problem["errors"].as_array().into_iter().flatten() {
                check_chinese(fault["message"].as_str().unwrap(), &names);
                seen += 1;
            }
        }
    }
    assert!(seen > or_in_torture(700, 2_000), "{seen}");
}

#[test]
fn an_unknown_text_is_explained_by_its_code() {
    assert_eq!(problems::chinese("already_reversed", "nobody has written this"), "该回款已冲销。");
}
