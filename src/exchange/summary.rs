//! What an import did, in numbers.

use std::fmt;

use crate::outcome::{Outcome, Status};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileSummary {
    /// `orders.csv`
    pub file: String,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    /// Rows that are equal to one above
    pub superseded: usize,
    /// Kept by the service until their reference arrives
    pub pending: usize,
    pub failed: usize,
    pub seconds: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// In the order of the import
    pub files: Vec<FileSummary>,
    /// Nothing was changed: the counts are of what would have been done
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
    /// Rows that were refused; the import's exit code is not 0 when there are any.
    pub fn failed(&self) -> usize {
        self.files.iter().map(|it| it.failed).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.files.iter().map(|it| it.file.len()).max().unwrap_or(0).max(5);
        let head = ["created", "updated", "unchanged", "rejected", "seconds"];
        write!(out, "{:width$}", "file")?;
        head.iter().try_for_each(|name| write!(out, " {name:>10}"))?;
        let total = FileSummary {
            file: "total".into(),
            created: self.files.iter().map(|it| it.created).sum(),
            updated: self.files.iter().map(|it| it.updated).sum(),
            unchanged: self.files.iter().map(|it| it.unchanged).sum(),
            superseded: self.files.iter().map(|it| it.superseded).sum(),
            pending: self.files.iter().map(|it| it.pending).sum(),
            failed: self.failed(),
            seconds: self.seconds,
        };
        for it in self.files.iter().chain([&total]) {
            write!(out, "\n{:width$}", it.file)?;
            for count in [it.created, it.updated, it.unchanged, it.failed] {
                write!(out, " {count:>10}")?;
            }
            write!(out, " {:>10.1}", it.seconds)?;
            if it.superseded > 0 {
                write!(out, "  {} repeated", it.superseded)?;
            }
            if it.pending > 0 {
                write!(out, "  {} pending", it.pending)?;
            }
        }
        if self.dry_run {
            write!(out, "\ndry run: nothing was changed")?;
        }
        Ok(())
    }
}
