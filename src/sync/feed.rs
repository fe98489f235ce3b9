//! Reading the feed: the recorded changes after a position, as one reader sees them.

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
    /// What is recorded; the feed tells it as an [`Op`], to each reader another one.
    pub enum Recorded {
        Created = "created",
        Updated = "updated",
        Deleted = "deleted",
        HandedOver = "handed_over",
    }
}

/// One recorded change.
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

    /// What it is to this reader; nothing if it leaves the view as it was.
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

    /// The change as this reader may see it. What was handed over has no data of its own.
    fn event(self, scope: &Scope<'_>) -> Result<Option<ChangeEvent>> {
        let Some(op) = self.op(scope) else { return Ok(None) };
        let Self { event_id, kind, id, version, at, data, .. } = self;
        let data = data.known().filter(|_| matches!(op, Op::Created | Op::Updated));
        let data = data.map(|data| scope.shown(&kind, data)).transpose()?;
        Ok(Some(ChangeEvent { event_id, kind, id, op, version, at, data }))
    }
}

/// Some changes, and where to go on.
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Position,
    pub more: bool,
}

/// The changes after a position that concern the reader. At the end it goes on from the horizon:
/// what was not for this reader is not read again.
pub async fn after(
    conn: &mut Conn,
    scope: &Scope<'_>,
    (xid, seq): Position,
    now: Timestamp,
    limit: i64,
) -> Result<Page> {
    let horizon = feed::horizon(conn).await?;
    if xid >= horizon {
        // Nobody is told more than what lies below the horizon: it is of another life.
        return Err(Error::gone("epoch_changed"));
    }
    // Only so does the planner leave the older partitions out. A day more than promised, because
    // changes are not quite in the order of their instants.
    let kept = Timestamp(now.0 - SignedDuration::from_hours(24 * (DAYS + 1)));
    let seen = || changes::seen_by.overlaps_with(&scope.reach);
    let before = || changes::seen_before.overlaps_with(&scope.reach);
    let own = || changes::op.ne(HANDED_OVER);
    let whole = changes::type_.eq_any(&scope.whole).and(own());
    let partly = changes::type_.eq_any(&scope.partly);
    let partly = partly.and(seen().or(before())).and(own().or(seen().ne(before())));
    // As subqueries, whose values the planner does not know: a batch is one number of a transaction,
    // which it takes for one row, and then it reads and sorts all that is left for every page.
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

/// These changes, for what keeps a list of its own of what it has yet to tell.
pub async fn at(conn: &mut Conn, positions: &[(Position, Timestamp)]) -> Result<Vec<Row>> {
    let xids: Vec<i64> = positions.iter().map(|it| it.0.0).collect();
    let seqs: Vec<i64> = positions.iter().map(|it| it.0.1).collect();
    let (first, last) =
        (positions.iter().map(|it| it.1).min(), positions.iter().map(|it| it.1).max());
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

/// Rows as this reader sees them.
pub async fn events(
    conn: &mut Conn,
    scope: &Scope<'_>,
    rows: Vec<Row>,
) -> Result<Vec<ChangeEvent>> {
    let events = rows.into_iter().filter_map(|row| row.event(scope).transpose());
    let mut events: Vec<_> = events.collect::<Result<_>>()?;
    let bare = |it: &ChangeEvent| it.op == Op::Created && it.data.is_none();
    if !events.iter().any(bare) {
        return Ok(events);
    }
    let bare_ones = || events.iter().filter(|it| bare(it));
    let recorded: Vec<Kept> = diesel::sql_query(KEPT)
        .bind::<Array<Text>, _>(bare_ones().map(|it| it.kind.as_str()).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(bare_ones().map(|it| it.id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(bare_ones().map(|it| it.version).collect::<Vec<_>>())
        .load(conn)
        .await?;
    let recorded: HashMap<(Uuid, i64), Data> =
        recorded.into_iter().map(|it| ((it.id, it.version), it.data)).collect();
    let mut lost: HashMap<&'static str, Vec<Uuid>> = HashMap::new();
    for event in events.iter_mut().filter(|it| bare(it)) {
        // It may have come and gone more than once.
        if let Some(data) = recorded.get(&(event.id, event.version)) {
            event.data = Some(scope.shown(&event.kind, data.clone())?);
        } else if let Some(kind) = Kind::named(&event.kind) {
            lost.entry(kind.name).or_default().push(event.id);
        }
    }
    // Changed last before the record of changes begins: as it is now.
    for (name, ids) in lost {
        let Some(kind) = Kind::named(name) else { continue };
        for row in (kind.copy)(conn, scope.caller, Part::These(&ids)).await? {
            for event in events.iter_mut().filter(|it| it.id == row.id && bare(it)) {
                event.version = row.version;
                event.data = Some(scope.shown(name, row.data.clone())?);
            }
        }
    }
    events.retain(|it| it.op != Op::Created || it.data.is_some());
    Ok(events)
}

/// What was recorded of rows at a version.
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
