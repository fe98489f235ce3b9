//! Survey responses, 调查答卷, and the follow-up of low scores.

pub mod answers;
pub mod batch;
mod db;
pub mod http;
mod results;

use ::customers::customer::{Tier, find_customers};
use company::company::Language;
use company::setting;
use company::{Calendar, Company};
use diesel::prelude::*;
use intake::Reference;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use platform::{Date, Embedded, Error, Number, Result, Timestamp, page, resource};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use schema::{customers, survey_responses};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(crate) use db::{follow, follow_calendar};

/// A response, 调查答卷
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(base_query = survey_responses::table.inner_join(customers::table))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct SurveyResponse {
    pub id: Uuid,
    pub version: i64,
    pub survey_id: Uuid,
    pub invitation_id: Uuid,
    pub customer_id: Uuid,
    pub contact_id: Option<Uuid>,
    /// Tier of the customer when the sample was drawn
    #[schema(inline)]
    pub tier: Option<Tier>,
    /// Region of the customer when the sample was drawn
    pub region: Option<String>,
    /// Owner of the customer when it answered
    pub owner_id: Option<Uuid>,
    /// Language of the answers
    #[schema(inline)]
    pub language: Language,
    /// Answers by question id: numbers for scores, the id of the option for a choice
    #[schema(value_type = Object, example = json!({ "overall": 5, "recommend": 9,
        "best": "quality", "comment": "交货很快" }))]
    pub answers: Embedded<Map<String, Value>>,
    /// 满意度, 1 to 5: the answer to the first such question. Imported ones may have two decimals.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = Option<f64>, minimum = 1, maximum = 5, example = 4.5)]
    pub score: Option<Number>,
    /// 推荐度, 0 to 10: the answer to the first such question
    pub nps: Option<i16>,
    /// True if the score is at most `survey_low_score`, or `nps` at most `survey_low_nps`
    pub low: bool,
    /// The follow-up of a low score, 客户跟踪
    pub follow_up_id: Option<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    /// Time of the answer
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Owner of the customer, who decides on visibility
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update, select_expression = customers::owner_id)]
    customer_owner_id: Option<Uuid>,
}

resource! {
    SurveyResponse: "survey_response" at "/api/v1/survey-responses",
    seen by survey_responses [JoinedCustomerOrPool(customer_id)]
}

/// Filters for the list of responses.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SurveyResponseFilter {
    customer_id: Option<Uuid>,
    /// One or several, separated by commas
    #[param(inline, style = Form, explode = false)]
    tier: Option<Vec<Tier>>,
    /// True for low scores only, false for the others only
    low: Option<bool>,
    created_from: Option<Timestamp>,
    /// Exclusive
    created_to: Option<Timestamp>,
}

intake::references! { SurveyResponseFilter: &[CUSTOMER] }

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };

page! {
    /// A page of responses
    SurveyResponsePage of SurveyResponse
}

/// Returns true for a low score, according to the settings of the company.
fn is_low(company: &Company, score: Option<Number>, nps: Option<i16>) -> bool {
    let below = |value: Option<Decimal>, setting| {
        value.is_some_and(|value| value <= Decimal::from(company.settings.get(setting)))
    };
    below(score.map(|score| score.0), setting::SURVEY_LOW_SCORE)
        || below(nps.map(Decimal::from), setting::SURVEY_LOW_NPS)
}

/// Writes a whole score as an integer, as before scores could be means.
#[allow(clippy::ref_option, reason = "serde calls it so")]
fn as_number<S: Serializer>(
    score: &Option<Number>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match score.map(|score| score.0) {
        None => serializer.serialize_none(),
        Some(score) => match score.fract().is_zero().then(|| score.to_i64()).flatten() {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(score.to_f64().unwrap_or_default()),
        },
    }
}

/// Returns the due time of a low score: the end of the next working day.
fn due(company: &Company, calendar: &Calendar, answered_on: Date) -> Result<Timestamp> {
    let tomorrow = answered_on.0.tomorrow().map_err(Error::internal)?;
    let day = calendar.nth_working_day(Date(tomorrow), 1);
    let ends = SignedDuration::from_hours(company.settings.get(setting::WORKING_DAY_ENDS));
    let zone = TimeZone::get(&company.time_zone).map_err(Error::internal)?;
    let end = day.0.at(0, 0, 0, 0).checked_add(ends).and_then(|it| it.to_zoned(zone));
    end.map(|end| Timestamp(end.timestamp())).map_err(Error::internal)
}

/// Returns the instruction for the assignee of the follow-up, in the company's language.
fn instruction(company: &Company, title: &str, score: Option<Number>, nps: Option<i16>) -> String {
    let chinese = company.language == Language::Chinese;
    let told = |name: &str, value: Option<String>, most| {
        value.map(|value| format!("{name} {value}/{most}"))
    };
    let (score, nps) = (score.map(|score| score.to_string()), nps.map(|nps| nps.to_string()));

    let names =
        if chinese { ["满意度", "推荐度"] } else { ["satisfaction", "recommendation"] };
    let told = [told(names[0], score, 5), told(names[1], nps, 10)];
    let told: Vec<String> = told.into_iter().flatten().collect();

    if chinese {
        let told = told.join(",");
        format!("客户在《{title}》中评价偏低({told})。请联系客户了解原因,并反馈处理结果。")
    } else {
        let told = told.join(", ");
        format!(
            "The customer answered \"{title}\" with a low score ({told}). Ask what is wrong, see \
             to it, and report."
        )
    }
}

#[cfg(test)]
mod tests {
    use company::holiday::HolidayKind;
    use jiff::civil::date;
    use platform::position::CoordinateSystem;

    use super::*;

    fn company(settings: &Value) -> Company {
        let now = Timestamp::default();
        Company {
            id: Uuid::nil(),
            version: 1,
            name: "示范".into(),
            currency: "CNY".into(),
            time_zone: "Asia/Shanghai".into(),
            language: Language::Chinese,
            coordinate_system: CoordinateSystem::Wgs84,
            settings: Embedded(serde_json::from_value(settings.clone()).unwrap()),
            created_at: now,
            updated_at: now,
        }
    }

    fn number(score: i64) -> Number {
        Number(score.into())
    }

    #[test]
    fn low_is_what_the_settings_say() {
        let plain = company(&serde_json::json!({}));
        let low = |score: Option<i64>, nps| is_low(&plain, score.map(number), nps);
        assert!(low(Some(1), None) && low(Some(2), Some(10)) && low(None, Some(6)));
        assert!(!low(Some(3), None) && !low(None, Some(7)) && !low(None, None));
        let milder = company(&serde_json::json!({ "survey_low_score": 0, "survey_low_nps": -1 }));
        assert!(!is_low(&milder, Some(number(1)), Some(0)));
        assert!(!is_low(&plain, Some(Number(Decimal::new(201, 2))), None));
    }

    #[test]
    fn it_is_due_at_the_end_of_the_next_working_day() {
        // Spring festival 2026: 15 to 23 February.
        let off = (15..=23).map(|day| (Date(date(2026, 2, day)), HolidayKind::Holiday));
        let calendar: Calendar = off.collect();
        let plain = company(&serde_json::json!({}));
        let due = |company: &Company, today: &str| {
            due(company, &calendar, Date(today.parse().unwrap())).unwrap().to_string()
        };
        // Monday, Friday, and the day before the spring festival.
        assert_eq!(due(&plain, "2026-11-23"), "2026-11-24T10:00:00Z");
        assert_eq!(due(&plain, "2026-11-27"), "2026-11-30T10:00:00Z");
        assert_eq!(due(&plain, "2026-02-14"), "2026-02-24T10:00:00Z");
        let late = company(&serde_json::json!({ "working_day_ends": 24 }));
        assert_eq!(due(&late, "2026-11-23"), "2026-11-24T16:00:00Z");
    }
}
