//! Batches from an ERP: read, resolve, lock, compare, write, record; each step once for all items, or
//! for a thousand of them, so that it takes a few statements however many items there are.

use std::collections::HashMap;

use metrics::counter;
use platform::batch::{Batch, Documented, ItemKey, Outcome, Outcomes, Status, bisect};
use platform::{Change, Conn, Date, Error, Fault, Resource, Result, Timestamp, Tx, input};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::hooks::{self, Lot};
use super::record::record;
use super::reference::{Found, Refers, resolve_known};
use super::waiting::Waiting;
use super::{Caller, external_id};

/// A resource that an ERP may send in batches.
#[allow(async_fn_in_trait, reason = "the service runs on one thread per worker")]
pub trait Imported: Resource + Clone + PartialEq + 'static {
    /// A merge patch with the key of the row: what is absent stays, null clears.
    type Item: DeserializeOwned + Refers;
    /// What the rules need to know beside the row and the item, read once for all.
    type Context;

    /// The rows with one of these keys, locked in the order of their ids, so that two batches
    /// cannot deadlock.
    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>>;

    async fn context(
        tx: &mut Tx,
        caller: &Caller,
        arrivals: &[Arrival<Self>],
    ) -> Result<Self::Context>;

    /// The row as the item wants it, or all that is wrong with it. The version and the instants
    /// are the caller's business.
    fn drafted(arrival: &Arrival<Self>, context: &Self::Context) -> Result<Self, Vec<Fault>>;

    /// Writes the rows, new and changed. A constraint that refuses them is found row by row.
    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()>;

    /// Work on rows that other batches wait for, as late as possible: when all is written and nothing
    /// is recorded yet.
    async fn settle(_tx: &mut Tx, _written: &mut [Draft<Self>]) -> Result<()> {
        Ok(())
    }

    /// What follows from rows that were written, before the items that waited for them.
    async fn followed(_tx: &mut Tx, _written: &[Uuid]) -> Result<()> {
        Ok(())
    }

    fn external_id(&self) -> Option<&str>;

    /// The row of the same table that must be there before this one.
    fn parent(&self) -> Option<Uuid> {
        None
    }
}

/// Which rows a batch is about.
pub struct Keys<'a> {
    pub source_system: &'a str,
    pub external_ids: Vec<&'a str>,
    /// Of rows that shall be linked with their external id
    pub ids: Vec<Uuid>,
}

/// An item with what is stored of it.
pub struct Arrival<R: Imported> {
    pub index: usize,
    pub key: ItemKey,
    pub item: R::Item,
    pub before: Option<R>,
    /// Of the row there is, or for the new one
    pub id: Uuid,
    pub source_system: String,
    pub now: Timestamp,
    pub today: Date,
}

/// A row on its way.
pub struct Draft<R> {
    pub(crate) index: usize,
    pub before: Option<R>,
    pub after: R,
}

impl<R: Resource + PartialEq> Draft<R> {
    /// The place of its item in the batch
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn status(&self) -> Status {
        match &self.before {
            None => Status::Created,
            Some(before) if *before == self.after => Status::Unchanged,
            Some(_) => Status::Updated,
        }
    }

    pub(crate) fn change(&self) -> Result<Change> {
        match &self.before {
            None => Change::created(&self.after),
            Some(before) => Change::updated(before, &self.after),
        }
    }
}

/// The source system of a batch. Default: the caller's own.
pub fn source_of<D>(caller: &Caller, batch: &Batch<D>) -> Result<String> {
    let Some(system) = batch.source_system.as_deref().or(caller.source_system()) else {
        let fault = Fault::new("/source_system", "required", "whose external ids are these?");
        return Err(Error::invalid(vec![fault]));
    };
    Ok(system.to_owned())
}

/// Carries out a batch, and then what has waited for what it brings.
pub async fn import<R, D>(tx: &mut Tx, caller: &Caller, batch: &Batch<D>) -> Result<Outcomes>
where
    R: Imported,
    D: Documented<Item = R::Item>,
{
    let (outcomes, here) = carry_out::<R, D>(tx, caller, batch).await?;
    if let Some(parking) = hooks::PARKING.get() {
        let source_system = source_of(caller, batch)?;
        (parking.arrived)(tx, Lot { kind: R::TYPE, source_system: &source_system }, &here).await?;
    }
    Ok(outcomes)
}

/// Carries out a batch. Answers also the external ids of what is there now.
pub(crate) async fn carry_out<R, D>(
    tx: &mut Tx,
    caller: &Caller,
    batch: &Batch<D>,
) -> Result<(Outcomes, Vec<String>)>
where
    R: Imported,
    D: Documented<Item = R::Item>,
{
    let source_system = source_of(caller, batch)?;
    external_id::check(tx.conn(), caller, &source_system).await?;
    let mut outcomes = Outcomes::default();
    let places = batch.read(&mut outcomes);
    let lot = Lot { kind: R::TYPE, source_system: &source_system };
    let parking = hooks::PARKING.get();
    if let Some(parking) = parking {
        let sent = batch.external_ids(places.iter().copied());
        (parking.superseded)(tx, lot, &sent).await?;
    }
    let parking = parking.filter(|_| batch.park);
    let mut waiting = Waiting { parking, items: vec![], refused: vec![] };
    let arrivals =
        arrive::<R, D>(tx, caller, lot, (batch, &places), (&mut waiting, &mut outcomes)).await?;
    let context = R::context(tx, caller, &arrivals).await?;
    let mut drafts = vec![];
    for arrival in arrivals {
        match R::drafted(&arrival, &context) {
            Ok(mut after) => {
                match &arrival.before {
                    Some(before) => after = before.next(after, tx.now),
                    None => after.stamp(1, tx.now),
                }
                if arrival.before.as_ref() == Some(&after) && after.parent().is_none() {
                    outcomes.done(arrival.index, Status::Unchanged, &after);
                    continue;
                }
                drafts.push(Draft { index: arrival.index, before: arrival.before, after });
            }
            Err(faults) => {
                waiting.refuses(arrival.before.is_none(), arrival.id, arrival.key.external_id);
                outcomes.failed(arrival.index, &Error::invalid(faults));
            }
        }
    }
    let drafts = waiting.parents_first(drafts, &source_system, &mut outcomes);
    apply(tx, caller, &source_system, drafts, &mut outcomes).await?;
    let written = |it: &&Outcome| matches!(it.status, Status::Created | Status::Updated);
    let written = outcomes.results.iter().filter(written).filter_map(|it| it.id);
    R::followed(tx, &written.collect::<Vec<_>>()).await?;
    waiting.park(tx, lot, batch, &mut outcomes).await?;
    let here = outcomes.results.iter().filter(|it| it.id.is_some());
    let here = batch.external_ids(here.map(|it| it.index));
    if batch.dry_run {
        tx.discard();
    }
    let outcomes = outcomes.finish(batch.atomic)?;
    for (status, rows) in [
        ("created", outcomes.created),
        ("updated", outcomes.updated),
        ("unchanged", outcomes.unchanged),
        ("pending", outcomes.pending),
        ("failed", outcomes.failed),
    ] {
        counter!("batch_rows_total", "type" => R::TYPE, "status" => status).increment(rows as u64);
    }
    Ok((outcomes, here))
}

/// Finds what is stored and what the items refer to; in parts, for a copy of all would be much memory.
async fn arrive<R: Imported, D: Documented<Item = R::Item>>(
    tx: &mut Tx,
    caller: &Caller,
    Lot { source_system, .. }: Lot<'_>,
    (batch, places): (&Batch<D>, &[usize]),
    (waiting, outcomes): (&mut Waiting, &mut Outcomes),
) -> Result<Vec<Arrival<R>>> {
    let keys: Vec<ItemKey> = places.iter().map(|it| batch.key(*it)).collect::<Result<_>>()?;
    let wanted = Keys {
        source_system,
        external_ids: keys.iter().map(|key| key.external_id.as_str()).collect(),
        ids: keys.iter().filter_map(|key| key.id).collect(),
    };
    let before: Vec<Result<Option<R>, Fault>> = {
        let stored = R::stored(tx.conn(), caller, &wanted).await?;
        let by_id: HashMap<Uuid, &R> = stored.iter().map(|row| (row.id(), row)).collect();
        let by_key: HashMap<&str, &R> =
            stored.iter().filter_map(|row| Some((row.external_id()?, row))).collect();
        keys.iter().map(|key| counterpart(key, &by_key, &by_id)).collect()
    };
    let id = |before: &Result<Option<R>, Fault>| match before {
        Ok(Some(row)) => row.id(),
        _ => Uuid::now_v7(),
    };
    let ids: Vec<Uuid> = before.iter().map(id).collect();
    let mut known = Found::default();
    let name = |(key, id): (&ItemKey, &Uuid)| {
        (*id, Some(source_system.to_owned()), Some(key.external_id.clone()))
    };
    known.extend(keys.iter().zip(&ids).map(name));
    let (mut arrivals, mut rows) = (vec![], keys.into_iter().zip(before).zip(ids));
    for places in batch.parts(places) {
        let mut values: Vec<Value> =
            places.iter().map(|it| batch.item(*it)).collect::<Result<_>>()?;
        let resolved = resolve_known(
            tx.conn(),
            caller,
            Some(source_system),
            R::Item::REFERENCES,
            &mut values,
            (R::TYPE, &known),
        )
        .await?;
        let part = places.iter().copied().zip(values).zip(resolved).zip(rows.by_ref());
        for (((index, value), resolved), ((key, before), id)) in part {
            if before.is_ok() && waiting.takes(&resolved) {
                waiting.items.push((index, id, key.external_id, resolved.missing));
                continue;
            }
            let mut faults = resolved.faults;
            let before = before.unwrap_or_else(|fault| {
                faults.push(fault);
                None
            });
            let item = input::typed::<R::Item>(&value).map_err(|more| faults.extend(more));
            match item {
                Ok(item) if faults.is_empty() => arrivals.push(Arrival {
                    index,
                    key,
                    item,
                    before,
                    id,
                    source_system: source_system.to_owned(),
                    now: tx.now,
                    today: tx.today,
                }),
                _ => {
                    waiting.refuses(before.is_none(), id, key.external_id);
                    outcomes.failed(index, &Error::invalid(faults));
                }
            }
        }
    }
    Ok(arrivals)
}

/// The row that an item is about: the one with its external id, or the one with its id that no
/// external id has been given yet.
fn counterpart<R: Imported>(
    key: &ItemKey,
    by_key: &HashMap<&str, &R>,
    by_id: &HashMap<Uuid, &R>,
) -> Result<Option<R>, Fault> {
    let known = by_key.get(key.external_id.as_str()).copied();
    match (known, key.id) {
        (Some(row), Some(id)) if row.id() != id => {
            Err(Fault::new("/id", "contradiction", "the external id belongs to another row"))
        }
        (Some(row), _) => Ok(Some(row.clone())),
        (None, None) => Ok(None),
        (None, Some(id)) => match by_id.get(&id) {
            None => Err(Fault::unknown_reference("/id")),
            Some(row) if row.external_id().is_some() => {
                Err(Fault::new("/external_id", "contradiction", "the row has another external id"))
            }
            Some(row) => Ok(Some((*row).clone())),
        },
    }
}

async fn apply<R: Imported>(
    tx: &mut Tx,
    caller: &Caller,
    source_system: &str,
    drafts: Vec<Draft<R>>,
    outcomes: &mut Outcomes,
) -> Result<()> {
    let mut changed: Vec<&Draft<R>> =
        drafts.iter().filter(|draft| draft.status() != Status::Unchanged).collect();
    if changed.iter().all(|draft| draft.after.parent().is_none()) {
        // Two batches that bring the same rows wait for each other, and not in a circle.
        changed.sort_by_key(|draft| draft.after.external_id());
    }
    let refused = bisect(tx, &changed, &R::store).await?;
    let new = refused.keys().map(|at| changed[*at]).filter(|it| it.before.is_none());
    let external_ids: Vec<&str> = new.filter_map(|it| it.after.external_id()).collect();
    if !external_ids.is_empty() {
        let keys = Keys { source_system, external_ids, ids: vec![] };
        if !R::stored(tx.conn(), caller, &keys).await?.is_empty() {
            // Another batch has brought the same meanwhile: done again, this one finds it.
            return Err(Error::unavailable("busy"));
        }
    }
    for (place, error) in &refused {
        outcomes.failed(changed[*place].index, error);
    }
    let refused = refused.keys().map(|place| changed[*place].after.id()).collect();
    record(tx, drafts, &refused, outcomes).await
}
