//! What a reader of the change feed may see: which types, which of their rows, which fields.

use auth::{Caller, Role};
use complaints::complaint::QUALITY_DESK;
use platform::{ACCOUNTS, EVERYBODY, Error, Fault, Result, Seal};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::data::Data;
use crate::kinds::{KINDS, Kind, Shown};

/// What a caller sees of the feed.
pub struct Scope<'a> {
    pub caller: &'a Caller,
    /// Types of which the caller sees every row
    pub whole: Vec<&'static str>,
    /// Types of which the caller sees what is in reach
    pub partly: Vec<&'static str>,
    /// People, teams, the pool as the nil id, everybody as the greatest one, the quality department
    /// as the one before that, finance as the one before that
    pub reach: Vec<Uuid>,
}

impl<'a> Scope<'a> {
    pub fn of(caller: &'a Caller) -> Self {
        let may = |kind: &&Kind| kind.readers.iter().any(|role| caller.is(*role));
        let unlimited = |kind: &Kind| {
            if kind.account {
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
        reach.sort_unstable();
        Self { caller, whole: names(whole), partly: names(partly), reach }
    }

    /// The types that the caller may read, in the order of [`KINDS`].
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        KINDS.iter().filter(|it| self.whole.contains(&it.name) || self.partly.contains(&it.name))
    }

    pub fn sees(&self, kind: &str, owners: &[Uuid]) -> bool {
        self.whole.contains(&kind) || owners.iter().any(|it| self.reach.binary_search(it).is_ok())
    }

    /// The state of a row as this caller may see it.
    pub fn shown(&self, kind: &str, data: Data) -> Result<Data> {
        match Kind::named(kind).map(|it| &it.shown) {
            Some(Shown::By(show)) => Data::of(&show(self.caller, data.read()?)),
            Some(Shown::Masked(roles, fields)) if !roles.iter().any(|it| self.caller.is(*it)) => {
                let mut row: Map<String, Value> = data.read()?;
                row.extend(fields.iter().map(|name| ((*name).to_owned(), Value::Null)));
                row.insert("masked_fields".into(), json!(fields));
                Data::of(&row)
            }
            _ => Ok(data),
        }
    }

    /// A cursor is good for one scope: after a change of it, rows would be missing without a word.
    pub fn mark(&self, seal: &Seal) -> String {
        let reach = if self.partly.is_empty() { &[] } else { self.reach.as_slice() };
        seal.mark(&format!("{reach:?} {:?} {:?}", self.whole, self.partly), "scope")
    }

    /// Only these types, if any are named.
    pub fn only(mut self, asked: &[String]) -> Result<Self> {
        if let Some(fault) = unknown_type(asked) {
            let error = Error::bad_request("invalid_query", "no such type in the feed");
            return Err(error.faults(vec![fault]));
        }
        let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
        self.whole.retain(wanted);
        self.partly.retain(wanted);
        Ok(self)
    }
}

/// What is wrong with types that the feed does not have.
pub fn unknown_type(asked: &[String]) -> Option<Fault> {
    let index = asked.iter().position(|it| Kind::named(it).is_none())?;
    let known = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    Some(Fault::new(format!("/types/{index}"), "unknown_value", format!("one of {known}")))
}
