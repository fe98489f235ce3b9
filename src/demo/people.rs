//! The people of the demo at work: what no batch brings, they do themselves, each thing at its time.

use std::sync::Arc;

use exchange::{Client, Credentials, Error};
use jiff::Timestamp;
use serde_json::Value;

use crate::Login;

/// Makes it that time for the service, or the present again. What is left to run afterwards stands
/// in the present.
pub type Travel<'a> = &'a dyn Fn(Option<Timestamp>);

/// Everybody who can log in.
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
        let found = self.0.iter().find(|it| it.0 == who).map(|it| &it.1);
        found.ok_or_else(|| Error::Login(format!("{who} cannot log in")))
    }

    /// What the service answers; anything but success ends the filling.
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
