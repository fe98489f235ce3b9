//! Reading the feed: the recorded changes after a position, as a reader sees them.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Json, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::changes::{HANDED_OVER, Op};
use platform::feed::{self, Position};
use platform::{Conn, Error, Result, Timestamp, text_enum};
use schema::changes;
use uuid::Uuid;

use crate::change::ChangeEvent;
use crate::copies::Part;
use crate::cursor::DAYS;
use crate::data::Data;
use crate::kinds::Kind;
use crate::scope::Scope;

text_enum! {
    /// The recorded operation. The feed translates it into an [`Op`], which depends on the reader.
    pub enum Recorded {
        Created = "created",
        Updated = "updated",
        Deleted = "deleted",
        HandedOver = "handed_over",
    }
}

/// A recorded change.
#[derive(HasQuery)]
#[diesel(table_name = changes)]
pub struct Row {
    xid: i64,
    seq: i64,
    pub event_id: Uuid,
    #[diesel(column_name = "type_")]
    pub kind: String,
    pub id: Uuid,
    version: i64,
    op: Recorded,
    pub at: Timestamp,
    data: Data,
    seen_by: Vec<Uuid>,
    seen_before: Vec<Uuid>,
}

impl Row {
    pub fn position(&self) -> Position {
        (self.xid, self.seq)
    }

    /// Returns the operation that the reader sees. `None` if the change is not visible, or does not
    /// change what is visible.
    fn op(&self, scope: &Scope<'_>) -> Option<Op> {
        let now = scope.sees(&self.kind, &self.seen_by);
        let before = scope.sees(&self.kind, &self.seen_before);
        match self.op {
            Recorded::Deleted => Some(Op::Deleted).filter(|_| before),
            Recorded::HandedOver if now == before => None,
            Recorded::Updated if now && before => Some(Op::Updated),
            _ if now => Some(Op::Created),
            _ => Some(Op::Hidden).filter(|_| before),
        }
    }

    /// Returns the change as the reader may see it. A row that was handed over has no data of its
    /// own.
    fn event(self, scope: &Scope<'_>) -> Result<Option<ChangeEvent>> {
        let Some(op) = self.op(scope) else { return Ok(None) };
        let Self { event_id, kind, id, version, at, data, .. } = self;
        let data = data.known().filter(|_| matches!(op, Op::Created | Op::Updated));
        let data = data.map(|data| scope.shown(&kind, data)).transpose()?;
        Ok(Some(ChangeEvent { event_id, kind, id, op, version, at, data }))
    }
}

/// A page of changes, with the position of the next one.
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Position,
    pub more: bool,
}

/// Returns the changes after a position that concern the reader. If there are no more, the next
/// position is the horizon, so that the changes that do not concern the reader are not read again.
pub async fn after(
    conn: &mut Conn,
    scope: &Scope<'_>,
    (xid, seq): Position,
    now: Timestamp,
    limit: i64,
) -> Result<Page> {
    let horizon = feed::horizon(conn).await?;
    if xid >= horizon {
        // Readers only get changes below the horizon, so the position is from another epoch.
        return Err(Error::gone("epoch_changed"));
    }

    // With this condition the planner skips older partitions. A day more than the feed promises,
    // because changes are not exactly in the order of their instants.
    let kept = Timestamp(now.0 - SignedDuration::from_hours(24 * (DAYS + 1)));

    // A hand-over does not matter to readers of all rows. Others need it only if it makes the row
    // visible or hides it.
    let seen = || changes::seen_by.overlaps_with(&scope.reach);
    let before = || changes::seen_before.overlaps_with(&scope.reach);
    let own = || changes::op.ne(HANDED_OVER);
    let whole = changes::type_.eq_any(&scope.whole).and(own());
    let partly = changes::type_.eq_any(&scope.partly);
    let partly = partly.and(seen().or(before())).and(own().or(seen().ne(before())));

    // Positions are passed as subqueries to hide their values from the planner. A batch is a single
    // transaction id, which the planner would take for one row. It would then read and sort all
    // remaining changes for every page.
    let rows = Row::query()
        .filter(whole.or(partly))
        .filter(changes::at.ge(kept))
        .filter(
            sql::<Bool>("(xid, seq) > ((select ")
                .bind::<BigInt, _>(xid)
                .sql("), (select ")
                .bind::<BigInt, _>(seq)
                .sql(")) and xid < (select ")
                .bind::<BigInt, _>(horizon)
                .sql(")"),
        )
        .order((changes::xid, changes::seq))
        .limit(limit);
    let rows: Vec<Row> = rows.load(conn).await?;

    let more = i64::try_from(rows.len()).is_ok_and(|rows| rows == limit);
    let last = rows.last().filter(|_| more).map(Row::position);
    let next = last.unwrap_or((horizon - 1, i64::MAX)).max((xid, seq));
    Ok(Page { rows, next, more })
}

/// Returns the changes at these positions, for the queue of webhooks.
pub async fn at(conn: &mut Conn, positions: &[(Position, Timestamp)]) -> Result<Vec<Row>> {
    let xids: Vec<i64> = positions.iter().map(|place| place.0.0).collect();
    let seqs: Vec<i64> = positions.iter().map(|place| place.0.1).collect();

    // The range of instants lets the planner skip all other partitions.
    let (first, last) =
        (positions.iter().map(|place| place.1).min(), positions.iter().map(|place| place.1).max());
    let (Some(first), Some(last)) = (first, last) else { return Ok(vec![]) };

    let rows = Row::query()
        .filter(
            sql::<Bool>("(xid, seq) in (select * from unnest(")
                .bind::<Array<BigInt>, _>(xids)
                .sql(", ")
                .bind::<Array<BigInt>, _>(seqs)
                .sql("))"),
        )
        .filter(changes::at.between(first, last));
    Ok(rows.load(conn).await?)
}

/// Returns recorded changes as the reader sees them. Rows that have become visible without data of
/// their own get the data recorded with their version, or else their current state.
pub async fn events(
    conn: &mut Conn,
    scope: &Scope<'_>,
    rows: Vec<Row>,
) -> Result<Vec<ChangeEvent>> {
    let events = rows.into_iter().filter_map(|row| row.event(scope).transpose());
    let mut events: Vec<_> = events.collect::<Result<_>>()?;
    let bare = |event: &ChangeEvent| event.op == Op::Created && event.data.is_none();
    if !events.iter().any(bare) {
        return Ok(events);
    }

    let bare_ones = || events.iter().filter(|event| bare(event));
    let recorded: Vec<Kept> = diesel::sql_query(KEPT)
        .bind::<Array<Text>, _>(bare_ones().map(|event| event.kind.as_str()).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(bare_ones().map(|event| event.id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(bare_ones().map(|event| event.version).collect::<Vec<_>>())
        .load(conn)
        .await?;
    let recorded: HashMap<(Uuid, i64), Data> =
        recorded.into_iter().map(|row| ((row.id, row.version), row.data)).collect();

    let mut lost: HashMap<String, Vec<Uuid>> = HashMap::new();
    for event in events.iter_mut().filter(|event| bare(event)) {
        // Cloned, because the row may have become visible more than once.
        if let Some(data) = recorded.get(&(event.id, event.version)) {
            event.data = Some(scope.shown(&event.kind, data.clone())?);
        } else {
            lost.entry(event.kind.clone()).or_default().push(event.id);
        }
    }

    // The last change of these rows is older than the record. Their current state is used.
    for (name, ids) in lost {
        let Some(kind) = Kind::named(&name) else { continue };
        for row in (kind.copy)(conn, scope.caller, Part::These(&ids)).await? {
            for event in events.iter_mut().filter(|event| event.id == row.id && bare(event)) {
                event.version = row.version;
                event.data = Some(scope.shown(&name, row.data.clone())?);
            }
        }
    }

    // Rows that the reader does not see any more are left out.
    events.retain(|event| event.op != Op::Created || event.data.is_some());
    Ok(events)
}

/// The data that was recorded with a version of a row.
const KEPT: &str = "select c.id, c.version, c.data \
    from unnest($1, $2, $3) as it (type, id, version) \
    join changes c on c.type = it.type and c.id = it.id and c.version = it.version \
    and c.op in ('created', 'updated')";

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Json)]
    data: Data,
}
