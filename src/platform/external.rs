//! `external:<source>:<id>` in place of an id, in paths and queries: integrators need not store
//! our ids.

use actix_web::http::Uri;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::characters::is_refused;

/// How such an id begins.
pub const PREFIX: &str = "external:";

/// The URI as it was sent, left in the request when external ids in it have been replaced.
pub struct SentUri(pub Uri);

/// Source system and external id. Both are percent-encoded, so that they may contain `:` and `,`.
pub fn parse(text: &str) -> Option<(String, String)> {
    let (source, id) = text.strip_prefix(PREFIX)?.split_once(':')?;
    Some((decoded(source)?, decoded(id)?))
}

/// The same in a segment of a path, which clients encode as a whole or not.
pub fn parse_segment(segment: &str) -> Option<(String, String)> {
    if segment.starts_with(PREFIX) {
        return parse(segment);
    }
    parse(&percent_decode_str(segment).decode_utf8().ok()?)
}

/// Normalised as stored text is; nothing of what is never stored.
fn decoded(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    let text: String = text.trim().nfc().collect();
    let odd = |c: char| c.is_control() || is_refused(c);
    (!text.is_empty() && !text.contains(odd)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_contain_what_separates_them() {
        let pair = |source: &str, id: &str| Some((source.to_owned(), id.to_owned()));

        assert_eq!(parse("external:sap:C-1"), pair("sap", "C-1"));
        assert_eq!(parse("external:sap:a:b"), pair("sap", "a:b"));
        assert_eq!(parse("external:s%3Ap:a%2Cb"), pair("s:p", "a,b"));
        assert_eq!(parse_segment("external:sap:a%2Fb"), pair("sap", "a/b"));
        assert_eq!(parse_segment("external%3Asap%3Aa%2Fb"), pair("sap", "a/b"));
        assert_eq!(parse_segment("external%3Asap%3Aa%252Cb"), pair("sap", "a,b"));
    }

    #[test]
    fn what_is_never_stored_is_no_external_id() {
        for text in ["external:sap", "external:sap:", "external::1", "external:sap:%00", "sap:1"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse_segment("external:sap:%FF"), None);
    }
}
