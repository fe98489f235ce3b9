//! Rules of fields that the API document does not express. Every fault has a pointer.

use std::collections::BTreeSet;

use platform::Fault;

use crate::{Choice, Field, FieldType};

/// Names of fields that every object has, of members that `expand` adds, of parameters of lists, which
/// filter by fields, and of values in guards.
const RESERVED: &[&str] = &[
    "id",
    "version",
    "type",
    "definition_version",
    "number",
    "status",
    "author_id",
    "author",
    "owner_id",
    "owner",
    "customer",
    "source_system",
    "external_id",
    "ended_at",
    "created_at",
    "updated_at",
    "masked_fields",
    "custom",
    "cursor",
    "limit",
    "total",
    "expand",
    "fields",
    "sort",
    "updated_from",
    "open",
    "op",
    "caller_id",
];

/// Faults in one answer, as for other bodies.
const FAULTS: usize = 100;

/// The faults that were found, with pointers below that of the definition.
pub struct Faults<'a> {
    at: &'a str,
    found: Vec<Fault>,
}

impl<'a> Faults<'a> {
    /// Begins without faults, at the place of the definition.
    pub const fn at(at: &'a str) -> Self {
        Self { at, found: vec![] }
    }

    /// Returns the faults, a limited number of them.
    pub fn into_vec(mut self) -> Vec<Fault> {
        self.found.truncate(FAULTS);
        self.found
    }

    /// Adds faults whose pointers are complete.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.found.extend(faults);
    }

    /// Adds a fault.
    pub fn add(&mut self, pointer: &str, code: &'static str, message: &'static str) {
        self.found.push(Fault::new(format!("{}{pointer}", self.at), code, message));
    }

    /// Adds a fault for a name that means something else.
    pub fn add_reserved(&mut self, pointer: &str) {
        let why = "the name is used for something else";
        self.found.push(Fault::new(format!("{}{pointer}", self.at), "reserved", why));
    }

    /// Adds a fault for each name that occurred before.
    pub fn add_repeated<'b>(
        &mut self,
        list: &str,
        name: &str,
        keys: impl Iterator<Item = &'b String>,
    ) {
        let mut seen = BTreeSet::new();
        for (index, key) in keys.enumerate() {
            if !seen.insert(key) {
                let pointer = format!("{list}/{index}{name}");
                self.add(&pointer, "duplicate", "the name occurs more than once");
            }
        }
    }

    /// Adds the faults of a field at this place.
    pub fn add_field(&mut self, at: &str, field: &Field) {
        let Field { key, type_, to, options, .. } = field;
        let is_reference = *type_ == FieldType::Reference;
        if RESERVED.contains(&key.as_str())
            || ["_source_system", "_external_id"].iter().any(|ending| key.ends_with(ending))
        {
            self.add_reserved(&format!("{at}/key"));
        }
        if is_reference != key.ends_with("_id") {
            let why = "the names of references, and only these, end with `_id`";
            self.add(&format!("{at}/key"), "invalid", why);
        }
        if is_reference != to.is_some() {
            self.add(&format!("{at}/to"), "invalid", "required for references, and only for these");
        }
        let is_choice = matches!(type_, FieldType::Choice | FieldType::Choices);
        if is_choice == options.is_empty() {
            let why = "required for choices, and only for these";
            self.add(&format!("{at}/options"), "invalid", why);
        }
        self.add_repeated(
            &format!("{at}/options"),
            "/key",
            options.iter().map(|it: &Choice| &it.key),
        );
        let is_text = matches!(type_, FieldType::Text | FieldType::LongText);
        if field.max_length.is_some() && !is_text {
            self.add(&format!("{at}/max_length"), "invalid", "only texts have a length");
        }
        let limits = [("minimum", field.minimum), ("maximum", field.maximum)];
        for (name, limit) in limits {
            if limit.is_some() && *type_ != FieldType::Integer {
                self.add(&format!("{at}/{name}"), "invalid", "only whole numbers have limits");
            }
        }
        if let (Some(minimum), Some(maximum)) = (field.minimum, field.maximum)
            && minimum > maximum
        {
            self.add(&format!("{at}/maximum"), "range", "less than the minimum");
        }
        if field.required && field.by_action {
            let why = "new objects could not have a value that only actions set";
            self.add(&format!("{at}/required"), "invalid", why);
        }
    }
}
