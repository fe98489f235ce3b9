//! The users of the demo, who enter the data that has no batch, at the time when it would occur.

use std::sync::Arc;

use exchange::{Client, Credentials, Error};
use jiff::Timestamp;
use serde_json::Value;

use crate::Login;

/// Sets the clock of the service to a time, or back to the present.
pub type Travel<'a> = &'a dyn Fn(Option<Timestamp>);

/// The clients of all users who can log in.
pub struct People(Vec<(&'static str, Client)>);

impl People {
    pub async fn gather(url: &str, logins: &[Login]) -> Result<Self, Error> {
        let mut people = vec![];
        for login in logins {
            let (username, password) = (login.username.to_owned(), login.password.to_owned());
            let own = Credentials::Password { username, password };
            people.push((login.username, Client::connect(url, own, Arc::new(|_| {})).await?));
        }
        Ok(Self(people))
    }

    fn client(&self, who: &str) -> Result<&Client, Error> {
        let found = self.0.iter().find(|person| person.0 == who).map(|person| &person.1);
        found.ok_or_else(|| Error::Login(format!("{who} cannot log in")))
    }

    /// Sends a request as a user and returns the response. Anything but success is an error.
    pub async fn post(&self, who: &str, path: String, body: &Value) -> Result<Value, Error> {
        let answer = self.client(who)?.send(&path, body).await?;
        good(path, answer)
    }

    pub async fn get(&self, who: &str, path: String) -> Result<Value, Error> {
        let answer = self.client(who)?.get(&path).await?;
        good(path, answer)
    }
}

pub fn good(path: String, (status, body): (u16, Vec<u8>)) -> Result<Value, Error> {
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let reason = answer["detail"].as_str().or(answer["code"].as_str()).unwrap_or_default();
    Err(Error::Refused { path, status, reason: reason.to_owned() })
}
