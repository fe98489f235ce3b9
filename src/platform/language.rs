//! The language of the reader. Texts are written in English, and translated for readers who prefer
//! Chinese.

use std::borrow::Cow;

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName};

/// Translates an English text that belongs to an error code into Chinese.
pub type Translate = fn(code: &str, english: &str) -> Cow<'static, str>;

tokio::task_local! {
    static TRANSLATE: Option<Translate>;
}

/// Runs a future whose texts are for a reader of English or, with a translation, of Chinese.
pub fn speaking<F: Future>(chinese: Option<Translate>, work: F) -> impl Future<Output = F::Output> {
    TRANSLATE.scope(chinese, work)
}

/// Runs a function whose texts are for a reader of English or, with a translation, of Chinese.
pub fn written<T>(chinese: Option<Translate>, work: impl FnOnce() -> T) -> T {
    TRANSLATE.sync_scope(chinese, work)
}

/// Returns the translation for the current reader. `None` if the reader prefers English.
pub fn translation() -> Option<Translate> {
    TRANSLATE.try_with(|chinese| *chinese).unwrap_or(None)
}

/// Checks whether the current reader prefers Chinese.
pub fn is_chinese() -> bool {
    translation().is_some()
}

/// Returns a text in the language of the current reader.
pub(crate) fn shown<'a>(code: &str, english: &'a str) -> Cow<'a, str> {
    match translation() {
        Some(translate) if !english.is_empty() => translate(code, english),
        _ => english.into(),
    }
}

/// Checks whether `Accept-Language` prefers Chinese to English. `None` if it names neither.
pub fn prefers_chinese(headers: &HeaderMap) -> Option<bool> {
    let accepted = weighted(headers, &ACCEPT_LANGUAGE).into_iter().filter_map(|(tag, weight)| {
        let chinese = match tag.split('-').next()? {
            "zh" => true,
            "en" => false,
            _ => return None,
        };
        Some((chinese, weight))
    });
    // The first one of several with the same weight.
    let best = accepted.fold(None, |best: Option<(bool, u32)>, next| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        _ => Some(next),
    });
    best.map(|best| best.0)
}

/// Returns the names in a header such as `Accept-Language`, in lower case, with their weights in
/// thousandths. Names with the weight 0 are left out.
pub fn weighted(headers: &HeaderMap, header: &HeaderName) -> Vec<(String, u32)> {
    let text = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = text.split(',').map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
        let weight = pieces.find_map(|piece| piece.strip_prefix("q=")).map_or(Some(1.0), |text| {
            text.trim().parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))
        });
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let weight = (weight.unwrap_or(0.0) * 1000.0) as u32;
        (name, weight)
    });
    parts.filter(|part| part.1 > 0).collect()
}
