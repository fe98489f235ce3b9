//! Receivables 应收: invoices and credit notes, the money that pays them, and what is done so that
//! it comes in. Who owes what is kept with each document, open amounts and the day on which they
//! were closed, so that a question about any day costs what was open then.

pub mod allocation;
pub mod collection_task;
pub mod control_balance;
pub mod hooks;
pub mod invoice;
pub mod letter;
pub mod payment;
pub mod promise;
mod reach;
pub mod risk;
pub mod risk_case;
pub mod source;
pub mod statement;
pub mod write_off;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadInvoices: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Drafts, posting, and what may change after it
    WriteInvoices: Admin | Finance;
    ImportInvoices: Admin | Erp;
    ReadPayments: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Enter, allocate and reverse
    WritePayments: Admin | Finance;
    ImportPayments: Admin | Erp;
    /// What the books of the ERP say
    ReadControlBalances: Admin | GeneralManager | Finance | CreditController | Erp | Reporter;
    ImportControlBalances: Admin | Erp;
    ReadCollections: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Reporter;
    /// Results of tasks, promises
    WriteCollections: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController;
    /// Risk cases and their measures
    WriteRiskCases: Admin | SalesDirector | SalesManager | Finance | CreditController;
    RequestWriteOffs: Admin | SalesDirector | SalesManager | Finance | CreditController;
    /// Within the authority of the role
    DecideWriteOffs: Admin | GeneralManager | SalesDirector | Finance;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(invoice::http::routes)
        .configure(payment::http::routes)
        .configure(statement::routes)
        .configure(control_balance::routes)
        .configure(collection_task::http::routes)
        .configure(letter::routes)
        .configure(promise::http::routes)
        .configure(risk::routes)
        .configure(risk_case::http::routes)
        .configure(write_off::http::routes);
}
