//! One error type for the whole API, rendered as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, ResponseError};
use diesel::result::{DatabaseErrorKind, Error as DbError};
use serde_json::{Map, Value};

use super::language;
pub use super::problem::{Fault, Problem, ProblemMembers, Problems};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not served. Boxed: it travels through every `?` of the service.
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
    /// In seconds
    retry_after: Option<i64>,
    /// The constraint that the rows violate: for [`Error::on_constraint`], not for the world.
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
    /// Also the answer for rows that the caller may not see.
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
    /// Somebody tries too often.
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
    /// The same for a rule that has a code of its own.
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
    /// Adds the header that goes with the status.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: String) -> Self {
        self.0.header = Some((name, value));
        self
    }
    /// Adds a member of this code's own, such as the values that a stale change missed.
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

    /// The faults: pointer and message of each.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.faults.iter().map(|fault| (&*fault.pointer, &*fault.message))
    }

    /// What lies behind it, for those who run the service.
    pub fn cause_text(&self) -> String {
        self.0.cause.as_ref().map_or_else(|| self.to_string(), ToString::to_string)
    }

    /// Serialization failures and deadlocks: the same work may succeed when it runs again.
    pub fn is_transient(&self) -> bool {
        self.0.code == "busy"
    }

    /// The database refused the rows themselves, not the connection or the moment.
    pub fn is_constraint(&self) -> bool {
        self.0.constraint.is_some()
    }

    pub fn violates(&self, constraint: &str) -> bool {
        self.0.constraint.as_deref() == Some(constraint)
    }

    /// In place of "not found": for references, where 404 would be about the wrong thing.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self.0.status == StatusCode::NOT_FOUND { other() } else { self }
    }

    /// Turns the violation of a named constraint into a fault of one field. A value that another
    /// row has is a conflict; all else is wrong in itself.
    #[must_use]
    pub fn on_constraint(mut self, name: &str, pointer: &str, code: &'static str) -> Self {
        if !self.violates(name) {
            return self;
        }
        let (status, why) = match code {
            "duplicate" => (StatusCode::CONFLICT, taken(pointer)),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "the database refuses this value"),
        };
        (self.0.status, self.0.code) = (status, code.into());
        self.0.faults = vec![Fault::new(pointer, code, why)];
        self
    }

    /// As if the database had refused the rows, so that a batch looks for the one at fault.
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
                // Only a connection that has broken off leaves a transaction in such a state.
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
            // diesel has no kind for these SQLSTATEs, so the server's English message must do.
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

/// Whether the server is going, coming, full, or no longer there: what a later try may find better.
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
        // What the client says of the connection
        "connection closed",
        "error communicating with the server",
    ];
    signs.iter().any(|sign| message.contains(sign))
}

/// Whether a value is none that a column can hold (SQLSTATE 22xxx).
fn is_bad_data(message: &str) -> bool {
    let signs = ["field overflow", "out of range", "value too long", "invalid byte sequence"];
    signs.iter().any(|sign| message.contains(sign))
}

/// The message for a value that another row has. Source systems share one space of codes and numbers.
pub fn taken(pointer: &str) -> &'static str {
    match pointer {
        "/code" | "/number" | "/username" => {
            "another row has this value, perhaps from another source system: codes are unique across \
             systems, so give each system a prefix of its own"
        }
        _ => "another one has this value",
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
        self.answer(None, false)
    }
}

impl Error {
    /// The answer to the request with this id, in the language of its reader; without an id it is
    /// not yet the one that is sent, and no cause is logged.
    pub fn answer(&self, request: Option<&str>, chinese: bool) -> HttpResponse {
        let status = self.0.status;
        if let Some(id) = request
            && status.is_server_error()
        {
            // Without a cause nothing has failed: there is too much to do, or two writes have met.
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
            .insert_header((header::CONTENT_LANGUAGE, if chinese { "zh-CN" } else { "en" }))
            .content_type("application/problem+json")
            .body(body)
    }
}
