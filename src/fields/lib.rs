//! Fields that a company defines, 自定义字段: their types and limits, the checks of their values, and
//! filters by them. Objects consist of such fields, and other resources have them in addition.

mod check;
pub mod filter;
mod references;
mod shape;
mod values;

use platform::text_enum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use check::Faults;
pub use references::{Finders, resolve};
pub use shape::{schema, values_schema};
pub use values::respell;

text_enum! {
    /// The type of a field's values
    pub enum FieldType {
        /// One line of text
        Text = "text",
        /// Text with line breaks
        LongText = "long_text",
        /// A whole number
        Integer = "integer",
        /// A decimal number as a string
        Decimal = "decimal",
        /// An amount in the company's currency as a string
        Money = "money",
        /// A day
        Date = "date",
        /// A point in time
        Instant = "instant",
        /// True or false
        Boolean = "boolean",
        /// One of the options
        Choice = "choice",
        /// Several of the options
        Choices = "choices",
        /// The id of another row
        Reference = "reference",
        /// Telephone number
        Phone = "phone",
        /// Email address
        Email = "email",
        /// Web address
        Url = "url",
    }
}

text_enum! {
    /// The resource that a reference points to
    pub enum Target {
        /// 客户
        Customer = "customer",
        /// 联系人
        Contact = "contact",
        /// 产品
        Product = "product",
        /// 订单
        Order = "order",
        /// 拜访
        Visit = "visit",
        /// 投诉
        Complaint = "complaint",
        /// 人员
        User = "user",
        /// 团队
        Team = "team",
    }
}

/// A text in both languages
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectText)]
pub struct Label {
    #[schema(min_length = 1, max_length = 200)]
    pub zh: String,
    #[schema(min_length = 1, max_length = 200)]
    pub en: String,
}

/// An option of a choice
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectOption)]
pub struct Choice {
    /// The value in JSON
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$")]
    pub key: String,
    pub label: Label,
}

/// A field of the objects
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectField)]
pub struct Field {
    /// The name in JSON. That of a reference ends with `_id`
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$")]
    pub key: String,
    pub label: Label,
    #[serde(rename = "type")]
    #[schema(inline)]
    pub type_: FieldType,
    /// An object cannot be without a value
    #[serde(default)]
    #[schema(nullable = false)]
    pub required: bool,
    /// Set by actions only
    #[serde(default)]
    #[schema(nullable = false)]
    pub by_action: bool,
    /// Maximum number of characters of a text. Default: 200, or 5000 for long texts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 20000)]
    pub max_length: Option<u32>,
    /// Least whole number
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    pub minimum: Option<i64>,
    /// Greatest whole number
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    pub maximum: Option<i64>,
    /// Options of a choice
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 200, nullable = false)]
    pub options: Vec<Choice>,
    /// The resource that a reference points to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub to: Option<Target>,
}
