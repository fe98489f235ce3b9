use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wiremock::{MockServer, Request, ResponseTemplate};

use super::folder::folder;
use super::{PATIENCE, arrived, batches, person, service, taken};
use crate::{Options, Summary, import};

fn options(dir: &Path, server: &MockServer) -> Options {
    let quiet = Options::new(dir, server.uri(), person());
    Options { quiet: true, patience: PATIENCE, ..quiet }
}

/// The created, updated, unchanged, superseded and failed rows of each file.
fn counts(summary: &Summary) -> Vec<(&str, [usize; 5])> {
    let files = summary.files.iter();
    let counts = files.map(|file| {
        (&*file.file, [file.created, file.updated, file.unchanged, file.superseded, file.failed])
    });
    counts.collect()
}

#[tokio::test]
async fn files_go_in_order_of_dependency() {
    let server = service().await;
    batches(&server, taken).await;
    let dir = folder(&[
        ("users.csv", "external_id,name,team_external_id\nu,Li,t\n"),
        ("teams.csv", "external_id,name\nt,East\n"),
        ("exchange_rates.csv", "external_id,from,to,valid_on,rate\nr,USD,CNY,2026-01-01,7.1\n"),
    ]);
    let options = Options { source_system: Some("sap".into()), ..options(dir.path(), &server) };
    let summary = import(&options).await.unwrap();
    let rate = json!({ "external_id": "r", "from": "USD", "to": "CNY", "valid_on": "2026-01-01", "rate": "7.1" });
    let body = |item: Value| json!({ "source_system": "sap", "items": [item] });
    assert_eq!(
        arrived(&server).await,
        [
            ("exchange-rates".to_owned(), body(rate)),
            ("teams".to_owned(), body(json!({ "external_id": "t", "name": "East" }))),
            (
                "users".to_owned(),
                body(json!({ "external_id": "u", "name": "Li", "team_external_id": "t" }))
            ),
        ]
    );
    assert_eq!(summary.failed(), 0);
    let table = summary.to_string();
    assert!(table.lines().last().unwrap().starts_with("total"), "{table}");
}

#[tokio::test]
async fn nothing_is_sent_when_one_header_is_wrong() {
    let server = service().await;
    batches(&server, taken).await;
    let dir = folder(&[
        ("teams.csv", "external_id,name\nt,East\n"),
        ("orders.csv", "external_id,customer,order_date\n"),
    ]);
    let error = import(&options(dir.path(), &server)).await.unwrap_err().to_string();
    assert!(error.contains("orders.csv: unknown column `customer`"), "{error}");
    assert!(error.contains("orders.csv: missing column `customer_external_id`"), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn refused_rows_stand_beside_the_input_until_they_are_good() {
    let server = service().await;
    batches(&server, taken).await;
    let header = "name,external_id,is_primary,customer_external_id\n";
    let text = format!("{header}\"a, b\",1,true,c\nbad,2,false,c\nx,3,maybe,c\nbad,4,,\n");
    let dir = folder(&[("contacts.csv", &text)]);
    let summary = import(&options(dir.path(), &server)).await.unwrap();
    assert_eq!(counts(&summary), [("contacts.csv", [1, 0, 0, 0, 3])]);
    let rejected = dir.path().join("contacts.rejected.csv");
    let mut lines: Vec<String> = vec![];
    for line in std::fs::read_to_string(&rejected).unwrap().lines() {
        lines.push(line.to_owned());
    }
    assert_eq!(lines.remove(0), "\u{feff}name,external_id,is_primary,customer_external_id,reason");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "bad,2,false,c,line 3: name: not good",
            "bad,4,,,line 5: name: not good",
            "x,3,maybe,c,\"line 4: is_primary: is neither true nor false, 是 nor 否\"",
        ]
    );
    std::fs::write(dir.path().join("contacts.csv"), format!("{header}good,2,false,c\n")).unwrap();
    assert_eq!(import(&options(dir.path(), &server)).await.unwrap().failed(), 0);
    assert!(!rejected.exists());
}

#[tokio::test]
async fn a_refused_order_names_its_line_and_lines_need_an_order() {
    let server = service().await;
    batches(&server, |_: &Request| {
        let errors = json!([{ "pointer": "/lines/1/product_external_id", "message": "unknown" }]);
        let problem = json!({ "title": "no", "errors": errors });
        let result = json!({ "index": 0, "status": "failed", "problem": problem });
        ResponseTemplate::new(200).set_body_json(json!({ "results": [result] }))
    })
    .await;
    let dir = folder(&[
        ("orders.csv", "external_id,customer_external_id,order_date\nA,1,2026-01-01\n"),
        (
            "order_lines.csv",
            "order_external_id,line_number,quantity,unit_price,amount\nA,10,1,1,1\nZ,1,1,1,1\nA,20,1,1,1\n",
        ),
    ]);
    let summary = import(&options(dir.path(), &server)).await.unwrap();
    let failed = [0, 0, 0, 0, 1];
    assert_eq!(counts(&summary), [("orders.csv", failed), ("order_lines.csv", failed)]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let orders = read("orders.rejected.csv");
    let last = orders.lines().last().unwrap();
    assert_eq!(last, "A,1,2026-01-01,line 2: line 20: product_external_id: unknown");
    let lines = read("order_lines.rejected.csv");
    assert_eq!(
        lines.lines().skip(1).collect::<Vec<_>>(),
        [
            "A,10,1,1,1,line 2: the row that it belongs to was refused",
            "A,20,1,1,1,line 4: product_external_id: unknown",
            "Z,1,1,1,1,line 3: order_external_id: not in orders.csv",
        ]
    );
}

#[tokio::test]
async fn equal_rows_are_sent_once_and_those_that_contradict_each_other_never() {
    let server = service().await;
    batches(&server, taken).await;
    let name = |it: usize| if it == 42 { "other".to_owned() } else { format!("name {}", it % 10) };
    let rows =
        (0..50).map(|row| format!("{},{}\n", row % 10, name(row))).collect::<Vec<_>>().concat();
    let dir = folder(&[("teams.csv", &format!("external_id,name\n{rows}"))]);
    let options = Options { batch_size: 3, parallel: 4, ..options(dir.path(), &server) };
    let summary = import(&options).await.unwrap();
    assert_eq!(counts(&summary), [("teams.csv", [9, 0, 0, 39, 2])]);
    let batches = arrived(&server).await;
    assert!(batches.iter().all(|(_, body)| body["items"].as_array().unwrap().len() <= 3));
    let items = batches.iter().flat_map(|(_, body)| body["items"].as_array().unwrap());
    let names: HashSet<String> =
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..10).filter(|id| *id != 2).map(|id| format!("name {id}")).collect());
    let rejected = std::fs::read_to_string(dir.path().join("teams.rejected.csv")).unwrap();
    assert!(rejected.contains("2,name 2,\"line 4: 2 is also in line 44, with"), "{rejected}");
    assert!(rejected.contains("2,other,\"line 44: 2 is also in line 4, with"), "{rejected}");
}

#[tokio::test]
async fn parents_are_in_before_their_children_are_sent() {
    let server = service().await;
    let known = Mutex::new(HashMap::from([(String::new(), Instant::now())]));
    batches(&server, move |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let mut results = vec![];
        // The rows of a batch are stored by the time it is answered.
        let answered = Duration::from_millis(5);
        for (index, item) in body["items"].as_array().unwrap().iter().enumerate() {
            let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let mut known = known.lock().unwrap();
            let parent = known.get(&text("parent_external_id"));
            let there = parent.is_some_and(|since| *since <= Instant::now());
            let status = if there { "created" } else { "failed" };
            known.insert(text("external_id"), Instant::now() + answered);
            results.push(json!({ "index": index, "status": status }));
        }
        let answer = ResponseTemplate::new(200).set_body_json(json!({ "results": results }));
        answer.set_delay(answered * 2)
    })
    .await;
    let rows = (1..40).rev().map(|row| format!("{row},n,{}\n", row / 2));
    let rows = rows.collect::<Vec<_>>().concat();
    let text = format!("external_id,name,parent_external_id\n{rows}0,top,\n");
    let dir = folder(&[("territories.csv", &text)]);
    let options = Options { batch_size: 1, parallel: 4, ..options(dir.path(), &server) };
    let summary = import(&options).await.unwrap();
    assert_eq!(counts(&summary), [("territories.csv", [40, 0, 0, 0, 0])]);
}
