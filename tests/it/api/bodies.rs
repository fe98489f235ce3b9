//! Thousands of invalid bodies for all operations that take one.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::test::{self, TestRequest};
use salesbook::access::Role;
use serde_json::{Value, json};

use crate::api::openapi;
use crate::support::harness::Service;
use crate::support::inventing::{Dice, Inventor};
use crate::support::sampling::{is_sampled, or_in_torture};

/// The number of bodies with faults at random places.
fn bodies() -> usize {
    or_in_torture(4_000, 20_000)
}

/// Replacement for a value, as JSON text.
fn oddity(dice: &mut Dice) -> String {
    let known = [
        "1e308",
        "-1e308",
        "1e309",
        "-0",
        "-0.0",
        "1e-400",
        "9007199254740991",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "12345678901234567890.12345678901234567890",
        "\"12345678901234567890\"",
        "\"0.12345678901234567890\"",
        "\"9999999999999.999999\"",
        "\"-0\"",
        "\"1e5\"",
        "\"0x10\"",
        "\"NaN\"",
        "\"Infinity\"",
        "NaN",
        "Infinity",
        "null",
        "true",
        "{}",
        "[]",
        "[null]",
        "[[]]",
        "\"\"",
        "\" \"",
        "-1",
        "0",
        "1.5",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\u{202e}x\"",
        "\"\u{feff}\"",
        "\"\\uffff\"",
        "\"2026-02-30\"",
        "\"0000-01-01\"",
        "\"9999-12-31\"",
        "\"-009999-01-01\"",
        "\"10000-01-01\"",
        "\"2026-01-01T00:00:00+14:00\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
        "{\"$ref\":\"#\"}",
        "\"' or 1=1; --\"",
        "'a'",
        "01",
        "+1",
        ".5",
        "0x10",
        "undefined",
    ];
    match dice.roll(known.len() + 3) {
        0 => format!("{}1{}", "[".repeat(300), "]".repeat(300)),
        1 => format!("\"{}\"", "字".repeat(3000)),
        2 => format!("[{}]", vec!["0"; 2000].join(",")),
        _ => dice.pick(&known).to_owned(),
    }
}

const ODD: &str = "@@odd@@";
const TWICE: &str = "@@twice@@";

/// Collects the pointers of all values in a body.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            places(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, item)| places(item, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// Changes a body. Returns it, and whether it is certainly invalid.
fn mutated(dice: &mut Dice, body: &Value) -> (Vec<u8>, bool) {
    let mut body = body.clone();
    let mut found = vec![];
    places(&body, "", &mut found);
    let mut replacement = String::new();
    for _ in 0..=dice.roll(2) {
        let place = &found[dice.roll(found.len())];
        let Some(value) = body.pointer_mut(place) else { continue };
        match (dice.roll(6), value) {
            (0, Value::Object(fields)) => {
                let names = ["unknown", "", "\u{0}", "a/b~c", "__proto__", "id", "version", "名"];
                fields.insert(dice.pick(&names).to_owned(), json!(ODD));
            }
            (1, Value::Object(fields)) if !fields.is_empty() => {
                let name = fields.keys().nth(dice.roll(fields.len())).unwrap().clone();
                fields.insert(format!("{TWICE}{name}"), json!(ODD));
            }
            (2, Value::Object(fields)) if !fields.is_empty() => {
                let name = fields.keys().nth(dice.roll(fields.len())).unwrap().clone();
                fields.remove(&name);
            }
            (_, value) => *value = json!(ODD),
        }
        if replacement.is_empty() {
            replacement = oddity(dice);
        }
    }
    let text = body.to_string().replace(TWICE, "").replace(&format!("\"{ODD}\""), &replacement);
    let mut bytes = text.into_bytes();
    let broken = match dice.roll(24) {
        0 if bytes.starts_with(b"{") => {
            bytes.truncate(dice.roll(bytes.len()));
            true
        }
        1 => {
            let at = dice.roll(bytes.len());
            bytes[at] = u8::try_from(dice.roll(256)).unwrap_or(0);
            false
        }
        2 => {
            bytes = [b"\xef\xbb\xbf", bytes.as_slice()].concat();
            true
        }
        3 => {
            let at = dice.roll(bytes.len());
            bytes.insert(at, [0xff, 0xc0, 0xed, 0x80][dice.roll(4)]);
            true
        }
        4 => {
            bytes.extend(b" {}");
            true
        }
        5 => {
            bytes =
                String::from_utf8_lossy(&bytes).encode_utf16().flat_map(u16::to_le_bytes).collect();
            true
        }
        _ => false,
    };
    (bytes, broken)
}

/// Bodies of excessive size or depth.
fn monsters(number: usize) -> Vec<u8> {
    match number {
        0 => [b"[".repeat(10_000), b"]".repeat(10_000)].concat(),
        1 => format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)).into_bytes(),
        2 => format!("{{\"name\":\"{}\"}}", "x".repeat(10 << 20)).into_bytes(),
        3 => format!("{{\"items\":[{}0]}}", "0,".repeat(1_000_000)).into_bytes(),
        4 => format!("{{\"lines\":[{}{{}}]}}", "{},".repeat(200_000)).into_bytes(),
        5 => format!("{{\"items\":[{}{{}}]}}", "{},".repeat(10_000)).into_bytes(),
        _ => format!(
            "{{{}\"a\":1}}",
            (0..50_000).fold(String::new(), |text, n| text + &format!("\"k{n}\":1,"))
        )
        .into_bytes(),
    }
}

#[actix_web::test]
async fn bodies_of_every_operation_that_make_no_sense() {
    let service = Service::start().await;
    // Only the credit controller may decide on limits.
    let admin = service.person(&[Role::Admin, Role::CreditController]).await;
    let mut inventor = Inventor::with_rows(&service, &admin, 20_261_123).await;
    let app = test::init_service(service.inner.app()).await;
    let token = format!("Bearer {}", admin.token.clone().unwrap());
    let send = async |method: &Method, url: &str, bytes: Vec<u8>, headers: &[(&str, &str)]| {
        let mut request = TestRequest::with_uri(url).method(method.clone());
        request = request.append_header(("authorization", token.as_str()));
        request = request.append_header(("if-match", "\"1\""));
        for header in headers {
            request = request.append_header(*header);
        }
        let answer = test::call_service(&app, request.set_payload(bytes).to_request()).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = test::read_body(answer).await;
        assert!(body.len() < 4 << 20, "{url}: {} bytes of answer", body.len());
        if status >= 400 {
            let kind = headers.get("content-type").map_or("", |it| it.to_str().unwrap());
            let text = String::from_utf8_lossy(&body).to_lowercase();
            assert!(
                kind.starts_with("application/problem+json") || url.ends_with("/token"),
                "{kind}"
            );
            for leak in ["select ", "insert into", "panicked", ".rs:", "/src/"] {
                assert!(!text.contains(leak), "{url}: {text}");
            }
        }
        status
    };
    // Files may contain any bytes.
    let operations: Vec<_> = openapi::operations()
        .filter(|it| it.2["requestBody"].is_object() && !it.0.ends_with("/attachments"))
        .collect();
    let mut told = BTreeMap::<u16, usize>::new();
    for (place, (template, method, _)) in operations.iter().enumerate() {
        let method: Method = method.to_uppercase().parse().unwrap();
        let url = inventor.path(template);
        // Each of them goes to a third of the operations, and to all in the long run.
        for number in (0..7).filter(|number| is_sampled(place + number, 3)) {
            let bytes = monsters(number);
            let length = bytes.len();
            let status = send(&method, &url, bytes, &[("content-type", "application/json")]).await;
            let taken = status == 200 && template.ends_with("/batch") && number == 5;
            assert!(matches!(status, 400 | 413 | 415 | 422) || taken, "{url} {number}: {status}");
            assert!(
                status == 413 || length < 1 << 20 || template.ends_with("/batch") || status == 415
            );
        }
        let good = inventor.body(&operations[0].2.clone()).unwrap().to_string().into_bytes();
        for headers in [
            vec![],
            vec![("content-type", "")],
            vec![("content-type", "text/plain")],
            vec![("content-type", "application/json5")],
            vec![("content-type", "application/json"), ("content-type", "text/plain")],
            vec![("content-type", "text/plain"), ("content-type", "application/json")],
            vec![("content-type", "application/json"), ("content-encoding", "gzip")],
            vec![("content-type", "application/json"), ("content-encoding", "br")],
        ] {
            let status = send(&method, &url, good.clone(), &headers).await;
            let form = template.ends_with("/auth/token");
            assert!(status == 415 || form && status == 400, "{url} {headers:?}: {status}");
        }
    }
    let mut rounds = 0..;
    let wanted = bodies();
    while told.values().sum::<usize>() < wanted {
        let round: usize = rounds.next().unwrap();
        let (template, method, operation) = operations[round % operations.len()];
        // Checking passwords takes longer than all other requests.
        let guessed = template.contains("/auth/") || template.contains("second-factor");
        let slow = guessed || template.contains("password");
        if slow && !(round / operations.len()).is_multiple_of(16) {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let (url, good) = (inventor.path(template), inventor.body(operation).unwrap());
        let (bytes, broken) = mutated(&mut inventor.dice, &good);
        let form = template.ends_with("/auth/token");
        let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let kind = [("content-type", kind)];
        let status = send(&method, &url, bytes.clone(), &kind).await;
        *told.entry(status).or_default() += 1;
        let refused = matches!(status, 400 | 413 | 415 | 422);
        let stranger = guessed && matches!(status, 204 | 401 | 429);
        let taken = matches!(status, 200 | 201 | 403 | 404 | 409 | 412) || stranger;
        let hasty = template.starts_with("/public/") && status == 429;
        let fine = refused || taken && !broken || stranger && form || hasty;
        assert!(fine, "{status} {method} {url} {}", String::from_utf8_lossy(&bytes));
    }
    for status in [200, 201, 400, 422] {
        assert!(told.contains_key(&status), "{status} never came: {told:?}");
    }
    println!("{told:?}");
}
