//! `salesbook demo`: its output, the data that each login sees, and the tour in README.md.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::openapi::operations;
use crate::support::harness::Service;
use crate::support::process::{Caller, Process};

/// Time limit of the filling, without optimisation and with other tests running.
const FILLING: Duration = Duration::from_mins(8);

/// Lists that may be empty: path and logins.
const EMPTY: &[(&str, &str)] = &[
    // No item is parked, and no call is due.
    ("/pending-items", "*"),
    ("/webhooks", "*"),
    // An API client with a publicly known secret would be a security hole.
    ("/api-clients", "*"),
    // Logins without customers.
    ("/me/collections", "*"),
    ("/me/follow-ups", "*"),
    ("/me/growth-list", "*"),
    ("/me/next-attempts", "*"),
    // Complaints are visible only to the people concerned; finance sees only its own approved
    // targets.
    ("/complaints", "xu.jing cheng.gang cao.ying"),
    ("/reports/complaints", "xu.jing cheng.gang cao.ying"),
    ("/reports/repeat-complaints", "xu.jing cheng.gang cao.ying"),
    ("/reports/sla", "xu.jing cheng.gang cao.ying"),
    ("/reports/unfiled", "xu.jing cheng.gang cao.ying"),
    ("/reports/attainment", "xu.jing cheng.gang"),
];

/// The login whose own lists must not be empty.
const SELLER: &str = "wang.fang";

fn is_excused(path: &str, login: &str) -> bool {
    let own = login == SELLER && path.starts_with("/me/");
    EMPTY
        .iter()
        .any(|(list, logins)| *list == path && (logins.contains(login) || *logins == "*" && !own))
}

struct Demo {
    process: Process,
    said: String,
}

impl Demo {
    async fn start(service: &Service) -> Self {
        let mut process = Process::new();
        process.set("DATABASE_URL", &service.url());
        process.set("SALESBOOK_LOG", "info");
        process.set("SALESBOOK_ADMIN_PASSWORD", "demo-admin-2026");
        let file = process.folder.join("said");
        process.run("demo", File::create(&file).unwrap());
        let start = Instant::now();
        loop {
            let said = fs::read_to_string(&file).unwrap();
            if said.contains("logins:") && said.contains("demo-admin-2026") {
                return Self { process, said };
            }
            assert!(start.elapsed() < FILLING, "{}", process.log());
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The username and password of each login, as printed.
    fn logins(&self) -> Vec<(&str, &str)> {
        let lines = self.said.split_once("logins:\n").unwrap().1.lines();
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.map(|words| (words[0], words[1])).collect()
    }

    async fn login(&self, username: &str, password: &str) -> Caller {
        let nobody = Caller { port: self.process.port, token: String::new() };
        let body = json!({ "username": username, "password": password });
        let answer = nobody.post("/auth/login", &body, "").await.unwrap();
        assert_eq!(answer.status, 200, "{username}: {}", answer.body);
        Caller { token: answer.body["access_token"].as_str().unwrap().to_owned(), ..nobody }
    }
}

/// The first value that the document lists for a parameter.
fn first_value(schema: &Value) -> String {
    let list = [&schema["enum"], &schema["items"]["enum"]].into_iter().find_map(Value::as_array);
    list.map_or("1", |values| values[0].as_str().unwrap()).to_owned()
}

/// The paths of all lists and reports, with their required parameters.
fn lists(target: &str) -> Vec<(String, String)> {
    let readable = operations().filter(|(path, method, _)| {
        *method == "get" && path.starts_with("/api/v1") && !path.contains('{')
    });
    let query = |path: &str, operation: &Value| {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let needed = parameters.filter_map(|parameter| {
            let name = parameter["name"].as_str().unwrap();
            // Without `group_by`, these two reports have totals and no rows.
            let grouped = name == "group_by"
                && ["/sales", "/complaints"].iter().any(|end| path.ends_with(end));
            match name {
                "period" => Some("period=YEAR".to_owned()),
                "target_id" => Some(format!("target_id={target}")),
                _ if parameter["in"] == "query" && (grouped || parameter["required"] == true) => {
                    Some(format!("{name}={}", first_value(&parameter["schema"])))
                }
                _ => None,
            }
        });
        needed.collect::<Vec<_>>().join("&")
    };
    let path = |path: &str| path.trim_start_matches("/api/v1").to_owned();
    readable.map(|(of, _, operation)| (path(of), query(of, operation))).collect()
}

/// Checks whether a list has rows. `None` if the caller may not read it, or if it is not a list.
async fn has_rows(caller: &Caller, path: &str, query: &str) -> Option<bool> {
    let answer = caller.get(&format!("{path}?{query}")).await.unwrap();
    match answer.status {
        200 => {}
        403 | 404 => return None,
        _ => panic!("{path}?{query}: {}", answer.body),
    }
    let rows = ["items", "rows"].into_iter().find_map(|name| answer.body[name].as_array());
    rows.or(answer.body.as_array()).map(|rows| !rows.is_empty())
}

async fn every_login_finds_something(demo: &Demo) {
    let (admin, seller) = (demo.login("admin", "demo-admin-2026").await, demo.logins()[1]);
    let company = admin.get("/company").await.unwrap();
    assert_eq!(company.body["name"], "示范公司");
    let seller = demo.login(seller.0, seller.1).await;
    let year: i16 = demo.said.split("period=").nth(1).unwrap()[..4].parse().unwrap();
    // In January there is little data of the current year.
    let years = [year, year - 1].map(|year| year.to_string());
    let own = format!("/reports/attainment?owner_type=user&period_type=year&period={}", year - 1);
    let own = seller.get(&own).await.unwrap();
    let target = own.body["rows"][0]["target_id"].as_str().unwrap();

    let mut empty = vec![];
    for (username, password) in demo.logins() {
        let caller = demo.login(username, password).await;
        for (path, query) in lists(target) {
            let mut found = None;
            for year in &years {
                found = has_rows(&caller, &path, &query.replace("YEAR", year)).await;
                if found != Some(false) || !query.contains("YEAR") {
                    break;
                }
            }
            if found == Some(false) && !is_excused(&path, username) {
                empty.push(format!("{username} {path}?{query}"));
            }
        }
    }
    assert_eq!(empty, [""; 0]);
}

fn the_tour_works(demo: &Demo) {
    // The README calls the program by its name, which must be on the path.
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_salesbook"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut tour = Command::new("scripts/tour.sh");
    let tour = tour.arg(demo.process.url()).env("PATH", path).output().unwrap();
    let (out, error) =
        (String::from_utf8_lossy(&tour.stdout), String::from_utf8_lossy(&tour.stderr));
    assert!(tour.status.success(), "{out}\n{error}");
}

#[actix_web::test]
async fn the_demo_is_what_the_readme_says() {
    let service = Service::start().await;
    let demo = Demo::start(&service).await;

    let log = demo.process.log();
    assert!(!log.contains("/batch") && !log.contains("logged in"), "{log}");
    let roles = [
        "admin",
        "general_manager",
        "sales_director",
        "sales_manager",
        "salesperson",
        "back_office",
        "finance",
        "credit_controller",
        "quality",
        "hr",
    ];
    let last = demo.said.split_once("logins:\n").unwrap().1;
    assert!(roles.iter().all(|role| last.contains(&format!(" {role} "))), "{}", demo.said);
    every_login_finds_something(&demo).await;
    the_tour_works(&demo);
}
