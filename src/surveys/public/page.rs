//! HTML pages that work on a phone, with a screen reader and without scripts. All text written by
//! people is escaped.

use std::fmt::Write;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, RETRY_AFTER, VARY};
use company::company::Language;
use platform::Fault;

use super::PublicSurvey;
use super::style::{POLICY, STYLE};
use super::words::{self, Words, words};
use crate::response::answers::{Given, LONGEST};
use crate::survey::{Question, QuestionKind};

/// Submitted answers, with their faults.
type Sent<'a> = Option<(&'a Given, &'a [Fault])>;

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            symbol => safe.push(symbol),
        }
    }
    safe
}

/// Returns the form. With `sent`, the form is shown again, with the submitted answers and their
/// faults.
pub fn form(survey: &PublicSurvey, language: Language, sent: Sent<'_>) -> HttpResponse {
    let (words, chinese) = (words(language), language == Language::Chinese);
    let title = escaped(survey.title(chinese));
    let mut body = format!(
        "<h1>{title}</h1><p>{} {}</p><p>{}</p>",
        words.greeting,
        escaped(&survey.customer_name),
        words.introduction
    );

    if let Some((_, faults)) = sent {
        body += &summary(survey, words, language, faults);
    }

    let _ = write!(body, "<form method=\"post\" action=\"?lang={}\">", words.lang);
    for (index, question) in survey.questions.iter().enumerate() {
        let pointer = format!("/answers/{}", question.id);
        let faults: &[Fault] = sent.map_or(&[], |sent| sent.1);
        let fault = faults.iter().find(|fault| fault.pointer == pointer);
        let fault = fault.map(|fault| words::fault(&fault.code, language));
        let value = sent.and_then(|sent| sent.0.text(&question.id)).unwrap_or_default();
        body += &QuestionView { number: index + 1, question, words, chinese, fault, value: &value }
            .html();
    }

    let _ = write!(body, "<p><button type=\"submit\">{}</button></p></form>", words.send);
    let status = if sent.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, &title, &escaped(&survey.company_name), words, &body)
}

pub fn thanks(language: Language) -> HttpResponse {
    let words = words(language);
    let (heading, text) = words.thanks;
    page(StatusCode::OK, heading, "", words, &format!("<h1>{heading}</h1><p>{text}</p>"))
}

/// Returns the page for a refused request, in place of the problem that a program gets.
pub fn refusal(code: &str, language: Language, answer: &HttpResponse) -> HttpResponse {
    let (heading, text) = words::refusal(code, language);
    let body = format!("<h1>{heading}</h1><p>{text}</p>");
    let mut response = page(answer.status(), heading, "", words(language), &body);
    if let Some(after) = answer.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, after.clone());
    }
    response
}

/// Returns a page. `title`, `company` and `body` are HTML already.
fn page(status: StatusCode, title: &str, company: &str, words: &Words, body: &str) -> HttpResponse {
    let Words { tag, other: (param, other, name), .. } = words;
    let html = format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><header><span>{company}</span>\
         <a href=\"?lang={param}\" lang=\"{other}\" hreflang=\"{other}\">{name}</a></header>\
         <main>{body}</main></body></html>"
    );
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY.as_str()))
        .insert_header((VARY, "Accept, Accept-Language"))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// Returns all faults in one alert, which a screen reader reads out, with a link to each question.
fn summary(survey: &PublicSurvey, words: &Words, language: Language, faults: &[Fault]) -> String {
    let mut list = String::new();
    for (index, question) in survey.questions.iter().enumerate() {
        let pointer = format!("/answers/{}", question.id);
        if let Some(fault) = faults.iter().find(|fault| fault.pointer == pointer) {
            let (id, text) = (escaped(&question.id), words::fault(&fault.code, language));
            let _ = write!(list, "<li><a href=\"#q-{id}\">{}. {text}</a></li>", index + 1);
        }
    }
    format!("<div class=\"faults\" role=\"alert\"><h2>{}</h2><ul>{list}</ul></div>", words.check)
}

/// One question of the form.
struct QuestionView<'a> {
    number: usize,
    question: &'a Question,
    words: &'a Words,
    chinese: bool,
    fault: Option<&'static str>,
    value: &'a str,
}

impl QuestionView<'_> {
    fn html(&self) -> String {
        let id = escaped(&self.question.id);
        let must = if self.question.required { self.words.must } else { "" };
        let text = escaped(self.question.text(self.chinese));
        let text = format!("{}. {text} <span class=\"must\">{must}</span>", self.number);
        let wrong = if self.fault.is_some() { " wrong" } else { "" };
        let told = |message: &str| format!("<p class=\"fault\" id=\"f-{id}\">{message}</p>");
        let fault = self.fault.map(told).unwrap_or_default();
        let described = self.fault.map(|_| format!(" aria-describedby=\"f-{id}\""));
        let described = described.unwrap_or_default();

        if self.question.kind == QuestionKind::Text {
            let (required, value) = (self.required(), escaped(self.value));
            let invalid = if self.fault.is_some() { " aria-invalid=\"true\"" } else { "" };
            // Browsers drop the first line break of a text area, so one more keeps the text as it
            // was.
            return format!(
                "<div class=\"field{wrong}\"><label for=\"q-{id}\">{text}</label>{fault}\
                 <p id=\"h-{id}\">{}</p><textarea id=\"q-{id}\" name=\"{id}\" rows=\"5\" \
                 maxlength=\"{LONGEST}\" aria-describedby=\"h-{id}{}\"{invalid}{required}>\n{value}\
                 </textarea></div>",
                self.words.longest,
                if self.fault.is_some() { format!(" f-{id}") } else { String::new() },
            );
        }

        format!(
            "<fieldset id=\"q-{id}\" class=\"{}\"{described}><legend>{text}</legend>{fault}\
             <div class=\"{}\">{}</div></fieldset>",
            wrong.trim(),
            if self.question.kind == QuestionKind::Nps { "scale" } else { "list" },
            self.options(),
        )
    }

    fn required(&self) -> &'static str {
        if self.question.required { " required" } else { "" }
    }

    fn options(&self) -> String {
        let (words, chinese) = (self.words, self.chinese);
        match self.question.kind {
            QuestionKind::Score => {
                let scores = words.scores.iter().zip(1..);
                scores
                    .map(|(text, at)| self.option(&at.to_string(), &format!("{at} {text}")))
                    .collect()
            }
            QuestionKind::Nps => (0..=10)
                .map(|at| {
                    let end = match at {
                        0 => words.nps[0],
                        10 => words.nps[1],
                        _ => "",
                    };
                    self.option(&at.to_string(), format!("{at} {end}").trim())
                })
                .collect(),
            QuestionKind::Choice | QuestionKind::Text => {
                let options = self.question.options.iter();
                options.map(|option| self.option(&option.id, option.text(chinese))).collect()
            }
        }
    }

    fn option(&self, value: &str, text: &str) -> String {
        let checked = if self.value == value { " checked" } else { "" };
        let (name, required) = (escaped(&self.question.id), self.required());
        let (value, text) = (escaped(value), escaped(text));
        format!(
            "<label class=\"choice\"><input type=\"radio\" name=\"{name}\" value=\"{value}\"\
             {checked}{required}> {text}</label>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_is_left() {
        let hostile = "</title><script>alert(\"1\")</script>&' onload='x";
        let safe = escaped(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'']));
        assert_eq!(escaped("a&b"), "a&amp;b");
        assert_eq!(escaped("上海 <b>"), "上海 &lt;b&gt;");
    }
}
