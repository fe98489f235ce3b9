//! Finds the row with the headings and the columns that they name.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

use crate::format::Column;
use crate::grid::Grid;
use crate::words::Language;

/// The number of rows searched for headings: a title, a date and an author may come first.
pub const DEEPEST: usize = 10;

/// Headings of the reason column of a rejected file, which an import ignores.
pub const REASON: [&str; 2] = ["reason", "错误原因"];

/// The meaning of a heading.
#[derive(Debug, Clone, Copy)]
pub enum Heading {
    Column(&'static Column),
    /// The reason column of a rejected file, or an empty heading
    Ignored,
    Unknown,
}

/// Finds the row with the headings: the first one that names every required column, or else the
/// one that names most columns, so that its faults can be reported.
pub fn find(grid: &Grid, columns: &'static [Column]) -> Option<usize> {
    let known = |at: usize| {
        let headings = read(grid.row(at).iter(), columns);
        let named = headings.iter().filter_map(|heading| match heading {
            Heading::Column(column) => Some(column.name),
            _ => None,
        });
        named.collect::<HashSet<_>>()
    };
    let rows = 0..grid.len().min(DEEPEST);
    let complete = |names: &HashSet<&str>| {
        columns.iter().all(|column| !column.required || names.contains(column.name))
    };
    rows.clone().find(|at| complete(&known(*at))).or_else(|| {
        // `max_by_key` returns the last maximum; reversed, that is the topmost row.
        rows.rev().max_by_key(|at| known(*at).len())
    })
}

pub fn read<'a>(
    headings: impl Iterator<Item = &'a str>,
    columns: &'static [Column],
) -> Vec<Heading> {
    headings.map(|heading| of(heading, columns)).collect()
}

fn of(heading: &str, columns: &'static [Column]) -> Heading {
    let plain = plain(heading);
    let named = |column: &&Column| self::plain(column.name) == plain || is_one_of(&plain, column);
    match columns.iter().find(named) {
        Some(column) => Heading::Column(column),
        None if plain.is_empty() || REASON.contains(&plain.as_str()) => Heading::Ignored,
        None => Heading::Unknown,
    }
}

fn is_one_of(plain: &str, column: &Column) -> bool {
    column.headings.split(' ').any(|heading| heading == plain)
}

/// Normalises a heading: ignores case, width, blanks, underscores and marks such as `(必填)`.
fn plain(heading: &str) -> String {
    let heading: String = heading.nfkc().collect::<String>().to_lowercase();
    let heading = ["(必填)", "(选填)", "(required)", "(optional)"]
        .into_iter()
        .fold(heading, |heading, mark| heading.replace(mark, ""));
    heading.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '*')).collect()
}

/// The language of the majority of the headings.
pub fn language<'a>(headings: impl Iterator<Item = &'a str>) -> Language {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let (chinese, all) =
        headings.filter(|heading| !heading.is_empty()).fold((0, 0), |(chinese, all), heading| {
            (chinese + usize::from(heading.contains(is_chinese)), all + 1)
        });
    if 2 * chinese > all { Language::Chinese } else { Language::English }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::FILES;

    fn named(heading: &str) -> Option<&'static str> {
        let customers = FILES.iter().find(|layout| layout.resource == "customers").unwrap();
        match of(heading, customers.columns) {
            Heading::Column(column) => Some(column.name),
            _ => None,
        }
    }

    #[test]
    fn headings_are_known_as_people_write_them() {
        for heading in [
            "external_id",
            "External ID",
            "EXTERNAL-ID",
            "客户编号",
            "客户 编号",
            "客户编号*",
            "客户编号\u{ff08}必填\u{ff09}",
            "\u{ff25}xternal\u{3000}id",
            "客户\n编号",
        ] {
            assert_eq!(named(heading), Some("external_id"), "{heading}");
        }
        assert_eq!(named("客户名称"), Some("name"));
        assert_eq!(named("客户"), None);
        assert!(matches!(of("Reason", FILES[0].columns), Heading::Ignored));
        assert!(matches!(of("错误原因", FILES[0].columns), Heading::Ignored));
    }

    #[test]
    fn no_heading_stands_for_two_columns() {
        for layout in FILES {
            let nested = layout.nested.as_ref().map(|nested| nested.columns);
            for columns in [layout.columns].into_iter().chain(nested) {
                let mut seen = HashSet::new();
                for column in columns {
                    let names = column.headings.split(' ').chain([column.name]);
                    let plain = names.map(plain).collect::<HashSet<_>>();
                    assert!(!plain.contains("") && plain.is_disjoint(&seen), "{}", column.name);
                    seen.extend(plain);
                }
            }
        }
    }
}
