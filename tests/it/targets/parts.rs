//! The parts of a target add up to its value.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::Service;
use crate::targets::{TARGETS, act, codes, delete, of_user, path, with};

#[actix_web::test]
async fn the_parts_reach_the_whole() {
    let service = Service::start().await;
    let (back, director) =
        (service.actor(Role::BackOffice).await, service.actor(Role::SalesDirector).await);
    let company = json!({ "owner_type": "company", "period_type": "month",
        "period_start": "2026-11-01", "value": "100" });
    let whole = back.post(TARGETS, company).await.expect(201);
    let (whole, id) = (path(&whole), whole["id"].clone());
    let mut parts = vec![];
    for value in ["60", "39.99"] {
        let seller = service.actor(Role::Salesperson).await;
        let part = with(of_user(seller.id, value), &json!({ "parent_id": id }));
        parts.push(path(&back.post(TARGETS, part).await.expect(201)));
    }
    let short = act(&director, &whole, "approve").await.expect(409);
    assert_eq!(short["code"], "target_under_allocated");
    assert_eq!((&short["allocated"], &short["required"]), (&json!("99.99"), &json!("100.00")));
    back.patch(&parts[1], 1, json!({ "value": "40" })).await.expect(200);
    act(&director, &whole, "approve").await.expect(200);

    // After the approval, the sum of the parts may not become less than the target.
    let behind = back.patch(&parts[1], 2, json!({ "value": "39" })).await.expect(409);
    assert_eq!(behind["code"], "target_under_allocated");
    let away = back.patch(&parts[1], 2, json!({ "parent_id": null })).await.expect(409);
    assert_eq!(
        (&away["code"], &away["allocated"]),
        (&json!("target_under_allocated"), &json!("60.00"))
    );
    assert_eq!(delete(&back, &parts[0], 1).await.expect(409)["code"], "target_under_allocated");
    let ahead = json!({ "value": "101", "reason": "x" });
    let ahead = director.patch(&whole, 2, ahead).await.expect(409);
    assert_eq!(ahead["required"], "101.00");
    back.patch(&parts[0], 1, json!({ "value": "61" })).await.expect(200);
    let more = json!({ "value": "101", "reason": "x" });
    director.patch(&whole, 2, more).await.expect(200);
    let listed = back.get(&format!("{TARGETS}?parent_id={}", id.as_str().unwrap())).await;
    assert_eq!(listed.expect(200)["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_whole_can_be_forced() {
    let service = Service::start().await;
    let (back, director) =
        (service.actor(Role::BackOffice).await, service.actor(Role::SalesDirector).await);
    let year = json!({ "owner_type": "company", "period_type": "year",
        "period_start": "2026-01-01", "value": "100" });
    let whole = back.post(TARGETS, year.clone()).await.expect(201);
    let quarter = json!({ "period_type": "quarter", "value": "10", "parent_id": whole["id"] });
    let part = back.post(TARGETS, with(year, &quarter)).await.expect(201);
    let approve = format!("{}/approve", path(&whole));
    let forced = director.post(&approve, json!({ "force": true })).await.expect(200);
    assert_eq!(forced["status"], "approved");
    // The sum was too small before, so that it may become smaller.
    back.patch(&path(&part), 1, json!({ "value": "5" })).await.expect(200);
    let below = json!({ "parent_id": part["id"] });
    let problem = back.patch(&path(&part), 2, below).await.expect(422);
    assert_eq!(codes(&problem), ["/parent_id cycle"]);
    let quarter = json!({ "owner_type": "user", "owner_id": director.id, "period_type": "quarter",
        "period_start": "2026-01-01", "value": "10", "parent_id": part["id"] });
    let lowest = back.post(TARGETS, quarter).await.expect(201);
    let below = json!({ "parent_id": lowest["id"] });
    let problem = back.patch(&path(&part), 2, below).await.expect(422);
    assert_eq!(codes(&problem), ["/parent_id cycle"]);
    let longer = json!({ "period_type": "year", "period_start": "2027-01-01" });
    let problem = back.patch(&path(&part), 2, longer).await.expect(422);
    assert_eq!(codes(&problem), ["/parent_id period"]);
    let other = json!({ "level": "stretch" });
    let problem = back.patch(&path(&part), 2, other).await.expect(422);
    assert_eq!(codes(&problem), ["/parent_id mismatch"]);
}

#[actix_web::test]
async fn a_month_is_broken_down_to_weeks_and_days() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let month = seller.post(TARGETS, of_user(seller.id, "100000.01")).await.expect(201);
    let how = json!({ "period_type": "week", "method": "working_days" });
    let decompose = format!("{}/decompose", path(&month));
    let weeks = seller.post(&decompose, how.clone()).await.expect(200);
    let weeks = weeks["items"].as_array().unwrap();
    let of = |it: &Value| {
        ["period_type", "period_start", "period_end", "value"].map(|name| it[name].clone())
    };
    // 1 November 2026 is a Sunday, 30 November a Monday; 21 working days.
    assert_eq!(weeks.len(), 6);
    assert_eq!(of(&weeks[0]), ["custom", "2026-11-01", "2026-11-02", "0.00"]);
    assert_eq!(of(&weeks[1]), ["week", "2026-11-02", "2026-11-09", "23809.53"]);
    assert_eq!(of(&weeks[5]), ["custom", "2026-11-30", "2026-12-01", "4761.90"]);
    assert_eq!((&weeks[1]["status"], &weeks[1]["parent_id"]), (&json!("draft"), &month["id"]));
    let sum = "select sum(value)::text from targets where parent_id is not null";
    assert_eq!(service.texts(sum).await, ["100000.010000"]);
    assert_eq!(seller.post(&decompose, how).await.expect(409)["code"], "target_has_parts");

    let how = json!({ "period_type": "day", "method": "equal" });
    let days = seller.post(&format!("{}/decompose", path(&weeks[1])), how).await.expect(200);
    assert_eq!(days["items"].as_array().unwrap().len(), 7);
    assert_eq!(service.count("changes where type = 'target'").await, 1 + 6 + 7);
    let other = service.actor(Role::Salesperson).await;
    other.post(&decompose, json!({ "period_type": "day", "method": "equal" })).await.expect(404);
    let frame = json!({ "metric": "invoiced_amount" });
    let refused = seller.patch(&path(&month), 1, frame).await.expect(409);
    assert_eq!(refused["code"], "target_has_parts");
}
