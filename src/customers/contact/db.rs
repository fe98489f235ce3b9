//! Queries on contacts. Those made for a caller starts at `Caller::sees`: a contact is visible with
//! its customer.

use std::collections::HashMap;

use access::Caller;
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::{BoxFuture, Found, Known, Wanted};
use intake::{Body, external_id::key_of, parameters, source_item};
use platform::search::{TextMatch, escaped};
use platform::{
    Change, Conn, Error, Fault, IfMatch, IfSent, List, Resource, Result, Timestamp, Tx, changes,
    idempotency, phone,
};
use schema::{contacts, customers};
use uuid::Uuid;

use super::search::Keys;
use super::{
    Contact, ContactChanges, ContactDetails, ContactFilter, ContactPage, ContactSort, NewContact,
    PERSONAL,
};
use crate::ReadPersonal;
use crate::customer::Customer;
use crate::hooks::Move;

intake::names! {
    /// The names of visible contacts.
    name_contacts in contacts, |caller: &'a Caller| contacts::table.inner_join(customers::table).filter(caller.sees::<Contact>()), name
}

/// Resolves references to contacts that the caller sees.
pub fn find_contacts<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async move {
        let rows = || {
            use contacts::{external_id, id, source_system, version};
            let rows =
                contacts::table.inner_join(customers::table).filter(caller.sees::<Contact>());
            rows.select((id, version, source_system, external_id))
        };

        let (systems, ids) = wanted.columns();
        let mut found = Found::default();
        let by_id = rows().filter(contacts::id.eq_any(&wanted.ids));
        found.extend(by_id.load::<Known>(conn).await?);
        if !wanted.external.is_empty() {
            let known = rows().filter(contacts::source_system.eq_any(systems));
            let known = known.filter(contacts::external_id.eq_any(ids));
            found.extend(known.load::<Known>(conn).await?);
        }
        Ok(found)
    })
}

/// Returns the customers of contacts. Without a visibility check: the ids must come from references
/// that were visible.
pub async fn customers_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = contacts::table.filter(contacts::id.eq_any(ids));
    let rows = rows.select((contacts::id, contacts::customer_id));
    Ok(rows.load(conn).await?.into_iter().collect())
}

type Joined<'a> = IntoBoxed<'a, InnerJoin<contacts::table, customers::table>, Pg>;

fn matching<'a>(caller: &'a Caller, filter: &'a ContactFilter) -> Joined<'a> {
    let contacts_of_customers = contacts::table.inner_join(customers::table);
    let mut query = contacts_of_customers.into_boxed().filter(caller.sees::<Contact>());

    if let Some(customer) = filter.customer_id {
        query = query.filter(contacts::customer_id.eq(customer));
    }
    if let Some(name) = &filter.name {
        query = query.filter(contacts::name.like(format!("{}%", escaped(name))));
    }
    platform::filter_by!(
        query,
        contacts::birth_year.eq(filter.birth_year),
        contacts::is_primary.eq(filter.is_primary),
    );
    if let Some(text) = &filter.q {
        query = query.filter(TextMatch::new(text, "contacts.search", Some("contacts.grams")));
    }
    if let Some(phone) = &filter.phone {
        query = query.filter(contacts::addresses.overlaps_with(phone::numbers(phone)));
    }
    query
}

impl Contact {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ContactFilter>,
    ) -> Result<ContactPage> {
        use contacts::{created_at, id, name};
        if list.as_sent().birth_year.is_some() && !caller.may::<ReadPersonal>() {
            let fault = Fault::new("/birth_year", "forbidden_field", "you may not see this field");
            return Err(Error::forbidden().faults(vec![fault]));
        }

        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, contacts::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let show = |rows: Vec<Self>| rows.into_iter().map(|row| row.shown_to(caller)).collect();
        match filter.sort.unwrap_or(ContactSort::Name) {
            ContactSort::Name => {
                let rows = query.filter(list.after::<String, _, _>(name, id)?).order((name, id));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |c: &Self| (c.name.clone(), c.id))
            }
            ContactSort::NewestFirst => {
                let rows = query
                    .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                    .order((created_at.desc(), id.desc()));
                let rows = rows.select(Self::as_select()).load(conn).await?;
                list.page(show(rows), total, |c: &Self| (c.created_at, c.id))
            }
        }
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let contact = Self::query().filter(caller.sees::<Contact>()).filter(contacts::id.eq(id));
        let contact: Self = contact.first(conn).await?;
        Ok(contact.shown_to(caller))
    }

    /// Returns a visible contact, unmasked and locked together with its customer, so that no other
    /// request makes another contact primary meanwhile.
    async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = contacts::table.inner_join(customers::table).filter(caller.sees::<Contact>());
        let row = row.filter(contacts::id.eq(id)).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewContact>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        check_fields(caller, &new.details)?;

        // The lock keeps the customer from getting two primary contacts.
        let customer = Customer::find_for_update(tx, caller, new.customer_id).await?;
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;
        let contact = Self {
            name: new.name.clone(),
            source_system,
            external_id,
            ..Self::blank(Uuid::now_v7(), (customer.id, customer.owner_id), tx.now)
        }
        .detailed(&new.details);
        contact.check(tx)?;
        if !new.allow_duplicate {
            contact.check_duplicates(tx.conn(), caller).await?;
        }

        contact.displace_primary(tx).await?;
        let row = (&contact, Keys::of(&contact));
        let insert = diesel::insert_into(contacts::table).values(row);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&contact)).await?;
        Ok(contact.shown_to(caller))
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<ContactChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before.clone().shown_to(caller), changes.fields()).await?;
        before.check_open()?;

        let changes = changes.resolve(tx.conn(), caller).await?;
        check_fields(caller, &changes.details)?;
        let after = before.with(&changes);
        after.check(tx)?;
        Ok(before.save(tx, after).await?.shown_to(caller))
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, &[]).await?;
        let erased = before.erased(tx.now);
        changes::forget(tx, &erased).await?;
        idempotency::forget_answers(tx, id).await?;
        if let Some(external_id) = &before.external_id {
            source_item::forget(tx, Self::TYPE, id, external_id).await?;
        }
        diesel::delete(contacts::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&erased)).await
    }

    /// Removes the person's data from the row, from all recorded changes and from all stored
    /// responses to requests (PIPL article 47).
    pub async fn erase(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfSent) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let erased = before.erased(tx.now);
        if erased == before {
            return Ok(before.shown_to(caller));
        }

        changes::forget(tx, &erased).await?;
        idempotency::forget_answers(tx, id).await?;
        if let Some(external_id) = &before.external_id {
            source_item::forget(tx, Self::TYPE, id, external_id).await?;
        }

        let after = before.next(erased.clone(), tx.now);
        let row = (&after, Keys::of(&after));
        diesel::update(contacts::table.find(id)).set(row).execute(tx.conn()).await?;
        // Not `before`, which would record the erased data once more.
        tx.record(Change::updated(&erased, &after)).await?;
        Ok(after.shown_to(caller))
    }

    async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.next(after, tx.now);
        if after != *self {
            after.displace_primary(tx).await?;
            let row = (&after, Keys::of(&after));
            let update = diesel::update(contacts::table.find(self.id)).set(row);
            update.execute(tx.conn()).await.map_err(refused)?;
            tx.record(Change::updated(self, &after)).await?;
        }
        Ok(after)
    }

    /// Removes the mark from the customer's previous primary contact if this contact is primary.
    async fn displace_primary(&self, tx: &mut Tx) -> Result<()> {
        if !self.is_primary {
            return Ok(());
        }
        let other = Self::query()
            .filter(contacts::customer_id.eq(self.customer_id))
            .filter(contacts::is_primary)
            .filter(contacts::id.ne(self.id));
        let other: Option<Self> = other.first(tx.conn()).await.optional()?;

        if let Some(other) = other {
            let after = other.next(Self { is_primary: false, ..other.clone() }, tx.now);
            diesel::update(contacts::table.find(other.id)).set(&after).execute(tx.conn()).await?;
            tx.record(Change::updated(&other, &after)).await?;
        }
        Ok(())
    }

    fn check(&self, tx: &Tx) -> Result<()> {
        let faults = self.faults(tx.today);
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}

fn check_fields(caller: &Caller, details: &ContactDetails) -> Result<()> {
    let hidden = details.hidden_fields();
    if hidden.is_empty() || caller.may::<ReadPersonal>() {
        return Ok(());
    }
    Err(Error::forbidden().faults(hidden))
}

/// Moves contacts when customers are merged or a merge is undone. `primary` is the contact that
/// becomes primary again. Returns the ids of the moved contacts.
pub(crate) async fn follow(
    tx: &mut Tx,
    moving: &Move<'_>,
    primary: Option<Uuid>,
) -> Result<Vec<Uuid>> {
    let query = contacts::table.inner_join(customers::table);
    let query = query.filter(contacts::customer_id.eq(moving.from.id)).select(Contact::as_select());
    let rows: Vec<Contact> = query.order(contacts::id).load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);

    for before in &rows {
        let (customer_id, customer_owner_id) = (moving.to.id, moving.to.owner_id);
        // A merge moves no primary contact: the winner has one of its own, or people choose one.
        let is_primary = primary == Some(before.id);
        let after = Contact { customer_id, is_primary, customer_owner_id, ..before.clone() };
        before.save(tx, after).await?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}

/// Returns the primary contacts of customers, by customer. Without a visibility check: the ids must
/// come from rows that were checked.
pub async fn primaries(conn: &mut Conn, customers: &[Uuid]) -> Result<HashMap<Uuid, Uuid>> {
    let rows = contacts::table.filter(contacts::customer_id.eq_any(customers));
    let rows = rows.filter(contacts::is_primary).select((contacts::customer_id, contacts::id));
    Ok(rows.load(conn).await?.into_iter().collect())
}

/// Returns the fields to leave out of the history: the personal ones if the caller may not see
/// them.
pub fn hidden_from(caller: &Caller) -> &'static [&'static str] {
    if caller.may::<ReadPersonal>() { &[] } else { PERSONAL }
}

/// Maps violations of constraints to errors of the API.
pub fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("contacts_external_id_key", "/external_id", "duplicate")
        .on_constraint("contacts_customer_id_fkey", "/customer_id", "unknown_reference")
        .on_constraint("contacts_primary_key", "/is_primary", "duplicate")
}
