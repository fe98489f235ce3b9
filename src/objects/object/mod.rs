//! Objects, 对象: rows of the types that a company defines.

mod body;
mod db;
pub mod http;
mod steps;

use std::borrow::Cow;

use diesel::prelude::*;
use intake::Reference;
use platform::row_rule::Viewers::{Accounts, Audience, CustomerOrPool, When};
use platform::row_rule::{ACCOUNTS, RowRule};
use platform::{Embedded, Resource, Timestamp, page, text_enum};
use schema::objects;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub use body::FINDERS;
pub use db::customer_merged;

text_enum! {
    pub enum ObjectSort {
        NewestFirst = "-created_at",
        OldestFirst = "created_at",
    }
}

/// An object, 对象, with the fields of its type
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = objects)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct CustomObject {
    pub id: Uuid,
    pub version: i64,
    #[serde(rename = "type")]
    #[schema(example = "task")]
    pub type_: String,
    /// The version of the type's definition that the object obeys
    pub definition_version: i32,
    #[schema(example = "TA-2026-000123")]
    pub number: String,
    /// A state of the type's life cycle
    #[schema(example = "assigned")]
    pub status: String,
    /// The person or program that created it; the nil id for the service itself
    pub author_id: Uuid,
    pub owner_id: Uuid,
    /// Null if it belongs to no customer
    pub customer_id: Option<Uuid>,
    #[serde(skip)]
    by_customer: bool,
    #[serde(skip)]
    viewer_ids: Vec<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    /// Time at which it reached a final state
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The other fields of the type, by name
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub fields: Embedded<Map<String, Value>>,
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = db::owner_of_customer())]
    #[diesel(select_expression_type = db::OwnerOfCustomer)]
    customer_owner_id: Option<Uuid>,
}

impl Resource for CustomObject {
    const TYPE: &'static str = "object";
    const PATH: &'static str = "/api/v1/objects";
    const DERIVED: &'static [&'static str] = &["customer_id"];
    const RULE: &'static RowRule = &RowRule {
        table: "objects",
        accounts: false,
        viewers: &[
            Audience("viewer_ids"),
            When("objects.by_customer", &CustomerOrPool("customer_id")),
            When("objects.by_customer and objects.customer_id is not null", &Accounts),
        ],
    };

    fn kind(&self) -> Cow<'static, str> {
        format!("{}.{}", Self::TYPE, self.type_).into()
    }

    fn collection(&self) -> Cow<'static, str> {
        format!("{}/{}", Self::PATH, self.type_).into()
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn owners(&self) -> Vec<Option<Uuid>> {
        let is_seen = self.by_customer && self.customer_id.is_some();
        let customer = [self.customer_owner_id, Some(ACCOUNTS)].into_iter().filter(|_| is_seen);
        self.viewer_ids.iter().copied().map(Some).chain(customer).collect()
    }

    fn stamp(&mut self, version: i64, now: Timestamp) {
        (self.version, self.updated_at) = (version, now);
    }
}

/// Filters for the list of objects of a type.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ObjectFilter {
    /// One or several, separated by commas
    #[param(style = Form, explode = false, max_items = 50)]
    status: Option<Vec<String>>,
    owner_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    #[param(min_length = 1, max_length = 40)]
    number: Option<String>,
    /// True for objects that have not ended, false for the others
    open: Option<bool>,
    /// Default: `-created_at`
    #[param(inline)]
    sort: Option<ObjectSort>,
}

intake::references! {
    ObjectFilter: &[
        Reference { at: "owner", of: "user", find: auth::find_users },
        Reference { at: "customer", of: "customer", find: customers::customer::find_customers },
    ]
}

page! {
    /// A page of objects
    ObjectPage of CustomObject
}
