//! Queries on objects. Each query for a caller starts at `Caller::sees`.

use std::sync::Arc;

use access::Caller;
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use fields::Field;
use fields::filter::{self, Condition, Place};
use intake::parameters;
use platform::{Conn, Db, Error, FixedSql, OpenList, Result, Timestamp, Tx, fixed_sql};
use schema::objects;
use uuid::Uuid;

use super::{CustomObject, ObjectFilter, ObjectPage, ObjectSort};
use crate::definition::Definition;
use crate::object_type::catalog::{Catalog, Compiled, readable_keys};

/// Ids of objects that a refusal names.
const NAMED: i64 = 100;

pub type OwnerOfCustomer = FixedSql<Nullable<SqlUuid>>;

/// Selects the owner of the customer within the row, so that reading an object takes one statement.
pub(super) fn owner_of_customer() -> OwnerOfCustomer {
    fixed_sql("(select owner_id from customers where customers.id = objects.customer_id)")
}

fn matching<'a>(
    caller: &'a Caller,
    type_: &'a str,
    filter: &'a ObjectFilter,
) -> objects::BoxedQuery<'a, Pg> {
    let rows = objects::table.filter(caller.sees::<CustomObject>());
    let mut query = rows.filter(objects::type_.eq(type_)).into_boxed();
    platform::filter_by!(
        query,
        objects::owner_id.eq(filter.owner_id),
        objects::customer_id.eq(filter.customer_id),
        objects::number.eq(&filter.number),
        objects::status.eq_any(&filter.status),
    );
    match filter.open {
        Some(true) => query.filter(objects::ended_at.is_null()),
        Some(false) => query.filter(objects::ended_at.is_not_null()),
        None => query,
    }
}

/// Returns the conditions of parameters that are named by fields of the type.
fn conditions(
    definition: &Definition,
    parameters: &[(String, String)],
) -> Result<Vec<Condition<objects::table>>> {
    let fields = definition.fields.iter().filter(|field| field.key != "customer_id");
    let fields: Vec<Field> = fields.cloned().collect();
    let only = Some(("objects.type", definition.key.as_str()));
    let place = Place { column: "objects.fields", prefix: "", only };
    filter::conditions(&fields, place, parameters)
}

impl CustomObject {
    pub async fn list(
        db: &Db,
        caller: &Caller,
        type_: &str,
        OpenList { list, others }: &OpenList<ObjectFilter>,
    ) -> Result<ObjectPage> {
        use objects::{created_at, id, updated_at};
        let mut conn = db.conn().await?;
        let catalog: Catalog = db.extensions().get()?;
        let (compiled, _) = catalog.current(&mut conn, caller, type_).await?;

        let filter = parameters::of_list(&mut conn, caller, list).await?;
        let listed = || -> Result<_> {
            let conditions = conditions(&compiled.definition, others)?;
            let query = matching(caller, type_, &filter).filter(list.rows(id, updated_at));
            Ok(conditions.into_iter().fold(query, QueryDsl::filter))
        };
        let query = listed()?.limit(list.fetch());
        let total =
            if list.counted { Some(listed()?.count().get_result(&mut conn).await?) } else { None };
        let key = |object: &Self| (object.created_at, object.id);
        match filter.sort.unwrap_or(ObjectSort::NewestFirst) {
            ObjectSort::NewestFirst => {
                let rows = query.filter(list.before::<Timestamp, _, _>(created_at, id)?);
                let rows = rows.order((created_at.desc(), id.desc())).select(Self::as_select());
                list.page(rows.load(&mut conn).await?, total, key)
            }
            ObjectSort::OldestFirst => {
                let rows = query.filter(list.after::<Timestamp, _, _>(created_at, id)?);
                let rows = rows.order((created_at, id)).select(Self::as_select());
                list.page(rows.load(&mut conn).await?, total, key)
            }
        }
    }

    pub async fn read(db: &Db, caller: &Caller, (type_, id): &(String, Uuid)) -> Result<Self> {
        let mut conn = db.conn().await?;
        let catalog: Catalog = db.extensions().get()?;
        catalog.current(&mut conn, caller, type_).await?;
        let row = Self::query().filter(caller.sees::<Self>());
        let row = row.filter(objects::type_.eq(type_).and(objects::id.eq(id)));
        Ok(row.first(&mut conn).await?)
    }

    access::rows! { objects: pub(super) fn save }

    /// Locks and returns the object if the caller sees it, with the version of the definition that
    /// it obeys and the current one.
    pub(super) async fn lock(
        tx: &mut Tx,
        caller: &Caller,
        type_: &str,
        id: Uuid,
    ) -> Result<(Self, Arc<Compiled>, Arc<Compiled>)> {
        let catalog: Catalog = tx.extension()?;
        let (current, _) = catalog.current(tx.conn(), caller, type_).await?;
        let row = objects::table.filter(caller.sees::<Self>());
        let row = row.filter(objects::type_.eq(type_).and(objects::id.eq(id)));
        let locked: Uuid = row.select(objects::id).for_update().first(tx.conn()).await?;
        // A separate statement reads the customer's owner as of the lock; the first one could read
        // the owner from before it waited for the lock.
        let object: Self = Self::query().filter(objects::id.eq(locked)).first(tx.conn()).await?;
        let obeyed = catalog.version(tx.conn(), type_, object.definition_version).await?;
        Ok((object, obeyed, current))
    }

    /// Returns the next number of a type in this year.
    pub(super) async fn next_number(tx: &mut Tx, type_: &str, prefix: &str) -> Result<String> {
        let year = i32::from(tx.today.0.year());
        let next = diesel::sql_query(
            "insert into object_numbers (type, year, last) values ($1, $2, 1) \
             on conflict (type, year) do update set last = object_numbers.last + 1 \
             returning last as number",
        );
        let next = next.bind::<Text, _>(type_).bind::<Integer, _>(year);
        let Next { number } = next.get_result(tx.conn()).await?;
        Ok(format!("{prefix}-{year}-{number:06}"))
    }

    /// Returns some of the unfinished objects of a type that have this state, as `status`, or this
    /// option in a field.
    pub(crate) async fn unfinished(
        tx: &mut Tx,
        type_: &str,
        field: &str,
        value: &str,
    ) -> Result<Vec<Uuid>> {
        let rows = objects::table
            .filter(objects::type_.eq(type_).and(objects::ended_at.is_null()))
            .order(objects::id)
            .limit(NAMED)
            .select(objects::id)
            .into_boxed();
        let rows = if field == "status" {
            rows.filter(objects::status.eq(value))
        } else {
            // The operator also compares a single text.
            let has = sql::<Bool>("fields -> ").bind::<Text, _>(field).sql(" ? ");
            rows.filter(has.bind::<Text, _>(value))
        };
        Ok(rows.load(tx.conn()).await?)
    }

    /// Returns the objects that follow an id, for copies of everything that the caller may read.
    pub async fn following(
        conn: &mut Conn,
        caller: &Caller,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<Self>> {
        let rows = Self::query().filter(caller.sees::<Self>()).filter(objects::id.gt(after));
        let rows = rows.filter(objects::type_.eq_any(readable_keys(conn, caller).await?));
        Ok(rows.order(objects::id).limit(limit).load(conn).await?)
    }

    /// Returns those of the objects that the caller may read.
    pub async fn those(conn: &mut Conn, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Self>> {
        let rows = Self::query().filter(caller.sees::<Self>()).filter(objects::id.eq_any(ids));
        let rows = rows.filter(objects::type_.eq_any(readable_keys(conn, caller).await?));
        Ok(rows.load(conn).await?)
    }
}

#[derive(QueryableByName)]
struct Next {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Maps the error that only the database finds: a program cannot own an object.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error).on_constraint("objects_owner_id_fkey", "/owner_id", "unknown_reference")
}

customers::merged! {
    objects: CustomObject, |row, to| CustomObject {
        customer_id: Some(to.id), customer_owner_id: to.owner_id, ..row
    }
}
