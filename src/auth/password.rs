//! Passwords: rules for good ones, and their hashes (argon2id).

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::web;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use platform::characters::fold;
use platform::{Error, Fault, Result};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

const SHORTEST: usize = 10;

/// The rule for passwords, as shown to users.
pub const RULE: &str = "at least 10 characters, and not a common password";

/// The most common passwords of at least ten characters, in lower case. Shorter ones are refused
/// anyway. Their source is in `common_passwords.LICENSE`.
static COMMON: LazyLock<std::collections::HashSet<&str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// The number of hashes that are computed at the same time. Each takes 19 MiB and a core for a
/// while, so many logins at once must wait, for at most [`WAIT`].
static HASHERS: Semaphore = Semaphore::const_new(2);
const WAIT: Duration = Duration::from_secs(5);

/// The number of requests that may wait for a hash or compute one. They are done within a second or
/// two, so that a flood of logins does not keep users from logging in.
static QUEUE: Semaphore = Semaphore::const_new(64);

/// Returns the cost of a hash. Debug builds are for tests and demos and use little of it: a tenth of
/// the processor time of all tests was spent on hashes.
fn cost(debug: bool) -> Params {
    let cheap = debug.then(|| Params::new(256, 1, 1, None).ok()).flatten();
    cheap.unwrap_or_default()
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost(cfg!(debug_assertions)))
}

/// Waits for a turn to compute a hash. Fails with `busy_logging_in` if too many requests wait.
async fn turn() -> Result<SemaphorePermit<'static>> {
    let _place = QUEUE.try_acquire().map_err(|_| Error::unavailable("busy_logging_in"))?;
    let turn = timeout(WAIT, HASHERS.acquire()).await;
    turn.ok().and_then(Result::ok).ok_or_else(|| Error::unavailable("busy_logging_in"))
}

/// Returns the hash of a password to store. Fails if the password is too weak.
pub async fn hash(password: &str, username: Option<&str>) -> Result<String> {
    check(password, username)?;
    let (password, turn) = (password.to_owned(), turn().await?);
    let hash = web::block(move || {
        // Released by the work, not by its caller, who may disconnect before the work is done.
        let _turn = turn;
        hash_now(&password)
    });
    hash.await.map_err(Error::internal)?
}

fn hash_now(password: &str) -> Result<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| Error::internal("no randomness"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| Error::internal(e.to_string()))?;
    let hash = argon2().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| Error::internal(e.to_string()))?.to_string())
}

/// The hash that is verified for users who do not exist or have no password, so that the response
/// takes as long as for others.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now("nobody has this password").unwrap_or_default());

/// Checks a password against its stored hash. Without a stored hash, the result is `false` after
/// the same time.
pub async fn fits(password: &str, stored: Option<String>) -> Result<bool> {
    let (password, turn) = (password.to_owned(), turn().await?);
    let fits = web::block(move || {
        let (_turn, nobodys) = (turn, LazyLock::force(&NOBODYS));
        let hash = stored.as_deref().unwrap_or(nobodys);
        let hash = PasswordHash::new(hash).map_err(|e| Error::internal(e.to_string()))?;
        let fits = argon2().verify_password(password.as_bytes(), &hash).is_ok();
        Ok(fits && stored.is_some())
    });
    fits.await.map_err(Error::internal)?
}

/// Returns a random secret of 256 bits, in base 64.
pub fn random() -> Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| Error::internal("no randomness"))?;
    Ok(BASE64.encode(bytes))
}

/// Checks that a password is not too weak.
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

    // The same character throughout, or a sequence such as `123…` or `cba…`.
    let sequence =
        steps.iter().all(|step| *step == steps[0]) && matches!(steps.first(), Some(-1..=1));
    // A short part that is repeated.
    let repeated = (1..=letters.len() / 2).any(|length| {
        letters.len().is_multiple_of(length)
            && length <= 4
            && letters.chunks(length).all(|part| part == &letters[..length])
    });
    // The user name, with or without digits around it.
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

    #[test]
    fn hashes_of_a_release_cost_as_much_as_the_library_advises() {
        let [release, debug] = [false, true].map(cost);
        assert_eq!((release.m_cost(), release.t_cost(), release.p_cost()), (19 * 1024, 2, 1));
        assert!(debug.m_cost() < release.m_cost());
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
