//! Fills a service with the demo company.

use std::sync::Arc;
use std::time::Instant;

use exchange::{Client, Credentials, Error, FileSummary, Status, Summary};
use serde_json::{Value, json};

use crate::people::{People, Travel, good};
use crate::{Company, NAME, SOURCE_SYSTEM, credit, follow_ups, manual, surveys};

/// Items per request.
const BATCH: usize = 1000;

/// The number of refused items that are reported.
const REASONS: usize = 20;

/// The result of filling a service.
#[derive(Debug)]
pub struct Filled {
    /// Row counts, by resource instead of by file
    pub summary: Summary,
    /// Reasons of the first refused items, such as `orders SO20260105-003: …`. Should be empty.
    pub refused: Vec<String>,
}

/// Fills the service at `url` as an administrator. Existing data stays as it is. Passwords are set,
/// and if the data is new, the people of the demo enter theirs.
pub async fn fill(
    url: &str,
    credentials: Credentials,
    company: &Company,
    travel: Travel<'_>,
) -> Result<Filled, Error> {
    let started = Instant::now();
    let client = Client::connect(url, credentials, Arc::new(|line| eprintln!("{line}"))).await?;
    name(&client).await?;
    let (mut summary, mut refused) = (Summary::default(), vec![]);
    let (mut users, mut new) = (vec![], false);

    for (resource, items) in &company.batches {
        let began = Instant::now();
        let mut counts = FileSummary { file: (*resource).into(), ..FileSummary::default() };
        for items in items.chunks(BATCH) {
            let texts: Vec<String> = items.iter().map(|item| sendable(item, &users)).collect();
            let outcomes = client.batch(resource, Some(SOURCE_SYSTEM), &texts).await?;
            for (item, outcome) in items.iter().zip(&outcomes) {
                counts.count(outcome);
                let name = item["external_id"].as_str().unwrap_or_default();
                if outcome.status == Status::Failed && refused.len() < REASONS {
                    let reason =
                        outcome.problem.as_ref().map(|problem| problem.reason(|_, _| None));
                    refused.push(format!("{resource} {name}: {}", reason.unwrap_or_default()));
                }
                if *resource == "users" {
                    users.push((name.to_owned(), outcome.id.clone()));
                }
            }
        }
        counts.seconds = began.elapsed().as_secs_f64();
        new = counts.created == items.len();
        summary.files.push(counts);
    }

    for login in &company.logins {
        let user = users.iter().find(|(username, _)| username == login.username);
        if let Some(id) = user.and_then(|(_, id)| id.as_deref()) {
            set_password(&client, url, id, login).await?;
        }
    }

    // Done once: repeating these steps would enter the same data again.
    if new {
        let people = People::gather(url, &company.logins).await?;
        credit::run(&client, &people).await?;
        let lived = async {
            surveys::run(&people, &company.surveys, travel).await?;
            follow_ups::run(&people, &company.errands, travel).await
        };
        let lived = lived.await;
        // The service must return to the present even after an error.
        travel(None);
        lived?;
        manual::run(&people, company.today, travel).await?;
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(Filled { summary, refused })
}

/// Sets the name of the company.
async fn name(client: &Client) -> Result<(), Error> {
    let path = "/api/v1/company";
    let company = good(path.into(), client.get(path).await?)?;
    if company["name"] != NAME {
        let version = company["version"].as_i64().unwrap_or_default();
        let change = json!({ "name": NAME });
        good(path.into(), client.patch(path, version, &change).await?)?;
    }
    Ok(())
}

/// Replaces the external ids of participants by ids, because the batch of visits accepts only
/// those.
fn sendable(item: &Value, users: &[(String, Option<String>)]) -> String {
    let Some(people) = item["participant_external_ids"].as_array() else { return item.to_string() };
    let id = |name: &Value| users.iter().find(|user| *name == user.0)?.1.clone();
    let ids: Vec<String> = people.iter().filter_map(id).collect();
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.remove("participant_external_ids");
        fields.insert("participant_ids".into(), ids.into());
    }
    item.to_string()
}

/// Sets the password of a user unless it already works: setting it would end the sessions of people
/// who are trying the demo.
async fn set_password(
    client: &Client,
    url: &str,
    id: &str,
    login: &crate::Login,
) -> Result<(), Error> {
    let (username, password) = (login.username.to_owned(), login.password.to_owned());
    let own = Credentials::Password { username, password };
    match Client::connect(url, own, Arc::new(|_| {})).await {
        Err(Error::Login(_)) => {}
        other => return other.map(drop),
    }

    let path = format!("/api/v1/users/{id}/password");
    let (status, _) = client.send(&path, &json!({ "password": login.password })).await?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let reason = format!("the password of {} was not set", login.username);
    Err(Error::Refused { path, status, reason })
}
