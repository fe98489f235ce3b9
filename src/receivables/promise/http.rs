//! The operations on promises.

use intake::Body;
use platform::Routes;

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

access::create! {
    /// Create a promise to pay
    ///
    /// A job compares promises with payments. A promise is kept as soon as its amount has been
    /// received, and broken when `due_on` has passed without that. Payments count by `received_on`, for
    /// the oldest promise first, and each amount counts for one promise only. Reversed payments do not
    /// count.
    create_promise: "/promises", WriteCollections, Body<NewPromise> -> Promise, "The new promise",
    409: "`customer_merged`",
    422: "`no_exchange_rate`"
}

access::read! {
    /// Read a promise
    ///
    /// Returns a promise with the amount received so far.
    read_promise: "/promises/{id}", ReadCollections -> Promise, "The promise"
}

access::action! {
    /// Withdraw a promise
    ///
    /// For promises recorded by mistake. Only while the promise is open, otherwise 409 `wrong_status`.
    withdraw_promise: "/promises/{id}/withdraw", WriteCollections -> Promise by withdraw(),
    "The promise",
    422: "`invalid`"
}

access::history! {
    /// List the history of a promise
    ///
    /// Returns the changes, the latest first.
    list_promise_history: "/promises/{id}/history", ReadCollections, Promise
}
