//! The operations on promises.

use access::Can;
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::{NewPromise, Promise, PromiseFilter, PromisePage};
use crate::{ReadCollections, WriteCollections};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_promises,
        create_promise,
        read_promise,
        withdraw_promise,
        list_promise_history,
    );
}

/// List promises
///
/// Returns the promises of your customers and those that you recorded. Managers also see those of
/// their teams, finance sees all.
#[utoipa::path(
    get, path = "/promises",
    params(PromiseFilter, PageQuery),
    responses((status = 200, description = "A page of promises", body = PromisePage), Problems),
)]
async fn list_promises(
    caller: Can<ReadCollections>,
    list: List<PromiseFilter>,
    db: Db,
) -> Result<PromisePage> {
    Promise::list(&mut *db.conn().await?, &caller, &list).await
}

/// Create a promise to pay
///
/// A job compares promises with payments. A promise is kept as soon as its amount has been
/// received, and broken when `due_on` has passed without that. Payments count by `received_on`, for
/// the oldest promise first, and each amount counts for one promise only. Reversed payments do not
/// count.
#[utoipa::path(
    post, path = "/promises",
    request_body = NewPromise,
    responses(
        (status = 201, description = "The new promise", body = Promise),
        (status = 409, description = "`customer_merged`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn create_promise(
    caller: Can<WriteCollections>,
    new: Body<NewPromise>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Promise::create(tx, &caller, &new).await).await
}

/// Read a promise
///
/// Returns a promise with the amount received so far.
#[utoipa::path(
    get, path = "/promises/{id}",
    responses((status = 200, description = "The promise", body = Promise), Problems),
)]
async fn read_promise(
    caller: Can<ReadCollections>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Promise>> {
    Ok(Tagged(Promise::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Withdraw a promise
///
/// For promises recorded by mistake. Only while the promise is open, otherwise 409 `wrong_status`.
#[utoipa::path(
    post, path = "/promises/{id}/withdraw",
    responses(
        (status = 200, description = "The promise", body = Promise),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn withdraw_promise(
    caller: Can<WriteCollections>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Promise::withdraw(tx, &caller, *id, based_on).await).await
}

/// List the history of a promise
///
/// Returns the changes, the latest first.
#[utoipa::path(
    get, path = "/promises/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_promise_history(
    caller: Can<ReadCollections>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let promise = Promise::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &promise, &list).await
}
