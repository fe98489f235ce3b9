//! The last resort of a batch: searching for the rows that the database refuses.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::error::{Error, Result};
use super::write::Tx;

/// Time limit of the search. A client that waits longer has given up.
const SEARCH: Duration = Duration::from_secs(10);

/// Writes rows in bulk. If the database refuses some of them, tries the halves separately, down to
/// the rows at fault. Rows that could not be tried in time are refused as `not_tried`. Returns the
/// errors of the refused rows, by index in `rows`.
pub async fn bisect<R>(
    tx: &mut Tx,
    rows: &[R],
    write: &impl AsyncFn(&mut Tx, &[R]) -> Result<()>,
) -> Result<HashMap<usize, Error>> {
    let (mut refused, mut parts) = (HashMap::new(), vec![(0, rows.len())]);

    let began = Instant::now();
    while let Some((start, end)) = parts.pop() {
        if began.elapsed() > SEARCH {
            let detail = "The database refused too many rows of this batch. This row was not \
                          processed; send it again.";
            let untried = || Error::conflict("not_tried", detail);
            refused.extend((start..end).map(|place| (place, untried())));
            continue;
        }

        match tx.attempt(async |tx| write(tx, &rows[start..end]).await).await {
            Ok(()) => {}
            Err(error) if !error.is_constraint() => return Err(error),
            Err(error) if end - start == 1 => drop(refused.insert(start, error)),
            Err(_) => {
                let middle = start.midpoint(end);
                parts.extend([(middle, end), (start, middle)]);
            }
        }
    }
    Ok(refused)
}
