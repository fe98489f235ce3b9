//! Phone numbers, 电话号码, compared by their digits.

use unicode_normalization::UnicodeNormalization;

/// Minimum length of a number; shorter ones are extensions.
const SHORTEST: usize = 6;

/// Maximum number of phone numbers in a field.
const MOST: usize = 5;

/// Returns the numbers in a field, each as its national digits: without separators, the country
/// code of China, the 0 before an area code, and extensions. A number of another country keeps its
/// country code after a `+`. Several numbers are separated by `/`, `、`, `;`, 或 or a line break.
pub fn numbers(text: &str) -> Vec<String> {
    let text: String = text.nfkc().collect();
    let mut numbers: Vec<String> = vec![];
    for part in text.split(['/', '、', ';', '或', '\n']) {
        let number = number(part);
        let long = number.as_ref().is_some_and(|number| number.len() >= SHORTEST);
        if let (true, Some(number)) = (long && numbers.len() < MOST, number)
            && !numbers.contains(&number)
        {
            numbers.push(number);
        }
    }
    numbers
}

/// Returns the digits of a query that is a part of a phone number. `None` for any other query.
pub fn part(text: &str) -> Option<String> {
    let text: String = text.nfkc().collect();
    let typed = |c: char| c.is_ascii_digit() || is_separator(c) || c == '+';
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 3 || !text.chars().all(typed) {
        return None;
    }
    // The beginning of a number looks like its middle, so that only more than seven digits are read
    // as a whole number.
    match number(&text) {
        Some(number) if digits.len() > 7 => Some(number.trim_start_matches('+').to_owned()),
        _ => Some(digits),
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '‐' | '‑' | '–' | '—' | '−')
}

/// Reads the first number in a text, without its extension.
fn number(text: &str) -> Option<String> {
    // The 0 of an area code that is not dialled from abroad: +44 (0)20 …
    let text = text.replace("(0)", "");
    let text = text.trim_start_matches(|c: char| c != '+' && !c.is_ascii_digit());
    let abroad = text.starts_with('+') || text.starts_with("00");

    let (mut digits, mut separated) = (String::new(), false);
    for c in text.trim_start_matches('+').chars() {
        if c.is_ascii_digit() {
            if separated && is_complete(national(&digits, abroad).1) {
                break;
            }
            digits.push(c);
            separated = false;
        } else if is_separator(c) {
            separated = true;
        } else {
            // An extension follows: 转 801, ext. 801, x801, #801
            break;
        }
    }

    let (foreign, number) = national(&digits, abroad);
    match number.trim_start_matches('0') {
        "" => None,
        number if foreign => Some(format!("+{number}")),
        number => Some(number.to_owned()),
    }
}

/// Strips the country code of China from the digits. The first value is true if the number belongs
/// to another country.
fn national(digits: &str, abroad: bool) -> (bool, &str) {
    let international = digits.strip_prefix("00").unwrap_or(digits);
    match international.strip_prefix("86") {
        Some(national) if abroad => (false, national),
        // No number within China of that length begins with 86.
        Some(national) if digits.len() >= 11 => (false, national),
        _ if abroad => (true, international),
        _ => (false, digits),
    }
}

/// Checks whether a number is complete, so that digits after a separator are an extension:
/// `021-55550100-801`.
fn is_complete(national: &str) -> bool {
    let number = national.trim_start_matches('0');
    match number.as_bytes() {
        [b'1', b'3'..=b'9', ..] => number.len() == 11,
        [b'1', b'0', ..] | [b'2', ..] | [b'4' | b'8', b'0', b'0', ..] => number.len() == 10,
        [b'3'..=b'9', ..] if national.starts_with('0') => matches!(number.len(), 10 | 11),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_many_spellings() {
        let mobile = [
            "13800138000",
            "138 0013 8000",
            "138-0013-8000",
            "+86 138 0013 8000",
            "+8613800138000",
            "008613800138000",
            "0086-138-0013-8000",
            "86 13800138000",
            "１３８００１３８０００",
            "(+86)138.0013.8000",
            "＋８６－１３８００１３８０００",
            "013800138000",
            "手机:13800138000",
        ];
        let landline = [
            "021-55550100",
            "(021) 5555 0100",
            "+86 21 5555 0100",
            "+86 (0)21 55550100",
            "02155550100",
            "0086 21 55550100",
            "021-55550100-801",
            "021-5555-0100 转 801",
            "021-55550100 ext. 801",
            "021-55550100#801",
            "０２１－５５５５０１００分机801",
        ];

        for text in mobile {
            assert_eq!(numbers(text), ["13800138000"], "{text}");
        }
        for text in landline {
            assert_eq!(numbers(text), ["2155550100"], "{text}");
        }
    }

    #[test]
    fn different_numbers_stay_different() {
        let keys =
            ["0571-88880100", "0755-88880100", "88880100", "+1 571 8888 0100", "400-888-0100"];
        let expected = ["57188880100", "75588880100", "88880100", "+157188880100", "4008880100"];

        assert_eq!(keys.map(|text| numbers(text).concat()), expected);
        assert_eq!(numbers("+49 (0)30 1234567"), numbers("0049301234567"));
        assert_eq!(numbers("13800138000 / 021-55550100"), ["13800138000", "2155550100"]);
        assert_eq!(numbers("13800138000、13800138000"), ["13800138000"]);
        for none in ["", "8001", "分机", "n/a", "000000", "+", "----"] {
            assert_eq!(numbers(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_part_of_a_number_is_found_by_its_digits() {
        assert_eq!(part("+86 138-0013-8000").as_deref(), Some("13800138000"));
        assert_eq!(part("0013").as_deref(), Some("0013"));
        assert_eq!(part("１３８０").as_deref(), Some("1380"));
        assert_eq!(part("021-5555 0100").as_deref(), Some("2155550100"));
        for none in ["a1", "12", "C-000123", "上海"] {
            assert_eq!(part(none), None, "{none}");
        }
    }
}
