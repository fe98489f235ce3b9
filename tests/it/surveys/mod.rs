//! Surveys: samples, results, and follow-ups of low scores.

pub mod imports;
pub mod links;
pub mod satisfaction;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};

pub const SURVEYS: &str = "/api/v1/surveys";

pub fn new_survey() -> Value {
    json!({ "title_zh": "年终客户满意度调查", "title_en": "Customer satisfaction", "kind": "mixed",
        "questions": [
            { "id": "overall", "kind": "score_1_5", "required": true,
                "text_zh": "您总体满意吗?", "text_en": "How satisfied are you?" },
            { "id": "recommend", "kind": "nps_0_10", "required": true,
                "text_zh": "您会推荐我们吗?", "text_en": "Would you recommend us?" },
            { "id": "best", "kind": "choice", "text_zh": "您最看重什么?",
                "text_en": "What counts most?", "options": [
                    { "id": "quality", "text_zh": "质量", "text_en": "Quality" },
                    { "id": "delivery", "text_zh": "交货", "text_en": "Delivery" }] },
            { "id": "comment", "kind": "text", "text_zh": "您的建议", "text_en": "Your advice" }] })
}

pub fn path(survey: &Value) -> String {
    format!("{SURVEYS}/{}", survey["id"].as_str().unwrap())
}

/// Sends an action without a body.
pub async fn act(actor: &Actor<'_>, path: &str, status: u16) -> Value {
    actor.send(Method::POST, path, None, &[]).await.expect(status)
}

/// Creates and opens a survey. Returns its path.
pub async fn open(actor: &Actor<'_>, new: Value) -> String {
    let path = path(&actor.post(SURVEYS, new).await.expect(201));
    act(actor, &format!("{path}/open"), 200).await;
    path
}

/// Creates a customer. Returns its id.
pub async fn customer(actor: &Actor<'_>, changes: Value) -> String {
    let mut new = json!({ "name": "上海林氏", "allow_duplicate": true });
    new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let tier = new.as_object_mut().unwrap().remove("tier");
    let customer = actor.post("/api/v1/customers", new).await.expect(201);
    let id = customer["id"].as_str().unwrap().to_owned();
    if let Some(tier) = tier.as_ref().and_then(Value::as_str) {
        actor.set_tier(&id, tier).await;
    }
    id
}

/// Draws a sample. Returns the customer and the link of each invitation.
pub async fn sample(actor: &Actor<'_>, survey: &str, how: Value) -> Vec<(String, String)> {
    let sample = actor.post(&format!("{survey}/sample"), how).await.expect(200);
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let links = sample["invitations"].as_array().unwrap().iter();
    links.map(|it| (text(it, "customer_id"), text(it, "link"))).collect()
}

pub fn answer(overall: i64, recommend: i64) -> Value {
    json!({ "answers": { "overall": overall, "recommend": recommend } })
}

/// Submits an answer, for the test that every version is recorded.
pub async fn one_answer(service: &Service, admin: &Actor<'_>) {
    let survey = open(admin, new_survey()).await;
    let links = sample(admin, &survey, json!({ "size": 1 })).await;
    service.anonymous().post(&links[0].1, answer(1, 1)).await.expect(200);
}

pub fn at(instant: &str) -> Timestamp {
    Timestamp(instant.parse().unwrap())
}

fn codes(problem: &Value) -> String {
    let errors = problem["errors"].as_array().unwrap().iter();
    let told = errors
        .map(|it| format!("{} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap()));
    told.collect::<Vec<_>>().join(", ")
}

#[actix_web::test]
async fn a_survey_from_draft_to_closed() {
    let service = Service::start_at(Clock::fixed(at("2026-11-23T02:00:00Z"))).await;
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let draft = director.post(SURVEYS, new_survey()).await.expect(201);
    let survey = path(&draft);
    assert_eq!((&draft["status"], &draft["link_days"]), (&json!("draft"), &json!(14)));
    assert_eq!(draft["questions"][0]["options"], json!([]));
    seller.post(SURVEYS, new_survey()).await.expect(403);
    seller.patch(&survey, 1, json!({ "link_days": 7 })).await.expect(403);
    director.patch(&survey, 1, json!({ "link_days": 7 })).await.expect(200);
    let problem = director.patch(&survey, 2, json!({ "kind": "nps" })).await.expect(422);
    assert_eq!(codes(&problem), "/kind contradiction");
    let early = director.post(&format!("{survey}/sample"), json!({ "size": 1 })).await.expect(409);
    assert_eq!(
        (&early["code"], &early["current_status"]),
        (&json!("wrong_status"), &json!("draft"))
    );

    let opened = act(&director, &format!("{survey}/open"), 200).await;
    assert_eq!(opened["opened_at"], "2026-11-23T02:00:00Z");
    act(&director, &format!("{survey}/open"), 409).await;
    director.patch(&survey, 3, json!({ "link_days": 8 })).await.expect(409);
    let tag = [("if-match", "\"3\"")];
    director.send(Method::DELETE, &survey, None, &tag).await.expect(409);

    let lin = customer(&seller, json!({ "tier": "A", "region": "上海" })).await;
    let contact = json!({ "customer_id": lin, "name": "王芳", "is_primary": true });
    let contact = seller.post("/api/v1/contacts", contact).await.expect(201);
    let drawn = director.post(&format!("{survey}/sample"), json!({ "size": 5, "seed": 1 })).await;
    assert_eq!(drawn.header("cache-control"), "no-store");
    let drawn = drawn.expect(200);
    assert_eq!(drawn["strata"], json!([{ "tier": "A", "customers": 1, "invited": 1 }]));
    let invitation = &drawn["invitations"][0];
    assert_eq!(invitation["contact_id"], contact["id"]);
    assert_eq!(invitation["expires_at"], "2026-11-30T02:00:00Z");
    let link = invitation["link"].as_str().unwrap();
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(token.len(), 43, "256 bits");
    let list = director.get(&format!("{survey}/invitations?total=exact")).await.expect(200);
    assert_eq!((&list["total"], &list["items"][0]["id"]), (&json!(1), &invitation["id"]));
    let kept = "select row_to_json(it)::text from survey_invitations it
        union all select data::text || diff::text from changes
        union all select body::text from idempotency_keys";
    let kept = service.texts(kept).await.join("\n");
    assert!(kept.contains(&lin) && !kept.contains(token) && !list.to_string().contains(token));

    let asked = service.anonymous().get(link).await.expect(200);
    assert_eq!(
        (&asked["customer_name"], &asked["title_zh"]),
        (&json!("上海林氏"), &draft["title_zh"])
    );
    let answers = json!({ "overall": 2, "recommend": 7, "best": "delivery", "comment": "太慢" });
    let given = json!({ "answers": answers });
    service.anonymous().post(link, given.clone()).await.expect(200);
    let again = service.anonymous().post(link, given).await.expect(409);
    assert_eq!(again["code"], "survey_answered");

    let list = seller.get(&format!("{survey}/responses")).await.expect(200);
    let response = &list["items"][0];
    assert_eq!((&response["answers"], &response["low"]), (&answers, &json!(true)));
    assert_eq!((&response["score"], &response["nps"]), (&json!(2), &json!(7)));
    assert_eq!((&response["tier"], &response["region"]), (&json!("A"), &json!("上海")));
    assert_eq!(response["owner_id"], json!(seller.id));
    let due = "select concat_ws(' ', assignee_id, source, status, source_id,
        due_at at time zone 'Asia/Shanghai') from follow_ups";
    let id = response["id"].as_str().unwrap();
    let expected = format!("{} survey assigned {id} 2026-11-24 18:00:00", seller.id);
    assert_eq!(service.texts(due).await, [expected]);
    let answered = director.get(&format!("{survey}/invitations?answered=true")).await.expect(200);
    assert_eq!(answered["items"][0]["answered_at"], "2026-11-23T02:00:00Z");

    act(&director, &format!("{survey}/close"), 200).await;
    act(&director, &format!("{survey}/close"), 409).await;
    let id = invitation["id"].as_str().unwrap();
    act(&director, &format!("{survey}/invitations/{id}/renew"), 409).await;
    let history = seller.get(&format!("{survey}/history")).await.expect(200);
    let opened = &history["items"][1]["diff"]["status"];
    assert_eq!(opened, &json!({ "from": "draft", "to": "open" }));
}

#[actix_web::test]
async fn each_rule_of_a_survey_violated_once() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let question = |changes: Value| {
        let mut question = new_survey()["questions"][0].clone();
        question.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({ "kind": "csat", "questions": [question] })
    };
    let many: Vec<Value> = (0..31)
        .map(|at| question(json!({ "id": format!("q{at}") }))["questions"][0].clone())
        .collect();
    for (changes, expected) in [
        (json!({ "title_zh": "" }), "/title_zh too_short"),
        (json!({ "title_en": null }), "/title_en type"),
        (json!({ "link_days": 91 }), "/link_days range"),
        (json!({ "kind": "smile" }), "/kind unknown_value"),
        (json!({ "kind": "csat" }), "/kind contradiction"),
        (json!({ "questions": [] }), "/questions too_few"),
        (json!({ "kind": "csat", "questions": many }), "/questions too_many"),
        (question(json!({ "id": "Ä" })), "/questions/0/id format"),
        (question(json!({ "kind": "stars" })), "/questions/0/kind unknown_value"),
        (question(json!({ "text_en": "" })), "/questions/0/text_en too_short"),
        (question(json!({ "hint": "x" })), "/questions/0/hint unknown_field"),
    ] {
        let mut new = new_survey();
        new.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let problem = director.post(SURVEYS, new).await.expect(422);
        assert_eq!(codes(&problem), expected);
    }
    let survey = open(&director, new_survey()).await;
    let sample = format!("{survey}/sample");
    for (how, expected) in [
        (json!({}), "/size required"),
        (json!({ "size": 0 }), "/size range"),
        (json!({ "size": 5001 }), "/size range"),
        (json!({ "size": 1, "tier": ["D"] }), "/tier/0 unknown_value"),
        (json!({ "size": 1, "customer_status": [] }), "/customer_status too_few"),
        (
            json!({ "size": 1, "owner_id": survey.rsplit('/').next() }),
            "/owner_id unknown_reference",
        ),
    ] {
        assert_eq!(codes(&director.post(&sample, how).await.expect(422)), expected);
    }
    assert_eq!(service.count("survey_invitations").await, 0);
}

#[actix_web::test]
async fn a_sample_is_stratified_and_asks_nobody_twice() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let (manager, seller) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    service.team(None, &manager, &[&seller]).await;
    for (tier, count) in [(json!("A"), 4), (json!("B"), 3), (json!("C"), 2), (Value::Null, 1)] {
        for _ in 0..count {
            customer(&seller, json!({ "tier": tier, "region": "华东" })).await;
        }
    }
    let other = service.actor(Role::Salesperson).await;
    let bad = customer(&other, json!({ "region": "华南" })).await;
    let why = json!({ "reason": "never pays" });
    director.post(&format!("/api/v1/customers/{bad}/blacklist"), why).await.expect(200);
    customer(&other, json!({ "region": "华北" })).await;

    let survey = open(&director, new_survey()).await;
    let how = json!({ "size": 5, "seed": 42, "region": "华东" });
    let drawn = director.post(&format!("{survey}/sample"), how.clone()).await.expect(200);
    // Quotas of 2.0, 1.5, 1.0 and 0.5: the last invitation goes to the first of the two halves.
    assert_eq!(
        drawn["strata"],
        json!([
            { "tier": "A", "customers": 4, "invited": 2 },
            { "tier": "B", "customers": 3, "invited": 2 },
            { "tier": "C", "customers": 2, "invited": 1 },
            { "tier": null, "customers": 1, "invited": 0 },
        ])
    );
    let first: Vec<String> = drawn["invitations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["customer_id"].as_str().unwrap().to_owned())
        .collect();
    let same = open(&director, new_survey()).await;
    let same: Vec<String> =
        sample(&director, &same, how.clone()).await.into_iter().map(|it| it.0).collect();
    assert_eq!(first, same, "the same seed draws the same");

    let second = sample(&director, &survey, how.clone()).await;
    assert_eq!(second.len(), 5);
    assert!(second.iter().all(|it| !first.contains(&it.0)), "nobody is asked twice");
    assert!(sample(&director, &survey, how).await.is_empty());
    // The customer in the north is left; blacklisted ones are drawn only on request.
    assert_eq!(sample(&director, &survey, json!({ "size": 5000 })).await.len(), 1);
    let blacklisted = json!({ "size": 9, "customer_status": ["blacklisted"] });
    assert_eq!(sample(&director, &survey, blacklisted).await[0].0, bad);

    let theirs = open(&manager, new_survey()).await;
    assert_eq!(sample(&manager, &theirs, json!({ "size": 5000 })).await.len(), 10);
    let of_other = json!({ "size": 9, "owner_id": other.id });
    assert_eq!(sample(&director, &theirs, of_other).await.len(), 1);
    let concurrent = open(&director, new_survey()).await;
    let all = || sample(&director, &concurrent, json!({ "size": 5000 }));
    let (a, b, c) = tokio::join!(all(), all(), all());
    assert_eq!(a.len() + b.len() + c.len(), 11, "also at the same moment");
}

#[actix_web::test]
async fn results_as_counted_by_hand() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let given = [(5, 10), (5, 9), (4, 9), (4, 8), (3, 7), (2, 6), (1, 0), (5, 10), (4, 8)];
    for at in 0..12 {
        let tier = if at < 6 { "A" } else { "B" };
        customer(&seller, json!({ "tier": tier, "region": "上海" })).await;
    }
    let survey = open(&director, new_survey()).await;
    let results = director.get(&format!("{survey}/results")).await.expect(200);
    assert_eq!((&results["overall"]["nps"], &results["by_tier"]), (&Value::Null, &json!([])));
    let mut links = sample(&director, &survey, json!({ "size": 12 })).await;
    // Six customers of each tier; three of tier B do not answer.
    links.truncate(9);
    for ((_, link), (overall, recommend)) in links.iter().zip(given) {
        service.anonymous().post(link, answer(overall, recommend)).await.expect(200);
    }
    let results = seller.get(&format!("{survey}/results")).await.expect(200);
    // Promoters 10 9 9 10, passives 8 7 8, detractors 6 0; (4 − 2) ÷ 9. Satisfied 5 5 4 4 5 4.
    let overall = json!({ "invitations": 12, "responses": 9, "response_rate_percent": "75.00",
        "promoters": 4, "passives": 3, "detractors": 2, "nps": "22.22",
        "scores": 9, "satisfied": 6, "csat_percent": "66.67", "average_score": "3.6667",
        "low_scores": 2, "follow_ups": 2 });
    assert_eq!(results["overall"], overall);
    // A: 10 9 9 | 8 7 | 6, 5 5 4 4 3 2. B: 10 | 8 | 0, 1 5 4.
    let tiers = json!([
        { "tier": "A", "invitations": 6, "responses": 6, "response_rate_percent": "100.00",
            "promoters": 3, "passives": 2, "detractors": 1, "nps": "33.33", "scores": 6,
            "satisfied": 4, "csat_percent": "66.67", "average_score": "3.8333", "low_scores": 1,
            "follow_ups": 1 },
        { "tier": "B", "invitations": 6, "responses": 3, "response_rate_percent": "50.00",
            "promoters": 1, "passives": 1, "detractors": 1, "nps": "0.00", "scores": 3,
            "satisfied": 2, "csat_percent": "66.67", "average_score": "3.3333", "low_scores": 1,
            "follow_ups": 1 },
    ]);
    assert_eq!(results["by_tier"], tiers);
    assert_eq!(results["by_region"][0]["region"], "上海");
    let low = seller.get(&format!("{survey}/responses?low=true&total=exact")).await.expect(200);
    assert_eq!(low["total"], 2);
    let page = seller.get(&format!("{survey}/responses?limit=4&tier=A")).await.expect(200);
    let next = page["next_cursor"].as_str().unwrap();
    let url = format!("{survey}/responses?limit=4&tier=A&cursor={next}");
    assert_eq!(seller.get(&url).await.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_stranger_sees_no_responses() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let (seller, manager) =
        (service.actor(Role::Salesperson).await, service.actor(Role::SalesManager).await);
    service.team(None, &manager, &[&seller]).await;
    customer(&seller, json!({})).await;
    let survey = open(&director, new_survey()).await;
    let links = sample(&director, &survey, json!({ "size": 1 })).await;
    service.anonymous().post(&links[0].1, answer(5, 9)).await.expect(200);
    let stranger = service.actor(Role::Salesperson).await;
    let other = service.actor(Role::SalesManager).await;
    for (reader, expected) in
        [(&director, 1), (&manager, 1), (&seller, 1), (&stranger, 0), (&other, 0)]
    {
        for list in ["responses", "invitations"] {
            let list = reader.get(&format!("{survey}/{list}?total=exact")).await.expect(200);
            assert_eq!(list["total"], expected);
            assert_eq!(list["items"].as_array().unwrap().len(), expected);
        }
        let results = reader.get(&format!("{survey}/results")).await.expect(200);
        assert_eq!(results["overall"]["responses"], expected);
        assert_eq!(results["by_tier"].as_array().unwrap().len(), expected);
    }
    let id =
        director.get(&format!("{survey}/invitations")).await.expect(200)["items"][0]["id"].clone();
    let renew = format!("{survey}/invitations/{}/renew", id.as_str().unwrap());
    act(&other, &renew, 404).await;
    act(&director, &renew, 409).await;
    for role in [Role::Finance, Role::Hr, Role::Quality] {
        service.actor(role).await.get(&format!("{survey}/responses")).await.expect(403);
    }
    let missing = format!("{SURVEYS}/{}", director.id);
    for list in ["responses", "invitations", "results", "history"] {
        director.get(&format!("{missing}/{list}")).await.expect(404);
    }
}

#[actix_web::test]
async fn who_sees_to_a_low_score() {
    let service = Service::start().await;
    let (admin, director) =
        (service.actor(Role::Admin).await, service.actor(Role::SalesDirector).await);
    let mut csat = new_survey();
    csat["kind"] = json!("csat");
    csat["questions"] = json!([csat["questions"][0], csat["questions"][3]]);
    let survey = open(&director, csat).await;
    // The customer has no owner, so the follow-up goes to the user who runs the survey.
    customer(&director, json!({})).await;
    let link = sample(&director, &survey, json!({ "size": 1 })).await.remove(0).1;
    let visitor = service.anonymous();
    visitor.post(&link, json!({ "answers": { "overall": 2 } })).await.expect(200);
    let assigned = "select concat_ws(' ', assignee_id, instruction) from follow_ups";
    let text =
        "客户在《年终客户满意度调查》中评价偏低(满意度 2/5)。请联系客户了解原因,并反馈处理结果。";
    assert_eq!(service.texts(assigned).await, [format!("{} {text}", director.id)]);

    let milder = json!({ "settings": { "survey_low_score": 1 } });
    admin.patch("/api/v1/company", 1, milder).await.expect(200);
    for (overall, expected) in [(3, 1), (2, 1), (1, 2)] {
        customer(&director, json!({})).await;
        let link = sample(&director, &survey, json!({ "size": 1 })).await.remove(0).1;
        visitor.post(&link, json!({ "answers": { "overall": overall } })).await.expect(200);
        assert_eq!(service.count("follow_ups").await, expected, "{overall}");
    }
}
