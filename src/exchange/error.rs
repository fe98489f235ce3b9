//! Why an import stopped. Refused rows do not stop it: they are in the summary.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// The folder is not in the exchange format; nothing was sent. One fault per line.
    #[error("{}", .0.join("\n"))]
    Format(Vec<String>),
    #[error("{0}")]
    Option(String),
    #[error("the login was refused: {0}")]
    Login(String),
    /// The service did not take a whole batch, for a reason that a repetition does not cure.
    #[error("{path} answered {status}: {reason}")]
    Refused { path: String, status: u16, reason: String },
    #[error("{url} did not take a request within {seconds} s: {reason}")]
    Unavailable { url: String, seconds: u64, reason: String },
    #[error("{path} gave an answer that does not fit: {reason}")]
    Answer { path: String, reason: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    pub(crate) fn csv(path: &Path) -> impl FnOnce(csv::Error) -> Self {
        let path = path.to_owned();
        move |error| {
            let text = error.to_string();
            match error.into_kind() {
                csv::ErrorKind::Io(source) => Self::File { path, source },
                csv::ErrorKind::Utf8 { pos, .. } => {
                    let line = pos.map_or(0, |it| it.line());
                    Self::Format(vec![format!("{}: line {line} is not UTF-8", path.display())])
                }
                _ => Self::Format(vec![format!("{}: {text}", path.display())]),
            }
        }
    }
}
