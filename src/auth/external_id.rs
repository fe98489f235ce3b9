//! The one rule for writing external ids 外部编号: a client those of its own source system, people
//! those of source systems without a client, admins all. Every create and every batch asks here.

use platform::{Conn, Error, Fault, Result};

use super::{Caller, Role, api_client};

/// The source system and the external id of a new row. Both are `None` without an external id.
/// Default for the system: the caller's own.
pub async fn key_of(
    conn: &mut Conn,
    caller: &Caller,
    source_system: Option<&str>,
    external_id: Option<&str>,
) -> Result<(Option<String>, Option<String>)> {
    let Some(external_id) = external_id else { return Ok((None, None)) };
    let Some(system) = source_system.or(caller.source_system()) else {
        let fault = Fault::new("/source_system", "required", "whose external id is this?");
        return Err(Error::invalid(vec![fault]));
    };
    check(conn, caller, system).await?;
    Ok((Some(system.to_owned()), Some(external_id.to_owned())))
}

/// Refuses the external ids of a source system that is not the caller's to write: whoever takes
/// `sap/4711` before the ERP does would read all that the ERP later writes to it.
pub(crate) async fn check(conn: &mut Conn, caller: &Caller, system: &str) -> Result<()> {
    let (allowed, why) = if caller.is_machine() {
        let own = caller.source_system() == Some(system);
        (own, "a client writes the external ids of its own source system only")
    } else {
        let free = caller.is(Role::Admin) || !api_client::owns(conn, system).await?;
        (free, "only its API client and admins write the external ids of this source system")
    };
    if allowed {
        return Ok(());
    }
    let fault = Fault::new("/source_system", "foreign_source_system", why);
    Err(Error::forbidden_because("foreign_source_system", why).faults(vec![fault]))
}
