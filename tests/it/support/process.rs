//! The real binary as a separate process that can be killed, and a client for it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::scratch::FOLDER;

const PASSWORD: &str = "a password of the tests";

/// Time limit of a debug build on a busy machine; the first start also runs initdb.
pub const START: Duration = Duration::from_mins(1);

/// A `salesbook serve` process with its settings, which can be restarted.
pub struct Process {
    child: Option<Child>,
    pub folder: PathBuf,
    pub port: u16,
    settings: Vec<(String, String)>,
}

impl Process {
    /// Starts a process with a private PostgreSQL and waits until it is ready.
    pub async fn private() -> Self {
        let mut process = Self::new();
        process.start();
        process.ready(START).await;
        process
    }

    /// Starts a process on an existing database and waits until it is ready.
    pub async fn on(url: &str) -> Self {
        let mut process = Self::new();
        process.set("DATABASE_URL", url);
        process.start();
        process.ready(START).await;
        process
    }

    /// Prepares a process without starting it.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Within the folder that the harness removes after a run.
        let folder = FOLDER.join(format!("process-{number}"));
        fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        Self { child: None, folder, port, settings: vec![] }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesbook"));
        command.arg(name).env_remove("DATABASE_URL").env_remove("SALESBOOK_SECRET");
        command.env("SALESBOOK_LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("SALESBOOK_URL", self.url());
        command.env("SALESBOOK_DATA_DIR", self.data());
        command.env("SALESBOOK_ADMIN_PASSWORD", PASSWORD).env("SALESBOOK_LOG", "warn");
        command.env("SALESBOOK_USERNAME", "admin").env("SALESBOOK_PASSWORD", PASSWORD);
        for (variable, _) in std::env::vars().filter(|variable| variable.0.starts_with("AWS_")) {
            command.env_remove(variable);
        }
        command.envs(self.settings.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub fn start(&mut self) {
        self.run("serve", Stdio::null());
    }

    /// Starts this command with its standard output going to `output`.
    pub fn run(&mut self, name: &str, output: impl Into<Stdio>) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        self.child = Some(self.command(name).stdout(output).stderr(log).spawn().unwrap());
    }

    /// Runs a command that must fail. Returns its standard error stream.
    pub async fn refused(&mut self, name: &str, within: Duration) -> String {
        let mut command = self.command(name);
        match name {
            "import" => command.arg(&self.folder),
            "user" | "client" => command.arg("new"),
            _ => &mut command,
        };
        let log = File::create(self.log_file()).unwrap();
        self.child = Some(command.stderr(log).spawn().unwrap());
        let status = self.ended(within).await;
        let status = status.unwrap_or_else(|| panic!("it runs: {}", self.log()));
        assert!(!status.success(), "{}", self.log());
        self.log()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until the service is ready. Returns the time that it took.
    pub async fn ready(&self, within: Duration) -> Duration {
        let start = Instant::now();
        while !matches!(self.get("/health/ready").await, Ok(answer) if answer.status == 200) {
            assert!(start.elapsed() < within, "not ready after {within:?}: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    }

    /// Kills the process without warning, as a power failure would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Requests a graceful shutdown. `None` if the process has not ended within this time.
    pub async fn terminate(&mut self, within: Duration) -> Option<ExitStatus> {
        signal("TERM", self.pid());
        self.ended(within).await
    }

    pub async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < within {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return Some(status);
            }
            sleep(Duration::from_millis(20)).await;
        }
        None
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The process id of the private PostgreSQL, while it runs.
    pub fn postmaster(&self) -> Option<u32> {
        self.postmaster_file()?.into_iter().next()?.parse().ok()
    }

    fn postmaster_file(&self) -> Option<Vec<String>> {
        let text = fs::read_to_string(self.data().join("pg/postmaster.pid")).ok()?;
        Some(text.lines().map(str::to_owned).collect())
    }

    /// The URL of the database, for direct access.
    pub fn database(&self) -> String {
        if let Some((_, url)) = self.settings.iter().find(|it| it.0 == "DATABASE_URL") {
            return url.clone();
        }
        let password = fs::read_to_string(self.data().join("password")).unwrap();
        let socket = self.postmaster_file().unwrap()[4].replace('/', "%2F");
        format!("postgresql://app:{}@/postgres?host={socket}&port=5432", password.trim())
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub async fn get(&self, path: &str) -> Result<Told, Lost> {
        let caller = Caller { port: self.port, token: String::new() };
        caller.get(path).await
    }

    pub async fn admin(&self) -> Caller {
        let nobody = Caller { port: self.port, token: String::new() };
        let login = json!({ "username": "admin", "password": PASSWORD });
        let answer = nobody.post("/auth/login", &login, "").await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        Caller { token: answer.body["access_token"].as_str().unwrap().to_owned(), ..nobody }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "the service said at last:\n{}",
                lines[lines.len().saturating_sub(9)..].join("\n")
            );
        }
        // The files may be in memory.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Sends a signal: `KILL` ends the process, `STOP` pauses it.
pub fn signal(name: &str, pid: u32) {
    assert!(took(name, pid), "{name} {pid}");
}

/// Sends a signal. Returns whether the process still existed.
pub fn took(name: &str, pid: u32) -> bool {
    let kill = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
    kill.unwrap().success()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A complete response.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Told {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1).next()
    }

    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_else(|| panic!("{:#}", self.body))
    }

    /// Parses the bytes of a connection that was closed after one response.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let body = &bytes[end + 4..];
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut told = Self { status, head, body: Value::Null };
        let length = told.header("content-length").map_or(Some(0), |it| it.parse().ok())?;
        // A truncated body is not a response.
        (body.len() >= length).then_some(())?;
        told.body = serde_json::from_slice(body).unwrap_or_default();
        Some(told)
    }
}

/// No response arrived, so the outcome of the request is unknown.
#[derive(Debug)]
pub struct Lost;

/// A client that opens a new connection for each request.
#[derive(Clone)]
pub struct Caller {
    pub port: u16,
    pub token: String,
}

impl Caller {
    pub async fn get(&self, path: &str) -> Result<Told, Lost> {
        send(self.port, self.request("GET", path, "", None).as_bytes()).await
    }

    pub async fn post(&self, path: &str, body: &Value, key: &str) -> Result<Told, Lost> {
        send(self.port, self.posting(path, body, key).as_bytes()).await
    }

    pub async fn patch(&self, path: &str, tag: &str, body: &Value) -> Result<Told, Lost> {
        let tag = format!("if-match: {tag}\r\n");
        send(self.port, self.request("PATCH", path, &tag, Some(body)).as_bytes()).await
    }

    /// The bytes of a POST request.
    pub fn posting(&self, path: &str, body: &Value, key: &str) -> String {
        let key = if key.is_empty() { key } else { &format!("idempotency-key: {key}\r\n") };
        self.request("POST", path, key, Some(body))
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: Option<&Value>) -> String {
        let path = if path.starts_with("/health") { path } else { &format!("/api/v1{path}") };
        let body = body.map(Value::to_string).unwrap_or_default();
        let token = match &*self.token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}{headers}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }
}

async fn send(port: u16, request: &[u8]) -> Result<Told, Lost> {
    Told::read(&exchange(port, request).await).ok_or(Lost)
}

/// Sends bytes and reads until the other side closes the connection, for at most a minute.
pub async fn exchange(port: u16, request: &[u8]) -> Vec<u8> {
    let mut answer = vec![];
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    let _ = timeout(Duration::from_mins(1), talk).await;
    answer
}

/// Returns the only column of a query as text.
pub async fn texts(url: &str, query: &str) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let mut conn = salesbook::platform::db::connect(url).await.unwrap();
    let query = diesel::sql_query(format!("select it::text as text from ({query}) as t (it)"));
    let rows: Vec<Row> = query.load(&mut conn).await.unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

pub async fn count(url: &str, rows: &str) -> usize {
    texts(url, &format!("select count(*) from {rows}")).await[0].parse().unwrap()
}

pub async fn execute(url: &str, sql: &str) {
    let mut conn = salesbook::platform::db::connect(url).await.unwrap();
    conn.batch_execute(sql).await.unwrap();
}

/// Waits until such rows exist.
pub async fn until(url: &str, rows: &str) {
    let start = Instant::now();
    while count(url, rows).await == 0 {
        assert!(start.elapsed() < START, "never: {rows}");
        sleep(Duration::from_millis(20)).await;
    }
}
