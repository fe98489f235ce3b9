//! Targets: owners, visibility and approval.

pub mod accounts;
pub mod attainment;
pub mod metrics;
pub mod parts;

use actix_web::http::Method;
use salesbook::access::Role;
use salesbook::platform::{Clock, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::harness::{Actor, Answer, Service};

pub const TARGETS: &str = "/api/v1/targets";

pub fn of_user(user: Uuid, value: &str) -> Value {
    json!({ "owner_type": "user", "owner_id": user, "period_type": "month",
        "period_start": "2026-11-01", "value": value })
}

pub fn path(target: &Value) -> String {
    format!("{TARGETS}/{}", target["id"].as_str().unwrap())
}

pub fn with(mut target: Value, changes: &Value) -> Value {
    target.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    target
}

pub fn codes(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    errors.map(|it| format!("{} {}", text(it, "pointer"), text(it, "code"))).collect()
}

pub async fn act(actor: &Actor<'_>, path: &str, action: &str) -> Answer {
    let body = (action != "close").then(|| json!({}));
    actor.send(Method::POST, &format!("{path}/{action}"), body, &[]).await
}

pub async fn delete(actor: &Actor<'_>, path: &str, version: i64) -> Answer {
    let tag = format!("\"{version}\"");
    actor.send(Method::DELETE, path, None, &[("if-match", &tag)]).await
}

fn at(instant: &str) -> Timestamp {
    Timestamp(instant.parse().unwrap())
}

#[actix_web::test]
async fn a_target_from_draft_to_closed() {
    let clock = Clock::fixed(at("2026-11-20T04:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let seller = service.actor(Role::Salesperson).await;
    let manager = service.actor(Role::SalesManager).await;
    service.team(None, &manager, &[&seller]).await;

    let draft = seller.post(TARGETS, of_user(seller.id, "100000")).await.expect(201);
    let path = path(&draft);
    assert_eq!((&draft["status"], &draft["period_end"]), (&json!("draft"), &json!("2026-12-01")));
    assert_eq!((&draft["metric"], &draft["level"]), (&json!("ordered_amount"), &json!("base")));
    assert_eq!((&draft["value"], &draft["currency"]), (&json!("100000.00"), &json!("CNY")));
    let draft = seller.patch(&path, 1, json!({ "value": "110000" })).await.expect(200);
    assert_eq!((&draft["version"], &draft["reason"]), (&json!(2), &Value::Null));

    act(&seller, &path, "approve").await.expect(403);
    assert_eq!(act(&manager, &path, "close").await.expect(409)["code"], "wrong_status");
    let approved = act(&manager, &path, "approve").await.expect(200);
    assert_eq!(approved["approved_by"], json!(manager.id));
    assert_eq!(act(&manager, &path, "approve").await.expect(409)["code"], "wrong_status");
    assert_eq!(delete(&manager, &path, 3).await.expect(409)["code"], "wrong_status");

    let more = json!({ "value": "120000" });
    seller.patch(&path, 3, with(more.clone(), &json!({ "reason": "x" }))).await.expect(403);
    assert_eq!(codes(&manager.patch(&path, 3, more).await.expect(422)), ["/reason required"]);
    let other = json!({ "level": "stretch", "reason": "x" });
    assert_eq!(manager.patch(&path, 3, other).await.expect(409)["code"], "target_approved");
    let more = json!({ "value": "120000", "reason": "a second shop opens" });
    let revised = manager.patch(&path, 3, more).await.expect(200);
    assert_eq!((&revised["status"], &revised["version"]), (&json!("approved"), &json!(4)));
    assert_eq!(revised["reason"], "a second shop opens");

    // The fifth working day of December 2026 is Monday the 7th.
    // In Shanghai it begins at 16:00 UTC; a token lives for a quarter of an hour.
    clock.set(at("2026-12-06T15:59:00Z"));
    let again = |actor: &Actor<'_>| service.inner.tokens.issue(actor.id, clock.now()).unwrap();
    let (seller, manager) = (service.bearer(again(&seller)), service.bearer(again(&manager)));
    let early = act(&manager, &path, "close").await.expect(409);
    assert_eq!(
        (&early["code"], &early["closes_on"]),
        (&json!("period_not_over"), &json!("2026-12-07"))
    );
    clock.set(at("2026-12-06T16:00:00Z"));
    let closed = act(&manager, &path, "close").await.expect(200);
    assert_eq!((&closed["status"], &closed["version"]), (&json!("closed"), &json!(5)));
    for refused in [
        act(&manager, &path, "approve").await,
        act(&manager, &path, "close").await,
        manager.patch(&path, 5, json!({ "value": "1", "reason": "x" })).await,
        delete(&manager, &path, 5).await,
        manager
            .post(&format!("{path}/decompose"), json!({ "period_type": "week", "method": "equal" }))
            .await,
    ] {
        assert_eq!(refused.expect(409)["code"], "target_closed");
    }
    let history = seller.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().unwrap().len(), 5);
}

#[actix_web::test]
async fn nobody_approves_what_is_theirs() {
    let service = Service::start().await;
    let admin = service.actor(Role::Admin).await;
    let manager = service.actor(Role::SalesManager).await;
    let own = admin.post(TARGETS, of_user(admin.id, "1")).await.expect(201);
    let refused = act(&admin, &path(&own), "approve").await.expect(403);
    assert_eq!(refused["code"], "self_approval");
    // The target was drafted by another user, but belongs to the approver.
    let theirs = admin.post(TARGETS, of_user(manager.id, "1")).await.expect(201);
    let refused = act(&manager, &path(&theirs), "approve").await.expect(403);
    assert_eq!(refused["code"], "self_approval");
    let refused = act(&admin, &path(&theirs), "approve").await.expect(403);
    assert_eq!(refused["code"], "self_approval", "its author");
    let other = service.actor(Role::SalesDirector).await;
    act(&other, &path(&theirs), "approve").await.expect(200);
    let more = json!({ "value": "2", "reason": "x" });
    let refused = manager.patch(&path(&theirs), 2, more).await.expect(403);
    assert_eq!(refused["code"], "self_approval");
}

#[actix_web::test]
async fn a_colleagues_target_does_not_exist_for_me() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let manager = service.actor(Role::SalesManager).await;
    let finance = service.actor(Role::Finance).await;
    let team = service.team(None, &manager, &[&anna]).await;
    let customer = boris.customer("Lin").await;
    let customer = customer.rsplit('/').next().unwrap();

    let month = |owner: Value| with(of_user(Uuid::nil(), "1"), &owner);
    let company = json!({ "owner_type": "company", "owner_id": null });
    let shop = json!({ "owner_type": "channel", "owner_id": null, "channel": "shop" });
    let of_team = json!({ "owner_type": "team", "owner_id": team });
    let of_customer = json!({ "owner_type": "customer", "owner_id": customer });
    let mut made = vec![];
    for new in [
        of_user(anna.id, "1"),
        of_user(boris.id, "1"),
        month(company.clone()),
        month(of_team),
        month(shop),
        month(of_customer),
    ] {
        made.push(path(&director.post(TARGETS, new).await.expect(201)));
    }
    let [of_anna, of_boris, of_company, of_team, of_shop, of_customer] = &made[..] else {
        panic!()
    };
    let seen = [
        (&director, vec![of_anna, of_boris, of_company, of_team, of_shop, of_customer]),
        (&manager, vec![of_anna, of_company, of_team]),
        (&anna, vec![of_anna, of_company]),
        (&boris, vec![of_boris, of_company, of_customer]),
        (&finance, vec![of_company, of_customer]),
    ];
    for (reader, expected) in seen {
        let list = reader.get(&format!("{TARGETS}?total=exact")).await.expect(200);
        let mut listed: Vec<String> = list["items"].as_array().unwrap().iter().map(path).collect();
        listed.sort();
        assert_eq!(list["total"], expected.len());
        assert_eq!(listed.iter().collect::<Vec<_>>(), expected);
        for path in &made {
            let status = if expected.contains(&path) { 200 } else { 404 };
            reader.get(path).await.expect(status);
            reader.get(&format!("{path}/history")).await.expect(status);
        }
    }
    anna.patch(of_boris, 1, json!({ "value": "2" })).await.expect(404);
    manager.patch(of_boris, 1, json!({ "value": "2" })).await.expect(404);
    delete(&anna, of_boris, 1).await.expect(404);
    act(&manager, of_boris, "approve").await.expect(404);

    // A visible target is not necessarily writable.
    let refused = async |actor: &Actor<'_>, new: Value| {
        actor.post(TARGETS, new).await.expect(403)["code"].clone()
    };
    assert_eq!(refused(&anna, of_user(boris.id, "2")).await, "not_your_target");
    assert_eq!(refused(&manager, of_user(boris.id, "2")).await, "not_your_target");
    assert_eq!(refused(&anna, month(company)).await, "not_your_target");
    assert_eq!(
        manager.patch(of_company, 1, json!({ "value": "2" })).await.expect(403)["code"],
        "not_your_target"
    );
    let taken = json!({ "owner_type": "user", "owner_id": boris.id });
    assert_eq!(anna.patch(of_anna, 1, taken).await.expect(403)["code"], "not_your_target");
    let hidden = month(json!({ "owner_type": "customer", "owner_id": customer }));
    let problem = manager.post(TARGETS, hidden).await.expect(422);
    assert_eq!(codes(&problem), ["/owner_id unknown_reference"]);
}

#[actix_web::test]
async fn each_rule_of_a_target_violated_once() {
    let service = Service::start().await;
    let director = service.actor(Role::SalesDirector).await;
    director.post(TARGETS, of_user(director.id, "1")).await.expect(201);
    let refused = async |changes: Value| {
        let new = with(of_user(director.id, "1"), &changes);
        codes(&director.post(TARGETS, new).await.expect(422)).join(", ")
    };
    let taken = director.post(TARGETS, of_user(director.id, "1")).await.expect(409);
    assert_eq!(codes(&taken), ["/period_start duplicate"]);
    let cases = [
        (json!({ "value": "-1" }), "/value range"),
        (json!({ "value": 1 }), "/value type"),
        (json!({ "owner_id": null }), "/owner_id required"),
        (json!({ "owner_id": Uuid::nil() }), "/owner_id unknown_reference"),
        (json!({ "owner_type": "team" }), "/owner_id unknown_reference"),
        (json!({ "owner_type": "company" }), "/owner_id unknown_reference"),
        (json!({ "owner_type": "channel", "owner_id": null }), "/channel required"),
        (json!({ "channel": "shop" }), "/channel contradiction"),
        (json!({ "metric": "apples" }), "/metric unknown_value"),
        (json!({ "metric": "valid_visits", "currency": "CNY" }), "/currency contradiction"),
        (json!({ "metric": "signed_amount" }), "/metric metric_not_available"),
        (
            json!({ "metric": "valid_visits", "dimension": "channel", "dimension_value": "x" }),
            "/dimension contradiction",
        ),
        (json!({ "dimension": "region" }), "/dimension_value required"),
        (json!({ "dimension_value": "华东" }), "/dimension required"),
        (json!({ "dimension": "product", "dimension_value": "BK" }), "/dimension_value format"),
        (json!({ "period_start": "2026-11-02" }), "/period_start period"),
        (json!({ "period_type": "quarter" }), "/period_start period"),
        (json!({ "period_type": "year" }), "/period_start period"),
        (json!({ "period_type": "week" }), "/period_start period"),
        (json!({ "period_end": "2026-12-02" }), "/period_end period"),
        (json!({ "period_type": "custom" }), "/period_end range"),
        (json!({ "parent_id": Uuid::nil() }), "/parent_id unknown_reference"),
        (json!({ "status": "approved" }), "/status unknown_field"),
    ];
    for (changes, expected) in cases {
        assert_eq!(refused(changes.clone()).await, expected, "{changes}");
    }
    assert_eq!(service.count("targets").await, 1);
    let custom = json!({ "period_type": "custom", "period_end": "2026-11-08" });
    director.post(TARGETS, with(of_user(director.id, "1"), &custom)).await.expect(201);
}

#[actix_web::test]
async fn an_erp_reports_targets_in_any_order() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "test").await;
    let seller = service.actor(Role::Salesperson).await;
    let import = async |items: &Value| {
        erp.post(&format!("{TARGETS}/batch"), json!({ "items": items })).await.expect(200)
    };
    let of_seller = json!({ "external_id": "M", "owner_type": "user", "value": "10",
        "owner_external_id": format!("e-{}", seller.id), "period_type": "month",
        "period_start": "2026-11-01", "parent_external_id": "Y" });
    let year = json!({ "external_id": "Y", "owner_type": "company", "value": "1000",
        "period_type": "year", "period_start": "2026-01-01" });
    let custom = json!({ "external_id": "C", "owner_type": "company", "value": "7",
        "period_type": "custom", "period_start": "2026-05-31", "period_end": "2026-08-31",
        "status": "draft" });
    let items = json!([of_seller, year, custom]);
    let outcomes = import(&items).await;
    assert_eq!(outcomes["created"], 3, "{outcomes:#}");
    let mine = seller
        .get(&format!(
            "{TARGETS}?owner_type=user&owner_external_id=e-{}\
        &owner_source_system=test",
            seller.id
        ))
        .await
        .expect(200);
    let mine = &mine["items"][0];
    assert_eq!((&mine["status"], &mine["approved_by"]), (&json!("approved"), &Value::Null));
    let again = import(&items).await;
    assert_eq!(again["unchanged"], 3);
    assert_eq!(service.count("changes where type = 'target'").await, 3);

    let item = |id: &str, changes: &Value| {
        with(with(year.clone(), &json!({ "external_id": id })), changes)
    };
    let odd = item("0", &json!({ "level": "stretch", "parent_external_id": "Y" }));
    let refused = import(&json!([odd])).await;
    assert_eq!(codes(&refused["results"][0]["problem"]), ["/parent_id mismatch"]);
    let refused = import(&json!([
        item("1", &json!({ "owner_type": null })),
        json!({ "external_id": "2", "value": "1" }),
        item("3", &json!({ "owner_type": "user" })),
        item("4", &json!({ "level": "stretch", "parent_external_id": "Y" })),
        item("5", &json!({ "level": "stretch", "parent_external_id": "nobody" })),
        item("6", &json!({})),
        json!({ "external_id": "Y", "parent_external_id": "M" }),
        json!({ "external_id": "M", "owner_external_id": format!("e-{}", Uuid::nil()) }),
        item("9", &json!({ "level": "stretch", "parent_external_id": "9" })),
    ]))
    .await;
    let pointer = |at: usize| refused["results"][at]["problem"]["errors"][0]["pointer"].clone();
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7, 8].map(pointer),
        [
            "/owner_type",
            "/owner_type",
            "/owner_id",
            "/parent_id",
            "/parent_external_id",
            "/period_start",
            "/parent_id",
            "/owner_external_id",
            "/parent_id"
        ]
    );
    assert_eq!((&refused["failed"], service.count("targets").await), (&json!(9), 3));

    let closed = import(&json!([{ "external_id": "C", "status": "closed", "value": "8" }])).await;
    assert_eq!(closed["updated"], 1);
    let drafts = erp.get(&format!("{TARGETS}?status=draft,closed&sort=period_start")).await;
    let drafts = drafts.expect(200);
    assert_eq!(
        (&drafts["items"][0]["value"], &drafts["items"][0]["status"]),
        (&json!("8.00"), &json!("closed"))
    );
}

#[actix_web::test]
async fn a_merged_customers_targets_follow() {
    let service = Service::start().await;
    let office = service.actor(Role::BackOffice).await;
    let (winner, loser) = (office.customer("Lin").await, office.customer("Lin & Sons").await);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let month = |customer: &str, month: &str, value: &str| {
        json!({ "owner_type": "customer", "owner_id": id(customer), "period_type": "month",
            "period_start": month, "value": value })
    };
    let both = path(&office.post(TARGETS, month(&loser, "2026-10-01", "1")).await.expect(201));
    let one = path(&office.post(TARGETS, month(&loser, "2026-11-01", "2")).await.expect(201));
    office.post(TARGETS, month(&winner, "2026-10-01", "3")).await.expect(201);
    let merge = json!({ "loser_id": id(&loser) });
    office.post(&format!("{winner}/merge"), merge).await.expect(200);
    let moved = office.get(&one).await.expect(200);
    assert_eq!((&moved["owner_id"], &moved["version"]), (&json!(id(&winner)), &json!(2)));
    assert_eq!(office.get(&both).await.expect(200)["owner_id"], json!(id(&loser)));
}
