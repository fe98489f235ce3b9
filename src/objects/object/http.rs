//! Operations on objects. The definition of the type decides on their fields, on the actions, and on
//! who may use them.

use access::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, List, NoFilter, OpenList, PageQuery, Path, Problems, Reply, Result,
    Routes, Tagged, Write,
};
use uuid::Uuid;

use super::body::{Fields, ObjectFields};
use super::{CustomObject, ObjectFilter, ObjectPage};
use crate::UseObjects;

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_objects,
        create_object,
        read_object,
        update_object,
        list_object_history,
        act_on_object,
    );
}

/// List objects of a type
///
/// Returns the objects that you may see. The roles that may read a type are part of its definition.
/// Each field of the type is a further parameter: `kind=van,car` for options, `seats=ge:4` for numbers
/// and times, with `gt:`, `ge:`, `lt:`, `le:` or nothing before the value.
#[utoipa::path(
    get, path = "/objects/{type}",
    params(ObjectFilter, PageQuery),
    responses((status = 200, description = "A page of objects", body = ObjectPage), Problems),
)]
async fn list_objects(
    caller: Can<UseObjects>,
    type_: Path<String>,
    list: OpenList<ObjectFilter>,
    db: Db,
) -> Result<ObjectPage> {
    CustomObject::list(&db, &caller, &type_, &list).await
}

/// Create an object
///
/// The body has the fields that the definition of the type names, and `owner_id`, by default your own.
#[utoipa::path(
    post, path = "/objects/{type}",
    request_body = ObjectFields,
    responses(
        (status = 201, description = "The new object", body = CustomObject),
        (status = 409, description = "`type_switched_off`"),
        Problems,
    ),
)]
async fn create_object(
    caller: Can<UseObjects>,
    type_: Path<String>,
    fields: Fields,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| CustomObject::create(tx, &caller, &type_, &fields).await).await
}

/// Read an object
#[utoipa::path(
    get, path = "/objects/{type}/{id}",
    responses((status = 200, description = "The object", body = CustomObject), Problems),
)]
async fn read_object(
    caller: Can<UseObjects>,
    path: Path<(String, Uuid)>,
    db: Db,
) -> Result<Tagged<CustomObject>> {
    Ok(Tagged(CustomObject::read(&db, &caller, &path).await?))
}

/// Update an object
///
/// Possible until it has ended, for its owner, its author and those who lead the owner.
#[utoipa::path(
    patch, path = "/objects/{type}/{id}",
    request_body(
        content = ObjectFields,
        content_type = "application/merge-patch+json",
    ),
    responses(
        (status = 200, description = "The object", body = CustomObject),
        (status = 403, description = "`not_your_object`"),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn update_object(
    caller: Can<UseObjects>,
    path: Path<(String, Uuid)>,
    based_on: IfMatch,
    fields: Fields,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| CustomObject::update(tx, &caller, &path, based_on, &fields).await)
        .await
}

/// List the history of an object
///
/// Latest first.
#[utoipa::path(
    get, path = "/objects/{type}/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_object_history(
    caller: Can<UseObjects>,
    path: Path<(String, Uuid)>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let object = CustomObject::read(&db, &caller, &path).await?;
    changes::history(&mut *db.conn().await?, &object, &list).await
}

/// Take an action on an object
///
/// The definition of the type names the actions, the states in which they are possible, the people
/// who may take them, and the fields of the body.
#[utoipa::path(
    post, path = "/objects/{type}/{id}/{action}",
    request_body = ObjectFields,
    responses(
        (status = 200, description = "The object", body = CustomObject),
        (status = 403, description = "`not_your_object`"),
        (status = 409, description = "`refused_by_guard`, `wrong_status`"),
        Problems,
    ),
)]
async fn act_on_object(
    caller: Can<UseObjects>,
    path: Path<(String, Uuid, String)>,
    based_on: IfSent,
    fields: Fields,
    write: Write,
) -> Result<Reply> {
    write
        .update(async move |tx| CustomObject::act(tx, &caller, &path, based_on, &fields).await)
        .await
}
