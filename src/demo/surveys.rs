//! Satisfaction surveys of the last four quarters, with the answers of customers.

use exchange::Error;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::calendar::{working_after, working_before, working_from};
use crate::people::{People, Travel};
use crate::random::Random;
use crate::visits::at;

const OFFICE: &str = "fang.wen";

/// A survey and its course.
#[derive(Debug, PartialEq)]
pub struct Survey {
    pub new: Value,
    pub opened: Timestamp,
    /// Number of customers who are invited
    pub size: i64,
    /// Answers, which come two days after the opening
    pub answers: Vec<Value>,
    /// The time when the office calls dissatisfied customers
    pub called: Timestamp,
    /// The time of the closing; `None` for the last survey, which is still open
    pub closed: Option<Timestamp>,
}

/// The surveys: the last one was opened about a week ago, the others 91 days apart before it.
pub fn surveys(today: Date) -> Vec<Survey> {
    let quarters = (0..4).rev();
    let day = |ago: i64| working_before(today.saturating_sub((6 + 91 * ago).days()));
    quarters.map(|ago| survey(day(ago), ago == 0)).collect()
}

fn survey(day: Date, last: bool) -> Survey {
    let name = format!("{} 年第 {} 季度", day.year(), (day.month() + 2) / 3);
    let quarter = format!("Q{} {}", (day.month() + 2) / 3, day.year());

    let mut random = Random::of_day("survey", day);
    let comments = ["交货很快", "希望增加本地库存", "服务热情", "价格偏高", "技术支持及时"];
    let answer = |n: i64| {
        // Most customers are satisfied.
        let overall = *random.choose(&[5, 5, 5, 4, 4, 4, 4, 3, 3, if n % 9 == 0 { 1 } else { 4 }]);
        let recommend = (2 * overall + random.between(-1, 0)).clamp(0, 10);
        let best = *random.choose(&["quality", "delivery", "price", "service"]);
        let mut answers = json!({ "overall": overall, "recommend": recommend, "best": best });
        if random.percent(40) {
            answers["comment"] = (*random.choose(&comments)).into();
        }
        json!({ "answers": answers })
    };

    let option = |id: &str, zh: &str, en: &str| json!({ "id": id, "text_zh": zh, "text_en": en });
    Survey {
        new: json!({
            "title_zh": format!("{name}客户满意度调查"),
            "title_en": format!("Customer satisfaction {quarter}"),
            "kind": "mixed",
            "questions": [
                { "id": "overall", "kind": "score_1_5", "required": true,
                    "text_zh": "您总体满意吗?", "text_en": "How satisfied are you?" },
                { "id": "recommend", "kind": "nps_0_10", "required": true,
                    "text_zh": "您会向同行推荐我们吗?", "text_en": "Would you recommend us?" },
                { "id": "best", "kind": "choice", "text_zh": "您最看重什么?",
                    "text_en": "What counts most?", "options": [
                        option("quality", "质量", "Quality"),
                        option("delivery", "交货", "Delivery"),
                        option("price", "价格", "Price"),
                        option("service", "服务", "Service"),
                    ] },
                { "id": "comment", "kind": "text", "text_zh": "您的建议", "text_en": "Your advice" },
            ],
        }),
        opened: at(day, 10 * 60),
        size: 40,
        answers: (0..25).map(answer).collect(),
        called: at(working_after(day, 3), 10 * 60),
        closed: (!last).then(|| at(working_from(day.saturating_add(15.days())), 17 * 60)),
    }
}

/// Creates the surveys and their answers. In closed surveys, the office has called the dissatisfied
/// customers and cancelled their follow-ups.
pub async fn run(people: &People, surveys: &[Survey], travel: Travel<'_>) -> Result<(), Error> {
    for survey in surveys {
        travel(Some(survey.opened));
        let made = people.post(OFFICE, "/api/v1/surveys".into(), &survey.new).await?;
        let path = format!("/api/v1/surveys/{}", made["id"].as_str().unwrap_or_default());
        people.post(OFFICE, format!("{path}/open"), &Value::Null).await?;
        let size = json!({ "size": survey.size });
        let sample = people.post(OFFICE, format!("{path}/sample"), &size).await?;
        let links = sample["invitations"].as_array().into_iter().flatten();
        travel(Some(survey.opened + 48.hours()));
        for (invitation, answer) in links.zip(&survey.answers) {
            let link = invitation["link"].as_str().unwrap_or_default();
            people.post(OFFICE, link.to_owned(), answer).await?;
        }

        let Some(closed) = survey.closed else { continue };
        travel(Some(survey.called));
        let open = "/api/v1/follow-ups?source=survey&status=assigned&limit=100";
        let low = people.get(OFFICE, open.into()).await?;
        for follow_up in low["items"].as_array().into_iter().flatten() {
            let id = follow_up["id"].as_str().unwrap_or_default();
            let called = json!({ "reason": "已电话回访,客户接受说明" });
            people.post(OFFICE, format!("/api/v1/follow-ups/{id}/cancel"), &called).await?;
        }
        travel(Some(closed));
        people.post(OFFICE, format!("{path}/close"), &Value::Null).await?;
    }
    Ok(())
}
