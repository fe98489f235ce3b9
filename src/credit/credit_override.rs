//! Credit overrides, 信用特批: a credit controller allows an amount beyond a customer's limit, with a
//! reason and for at most 7 days. An override does not count for the controller's own orders.

use ::customers::hooks::Move;
use access::{Caller, Can};
use customers::customer::Customer;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{
    Change, Conn, Db, Error, Fault, FixedSql, IfSent, Json, List, Money, NoFilter, PageQuery, Path,
    Problems, Reply, Resource, Result, Routes, Timestamp, Tx, Write, fixed_sql, page, resource,
};
use schema::credit_overrides;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{OverrideCredit, ReadCredit};

/// Maximum duration of an override.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An override of a customer's credit limit, 信用特批
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct CreditOverride {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    /// The amount allowed beyond the limit including its tolerance, in the company's currency. If
    /// several overrides are in force, the largest one counts
    pub amount: Money,
    pub reason: String,
    pub expires_at: Timestamp,
    /// The user who created it. It does not count for orders credited to this user
    pub created_by: Uuid,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<Uuid>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = owner_of_customer())]
    #[diesel(select_expression_type = FixedSql<Nullable<SqlUuid>>)]
    customer_owner_id: Option<Uuid>,
}

fn owner_of_customer() -> FixedSql<Nullable<SqlUuid>> {
    fixed_sql("(select owner_id from customers where customers.id = credit_overrides.customer_id)")
}

resource! {
    CreditOverride: "credit_override" at "/api/v1/credit-overrides",
    seen by credit_overrides [CustomerOrPool(customer_id)] and accounts
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "amount": "5000.00", "reason": "货款已汇出,见水单",
    "expires_at": "2026-11-30T10:00:00Z" }))]
pub struct NewCreditOverride {
    /// More than 0, in the company's currency
    amount: Money,
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// In the future, within 7 days
    expires_at: Timestamp,
}

page! {
    /// A page of a customer's overrides, latest first
    CreditOverridePage of CreditOverride
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_credit_overrides,
        create_credit_override,
        read_credit_override,
        revoke_credit_override,
    );
}

/// List the credit overrides of a customer
///
/// Returns all overrides, expired and revoked ones included, the latest first.
#[utoipa::path(
    get, path = "/customers/{id}/credit-overrides",
    params(PageQuery),
    responses((status = 200, description = "A page of overrides", body = CreditOverridePage),
        Problems),
)]
async fn list_credit_overrides(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<CreditOverridePage> {
    CreditOverride::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Override a customer's credit limit
///
/// Allows an amount beyond the limit, for at most 7 days and with a reason. An override counts only
/// for orders credited to other users, and it does not lift a hold. The owner of a customer cannot
/// create one for it (403 `self_approval`).
#[utoipa::path(
    post, path = "/customers/{id}/credit-overrides",
    request_body = NewCreditOverride,
    responses(
        (status = 201, description = "The new override", body = CreditOverride),
        (status = 409, description = "`customer_merged`"),
        Problems,
    ),
)]
async fn create_credit_override(
    caller: Can<OverrideCredit>,
    id: Path<Uuid>,
    new: Json<NewCreditOverride>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| CreditOverride::create(tx, &caller, *id, &new).await).await
}

access::read! {
    /// Read a credit override
    read_credit_override: "/credit-overrides/{id}", ReadCredit -> CreditOverride, "The override"
}

access::action! {
    /// Revoke a credit override
    ///
    /// Ends the override now. Orders confirmed with it stay confirmed. An expired or revoked override
    /// cannot be revoked (409 `wrong_status`).
    revoke_credit_override: "/credit-overrides/{id}/revoke", OverrideCredit
    -> CreditOverride by revoke(),
    "The override",
    422: "`invalid`"
}

/// The amount of an override and the user who created it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub amount: Money,
    pub by: Uuid,
}

/// Returns the overrides in force, for the credit check. The caller must have checked that the
/// customer is visible.
pub(crate) async fn in_force(
    conn: &mut Conn,
    customer: Uuid,
    now: Timestamp,
) -> Result<Vec<Allowance>> {
    let rows = credit_overrides::table
        .filter(credit_overrides::customer_id.eq(customer))
        .filter(credit_overrides::expires_at.gt(now))
        .filter(credit_overrides::revoked_at.is_null())
        .select((credit_overrides::amount, credit_overrides::created_by));
    let rows: Vec<(Money, Uuid)> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|(amount, by)| Allowance { amount, by }).collect())
}

impl CreditOverride {
    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        customer: Uuid,
        list: &List<NoFilter>,
    ) -> Result<CreditOverridePage> {
        use credit_overrides::{created_at, customer_id, id};
        let customer = Customer::find(conn, caller, customer).await?;
        let of = || credit_overrides::table.filter(caller.sees::<CreditOverride>());
        let of = || of().filter(customer_id.eq(customer.id));
        let of = || of().filter(list.rows(id, credit_overrides::updated_at));
        let total = if list.counted { Some(of().count().get_result(conn).await?) } else { None };
        let rows = of()
            .filter(list.before::<Timestamp, _, _>(created_at, id)?)
            .order((created_at.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |row: &Self| (row.created_at, row.id))
    }

    access::rows! { credit_overrides: fn find, fn find_for_update }

    async fn create(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        new: &NewCreditOverride,
    ) -> Result<Self> {
        let customer = Customer::find(tx.conn(), caller, customer).await?;
        customer.check_open()?;
        if customer.owner_id == Some(caller.id()) {
            let detail =
                "You cannot grant an override for your own customer. Another user must grant it.";
            return Err(Error::forbidden_because("self_approval", detail));
        }

        let mut faults = vec![];
        if new.amount <= Money::ZERO {
            faults.push(Fault::new("/amount", "range", "more than 0"));
        }
        faults.extend(new.amount.digits_fault("/amount", None));
        if new.expires_at <= tx.now || new.expires_at.0 > tx.now.0 + LONGEST {
            faults.push(Fault::new(
                "/expires_at",
                "range",
                "must be in the future and within 7 days",
            ));
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let row = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: customer.id,
            amount: new.amount,
            reason: new.reason.clone(),
            expires_at: new.expires_at,
            created_by: tx.actor,
            revoked_at: None,
            revoked_by: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: customer.owner_id,
        };
        diesel::insert_into(credit_overrides::table).values(&row).execute(tx.conn()).await?;
        tx.record(Change::created(&row)).await?;
        Ok(row)
    }

    async fn revoke(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfSent) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let status = match before.revoked_at {
            Some(_) => "revoked",
            None if before.expires_at <= tx.now => "expired",
            None => "in_force",
        };
        if status != "in_force" {
            let detail = "The override is `{}`. Only an override in force can be revoked.";
            return Err(Error::wrong_status(status, detail));
        }

        let (revoked_at, revoked_by) = (Some(tx.now), Some(tx.actor));
        let after = before.next(Self { revoked_at, revoked_by, ..before.clone() }, tx.now);
        let update = diesel::update(credit_overrides::table.find(id)).set(&after);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(&before, &after)).await?;
        Ok(after)
    }
}

/// Moves the overrides of a merged customer to the remaining one, until the merge is undone.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let rows = credit_overrides::table.filter(credit_overrides::customer_id.eq(moving.from.id));
    let rows = rows.order(credit_overrides::id).select(CreditOverride::as_select()).for_update();
    let rows = moving.taken(rows.load::<CreditOverride>(tx.conn()).await?, |row| row.id);
    for before in &rows {
        let (customer_id, customer_owner_id) = (moving.to.id, moving.to.owner_id);
        let after = CreditOverride { customer_id, customer_owner_id, ..before.clone() };
        let after = before.next(after, tx.now);
        let update = diesel::update(credit_overrides::table.find(before.id)).set(&after);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(before, &after)).await?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}
