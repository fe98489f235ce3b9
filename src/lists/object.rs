//! A JSON object that keeps the order of its members and the text of their values.

use std::fmt;

use platform::{Error, Result};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON object with unparsed values. Amounts and coordinates keep their exact digits.
#[derive(Debug, Clone, Default)]
pub struct Object(Vec<(String, Box<RawValue>)>);

/// Serializes a value to JSON text.
pub fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(Error::internal)
}

impl Object {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|member| member.0 == name).map(|member| &*member.1)
    }

    /// The objects in a list. Empty if the list is null or missing.
    pub fn list(&self, name: &str) -> Result<Vec<Self>> {
        Ok(self.parsed::<Option<Vec<Self>>>(name)?.flatten().unwrap_or_default())
    }

    /// The parsed value of a member. `None` if there is no such member.
    pub fn parsed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.get(name).map(|value| serde_json::from_str(value.get()));
        value.transpose().map_err(Error::internal)
    }

    /// Replaces the value of a member. Does nothing if there is no such member.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        if let Some(member) = self.0.iter_mut().find(|member| member.0 == name) {
            member.1 = value;
        }
    }

    /// Inserts a member after the member `before`, or at the end if there is no such member.
    pub fn insert_after(&mut self, before: &str, name: &str, value: Box<RawValue>) {
        let place = self.0.iter().position(|member| member.0 == before);
        let place = place.map_or(self.0.len(), |place| place + 1);
        self.0.insert(place, (name.to_owned(), value));
    }

    pub fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keeps(name));
    }
}

impl FromIterator<(String, Box<RawValue>)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Box<RawValue>)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        json.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_digits_stay() {
        let text = r#"{"z":0.10000000000000001,"a":{"y":1,"b":2},"m":null}"#;

        let mut object: Object = serde_json::from_str(text).unwrap();
        object.insert_after("z", "n", raw(&"new").unwrap());
        object.retain(|name| name != "m");

        let expected = r#"{"z":0.10000000000000001,"n":"new","a":{"y":1,"b":2}}"#;
        assert_eq!(raw(&object).unwrap().get(), expected);
    }
}
