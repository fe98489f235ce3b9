//! A private PostgreSQL server: found, created, started, watched over and stopped by us.
//!
//! It listens on a unix socket only, in a folder that nobody else can enter, and asks for a
//! password that is made at random and kept beside the data. When it dies it is started again.
//! It knows nothing of sales. The one crate with unsafe code, in `identity`.
//!
//! What lies in the data folder:
//!
//! | name           | what                                                          |
//! |----------------|---------------------------------------------------------------|
//! | `pg`           | PostgreSQL's own data folder                                  |
//! | `pg.new.*`     | one that is being made, or whose making was interrupted       |
//! | `password`     | of the role `app`; if it is deleted, the next start makes another |
//! | `postgres.log` | what the server says, 10 MiB at most, with the former one as `postgres.log.1` |
//! | `run`          | the socket's folder, unless its path is too long for a socket |
//! | `lock`         | held by the one process that runs this server                 |

mod cluster;
mod files;
mod find;
mod identity;
mod postmaster;
mod role;
mod socket;
mod tuning;
mod watch;

use std::fs::{DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{error, fmt, fs, io};

use cluster::Cluster;
use postmaster::TICK;
use role::USER;
use watch::Keeper;

/// How long a process may take to go after it was killed.
const GOING: Duration = Duration::from_millis(300);

/// Why a server could not be started: one line, for whoever runs the service.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Error {}

fn failed(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Error {
    move |error| Error(format!("{what}: {error}"))
}

/// How a server is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Holds the data, the log, the password and a lock.
    pub folder: PathBuf,
    /// Survives a power failure; tests do without and are faster.
    pub durable: bool,
    /// Goes down with this process even when that is killed (Linux); else the next start adopts it.
    pub die_with_parent: bool,
    /// Settings as in `postgresql.conf`, stronger than ours.
    pub settings: Vec<(String, String)>,
}

/// A running server, brought back when it dies. Dropping this stops it.
pub struct Server {
    socket: PathBuf,
    password: String,
    keeper: Keeper,
    /// One process per folder, for as long as this lives.
    lock: File,
}

impl Server {
    /// Makes the data folder if it is missing, and answers when the server takes connections.
    ///
    /// A server that a killed process left behind is taken over, or awaited if it is going down.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let unusable = || {
            format!(
                "SALESBOOK_DATA_DIR: the data folder {} cannot be used",
                options.folder.display()
            )
        };
        DirBuilder::new().recursive(true).create(&options.folder).map_err(failed(unusable()))?;
        let folder = fs::canonicalize(&options.folder).map_err(failed(unusable()))?;
        let lock = lock(&folder)?;
        let cluster = Cluster::new(folder, options.clone())?;
        let (keeper, access) = Keeper::start(cluster)?;
        Ok(Self { socket: access.socket, password: access.password, keeper, lock })
    }

    /// A connection URL. The user owns the database and is no superuser.
    ///
    /// It holds the password: not for logs, nor for the arguments of a command.
    pub fn url(&self, database: &str) -> String {
        let (password, database) = (encode(self.password.as_bytes()), encode(database.as_bytes()));
        let socket = encode(self.socket.as_os_str().as_encoded_bytes());
        format!("postgresql://{USER}:{password}@/{database}?host={socket}&port={}", socket::PORT)
    }

    /// The process id of the postmaster; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// Ends the watching and then the server (open transactions roll back), and insists after ten
    /// seconds. Whether it has ended.
    pub fn stop(&mut self) -> bool {
        self.keeper.stop()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // Closing would not do while a process that another thread forks has a copy of it.
        let _ = self.lock.unlock();
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let unwritable =
        || format!("SALESBOOK_DATA_DIR: the data folder {} cannot be written", folder.display());
    let file = files::open(&folder.join("lock")).map_err(failed(unwritable()))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A killed process holds it until it is quite gone.
            Err(TryLockError::WouldBlock) if start.elapsed() < GOING => sleep(TICK),
            Err(TryLockError::WouldBlock) => {
                let folder = folder.display();
                return Err(Error(format!(
                    "SALESBOOK_DATA_DIR: {folder} is in use by another running instance"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(unwritable())(error)),
        }
    }
}

/// Percent-encodes all but the characters that a URL never gives a meaning of their own.
fn encode(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn encodes_what_has_a_meaning_in_a_url() {
        assert_eq!(encode("/a b/客?&:@%".as_bytes()), "%2Fa%20b%2F%E5%AE%A2%3F%26%3A%40%25");
        assert_eq!(encode(b"Az09-._~"), "Az09-._~");
    }
}
