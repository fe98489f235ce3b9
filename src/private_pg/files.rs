//! Files of ours, readable by nobody else.
//!
//! Root may work in the folder of another user. Such files are never opened through a link that
//! this user may have placed, and new ones belong to them, so that they can go on without root.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Opens a file at its end; makes it if it is missing.
pub fn open(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let no_link = OFlags::NOFOLLOW.bits().cast_signed();
            OpenOptions::new().append(true).custom_flags(no_link).open(path)
        }
        made => made,
    }
}

/// Replaces the whole file at once: a reader sees the former content or the new one. It belongs
/// to the owner of its folder.
pub fn replace(path: &Path, content: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let mut file = create(&beside)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync(path.parent().unwrap_or(path))
}

/// What was renamed or made in this folder is there after a power failure, too.
pub fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    if geteuid().is_root() {
        let folder = fs::metadata(path.parent().unwrap_or(path))?;
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}
