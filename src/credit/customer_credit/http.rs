//! The operations on customers' credit.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use auth::Can;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Patch, Path, Problems, Reply,
    Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::CustomerCreditBatch;
use super::{CreditAccount, CreditChanges, CreditHold, CustomerCredit};
use crate::{ImportCredit, ReadCredit, WriteCredit};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_customer_credit)
        .service(update_customer_credit)
        .service(import_customer_credits)
        .service(hold_customer_credit)
        .service(release_customer_credit)
        .service(list_customer_credit_history);
}

/// Read a customer's credit
///
/// Its limit, and how what it owes comes about. `reasons` says why nothing more would go on
/// credit.
#[utoipa::path(
    tag = "credit",
    responses((status = 200, description = "The credit", body = CreditAccount), Problems),
)]
#[get("/customers/{id}/credit")]
async fn read_customer_credit(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    clock: Data<Clock>,
    db: Db,
) -> Result<Tagged<CreditAccount>> {
    let at = (clock.today(), clock.now());
    Ok(Tagged(CreditAccount::find(&mut *db.conn().await?, &caller, *id, at).await?))
}

/// Set a customer's credit
///
/// A limit above 1.2 times what a valid investigation recommends takes the sales director, else 403
/// `director_required`. A lower limit takes nothing back that is confirmed already.
#[utoipa::path(
    tag = "credit",
    request_body(content = CreditChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The credit", body = CreditAccount), Problems),
)]
#[patch("/customers/{id}/credit")]
async fn update_customer_credit(
    caller: Can<WriteCredit>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<CreditChanges>,
    write: Write,
) -> Result<Reply> {
    let update =
        async move |tx: &mut _| CreditAccount::update(tx, &caller, *id, based_on, &changes).await;
    write.update(update).await
}

/// Set the credit of many customers
///
/// An item has the customer's external id and what to change, 批量设置信用额度. The rules are those of a
/// single change, item by item: a limit above 1.2 times what a valid investigation recommends takes the
/// sales director (`director_required`), and nobody sets the credit of a customer of their own
/// (`self_approval`). Customers must be there already: `unknown_references` `park` is refused.
#[utoipa::path(
    tag = "credit",
    params(BatchQuery),
    request_body = CustomerCreditBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/customer-credits/batch")]
async fn import_customer_credits(
    caller: Can<ImportCredit>,
    batch: Batch<CustomerCreditBatch>,
    write: Write,
) -> Result<Reply> {
    let import = async move |tx: &mut _| CustomerCredit::import(tx, &caller, &batch).await;
    write.run(async move |tx| Reply::json(&import(tx).await?)).await
}

/// Hold a customer's credit
///
/// 冻结: nothing goes on credit until it is released; no override helps.
#[utoipa::path(
    tag = "credit",
    request_body = CreditHold,
    responses((status = 200, description = "The credit", body = CreditAccount), Problems),
)]
#[post("/customers/{id}/credit/hold")]
async fn hold_customer_credit(
    caller: Can<WriteCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<CreditHold>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| CreditAccount::hold(tx, &caller, *id, based_on, &why).await).await
}

/// Release a customer's credit
///
/// 解冻: orders are checked against the limit again. Those on credit hold are released one by one.
#[utoipa::path(
    tag = "credit",
    responses((status = 200, description = "The credit", body = CreditAccount), Problems),
)]
#[post("/customers/{id}/credit/release")]
async fn release_customer_credit(
    caller: Can<WriteCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| CreditAccount::release(tx, &caller, *id, based_on).await).await
}

/// What happened to a customer's credit
///
/// Who set which limit and who held it, latest first.
#[utoipa::path(
    tag = "credit",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/customers/{id}/credit/history")]
async fn list_customer_credit_history(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let credit = CustomerCredit::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &credit, &list).await
}
