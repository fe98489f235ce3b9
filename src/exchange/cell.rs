//! Converts the text of a cell to JSON. Dates, numbers and booleans are accepted in the usual
//! notations if they are unambiguous. Values that a spreadsheet has damaged are refused.

use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization;

use crate::format::Kind;
use crate::words::Words;

/// Marks for values that a sheet or a short row lacks. Rejected files keep them, so that a row is
/// refused again until somebody has entered the value.
pub const MISSING: &str = "#MISSING!";
pub const MERGED: &str = "#MERGED!";
pub const FORMULA: &str = "#FORMULA!";
pub const DATE: &str = "#DATE!";
pub const NUMBER: &str = "#NUMBER!";

/// Formula errors of Excel, WPS and `LibreOffice`.
const ERRORS: [&str; 15] = [
    "#REF!",
    "#N/A",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#FIELD!",
    "#BLOCKED!",
    "#CONNECT!",
    "#BUSY!",
    "#UNKNOWN!",
    "#DATA!",
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Appends the cell as a JSON value, or returns why it is not valid for its kind.
pub fn write(json: &mut String, kind: Kind, cell: &str) -> Result<(), Words> {
    if let Some(words) = damaged(kind, cell) {
        return Err(words);
    }
    match kind {
        Kind::Text | Kind::Code | Kind::Phone | Kind::Id => text(json, cell),
        Kind::Date => text(json, &date(cell)?),
        Kind::Decimal => text(json, &decimal(cell)?),
        Kind::Percent => {
            let plain = narrow(cell);
            text(json, &decimal(plain.strip_suffix('%').unwrap_or(&plain))?);
        }
        Kind::Boolean => json.push_str(if boolean(cell)? { "true" } else { "false" }),
        Kind::Integer => {
            let number = decimal(cell)?
                .parse::<i64>()
                .map_err(|_| Words::new("is not a whole number, such as 3", "须为整数,例如 3"))?;
            let _ = write!(json, "{number}");
        }
        Kind::Number => {
            let number = decimal(cell)?.parse::<f64>().unwrap_or_default();
            let _ = write!(json, "{number}");
        }
        Kind::List => {
            let words = cell.split([';', ',', '、', '\u{ff1b}', '\u{ff0c}']).map(str::trim);
            let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            json.push_str(&serde_json::to_string(&words).unwrap_or_default());
        }
    }
    Ok(())
}

fn text(json: &mut String, cell: &str) {
    json.push_str(&serde_json::to_string(cell).unwrap_or_default());
}

/// Converts full-width digits and signs to ASCII and trims the text.
fn narrow(cell: &str) -> String {
    let narrow: String = cell.nfkc().map(|c| if c == '\u{2212}' { '-' } else { c }).collect();
    narrow.trim().to_owned()
}

/// Returns how a spreadsheet has damaged the cell, or `None` if the cell is intact.
fn damaged(kind: Kind, cell: &str) -> Option<Words> {
    let marks = [
        (
            MISSING,
            "is missing: the row is shorter than the headings",
            "缺失:该行的单元格少于标题行",
        ),
        (
            MERGED,
            "is part of merged cells: split them and fill each one in",
            "属于合并单元格,请取消合并并逐格填写",
        ),
        (
            FORMULA,
            "is a formula without a stored value: open and save the file in a spreadsheet, or type the value",
            "公式没有保存计算结果:请用表格软件打开并保存,或直接填写数值",
        ),
        (
            DATE,
            "has become a date in the spreadsheet: format the cell as text and type the value again",
            "已被表格软件转换为日期:请将单元格设为文本格式后重新输入",
        ),
        (
            NUMBER,
            "has become a number in the spreadsheet, without its zeros or last digits: format the cell as text and type the value again",
            "已被表格软件转换为数字,可能丢失前后的 0 或末尾数字:请将单元格设为文本格式后重新输入",
        ),
    ];
    if !cell.starts_with('#') {
        return shortened(cell)
            .or_else(|| kind.is_code().then(|| turned_into_date(cell)).flatten());
    }
    if let Some((_, en, zh)) = marks.iter().find(|mark| cell.starts_with(mark.0)) {
        return Some(Words::new(*en, *zh));
    }
    if ERRORS.contains(&cell) {
        let (en, zh) = ("is an error of a spreadsheet", "是表格软件的错误值");
        return Some(Words::new(
            format!("{cell} {en}: type the value"),
            format!("{cell} {zh},请填写实际内容"),
        ));
    }
    (cell.len() > 1 && cell.bytes().all(|byte| byte == b'#')).then(|| {
        Words::new(
            "only # signs: the column was too narrow when the file was saved; type the value again",
            "仅有 # 号:保存时列宽不足,请重新输入",
        )
    })
}

/// Recognises `1.38E+10`, the notation of spreadsheets for numbers of twelve digits and more.
fn shortened(cell: &str) -> Option<Words> {
    let (mantissa, exponent) = cell.split_once(['E', 'e'])?;
    let digits = exponent.strip_prefix(['+', '-'])?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, rest) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    (number(digits) && number(whole) && number(rest)).then(|| {
        Words::new(
            format!("{cell} was shortened by a spreadsheet and has lost digits: type all digits, in a cell formatted as text"),
            format!("{cell} 已被表格软件转换为科学计数法并丢失数字:请在文本格式的单元格中输入全部数字"),
        )
    })
}

/// Recognises `3月1日` and `1-Mar`, to which spreadsheets convert a code such as `3-1`.
fn turned_into_date(cell: &str) -> Option<Words> {
    let day =
        |text: &str| matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    let month = |text: &str| MONTHS.contains(&text.to_ascii_lowercase().as_str());
    let chinese = cell.strip_suffix('日').and_then(|rest| rest.split_once('月'));
    let english = cell.split_once('-');
    let is_date = chinese.is_some_and(|(a, b)| day(a) && day(b))
        || english.is_some_and(|(a, b)| (day(a) && month(b)) || (month(a) && day(b)));
    is_date.then(|| {
        Words::new(
            format!("{cell} was made a date by a spreadsheet: type the value in a cell formatted as text"),
            format!("{cell} 已被表格软件转换为日期:请在文本格式的单元格中重新输入"),
        )
    })
}

/// Parses a date in any notation with the year first. Returns it as `2026-03-01`.
fn date(cell: &str) -> Result<String, Words> {
    let bad = || {
        Words::new(
            "is not a date with the year first, such as 2026-03-01, 2026/3/1 or 2026年3月1日",
            "须为年份在前的日期,例如 2026-03-01、2026/3/1 或 2026年3月1日",
        )
    };
    let plain = narrow(cell);
    let (day, time) = plain.split_once([' ', 'T']).unwrap_or((&plain, ""));
    // Databases export dates with a time of midnight; any other time is an error.
    if time.chars().any(|c| !matches!(c, '0' | ':' | '.' | ' ' | 'Z')) {
        return Err(Words::new("has a time: leave the day only", "含有时间,请只保留日期"));
    }

    let parts: Vec<&str> = match day.strip_suffix('日') {
        Some(rest) => rest.split(['年', '月']).map(str::trim).collect(),
        None if day.len() == 8 && day.is_ascii() && !day.contains(['-', '/', '.']) => {
            vec![&day[..4], &day[4..6], &day[6..]]
        }
        None => match ['-', '/', '.'].into_iter().find(|separator| day.contains(*separator)) {
            Some(separator) => day.split(separator).collect(),
            None => vec![],
        },
    };
    let [year, month, day] = parts[..] else { return Err(bad()) };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = year.len() == 4 && matches!(month.len(), 1 | 2) && matches!(day.len(), 1 | 2);
    if fits && number(year) && number(month) && number(day) {
        Ok(format!("{year}-{month:0>2}-{day:0>2}"))
    } else {
        Err(bad())
    }
}

/// Parses a decimal and removes its thousands separators. `1,200.00` and `1,234,567` are
/// unambiguous. `1,200` is refused: some people read the comma as a decimal point.
fn decimal(cell: &str) -> Result<String, Words> {
    let plain = narrow(cell);
    let (sign, digits) = plain.strip_prefix('-').map_or(("", &*plain), |rest| ("-", rest));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let groups: Vec<&str> = groups.collect();
    let grouped = first.len() <= 3 && groups.iter().all(|group| group.len() == 3 && number(group));
    if !number(first) || !fraction.is_none_or(number) || !(groups.is_empty() || grouped) {
        return Err(Words::new(
            "is not a number, such as 1234.50: digits with a point, without currency or unit",
            "须为数字,例如 1234.50,不带货币符号或单位",
        ));
    }
    if groups.len() == 1 && fraction.is_none() {
        return Err(Words::new(
            format!("{plain} can be read in two ways: write {first}{} or {plain}.00", groups[0]),
            format!("{plain} 含义不明:请写作 {first}{} 或 {plain}.00", groups[0]),
        ));
    }

    let whole = [first].into_iter().chain(groups).collect::<String>();
    Ok(match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

fn boolean(cell: &str) -> Result<bool, Words> {
    match narrow(cell).to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "是" => Ok(true),
        "false" | "no" | "n" | "0" | "否" => Ok(false),
        _ => {
            Err(Words::new("is neither true nor false, 是 nor 否", "须为 是 或 否(true 或 false)"))
        }
    }
}

/// Checks for the labels of total rows, which people put in the place of an id.
pub fn is_total(cell: &str) -> bool {
    let plain: String = cell.nfkc().filter(|c| c.is_alphanumeric()).collect();
    matches!(
        plain.to_lowercase().as_str(),
        "合计"
            | "总计"
            | "小计"
            | "共计"
            | "总合计"
            | "本页合计"
            | "本页小计"
            | "累计"
            | "合计金额"
            | "total"
            | "totals"
            | "subtotal"
            | "grandtotal"
            | "sum"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, cell: &str) -> Option<String> {
        let mut json = String::new();
        write(&mut json, kind, cell).ok().map(|()| json)
    }

    #[test]
    fn days_are_read_in_the_ways_they_are_written() {
        for day in [
            "2026-03-01",
            "2026/3/1",
            "2026-3-1",
            "2026.3.1",
            "2026年3月1日",
            "2026年03月01日",
            "20260301",
            "2026/03/01 0:00",
            "2026-03-01T00:00:00",
            "\u{ff12}\u{ff10}26/3/1",
            "2026-03-01 00:00:00.000",
        ] {
            assert_eq!(read(Kind::Date, day).as_deref(), Some("\"2026-03-01\""), "{day}");
        }
        for wrong in [
            "1/3/2026",
            "3/1/26",
            "26-3-1",
            "2026-3",
            "2026年3月",
            "46082",
            "Mar 1 2026",
            "2026-03-01 10:30",
            "2026/3-1",
            "2026-003-1",
            "明天",
            "-",
            "2026",
        ] {
            assert_eq!(read(Kind::Date, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_read_where_there_is_one_way() {
        for (cell, expected) in [
            ("1200", "1200"),
            ("1,200.00", "1200.00"),
            ("1,234,567", "1234567"),
            ("-1,200.5", "-1200.5"),
            ("\u{ff11}200\u{ff0e}00", "1200.00"),
            ("\u{2212}3", "-3"),
            ("1\u{ff0c}200.00", "1200.00"),
            ("0.5", "0.5"),
        ] {
            let expected = format!("\"{expected}\"");
            assert_eq!(read(Kind::Decimal, cell), Some(expected), "{cell}");
        }
        for wrong in [
            "1,200",
            "1.200,00",
            "12,00.00",
            "1,2,3",
            "1234,567.00",
            "¥1200",
            "1200元",
            "(5)",
            "5-",
            "1.23E+12",
            "",
            ".",
            "1.",
            ".5",
            "+5",
            "1 200",
            "50%",
            "NaN",
        ] {
            assert_eq!(read(Kind::Decimal, wrong), None, "{wrong}");
        }
        assert_eq!(read(Kind::Percent, "13%").as_deref(), Some("\"13\""));
        assert_eq!(read(Kind::Percent, "1\u{ff13}\u{ff05}").as_deref(), Some("\"13\""));
        assert_eq!(read(Kind::Integer, "1,200.00"), None);
        assert_eq!(read(Kind::Number, "31.20").as_deref(), Some("31.2"));
    }

    #[test]
    fn booleans_and_lists() {
        for (yes, no) in
            [("TRUE", "FALSE"), ("true", "false"), ("是", "否"), ("Yes", "NO"), ("1", "0")]
        {
            assert_eq!(read(Kind::Boolean, yes).as_deref(), Some("true"));
            assert_eq!(read(Kind::Boolean, no).as_deref(), Some("false"));
        }
        assert_eq!(read(Kind::Boolean, "maybe"), None);
        assert_eq!(read(Kind::List, "a; b\u{ff1b}c、d").as_deref(), Some(r#"["a","b","c","d"]"#));
    }

    #[test]
    fn what_a_spreadsheet_damaged_is_refused_in_any_column() {
        for cell in [
            "1.23E+12",
            "1.3812E+10",
            "5E-05",
            "-1E+15",
            "########",
            "#REF!",
            "#N/A",
            "#MERGED!",
            "#DATE! 2026-03-01",
        ] {
            for kind in
                [Kind::Text, Kind::Phone, Kind::Id, Kind::Date, Kind::Decimal, Kind::Boolean]
            {
                assert_eq!(read(kind, cell), None, "{cell} {kind:?}");
            }
        }
        for code in ["3月1日", "1-Mar", "Mar-26"] {
            assert_eq!(read(Kind::Code, code), None, "{code}");
            assert!(read(Kind::Text, code).is_some(), "{code}");
        }
        for good in ["2E10", "E+12", "#", "#1", "A#", "1.2.3", "13812345678", "3-1", "1E", "+86"] {
            assert!(read(Kind::Code, good).is_some(), "{good}");
        }
    }

    #[test]
    fn totals_are_known_by_their_word() {
        assert!(["合计", "合 计\u{ff1a}", "总计", "Total:", "小计"].into_iter().all(is_total));
        assert!(!["合计科技", "C1", "", "Totally"].into_iter().any(is_total));
    }
}
