//! The scope of a reader of the change feed: the visible types, rows and fields.

use std::collections::BTreeSet;

use access::{Caller, Role};
use objects::object::CustomObject;
use platform::row_rule::{ACCOUNTS, QUALITY_DESK};
use platform::{Error, Fault, Resource, Result, Seal};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::data::Data;
use crate::kinds::{KINDS, Kind, Shown};

/// The part of the feed that a caller sees.
pub struct Scope<'a> {
    pub caller: &'a Caller,
    /// Types of which the caller sees every row
    pub whole: Vec<String>,
    /// Types of which the caller sees the rows whose owners are in `reach`
    pub partly: Vec<String>,
    /// Sorted ids of the visible people and teams, and of the caller's roles. The nil id stands for
    /// the pool, the greatest id for everybody, the one before it for the quality department, and
    /// the one before that for finance
    pub reach: Vec<Uuid>,
    /// Types of objects to which the reader has limited the feed
    objects: Vec<String>,
}

impl<'a> Scope<'a> {
    /// Returns the scope of a caller who may read these types of objects.
    pub fn of(caller: &'a Caller, objects: &[String]) -> Self {
        let may = |kind: &&Kind| kind.readers.iter().any(|role| caller.is(*role));
        let unlimited = |kind: &Kind| {
            if kind.rule.accounts {
                caller.reach_of_accounts().is_none()
            } else {
                caller.reach().is_none()
            }
        };
        let (whole, partly): (Vec<&Kind>, Vec<&Kind>) =
            KINDS.iter().filter(may).partition(|kind| unlimited(kind));
        let names = |kinds: Vec<&Kind>| {
            let names = kinds.iter().flat_map(|kind| match kind.name {
                CustomObject::TYPE => objects.to_vec(),
                name => vec![name.to_owned()],
            });
            names.collect()
        };

        let mut reach = caller.audience();
        reach.extend(caller.sees_pool().then(Uuid::nil));
        reach.extend(caller.is(Role::Quality).then_some(QUALITY_DESK));
        reach.extend(caller.reach_of_accounts().is_none().then_some(ACCOUNTS));
        // For the binary search in `sees`.
        reach.sort_unstable();

        let (whole, partly) = (names(whole), names(partly));
        Self { caller, whole, partly, reach, objects: vec![] }
    }

    /// The types that the caller may read, in the order of [`KINDS`].
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        let covered =
            |kind: &&Kind| self.whole.iter().chain(&self.partly).any(|name| kind.covers(name));
        KINDS.iter().filter(covered)
    }

    /// Checks whether the caller sees a row of this type with these owners.
    pub fn sees(&self, kind: &str, owners: &[Uuid]) -> bool {
        self.whole.iter().any(|name| name == kind)
            || owners.iter().any(|id| self.reach.binary_search(id).is_ok())
    }

    /// Returns the data of a row as this caller may see it.
    pub fn shown(&self, kind: &str, data: Data) -> Result<Data> {
        match Kind::named(kind).map(|kind| &kind.shown) {
            Some(Shown::By(show)) => Data::of(&show(self.caller, data.read()?)),
            Some(Shown::Masked(roles, fields))
                if !roles.iter().any(|role| self.caller.is(*role)) =>
            {
                let mut row: Map<String, Value> = data.read()?;
                row.extend(fields.iter().map(|name| ((*name).to_owned(), Value::Null)));
                row.insert("masked_fields".into(), json!(fields));
                Data::of(&row)
            }
            _ => Ok(data),
        }
    }

    /// Returns a digest of the scope. A cursor is only valid for its scope: after a change of it,
    /// rows would be silently missing. A new type of objects leaves cursors valid, because it has no
    /// older rows and its readers never change; so only the types that were asked for count.
    pub fn mark(&self, seal: &Seal) -> String {
        let fixed = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| !name.contains('.')).cloned().collect()
        };
        let (whole, partly, objects) = (fixed(&self.whole), fixed(&self.partly), &self.objects);
        let is_limited = !partly.is_empty() || !objects.is_empty() && self.caller.reach().is_some();
        let reach = if is_limited { self.reach.as_slice() } else { &[] };
        // A further role may read types of objects that exist already.
        let roles: BTreeSet<&str> = self.caller.roles().iter().map(|role| role.as_str()).collect();
        seal.mark(&format!("{roles:?} {reach:?} {whole:?} {partly:?} {objects:?}"), "scope")
    }

    /// Limits the scope to these types, if there are any.
    pub fn only(mut self, asked: &[String]) -> Result<Self> {
        if let Some(fault) = unknown_type(asked) {
            let detail = "The change feed does not have this type; see `errors`.";
            let error = Error::bad_request("invalid_query", detail);
            return Err(error.faults(vec![fault]));
        }
        let wanted = |name: &String| asked.is_empty() || asked.contains(name);
        self.whole.retain(wanted);
        self.partly.retain(wanted);
        self.objects.extend(asked.iter().filter(|name| name.contains('.')).cloned());
        Ok(self)
    }
}

/// Returns a fault for the first type that the feed does not have.
pub fn unknown_type(asked: &[String]) -> Option<Fault> {
    let index = asked.iter().position(|name| Kind::named(name).is_none())?;
    let shown = |kind: &Kind| match kind.name {
        CustomObject::TYPE => "object.task".to_owned(),
        name => name.to_owned(),
    };
    let known = KINDS.iter().map(shown).collect::<Vec<_>>().join(", ");
    Some(Fault::new(format!("/types/{index}"), "unknown_value", format!("one of {known}")))
}
