//! Complaints: what customers are not content with, how soon somebody sees to it, how it is
//! settled, and that the back office files it 备案, so that no customer has to complain twice; and
//! what they suggest 建议.

pub mod complaint;
pub mod hooks;
pub mod sla;
pub mod suggestion;

use utoipa_actix_web::service_config::ServiceConfig;

auth::permissions! {
    ReadComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice
        | Finance | CreditController | Quality | Hr | Erp | Reporter;
    /// Register, propose and reopen, and what falls to whoever reported or owns a complaint
    WriteComplaints: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp;
    /// On the spot, within their authority
    SettleComplaints: SalesDirector | SalesManager | Salesperson;
    /// Accept, assign, dispatch to quality
    HandleComplaints: Admin | SalesDirector | SalesManager | BackOffice;
    /// Reject and escalate
    JudgeComplaints: Admin | SalesDirector | SalesManager;
    /// File 备案 and close
    FileComplaints: Admin | BackOffice;
    ImportComplaints: Admin | Erp;
    ReadSuggestions: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Erp | Reporter;
    WriteSuggestions: Admin | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// Note, adopt and decline
    AnswerSuggestions: Admin | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(complaint::http::routes)
        .configure(complaint::http_steps::routes)
        .configure(suggestion::http::routes);
}
