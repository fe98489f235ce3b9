//! Queries on types of objects. Everybody sees all of them.

use std::collections::BTreeSet;

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use fields::{Choice, Field};
use intake::parameters;
use platform::{Change, Conn, Embedded, Error, Fault, IfMatch, List, Patch, Result, Timestamp, Tx};
use schema::{object_type_versions, object_types};
use uuid::Uuid;

use super::{NewObjectType, ObjectType, ObjectTypeChanges, ObjectTypeFilter, ObjectTypePage};
use crate::definition::{self, Definition};
use crate::object::CustomObject;

/// Types that a company can have. Every reader of the change feed looks through them.
const MOST: i64 = 500;

impl ObjectType {
    pub(crate) fn new(definition: Definition, built_in: bool, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            version: 1,
            key: definition.key.clone(),
            built_in,
            active: true,
            definition_version: 1,
            readers: definition.reader_names(),
            definition: Embedded(definition),
            created_at: now,
            updated_at: now,
        }
    }

    /// Returns the type with the next version of its definition.
    pub(super) fn redefined(&self, definition: Definition) -> Self {
        Self {
            definition_version: self.definition_version + 1,
            readers: definition.reader_names(),
            definition: Embedded(definition),
            ..self.clone()
        }
    }

    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ObjectTypeFilter>,
    ) -> Result<ObjectTypePage> {
        use object_types::{id, key, updated_at};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || {
            let mut query = object_types::table.filter(caller.sees::<Self>()).into_boxed();
            platform::filter_by!(
                query,
                object_types::active.eq(filter.active),
                object_types::built_in.eq(filter.built_in),
            );
            query.filter(list.rows(id, updated_at))
        };
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let following = listed().filter(list.after::<String, _, _>(key, id)?);
        let ordered = following.order((key, id)).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |row: &Self| (row.key.clone(), row.id))
    }

    access::rows! { object_types: pub fn find, fn find_for_update, pub(super) fn save }

    pub async fn create(tx: &mut Tx, _: &Caller, new: &NewObjectType) -> Result<Self> {
        let faults = definition::check(&new.definition, "/definition");
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        tx.lock("object types").await?;
        let known: i64 = object_types::table.count().get_result(tx.conn()).await?;
        if known >= MOST {
            let why = "a company has at most 500 types";
            return Err(Error::invalid(vec![Fault::new("/definition", "too_many", why)]));
        }

        let row = Self::new(new.definition.clone(), false, tx.now);
        let insert = diesel::insert_into(object_types::table).values(&row);
        insert.execute(tx.conn()).await.map_err(|error| {
            let pointer = "/definition/key";
            Error::from(error).on_constraint("object_types_key_key", pointer, "duplicate")
        })?;
        row.keep_version(tx, false).await?;
        tx.record(Change::created(&row)).await?;
        Ok(row)
    }

    /// Stores the definition as a version, which objects refer to.
    pub(super) async fn keep_version(&self, tx: &mut Tx, delivered: bool) -> Result<()> {
        let values = (
            object_type_versions::key.eq(&self.key),
            object_type_versions::definition_version.eq(self.definition_version),
            object_type_versions::definition.eq(&self.definition),
            object_type_versions::delivered.eq(delivered),
        );
        let insert = diesel::insert_into(object_type_versions::table).values(values);
        insert.execute(tx.conn()).await?;
        Ok(())
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Patch<ObjectTypeChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let mut after = before.clone();
        platform::set(&mut after.active, changes.active.as_ref());
        let new = changes.definition.as_ref().filter(|new| **new != *before.definition);
        if let Some(new) = new {
            let mut faults = definition::check(new, "/definition");
            faults.extend(before.definition.faults_of_next(new));
            if !faults.is_empty() {
                return Err(Error::invalid(faults));
            }
            before.check_unfinished(tx, new).await?;
            after = after.redefined(new.clone());
            after.keep_version(tx, false).await?;
        }
        before.save(tx, after).await
    }

    /// Refuses a definition without the states and options that unfinished objects have.
    async fn check_unfinished(&self, tx: &mut Tx, new: &Definition) -> Result<()> {
        let mut gone = BTreeSet::new();
        for state in &self.definition.states {
            if new.state(&state.key).is_none() {
                gone.insert(("status".to_owned(), state.key.clone()));
            }
        }
        for field in &self.definition.fields {
            let left = new.field(&field.key).map(|field| field.options.as_slice());
            let kept = |option: &Choice| {
                left.is_some_and(|left| left.iter().any(|other| other.key == option.key))
            };
            let lost = field.options.iter().filter(|option| !kept(option));
            gone.extend(lost.map(|option| (field.key.clone(), option.key.clone())));
        }

        for (field, value) in gone {
            let ids = CustomObject::unfinished(tx, &self.key, &field, &value).await?;
            if !ids.is_empty() {
                let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
                let detail = "Unfinished objects have a state or an option that would disappear.";
                return Err(Error::conflict("in_use", detail).member("ids", ids));
            }
        }
        Ok(())
    }
}

impl Definition {
    fn reader_names(&self) -> Vec<String> {
        self.readers.iter().map(|role| role.as_str().to_owned()).collect()
    }

    /// Returns the faults of a definition as the successor of this one: what objects and readers of
    /// the change feed rely on stays.
    fn faults_of_next(&self, new: &Self) -> Vec<Fault> {
        let mut faults = vec![];
        let mut add = |pointer: String, why: &str| {
            faults.push(Fault::new(format!("/definition{pointer}"), "immutable", why));
        };
        let roles = |definition: &Self| -> BTreeSet<&str> {
            definition.readers.iter().map(|role| role.as_str()).collect()
        };
        if new.key != self.key {
            add("/key".into(), "the name of a type does not change");
        }
        if roles(new) != roles(self) {
            add("/readers".into(), "the readers of a type do not change");
        }
        for (index, field) in new.fields.iter().enumerate() {
            let other = |old: &Field| old.type_ != field.type_ || old.to != field.to;
            if self.field(&field.key).is_some_and(other) {
                add(format!("/fields/{index}/type"), "the type of a field does not change");
            }
        }
        for field in &self.fields {
            if new.field(&field.key).is_none() {
                add("/fields".into(), "a field is missing that objects have");
            }
        }
        faults
    }
}
