//! Receivables 应收: invoices and credit notes, the payments that settle them, and collections.
//! Each document stores its open amount and the day on which it was closed, so that a balance of
//! any past day is computed from the documents that were open on that day.

pub mod allocation;
pub mod collection_task;
pub mod control_balance;
pub mod hooks;
pub mod invoice;
pub mod letter;
pub mod payment;
pub mod promise;
pub mod risk;
pub mod risk_case;
pub mod source;
pub mod statement;
pub mod write_off;

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[
        invoice::http::routes,
        payment::http::routes,
        statement::routes,
        control_balance::routes,
        collection_task::http::routes,
        letter::routes,
        promise::http::routes,
        risk::routes,
        risk_case::http::routes,
        write_off::http::routes,
    ],
    permissions: PERMISSIONS,
    jobs: &[
        Job { name: "collections", every: Duration::from_mins(10), run: hooks::collect },
        Job { name: "open_amounts", every: Duration::from_hours(6), run: hooks::check_amounts },
    ],
    ..Domain::new("receivables", "Receivables 应收, payments 回款 and dunning 催收")
};

access::permissions! {
    ReadInvoices: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Drafts, posting, and the changes allowed after posting
    WriteInvoices: Admin | Finance;
    ImportInvoices: Admin | Erp;
    ReadPayments: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Erp | Reporter;
    /// Enter, allocate and reverse
    WritePayments: Admin | Finance;
    ImportPayments: Admin | Erp;
    /// Customer balances from the ERP's ledger
    ReadControlBalances: Admin | GeneralManager | Finance | CreditController | Erp | Reporter;
    ImportControlBalances: Admin | Erp;
    ReadCollections: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Reporter;
    /// Results of collection tasks, and promises to pay
    WriteCollections: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController;
    /// Risk cases and their measures
    WriteRiskCases: Admin | SalesDirector | SalesManager | Finance | CreditController;
    RequestWriteOffs: Admin | SalesDirector | SalesManager | Finance | CreditController;
    /// Up to the approval limit of the role
    DecideWriteOffs: Admin | GeneralManager | SalesDirector | Finance;
}
