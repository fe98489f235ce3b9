//! Wrong settings are reported in one line that names the variable and the valid values.

use std::collections::BTreeSet;

use clap::CommandFactory;
use salesbook::config::Cli;

use crate::support::harness::Service;
use crate::support::process::{Process, START};

/// A command, a variable, a wrong value, and a part of the message.
type Wrong = (&'static str, &'static str, &'static str, &'static str);

const WRONG: &[Wrong] = &[
    (
        "serve",
        "DATABASE_URL",
        "mysql://app:hidden@db/sales",
        "postgres://user:password@host/database",
    ),
    ("serve", "DATABASE_URL", "db.example.com", "postgres://user:password@host/database"),
    ("serve", "DATABASE_URL", "postgres:///sales", "the host is missing"),
    ("serve", "DATABASE_URL", "postgres://db/sales?sslmode=verify-full", "sslmode"),
    ("serve", "DATABASE_URL", "file:/nowhere/url", "/nowhere/url"),
    ("migrate", "DATABASE_URL", "mysql://app:hidden@db/sales", "postgres://"),
    ("serve", "SALESBOOK_DATA_DIR", "/dev/null/data", "cannot be used"),
    ("serve", "SALESBOOK_DATABASE_CA", "/nowhere/ca.pem", "/nowhere/ca.pem"),
    ("serve", "SALESBOOK_DATABASE_CA", "Cargo.toml", "no certificate"),
    ("serve", "SALESBOOK_SECRET", "x", "at least 16 characters"),
    ("serve", "SALESBOOK_SECRET", "", "empty"),
    ("serve", "SALESBOOK_LISTEN", "8080", "127.0.0.1:8080"),
    ("serve", "SALESBOOK_LISTEN", "192.0.2.1:8080", "cannot listen on 192.0.2.1:8080"),
    ("serve", "SALESBOOK_ADMIN_PASSWORD", "short", "at least 10 characters"),
    ("serve", "SALESBOOK_ADMIN_PASSWORD", "password1234", "not a common password"),
    ("demo", "SALESBOOK_ADMIN_PASSWORD", "short", "at least 10 characters"),
    ("serve", "SALESBOOK_ATTACHMENTS", "/dev/null/files", "cannot be accessed"),
    ("serve", "SALESBOOK_ATTACHMENTS", "/proc", "cannot be accessed"),
    ("serve", "SALESBOOK_ATTACHMENTS", "s3://", "s3://bucket/prefix"),
    ("serve", "SALESBOOK_ATTACHMENTS", "s3://files", "AWS_ACCESS_KEY_ID"),
    ("serve", "SALESBOOK_ATTACHMENTS", "ftp://files", "s3://bucket/prefix"),
    ("serve", "SALESBOOK_WORKERS", "0", "from 1 to 80"),
    ("serve", "SALESBOOK_WORKERS", "", "from 1 to 80"),
    ("serve", "SALESBOOK_WORKERS", "two", "from 1 to 80"),
    ("serve", "SALESBOOK_POOL_SIZE", "0", "from 1 to 80"),
    ("serve", "SALESBOOK_RATE_LIMIT", "-1", "from 0 to 1000000"),
    ("serve", "SALESBOOK_CORS_ORIGINS", "sales.example.com", "https://sales.example.com"),
    ("serve", "SALESBOOK_CORS_ORIGINS", "https://a.example.com,*", "https://sales.example.com"),
    ("serve", "SALESBOOK_CORS_ORIGINS", "https://a.example.com/", "no path"),
    ("serve", "SALESBOOK_TRUST_PROXY", "maybe", "true or false"),
    ("serve", "SALESBOOK_SECOND_FACTOR_ROLES", "admin,boss", "general_manager"),
    ("serve", "SALESBOOK_SESSION_DAYS", "0", "from 1 to 3650"),
    ("serve", "SALESBOOK_WEBHOOK_LOOPBACK", "2", "true or false"),
    ("serve", "SALESBOOK_LOG", "loud", "info"),
    ("serve", "SALESBOOK_LOG", "salesbook=loud", "info"),
    ("serve", "SALESBOOK_LOG_FORMAT", "xml", "pretty or json"),
    ("serve", "SALESBOOK_SHUTDOWN_SECONDS", "1.5", "from 0 to 3600"),
    ("import", "SALESBOOK_URL", "localhost:8080", "http://127.0.0.1:8080"),
    ("import", "SALESBOOK_CLIENT_ID", "sap-4f1c", "SALESBOOK_CLIENT_SECRET"),
    ("import", "SALESBOOK_CLIENT_SECRET", "hidden", "SALESBOOK_CLIENT_ID"),
    ("import", "SALESBOOK_PASSWORD", "file:/nowhere/password", "/nowhere/password"),
    ("import", "SALESBOOK_BATCH_SIZE", "0", "from 1 to 10000"),
    ("import", "SALESBOOK_PARALLEL", "0", "from 1 to 16"),
    ("import", "SALESBOOK_QUIET", "maybe", "true or false"),
    ("user", "SALESBOOK_ROLES", "boss", "sales_manager"),
    ("user", "SALESBOOK_NAME", " ", "1 to 200 characters"),
    ("import", "SALESBOOK_SOURCE_SYSTEM", "", "1 to 40 characters"),
    ("client", "SALESBOOK_SOURCE_SYSTEM", "a\u{7}", "1 to 40 characters"),
    ("client", "SALESBOOK_CLIENT_ROLES", "boss", "erp"),
];

/// Variables for which any text is valid.
const ANY: [&str; 1] = ["SALESBOOK_USERNAME"];

#[actix_web::test]
async fn a_wrong_setting_is_one_line() {
    for &(command, variable, value, right) in WRONG {
        let mut process = Process::new();
        process.set(variable, value);

        let said = process.refused(command, START).await;

        let case = format!("{command} {variable}={value}: {said}");
        assert_eq!(said.lines().count(), 1, "{case}");
        assert!(said.starts_with("salesbook: ") && said.contains(variable), "{case}");
        assert!(said.contains(right), "{case}");
        assert!(!said.contains("hidden"), "{case}");
    }
}

#[test]
fn every_variable_has_a_wrong_value() {
    let cli = Cli::command();
    let arguments = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: BTreeSet<_> =
        arguments.filter_map(|argument| argument.get_env()?.to_str()).collect();

    let tried = WRONG.iter().map(|wrong| wrong.1).chain(ANY).collect();

    assert_eq!(known, tried);
}

#[actix_web::test]
async fn a_user_needs_a_password_or_a_role() {
    let service = Service::start().await;
    for (variable, value, right) in [
        ("SALESBOOK_PASSWORD", "short", "SALESBOOK_PASSWORD: at least 10 characters"),
        ("SALESBOOK_QUIET", "true", "the user new does not exist; to create the user, set"),
    ] {
        let mut process = Process::new();
        process.set("DATABASE_URL", &service.url());
        process.set(variable, value);

        let said = process.refused("user", START).await;

        assert!(said.lines().count() == 1 && said.contains(right), "{variable}: {said}");
    }
}
