//! Crashes of the server, of the service, and of both.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use private_pg::{Options, Server};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{
    Folder, Service, assert_kept, comes_back, eventually, program, psql, query, signal, write,
};

#[test]
fn a_killed_server_comes_back() {
    let folder = Folder::created();
    let server = folder.start();
    write(&folder.data(), &server.url("postgres"));
    let mut pid = server.pid().unwrap();
    for _ in 0..3 {
        signal(pid, Signal::KILL);
        pid = comes_back(&server, &folder.data(), pid);
    }
}

#[test]
fn a_server_stopped_by_others_comes_back() {
    let folder = Folder::created();
    let server = folder.start();
    write(&folder.data(), &server.url("postgres"));
    for how in [["stop", "fast"], ["stop", "immediate"], ["restart", "fast"], ["restart", "fast"]] {
        let former = server.pid().unwrap();
        let mut control = program(&folder.data(), "pg_ctl");
        control.args([how[0], "-m", how[1], "-s", "-t", "8", "-D"]).arg(folder.data());
        control.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(control.status().unwrap().success(), "pg_ctl {how:?} is not confused by us");
        comes_back(&server, &folder.data(), former);
    }
}

/// A stopped process. Only `SIGKILL` ends it, so it is killed when the test ends, even on failure.
struct Frozen(u32);

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0.cast_signed()) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

#[test]
fn a_calculation_and_a_frozen_process_do_not_delay_it() {
    let folder = Folder::created();
    let server = folder.start();
    let url = server.url("postgres");
    write(&folder.data(), &url);
    // Neither process notices that the server is dead, and both hold its shared memory.
    let endless = "select count(*) from generate_series(1, 1000000000) a, generate_series(1, 9) b";
    let mut busy = ["busy", "frozen"].map(|name| {
        let mut psql = psql(&folder.data(), &url);
        // The query ends even if the test fails.
        psql.env("PGAPPNAME", name).env("PGOPTIONS", "-c statement_timeout=30s");
        psql.args(["-c", endless]).stderr(Stdio::null()).spawn().unwrap()
    });
    let pid_of = |name: &str| {
        let active = "select pid from pg_stat_activity where state = 'active'";
        let sql = format!("{active} and application_name = '{name}'");
        eventually("it is busy", || query(&folder.data(), &url, &sql).ok()?.parse::<u32>().ok())
    };
    pid_of("busy");
    let frozen = Frozen(pid_of("frozen"));
    signal(frozen.0, Signal::STOP);
    let (start, former) = (Instant::now(), server.pid().unwrap());
    signal(former, Signal::KILL);
    comes_back(&server, &folder.data(), former);
    assert!(start.elapsed() < Duration::from_secs(9), "it took {:?}", start.elapsed());
    for psql in &mut busy {
        psql.wait().unwrap();
    }
}

#[test]
fn a_stop_ends_the_watching_first() {
    let folder = Folder::created();
    let mut server = folder.start();
    write(&folder.data(), &server.url("postgres"));
    // The server stays down if it is stopped during the pause, during the start, or afterwards.
    for wait in [0, 60, 120] {
        signal(server.pid().unwrap(), Signal::KILL);
        std::thread::sleep(Duration::from_millis(wait));
        assert!(server.stop());
        assert_eq!(server.pid(), None);
        drop(server);
        server = folder.start();
        assert_kept(&folder.data(), &server.url("postgres"));
    }
}

#[test]
fn the_server_of_a_killed_service_is_awaited() {
    let folder = Folder::created();
    let mut service = Service::start(&folder.0);
    write(&folder.data(), service.url());
    service.kill();
    let server = folder.start();
    if cfg!(target_os = "linux") {
        assert_ne!(server.pid(), Some(service.pid()));
    }
    assert_kept(&folder.data(), &server.url("postgres"));
}

#[test]
fn a_server_that_stays_is_adopted_and_watched() {
    // From here on we inherit orphans and do not reap them, like the first process of some
    // containers: the dead server stays a zombie.
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let folder = Folder::created();
    let mut service = Service::run(Service::command(&folder.0).env("SERVICE_STAYS", "true"));
    write(&folder.data(), service.url());
    service.kill();
    let stays = Options { die_with_parent: false, ..folder.options() };
    let mut server = Server::start(&stays).unwrap();
    assert_eq!(server.pid(), Some(service.pid()));
    assert_eq!(server.url("postgres"), service.url());
    assert_kept(&folder.data(), &server.url("postgres"));
    signal(service.pid(), Signal::KILL);
    comes_back(&server, &folder.data(), service.pid());
    assert!(server.stop());
}

#[test]
fn an_adopted_server_is_stopped_and_one_without_password_gets_another() {
    let folder = Folder::created();
    let mut service = Service::run(Service::command(&folder.0).env("SERVICE_STAYS", "true"));
    write(&folder.data(), service.url());
    service.kill();
    fs::remove_file(folder.0.join("password")).unwrap();
    let mut server = folder.start();
    assert_ne!(server.pid(), Some(service.pid()));
    assert_kept(&folder.data(), &server.url("postgres"));
    assert!(server.stop());
    drop(server);

    let mut service = Service::run(Service::command(&folder.0).env("SERVICE_STAYS", "true"));
    service.kill();
    let mut server = folder.start();
    assert_eq!(server.pid(), Some(service.pid()), "adopted");
    assert!(server.stop());
    assert!(!folder.data().join("postmaster.pid").exists());
}

#[test]
fn service_and_server_killed_together_start_again() {
    let folder = Folder::created();
    let mut service = Service::start(&folder.0);
    write(&folder.data(), service.url());
    let mut psql = psql(&folder.data(), service.url());
    let mut busy = psql.args(["-c", "select pg_sleep(20)"]).stderr(Stdio::null()).spawn().unwrap();
    signal(service.pid(), Signal::KILL);
    service.kill();
    let server = folder.start();
    assert_kept(&folder.data(), &server.url("postgres"));
    busy.wait().unwrap();
}

#[test]
fn a_pid_that_is_somebody_elses_by_now_is_no_server() {
    let folder = Folder::created();
    let server = folder.start();
    write(&folder.data(), &server.url("postgres"));
    let file = folder.data().join("postmaster.pid");
    let content = fs::read_to_string(&file).unwrap();
    let former = server.pid().unwrap();
    drop(server);
    // A process of the same user: PostgreSQL itself recognises processes of others.
    let owner = fs::metadata(folder.data()).unwrap();
    let mut other = Command::new("sleep");
    let mut other = other.arg("20").uid(owner.uid()).gid(owner.gid()).spawn().unwrap();
    fs::write(&file, content.replacen(&former.to_string(), &other.id().to_string(), 1)).unwrap();
    let server = folder.start();
    assert_kept(&folder.data(), &server.url("postgres"));
    other.kill().unwrap();
    other.wait().unwrap();
}
