//! Row counts of an import.

use std::fmt;

use crate::outcome::{Outcome, Status};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileSummary {
    /// Name in the format, such as `orders.csv`
    pub file: String,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Rows that repeat an earlier row
    pub superseded: usize,
    /// Rows that the service stores until the referenced row arrives
    pub pending: usize,
    pub failed: usize,
    pub seconds: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Summaries in import order
    pub files: Vec<FileSummary>,
    /// True for a dry run: nothing was changed, and the counts show what an import would do
    pub dry_run: bool,
    pub seconds: f64,
}

impl FileSummary {
    pub fn count(&mut self, outcome: &Outcome) {
        *match outcome.status {
            Status::Created => &mut self.created,
            Status::Updated => &mut self.updated,
            Status::Unchanged => &mut self.unchanged,
            Status::Superseded => &mut self.superseded,
            Status::Pending => &mut self.pending,
            Status::Failed => &mut self.failed,
        } += 1;
    }
}

impl Summary {
    /// The number of refused rows. The exit code of the import is not 0 if there are any.
    pub fn failed(&self) -> usize {
        self.files.iter().map(|file| file.failed).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.files.iter().map(|file| file.file.len()).max().unwrap_or(0).max(5);
        let head = ["created", "updated", "unchanged", "rejected", "seconds"];
        write!(out, "{:width$}", "file")?;
        head.iter().try_for_each(|name| write!(out, " {name:>10}"))?;

        let total = FileSummary {
            file: "total".into(),
            created: self.files.iter().map(|file| file.created).sum(),
            updated: self.files.iter().map(|file| file.updated).sum(),
            unchanged: self.files.iter().map(|file| file.unchanged).sum(),
            superseded: self.files.iter().map(|file| file.superseded).sum(),
            pending: self.files.iter().map(|file| file.pending).sum(),
            failed: self.failed(),
            seconds: self.seconds,
        };

        for file in self.files.iter().chain([&total]) {
            write!(out, "\n{:width$}", file.file)?;
            for count in [file.created, file.updated, file.unchanged, file.failed] {
                write!(out, " {count:>10}")?;
            }
            write!(out, " {:>10.1}", file.seconds)?;
            if file.superseded > 0 {
                write!(out, "  {} repeated", file.superseded)?;
            }
            if file.pending > 0 {
                write!(out, "  {} pending", file.pending)?;
            }
        }

        if self.dry_run {
            write!(out, "\ndry run: nothing was changed")?;
        }
        Ok(())
    }
}
