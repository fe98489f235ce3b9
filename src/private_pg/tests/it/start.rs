//! Successful starts, and starts that fail with a clear message of one line.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use private_pg::{Options, Server};

use crate::harness::{Folder, Service, assert_kept, eventually, query, write};

#[test]
fn the_first_start_creates_and_the_next_finds_the_data() {
    let folder = Folder::new();
    let durable = Options { durable: true, settings: vec![], ..folder.options() };
    let mut server = Server::start(&durable).unwrap();
    let url = server.url("postgres");
    let show = |name: &str| query(&folder.data(), &url, &format!("show {name}")).unwrap();
    assert_eq!(show("listen_addresses"), "");
    assert_eq!(show("server_encoding"), "UTF8");
    assert_eq!(show("lc_collate"), "C");
    assert_eq!(show("lc_ctype"), "C.UTF-8");
    assert_eq!(show("data_checksums"), "on");
    assert_eq!(show("timezone"), "UTC");
    assert_eq!(show("fsync"), "on");
    write(&folder.data(), &url);
    assert!(server.pid().is_some());
    assert!(server.stop());
    assert_eq!(server.pid(), None);
    assert!(!folder.data().join("postmaster.pid").exists(), "it was stopped in order");
    assert!(!folder.0.join("run").exists(), "nothing is left of its socket");
    assert!(server.stop(), "once more does no harm");
    drop(server);
    let server = folder.start();
    assert_kept(&folder.data(), &server.url("postgres"));
}

#[test]
fn what_the_server_refuses_is_not_in_its_log() {
    let folder = Folder::created();
    let server = folder.start();
    let run = |sql: &str| query(&folder.data(), &server.url("postgres"), sql);
    run("create table people (name text primary key, age smallint check (age > 0))").unwrap();
    run("insert into people values ('wang-secret', 1)").unwrap();

    for refused in [
        "insert into people values ('wang-secret', 2)",
        "insert into people values ('li-secret', -1)",
        "select 'zhao-secret'::int",
        "select 'chen-secret' from nowhere",
    ] {
        assert!(run(refused).unwrap_err().contains("ERROR"), "{refused}");
    }

    let log = fs::read_to_string(folder.0.join("postgres.log")).unwrap();
    assert!(log.contains("ready to accept connections"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_folder_has_one_service() {
    let folder = Folder::created();
    let server = folder.start();
    let refusal = folder.refusal();
    assert!(refusal.ends_with("is in use by another running instance"), "{refusal}");
    let other = Service::start(&folder.0).refusal();
    assert!(other.ends_with("is in use by another running instance"), "{other}");
    assert_eq!(query(&folder.data(), &server.url("postgres"), "select 1"), Ok("1".into()));
}

#[test]
fn nobody_enters_without_the_password() {
    let folder = Folder::created();
    let server = folder.start();
    let url = server.url("postgres");
    let password = fs::read_to_string(folder.0.join("password")).unwrap();
    let password = password.trim();
    let mode = |name: &str| folder.0.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("password"), mode("postgres.log")), (0o600, 0o600));
    assert_eq!((mode("run"), mode("pg")), (0o700, 0o700));
    assert!(url.contains(password) && password.len() == 48);
    for wrong in [url.replace(&format!(":{password}"), ""), url.replace(password, "wrong")] {
        assert!(query(&folder.data(), &wrong, "select 1").unwrap_err().contains("password"));
    }
    write(&folder.data(), &url);
    drop(server);

    // A lost password is replaced, and so is an access file that lets everybody in.
    fs::remove_file(folder.0.join("password")).unwrap();
    fs::write(folder.data().join("pg_hba.conf"), "local all all trust\n").unwrap();
    let server = folder.start();
    assert_ne!(server.url("postgres"), url);
    assert!(query(&folder.data(), &url, "select 1").is_err());
    assert_kept(&folder.data(), &server.url("postgres"));
}

#[test]
fn an_interrupted_creation_heals() {
    let folder = Folder::new();
    let odd = folder.0.join("odd 'name' \"of\" 客户, too");
    let options = Options { folder: odd.clone(), ..folder.options() };
    fs::create_dir(&odd).unwrap();
    let mut service = Service::command(&odd).spawn().unwrap();
    let half_made = || {
        let mut names = fs::read_dir(&odd).unwrap().map(|entry| entry.unwrap().path());
        names.find(|name| name.to_string_lossy().contains("pg.new"))
    };
    eventually("initdb is at work", || half_made()?.join("PG_VERSION").exists().then_some(()));
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(!odd.join("pg").exists());
    // Also an unfinished folder of an older version.
    fs::create_dir_all(odd.join("pg.new/base")).unwrap();
    let server = Server::start(&options).unwrap();
    assert_eq!(query(&odd.join("pg"), &server.url("postgres"), "select 1"), Ok("1".into()));
    assert_eq!(half_made(), None);
}

#[test]
fn long_and_odd_paths_work() {
    let created = Folder::created();
    for name in ["a \"b\"  c%20'd' 客户".to_owned(), "one, two".to_owned(), "long ".repeat(30)] {
        let folder = Folder::new();
        let deep = folder.0.join(name);
        fs::create_dir(&deep).unwrap();
        fs::rename(created.data(), deep.join("pg")).unwrap();
        let server = Server::start(&Options { folder: deep.clone(), ..folder.options() }).unwrap();
        let answer = query(&deep.join("pg"), &server.url("postgres"), "select 1");
        assert_eq!(answer, Ok("1".into()), "{}", deep.display());
        drop(server);
        fs::rename(deep.join("pg"), created.data()).unwrap();
    }
    let folder = Folder::new();
    let deep = folder.0.join("two\nlines");
    let refusal = Server::start(&Options { folder: deep, ..folder.options() }).unwrap_err();
    assert!(refusal.to_string().ends_with("two\\nlines\""), "{refusal}");
}

#[test]
fn data_of_another_version_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.data()).unwrap();
    let refusal = folder.refusal();
    assert!(refusal.contains("is no PostgreSQL data folder"), "{refusal}");
    for (version, says) in [("99", "is of PostgreSQL 99, but of that none"), ("9.6", "older than")]
    {
        fs::write(folder.data().join("PG_VERSION"), format!("{version}\n")).unwrap();
        fs::write(folder.0.join("password"), "given\n").unwrap();
        let refusal = folder.refusal();
        assert!(refusal.contains(says), "{refusal}");
        assert!(refusal.contains("DATABASE_URL"), "{refusal}");
    }
}

#[test]
fn no_postgresql_is_told() {
    let folder = Folder::new();
    let mut command = Service::command(&folder.0);
    let refusal = Service::run(command.env("PG_BIN_DIR", &folder.0)).refusal();
    assert!(refusal.contains("no PostgreSQL 15 or newer found: install it"), "{refusal}");
    assert!(refusal.contains("DATABASE_URL"), "{refusal}");
}

#[test]
fn an_unwritable_folder_is_told() {
    let folder = Folder::new();
    let says = if rustix::process::geteuid().is_root() {
        fs::write(folder.0.join("file"), "").unwrap();
        let below = Options { folder: folder.0.join("file/below"), ..folder.options() };
        Server::start(&below).unwrap_err().to_string()
    } else {
        fs::set_permissions(&folder.0, Permissions::from_mode(0o555)).unwrap();
        folder.refusal()
    };
    let start = format!("the data folder {}", folder.0.display());
    assert!(says.contains(&start) && says.contains("cannot be"), "{says}");
    assert!(!says.contains('\n'), "{says}");
}

#[test]
fn what_postgres_complains_about_is_told_at_once() {
    let folder = Folder::created();
    let settings = vec![("shared_buffers".to_owned(), "plenty".to_owned())];
    let start = Instant::now();
    let refusal = Server::start(&Options { settings, ..folder.options() }).unwrap_err().to_string();
    assert!(refusal.contains("FATAL:") && refusal.contains("shared_buffers"), "{refusal}");
    assert!(refusal.contains("postgres.log"), "{refusal}");
    assert!(start.elapsed() < Duration::from_secs(5), "it is not tried again and again");
    drop(folder.start());
}
