//! Files shipped with the program: the container build, the compose file, the systemd unit, the Debian
//! package; and the commands that run the long tests.

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

/// The value of a key in the section of the Debian package, as TOML text.
fn debian(key: &str) -> String {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let section = manifest.split("[package.metadata.deb]\n").nth(1).unwrap();
    let section = section.split("\n\n").next().unwrap();
    let (_, value) = section.split_once(&format!("\n{key} = ")).unwrap_or_else(|| panic!("{key}"));
    let is_key =
        |line: &&str| line.starts_with('#') || line.contains(" = ") && !line.starts_with(' ');
    value
        .lines()
        .enumerate()
        .take_while(|(at, line)| *at == 0 || !is_key(line))
        .fold(String::new(), |text, (_, line)| text + line + "\n")
}

#[test]
fn the_debian_package_has_a_user_a_unit_and_settings() {
    let script = fs::read_to_string("scripts/dist.sh").unwrap();
    let assets = debian("assets");
    let assets: Vec<[&str; 3]> = assets
        .lines()
        .filter_map(|line| line.trim().strip_prefix("[\"")?.strip_suffix("\"],"))
        .map(|line| line.split("\", \"").collect::<Vec<_>>().try_into().unwrap())
        .collect();
    assert!(assets.len() >= 8, "{assets:?}");
    for [source, place, mode] in &assets {
        // The other files are made by the script.
        let made = source.strip_prefix("target/dist-files/package/");
        assert!(made.is_some() || Path::new(source).exists(), "{source}");
        if let Some(folder) = made.and_then(|it| it.strip_prefix("share/")?.split('/').next()) {
            assert!(script.contains(folder), "{source}");
        }
        let expected = match *place {
            "usr/bin/" => "755",
            // It may contain passwords.
            "etc/salesbook/" => "600",
            _ => "644",
        };
        assert_eq!(*mode, expected, "{place}");
    }
    assert_eq!(debian("conf-files").trim(), "[\"/etc/salesbook/salesbook.env\"]");
    assert!(assets.iter().any(|it| it[0].ends_with("/salesbook.env")), "{assets:?}");
    assert!(script.contains(".env.sample \"$folder/salesbook.env\""), "{script}");

    let unit = fs::read_to_string("deploy/salesbook.service").unwrap();
    assert!(unit.contains("\nEnvironmentFile=-/etc/salesbook/salesbook.env\n"));
    let users = fs::read_to_string("deploy/sysusers.d/salesbook.conf").unwrap();
    assert!(users.lines().any(|line| line.starts_with("u salesbook ")), "{users}");
    assert!(script.contains("s/^DynamicUser=yes$/User=salesbook/"), "{script}");
    assert!(assets.iter().any(|it| it[1] == "usr/lib/sysusers.d/"), "{assets:?}");
    assert!(debian("depends").contains("$auto"));
}

/// The modules of the test binary whose tests do more with `TORTURE_MINUTES`.
fn sampled(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            sampled(&path, &format!("{module}{name}::"), found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if ["often(", "or_in_torture(", "is_sampled("].iter().any(|call| text.contains(call)) {
            found.insert(if name == "mod" {
                module.to_owned()
            } else {
                format!("{module}{name}::")
            });
        }
    }
}

#[test]
fn make_torture_runs_all_tests_that_are_sampled_otherwise() {
    let makefile = fs::read_to_string("Makefile").unwrap();
    let command = makefile.split("\ntorture: ").nth(1).unwrap().split("\n\n").next().unwrap();
    let filters: Vec<&str> = command.split_whitespace().filter(|it| it.ends_with("::")).collect();
    let mut modules = BTreeSet::new();
    sampled(Path::new("tests/it"), "", &mut modules);
    let support = ["support::sampling::", "service::packaging::"];
    modules.retain(|module| !support.contains(&module.as_str()));
    assert!(modules.len() > 15, "{modules:?}");
    for module in modules {
        assert!(filters.iter().any(|it| module.starts_with(it)), "{module} is not in {filters:?}");
    }
}
