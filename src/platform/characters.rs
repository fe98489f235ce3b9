//! The characters that text may contain, and the normal forms in which it is compared.

use unicode_normalization::UnicodeNormalization;

/// Checks whether text may not contain a character: a control character other than a line break or
/// a tab, or one that changes the direction of writing, which makes `gpj.exe` read as `exe.jpg`.
/// Zero-width joiners are allowed, because some scripts need them.
pub fn is_refused(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    control || turns
}

/// Checks whether a character is invisible: a blank, a control character, or one with the Unicode
/// property `Default_Ignorable_Code_Point`, such as joiners, fillers, variation selectors and tags.
pub(crate) fn is_invisible(c: char) -> bool {
    let ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    // To Unicode the braille blank is a symbol, and U+1D159 is the null notehead.
    let empty = matches!(c, '\u{2800}' | '\u{1d159}');
    ignorable || empty || c.is_whitespace() || c.is_control()
}

/// Returns text as it is stored: without blanks at its ends, and empty if it has no visible
/// character.
pub fn trimmed(text: &str) -> &str {
    if text.chars().all(is_invisible) { "" } else { text.trim() }
}

/// Removes differences of width: `Ａ１` → `A1` (NFKC).
pub fn narrow(text: &str) -> String {
    text.nfkc().collect()
}

/// Removes differences of case and width, for comparison: `Ａ１` and `a1`, `STRASSE` and `straße`,
/// `ΟΔΟΣ` and `οδος` become equal, and so do the four letters i of Turkish.
///
/// The result is NFKC in lower case, by way of upper case. The generated columns `code_key` and
/// `username_key` contain the same.
pub fn fold(text: &str) -> String {
    let lower = text.nfkc().flat_map(char::to_lowercase);
    let again = lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    // U+0307 is the dot that remains of the Turkish capital İ in lower case.
    let plain = again.filter(|c| *c != '\u{307}').map(|c| if c == 'ς' { 'σ' } else { c });
    plain.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_the_eye_is_refused() {
        let refused = "\0\u{7}\u{7f}\u{85}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
            \u{2066}\u{2067}\u{2068}\u{2069}";
        let taken = "客户 a\n\r\t\u{200c}\u{200d}\u{2060}\u{feff}\u{3000}שלום مرحبا";

        assert_eq!(refused.chars().filter(|c| !is_refused(*c)).count(), 0);
        assert_eq!(taken.chars().filter(|c| is_refused(*c)).count(), 0);
    }

    #[test]
    fn text_that_cannot_be_seen_is_empty() {
        let unseen =
            ["\u{200b}", "\u{3164}\u{ffa0}", "\u{2800}", "\u{fe0f} \u{e0100}", "\u{e0041}"];
        let seen = ["。", "-", "क\u{200d}ष", "\u{1f469}\u{200d}\u{1f4bb}", "·"];

        assert_eq!(unseen.map(trimmed), [""; 5]);
        assert_eq!(seen.map(trimmed), seen);
        assert_eq!(trimmed(" a\u{3000}"), "a");
    }

    #[test]
    fn case_and_width_are_no_difference() {
        let alike = [
            ["Ａ１－Ｂ", "a1-b"],
            ["STRASSE", "straße"],
            ["STRAẞE", "strasse"],
            ["ΟΔΟΣ", "οδος"],
            ["İSTANBUL", "istanbul"],
            ["ISPARTA", "ısparta"],
            ["ЖУКОВ", "жуков"],
            ["ｶﾞ", "ガ"],
            ["ᏣᎳᎩ", "ꮳꮃꭹ"],
        ];

        for [one, other] in alike {
            assert_eq!(fold(one), fold(other));
            assert_eq!(fold(&fold(one)), fold(one));
        }
        assert_ne!(fold("张伟"), fold("张纬"));
        assert_ne!(fold("ż"), fold("z"));
    }
}
