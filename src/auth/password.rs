//! Passwords: which are good enough, and how they are kept (argon2id).

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::web;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use platform::characters::fold;
use platform::{Error, Fault, Result};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

const SHORTEST: usize = 10;

/// A good password in words.
pub const RULE: &str = "at least ten characters, and none that are tried first";

/// The most common passwords, in lower case, from ten characters on: shorter ones are refused
/// anyhow. `common_passwords.LICENSE` says where they come from.
static COMMON: LazyLock<std::collections::HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Each hash takes 19 MiB and a core for a while. Many logins at once shall not take them all:
/// the others wait, and not for ever.
static HASHERS: Semaphore = Semaphore::const_new(2);
const WAIT: Duration = Duration::from_secs(5);

/// Most that wait. They are done within a second or two, so that a rush of strangers keeps nobody from
/// logging in.
static QUEUE: Semaphore = Semaphore::const_new(64);

async fn turn() -> Result<SemaphorePermit<'static>> {
    let _place = QUEUE.try_acquire().map_err(|_| Error::unavailable("busy_logging_in"))?;
    let turn = timeout(WAIT, HASHERS.acquire()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| Error::unavailable("busy_logging_in"))
}

/// The password as it is stored, if it is good enough.
pub async fn hash(password: &str, username: Option<&str>) -> Result<String> {
    check(password, username)?;
    let (password, turn) = (password.to_owned(), turn().await?);
    let hash = web::block(move || {
        // Given back by the work and not by its caller, who may hang up before it is done.
        let _turn = turn;
        hash_now(&password)
    });
    hash.await.map_err(Error::internal)?
}

fn hash_now(password: &str) -> Result<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| Error::internal("no randomness"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| Error::internal(e.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| Error::internal(e.to_string()))?.to_string())
}

/// What is verified in place of the password of somebody who is not there, so that an answer
/// takes as long for them as for others.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").unwrap_or_default());

/// Is this the password that was stored? Nobody's is never.
pub async fn fits(password: &str, stored: Option<String>) -> Result<bool> {
    let (password, turn) = (password.to_owned(), turn().await?);
    let fits = web::block(move || {
        let (_turn, nobodys) = (turn, LazyLock::force(&NOBODYS));
        let hash = stored.as_deref().unwrap_or(nobodys);
        let hash = PasswordHash::new(hash).map_err(|e| Error::internal(e.to_string()))?;
        let fits = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        Ok(fits && stored.is_some())
    });
    fits.await.map_err(Error::internal)?
}

/// 256 bits, for whoever is told a secret once.
pub fn random() -> Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::internal("no randomness"))?;
    Ok(BASE64.encode(bytes))
}

pub fn check(password: &str, username: Option<&str>) -> Result<()> {
    if is_weak(password, username) {
        return Err(Error::invalid(vec![fault("/password")]));
    }
    Ok(())
}

pub fn fault(pointer: &str) -> Fault {
    Fault::new(pointer, "common_password", RULE)
}

fn is_weak(password: &str, username: Option<&str>) -> bool {
    let lower = password.to_lowercase();
    let letters: Vec<char> = lower.chars().collect();
    let steps: Vec<i64> = letters
        .windows(2)
        .map(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])))
        .collect();
    // All the same, 123…, cba…
    let sequence =
        steps.iter().all(|step| *step == steps[0]) && matches!(steps.first(), Some(-1..=1));
    let repeated = (1..=letters.len() / 2).any(|length| {
        letters.len().is_multiple_of(length)
            && length <= 4
            && letters.chunks(length).all(|part| part == &letters[..length])
    });
    let own = username.is_some_and(|name| {
        let (name, lower) = (fold(name), fold(password));
        lower == name || name.len() >= 4 && lower.trim_matches(|c: char| c.is_ascii_digit()) == name
    });
    letters.len() < SHORTEST || sequence || repeated || own || COMMON.contains(lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_refused() {
        for weak in [
            "short",
            "123456789",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "9876543210",
            "abcabcabcabc",
            "Password123",
            "1qaz2wsx3edc",
            "woaini1314520",
            "WangWei2026",
            "qwertyuiop",
            "usuckballz1",
            "4815162342",
        ] {
            assert!(is_weak(weak, Some("wangwei")), "{weak}");
        }
        for good in ["correct horse battery", "天王盖地虎宝塔镇河妖一二", "k9-Lm2$xQ7"]
        {
            assert!(!is_weak(good, Some("wangwei")), "{good}");
        }
        assert!(COMMON.len() >= 2900 && COMMON.iter().all(|it| it.chars().count() >= SHORTEST));
        assert!(COMMON.iter().all(|it| *it == it.to_lowercase()));
    }

    #[actix_web::test]
    async fn only_the_password_itself_fits() {
        let stored = hash("correct horse battery", None).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(fits("correct horse battery", Some(stored.clone())).await.unwrap());
        assert!(!fits("correct horse batterY", Some(stored)).await.unwrap());
        assert!(!fits("nobody has this password", None).await.unwrap());
    }
}
