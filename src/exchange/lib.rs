//! Imports data into the service over HTTP: a folder of CSV and XLSX files in the exchange format
//! (`docs/exchange-format.md`), or items from another program. It depends on the public API only
//! and on no internals of the service.

mod cell;
mod client;
mod delimited;
mod dry_run;
mod encoding;
mod error;
mod folder;
mod format;
mod grid;
mod headings;
mod import;
mod item;
mod nested;
mod outcome;
mod progress;
mod refusal;
mod rejected;
mod retry_limits;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod workbook;

pub use client::{Client, Credentials, Notice};
pub use error::{Error, Result};
pub use import::{Options, import};
pub use outcome::{Fault, Outcome, Problem, Status};
pub use retry_limits::RetryLimits;
pub use summary::{FileSummary, Summary};
