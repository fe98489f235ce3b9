//! A row of a file as an item of a batch.

use csv::StringRecord;

use crate::format::{Kind, NULL};
use crate::nested::NestedRows;
use crate::table::Table;

/// The item as JSON, or why the row cannot be one. Written as text at once: a million rows need
/// no tree of values.
pub fn item(
    table: &Table,
    row: &StringRecord,
    external_id: &str,
    nested: Option<&NestedRows>,
) -> Result<String, String> {
    let mut json = String::with_capacity(256);
    let mut faults = vec![];
    json.push('{');
    object(&mut json, table, row, None).unwrap_or_else(|fault| faults.push(fault));
    if external_id.is_empty() || external_id == NULL {
        faults.push("external_id: is empty".into());
    }
    if let Some(nested) = nested {
        let mut rows = nested.of(external_id).enumerate().peekable();
        if rows.peek().is_some() {
            json.push_str(if json.len() > 1 { ",\"" } else { "\"" });
            json.push_str(nested.nested.field);
            json.push_str("\":[");
            for (place, row) in rows {
                json.push_str(if place > 0 { ",{" } else { "{" });
                let written = object(&mut json, &nested.table, &row, Some(nested.nested.owner));
                let named = |fault| format!("{}: {fault}", nested.label(place, &row));
                written.unwrap_or_else(|fault| faults.push(named(fault)));
                json.push('}');
            }
            json.push(']');
        }
    }
    json.push('}');
    if faults.is_empty() { Ok(json) } else { Err(faults.join("; ")) }
}

/// The fields of an object, without braces; all faults at once.
fn object(
    json: &mut String,
    table: &Table,
    row: &StringRecord,
    skip: Option<&str>,
) -> Result<(), String> {
    if row.len() != table.cells.len() {
        return Err(format!("has {} cells, the header has {}", row.len(), table.cells.len()));
    }
    let (mut faults, mut first) = (vec![], true);
    for (column, cell) in table.cells.iter().zip(row) {
        if cell.is_empty() || Some(column.name) == skip {
            continue;
        }
        if !first {
            json.push(',');
        }
        first = false;
        json.push('"');
        json.push_str(column.name);
        json.push_str("\":");
        if cell == NULL {
            json.push_str("null");
        } else if let Err(fault) = value(json, column.kind, cell) {
            faults.push(format!("{}: {fault}", column.name));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

fn value(json: &mut String, kind: Kind, cell: &str) -> Result<(), &'static str> {
    match kind {
        Kind::Text => text(json, cell),
        Kind::Boolean => match cell {
            "true" | "false" => json.push_str(cell),
            _ => return Err("neither true nor false"),
        },
        Kind::Integer => {
            let number = cell.parse::<i64>().map_err(|_| "not a whole number")?;
            json.push_str(&number.to_string());
        }
        Kind::Number => {
            let number = cell.parse::<f64>().ok().filter(|it| it.is_finite());
            json.push_str(&number.ok_or("not a number")?.to_string());
        }
        Kind::List => {
            json.push('[');
            let words = cell.split(';').map(str::trim).filter(|word| !word.is_empty());
            for (place, word) in words.enumerate() {
                if place > 0 {
                    json.push(',');
                }
                text(json, word);
            }
            json.push(']');
        }
    }
    Ok(())
}

fn text(json: &mut String, cell: &str) {
    json.push_str(&serde_json::to_string(cell).unwrap_or_default());
}
