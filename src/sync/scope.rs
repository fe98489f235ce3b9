//! The scope of a reader of the change feed: the visible types, rows and fields.

use access::{Caller, Role};
use platform::row_rule::{ACCOUNTS, EVERYBODY, QUALITY_DESK};
use platform::{Error, Fault, Result, Seal};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::data::Data;
use crate::kinds::{KINDS, Kind, Shown};

/// The part of the feed that a caller sees.
pub struct Scope<'a> {
    pub caller: &'a Caller,
    /// Types of which the caller sees every row
    pub whole: Vec<&'static str>,
    /// Types of which the caller sees the rows whose owners are in `reach`
    pub partly: Vec<&'static str>,
    /// Sorted ids of the visible people and teams. The nil id stands for the pool, the greatest id
    /// for everybody, the one before it for the quality department, and the one before that for
    /// finance
    pub reach: Vec<Uuid>,
}

impl<'a> Scope<'a> {
    pub fn of(caller: &'a Caller) -> Self {
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
        let names = |kinds: Vec<&Kind>| kinds.iter().map(|kind| kind.name).collect();

        let mut reach = [caller.people(), caller.teams()].concat();
        reach.extend(caller.sees_pool().then(Uuid::nil));
        reach.extend(EVERYBODY);
        reach.extend(caller.is(Role::Quality).then_some(QUALITY_DESK));
        reach.extend(caller.reach_of_accounts().is_none().then_some(ACCOUNTS));
        // For the binary search in `sees`.
        reach.sort_unstable();

        Self { caller, whole: names(whole), partly: names(partly), reach }
    }

    /// The types that the caller may read, in the order of [`KINDS`].
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        KINDS
            .iter()
            .filter(|kind| self.whole.contains(&kind.name) || self.partly.contains(&kind.name))
    }

    /// Checks whether the caller sees a row of this type with these owners.
    pub fn sees(&self, kind: &str, owners: &[Uuid]) -> bool {
        self.whole.contains(&kind) || owners.iter().any(|id| self.reach.binary_search(id).is_ok())
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
    /// rows would be silently missing.
    pub fn mark(&self, seal: &Seal) -> String {
        let reach = if self.partly.is_empty() { &[] } else { self.reach.as_slice() };
        seal.mark(&format!("{reach:?} {:?} {:?}", self.whole, self.partly), "scope")
    }

    /// Limits the scope to these types, if there are any.
    pub fn only(mut self, asked: &[String]) -> Result<Self> {
        if let Some(fault) = unknown_type(asked) {
            let detail = "The change feed does not have this type; see `errors`.";
            let error = Error::bad_request("invalid_query", detail);
            return Err(error.faults(vec![fault]));
        }
        let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
        self.whole.retain(wanted);
        self.partly.retain(wanted);
        Ok(self)
    }
}

/// Returns a fault for the first type that the feed does not have.
pub fn unknown_type(asked: &[String]) -> Option<Fault> {
    let index = asked.iter().position(|name| Kind::named(name).is_none())?;
    let known = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    Some(Fault::new(format!("/types/{index}"), "unknown_value", format!("one of {known}")))
}
