//! Types of objects, 对象类型, with their definitions.

pub mod catalog;
mod db;
pub mod http;

use diesel::prelude::*;
use platform::{Embedded, Timestamp, page, resource};
use schema::object_types;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::definition::Definition;

/// A type of objects, 对象类型
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ObjectType {
    pub id: Uuid,
    pub version: i64,
    /// The name in paths
    #[schema(example = "vehicle_request")]
    pub key: String,
    /// The service brings the type along
    pub built_in: bool,
    /// New objects are possible
    pub active: bool,
    /// Counts the changes of the definition
    pub definition_version: i32,
    #[schema(value_type = Definition)]
    pub definition: Embedded<Definition>,
    #[serde(skip)]
    readers: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! { ObjectType: "object_type" at "/api/v1/object-types", seen by everybody }

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "definition": {
    "key": "vehicle_request",
    "label": { "zh": "车辆申请", "en": "Vehicle request" },
    "prefix": "VR",
    "readers": ["admin", "sales_manager", "salesperson"],
    "creators": ["sales_manager", "salesperson"],
    "fields": [
        { "key": "purpose", "label": { "zh": "用途", "en": "Purpose" }, "type": "text", "required": true },
        { "key": "day", "label": { "zh": "日期", "en": "Day" }, "type": "date", "required": true },
    ],
    "states": [
        { "key": "requested", "label": { "zh": "已申请", "en": "Requested" } },
        { "key": "approved", "label": { "zh": "已批准", "en": "Approved" }, "final": true },
    ],
    "transitions": [
        { "action": "approve", "label": { "zh": "批准", "en": "Approve" }, "from": ["requested"],
          "to": "approved", "actors": ["leader"], "never_author": true },
    ],
} }))]
pub struct NewObjectType {
    definition: Definition,
}

/// A merge patch. A definition replaces the one before as a whole
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "active": false }))]
pub struct ObjectTypeChanges {
    /// False: objects can be read and finished, but not created
    #[schema(nullable = false)]
    active: Option<bool>,
    #[schema(nullable = false)]
    definition: Option<Definition>,
}

/// Filters for the list of types.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ObjectTypeFilter {
    active: Option<bool>,
    built_in: Option<bool>,
}

intake::references! { ObjectTypeFilter: &[] }

page! {
    /// A page of types
    ObjectTypePage of ObjectType
}
