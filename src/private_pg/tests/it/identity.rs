//! The OS user of a server that root starts. Without root, these tests do nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use private_pg::{Options, Server};
use rustix::process::{Signal, geteuid};

use crate::harness::{Folder, Service, assert_kept, comes_back, query, signal, write};

#[test]
fn root_gets_a_server_that_is_not_root() {
    if !geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    let server = folder.start();
    write(&folder.data(), &server.url("postgres"));
    let process = fs::metadata(format!("/proc/{}", server.pid().unwrap())).unwrap();
    let data = fs::metadata(folder.data()).unwrap();
    assert_ne!(data.uid(), 0);
    assert_eq!(process.uid(), data.uid());
    assert_eq!(folder.0.join("password").metadata().unwrap().uid(), 0);
}

#[test]
fn data_that_only_root_can_reach_is_served_from_a_namespace() {
    if !geteuid().is_root() || cfg!(not(target_os = "linux")) {
        return;
    }
    let folder = Folder::new();
    fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).unwrap();
    let deep = folder.0.join("deep");
    let options = Options { folder: deep.clone(), ..folder.options() };
    let server = match Server::start(&options) {
        Err(error) if error.to_string().contains("user namespaces are not allowed here") => return,
        started => started.unwrap(),
    };
    let data = deep.join("pg");
    write(&data, &server.url("postgres"));
    assert_eq!(fs::metadata(&data).unwrap().uid(), 0);
    let user = query(&data, &server.url("postgres"), "select current_user");
    assert_eq!(user, Ok("app".into()));
    let former = server.pid().unwrap();
    signal(former, Signal::KILL);
    comes_back(&server, &data, former);
    drop(server);

    // The data still belongs to root, although other users could reach it now.
    fs::set_permissions(&folder.0, Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(&options).unwrap();
    assert_kept(&data, &server.url("postgres"));
}

#[test]
fn data_goes_from_user_to_root_and_back() {
    if !geteuid().is_root() {
        return;
    }
    let nobody = 65534;
    let folder = Folder::new();
    chown(&folder.0, Some(nobody), Some(nobody)).unwrap();
    let programs = Folder::new();
    let copy = programs.0.join("service");
    // Copied by another process: a program that is open for writing in any process cannot run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status();
    assert!(copied.unwrap().success());
    let as_user = |user: u32| {
        let like = Service::command(&folder.0);
        let mut command = Command::new(&copy);
        command.args(like.get_args()).uid(user).gid(user).current_dir("/");
        for (name, value) in like.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Service::run(&mut command)
    };
    let service = as_user(nobody);
    write(&folder.data(), service.url());
    service.stop();

    let server = folder.start();
    assert_kept(&folder.data(), &server.url("postgres"));
    drop(server);
    // Files that root creates must be accessible to the owner.
    for name in ["password", "postgres.log", "lock"] {
        fs::remove_file(folder.0.join(name)).unwrap();
    }
    drop(folder.start());

    let service = as_user(nobody);
    assert_kept(&folder.data(), service.url());
    service.stop();
    fs::set_permissions(&folder.0, Permissions::from_mode(0o777)).unwrap();
    fs::remove_file(folder.0.join("lock")).unwrap();
    let refusal = as_user(1).refusal();
    assert!(refusal.contains("belongs to the OS user 65534"), "{refusal}");
}
