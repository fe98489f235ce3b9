//! Outcomes of the items of a batch, as the service returns them.

use serde::Deserialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Created,
    Updated,
    Unchanged,
    /// Replaced by a later item with the same external id
    Superseded,
    /// Stored by the service until the referenced row arrives
    Pending,
    Failed,
}

/// The outcome of one item.
#[derive(Debug, Clone, Deserialize)]
pub struct Outcome {
    /// Index of the item in the batch, from 0
    pub index: usize,
    pub status: Status,
    /// Id of the row in the service
    pub id: Option<String>,
    pub problem: Option<Problem>,
}

/// Problem details (RFC 9457).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub title: String,
    pub detail: Option<String>,
    pub code: String,
    pub errors: Vec<Fault>,
    /// Sent instead of the other fields by the token endpoint (RFC 6749)
    pub error: Option<String>,
    pub error_description: Option<String>,
}

/// A fault in one field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// `/lines/0/quantity`
    pub pointer: String,
    pub code: String,
    pub message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub results: Vec<Outcome>,
}

impl Outcome {
    pub(crate) fn too_large() -> Self {
        let title = "the row alone is larger than the service takes".into();
        let problem = Some(Problem { title, ..Problem::default() });
        Self { index: 0, status: Status::Failed, id: None, problem }
    }
}

impl Problem {
    /// The reason in one line. `name` returns the name of an element of a nested list.
    pub fn reason(&self, name: impl Fn(&str, usize) -> Option<String>) -> String {
        let faults = self.errors.iter().map(|fault| {
            let mut parts = fault.pointer.trim_start_matches('/').split('/').collect::<Vec<_>>();
            let element = match parts[..] {
                [list, place, ..] => place.parse().ok().and_then(|place| name(list, place)),
                _ => None,
            };
            if element.is_some() {
                parts.drain(..2);
            }
            let place = element.into_iter().chain((!parts.is_empty()).then(|| parts.join("/")));
            let place = place.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            let message = if fault.message.is_empty() { &fault.code } else { &fault.message };
            if place.is_empty() { message.clone() } else { format!("{place}: {message}") }
        });

        let faults = faults.collect::<Vec<_>>().join("; ");
        let whole = [&self.detail, &self.error_description, &self.error];
        match whole.into_iter().flatten().next() {
            _ if !faults.is_empty() => faults,
            Some(text) if !text.is_empty() => text.clone(),
            _ => self.title.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_line_names_the_line() {
        let fault = |pointer: &str, message: &str| serde_json::json!({ "pointer": pointer, "code": "range", "message": message });
        let reason = |errors: Vec<serde_json::Value>| {
            let body = serde_json::json!({ "title": "Unprocessable", "errors": errors });
            let problem: Problem = serde_json::from_value(body).unwrap();
            problem.reason(|list, at| (list == "lines").then(|| format!("line {}", at + 10)))
        };
        let both = vec![fault("/lines/1/quantity", "not zero"), fault("/status", "unknown")];
        assert_eq!(reason(both), "line 11, quantity: not zero; status: unknown");
        assert_eq!(reason(vec![fault("/lines/0", "gone")]), "line 10: gone");
        assert_eq!(reason(vec![fault("/credits/0/user_id", "gone")]), "credits/0/user_id: gone");
        assert_eq!(reason(vec![fault("", "all wrong")]), "all wrong");
        assert_eq!(reason(vec![]), "Unprocessable");
    }
}
