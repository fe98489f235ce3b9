//! Credit, 信用管理: credit limits of customers, their exposure, and the decisions on both. Every
//! change of an order, invoice or payment updates its open item here, under the lock of the
//! customer's row. Everything that this service does to raise the exposure is checked before.

pub mod check;
pub mod credit_investigation;
pub mod credit_override;
pub mod customer_credit;
pub mod hooks;
pub mod open_item;
pub mod terms_request;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[
        customer_credit::http::routes,
        credit_override::routes,
        credit_investigation::http::routes,
        terms_request::http::routes,
    ],
    permissions: PERMISSIONS,
    jobs: &[
        Job {
            name: "credit_investigations",
            every: Duration::from_mins(10),
            run: |tx| Box::pin(credit_investigation::expire(tx)),
        },
        Job {
            name: "customer_terms",
            every: Duration::from_mins(1),
            run: |tx| Box::pin(terms_request::apply_due(tx)),
        },
    ],
    ..Domain::new("credit", "Credit of customers 信用 and trading terms 交易条件")
};

access::permissions! {
    ReadCredit: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Set limits, hold and release; more than an investigation recommends only for directors
    WriteCredit: Admin | SalesDirector | Finance | CreditController;
    /// Credits in batches; more than an investigation recommends only for admins and directors
    ImportCredit: Admin | SalesDirector | Finance | CreditController | Erp;
    /// Temporary overrides of a credit limit
    OverrideCredit: CreditController;
    /// Request investigations and trading terms
    RequestCredit: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController;
    InvestigateCredit: Admin | Finance | CreditController;
    /// Up to the approval limit of the role
    ApproveTerms: Admin | GeneralManager | SalesDirector | SalesManager | CreditController;
}
