//! A strict JSON parser for untrusted input, which reports each fault with its JSON pointer.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::characters::{is_refused, trimmed};
use super::error::{Error, Fault, Result};
use super::shape;

/// Maximum number of faults that the parser keeps for one body, and maximum bytes of their
/// pointers. Otherwise a deep path with long names could be in memory thousands of times.
const MOST_ODD: usize = 20_000;
const MOST_POINTED: usize = 2 << 20;

/// Maximum length of a member name in bytes. The document has none above 60.
const LONGEST_NAME: usize = 256;

/// Maximum number of members in an object. No object in the document has a tenth of them.
const MOST_MEMBERS: usize = 2_000;

/// Maximum number of values (list elements and object members) in a body or a batch item. The
/// largest useful ones are lists of 10,000 ids and orders of 1,000 lines. The limit is needed
/// because an object with one member takes five bytes to send and hundreds of bytes of memory.
const MOST_VALUES: usize = 50_000;

/// Parses a JSON text. Also returns faults that a plain parser would accept, such as duplicate
/// names.
pub fn parse(bytes: &[u8]) -> Result<(Value, Vec<Fault>)> {
    let notes = Notes::default();
    let value = notes.read(bytes)?;
    Ok((value, notes.faults()?))
}

/// A receiver of batch items, one at a time, so that they are never in memory together.
pub(super) trait Receiver {
    /// Checks whether the next item is wanted. If not, it is only counted.
    fn wants_more(&self) -> bool;
    fn take(&self, item: Value);
    fn skip(&self);
}

/// Faults and counts collected while reading a JSON text, or several that belong together.
#[derive(Default)]
pub(super) struct Notes<'a> {
    faults: RefCell<Vec<Fault>>,
    /// Bytes of all pointers in `faults`
    pointed: Cell<usize>,
    /// Elements of all lists, not counting the items of a batch themselves
    elements: Cell<usize>,
    /// Values of the current body or batch item
    values: Cell<usize>,
    /// Receiver of batch items, and the number of elements after which items are only counted
    batch: Option<(&'a dyn Receiver, usize)>,
}

impl<'a> Notes<'a> {
    pub fn of_batch(receiver: &'a dyn Receiver, most_elements: usize) -> Self {
        Self { batch: Some((receiver, most_elements)), ..Self::default() }
    }

    /// Reads one text. The items of a batch go to the receiver and are replaced by an empty list.
    pub fn read(&self, bytes: &[u8]) -> Result<Value> {
        whole(bytes, Intake { at: &Step::Root, notes: self })
    }

    /// Reads one text that is a batch item. Only counts it if no more items are wanted.
    pub fn read_item(&self, index: usize, bytes: &[u8]) -> Result<()> {
        let Some((receiver, most)) = self.batch else { return Ok(()) };
        if receiver.wants_more() && self.elements.get() <= most {
            let items = Step::Name(&Step::Root, ITEMS);
            let intake = Intake { at: &Step::Index(&items, index), notes: self };
            self.values.set(0);
            receiver.take(whole(bytes, intake)?);
        } else {
            whole(bytes, Counted(&self.elements))?;
            receiver.skip();
        }
        Ok(())
    }

    pub fn elements(&self) -> usize {
        self.elements.get()
    }

    /// Returns all faults. Fails if there are too many of them.
    pub fn faults(self) -> Result<Vec<Fault>> {
        let mut faults = self.faults.into_inner();
        if faults.len() >= MOST_ODD || self.pointed.get() >= MOST_POINTED {
            // Not all faults were kept, so that no batch item is known to be free of faults.
            faults.truncate(shape::MOST);
            return Err(Error::invalid(faults));
        }
        Ok(faults)
    }
}

/// The member of a batch that holds its items.
pub(super) const ITEMS: &str = "items";

/// Reads a text to its end with a seed.
fn whole<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Result<S::Value> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| Error::bad_request("malformed_json", error.to_string()))
}

/// The path of a value in the body, linked to its parents. It becomes a pointer only for a fault.
enum Step<'a> {
    Root,
    Name(&'a Step<'a>, &'a str),
    Index(&'a Step<'a>, usize),
}

impl Step<'_> {
    fn is_items(&self) -> bool {
        matches!(self, Self::Name(Self::Root, name) if *name == ITEMS)
    }

    /// JSON pointer (RFC 6901)
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Name(whole, name) => {
                format!("{}/{}", whole.pointer(), name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Index(whole, index) => format!("{}/{index}", whole.pointer()),
        }
    }
}

/// Reads any JSON value and notes faults that a plain `Value` would hide: duplicate names, control
/// characters.
#[derive(Clone, Copy)]
struct Intake<'a> {
    at: &'a Step<'a>,
    notes: &'a Notes<'a>,
}

impl<'a> Intake<'a> {
    fn fault(&self, code: &'static str, why: &str) {
        let mut faults = self.notes.faults.borrow_mut();
        if faults.len() < MOST_ODD && self.notes.pointed.get() < MOST_POINTED {
            let pointer = self.at.pointer();
            self.notes.pointed.update(|bytes| bytes + pointer.len());
            faults.push(Fault::new(pointer, code, why));
        }
    }

    /// Counts a value that has been read. Returns true, and notes a fault, if it exceeds the limit.
    fn is_full(&self) -> bool {
        self.notes.values.update(|count| count + 1);
        let full = self.notes.values.get() > MOST_VALUES;
        if full {
            self.fault(
                "too_many",
                &format!("at most {MOST_VALUES} values in all lists and objects"),
            );
        }
        full
    }

    fn below(self, at: &'a Step<'a>) -> Self {
        Self { at, ..self }
    }

    /// Passes the items of a batch to the receiver, each as soon as it is read.
    fn hand_over<'de, A: SeqAccess<'de>>(
        self,
        mut seq: A,
        (receiver, most): (&dyn Receiver, usize),
    ) -> Result<(), A::Error> {
        let mut index = 0;
        while receiver.wants_more() && self.notes.elements.get() <= most {
            self.notes.values.set(0);
            match seq.next_element_seed(self.below(&Step::Index(self.at, index)))? {
                Some(item) => receiver.take(item),
                None => return Ok(()),
            }
            index += 1;
        }
        while seq.next_element_seed(Counted(&self.notes.elements))?.is_some() {
            receiver.skip();
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Intake<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Intake<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        if value.contains(is_refused) {
            self.fault("control_character", "must not contain control characters");
        }
        let text = trimmed(value);
        let nfc = is_nfc_quick(text.chars()) == IsNormalized::Yes;
        Ok(if nfc { text.into() } else { text.nfc().collect::<String>().into() })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        if let Some(batch) = self.notes.batch
            && self.at.is_items()
        {
            self.hand_over(seq, batch)?;
            return Ok(Value::Array(vec![]));
        }

        let elements = &self.notes.elements;
        let mut items = vec![];
        while let Some(item) =
            seq.next_element_seed(self.below(&Step::Index(self.at, items.len())))?
        {
            items.push(item);
            elements.update(|count| count + 1);

            // Beyond the limits the rest of the list is only counted.
            let is_last = self.notes.batch.is_some_and(|(_, most)| elements.get() > most);
            if is_last || self.is_full() {
                while seq.next_element_seed(Counted(elements))?.is_some() {
                    elements.update(|count| count + 1);
                }
                break;
            }
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if object.len() >= MOST_MEMBERS {
                self.fault("too_many", "too many fields in one object");
                map.next_value::<IgnoredAny>()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                break;
            }

            if name.len() > LONGEST_NAME {
                // The name is not kept, so that the pointer of its fault stays short.
                let why = format!("a field name can have at most {LONGEST_NAME} bytes");
                self.fault("name_too_long", &why);
                map.next_value::<IgnoredAny>()?;
                continue;
            }

            let step = Step::Name(self.at, &name);
            let below = self.below(&step);
            if object.contains_key(&name) {
                below.fault("duplicate_field", "the field occurs more than once");
                // The items of a batch are taken once: a second list would mix up the indices.
                if self.notes.batch.is_some() && step.is_items() {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            }

            // The last one of several values with the same name is kept.
            let value = map.next_value_seed(below)?;
            object.insert(name, value);
            if self.is_full() {
                while map.next_key::<IgnoredAny>()?.is_some() {
                    map.next_value_seed(Counted(&self.notes.elements))?;
                }
                break;
            }
        }
        Ok(object.into())
    }
}

/// Reads any JSON value without keeping it, and counts the elements of its lists.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {
            self.0.update(|count| count + 1);
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}
