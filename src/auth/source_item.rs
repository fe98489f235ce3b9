//! What a source sent last of each of its rows. A source speaks by changing something: fields that
//! come once more as they came last time are no news, whatever people have done to them since.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, Result, Tx};
use schema::source_items;
use serde_json::Value;
use uuid::Uuid;

use super::hooks::Lot;
use super::import::Imported;
use super::reference::{Reference, Refers};

/// How many rows go into one statement.
const AT_ONCE: usize = 1000;

/// Bytes of the digest of a field's name, and of its value.
const NAME: usize = 4;
const VALUE: usize = 8;

type Name = [u8; NAME];
type Digest = [u8; VALUE];

/// The fields of an item as digests: all that it takes to see whether they have changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<Name, Digest>);

/// What was kept of an item.
pub(crate) struct Kept {
    pub row_id: Uuid,
    pub fields: Fields,
}

/// A value as it is compared. A list of texts is a set: its order says nothing.
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
        let entry = |it: &[u8]| Some((it[..NAME].try_into().ok()?, it[NAME..].try_into().ok()?));
        Self(bytes.chunks_exact(NAME + VALUE).filter_map(entry).collect())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(name, value)| name.iter().chain(value)).copied().collect()
    }

    /// Is all that is sent now what was sent last time?
    pub fn repeat(&self, kept: &Self) -> bool {
        self.0.iter().all(|(name, value)| kept.0.get(name) == Some(value))
    }
}

/// How the items of a type are read field by field.
pub(crate) struct Reader<'a> {
    source_system: &'a str,
    /// Names of references without their ending: `owner` for `owner_id` and `owner_external_id`
    references: HashSet<&'static str>,
    names: HashMap<String, Name>,
}

impl<'a> Reader<'a> {
    pub fn of<R: Imported>(source_system: &'a str) -> Self {
        let top = |it: &&Reference| !it.at.contains('/');
        let name = |it: &Reference| it.at.split('[').next().unwrap_or(it.at);
        let references = <R::Item as Refers>::REFERENCES.iter().filter(top).map(name).collect();
        Self { source_system, references, names: HashMap::new() }
    }

    /// The field that a member of an item belongs to. `None` for the key of the row.
    fn field<'m>(&self, member: &'m str) -> Option<&'m str> {
        if matches!(member, "external_id" | "id") {
            return None;
        }
        let endings = ["_external_id", "_source_system", "_id"];
        let mut bases = endings.iter().filter_map(|it| member.strip_suffix(it));
        Some(bases.find(|it| self.references.contains(it)).unwrap_or(member))
    }

    fn name(&mut self, field: &str) -> Name {
        if let Some(name) = self.names.get(field) {
            return *name;
        }
        let name = short(field.as_bytes());
        self.names.insert(field.to_owned(), name);
        name
    }

    /// The fields of an item. A reference is compared as it was sent: what it leads to may change.
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
        let external = text("external_id").map(|it| [system, it]);
        format!("{:?} {external:?}", text("id"))
    }

    /// What is kept from now on: a field that is absent this time stays as it was, unless another one
    /// was sent in its place.
    pub fn after<R: Imported>(&mut self, mut sent: Fields, kept: Option<Fields>) -> Fields {
        let mut all = kept.unwrap_or_default().0;
        for group in R::EITHER {
            let names: Vec<Name> = group.iter().map(|field| self.name(field)).collect();
            if names.iter().any(|name| sent.0.contains_key(name)) {
                all.retain(|name, _| !names.contains(name));
            }
        }
        all.append(&mut sent.0);
        Fields(all)
    }

    /// Tells whether this field, or one that is sent in its place, was sent before.
    fn is_kept<R: Imported>(&mut self, field: &str, kept: &Fields) -> bool {
        let group = R::EITHER.iter().find(|group| group.contains(&field)).copied();
        let mut group = group.unwrap_or_default().iter();
        kept.0.contains_key(&self.name(field))
            || group.any(|other| kept.0.contains_key(&self.name(other)))
    }

    /// Takes out of an item whatever is no news: what was sent before, and the null of a field that
    /// has never had a value from this source, which clears nothing that people entered. Fields that
    /// the ERP owns stay, and so do those that mean something only together with one that has changed.
    pub fn keep_news<R: Imported>(&mut self, item: &mut Value, kept: &Fields, before: &R) {
        let sent = self.fields(item);
        let Value::Object(members) = item else { return };
        let names = members.keys().filter_map(|it| Some((it.clone(), self.field(it)?.to_owned())));
        let names: Vec<(String, String)> = names.collect();
        let (mut changed, mut news) = (HashSet::<String>::new(), HashSet::<String>::new());
        if !sent.repeat(kept) {
            for (_, field) in &names {
                let name = self.name(field);
                let mut own = names.iter().filter(|name| name.1 == *field);
                let is_null = own.all(|(member, _)| members[member].is_null());
                let is_silent = is_null && !self.is_kept::<R>(field, kept);
                if sent.0.get(&name) != kept.0.get(&name) && !is_silent {
                    changed.insert(field.clone());
                    news.insert(field.clone());
                } else if !self.references.contains(field.as_str()) && before.is_erps(field) {
                    // Not so a reference that is sent as it was: what it leads to may differ.
                    news.insert(field.clone());
                }
            }
        }
        let together = |field: &str| {
            let mut groups = R::TOGETHER.iter().filter(|group| group.contains(&field));
            groups.any(|group| group.iter().any(|other| changed.contains(*other)))
        };
        for (member, field) in &names {
            if !news.contains(field) && !together(field) {
                members.remove(member);
            }
        }
    }
}

/// What was kept of these items. Who is about to change their rows reads it after locking them.
pub(crate) async fn load(
    conn: &mut Conn,
    lot: Lot<'_>,
    external_ids: &[&str],
) -> Result<HashMap<String, Kept>> {
    let mut found = HashMap::with_capacity(external_ids.len());
    for external_ids in external_ids.chunks(AT_ONCE) {
        let rows = source_items::table
            .filter(source_items::source_system.eq(lot.source_system))
            .filter(source_items::type_.eq(lot.kind))
            .filter(source_items::external_id.eq_any(external_ids))
            .select((source_items::external_id, source_items::row_id, source_items::fields));
        let rows: Vec<(String, Uuid, Vec<u8>)> = rows.load(conn).await?;
        found.extend(rows.into_iter().map(|(external_id, row_id, fields)| {
            (external_id, Kept { row_id, fields: Fields::parse(&fields) })
        }));
    }
    Ok(found)
}

/// Keeps what was sent. Two batches that bring the same new rows meet at those, not here.
pub(crate) async fn save(tx: &mut Tx, lot: Lot<'_>, items: &[(String, Kept)]) -> Result<()> {
    for items in items.chunks(AT_ONCE) {
        let external_ids: Vec<&str> = items.iter().map(|it| it.0.as_str()).collect();
        let row_ids: Vec<Uuid> = items.iter().map(|it| it.1.row_id).collect();
        let fields: Vec<Vec<u8>> = items.iter().map(|it| it.1.fields.bytes()).collect();
        diesel::sql_query(SAVE)
            .bind::<Text, _>(lot.source_system)
            .bind::<Text, _>(lot.kind)
            .bind::<Array<Text>, _>(external_ids)
            .bind::<Array<SqlUuid>, _>(row_ids)
            .bind::<Array<Binary>, _>(fields)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// In the order of the keys, so that two batches cannot deadlock.
const SAVE: &str = "
    insert into source_items (source_system, type, external_id, row_id, fields)
    select $1, $2, external_id, row_id, fields
    from unnest($3, $4, $5) as it (external_id, row_id, fields) order by external_id collate \"C\"
    on conflict (source_system, type, external_id)
    do update set row_id = excluded.row_id, fields = excluded.fields";

/// Forgets what a source sent of a row: a part of erasing personal data.
pub async fn forget(tx: &mut Tx, kind: &str, row_id: Uuid, external_id: &str) -> Result<()> {
    let rows = source_items::table
        .filter(source_items::type_.eq(kind))
        .filter(source_items::external_id.eq(external_id))
        .filter(source_items::row_id.eq(row_id));
    diesel::delete(rows).execute(tx.conn()).await?;
    Ok(())
}
