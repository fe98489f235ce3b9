//! Which characters text may hold.

/// A character that text may not hold: a control character other than a line break or a tab, or one
/// that turns the direction of writing, so that `gpj.exe` reads as `exe.jpg`. Joiners of zero width
/// stay: some scripts need them.
pub fn is_refused(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let turns = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    control || turns
}

#[cfg(test)]
mod tests {
    use super::is_refused;

    #[test]
    fn what_deceives_the_eye_is_refused() {
        let refused = "\0\u{7}\u{7f}\u{85}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
            \u{2066}\u{2067}\u{2068}\u{2069}";
        let taken = "客户 a\n\r\t\u{200c}\u{200d}\u{2060}\u{feff}\u{3000}שלום مرحبا";

        assert_eq!(refused.chars().filter(|c| !is_refused(*c)).count(), 0);
        assert_eq!(taken.chars().filter(|c| is_refused(*c)).count(), 0);
    }
}
