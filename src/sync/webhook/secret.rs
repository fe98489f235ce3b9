//! The signatures of webhooks, as specified by Standard Webhooks.

use aws_lc_rs::{hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use platform::secret::{at_rest, in_use};
use platform::{Cipher, Error, Result, Timestamp};
use uuid::Uuid;

/// The settings of webhooks: the cipher of their secrets, and the allowed addresses. Set by the
/// app.
#[derive(Clone, Default)]
pub struct Outbound {
    pub cipher: Option<Cipher>,
    /// Allow receivers on this machine, for tests
    pub loopback: bool,
}

/// A secret of 256 bits, known only to the receiver and to the service.
pub struct Secret([u8; 32]);

impl Secret {
    pub fn random() -> Result<Self> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| Error::internal("no randomness"))?;
        Ok(Self(key))
    }

    /// The secret in the form that is shown to the receiver, once.
    pub fn text(&self) -> String {
        format!("whsec_{}", BASE64.encode(self.0))
    }

    /// The secret in its stored form, encrypted if there is a cipher.
    pub fn stored(&self, out: &Outbound, webhook: Uuid) -> Result<Vec<u8>> {
        at_rest(out.cipher.as_ref(), &name(webhook), &self.0)
    }

    /// Reads a stored secret.
    pub fn open(out: &Outbound, webhook: Uuid, stored: Vec<u8>) -> Result<Self> {
        let value = in_use(out.cipher.as_ref(), &name(webhook), stored)?;
        let key = <[u8; 32]>::try_from(value.as_slice());
        key.map(Self).map_err(|_| Error::internal("a secret of another length"))
    }

    /// Returns the signature of an event: `v1,…`.
    pub fn sign(&self, event: Uuid, at: Timestamp, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let text = format!("{event}.{}.{body}", at.0.as_second());
        format!("v1,{}", BASE64.encode(hmac::sign(&key, text.as_bytes())))
    }
}

fn name(webhook: Uuid) -> String {
    format!("webhook {webhook}")
}
