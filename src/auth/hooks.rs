//! What happens elsewhere when something happens here. The app fills these lists once, before it
//! serves: a domain further down cannot be called from here otherwise.

use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use platform::{Result, Tx};
use uuid::Uuid;

/// Something to be done in the transaction of the change, for these people.
pub type Hook = for<'a> fn(&'a mut Tx, &'a [Uuid]) -> BoxFuture<'a, Result<()>>;

/// These people have been in no team before, and are in one now: what waited for a team path can
/// be given it.
pub static FIRST_MEMBERSHIP: OnceLock<Vec<Hook>> = OnceLock::new();

pub(crate) async fn run(hooks: &OnceLock<Vec<Hook>>, tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if !people.is_empty() {
        for hook in hooks.get().into_iter().flatten() {
            hook(tx, people).await?;
        }
    }
    Ok(())
}
