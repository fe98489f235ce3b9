//! Definitions of types of objects: fields, life cycle, and who may do and see what. A definition is
//! data: JSON over the API, TOML for the types that the service brings along.

mod check;
mod guard;
mod shapes;

use access::Role;
use fields::{Field, Label};
use platform::{Fault, input, text_enum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use check::check;
pub use guard::{Guard, Guards};
pub use shapes::Shapes;

text_enum! {
    /// People who may take an action, apart from roles
    pub enum Actor {
        /// The owner of the object
        Owner = "owner",
        /// The person who created the object
        Author = "author",
        /// Leaders of the owner
        Leader = "leader",
        /// Everybody who sees the object
        Anyone = "anyone",
    }
}

text_enum! {
    /// People who see an object apart from its owner, its author, those who see these two, and those
    /// who see all rows
    pub enum Viewer {
        /// Users who see the customer
        Customer = "customer",
        /// Leaders of the owner's team and of the teams above it
        TeamsAbove = "teams_above",
        /// Every user who may read the type
        Everybody = "everybody",
    }
}

/// A state of the life cycle
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectState)]
pub struct State {
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$")]
    pub key: String,
    pub label: Label,
    /// The object has ended and is not changed any more
    #[serde(default, rename = "final")]
    #[schema(nullable = false)]
    pub is_final: bool,
}

/// A step from one state to another, taken with `POST /objects/{type}/{id}/{action}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectTransition)]
pub struct Transition {
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$")]
    pub action: String,
    pub label: Label,
    /// States in which the action is possible
    #[schema(min_items = 1, max_items = 50)]
    pub from: Vec<String>,
    /// The state afterwards
    #[schema(max_length = 40)]
    pub to: String,
    /// People who may take the action
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4, nullable = false)]
    pub actors: Vec<Actor>,
    /// Roles whose users may take the action
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 12, nullable = false)]
    pub roles: Vec<Role>,
    /// The person who created the object may not take the action
    #[serde(default)]
    #[schema(nullable = false)]
    pub never_author: bool,
    /// Fields that must have a value afterwards, and that the request may set
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50, nullable = false)]
    pub requires: Vec<String>,
    /// Further fields that the request may set
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50, nullable = false)]
    pub takes: Vec<String>,
    /// A condition for the action
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// Fields that get the current time or day
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 10, nullable = false)]
    pub stamps: Vec<String>,
}

/// The definition of a type of objects
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectDefinition)]
pub struct Definition {
    /// The name in paths, and after `object.` in the change feed
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "vehicle_request")]
    pub key: String,
    pub label: Label,
    /// Beginning of the numbers of objects: `VR` makes `VR-2026-000001`
    #[schema(pattern = "^[A-Z]{1,6}$", example = "VR")]
    pub prefix: String,
    /// Roles that may read the type. They cannot be changed later
    #[schema(min_items = 1, max_items = 12)]
    pub readers: Vec<Role>,
    /// Roles that may create objects
    #[schema(min_items = 1, max_items = 12)]
    pub creators: Vec<Role>,
    /// Users who see an object apart from its owner, its author, those who see these two, and those
    /// who see all rows
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 3, nullable = false)]
    pub visible_to: Vec<Viewer>,
    /// Roles whose users see every object
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 12, nullable = false)]
    pub visible_to_roles: Vec<Role>,
    #[schema(min_items = 1, max_items = 200)]
    pub fields: Vec<Field>,
    /// States. New objects have the first one
    #[schema(min_items = 1, max_items = 50)]
    pub states: Vec<State>,
    #[serde(default)]
    #[schema(max_items = 100, nullable = false)]
    pub transitions: Vec<Transition>,
}

impl Definition {
    /// Returns the field with this name.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// Returns the state of new objects.
    pub fn initial(&self) -> &str {
        self.states.as_slice().first().map(|state| state.key.as_str()).unwrap_or_default()
    }

    /// Returns the state with this name.
    pub fn state(&self, key: &str) -> Option<&State> {
        self.states.iter().find(|state| state.key == key)
    }

    /// Returns `true` if the objects may belong to a customer.
    pub fn has_customer(&self) -> bool {
        self.field("customer_id").is_some()
    }

    /// Returns `true` if everybody who sees the customer sees the object.
    pub fn is_seen_by_customer(&self) -> bool {
        self.visible_to.contains(&Viewer::Customer)
    }
}

/// Reads a definition in TOML, and checks it like one that arrives over the API.
pub fn read(text: &str) -> Result<Definition, Vec<Fault>> {
    let invalid = |error: toml::de::Error| vec![Fault::new("", "invalid", error.to_string())];
    let value: Value = toml::from_str(text).map_err(invalid)?;
    let definition: Definition = input::check(&value)?;
    let faults = check(&definition, "");
    if faults.is_empty() { Ok(definition) } else { Err(faults) }
}
