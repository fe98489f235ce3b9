//! Imports a company of realistic size through the public API and compares the reports with known
//! figures to the last digit. Runs only if the reference data is next to the project.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use salesbook::access::Role;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::harness::Service;

/// A process `salesbook serve` on the database of a test, which ends with the test.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the process and waits until it is ready.
    async fn start(service: &Service) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(env!("CARGO_BIN_EXE_salesbook"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--log", "warn"])
            .env("DATABASE_URL", service.url())
            .env("SALESBOOK_ADMIN_PASSWORD", "correct-horse-battery")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while !ready(port).await.unwrap_or(false) {
            assert!(start.elapsed() < Duration::from_mins(1), "the service does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

/// Checks whether the service is ready. The port is open before that.
async fn ready(port: u16) -> std::io::Result<bool> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /health/ready HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.contains(" 200 "))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end. A failure shows its output.
async fn run(mut command: Command) -> String {
    let done = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = done.await.unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{text}{}", String::from_utf8_lossy(&stderr));
    text
}

fn python(script: &str, arguments: &[&str]) -> Command {
    let mut python = Command::new("python3");
    python.arg(Path::new("examples/adventureworks").join(script)).args(arguments);
    python
}

#[actix_web::test]
async fn a_real_company_goes_in_and_the_known_figures_come_out() {
    let data = PathBuf::from("../shared/data/adventureworks");
    let python_is_there = Command::new("python3").arg("--version").output().is_ok();
    if !data.is_dir() || !python_is_there {
        eprintln!("SKIPPED: AdventureWorks is not compared ({}, python3)", data.display());
        return;
    }
    let service = Service::start().await;
    let process = Process::start(&service).await;
    let admin = service.actor(Role::Admin).await;
    let currency = json!({ "currency": "USD" });
    admin.patch("/api/v1/company", 1, currency).await.expect(200);
    let folder = std::env::temp_dir().join(format!("salesbook-aw-{}", std::process::id()));
    let (data, files) = (data.to_str().unwrap(), folder.to_str().unwrap());
    run(python("convert.py", &[data, files])).await;

    let import = || {
        let mut import = Command::new(env!("CARGO_BIN_EXE_salesbook"));
        import.args(["import", files, "--url", &process.url, "--quiet"]);
        import.args(["--username", "admin", "--source-system", "aw"]);
        import.env("SALESBOOK_PASSWORD", "correct-horse-battery");
        import
    };
    let counts = |summary: &str| -> Vec<u64> {
        let total = summary.lines().find(|line| line.starts_with("total")).unwrap();
        total.split_whitespace().filter_map(|it| it.parse().ok()).collect()
    };
    let first = run(import()).await;
    assert_eq!(counts(&first)[..4], [52_622, 0, 0, 0], "created, updated, unchanged, failed");
    let events = service.count("changes").await;
    let again = run(import()).await;
    assert_eq!(counts(&again)[..4], [0, 0, 52_622, 0], "created, updated, unchanged, failed");
    assert_eq!(service.count("changes").await, events, "the unchanged leave no event");

    // On a slow machine, an import of this size takes longer than a token of the tests is valid.
    let token = service.actor(Role::Admin).await.token.unwrap();
    let expected = format!("{data}/expected");
    let options = ["--url", &process.url, "--token", &token, &expected];
    let compared = run(python("check.py", &options)).await;
    assert_eq!(compared.lines().filter(|line| line.contains(" ok ")).count(), 32, "{compared}");
    std::fs::remove_dir_all(&folder).unwrap();
}
