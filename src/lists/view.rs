//! The options of each list and each single read, derived from the API document.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::expand::{Expansion, Place};
use crate::related::{label, referent};

/// A list or a single read.
#[derive(Debug)]
pub struct View {
    pub is_list: bool,
    /// The name of the item's schema
    pub schema: String,
    pub fields: Vec<String>,
    /// Items have further fields, which only data names
    pub is_open: bool,
    pub expansions: Vec<Expansion>,
}

/// All lists and single reads, by the pattern of their paths.
#[derive(Debug)]
pub struct Views(pub(crate) HashMap<String, View>);

impl View {
    /// Checks whether items have this field.
    pub fn has(&self, field: &str) -> bool {
        self.is_open || self.fields.iter().any(|known| known == field)
    }
}

impl Views {
    /// Derives the options from the API document.
    pub fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        let views = paths.filter_map(|(path, item)| {
            let view = view(document, &item["get"])?;
            Some((path.clone(), view))
        });
        Self(views.collect())
    }

    pub fn get(&self, pattern: &str) -> Option<&View> {
        self.0.get(pattern)
    }
}

/// Derives the options of an operation. Lists are recognised by their parameter `total`, and single
/// reads by the fields `id` and `version`. `None` for all other operations.
fn view(document: &Value, operation: &Value) -> Option<View> {
    let content = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let whole = properties(document, content);
    let mut parameters = operation["parameters"].as_array().into_iter().flatten();
    let is_list = parameters.any(|known| known["in"] == "query" && known["name"] == "total");

    let item = if is_list { whole.get("items")?["items"].clone() } else { content.clone() };
    let fields = properties(document, &item);
    let is_read = fields.contains_key("id") && fields.contains_key("version");
    if !(is_list || is_read) {
        return None;
    }

    let schema = name_of(&item)?.to_owned();
    let expansions = expansions(document, &schema, &fields);
    let is_open = is_open(document, &item);
    Some(View { is_list, schema, fields: fields.into_keys().collect(), is_open, expansions })
}

/// Finds the expansions of a schema: its fields with ids, and those of the rows in its lists.
fn expansions(document: &Value, schema: &str, fields: &BTreeMap<String, Value>) -> Vec<Expansion> {
    let mut found: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut add = |list: Option<&str>,
                   schema: &str,
                   field: &str,
                   value: &Value,
                   taken: &dyn Fn(&str) -> bool| {
        let uuid = |value: &Value| value["format"] == "uuid";
        let (reference, several) = match (field.strip_suffix("_id"), field.strip_suffix("_ids")) {
            (Some(reference), _) if uuid(value) => (reference, ""),
            (_, Some(reference)) if uuid(&value["items"]) => (reference, "s"),
            _ => return,
        };

        // A member that the row has already is not overwritten.
        let member = format!("{reference}{several}");
        let Some(of) = referent(schema, reference).filter(|_| !taken(&member)) else { return };
        let (list, field) = (list.map(str::to_owned), field.to_owned());
        let name = format!("{}{several}", label(schema, reference));
        found.entry(name).or_default().push(Place { list, field, member, of });
    };

    for (field, value) in fields {
        add(None, schema, field, value, &|member| fields.contains_key(member));
        let Some(below) = name_of(&value["items"]) else { continue };
        let rows = properties(document, &value["items"]);
        for (inner, value) in &rows {
            add(Some(field), below, inner, value, &|member| rows.contains_key(member));
        }
    }
    found.into_iter().map(|(name, places)| Expansion { name, places }).collect()
}

/// The name of the schema that a `$ref` points to.
pub(crate) fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Checks whether a schema, or one that it is composed of, allows further properties.
fn is_open(document: &Value, schema: &Value) -> bool {
    if let Some(name) = name_of(schema) {
        return is_open(document, &document["components"]["schemas"][name]);
    }
    let mut parts = schema["allOf"].as_array().into_iter().flatten();
    let more = &schema["additionalProperties"];
    more.is_object() || *more == true || parts.any(|part| is_open(document, part))
}

/// Returns the properties of a schema, with those of all the schemas that it is composed of.
fn properties(document: &Value, schema: &Value) -> BTreeMap<String, Value> {
    if let Some(name) = name_of(schema) {
        return properties(document, &document["components"]["schemas"][name]);
    }
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut all: BTreeMap<_, _> = parts.flat_map(|part| properties(document, part)).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    all.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    all
}
