//! The operations on risk cases.

use intake::Body;
use platform::{Json, Routes};

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

access::create! {
    /// Open a risk case
    ///
    /// A customer can have only one open case, otherwise 409 `case_open`.
    create_risk_case: "/risk-cases", WriteRiskCases, Body<NewRiskCase> -> RiskCase, "The new case"
}

access::read! {
    /// Read a risk case
    ///
    /// Returns a risk case with the measures taken.
    read_risk_case: "/risk-cases/{id}", ReadCollections -> RiskCase, "The case"
}

access::action! {
    /// Take a measure in a risk case
    ///
    /// Measures escalate from `remind` over `hold`, `collateral` and `legal` to `write_off`; a softer
    /// measure than the last one is refused. `hold` puts the customer's credit on hold until a user
    /// releases it.
    take_measure: "/risk-cases/{id}/measures", WriteRiskCases, new: Json<NewMeasure>
    -> RiskCase by act(Step::Measure(&new)),
    "The case",
    409: "`wrong_status`"
}

access::action! {
    /// Close a risk case as recovered
    ///
    /// Records the recovered amount. At least one measure must have been taken, otherwise 409
    /// `wrong_status`.
    recover_risk_case: "/risk-cases/{id}/recover", WriteRiskCases, recovery: Json<Recovery>
    -> RiskCase by act(Step::Recover(&recovery)),
    "The case"
}

access::action! {
    /// Close a risk case as written off
    ///
    /// Requires an approved write-off of this case, otherwise 409 `no_write_off`. At least one measure
    /// must have been taken, otherwise 409 `wrong_status`.
    write_off_risk_case: "/risk-cases/{id}/write-off", WriteRiskCases
    -> RiskCase by act(Step::WriteOff),
    "The case",
    422: "`invalid`"
}

access::history! {
    /// List the history of a risk case
    ///
    /// Returns the changes, the latest first.
    list_risk_case_history: "/risk-cases/{id}/history", ReadCollections, RiskCase
}
