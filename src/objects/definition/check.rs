//! Rules of definitions that the API document does not express. Every fault has a pointer.

use std::collections::BTreeSet;

use access::Role;
use platform::Fault;

use super::{
    Actor, Choice, Definition, Field, FieldType, State, Target, Transition, Viewer, guard,
};

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

/// Names of types that paths or the change feed use for something else.
const TAKEN: &[&str] = &["batch", "history", "report", "related", "object", "objects"];

/// Actions whose paths mean something else.
const OTHER_PATHS: &[&str] = &["batch", "history", "report", "members", "related"];

/// Options of all fields of a definition. The compiled checks contain each of them three times.
const OPTIONS: usize = 2_000;

/// Faults in one answer, as for other bodies.
const FAULTS: usize = 100;

/// Returns the faults of a definition that stands at this pointer.
pub fn check(definition: &Definition, at: &str) -> Vec<Fault> {
    let mut faults = Faults { at, found: vec![] };
    let Definition { key, fields, states, transitions, .. } = definition;
    if TAKEN.contains(&key.as_str()) {
        faults.add_reserved("/key");
    }
    if !definition.readers.contains(&Role::Admin) {
        faults.add("/readers", "invalid", "administrators must be among the readers");
    }
    if fields.iter().map(|field| field.options.len()).sum::<usize>() > OPTIONS {
        faults.add("/fields", "too_many", "all fields of a type have at most 2,000 options");
    }
    faults.add_repeated("/fields", "/key", fields.iter().map(|field| &field.key));
    faults.add_repeated("/states", "/key", states.iter().map(|state| &state.key));
    faults.add_repeated("/transitions", "/action", transitions.iter().map(|step| &step.action));

    for (index, field) in fields.iter().enumerate() {
        faults.add_field(&format!("/fields/{index}"), field);
    }
    if states.first().is_some_and(|state| state.is_final) {
        faults.add("/states/0/final", "invalid", "objects would end when they are created");
    }
    if definition.is_seen_by_customer() && !definition.has_customer() {
        let index = definition.visible_to.iter().position(|viewer| *viewer == Viewer::Customer);
        let pointer = format!("/visible_to/{}", index.unwrap_or_default());
        faults.add(&pointer, "invalid", "the objects have no field `customer_id`");
    }
    for (index, transition) in transitions.iter().enumerate() {
        faults.add_transition(&format!("/transitions/{index}"), transition, definition);
    }
    faults.add_unreachable(states, transitions);
    faults.found.extend(guard::faults(definition, at));
    faults.found.truncate(FAULTS);
    faults.found
}

/// The faults that were found, with pointers below that of the definition.
struct Faults<'a> {
    at: &'a str,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, pointer: &str, code: &'static str, message: &'static str) {
        self.found.push(Fault::new(format!("{}{pointer}", self.at), code, message));
    }

    fn add_reserved(&mut self, pointer: &str) {
        let why = "the name is used for something else";
        self.found.push(Fault::new(format!("{}{pointer}", self.at), "reserved", why));
    }

    /// Adds a fault for each name that occurred before.
    fn add_repeated<'a>(&mut self, list: &str, name: &str, keys: impl Iterator<Item = &'a String>) {
        let mut seen = BTreeSet::new();
        for (index, key) in keys.enumerate() {
            if !seen.insert(key) {
                let pointer = format!("{list}/{index}{name}");
                self.add(&pointer, "duplicate", "the name occurs more than once");
            }
        }
    }

    fn add_field(&mut self, at: &str, field: &Field) {
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
        if (key == "customer_id") != (*to == Some(Target::Customer)) && is_reference {
            let why = "the customer of an object is its field `customer_id`";
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

    fn add_transition(&mut self, at: &str, transition: &Transition, definition: &Definition) {
        let Transition { action, from, to, actors, roles, requires, takes, stamps, .. } =
            transition;
        if OTHER_PATHS.contains(&action.as_str()) {
            self.add_reserved(&format!("{at}/action"));
        }
        for (index, key) in from.iter().enumerate() {
            let pointer = format!("{at}/from/{index}");
            match definition.state(key) {
                None => self.add(&pointer, "unknown_value", "not a state of the type"),
                Some(state) if state.is_final => {
                    self.add(&pointer, "invalid", "a final state cannot be left");
                }
                Some(_) => {}
            }
        }
        self.add_repeated(&format!("{at}/from"), "", from.iter());
        if definition.state(to).is_none() {
            self.add(&format!("{at}/to"), "unknown_value", "not a state of the type");
        }
        if actors.is_empty() && roles.is_empty() {
            self.add(&format!("{at}/actors"), "required", "nobody could take the action");
        }
        if transition.never_author && actors == &[Actor::Author] && roles.is_empty() {
            self.add(&format!("{at}/never_author"), "invalid", "nobody could take the action");
        }
        let named = [("requires", requires), ("takes", takes), ("stamps", stamps)];
        for (list, keys) in named {
            for (index, key) in keys.iter().enumerate() {
                let pointer = format!("{at}/{list}/{index}");
                let field = definition.field(key);
                if field.is_none() {
                    self.add(&pointer, "unknown_value", "not a field of the type");
                }
                let is_time =
                    |field: &Field| matches!(field.type_, FieldType::Date | FieldType::Instant);
                if list == "stamps" && !field.is_none_or(is_time) {
                    self.add(&pointer, "invalid", "only dates and instants are set to now");
                }
                if key == "customer_id" {
                    self.add(&pointer, "invalid", "the customer of an object does not change");
                }
            }
        }
    }

    /// Adds a fault for each state that no object can reach.
    fn add_unreachable(&mut self, states: &[State], transitions: &[Transition]) {
        let Some(first) = states.first() else { return };
        let mut reached = BTreeSet::from([&first.key]);
        loop {
            let next =
                transitions.iter().filter(|it| it.from.iter().any(|it| reached.contains(it)));
            let before = reached.len();
            let next: Vec<&String> = next.map(|transition| &transition.to).collect();
            reached.extend(next);
            if reached.len() == before {
                break;
            }
        }
        for (index, state) in states.iter().enumerate() {
            if !reached.contains(&state.key) {
                let pointer = format!("/states/{index}");
                self.add(&pointer, "invalid", "no action leads to this state");
            }
        }
    }
}
