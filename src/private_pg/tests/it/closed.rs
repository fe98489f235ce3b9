//! The server gets none of the service's variables, and its clients no superuser rights.

use std::fs;
use std::process::Command;

use crate::harness::{Folder, Service, assert_kept, program, query, write};

const SECRET: &str = "not-for-postgresql";

/// The pids of the postmaster and of its children.
#[cfg(target_os = "linux")]
fn processes(postmaster: u32) -> Vec<u32> {
    let children = format!("/proc/{postmaster}/task/{postmaster}/children");
    let children = fs::read_to_string(children).unwrap();
    let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
    std::iter::once(postmaster).chain(children).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_server_does_not_inherit_the_secrets_of_the_service() {
    let folder = Folder::created();
    let mut command = Service::command(&folder.0);
    command.env("SALESBOOK_SECRET", SECRET).env("SALESBOOK_ADMIN_PASSWORD", SECRET);
    command.env("PGOPTIONS", "-c work_mem=64kB");

    let service = Service::run(&mut command);

    let processes = processes(service.pid());
    assert!(processes.len() > 3, "the server and its helpers");
    for (index, pid) in processes.into_iter().enumerate() {
        let Ok(variables) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let variables = String::from_utf8_lossy(&variables).into_owned();
        assert!(!variables.contains(SECRET) && !variables.contains("PGOPTIONS"), "{variables}");
        // The other processes overwrite their environment with their title.
        assert!(index > 0 || variables.contains("LC_ALL=C"), "{variables}");
    }
    assert_eq!(query(&folder.data(), service.url(), "select 1"), Ok("1".into()));
    service.stop();
}

#[test]
fn the_role_of_the_service_is_no_superuser() {
    let folder = Folder::created();
    let server = folder.start();
    let ask = |sql: &str| query(&folder.data(), &server.url("postgres"), sql);

    write(&folder.data(), &server.url("postgres"));

    let role = "select rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls \
        from pg_roles where rolname = current_user";
    assert_eq!(ask(role), Ok("app|f|f|f|f".into()));
    let superusers = "select string_agg(rolname, ' ') from pg_roles where rolsuper";
    assert_eq!(ask(superusers), Ok("postgres".into()));
    for forbidden in [
        "copy kept to program 'cat'",
        "select pg_read_file('/etc/passwd')",
        "alter role app superuser",
        "set role postgres",
        "alter system set archive_command = 'true'",
        "create function f() returns int language c as 'f'",
    ] {
        let refusal = ask(forbidden).unwrap_err();
        let denied = refusal.contains("permission denied") || refusal.contains("superuser");
        assert!(denied, "{refusal}");
    }
    let superuser = server.url("postgres").replacen("://app:", "://postgres:", 1);
    assert!(query(&folder.data(), &superuser, "select 1").is_err(), "nobody logs in as it");
    assert_eq!(ask("create database another template template0"), Ok(String::new()));
}

/// Data from when `app` was the superuser: the next start gives everything to a plain role.
#[test]
fn older_data_gets_the_plain_role() {
    let folder = Folder::created();
    write(&folder.data(), &folder.start().url("postgres"));
    let single = |orders: &str| {
        let mut postgres = program(&folder.data(), "postgres");
        postgres.args(["--single", "-c", "exit_on_error=on", "-D"]).arg(folder.data());
        run(postgres.arg("postgres"), orders);
    };
    single(
        "ALTER ROLE app RENAME TO former\n\
         UPDATE pg_authid SET rolname = 'app' WHERE oid = 10\n\
         ALTER TABLE kept OWNER TO app\n\
         ALTER DATABASE postgres OWNER TO app\n\
         CREATE SCHEMA \"Of app\"\n\
         CREATE TABLE \"Of app\".numbered (id serial, other int generated always as identity)\n\
         CREATE SEQUENCE codes\n\
         DROP ROLE former\n",
    );
    fs::remove_file(folder.data().join("private-pg-roles")).unwrap();

    let server = folder.start();

    let ask = |sql: &str| query(&folder.data(), &server.url("postgres"), sql);
    assert_kept(&folder.data(), &server.url("postgres"));
    assert_eq!(ask("select rolsuper from pg_roles where rolname = current_user"), Ok("f".into()));
    let owned = "select count(*) from pg_class where oid >= 16384 and relowner = 10
        and relnamespace <> 'pg_toast'::regnamespace";
    assert_eq!(ask(owned), Ok("0".into()));
    ask("alter table kept add more int; insert into \"Of app\".numbered default values").unwrap();
    ask("select nextval('codes')").unwrap();
    assert!(folder.data().join("private-pg-roles").exists());
}

fn run(command: &mut Command, input: &str) {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
