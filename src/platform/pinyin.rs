//! How Chinese names sound, for sorting people and for finding what is typed by its initials.
//!
//! A character with several readings has its most frequent one: what counts is that the same
//! name always lands in the same place.

use pinyin::ToPinyin;

/// `张伟 Ltd` → `zhang wei ltd`: to sort by. Syllables are words, so that 西安 (xi an) and 先
/// (xian) stay apart.
pub fn full(text: &str) -> String {
    let mut sound = String::with_capacity(text.len() * 2);
    let mut after_syllable = false;
    for (character, reading) in text.chars().zip(text.to_pinyin()) {
        let edge = reading.is_some() || after_syllable;
        if edge && !sound.is_empty() && !sound.ends_with(' ') && !character.is_whitespace() {
            sound.push(' ');
        }
        match reading {
            // As it is typed: keyboards have no ü.
            Some(reading) => sound.push_str(&reading.plain().replace('ü', "v")),
            None => sound.extend(character.to_lowercase()),
        }
        after_syllable = reading.is_some();
    }
    sound
}

/// `张伟 Ltd` → `zw ltd`: what people type to find it.
pub fn initials(text: &str) -> String {
    let mut letters = String::with_capacity(text.len());
    for (character, reading) in text.chars().zip(text.to_pinyin()) {
        match reading {
            Some(reading) => letters.push_str(reading.first_letter()),
            None => letters.extend(character.to_lowercase()),
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sound_as_they_are_read() {
        assert_eq!(full("张伟"), "zhang wei");
        assert_eq!(full("ABC 西安"), "abc xi an");
        assert_eq!(full("华为ABC公司"), "hua wei abc gong si");
        assert_eq!(full("吕"), "lv");
        assert_eq!(initials("张伟 Ltd"), "zw ltd");
        assert!(full("西安") < full("先") && full("阿宝") < full("张伟"));
    }
}
