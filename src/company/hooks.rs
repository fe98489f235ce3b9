//! What happens elsewhere when the company changes: the crates that count working time register
//! here, and app.rs wires them.

use std::sync::OnceLock;

use futures_util::future::LocalBoxFuture;
use platform::{Result, Tx};

/// Something to be done in the transaction of the change.
pub type Hook = for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<()>>;

/// Other holidays, another time zone or other working hours.
pub static CALENDAR: OnceLock<Vec<Hook>> = OnceLock::new();

pub(crate) async fn calendar_changed(tx: &mut Tx) -> Result<()> {
    for hook in CALENDAR.get().into_iter().flatten() {
        hook(tx).await?;
    }
    Ok(())
}
