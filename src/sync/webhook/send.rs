//! One attempt to tell a receiver something.

use std::time::{Duration, Instant};

use platform::characters::is_refused;
use platform::{Error, Result};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use uuid::Uuid;

use super::address::{Guard, check};

/// How long a receiver may take for all of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an answer is read: it says why something was refused.
const ANSWER: usize = 64 * 1024;

/// How much of that the log keeps, in characters.
const EXCERPT: usize = 500;

/// What is sent.
pub struct Message {
    pub event_id: Uuid,
    /// Seconds since 1970
    pub timestamp: i64,
    /// One or, for a day after a rotation, two
    pub signatures: String,
    pub body: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: Option<u16>,
    /// Nothing when it was taken
    pub error: Option<String>,
    pub duration: Duration,
}

impl Answer {
    /// The HTTP status as the log keeps it.
    pub fn code(&self) -> Option<i16> {
        self.status.and_then(|status| i16::try_from(status).ok())
    }

    pub fn milliseconds(&self) -> Option<i32> {
        i32::try_from(self.duration.as_millis()).ok()
    }
}

pub struct Sender {
    client: Client,
    loopback: bool,
}

impl Sender {
    pub fn new(loopback: bool) -> Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Guard::new(loopback))
            .timeout(PATIENCE)
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent("salesbook")
            .build();
        Ok(Self { client: client.map_err(Error::internal)?, loopback })
    }

    pub async fn send(&self, url: &str, message: Message) -> Answer {
        let url = match check(url, self.loopback) {
            Ok(url) => url,
            Err(why) => return Answer { error: Some(why.to_owned()), ..Answer::default() },
        };
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", message.event_id.to_string())
            .header("webhook-timestamp", message.timestamp.to_string())
            .header("webhook-signature", message.signatures)
            .body(message.body);
        let begun = Instant::now();
        let (status, error) = match request.send().await {
            Ok(response) => {
                let status = response.status();
                // Whoever says yes has it: what follows does not matter.
                let error = if status.is_success() { None } else { Some(told(response).await) };
                (Some(status.as_u16()), error)
            }
            Err(error) => (None, Some(why(&error))),
        };
        Answer { status, error, duration: begun.elapsed() }
    }
}

/// The beginning of what a receiver says.
async fn told(mut response: Response) -> String {
    let status = response.status();
    let mut text = vec![];
    while text.len() < ANSWER
        && let Ok(Some(part)) = response.chunk().await
    {
        text.extend_from_slice(&part[..part.len().min(ANSWER - text.len())]);
    }
    let text = String::from_utf8_lossy(&text);
    let text = text.chars().filter(|c| !c.is_control() && !is_refused(*c));
    let text: String = text.take(EXCERPT).collect();
    format!("{status} {text}").trim_end().to_owned()
}

/// The innermost cause says what is wrong, without the URL.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string().chars().take(EXCERPT).collect()
}
