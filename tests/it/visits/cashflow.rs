//! Cash-flow advice to customers: participants of a visit record it, everyone who sees the visit
//! can read it.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::visits::{PATH, done, id, planned, service, there};

const LIST: &str = "/api/v1/cashflow-advice";

fn new() -> Value {
    json!({ "topic": "inventory", "advice": "滞销品占用资金三成,建议按周补货", "agreed": "每周补货" })
}

#[actix_web::test]
async fn advice_is_what_a_visit_comes_to() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let coach = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    let stranger = service.actor(Role::Salesperson).await;
    let office = service.actor(Role::BackOffice).await;
    service.team(None, &manager, &[&seller]).await;
    let visit = planned(&seller, json!({ "participant_ids": [coach.id] })).await;
    let advice = format!("{visit}/cashflow-advice");

    let early = seller.post(&advice, new()).await.expect(409);
    assert_eq!(
        (&early["code"], &early["current_status"]),
        (&json!("wrong_status"), &json!("planned"))
    );
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let given = seller.post(&advice, new()).await.expect(201);
    seller.post(&format!("{visit}/check-out"), done(&service)).await.expect(200);
    let other = json!({ "topic": "financing", "advice": "应收可做保理" });
    let later = coach.post(&advice, other).await.expect(201);
    let told = manager.post(&advice, new()).await.expect(403);
    assert_eq!(told["code"], "not_your_visit", "who was not there gave no advice");
    stranger.post(&advice, new()).await.expect(404);
    assert_eq!(service.count("cashflow_advice").await, 2);

    let seen = async |query: &str| {
        let page = manager.get(&format!("{LIST}?{query}")).await.expect(200);
        let ids = page["items"].as_array().unwrap().iter().map(|it| id(it).to_owned());
        ids.collect::<Vec<_>>()
    };
    let (first, second) = (id(&given), id(&later));
    let customer = given["customer_id"].as_str().unwrap();
    assert_eq!(seen("").await, [second, first]);
    assert_eq!(seen("topic=inventory,costs").await, [first]);
    assert_eq!(seen(&format!("author_id={}", coach.id)).await, [second]);
    assert_eq!(seen(&format!("customer_id={customer}")).await, [second, first]);
    let nobody = uuid::Uuid::now_v7();
    for name in ["customer_id", "visit_id", "author_id"] {
        assert_eq!(seen(&format!("{name}={nobody}")).await, [""; 0], "{name}");
    }
    let visit = visit.strip_prefix(&format!("{PATH}/")).unwrap();
    assert_eq!(seen(&format!("visit_id={visit}&limit=1")).await, [second]);
    let page =
        manager.get(&format!("{LIST}?topic=inventory&limit=1&total=exact")).await.expect(200);
    assert_eq!(page["total"], 1);
    let all = async |actor: &crate::support::harness::Actor<'_>| {
        actor.get(LIST).await.expect(200)["items"].as_array().unwrap().len()
    };
    assert_eq!((all(&office).await, all(&coach).await, all(&stranger).await), (2, 2, 0));
}

#[actix_web::test]
async fn each_rule_of_advice_violated_once() {
    let service = service().await;
    let seller = service.actor(Role::Salesperson).await;
    let visit = planned(&seller, json!({})).await;
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let cases = [
        (json!({ "topic": "weather" }), "/topic"),
        (json!({ "topic": null }), "/topic"),
        (json!({ "advice": "" }), "/advice"),
        (json!({ "advice": "字".repeat(5001) }), "/advice"),
        (json!({ "agreed": "字".repeat(1001) }), "/agreed"),
        (json!({ "author_id": seller.id }), "/author_id"),
    ];
    for (more, pointer) in cases {
        let body = crate::visits::with(new(), more);
        let told = seller.post(&format!("{visit}/cashflow-advice"), body).await.expect(422);
        assert_eq!(told["errors"][0]["pointer"], pointer);
    }
    assert_eq!(service.count("cashflow_advice").await, 0);
}

/// The feed reports advice to users who start to see a visit, and to those who no longer see it.
#[actix_web::test]
async fn advice_is_in_the_feed_as_its_visit_is() {
    let service = service().await;
    let (seller, coach, erp) = (
        service.actor(Role::Salesperson).await,
        service.actor(Role::Salesperson).await,
        service.client(Role::Erp, "sap").await,
    );
    let visit = planned(&seller, json!({})).await;
    seller.post(&format!("{visit}/check-in"), there(&service)).await.expect(200);
    let given = seller.post(&format!("{visit}/cashflow-advice"), new()).await.expect(201);
    assert_eq!(seller.get(&format!("{LIST}/{}", id(&given))).await.expect(200), given);
    coach.get(&format!("{LIST}/{}", id(&given))).await.expect(404);
    let told = async |who: &crate::support::harness::Actor<'_>, count: usize| {
        let start = std::time::Instant::now();
        loop {
            let feed = who.get("/api/v1/changes?types=cashflow_advice").await.expect(200);
            let events = feed["items"].as_array().unwrap().clone();
            if events.len() >= count {
                let op = |it: &Value| format!("{} {}", it["op"], it["version"]);
                return (events.iter().map(op).collect::<Vec<_>>().join(", "), events);
            }
            assert!(start.elapsed().as_secs() < 30, "{events:#?}");
        }
    };
    let (ops, events) = told(&seller, 1).await;
    assert_eq!((ops.as_str(), &events[0]["data"]), ("\"created\" 1", &given));
    let visit = visit.strip_prefix(&format!("{PATH}/")).unwrap();
    let with = |people: Value| json!({ "items": [{ "external_id": "V", "id": visit, "participant_ids": people }] });
    for people in [json!([coach.id]), json!([])] {
        let told = erp.post(&format!("{PATH}/batch"), with(people)).await.expect(200);
        assert_eq!(told["updated"], 1, "{told:#}");
    }
    let (ops, events) = told(&coach, 2).await;
    assert_eq!(ops, "\"created\" 1, \"hidden\" 1");
    assert_eq!(events[0]["data"], given);
    assert_eq!(told(&seller, 1).await.0, "\"created\" 1", "it is none the wiser");

    // The customer is merged into another one together with its advice.
    let winner = seller.customer("Winner").await;
    let merge = json!({ "loser_id": given["customer_id"] });
    service.actor(Role::Admin).await.post(&format!("{winner}/merge"), merge).await.expect(200);
    let winner = winner.rsplit('/').next().unwrap();
    let (ops, events) = told(&seller, 2).await;
    assert_eq!(ops, "\"created\" 1, \"updated\" 2");
    assert_eq!(events[1]["data"]["customer_id"], winner);
    assert_eq!(seller.get(&format!("{LIST}/{}", id(&given))).await.expect(200), events[1]["data"]);
}
