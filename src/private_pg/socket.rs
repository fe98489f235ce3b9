//! The folder of the unix socket: nobody else can enter it.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::identity::Identity;
use crate::{Error, failed};

/// Only a part of the socket's name: nothing listens on the network.
pub const PORT: u16 = 5432;

/// macOS takes 103 bytes, Linux 107.
const LONGEST: usize = 103;

/// Beside the data if that makes a path for a socket, else a short folder of our own that is
/// named after the data.
pub fn place(folder: &Path, name: &str) -> PathBuf {
    // Clients take a comma for the end of one of several hosts.
    let fits = |place: &Path| {
        let path = place.join(format!(".s.PGSQL.{PORT}"));
        path.as_os_str().len() <= LONGEST && !path.to_string_lossy().contains(',')
    };
    let name = format!("{name}-{}", geteuid().as_raw());
    let places = [folder.join("run"), std::env::temp_dir().join(&name)];
    places.into_iter().find(|it| fits(it)).unwrap_or_else(|| Path::new("/tmp").join(name))
}

/// Makes the folder, or makes sure that the one there is ours and closed to others.
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
