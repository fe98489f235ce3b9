//! The rule for writing external ids 外部编号. API clients may write those of their own source system,
//! users those of source systems without an API client, and admins all. Every create and every
//! batch checks it.

use access::{Caller, Role};
use platform::{Error, Fault, Result, Tx};

use crate::hooks::Hooks;

/// Returns the source system and the external id of a new row. Both are `None` if no external id
/// was sent. Default of the source system: the caller's own.
pub async fn key_of(
    tx: &mut Tx,
    caller: &Caller,
    source_system: Option<&str>,
    external_id: Option<&str>,
) -> Result<(Option<String>, Option<String>)> {
    let Some(external_id) = external_id else { return Ok((None, None)) };
    let system = source_of(tx, caller, source_system).await?;
    Ok((Some(system), Some(external_id.to_owned())))
}

/// Returns the source system of external ids, default: the caller's own. Checks that the caller may
/// write them: otherwise a user who takes `sap/4711` before the ERP does could read everything that
/// the ERP later writes to that row.
pub(crate) async fn source_of(
    tx: &mut Tx,
    caller: &Caller,
    source_system: Option<&str>,
) -> Result<String> {
    let Some(system) = source_system.or(caller.source_system()) else {
        let fault = Fault::new("/source_system", "required", "required with an external id");
        return Err(Error::invalid(vec![fault]));
    };
    let (allowed, why) = if caller.is_machine() {
        let own = caller.source_system() == Some(system);
        (own, "A client can write only the external ids of its own source system.")
    } else {
        let has_client = tx.extension::<Hooks>()?.has_client;
        let free = caller.is(Role::Admin) || !has_client(tx.conn(), system).await?;
        (free, "Only the API client of this source system and admins can write its external ids.")
    };
    if allowed {
        return Ok(system.to_owned());
    }
    let fault = Fault::new("/source_system", "foreign_source_system", why);
    Err(Error::forbidden_because("foreign_source_system", why).faults(vec![fault]))
}
