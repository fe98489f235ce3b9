//! What the codes of problems mean, in both languages: `GET /problems/{code}`. A test compares the
//! table with the codes that the sources use.

/// code, English, 中文
pub const MEANINGS: &[(&str, &str, &str)] = &[
    ("body_too_large", "The body is larger than this operation takes.", "请求内容过大。"),
    ("busy", "Others are changing the same rows; send it again.", "数据正被他人修改,请重试。"),
];
