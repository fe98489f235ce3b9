//! Chooses the OS user of the server, because PostgreSQL refuses to run as root.

use std::ffi::OsString;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use rustix::process::geteuid;

use crate::Error;

/// The variables that the server and its tools need. All others are removed: the secrets of the
/// service are none of PostgreSQL's business, and `PGDATA` or `PGOPTIONS` would change its
/// behaviour.
const NEEDED: [&str; 5] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// Prefix of the variables that tune the memory of a process.
const TUNING: &str = "MALLOC_";

pub enum Identity {
    Same,
    /// Another user and group, if the service runs as root: the owner of the data, or `postgres` or
    /// `nobody` for new data.
    User(u32, u32),
    /// A user namespace that shows root as this user, for data folders that only root can reach.
    /// The user needs an account, because `initdb` looks up its name.
    #[cfg(target_os = "linux")]
    Namespace(u32),
}

impl Identity {
    /// Chooses the identity. Existing data keeps its owner, so that an earlier choice is repeated.
    pub fn choose(data: &Path) -> Result<Self, Error> {
        let us = geteuid();
        let owner = fs::metadata(data).ok().map(|data| (data.uid(), data.gid()));
        match owner {
            Some((user, _)) if !us.is_root() && user != us.as_raw() => Err(Error(format!(
                "the data in {} belongs to the OS user {user}: start as that user or as root",
                data.display()
            ))),
            _ if !us.is_root() => Ok(Self::Same),
            Some((user, group)) if user != 0 => Ok(Self::User(user, group)),
            Some(_) => Ok(Self::of_root(None)),
            None => Ok(Self::of_root(Some(data))),
        }
    }

    /// For new data, an account that can reach its folder. Otherwise, and for existing data of
    /// root, a namespace.
    fn of_root(new: Option<&Path>) -> Self {
        let other = account("postgres").or_else(|| account("nobody"));
        let (user, group) = other.unwrap_or((65534, 65534));
        let passable = |folder: &Path| {
            fs::metadata(folder).is_ok_and(|folder| {
                let mode = folder.permissions().mode();
                mode & 0o001 != 0 || (folder.uid() == user && mode & 0o100 != 0)
            })
        };
        let reach =
            |data: &Path| data.ancestors().skip(1).filter(|folder| folder.exists()).all(passable);
        #[cfg(target_os = "linux")]
        if !new.is_some_and(reach) {
            return Self::Namespace(user);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = new.is_some_and(reach);
        Self::User(user, group)
    }

    pub fn user(&self) -> Option<u32> {
        if let Self::User(user, _) = self { Some(*user) } else { None }
    }

    pub fn own(&self, path: &Path) -> io::Result<()> {
        if let Self::User(user, group) = self {
            lchown(path, Some(*user), Some(*group))
        } else {
            Ok(())
        }
    }

    /// Makes the command run with this identity and in its own process group: Ctrl-C must reach
    /// only the service, which then stops the server in order.
    pub fn apply<'a>(&self, command: &'a mut Command, die_with_parent: bool) -> &'a mut Command {
        match self {
            Self::Same => {}
            Self::User(user, group) => {
                command.uid(*user).gid(*group);
            }
            #[cfg(target_os = "linux")]
            Self::Namespace(user) => {
                let map = format!("{user} 0 1");
                before_exec(command, move || enter_namespace(&map));
            }
        }

        #[cfg(target_os = "linux")]
        if die_with_parent {
            // Must be the last step: changing the user clears the signal.
            before_exec(command, || {
                let signal = Some(rustix::process::Signal::INT);
                Ok(rustix::process::set_parent_process_death_signal(signal)?)
            });
        }
        #[cfg(not(target_os = "linux"))]
        let _ = die_with_parent;
        // English messages, because this crate parses some of them.
        bare(command).env("LC_ALL", "C").process_group(0).current_dir("/")
    }

    /// Explains why a program could not be run with this identity.
    pub fn explain(&self, data: &Path, error: &io::Error) -> Error {
        let why = match self {
            #[cfg(target_os = "linux")]
            Self::Namespace(_) => format!(
                "PostgreSQL does not run as root, {} is out of reach for other users, and user \
                 namespaces are not allowed here ({error}): choose another data folder, open its \
                 parents to all (chmod o+x), or start as another user",
                data.display()
            ),
            Self::User(user, _) => format!(
                "PostgreSQL does not run as root, and becoming the OS user {user} for {} failed \
                 ({error}): start as that user",
                data.display()
            ),
            Self::Same => format!("PostgreSQL's programs cannot be run: {error}"),
        };
        Error(why)
    }
}

/// Removes the service's environment variables from a command, except for the needed ones and
/// those that were set for it explicitly.
pub fn bare(command: &mut Command) -> &mut Command {
    let set: Vec<OsString> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let needed = NEEDED.contains(&&*text) || text.starts_with(TUNING);
        if !needed && !set.contains(&name) {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe form exists; both callers only make system calls")]
fn before_exec(
    command: &mut Command,
    step: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The only two steps
    // are in this file: they write short files and call prctl and unshare. The texts that they
    // write were composed before the fork.
    unsafe { command.pre_exec(step) };
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "unshare can break shared file tables; this one does not ask for them"
)]
fn enter_namespace(map: &str) -> io::Result<()> {
    // SAFETY: NEWUSER alone unshares nothing that the parent relies on.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER)? };
    fs::write("/proc/self/uid_map", map)?;
    let _ = fs::write("/proc/self/setgroups", "deny");
    fs::write("/proc/self/gid_map", map)
}

fn account(name: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
