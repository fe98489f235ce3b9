//! The parts of a domain that the service mounts.

use platform::Routes;
use platform::jobs::Job;

use crate::policy::PermissionTable;

/// Functions that mount operations.
pub type Mounts = &'static [fn(&mut Routes)];

/// A domain of the service: the operations, permissions and jobs of one crate.
#[derive(Clone, Copy)]
pub struct Domain {
    /// The name of the crate, and the tag of its operations
    pub name: &'static str,
    /// The description of the tag
    pub about: &'static str,
    /// Operations below `/api/v1`
    pub routes: Mounts,
    /// Operations outside `/api/v1`
    pub root_routes: Mounts,
    pub permissions: PermissionTable,
    pub jobs: &'static [Job],
}

impl Domain {
    /// A domain without operations, permissions and jobs, to be completed.
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, routes: &[], root_routes: &[], permissions: &[], jobs: &[] }
    }
}
