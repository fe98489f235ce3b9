//! Credit, 信用管理: how far a customer may owe us, what it owes, and who decides on it. Whoever
//! changes an order, an invoice or a payment keeps its open item here, under the lock of the
//! customer's row; whatever the service itself does to raise the sum is checked before.

pub mod check;
pub mod credit_investigation;
pub mod credit_override;
pub mod customer_credit;
pub mod hooks;
pub mod open_item;
mod reach;
pub mod terms_request;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadCredit: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Set limits, hold and release; beyond what an investigation recommends only the director
    WriteCredit: Admin | SalesDirector | Finance | CreditController;
    /// Credits in batches; beyond what an investigation recommends only admins and the director
    ImportCredit: Admin | SalesDirector | Finance | CreditController | Erp;
    /// Answer for more than the limit, for some days
    OverrideCredit: CreditController;
    /// Have a customer investigated, ask for terms
    RequestCredit: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController;
    InvestigateCredit: Admin | Finance | CreditController;
    /// Each up to the authority of the role
    ApproveTerms: Admin | GeneralManager | SalesDirector | SalesManager | CreditController;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(customer_credit::http::routes)
        .configure(credit_override::routes)
        .configure(credit_investigation::http::routes)
        .configure(terms_request::http::routes);
}
