//! The documentation agrees with the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use salesbook::config::Cli;
use salesbook::problems::MEANINGS;

/// The calls with the code of a problem, and the number of first arguments that may contain it.
pub const CALLS: [(&str, usize); 17] = [
    ("bad_request", 1),
    ("conflict", 1),
    ("wrong_status", 0),
    ("forbidden_because", 1),
    ("invalid_as", 1),
    ("gone", 1),
    ("unavailable", 1),
    ("too_many_requests", 1),
    ("Error::new", 2),
    ("Self::new", 2),
    ("Fault::new", 2),
    ("Wrong", 2),
    ("on_constraint", 3),
    // Local shorthands of some domains for the calls above.
    ("wrong", 2),
    ("refuse", 2),
    ("refused", 2),
    ("fault", 2),
];

/// Files that contribute no codes, such as clients of the service.
pub const ELSEWHERE: [&str; 6] =
    ["src/exchange", "src/demo", "src/private_pg", "src/schema", "src/problems.rs", "src/texts"];

pub fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        entries
            .flat_map(|path| {
                if path.is_dir() { files(path.to_str().unwrap(), extension) } else { vec![path] }
            })
            .filter(|path| path.extension().is_some_and(|it| it == extension))
            .collect();
    found.sort();
    found
}

#[test]
fn the_sample_names_every_variable_with_its_default() {
    let command = Cli::command();
    let arguments = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: BTreeSet<String> = arguments
        .filter_map(|argument| {
            let name = argument.get_env()?.to_str()?;
            let default = argument.get_default_values().first();
            let default = default.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            Some(format!("{name}={default}"))
        })
        .collect();
    let sample = fs::read_to_string(".env.sample").unwrap();
    let told = sample.lines().filter_map(|line| line.strip_prefix('#'));
    // Text begins with a blank. Variables without a default have an example.
    let told = told.filter(|line| !line.is_empty() && !line.starts_with(' '));
    let names = |line: &str| line.split('=').next().unwrap().to_owned();
    let without: BTreeSet<String> =
        known.iter().filter(|it| it.ends_with('=')).map(|it| names(it)).collect();
    let told: BTreeSet<String> = told
        .map(|line| {
            let free = without.contains(&names(line));
            if free { format!("{}=", names(line)) } else { line.to_owned() }
        })
        .collect();
    assert_eq!(told, known, "the sample on the left, src/config.rs on the right");
    let active = sample.lines().find(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(active, None, "everything in the sample is commented out");
}

#[test]
fn every_problem_code_has_a_meaning() {
    let mut used = BTreeSet::new();
    for path in files("src", "rs") {
        let place = path.to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        if !ELSEWHERE.iter().any(|it| place.starts_with(it)) && !place.contains("/tests") {
            let text = text.split("#[cfg(test)]").next().unwrap();
            used.extend(codes(text));
            if place.ends_with("platform/explain.rs") {
                used.extend(after(text, "=> "));
            }
        }
    }
    let told: BTreeSet<String> = MEANINGS.iter().map(|it| it.0.to_owned()).collect();
    let missing: Vec<_> = used.difference(&told).collect();
    let unused: Vec<_> = told.difference(&used).collect();
    assert!(missing.is_empty(), "src/problems.rs does not explain {missing:?}");
    assert!(unused.is_empty(), "src/problems.rs explains what nothing answers: {unused:?}");
}

#[test]
fn the_meanings_are_sorted_and_bilingual() {
    assert!(MEANINGS.is_sorted_by(|a, b| a.0 < b.0), "sorted by code, each once");
    for (code, english, chinese) in MEANINGS {
        assert!(english.ends_with('.') && english.is_ascii(), "{code}: {english}");
        let han = chinese.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it));
        assert!(chinese.ends_with('。') && han, "{code}: {chinese}");
    }
}

#[test]
fn codes_are_found() {
    let found = |text| codes(text).into_iter().collect::<Vec<_>>();
    assert_eq!(found(r#"Error::bad_request("a_b", "why")"#), ["a_b"]);
    assert_eq!(found(r#"Error::new(StatusCode::from(1, 2), "a")"#), ["a"]);
    assert_eq!(found(r#"Fault::new(format!("/{at}, ("), "b", "c")"#), ["b"]);
    assert_eq!(found(r#"x.on_constraint("some_key", "/code", "c")"#), ["c"]);
    assert_eq!(found(r#"fault("cycle", "a part of itself")"#), ["cycle"]);
    assert_eq!(found(r#"let code = "d"; TokenError::bad("e")"#), ["d"]);
    assert!(found("conflict(code, why)").is_empty());
}

/// The codes of errors and faults in a source text.
fn codes(text: &str) -> BTreeSet<String> {
    let mut found = after(text, "code = ");
    for (call, most) in CALLS {
        let opening = format!("{call}(");
        for (at, _) in text.match_indices(&opening) {
            let before = text[..at].chars().next_back();
            let whole = before.is_none_or(|it| !it.is_alphanumeric() && it != '_');
            let arguments = arguments(&text[at + opening.len()..]);
            let bare = arguments.iter().take(most).filter_map(|it| word(it)).next_back();
            found.extend(bare.filter(|_| whole).map(str::to_owned));
        }
    }
    found
}

/// The quoted words that follow a mark.
fn after(text: &str, mark: &str) -> BTreeSet<String> {
    let parts = text.split(mark).skip(1);
    let literals = parts.filter_map(|part| {
        let end = part.strip_prefix('"')?.find('"')?;
        word(&part[..end + 2])
    });
    literals.map(str::to_owned).collect()
}

/// The content of a literal that may be a code: lower-case letters and underscores.
fn word(argument: &str) -> Option<&str> {
    let text = argument.trim().strip_prefix('"')?.strip_suffix('"')?;
    let fits = text.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    (fits && text.starts_with(|it: char| it != '_')).then_some(text)
}

/// The arguments of a call; the text begins after the opening bracket.
pub fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut depth, mut quoted) = (vec![], 0, 0, false);
    let mut chars = text.char_indices();
    while let Some((at, it)) = chars.next() {
        match it {
            '\\' if quoted => {
                chars.next();
            }
            '"' => quoted = !quoted,
            _ if quoted => {}
            ')' if depth == 0 => {
                found.push(&text[from..at]);
                break;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let mut pages = files("docs", "md");
    let root = fs::read_dir(".").unwrap().flatten().map(|entry| entry.path());
    pages.extend(root.filter(|path| path.extension().is_some_and(|it| it == "md")));
    pages.extend(files("examples", "md"));
    let mut checked = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = page.parent().unwrap_or(Path::new(".")).join(target);
            assert!(path.exists(), "{}: {link} leads nowhere", page.display());
            checked += 1;
        }
    }
    assert!(checked > 5, "links are found at all");
}
