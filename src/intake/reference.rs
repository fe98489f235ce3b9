//! References in bodies and queries: `owner_id`, or `owner_external_id` with its
//! `owner_source_system`. Each reference is resolved by a lookup that returns only visible rows, so
//! that callers cannot refer to rows that they do not see.

use std::collections::{HashMap, HashSet};

use access::Caller;
pub use futures_util::future::BoxFuture;
use platform::{Conn, Fault, Result};
use serde_json::Value;
use uuid::Uuid;

/// A reference in a body: its place, its type and its lookup.
pub struct Reference<'a> {
    /// The path of the field without its ending, with `*` for each item of a list: `owner`,
    /// `lines/*/product`. `owner[owner_type=team]` if another field decides the type;
    /// `contact_ids/*` if the field is a list of ids
    pub at: &'a str,
    /// The type of the referenced row, as in the change feed: `user`
    pub of: &'static str,
    pub find: Find,
}

/// The lookup of a resource: returns those of the wanted rows that the caller sees.
pub type Find = for<'a> fn(&'a mut Conn, &'a Caller, &'a Wanted) -> BoxFuture<'a, Result<Found>>;

/// The references of a body type, in the order in which their faults are reported.
pub trait HasReferences {
    const REFERENCES: &'static [Reference<'static>] = &[];
}

/// Declares the references in bodies and filters, for each type: `references! { NewOrder: REFERENCES }`.
#[macro_export]
macro_rules! references {
    ($($type:ty: $references:expr);+ $(;)?) => {
        $(impl $crate::HasReferences for $type {
            const REFERENCES: &'static [$crate::Reference<'static>] = $references;
        })+
    };
}

impl HasReferences for platform::NoFilter {}

/// The rows to look up: ids, and pairs of source system and external id.
#[derive(Debug, Default)]
pub struct Wanted {
    pub ids: HashSet<Uuid>,
    pub external: HashSet<(String, String)>,
}

/// The rows that a lookup has found. Extend it with the rows of a query: see
/// [`find!`](crate::find!).
#[derive(Debug, Default)]
pub struct Found {
    /// Each id with the id and version of its row, or of the winner if the row was merged
    ids: HashMap<Uuid, (Uuid, i64)>,
    external: HashMap<(String, String), Uuid>,
}

/// Id, version, source system and external id of a row.
pub type Known = (Uuid, i64, Option<String>, Option<String>);

impl Found {
    pub fn has(&self, id: &Uuid) -> bool {
        self.ids.contains_key(id)
    }

    /// Returns the id and version of the row for this id, or of the winner if it was merged.
    pub fn row(&self, id: &Uuid) -> Option<(Uuid, i64)> {
        self.ids.get(id).copied()
    }

    /// Adds a merged row. References to it resolve to the winner.
    pub fn merged(&mut self, (id, _, system, external_id): Known, winner: (Uuid, i64)) {
        self.ids.insert(id, winner);
        if let Some(key) = system.zip(external_id) {
            self.external.insert(key, winner.0);
        }
    }

    /// Drops the external ids of rows that are not `readable`. They can still be found by id.
    #[must_use]
    pub fn named_only(mut self, readable: impl Fn(Uuid) -> bool) -> Self {
        self.external.retain(|_, id| readable(*id));
        self
    }

    /// Returns the id of the row with this source system and external id.
    pub fn named(&self, key: &(String, String)) -> Option<Uuid> {
        self.external.get(key).copied()
    }
}

impl Extend<Known> for Found {
    fn extend<I: IntoIterator<Item = Known>>(&mut self, rows: I) {
        for row in rows {
            let itself = (row.0, row.1);
            self.merged(row, itself);
        }
    }
}

/// Declares the lookup of a table: `find! { find_orders in orders, sees Order }` finds the rows that
/// the caller sees. Instead of `sees`, a function of the caller may make the condition.
#[macro_export]
macro_rules! find {
    ($(#[$meta:meta])* $name:ident in $table:ident, sees $row:ty) => {
        $crate::find! { $(#[$meta])* $name in $table, access::Caller::sees::<$row> }
    };
    ($(#[$meta:meta])* $name:ident in $table:ident, $visible:expr) => {
        $(#[$meta])*
        pub fn $name<'a>(
            conn: &'a mut platform::Conn,
            caller: &'a access::Caller,
            wanted: &'a $crate::reference::Wanted,
        ) -> $crate::reference::BoxFuture<'a, platform::Result<$crate::reference::Found>> {
            Box::pin(async move {
                use diesel::prelude::{ExpressionMethods, QueryDsl};
                use diesel_async::RunQueryDsl;
                let columns =
                    ($table::id, $table::version, $table::source_system, $table::external_id);
                let mut found = $crate::reference::Found::default();
                if !wanted.ids.is_empty() {
                    let rows = $table::table.filter($visible(caller)).select(columns);
                    let rows = rows.filter($table::id.eq_any(&wanted.ids));
                    let rows: Vec<$crate::reference::Known> = RunQueryDsl::load(rows, conn).await?;
                    found.extend(rows);
                }
                if !wanted.external.is_empty() {
                    let (systems, ids) = wanted.columns();
                    let rows = $table::table.filter($visible(caller)).select(columns);
                    let rows = rows.filter($table::source_system.eq_any(systems));
                    let rows = rows.filter($table::external_id.eq_any(ids));
                    let rows: Vec<$crate::reference::Known> = RunQueryDsl::load(rows, conn).await?;
                    found.extend(rows);
                }
                Ok(found)
            })
        }
    };
}

impl Wanted {
    /// Returns the source systems and the external ids, for `= any` on each column. The rows found
    /// may include other pairs of the two.
    pub fn columns(&self) -> (Vec<&str>, Vec<&str>) {
        let systems: HashSet<&str> = self.external.iter().map(|key| key.0.as_str()).collect();
        (systems.into_iter().collect(), self.external.iter().map(|key| key.1.as_str()).collect())
    }
}

/// The result of resolving the references of one value.
#[derive(Debug, Default)]
pub struct Resolved {
    pub faults: Vec<Fault>,
    /// References whose rows do not exist yet. Each has a fault as well
    pub missing: Vec<Missing>,
}

/// A reference by external id to a row that does not exist or that the caller does not see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Missing {
    pub of: &'static str,
    pub source_system: String,
    pub external_id: String,
}

/// Replaces the references in the values by ids of rows that the caller sees. Returns for each
/// value the faults of references that were not found. Takes one or two statements per reference,
/// regardless of the number of values.
pub async fn resolve_all(
    conn: &mut Conn,
    caller: &Caller,
    source_system: Option<&str>,
    references: &[Reference<'_>],
    values: &mut [Value],
) -> Result<Vec<Vec<Fault>>> {
    let none = ("", &Found::default());
    let all = resolve_known(conn, caller, source_system, references, values, none).await?;
    Ok(all.into_iter().map(|resolved| resolved.faults).collect())
}

/// Does the same as [`resolve_all`], but also accepts rows of one type that are known before they
/// are stored: the rows of a batch may refer to each other.
pub async fn resolve_known(
    conn: &mut Conn,
    caller: &Caller,
    source_system: Option<&str>,
    references: &[Reference<'_>],
    values: &mut [Value],
    (type_, known): (&str, &Found),
) -> Result<Vec<Resolved>> {
    let mut resolved: Vec<Resolved> = vec![];
    resolved.resize_with(values.len(), Resolved::default);
    let nothing = Found::default();
    for Reference { at, of, find } in references {
        let of = *of;
        let known = if of == type_ { known } else { &nothing };

        let mut wanted = Wanted::default();
        if let Some(field) = at.strip_suffix("/*") {
            let listed = values.iter().flat_map(|value| ids(value, field));
            wanted.ids = listed.map(|(_, id)| id).collect();
        }

        for (value, Resolved { faults, .. }) in values.iter_mut().zip(&mut resolved) {
            each(value, at, "", &mut |object, pointer, name| match Target::of(
                object,
                name,
                source_system,
            ) {
                Target::Absent => {}
                Target::Id(id) => drop(wanted.ids.insert(id)),
                Target::External(key) => {
                    if !known.external.contains_key(&key) {
                        wanted.external.insert(key);
                    }
                }
                Target::Wrong(field, code, why) => {
                    faults.push(Fault::new(format!("{pointer}/{name}_{field}"), code, why));
                }
            });
        }

        let mut found = Found::default();
        if !wanted.ids.is_empty() || !wanted.external.is_empty() {
            found = find(conn, caller, &wanted).await?;
        }
        if let Some(field) = at.strip_suffix("/*") {
            for (value, Resolved { faults, .. }) in values.iter().zip(&mut resolved) {
                let unknown = ids(value, field).filter(|(_, id)| !found.has(id));
                let fault = |(index, _): (usize, Uuid)| {
                    Fault::unknown_reference(&format!("/{field}/{index}"))
                };
                faults.extend(unknown.map(fault));
            }
        }

        for (value, Resolved { faults, missing }) in values.iter_mut().zip(&mut resolved) {
            each(value, at, "", &mut |object, pointer, name| {
                let target = Target::of(object, name, source_system);
                // The body type has only the `_id` of a reference.
                object.remove(&format!("{name}_source_system"));
                let external = object.remove(&format!("{name}_external_id"));
                let (id, field) = match target {
                    Target::Id(id) => (found.row(&id).map(|row| row.0), "id"),
                    Target::External(key) => {
                        let there = found.named(&key).or_else(|| known.named(&key));
                        if there.is_none() {
                            let (source_system, external_id) = key;
                            missing.push(Missing { of, source_system, external_id });
                        }
                        (there, "external_id")
                    }
                    Target::Absent if external.is_some() => {
                        object.insert(format!("{name}_id"), Value::Null);
                        return;
                    }
                    Target::Absent | Target::Wrong(..) => return,
                };
                let Some(id) = id else {
                    let pointer = format!("{pointer}/{name}_{field}");
                    return faults.push(Fault::unknown_reference(&pointer));
                };
                object.insert(format!("{name}_id"), id.to_string().into());
            });
        }
    }
    Ok(resolved)
}

/// Returns the ids of a list with their positions. The check of the schema reports other values.
fn ids<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = (usize, Uuid)> + 'a {
    let list = value.get(field).and_then(Value::as_array).into_iter().flatten().enumerate();
    list.filter_map(|(index, id)| Some((index, id.as_str()?.parse().ok()?)))
}

pub(crate) type Object = serde_json::Map<String, Value>;

/// Calls `work` with every object that may hold the reference, the object's JSON pointer and the
/// name of the reference.
fn each(
    value: &mut Value,
    at: &str,
    pointer: &str,
    work: &mut impl FnMut(&mut Object, &str, &str),
) {
    let Some((step, rest)) = at.split_once('/') else {
        if let Value::Object(object) = value
            && let Some(name) = named(object, at)
        {
            work(object, pointer, name);
        }
        return;
    };

    match (step, value) {
        ("*", Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                each(item, rest, &format!("{pointer}/{index}"), work);
            }
        }
        (step, Value::Object(object)) => {
            if let Some(value) = object.get_mut(step) {
                each(value, rest, &format!("{pointer}/{step}"), work);
            }
        }
        _ => {}
    }
}

/// Returns the name of a reference if its condition holds for this object: `owner[owner_type=team]`
/// requires that value of the field, `owner[owner_type=]` that the field is absent.
pub(crate) fn named<'a>(object: &Object, at: &'a str) -> Option<&'a str> {
    let Some((name, condition)) = at.split_once('[') else { return Some(at) };
    let (field, value) = condition.trim_end_matches(']').split_once('=')?;
    let said = object.get(field).and_then(Value::as_str).unwrap_or_default();
    (said == value).then_some(name)
}

/// The row that a reference names.
enum Target {
    Absent,
    Id(Uuid),
    External((String, String)),
    /// The field at fault, its code, and why
    Wrong(&'static str, &'static str, &'static str),
}

impl Target {
    fn of(object: &Object, name: &str, source_system: Option<&str>) -> Self {
        let text = |ending: &str| object.get(&format!("{name}_{ending}")).and_then(Value::as_str);
        let system = text("source_system").or(source_system);
        match (text("id"), text("external_id"), system) {
            (Some(_), Some(_), _) => {
                Self::Wrong("external_id", "contradiction", "send either the id or the external id")
            }
            (Some(id), None, _) => id.parse().map_or(Self::Absent, Self::Id),
            (None, Some(_), None) => {
                Self::Wrong("source_system", "required", "required with an external id")
            }
            (None, Some(external), Some(system)) => {
                Self::External((system.to_owned(), external.to_owned()))
            }
            (None, None, _) => Self::Absent,
        }
    }
}
