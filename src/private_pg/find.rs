//! Finds the PostgreSQL installations of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::identity::bare;
use crate::{Error, failed};

const OLDEST: u32 = 15;

/// Folders with one installation each; a `*` stands for any suffix.
const PLACES: [(&str, &str); 10] = [
    ("/usr/lib/postgresql/*", "bin"),
    ("/usr/pgsql-*", "bin"),
    ("/usr/lib/postgresql*", "bin"),
    ("/usr/libexec/postgresql*", ""),
    ("/usr/local/pgsql", "bin"),
    ("/usr/local/bin", ""),
    ("/usr/local/opt/postgresql@*", "bin"),
    ("/opt/homebrew/opt/postgresql@*", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt/postgresql@*", "bin"),
    ("/Applications/Postgres.app/Contents/Versions/*", "bin"),
];

struct Found {
    major: u32,
    binaries: PathBuf,
}

/// The folder with the programs: of the newest installation for new data, otherwise of the major
/// version that created the data.
pub fn for_data(data: &Path) -> Result<PathBuf, Error> {
    let made_by = if data.exists() { Some(major_of(data)?) } else { None };
    choose(all(), made_by).map_err(|why| match made_by {
        Some(major) => {
            Error(format!("the data in {} is of PostgreSQL {major}, {why}", data.display()))
        }
        None => Error(why),
    })
}

fn major_of(data: &Path) -> Result<u32, Error> {
    let path = data.join("PG_VERSION");
    let unreadable = || format!("{} is no PostgreSQL data folder: PG_VERSION", data.display());
    let text = fs::read_to_string(path).map_err(failed(unreadable()))?;
    let major = text.trim().split('.').next().and_then(|major| major.parse().ok());
    major.ok_or_else(|| Error(format!("{} says {:?}", unreadable(), text.trim())))
}

fn choose(found: Vec<Found>, made_by: Option<u32>) -> Result<PathBuf, String> {
    let remedy = "set PG_BIN_DIR to its programs, or DATABASE_URL to use another server";
    let Some(major) = made_by else {
        let newest =
            found.into_iter().filter(|found| found.major >= OLDEST).max_by_key(|found| found.major);
        let none = format!(
            "no PostgreSQL {OLDEST} or newer found: install it (Debian: apt-get install \
             postgresql), {remedy}"
        );
        return newest.map(|found| found.binaries).ok_or(none);
    };

    if major < OLDEST {
        return Err(format!(
            "older than {OLDEST}: move it to a newer one with pg_upgrade, or set DATABASE_URL to \
             use another server"
        ));
    }

    let mut others: Vec<_> = found.iter().map(|found| found.major).collect();
    others.sort_unstable();
    others.dedup();
    let others: Vec<_> = others.iter().map(ToString::to_string).collect();
    let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };

    let same = found.into_iter().find(|found| found.major == major).map(|found| found.binaries);
    same.ok_or(format!("but of that none is found (found: {others}): install it, {remedy}"))
}

/// All installations in order of preference. `PG_BIN_DIR` excludes all others.
fn all() -> Vec<Found> {
    if let Some(chosen) = env::var_os("PG_BIN_DIR") {
        let binaries = PathBuf::from(chosen);
        return major(&binaries).map(|major| Found { major, binaries }).into_iter().collect();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let places = PLACES.iter().flat_map(|(root, tail)| expand(root, tail));
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&path).chain(configured()).chain(places) {
        // Distributions link the programs into other folders, where their other files are missing.
        let real = fs::canonicalize(folder.join("postgres")).ok();
        let Some(real) = real.as_deref().and_then(Path::parent) else { continue };
        if !folders.iter().any(|folder| folder == real) {
            folders.push(real.to_owned());
        }
    }
    let found = |binaries: PathBuf| Some(Found { major: major(&binaries)?, binaries });
    folders.into_iter().filter_map(found).collect()
}

/// The folder that `pg_config` on the path reports.
fn configured() -> Option<PathBuf> {
    let output = bare(Command::new("pg_config").arg("--bindir")).output().ok()?;
    output.status.success().then_some(())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn expand(root: &str, tail: &str) -> Vec<PathBuf> {
    let Some(start) = root.strip_suffix('*') else { return vec![Path::new(root).join(tail)] };
    let (parent, prefix) = start.rsplit_once('/').unwrap_or_default();
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    named.map(|entry| entry.path().join(tail)).collect()
}

fn major(binaries: &Path) -> Option<u32> {
    // A client package may link `postgres` of another version, but lacks `initdb`.
    binaries.join("initdb").exists().then_some(())?;
    let output = bare(Command::new(binaries.join("postgres")).arg("--version")).output().ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// Parses the major version: `postgres (PostgreSQL) 15.18 (Debian …)` → 15
fn parse(text: &str) -> Option<u32> {
    text.split_whitespace().nth(2)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Found> {
        majors.iter().map(|&major| Found { major, binaries: major.to_string().into() }).collect()
    }

    #[test]
    fn takes_the_newest_for_new_data_and_the_same_for_old() {
        assert_eq!(choose(installed(&[15, 17, 16]), None), Ok("17".into()));
        assert_eq!(choose(installed(&[15, 17, 16]), Some(16)), Ok("16".into()));
    }

    #[test]
    fn says_what_to_do_when_there_is_none() {
        let none = choose(installed(&[13, 14]), None).unwrap_err();
        assert!(none.contains("no PostgreSQL 15 or newer found"), "{none}");
        assert!(none.contains("install it") && none.contains("DATABASE_URL"), "{none}");
        let other = choose(installed(&[17, 15]), Some(16)).unwrap_err();
        assert!(other.contains("found: 15, 17") && other.contains("DATABASE_URL"), "{other}");
        let old = choose(installed(&[14]), Some(14)).unwrap_err();
        assert!(old.contains("older than 15"), "{old}");
    }

    #[test]
    fn reads_the_versions_of_all_kinds() {
        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse("postgres (PostgreSQL) 17beta2"), Some(17));
        assert_eq!(parse("postgres"), None);
    }
}
