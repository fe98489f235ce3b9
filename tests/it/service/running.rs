//! Operation of the service: logs, metrics, database connections and the command line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::harness::Service;
use crate::support::process::{Process, START, count, exchange};

/// A process on this database that logs all requests in this format.
async fn logging(service: &Service, format: &str) -> Process {
    let mut process = Process::new();
    process.set("DATABASE_URL", &service.url());
    process.set("SALESBOOK_LOG", "info");
    process.set("SALESBOOK_LOG_FORMAT", format);
    process.start();
    process.ready(START).await;
    process
}

async fn get(process: &Process, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    String::from_utf8(exchange(process.port, request.as_bytes()).await).unwrap()
}

#[actix_web::test]
async fn a_log_in_a_file_has_numbers_and_no_colours() {
    let service = Service::start().await;
    for format in ["json", "pretty"] {
        let process = logging(&service, format).await;

        get(&process, "/health/live").await;

        let log = process.log();
        assert!(log.contains("/health/live") && !log.contains('\u{1b}'), "{log}");
        if format == "json" {
            let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let requests: Vec<_> = lines.filter(|line| line["message"] == "request").collect();
            assert!(!requests.is_empty());
            let numbers = |line: &Value| line["ms"].is_u64() && line["status"].is_u64();
            assert!(requests.iter().all(numbers), "{requests:#?}");
        }
    }
}

#[actix_web::test]
async fn connections_have_the_name_of_the_application() {
    let service = Service::start().await;
    let rows = "pg_stat_activity where datname = current_database() and application_name";
    let process = logging(&service, "pretty").await;
    assert_eq!(count(&service.url(), &format!("{rows} <> 'salesbook'")).await, 0);
    drop(process);

    // A name in the URL has precedence.
    let mut process = Process::new();
    let and = if service.url().contains('?') { '&' } else { '?' };
    process.set("DATABASE_URL", &format!("{}{and}application_name=east", service.url()));
    process.start();
    process.ready(START).await;
    assert!(count(&service.url(), &format!("{rows} = 'east'")).await > 0);
}

#[actix_web::test]
async fn the_first_address_leads_to_the_documentation() {
    let service = Service::start().await;
    let process = logging(&service, "pretty").await;
    for path in ["/", "/docs"] {
        let answer = get(&process, path).await.to_lowercase();

        assert!(
            answer.starts_with("http/1.1 307") && answer.contains("location: /docs/"),
            "{answer}"
        );
    }
    assert!(get(&process, "/docs/").await.starts_with("HTTP/1.1 200"));
}

#[actix_web::test]
async fn the_api_page_comes_compressed_and_whole() {
    let service = Service::start().await;
    let process = logging(&service, "pretty").await;
    let page = get(&process, "/docs/").await;

    // All files of the page exist, and nothing is loaded from elsewhere.
    let is_file = |text: &&str| matches!(text.rsplit_once('.'), Some((_, "js" | "css")));
    let named = page.split('"').filter(is_file);
    let files: Vec<&str> = named.collect();
    assert_eq!(files.len(), 4, "{page}");
    let (mut size, mut compressed) = (page.len(), 0);
    for file in files {
        let request = format!("GET /docs/{file} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(process.port, request.as_bytes()).await;
        size += answer.len();
        let head = String::from_utf8_lossy(&answer[..answer.len().min(2000)]).to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{file}: {head}");
        compressed += usize::from(head.contains("content-encoding: gzip"));
    }
    assert!(compressed == 2 && size < 520_000, "{compressed} {size}");
    assert!(get(&process, "/docs/swagger-ui.js.map").await.starts_with("HTTP/1.1 404"));
    let document = salesbook::document::value();
    let introduction = document["info"]["description"].as_str().unwrap();
    for part in ["Log in", "Paging", "Idempotency", "Errors", "Visibility"] {
        assert!(introduction.contains(&format!("<summary>{part}</summary>")), "{part}");
    }
}

/// The rules of `promtool check metrics`.
fn faults(text: &str) -> Vec<String> {
    let mut faults = vec![];
    let (mut help, mut kinds) = (BTreeSet::new(), BTreeMap::new());
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(_)) => _ = help.insert(name),
            (Some("#"), Some("TYPE"), Some(name), Some(kind))
                if kinds.insert(name, kind).is_some() =>
            {
                faults.push(format!("{name} twice"));
            }
            _ => {}
        }
    }
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let part = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| name.strip_suffix(end));
        if !kinds.contains_key(name) && !part.is_some_and(|family| kinds.contains_key(family)) {
            faults.push(format!("{name} has no type"));
        }
    }
    for (name, kind) in &kinds {
        if !help.contains(name) {
            faults.push(format!("{name} has no help"));
        }
        if name.ends_with("_total") != (*kind == "counter") {
            faults.push(format!("{name} is a {kind}"));
        }
        let units = ["_ms", "_milliseconds", "_minutes", "_hours", "_kilobytes", "_percent"];
        let reserved = ["_count", "_sum", "_bucket"];
        if units.into_iter().chain(reserved).any(|end| name.ends_with(end)) {
            faults.push(format!("{name} has a wrong ending"));
        }
        if name.chars().any(|letter| !matches!(letter, 'a'..='z' | '0'..='9' | '_')) {
            faults.push(format!("{name} is not in snake case"));
        }
    }
    faults
}

#[actix_web::test]
async fn metrics_pass_their_check() {
    let service = Service::start().await;
    let process = logging(&service, "pretty").await;
    process.admin().await.get("/me").await.unwrap();
    crate::support::process::until(&service.url(), "jobs where name = 'open_amounts' and runs > 0")
        .await;

    let answer = get(&process, "/metrics").await;

    let text = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(faults(text), [""; 0]);
    for name in ["salesbook_build_info{version=\"", "http_requests_total{", "pool_wait_seconds_"] {
        assert!(text.contains(&format!("\n{name}")), "{name}: {text}");
    }
    if cfg!(target_os = "linux") {
        for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"]
        {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{name}: {text}");
        }
    }
    // The test also runs promtool, if it is installed.
    let promtool =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    if let Ok(mut promtool) = promtool {
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(promtool.wait().unwrap().success());
    }
}

#[actix_web::test]
async fn the_example_of_an_erp_runs_as_printed() {
    let service = Service::start().await;
    let mut process = Process::new();
    process.set("DATABASE_URL", &service.url());
    process.set("SALESBOOK_ADMIN_PASSWORD", "a-trial-of-sync");
    process.start();
    process.ready(START).await;

    let mut tour = Command::new("scripts/tour.sh");
    let tour = tour.args([process.url().as_str(), "examples/erp_sync/README.md"]).output().unwrap();

    let (out, error) =
        (String::from_utf8_lossy(&tour.stdout), String::from_utf8_lossy(&tour.stderr));
    assert!(tour.status.success() && out.contains("\"equal\": true"), "{out}{error}");
}

#[test]
fn shells_and_manuals_know_every_command() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_salesbook")).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(run(&["completions", shell]).contains("migrate"), "{shell}");
    }
    let folder = std::env::temp_dir().join(format!("salesbook-man-{}", std::process::id()));

    run(&["man", folder.to_str().unwrap()]);

    let page = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(page("salesbook.1").contains("import"));
    assert!(page("salesbook-serve.1").contains("SALESBOOK_LISTEN"));
    std::fs::remove_dir_all(folder).unwrap();
}
