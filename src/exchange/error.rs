//! Errors that stop an import. Refused rows do not stop it; they are counted in the summary.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// Refused rows could not be written to a file. The accepted rows are in the service.
    #[error("{}: {source}", path.display())]
    Rejected { path: PathBuf, source: std::io::Error },
    /// The folder is not in the exchange format, and nothing was sent. One fault per line.
    #[error("{}", .0.join("\n"))]
    Format(Vec<String>),
    #[error("{0}")]
    Option(String),
    #[error("the login was refused: {0}")]
    Login(String),
    /// The service refused a whole batch, and repeating it would not help.
    #[error("{path} answered {status}: {reason}")]
    Refused { path: String, status: u16, reason: String },
    #[error("{url} did not take a request within {seconds} s: {reason}")]
    Unavailable { url: String, seconds: u64, reason: String },
    #[error("{path} gave an answer that does not fit: {reason}")]
    Answer { path: String, reason: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The exit code for this error: 2 if nothing was sent, 1 if some rows may be in the service.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::File { .. } | Self::Format(_) | Self::Option(_) | Self::Login(_) => 2,
            Self::Rejected { .. }
            | Self::Refused { .. }
            | Self::Unavailable { .. }
            | Self::Answer { .. } => 1,
        }
    }

    pub(crate) fn rejected(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Rejected { path, source }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
