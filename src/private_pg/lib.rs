//! Runs a private PostgreSQL server: finds the installation, creates the data, and starts,
//! supervises and stops the server.
//!
//! The server listens only on a unix socket in a folder that nobody else can enter, and requires
//! a random password that is stored next to the data. If it dies, it is started again. The crate
//! knows nothing of sales. It is the only one with unsafe code, in `identity`.
//!
//! Contents of the data folder:
//!
//! | name           | content                                                       |
//! |----------------|---------------------------------------------------------------|
//! | `pg`           | PostgreSQL's own data folder                                  |
//! | `pg.new.*`     | a data folder that is being created, or was interrupted       |
//! | `password`     | password of the role `app`; if deleted, the next start sets a new one |
//! | `postgres.log` | log of the server, 10 MiB at most; the previous one is `postgres.log.1` |
//! | `run`          | folder of the socket, unless its path is too long for a socket |
//! | `lock`         | locked by the process that runs this server                   |

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
use watch::Supervisor;

/// Time that a killed process may take to disappear.
const GOING: Duration = Duration::from_millis(300);

/// The reason why a server could not be started: one line for the operator of the service.
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

/// Settings of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder for the data, the log, the password and a lock.
    pub folder: PathBuf,
    /// Makes committed data survive a power failure. Tests turn this off to be faster.
    pub durable: bool,
    /// Stops the server when this process is killed (Linux only). Otherwise it keeps running, and the
    /// next start adopts it.
    pub die_with_parent: bool,
    /// Settings as in `postgresql.conf`; they override those of this crate.
    pub settings: Vec<(String, String)>,
}

/// A running server, which is restarted when it dies. Dropping this value stops it.
pub struct Server {
    socket: PathBuf,
    password: String,
    keeper: Supervisor,
    /// Prevents other processes from using the folder while this value lives.
    lock: File,
}

impl Server {
    /// Creates the data folder if it is missing, and returns when the server accepts connections.
    ///
    /// If a killed process left its server running, it is adopted. If that server is shutting
    /// down, this function waits for its end first.
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
        let (keeper, access) = Supervisor::start(cluster)?;
        Ok(Self { socket: access.socket, password: access.password, keeper, lock })
    }

    /// A connection URL. Its user is not a superuser.
    ///
    /// The URL contains the password: keep it out of logs and command arguments.
    pub fn url(&self, database: &str) -> String {
        let (password, database) = (encode(self.password.as_bytes()), encode(database.as_bytes()));
        let socket = encode(self.socket.as_os_str().as_encoded_bytes());
        format!("postgresql://{USER}:{password}@/{database}?host={socket}&port={}", socket::PORT)
    }

    /// The process id of the postmaster, or `None` while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// Stops the supervision and then the server: open transactions are rolled back. After ten
    /// seconds the server is stopped by force. Returns whether it has ended.
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
        // Closing the file is not enough: a process forked by another thread may have a copy.
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
            // A killed process holds the lock until it has disappeared.
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

/// Percent-encodes all characters except the unreserved ones of URLs.
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
