//! Import of batches from an ERP: read, resolve, lock, compare, write, record. Each step handles
//! all items, or a thousand of them, at once, so that a batch takes few statements.

use std::collections::{HashMap, HashSet};

use access::Caller;
use futures_util::future::LocalBoxFuture;
use metrics::counter;
use platform::batch::{Batch, BatchItems, Documented, Outcome, Outcomes, Status, bisect};
use platform::{Error, Fault, Result, Tx, shape};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::arrive::{Said, arrive, leave_repeated};
use crate::external_id::source_of;
use crate::hooks::{Hooks, ItemSource};
use crate::imported::{Arrival, Draft, Imported, Keys};
use crate::record::record;
use crate::source_item::{self, Reader};
use crate::unique::{self, Verdict};
use crate::waiting::Waiting;

/// The number of attempts to write a batch when the database refuses a duplicate: another
/// transaction may have taken a value since it was checked.
const LOOKS: usize = 3;

const ORPHAN: &str = "refers to a row of this batch that was refused";

/// Imports a batch, and then the parked items that have waited for its rows.
pub async fn import<R, D>(tx: &mut Tx, caller: &Caller, batch: &Batch<D>) -> Result<Outcomes>
where
    R: Imported,
    D: Documented<Item = R::Item>,
{
    let source_system = source_of(tx, caller, batch.source_system.as_deref()).await?;
    let source = ItemSource { kind: R::TYPE, source_system: &source_system };
    let (outcomes, here) = carry_out::<R>(tx, caller, source, batch).await?;
    let parking = tx.extension::<Hooks>()?.parking;
    (parking.arrived)(tx, source, &here).await?;
    Ok(outcomes)
}

/// Imports parked items again. Also returns the external ids of the items whose rows exist now.
pub fn again<'a, R>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    source_system: &'a str,
    items: Vec<Value>,
) -> LocalBoxFuture<'a, Result<(Outcomes, Vec<String>)>>
where
    R: Imported,
    R::Item: ToSchema + 'static,
{
    Box::pin(async move {
        source_of(tx, caller, Some(source_system)).await?;
        let source = ItemSource { kind: R::TYPE, source_system };
        let batch = BatchItems::of_parked(&items, shape::of_body::<R::Item>());
        carry_out::<R>(tx, caller, source, &batch).await
    })
}

/// Imports a batch. Also returns the external ids of the items whose rows exist now.
async fn carry_out<R: Imported>(
    tx: &mut Tx,
    caller: &Caller,
    source: ItemSource<'_>,
    batch: &BatchItems,
) -> Result<(Outcomes, Vec<String>)> {
    let mut outcomes = Outcomes::default();
    let places = batch.read(&mut outcomes);
    let parking = tx.extension::<Hooks>()?.parking;
    let sent = batch.external_ids(places.iter().copied());
    (parking.superseded)(tx, source, &sent).await?;
    let parking = Some(parking).filter(|_| batch.park);
    let mut waiting = Waiting { parking, items: vec![], refused: vec![] };
    let (find, reader) = (R::FIND, &mut Reader::of::<R>(source.source_system));
    let items = (batch, places);
    let places = leave_repeated(tx, caller, (source, find), reader, items, &mut outcomes).await?;
    let results = (&mut waiting, &mut outcomes);
    let (arrivals, said) =
        arrive::<R>(tx, caller, source, reader, (batch, &places), results).await?;

    let context = R::context(tx, caller, &arrivals).await?;
    let (drafts, warnings) = draft(tx, arrivals, &context, &mut waiting, &mut outcomes);
    let drafts = waiting.parents_first(drafts, source.source_system, &mut outcomes);
    apply(tx, caller, source.source_system, drafts, (&mut waiting, &mut outcomes)).await?;
    remember(tx, source, said, &outcomes).await?;
    outcomes.warn(warnings);

    let written = |outcome: &&Outcome| matches!(outcome.status, Status::Created | Status::Updated);
    let written = outcomes.results.iter().filter(written).filter_map(|outcome| outcome.id);
    R::followed(tx, &written.collect::<Vec<_>>()).await?;
    waiting.park(tx, source, batch, &mut outcomes).await?;
    let here = outcomes.results.iter().filter(|outcome| outcome.id.is_some());
    let here = batch.external_ids(here.map(|outcome| outcome.index));
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

/// Makes a draft for each arrival, and returns the warnings by item. Items that change nothing are
/// done.
fn draft<R: Imported>(
    tx: &Tx,
    mut arrivals: Vec<Arrival<R>>,
    context: &R::Context,
    waiting: &mut Waiting,
    outcomes: &mut Outcomes,
) -> (Vec<Draft<R>>, HashMap<usize, Vec<Fault>>) {
    let mut drafts = Vec::<Draft<R>>::with_capacity(arrivals.len());
    let mut warnings = HashMap::new();
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    arrivals.reverse();
    while let Some(mut arrival) = arrivals.pop() {
        // Memory is given back gradually, because a large batch has no room for all arrivals and
        // all drafts at once.
        if arrivals.len().is_multiple_of(500) {
            arrivals.shrink_to_fit();
        }
        let earlier = places.get(&arrival.id).copied();
        if let Some(place) = earlier {
            arrival.before = Some(drafts[place].after.clone());
        }

        let index = arrival.index;
        let after = match R::drafted(&arrival, context) {
            Ok(after) => after,
            Err(faults) => {
                waiting.refuses(arrival.before.is_none(), arrival.id, arrival.key.external_id);
                outcomes.failed(index, &Error::invalid(faults));
                continue;
            }
        };
        let told = R::warnings(&arrival);
        if !told.is_empty() {
            warnings.insert(index, told);
        }
        if let Some(place) = earlier {
            drafts[place].also.push(index);
            drafts[place].after = after;
            continue;
        }
        let draft = Draft { index, also: vec![], before: arrival.before, after };
        if draft.before.as_ref() == Some(&draft.after) && draft.after.parent().is_none() {
            outcomes.done(index, Status::Unchanged, &draft.after);
            continue;
        }
        places.insert(draft.after.id(), drafts.len());
        drafts.push(draft);
    }
    // Only now, because a second item may undo the changes that the first has made to a row.
    for draft in &mut drafts {
        draft.stamp(tx.now);
    }
    (drafts, warnings)
}

/// Remembers the fields that the source has sent in the items that were applied.
async fn remember(
    tx: &mut Tx,
    source: ItemSource<'_>,
    mut said: Said,
    outcomes: &Outcomes,
) -> Result<()> {
    let done = outcomes.results.iter().filter(|outcome| outcome.id.is_some());
    let items: Vec<_> = done.filter_map(|outcome| said.remove(&outcome.index)).collect();
    source_item::save(tx, source, &items).await
}

/// Writes the drafts. Conflicts of unique values are found beforehand; rows that the database
/// refuses nevertheless are found by halving the batch.
async fn apply<R: Imported>(
    tx: &mut Tx,
    caller: &Caller,
    source_system: &str,
    drafts: Vec<Draft<R>>,
    (waiting, outcomes): (&mut Waiting, &mut Outcomes),
) -> Result<()> {
    let mut changed: Vec<&Draft<R>> =
        drafts.iter().filter(|draft| draft.status() != Status::Unchanged).collect();
    if changed.iter().all(|draft| draft.after.parent().is_none()) {
        // One order for all batches, so that two batches with the same new rows cannot deadlock.
        changed.sort_by_key(|draft| draft.after.external_id());
    }
    let mut refused: HashMap<Uuid, Error> = HashMap::new();
    for look in 1..=LOOKS {
        let Verdict { refused: mut taken, releases } =
            unique::judge(tx, source_system, &changed).await?;
        let mut places = 0..;
        let mut absent = HashSet::new();
        changed.retain(|draft| {
            let parent = draft.after.parent().filter(|parent| absent.contains(parent));
            let orphan =
                parent.map(|_| Error::invalid(vec![Fault::new("", "unknown_reference", ORPHAN)]));
            let error = places.next().and_then(|place| taken.remove(&place)).or(orphan);
            if error.is_some() && draft.before.is_none() {
                absent.insert(draft.after.id());
            }
            error.map(|error| refused.insert(draft.after.id(), error)).is_none()
        });

        let write = async |tx: &mut Tx, drafts: &[&Draft<R>]| {
            unique::release(tx, drafts, &releases).await?;
            R::store(tx, drafts).await
        };
        match tx.attempt(async |tx| write(tx, &changed).await).await {
            Ok(()) => break,
            Err(error) if error.code() == "duplicate" && look < LOOKS => {}
            Err(error) if error.is_constraint() => {
                let errors = bisect(tx, &changed, &write).await?;
                // Rows that rely on rows of another half are tried again without the rows at fault.
                let again =
                    look < LOOKS && !errors.values().any(|error| error.code() == "not_tried");
                let mut left = vec![];
                for (place, error) in errors {
                    if again && error.code() == "duplicate" {
                        left.push(place);
                    } else {
                        refused.insert(changed[place].after.id(), error);
                    }
                }
                if left.is_empty() {
                    break;
                }
                left.sort_unstable();
                changed = left.into_iter().map(|place| changed[place]).collect();
            }
            Err(error) => return Err(error),
        }
    }

    let is_refused = |draft: &&Draft<R>| refused.contains_key(&draft.after.id());
    let new = drafts.iter().filter(is_refused).filter(|draft| draft.before.is_none());
    let external_ids: Vec<&str> = new.filter_map(|draft| draft.after.external_id()).collect();
    if !external_ids.is_empty() {
        let keys = Keys { source_system, external_ids, ids: vec![] };
        if !R::stored(tx.conn(), caller, &keys).await?.is_empty() {
            // Another batch has created the same row meanwhile. A retry finds it.
            return Err(Error::unavailable("busy"));
        }
    }
    for draft in drafts.iter().filter(is_refused) {
        let (row, own) = (&draft.after, draft.after.external_id().unwrap_or_default().to_owned());
        if draft.before.is_none() && waiting.follows::<R>(draft.index, row, source_system) {
            continue;
        }
        waiting.refuses(draft.before.is_none(), row.id(), own);
        draft.items().for_each(|index| outcomes.failed(index, &refused[&row.id()]));
    }
    let refused = refused.into_keys().collect();
    record(tx, drafts, &refused, outcomes).await
}

/// Declares the handler that imports a batch of rows.
///
/// ```text
/// intake::import! {
///     /// Import orders from an ERP
///     import_orders: "/orders/batch", ImportOrders, Order from OrderBatch
/// }
/// ```
#[macro_export]
macro_rules! import {
    (
        $(#[$doc:meta])+
        $name:ident: $path:literal, $permission:ident, $row:ident from $batch:ident
    ) => {
        $(#[$doc])+
        #[utoipa::path(
            post, path = $path,
            params(platform::batch::BatchQuery),
            request_body = $batch,
            responses(
                (status = 200, description = "The outcome of each item", body = platform::batch::Outcomes),
                platform::Problems,
            ),
        )]
        async fn $name(
            caller: access::Can<$permission>,
            batch: platform::batch::Batch<$batch>,
            write: platform::Write,
        ) -> platform::Result<platform::Reply> {
            write
                .run(async move |tx| {
                    platform::Reply::json(&$crate::import::<$row, _>(tx, &caller, &batch).await?)
                })
                .await
        }
    };
}
