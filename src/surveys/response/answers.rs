//! Submitted answers, and their check against the questions.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::utf8::is_utf8;
use platform::{Argument, Error, Fault, Number, Result, input, json};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::survey::{Question, QuestionKind};

/// Limit of a body of answers, in bytes.
const LIMIT: usize = 16 << 10;

/// Limit of a text, in characters.
pub const LONGEST: usize = 2000;

/// The answers to a survey
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "answers": { "overall": 5, "recommend": 9, "best": "quality",
    "comment": "交货很快" } }))]
pub struct SurveyAnswers {
    /// Answers by question id: numbers for scores, the id of the option for a choice
    #[schema(value_type = Object)]
    answers: Map<String, Value>,
}

/// Answers from JSON, or from the form, where every value is text.
#[derive(Debug, Clone)]
pub struct Given {
    pub answers: Map<String, Value>,
    form: bool,
    /// Collected elsewhere: scores may be means, and required answers may be missing
    imported: bool,
    /// Faults that only the parser can see: repeated names, control characters
    odd: Vec<Fault>,
}

impl FromRequest for Given {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let kind = input::media_type(req);
        let bytes = input::bytes_up_to(LIMIT, req, payload);
        async move {
            match &*kind {
                "application/json" => Self::of_json(&bytes.await?),
                "application/x-www-form-urlencoded" => Self::of_form(&bytes.await?),
                _ => Err(input::unsupported_media_type()),
            }
        }
        .boxed_local()
    }
}

impl Argument for Given {}

impl Given {
    fn of_json(bytes: &[u8]) -> Result<Self> {
        let (value, mut faults) = json::parse(bytes)?;
        match input::check::<SurveyAnswers>(&value) {
            Ok(given) if faults.is_empty() => {
                Ok(Self { answers: given.answers, form: false, imported: false, odd: vec![] })
            }
            Ok(_) => Err(Error::invalid(faults)),
            Err(more) => {
                faults.extend(more);
                Err(Error::invalid(faults))
            }
        }
    }

    /// Reads the form with the JSON reader, which checks names and characters just as strictly.
    fn of_form(bytes: &[u8]) -> Result<Self> {
        if !is_utf8(bytes) {
            return Err(Error::bad_request("unreadable_body", "The form is not valid UTF-8."));
        }
        let pairs = serde_urlencoded::from_bytes::<Vec<(String, String)>>(bytes);
        let unreadable = |_| Error::bad_request("unreadable_body", "The body is not a valid form.");
        let quoted = |text: &str| Value::from(text.replace("\r\n", "\n")).to_string();
        let pairs = pairs.map_err(unreadable)?;
        let fields = pairs.iter().map(|pair| format!("{}:{}", quoted(&pair.0), quoted(&pair.1)));
        let text = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));

        let (value, faults) = json::parse(text.as_bytes())?;
        let below = |fault: Fault| Fault { pointer: format!("/answers{}", fault.pointer), ..fault };
        let Value::Object(mut answers) = value else { return Err(Error::internal("no object")) };
        // Browsers also send the fields that were left empty.
        answers.retain(|_, value| *value != "");
        let odd = faults.into_iter().map(below).collect();
        Ok(Self { answers, form: true, imported: false, odd })
    }

    pub(super) fn imported(answers: Map<String, Value>) -> Self {
        Self { answers, form: false, imported: true, odd: vec![] }
    }

    /// Returns an answer as text, for a form that is shown again.
    pub fn text(&self, question: &str) -> Option<String> {
        match self.answers.get(question)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Returns the answers as they are stored, or all their faults.
    pub fn read(&self, questions: &[Question]) -> Result<Map<String, Value>, Vec<Fault>> {
        let (mut read, mut faults) = (Map::new(), self.odd.clone());
        for question in questions {
            let value = self.answers.get(&question.id).filter(|value| !value.is_null());
            let value = value.filter(|value| **value != "");
            let answer = match value {
                Some(value) => self.answer(question, value).map(Some),
                None if question.required && !self.imported => {
                    Err(("required", "an answer is required"))
                }
                None => Ok(None),
            };
            match answer {
                Ok(answer) => read.extend(answer.map(|value| (question.id.clone(), value))),
                Err((code, why)) => {
                    faults.push(Fault::new(format!("/answers/{}", question.id), code, why));
                }
            }
        }

        let known = |name: &String| questions.iter().any(|question| question.id == *name);
        for name in self.answers.keys().filter(|name| !known(name)) {
            let pointer = format!("/answers/{}", name.replace('~', "~0").replace('/', "~1"));
            faults.push(Fault::new(pointer, "unknown_field", "no such question"));
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }

    fn answer(
        &self,
        question: &Question,
        value: &Value,
    ) -> Result<Value, (&'static str, &'static str)> {
        if self.imported && question.kind == QuestionKind::Score {
            let mean = decimal(value).filter(|mean| {
                mean.scale() <= 2 && *mean >= Decimal::ONE && *mean <= Decimal::from(5)
            });
            let why = ("range", "must be from 1 to 5, with at most two decimals");
            return mean.map(|_| value.clone()).ok_or(why);
        }
        let bounds = match question.kind {
            QuestionKind::Score => 1..=5,
            QuestionKind::Nps => 0..=10,
            QuestionKind::Choice => {
                let chosen = value.as_str().ok_or(("type", "must be the id of an option"))?;
                let known = question.options.iter().any(|option| option.id == chosen);
                let unknown = ("unknown_value", "not one of the options");
                return known.then(|| value.clone()).ok_or(unknown);
            }
            QuestionKind::Text => {
                let text = value.as_str().ok_or(("type", "must be a text"))?;
                let fits = text.chars().count() <= LONGEST;
                return fits.then(|| value.clone()).ok_or(("too_long", "at most 2,000 characters"));
            }
        };

        let number = match value {
            Value::String(text) if self.form => text.parse::<i64>().ok(),
            other => other.as_i64(),
        };
        let number = number.ok_or(("type", "must be a whole number"))?;
        bounds.contains(&number).then(|| number.into()).ok_or(("range", "outside the scale"))
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    let number = value.as_number()?.to_string();
    Decimal::from_str_exact(&number).ok().map(|number| number.normalize())
}

/// Returns the answer to the first question for a score of 1 to 5.
pub(super) fn score(questions: &[Question], answers: &Map<String, Value>) -> Option<Number> {
    let question = questions.iter().find(|question| question.kind == QuestionKind::Score)?;
    decimal(answers.get(&question.id)?).map(Number)
}

/// Returns the answer to the first question of this kind, as a whole number.
pub(super) fn first(
    questions: &[Question],
    answers: &Map<String, Value>,
    kind: QuestionKind,
) -> Option<i16> {
    let question = questions.iter().find(|question| question.kind == kind)?;
    i16::try_from(answers.get(&question.id)?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn questions() -> Vec<Question> {
        serde_json::from_value(json!([
            { "id": "q", "kind": "score_1_5", "text_zh": "问", "text_en": "Q", "required": true },
            { "id": "n", "kind": "nps_0_10", "text_zh": "问", "text_en": "Q" },
            { "id": "c", "kind": "choice", "text_zh": "问", "text_en": "Q",
                "options": [{ "id": "x", "text_zh": "甲", "text_en": "X" }] },
            { "id": "t", "kind": "text", "text_zh": "问", "text_en": "Q" },
        ]))
        .unwrap()
    }

    fn told(faults: &[Fault]) -> String {
        let told = faults.iter().map(|it| format!("{} {}", it.pointer, it.code));
        told.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn json_and_forms_are_stored_alike() {
        let expected = json!({ "q": 4, "n": 0, "c": "x", "t": "a\nb" });
        let body = json!({ "answers": expected }).to_string();
        let json = Given::of_json(body.as_bytes()).unwrap().read(&questions()).unwrap();
        assert_eq!(Value::Object(json), expected);
        let form = Given::of_form(b"q=4&n=0&c=x&t=+a%0D%0Ab+").unwrap().read(&questions()).unwrap();
        assert_eq!(Value::Object(form.clone()), expected);
        assert_eq!(first(&questions(), &form, QuestionKind::Nps), Some(0));
        let least = Given::of_form(b"q=1&n=&c=&t=").unwrap().read(&questions()).unwrap();
        assert_eq!(Value::Object(least.clone()), json!({ "q": 1 }));
        assert_eq!(first(&questions(), &least, QuestionKind::Nps), None);
    }

    #[test]
    fn means_come_from_elsewhere_only() {
        let read = |answers: Value| {
            Given::imported(answers.as_object().unwrap().clone()).read(&questions())
        };
        let mean = read(json!({ "q": 4.25 })).unwrap();
        assert_eq!(score(&questions(), &mean), Some(Number(Decimal::new(425, 2))));
        assert_eq!(read(json!({ "n": 9 })).unwrap().len(), 1, "nobody can be asked again");
        let fault = |answers: Value| told(&read(answers).unwrap_err());
        assert_eq!(fault(json!({ "q": 0.99 })), "/answers/q range");
        assert_eq!(fault(json!({ "q": 5.01 })), "/answers/q range");
        assert_eq!(fault(json!({ "q": 4.125 })), "/answers/q range");
        assert_eq!(fault(json!({ "n": 9.5, "x": 1 })), "/answers/n type, /answers/x unknown_field");
    }

    #[test]
    fn what_is_no_answer() {
        let form = |text: &str| match Given::of_form(text.as_bytes()) {
            Ok(given) => told(&given.read(&questions()).unwrap_err()),
            Err(error) => told(&error.problem().errors),
        };
        assert_eq!(form(""), "/answers/q required");
        assert_eq!(form("q=6&n=11"), "/answers/q range, /answers/n range");
        assert_eq!(form("q=0&n=-1"), "/answers/q range, /answers/n range");
        assert_eq!(form("q=x&c=y"), "/answers/q type, /answers/c unknown_value");
        assert_eq!(form("q=1&q=2"), "/answers/q duplicate_field");
        assert_eq!(form("q=1&t=%07"), "/answers/t control_character");
        assert_eq!(form("q=1&z=1"), "/answers/z unknown_field");
        assert_eq!(form(&format!("q=1&t={}", "a".repeat(2001))), "/answers/t too_long");
        let json = |value: Value| match Given::of_json(value.to_string().as_bytes()) {
            Ok(given) => told(&given.read(&questions()).unwrap_err()),
            Err(error) => told(&error.problem().errors),
        };
        assert_eq!(json(json!({})), "/answers required");
        assert_eq!(json(json!({ "answers": { "q": "4" } })), "/answers/q type");
        assert_eq!(json(json!({ "answers": { "q": 4.5 } })), "/answers/q type");
        assert_eq!(json(json!({ "answers": { "q": null } })), "/answers/q required");
        assert_eq!(json(json!({ "answers": { "q": 1, "t": ["a"] } })), "/answers/t type");
        assert_eq!(json(json!({ "answers": {}, "more": 1 })), "/more unknown_field");
    }
}
