//! Import of contacts from an ERP.

use std::collections::{HashMap, HashSet};

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Unique};
use platform::batch::ItemKey;
use platform::{Conn, Fault, Result, Tx, batch};
use schema::{contacts, customers};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{find_contacts, refused};
use super::{CUSTOMER, Contact, ContactChanges, search};
use crate::ReadPersonal;

/// A contact as the ERP knows it. Absent fields stay unchanged, null clears.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ContactItem {
    #[serde(flatten)]
    key: ItemKey,
    /// Required for a new contact
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[serde(flatten)]
    changes: ContactChanges,
}

intake::references! { ContactItem: &[CUSTOMER] }

batch! {
    /// Contacts of one source system, in any order
    ContactBatch of ContactItem
}

/// Data that the drafts of one batch share.
pub struct Context {
    /// The owners of the referenced customers
    owners: HashMap<Uuid, Option<Uuid>>,
    /// `true` if the caller may write personal fields
    personal: bool,
}

impl Imported for Contact {
    type Item = ContactItem;
    type Context = Context;

    const FIND: Find = find_contacts;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/is_primary",
        of: |contact| contact.is_primary.then(|| contact.customer_id.to_string()),
        holders: "select id, customer_id::text as value from contacts \
            where is_primary and customer_id = any($1::uuid[])",
        release: "update contacts set is_primary = false where id = any($1)",
    }];

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = contacts::source_system.eq(keys.source_system).assume_not_null();
        let known = known.and(contacts::external_id.eq_any(&keys.external_ids).assume_not_null());
        let rows = contacts::table.inner_join(customers::table).filter(caller.sees::<Contact>());
        let rows = rows.filter(known.or(contacts::id.eq_any(&keys.ids)));
        let rows = rows.order(contacts::id).select(Self::as_select()).for_no_key_update();
        Ok(rows.load(conn).await?)
    }

    async fn context(tx: &mut Tx, caller: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let wanted: HashSet<Uuid> =
            arrivals.iter().filter_map(|arrival| arrival.item.customer_id).collect();
        let query = customers::table.filter(customers::id.eq_any(&wanted));
        let owners = query.select((customers::id, customers::owner_id)).load(tx.conn()).await?;
        Ok(Context { owners: owners.into_iter().collect(), personal: caller.may::<ReadPersonal>() })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, .. } = arrival;
        let mut after = match (before, item.customer_id) {
            (Some(before), None) => before.clone(),
            (Some(before), Some(customer_id)) => {
                let customer_owner_id = context.owners.get(&customer_id).copied().flatten();
                Self { customer_id, customer_owner_id, ..before.clone() }
            }
            (None, Some(customer)) => {
                let owner = context.owners.get(&customer).copied().flatten();
                Self::blank(*id, (customer, owner), *now)
            }
            (None, None) => {
                let why = "required for a new contact";
                return Err(vec![Fault::new("/customer_id", "required", why)]);
            }
        };

        // An import must not bring back data that was erased on request.
        if before.as_ref().is_some_and(|contact| contact.erased_at.is_some()) {
            let why = "the personal data of this contact was erased and cannot be imported again";
            return Err(vec![Fault::new("/external_id", "contact_erased", why)]);
        }

        after = after.with(&item.changes);
        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(item.key.external_id.clone());

        let mut faults = after.faults(arrival.today);
        if !context.personal {
            faults.extend(item.changes.details.hidden_fields());
        }
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, contacts, drafts, |draft| (&draft.after, search::Keys::of(&draft.after)),
            keeping ["id", "erased_at", "created_at"], refused
        );
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}
