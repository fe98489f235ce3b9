//! Texts of the pages, in both languages.

use company::company::Language;

/// The fixed texts of the form.
pub struct Words {
    pub tag: &'static str,
    /// Link to the other language: its parameter, tag and name
    pub other: (&'static str, &'static str, &'static str),
    pub lang: &'static str,
    pub greeting: &'static str,
    pub introduction: &'static str,
    pub must: &'static str,
    pub scores: [&'static str; 5],
    pub nps: [&'static str; 2],
    pub longest: &'static str,
    pub send: &'static str,
    pub check: &'static str,
    pub thanks: (&'static str, &'static str),
}

const CHINESE: Words = Words {
    tag: "zh-CN",
    other: ("en", "en", "English"),
    lang: "zh",
    greeting: "尊敬的客户:",
    introduction: "请用一两分钟告诉我们您的评价。此链接只能提交一次。",
    must: "(必答)",
    scores: ["非常不满意", "不满意", "一般", "满意", "非常满意"],
    nps: ["完全不会", "一定会"],
    longest: "最多 2000 字",
    send: "提交",
    check: "请检查以下问题:",
    thanks: ("感谢您的评价", "您的回答已收到,可以关闭此页面。"),
};

const ENGLISH: Words = Words {
    tag: "en",
    other: ("zh", "zh-CN", "中文"),
    lang: "en",
    greeting: "For:",
    introduction: "Please take a minute to tell us what you think. This link can be used once.",
    must: "(required)",
    scores: ["Very dissatisfied", "Dissatisfied", "Neither", "Satisfied", "Very satisfied"],
    nps: ["Not at all", "Certainly"],
    longest: "At most 2,000 characters",
    send: "Send",
    check: "Please check these questions:",
    thanks: ("Thank you", "We have received your answers. You can close this page."),
};

pub fn words(language: Language) -> &'static Words {
    match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    }
}

/// Returns the message for a fault of one answer.
pub fn fault(code: &str, language: Language) -> &'static str {
    let (chinese, english) = match code {
        "required" => ("此题必答。", "Please answer this question."),
        "too_long" => ("文字过长,最多 2000 字。", "The text is longer than 2,000 characters."),
        "control_character" => ("文字含有控制字符。", "The text contains control characters."),
        _ => ("请重新选择。", "Please choose again."),
    };
    if language == Language::Chinese { chinese } else { english }
}

/// Returns the heading and the advice of a page that is shown in place of the form.
pub fn refusal(code: &str, language: Language) -> (&'static str, &'static str) {
    let (chinese, english) = match code {
        "survey_answered" => (
            ("您已提交过评价", "每个链接只能提交一次,感谢您的参与。"),
            ("You have already answered", "Each link can be used only once. Thank you."),
        ),
        "link_expired" => (
            ("链接已过期", "如仍愿意评价,请联系您的业务人员获取新链接。"),
            ("This link has expired", "Ask your contact with us for a new one."),
        ),
        "survey_closed" => (
            ("调查已结束", "感谢您的关注。"),
            ("This survey is closed", "Thank you for your interest."),
        ),
        "not_found" => (
            ("找不到此调查", "请检查链接是否完整。"),
            ("Survey not found", "Check whether the link is complete."),
        ),
        "too_many_requests" => (
            ("访问过于频繁", "请稍后再试。"),
            ("Too many requests", "Please try again in a moment."),
        ),
        "unavailable" | "busy" | "timeout" | "outcome_unknown" | "internal" => (
            ("暂时无法处理", "请稍后重新提交。"),
            ("We cannot process your request at the moment", "Please try again later."),
        ),
        _ => (
            ("无法处理此请求", "请返回后重试。"),
            ("This request cannot be processed", "Go back and try again."),
        ),
    };
    if language == Language::Chinese { chinese } else { english }
}
