//! The interface of resources that arrive in batches, and their rows during an import.

use std::collections::HashMap;

use access::Caller;
use platform::batch::{ItemKey, Status};
use platform::{Change, Conn, Date, Fault, Resource, Result, Timestamp, Tx};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::reference::{Find, HasReferences};

/// A resource that an ERP may send in batches.
#[allow(async_fn_in_trait, reason = "the service runs on one thread per worker")]
pub trait Imported: Resource + Clone + PartialEq + 'static {
    /// A merge patch with the key of the row: absent fields stay unchanged, null clears
    type Item: DeserializeOwned + HasReferences;
    /// Further data that [`Imported::drafted`] needs, read once for the batch
    type Context;

    /// The lookup of references to these rows
    const FIND: Find;
    /// Values that must be unique
    const UNIQUE: &'static [Unique<Self>] = &[];
    /// Groups of fields that have a meaning only together, references without their ending: if a
    /// source changes one of them, the others are applied as well
    const TOGETHER: &'static [&'static [&'static str]] = &[];

    /// Groups of alternative fields, references without their ending: if a source sends one of
    /// them, the remembered values of the others are dropped
    const EITHER: &'static [&'static [&'static str]] = &[];

    /// Returns `true` if the ERP owns this field of the row.
    fn is_erps(&self, _field: &str) -> bool {
        false
    }

    /// Returns the rows with one of these keys, locked in the order of their ids, so that two
    /// batches cannot deadlock.
    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>>;

    /// Returns the winners of those of the rows that were merged, locked, by the id of the merged
    /// row.
    async fn merged_into(
        _tx: &mut Tx,
        _caller: &Caller,
        _rows: &[Self],
    ) -> Result<HashMap<Uuid, Self>> {
        Ok(HashMap::new())
    }

    /// Reads the data that the rules need beside the rows and the items.
    async fn context(
        tx: &mut Tx,
        caller: &Caller,
        arrivals: &[Arrival<Self>],
    ) -> Result<Self::Context>;

    /// Returns the row as the item wants it, or all faults of the item. The import sets the version
    /// and the timestamps.
    fn drafted(arrival: &Arrival<Self>, context: &Self::Context) -> Result<Self, Vec<Fault>>;

    /// Returns warnings about an item that is applied nevertheless.
    fn warnings(_arrival: &Arrival<Self>) -> Vec<Fault> {
        vec![]
    }

    /// Writes new and changed rows. If a constraint refuses them, the import finds the rows at
    /// fault by writing smaller parts.
    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()>;

    /// Does work that locks rows which other batches need, as late as possible: after all rows are
    /// written and before their changes are recorded.
    async fn settle(_tx: &mut Tx, _written: &mut [Draft<Self>]) -> Result<()> {
        Ok(())
    }

    /// Does work that follows from written rows, before the items that waited for them are applied.
    async fn followed(_tx: &mut Tx, _written: &[Uuid]) -> Result<()> {
        Ok(())
    }

    fn external_id(&self) -> Option<&str>;

    /// Returns the row of the same table that must exist before this one.
    fn parent(&self) -> Option<Uuid> {
        None
    }
}

/// A value that must be unique within a table.
pub struct Unique<R: 'static> {
    /// The field that is at fault when another row has the value
    pub pointer: &'static str,
    /// Returns the value of a row. `None` if the row has none or does not belong to the source yet
    pub of: fn(&R) -> Option<String>,
    /// SQL that selects `id` and `value` of the rows that hold one of the values `$1`. `$2` is the
    /// source system
    pub holders: &'static str,
    /// SQL that takes the value away from the rows `$1` until the batch writes their final state
    pub release: &'static str,
}

/// The keys of the rows that a batch concerns.
pub struct Keys<'a> {
    pub source_system: &'a str,
    pub external_ids: Vec<&'a str>,
    /// Ids of rows that items name beside their external id, to link the two
    pub ids: Vec<Uuid>,
}

/// An item with its stored row.
pub struct Arrival<R: Imported> {
    pub index: usize,
    pub key: ItemKey,
    pub item: R::Item,
    pub before: Option<R>,
    /// `true` if the item's own row was merged into `before`, which has its own external id
    pub merged: bool,
    /// The id of the existing row, or for the new one
    pub id: Uuid,
    pub source_system: String,
    pub now: Timestamp,
    pub today: Date,
}

/// A row before and after the batch.
pub struct Draft<R> {
    pub(crate) index: usize,
    /// Further items that concern the same row, because their rows were merged into it
    pub(crate) also: Vec<usize>,
    pub before: Option<R>,
    pub after: R,
}

impl<R: Resource + PartialEq> Draft<R> {
    /// Returns the position of the item in the batch.
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn status(&self) -> Status {
        match &self.before {
            None => Status::Created,
            Some(before) if *before == self.after => Status::Unchanged,
            // Version 0 marks a row that exists only to be locked.
            Some(before) if before.version() == 0 => Status::Created,
            Some(_) => Status::Updated,
        }
    }

    pub(crate) fn change(&self) -> Result<Change> {
        match self.before.as_ref().filter(|before| before.version() > 0) {
            None => Change::created(&self.after),
            Some(before) => Change::updated(before, &self.after),
        }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.index).chain(self.also.iter().copied())
    }

    pub(crate) fn stamp(&mut self, now: Timestamp) {
        match &self.before {
            Some(before) if *before == self.after => {}
            Some(before) => self.after.stamp(before.version() + 1, now),
            None => self.after.stamp(1, now),
        }
    }
}

/// Writes `stored` of [`Imported`] for a table with columns `source_system` and `external_id`, and
/// `external_id`.
#[macro_export]
macro_rules! stored {
    ($table:ident) => {
        async fn stored(
            conn: &mut platform::Conn,
            caller: &access::Caller,
            keys: &$crate::Keys<'_>,
        ) -> platform::Result<Vec<Self>> {
            use schema::$table::{external_id, id, source_system, table};
            let known = source_system.eq(keys.source_system).assume_not_null();
            let known = known.and(external_id.eq_any(&keys.external_ids).assume_not_null());
            let rows = table.filter(caller.sees::<Self>()).filter(known.or(id.eq_any(&keys.ids)));
            let rows = rows.order(id).select(Self::as_select()).for_no_key_update();
            Ok(rows.load(conn).await?)
        }

        fn external_id(&self) -> Option<&str> {
            self.external_id.as_deref()
        }
    };
}

/// Inserts drafts in parts of a thousand rows, and updates those that exist, except for the named
/// columns. `refused` turns an error of the database into one that names the field at fault.
///
/// ```text
/// intake::upsert!(tx, products, drafts, |draft| &draft.after, keeping ["id", "created_at"], refused);
/// ```
#[macro_export]
macro_rules! upsert {
    ($tx:ident, $table:ident, $drafts:ident, $row:expr, keeping $kept:expr, $refused:path) => {
        for part in $drafts.chunks(1000) {
            diesel::insert_into(schema::$table::table)
                .values(part.iter().map($row).collect::<Vec<_>>())
                .on_conflict(schema::$table::id)
                .do_update()
                .set(platform::upsert::all_but::<schema::$table::table>(&$kept))
                .execute($tx.conn())
                .await
                .map_err($refused)?;
        }
    };
}
