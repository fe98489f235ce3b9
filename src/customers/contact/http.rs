//! HTTP operations on contacts.

use access::Can;
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{Db, List, NoFilter, PageQuery, Path, Problems, Result, Routes};
use uuid::Uuid;

use super::batch::ContactBatch;
use super::db::hidden_from;
use super::{Contact, ContactChanges, ContactFilter, ContactPage, NewContact};
use crate::{EraseContacts, ImportContacts, ReadContacts, WriteContacts};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_contacts,
        create_contact,
        import_contacts,
        read_contact,
        update_contact,
        delete_contact,
        erase_contact,
        list_contact_history,
    );
}

/// List contacts
///
/// Returns the contacts of the customers that you see. Use `phone` to identify a caller. For roles
/// that may not see personal fields, these are null and listed in `masked_fields`, and cannot be
/// used as filters.
#[utoipa::path(
    get, path = "/contacts",
    params(ContactFilter, PageQuery),
    responses(
        (status = 200, description = "A page of contacts", body = ContactPage),
        (status = 403, description = "`forbidden_field`"),
        Problems,
    ),
)]
async fn list_contacts(
    caller: Can<ReadContacts>,
    list: List<ContactFilter>,
    db: Db,
) -> Result<ContactPage> {
    Contact::list(&mut *db.conn().await?, &caller, &list).await
}

access::create! {
    /// Add a contact
    ///
    /// A new primary contact replaces the previous one. 409 `possible_duplicate` if a visible contact
    /// has the same phone number or e-mail address, or a contact of the same customer has the same
    /// name: `duplicates` lists them. To create the contact anyway, set `allow_duplicate`.
    create_contact: "/contacts", WriteContacts, Body<NewContact> -> Contact, "The new contact",
    403: "`forbidden_field`, `foreign_source_system`",
    409: "`duplicate`"
}

intake::import! {
    /// Import contacts
    ///
    /// Synchronises contacts with an ERP: creates new ones, updates those that differ and leaves the
    /// rest unchanged. An invalid item fails alone, unless the batch is atomic. An ERP cannot send
    /// personal fields.
    import_contacts: "/contacts/batch", ImportContacts, Contact from ContactBatch
}

access::read! {
    /// Read a contact
    ///
    /// For roles that may not see personal fields, these are null and listed in `masked_fields`.
    read_contact: "/contacts/{id}", ReadContacts -> Contact, "The contact"
}

access::update! {
    /// Update a contact
    ///
    /// Users who may not see personal fields may not write them either: 403 `forbidden_field`.
    update_contact: "/contacts/{id}", WriteContacts, Body<ContactChanges> -> Contact, "The contact",
    409: "`contact_erased`, `customer_merged`, `duplicate`"
}

access::delete! {
    /// Delete a contact
    ///
    /// The personal data is also erased from the history that remains.
    delete_contact: "/contacts/{id}", WriteContacts, Contact, "The contact is deleted"
}

access::action! {
    /// Erase a person's data
    ///
    /// Use this when the person requests it. The data is erased from the contact, from all recorded
    /// changes and from all stored responses. The contact itself remains, so that references to it stay
    /// valid.
    erase_contact: "/contacts/{id}/erase", EraseContacts -> Contact by erase(),
    "The erased contact",
    422: "`invalid`"
}

/// List the history of a contact
///
/// Latest first. Personal fields are left out for roles that may not see them.
#[utoipa::path(
    get, path = "/contacts/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_contact_history(
    caller: Can<ReadContacts>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let contact = Contact::find(&mut conn, &caller, *id).await?;
    let history = changes::history(&mut conn, &contact, &list).await?;
    Ok(history.without(hidden_from(&caller)))
}
