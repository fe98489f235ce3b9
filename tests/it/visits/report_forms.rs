//! Filters, formats and refusals of the visit reports.

use std::collections::BTreeSet;

use actix_web::test::{self, TestRequest};
use salesbook::access::Role;
use uuid::Uuid;

use crate::complaints::reports::complaints;
use crate::reports::totals::list;
use crate::reports::{REPORTS, report, table};
use crate::support::harness::Actor;
use crate::visits::reports::{Field, PERIOD, field, service, text};

#[actix_web::test]
async fn narrowed_to_a_person_a_team_a_customer() {
    let service = service().await;
    let Field { sellers, team, .. } = field(&service).await;
    let office = service.actor(Role::BackOffice).await;
    let people = async |question: &str| {
        let told = report(&office, &format!("visits?{PERIOD}&{question}")).await;
        let people = table(&told, &["user_id"]).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(told["totals"]["people"], people.len());
        people
    };
    let ids = |of: &[&Actor<'_>]| of.iter().map(|it| it.id.to_string()).collect::<BTreeSet<_>>();
    let [a, b, c] = &sellers;
    assert_eq!(people("").await, ids(&[a, b, c]));
    assert_eq!(people(&format!("owner_id={}", a.id)).await, ids(&[a]));
    let outside = format!("owner_external_id=e-{}&owner_source_system=test", c.id);
    assert_eq!(people(&outside).await, ids(&[c]));
    assert_eq!(people(&format!("team_id={team}")).await, ids(&[a, b]));
    assert_eq!(people(&format!("team_id={}", Uuid::nil())).await, ids(&[]));
    let one = "customer_external_id=C5&customer_source_system=crm";
    let told = report(&office, &format!("visit-intervals?{one}")).await;
    assert_eq!(table(&told, &["customer_external_id"]), ["C5"]);
    let told = report(&office, &format!("activity-funnel?{PERIOD}&team_id={team}")).await;
    let told: BTreeSet<String> = table(&told, &["user_id"]).into_iter().collect();
    assert_eq!(told, ids(&[a, b]));
    let told = report(&office, &format!("coverage?{PERIOD}&group_by=tier&tier=A,B")).await;
    assert_eq!(table(&told, &["tier", "customers"]), ["A 3", "B 2"]);
    let told = report(&office, "not-visited?region=%E6%B1%9F%E8%8B%8F&days=1").await;
    assert_eq!(table(&told, &["customer_name"]).len(), 2);
}

#[actix_web::test]
async fn as_tables_and_what_they_refuse() {
    let service = service().await;
    field(&service).await;
    let office = service.actor(Role::BackOffice).await;
    let app = test::init_service(service.inner.app()).await;
    for (question, header) in [
        (
            "visits?period=2026&",
            "user_id,user_external_id,user_name,month,planned,completed,valid,in_fence,customers,active_days,average_duration_min",
        ),
        ("coverage?period=2026&group_by=tier&", "tier,customers,visited,coverage_percent"),
        (
            "coverage?period=2020&",
            "owner_id,owner_external_id,owner_name,customers,visited,coverage_percent",
        ),
        (
            "not-visited?",
            "customer_id,customer_external_id,customer_name,owner_id,owner_external_id,owner_name,last_visit_on,days_since",
        ),
        (
            "visit-intervals?",
            "customer_id,customer_external_id,customer_name,visits,first_visit,last_visit,average_days_between_visits,days_since_last_visit",
        ),
        ("refusals?period=2020&", "refuse_reason,visits,customers,share_percent"),
        (
            "activity-funnel?period=2026&",
            "user_id,user_external_id,user_name,visits,valid_visits,customers_visited,active_days,customers_ordered,customers_converted,orders,amount,valid_percent,conversion_percent,visits_per_order",
        ),
    ] {
        let rows = report(&office, question.trim_end_matches(['&', '?'])).await["rows"].clone();
        let request = TestRequest::get().uri(&format!("{REPORTS}/{question}format=csv"));
        let token = format!("Bearer {}", office.token.as_ref().unwrap());
        let request = request.insert_header(("authorization", token));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 200, "{question}");
        let csv = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], header);
        assert_eq!(lines.len(), rows.as_array().unwrap().len() + 2, "{question}");
    }
    for (question, fault) in [
        ("visits", "/period required"),
        ("coverage?period=2026&group_by=city", "/group_by unknown_value"),
        ("coverage?period=2026&tier=A,D", "/tier/1 unknown_value"),
        ("coverage?period=2026&customer_id=x", "/customer_id unknown_field"),
        ("not-visited?days=0", "/days range"),
        ("not-visited?period=2026", "/period unknown_field"),
        ("refusals?period=2026&owner_id=7", "/owner_id format"),
    ] {
        let problem = office.get(&format!("{REPORTS}/{question}")).await.expect(400);
        let first = &problem["errors"][0];
        assert_eq!(format!("{} {}", text(first, "pointer"), text(first, "code")), fault);
    }
}

#[actix_web::test]
async fn of_complaints() {
    let service = service().await;
    let field = field(&service).await;
    complaints(&service, &field).await;
    let office = service.actor(Role::BackOffice).await;
    let app = test::init_service(service.inner.app()).await;
    for query in [
        "severity=urgent",
        "category=price,quality",
        "channel=phone",
        "status=closed",
        "product_external_id=P1&product_source_system=crm2",
        "customer_external_id=C5&customer_source_system=crm",
        &format!("owner_id={}", field.sellers[2].id),
    ] {
        let told = report(&office, &format!("complaints?period=2026&{query}")).await;
        let listed = list(&office, &format!("complaints?{query}")).await.len();
        assert_eq!(told["totals"]["complaints"], listed, "{query}");
        assert!(listed > 0 && listed < 60, "{query}");
    }
    let told = report(&office, &format!("sla?period=2026&team_id={}", field.team)).await;
    let owners: BTreeSet<String> = table(&told, &["owner_id"]).into_iter().collect();
    assert_eq!(owners, field.sellers[..2].iter().map(|it| it.id.to_string()).collect());
    for (question, header) in [
        (
            "complaints?period=2026&group_by=product,status&",
            "product_id,product_external_id,product_name,status,complaints,open,resolved,closed,on_the_spot,average_response_hours,average_resolution_hours,compensation,compensation_without_rate",
        ),
        (
            "complaints?period=2020&",
            "complaints,open,resolved,closed,on_the_spot,average_response_hours,average_resolution_hours,compensation,compensation_without_rate,customers",
        ),
        (
            "sla?period=2026&",
            "owner_id,owner_external_id,owner_name,severity,complaints,first_response_kept,first_response_late,first_response_percent,interim_kept,interim_late,interim_percent,resolution_kept,resolution_late,resolution_percent",
        ),
        (
            "unfiled?",
            "complaint_id,number,customer_id,customer_external_id,customer_name,owner_id,owner_external_id,owner_name,category,severity,status,resolution_mode,resolved_on,days_waiting,filing_due,overdue",
        ),
        (
            "repeat-complaints?",
            "customer_id,customer_external_id,customer_name,product_id,product_external_id,product_name,category,complaints,repeats,reopenings,first_received_on,last_received_on,complaint_id,number,repeat_of_id,reopened,link_severity,status,received_on",
        ),
    ] {
        let told = report(&office, question.trim_end_matches(['&', '?'])).await;
        let request = TestRequest::get().uri(&format!("{REPORTS}/{question}format=csv"));
        let token = format!("Bearer {}", office.token.as_ref().unwrap());
        let request = request.insert_header(("authorization", token));
        let response = test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), 200, "{question}");
        let csv = String::from_utf8(test::read_body(response).await.to_vec()).unwrap();
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], header);
        let rows = told["rows"].as_array().unwrap();
        let rows = match question {
            "complaints?period=2020&" => 1,
            "repeat-complaints?" => {
                rows.iter().map(|it| it["links"].as_array().unwrap().len()).sum()
            }
            _ => rows.len(),
        };
        assert_eq!(lines.len(), rows + 2, "{question}");
    }
    for (question, fault) in [
        ("complaints", "/period required"),
        ("complaints?period=2026&group_by=city", "/group_by/0 unknown_value"),
        ("complaints?period=2026&group_by=month,month", "/group_by/1 duplicate"),
        ("complaints?period=2026&severity=mild", "/severity/0 unknown_value"),
        ("sla?period=2026&territory_id=x", "/territory_id unknown_field"),
        ("sla?period=2026&customer_id=7", "/customer_id format"),
        ("unfiled?period=2026", "/period unknown_field"),
        ("repeat-complaints?from=2026-01-01", "/to required"),
        ("repeat-complaints?format=xlsx", "/format not_available"),
    ] {
        let problem = office.get(&format!("{REPORTS}/{question}")).await.expect(400);
        let first = &problem["errors"][0];
        assert_eq!(format!("{} {}", text(first, "pointer"), text(first, "code")), fault);
    }
}
