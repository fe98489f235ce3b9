//! The folder of the unix socket, which nobody else can enter.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::identity::Identity;
use crate::{Error, failed};

/// Part of the name of the socket; no network port is opened.
pub const PORT: u16 = 5432;

/// The longest path of a socket in bytes: 103 on macOS, 107 on Linux.
const LONGEST: usize = 103;

/// Chooses the folder of the socket: next to the data, or, if that path is not usable, a temporary
/// folder whose name is derived from the data folder.
pub fn place(folder: &Path, name: &str) -> PathBuf {
    // Clients read a comma as the separator of several hosts.
    let fits = |place: &Path| {
        let path = place.join(format!(".s.PGSQL.{PORT}"));
        path.as_os_str().len() <= LONGEST && !path.to_string_lossy().contains(',')
    };
    let name = format!("{name}-{}", geteuid().as_raw());
    let places = [folder.join("run"), std::env::temp_dir().join(&name)];
    places.into_iter().find(|place| fits(place)).unwrap_or_else(|| Path::new("/tmp").join(name))
}

/// Creates the folder, or checks that an existing one is ours and closed to others.
pub fn make(socket: &Path, identity: &Identity) -> Result<(), Error> {
    let failed = || failed(format!("the socket folder {}", socket.display()));
    match DirBuilder::new().mode(0o700).create(socket) {
        Ok(()) => identity.own(socket).map_err(failed()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(socket).map_err(failed())?;
            let us = geteuid().as_raw();
            let server = identity.user().unwrap_or(us);
            if !found.is_dir() || found.mode() & 0o077 != 0 || ![us, server].contains(&found.uid())
            {
                let error = io::Error::other("exists, but is not ours alone; remove it");
                return Err(failed()(error));
            }
            if found.uid() == server { Ok(()) } else { identity.own(socket).map_err(failed()) }
        }
        Err(error) => Err(failed()(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_folder() {
        let short = Path::new("/data");
        assert_eq!(place(short, "pg-1"), Path::new("/data/run"));
        let long = short.join("x".repeat(LONGEST));
        let place = place(&long, "pg-1");
        assert!(!place.starts_with(&long), "{}", place.display());
        assert!(place.as_os_str().len() < LONGEST, "{}", place.display());
    }
}
