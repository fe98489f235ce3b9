//! Temporary folders, the service as a separate process, and `psql`.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use private_pg::{Options, Server};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const PREFIX: &str = "private-pg-test-";

/// A folder that is removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty folder: the first start creates the data.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    /// A folder with the data of a first start. It is created once and copied, to save time.
    pub fn created() -> Self {
        static CREATED: LazyLock<Folder> = LazyLock::new(|| {
            sweep();
            let folder = Folder::new();
            drop(folder.start());
            folder
        });
        let folder = Self::new();
        let copy = Command::new("cp").arg("-a").arg(CREATED.0.join(".")).arg(&folder.0).status();
        assert!(copy.unwrap().success());
        folder
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("pg")
    }

    pub fn options(&self) -> Options {
        options(self.0.clone())
    }

    pub fn start(&self) -> Server {
        Server::start(&self.options()).unwrap()
    }

    pub fn refusal(&self) -> String {
        let error = Server::start(&self.options()).unwrap_err().to_string();
        assert!(!error.contains('\n'), "one line: {error}");
        error
    }
}

/// Removes the folders of earlier runs.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse().ok());
        let over = |pid| Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_err());
        if pid.is_some_and(over) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Options without protection against power failures. Commits are still synchronous, so that they
/// survive a crash of the server.
fn options(folder: PathBuf) -> Options {
    let settings = vec![("synchronous_commit".to_owned(), "on".to_owned())];
    Options { folder, durable: false, die_with_parent: true, settings }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755));
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of the PostgreSQL that last ran on this data, run as the owner of the data.
pub fn program(data: &Path, name: &str) -> Command {
    let options = fs::read_to_string(data.join("postmaster.opts")).unwrap();
    let postgres = Path::new(options.split(" \"").next().unwrap());
    let mut command = Command::new(postgres.with_file_name(name));
    let owner = fs::metadata(data).unwrap();
    if owner.uid() != 0 {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir("/");
    command
}

pub fn psql(data: &Path, url: &str) -> Command {
    let mut psql = program(data, "psql");
    // `psql` runs as the user of the service, not as the user of the server.
    let path = psql.get_program().to_owned();
    psql = Command::new(path);
    psql.arg(url).args(["-XAtqw", "-v", "ON_ERROR_STOP=1"]);
    psql
}

/// Runs a query. Returns its result, or the error message of `psql`.
pub fn query(data: &Path, url: &str, sql: &str) -> Result<String, String> {
    let output = psql(data, url).args(["-c", sql]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Creates a table with a row, so that a loss of data is noticed.
pub fn write(data: &Path, url: &str) {
    query(data, url, "create table kept (id int); insert into kept values (42)").unwrap();
}

pub fn assert_kept(data: &Path, url: &str) {
    assert_eq!(query(data, url, "select id from kept"), Ok("42".into()));
}

pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < Duration::from_secs(15), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until a new server is running and has the data. Returns its pid.
pub fn comes_back(server: &Server, data: &Path, former: u32) -> u32 {
    let pid = eventually("it is back", || server.pid().filter(|pid| *pid != former));
    assert_kept(data, &server.url("postgres"));
    pid
}

/// The service as a separate process: this test program, controlled by environment variables.
pub struct Service {
    process: Child,
    /// Kept open, because the service fails if it cannot print.
    output: Lines<BufReader<ChildStdout>>,
    /// The result of the start: the pid and URL of the server, or the error.
    pub answer: Result<(u32, String), String>,
}

impl Service {
    pub fn command(folder: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "harness::as_service", "--nocapture"]);
        command.env("SERVICE_FOLDER", folder).env("SERVICE_STAYS", "false");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    pub fn start(folder: &Path) -> Self {
        Self::run(&mut Self::command(folder))
    }

    pub fn run(command: &mut Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let answer = output.find_map(|line| {
            let line = line.unwrap();
            let (_, answer) = line.split_once("SERVICE ")?;
            Some(match answer.split_once(' ').unwrap() {
                ("refused", error) => Err(error.to_owned()),
                (pid, url) => Ok((pid.parse().unwrap(), url.to_owned())),
            })
        });
        Self { process, output, answer: answer.unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.answer.as_ref().unwrap().0
    }

    pub fn url(&self) -> &str {
        &self.answer.as_ref().unwrap().1
    }

    pub fn refusal(&self) -> String {
        self.answer.clone().unwrap_err()
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn stop(mut self) {
        drop(self.process.stdin.take());
        self.output.by_ref().for_each(drop);
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program that [`Service`] runs; not a test.
#[test]
fn as_service() {
    let Some(folder) = std::env::var_os("SERVICE_FOLDER") else { return };
    let die_with_parent = std::env::var("SERVICE_STAYS").unwrap() == "false";
    let options = Options { die_with_parent, ..options(folder.into()) };
    let server = Server::start(&options);
    match &server {
        Ok(server) => println!("SERVICE {} {}", server.pid().unwrap(), server.url("postgres")),
        Err(error) => println!("SERVICE refused {error}"),
    }
    // Runs until it is told to end, or until the process that started it is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(server);
}
