//! Adds the names of related rows, with a single lookup for each type.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use access::Caller;
use intake::names::Name;
use platform::{Db, Result};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::object::{Object, raw};
use crate::related::{Referent, Target};

/// A value of `expand`, with the members that it adds.
#[derive(Debug)]
pub struct Expansion {
    pub name: String,
    pub places: Vec<Place>,
}

/// A field with an id or with a list of ids.
#[derive(Debug)]
pub struct Place {
    /// The list whose rows have the field. `None` if the item itself has it
    pub list: Option<String>,
    /// Name of the field, such as `customer_id`
    pub field: String,
    /// Name of the member that is added, such as `customer`
    pub member: String,
    pub of: Referent,
}

impl Place {
    /// The type of the row that the field of this object refers to.
    fn target(&self, object: &Object) -> Result<Option<&'static Target>> {
        match self.of {
            Referent::One(target) => Ok(Some(target)),
            Referent::By(field, targets) => {
                let kind: Option<Option<String>> = object.parsed(field)?;
                let kind = kind.flatten();
                let target = targets.iter().find(|target| Some(target.0) == kind.as_deref());
                Ok(target.map(|target| target.1))
            }
        }
    }

    /// Calls `work` with each object of the item that can have the field.
    fn each(
        &self,
        item: &mut Object,
        mut work: impl FnMut(&mut Object) -> Result<()>,
    ) -> Result<()> {
        let Some(list) = &self.list else { return work(item) };
        let mut rows = item.list(list)?;
        if rows.is_empty() {
            return Ok(());
        }
        rows.iter_mut().try_for_each(work)?;
        item.set(list, raw(&rows)?);
        Ok(())
    }
}

/// The ids to look up, by type.
type Wanted = BTreeMap<&'static str, (&'static Target, BTreeSet<Uuid>)>;

/// The names of the rows that the caller sees, by type.
type Known = HashMap<&'static str, HashMap<Uuid, Box<RawValue>>>;

/// Adds the members of these expansions to the items. Rows that the caller does not see become
/// null.
pub async fn expand(
    db: &Db,
    caller: &Caller,
    expansions: &[&Expansion],
    items: &mut [Object],
) -> Result<()> {
    let places: Vec<&Place> = expansions.iter().flat_map(|expansion| &expansion.places).collect();

    let mut wanted = Wanted::new();
    for place in &places {
        for item in items.iter_mut() {
            place.each(item, |object| {
                let ids = ids(&object.parsed::<Value>(&place.field)?.unwrap_or_default());
                if let Some(target) = place.target(object)?.filter(|_| !ids.is_empty()) {
                    wanted.entry(target.of).or_insert((target, BTreeSet::new())).1.extend(ids);
                }
                Ok(())
            })?;
        }
    }

    let known = look_up(db, caller, wanted).await?;

    let nothing = HashMap::new();
    for place in places {
        for item in items.iter_mut() {
            place.each(item, |object| {
                let Some(field) = object.parsed::<Value>(&place.field)? else { return Ok(()) };
                let target = place.target(object)?;
                let names = target.and_then(|target| known.get(target.of)).unwrap_or(&nothing);

                let name = |id: &Value| names.get(&id.as_str()?.parse::<Uuid>().ok()?);
                let names = match &field {
                    Value::Array(ids) => raw(&ids.iter().map(name).collect::<Vec<_>>())?,
                    id => raw(&name(id))?,
                };
                object.insert_after(&place.field, &place.member, names);
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Looks up the names of rows. Types that the caller may not read are left out.
async fn look_up(db: &Db, caller: &Caller, wanted: Wanted) -> Result<Known> {
    let mut known = Known::new();
    let readable = wanted.into_values().filter(|(target, _)| (target.may)(caller));
    let readable: Vec<_> = readable.collect();
    if readable.is_empty() {
        return Ok(known);
    }

    let mut conn = db.conn().await?;
    for (target, ids) in readable {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let names = (target.names)(&mut conn, caller, &ids).await?;
        let names = names.into_iter().map(|name| Ok((name.id, named(&name)?)));
        known.insert(target.of, names.collect::<Result<_>>()?);
    }
    Ok(known)
}

/// Returns the JSON of a related row: `{"id":"…","code":"C-1","name":"…"}`.
fn named(name: &Name) -> Result<Box<RawValue>> {
    let parts = name.parts.iter().map(|(part, text)| Ok(((*part).to_owned(), raw(text)?)));
    let members = std::iter::once(Ok(("id".to_owned(), raw(&name.id)?))).chain(parts);
    raw(&members.collect::<Result<Object>>()?)
}

fn ids(field: &Value) -> Vec<Uuid> {
    let id = |value: &Value| value.as_str()?.parse().ok();
    match field {
        Value::Array(values) => values.iter().filter_map(id).collect(),
        value => id(value).into_iter().collect(),
    }
}
