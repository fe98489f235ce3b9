//! The operations on promises.

use access::Can;
use actix_web::{get, post};
use intake::Body;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{NewPromise, Promise, PromiseFilter, PromisePage};
use crate::{ReadCollections, WriteCollections};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_promises)
        .service(create_promise)
        .service(read_promise)
        .service(withdraw_promise)
        .service(list_promise_history);
}

/// List promises
///
/// Returns the promises of your customers and those that you recorded. Managers also see those of
/// their teams, finance sees all.
#[utoipa::path(
    tag = "receivables",
    params(PromiseFilter, PageQuery),
    responses((status = 200, description = "A page of promises", body = PromisePage), Problems),
)]
#[get("/promises")]
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
    tag = "receivables",
    request_body = NewPromise,
    responses((status = 201, description = "The new promise", body = Promise), Problems),
)]
#[post("/promises")]
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
    tag = "receivables",
    responses((status = 200, description = "The promise", body = Promise), Problems),
)]
#[get("/promises/{id}")]
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
    tag = "receivables",
    responses((status = 200, description = "The promise", body = Promise), Problems),
)]
#[post("/promises/{id}/withdraw")]
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
    tag = "receivables",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
#[get("/promises/{id}/history")]
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
