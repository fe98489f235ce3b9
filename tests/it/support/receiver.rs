//! A webhook receiver that behaves well or badly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::support::process::free_port;

/// Size of an oversized answer in bytes.
pub const MUCH: usize = 10_000_000;

/// The behaviour of a receiver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    Good,
    /// Closes each connection at once
    Refuses,
    Fails,
    Hangs,
    /// Sends one byte of its answer per second
    Drips,
    /// Redirects to the address with the machine's cloud credentials
    Redirects,
    /// Redirects the same request to another port of this machine, which is an allowed address
    Passes(u16),
    /// 503 and a body of 10 MB
    Talks,
    /// 200 and a body of 10 MB
    Chats,
    /// 10 MB of headers
    Swells,
    /// 200, and then half of the announced body
    Breaks,
    /// Bytes that are not HTTP
    Babbles,
}

impl Mood {
    /// The beginning of the answer.
    fn head(self) -> String {
        match self {
            Self::Fails => "HTTP/1.1 500 Oh\r\ncontent-length: 10\r\n\r\nout of ink".to_owned(),
            Self::Redirects => "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\
                content-length: 0\r\n\r\n"
                .to_owned(),
            Self::Passes(port) => format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{port}/hook\r\n\
                 content-length: 0\r\n\r\n"
            ),
            Self::Talks => format!("HTTP/1.1 503 Busy\r\ncontent-length: {MUCH}\r\n\r\n"),
            Self::Chats => format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n"),
            Self::Swells => "HTTP/1.1 200 OK\r\n".to_owned(),
            Self::Breaks => "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf".to_owned(),
            Self::Babbles => "220 smtp.example.com ready\r\n".to_owned(),
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
        }
    }
}

/// A received request.
pub struct Got {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn verify(&self, secret: &str) {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.headers[name].parse().unwrap());
        }
        let hook = standardwebhooks::Webhook::new(secret).unwrap();
        hook.verify(&self.body, &headers).unwrap();
        assert_eq!(self.event()["event_id"], self.headers["webhook-id"]);
        assert_eq!(self.headers["content-type"], "application/json");
    }
}

/// A local server that receives webhooks.
#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    pub mood: Rc<Cell<Mood>>,
    pub got: Rc<RefCell<Vec<Got>>>,
    /// Every byte received without TLS
    pub heard: Rc<RefCell<Vec<u8>>>,
    /// The number of bytes of its answers that were accepted
    pub said: Rc<Cell<usize>>,
    /// Its certificate; without one the server uses plain HTTP
    pub tls: Rc<RefCell<Option<Arc<ServerConfig>>>>,
}

impl Receiver {
    #[allow(clippy::unused_async, reason = "it listens on the runtime that it is made on")]
    pub async fn new(mood: Mood) -> Self {
        let listener = listener(0);
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, ..Self::closed(mood) };
        receiver.listen(listener);
        receiver
    }

    /// Creates a receiver whose port is closed until it is opened.
    pub fn closed(mood: Mood) -> Self {
        Self {
            port: free_port(),
            mood: Rc::new(Cell::new(mood)),
            got: Rc::default(),
            heard: Rc::default(),
            said: Rc::default(),
            tls: Rc::default(),
        }
    }

    pub fn open(&self) {
        self.listen(listener(self.port));
    }

    fn listen(&self, listener: TcpListener) {
        let it = self.clone();
        rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if it.mood.get() != Mood::Refuses {
                    rt::spawn(it.clone().meet(stream));
                }
            }
        });
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub fn secure_url(&self) -> String {
        format!("https://localhost:{}/hook", self.port)
    }

    async fn meet(self, stream: TcpStream) {
        let tls = self.tls.borrow().clone();
        match tls {
            None => self.serve(stream, true).await,
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                    self.serve(stream, false).await;
                }
            }
        }
    }

    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, plain: bool) {
        while let Some(got) = read(&mut stream, plain.then_some(&self.heard)).await {
            self.got.borrow_mut().push(got);
            let mood = self.mood.get();
            match mood {
                Mood::Refuses => return,
                Mood::Hangs => return sleep(Duration::from_mins(10)).await,
                Mood::Drips => {
                    for byte in mood.head().bytes() {
                        if stream.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        sleep(Duration::from_secs(1)).await;
                    }
                    return;
                }
                _ => {}
            }
            let mut said = stream.write_all(mood.head().as_bytes()).await;
            if matches!(mood, Mood::Talks | Mood::Chats | Mood::Swells) {
                let line = format!("x-more: {}\r\n", "x".repeat(990));
                for _ in 0..MUCH / line.len() {
                    let Ok(length) = stream.write(line.as_bytes()).await else { return };
                    self.said.set(self.said.get() + length);
                }
                said = stream.flush().await;
            }
            if said.is_err() || matches!(mood, Mood::Breaks | Mood::Swells) {
                return;
            }
        }
    }

    pub fn count(&self) -> usize {
        self.got.borrow().len()
    }

    /// The received versions of each resource, in the order of their arrival.
    pub fn versions(&self) -> BTreeMap<String, Vec<i64>> {
        let mut found = BTreeMap::<String, Vec<i64>>::new();
        for got in self.got.borrow().iter() {
            let event = got.event();
            let versions = found.entry(event["id"].to_string()).or_default();
            versions.push(event["version"].as_i64().unwrap());
        }
        found
    }
}

/// The small send buffer shows how many bytes the client accepts.
fn listener(port: u16) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_send_buffer_size(64 * 1024).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket.listen(1024).unwrap()
}

/// Reads one request from a connection that stays open.
async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    heard: Option<&Rc<RefCell<Vec<u8>>>>,
) -> Option<Got> {
    let (mut bytes, mut buffer) = (vec![], [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lines = text.lines().skip(1).filter_map(|it| it.split_once(": "));
            let headers: BTreeMap<String, String> =
                lines.map(|it| (it.0.to_lowercase(), it.1.to_owned())).collect();
            let length: usize = headers.get("content-length")?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Got { headers, body });
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => {
                bytes.extend_from_slice(&buffer[..count]);
                heard.inspect(|it| it.borrow_mut().extend_from_slice(&buffer[..count]));
            }
        }
    }
}
