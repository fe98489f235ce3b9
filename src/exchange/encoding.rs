//! Decodes text files in the encodings that office programs save: UTF-8, GB18030 (including GBK
//! and GB2312) and UTF-16.

use encoding_rs::GB18030;

/// Decodes a file, or returns why it is not valid text. Invalid bytes are never replaced.
pub fn decode(bytes: Vec<u8>) -> Result<String, String> {
    let text = match &bytes[..] {
        [0xEF, 0xBB, 0xBF, rest @ ..] => match str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(error) => return Err(not_utf8(rest, error.valid_up_to())),
        },
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                gb18030(bytes).ok_or_else(|| not_utf8(bytes, at))?
            }
        },
    };

    match text.find('\0') {
        Some(at) => Err(format!(
            "{} is a byte 0x00: the file is damaged, or UTF-16 without a byte order mark; save it as \
             \"CSV UTF-8\"",
            place(&text, at)
        )),
        None => Ok(text),
    }
}

/// Formats a byte offset as `line 3, column 7`, both counted from 1.
pub fn place(text: &str, at: usize) -> String {
    let before = &text[..at];
    let line_start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    format!("line {}, column {}", 1 + breaks(before), 1 + before[line_start..].chars().count())
}

/// Counts the line breaks: LF, CRLF and CR.
pub fn breaks(text: &str) -> usize {
    let feeds = text.bytes().filter(|byte| *byte == b'\n').count();
    let returns = text.bytes().filter(|byte| *byte == b'\r').count();
    feeds + returns - text.matches("\r\n").count()
}

fn not_utf8(bytes: &[u8], at: usize) -> String {
    let before = str::from_utf8(&bytes[..at]).unwrap_or_default();
    format!(
        "{} is neither UTF-8 nor GB18030: save the file as \"CSV UTF-8\"",
        place(before, before.len())
    )
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut text = String::with_capacity(bytes.len());
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok(character) => text.push(character),
            Err(_) => return Err(format!("{} is not UTF-16", place(&text, text.len()))),
        }
    }

    match bytes.len() % 2 {
        0 => Ok(text),
        _ => Err(format!("{} is half a character: the file ends early", place(&text, text.len()))),
    }
}

/// Decodes GB18030. Returns `None` if the bytes are more likely damaged UTF-8 or the encoding of
/// another language: most byte sequences are also valid GB18030.
fn gb18030(bytes: &[u8]) -> Option<String> {
    let (mut characters, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        characters += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    if characters >= broken {
        return None;
    }

    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
    // Genuine Chinese text consists of GB2312 characters, except for rare names. Latin-1 and Big5
    // decoded as GB18030 give mostly other characters.
    let (mut common, mut rare, mut at) = (0, 0, 0);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (0..=0x80, _) => at += 1,
            (_, Some(0x30..=0x39)) => (rare, at) = (rare + 1, at + 4),
            (0xA1..=0xF7, Some(0xA1..)) => (common, at) = (common + 1, at + 2),
            _ => (rare, at) = (rare + 1, at + 2),
        }
    }
    (common >= 3 * rare).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "客户,上海喆达\r\n1,€𠮷\r\n";
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        let files = [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            GB18030.encode(text).0.into_owned(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
        ];

        for bytes in files {
            assert_eq!(decode(bytes.clone()).as_deref(), Ok(text), "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_text_names_its_place() {
        let fault = |bytes: &[u8]| decode(bytes.to_vec()).unwrap_err();
        let damaged = ["一,二\n三,".as_bytes(), &[0xE5, 0x9B], "\n四五六".as_bytes()].concat();

        assert!(fault(b"a\n2,\xff\n").starts_with("line 2, column 3 is neither UTF-8"));
        assert!(fault(&damaged).starts_with("line 2, column 3 is neither UTF-8"));
        assert!(fault(b"\xef\xbb\xbfa,\xb1\xb1\n").starts_with("line 1, column 3"));
        assert!(fault(b"M\xfcller,Caf\xe9 Paris").starts_with("line 1, column 2"));
        assert!(fault(b"M\xfcller").starts_with("line 1, column 2"));
        assert!(fault(b"a\r\nb\0c").starts_with("line 2, column 2 is a byte 0x00"));
        assert!(fault(b"\xff\xfea\0\n\0\x00\xd8").starts_with("line 2, column 1 is not UTF-16"));
        assert!(fault(b"\xff\xfea\0b").starts_with("line 1, column 2 is half a character"));
        // 台北 in Big5
        assert!(decode(b"\xa5x\xa5_".to_vec()).is_err());
    }
}
