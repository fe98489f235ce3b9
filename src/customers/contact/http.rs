//! HTTP operations on contacts.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Write,
};
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

/// Add a contact
///
/// A new primary contact replaces the previous one. 409 `possible_duplicate` if a visible contact
/// has the same phone number or e-mail address, or a contact of the same customer has the same
/// name: `duplicates` lists them. To create the contact anyway, set `allow_duplicate`.
#[utoipa::path(
    post, path = "/contacts",
    request_body = NewContact,
    responses(
        (status = 201, description = "The new contact", body = Contact),
        (status = 403, description = "`forbidden_field`, `foreign_source_system`"),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_contact(
    caller: Can<WriteContacts>,
    new: Body<NewContact>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Contact::create(tx, &caller, &new).await).await
}

/// Import contacts
///
/// Synchronises contacts with an ERP: creates new ones, updates those that differ and leaves the
/// rest unchanged. An invalid item fails alone, unless the batch is atomic. An ERP cannot send
/// personal fields.
#[utoipa::path(
    post, path = "/contacts/batch",
    params(BatchQuery),
    request_body = ContactBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_contacts(
    caller: Can<ImportContacts>,
    batch: Batch<ContactBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Contact, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Retrieve a contact
    ///
    /// For roles that may not see personal fields, these are null and listed in `masked_fields`.
    read_contact: "/contacts/{id}", ReadContacts -> Contact, "The contact"
}

/// Update a contact
///
/// Users who may not see personal fields may not write them either: 403 `forbidden_field`.
#[utoipa::path(
    patch, path = "/contacts/{id}",
    request_body(content = ContactChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The contact", body = Contact),
        (status = 409, description = "`contact_erased`, `customer_merged`, `duplicate`"),
        Problems,
    ),
)]
async fn update_contact(
    caller: Can<WriteContacts>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<ContactChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Contact::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Delete a contact
///
/// The personal data is also erased from the history that remains.
#[utoipa::path(
    delete, path = "/contacts/{id}",
    responses((status = 204, description = "The contact is deleted"), Problems),
)]
async fn delete_contact(
    caller: Can<WriteContacts>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Contact::delete(tx, &caller, *id, based_on).await).await
}

/// Erase a person's data
///
/// Use this when the person requests it. The data is erased from the contact, from all recorded
/// changes and from all stored responses. The contact itself remains, so that references to it stay
/// valid.
#[utoipa::path(
    post, path = "/contacts/{id}/erase",
    responses(
        (status = 200, description = "The erased contact", body = Contact),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn erase_contact(
    caller: Can<EraseContacts>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Contact::erase(tx, &caller, *id, based_on).await).await
}

/// List a contact's changes
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
