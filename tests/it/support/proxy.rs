//! A way to a PostgreSQL server over TCP that understands what is said on it, message by message,
//! and breaks at one of them; slow or silent when it is told to be.

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

/// What stands in the place of the letter that the first message of a connection has not.
const STARTUP: u8 = 0;

/// How the transaction of every request that writes begins.
const BEGIN: &str = "begin; set local";

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The message never arrives, and the connection ends
    BeforeSend,
    /// It arrives, its answer does not, and the connection ends
    AfterSend,
    /// A part of the answer does
    MidAnswer,
    /// Neither it nor anything else is carried any more; the connection stays
    Held,
    /// It arrives, and nobody says anything any more
    Silence,
}

/// Where a connection breaks.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// Whenever a connection begins, until the fault is taken back
    Startup,
    /// At this message of the next write, its `begin` being the first
    Message(usize),
    /// At this message of it that makes the server carry something out
    Statement(usize),
    /// When the next write carries out a statement with this text in it
    Write(&'static str),
    /// When whoever it is does so outside of a write
    Read(&'static str),
}

#[derive(Clone)]
pub struct Proxy(Rc<State>);

struct State {
    port: u16,
    socket: String,
    plan: Cell<Option<(Place, Fault)>>,
    /// Messages and statements of the write that ended last
    last_write: Cell<(usize, usize)>,
    /// What the plan was met by: the letter of the message and its SQL
    met: RefCell<Vec<(u8, String)>>,
    news: Notify,
    mute: Cell<bool>,
    latency: Cell<Duration>,
    /// In bytes a second, when it is narrow
    width: Cell<Option<usize>>,
}

impl Proxy {
    /// To the server of this URL; its port is open from [`Proxy::open`] on.
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

    /// From now on, once; a startup's fault until it is taken back.
    pub fn plan(&self, place: Place, fault: Fault) {
        self.0.plan.set(Some((place, fault)));
    }

    /// Whether it was still to come.
    pub fn take_back(&self) -> bool {
        self.0.plan.take().is_some()
    }

    /// How many messages and how many statements the write consisted of that ended last.
    pub fn last_write(&self) -> (usize, usize) {
        self.0.last_write.get()
    }

    pub fn times_met(&self) -> usize {
        self.0.met.borrow().len()
    }

    /// The letter and the SQL of the message at which the latest fault was.
    pub fn met_at(&self) -> (char, String) {
        let met = self.0.met.borrow();
        let (letter, sql) = met.last().unwrap();
        (char::from(*letter), sql.clone())
    }

    /// Waits until the plan has been carried out.
    pub async fn meets(&self) {
        self.0.news.notified().await;
    }

    /// All connections stay open, and those that would say something say nothing any more.
    pub fn mute(&self, mute: bool) {
        self.0.mute.set(mute);
    }

    /// How long each answer is on its way.
    pub fn delay(&self, latency: Duration) {
        self.0.latency.set(latency);
    }

    /// How many bytes a second get through, each way of each connection.
    pub fn narrow(&self, width: Option<usize>) {
        self.0.width.set(width);
    }
}

/// Whether it is no mere preparation.
fn carries_out(letter: u8) -> bool {
    letter == b'E' || letter == b'Q'
}

/// Bytes that become messages: a letter, a length that counts itself, and the rest.
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

/// One connection, until either side or a fault ends it.
struct Connection {
    state: Rc<State>,
    client: TcpStream,
    server: UnixStream,
    started: bool,
    /// Within a write: how many messages of it there were, and how many statements
    step: Option<(usize, usize)>,
    statements: HashMap<Vec<u8>, String>,
    /// Of the statement that is being carried out
    sql: String,
    /// The letters of the messages that have no answer yet
    owed: VecDeque<u8>,
    cut: Option<Fault>,
    /// The answer that will not arrive, as far as it is there
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
            // It asks for encryption, and may go on without.
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
            // Else the server would keep its answer until all that belongs to it has come.
            self.tell_server(b"H\0\0\0\x04").await?;
        }
        Some(())
    }

    /// What is said in this message, and of which statement.
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

    /// Whether the plan is about this message.
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
            // All that follows is skipped, until they are in step again.
            while self.owed.front().is_some_and(|it| !b"SQ".contains(it)) {
                self.owed.pop_front();
            }
        } else if self.owed.front().is_some_and(|it| ends(*it).contains(&message[0])) {
            self.owed.pop_front();
        }
        // Not by the answer to what was said before the write.
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

    /// Takes all that comes and says nothing, until the client has had enough.
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
        // A part every tenth of a second.
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
