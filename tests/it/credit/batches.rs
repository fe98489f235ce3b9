//! Credits of many customers in one batch, with the same rules as for a single change.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::credit::{Desk, id};
use crate::receivables::send;
use crate::support::harness::{Actor, Service};

const BATCH: &str = "/api/v1/customer-credits/batch";

async fn customers(erp: &Actor<'_>, names: &[&str]) {
    let item = |name: &&str| json!({ "external_id": name, "name": name, "code": name });
    send(erp, "customers", json!(names.iter().map(item).collect::<Vec<_>>())).await;
}

async fn path_of(service: &Service, name: &str) -> String {
    let id = format!("select id::text from customers where external_id = '{name}'");
    format!("/api/v1/customers/{}/credit", service.texts(&id).await[0])
}

/// The status of each item, and the codes of its faults.
fn outcomes(told: &Value) -> Vec<String> {
    let codes = |it: &Value| {
        let errors = it["problem"]["errors"].as_array().into_iter().flatten();
        let codes = errors.map(|it| {
            format!(" {} {}", it["pointer"].as_str().unwrap(), it["code"].as_str().unwrap())
        });
        codes.collect::<String>()
    };
    let items = told["results"].as_array().unwrap().iter();
    items.map(|it| it["status"].as_str().unwrap().to_owned() + &codes(it)).collect()
}

#[actix_web::test]
async fn many_limits_in_one_request() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let controller = service.actor(Role::CreditController).await;
    let names: Vec<String> = (0..122).map(|n| format!("C{n}")).collect();
    customers(&erp, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let item = |(n, name): (usize, &String)| json!({ "external_id": name, "credit_limit": format!("{n}000.00"), "valid_until": "2027-06-30" });
    let items = json!({ "items": names.iter().enumerate().map(item).collect::<Vec<_>>() });

    let told = erp.post(BATCH, items.clone()).await.expect(200);

    assert_eq!((&told["created"], &told["failed"]), (&json!(122), &json!(0)));
    let path = path_of(&service, "C7").await;
    let credit = controller.get(&path).await.expect(200);
    assert_eq!((&credit["credit_limit"], &credit["version"]), (&json!("7000.00"), &json!(1)));
    assert_eq!(credit["valid_until"], "2027-06-30");
    assert_eq!(told["results"][7]["id"], credit["id"]);
    let history = controller.get(&format!("{path}/history")).await.expect(200);
    assert_eq!(history["items"][0]["op"], "created");
    assert_eq!(history["items"][0]["by"], json!(erp.id));
    let again = erp.post(BATCH, items).await.expect(200);
    assert_eq!(again["unchanged"], 122, "{again:#}");
    assert_eq!(service.count("changes where type = 'customer_credit'").await, 122);
}

#[actix_web::test]
async fn a_source_changes_what_it_says_anew() {
    let service = Service::start().await;
    let (erp, admin) = (service.client(Role::Erp, "sap").await, service.actor(Role::Admin).await);
    customers(&erp, &["A"]).await;
    let path = path_of(&service, "A").await;
    let say = async |limit: &str| {
        let items = json!([{ "external_id": "A", "credit_limit": limit }]);
        outcomes(&erp.post(BATCH, json!({ "items": items })).await.expect(200)).remove(0)
    };
    let limit = async || admin.get(&path).await.expect(200)["credit_limit"].clone();

    assert_eq!(say("100.00").await, "created");
    admin.patch(&path, 1, json!({ "credit_limit": "70", "max_overdue_days": 9 })).await.expect(200);

    assert_eq!(say("100.00").await, "unchanged");
    assert_eq!(limit().await, "70.00", "people's word stands until the source says another");
    assert_eq!(say("90.00").await, "updated");
    assert_eq!(limit().await, "90.00");
    assert_eq!(admin.get(&path).await.expect(200)["max_overdue_days"], 9, "absent fields stay");
    assert_eq!(say("-1").await, "failed /credit_limit range");
    assert_eq!(limit().await, "90.00");
}

#[actix_web::test]
async fn each_item_follows_the_rules_of_a_single_change() {
    let service = Service::start().await;
    let desk = Desk::of(&service).await;
    let erp = &desk.erp;
    customers(erp, &["A", "B", "C"]).await;
    let investigated = path_of(&service, "A").await;
    let insert = format!(
        "insert into credit_investigations (id, version, customer_id, requested_by, reason, status,
            sources, score, recommended_limit, concluded_on, valid_until, created_at, updated_at)
        values (gen_random_uuid(), 1, '{}', '{}', '', 'concluded', '{{}}', 80, 100, current_date,
            current_date + 300, now(), now())",
        id(investigated.trim_end_matches("/credit")),
        desk.admin.id
    );
    service.sql(&insert).await;
    let items = json!([
        { "external_id": "A", "credit_limit": "120.01" },
        { "external_id": "B", "credit_limit": "-0.01", "tolerance_percent": "100.01" },
        { "external_id": "C", "credit_limit": 5 },
        { "external_id": "nobody", "credit_limit": "5" },
        { "external_id": "B", "credit_limit": "5", "hold": true },
        { "external_id": "C", "max_overdue_days": 30 },
    ]);

    let told = erp.post(BATCH, json!({ "items": items })).await.expect(200);

    assert_eq!(
        outcomes(&told),
        [
            "failed /credit_limit director_required",
            "failed /credit_limit range /tolerance_percent range",
            "failed /credit_limit type",
            "failed /external_id unknown_reference",
            "failed /hold unknown_field",
            "created",
        ]
    );
    let within = json!({ "items": [{ "external_id": "A", "credit_limit": "120.00" }] });
    assert_eq!(erp.post(BATCH, within).await.expect(200)["created"], 1);
    let beyond = json!({ "source_system": "sap",
        "items": [{ "external_id": "A", "credit_limit": "120.01" }] });
    assert_eq!(desk.admin.post(BATCH, beyond).await.expect(200)["updated"], 1, "admins may");
}

#[actix_web::test]
async fn nobody_sets_the_credit_of_a_customer_of_their_own() {
    let service = Service::start().await;
    let (erp, admin) = (service.client(Role::Erp, "sap").await, service.actor(Role::Admin).await);
    customers(&erp, &["A", "B"]).await;
    let own = format!("update customers set owner_id = '{}' where external_id = 'A'", admin.id);
    service.sql(&own).await;
    let items = json!([
        { "external_id": "A", "credit_limit": "5" }, { "external_id": "B", "credit_limit": "5" },
    ]);

    let body = json!({ "items": items, "source_system": "sap" });
    let told = admin.post(BATCH, body).await.expect(200);

    assert_eq!(outcomes(&told), ["failed /external_id self_approval", "created"]);
}

#[actix_web::test]
async fn who_may_send_credits_and_whose() {
    let service = Service::start().await;
    let (erp, other) =
        (service.client(Role::Erp, "sap").await, service.client(Role::Erp, "crm").await);
    customers(&erp, &["A"]).await;
    let body = |more: Value| {
        let mut body = json!({ "items": [{ "external_id": "A", "credit_limit": "5" }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let sap = json!({ "source_system": "sap" });

    let problem = other.post(BATCH, body(sap.clone())).await.expect(403);
    assert_eq!(problem["code"], "foreign_source_system");
    for role in [Role::Salesperson, Role::SalesManager, Role::BackOffice, Role::Reporter] {
        service.actor(role).await.post(BATCH, body(sap.clone())).await.expect(403);
    }
    let parked = erp.post(BATCH, body(json!({ "unknown_references": "park" }))).await.expect(422);
    assert_eq!(parked["errors"][0]["pointer"], "/unknown_references");
    let dry = erp.post(BATCH, body(json!({ "dry_run": true }))).await.expect(200);
    assert_eq!(dry["created"], 1);
    assert_eq!(service.count("customer_credits where version > 0").await, 0);
    let mine = other.post(BATCH, body(json!({}))).await.expect(200);
    assert_eq!(outcomes(&mine), ["failed /external_id unknown_reference"], "its own A is another");
    let atomic = json!({ "atomic": true, "items": [
        { "external_id": "A", "credit_limit": "5" }, { "external_id": "Z", "credit_limit": "5" },
    ] });
    let problem = erp.post(BATCH, atomic).await.expect(422);
    assert_eq!(problem["errors"][0]["pointer"], "/items/1/external_id");
    assert_eq!(service.count("customer_credits where version > 0").await, 0);
}

#[actix_web::test]
async fn the_name_of_a_merged_customer_means_the_winner() {
    let service = Service::start().await;
    let (erp, admin) = (service.client(Role::Erp, "sap").await, service.actor(Role::Admin).await);
    customers(&erp, &["M", "W"]).await;
    let (loser, winner) = (path_of(&service, "M").await, path_of(&service, "W").await);
    let (loser, winner) =
        (loser.trim_end_matches("/credit").to_owned(), winner.trim_end_matches("/credit"));
    let merge = json!({ "loser_id": id(&loser) });
    admin.post(&format!("{winner}/merge"), merge).await.expect(200);

    let mut read = vec![];
    for limit in ["70", "80"] {
        let items = json!([
            { "external_id": "W", "tolerance_percent": "5" },
            { "external_id": "M", "credit_limit": limit },
        ]);
        let told = erp.post(BATCH, json!({ "items": items })).await.expect(200);
        assert_eq!(told["failed"], 0, "{told:#}");
        let credit = admin.get(&format!("{winner}/credit")).await.expect(200);
        read.push(json!([credit["credit_limit"], credit["tolerance_percent"], credit["version"]]));
    }

    // The first values for the merged M do not override those of W; later changes apply to W.
    assert_eq!(read, [json!([null, "5", 1]), json!(["80.00", "5", 2])]);
}
