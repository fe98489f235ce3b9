//! Questions of a survey, and their consistency.

use std::collections::HashSet;

use platform::{Fault, text_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SurveyKind;

text_enum! {
    /// Kind of answer
    pub enum QuestionKind {
        /// 1 (very dissatisfied) to 5 (very satisfied)
        Score = "score_1_5",
        /// 0 (not at all) to 10 (certainly)
        Nps = "nps_0_10",
        /// One of its `options`
        Choice = "choice",
        /// Up to 2,000 characters
        Text = "text",
    }
}

/// A question of a survey
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Question {
    /// Name of the answer
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", example = "overall")]
    pub id: String,
    #[schema(inline)]
    pub kind: QuestionKind,
    #[schema(min_length = 1, max_length = 500, example = "您对我们的产品和服务总体满意吗?")]
    pub text_zh: String,
    #[schema(min_length = 1, max_length = 500, example = "How satisfied are you with us?")]
    pub text_en: String,
    #[serde(default)]
    #[schema(default = false)]
    pub required: bool,
    /// Two or more for a choice, otherwise none
    #[serde(default)]
    #[schema(max_items = 20)]
    pub options: Vec<Choice>,
}

/// An option of a choice
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    #[schema(pattern = "^[a-z][a-z0-9_]{0,39}$", example = "quality")]
    pub id: String,
    #[schema(min_length = 1, max_length = 200, example = "质量")]
    pub text_zh: String,
    #[schema(min_length = 1, max_length = 200, example = "Quality")]
    pub text_en: String,
}

impl Question {
    pub fn text(&self, chinese: bool) -> &str {
        if chinese { &self.text_zh } else { &self.text_en }
    }
}

impl Choice {
    pub fn text(&self, chinese: bool) -> &str {
        if chinese { &self.text_zh } else { &self.text_en }
    }
}

/// Returns the faults of the questions of a survey of this kind.
pub(super) fn faults(kind: SurveyKind, questions: &[Question]) -> Vec<Fault> {
    let (mut faults, mut names) = (vec![], HashSet::new());
    for (index, question) in questions.iter().enumerate() {
        let at = format!("/questions/{index}");
        if !names.insert(&question.id) {
            faults.push(Fault::new(format!("{at}/id"), "duplicate", "used by another question"));
        }

        let choice = question.kind == QuestionKind::Choice;
        let pointer = format!("{at}/options");
        match question.options.len() {
            0 | 1 if choice => {
                let why = "a question of kind `choice` needs at least two options";
                faults.push(Fault::new(pointer, "too_few", why));
            }
            1.. if !choice => {
                let why = "only a question of kind `choice` can have options";
                faults.push(Fault::new(pointer, "contradiction", why));
            }
            _ => {}
        }

        let mut options = HashSet::new();
        for (index, option) in question.options.iter().enumerate() {
            if !options.insert(&option.id) {
                let pointer = format!("{at}/options/{index}/id");
                faults.push(Fault::new(pointer, "duplicate", "used by another option"));
            }
        }
    }

    let has = |kind| questions.iter().any(|question| question.kind == kind);
    let measured = (has(QuestionKind::Score), has(QuestionKind::Nps));
    let why = match (kind, measured) {
        (SurveyKind::Csat, (true, false))
        | (SurveyKind::Nps, (false, true))
        | (SurveyKind::Mixed, (true, true)) => return faults,
        (SurveyKind::Csat, _) => "needs a `score_1_5` question and no `nps_0_10` question",
        (SurveyKind::Nps, _) => "needs an `nps_0_10` question and no `score_1_5` question",
        (SurveyKind::Mixed, _) => "needs a `score_1_5` question and an `nps_0_10` question",
    };
    faults.push(Fault::new("/kind", "contradiction", why));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str, kind: QuestionKind, options: &[&str]) -> Question {
        let choice =
            |id: &&str| Choice { id: (*id).to_owned(), text_zh: "甲".into(), text_en: "A".into() };
        Question {
            id: id.to_owned(),
            kind,
            text_zh: "问".into(),
            text_en: "Q".into(),
            required: false,
            options: options.iter().map(choice).collect(),
        }
    }

    #[test]
    fn each_rule_violated_once() {
        use QuestionKind::{Choice, Nps, Score, Text};
        let told = |kind, questions: &[Question]| {
            let faults = faults(kind, questions);
            let told = faults.iter().map(|it| format!("{} {}", it.pointer, it.code));
            told.collect::<Vec<_>>().join(", ")
        };
        let (score, nps) = (question("a", Score, &[]), question("b", Nps, &[]));
        let both = [score.clone(), nps.clone()];
        assert_eq!(told(SurveyKind::Csat, &both[..1]), "");
        assert_eq!(told(SurveyKind::Nps, &both[1..]), "");
        assert_eq!(told(SurveyKind::Mixed, &both), "");
        assert_eq!(told(SurveyKind::Csat, &both), "/kind contradiction");
        assert_eq!(told(SurveyKind::Nps, &both), "/kind contradiction");
        assert_eq!(told(SurveyKind::Mixed, &both[..1]), "/kind contradiction");
        let with = |more| told(SurveyKind::Csat, &[score.clone(), more]);
        assert_eq!(with(question("a", Text, &[])), "/questions/1/id duplicate");
        assert_eq!(with(question("c", Text, &["x"])), "/questions/1/options contradiction");
        assert_eq!(with(question("c", Choice, &["x"])), "/questions/1/options too_few");
        let twice = question("c", Choice, &["x", "x"]);
        assert_eq!(with(twice), "/questions/1/options/1/id duplicate");
        assert_eq!(with(question("c", Choice, &["x", "y"])), "");
    }
}
