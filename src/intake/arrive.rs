//! The first half of a batch: finds the items that bring changes, their rows, and the rows that
//! they refer to.

use std::collections::{HashMap, HashSet};

use access::Caller;
use platform::batch::{BatchItems, ItemKey, Outcomes};
use platform::{Error, Fault, Result, Tx, input};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::hooks::ItemSource;
use crate::imported::{Arrival, Imported, Keys};
use crate::reference::{Find, Found, HasReferences, Wanted, resolve_known};
use crate::source_item::{self, Fields, Kept, Reader};
use crate::waiting::Waiting;

/// The fields that the source has sent, by the position of the item. Stored once the item is
/// applied.
pub(crate) type Said = HashMap<usize, (String, Kept)>;

/// Finishes the items that only repeat what their source has sent before, without changing or
/// locking a row; one query checks that the rows still exist. Returns the positions of the other
/// items.
pub(crate) async fn leave_repeated(
    tx: &mut Tx,
    caller: &Caller,
    (source, find): (ItemSource<'_>, Find),
    reader: &mut Reader<'_>,
    (batch, places): (&BatchItems, Vec<usize>),
    outcomes: &mut Outcomes,
) -> Result<Vec<usize>> {
    let (mut repeated, mut rest) = (vec![], vec![]);
    for places in batch.parts(&places) {
        let names = batch.external_ids(places.iter().copied());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let kept = source_item::load(tx.conn(), source, &names).await?;
        if kept.is_empty() {
            rest.extend(places);
            continue;
        }

        for (place, name) in places.iter().zip(names) {
            let Some(kept) = kept.get(name) else {
                rest.push(*place);
                continue;
            };
            let item = batch.item(*place)?;
            if reader.fields(&item).repeat(&kept.fields) {
                let key = ItemKey::deserialize(&item).map_err(Error::internal)?;
                repeated.push((*place, key.id, kept.row_id));
            } else {
                rest.push(*place);
            }
        }
    }
    if repeated.is_empty() {
        return Ok(rest);
    }

    let ids = repeated.iter().map(|(_, _, row_id)| *row_id).collect();
    let wanted = Wanted { ids, ..Wanted::default() };
    let found = find(tx.conn(), caller, &wanted).await?;
    for (place, id, row_id) in repeated {
        match found.row(&row_id) {
            Some((row, version)) if id.is_none_or(|id| id == row_id || id == row) => {
                outcomes.repeated(place, row, version);
            }
            _ => rest.push(place),
        }
    }
    rest.sort_unstable();
    Ok(rest)
}

/// The row of an item.
struct Place<R> {
    /// The existing or new row with the item's key
    row_id: Uuid,
    /// The row to write: the winner if the row with the key was merged
    id: Uuid,
    /// The stored row with this `id`. `None` if it is new
    before: Option<R>,
}

impl<R> Place<R> {
    fn is_merged(&self) -> bool {
        self.id != self.row_id
    }
}

/// Finds the stored rows of the items and the rows that they refer to. It works in parts, because a
/// copy of all items would take much memory.
pub(crate) async fn arrive<R: Imported>(
    tx: &mut Tx,
    caller: &Caller,
    source: ItemSource<'_>,
    reader: &mut Reader<'_>,
    (batch, places): (&BatchItems, &[usize]),
    (waiting, outcomes): (&mut Waiting, &mut Outcomes),
) -> Result<(Vec<Arrival<R>>, Said)> {
    let source_system = source.source_system;
    let keys: Vec<ItemKey> = places.iter().map(|place| batch.key(*place)).collect::<Result<_>>()?;
    let rows = locate::<R>(tx, caller, source_system, &keys).await?;

    // Read after the rows are locked, so that no other batch can change the remembered fields.
    let exists = |row: &Result<Place<R>, Fault>| matches!(row, Ok(row) if row.before.is_some());
    let there = keys.iter().zip(&rows).filter(|(_, row)| exists(row));
    let there: Vec<&str> = there.map(|(key, _)| key.external_id.as_str()).collect();
    let mut kept = source_item::load(tx.conn(), source, &there).await?;

    let mut known = Found::default();
    let name = |(key, row): (&ItemKey, &Result<Place<R>, Fault>)| {
        let name = (Some(source_system.to_owned()), Some(key.external_id.clone()));
        row.as_ref().ok().map(|row| (row.id, 0, name.0, name.1))
    };
    known.extend(keys.iter().zip(&rows).filter_map(name));

    let (mut arrivals, mut said) = (vec![], Said::new());
    let mut rows = keys.into_iter().zip(rows);
    for places in batch.parts(places) {
        let mut values: Vec<Value> =
            places.iter().map(|place| batch.item(*place)).collect::<Result<_>>()?;
        let part: Vec<_> = rows.by_ref().take(places.len()).collect();

        for ((index, value), (key, row)) in places.iter().zip(&mut values).zip(&part) {
            let Ok(row) = row else { continue };
            let sent = reader.fields(value);
            let last = kept.remove(&key.external_id).filter(|kept| kept.row_id == row.row_id);
            let last = last.map(|kept| kept.fields);
            if let Some(before) = &row.before {
                // If nothing is remembered for a merged row, its fields count as repeated, so that
                // they do not overwrite those of the winner.
                let silent = row.is_merged().then_some(&sent);
                let unknown = Fields::default();
                let last = last.as_ref().or(silent).unwrap_or(&unknown);
                reader.keep_news(value, last, &|field| before.is_erps(field));
            }
            let kept = Kept { row_id: row.row_id, fields: reader.after(sent, last) };
            said.insert(*index, (key.external_id.clone(), kept));
        }

        let resolved = resolve_known(
            tx.conn(),
            caller,
            Some(source_system),
            R::Item::REFERENCES,
            &mut values,
            (R::TYPE, &known),
        )
        .await?;

        let part = places.iter().copied().zip(values).zip(resolved).zip(part);
        for (((index, value), resolved), (key, row)) in part {
            if let Ok(row) = &row
                && waiting.takes(&resolved)
            {
                waiting.items.push((index, row.id, key.external_id, resolved.missing));
                continue;
            }
            let mut faults = resolved.faults;
            let item = input::typed::<R::Item>(&value).map_err(|more| faults.extend(more)).ok();
            match (row, item) {
                (Ok(row), Some(item)) if faults.is_empty() => arrivals.push(Arrival {
                    index,
                    key,
                    item,
                    merged: row.is_merged(),
                    id: row.id,
                    before: row.before,
                    source_system: source_system.to_owned(),
                    now: tx.now,
                    today: tx.today,
                }),
                (row, _) => {
                    match row {
                        Ok(row) => waiting.refuses(row.before.is_none(), row.id, key.external_id),
                        Err(fault) => faults.push(fault),
                    }
                    outcomes.failed(index, &Error::invalid(faults));
                }
            }
        }
    }
    Ok((arrivals, said))
}

/// Returns the row of each key.
async fn locate<R: Imported>(
    tx: &mut Tx,
    caller: &Caller,
    source_system: &str,
    keys: &[ItemKey],
) -> Result<Vec<Result<Place<R>, Fault>>> {
    let wanted = Keys {
        source_system,
        external_ids: keys.iter().map(|key| key.external_id.as_str()).collect(),
        ids: keys.iter().filter_map(|key| key.id).collect(),
    };
    let stored = R::stored(tx.conn(), caller, &wanted).await?;
    let merged_into = R::merged_into(tx, caller, &stored).await?;
    let rows = own_rows(keys, &stored, &merged_into);

    // Moved, not copied: ten thousand orders with their lines take much memory.
    let all = merged_into.values().cloned().chain(stored);
    let mut there: HashMap<Uuid, R> = all.map(|row| (row.id(), row)).collect();
    let mut place = |row_id: Option<Uuid>| {
        let Some(row_id) = row_id else {
            let id = Uuid::now_v7();
            return Place { row_id: id, id, before: None };
        };
        let before = merged_into.get(&row_id).cloned().or_else(|| there.remove(&row_id));
        Place { row_id, id: before.as_ref().map_or(row_id, R::id), before }
    };
    Ok(rows.into_iter().map(|row| row.map(&mut place)).collect())
}

/// Returns the id of the existing row of each key. Two keys for the same row are a contradiction.
fn own_rows<R: Imported>(
    keys: &[ItemKey],
    stored: &[R],
    merged_into: &HashMap<Uuid, R>,
) -> Vec<Result<Option<Uuid>, Fault>> {
    let by_id: HashMap<Uuid, &R> = stored.iter().map(|row| (row.id(), row)).collect();
    let by_key: HashMap<&str, &R> =
        stored.iter().filter_map(|row| Some((row.external_id()?, row))).collect();
    let mut taken = HashSet::new();
    let own = |key: &ItemKey| {
        let row = counterpart(key, &by_key, &by_id, merged_into)?.map(R::id);
        if row.is_some_and(|id| !taken.insert(id)) {
            return Err(contradiction());
        }
        Ok(row)
    };
    keys.iter().map(own).collect()
}

fn contradiction() -> Fault {
    Fault::new("/external_id", "contradiction", "the row already has another external id")
}

/// Returns the row of an item: the row with its external id, or the row with its id that has no
/// external id yet.
fn counterpart<'a, R: Imported>(
    key: &ItemKey,
    by_key: &HashMap<&str, &'a R>,
    by_id: &HashMap<Uuid, &'a R>,
    merged_into: &'a HashMap<Uuid, R>,
) -> Result<Option<&'a R>, Fault> {
    let known = by_key.get(key.external_id.as_str()).copied();
    let counts = |row: &R| merged_into.get(&row.id()).map_or(row.id(), R::id);
    match (known, key.id) {
        (Some(row), Some(id)) if row.id() != id && counts(row) != id => {
            Err(Fault::new("/id", "contradiction", "the external id belongs to another row"))
        }
        (Some(row), _) => Ok(Some(row)),
        (None, None) => Ok(None),
        (None, Some(id)) => match merged_into.get(&id).or(by_id.get(&id).copied()) {
            None => Err(Fault::unknown_reference("/id")),
            Some(row) if row.external_id().is_some() => Err(contradiction()),
            row => Ok(row),
        },
    }
}
