//! Chinese translations of the texts of problems. A pair is the English text, with `{}` for each
//! inserted value, and the Chinese one, with `{}` for the same values in order or `{1}` by number.
//! Tests fail for texts without a translation. At run time, the meaning of the code replaces them.

mod field;
mod general;
mod sales;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// All pairs.
pub fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    [general::TEXTS, field::TEXTS, sales::TEXTS].into_iter().flatten()
}

/// The texts without inserted values
static FIXED: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| all().filter(|pair| !pair.0.contains("{}")).copied().collect());

/// Returns the Chinese translation of a text.
pub fn chinese(english: &str) -> Option<Cow<'static, str>> {
    if let Some(chinese) = FIXED.get(english) {
        return Some((*chinese).into());
    }
    if let Some(names) = english.strip_prefix("must be ").and_then(type_names) {
        return Some(format!("类型应为{names}").into());
    }

    // Several patterns may match: `at most {}` also matches what `at most {} files` is for. The
    // longest one is the most specific.
    let matching = all().filter_map(|(pattern, chinese)| {
        let parts = filled_in(pattern, english)?;
        Some((pattern.len(), chinese, parts))
    });
    let (_, chinese, parts) = matching.max_by_key(|found| found.0)?;
    Some(fill_in(chinese, &parts).into())
}

/// Returns the values that a text has in place of the `{}` of a pattern. `None` if the text does
/// not match the pattern.
fn filled_in<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut parts = vec![];
    let pieces: Vec<&str> = pieces.collect();
    let (last, between) = pieces.split_last()?;
    for piece in between {
        let (part, after) = rest.split_once(*piece)?;
        parts.push(part);
        rest = after;
    }
    parts.push(rest.strip_suffix(*last)?);
    Some(parts)
}

fn fill_in(pattern: &str, parts: &[&str]) -> String {
    let mut text = pattern.to_owned();
    for (index, part) in parts.iter().enumerate() {
        let numbered = format!("{{{index}}}");
        text = if text.contains(&numbered) {
            text.replace(&numbered, part)
        } else {
            text.replacen("{}", part, 1)
        };
    }
    text
}

/// Translates the names of JSON types, separated by "or". `None` if one of them is no type.
fn type_names(english: &str) -> Option<String> {
    let names: Option<Vec<&str>> = english.split(" or ").map(type_name).collect();
    Some(names?.join("或"))
}

fn type_name(english: &str) -> Option<&'static str> {
    let chinese = match english {
        "string" => "文本",
        "integer" => "整数",
        "number" => "数字",
        "boolean" => "布尔值",
        "object" => "对象",
        "array" => "列表",
        "null" => "null",
        _ => return None,
    };
    Some(chinese)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_with_their_values() {
        assert_eq!(chinese("this field is required").unwrap(), "必填");
        assert_eq!(chinese("at most 200 characters").unwrap(), "最多 200 个字符");
        assert_eq!(
            chinese("The order is `credit_hold`, which does not allow this action.").unwrap(),
            "订单状态为 credit_hold,不允许此操作。"
        );
        assert_eq!(
            chinese("between 1900-01-01 and 2199-12-31").unwrap(),
            "应在 1900-01-01 与 2199-12-31 之间"
        );
        assert_eq!(
            chinese("EOF while parsing at line 1 column 7").unwrap(),
            "第 1 行第 7 列不符合 JSON 语法"
        );
        assert_eq!(chinese("must be string or null").unwrap(), "类型应为文本或null");
        assert_eq!(chinese("nobody has written this"), None);
    }
}
