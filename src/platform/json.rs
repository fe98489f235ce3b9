//! JSON as it comes in: read strictly, with every fault at its place, whatever a stranger has made of it.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::characters::is_refused;
use super::error::{Error, Fault, Result};
use super::shape;

/// Most faults that the parser keeps of one body, and most bytes of their pointers: a deep path with
/// long names would else stand thousands of times in memory.
const MOST_ODD: usize = 20_000;
const MOST_POINTED: usize = 2 << 20;

/// Longest name of a member, in bytes. The document has none above 60.
const LONGEST_NAME: usize = 256;

/// Most elements of all lists of a body: ten thousand orders of a hundred lines. Each takes memory that
/// is many times what it takes to send it.
const MOST_ELEMENTS: usize = 1_000_000;

/// One JSON text, with what a plain parser would not mind.
pub fn parse(bytes: &[u8]) -> Result<(Value, Vec<Fault>)> {
    let (faults, elements) = (RefCell::default(), Cell::default());
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let (pointed, at) = (Cell::default(), Step::Root);
    let intake = Intake { at: &at, faults: &faults, pointed: &pointed, elements: &elements };
    let value = intake.deserialize(&mut json);
    let value = value.and_then(|value| json.end().map(|()| value));
    let value = value.map_err(|e| Error::bad_request("malformed_json", e.to_string()))?;
    let mut faults = faults.into_inner();
    if faults.len() >= MOST_ODD || pointed.get() >= MOST_POINTED {
        // Not all of them have been kept, so that no item of a batch can be told to be good.
        faults.truncate(shape::MOST);
        return Err(Error::invalid(faults));
    }
    Ok((value, faults))
}

/// Place of a value in the body, as the way back to the whole: only a fault makes a pointer of it.
enum Step<'a> {
    Root,
    Name(&'a Step<'a>, &'a str),
    Index(&'a Step<'a>, usize),
}

impl Step<'_> {
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

/// Reads any JSON, and notes what a plain `Value` would hide: duplicate names, odd characters.
#[derive(Clone, Copy)]
struct Intake<'a> {
    at: &'a Step<'a>,
    faults: &'a RefCell<Vec<Fault>>,
    /// Bytes of all pointers in `faults`
    pointed: &'a Cell<usize>,
    elements: &'a Cell<usize>,
}

impl<'a> Intake<'a> {
    fn fault(&self, code: &'static str, why: &str) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_ODD && self.pointed.get() < MOST_POINTED {
            let pointer = self.at.pointer();
            self.pointed.update(|bytes| bytes + pointer.len());
            faults.push(Fault::new(pointer, code, why));
        }
    }

    fn below(self, at: &'a Step<'a>) -> Self {
        Self { at, ..self }
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
            self.fault("control_character", "control characters are refused");
        }
        let text = value.trim();
        let nfc = is_nfc_quick(text.chars()) == IsNormalized::Yes;
        Ok(if nfc { text.into() } else { text.nfc().collect::<String>().into() })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = vec![];
        while let Some(item) =
            seq.next_element_seed(self.below(&Step::Index(self.at, items.len())))?
        {
            items.push(item);
            self.elements.update(|count| count + 1);
            if self.elements.get() > MOST_ELEMENTS {
                let why = format!("at most {MOST_ELEMENTS} elements in all lists together");
                self.fault("too_many", &why);
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.len() > LONGEST_NAME {
                let why = format!("the names of fields have at most {LONGEST_NAME} bytes");
                self.fault("name_too_long", &why);
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let step = Step::Name(self.at, &name);
            let below = self.below(&step);
            if object.contains_key(&name) {
                below.fault("duplicate_field", "this name came twice");
            }
            let value = map.next_value_seed(below)?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}
