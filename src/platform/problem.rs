//! Problem details (RFC 9457) of error responses. They are written in English, and serialized in
//! the language of the reader.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::{IntoResponses, ToSchema};

use super::language::{is_chinese, shown};
use super::money::Money;
use super::time::Date;

/// Chinese titles of the HTTP statuses. The English titles are the reason phrases of HTTP.
pub const TITLES: [(u16, &str); 19] = [
    (400, "请求有误"),
    (401, "请先登录"),
    (403, "没有权限"),
    (404, "未找到"),
    (405, "不支持该方法"),
    (406, "无法提供所要的格式"),
    (409, "与现状冲突"),
    (410, "已失效"),
    (412, "数据已被他人修改"),
    (413, "内容过大"),
    (415, "不支持该格式"),
    (416, "范围无效"),
    (422, "内容不符合要求"),
    (428, "缺少 If-Match"),
    (429, "请求过于频繁"),
    (431, "请求头过大"),
    (500, "服务器内部错误"),
    (503, "暂时不可用"),
    (504, "超时"),
];

/// A fault of a request
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct Fault {
    /// JSON pointer into the body, or `/name` of a query parameter
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    #[schema(example = "range")]
    pub code: Cow<'static, str>,
    /// Explanation in the language of the reader
    pub message: String,
}

impl Fault {
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), code: code.into(), message: message.into() }
    }

    /// The fault of a reference to a row that is missing or invisible. It is the same for both, so
    /// that nobody can probe for rows.
    pub fn unknown_reference(pointer: &str) -> Self {
        Self::new(pointer, "unknown_reference", "not visible or does not exist")
    }

    pub fn is_unknown_reference(&self) -> bool {
        self.code == "unknown_reference"
    }
}

/// The body of every 4XX and 5XX response
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
pub struct Problem {
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid")]
    pub type_: String,
    /// Name of the HTTP status in the language of the reader
    pub title: String,
    pub status: u16,
    /// Stable error code for programs
    pub code: String,
    /// Explanation in the language of the reader
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Id of the request
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Additional members of this code
    #[serde(flatten)]
    #[schema(ignore)]
    pub members: Map<String, Value>,
}

/// Additional members of problems, by error code. Credit refusals also contain their breakdown
#[derive(ToSchema)]
#[allow(dead_code, reason = "documentation of what `Error::member` adds")]
pub struct ProblemMembers {
    /// `stale`: the current values of the fields that the request wanted to change
    #[schema(value_type = Option<Object>, nullable = false)]
    current: Option<Map<String, Value>>,
    /// `stale`: the current version of the resource
    #[schema(nullable = false)]
    current_version: Option<i64>,
    /// `wrong_status`: the current status
    #[schema(nullable = false, example = "draft")]
    current_status: Option<String>,
    /// `possible_duplicate`: similar customers or contacts that you can see
    #[schema(nullable = false)]
    duplicates: Option<Vec<NamedDuplicate>>,
    /// `customer_merged`: the customer to use instead
    #[schema(nullable = false)]
    merged_into_id: Option<uuid::Uuid>,
    /// `case_open`: the risk case that is already open
    #[schema(nullable = false)]
    id: Option<uuid::Uuid>,
    /// `refused_by_guard`: the code of the guard in the definition
    #[schema(nullable = false, example = "too_late")]
    guard: Option<String>,
    /// `in_use`: some of the objects that use what the change would remove
    #[schema(nullable = false)]
    ids: Option<Vec<uuid::Uuid>>,
    /// `visit_in_progress`: the visit to check out of first
    #[schema(nullable = false)]
    visit_id: Option<uuid::Uuid>,
    /// `already_filed`: the filing number
    #[schema(nullable = false, example = "BA-2026-000001")]
    filed_no: Option<String>,
    /// `posted_immutable`: the fields that can no longer change
    #[schema(nullable = false)]
    fields: Option<Vec<String>>,
    /// `order_invoiced`: the amount that has been invoiced
    #[schema(nullable = false)]
    invoiced_amount: Option<Money>,
    /// `above_open_amount`: the open amount
    #[schema(nullable = false)]
    open_amount: Option<Money>,
    /// `authority_exceeded`: the currency of `limit`
    #[schema(nullable = false, example = "CNY")]
    currency: Option<String>,
    /// `authority_exceeded`: the amount written off before, on the invoice or for the customer
    /// within a year
    #[schema(nullable = false)]
    given_up: Option<Money>,
    /// `director_required`: the recommended credit limit
    #[schema(nullable = false)]
    recommended_limit: Option<Money>,
    /// `target_under_allocated`: the amount allocated
    #[schema(nullable = false)]
    allocated: Option<Money>,
    /// `target_under_allocated`: the amount to allocate
    #[schema(nullable = false)]
    required: Option<Money>,
    /// `period_not_over`: the first day on which the target can be closed
    #[schema(nullable = false)]
    closes_on: Option<Date>,
    /// `too_few_attempts`: the number of attempts so far
    #[schema(nullable = false)]
    attempts: Option<i64>,
    /// `too_few_attempts`: days from the first to the last attempt; `too_late_to_reopen`: the
    /// maximum number of days
    #[schema(nullable = false)]
    days: Option<i64>,
    /// `batch_too_large`: the number of items to send at a time
    #[schema(nullable = false)]
    items: Option<i64>,
    /// `batch_too_large`: the number of elements in all lists
    #[schema(nullable = false)]
    elements: Option<i64>,
    /// `batch_too_large`: the maximum number of elements
    #[schema(nullable = false)]
    most_elements: Option<i64>,
}

/// A possible duplicate: a customer with the same name or phone number, or a contact with the same
/// name, phone number or email address
#[derive(ToSchema)]
#[allow(dead_code, reason = "documentation of what `Error::member` adds")]
pub struct NamedDuplicate {
    id: uuid::Uuid,
    name: String,
    /// Code of the customer
    #[schema(nullable = false)]
    code: Option<String>,
    owner_id: Option<uuid::Uuid>,
    /// Customer of the contact
    #[schema(nullable = false)]
    customer_id: Option<uuid::Uuid>,
}

/// The error responses shared by all operations: `responses((status = 200, ...), Problems)`.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Problems {
    /// The request cannot be served as sent
    #[response(status = "4XX", content_type = "application/problem+json")]
    Client(Problem),
    /// The server failed
    #[response(status = "5XX", content_type = "application/problem+json")]
    Server(Problem),
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = shown(&self.code, &self.message).into_owned();
        Self::serialize(&Self { message, ..self.clone() }, serializer)
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut problem = self.clone();
        if is_chinese()
            && let Some((_, title)) = TITLES.iter().find(|title| title.0 == self.status)
        {
            (*title).clone_into(&mut problem.title);
        }
        problem.detail = self.detail.as_ref().map(|text| shown(&self.code, text).into_owned());
        Self::serialize(&problem, serializer)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Problem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}
