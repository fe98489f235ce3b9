//! Reading a batch: its items one at a time, each checked and turned into text at once, so that
//! the values of all of them are never in memory together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;

use actix_web::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{Error, Fault, Result};
use super::json::{ITEMS, Notes, Receiver};
use super::shape;

/// Most items of one batch.
const MOST_ITEMS: usize = 10_000;

/// Most elements of all lists of all items: order lines, credits, allocations, instalments. A batch
/// takes as long as it has elements, so that this limit and not the one of items bounds its time.
const MOST_ELEMENTS: usize = 200_000;

/// Most faults of all items together that an answer names. Of the items after them it names the first.
const MOST_FAULTS: usize = 20_000;

/// An item, as text: as values ten thousand of them would be most of a batch's memory.
pub(super) struct Sent {
    text: Box<str>,
    pub external_id: Option<Box<str>>,
    /// Faults of its shape, and those that only the parser could see
    pub faults: Vec<Fault>,
}

impl Sent {
    pub fn of<T: ToSchema + 'static>(item: &Value) -> Self {
        let faults = shape::faults(shape::of_body::<T>(), item);
        let external_id = item["external_id"].as_str().map(Into::into);
        Self { text: item.to_string().into(), external_id, faults }
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.text).map_err(Error::internal)
    }

    /// Bytes of its text
    pub fn size(&self) -> usize {
        self.text.len()
    }
}

/// The items of a batch as they come in.
struct Items<T> {
    kept: RefCell<Vec<Sent>>,
    skipped: Cell<usize>,
    /// Faults of all items
    faults: Cell<usize>,
    of: PhantomData<T>,
}

impl<T: ToSchema + 'static> Receiver for Items<T> {
    fn wants_more(&self) -> bool {
        self.kept.borrow().len() < MOST_ITEMS
    }

    fn take(&self, item: Value) {
        let mut sent = Sent::of::<T>(&item);
        if self.faults.get() > MOST_FAULTS {
            sent.faults.truncate(1);
        }
        if !sent.faults.is_empty() {
            // It fails, and nobody reads it.
            sent.text = "".into();
        }
        self.faults.update(|count| count + sent.faults.len());
        self.kept.borrow_mut().push(sent);
    }

    fn skip(&self) {
        self.skipped.update(|count| count + 1);
    }
}

/// Reads a batch: its members, with an empty list for the items, and the items.
pub(super) fn read<B, T>(bytes: &[u8]) -> Result<(Value, Vec<Sent>)>
where
    B: ToSchema + 'static,
    T: ToSchema + 'static,
{
    let items = Items::<T>::default();
    let notes = Notes::of_batch(&items, MOST_ELEMENTS);
    let body = notes.read(bytes)?;
    finish::<B, T>(body, notes, &items)
}

/// The same from lines, with the other members from elsewhere. A line that ends early is more likely a
/// lost upload than one bad item, so that nothing of such a batch is taken.
pub(super) fn read_lines<B, T>(mut options: Value, bytes: &[u8]) -> Result<(Value, Vec<Sent>)>
where
    B: ToSchema + 'static,
    T: ToSchema + 'static,
{
    let items = Items::<T>::default();
    let notes = Notes::of_batch(&items, MOST_ELEMENTS);
    let lines = bytes.split(|byte| *byte == b'\n');
    for (index, line) in lines.filter(|line| !line.trim_ascii().is_empty()).enumerate() {
        notes.read_item(index, line).map_err(|error| {
            let at = format!("/{ITEMS}/{index}");
            error.faults(vec![Fault::new(at, "malformed_json", "this line is no JSON")])
        })?;
    }
    options[ITEMS] = Value::Array(vec![]);
    finish::<B, T>(options, notes, &items)
}

/// Refuses what is too much or wrong with the whole, and gives each item the faults that the parser
/// has seen in it.
fn finish<B, T>(body: Value, notes: Notes<'_>, items: &Items<T>) -> Result<(Value, Vec<Sent>)>
where
    B: ToSchema + 'static,
    T: ToSchema + 'static,
{
    let mut kept = items.kept.take();
    let (count, elements) = (kept.len() + items.skipped.get(), notes.elements());
    if count > MOST_ITEMS {
        // Nobody reads what is wrong with each of a million items.
        let why = format!("at most {MOST_ITEMS} items");
        return Err(Error::invalid(vec![Fault::new("/items", "too_many", why)]));
    }
    if elements > MOST_ELEMENTS {
        return Err(too_many_elements(count, elements));
    }

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
    frame.extend(shape::faults(shape::of_body::<B>(), &body));
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

/// Says how many items of this shape go into one batch.
fn too_many_elements(count: usize, elements: usize) -> Error {
    let items = (MOST_ELEMENTS * count / elements).max(1);
    let detail = format!(
        "the lists of all items have {elements} elements, at most {MOST_ELEMENTS} are taken at a time"
    );
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large")
        .detail(detail)
        .member("elements", elements)
        .member("most_elements", MOST_ELEMENTS)
        .member("items", items)
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        let (kept, skipped, faults) = (RefCell::default(), Cell::default(), Cell::default());
        Self { kept, skipped, faults, of: PhantomData }
    }
}
