//! Files that only their owner can read.
//!
//! Root may work in the folder of another user. Files there are never opened through a symbolic
//! link, which that user may have placed. New files belong to the owner of the folder, so that the
//! service can later run without root.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// Opens a file for appending and creates it if it is missing.
pub fn open(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let no_link = OFlags::NOFOLLOW.bits().cast_signed();
            OpenOptions::new().append(true).custom_flags(no_link).open(path)
        }
        made => made,
    }
}

/// Moves the content of a file that is too large to `former`. The file itself is copied and
/// truncated, because another process keeps it open and continues to append. Lines written between
/// the two steps are lost.
pub fn rotate(path: &Path, former: &Path, largest: u64) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.is_file() && file.len() > largest => {}
        _ => return Ok(()),
    }
    let _ = fs::remove_file(former);
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).append(true).custom_flags(no_link).open(path)?;
    io::copy(&mut file, &mut create(former)?)?;
    file.set_len(0)
}

/// Replaces a file atomically: readers see either the former content or the new one. The new file
/// belongs to the owner of its folder.
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

/// Makes the creation and renaming of files in this folder durable.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_has_grown_begins_anew_while_it_is_written() {
        let folder = std::env::temp_dir().join(format!("private-pg-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (path, former) = (folder.join("log"), folder.join("log.1"));
        let mut writer = open(&path).unwrap();
        writer.write_all(b"one two").unwrap();

        rotate(&path, &former, 7).unwrap();
        assert!(!former.exists(), "it is not too large yet");
        rotate(&path, &former, 6).unwrap();
        writer.write_all(b"three").unwrap();

        assert_eq!(fs::read_to_string(&former).unwrap(), "one two");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        fs::remove_dir_all(&folder).unwrap();
    }
}
