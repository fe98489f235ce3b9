//! Determines the error codes of each operation: those in its handler, in the extractors of its
//! arguments, and in all functions that these call. The result may contain too many codes. Tests
//! fail if the service returns a code that is missing here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::fs;

use super::calls::Calls;
use super::source::{Function, Sources, closing, literal};

/// Files that contribute no codes, such as clients of the service.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "src/demo/", "src/document.rs", "src/exchange/", "src/main.rs", "src/private_pg/",
    "src/problems.rs", "src/schema/", "src/texts/",
];

type Refusal = (u16, String);

/// Constructors of errors whose first argument is the code.
#[rustfmt::skip]
const CODED: &[(&str, u16)] = &[
    ("bad_request", 400), ("conflict", 409), ("forbidden_because", 403), ("gone", 410),
    ("invalid_as", 422), ("too_many_requests", 429), ("unavailable", 503),
];

/// Constructors of errors with a fixed code.
#[rustfmt::skip]
const PLAIN: &[(&str, u16, &str)] = &[
    ("forbidden", 403, "forbidden"), ("invalid", 422, "invalid"),
    ("not_found", 404, "not_found"), ("unauthorized", 401, "unauthorized"),
];

/// Codes that are not passed to a constructor as a literal.
const INDIRECT: &[(&str, u16)] =
    &[("own_scope", 403), ("password_not_settable", 403), ("roles_exceed_yours", 403)];

#[rustfmt::skip]
const STATUSES: &[(&str, u16)] = &[
    ("BAD_REQUEST", 400), ("UNAUTHORIZED", 401), ("FORBIDDEN", 403), ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405), ("NOT_ACCEPTABLE", 406), ("CONFLICT", 409), ("GONE", 410),
    ("PRECONDITION_FAILED", 412), ("PAYLOAD_TOO_LARGE", 413), ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("RANGE_NOT_SATISFIABLE", 416), ("UNPROCESSABLE_ENTITY", 422), ("PRECONDITION_REQUIRED", 428),
    ("TOO_MANY_REQUESTS", 429), ("REQUEST_HEADER_FIELDS_TOO_LARGE", 431),
];

/// Returns Rust source for a table of operations with their statuses and codes.
pub fn table(texts: &[(String, String)]) -> String {
    let mut sources = Sources::default();
    let ours = |file: &str| {
        !ELSEWHERE.iter().any(|prefix| file.starts_with(prefix)) && !file.contains("/tests")
    };
    for (file, text) in texts.iter().filter(|entry| ours(&entry.0)) {
        sources.read(file, text);
    }
    let calls = Calls::of(&sources, dependencies());
    let callees: Vec<HashSet<usize>> =
        sources.functions.iter().map(|function| calls.of_function(function)).collect();
    let mut codes: Vec<BTreeSet<Refusal>> =
        sources.functions.iter().map(|function| codes(function, &sources.constants)).collect();
    mention(&mut codes, &sources.functions);

    let mut table = String::from("&[\n");
    for (name, file) in handlers(texts) {
        let handler = sources
            .functions
            .iter()
            .position(|function| function.name == name && function.file == file);
        let Some(handler) = handler else { continue };
        let mut starts = calls.extractors(&sources.functions[handler]);
        starts.push(handler);
        // The middleware runs before every handler.
        starts.extend(calls.named("salesbook", "refused"));
        let reached = reached(starts, &callees);
        let all: BTreeSet<&Refusal> = reached.iter().flat_map(|index| &codes[*index]).collect();
        let _ = writeln!(table, "    (\"{name}\", &{all:?}),");
    }
    table.replace('{', "[").replace('}', "]") + "]"
}

/// Adds the codes that a function only passes to a helper, with the statuses that they have
/// elsewhere.
fn mention(codes: &mut [BTreeSet<Refusal>], functions: &[Function]) {
    let mut statuses: HashMap<String, BTreeSet<u16>> = HashMap::new();
    let own = INDIRECT.iter().map(|(code, status)| (*status, (*code).to_owned()));
    for (status, code) in codes.iter().flatten().cloned().chain(own) {
        statuses.entry(code).or_default().insert(status);
    }
    for (function, own) in functions.iter().zip(codes) {
        for code in function.body.iter().filter_map(|token| literal(token)) {
            let is_plain = PLAIN.iter().any(|plain| plain.2 == code);
            if !is_plain && !own.iter().any(|refusal| refusal.1 == code) {
                let known = statuses.get(code).into_iter().flatten();
                own.extend(known.map(|status| (*status, code.to_owned())));
            }
        }
    }
}

fn reached(mut todo: Vec<usize>, callees: &[HashSet<usize>]) -> HashSet<usize> {
    let mut reached = HashSet::new();
    while let Some(next) = todo.pop() {
        if reached.insert(next) {
            todo.extend(&callees[next]);
        }
    }
    reached
}

/// The name and file of every function with `#[get("…")]`, `#[post("…")]` and so on.
fn handlers(texts: &[(String, String)]) -> BTreeMap<String, String> {
    let methods = ["\n#[get(\"", "\n#[post(\"", "\n#[patch(\"", "\n#[delete(\""];
    let mut found = BTreeMap::new();
    for (file, text) in texts {
        for method in methods {
            for part in text.split(method).skip(1) {
                let name = part.split("async fn ").nth(1).and_then(|rest| rest.split('(').next());
                found.insert(name.unwrap_or_default().to_owned(), file.clone());
            }
        }
    }
    found
}

/// Each crate with itself and all its dependencies in the workspace.
fn dependencies() -> HashMap<String, HashSet<String>> {
    let folders = fs::read_dir("src").into_iter().flatten().flatten();
    let direct: HashMap<String, Vec<String>> = folders
        .filter_map(|folder| {
            let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).ok()?;
            let lines = manifest.lines().filter_map(|line| line.split_once(".workspace"));
            let names = lines.map(|line| line.0.to_owned()).collect();
            Some((folder.file_name().to_string_lossy().into_owned(), names))
        })
        .collect();

    let mut all = HashMap::new();
    for name in direct.keys() {
        let (mut below, mut todo) = (HashSet::new(), vec![name.clone()]);
        while let Some(next) = todo.pop() {
            let Some(names) = direct.get(&next) else { continue };
            if below.insert(next) {
                todo.extend(names.iter().cloned());
            }
        }
        all.insert(name.clone(), below);
    }
    all
}

/// The errors that a function constructs itself.
fn codes(function: &Function, constants: &HashMap<String, String>) -> BTreeSet<Refusal> {
    let (body, mut found, mut of_variable) = (&function.body, BTreeSet::new(), None);
    let token = |at: usize| body.get(at).map_or("", String::as_str);
    let is_error = |at: usize| {
        token(at) == "Error" || token(at) == "Self" && function.owner.as_deref() == Some("Error")
    };

    for at in 2..body.len() {
        let name = token(at);
        let of_error = token(at - 1) == "::" && is_error(at - 2);
        // The constructor may also be an argument: `ok_or_else(Error::not_found)`
        let plain = PLAIN.iter().find(|plain| of_error && plain.0 == name);
        found.extend(plain.map(|plain| (plain.1, plain.2.to_owned())));
        if token(at + 1) != "(" {
            continue;
        }

        let arguments = arguments(body, at + 1);
        let code = |index: usize| code(arguments.get(index)?, constants);
        if name == "on_constraint" {
            let status = |code: &String| if code == "duplicate" { 409 } else { 422 };
            found.extend(code(2).map(|code| (status(&code), code)));
        }

        if !of_error {
            continue;
        }
        let coded = CODED.iter().find(|coded| coded.0 == name).map(|coded| (coded.1, 0));
        let status =
            || arguments.first().and_then(|argument| status(argument)).or_else(|| status(body));
        let made = if name == "new" { status().map(|status| (status, 1)) } else { coded };
        match made.map(|(status, index)| (status, code(index))) {
            Some((status, Some(code))) => drop(found.insert((status, code))),
            Some((status, None)) => of_variable = Some(status),
            None => {}
        }
    }

    // The code may be a variable: `let refused = |code, detail| Err(Error::conflict(code, detail))`
    // or `let code = "…"`.
    if let Some(status) = of_variable {
        for at in 0..body.len() {
            let named = token(at) == "code" && token(at + 1) == "=";
            let closure = matches!(token(at), "fault" | "refuse" | "refused" | "wrong");
            let code = match () {
                () if named => literal(token(at + 2)).map(str::to_owned),
                () if closure && token(at + 1) == "(" => {
                    arguments(body, at + 1).first().and_then(|argument| code(argument, constants))
                }
                () => None,
            };
            found.extend(code.map(|code| (status, code)));
        }
    }
    found
}

fn status(tokens: &[String]) -> Option<u16> {
    let known =
        |token: &String| STATUSES.iter().find(|status| status.0 == token).map(|status| status.1);
    tokens.iter().find_map(known)
}

/// A code, given as a literal or as the name of a constant.
fn code(argument: &[String], constants: &HashMap<String, String>) -> Option<String> {
    let [token] = argument else { return None };
    let text = literal(token).or_else(|| constants.get(token).map(String::as_str))?;
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (fits && !text.is_empty()).then(|| text.to_owned())
}

fn arguments(body: &[String], open: usize) -> Vec<Vec<String>> {
    let (mut found, mut depth) = (vec![vec![]], 0);
    for token in body.get(open + 1..closing(body, open)).unwrap_or_default() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(vec![]);
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("there is a first one").push(token.clone());
    }
    found
}
