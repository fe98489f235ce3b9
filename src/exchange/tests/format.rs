use crate::format::{Column, FILES, Kind};

/// A column as the document writes it: `**name** id`. Whether text is an id, a date or a decimal
/// is the service's business.
fn written(column: &Column) -> String {
    let name = if column.required { format!("**{}**", column.name) } else { column.name.into() };
    let kind = match column.kind {
        Kind::Text => "",
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
            let column = |it: &str| {
                let mut it = it.trim().to_owned();
                for kind in [" id", " date", " decimal"] {
                    it = it.strip_suffix(kind).unwrap_or(&it).to_owned();
                }
                it
            };
            (file, bare.split(',').map(column).collect())
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
