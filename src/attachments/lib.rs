//! Attachments: photos, voice notes and documents of any resource. A file is uploaded first, and
//! then named by the row that it belongs to, which decides who sees it. A file that no row names
//! within a day is deleted. The bytes are in an object store, each file once.

pub mod attachment;
mod content_type;
mod download;
pub mod hooks;
mod name;
mod picture;
pub mod store;
mod upload;

use utoipa_actix_web::service_config::ServiceConfig;

pub use store::Store;

access::permissions! {
    ReadAttachments: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteAttachments: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController | Quality | Hr | Erp;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.configure(attachment::http::routes);
}
