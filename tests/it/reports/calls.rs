//! Every report with every listed value of each parameter, and with every pair of grouping keys, in
//! every format and for several roles: each request is answered or refused with a reason. A normal
//! run spreads the formats and roles over the queries.

use salesbook::access::Role;
use serde_json::Value;
use uuid::Uuid;

use crate::api::openapi::operations;
use crate::reports::{service, shop};
use crate::support::harness::Actor;
use crate::support::sampling::{is_sampled, or_in_torture};
use crate::targets::attainment::target;

/// The listed values of a parameter, and each pair of them if it takes several.
fn values(schema: &Value) -> Vec<String> {
    let listed = |schema: &Value| -> Vec<String> {
        let values = schema["enum"].as_array().into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let several = listed(&schema["items"]);
    let pairs = several
        .iter()
        .enumerate()
        .flat_map(|(at, one)| several[at + 1..].iter().map(move |other| format!("{one},{other}")));
    let mut values: Vec<String> = pairs.collect();
    values.extend(several.clone());
    values.extend(listed(schema));
    if schema["type"] == "boolean" {
        values.extend(["true".to_owned(), "false".to_owned()]);
    }
    values
}

/// The queries to send to a report, without the format.
fn questions(path: &str, operation: &Value, target: Uuid) -> Vec<String> {
    let parameters = operation["parameters"].as_array().unwrap();
    let mut needed: Vec<String> = vec![];
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        if name == "period" {
            needed.push("period=2026".to_owned());
        } else if name == "target_id" {
            needed.push(format!("target_id={target}"));
        } else if parameter["required"] == true {
            needed.push(format!("{name}={}", values(&parameter["schema"])[0]));
        }
    }

    let mut questions = vec![needed.join("&")];
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        if name == "format" {
            continue;
        }
        let others = needed.iter().filter(|other| !other.starts_with(&format!("{name}=")));
        let others: Vec<&str> = others.map(String::as_str).collect();
        for value in values(&parameter["schema"]) {
            let asked = format!("{name}={value}");
            let all = others.iter().copied().chain([asked.as_str()]).collect::<Vec<_>>();
            questions.push(all.join("&"));
            if path.ends_with("/sales") && name == "group_by" {
                let before = "compare=previous_period,previous_year";
                questions.push(format!("{}&{before}", all.join("&")));
                questions.push(format!("{}&{before}&empty=include", all.join("&")));
            }
        }
    }
    questions
}

/// Returns status and path if the response is neither a success nor a client error.
async fn refused_badly(
    actor: &Actor<'_>,
    path: &str,
    question: &str,
    form: &str,
) -> Option<String> {
    let path = format!("{path}?{question}&format={form}");
    let status = actor.get(&path).await.status.as_u16();
    let good = status == 200 || (400..500).contains(&status);
    (!good).then(|| format!("{status} {path}"))
}

#[actix_web::test]
async fn every_report_is_answered_or_refused() {
    let service = service().await;
    let shop = shop(&service).await;
    let reporter = service.actor(Role::Reporter).await;
    let owner = ("user", Some(shop.seller.id));
    let mut targets = vec![];
    for metric in ["quantity", "new_customers", "invoiced_amount", "ordered_amount"] {
        let more = format!("metric = '{metric}'");
        targets.push(target(&service, owner, "2000", &more).await);
    }

    let (mut bad, mut called) = (vec![], 0);
    for (path, method, operation) in operations() {
        if method != "get" || !path.starts_with("/api/v1/reports/") {
            continue;
        }
        let explains = path.ends_with("/explain");
        for target in targets.iter().take(if explains { targets.len() } else { 1 }) {
            let questions = questions(path, operation, *target);
            for (at, question) in questions.iter().enumerate() {
                // Formats other than JSON and CSV are requested only with the first query.
                let forms = ["json", "csv", "xlsx", "svg", "html"];
                let forms = if at == 0 { &forms[..] } else { &forms[..2] };
                let actors = [&shop.director, &shop.seller, &reporter];
                let ways =
                    actors.iter().flat_map(|actor| forms.iter().map(move |form| (actor, form)));
                // A normal run asks each question once, in turn by another user or in another format.
                let ways = ways.enumerate().filter(|(n, _)| at == 0 || is_sampled(at + n, 6));
                for (actor, form) in ways.map(|(_, way)| way) {
                    called += 1;
                    bad.extend(refused_badly(actor, path, question, form).await);
                }
            }
        }
    }

    assert!(called > or_in_torture(700, 2_000), "{called}");
    assert!(bad.is_empty(), "{bad:#?}");
}
