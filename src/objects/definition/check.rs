//! Rules of definitions that the API document does not express. Every fault has a pointer.

use std::collections::BTreeSet;

use access::Role;
use fields::{Faults, Field, FieldType, Target};
use platform::Fault;

use super::{Actor, Definition, State, Transition, Viewer, guard};

/// Names of types that paths or the change feed use for something else.
const TAKEN: &[&str] = &["batch", "history", "report", "related", "object", "objects"];

/// Actions whose paths mean something else.
const OTHER_PATHS: &[&str] = &["batch", "history", "report", "members", "related"];

/// Options of all fields of a definition. The compiled checks contain each of them three times.
const OPTIONS: usize = 2_000;

/// Returns the faults of a definition that stands at this pointer.
pub fn check(definition: &Definition, at: &str) -> Vec<Fault> {
    let mut faults = Faults::at(at);
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
        let at = format!("/fields/{index}");
        faults.add_field(&at, field);
        let is_customer = field.key == "customer_id";
        if field.type_ == FieldType::Reference
            && is_customer != (field.to == Some(Target::Customer))
        {
            let why = "the customer of an object is its field `customer_id`";
            faults.add(&format!("{at}/key"), "invalid", why);
        }
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
        add_transition(&mut faults, &format!("/transitions/{index}"), transition, definition);
    }
    add_unreachable(&mut faults, states, transitions);
    faults.extend(guard::faults(definition, at));
    faults.into_vec()
}

fn add_transition(
    faults: &mut Faults<'_>,
    at: &str,
    transition: &Transition,
    definition: &Definition,
) {
    let Transition { action, from, to, actors, roles, requires, takes, stamps, .. } = transition;
    if OTHER_PATHS.contains(&action.as_str()) {
        faults.add_reserved(&format!("{at}/action"));
    }
    for (index, key) in from.iter().enumerate() {
        let pointer = format!("{at}/from/{index}");
        match definition.state(key) {
            None => faults.add(&pointer, "unknown_value", "not a state of the type"),
            Some(state) if state.is_final => {
                faults.add(&pointer, "invalid", "a final state cannot be left");
            }
            Some(_) => {}
        }
    }
    faults.add_repeated(&format!("{at}/from"), "", from.iter());
    if definition.state(to).is_none() {
        faults.add(&format!("{at}/to"), "unknown_value", "not a state of the type");
    }
    if actors.is_empty() && roles.is_empty() {
        faults.add(&format!("{at}/actors"), "required", "nobody could take the action");
    }
    if transition.never_author && actors == &[Actor::Author] && roles.is_empty() {
        faults.add(&format!("{at}/never_author"), "invalid", "nobody could take the action");
    }
    let named = [("requires", requires), ("takes", takes), ("stamps", stamps)];
    for (list, keys) in named {
        for (index, key) in keys.iter().enumerate() {
            let pointer = format!("{at}/{list}/{index}");
            let field = definition.field(key);
            if field.is_none() {
                faults.add(&pointer, "unknown_value", "not a field of the type");
            }
            let is_time =
                |field: &Field| matches!(field.type_, FieldType::Date | FieldType::Instant);
            if list == "stamps" && !field.is_none_or(is_time) {
                faults.add(&pointer, "invalid", "only dates and instants are set to now");
            }
            if key == "customer_id" {
                faults.add(&pointer, "invalid", "the customer of an object does not change");
            }
        }
    }
}

/// Adds a fault for each state that no object can reach.
fn add_unreachable(faults: &mut Faults<'_>, states: &[State], transitions: &[Transition]) {
    let Some(first) = states.first() else { return };
    let mut reached = BTreeSet::from([&first.key]);
    loop {
        let next = transitions.iter().filter(|it| it.from.iter().any(|it| reached.contains(it)));
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
            faults.add(&pointer, "invalid", "no action leads to this state");
        }
    }
}
