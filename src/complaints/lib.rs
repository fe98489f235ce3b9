//! Complaints: they are registered, handled within their service level, settled, and filed (备案)
//! by the back office. Also the suggestions (建议) that customers make.

pub mod complaint;
pub mod hooks;
pub mod sla;
pub mod suggestion;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Register complaints, propose and reopen, and the actions of a complaint's reporter or owner
    WriteComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp;
    /// Settle complaints on the spot, within the authority of the role
    SettleComplaints: SalesDirector | SalesManager | Salesperson;
    /// Accept and assign complaints, and dispatch them to the quality department
    HandleComplaints: Admin | SalesDirector | SalesManager | BackOffice;
    /// Reject and escalate complaints
    JudgeComplaints: Admin | SalesDirector | SalesManager;
    /// File (备案) and close complaints
    FileComplaints: Admin | BackOffice;
    ImportComplaints: Admin | Erp;
    ReadSuggestions: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Erp | Reporter;
    WriteSuggestions: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Note, adopt and decline suggestions
    AnswerSuggestions: Admin | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(complaint::http::routes)
        .configure(complaint::http_actions::routes)
        .configure(suggestion::http::routes);
}
