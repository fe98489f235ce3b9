//! The operations on risk cases.

use access::Can;
use intake::Body;
use platform::{IfSent, Json, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::{NewMeasure, NewRiskCase, Recovery, RiskCase, RiskCaseFilter, RiskCasePage, Step};
use crate::{ReadCollections, WriteRiskCases};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_risk_cases,
        create_risk_case,
        read_risk_case,
        take_measure,
        recover_risk_case,
        write_off_risk_case,
        list_risk_case_history,
    );
}

access::list! {
    /// List risk cases
    ///
    /// Returns the cases that you own and those of your customers. Managers also see those of their
    /// teams, finance sees all.
    list_risk_cases: "/risk-cases", ReadCollections, RiskCase by RiskCaseFilter -> RiskCasePage,
    "A page of cases"
}

/// Open a risk case
///
/// A customer can have only one open case, otherwise 409 `case_open`.
#[utoipa::path(
    post, path = "/risk-cases",
    request_body = NewRiskCase,
    responses((status = 201, description = "The new case", body = RiskCase), Problems),
)]
async fn create_risk_case(
    caller: Can<WriteRiskCases>,
    new: Body<NewRiskCase>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| RiskCase::create(tx, &caller, &new).await).await
}

access::read! {
    /// Read a risk case
    ///
    /// Returns a risk case with the measures taken.
    read_risk_case: "/risk-cases/{id}", ReadCollections -> RiskCase, "The case"
}

/// Take a measure in a risk case
///
/// Measures escalate from `remind` over `hold`, `collateral` and `legal` to `write_off`; a softer
/// measure than the last one is refused. `hold` puts the customer's credit on hold until a user
/// releases it.
#[utoipa::path(
    post, path = "/risk-cases/{id}/measures",
    request_body = NewMeasure,
    responses(
        (status = 200, description = "The case", body = RiskCase),
        (status = 409, description = "`wrong_status`"),
        Problems,
    ),
)]
async fn take_measure(
    caller: Can<WriteRiskCases>,
    id: Path<Uuid>,
    based_on: IfSent,
    new: Json<NewMeasure>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        RiskCase::step(tx, &caller, *id, based_on, Step::Measure(&new)).await
    };
    write.update(step).await
}

/// Close a risk case as recovered
///
/// Records the recovered amount. At least one measure must have been taken, otherwise 409
/// `wrong_status`.
#[utoipa::path(
    post, path = "/risk-cases/{id}/recover",
    request_body = Recovery,
    responses((status = 200, description = "The case", body = RiskCase), Problems),
)]
async fn recover_risk_case(
    caller: Can<WriteRiskCases>,
    id: Path<Uuid>,
    based_on: IfSent,
    recovery: Json<Recovery>,
    write: Write,
) -> Result<Reply> {
    let step = async move |tx: &mut _| {
        RiskCase::step(tx, &caller, *id, based_on, Step::Recover(&recovery)).await
    };
    write.update(step).await
}

/// Close a risk case as written off
///
/// Requires an approved write-off of this case, otherwise 409 `no_write_off`. At least one measure
/// must have been taken, otherwise 409 `wrong_status`.
#[utoipa::path(
    post, path = "/risk-cases/{id}/write-off",
    responses(
        (status = 200, description = "The case", body = RiskCase),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn write_off_risk_case(
    caller: Can<WriteRiskCases>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let step =
        async move |tx: &mut _| RiskCase::step(tx, &caller, *id, based_on, Step::WriteOff).await;
    write.update(step).await
}

access::history! {
    /// List the history of a risk case
    ///
    /// Returns the changes, the latest first.
    list_risk_case_history: "/risk-cases/{id}/history", ReadCollections, RiskCase
}
