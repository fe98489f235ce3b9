//! The operations on credit investigations.

use access::Can;
use platform::{Json, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::steps::Step;
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

access::list! {
    /// List credit investigations
    ///
    /// Returns the investigations of the customers that you can see, the latest first. Use
    /// `expiring_before` to find those that are due for renewal.
    list_credit_investigations: "/credit-investigations", ReadCredit, CreditInvestigation by CreditInvestigationFilter
    -> CreditInvestigationPage,
    "A page of investigations"
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

access::read! {
    /// Read a credit investigation
    read_credit_investigation: "/credit-investigations/{id}", ReadCredit
    -> CreditInvestigation, "The investigation"
}

access::action! {
    /// Start a credit investigation
    ///
    /// Changes the status from `requested` to `investigating` and makes you the investigator.
    start_credit_investigation: "/credit-investigations/{id}/start", InvestigateCredit
    -> CreditInvestigation by act(Step::Start),
    "The investigation",
    409: "`wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Conclude a credit investigation
    ///
    /// Changes the status from `investigating` to `concluded`. The conclusion is valid for 12 months,
    /// or for 6 months with a score below 60. It does not change the credit limit; approve terms or
    /// update the customer's credit for that. The owner of the customer cannot conclude it (403
    /// `self_approval`).
    conclude_credit_investigation: "/credit-investigations/{id}/conclude", InvestigateCredit,
    found: Json<InvestigationFindings>
    -> CreditInvestigation by act(Step::Conclude(&found)),
    "The investigation",
    409: "`wrong_status`"
}

access::history! {
    /// List the history of a credit investigation
    ///
    /// Returns the changes, the latest first.
    list_credit_investigation_history: "/credit-investigations/{id}/history", ReadCredit,
    CreditInvestigation
}
