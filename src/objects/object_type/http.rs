//! Operations on types of objects.

use access::Can;
use platform::{Json, Patch, Problems, Reply, Result, Routes, Write};

use super::{NewObjectType, ObjectType, ObjectTypeChanges, ObjectTypeFilter, ObjectTypePage};
use crate::{ManageObjectTypes, ReadObjectTypes};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_object_types,
        create_object_type,
        read_object_type,
        update_object_type,
        list_object_type_history,
    );
}

access::list! {
    /// List types of objects
    ///
    /// By name.
    list_object_types: "/object-types", ReadObjectTypes, ObjectType by ObjectTypeFilter
    -> ObjectTypePage, "A page of types"
}

access::create! {
    /// Define a type of objects
    ///
    /// Its objects can be used at once, without a restart.
    create_object_type: "/object-types", ManageObjectTypes, Json<NewObjectType> -> ObjectType,
    "The new type",
    409: "`duplicate`"
}

access::read! {
    /// Read a type of objects
    read_object_type: "/object-types/{id}", ReadObjectTypes -> ObjectType, "The type"
}

/// Change a type of objects
///
/// A changed definition gets the next version. Objects keep the version with which they were created
/// until their next action. A change that unfinished objects could not obey is refused with
/// 409 `in_use`; `ids` names some of them.
#[utoipa::path(
    patch, path = "/object-types/{id}",
    request_body(content = ObjectTypeChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The type", body = ObjectType), Problems),
)]
async fn update_object_type(
    caller: Can<ManageObjectTypes>,
    id: platform::Path<uuid::Uuid>,
    based_on: platform::IfMatch,
    changes: Patch<ObjectTypeChanges>,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| ObjectType::update(tx, &caller, *id, based_on, &changes).await)
        .await
}

access::history! {
    /// List the history of a type of objects
    ///
    /// Latest first.
    list_object_type_history: "/object-types/{id}/history", ReadObjectTypes, ObjectType
}
