//! A TCP proxy for a PostgreSQL server that parses the protocol message by message. It breaks the
//! connection at a planned message, and can be slow or silent.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use actix_web::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::support::process::free_port;

/// Replaces the type letter, which the first message of a connection does not have.
const STARTUP: u8 = 0;

/// The start of the transaction of every write request.
const BEGIN: &str = "begin; set local";

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The message never arrives, and the connection ends
    BeforeSend,
    /// The message arrives, its answer does not, and the connection ends
    AfterSend,
    /// The message arrives, a part of its answer does, and the connection ends
    MidAnswer,
    /// Neither this message nor later ones arrive; the connection stays open
    Held,
    /// The message arrives, but no more answers do; the connection stays open
    Silence,
}

/// The point at which a connection breaks.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// At the start of every connection, until the fault is withdrawn
    Startup,
    /// At the message of the next write with this number; its `begin` is number one
    Message(usize),
    /// At the executing message of the next write with this number
    Statement(usize),
    /// At the next statement of a write that contains this text
    Write(&'static str),
    /// At the next statement outside of a write that contains this text
    Read(&'static str),
}

#[derive(Clone)]
pub struct Proxy(Rc<State>);

struct State {
    port: u16,
    socket: String,
    plan: Cell<Option<(Place, Fault)>>,
    /// Messages and statements of the last finished write
    last_write: Cell<(usize, usize)>,
    /// The messages at which faults occurred: type letter and SQL
    met: RefCell<Vec<(u8, String)>>,
    news: Notify,
    mute: Cell<bool>,
    latency: Cell<Duration>,
    /// Bandwidth limit in bytes per second
    width: Cell<Option<usize>>,
}

impl Proxy {
    /// Creates a proxy for the server of this URL. Its port is closed until [`Proxy::open`].
    pub fn new(url: &str) -> Self {
        let socket = url.split_once("host=").unwrap().1.split('&').next().unwrap();
        let socket = format!("{}/.s.PGSQL.5432", socket.replace("%2F", "/"));
        Self(Rc::new(State {
            port: free_port(),
            socket,
            plan: Cell::new(None),
            last_write: Cell::default(),
            met: RefCell::default(),
            news: Notify::new(),
            mute: Cell::new(false),
            latency: Cell::new(Duration::ZERO),
            width: Cell::new(None),
        }))
    }

    pub async fn opened(url: &str) -> Self {
        let proxy = Self::new(url);
        proxy.open().await;
        proxy
    }

    pub fn url(&self, url: &str) -> String {
        let (place, _) = url.split_once('?').unwrap();
        let (user, database) = place.split_once("@/").unwrap();
        format!("{user}@127.0.0.1:{}/{database}?sslmode=disable", self.0.port)
    }

    pub async fn open(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.0.port)).await.unwrap();
        let state = self.0.clone();
        rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                rt::spawn(Connection::carry(state.clone(), client));
            }
        });
    }

    /// Plans a fault that occurs once; at [`Place::Startup`] it occurs until it is withdrawn.
    pub fn plan(&self, place: Place, fault: Fault) {
        self.0.plan.set(Some((place, fault)));
    }

    /// Withdraws the planned fault. Returns whether it was still pending.
    pub fn take_back(&self) -> bool {
        self.0.plan.take().is_some()
    }

    /// The numbers of messages and of statements of the last finished write.
    pub fn last_write(&self) -> (usize, usize) {
        self.0.last_write.get()
    }

    pub fn times_met(&self) -> usize {
        self.0.met.borrow().len()
    }

    /// The type letter and the SQL of the message at which the latest fault occurred.
    pub fn met_at(&self) -> (char, String) {
        let met = self.0.met.borrow();
        let (letter, sql) = met.last().unwrap();
        (char::from(*letter), sql.clone())
    }

    /// Waits until the planned fault has occurred.
    pub async fn meets(&self) {
        self.0.news.notified().await;
    }

    /// Silences all connections: they stay open, but transfer nothing any more.
    pub fn mute(&self, mute: bool) {
        self.0.mute.set(mute);
    }

    /// Sets the delay of each answer.
    pub fn delay(&self, latency: Duration) {
        self.0.latency.set(latency);
    }

    /// Sets the bandwidth of each direction of a connection, in bytes per second.
    pub fn narrow(&self, width: Option<usize>) {
        self.0.width.set(width);
    }
}

/// Checks whether a message executes a statement, instead of only preparing it.
fn carries_out(letter: u8) -> bool {
    letter == b'E' || letter == b'Q'
}

/// Splits bytes into messages: a type letter, a length that includes itself, and the content.
#[derive(Default)]
struct Inbox {
    bytes: Vec<u8>,
}

impl Inbox {
    fn next(&mut self, with_letter: bool) -> Option<Vec<u8>> {
        let start = usize::from(with_letter);
        let length = self.bytes.get(start..start + 4)?;
        let end = start + u32::from_be_bytes(length.try_into().unwrap()) as usize;
        (self.bytes.len() >= end).then(|| self.bytes.drain(..end).collect())
    }
}

/// A connection, until either side or a fault ends it.
struct Connection {
    state: Rc<State>,
    client: TcpStream,
    server: UnixStream,
    started: bool,
    /// The numbers of messages and of statements so far, within a write
    step: Option<(usize, usize)>,
    statements: HashMap<Vec<u8>, String>,
    /// SQL of the current statement
    sql: String,
    /// The type letters of the messages without an answer yet
    owed: VecDeque<u8>,
    cut: Option<Fault>,
    /// The received part of the answer that will not be delivered
    kept: Vec<u8>,
}

impl Connection {
    async fn carry(state: Rc<State>, client: TcpStream) -> Option<()> {
        let server = UnixStream::connect(&state.socket).await.ok()?;
        let mut it = Self {
            state,
            client,
            server,
            started: false,
            step: None,
            statements: HashMap::new(),
            sql: String::new(),
            owed: VecDeque::new(),
            cut: None,
            kept: vec![],
        };
        let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let (mut asked, mut answered) = (Inbox::default(), Inbox::default());
        loop {
            let (length, from_client) = tokio::select! {
                length = it.client.read(&mut up) => (length.ok()?, true),
                length = it.server.read(&mut down) => (length.ok()?, false),
            };
            if length == 0 {
                return None;
            }
            if it.state.mute.get() {
                return it.say_nothing().await;
            }
            if from_client {
                asked.bytes.extend(&up[..length]);
                while let Some(message) = asked.next(it.started) {
                    it.ask(&message).await?;
                }
            } else {
                answered.bytes.extend(&down[..length]);
                let mut through = vec![];
                while let Some(message) = answered.next(true) {
                    it.answer(message, &mut through).await?;
                }
                sleep(it.state.latency.get()).await;
                it.tell_client(&through).await?;
            }
        }
    }

    async fn ask(&mut self, message: &[u8]) -> Option<()> {
        if self.cut.is_some() {
            return Some(());
        }
        let letter = if self.started { message[0] } else { STARTUP };
        if letter == STARTUP && message[4..6] != [0, 3] {
            // The client requests encryption, and continues without it after a refusal.
            return self.client.write_all(b"N").await.ok();
        }
        self.started = true;
        self.read(letter, message);
        if let Some(fault) = self.meets(letter) {
            match fault {
                Fault::BeforeSend => return None,
                Fault::Held => return self.say_nothing().await,
                _ => self.cut = Some(fault),
            }
        }
        let answered = b"PBDECSQ\0".contains(&letter);
        self.owed.extend(answered.then_some(letter));
        self.tell_server(message).await?;
        if self.cut.is_some() && b"PBDEC".contains(&letter) {
            // Otherwise the server would buffer its answer until the client sends Sync.
            self.tell_server(b"H\0\0\0\x04").await?;
        }
        Some(())
    }

    /// Records the statement to which this message belongs.
    fn read(&mut self, letter: u8, message: &[u8]) {
        let mut texts = message.get(5..).unwrap_or_default().split(|byte| *byte == 0);
        let mut text = || texts.next().unwrap_or_default();
        match letter {
            b'Q' => self.sql = String::from_utf8_lossy(text()).into_owned(),
            b'P' => {
                let (name, sql) = (text().to_vec(), text());
                self.sql = String::from_utf8_lossy(sql).into_owned();
                self.statements.insert(name, self.sql.clone());
            }
            b'B' => {
                let (_portal, name) = (text(), text());
                self.sql = self.statements.get(name).cloned().unwrap_or_default();
            }
            _ => {}
        }
        if letter == b'Q' && self.sql.starts_with(BEGIN) {
            self.step = Some((0, 0));
        }
        if let Some((messages, statements)) = &mut self.step {
            *messages += 1;
            *statements += usize::from(carries_out(letter));
        }
    }

    /// Returns the planned fault if this message meets it.
    fn meets(&self, letter: u8) -> Option<Fault> {
        let (place, fault) = self.state.plan.get()?;
        let (acts, step) = (carries_out(letter), self.step);
        let here = match place {
            Place::Startup => letter == STARTUP,
            Place::Message(number) => step.is_some_and(|it| it.0 == number),
            Place::Statement(number) => acts && step.is_some_and(|it| it.1 == number),
            Place::Write(sql) => acts && step.is_some() && self.sql.contains(sql),
            Place::Read(sql) => acts && step.is_none() && self.sql.contains(sql),
        };
        here.then(|| {
            if !matches!(place, Place::Startup) {
                self.state.plan.set(None);
            }
            self.state.met.borrow_mut().push((letter, self.sql.clone()));
            if matches!(fault, Fault::BeforeSend | Fault::Held) {
                self.state.news.notify_one();
            }
            fault
        })
    }

    async fn answer(&mut self, message: Vec<u8>, through: &mut Vec<u8>) -> Option<()> {
        let last = self.owed.len() == 1;
        let ends = |letter: u8| match letter {
            STARTUP => b"R".as_slice(),
            b'P' => b"1",
            b'B' => b"2",
            b'D' => b"Tn",
            b'E' => b"CIs",
            b'C' => b"3",
            _ => b"Z",
        };
        if message[0] == b'E' {
            // After an error, the server skips all messages until the next Sync.
            while self.owed.front().is_some_and(|it| !b"SQ".contains(it)) {
                self.owed.pop_front();
            }
        } else if self.owed.front().is_some_and(|it| ends(*it).contains(&message[0])) {
            self.owed.pop_front();
        }
        // The answer to messages before the write must not end it.
        if message[0] == b'Z'
            && message[5] == b'I'
            && self.owed.is_empty()
            && let Some(step) = self.step.take()
        {
            self.state.last_write.set(step);
        }
        let Some(fault) = self.cut.filter(|_| last) else {
            through.extend(message);
            return Some(());
        };
        self.kept.extend(message);
        if self.owed.is_empty() {
            if fault == Fault::MidAnswer {
                through.extend(&self.kept[..self.kept.len() / 2]);
            }
            self.client.write_all(through).await.ok()?;
            self.state.news.notify_one();
            if fault == Fault::Silence {
                return self.say_nothing().await;
            }
            return None;
        }
        Some(())
    }

    /// Discards all input without an answer, until the client closes the connection.
    async fn say_nothing(&mut self) -> Option<()> {
        let mut taken = vec![0; 1 << 16];
        while self.client.read(&mut taken).await.ok()? > 0 {}
        None
    }

    async fn tell_server(&mut self, bytes: &[u8]) -> Option<()> {
        self.at_pace(bytes.len()).await;
        self.server.write_all(bytes).await.ok()
    }

    async fn tell_client(&mut self, bytes: &[u8]) -> Option<()> {
        let Some(width) = self.state.width.get() else {
            return self.client.write_all(bytes).await.ok();
        };
        // Sends a part every tenth of a second.
        for part in bytes.chunks((width / 10).max(1)) {
            self.at_pace(part.len()).await;
            self.client.write_all(part).await.ok()?;
        }
        Some(())
    }

    async fn at_pace(&self, length: usize) {
        if let Some(width) = self.state.width.get() {
            let micros = length * 1_000_000 / width;
            sleep(Duration::from_micros(micros as u64)).await;
        }
    }
}
