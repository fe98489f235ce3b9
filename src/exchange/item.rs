//! Converts a row of a file to an item of a batch.

use csv::StringRecord;

use crate::cell;
use crate::folder::Source;
use crate::format::NULL;
use crate::refusal::{Refusal, not_data};
use crate::table::Table;
use crate::words::Words;

/// Builds the item as JSON, or returns all faults of the row. The JSON is written directly as
/// text, which saves building trees of values for a million rows.
pub fn item(source: &Source, at: usize) -> Result<String, Refusal> {
    let (table, mut refusal) = (&source.table, Refusal::default());
    if let Some(words) = not_data(table, at, source.key) {
        refusal.own.push(words);
        return Err(refusal);
    }

    let row = table.row(at);
    let external_id = row.get(source.key).unwrap_or_default();
    if external_id.is_empty() || external_id == NULL {
        let heading = table.heading("external_id");
        refusal.own.push(Words::new("is empty", "不能为空").below(heading, heading));
    }
    if let Some(other) = source.conflicts.get(&at) {
        refusal.own.push(table.line(*other).conflict(external_id));
    }

    let mut json = String::with_capacity(256);
    json.push('{');
    refusal.own.extend(object(&mut json, table, &row, None));

    if let Some(nested) = &source.nested {
        let places: Vec<_> = nested.places(external_id).collect();
        let owner = nested.table.place(nested.nested.owner).unwrap_or_default();
        if !places.is_empty() {
            json.push_str(if json.len() > 1 { ",\"" } else { "\"" });
            json.push_str(nested.nested.field);
            json.push_str("\":[");
        }
        for (place, line) in places.iter().enumerate() {
            json.push_str(if place > 0 { ",{" } else { "{" });
            let faults = if let Some(words) = not_data(&nested.table, *line, owner) {
                vec![words]
            } else {
                let row = nested.table.row(*line);
                object(&mut json, &nested.table, &row, Some(nested.nested.owner))
            };
            refusal.nested.extend(faults.into_iter().map(|words| (place, words)));
            json.push('}');
        }
        if !places.is_empty() {
            json.push(']');
        }
    }
    json.push('}');
    if refusal.is_empty() { Ok(json) } else { Err(refusal) }
}

/// Appends the fields of an object, without braces. Returns all faults.
fn object(json: &mut String, table: &Table, row: &StringRecord, skip: Option<&str>) -> Vec<Words> {
    let (mut faults, mut first) = (vec![], true);
    for ((column, cell), heading) in table.columns.iter().zip(row).zip(&table.headings) {
        let Some(column) = column else { continue };
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
        } else if let Err(words) = cell::write(json, column.kind, cell) {
            faults.push(words.below(heading, heading));
        }
    }
    faults
}
