//! Parking items, and applying them when the rows they refer to arrive. This happens in the
//! transaction of the batch that brings these rows. A job does the same for rows that arrive by
//! other ways or at the same moment.

use std::collections::{BTreeMap, HashSet};

use access::Caller;
use auth::directory;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use intake::hooks::{ItemSource, Parked, Parking};
use platform::batch::Status;
use platform::error::Problem;
use platform::language::written;
use platform::{Error, Result, Timestamp, Tx, jobs};
use schema::{pending_items, pending_references};
use serde_json::Value;
use uuid::Uuid;

use super::retry::JOB;
use crate::kinds::Imports;

/// The amount of work that is done at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    items: i64,
    /// Bytes of text. Each object in an item, such as an order line, counts as 200 more bytes
    weight: i64,
}

/// The share at the end of a batch that brings missing rows. The job does the rest.
const OF_BATCH: Share = Share { items: 200, weight: 1 << 20 };

/// The share of one round of the job. A batch that sends one of these items again waits for its
/// end.
pub(super) const OF_JOB: Share = Share { items: 800, weight: 4 << 20 };

impl Share {
    pub fn is_used_up(self) -> bool {
        self.items <= 0 || self.weight <= 0
    }
}

/// Maximum number of parked items of a source system. A system with more has references that never
/// arrive.
const MOST: i64 = 100_000;

/// The functions that `intake` calls for batches.
pub const PARKING: Parking = Parking {
    arrives: |kind| Imports::named(kind).is_some(),
    superseded: |tx, source, keys| Box::pin(give_up(tx, source, keys)),
    room: |tx, source_system| Box::pin(room(tx, source_system)),
    park: |tx, source, items| Box::pin(park(tx, source, items)),
    arrived: |tx, source, keys| {
        Box::pin(async move {
            let waited = arrived(tx, source, keys).await?;
            if waited.is_empty() {
                return Ok(());
            }
            let (_, left) = apply(tx, Some(waited), OF_BATCH).await?;
            if left.is_used_up() { jobs::hasten(tx, JOB).await } else { Ok(()) }
        })
    },
};

/// Deletes parked items that newer ones have replaced.
async fn give_up(tx: &mut Tx, source: ItemSource<'_>, external_ids: &[String]) -> Result<()> {
    let known = pending_items::table
        .filter(pending_items::source_system.eq(source.source_system))
        .filter(pending_items::type_.eq(source.kind))
        .filter(pending_items::external_id.eq_any(external_ids))
        .order(pending_items::id)
        .select(pending_items::id)
        .for_update();
    let known: Vec<Uuid> = known.load(tx.conn()).await?;
    if known.is_empty() {
        return Ok(());
    }

    let references = pending_references::item_id.eq_any(&known);
    diesel::delete(pending_references::table.filter(references)).execute(tx.conn()).await?;
    let items = pending_items::table.filter(pending_items::id.eq_any(&known));
    diesel::delete(items).execute(tx.conn()).await?;
    Ok(())
}

/// Returns the number of items that the source system may still park. Concurrent batches do not see
/// each other's items, so that the limit is approximate.
async fn room(tx: &mut Tx, source_system: &str) -> Result<usize> {
    let kept = pending_items::table.filter(pending_items::source_system.eq(source_system));
    let kept: i64 = kept.count().get_result(tx.conn()).await?;
    Ok(usize::try_from(MOST - kept).unwrap_or(0))
}

/// Stores items that wait, with their missing references.
async fn park(tx: &mut Tx, source: ItemSource<'_>, mut items: Vec<Parked>) -> Result<()> {
    // The same order in all transactions avoids deadlocks between those that bring the same items.
    items.sort_unstable_by(|one, other| one.external_id.cmp(&other.external_id));
    let (now, by) = (tx.now, tx.actor);
    for items in items.chunks(1000) {
        let ids: Vec<Uuid> = items.iter().map(|_| Uuid::now_v7()).collect();
        let row = |(id, item): (&Uuid, &Parked)| row(*id, source, item, None, (by, now));
        let rows: Vec<_> = ids.iter().zip(items).map(row).collect();
        let insert = diesel::insert_into(pending_items::table).values(rows);
        insert.execute(tx.conn()).await.map_err(overtaken)?;

        let references = ids.iter().zip(items).flat_map(|(id, item)| {
            // An item may refer to the same row twice.
            let each: HashSet<_> = item.missing.iter().collect();
            each.into_iter().map(|missing| {
                (
                    pending_references::item_id.eq(*id),
                    pending_references::type_.eq(missing.of),
                    pending_references::source_system.eq(missing.source_system.clone()),
                    pending_references::external_id.eq(missing.external_id.clone()),
                )
            })
        });
        let references: Vec<_> = references.collect();

        diesel::insert_into(pending_references::table)
            .values(references)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// A new row of `pending_items`.
#[derive(Insertable)]
#[diesel(table_name = pending_items, treat_none_as_default_value = false)]
struct Kept {
    id: Uuid,
    source_system: String,
    type_: String,
    external_id: String,
    item: Value,
    problem: Option<Value>,
    parked_by: Uuid,
    parked_at: Timestamp,
}

fn row(
    id: Uuid,
    source: ItemSource<'_>,
    parked: &Parked,
    problem: Option<Value>,
    (parked_by, parked_at): (Uuid, Timestamp),
) -> Kept {
    Kept {
        id,
        source_system: source.source_system.to_owned(),
        type_: source.kind.to_owned(),
        external_id: parked.external_id.clone(),
        item: parked.item.clone(),
        problem,
        parked_by,
        parked_at,
    }
}

/// References that another transaction is resolving are skipped. Waiting for them could cause a
/// deadlock.
const MET: &str = "delete from pending_references where (item_id, type, source_system, external_id) in \
    (select item_id, type, source_system, external_id from pending_references \
     where type = $1 and source_system = $2 and external_id = any($3) \
     order by item_id, type, source_system, external_id for update skip locked) returning item_id as id";

/// Removes the references to rows that have arrived. Returns the ids of the items that waited for
/// them.
pub(super) async fn arrived(
    tx: &mut Tx,
    source: ItemSource<'_>,
    external_ids: &[String],
) -> Result<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Met {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let met = diesel::sql_query(MET)
        .bind::<Text, _>(source.kind)
        .bind::<Text, _>(source.source_system)
        .bind::<Array<Text>, _>(external_ids);
    let met: Vec<Met> = met.load(tx.conn()).await?;
    Ok(met.into_iter().map(|row| row.id).collect())
}

/// An item that waits for nothing any more.
#[derive(Clone, QueryableByName)]
struct Ready {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    source_system: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    external_id: String,
    #[diesel(sql_type = diesel::sql_types::Json)]
    item: Value,
    #[diesel(sql_type = SqlUuid)]
    parked_by: Uuid,
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    parked_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    weight: i64,
}

/// Selects items that wait for nothing any more, of these or of all. They are locked until they are
/// applied: a newer version of an item waits for that, and an item that is being replaced is
/// skipped. The first item is always selected, however heavy it is.
const READY: &str = "with ready as materialized ( \
        select id, source_system, type as kind, external_id, item, parked_by, parked_at, \
            octet_length(item::text) + 200::bigint * (octet_length(item::text) \
                - octet_length(replace(item::text, '{', ''))) as weight \
        from pending_items it where ($1::uuid[] is null or id = any($1)) and problem is null \
        and not exists (select from pending_references r where r.item_id = it.id) \
        order by parked_at, id limit $2 for update of it skip locked \
    ) \
    select id, source_system, kind, external_id, item, parked_by, parked_at, weight from ( \
        select *, sum(weight) over (order by parked_at, id) - weight as before from ready \
    ) as it where before < $3 order by parked_at, id";

/// Applies the items that are ready, with the rights of their senders. Other items may wait for the
/// rows that this creates, so it continues until none is left or the share is used up. Returns the
/// number of items that were taken up, and the rest of the share.
pub(super) async fn apply(
    tx: &mut Tx,
    ids: Option<Vec<Uuid>>,
    share: Share,
) -> Result<(u64, Share)> {
    let (mut of, mut count, mut left) = (ids, 0, share);
    loop {
        let ready = diesel::sql_query(READY)
            .bind::<Nullable<Array<SqlUuid>>, _>(of)
            .bind::<BigInt, _>(left.items)
            .bind::<BigInt, _>(left.weight);
        let ready: Vec<Ready> = ready.load(tx.conn()).await?;
        count += ready.len() as u64;
        left.items -= i64::try_from(ready.len()).unwrap_or(i64::MAX);
        left.weight -= ready.iter().map(|item| item.weight).sum::<i64>();

        let mut lots: BTreeMap<(Uuid, String, String), Vec<Ready>> = BTreeMap::new();
        for item in ready {
            let key = (item.parked_by, item.kind.clone(), item.source_system.clone());
            lots.entry(key).or_default().push(item);
        }

        let mut waited = vec![];
        for ((by, kind, source_system), items) in lots {
            let Some(imports) = Imports::named(&kind) else { continue };
            let source = ItemSource { kind: imports.name, source_system: &source_system };
            let here = settle(tx, by, imports, source, &items).await?;
            waited.extend(arrived(tx, source, &here).await?);
        }

        if waited.is_empty() || left.is_used_up() {
            return Ok((count, left));
        }
        of = Some(waited);
    }
}

/// Applies items of one sender. If they are refused as a whole, tries the halves separately, down
/// to the item at fault, so that the batch that triggered this does not fail because of it. Returns
/// the external ids of the rows that are there now.
async fn settle(
    tx: &mut Tx,
    by: Uuid,
    imports: &'static Imports,
    source: ItemSource<'_>,
    items: &[Ready],
) -> Result<Vec<String>> {
    let today = tx.today;
    let sender = directory::read(tx.conn(), by, today).await?.1.map(Caller::of);
    let may = |sender: &Caller| imports.importers.iter().any(|role| sender.is(*role));
    let Some(sender) = sender.filter(may) else {
        refuse(tx, items, &Error::forbidden()).await?;
        return Ok(vec![]);
    };

    // Changes are recorded in the name of the sender.
    let actor = std::mem::replace(&mut tx.actor, by);
    let (mut here, mut parts) = (vec![], vec![items]);
    while let Some(part) = parts.pop() {
        match tx.attempt(async |tx| take(tx, &sender, imports, source, part).await).await {
            Ok(done) => here.extend(done),
            // The service failed, not the items: the whole transaction is tried again later.
            Err(error) if error.problem().status >= 500 => return Err(error),
            Err(error) if part.len() == 1 => refuse(tx, part, &error).await?,
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }

    tx.actor = actor;
    Ok(here)
}

/// Serializes a problem in English for storage. It is translated for each reader.
fn stored(problem: &Problem) -> Result<Value> {
    written(None, || serde_json::to_value(problem)).map_err(Error::internal)
}

/// Stores the error for which items could not be applied.
async fn refuse(tx: &mut Tx, items: &[Ready], error: &Error) -> Result<()> {
    let problem = stored(&error.problem())?;
    let ids: Vec<Uuid> = items.iter().map(|item| item.id).collect();
    let rows = pending_items::table.filter(pending_items::id.eq_any(ids));
    let refused = pending_items::problem.eq(Some(problem));
    diesel::update(rows).set(refused).execute(tx.conn()).await?;
    Ok(())
}

/// Imports items as if they were sent again. Those applied are no longer parked, those that wait
/// for another row are parked again, and those that fail are stored with their error.
fn take<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    imports: &'static Imports,
    source: ItemSource<'a>,
    items: &'a [Ready],
) -> LocalBoxFuture<'a, Result<Vec<String>>> {
    Box::pin(async move {
        let sent = items.iter().map(|ready| ready.item.clone()).collect();
        let (outcomes, here) = (imports.import)(tx, caller, source.source_system, sent).await?;

        // The import has removed all of the items, so that failed ones are inserted again.
        let failed = outcomes.results.iter().filter(|result| result.status == Status::Failed);
        let failed =
            failed.filter_map(|result| Some((items.get(result.index)?, result.problem.as_ref()?)));
        let mut rows = vec![];
        for (ready, problem) in failed {
            let problem = Some(stored(problem)?);
            let (external_id, item) = (ready.external_id.clone(), ready.item.clone());
            let parked = Parked { external_id, item, missing: vec![] };
            let since = (ready.parked_by, ready.parked_at);
            rows.push(row(Uuid::now_v7(), source, &parked, problem, since));
        }
        let insert = diesel::insert_into(pending_items::table).values(rows);
        insert.execute(tx.conn()).await.map_err(overtaken)?;
        Ok(here)
    })
}

/// Turns the violation of the unique key into a retry: another transaction has parked the same item
/// meanwhile.
fn overtaken(error: diesel::result::Error) -> Error {
    let error = Error::from(error);
    let known = error.violates("pending_items_external_id_key");
    if known { Error::unavailable("busy") } else { error }
}
