//! A data folder: creates it and launches a server on it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tracing::warn;

use crate::identity::Identity;
use crate::postmaster::{self, Found, Postmaster, TICK};
use crate::watch::Stop;
use crate::{Error, Options, failed, files, find, role, socket, tuning};

/// Time that a server of another process may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// Time that the remains of a dead process may obstruct a new one.
const LEAVING: Duration = Duration::from_secs(10);

/// Time within which a server reacts to the death of its parent. One that is still ready after
/// this time keeps running.
const TOLD: Duration = Duration::from_millis(300);

/// Prefix of the names of unfinished data folders.
const UNFINISHED: &str = "pg.new";

const LARGEST_LOG: u64 = 10 << 20;

const ACCESS: &str = "# Overwritten whenever the service starts the server.
local all         all scram-sha-256
local replication all scram-sha-256
";

/// The data needed to connect.
pub struct Access {
    pub socket: PathBuf,
    pub password: String,
}

pub struct Cluster {
    folder: PathBuf,
    data: PathBuf,
    /// Appears in the title of each process of the server, by which orphans are found.
    name: String,
    socket: PathBuf,
    identity: Identity,
    options: Options,
}

impl Cluster {
    pub fn new(folder: PathBuf, options: Options) -> Result<Self, Error> {
        if folder.to_str().is_none_or(|name| name.contains(char::is_control)) {
            // Such a name fits neither into a URL nor into `postmaster.pid`.
            let name = folder.display().to_string();
            let what = "the data folder needs a name in plain UTF-8, not";
            return Err(Error(format!("{what} \"{}\"", name.escape_debug())));
        }
        let data = folder.join("pg");
        let identity = Identity::choose(&data)?;

        // The FNV-1a hash of the path distinguishes the servers of this machine.
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = folder.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        let name = format!("private-pg-{hash:016x}");
        let socket = socket::place(&folder, &name);
        Ok(Self { folder, data, name, socket, identity, options })
    }

    /// Adopts a server that is still running, or starts one, creating the data if necessary.
    pub fn open(&mut self, stop: &Stop) -> Result<(Postmaster, Access), Error> {
        let path = self.folder.join("password");
        if let Some(left) = self.left_running(stop)? {
            let mut server = Postmaster::adopted(&left, &self.data);
            if let Some(password) = self.password(&path)? {
                self.socket = left.socket;
                return Ok((server, Access { socket: self.socket.clone(), password }));
            }
            // Roles and a new password can be set in single-user mode only.
            if !server.stop() {
                let pid = server.pid();
                return Err(Error(format!("the server (pid {pid}) on this data does not stop")));
            }
        }

        if !self.data.exists() {
            self.create()?;
        }
        let password = match self.password(&path)? {
            Some(password) => password,
            None => self.set_password(&path)?,
        };
        let server = self.launch(stop)?;
        Ok((server, Access { socket: self.socket.clone(), password }))
    }

    /// Checks whether the last server was shut down cleanly.
    pub fn is_shut_down(&self) -> bool {
        !self.data.join("postmaster.pid").exists()
    }

    /// Ends the remaining processes of a dead server, and removes the folder of the socket, which
    /// may be in the temporary folder of the machine.
    pub fn close(&self) {
        if postmaster::found(&self.data).is_none() {
            postmaster::end_orphans(&self.name, Signal::QUIT);
        }
        // Fails, as intended, if a server that did not stop still has its socket there.
        let _ = fs::remove_dir(&self.socket);
    }

    /// Finds a server on this data that is not our child. Waits for its end if it is going down
    /// with a killed service.
    fn left_running(&self, stop: &Stop) -> Result<Option<Found>, Error> {
        let start = Instant::now();
        while let Some(found) = postmaster::found(&self.data) {
            if found.ready && (!self.options.die_with_parent || start.elapsed() > TOLD) {
                return Ok(Some(found));
            }
            if start.elapsed() > PATIENCE || stop.asked_within(TICK) {
                let (data, pid) = (self.data.display(), found.pid.as_raw_nonzero());
                let what = "neither becomes ready nor ends";
                return Err(Error(format!("a server (pid {pid}) on {data} {what}")));
            }
        }
        Ok(None)
    }

    /// Creates the data under a temporary name and renames it, so that an interrupted `initdb`
    /// leaves no incomplete data folder.
    fn create(&self) -> Result<(), Error> {
        let binaries = find::for_data(&self.data)?;
        self.remove_unfinished();
        // A new name each time, because an interrupted `initdb` may still be running for a moment.
        let unfinished = self.folder.join(format!("{UNFINISHED}.{}", std::process::id()));
        let failed = || failed(format!("cannot make {}", unfinished.display()));
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(failed())?;
        self.identity.own(&unfinished).map_err(failed())?;

        let mut initdb = Command::new(binaries.join("initdb"));
        // With plain C, trigram indexes would ignore Chinese text.
        initdb.args(["--locale=C", "--lc-ctype=C.UTF-8", "--encoding=UTF8", "--data-checksums"]);
        initdb.args(["--auth=reject", "--no-instructions", "--username", role::SUPERUSER]);
        initdb.arg("-D").arg(&unfinished);
        if !self.options.durable {
            initdb.arg("--no-sync");
        }
        self.run("initdb", &mut initdb, "")?;

        fs::rename(&unfinished, &self.data).map_err(failed())?;
        files::sync(&self.folder).map_err(failed())
    }

    fn remove_unfinished(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let start = Instant::now();
            while entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                match fs::remove_dir_all(entry.path()) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        if start.elapsed() > LEAVING {
                            warn!(path = %entry.path().display(), %error, "cannot be removed");
                            break;
                        }
                        sleep(TICK);
                    }
                    _ => break,
                }
            }
        }
    }

    /// Reads the password. Returns `None` if there is none yet, or if the roles are those of an
    /// older version.
    fn password(&self, path: &Path) -> Result<Option<String>, Error> {
        Ok(read_password(path)?.filter(|_| role::mark(&self.data).exists()))
    }

    /// Creates the roles with a random password, and stores the password afterwards, so that a
    /// stored password is always valid.
    fn set_password(&self, path: &Path) -> Result<String, Error> {
        let mut random = [0; 24];
        let source =
            File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random));
        source.map_err(failed("/dev/urandom"))?;
        let password = random.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });

        let start = Instant::now();
        let attempt = || {
            self.make_way(start);
            let mut postgres = Command::new(find::for_data(&self.data)?.join("postgres"));
            postgres.arg("--single").arg("-D").arg(&self.data);
            postgres.args(["-c", "exit_on_error=on", "postgres"]);
            self.past_stale(&mut postgres);
            self.run("postgres --single", &mut postgres, &role::script(&password))
        };
        while let Err(error) = attempt() {
            if !is_leaving(&error.0) || start.elapsed() > LEAVING {
                return Err(error);
            }
            sleep(20 * TICK);
        }

        let written = files::replace(path, &format!("{password}\n"));
        let written = written.and_then(|()| files::replace(&role::mark(&self.data), ""));
        written.map_err(failed(format!("cannot write {}", path.display())))?;
        Ok(password)
    }

    /// Runs a program to its end. If it fails, its own message becomes the error.
    fn run(&self, name: &str, command: &mut Command, input: &str) -> Result<(), Error> {
        let command = self.identity.apply(command, true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| self.identity.explain(&self.data, &error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If the program ends without reading its input, its own message is the better error.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(failed(name))?;
        if output.status.success() {
            return Ok(());
        }
        let why = complaint(&String::from_utf8_lossy(&output.stderr));
        Err(Error(format!("{name} on {} failed: {why}", self.data.display())))
    }

    /// Launches a server and returns when it is ready. There is no time limit: a recovery that is
    /// interrupted would start from the beginning. Returns at once when asked to stop.
    ///
    /// Must be called on a thread that lives as long as the server: Linux reports the death of
    /// the parent when the *thread* that created the child ends.
    pub fn launch(&self, stop: &Stop) -> Result<Postmaster, Error> {
        let start = Instant::now();
        loop {
            if let Some(left) = self.left_running(stop)? {
                return Ok(Postmaster::adopted(&left, &self.data));
            }
            self.make_way(start);
            let log = self.log()?;
            let said_before = log.metadata().map(|log| log.len()).unwrap_or_default();
            let mut command = self.command(&log)?;
            let child = self.identity.apply(&mut command, self.options.die_with_parent).spawn();
            let child = child.map_err(|error| self.identity.explain(&self.data, &error))?;
            let mut server = Postmaster::started(child, &self.data);

            let mut told = Instant::now();
            let status = loop {
                if server.is_ready() {
                    return Ok(server);
                }
                if let Some(status) = server.ended() {
                    break status;
                }
                if stop.asked_within(TICK) {
                    return Ok(server);
                }
                if told.elapsed() > PATIENCE {
                    warn!(data = %self.data.display(), "PostgreSQL is still starting");
                    told = Instant::now();
                }
            };

            // The remains of the previous server disappear after a while, so that a retry helps.
            let path = self.folder.join("postgres.log");
            let why = complaint(&said_since(&path, said_before));
            if !is_leaving(&why) || start.elapsed() > LEAVING || stop.asked_within(20 * TICK) {
                let log = path.display();
                return Err(Error(format!("postgres ended at once ({status}): {why}; see {log}")));
            }
        }
    }

    fn command(&self, log: &File) -> Result<Command, Error> {
        socket::make(&self.socket, &self.identity)?;
        let access = files::replace(&self.data.join("pg_hba.conf"), ACCESS);
        access.map_err(failed(format!("cannot write to {}", self.data.display())))?;

        let mut postgres = Command::new(find::for_data(&self.data)?.join("postgres"));
        postgres.arg("-D").arg(&self.data);
        let mut set = |name: &str, value: &str| {
            postgres.arg("-c").arg(format!("{name}={value}"));
        };

        // Quoted, because the value is a list separated by commas and blanks.
        let socket = self.socket.display().to_string().replace('"', "\"\"");
        set("unix_socket_directories", &format!("\"{socket}\""));
        set("listen_addresses", "");
        set("port", &socket::PORT.to_string());
        set("cluster_name", &self.name);
        set("timezone", "UTC");

        // Messages about refused values may contain personal data such as names and phone numbers.
        // The client receives them, but they must not be logged. The level `log` leaves out errors
        // of statements and keeps the events of the server itself.
        set("log_min_messages", "log");
        set("log_min_error_statement", "panic");
        set("log_error_verbosity", "terse");
        set("log_parameter_max_length_on_error", "0");
        if self.options.durable {
            for (name, value) in tuning::settings() {
                set(name, &value);
            }
        } else {
            set("fsync", "off");
            set("synchronous_commit", "off");
            set("full_page_writes", "off");
        }
        self.options.settings.iter().for_each(|(name, value)| set(name, value));

        self.past_stale(&mut postgres);
        let log = || log.try_clone().map_err(failed("cannot share the log"));
        postgres.stdin(Stdio::null()).stdout(log()?).stderr(log()?);
        Ok(postgres)
    }

    fn make_way(&self, since: Instant) {
        let patient = since.elapsed() < LEAVING / 10;
        postmaster::end_orphans(&self.name, if patient { Signal::QUIT } else { Signal::KILL });
    }

    /// Makes PostgreSQL ignore a stale `postmaster.pid`: it does not take its own grandparent for
    /// a running server. Its check for the shared memory of a former server remains.
    fn past_stale(&self, postgres: &mut Command) {
        if let Some(pid) = postmaster::stale(&self.data) {
            postgres.env("PG_GRANDPARENT_PID", pid.to_string());
        }
    }

    /// Starts a new log if the current one is too large. Works while the server is running.
    pub fn rotate_log(&self) {
        let (path, former) = (self.folder.join("postgres.log"), self.folder.join("postgres.log.1"));
        if let Err(error) = files::rotate(&path, &former, LARGEST_LOG) {
            warn!(path = %path.display(), %error, "the log cannot be rotated");
        }
    }

    fn log(&self) -> Result<File, Error> {
        let path = self.folder.join("postgres.log");
        self.rotate_log();
        files::open(&path).map_err(failed(format!("cannot write {}", path.display())))
    }
}

fn read_password(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|password| !password.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(format!("cannot read {}", path.display()))(error)),
    }
}

/// Checks for failures that are only due to the remains of a former server.
fn is_leaving(why: &str) -> bool {
    why.contains("is still in use") || why.contains("already exists")
}

fn said_since(log: &Path, position: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(position))?;
        let mut said = Vec::new();
        file.read_to_end(&mut said).map(|_| said)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The most useful line of a program's output: the last one that is marked as an error.
fn complaint(said: &str) -> String {
    let marks = ["PANIC:", "FATAL:", "error:"];
    let from_mark =
        |line: &str| marks.iter().find_map(|mark| Some(line[line.find(mark)?..].to_owned()));
    let lines = || said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().find_map(from_mark).or_else(|| lines().next().map(str::to_owned));
    line.unwrap_or_else(|| "it said nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn the_complaint_is_one_line() {
        let said = "2026-01-01 UTC [7] FATAL:  lock file exists\n2026 UTC [7] HINT:  Is it?\n\n";
        assert_eq!(complaint(said), "FATAL:  lock file exists");
        assert_eq!(complaint("what\nSegmentation fault\n"), "Segmentation fault");
        assert_eq!(complaint(""), "it said nothing");
    }
}
