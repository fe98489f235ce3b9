//! The operations on customers' credit.

use access::Can;
use actix_web::web::Data;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{
    Clock, Db, Json, Patch, Path, Problems, Reason, Reply, Result, Routes, Tagged, Write,
};
use uuid::Uuid;

use super::batch::CustomerCreditBatch;
use super::{CreditAccount, CreditChanges, CustomerCredit};
use crate::{ImportCredit, ReadCredit, WriteCredit};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        read_customer_credit,
        update_customer_credit,
        import_customer_credits,
        hold_customer_credit,
        release_customer_credit,
        list_customer_credit_history,
    );
}

/// Read a customer's credit
///
/// Returns the limit and the breakdown of the exposure. `reasons` shows why no further credit would
/// be given.
#[utoipa::path(
    get, path = "/customers/{id}/credit",
    responses((status = 200, description = "The credit", body = CreditAccount), Problems),
)]
async fn read_customer_credit(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Tagged<CreditAccount>> {
    let at = (clock.today(), clock.now());
    Ok(Tagged(CreditAccount::find(&mut *db.conn().await?, &caller, *id, at).await?))
}

access::update! {
    /// Update a customer's credit
    ///
    /// Only the sales director or an admin can set a limit above 1.2 times the recommendation of a
    /// valid investigation, otherwise 403 `director_required`. The owner of the customer cannot change
    /// its credit (403 `self_approval`). Lowering a limit does not affect confirmed orders.
    update_customer_credit: "/customers/{id}/credit", WriteCredit, Patch<CreditChanges>
    -> CreditAccount, "The credit",
    409: "`customer_merged`"
}

/// Import customer credits
///
/// 批量设置信用额度. Each item has the external id of a customer and the changes. The rules of a single
/// update apply to each item: only the sales director or an admin can set a limit above 1.2 times
/// the recommendation of a valid investigation (`director_required`), and the owner of a customer
/// cannot change its credit (`self_approval`). The customers must exist: `unknown_references` with
/// the value `park` is refused.
#[utoipa::path(
    post, path = "/customer-credits/batch",
    params(BatchQuery),
    request_body = CustomerCreditBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_customer_credits(
    caller: Can<ImportCredit>,
    batch: Batch<CustomerCreditBatch>,
    write: Write,
) -> Result<Reply> {
    let import = async move |tx: &mut _| CustomerCredit::import(tx, &caller, &batch).await;
    write.run(async move |tx| Reply::json(&import(tx).await?)).await
}

access::action! {
    /// Put a customer's credit on hold
    ///
    /// 冻结: no further credit is given until the hold is released. Overrides do not lift a hold.
    hold_customer_credit: "/customers/{id}/credit/hold", WriteCredit, why: Json<Reason>
    -> CreditAccount by hold(&why),
    "The credit",
    403: "`self_approval`",
    409: "`customer_merged`, `wrong_status`"
}

access::action! {
    /// Release a customer's credit hold
    ///
    /// 解冻: orders are checked against the limit again. Orders on credit hold must be released one by
    /// one.
    release_customer_credit: "/customers/{id}/credit/release", WriteCredit
    -> CreditAccount by release(),
    "The credit",
    403: "`self_approval`",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`"
}

access::history! {
    /// List the history of a customer's credit
    ///
    /// Returns the changes of limits and holds, the latest first.
    list_customer_credit_history: "/customers/{id}/credit/history", ReadCredit, CustomerCredit
}
