//! External ids in paths and queries: `external:<source>:<id>` in place of an id, so that
//! integrators need not store our ids.

use actix_web::http::Uri;
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

use super::characters::is_refused;

/// The prefix of an external id.
pub const PREFIX: &str = "external:";

/// The URI as it was sent, stored in the request when its external ids have been replaced.
pub struct SentUri(pub Uri);

/// Parses an external id into source system and id. Both are percent-encoded, so that they may
/// contain `:` and `,`.
pub fn parse(text: &str) -> Option<(String, String)> {
    let (source, id) = text.strip_prefix(PREFIX)?.split_once(':')?;
    Some((decoded(source)?, decoded(id)?))
}

/// Parses an external id in a path segment, which some clients percent-encode once more as a whole.
pub fn parse_segment(segment: &str) -> Option<(String, String)> {
    if segment.starts_with(PREFIX) {
        return parse(segment);
    }
    parse(&percent_decode_str(segment).decode_utf8().ok()?)
}

/// Decodes and normalises a part like stored text. `None` for text that cannot be stored.
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
