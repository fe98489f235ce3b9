//! Reading batches. Items are read one at a time, and each is validated and turned back into text
//! at once, so that the values of all items are never in memory together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use actix_web::http::StatusCode;
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Fault, Result};
use super::json::{ITEMS, Notes, Receiver};
use super::shape;

/// Maximum number of items in a batch.
const MOST_ITEMS: usize = 10_000;

/// Maximum number of elements in all lists of all items: order lines, credits, allocations,
/// instalments. The time of a batch depends on its elements, so this limit bounds it, and not the
/// one of items.
const MOST_ELEMENTS: usize = 200_000;

/// Number of faults in all items after which only the first fault of each further item is kept.
const MOST_FAULTS: usize = 20_000;

/// An item as text. As values, ten thousand items would take most of a batch's memory.
pub(super) struct Sent {
    text: Box<str>,
    pub external_id: Option<Box<str>>,
    /// Faults found by the validation, and those that only the parser can see
    pub faults: Vec<Fault>,
}

impl Sent {
    pub fn of(item: &Value, check: &Validator) -> Self {
        let faults = shape::faults(check, item);
        let external_id = item["external_id"].as_str().map(Into::into);
        Self { text: item.to_string().into(), external_id, faults }
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text).map_err(Error::internal)
    }

    /// Size of the text in bytes
    pub fn size(&self) -> usize {
        self.text.len()
    }
}

/// The validators of a batch without its items, and of an item.
#[derive(Clone, Copy)]
pub(super) struct Checks {
    pub batch: &'static Validator,
    pub item: &'static Validator,
}

/// The items of a batch as they are received.
struct Items {
    check: &'static Validator,
    kept: RefCell<Vec<Sent>>,
    skipped: Cell<usize>,
    /// Number of faults in all items
    faults: Cell<usize>,
}

impl Items {
    fn new(check: &'static Validator) -> Self {
        let (kept, skipped, faults) = (RefCell::default(), Cell::default(), Cell::default());
        Self { check, kept, skipped, faults }
    }
}

impl Receiver for Items {
    fn wants_more(&self) -> bool {
        self.kept.borrow().len() < MOST_ITEMS
    }

    fn take(&self, item: Value) {
        let mut sent = Sent::of(&item, self.check);
        if self.faults.get() > MOST_FAULTS {
            sent.faults.truncate(1);
        }
        if !sent.faults.is_empty() {
            // The item fails, so that its text is never read.
            sent.text = "".into();
        }
        self.faults.update(|count| count + sent.faults.len());
        self.kept.borrow_mut().push(sent);
    }

    fn skip(&self) {
        self.skipped.update(|count| count + 1);
    }
}

/// Reads a batch from a JSON object. Returns its members, with an empty list in place of the items,
/// and the items.
pub(super) fn read(bytes: &[u8], checks: Checks) -> Result<(Value, Vec<Sent>)> {
    let items = Items::new(checks.item);
    let notes = Notes::of_batch(&items, MOST_ELEMENTS);
    let body = notes.read(bytes)?;
    finish(body, checks, notes, &items)
}

/// Reads a batch from lines of JSON, with its options from the query. A malformed line fails the
/// whole batch, because it is more likely an interrupted upload than a single bad item.
pub(super) fn read_lines(
    mut options: Value,
    bytes: &[u8],
    checks: Checks,
) -> Result<(Value, Vec<Sent>)> {
    let items = Items::new(checks.item);
    let notes = Notes::of_batch(&items, MOST_ELEMENTS);
    let lines = bytes.split(|byte| *byte == b'\n');
    for (index, line) in lines.filter(|line| !line.trim_ascii().is_empty()).enumerate() {
        notes.read_item(index, line).map_err(|error| {
            let at = format!("/{ITEMS}/{index}");
            error.faults(vec![Fault::new(at, "malformed_json", "this line is not valid JSON")])
        })?;
    }
    options[ITEMS] = Value::Array(vec![]);
    finish(options, checks, notes, &items)
}

/// Refuses a batch that is too large or has invalid options, and adds the faults found by the
/// parser to their items.
fn finish(
    body: Value,
    checks: Checks,
    notes: Notes<'_>,
    items: &Items,
) -> Result<(Value, Vec<Sent>)> {
    let mut kept = items.kept.take();
    let (count, elements) = (kept.len() + items.skipped.get(), notes.elements());
    if count > MOST_ITEMS {
        // Only this fault: nobody reads the faults of a million items.
        let why = format!("at most {MOST_ITEMS} items");
        return Err(Error::invalid(vec![Fault::new("/items", "too_many", why)]));
    }
    if elements > MOST_ELEMENTS {
        return Err(too_many_elements(count, elements));
    }

    // The parser reports faults by pointer: those below an item belong to it, all others to the
    // batch.
    let (mut odd, mut frame) = (HashMap::<usize, Vec<Fault>>::new(), vec![]);
    for fault in notes.faults()? {
        let below = fault.pointer.strip_prefix("/items/");
        let below = below.map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        match below.and_then(|(index, rest)| Some((index.parse().ok()?, rest))) {
            Some((index, rest)) => {
                let pointer = format!("/{rest}").trim_end_matches('/').to_owned();
                odd.entry(index).or_default().push(Fault { pointer, ..fault });
            }
            None => frame.push(fault),
        }
    }

    frame.extend(shape::faults(checks.batch, &body));
    if !frame.is_empty() {
        frame.truncate(shape::MOST);
        return Err(Error::invalid(frame));
    }

    for (index, mut faults) in odd {
        let Some(item) = kept.get_mut(index) else { continue };
        faults.append(&mut item.faults);
        item.faults = faults;
    }
    Ok((body, kept))
}

/// The error of a batch with too many elements. It contains the number of items of this size that
/// fit into one batch.
fn too_many_elements(count: usize, elements: usize) -> Error {
    let items = (MOST_ELEMENTS * count / elements).max(1);
    let detail = format!(
        "All lists in the batch have {elements} elements together; at most {MOST_ELEMENTS} are \
         allowed."
    );
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large")
        .detail(detail)
        .member("elements", elements)
        .member("most_elements", MOST_ELEMENTS)
        .member("items", items)
}
