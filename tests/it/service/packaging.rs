//! Files shipped with the program: the container build, the compose file, the systemd unit.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use salesbook::config::Cli;

/// The files and folders that are available to the container build.
fn context() -> Vec<String> {
    let ignored = fs::read_to_string(".dockerignore").unwrap();
    ignored.lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        // Only tests read files outside of the build.
        if path.is_dir() && !path.ends_with("tests") {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_container_is_built_from_all_that_the_build_reads() {
    let context = context();
    for name in ["Cargo.toml", "Cargo.lock", "build.rs", "migrations", "src"] {
        assert!(context.iter().any(|seen| seen == name) && Path::new(name).exists(), "{name}");
    }
    let mut sources = vec![];
    files(Path::new("src"), &mut sources);
    let (root, mut checked) = (fs::canonicalize(".").unwrap(), 0);
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        for call in ["include_str!(\"", "include_bytes!(\""] {
            for part in text.split(call).skip(1) {
                let name = part.split('"').next().unwrap();
                let path = fs::canonicalize(source.parent().unwrap().join(name)).unwrap();
                let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
                let seen = context.iter().any(|seen| first == seen.as_str());
                assert!(seen, "{source:?} includes {name}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn units_and_containers_run_commands_that_exist() {
    let cli = Cli::command();
    let known: BTreeSet<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let unit = fs::read_to_string("deploy/salesbook.service").unwrap();
    let started = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (program, command) = started.split_once(' ').unwrap();
    assert_eq!((program, known.contains(command)), ("/usr/local/bin/salesbook", true));
    for hardening in [
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectHome=yes",
        "ProtectSystem=strict",
        "SystemCallFilter=@system-service",
    ] {
        assert!(unit.lines().any(|line| line == hardening), "{hardening}");
    }

    let compose = fs::read_to_string("docker-compose.yml").unwrap();
    let commands = compose.lines().filter_map(|line| line.trim().strip_prefix("command: ["));
    let commands: Vec<&str> = commands.map(|line| line.trim_end_matches(']')).collect();
    assert!(commands == ["demo"] && known.contains("demo"));
    let image = fs::read_to_string("Dockerfile").unwrap();
    assert!(image.contains("id=target-$TARGETPLATFORM"), "a cache for each platform");
    assert!(image.contains("CMD [\"serve\"]") && known.contains("serve"));
}
