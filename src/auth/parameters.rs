//! References in queries: filters of lists and parameters of reports.

use platform::{Conn, Error, Fault, List, Query, Result, input};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::Caller;
use super::reference::{Find, Reference, Refers, Wanted, named, resolve_all};

/// The filter of a list, its references by external id looked up. What is unknown filters
/// everything out, as an unknown id does.
pub async fn filter<F: Refers + DeserializeOwned>(
    conn: &mut Conn,
    caller: &Caller,
    list: &List<F>,
) -> Result<F> {
    of_query(conn, caller, list.query()).await
}

/// The same for a query that is no list.
pub async fn parameters<Q: Refers + DeserializeOwned>(
    conn: &mut Conn,
    caller: &Caller,
    query: &Query<Q>,
) -> Result<Q> {
    of_query(conn, caller, query.raw()).await
}

/// Types of rows that can be merged: the id of a merged one filters by the row that it became.
const MERGEABLE: &[&str] = &["customer"];

/// An id that leads nowhere stays as it is, and finds nothing.
async fn follow_merge(
    conn: &mut Conn,
    caller: &Caller,
    query: &mut Value,
    field: &str,
    find: Find,
) -> Result<()> {
    let id = query.get(field).and_then(Value::as_str).and_then(|it| it.parse().ok());
    let Some(id) = id else { return Ok(()) };
    let wanted = Wanted { ids: [id].into(), ..Wanted::default() };
    let found = find(conn, caller, &wanted).await?;
    if let Some((row, _)) = found.row(&id) {
        query[field] = row.to_string().into();
    }
    Ok(())
}

async fn of_query<F: Refers + DeserializeOwned>(
    conn: &mut Conn,
    caller: &Caller,
    query: &Value,
) -> Result<F> {
    let mut value = [query.clone()];
    for Reference { at, of, find } in F::REFERENCES {
        let name = query.as_object().and_then(|object| named(object, at));
        if let Some(name) = name.filter(|_| MERGEABLE.contains(of)) {
            follow_merge(conn, caller, &mut value[0], &format!("{name}_id"), *find).await?;
        }
    }
    let external = |query: &Value| {
        query.as_object().is_some_and(|it| it.keys().any(|name| name.ends_with("_external_id")))
    };
    if !external(query) {
        return input::of_query(&value[0]);
    }
    let system = caller.source_system();
    let faults = resolve_all(conn, caller, system, F::REFERENCES, &mut value).await?;
    let (unknown, wrong): (Vec<_>, Vec<_>) =
        faults.into_iter().flatten().partition(|fault| fault.code == "unknown_reference");
    if !wrong.is_empty() {
        return Err(Error::bad_request("invalid_query", "").faults(wrong));
    }
    // Such as the external id of what has none: a filter is refused, never ignored.
    let left = value[0].as_object().into_iter().flat_map(|query| query.keys());
    let left = left.filter(|name| name.ends_with("_external_id"));
    let left = left.map(|name| Fault::new(format!("/{name}"), "unknown_field", "no such field"));
    let left: Vec<Fault> = left.collect();
    if !left.is_empty() {
        return Err(Error::bad_request("invalid_query", "").faults(left));
    }
    for fault in unknown {
        let name = fault.pointer.trim_start_matches('/').replace("_external_id", "_id");
        value[0][name] = Uuid::nil().to_string().into();
    }
    input::of_query(&value[0])
}
