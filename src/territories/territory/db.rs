//! Queries on territories. Every user can see them.

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl;
use intake::{Body, external_id::key_of, parameters};
use platform::characters::fold;
use platform::{Change, Conn, Error, Fault, IfMatch, List, Resource, Result, Timestamp, Tx};
use schema::territories;
use uuid::Uuid;

use super::{
    NewTerritory, Territory, TerritoryChanges, TerritoryFilter, TerritoryPage, TerritorySort,
};

intake::names! {
    /// Names of territories.
    name_territories in territories, sees Territory, code, name
}

intake::find! {
    /// Lookup of references to territories.
    find_territories in territories, sees Territory
}

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a TerritoryFilter,
) -> territories::BoxedQuery<'a, Pg> {
    let mut query = territories::table.filter(caller.sees::<Territory>()).into_boxed();
    platform::filter_by!(
        query,
        territories::parent_id.eq(filter.parent_id),
        territories::kind.eq(&filter.kind),
    );
    if let Some(code) = &filter.code {
        query = query.filter(territories::code_key.eq(fold(code)));
    }
    query
}

impl Territory {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<TerritoryFilter>,
    ) -> Result<TerritoryPage> {
        use territories::{created_at, id, name};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, territories::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        match filter.sort.unwrap_or(TerritorySort::Name) {
            TerritorySort::Name => {
                let rows = query.filter(list.after::<String, _, _>(name, id)?).order((name, id));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(rows, total, |territory: &Self| (territory.name.clone(), territory.id))
            }
            TerritorySort::NewestFirst => {
                let rows = query
                    .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                    .order((created_at.desc(), id.desc()));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(rows, total, |territory: &Self| (territory.created_at, territory.id))
            }
        }
    }

    access::rows! { territories: pub fn find, fn find_for_update }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewTerritory>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;
        let territory = Self {
            name: new.name.clone(),
            source_system,
            external_id,
            ..Self::blank(Uuid::now_v7(), tx.now)
        }
        .detailed(&new.details);
        territory.check()?;
        let insert = diesel::insert_into(territories::table).values(&territory);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&territory)).await?;
        Ok(territory)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<TerritoryChanges>,
    ) -> Result<Self> {
        lock_tree(tx).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let changes = changes.resolve(tx.conn(), caller).await?;
        let after = before.next(before.with(&changes), tx.now);

        if after != before {
            after.check()?;
            after.check_tree(tx).await?;
            let update = diesel::update(territories::table.find(id)).set(&after);
            update.execute(tx.conn()).await.map_err(refused)?;
            tx.record(Change::updated(&before, &after)).await?;
        }
        Ok(after)
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(territories::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }

    /// Refuses a parent that is the territory itself or one below it.
    async fn check_tree(&self, tx: &mut Tx) -> Result<()> {
        let above: Vec<Above> = diesel::sql_query(ABOVE)
            .bind::<diesel::sql_types::Nullable<SqlUuid>, _>(self.parent_id)
            .load(tx.conn())
            .await?;
        if above.iter().any(|territory| territory.id == self.id) {
            let fault = Fault::new("/parent_id", "cycle", "a territory cannot be inside itself");
            return Err(Error::invalid(vec![fault]));
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Above {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Raw SQL, because diesel has no recursive queries.
const ABOVE: &str = "
    with recursive above as (
        select id, parent_id from territories where id = $1
        union
        select territories.id, territories.parent_id from territories
        join above on territories.id = above.parent_id
    )
    select id from above";

/// Locks the tree. Two moves at the same time could form a cycle that neither of them sees.
pub async fn lock_tree(tx: &mut Tx) -> Result<()> {
    let lock = "select pg_advisory_xact_lock(hashtext('territories'))";
    diesel::sql_query(lock).execute(tx.conn()).await?;
    Ok(())
}

/// Returns every territory with its parent, for finding cycles in a batch.
pub async fn parents(tx: &mut Tx) -> Result<Vec<(Uuid, Option<Uuid>)>> {
    let rows = territories::table.select((territories::id, territories::parent_id));
    Ok(rows.load(tx.conn()).await?)
}

pub fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("territories_code_key", "/code", "duplicate")
        .on_constraint("territories_external_id_key", "/external_id", "duplicate")
        .on_constraint("territories_parent_id_check", "/parent_id", "cycle")
        .on_constraint("territories_parent_id_fkey", "/parent_id", "unknown_reference")
}
