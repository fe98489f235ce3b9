//! The operations on customers' credit.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use auth::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Patch, Path, Problems, Reply,
    Result, Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{CreditAccount, CreditChanges, CreditHold, CustomerCredit};
use crate::{ReadCredit, WriteCredit};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_customer_credit)
        .service(update_customer_credit)
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
