use crate::format::{Column, FILES, Kind};

/// A column in the notation of the document: `**name** id`.
fn written(column: &Column) -> String {
    let name = if column.required { format!("**{}**", column.name) } else { column.name.into() };
    let kind = match column.kind {
        Kind::Text | Kind::Code | Kind::Phone => "",
        Kind::Id => " id",
        Kind::Date => " date",
        Kind::Decimal => " decimal",
        Kind::Percent => " percent",
        Kind::Integer => " integer",
        Kind::Number => " number",
        Kind::Boolean => " boolean",
        Kind::List => " list",
    };
    name + kind
}

#[test]
fn the_document_lists_the_files_and_columns_that_there_are() {
    let document = include_str!("../../../docs/exchange-format.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: Vec<(&str, Vec<String>)> = rows
        .map(|(file, columns)| {
            let mut depth = 0;
            let bare: String = columns
                .chars()
                .filter(|letter| {
                    depth += i32::from(*letter == '(') - i32::from(*letter == ')');
                    depth == 0 && *letter != ')'
                })
                .collect();
            let bare = bare.split(['|', '.']).next().unwrap_or_default();
            (file, bare.split(',').map(|column| column.trim().to_owned()).collect())
        })
        .collect();
    let mut known = vec![];
    for layout in FILES {
        known.push((layout.file, layout.columns.iter().map(written).collect::<Vec<_>>()));
        if let Some(nested) = &layout.nested {
            known.push((nested.file, nested.columns.iter().map(written).collect()));
        }
    }
    assert_eq!(documented, known);
}

#[test]
fn the_document_lists_the_chinese_headings_that_there_are() {
    let document = include_str!("../../../docs/exchange-format.md");
    let mut sorts = vec![];
    for layout in FILES {
        sorts.push((layout.title, layout.file, layout.columns));
        sorts.extend(
            layout.nested.as_ref().map(|nested| (nested.title, nested.file, nested.columns)),
        );
    }
    for (title, file, columns) in sorts {
        let column = |column: &Column| format!("{} {}", column.name, column.headings);
        let columns = columns.iter().map(column).collect::<Vec<_>>().join("; ");
        let row = format!("| {title} | `{}` | {columns} |", file.strip_suffix(".csv").unwrap());

        assert!(document.lines().any(|line| line == row), "missing: {row}");
    }
}
