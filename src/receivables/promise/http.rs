//! The operations on promises.

use access::Can;
use intake::Body;
use platform::{IfSent, Path, Problems, Reply, Result, Routes, Write};
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

access::list! {
    /// List promises
    ///
    /// Returns the promises of your customers and those that you recorded. Managers also see those of
    /// their teams, finance sees all.
    list_promises: "/promises", ReadCollections, Promise by PromiseFilter -> PromisePage,
    "A page of promises"
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

access::read! {
    /// Read a promise
    ///
    /// Returns a promise with the amount received so far.
    read_promise: "/promises/{id}", ReadCollections -> Promise, "The promise"
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

access::history! {
    /// List the history of a promise
    ///
    /// Returns the changes, the latest first.
    list_promise_history: "/promises/{id}/history", ReadCollections, Promise
}
