//! The size of the long tests: a fixed sample in a normal run, everything with `TORTURE_MINUTES`,
//! which `make torture` sets.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Mutex;

fn torture_minutes() -> Option<usize> {
    std::env::var("TORTURE_MINUTES").ok()?.parse().ok()
}

/// Multiplies a count by `TORTURE_MINUTES`, if it is set.
pub fn often(count: usize) -> usize {
    count * torture_minutes().unwrap_or(1).max(1)
}

/// Returns the first value, or the second one if `TORTURE_MINUTES` is set.
#[track_caller]
pub fn or_in_torture<T>(as_a_rule: T, promised: T) -> T {
    if torture_minutes().is_some() {
        return promised;
    }
    report_sample(Location::caller());
    as_a_rule
}

/// Checks whether this run includes the case with this number. A run takes every case whose number
/// is a multiple of `one_in`; with `TORTURE_MINUTES` it takes all. `SAMPLE=1` takes the next
/// cases instead, and so on.
#[track_caller]
pub fn is_sampled(number: usize, one_in: usize) -> bool {
    let shift = std::env::var("SAMPLE").map_or(0, |shift| shift.parse().unwrap());
    or_in_torture((number + shift).is_multiple_of(one_in), true)
}

/// Reports once for each call that its test takes a sample. The line goes to the standard error
/// stream itself, because the harness hides what passing tests print.
fn report_sample(call: &Location<'_>) {
    static REPORTED: Mutex<BTreeSet<(String, u32)>> = Mutex::new(BTreeSet::new());
    let place = (call.file().to_owned(), call.line());
    if REPORTED.lock().unwrap().insert(place) {
        let _ = writeln!(
            io::stderr(),
            "sampled: {}:{}; `make torture` takes everything",
            call.file(),
            call.line()
        );
    }
}
