//! References in queries: filters of lists and parameters of reports.

use access::Caller;
use platform::{Conn, Error, Fault, List, Query, Result, query};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::reference::{Find, HasReferences, Reference, Wanted, named, resolve_all};

/// Returns the filter of a list with its external ids resolved to ids. An unknown external id, like
/// an unknown id, matches no row.
pub async fn of_list<F: HasReferences + DeserializeOwned>(
    conn: &mut Conn,
    caller: &Caller,
    list: &List<F>,
) -> Result<F> {
    query::of_query(&resolved(conn, caller, F::REFERENCES, list.query()).await?)
}

/// Returns the parameters of a query that is not a list, with its external ids resolved to ids.
pub async fn of_query<Q: HasReferences + DeserializeOwned>(
    conn: &mut Conn,
    caller: &Caller,
    query: &Query<Q>,
) -> Result<Q> {
    query::of_query(&resolved(conn, caller, Q::REFERENCES, query.raw()).await?)
}

/// Types of rows that can be merged. A filter by the id of a merged row applies to the winner.
const MERGEABLE: &[&str] = &["customer"];

/// Replaces the id of a merged row by that of the winner. An unknown id stays as it is and matches
/// no row.
async fn follow_merge(
    conn: &mut Conn,
    caller: &Caller,
    query: &mut Value,
    field: &str,
    find: Find,
) -> Result<()> {
    let id = query.get(field).and_then(Value::as_str).and_then(|text| text.parse().ok());
    let Some(id) = id else { return Ok(()) };
    let wanted = Wanted { ids: [id].into(), ..Wanted::default() };
    let found = find(conn, caller, &wanted).await?;
    if let Some((row, _)) = found.row(&id) {
        query[field] = row.to_string().into();
    }
    Ok(())
}

/// Not generic: the work is compiled once, not for each type of filter.
async fn resolved(
    conn: &mut Conn,
    caller: &Caller,
    references: &[Reference<'_>],
    query: &Value,
) -> Result<Value> {
    let mut value = [query.clone()];
    for Reference { at, of, find } in references {
        let name = query.as_object().and_then(|object| named(object, at));
        if let Some(name) = name.filter(|_| MERGEABLE.contains(of)) {
            follow_merge(conn, caller, &mut value[0], &format!("{name}_id"), *find).await?;
        }
    }

    let external = |query: &Value| {
        let members = query.as_object();
        members.is_some_and(|members| members.keys().any(|name| name.ends_with("_external_id")))
    };
    if !external(query) {
        return Ok(value[0].take());
    }

    let system = caller.source_system();
    let faults = resolve_all(conn, caller, system, references, &mut value).await?;
    let (unknown, wrong): (Vec<_>, Vec<_>) =
        faults.into_iter().flatten().partition(Fault::is_unknown_reference);
    if !wrong.is_empty() {
        return Err(Error::bad_request("invalid_query", "").faults(wrong));
    }

    // An external id that is left belongs to no reference. It is refused, because a filter must
    // never be ignored.
    let left = value[0].as_object().into_iter().flat_map(|query| query.keys());
    let left = left.filter(|name| name.ends_with("_external_id"));
    let left = left.map(|name| Fault::new(format!("/{name}"), "unknown_field", "no such field"));
    let left: Vec<Fault> = left.collect();
    if !left.is_empty() {
        return Err(Error::bad_request("invalid_query", "").faults(left));
    }

    // The nil id matches no row.
    for fault in unknown {
        let name = fault.pointer.trim_start_matches('/').replace("_external_id", "_id");
        value[0][name] = Uuid::nil().to_string().into();
    }
    Ok(value[0].take())
}
