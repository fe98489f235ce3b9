//! A server that gets webhooks, and behaves well or badly.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    Good,
    Refuses,
    Fails,
    Hangs,
    /// A byte of its answer a second
    Drips,
    Redirects,
    /// 10 MB
    Talks,
    /// 200, and then half of what it announced
    Breaks,
    /// Something that is no HTTP
    Babbles,
}

/// One request as it came in.
pub struct Got {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
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

/// A server on this machine that gets webhooks.
#[derive(Clone)]
pub struct Receiver {
    port: u16,
    pub mood: Rc<Cell<Mood>>,
    pub got: Rc<RefCell<Vec<Got>>>,
}

impl Receiver {
    pub async fn new(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, mood: Rc::new(Cell::new(mood)), got: Rc::default() };
        let it = receiver.clone();
        rt::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if it.mood.get() != Mood::Refuses {
                    rt::spawn(it.clone().serve(stream));
                }
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(got) = read(&mut stream).await {
            self.got.borrow_mut().push(got);
            let small = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let answer = match self.mood.get() {
                Mood::Good => small.to_owned(),
                Mood::Fails => "HTTP/1.1 500 Oh\r\ncontent-length: 10\r\n\r\nout of ink".to_owned(),
                Mood::Refuses => return,
                Mood::Hangs => return sleep(Duration::from_mins(10)).await,
                Mood::Drips => {
                    for byte in small.bytes() {
                        if stream.write_all(&[byte]).await.is_err() {
                            return;
                        }
                        sleep(Duration::from_secs(1)).await;
                    }
                    return;
                }
                Mood::Redirects => "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\n\
                    content-length: 0\r\n\r\n"
                    .to_owned(),
                Mood::Talks => {
                    let long = "x".repeat(10_000_000);
                    format!("HTTP/1.1 503 Busy\r\ncontent-length: 10000000\r\n\r\n{long}")
                }
                Mood::Breaks => {
                    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf";
                    let _ = stream.write_all(head.as_bytes()).await;
                    return;
                }
                Mood::Babbles => "220 smtp.example.com ready\r\n".to_owned(),
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    pub fn count(&self) -> usize {
        self.got.borrow().len()
    }

    /// The versions that arrived, by resource, in order, and no event twice.
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

/// One request of a connection that stays open.
async fn read(stream: &mut TcpStream) -> Option<Got> {
    let (mut bytes, mut buffer) = (vec![], [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lines = head.lines().skip(1).filter_map(|it| it.split_once(": "));
            let headers: BTreeMap<String, String> =
                lines.map(|it| (it.0.to_lowercase(), it.1.to_owned())).collect();
            let length: usize = headers.get("content-length")?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Got { headers, body, at: Instant::now() });
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
