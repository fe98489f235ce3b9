//! Survey answers that were collected elsewhere.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::receivables::{batch, send};
use crate::reports::report;
use crate::support::harness::{Actor, Service};
use crate::surveys::{act, answer, at, new_survey, open, sample};

/// A survey of a director, and three customers of an ERP.
async fn asked(service: &Service) -> (Actor<'_>, Actor<'_>, String) {
    let director = service.actor(Role::SalesDirector).await;
    let erp = service.client(Role::Erp, "sap").await;
    let item =
        |n: usize| json!({ "external_id": format!("C{n}"), "name": format!("C{n}"), "tier": "A" });
    send(&erp, "customers", (0..3).map(item).collect()).await;
    let survey = open(&director, new_survey()).await;
    (director, erp, survey)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn item(survey: &str, n: usize, answers: &Value) -> Value {
    json!({ "external_id": format!("w{n}"), "survey_id": id(survey), "answers": answers,
        "customer_external_id": format!("C{n}"), "answered_at": "2026-11-10T02:00:00Z" })
}

#[actix_web::test]
async fn means_count_in_the_results_and_in_the_report() {
    let service =
        Service::start_at(salesbook::platform::Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let (director, erp, survey) = asked(&service).await;
    let items = json!([
        item(&survey, 0, &json!({ "overall": 4.5, "recommend": 9 })),
        item(&survey, 1, &json!({ "overall": 3.25 })),
        item(&survey, 2, &json!({ "overall": 2, "recommend": 6 })),
    ]);

    let told = send(&erp, "survey-responses", items.clone()).await;

    assert_eq!(told["created"], 3);
    let list = director.get(&format!("{survey}/responses")).await.expect(200);
    let mut scores: Vec<&Value> =
        list["items"].as_array().unwrap().iter().map(|it| &it["score"]).collect();
    scores.sort_by(|a, b| a.as_f64().unwrap().total_cmp(&b.as_f64().unwrap()));
    assert_eq!(scores, [&json!(2), &json!(3.25), &json!(4.5)]);
    let results = director.get(&format!("{survey}/results")).await.expect(200)["overall"].clone();
    assert_eq!((&results["invitations"], &results["responses"]), (&json!(3), &json!(3)));
    assert_eq!(results["average_score"], "3.2500");
    assert_eq!((&results["satisfied"], &results["low_scores"]), (&json!(1), &json!(1)));
    let told = report(&director, "satisfaction?period=2026-11").await;
    assert_eq!(told["totals"]["average_score"], "3.2500", "as many decimals everywhere");
    assert_eq!(told["totals"]["follow_ups"], 0);
    let again = batch(&erp, "survey-responses", items).await;
    assert_eq!(again["unchanged"], 3);
}

#[actix_web::test]
async fn a_link_that_was_sent_is_answered() {
    let service = Service::start().await;
    let (director, erp, survey) = asked(&service).await;
    let links = sample(&director, &survey, json!({ "size": 3 })).await;

    let answers = json!({ "overall": 5, "recommend": 10 });
    let told = send(&erp, "survey-responses", json!([item(&survey, 0, &answers)])).await;

    assert_eq!(told["created"], 1);
    let open = director.get(&format!("{survey}/invitations?answered=false&total=exact")).await;
    assert_eq!(open.expect(200)["total"], 2);
    let mut refused = 0;
    for (_, link) in &links {
        let answered = service.anonymous().post(link, answer(4, 8)).await;
        refused += usize::from(answered.status.as_u16() == 409);
    }
    assert_eq!(refused, 1, "the link of the one who has answered");
    let twice = json!([{ "external_id": "other", "survey_id": id(&survey), "answers": { "overall": 1 },
        "customer_external_id": "C1", "answered_at": "2026-11-10T02:00:00Z" }]);
    let told = batch(&erp, "survey-responses", twice).await;
    assert_eq!(told["results"][0]["problem"]["errors"][0]["code"], "survey_answered");
}

#[actix_web::test]
async fn each_rule_of_an_import_violated_once() {
    let service = Service::start().await;
    let (director, erp, survey) = asked(&service).await;
    let draft = director.post("/api/v1/surveys", new_survey()).await.expect(201);
    let good = json!({ "overall": 4 });
    let with = |change: Value| {
        let mut item = item(&survey, 0, &good);
        item.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        item
    };
    let wrong = [
        (with(json!({ "answers": { "overall": 5.5 } })), "/answers/overall range"),
        (with(json!({ "answers": { "overall": 4.125 } })), "/answers/overall range"),
        (with(json!({ "answers": { "recommend": 9.5 } })), "/answers/recommend type"),
        (with(json!({ "answers": { "nothing": 1 } })), "/answers/nothing unknown_field"),
        (with(json!({ "answered_at": "2199-01-01T00:00:00Z" })), "/answered_at in_future"),
        (with(json!({ "survey_id": draft["id"] })), "/survey_id wrong_status"),
        (with(json!({ "survey_id": erp.id })), "/survey_id unknown_reference"),
        (
            with(json!({ "customer_external_id": "nobody" })),
            "/customer_external_id unknown_reference",
        ),
        (json!({ "external_id": "w0", "answers": {} }), "/survey_id required"),
    ];

    for (item, expected) in wrong {
        let told = batch(&erp, "survey-responses", json!([item])).await;
        let fault = &told["results"][0]["problem"]["errors"][0];
        let fault =
            format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap());
        assert_eq!(fault, expected);
    }
    assert_eq!(
        service.count("survey_responses").await + service.count("survey_invitations").await,
        0
    );
    act(&director, &format!("{survey}/close"), 200).await;
    send(&erp, "survey-responses", json!([item(&survey, 0, &good)])).await;
    director.post("/api/v1/survey-responses/batch", json!({ "items": [] })).await.expect(403);
}
