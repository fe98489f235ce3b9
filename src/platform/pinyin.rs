//! Pinyin readings of Chinese names, for sorting people and for searching in Latin letters.

use pinyin::{Pinyin, ToPinyin, ToPinyinMulti};

/// Returns the sort key of a text: `张伟 Ltd` → `zhang wei ltd`.
///
/// Each syllable is a word of its own, so that 西安 (xi an) and 先 (xian) stay apart. A character
/// with several readings gets the most frequent one, so that a name always sorts the same way.
pub fn full(text: &str) -> String {
    let mut sound = String::with_capacity(text.len() * 2);
    let mut after_syllable = false;
    for (character, reading) in text.chars().zip(text.to_pinyin()) {
        // A space goes between two syllables, and between a syllable and other text.
        let edge = reading.is_some() || after_syllable;
        if edge && !sound.is_empty() && !sound.ends_with(' ') && !character.is_whitespace() {
            sound.push(' ');
        }
        match reading {
            Some(reading) => sound.push_str(&typed(reading)),
            None => sound.extend(character.to_lowercase()),
        }
        after_syllable = reading.is_some();
    }
    sound
}

/// Returns the readings of a character without tones, the most frequent one first. There are
/// between zero and eight.
pub fn readings(character: char) -> Vec<String> {
    let mut readings: Vec<String> = vec![];
    for reading in character.to_pinyin_multi().into_iter().flatten().map(typed) {
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}

/// The syllable as it is typed, with `v` for `ü`, which keyboards lack.
fn typed(reading: Pinyin) -> String {
    reading.plain().replace('ü', "v")
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
        assert!(full("西安") < full("先") && full("阿宝") < full("张伟"));
    }

    #[test]
    fn all_readings_of_a_character_are_known() {
        let expected = [
            ('重', "chong"),
            ('厦', "xia"),
            ('行', "hang"),
            ('长', "chang"),
            ('乐', "yue"),
            ('乐', "le"),
            ('曾', "zeng"),
            ('单', "shan"),
            ('仇', "qiu"),
            ('解', "xie"),
            ('查', "zha"),
            ('盖', "ge"),
            ('朴', "piao"),
            ('覃', "qin"),
            ('区', "ou"),
            ('缪', "miao"),
            ('尉', "yu"),
            ('俟', "qi"),
            ('六', "lu"),
            ('蚌', "beng"),
            ('番', "pan"),
            ('泌', "bi"),
            ('华', "hua"),
            ('女', "nv"),
            ('石', "shi"),
        ];

        for (character, reading) in expected {
            assert!(readings(character).contains(&reading.to_owned()), "{character} {reading}");
        }
        assert_eq!(readings('a'), [""; 0]);
    }

    #[test]
    fn no_character_has_many_readings() {
        let count = |range: std::ops::RangeInclusive<char>| -> Vec<usize> {
            range.map(|character| readings(character).len()).collect()
        };

        let counts = count('\u{3400}'..='\u{9fff}');

        // What a name is kept as grows by these.
        assert!(counts.iter().all(|count| *count <= 8));
        assert!(counts.iter().sum::<usize>() < 2 * counts.len());
    }
}
