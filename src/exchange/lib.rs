//! Brings data into the service from outside, over HTTP: a folder of CSV files in the exchange
//! format (`docs/exchange-format.md`), or items that a program has made. It knows the public API
//! only, nothing of the service's insides.

mod client;
mod error;
mod folder;
mod format;
mod import;
mod item;
mod nested;
mod outcome;
mod patience;
mod progress;
mod rejected;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use client::{Client, Credentials, Notice};
pub use error::{Error, Result};
pub use import::{Options, import};
pub use outcome::{Fault, Outcome, Problem, Status};
pub use patience::Patience;
pub use summary::{FileSummary, Summary};
