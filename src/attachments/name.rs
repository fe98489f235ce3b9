//! Names of files, without folders and without characters that deceive the eye.

use actix_web::http::header::ContentDisposition;
use platform::characters::{is_refused, trimmed};
use platform::{Error, Result};
use unicode_normalization::UnicodeNormalization;

use crate::content_type::ContentType;

/// Longest name, in characters.
const LONGEST: usize = 255;

/// Returns the name in a header.
pub fn sent_in(disposition: &ContentDisposition) -> Result<Option<String>> {
    let Some(extended) = disposition.get_filename_ext() else {
        return Ok(disposition.get_filename().map(str::to_owned));
    };
    let bad = |_| Error::bad_request("invalid_header", "The file name is not valid UTF-8.");
    String::from_utf8(extended.value.clone()).map(Some).map_err(bad)
}

/// Removes folders, control characters and characters that change the direction of writing. Returns
/// `None` if nothing is left.
pub fn clean(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control() && !is_refused(*c)).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let name: String = name.nfc().take(LONGEST).collect();
    (!trimmed(&name).is_empty()).then_some(name)
}

/// Returns the name for saving. Desktops decide by the extension how to open a file, so the name
/// gets an extension of the actual type.
pub fn saved(name: &str, content_type: ContentType) -> String {
    let lower = name.to_lowercase();
    let endings = content_type.endings();
    let fits = endings.iter().any(|ending| lower.ends_with(ending));
    if fits { name.to_owned() } else { format!("{name}{}", endings[0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        let cleaned = |name| clean(name).unwrap_or_default();
        assert_eq!(cleaned("../../etc/passwd"), "passwd");
        assert_eq!(cleaned("C:\\Windows\\photo.jpg"), "photo.jpg");
        assert_eq!(cleaned("a\"b'; c\r\n\0.jpg"), "a\"b'; c.jpg");
        assert_eq!(cleaned("photo\u{202e}gpj.exe"), "photogpj.exe");
        assert_eq!(cleaned("现场照片 1.jpg"), "现场照片 1.jpg");
        assert_eq!(cleaned(&"长".repeat(300)).chars().count(), 255);
        assert!(
            [".", "..", "/", "a/", " \t", "", "\u{3164}\u{200b}"]
                .iter()
                .all(|name| clean(name).is_none())
        );
    }

    #[test]
    fn what_is_saved_ends_as_it_should() {
        assert_eq!(saved("photo.JPEG", ContentType::Jpeg), "photo.JPEG");
        assert_eq!(saved("photo.exe", ContentType::Jpeg), "photo.exe.jpg");
        assert_eq!(saved("run.bat", ContentType::Text), "run.bat.txt");
    }
}
