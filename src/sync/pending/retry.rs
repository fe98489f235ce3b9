//! The job for parked items: applies those left over from batches, and looks up rows that have
//! arrived by other ways than a batch.

use std::collections::{BTreeMap, HashMap};

use access::Caller;
use auth::directory;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::hooks::ItemSource;
use intake::reference::Wanted;
use platform::{Conn, Result, Tx};
use schema::{pending_items, pending_references};
use uuid::Uuid;

use super::apply::{OF_JOB, apply, arrived};
use crate::kinds::Imports;

/// The name of the job that is [`retry`]
pub const JOB: &str = "pending_items";

/// Number of references that are looked up together.
const LOOKED_UP: i64 = 20_000;

/// A job: applies the items left over from batches, and looks up rows that have arrived by other
/// ways, such as manual entry. While there is work, it continues with a round in each transaction.
/// Returns the number of items that were taken up.
pub async fn retry(tx: &mut Tx) -> Result<u64> {
    let (applied, left) = apply(tx, None, OF_JOB).await?;
    if left.is_used_up() {
        tx.go_on();
        measure(tx).await?;
        return Ok(applied);
    }

    let mut last = None;
    loop {
        let awaited = awaited(tx.conn(), last.as_ref()).await?;
        last = awaited.last().cloned();
        look_up(tx, awaited).await?;
        if last.is_none() {
            break;
        }
    }

    let (found, left) = apply(tx, None, left).await?;
    if left.is_used_up() {
        tx.go_on();
    }
    measure(tx).await?;
    Ok(applied + found)
}

/// Updates the metrics: the number of waiting items, of refused items, and the age of the oldest
/// one.
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

/// A missing row (type, source system, external id), and the sender of an item that waits for it.
type Awaited = (String, String, String, Uuid);

/// Returns the missing rows that follow `last`, page by page in a fixed order.
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

/// Removes the references to rows that have arrived and that the sender of the waiting item can
/// see.
async fn look_up(tx: &mut Tx, awaited: Vec<Awaited>) -> Result<()> {
    let mut wanted: HashMap<(Uuid, String), Wanted> = HashMap::new();
    for (kind, source_system, external_id, by) in awaited {
        wanted.entry((by, kind)).or_default().external.insert((source_system, external_id));
    }

    let today = tx.today;
    for ((by, kind), wanted) in wanted {
        let person = directory::read(tx.conn(), by, today).await?.1;
        let (Some(person), Some(imports)) = (person, Imports::named(&kind)) else { continue };
        let found = (imports.find)(tx.conn(), &Caller::of(person), &wanted).await?;
        let mut here: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in wanted.external.iter().filter(|key| found.named(key).is_some()) {
            here.entry(&key.0).or_default().push(key.1.clone());
        }
        for (source_system, external_ids) in here {
            arrived(tx, ItemSource { kind: imports.name, source_system }, &external_ids).await?;
        }
    }
    Ok(())
}
