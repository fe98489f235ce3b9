//! Surveys, 客户满意度调查, with their questions in both languages and their status.

mod db;
pub mod http;
mod question;

use company::{Calendar, Company};
use diesel::prelude::*;
use jiff::tz::TimeZone;
use platform::{Date, Embedded, Error, Result, Timestamp, page, resource, set, text_enum};
use schema::surveys;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use db::follow_calendar;
pub use question::{Choice, Question, QuestionKind};

/// Default of `link_days`.
const LINK_DAYS: i32 = 14;

/// Working days from the closing of a survey until its results must be dispatched.
const DISPATCH_DAYS: usize = 5;

text_enum! {
    /// Figures that the survey measures
    pub enum SurveyKind {
        /// 满意度: has a question with a score of 1 to 5
        Csat = "csat",
        /// 净推荐值: has a question with 0 to 10
        Nps = "nps",
        /// Has both
        Mixed = "mixed",
    }
}

text_enum! {
    pub enum SurveyStatus {
        /// 草稿
        Draft = "draft",
        /// 进行中: customers can be sampled and can answer
        Open = "open",
        /// 已结束
        Closed = "closed",
    }
}

/// A survey, 客户满意度调查
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Survey {
    pub id: Uuid,
    pub version: i64,
    #[schema(example = "2026 年第四季度客户满意度调查")]
    pub title_zh: String,
    #[schema(example = "Customer satisfaction, fourth quarter of 2026")]
    pub title_en: String,
    #[schema(inline)]
    pub kind: SurveyKind,
    /// Questions in the order of the form
    #[schema(value_type = Vec<Question>)]
    pub questions: Embedded<Vec<Question>>,
    /// Days for which a link is valid
    pub link_days: i32,
    #[schema(inline)]
    pub status: SurveyStatus,
    pub authored_by: Uuid,
    pub opened_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// The fifth working day after the survey was closed; its results must be dispatched by then
    pub dispatch_due_on: Option<Date>,
    /// Time at which the results were dispatched, 反馈
    pub dispatched_at: Option<Timestamp>,
    pub dispatched_by: Option<Uuid>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! {
    Survey: "survey" at "/api/v1/surveys",
    seen by everybody,
    derived ["dispatch_due_on"]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "title_zh": "2026 年第四季度客户满意度调查",
    "title_en": "Customer satisfaction, fourth quarter of 2026", "kind": "mixed",
    "questions": [
        { "id": "overall", "kind": "score_1_5", "required": true,
            "text_zh": "您对我们的产品和服务总体满意吗?", "text_en": "How satisfied are you with us?" },
        { "id": "recommend", "kind": "nps_0_10", "required": true,
            "text_zh": "您会把我们推荐给同行吗?", "text_en": "Would you recommend us to others?" },
        { "id": "best", "kind": "choice", "text_zh": "您最看重什么?", "text_en": "What counts most?",
            "options": [{ "id": "quality", "text_zh": "质量", "text_en": "Quality" },
                { "id": "delivery", "text_zh": "交货", "text_en": "Delivery" }] },
        { "id": "comment", "kind": "text", "text_zh": "您的建议", "text_en": "Your advice" }] }))]
pub struct NewSurvey {
    #[schema(min_length = 1, max_length = 200)]
    title_zh: String,
    #[schema(min_length = 1, max_length = 200)]
    title_en: String,
    #[schema(inline)]
    kind: SurveyKind,
    #[schema(min_items = 1, max_items = 30)]
    questions: Vec<Question>,
    /// Default: 14
    #[schema(minimum = 1, maximum = 90, nullable = false)]
    link_days: Option<i32>,
}

/// A merge patch for a draft: absent fields stay, `questions` is replaced as a whole.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "title_zh": "2026 年年终客户满意度调查", "link_days": 21 }))]
pub struct SurveyChanges {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    title_zh: Option<String>,
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    title_en: Option<String>,
    #[schema(inline, nullable = false)]
    kind: Option<SurveyKind>,
    #[schema(min_items = 1, max_items = 30, nullable = false)]
    questions: Option<Vec<Question>>,
    #[schema(minimum = 1, maximum = 90, nullable = false)]
    link_days: Option<i32>,
}

/// Filters for the list of surveys.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SurveyFilter {
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    status: Option<Vec<SurveyStatus>>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    kind: Option<Vec<SurveyKind>>,
}

impl intake::HasReferences for SurveyFilter {}

page! {
    /// A page of surveys
    SurveyPage of Survey
}

/// Actions on a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SurveyAction {
    Change,
    Delete,
    Open,
    Sample,
    Close,
    Dispatch,
}

impl SurveyStatus {
    /// Returns the status after an action: draft → open → closed. Dispatching leaves it closed.
    pub fn after(self, action: SurveyAction) -> Result<Self> {
        use SurveyAction::{Change, Close, Delete, Dispatch, Open, Sample};
        match (self, action) {
            (Self::Draft, Change | Delete) => Ok(Self::Draft),
            (Self::Draft, Open) | (Self::Open, Sample) => Ok(Self::Open),
            (Self::Open, Close) | (Self::Closed, Dispatch) => Ok(Self::Closed),
            (status, _) => {
                let detail = "The survey is `{}`, which does not allow this action.";
                Err(Error::wrong_status(status.as_str(), detail))
            }
        }
    }
}

impl Survey {
    fn new(new: &NewSurvey, author: Uuid, now: Timestamp) -> Self {
        Self {
            id: Uuid::now_v7(),
            version: 1,
            title_zh: new.title_zh.clone(),
            title_en: new.title_en.clone(),
            kind: new.kind,
            questions: Embedded(new.questions.clone()),
            link_days: new.link_days.unwrap_or(LINK_DAYS),
            status: SurveyStatus::Draft,
            authored_by: author,
            opened_at: None,
            closed_at: None,
            dispatch_due_on: None,
            dispatched_at: None,
            dispatched_by: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn with(&self, changes: &SurveyChanges) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => SurveyChanges {
            title_zh, title_en, kind, link_days; questions
        });
        set(&mut after.questions.0, changes.questions.as_ref());
        after
    }

    fn check(&self) -> Result<()> {
        let faults = question::faults(self.kind, &self.questions);
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }

    /// Records the dispatch of the results, which is possible once.
    fn dispatched(&self, by: Uuid, now: Timestamp) -> Result<Self> {
        let status = self.status.after(SurveyAction::Dispatch)?;
        if self.dispatched_at.is_some() {
            let detail = "The results of this survey have already been dispatched.";
            return Err(Error::conflict("already_dispatched", detail));
        }
        let (dispatched_at, dispatched_by) = (Some(now), Some(by));
        Ok(Self { status, dispatched_at, dispatched_by, ..self.clone() })
    }

    /// Returns the title in Chinese or English.
    pub fn title(&self, chinese: bool) -> &str {
        if chinese { &self.title_zh } else { &self.title_en }
    }
}

/// Returns the day of an instant in the company's time zone.
pub(crate) fn day_of(at: Timestamp, company: &Company) -> Result<Date> {
    let zone = TimeZone::get(&company.time_zone).map_err(Error::internal)?;
    Ok(Date(at.0.to_zoned(zone).date()))
}

/// Returns the last day for dispatching the results of a survey that was closed on that day.
fn dispatch_due(closed: Date, calendar: &Calendar) -> Result<Date> {
    let tomorrow = closed.0.tomorrow().map_err(Error::internal)?;
    Ok(calendar.nth_working_day(Date(tomorrow), DISPATCH_DAYS))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn five_working_days_from_the_next_one_on() {
        let due = |d| dispatch_due(Date(date(2026, 11, d)), &Calendar::default()).unwrap().0;
        // A Monday, a Friday, a Saturday.
        assert_eq!(due(23), date(2026, 11, 30));
        assert_eq!(due(27), date(2026, 12, 4));
        assert_eq!(due(28), date(2026, 12, 4));
    }

    #[test]
    fn every_status_and_every_action() {
        use SurveyAction::{Change, Close, Delete, Dispatch, Open, Sample};
        let edges = [
            (SurveyStatus::Draft, Change, SurveyStatus::Draft),
            (SurveyStatus::Draft, Delete, SurveyStatus::Draft),
            (SurveyStatus::Draft, Open, SurveyStatus::Open),
            (SurveyStatus::Open, Sample, SurveyStatus::Open),
            (SurveyStatus::Open, Close, SurveyStatus::Closed),
            (SurveyStatus::Closed, Dispatch, SurveyStatus::Closed),
        ];
        for status in SurveyStatus::ALL {
            for action in [Change, Delete, Open, Sample, Close, Dispatch] {
                let expected = edges.iter().find(|it| (it.0, it.1) == (*status, action));
                let after = status.after(action);
                assert_eq!(after.as_ref().ok(), expected.map(|it| &it.2), "{status:?} {action:?}");
                assert!(after.is_ok() || after.unwrap_err().code() == "wrong_status");
            }
        }
    }
}
