//! Search texts of contacts, and the check for duplicates.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::characters::fold;
use platform::{Conn, Error, Result, Tx, phone, search};
use schema::{contacts, customers};
use serde_json::json;

use super::Contact;
use crate::customer::name_key;

/// The maximum number of duplicates found by phone number or e-mail address.
const NAMED: i64 = 10;

/// The maximum number of contacts of one customer whose names are compared.
const COMPARED: i64 = 1000;

/// Columns by which a contact is found. Only queries read them.
#[derive(Debug, PartialEq, Insertable, AsChangeset)]
#[diesel(table_name = contacts, treat_none_as_default_value = false)]
pub struct Keys {
    search: String,
    grams: Vec<String>,
    addresses: Vec<String>,
}

impl Keys {
    pub fn of(contact: &Contact) -> Self {
        let email = contact.email.as_deref().map(fold);
        let others: Vec<&str> = email.as_deref().into_iter().collect();
        let search = search::text(&contact.name, &others, contact.phone.as_deref());
        Self { grams: search::grams(&search), search, addresses: contact.addresses() }
    }
}

impl Contact {
    /// Returns the phone numbers, as digits, and the e-mail address.
    fn addresses(&self) -> Vec<String> {
        let mut addresses = self.phone.as_deref().map(phone::numbers).unwrap_or_default();
        addresses.extend(self.email.as_deref().map(fold));
        addresses
    }

    /// Checks that the person has not been entered before. Only contacts that the caller sees are
    /// compared: the error must not disclose who else knows a phone number.
    pub(super) async fn check_duplicates(&self, conn: &mut Conn, caller: &Caller) -> Result<()> {
        let open = || {
            let rows =
                contacts::table.inner_join(customers::table).filter(caller.sees::<Contact>());
            let rows = rows.filter(contacts::erased_at.is_null()).select(Self::as_select());
            rows.order((contacts::name, contacts::id))
        };
        let same = contacts::addresses.overlaps_with(self.addresses());
        let mut alike: Vec<Self> = open().filter(same).limit(NAMED).load(conn).await?;

        let query = open().filter(contacts::customer_id.eq(self.customer_id));
        let colleagues: Vec<Self> = query.limit(COMPARED).load(conn).await?;
        let key = name_key(&self.name);
        alike.extend(colleagues.into_iter().filter(|other| name_key(&other.name) == key));
        if alike.is_empty() {
            return Ok(());
        }

        alike.sort_by_key(|contact| contact.id);
        alike.dedup_by_key(|contact| contact.id);
        let named = alike.iter().map(|contact| {
            let Self { id, name, customer_id, customer_owner_id: owner_id, .. } = contact;
            json!({ "id": id, "name": name, "customer_id": customer_id, "owner_id": owner_id })
        });
        let detail = "A contact with this phone number, email address or name already exists. To \
            create another contact, send `allow_duplicate`.";
        Err(Error::conflict("possible_duplicate", detail)
            .member("duplicates", named.collect::<Vec<_>>()))
    }
}

/// A job: writes search texts that are missing after an upgrade. Returns the number of contacts.
pub async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let query = contacts::table.inner_join(customers::table).filter(contacts::search.is_null());
    let query = query.order(contacts::id).limit(search::AT_A_TIME).select(Contact::as_select());
    let due: Vec<Contact> = query.for_update().skip_locked().load(tx.conn()).await?;
    for contact in &due {
        let update = diesel::update(contacts::table.find(contact.id)).set(Keys::of(contact));
        update.execute(tx.conn()).await?;
    }
    Ok(due.len() as u64)
}
