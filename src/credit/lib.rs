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

use utoipa_actix_web::service_config::ServiceConfig;

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

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(customer_credit::http::routes)
        .configure(credit_override::routes)
        .configure(credit_investigation::http::routes)
        .configure(terms_request::http::routes);
}
