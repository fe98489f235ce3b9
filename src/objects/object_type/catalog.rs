//! The definitions in use. Each version is read and compiled once for each process, because it never
//! changes.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Change, Clock, Conn, Db, Embedded, Error, Fault, Resource, Result, Tx};
use schema::{object_type_versions, object_types};
use uuid::Uuid;

use crate::definition::{self, Definition, Guards, Shapes};
use crate::object::CustomObject;
use crate::object_type::ObjectType;

/// Definitions that the service brings along.
const BUILT_IN: &[&str] = &[include_str!("../types/task.toml")];

/// Compiled versions that are kept. Others are compiled again when they are used.
const KEPT: usize = 1_000;

/// A version of a definition with its compiled checks.
#[derive(Debug)]
pub struct Compiled {
    pub definition: Definition,
    pub version: i32,
    pub shapes: Shapes,
    pub guards: Guards,
}

type Versions = HashMap<(String, i32), Arc<Compiled>>;

/// The compiled definitions.
#[derive(Clone, Default)]
pub struct Catalog(Arc<RwLock<Versions>>);

impl Catalog {
    /// Returns the current version of a type's definition, and whether new objects are possible.
    /// Fails with 404 for unknown types, and with 403 if the caller may not read the type.
    pub async fn current(
        &self,
        conn: &mut Conn,
        caller: &Caller,
        key: &str,
    ) -> Result<(Arc<Compiled>, bool)> {
        // The database refuses some characters that a path may contain.
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Error::not_found());
        }
        let row = object_types::table.filter(object_types::key.eq(key));
        let row = row.select((object_types::definition_version, object_types::active));
        let (version, active): (i32, bool) = row.first(conn).await?;
        let compiled = self.version(conn, key, version).await?;
        if !compiled.definition.readers.iter().any(|role| caller.is(*role)) {
            return Err(Error::forbidden());
        }
        Ok((compiled, active))
    }

    /// Returns a version of a definition.
    pub async fn version(&self, conn: &mut Conn, key: &str, version: i32) -> Result<Arc<Compiled>> {
        let name = (key.to_owned(), version);
        if let Some(known) = self.0.read().expect("no panic under the lock").get(&name) {
            return Ok(known.clone());
        }

        let row = object_type_versions::table.find((key, version));
        let row = row.select(object_type_versions::definition);
        let Embedded(definition): Embedded<Definition> = row.first(conn).await?;
        let (shapes, guards) = (Shapes::of(&definition)?, Guards::of(&definition)?);
        let compiled = Arc::new(Compiled { definition, version, shapes, guards });

        let mut versions = self.0.write().expect("no panic under the lock");
        if versions.len() >= KEPT {
            versions.clear();
        }
        versions.insert(name, compiled.clone());
        Ok(compiled)
    }
}

/// Returns the names in the change feed of the types that the caller may read.
pub async fn readable(conn: &mut Conn, caller: &Caller) -> Result<Vec<String>> {
    let keys = readable_keys(conn, caller).await?;
    Ok(keys.into_iter().map(|key| format!("{}.{key}", CustomObject::TYPE)).collect())
}

/// Returns the names of the types that the caller may read.
pub(crate) async fn readable_keys(conn: &mut Conn, caller: &Caller) -> Result<Vec<String>> {
    let types = object_types::table.order(object_types::key);
    let types = types.select((object_types::key, object_types::readers));
    let types: Vec<(String, Vec<String>)> = types.load(conn).await?;
    let may = |readers: &[String]| {
        caller.roles().iter().any(|role| readers.iter().any(|reader| reader == role.as_str()))
    };
    Ok(types.into_iter().filter(|type_| may(&type_.1)).map(|type_| type_.0).collect())
}

/// Stores the definitions that the service brings along and that are new or have changed since. Those
/// that a company has changed stay as they are.
pub async fn ensure_built_in(db: &Db, clock: &Clock) -> Result<()> {
    let definitions =
        BUILT_IN.iter().map(|text| definition::read(text).map_err(|faults| broken(&faults)));
    let mut definitions: Vec<Definition> = definitions.collect::<Result<_>>()?;
    outdated(&mut *db.conn().await?, &mut definitions).await?;
    if definitions.is_empty() {
        return Ok(());
    }

    Tx::run(db, clock, Uuid::nil(), async |tx| {
        // Several instances may start at the same time.
        tx.lock("built-in types").await?;
        let known = outdated(tx.conn(), &mut definitions).await?;
        for definition in definitions {
            let Some(before) = known.get(&definition.key) else {
                let row = ObjectType::new(definition, true, tx.now);
                diesel::insert_into(object_types::table).values(&row).execute(tx.conn()).await?;
                row.keep_version(tx, true).await?;
                tx.record(Change::created(&row)).await?;
                continue;
            };
            let after = before.redefined(definition);
            after.keep_version(tx, true).await?;
            before.save(tx, after).await?;
        }
        Ok(())
    })
    .await
}

/// Keeps the definitions that are to be stored. Returns the types that exist, by name.
async fn outdated(
    conn: &mut Conn,
    definitions: &mut Vec<Definition>,
) -> Result<HashMap<String, ObjectType>> {
    let rows: Vec<ObjectType> = ObjectType::query().load(conn).await?;
    let delivered = object_type_versions::table.filter(object_type_versions::delivered);
    let delivered =
        delivered.select((object_type_versions::key, object_type_versions::definition_version));
    let delivered: Vec<(String, i32)> = delivered.load(conn).await?;

    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.key.clone(), row)).collect();
    definitions.retain(|definition| {
        rows.get(&definition.key).is_none_or(|row| {
            let is_ours = delivered.contains(&(row.key.clone(), row.definition_version));
            is_ours && *row.definition != *definition
        })
    });
    Ok(rows)
}

fn broken(faults: &[Fault]) -> Error {
    let faults = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.message));
    Error::internal(faults.collect::<Vec<_>>().join(", "))
}
