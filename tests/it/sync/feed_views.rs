//! Every type of the feed for every role: following from the beginning and a new snapshot give the
//! same rows, even after customers have changed owners.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use salesbook::access::Role;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::follower::hand_over;
use crate::support::harness::{Actor, Service};
use crate::support::inventing::Inventor;
use crate::support::process::{count, until};
use crate::surveys;

type Rows = BTreeMap<(String, String), Value>;

/// Follows the feed from a cursor. Returns the remaining rows.
async fn read(actor: &Actor<'_>, mut cursor: String) -> Rows {
    let mut rows = Rows::new();
    // Changes during the snapshot are reported again.
    let all = cursor.is_empty();
    loop {
        let url = format!("/api/v1/changes?limit=37{cursor}");
        let page = actor.get(&url).await.expect(200);
        for event in page["items"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            let key = (text("type"), text("id"));
            // The users of the tests are not created by the service.
            if key.0 == "user" {
                continue;
            }
            if matches!(event["op"].as_str(), Some("deleted" | "hidden")) {
                let gone = rows.remove(&key).is_some();
                assert!(gone || !all, "it was never there: {event:#}");
            } else {
                assert_eq!(event["data"]["version"], event["version"], "{event:#}");
                let known = rows.insert(key, event["data"].clone()).is_some();
                assert!(!all || known == (event["op"] == "updated"), "{event:#}");
            }
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        if page["more"] != true {
            return rows;
        }
    }
}

async fn copy(actor: &Actor<'_>) -> Rows {
    let begun = actor.post("/api/v1/changes/snapshot", Value::Null).await.expect(200);
    read(actor, format!("&cursor={}", begun["cursor"].as_str().unwrap())).await
}

/// Waits until the feed agrees; transactions of other tests may delay it.
async fn agree(actor: &Actor<'_>, who: &str) -> Rows {
    let start = Instant::now();
    loop {
        let (told, there) = (read(actor, String::new()).await, copy(actor).await);
        if told == there {
            return there;
        }
        if start.elapsed() > Duration::from_secs(15) {
            let keys: BTreeSet<_> = told.keys().chain(there.keys()).collect();
            let other = keys.into_iter().filter(|it| told.get(*it) != there.get(*it));
            let first = |it: &&(String, String)| (told.get(*it), there.get(*it));
            let other: Vec<_> = other.collect();
            let shown: Vec<_> = other.iter().map(|it| &it.0).collect();
            panic!("{who}: {shown:?} differ, such as {:#?}", other.first().map(first));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Types of rows that belong to a customer.
const UNDER: [&str; 13] = [
    "complaint",
    "contact",
    "credit_investigation",
    "credit_override",
    "customer",
    "customer_credit",
    "opportunity",
    "order",
    "shipment",
    "suggestion",
    "survey_invitation",
    "survey_response",
    "terms_request",
];

#[actix_web::test]
async fn what_is_told_is_what_there_is() {
    let service = Service::start().await;
    // The many initial holidays are not relevant here.
    service.sql("delete from holidays; delete from changes where type = 'holiday'").await;
    let admin = service.actor(Role::Admin).await;
    let controller = service.actor(Role::CreditController).await;
    let made = Inventor::with_rows(&service, &admin, 1).await;
    let (users, customers) = (&made.known["user"], &made.known["customer"]);
    let sellers: Vec<Actor<'_>> =
        users.iter().map(|id| service.signed_in(id.parse().unwrap())).collect();
    for id in customers {
        let path = format!("/api/v1/customers/{id}/credit");
        controller.patch(&path, 0, json!({ "credit_limit": "1000" })).await.expect(200);
    }
    let survey = surveys::open(&admin, surveys::new_survey()).await;
    for (_, link) in surveys::sample(&admin, &survey, json!({ "size": 4 })).await {
        service.anonymous().post(&link, surveys::answer(4, 9)).await.expect(200);
    }
    let office = service.actor(Role::BackOffice).await;
    let stranger = service.actor(Role::Salesperson).await;
    let before = agree(&sellers[0], "the first seller").await;
    assert_eq!(agree(&stranger, "a stranger").await.keys().filter(|it| under(it)).count(), 0);
    // The first customer goes to a stranger, the second one to the pool, the third one to the first
    // seller.
    let to = [Some(&stranger), None, Some(&sellers[0]), Some(&sellers[3])];
    for (customer, to) in customers.iter().zip(to) {
        assert_eq!(hand_over(&office, customer, to).await, 200);
    }
    let kinds = |rows: &Rows| -> BTreeSet<String> {
        rows.keys().filter(|it| under(it)).map(|it| it.0.clone()).collect()
    };
    let now = agree(&stranger, "the stranger").await;
    assert_eq!(kinds(&now), UNDER.map(str::to_owned).into(), "all of it comes along");
    let first = agree(&sellers[0], "the first seller").await;
    assert_eq!(kinds(&first), kinds(&now), "and that of the third one");
    for (key, row) in now.iter().filter(|it| under(it.0)) {
        let was = before.get(key);
        // The salesperson of an order sees it, regardless of the customer's owner.
        let credited = matches!(&*key.0, "order" | "shipment");
        assert!(was.is_some() && first.contains_key(key) == credited, "{key:?} {row:#}");
    }
    let left = kinds(&agree(&sellers[2], "the third seller").await);
    assert_eq!(left, ["order", "shipment"].map(str::to_owned).into());
    // An order gets another salesperson, and its shipments follow.
    let order = &made.known["order"][3];
    let credit = json!({ "salesperson_id": stranger.id });
    let path = format!("/api/v1/orders/{order}");
    let version = admin.get(&path).await.expect(200)["version"].as_i64().unwrap();
    admin.patch(&path, version, credit).await.expect(200);
    let shipment = ("shipment".to_owned(), made.known["shipment"][3].clone());
    assert!(agree(&stranger, "the stranger").await.contains_key(&shipment));
    for role in Role::ALL {
        agree(&service.actor(*role).await, role.as_str()).await;
    }
    for seller in &sellers {
        agree(seller, "a seller").await;
    }
}

fn under((kind, _): &(String, String)) -> bool {
    UNDER.contains(&kind.as_str())
}

/// A contact is recorded while its customer gets a new owner: the write has already read the old
/// one.
#[actix_web::test]
async fn what_is_recorded_meanwhile_goes_with_its_customer() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let office = service.actor(Role::BackOffice).await;
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let item = json!({ "external_id": "C", "name": "Lin", "owner_id": anna.id });
    let told = erp.post("/api/v1/customers/batch", json!({ "items": [item] })).await.expect(200);
    let customer = told["results"][0]["id"].as_str().unwrap().to_owned();
    let url = service.url();
    // The contact waits for this lock when it writes its row.
    let lock = service.sql(
        "begin; lock table contacts in share row exclusive mode; select pg_sleep(1.5); commit",
    );
    let write = async {
        until(&url, "pg_locks where relation = 'contacts'::regclass and granted").await;
        let item = json!({ "external_id": "K", "name": "王芳", "customer_external_id": "C" });
        let contacts = "/api/v1/contacts/batch";
        let told = erp.post(contacts, json!({ "items": [item] })).await.expect(200);
        assert_eq!(told["created"], 1, "{told:#}");
    };
    let over = async {
        until(&url, "pg_locks where relation = 'contacts'::regclass and not granted").await;
        assert_eq!(hand_over(&office, &customer, Some(&boris)).await, 200);
        let waits = "pg_locks where relation = 'contacts'::regclass and not granted";
        assert_eq!(count(&url, waits).await, 1, "it still waits");
    };
    tokio::join!(lock, write, over);
    let seen = |rows: &Rows| rows.keys().any(|it| it.0 == "contact");
    assert!(seen(&agree(&boris, "the new owner").await));
    assert!(!seen(&agree(&anna, "the one before").await));
}

/// An order of a user without a team: the leader of a team sees it after a membership for its day
/// has been recorded, even if the membership is over.
#[actix_web::test]
async fn what_a_team_is_told_of_later_enters_its_view() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let admin = service.actor(Role::Admin).await;
    let (leader, seller) =
        (service.actor(Role::SalesManager).await, service.actor(Role::Salesperson).await);
    let team = json!({ "code": "T", "name": "T" });
    let team = admin.post("/api/v1/teams", team).await.expect(201);
    let path = format!("/api/v1/teams/{}/memberships", team["id"].as_str().unwrap());
    let lead = json!({ "user_id": leader.id, "leads": true });
    admin.post(&path, lead).await.expect(201);
    let send = async |kind: &str, item: Value| {
        let url = format!("/api/v1/{kind}/batch");
        let told = erp.post(&url, json!({ "items": [item] })).await.expect(200);
        assert_eq!(told["created"], 1, "{told:#}");
    };
    send("customers", json!({ "external_id": "C", "name": "C", "owner_id": admin.id })).await;
    let lines = json!([{ "quantity": "1", "amount": "10" }]);
    let order = json!({ "external_id": "O", "customer_external_id": "C", "lines": lines,
        "order_date": "2026-03-02", "salesperson_id": seller.id });
    send("orders", order).await;
    let sent = json!({ "external_id": "S", "order_external_id": "O", "shipped_on": "2026-03-05",
        "lines": [{ "line_number": 1, "quantity": "1" }] });
    send("shipments", sent).await;
    assert_eq!(agree(&leader, "the leader").await.keys().filter(|it| under(it)).count(), 0);
    let past =
        json!({ "user_id": seller.id, "valid_from": "2026-01-01", "valid_to": "2026-06-01" });
    admin.post(&path, past).await.expect(201);
    let seen = agree(&leader, "the leader").await;
    let seen: Vec<_> = seen.keys().filter(|it| under(it)).map(|it| it.0.as_str()).collect();
    assert_eq!(seen, ["order", "shipment"]);
}

/// The target of a customer follows the customer; finance sees those of all customers.
#[actix_web::test]
async fn targets_of_customers_are_told_as_they_are_seen() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let (office, finance) =
        (service.actor(Role::BackOffice).await, service.actor(Role::Finance).await);
    let (anna, boris) =
        (service.actor(Role::Salesperson).await, service.actor(Role::Salesperson).await);
    let manager = service.actor(Role::SalesManager).await;
    let customers = json!([{ "external_id": "C", "name": "Lin", "owner_id": anna.id },
        { "external_id": "D", "name": "Wang" }]);
    let told = erp.post("/api/v1/customers/batch", json!({ "items": customers })).await.expect(200);
    let ids: Vec<&str> =
        [0, 1].iter().map(|n| told["results"][*n]["id"].as_str().unwrap()).collect();
    let month = |id: &str, month: u8| {
        json!({ "owner_type": "customer", "owner_id": id, "value": "100", "period_type": "month",
            "period_start": format!("2026-0{month}-01") })
    };
    let mut targets = vec![];
    for new in [month(ids[0], 1), month(ids[1], 1), month(ids[0], 2)] {
        targets.push(office.post("/api/v1/targets", new).await.expect(201)["id"].clone());
    }
    let path = |n: usize| format!("/api/v1/targets/{}", targets[n].as_str().unwrap());
    let seen = async |who: &Actor<'_>, name: &str| {
        let rows = agree(who, name).await;
        let of = |it: &usize| {
            rows.contains_key(&("target".to_owned(), targets[*it].as_str().unwrap().to_owned()))
        };
        (0..targets.len()).filter(of).collect::<Vec<_>>()
    };
    assert_eq!(seen(&anna, "the owner").await, [0, 2]);
    assert_eq!(seen(&boris, "another").await, [0; 0]);
    assert_eq!(seen(&manager, "who sees the pool").await, [1]);
    assert_eq!(seen(&finance, "finance").await, [0, 1, 2]);
    // The target changes, its customer gets another owner, and the target moves to another
    // customer.
    office.patch(&path(0), 1, json!({ "value": "120" })).await.expect(200);
    assert_eq!(hand_over(&office, ids[0], Some(&boris)).await, 200);
    office
        .patch(&path(2), 1, json!({ "owner_type": "customer", "owner_id": ids[1] }))
        .await
        .expect(200);
    assert_eq!(seen(&anna, "the owner before").await, [0; 0]);
    assert_eq!(seen(&boris, "the owner now").await, [0]);
    assert_eq!(seen(&manager, "who sees the pool").await, [1, 2]);
    assert_eq!(seen(&finance, "finance").await, [0, 1, 2]);
}
