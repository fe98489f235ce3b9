//! How items come to wait, and what happens when that for which they wait arrives. All of it takes
//! place in the transaction of the batch that brings it; a job does the same for what came by
//! other ways, or at the same moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use auth::hooks::{Lot, Parked, Parking};
use auth::reference::Wanted;
use auth::{Caller, directory};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use platform::batch::Status;
use platform::{Conn, Error, Result, Timestamp, Tx};
use schema::{pending_items, pending_references};
use serde_json::Value;
use uuid::Uuid;

use super::entries::Entry;

/// Most items that are applied at the end of a batch; the rest follows with the job.
const AT_ONCE: i64 = 2000;

/// How many references are looked up together.
const LOOKED_UP: i64 = 20_000;

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
            if waited.is_empty() { Ok(()) } else { apply(tx, Some(waited)).await.map(drop) }
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

/// These rows are there now. Answers which items have waited for them.
async fn arrived(tx: &mut Tx, lot: Lot<'_>, external_ids: &[String]) -> Result<Vec<Uuid>> {
    let met = pending_references::table
        .filter(pending_references::type_.eq(lot.kind))
        .filter(pending_references::source_system.eq(lot.source_system))
        .filter(pending_references::external_id.eq_any(external_ids));
    let met = diesel::delete(met).returning(pending_references::item_id);
    Ok(met.get_results(tx.conn()).await?)
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
}

/// Items that wait for nothing any more, of these or of all. They are held until they are applied:
/// a newer one that comes meanwhile waits for that, and one that is being replaced is left alone.
const READY: &str = "select id, source_system, type as kind, external_id, item, parked_by, parked_at \
    from pending_items it where ($1::uuid[] is null or id = any($1)) and problem is null \
    and not exists (select from pending_references r where r.item_id = it.id) \
    order by parked_at, id limit $2 for update of it skip locked";

/// Applies what is ready, with the rights of who sent it. That brings something itself, for which
/// others may wait: so it goes on until nothing is left, or enough is done for once. Answers how
/// many items were taken up.
async fn apply(tx: &mut Tx, ids: Option<Vec<Uuid>>) -> Result<u64> {
    let (mut of, mut count) = (ids, 0);
    loop {
        let ready = diesel::sql_query(READY).bind::<Nullable<Array<SqlUuid>>, _>(of);
        let ready: Vec<Ready> = ready.bind::<BigInt, _>(AT_ONCE - count).load(tx.conn()).await?;
        count += i64::try_from(ready.len()).unwrap_or(AT_ONCE);
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
        if waited.is_empty() || count >= AT_ONCE {
            return Ok(count.unsigned_abs());
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

/// They are kept, and why they could not be carried out.
async fn refuse(tx: &mut Tx, items: &[Ready], error: &Error) -> Result<()> {
    let problem = serde_json::to_value(error.problem()).map_err(Error::internal)?;
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
            let problem = Some(serde_json::to_value(problem).map_err(Error::internal)?);
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

/// A job: looks whether something has arrived by another way than a batch, such as by hand.
pub async fn retry(tx: &mut Tx) -> Result<u64> {
    let mut last = None;
    loop {
        let awaited = awaited(tx.conn(), last.as_ref()).await?;
        last = awaited.last().cloned();
        look_up(tx, awaited).await?;
        if last.is_none() {
            let applied = apply(tx, None).await?;
            measure(tx).await?;
            return Ok(applied);
        }
    }
}

/// How much waits and how much is given back with a problem, and since when the oldest.
async fn measure(tx: &mut Tx) -> Result<()> {
    #[derive(QueryableByName)]
    struct Kept {
        #[diesel(sql_type = BigInt)]
        waiting: i64,
        #[diesel(sql_type = BigInt)]
        refused: i64,
        #[diesel(sql_type = diesel::sql_types::Double)]
        oldest_seconds: f64,
    }
    let kept = diesel::sql_query(
        "select count(*) filter (where problem is null) as waiting, count(problem) as refused,
            coalesce(extract(epoch from $1 - min(parked_at)), 0)::float8 as oldest_seconds
        from pending_items",
    );
    let kept = kept.bind::<diesel::sql_types::Timestamptz, _>(tx.now);
    let kept: Kept = kept.get_result(tx.conn()).await?;
    for (status, count) in [("waiting", kept.waiting), ("refused", kept.refused)] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("pending_items", "status" => status).set(count);
    }
    metrics::gauge!("pending_items_oldest_seconds").set(kept.oldest_seconds);
    Ok(())
}

/// What is waited for, and who sent what waits for it.
type Awaited = (String, String, String, Uuid);

/// The next references in their order, so that however many there are each has its turn.
async fn awaited(conn: &mut Conn, last: Option<&Awaited>) -> Result<Vec<Awaited>> {
    use pending_references::{external_id, source_system, type_};
    let key = (type_, source_system, external_id, pending_items::parked_by);
    let mut query = pending_references::table
        .inner_join(pending_items::table)
        .select(key)
        .distinct()
        .order(key)
        .limit(LOOKED_UP)
        .into_boxed();
    if let Some((kind, system, id, by)) = last {
        query = query.filter(
            sql::<Bool>(
                "(pending_references.type, pending_references.source_system, \
                 pending_references.external_id, pending_items.parked_by) > (",
            )
            .bind::<Text, _>(kind)
            .sql(", ")
            .bind::<Text, _>(system)
            .sql(", ")
            .bind::<Text, _>(id)
            .sql(", ")
            .bind::<SqlUuid, _>(*by)
            .sql(")"),
        );
    }
    Ok(query.load(conn).await?)
}

/// Strikes out what is there, as far as its sender sees it.
async fn look_up(tx: &mut Tx, awaited: Vec<Awaited>) -> Result<()> {
    let mut wanted: HashMap<(Uuid, String), Wanted> = HashMap::new();
    for (kind, source_system, external_id, by) in awaited {
        wanted.entry((by, kind)).or_default().external.insert((source_system, external_id));
    }
    let today = tx.today;
    for ((by, kind), wanted) in wanted {
        let person = directory::read(tx.conn(), by, today).await?.1;
        let (Some(person), Some(entry)) = (person, Entry::named(&kind)) else { continue };
        let found = (entry.find)(tx.conn(), &Caller::of(person), &wanted).await?;
        let mut here: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for key in wanted.external.iter().filter(|it| found.named(it).is_some()) {
            here.entry(&key.0).or_default().push(&key.1);
        }
        for (source_system, external_ids) in here {
            let met = pending_references::table
                .filter(pending_references::type_.eq(&kind))
                .filter(pending_references::source_system.eq(source_system))
                .filter(pending_references::external_id.eq_any(external_ids));
            diesel::delete(met).execute(tx.conn()).await?;
        }
    }
    Ok(())
}
