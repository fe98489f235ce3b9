//! A single attempt to send an event to a receiver.

use std::time::{Duration, Instant};

use platform::characters::is_refused;
use platform::{Error, Result};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use uuid::Uuid;

use super::address::{Guard, check};

/// Time limit for the whole request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum bytes that are read of an answer with an error.
const ANSWER: usize = 64 * 1024;

/// Maximum number of characters of an answer that the log keeps.
const EXCERPT: usize = 500;

/// The request to send.
pub struct Message {
    pub event_id: Uuid,
    /// Seconds since 1970
    pub timestamp: i64,
    /// Signatures separated by a space: one, or two for a day after a rotation of the secret
    pub signatures: String,
    pub body: String,
}

/// The outcome of an attempt.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: Option<u16>,
    /// `None` if the event was accepted
    pub error: Option<String>,
    pub duration: Duration,
}

impl Answer {
    /// The HTTP status as stored in the log.
    pub fn code(&self) -> Option<i16> {
        self.status.and_then(|status| i16::try_from(status).ok())
    }

    pub fn milliseconds(&self) -> Option<i32> {
        i32::try_from(self.duration.as_millis()).ok()
    }
}

/// The HTTP client for webhooks. It follows no redirects and uses no proxy, because either could
/// lead to an address that was not checked.
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

    /// Sends an event to an address, which is checked again.
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
                // The body of a successful answer is not read: the status decides.
                let error = if status.is_success() { None } else { Some(told(response).await) };
                (Some(status.as_u16()), error)
            }
            Err(error) => (None, Some(why(&error))),
        };
        Answer { status, error, duration: begun.elapsed() }
    }
}

/// Returns the status and the beginning of a receiver's answer.
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

/// Returns the innermost cause of an error, which does not contain the URL.
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
