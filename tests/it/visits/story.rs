//! A day in the field through the API: a visit is planned and carried out; its complaint is settled
//! on the spot with a photo, filed, confirmed and closed. Four readers check the figures.

use std::collections::BTreeMap;

use image::ImageFormat;
use salesbook::access::Role;
use salesbook::platform::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::attachments::{picture, uploaded};
use crate::complaints::{COMPLAINTS, at, id, path, step};
use crate::support::harness::{Actor, Service};
use crate::targets::{codes, with};

const TODAY: &str = "/api/v1/me/today";
const BOARD: &str = "/api/v1/team/board";

const PERIOD: &str = "from=2026-11-01&to=2026-12-01";

/// The lists and reports whose figures are checked.
const COUNTED: [&str; 13] = [
    "/api/v1/reports/visits?PERIOD",
    "/api/v1/reports/coverage?group_by=owner&PERIOD",
    "/api/v1/reports/not-visited?days=1&as_of=2026-11-20",
    "/api/v1/reports/visit-intervals?as_of=2026-11-20",
    "/api/v1/reports/refusals?PERIOD",
    "/api/v1/reports/activity-funnel?PERIOD",
    "/api/v1/reports/complaints?group_by=category&PERIOD",
    "/api/v1/reports/sla?PERIOD",
    "/api/v1/reports/unfiled",
    "/api/v1/reports/repeat-complaints",
    "/api/v1/visits?total=exact",
    "/api/v1/complaints?total=exact",
    "/api/v1/follow-ups?total=exact",
];

/// A user who reads the figures.
struct Reader<'a> {
    service: &'a Service,
    id: Uuid,
}

impl Reader<'_> {
    fn actor(&self) -> Actor<'_> {
        self.service.signed_in(self.id)
    }

    /// All figures of this reader, without the time of the reports.
    async fn counts(&self) -> BTreeMap<&'static str, Value> {
        let mut seen = BTreeMap::new();
        for counted in COUNTED {
            let told = self.actor().get(&counted.replace("PERIOD", PERIOD)).await.expect(200);
            let totals = told.get("totals").or_else(|| told.get("total")).unwrap().clone();
            let rows = told.get("rows").or_else(|| told.get("items")).unwrap().clone();
            seen.insert(counted, json!([totals, rows]));
        }
        seen.insert(TODAY, self.today().await);
        seen
    }

    async fn totals(&self, report: &str) -> Value {
        let path = format!("/api/v1/reports/{report}");
        self.actor().get(&path).await.expect(200)["totals"].clone()
    }

    async fn total(&self, list: &str) -> Value {
        let path = format!("/api/v1/{list}total=exact");
        self.actor().get(&path).await.expect(200)["total"].clone()
    }

    async fn today(&self) -> Value {
        self.actor().get(TODAY).await.expect(200)
    }

    /// The row of a user on the board.
    async fn line(&self, of: Uuid) -> Option<Value> {
        let board = self.actor().get(BOARD).await.expect(200);
        let items = board["items"].as_array().unwrap();
        items.iter().find(|it| it["user_id"] == json!(of)).cloned()
    }
}

/// Some figures of a row.
fn figures(row: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| row[*name].clone()).collect()
}

fn here(at: &str) -> Value {
    json!({ "occurred_at": at, "latitude": 31.2305, "longitude": 121.4738, "accuracy_m": 10.0,
        "fix_age_s": 2.0, "mock": false })
}

#[actix_web::test]
async fn a_day_in_the_field() {
    let clock = Clock::fixed(at("2026-11-20T01:00:00Z"));
    let service = Service::start_at(clock.clone()).await;
    let reader = async |role: Role| Reader { service: &service, id: service.actor(role).await.id };
    let (seller, manager) = (reader(Role::Salesperson).await, reader(Role::SalesManager).await);
    let office = reader(Role::BackOffice).await;
    let (stranger, other) = (reader(Role::Salesperson).await, reader(Role::SalesManager).await);
    service.team(None, &manager.actor(), &[&seller.actor()]).await;
    service.team(None, &other.actor(), &[&stranger.actor()]).await;
    let new = json!({ "name": "上海林氏", "latitude": 31.2304, "longitude": 121.4737 });
    let customer = seller.actor().post("/api/v1/customers", new).await.expect(201)["id"].clone();
    stranger.actor().customer("杭州西泠").await;
    let strange = [stranger.counts().await, other.counts().await];
    let funnel = format!("activity-funnel?{PERIOD}");
    let (visits, coverage) = (format!("visits?{PERIOD}"), format!("coverage?{PERIOD}"));
    let (complaints, sla) = (format!("complaints?{PERIOD}"), format!("sla?{PERIOD}"));

    // No visit has taken place yet.
    let nothing = json!({ "visits": 0, "follow_ups": 0, "next_attempts": 0, "complaints": 0,
        "complaints_overdue": 0, "complaints_to_accept": 0, "complaints_to_file": 0 });
    assert_eq!(seller.today().await["counts"], nothing);
    for reader in [&seller, &manager] {
        let told = reader.totals(&coverage).await;
        assert_eq!(figures(&told, &["customers", "visited"]), [1, 0]);
        assert_eq!(reader.totals(&visits).await["planned"], 0);
        assert_eq!(reader.totals(&funnel).await["visits"], 0);
        assert_eq!(reader.total("complaints?").await, 0);
        assert_eq!(reader.totals(&complaints).await["complaints"], 0);
        assert_eq!(reader.totals(&sla).await["complaints"], 0);
    }
    let told = office.totals(&coverage).await;
    assert_eq!(figures(&told, &["customers", "visited"]), [2, 0]);

    // A visit is planned, and begins at two in the afternoon.
    let plan = json!({ "customer_id": customer, "purpose": "新品" });
    let planned = seller.actor().post("/api/v1/visits", plan).await.expect(201);
    let visit = format!("/api/v1/visits/{}", planned["id"].as_str().unwrap());
    assert_eq!(seller.today().await["visits"][0]["id"], planned["id"]);
    assert_eq!(manager.today().await["counts"], nothing);
    let names = ["visits_planned", "visits_completed", "visits_valid"];
    assert_eq!(figures(&manager.line(seller.id).await.unwrap(), &names), [1, 0, 0]);
    clock.set(at("2026-11-20T06:00:00Z"));
    let check_in = here("2026-11-20T06:00:00Z");
    seller.actor().post(&format!("{visit}/check-in"), check_in).await.expect(200);
    let line = manager.line(seller.id).await.unwrap();
    assert_eq!(line["in_progress"]["visit_id"], planned["id"]);
    assert_eq!(line["in_progress"]["since"], "2026-11-20T06:00:00Z");

    // The customer shows a broken product and gets a replacement at once.
    clock.set(at("2026-11-20T06:10:00Z"));
    let photo = uploaded(&seller.actor(), &picture(64, 48, ImageFormat::Jpeg)).await;
    stranger.actor().get(&photo).await.expect(404);
    office.actor().get(&photo).await.expect(404);
    let complaint = json!({ "customer_id": customer, "visit_id": planned["id"],
        "category": "quality", "severity": "major", "description": "外壳开裂,客户要求换货",
        "attachment_ids": [id(&photo)] });
    let settled = |amount: &str| {
        let how = json!({ "resolution": "当场更换新品", "root_cause": "运输途中受潮",
            "compensation_amount": amount });
        with(complaint.clone(), &json!({ "resolved": how }))
    };
    let refused = seller.actor().post(COMPLAINTS, settled("500.01")).await.expect(422);
    assert_eq!(codes(&refused), ["/resolved/compensation_amount authority_exceeded"]);
    let made = seller.actor().post(COMPLAINTS, settled("200")).await.expect(201);
    let complaint = path(&made);
    let names = ["status", "channel", "resolution_mode", "owner_id", "compensation_amount"];
    let expected = [json!("resolved"), json!("visit"), json!("on_the_spot"), json!(seller.id)];
    assert_eq!(figures(&made, &names)[..4], expected);
    assert_eq!(made["compensation_amount"], "200.00");
    // The due time is on Monday evening, because the next day is not a working day.
    assert_eq!(made["filing_due"], "2026-11-23T10:00:00Z");
    assert_eq!(office.actor().get(&photo).await.expect(200)["attached_to"][0]["type"], "complaint");

    clock.set(at("2026-11-20T06:30:00Z"));
    let done = json!({ "outcome": "promised", "complaint_answer": true, "next_action": "送样品",
        "follow_up": { "due_at": "2026-11-25T02:00:00Z" } });
    let done = with(here("2026-11-20T06:30:00Z"), &done);
    let done = seller.actor().post(&format!("{visit}/check-out"), done).await.expect(200);
    let names = ["status", "validity", "duration_min"];
    assert_eq!(figures(&done, &names), [json!("completed"), json!("valid"), json!(30)]);

    // The back office finds unfiled complaints. A complaint cannot be closed until it is filed and
    // the customer has confirmed it.
    for reader in [&office, &manager, &seller] {
        assert_eq!(reader.total("complaints?filed=false&").await, 1);
        let told = reader.totals("unfiled").await;
        assert_eq!(figures(&told, &["complaints", "overdue"]), [1, 0]);
        let told = reader.totals(&complaints).await;
        assert_eq!(figures(&told, &["complaints", "resolved", "closed"]), [1, 1, 0]);
    }
    assert_eq!(office.today().await["counts"]["complaints_to_file"], 1);
    assert_eq!(manager.line(seller.id).await.unwrap()["complaints_unfiled"], 1);
    let close = async || step(&office.actor(), &complaint, "close", Value::Null).await;
    assert_eq!(close().await.expect(409)["code"], "not_filed");
    step(&seller.actor(), &complaint, "file", Value::Null).await.expect(403);
    step(&manager.actor(), &complaint, "file", Value::Null).await.expect(403);
    let filed = step(&office.actor(), &complaint, "file", Value::Null).await.expect(200);
    assert_eq!(filed["filed_no"], "BA-2026-0001");
    assert_eq!(close().await.expect(409)["code"], "not_confirmed");
    let word = json!({ "by": "signature", "satisfaction": 5 });
    step(&seller.actor(), &complaint, "confirm", word).await.expect(200);
    let closed = close().await.expect(200);
    assert_eq!(figures(&closed, &["status", "satisfaction"]), [json!("closed"), json!(5)]);
    assert_eq!(closed["sla_started_at"], "2026-11-20T06:10:00Z");

    // The same day for the people concerned.
    for reader in [&seller, &manager, &office] {
        let told = reader.totals(&visits).await;
        let names = ["planned", "completed", "valid", "in_fence", "average_duration_min"];
        let expected = [json!(1), json!(1), json!(1), json!(1), json!("30.0000")];
        assert_eq!(figures(&told, &names), expected);
        let told = reader.totals(&funnel).await;
        assert_eq!(figures(&told, &["visits", "valid_visits", "customers_visited"]), [1, 1, 1]);
        assert_eq!(reader.totals(&coverage).await["visited"], 1);
        assert_eq!(reader.totals("visit-intervals?as_of=2026-11-20").await["visits"], 1);
        assert_eq!(reader.total("complaints?filed=true&status=closed&").await, 1);
        assert_eq!(reader.total("complaints?filed=false&").await, 0);
        assert_eq!(reader.totals("unfiled").await["complaints"], 0);
        assert_eq!(reader.totals("repeat-complaints").await["chains"], 0);
        let told = reader.totals(&complaints).await;
        let names = ["complaints", "resolved", "closed", "on_the_spot", "compensation"];
        let expected = [json!(1), json!(0), json!(1), json!(1), json!("200.0000")];
        assert_eq!(figures(&told, &names), expected);
        let told = reader.totals(&sla).await;
        let names = ["complaints", "resolution_kept", "resolution_late", "resolution_percent"];
        let expected = [json!(1), json!(1), json!(0), json!("100.00")];
        assert_eq!(figures(&told, &names), expected);
        assert_eq!(reader.total("follow-ups?source=visit&").await, 1);
        let content = reader.actor().get(&format!("{photo}/content")).await;
        assert_eq!(content.header("content-type"), "image/jpeg");
        let history = reader.actor().get(&format!("{complaint}/history")).await.expect(200);
        assert_eq!(history["items"].as_array().unwrap().len(), 4);
    }
    assert_eq!(manager.totals(&coverage).await["coverage_percent"], "100.00");
    assert_eq!(office.totals(&coverage).await["coverage_percent"], "50.00");
    let today = seller.today().await;
    assert_eq!(today["counts"], with(nothing, &json!({ "visits": 1 })), "it is due another day");
    assert_eq!(today["visits"][0]["status"], "completed");
    for reader in [&manager, &office] {
        let line = reader.line(seller.id).await.unwrap();
        let names = [
            "visits_planned",
            "visits_completed",
            "visits_valid",
            "follow_ups_open",
            "complaints_unfiled",
        ];
        assert_eq!(figures(&line, &names), [1, 1, 1, 1, 0]);
        assert_eq!(line["in_progress"], Value::Null);
    }

    // Nothing has changed for another team.
    let follow_up = format!("/api/v1/follow-ups/{}", done["follow_up_id"].as_str().unwrap());
    let customer = format!("/api/v1/customers/{}", customer.as_str().unwrap());
    for (reader, before) in [&stranger, &other].into_iter().zip(strange) {
        assert_eq!(reader.counts().await, before);
        for row in [&visit, &complaint, &follow_up, &customer, &photo] {
            reader.actor().get(row).await.expect(404);
        }
        for row in [&visit, &complaint, &follow_up, &customer] {
            reader.actor().get(&format!("{row}/history")).await.expect(404);
        }
        let content = reader.actor().get(&format!("{photo}/content")).await;
        assert_eq!(content.status.as_u16(), 404);
        for (row, action) in [(&visit, "cancel"), (&complaint, "reopen")] {
            let why = json!({ "reason": "x" });
            step(&reader.actor(), row, action, why).await.expect(404);
        }
    }
    stranger.actor().get(BOARD).await.expect(403);
    assert_eq!(other.line(seller.id).await, None);
    assert!(other.line(stranger.id).await.is_some());
}
