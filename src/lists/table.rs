//! Lists as CSV, with a column for each field. The columns of an expansion follow the id that they
//! belong to.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, VARY,
};
use actix_web::rt::task::yield_now;
use platform::page::MOST_CSV_ROWS;
use platform::{Error, Result};
use reports::csv::{Table, cell};
use serde_json::Value;

use crate::expand::Expansion;
use crate::object::Object;
use crate::related::Referent;
use crate::request::ListRequest;
use crate::view::View;

/// The error for a table that is longer than the service returns at once.
pub fn too_many_rows() -> Error {
    let detail =
        format!("The list has more than {MOST_CSV_ROWS} rows. Narrow it down, or send `limit`.");
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_rows").detail(detail)
}

/// A column of a table: a member of the item, or a part of a member that `expand` has added.
struct Column {
    name: String,
    member: String,
    part: Option<&'static str>,
}

/// Responds with the items as CSV.
pub async fn answer(
    req: &HttpRequest,
    mut response: HttpResponse<()>,
    view: &View,
    asked: &ListRequest,
    items: &[Object],
) -> Result<HttpResponse> {
    let columns = columns(view, asked, items);
    let mut table = Table::new(false);
    table.write(columns.iter().map(|column| &column.name))?;
    for (number, item) in items.iter().enumerate() {
        let cells = columns.iter().map(|column| text(item, column));
        table.write(cells.collect::<Result<Vec<_>>>()?.iter())?;
        // Many rows take a while, and other requests need this worker as well.
        if number % 500 == 499 {
            yield_now().await;
        }
    }

    let name = req.path().rsplit('/').next().unwrap_or_default();
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let disposition = HeaderValue::try_from(disposition).map_err(Error::internal)?;
    let headers = response.headers_mut();
    let kind = "text/csv; charset=utf-8; header=present";
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_DISPOSITION, disposition);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let vary = "Authorization, Accept, Accept-Language";
    headers.insert(VARY, HeaderValue::from_static(vary));
    Ok(response.set_body(BoxBody::new(table.take()?)))
}

/// Returns the columns in the order of the first item. Without items, they are in the order of the
/// API document.
fn columns(view: &View, asked: &ListRequest, items: &[Object]) -> Vec<Column> {
    let first = items.first().into_iter().flat_map(Object::names);
    let mut names: Vec<&str> = vec![];
    for name in first.chain(view.fields.iter().map(String::as_str)) {
        if view.has(name) && asked.keeps(view, name) && !names.contains(&name) {
            names.push(name);
        }
    }
    let expansions = asked.expansions(view);
    names.into_iter().flat_map(|name| beside(name, &expansions)).collect()
}

/// Returns the column of a field, and those of the expansions of this field.
fn beside(name: &str, expansions: &[&Expansion]) -> Vec<Column> {
    let mut columns = vec![Column { name: name.to_owned(), member: name.to_owned(), part: None }];
    for place in expansions.iter().flat_map(|expansion| &expansion.places) {
        // Members inside a list are part of the JSON of that list.
        if place.list.is_some() || place.field != name {
            continue;
        }

        let (member, several) = (&place.member, place.field.ends_with("_ids"));
        let parts = match place.of {
            Referent::One(target) => target.parts,
            Referent::By(..) => &["name"],
        };

        // Several related rows do not fit into separate columns: they are JSON.
        if several {
            columns.push(Column { name: member.clone(), member: member.clone(), part: None });
        } else {
            columns.extend(parts.iter().map(|part| Column {
                name: format!("{member}_{part}"),
                member: member.clone(),
                part: Some(part),
            }));
        }
    }
    columns
}

/// Returns the text of a cell. Strings in a list are joined with `;`, as in the exchange format.
/// All other lists, and objects, are JSON.
fn text(item: &Object, column: &Column) -> Result<String> {
    let Some(raw) = item.get(&column.member) else { return Ok(String::new()) };
    let value: Value = serde_json::from_str(raw.get()).map_err(Error::internal)?;
    let value = match column.part {
        Some(part) => value.get(part).cloned().unwrap_or_default(),
        None => value,
    };
    Ok(match &value {
        Value::Array(words) if words.iter().all(Value::is_string) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            cell(&words.join(";").into())
        }
        // Unchanged, so that numbers keep their digits and objects the order of their members.
        Value::Number(_) | Value::Array(_) | Value::Object(_) => raw.get().to_owned(),
        value => cell(value),
    })
}
