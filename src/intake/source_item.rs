//! The fields that a source sent last for each of its rows. Only fields that a source has changed
//! are applied: repeating an old value does not overwrite what people have changed since.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, Result, Tx};
use schema::source_items;
use serde_json::Value;
use uuid::Uuid;

use crate::hooks::ItemSource;
use crate::imported::Imported;
use crate::reference::{HasReferences, Reference};

/// The number of rows per statement.
const AT_ONCE: usize = 1000;

/// The sizes in bytes of the digests of a field's name and of its value.
const NAME: usize = 4;
const VALUE: usize = 8;

type Name = [u8; NAME];
type Digest = [u8; VALUE];

/// The fields of an item as digests, which suffice to detect changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<Name, Digest>);

/// The remembered fields of an item, and its row.
pub(crate) struct Kept {
    pub row_id: Uuid,
    pub fields: Fields,
}

/// Returns the text by which a value is compared. A list of texts counts as a set, so its order is
/// ignored.
fn text(value: &Value) -> String {
    let list = value.as_array().map(|list| list.iter().map(Value::as_str));
    match list.and_then(Iterator::collect::<Option<Vec<&str>>>) {
        Some(mut list) => {
            list.sort_unstable();
            format!("{list:?}")
        }
        None => value.to_string(),
    }
}

fn short<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut short = [0; N];
    short.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..N]);
    short
}

impl Fields {
    fn parse(bytes: &[u8]) -> Self {
        let entry =
            |pair: &[u8]| Some((pair[..NAME].try_into().ok()?, pair[NAME..].try_into().ok()?));
        Self(bytes.chunks_exact(NAME + VALUE).filter_map(entry).collect())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(name, value)| name.iter().chain(value)).copied().collect()
    }

    /// Returns `true` if all fields were sent last time with the same values.
    pub fn repeat(&self, kept: &Self) -> bool {
        self.0.iter().all(|(name, value)| kept.0.get(name) == Some(value))
    }
}

/// Reads the items of one type field by field.
pub(crate) struct Reader<'a> {
    source_system: &'a str,
    /// Names of references without their ending: `owner` for `owner_id` and `owner_external_id`
    references: HashSet<&'static str>,
    /// [`Imported::TOGETHER`] and [`Imported::EITHER`]
    together: Groups,
    either: Groups,
    names: HashMap<String, Name>,
}

type Groups = &'static [&'static [&'static str]];

impl<'a> Reader<'a> {
    pub fn of<R: Imported>(source_system: &'a str) -> Self {
        let top = |reference: &&Reference| !reference.at.contains('/');
        let name =
            |reference: &Reference<'static>| reference.at.split('[').next().unwrap_or(reference.at);
        let references =
            <R::Item as HasReferences>::REFERENCES.iter().filter(top).map(name).collect();
        let (together, either) = (R::TOGETHER, R::EITHER);
        Self { source_system, references, together, either, names: HashMap::new() }
    }

    /// Returns the field that a member of an item belongs to. `None` for the key of the row.
    fn field<'m>(&self, member: &'m str) -> Option<&'m str> {
        if matches!(member, "external_id" | "id") {
            return None;
        }
        let endings = ["_external_id", "_source_system", "_id"];
        let mut bases = endings.iter().filter_map(|ending| member.strip_suffix(ending));
        Some(bases.find(|base| self.references.contains(base)).unwrap_or(member))
    }

    fn name(&mut self, field: &str) -> Name {
        if let Some(name) = self.names.get(field) {
            return *name;
        }
        let name = short(field.as_bytes());
        self.names.insert(field.to_owned(), name);
        name
    }

    /// Returns the fields of an item. A reference is compared as it was sent, because the row that
    /// it resolves to may change.
    pub fn fields(&mut self, item: &Value) -> Fields {
        let mut fields = BTreeMap::new();
        for (member, value) in item.as_object().into_iter().flatten() {
            let Some(field) = self.field(member) else { continue };
            let value = if self.references.contains(field) {
                self.reference(item, field)
            } else {
                text(value)
            };
            fields.insert(self.name(field), short(value.as_bytes()));
        }
        Fields(fields)
    }

    fn reference(&self, item: &Value, name: &str) -> String {
        let text = |ending: &str| item[format!("{name}_{ending}")].as_str();
        let system = text("source_system").unwrap_or(self.source_system);
        let external = text("external_id").map(|id| [system, id]);
        format!("{:?} {external:?}", text("id"))
    }

    /// Returns the fields to remember: an absent field keeps its last value, unless an alternative
    /// field was sent.
    pub fn after(&mut self, mut sent: Fields, kept: Option<Fields>) -> Fields {
        let mut all = kept.unwrap_or_default().0;
        for group in self.either {
            let names: Vec<Name> = group.iter().map(|field| self.name(field)).collect();
            if names.iter().any(|name| sent.0.contains_key(name)) {
                all.retain(|name, _| !names.contains(name));
            }
        }
        all.append(&mut sent.0);
        Fields(all)
    }

    /// Returns `true` if this field or an alternative field was sent before.
    fn is_kept(&mut self, field: &str, kept: &Fields) -> bool {
        let group = self.either.iter().find(|group| group.contains(&field)).copied();
        let mut group = group.unwrap_or_default().iter();
        kept.0.contains_key(&self.name(field))
            || group.any(|other| kept.0.contains_key(&self.name(other)))
    }

    /// Removes the members of an item that bring no change: those that were sent before, and nulls
    /// of fields that never had a value from this source, which must not clear what people entered.
    /// Fields that the ERP owns stay, and so do fields that have a meaning only together with a
    /// changed one.
    pub fn keep_news(&mut self, item: &mut Value, kept: &Fields, is_erps: &dyn Fn(&str) -> bool) {
        let sent = self.fields(item);
        let Value::Object(members) = item else { return };
        let names = members
            .keys()
            .filter_map(|member| Some((member.clone(), self.field(member)?.to_owned())));
        let names: Vec<(String, String)> = names.collect();

        let (mut changed, mut news) = (HashSet::<String>::new(), HashSet::<String>::new());
        if !sent.repeat(kept) {
            for (_, field) in &names {
                let name = self.name(field);
                let mut own = names.iter().filter(|name| name.1 == *field);
                let is_null = own.all(|(member, _)| members[member].is_null());
                let is_silent = is_null && !self.is_kept(field, kept);
                if sent.0.get(&name) != kept.0.get(&name) && !is_silent {
                    changed.insert(field.clone());
                    news.insert(field.clone());
                } else if !self.references.contains(field.as_str()) && is_erps(field) {
                    // Except references: one that is sent unchanged may resolve to another row now.
                    news.insert(field.clone());
                }
            }
        }

        let together = |field: &str| {
            let mut groups = self.together.iter().filter(|group| group.contains(&field));
            groups.any(|group| group.iter().any(|other| changed.contains(*other)))
        };
        for (member, field) in &names {
            if !news.contains(field) && !together(field) {
                members.remove(member);
            }
        }
    }
}

/// One look-up in the primary key for each external id. With `external_id = any($3)` a plan that was
/// made before a new table has statistics compares each id with each row: 1.3 s for 10,000 items.
const KEPT: &str = "
    select wanted.external_id, kept.row_id, kept.fields
    from unnest($3) as wanted (external_id)
    cross join lateral (
        select row_id, fields from source_items
        where source_system = $1 and type = $2 and external_id = wanted.external_id
        limit 1
    ) as kept";

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    external_id: String,
    #[diesel(sql_type = SqlUuid)]
    row_id: Uuid,
    #[diesel(sql_type = Binary)]
    fields: Vec<u8>,
}

/// Returns the remembered fields of items, by external id. To change the rows, lock them first and
/// read the fields afterwards.
pub(crate) async fn load(
    conn: &mut Conn,
    source: ItemSource<'_>,
    external_ids: &[&str],
) -> Result<HashMap<String, Kept>> {
    let mut found = HashMap::with_capacity(external_ids.len());
    for external_ids in external_ids.chunks(AT_ONCE) {
        let query = diesel::sql_query(KEPT)
            .bind::<Text, _>(source.source_system)
            .bind::<Text, _>(source.kind)
            .bind::<Array<Text>, _>(external_ids);
        let rows: Vec<Found> = query.load(conn).await?;
        found.extend(rows.into_iter().map(|row| {
            let kept = Kept { row_id: row.row_id, fields: Fields::parse(&row.fields) };
            (row.external_id, kept)
        }));
    }
    Ok(found)
}

/// Remembers the fields that were sent. Two batches with the same new rows conflict when they
/// insert the rows, not here.
pub(crate) async fn save(
    tx: &mut Tx,
    source: ItemSource<'_>,
    items: &[(String, Kept)],
) -> Result<()> {
    for items in items.chunks(AT_ONCE) {
        let external_ids: Vec<&str> = items.iter().map(|item| item.0.as_str()).collect();
        let row_ids: Vec<Uuid> = items.iter().map(|item| item.1.row_id).collect();
        let fields: Vec<Vec<u8>> = items.iter().map(|item| item.1.fields.bytes()).collect();
        diesel::sql_query(SAVE)
            .bind::<Text, _>(source.source_system)
            .bind::<Text, _>(source.kind)
            .bind::<Array<Text>, _>(external_ids)
            .bind::<Array<SqlUuid>, _>(row_ids)
            .bind::<Array<Binary>, _>(fields)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// The statement of [`save`]. It writes in the order of the keys, so that two batches cannot
/// deadlock.
const SAVE: &str = "
    insert into source_items (source_system, type, external_id, row_id, fields)
    select $1, $2, external_id, row_id, fields
    from unnest($3, $4, $5) as it (external_id, row_id, fields) order by external_id collate \"C\"
    on conflict (source_system, type, external_id)
    do update set row_id = excluded.row_id, fields = excluded.fields";

/// Deletes the remembered fields of a row, as a part of erasing personal data.
pub async fn forget(tx: &mut Tx, kind: &str, row_id: Uuid, external_id: &str) -> Result<()> {
    let rows = source_items::table
        .filter(source_items::type_.eq(kind))
        .filter(source_items::external_id.eq(external_id))
        .filter(source_items::row_id.eq(row_id));
    diesel::delete(rows).execute(tx.conn()).await?;
    Ok(())
}
