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

use std::time::Duration;

use access::Domain;
use platform::jobs::Job;

pub use store::Store;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[attachment::http::routes],
    permissions: PERMISSIONS,
    jobs: &[Job {
        name: "attachments",
        every: Duration::from_mins(10),
        run: |tx| Box::pin(attachment::expire(tx)),
    }],
    ..Domain::new("attachments", "Files of any resource, 附件")
};

access::permissions! {
    ReadAttachments: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson
        | BackOffice | Finance | CreditController | Quality | Hr | Erp | Reporter;
    WriteAttachments: Admin | SalesDirector | SalesManager | Salesperson | BackOffice | Finance
        | CreditController | Quality | Hr | Erp;
}
