//! How items come to wait, and what happens when that for which they wait arrives. All of it takes
//! place in the transaction of the batch that brings it; a job does the same for what came by
//! other ways, or at the same moment.

use std::collections::{BTreeMap, HashSet};

use auth::hooks::{Lot, Parked, Parking};
use auth::{Caller, directory};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use platform::batch::Status;
use platform::error::Problem;
use platform::language::written;
use platform::{Error, Result, Timestamp, Tx, jobs};
use schema::{pending_items, pending_references};
use serde_json::Value;
use uuid::Uuid;

use super::entries::Entry;
use super::retry::JOB;

/// Most that is applied at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    items: i64,
    /// Bytes of text; each object in an item, such as an order line, counts 200 more
    weight: i64,
}

/// At the end of the batch that brings what is waited for. The rest follows with the job.
const OF_BATCH: Share = Share { items: 200, weight: 1 << 20 };

/// In one round of the job. A batch that sends one of these items again waits for its end.
pub(super) const OF_JOB: Share = Share { items: 800, weight: 4 << 20 };

impl Share {
    pub fn is_used_up(self) -> bool {
        self.items <= 0 || self.weight <= 0
    }
}

/// Most items of one system that wait: more is a system whose other half never comes.
const MOST: i64 = 100_000;

/// What `auth` calls for batches.
pub const PARKING: Parking = Parking {
    arrives: |kind| Entry::named(kind).is_some(),
    superseded: |tx, lot, keys| Box::pin(give_up(tx, lot, keys)),
    room: |tx, source_system| Box::pin(room(tx, source_system)),
    park: |tx, lot, items| Box::pin(park(tx, lot, items)),
    arrived: |tx, lot, keys| {
        Box::pin(async move {
            let waited = arrived(tx, lot, keys).await?;
            if waited.is_empty() {
                return Ok(());
            }
            let (_, left) = apply(tx, Some(waited), OF_BATCH).await?;
            if left.is_used_up() { jobs::hasten(tx, JOB).await } else { Ok(()) }
        })
    },
};

/// Newer items are here.
async fn give_up(tx: &mut Tx, lot: Lot<'_>, external_ids: &[String]) -> Result<()> {
    let known = pending_items::table
        .filter(pending_items::source_system.eq(lot.source_system))
        .filter(pending_items::type_.eq(lot.kind))
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

/// Batches of the same moment do not see each other's: it is a limit, not a law.
async fn room(tx: &mut Tx, source_system: &str) -> Result<usize> {
    let kept = pending_items::table.filter(pending_items::source_system.eq(source_system));
    let kept: i64 = kept.count().get_result(tx.conn()).await?;
    Ok(usize::try_from(MOST - kept).unwrap_or(0))
}

async fn park(tx: &mut Tx, lot: Lot<'_>, mut items: Vec<Parked>) -> Result<()> {
    // As others who bring the same at the same moment.
    items.sort_unstable_by(|one, other| one.external_id.cmp(&other.external_id));
    let (now, by) = (tx.now, tx.actor);
    for items in items.chunks(1000) {
        let ids: Vec<Uuid> = items.iter().map(|_| Uuid::now_v7()).collect();
        let row = |(id, it): (&Uuid, &Parked)| row(*id, lot, it, None, (by, now));
        let rows: Vec<_> = ids.iter().zip(items).map(row).collect();
        let insert = diesel::insert_into(pending_items::table).values(rows);
        insert.execute(tx.conn()).await.map_err(overtaken)?;
        let references = ids.iter().zip(items).flat_map(|(id, it)| {
            // The same customer may be named twice.
            let each: HashSet<_> = it.missing.iter().collect();
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

/// What a row of `pending_items` is made of.
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
    lot: Lot<'_>,
    it: &Parked,
    problem: Option<Value>,
    (parked_by, parked_at): (Uuid, Timestamp),
) -> Kept {
    Kept {
        id,
        source_system: lot.source_system.to_owned(),
        type_: lot.kind.to_owned(),
        external_id: it.external_id.clone(),
        item: it.item.clone(),
        problem,
        parked_by,
        parked_at,
    }
}

/// References that somebody else has met already are left to them: who waited for them could wait in
/// a circle.
const MET: &str = "delete from pending_references where (item_id, type, source_system, external_id) in \
    (select item_id, type, source_system, external_id from pending_references \
     where type = $1 and source_system = $2 and external_id = any($3) \
     order by item_id, type, source_system, external_id for update skip locked) returning item_id as id";

/// These rows are there now. Answers which items have waited for them.
pub(super) async fn arrived(
    tx: &mut Tx,
    lot: Lot<'_>,
    external_ids: &[String],
) -> Result<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Met {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let met = diesel::sql_query(MET)
        .bind::<Text, _>(lot.kind)
        .bind::<Text, _>(lot.source_system)
        .bind::<Array<Text>, _>(external_ids);
    let met: Vec<Met> = met.load(tx.conn()).await?;
    Ok(met.into_iter().map(|row| row.id).collect())
}

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

/// Items that wait for nothing any more, of these or of all. They are held until they are applied:
/// a newer one that comes meanwhile waits for that, and one that is being replaced is left alone.
/// However heavy the first one is, it has its turn.
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

/// Applies what is ready, with the rights of who sent it. That brings something itself, for which
/// others may wait: so it goes on until nothing is left, or the share is used up. Answers how many
/// items were taken up, and what is left of the share.
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
        left.weight -= ready.iter().map(|it| it.weight).sum::<i64>();
        let mut lots: BTreeMap<(Uuid, String, String), Vec<Ready>> = BTreeMap::new();
        for it in ready {
            let key = (it.parked_by, it.kind.clone(), it.source_system.clone());
            lots.entry(key).or_default().push(it);
        }
        let mut waited = vec![];
        for ((by, kind, source_system), items) in lots {
            let Some(entry) = Entry::named(&kind) else { continue };
            let lot = Lot { kind: entry.name, source_system: &source_system };
            let here = settle(tx, by, entry, lot, &items).await?;
            waited.extend(arrived(tx, lot, &here).await?);
        }
        if waited.is_empty() || left.is_used_up() {
            return Ok((count, left));
        }
        of = Some(waited);
    }
}

/// Carries items of one sender out. Where that is refused as a whole, the halves are tried by
/// themselves, down to the item that is at fault: nobody else's batch shall fail for it. Answers the
/// external ids of what is there now.
async fn settle(
    tx: &mut Tx,
    by: Uuid,
    entry: &'static Entry,
    lot: Lot<'_>,
    items: &[Ready],
) -> Result<Vec<String>> {
    let today = tx.today;
    let sender = directory::read(tx.conn(), by, today).await?.1.map(Caller::of);
    let may = |it: &Caller| entry.importers.iter().any(|role| it.is(*role));
    let Some(sender) = sender.filter(may) else {
        refuse(tx, items, &Error::forbidden()).await?;
        return Ok(vec![]);
    };
    let actor = std::mem::replace(&mut tx.actor, by);
    let (mut here, mut parts) = (vec![], vec![items]);
    while let Some(part) = parts.pop() {
        match tx.attempt(async |tx| take(tx, &sender, entry, lot, part).await).await {
            Ok(done) => here.extend(done),
            // Of the moment, not of the items.
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

/// A problem in English, whoever causes it: each reader gets it in the own language.
fn stored(problem: &Problem) -> Result<Value> {
    written(false, || serde_json::to_value(problem)).map_err(Error::internal)
}

/// They are kept, and why they could not be carried out.
async fn refuse(tx: &mut Tx, items: &[Ready], error: &Error) -> Result<()> {
    let problem = stored(&error.problem())?;
    let ids: Vec<Uuid> = items.iter().map(|it| it.id).collect();
    let rows = pending_items::table.filter(pending_items::id.eq_any(ids));
    let refused = pending_items::problem.eq(Some(problem));
    diesel::update(rows).set(refused).execute(tx.conn()).await?;
    Ok(())
}

/// As if they came once more: what is taken is no longer kept, what waits for something else is
/// kept again, and what fails is kept with the reason.
fn take<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    entry: &'static Entry,
    lot: Lot<'a>,
    items: &'a [Ready],
) -> LocalBoxFuture<'a, Result<Vec<String>>> {
    Box::pin(async move {
        let sent = items.iter().map(|it| it.item.clone()).collect();
        let (outcomes, here) = (entry.import)(tx, caller, lot.source_system, sent).await?;
        let failed = outcomes.results.iter().filter(|it| it.status == Status::Failed);
        let failed = failed.filter_map(|it| Some((items.get(it.index)?, it.problem.as_ref()?)));
        let mut rows = vec![];
        for (it, problem) in failed {
            let problem = Some(stored(problem)?);
            let (external_id, item) = (it.external_id.clone(), it.item.clone());
            let parked = Parked { external_id, item, missing: vec![] };
            let since = (it.parked_by, it.parked_at);
            rows.push(row(Uuid::now_v7(), lot, &parked, problem, since));
        }
        let insert = diesel::insert_into(pending_items::table).values(rows);
        insert.execute(tx.conn()).await.map_err(overtaken)?;
        Ok(here)
    })
}

/// Another one has kept such an item since this one looked: it is done again, after that one.
fn overtaken(error: diesel::result::Error) -> Error {
    let error = Error::from(error);
    let known = error.violates("pending_items_external_id_key");
    if known { Error::unavailable("busy") } else { error }
}
