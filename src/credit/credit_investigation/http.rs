//! The operations on credit investigations.

use access::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes, Tagged,
    Write,
};
use uuid::Uuid;

use super::{
    CreditInvestigation, CreditInvestigationFilter, CreditInvestigationPage, InvestigationFindings,
    NewCreditInvestigation,
};
use crate::{InvestigateCredit, ReadCredit, RequestCredit};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_credit_investigations,
        create_credit_investigation,
        read_credit_investigation,
        start_credit_investigation,
        conclude_credit_investigation,
        list_credit_investigation_history,
    );
}

/// List credit investigations
///
/// Returns the investigations of the customers that you can see, the latest first. Use
/// `expiring_before` to find those that are due for renewal.
#[utoipa::path(
    get, path = "/credit-investigations",
    params(CreditInvestigationFilter, PageQuery),
    responses((status = 200, description = "A page of investigations",
        body = CreditInvestigationPage), Problems),
)]
async fn list_credit_investigations(
    caller: Can<ReadCredit>,
    list: List<CreditInvestigationFilter>,
    db: Db,
) -> Result<CreditInvestigationPage> {
    CreditInvestigation::list(&mut *db.conn().await?, &caller, &list).await
}

/// Request a credit investigation
#[utoipa::path(
    post, path = "/customers/{id}/credit-investigations",
    request_body = NewCreditInvestigation,
    responses(
        (status = 201, description = "The new investigation", body = CreditInvestigation),
        (status = 409, description = "`customer_merged`"),
        Problems,
    ),
)]
async fn create_credit_investigation(
    caller: Can<RequestCredit>,
    id: Path<Uuid>,
    new: Json<NewCreditInvestigation>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| CreditInvestigation::create(tx, &caller, *id, &new).await).await
}

/// Read a credit investigation
#[utoipa::path(
    get, path = "/credit-investigations/{id}",
    responses((status = 200, description = "The investigation", body = CreditInvestigation),
        Problems),
)]
async fn read_credit_investigation(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<CreditInvestigation>> {
    Ok(Tagged(CreditInvestigation::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Start a credit investigation
///
/// Changes the status from `requested` to `investigating` and makes you the investigator.
#[utoipa::path(
    post, path = "/credit-investigations/{id}/start",
    responses(
        (status = 200, description = "The investigation", body = CreditInvestigation),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn start_credit_investigation(
    caller: Can<InvestigateCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| CreditInvestigation::start(tx, &caller, *id, based_on).await).await
}

/// Conclude a credit investigation
///
/// Changes the status from `investigating` to `concluded`. The conclusion is valid for 12 months,
/// or for 6 months with a score below 60. It does not change the credit limit; approve terms or
/// update the customer's credit for that. The owner of the customer cannot conclude it (403
/// `self_approval`).
#[utoipa::path(
    post, path = "/credit-investigations/{id}/conclude",
    request_body = InvestigationFindings,
    responses(
        (status = 200, description = "The investigation", body = CreditInvestigation),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn conclude_credit_investigation(
    caller: Can<InvestigateCredit>,
    id: Path<Uuid>,
    based_on: IfSent,
    found: Json<InvestigationFindings>,
    write: Write,
) -> Result<Reply> {
    let conclude = async move |tx: &mut _| {
        CreditInvestigation::conclude(tx, &caller, *id, based_on, &found).await
    };
    write.update(conclude).await
}

/// List the history of a credit investigation
///
/// Returns the changes, the latest first.
#[utoipa::path(
    get, path = "/credit-investigations/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of changes", body = HistoryPage), Problems),
)]
async fn list_credit_investigation_history(
    caller: Can<ReadCredit>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let investigation = CreditInvestigation::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &investigation, &list).await
}
