//! Messages for values that do not conform to the OpenAPI document.

use jsonschema::JsonType;
use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind as Kind};
use serde_json::Value;

use super::error::Fault;
use super::money::DECIMAL;
use super::shape::MOST;
use super::time::{Date, Timestamp};

/// Translates an error of the validator into faults and adds them.
pub(crate) fn explain(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
    let at = error.instance_path.as_str();
    let code =
        match &error.kind {
            Kind::AdditionalProperties { unexpected } => {
                return faults.extend(unexpected.iter().take(MOST).map(|name| {
                    Fault::new(format!("{at}/{name}"), "unknown_field", "no such field")
                }));
            }
            Kind::Required { property } => {
                let pointer = format!("{at}/{}", property.as_str().unwrap_or_default());
                return faults.push(Fault::new(pointer, "required", "this field is required"));
            }
            // A nullable type is `oneOf [null, T]`. Only the mismatch with `T` is of interest.
            Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
                return context.iter().flatten().for_each(|error| {
                    if !is_null_branch(error) {
                        explain(error, faults);
                    }
                });
            }
            Kind::Format { format }
                if error.instance.as_str().is_some_and(|text| is_read(format, text)) =>
            {
                let why = format!("between {} and {}", Date::FIRST, Date::LAST);
                return faults.push(Fault::new(at, "range", why));
            }
            Kind::Type { .. } => "type",
            Kind::MaxLength { .. } => "too_long",
            Kind::MinLength { .. } => "too_short",
            Kind::MaxItems { .. } => "too_many",
            Kind::MinItems { .. } => "too_few",
            Kind::Minimum { .. } | Kind::Maximum { .. } => "range",
            Kind::Enum { .. } => "unknown_value",
            Kind::Format { .. } | Kind::Pattern { .. } => "format",
            _ => "invalid",
        };
    faults.push(Fault::new(at, code, expectation(&error.kind)));
}

/// Describes the values that are allowed. The message never repeats the value that was sent, which
/// may be a password, and never shows a regular expression.
fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => format!("must be {}", type_names(kind)),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxItems { limit } => format!("at most {limit} items"),
        Kind::MinItems { limit } => format!("at least {limit} items"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Enum { options: Value::Array(options) } => {
            let options: Vec<_> = options.iter().filter_map(Value::as_str).collect();
            format!("one of {}", options.join(", "))
        }
        Kind::Format { format } => match &**format {
            "date" => "a date such as 2026-03-31".into(),
            "date-time" => "a timestamp such as 2026-03-31T08:00:00Z".into(),
            "uuid" => "a UUID".into(),
            _ => FORM.into(),
        },
        Kind::Pattern { pattern } => form(pattern).into(),
        _ => "not allowed by the API document".into(),
    }
}

const FORM: &str = "not in the documented format";

fn type_names(kind: &TypeKind) -> String {
    let names: Vec<String> = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => {
            several.iter().map(|one| ToString::to_string(&one)).collect()
        }
    };
    names.join(" or ")
}

/// Checks whether the text is a date or an instant, regardless of the valid range.
fn is_read(format: &str, text: &str) -> bool {
    match format {
        "date" => Date::read(text).is_some(),
        "date-time" => Timestamp::read(text).is_some(),
        _ => false,
    }
}

/// Describes a pattern in words, because users cannot be expected to read regular expressions.
fn form(pattern: &str) -> &'static str {
    match pattern {
        DECIMAL => {
            "a decimal string such as \"12.50\": at most 13 digits before the point and 6 after it"
        }
        r"^[0-9]{4}(-Q[1-4]|-[01][0-9]|-W[0-5][0-9])?$" => {
            "a period such as 2026, 2026-Q3, 2026-07 or 2026-W31"
        }
        "^[A-Z]{3}$" => "an ISO 4217 currency code such as CNY",
        r"^[^@\s]+@[^@\s]+$" => "an email address such as name@example.com",
        "^[a-z][a-z0-9_]{0,39}$" => {
            "at most 40 lower-case letters, digits and underscores, beginning with a letter"
        }
        "^[0-9]{1,4}(,[0-9]{1,4}){0,9}$" => {
            "up to 10 numbers of days separated by commas, such as 30,60,90"
        }
        r"^\S+$" => "must not contain spaces",
        _ => FORM,
    }
}

fn is_null_branch(error: &ValidationError<'_>) -> bool {
    matches!(&error.kind, Kind::Type { kind: TypeKind::Single(JsonType::Null) })
}
