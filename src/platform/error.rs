//! One error type for the whole API, rendered as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, ResponseError};
use diesel::result::{DatabaseErrorKind, Error as DbError};
use serde_json::{Map, Value};

use super::language::{self, Translate};
pub use super::problem::{Fault, Problem, ProblemMembers, Problems};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason for which a request failed. Boxed, because it passes through every `?` of the
/// service.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Option<String>,
    faults: Vec<Fault>,
    members: Map<String, Value>,
    header: Option<(HeaderName, String)>,
    /// Seconds after which the client may try again
    retry_after: Option<i64>,
    /// The violated constraint, for [`Error::on_constraint`]. Never shown.
    constraint: Option<String>,
    /// Logged, never shown.
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self(Box::new(Inner {
            status,
            code: code.into(),
            detail: None,
            faults: vec![],
            members: Map::new(),
            header: None,
            retry_after: None,
            constraint: None,
            cause: None,
        }))
    }

    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code).detail(detail)
    }
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized")
    }
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden")
    }
    pub fn forbidden_because(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code).detail(detail)
    }
    /// 404, also for rows that the caller may not see.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found")
    }
    pub fn method_not_allowed(allow: String) -> Self {
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
        error.header(header::ALLOW, allow)
    }
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code).detail(detail)
    }
    /// 409 `wrong_status`: the status of the row does not allow the action. `current_status` names it,
    /// and so does the detail in place of `{}`.
    pub fn wrong_status(status: &str, detail: &str) -> Self {
        let error = Self::conflict("wrong_status", detail.replace("{}", status));
        error.member("current_status", status)
    }
    /// 429, with the seconds after which the client may try again.
    pub fn too_many_requests(code: &'static str, seconds: i64) -> Self {
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, code);
        error.0.retry_after = Some(seconds.max(1));
        error
    }
    pub fn gone(code: &'static str) -> Self {
        Self::new(StatusCode::GONE, code)
    }
    pub fn invalid(faults: Vec<Fault>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid").faults(faults)
    }
    /// Like [`Error::invalid`], for a rule with a code of its own.
    pub fn invalid_as(code: &'static str, faults: Vec<Fault>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).faults(faults)
    }
    pub fn unavailable(code: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code)
    }
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").cause(cause)
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }
    #[must_use]
    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.faults = faults;
        self
    }
    /// Sets the header that belongs to the status.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: String) -> Self {
        self.0.header = Some((name, value));
        self
    }
    /// Adds a member that is specific to this code, such as the current values for `stale`.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The pointer and message of each fault.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.faults.iter().map(|fault| (&*fault.pointer, &*fault.message))
    }

    /// The underlying cause, for logs and operators.
    pub fn cause_text(&self) -> String {
        self.0.cause.as_ref().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Checks for serialization failures, deadlocks and lock timeouts, after which a retry may
    /// succeed.
    pub fn is_transient(&self) -> bool {
        self.0.code == "busy"
    }

    /// Checks whether the database refused the rows because they violate a constraint.
    pub fn is_constraint(&self) -> bool {
        self.0.constraint.is_some()
    }

    pub fn violates(&self, constraint: &str) -> bool {
        self.0.constraint.as_deref() == Some(constraint)
    }

    /// Replaces a 404 by another error: for references, where 404 would be about the wrong
    /// resource.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.0.status == StatusCode::NOT_FOUND { other() } else { self }
    }

    /// Turns the violation of a named constraint into a fault of one field: 409 for a value that
    /// another row has (code `duplicate`), 422 for all others.
    #[must_use]
    pub fn on_constraint(mut self, name: &str, pointer: &str, code: &'static str) -> Self {
        if !self.violates(name) {
            return self;
        }
        let (status, why) = match code {
            "duplicate" => (StatusCode::CONFLICT, taken(pointer)),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "not accepted by the database"),
        };
        (self.0.status, self.0.code) = (status, code.into());
        self.0.faults = vec![Fault::new(pointer, code, why)];
        self
    }

    /// Marks the error as the violation of a constraint, so that a batch searches for the row at
    /// fault.
    #[must_use]
    pub fn as_constraint(mut self, name: &str) -> Self {
        self.0.constraint = Some(name.to_owned());
        self
    }

    pub fn problem(&self) -> Problem {
        let error = &self.0;
        Problem {
            type_: format!("/problems/{}", error.code),
            title: error.status.canonical_reason().unwrap_or_default().to_owned(),
            status: error.status.as_u16(),
            code: error.code.to_string(),
            detail: error.detail.clone(),
            instance: None,
            errors: error.faults.clone(),
            members: error.members.clone(),
        }
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        use DatabaseErrorKind as Kind;
        let DbError::DatabaseError(kind, info) = &error else {
            return match error {
                DbError::NotFound => Self::not_found(),
                // Only a broken connection leaves a transaction in this state.
                DbError::BrokenTransactionManager => Self::unavailable("unavailable").cause(error),
                DbError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
                other => Self::internal(other),
            };
        };

        let constraint = info.constraint_name().map(str::to_owned);
        let mut mapped = match kind {
            Kind::UniqueViolation => Self::new(StatusCode::CONFLICT, "duplicate"),
            Kind::ForeignKeyViolation => Self::new(StatusCode::CONFLICT, "still_referenced"),
            Kind::CheckViolation | Kind::NotNullViolation => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "out_of_range")
            }
            Kind::SerializationFailure => Self::unavailable("busy"),
            Kind::ClosedConnection | Kind::ReadOnlyTransaction => Self::unavailable("unavailable"),
            // Diesel has no kind for these SQLSTATEs, so the server's English message must do.
            _ if info.message().contains("deadlock detected") => Self::unavailable("busy"),
            _ if info.message().contains("lock timeout") => Self::unavailable("busy"),
            _ if info.message().contains("statement timeout") => Self::unavailable("timeout"),
            _ if is_out_of_reach(info.message()) => Self::unavailable("unavailable"),
            _ if is_bad_data(info.message()) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "out_of_range")
            }
            _ => return Self::internal(error),
        };

        mapped.0.constraint = constraint;
        mapped.cause(error)
    }
}

/// Checks whether the server is stopping, starting, overloaded or gone, so that a retry may
/// succeed.
fn is_out_of_reach(message: &str) -> bool {
    let signs = [
        "terminating connection",
        "the database system is",
        "canceling statement due to user request",
        "too many c",
        "remaining connection slots",
        "No space left on device",
        "out of memory",
        "out of shared memory",
        // Messages of the client library
        "connection closed",
        "error communicating with the server",
    ];
    signs.iter().any(|sign| message.contains(sign))
}

/// Checks whether a value cannot be stored in its column (SQLSTATE 22xxx).
fn is_bad_data(message: &str) -> bool {
    let signs = ["field overflow", "out of range", "value too long", "invalid byte sequence"];
    signs.iter().any(|sign| message.contains(sign))
}

/// The message for a value that another row has. Codes and numbers are unique across source
/// systems.
pub fn taken(pointer: &str) -> &'static str {
    match pointer {
        "/code" | "/number" | "/username" => {
            "another row has this value, possibly from another source system; codes must be unique \
             across systems, so give each system its own prefix"
        }
        _ => "another row has this value",
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults = self.reasons().map(|(pointer, message)| format!("{pointer}: {message}"));
        let detail = self.0.detail.iter().cloned();
        let reasons: Vec<_> = detail.chain(faults).collect();
        let colon = if reasons.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", self.0.code, reasons.join("; "))
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(None, None)
    }
}

impl Error {
    /// Renders the response to the request with this id, in the language of the reader. Server
    /// errors are logged. Without an id nothing is logged, because the response is not the final
    /// one yet.
    pub fn answer(&self, request: Option<&str>, chinese: Option<Translate>) -> HttpResponse {
        let status = self.0.status;
        if let Some(id) = request
            && status.is_server_error()
        {
            // Without a cause nothing has failed: the service is overloaded, or two writes
            // collided.
            match &self.0.cause {
                None => tracing::warn!(id, code = %self.0.code, "request refused for now"),
                cause => tracing::error!(id, code = %self.0.code, ?cause, "request failed"),
            }
        }

        let mut response = HttpResponse::build(status);
        match status {
            StatusCode::UNAUTHORIZED => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            }
            StatusCode::SERVICE_UNAVAILABLE => response.insert_header((header::RETRY_AFTER, "1")),
            StatusCode::CONFLICT if self.0.code == "request_in_progress" => {
                response.insert_header((header::RETRY_AFTER, "1"))
            }
            _ => &mut response,
        };
        if let Some(seconds) = self.0.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some((name, value)) = &self.0.header {
            response.insert_header((name, value.as_str()));
        }

        let mut problem = self.problem();
        problem.instance = request.map(str::to_owned);
        let body = language::written(chinese, || serde_json::to_vec(&problem)).unwrap_or_default();
        response
            .insert_header((
                header::CONTENT_LANGUAGE,
                if chinese.is_some() { "zh-CN" } else { "en" },
            ))
            .content_type("application/problem+json")
            .body(body)
    }
}
