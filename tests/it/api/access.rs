//! The access of each role to every operation in the document.

use std::fmt::Write;

use actix_web::http::{Method, StatusCode};
use salesbook::access::Role;

use crate::api::openapi;
use crate::support::harness::Service;

#[actix_web::test]
async fn access_table() {
    let service = Service::start().await;
    let mut table = format!("{:28}{:10}", "operation", "anonymous");
    let mut actors = vec![service.anonymous()];
    for role in Role::ALL {
        let _ = write!(table, "{:18}", role.as_str());
        actors.push(service.actor(*role).await);
    }
    for (path, method, operation) in openapi::operations() {
        let method: Method = method.to_uppercase().parse().unwrap();
        // The parameters of a path are ids or a code.
        let url = path.split('/').map(|step| match step {
            "{code}" => "not_found",
            step if step.starts_with('{') => "00000000-0000-0000-0000-000000000000",
            step => step,
        });
        let url = url.collect::<Vec<_>>().join("/");
        let _ = write!(table, "\n{:28}", operation["operationId"].as_str().unwrap());
        for actor in &actors {
            let answer = actor.send(method.clone(), &url, None, &[]).await;
            let _ = write!(table, "{:18}", verdict(answer.status));
        }
    }
    let table: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(table.join("\n"));
}

fn verdict(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "401",
        StatusCode::FORBIDDEN => "-",
        _ => "yes",
    }
}
