//! Survey links are valid once, expire and cannot be guessed. Their form is submitted as a browser
//! would do; the tests read the pages as text.

use std::collections::BTreeSet;

use actix_web::http::Method;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use futures_util::future::join_all;
use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Answer, Service};
use crate::surveys::{act, answer, at, customer, new_survey, open, sample};

const BROWSER: (&str, &str) =
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

/// Requests a page as a browser does.
async fn look(service: &Service, link: &str, language: &str) -> Answer {
    let headers = [BROWSER, ("accept-language", language)];
    service.anonymous().send(Method::GET, link, None, &headers).await
}

/// Submits a form with these fields as a browser does.
async fn submit(service: &Service, link: &str, fields: &[(&str, &str)]) -> Answer {
    let body = serde_urlencoded::to_string(fields).unwrap().into_bytes();
    let headers = [BROWSER, ("content-type", "application/x-www-form-urlencoded")];
    service.anonymous().send_bytes(Method::POST, link, body, &headers).await
}

async fn one_link(service: &Service) -> (Actor<'_>, String, String) {
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    customer(&seller, json!({ "name": "上海林氏" })).await;
    let survey = open(&director, new_survey()).await;
    let link = sample(&director, &survey, json!({ "size": 1 })).await.remove(0).1;
    (director, survey, link)
}

/// The values of an attribute within a page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let mark = format!(" {name}=\"");
    html.split(&mark).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[actix_web::test]
async fn the_form_in_both_languages() {
    let service = Service::start().await;
    let (_director, _survey, link) = one_link(&service).await;
    let page = look(&service, &link, "zh-CN,zh;q=0.9,en;q=0.8").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("x-robots-tag"), "noindex");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let policy = page.header("content-security-policy").to_owned();
    let html = page.text().to_owned();
    page.expect(200);
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = BASE64.encode(digest(&SHA256, style.as_bytes()));
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    assert_eq!(policy, expected);
    assert!(html.starts_with("<!doctype html><html lang=\"zh-CN\">"));
    assert!(html.contains("name=\"viewport\" content=\"width=device-width, initial-scale=1\""));
    for text in ["年终客户满意度调查", "上海林氏", "您总体满意吗?", "非常满意", "质量", "提交"]
    {
        assert!(html.contains(text), "{text}");
    }
    for foreign in ["<script", "http:", "https:", " src=", "url(", "@import", " style=", " on"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert_eq!(html.matches("<fieldset").count(), html.matches("<legend>").count());
    assert_eq!(html.matches("<fieldset").count(), 3);
    assert_eq!(html.matches("<label class=\"choice\"><input type=\"radio\"").count(), 5 + 11 + 2);
    assert_eq!(html.matches("<input").count(), 18, "each in its label");
    assert!(html.contains("<label for=\"q-comment\">") && html.contains("id=\"q-comment\""));
    let ids = attributes(&html, "id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each id once");
    let names: BTreeSet<&str> = attributes(&html, "name").into_iter().collect();
    assert!(["overall", "recommend", "best", "comment"].iter().all(|it| names.contains(it)));

    let html = look(&service, &link, "en-GB").await.text().to_owned();
    for text in ["<html lang=\"en\">", "How satisfied are you?", "Very satisfied", "Delivery"] {
        assert!(html.contains(text), "{text}");
    }
    let html =
        look(&service, &format!("{link}?lang=zh&utm_source=mail"), "en").await.text().to_owned();
    assert!(html.contains("<html lang=\"zh-CN\">") && html.contains("href=\"?lang=en\""));
    look(&service, &format!("{link}?lang=fr"), "en").await.expect(400);
    // Opening a link does not use it up, because mail scanners open it as well.
    assert_eq!(service.count("survey_invitations where answered_at is null").await, 1);

    let incomplete = submit(&service, &link, &[("recommend", "11"), ("comment", "<b>慢")]).await;
    let html = incomplete.text().to_owned();
    incomplete.expect(422);
    assert!(html.contains("role=\"alert\"") && html.contains("href=\"#q-overall\""));
    assert!(html.contains("此题必答。") && html.contains("请重新选择。"));
    assert!(html.contains(">\n&lt;b&gt;慢</textarea>"), "what was written is not lost");
    let odd = submit(&service, &link, &[("overall", "1"), ("overall", "2")]).await;
    odd.expect(422);
    let fields =
        [("overall", "5"), ("recommend", "9"), ("best", "quality"), ("comment", "很好\r\n谢谢")];
    let thanks = submit(&service, &format!("{link}?lang=en"), &fields).await;
    assert!(thanks.text().contains("<h1>Thank you</h1>"));
    thanks.expect(200);
    let stored = "select concat(language, answers) from survey_responses";
    let expected = "en{\"best\": \"quality\", \"comment\": \"很好\\n谢谢\", \"overall\": 5, \
         \"recommend\": 9}";
    assert_eq!(service.texts(stored).await, [expected]);
    let again = submit(&service, &link, &fields).await;
    assert!(
        again.text().contains("您已提交过评价") && again.text().contains("<html lang=\"zh-CN\">")
    );
    assert_eq!(again.header("content-security-policy"), policy);
    again.expect(409);
    look(&service, &link, "zh").await.expect(409);
    let nothing = look(&service, "/public/surveys/nothing", "en").await;
    assert!(nothing.text().contains("Survey not found"));
    nothing.expect(404);
}

#[actix_web::test]
async fn of_many_answers_at_once_one_counts() {
    let service = Service::start().await;
    let (_director, _survey, link) = one_link(&service).await;
    let visitor = service.anonymous();
    for _ in 0..3 {
        let answers = (0..8).map(|_| visitor.post(&link, answer(1, 1)));
        let answers = join_all(answers).await;
        let taken = answers.iter().filter(|it| it.status == 200).count();
        assert!(taken <= 1 && answers.iter().all(|it| [200, 409].contains(&it.status.as_u16())));
    }
    for table in ["survey_responses", "follow_ups"] {
        assert_eq!(service.count(table).await, 1, "{table}");
    }
    assert_eq!(service.count("changes where type = 'survey_response'").await, 1);
    assert_eq!(service.count("changes where type = 'survey_invitation'").await, 2);
}

#[actix_web::test]
async fn a_link_expires_and_is_renewed() {
    let clock = Clock::fixed(at("2026-11-23T02:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let (director, survey, link) = one_link(&service).await;
    let visitor = service.anonymous();
    clock.set(at("2026-12-07T01:59:59Z"));
    visitor.get(&link).await.expect(200);
    clock.set(at("2026-12-07T02:00:00Z"));
    assert_eq!(visitor.get(&link).await.expect(410)["code"], "link_expired");
    assert_eq!(visitor.post(&link, answer(5, 9)).await.expect(410)["code"], "link_expired");
    let page = look(&service, &link, "zh").await;
    assert!(page.text().contains("链接已过期"));
    page.expect(410);

    let director = service.bearer(service.inner.tokens.issue(director.id, clock.now()).unwrap());
    let list = director.get(&format!("{survey}/invitations")).await.expect(200);
    let renew = format!("{survey}/invitations/{}/renew", list["items"][0]["id"].as_str().unwrap());
    let renewed = act(&director, &renew, 200).await;
    assert_eq!(renewed["expires_at"], "2026-12-21T02:00:00Z");
    let again = act(&director, &renew, 200).await;
    assert_eq!((&renewed["version"], &again["version"]), (&json!(2), &json!(3)));
    for dead in [&link, renewed["link"].as_str().unwrap()] {
        visitor.get(dead).await.expect(404);
        visitor.post(dead, answer(5, 9)).await.expect(404);
    }
    let good = again["link"].as_str().unwrap();
    let sibling = format!("{survey}/close");
    visitor.post(good, answer(5, 9)).await.expect(200);
    assert_eq!(act(&director, &renew, 409).await["code"], "survey_answered");

    let seller = service.actor(Role::Salesperson).await;
    customer(&seller, json!({})).await;
    let link = sample(&director, &survey, json!({ "size": 1 })).await.remove(0).1;
    act(&director, &sibling, 200).await;
    assert_eq!(visitor.get(&link).await.expect(410)["code"], "survey_closed");
    assert_eq!(visitor.post(&link, answer(5, 9)).await.expect(410)["code"], "survey_closed");
    assert_eq!(service.count("survey_responses").await, 1);
}

#[actix_web::test]
async fn an_altered_link_is_no_link() {
    let service = Service::start().await;
    let (_director, _survey, link) = one_link(&service).await;
    let visitor = service.anonymous();
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let start = link.rfind('/').unwrap() + 1;
    let mut altered: Vec<String> = (start..link.len())
        .map(|at| {
            let place = letters.find(&link[at..=at]).unwrap();
            let other = &letters[(place + 1) % 64..][..1];
            format!("{}{other}{}", &link[..at], &link[at + 1..])
        })
        .collect();
    assert_eq!(altered.len(), 43);
    altered.push(link[..link.len() - 1].to_owned());
    altered.push(format!("{link}="));
    altered.push(format!("{link}%00"));
    altered.push(format!("{link}%20"));
    altered.push(format!("{}%25", &link[..start]));
    for link in &altered {
        assert_eq!(visitor.get(link).await.expect(404)["code"], "not_found", "{link}");
    }
    for link in altered.iter().step_by(6) {
        visitor.post(link, answer(5, 9)).await.expect(404);
    }
    assert_eq!(service.count("survey_responses").await, 0);
    visitor.post(&link, answer(5, 9)).await.expect(200);
}

#[actix_web::test]
async fn what_anybody_wrote_is_text() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let hostile = "</title></style><script>alert('1')</script>\"'&lt;<img src=x onerror=y>";
    let company = json!({ "name": hostile });
    admin.patch("/api/v1/company", 1, company).await.expect(200);
    customer(&admin, json!({ "name": hostile })).await;
    let mut new = new_survey();
    for field in ["title_zh", "title_en"] {
        new[field] = json!(hostile);
    }
    for question in new["questions"].as_array_mut().unwrap() {
        question["text_zh"] = json!(hostile);
        question["text_en"] = json!(hostile);
        for option in
            question.get_mut("options").and_then(Value::as_array_mut).into_iter().flatten()
        {
            option["text_zh"] = json!(hostile);
            option["text_en"] = json!(hostile);
        }
    }
    let survey = open(&admin, new).await;
    let link = sample(&admin, &survey, json!({ "size": 1 })).await.remove(0).1;
    let fields = [("comment", hostile), ("overall", hostile), ("best", hostile), (hostile, "x")];
    for language in ["zh", "en"] {
        let asked = look(&service, &link, language).await.text().to_owned();
        let again =
            submit(&service, &format!("{link}?lang={language}"), &fields).await.text().to_owned();
        for html in [asked, again] {
            assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
            assert_eq!(html.matches("</title>").count(), 1);
            assert_eq!(html.matches("</style>").count(), 1);
            assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;"));
            assert!(html.contains("&amp;lt;"), "what looks escaped is escaped once more");
        }
    }
}

#[actix_web::test]
async fn what_is_too_much_or_not_understood() {
    let service = Service::start().await;
    let (_director, _survey, link) = one_link(&service).await;
    let visitor = service.anonymous();
    let kind = |kind: &'static str| [("content-type", kind)];
    let send = async |body: Vec<u8>, headers: &[(&str, &str)]| {
        visitor.send_bytes(Method::POST, &link, body, headers).await
    };
    let large = vec![b'a'; (16 << 10) + 1];
    for form in ["application/json", "application/x-www-form-urlencoded"] {
        let problem = send(large.clone(), &kind(form)).await.expect(413);
        assert_eq!(problem["code"], "body_too_large");
    }
    send(large, &[kind("application/x-www-form-urlencoded")[0], BROWSER]).await.expect(413);
    for form in ["text/plain", "multipart/form-data; boundary=x", "application/xml"] {
        send(b"a=b".to_vec(), &kind(form)).await.expect(415);
    }
    let json = kind("application/json");
    assert_eq!(send(b"{".to_vec(), &json).await.expect(400)["code"], "malformed_json");
    let long = json!({ "answers": { "overall": 5, "recommend": 9, "comment": "字".repeat(2001) } });
    let problem = visitor.post(&link, long).await.expect(422);
    assert_eq!(
        (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
        (&json!("/answers/comment"), &json!("too_long"))
    );
    let odd = json!({ "answers": { "overall": 6, "recommend": "9", "best": "price", "x": 1 } });
    let problem = visitor.post(&link, odd).await.expect(422);
    let codes: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["range", "type", "unknown_value", "unknown_field"]);
    let accept = [("accept", "image/png")];
    visitor.send(Method::GET, &link, None, &accept).await.expect(406);
    visitor.send(Method::PATCH, &link, Some(json!({})), &[]).await.expect(405);
    let json = visitor.get(&link).await;
    assert_eq!(json.header("x-robots-tag"), "noindex");
    assert_eq!(json.header("cache-control"), "no-store");
    assert_eq!(service.count("survey_responses").await, 0);
    let longest =
        json!({ "answers": { "overall": 5, "recommend": 9, "comment": "字".repeat(2000) } });
    visitor.post(&link, longest).await.expect(200);
}

#[actix_web::test]
async fn who_comes_too_often_waits() {
    let service = Service::start().await;
    let (_director, _survey, link) = one_link(&service).await;
    let visitor = service.anonymous();
    let mut refused = None;
    for _ in 0..1000 {
        let answer = visitor.get("/public/surveys/guess").await;
        if answer.status != 404 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("nobody was ever told to wait");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refused.expect(429)["code"], "too_many_requests");
    // Submissions and pages are limited as well.
    let answers = join_all((0..30).map(|_| visitor.post(&link, answer(5, 9)))).await;
    assert!(answers.iter().any(|it| it.status == 429));
    let pages = join_all((0..30).map(|_| look(&service, &link, "zh"))).await;
    let page = pages.into_iter().find(|it| it.status == 429).expect("a page that says so");
    assert!(page.text().contains("访问过于频繁") && !page.header("retry-after").is_empty());
    // Requests of logged-in users are not limited.
    service.actor(Role::Salesperson).await.get("/api/v1/surveys").await.expect(200);
}

#[actix_web::test]
async fn what_a_merged_customer_was_asked_is_the_winners() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let seller = service.actor(Role::Salesperson).await;
    let (winner, loser) = (customer(&seller, json!({})).await, customer(&seller, json!({})).await);
    let both = open(&director, new_survey()).await;
    let links = sample(&director, &both, json!({ "size": 2 })).await;
    // Only the loser matches when the second survey draws its sample.
    let one = open(&director, new_survey()).await;
    service.sql(&format!("update customers set region = 'x' where id = '{loser}'")).await;
    let link = sample(&director, &one, json!({ "size": 1, "region": "x" })).await.remove(0).1;
    service.anonymous().post(&link, answer(1, 1)).await.expect(200);
    let merge = json!({ "loser_id": loser });
    director.post(&format!("/api/v1/customers/{winner}/merge"), merge).await.expect(200);
    for (customer, link) in links {
        let status = if customer == winner { 200 } else { 404 };
        service.anonymous().get(&link).await.expect(status);
    }
    for list in ["responses", "invitations"] {
        let list = director.get(&format!("{one}/{list}?customer_id={winner}")).await.expect(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }
}
