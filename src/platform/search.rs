//! Search by a part of a row's name, code or phone number, or by the name in pinyin or its
//! initials.
//!
//! Every row stores one search text: the literal parts, a line break, and the sound of the name.
//! The sound is a group `|chong zhong ` for each character, with all its readings. So its length
//! grows with the name and not with the number of ways to read it. A regular expression made of the
//! query walks from group to group.

use std::collections::BTreeSet;

use diesel::QueryResult;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Text};

use super::characters::{fold, is_invisible};
use super::{phone, pinyin};

/// Number of rows of a type whose search texts the job writes at a time
pub const AT_A_TIME: i64 = 500;

/// Maximum number of letters in a query by sound: about twenty characters spelled in full.
const MOST_LETTERS: usize = 100;

/// Returns the search text of a row.
pub fn text(name: &str, others: &[&str], phone: Option<&str>) -> String {
    let mut parts: Vec<String> = [name].iter().chain(others).map(|part| literal(part)).collect();
    if let Some(phone) = phone {
        parts.push(literal(phone));
        parts.extend(phone::numbers(phone));
    }
    parts.retain(|part| !part.is_empty());
    format!("{}\n{}", parts.join(" "), sound(name))
}

/// Returns the characters and the pairs of adjacent characters of a search text. `pg_trgm` cannot
/// index infixes of one or two Chinese characters. An index on these grams narrows the rows down
/// before their texts are compared.
pub fn grams(text: &str) -> Vec<String> {
    let (literal, sound) = text.split_once('\n').unwrap_or((text, ""));
    let mut grams: BTreeSet<String> = literal.chars().map(String::from).collect();
    grams.extend(pairs(literal));

    let groups = sound.split('|').skip(1).map(|group| group.split_whitespace().collect::<Vec<_>>());

    let mut before: Vec<&str> = vec![];
    for group in groups {
        for reading in &group {
            grams.extend(reading.chars().map(String::from));
            grams.extend(pairs(reading));
            for earlier in &before {
                let first = reading.chars().next();
                // The letter before the next character is the first one of a reading in a query by
                // initials, and the last one in a query in full.
                for edge in [earlier.chars().next(), earlier.chars().next_back()] {
                    grams.insert(edge.into_iter().chain(first).collect());
                }
            }
        }
        before = group;
    }
    grams.into_iter().collect()
}

/// Returns the grams that a row must have to contain a text.
fn wanted(text: &str) -> Vec<String> {
    let pairs: BTreeSet<String> = pairs(text).collect();
    if pairs.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        pairs.into_iter().collect()
    }
}

fn pairs(text: &str) -> impl Iterator<Item = String> {
    let next = text.chars().skip(1);
    text.chars().zip(next).map(|(one, other)| [one, other].iter().collect())
}

/// Normalises a text for comparison: folded, without invisible characters, with single spaces. A
/// bar is replaced, because it marks the beginning of a sound.
fn literal(text: &str) -> String {
    let text: String = text.chars().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect();
    fold(&text).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "¦")
}

/// Returns the sound of a name, with a group of readings for each letter or digit.
fn sound(name: &str) -> String {
    let mut sound = String::new();
    for character in fold(name).chars().filter(|c| c.is_alphanumeric()) {
        sound.push('|');
        let readings = pinyin::readings(character);
        if readings.is_empty() {
            sound.push(character);
            sound.push(' ');
        }
        for reading in readings {
            sound.push_str(&reading);
            sound.push(' ');
        }
    }
    sound
}

/// Escapes a text for `like`, so that `%` and `_` stand for themselves.
pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Condition that the search text of a row matches a query.
pub struct TextMatch {
    ways: Vec<Way>,
    text: &'static str,
    grams: Option<&'static str>,
}

/// One interpretation of a query: as text, as a phone number, or as sound.
struct Way {
    grams: Vec<String>,
    operator: &'static str,
    pattern: String,
}

impl TextMatch {
    /// Matches the SQL expression `text`, which holds texts made by [`text()`]. If there is a
    /// column of [`grams()`], the rows are narrowed down by it.
    pub fn new(typed: &str, text: &'static str, grams: Option<&'static str>) -> Self {
        let plain = literal(typed);
        let mut ways = vec![Way::literally(&plain)];
        if let Some(digits) = phone::part(typed).filter(|digits| *digits != plain) {
            ways.push(Way::literally(&digits));
        }

        let letters: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
        let letters = letters.replace('ü', "v");
        // A query with other punctuation, such as `A-`, looks for a code and not for a sound.
        let is_sound =
            |c: char| c.is_alphanumeric() || c.is_whitespace() || matches!(c, '\'' | '’');
        let sounds =
            plain.chars().all(is_sound) && letters.contains(|c: char| c.is_ascii_alphabetic());
        if sounds && letters.chars().count() <= MOST_LETTERS {
            let (grams, pattern) = (wanted(&letters), walk(&letters));
            ways.push(Way { grams, operator: " ~ ", pattern });
        }
        Self { ways, text, grams }
    }
}

impl Way {
    /// Matches a text in the literal parts, before the line break.
    fn literally(text: &str) -> Self {
        let pattern = format!("%{}%\n%", escaped(text));
        Self { grams: wanted(text), operator: " like ", pattern }
    }
}

impl Expression for TextMatch {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for TextMatch {}

impl<Q> SelectableExpression<Q> for TextMatch {}

impl ValidGrouping<()> for TextMatch {
    type IsAggregate = is_aggregate::Never;
}

impl QueryId for TextMatch {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for TextMatch {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (place, Way { grams, operator, pattern }) in self.ways.iter().enumerate() {
            out.push_sql(if place == 0 { "((" } else { ") or (" });
            if let Some(column) = self.grams {
                out.push_sql(column);
                out.push_sql(" @> ");
                out.push_bind_param::<Array<Text>, _>(grams)?;
                out.push_sql(" and ");
            }
            out.push_sql(self.text);
            out.push_sql(operator);
            out.push_bind_param::<Text, _>(pattern)?;
        }
        out.push_sql("))");
        Ok(())
    }
}

/// Returns the regular expression that spells the letters from group to group: in full, where the
/// last syllable may be incomplete, or by initials.
fn walk(letters: &str) -> String {
    /// Moves on to the beginning of any reading of the next character
    const NEXT: &str = r"[^|]*\|(?:[^|]* )?";
    let letters: Vec<String> = letters.chars().map(String::from).collect();
    let full = letters.join(&format!("(?: {NEXT})?"));
    let initials = letters.join(NEXT);
    format!(r"\|(?:[^|]* )?(?:{full}|{initials})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_all_readings_of_its_name() {
        let kept = text("重\u{200b}庆 A|1", &["Ｃ－１"], Some("+86 138 0013 8000"));

        let (literal, sound) = kept.split_once('\n').unwrap();
        assert_eq!(literal, "重庆 a¦1 c-1 +86 138 0013 8000 13800138000");
        assert_eq!(sound, "|zhong chong tong |qing |a |1 ");
    }

    #[test]
    fn a_row_grows_with_its_name_and_not_with_its_readings() {
        let name = "行".repeat(200);

        let kept = text(&name, &[], None);

        assert!(kept.len() < 200 * 60, "{}", kept.len());
        assert!(grams(&kept).len() < 400, "{}", grams(&kept).len());
    }

    #[test]
    fn what_is_typed_is_among_what_is_kept() {
        let kept: BTreeSet<_> = grams(&text("重庆林氏", &["C-1"], None)).into_iter().collect();

        for typed in ["重", "庆林", "c-1", "chongqing", "zhongq", "cqls", "zqls", "qinglin", "q"]
        {
            assert!(wanted(typed).iter().all(|gram| kept.contains(gram)), "{typed}");
        }
    }
}
