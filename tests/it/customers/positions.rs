//! Positions in the coordinate systems of maps in China are converted, and also kept as sent.

use salesbook::access::Role;
use serde_json::{Value, json};

use crate::support::harness::{Actor, Service};
use crate::targets::codes;

const CUSTOMERS: &str = "/api/v1/customers";

/// One place in Shanghai, in WGS 84 and in GCJ-02
const WGS84: (f64, f64) = (31.177_427_6, 121.527_210_6);
const GCJ02: (f64, f64) = (31.175_303_983_645_97, 121.531_541_859_215);

/// One place in Beijing, in WGS 84 and in BD-09
const PLAIN: (f64, f64) = (39.911_954, 116.377_817);
const BD09: (f64, f64) = (39.919_575_550_965_8, 116.390_454_713_108_2);

fn at((latitude, longitude): (f64, f64), system: Option<&str>) -> Value {
    let mut body = json!({ "latitude": latitude, "longitude": longitude });
    if let Some(system) = system {
        body["coordinate_system"] = json!(system);
    }
    body
}

fn new(place: (f64, f64), system: Option<&str>) -> Value {
    let mut body = at(place, system);
    body["name"] = json!("Lin & Sons");
    body["allow_duplicate"] = json!(true);
    body
}

/// The distance in metres between the position of a row and another one.
fn metres(row: &Value, place: (f64, f64)) -> f64 {
    let north = (row["latitude"].as_f64().unwrap() - place.0) * 111_320.0;
    let east = (row["longitude"].as_f64().unwrap() - place.1) * 95_000.0;
    north.hypot(east)
}

fn sent(row: &Value) -> (f64, f64, &str) {
    let number = |name: &str| row[name].as_f64().unwrap();
    let system = row["sent_coordinate_system"].as_str().unwrap();
    (number("sent_latitude"), number("sent_longitude"), system)
}

async fn set_default(service: &Service, system: &str) {
    let admin = service.actor(Role::Admin).await;
    let version = admin.get("/api/v1/company").await.expect(200)["version"].as_i64().unwrap();
    let changes = json!({ "coordinate_system": system });
    let company = admin.patch("/api/v1/company", version, changes).await.expect(200);
    assert_eq!(company["coordinate_system"], system);
}

#[actix_web::test]
async fn a_customer_is_where_its_position_says() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;

    for (place, system, expected) in [
        (GCJ02, Some("gcj02"), WGS84),
        (BD09, Some("bd09"), PLAIN),
        (WGS84, Some("wgs84"), WGS84),
        (WGS84, None, WGS84),
        ((51.5, -0.1), Some("gcj02"), (51.5, -0.1)),
    ] {
        let made = seller.post(CUSTOMERS, new(place, system)).await.expect(201);
        let path = format!("{CUSTOMERS}/{}", made["id"].as_str().unwrap());
        let read = seller.get(&path).await.expect(200);
        assert!(metres(&read, expected) < 1.0, "{place:?} {system:?}: {read:#}");
        assert_eq!(sent(&read), (place.0, place.1, system.unwrap_or("wgs84")));
    }
}

#[actix_web::test]
async fn a_position_without_a_system_has_the_companys() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    set_default(&service, "gcj02").await;

    let made = seller.post(CUSTOMERS, new(GCJ02, None)).await.expect(201);
    let path = format!("{CUSTOMERS}/{}", made["id"].as_str().unwrap());
    assert!(metres(&made, WGS84) < 1.0);
    assert_eq!(sent(&made), (GCJ02.0, GCJ02.1, "gcj02"));

    // Sending back a position as it was read does not move it.
    let echo =
        json!({ "latitude": made["latitude"], "longitude": made["longitude"], "city": "上海" });
    let same = seller.patch(&path, 1, echo).await.expect(200);
    assert_eq!(sent(&same), sent(&made));
    assert!(metres(&same, WGS84) < 1.0);

    let moved = seller.patch(&path, 2, at(BD09, Some("bd09"))).await.expect(200);
    assert!(metres(&moved, PLAIN) < 1.0);
    let nowhere = json!({ "latitude": null, "longitude": null });
    let nowhere = seller.patch(&path, 3, nowhere).await.expect(200);
    for field in ["latitude", "longitude", "sent_latitude", "sent_coordinate_system"] {
        assert_eq!(nowhere[field], Value::Null, "{field}");
    }
}

#[actix_web::test]
async fn what_is_no_position_is_refused() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let mut half = new(GCJ02, Some("gcj02"));
    half.as_object_mut().unwrap().remove("longitude");

    for (body, expected) in [
        (new((91.0, 121.0), Some("gcj02")), "/latitude range"),
        (new((31.0, 181.0), Some("bd09")), "/longitude range"),
        (new(GCJ02, Some("GCJ-02")), "/coordinate_system unknown_value"),
        (half, "/longitude required"),
    ] {
        let problem = seller.post(CUSTOMERS, body).await.expect(422);
        assert_eq!(codes(&problem), [expected]);
    }
}

#[actix_web::test]
async fn items_of_a_batch_are_converted_as_well() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "sap").await;
    let item = |id: &str, place, system| {
        let mut item = at(place, system);
        item["external_id"] = json!(id);
        item["name"] = json!(id);
        item
    };
    let send = async |items: Value| {
        erp.post(&format!("{CUSTOMERS}/batch"), json!({ "items": items })).await.expect(200)
    };
    let items = json!([
        item("1", GCJ02, Some("gcj02")),
        item("2", BD09, Some("bd09")),
        item("3", WGS84, None)
    ]);

    assert_eq!(send(items.clone()).await["created"], 3);
    assert_eq!(send(items).await["unchanged"], 3);
    set_default(&service, "gcj02").await;
    assert_eq!(send(json!([item("4", GCJ02, None)])).await["created"], 1);

    let page = erp.get(CUSTOMERS).await.expect(200);
    for (row, expected) in
        page["items"].as_array().unwrap().iter().zip([WGS84, PLAIN, WGS84, WGS84])
    {
        assert!(metres(row, expected) < 1.0, "{row:#}");
    }
}

/// A visit of today to a customer in Shanghai.
async fn visit(service: &Service, actor: &Actor<'_>) -> String {
    let mut customer = new(WGS84, Some("wgs84"));
    customer["name"] = json!("visited");
    let customer = actor.post(CUSTOMERS, customer).await.expect(201);
    let today = service.inner.clock.today().to_string();
    let plan = json!({ "customer_id": customer["id"], "planned_date": today });
    let visit = actor.post("/api/v1/visits", plan).await.expect(201);
    format!("/api/v1/visits/{}", visit["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_check_in_is_judged_where_the_phone_is() {
    let service = Service::start().await;
    let seller = service.actor(Role::Salesperson).await;
    let path = visit(&service, &seller).await;
    let mut check = at(GCJ02, Some("gcj02"));
    check["occurred_at"] = json!(service.inner.clock.now().to_string());
    check["accuracy_m"] = json!(5);

    let begun = seller.post(&format!("{path}/check-in"), check.clone()).await.expect(200);

    let told = &begun["checks"][0];
    assert_eq!((&told["geo_status"], &told["distance_m"]), (&json!("in_fence"), &json!(0)));
    assert!(metres(told, WGS84) < 1.0);
    assert_eq!(sent(told), (GCJ02.0, GCJ02.1, "gcj02"));

    set_default(&service, "gcj02").await;
    check.as_object_mut().unwrap().remove("coordinate_system");
    check["outcome"] = json!("informed");
    check["summary"] = json!("done");
    check["complaint_answer"] = json!(false);
    let ended = seller.post(&format!("{path}/check-out"), check).await.expect(200);
    let told = &ended["checks"][1];
    assert_eq!((&told["geo_status"], &told["distance_m"]), (&json!("in_fence"), &json!(0)));
    assert_eq!(sent(told), (GCJ02.0, GCJ02.1, "gcj02"));
}

#[actix_web::test]
async fn imported_visits_are_converted_as_well() {
    let service = Service::start().await;
    let erp = service.client(Role::Erp, "crm").await;
    let seller = service.actor(Role::Salesperson).await;
    let mut customer = new(WGS84, Some("wgs84"));
    customer["owner_id"] = json!(seller.id);
    let customer = seller.post(CUSTOMERS, customer).await.expect(201);
    let check = |hour: u8| {
        let mut check = at(BD09, Some("bd09"));
        check["occurred_at"] = json!(format!("2026-03-02T0{hour}:00:00Z"));
        check
    };
    let item = json!({ "external_id": "1", "customer_id": customer["id"], "owner_id": seller.id,
        "planned_date": "2026-03-02", "check_in": check(1), "check_out": check(2) });

    let told = erp.post("/api/v1/visits/batch", json!({ "items": [item] })).await.expect(200);

    assert_eq!(told["created"], 1, "{told:#}");
    let page = seller.get("/api/v1/visits").await.expect(200);
    for check in page["items"][0]["checks"].as_array().unwrap() {
        assert!(metres(check, PLAIN) < 1.0, "{check:#}");
        assert_eq!(sent(check), (BD09.0, BD09.1, "bd09"));
    }
}
