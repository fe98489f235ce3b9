//! Control balances, 总账余额: customer balances from the ERP's ledger, for comparison with the
//! balances of this service.

use std::collections::BTreeMap;

use access::{Caller, Can};
use company::Company;
use customers::customer::{find_customers, find_unfollowed};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Arrival, Draft, Imported, Keys, Reference, Unique};
use intake::{parameters, reference::Find};
use platform::batch::ItemKey;
use platform::{
    Conn, Date, Db, Error, Fault, List, Money, Path, Problems, Result, Routes, Tagged, Timestamp,
    Tx, batch, page, resource, sent, set,
};
use schema::control_balances;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{ImportControlBalances, ReadControlBalances};

/// A control balance, 总账余额
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[serde(remote = "Self")]
pub struct ControlBalance {
    pub id: Uuid,
    pub version: i64,
    /// Null for the whole company
    pub customer_id: Option<Uuid>,
    /// The balance is that at the end of this day
    pub as_of: Date,
    #[schema(example = "CNY")]
    pub currency: String,
    /// The balance owed, net of unallocated receipts
    pub amount: Money,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

platform::in_currency! { ControlBalance: |balance| Some(balance.currency.as_str()) }

resource! {
    ControlBalance: "control_balance" at "/api/v1/control-balances",
    seen by everybody
}

/// A control balance from the ERP. A new one requires `as_of` and `amount`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ControlBalanceItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    facts: ControlBalanceFacts,
}

/// The data of a control balance.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ControlBalanceFacts {
    /// Null for the whole company
    #[serde(deserialize_with = "sent")]
    customer_id: Option<Option<Uuid>>,
    #[schema(nullable = false)]
    as_of: Option<Date>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    #[schema(nullable = false)]
    amount: Option<Money>,
}

// A reference to a merged customer is kept, because the ledger still has an account for it.
intake::references! {
    ControlBalanceItem: &[Reference { at: "customer", of: "customer", find: find_unfollowed }];
}

batch! {
    /// Control balances of one source system, in any order.
    ControlBalanceBatch of ControlBalanceItem
}

intake::find! {
    /// Finds references to control balances. Users who may read them see all of them.
    find_balances in control_balances, |_| control_balances::id.is_not_null()
}

/// Filters of the control balance list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ControlBalanceFilter {
    customer_id: Option<Uuid>,
    as_of: Option<Date>,
}

intake::references! {
    ControlBalanceFilter: &[Reference { at: "customer", of: "customer", find: find_customers }];
}

page! {
    /// A page of control balances, latest day first
    ControlBalancePage of ControlBalance
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_control_balances, import_control_balances, read_control_balance);
}

access::list! {
    /// List control balances
    ///
    /// Returns the balances from the ERP's ledger, the latest day first.
    list_control_balances: "/control-balances", ReadControlBalances, ControlBalance by ControlBalanceFilter
    -> ControlBalancePage,
    "A page of balances"
}

intake::import! {
    /// Import control balances from an ERP
    ///
    /// Creates or updates one balance per customer (or for the whole company), day and currency.
    /// Reports and statements show the difference to the balances of this service.
    import_control_balances: "/control-balances/batch", ImportControlBalances,
    ControlBalance from ControlBalanceBatch
}

/// Read a control balance
///
/// Returns the balance as the ERP sent it.
#[utoipa::path(
    get, path = "/control-balances/{id}",
    responses((status = 200, description = "The balance", body = ControlBalance), Problems),
)]
async fn read_control_balance(
    _caller: Can<ReadControlBalances>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<ControlBalance>> {
    let row = ControlBalance::query().filter(control_balances::id.eq(*id));
    Ok(Tagged(row.first(&mut *db.conn().await?).await?))
}

/// Returns the balances that match the filter. Users who may read them see all of them.
fn matching(filter: &ControlBalanceFilter) -> control_balances::BoxedQuery<'_, Pg> {
    let mut query = control_balances::table.into_boxed();
    platform::filter_by!(
        query,
        control_balances::customer_id.eq(filter.customer_id),
        control_balances::as_of.eq(filter.as_of),
    );
    query
}

impl ControlBalance {
    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ControlBalanceFilter>,
    ) -> Result<ControlBalancePage> {
        use control_balances::{as_of, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(&filter).filter(list.rows(id, control_balances::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed()
            .filter(list.before::<Date, _, _>(as_of, id)?)
            .order((as_of.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |balance: &Self| (balance.as_of, balance.id))
    }
}

impl Imported for ControlBalance {
    type Item = ControlBalanceItem;
    type Context = String;

    const FIND: Find = find_balances;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/as_of",
        of: |balance| {
            let customer = balance.customer_id.map(|id| id.to_string()).unwrap_or_default();
            Some(format!("{customer} {} {}", balance.as_of, balance.currency))
        },
        holders: "select id, value from control_balances, concat(customer_id, ' ', as_of, ' ', \
            currency) as value where value = any($1)",
        release: "update control_balances set as_of = date '9000-01-01' + place from \
            (select id, row_number() over ()::int as place from unnest($1::uuid[]) as it (id)) as it \
            where it.id = control_balances.id",
    }];

    async fn stored(conn: &mut Conn, _: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = control_balances::source_system.eq(keys.source_system).assume_not_null();
        let ids = control_balances::external_id.eq_any(&keys.external_ids).assume_not_null();
        let rows = control_balances::table
            .filter(known.and(ids).or(control_balances::id.eq_any(&keys.ids)))
            .order(control_balances::id)
            .select(Self::as_select());
        Ok(rows.for_update().load(conn).await?)
    }

    async fn context(tx: &mut Tx, _: &Caller, _: &[Arrival<Self>]) -> Result<String> {
        Ok(Company::load(tx.conn()).await?.currency)
    }

    fn drafted(arrival: &Arrival<Self>, currency: &String) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, source_system, .. } = arrival;
        let facts = &item.facts;
        let mut after = match (before, facts.as_of, facts.amount) {
            (Some(before), ..) => before.clone(),
            (None, Some(as_of), Some(amount)) => Self {
                id: *id,
                version: 1,
                customer_id: None,
                as_of,
                currency: currency.clone(),
                amount,
                source_system: None,
                external_id: None,
                created_at: *now,
                updated_at: *now,
            },
            (None, as_of, amount) => {
                let missing = [("as_of", as_of.is_some()), ("amount", amount.is_some())];
                let fault =
                    |name| Fault::new(format!("/{name}"), "required", "required for a new balance");
                return Err(missing
                    .iter()
                    .filter(|field| !field.1)
                    .map(|field| fault(field.0))
                    .collect());
            }
        };

        set(&mut after.customer_id, facts.customer_id.as_ref());
        set(&mut after.as_of, facts.as_of.as_ref());
        set(&mut after.currency, facts.currency.as_ref());
        set(&mut after.amount, facts.amount.as_ref());
        after.source_system = Some(source_system.clone());
        after.external_id = Some(item.key.external_id.clone());
        Ok(after)
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, control_balances, drafts, |draft| &draft.after,
            keeping ["id", "created_at"], refused
        );
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// Returns the control balances of a customer on a day by currency. Those of customers merged into
/// it are added.
pub(crate) async fn of_customer(
    conn: &mut Conn,
    customer: Uuid,
    day: Date,
) -> Result<Vec<(String, Money)>> {
    let accounts = customers::customer::merged_into(conn, customer).await?;
    let rows = control_balances::table
        .filter(control_balances::customer_id.eq_any(accounts).assume_not_null())
        .filter(control_balances::as_of.eq(day))
        .order(control_balances::currency);
    let rows = rows.select((control_balances::currency, control_balances::amount));
    let mut sums: BTreeMap<String, Money> = BTreeMap::new();
    for (currency, amount) in rows.load::<(String, Money)>(conn).await? {
        sums.entry(currency).or_insert(Money::ZERO).0 += amount.0;
    }
    Ok(sums.into_iter().collect())
}

fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("control_balances_day_key", "/as_of", "duplicate")
        .on_constraint("control_balances_external_id_key", "/external_id", "duplicate")
        .on_constraint("control_balances_customer_id_fkey", "/customer_id", "unknown_reference")
}
