//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, 6 digits,
//! 30 seconds.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

const PERIOD: i64 = 30;
/// The length of a secret: that of a SHA-1 digest, as RFC 4226 recommends.
pub const SECRET_BYTES: usize = 20;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn code(secret: &[u8], step: i64) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // RFC 4226, 5.3: the low four bits of the last byte are the offset of the number.
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 127, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// Returns the time step of a code: the current, previous or next one, because clocks differ.
/// `None` if the code matches none of them.
pub fn step_of(secret: &[u8], given: &str, seconds: i64) -> Option<i64> {
    let now = seconds.div_euclid(PERIOD);
    let same = |step: i64| {
        verify_slices_are_equal(code(secret, step).as_bytes(), given.as_bytes()).is_ok()
    };
    [now, now - 1, now + 1].into_iter().find(|step| same(*step))
}

/// Encodes bytes in base 32 (RFC 4648) without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
    }
    text
}

/// Returns the `otpauth` link that authenticator apps read, also from a QR code.
pub fn uri(secret: &[u8], account: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    let account: String = account.bytes().map(escaped).collect();
    let secret = base32(secret);
    let rest = "issuer=Salesbook&algorithm=SHA1&digits=6&period=30";
    format!("otpauth://totp/Salesbook:{account}?secret={secret}&{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, whose codes have eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(b"12345678901234567890", seconds / 30), expected[2..], "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after() {
        let (secret, now) = (b"12345678901234567890", 1_234_567_890);
        for (step, found) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let given = code(secret, now / 30 + step);
            assert_eq!(step_of(secret, &given, now).is_some(), found, "{step}");
        }
        assert_eq!(step_of(secret, "", now), None);
    }

    /// RFC 4648, section 10.
    #[test]
    fn base_32_is_that_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")]
        {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn an_account_is_escaped() {
        let text = uri(b"foobar", "张 a&b");
        assert!(text.starts_with("otpauth://totp/Salesbook:%E5%BC%A0%20a%26b?secret=MZXW6YTBOI&"));
    }
}
