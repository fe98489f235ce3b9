use std::collections::HashSet;
use std::sync::Mutex;

use exchange::Credentials;
use jiff::Timestamp;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::fill;
use crate::tests::{COMPANIES, DAYS, text};

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "one answer after the other of one mock")]
async fn fills_a_service_and_makes_the_logins_work() {
    let server = MockServer::start().await;
    let asked = Mutex::new(HashSet::new());
    let login = move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let name = text(&body, "username").to_owned();
        // One password was set by an earlier start; the others work from the second attempt on.
        let again = !asked.lock().unwrap().insert(name.clone());
        if name == "wang.fang" || again {
            return ResponseTemplate::new(200).set_body_json(json!({ "access_token": name }));
        }
        ResponseTemplate::new(401)
    };
    let at = |path| Mock::given(method("POST")).and(path_regex(path));
    at("/auth/login$").respond_with(login).mount(&server).await;
    let taken = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        assert_eq!(body["source_system"], "demo");
        let result = |(index, item): (usize, &Value)| {
            let id = format!("id-of-{}", text(item, "external_id"));
            json!({ "index": index, "status": "created", "id": id })
        };
        let results: Vec<_> =
            body["items"].as_array().unwrap().iter().enumerate().map(result).collect();
        ResponseTemplate::new(200).set_body_json(json!({ "results": results }))
    };
    at("/batch$").respond_with(taken).mount(&server).await;
    let made = ResponseTemplate::new(201).set_body_json(json!({ "id": "7" }));
    let company = &COMPANIES[1];
    let errands = u64::try_from(company.errands.len()).unwrap();
    at("/follow-ups$").respond_with(made).expect(errands).mount(&server).await;
    let done = |request: &Request| {
        let by = request.headers["authorization"].to_str().unwrap();
        let theirs = !request.url.path().ends_with("/accept") || by == "Bearer wang.fang";
        ResponseTemplate::new(if theirs { 200 } else { 403 })
    };
    let steps = company.errands.iter().map(|errand| errand.steps.len()).sum::<usize>();
    // Plus the follow-ups for low scores of the three closed surveys.
    let steps = u64::try_from(steps).unwrap() + 3;
    at("/follow-ups/7/[a-z]+$").respond_with(done).expect(steps).mount(&server).await;
    let one = json!({ "items": [{ "id": "7" }], "name": "", "version": 3 });
    let one = ResponseTemplate::new(200).set_body_json(one);
    // The company, the low scores of three surveys, the customers for terms, and those of
    // `manual`.
    Mock::given(method("GET")).respond_with(one).expect(9).mount(&server).await;
    Mock::given(method("PATCH"))
        .and(path("/api/v1/company"))
        .and(wiremock::matchers::header("if-match", "\"3\""))
        .and(wiremock::matchers::body_json(json!({ "name": "示范公司" })))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let made = ResponseTemplate::new(201).set_body_json(json!({ "id": "7" }));
    at("/(opportunities|promises|risk-cases|write-off-requests)$|/7/(suggestions|cashflow-advice|answer|measures)$")
        .respond_with(made)
        .expect(8)
        .mount(&server)
        .await;
    let task = ResponseTemplate::new(201).set_body_json(json!({ "id": "8" }));
    at("/objects/task$").respond_with(task).expect(3).mount(&server).await;
    at("/objects/task/8/(accept|submit|complete)$")
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "id": "8" })))
        .expect(5)
        .mount(&server)
        .await;
    // The mock lists one customer, which is investigated and gets terms.
    let done = || ResponseTemplate::new(200).set_body_json(json!({ "id": "9" }));
    at("/customers/7/(credit-investigations|terms-requests)$")
        .respond_with(done())
        .expect(2)
        .mount(&server)
        .await;
    at("/(credit-investigations|terms-requests)/9/(start|conclude|submit|approve)$")
        .respond_with(done())
        .expect(4)
        .mount(&server)
        .await;
    let survey = ResponseTemplate::new(201).set_body_json(json!({ "id": "8" }));
    at("/surveys$").respond_with(survey).expect(4).mount(&server).await;
    let links: Vec<_> = (0..40).map(|n| json!({ "link": format!("/public/{n}") })).collect();
    let links = ResponseTemplate::new(200).set_body_json(json!({ "invitations": links }));
    at("/surveys/8/sample$").respond_with(links).expect(4).mount(&server).await;
    at("/surveys/8/(open|close)$")
        .respond_with(ResponseTemplate::new(200))
        .expect(7)
        .mount(&server)
        .await;
    at("/public/[0-9]+$").respond_with(ResponseTemplate::new(200)).expect(100).mount(&server).await;
    for login in company.logins.iter().filter(|login| login.username != "wang.fang") {
        let (username, password) = (login.username, login.password);
        Mock::given(method("POST"))
            .and(path(format!("/api/v1/users/id-of-{username}/password")))
            .and(wiremock::matchers::body_json(json!({ "password": password })))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
    }
    let admin = Credentials::Token("admin".into());
    let times = Mutex::new(vec![]);
    let travel = |at: Option<Timestamp>| times.lock().unwrap().push(at);
    let filled = fill(&server.uri(), admin, company, &travel).await.unwrap();
    let times = times.into_inner().unwrap();
    assert!(times.len() > 100 && times.last() == Some(&None), "in the present at last");
    assert!(times.iter().flatten().all(|time| *time < crate::visits::at(DAYS[1], 0)), "no future");
    assert_eq!(filled.refused, [""; 0]);
    let created: Vec<_> =
        filled.summary.files.iter().map(|file| (&*file.file, file.created)).collect();
    let sent: Vec<_> = company.batches.iter().map(|batch| (batch.0, batch.1.len())).collect();
    assert_eq!(created, sent);
    let visits = server.received_requests().await.unwrap();
    let visits = visits.iter().filter(|request| request.url.path().ends_with("/visits/batch"));
    let company: Vec<String> = visits
        .flat_map(|request| {
            request.body_json::<Value>().unwrap()["items"].as_array().unwrap().clone()
        })
        .filter_map(|visit| Some(visit["participant_ids"].as_array()?[0].to_string()))
        .collect();
    assert!(company.len() > 100 && company.contains(&"\"id-of-zhang.min\"".to_owned()));
}
