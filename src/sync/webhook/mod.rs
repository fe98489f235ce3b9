//! Webhooks, 推送订阅. They send the events of the feed to an address as they happen, signed as in
//! Standard Webhooks and in order for each resource, and repeat them until they are accepted.

pub mod address;
pub mod courier;
mod db;
pub mod delivery;
pub mod http;
mod queue;
mod secret;
mod send;
mod test_event;

use std::ops::{Deref, DerefMut};

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use platform::{Error, Fault, FixedSql, Result, Timestamp, fixed_sql, page, resource, sent};
use schema::webhooks;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use courier::Courier;
pub use delivery::forget_old;
pub use secret::Outbound;

/// Maximum number of webhooks.
const MOST: i64 = 100;

/// A webhook, 推送订阅
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Webhook {
    pub id: Uuid,
    pub version: i64,
    /// Address to which events are sent by POST
    #[schema(example = "https://erp.example.com/salesbook")]
    pub url: String,
    pub description: Option<String>,
    /// Types of the feed to send. Empty means all
    pub types: Vec<String>,
    /// Events are only sent while this is true. After a break it resumes where it stopped
    pub active: bool,
    /// The person or program that created the webhook. Only events visible to this owner are sent
    pub owner_id: Uuid,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Some events before this instant were not sent, because the webhook was inactive for longer
    /// than changes are kept, or because the database was restored. Take a later snapshot
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = missed_until())]
    #[diesel(select_expression_type = FixedSql<Nullable<Timestamptz>>)]
    pub missed_until: Option<Timestamp>,
}

fn missed_until() -> FixedSql<Nullable<Timestamptz>> {
    fixed_sql("(select missed_until from webhook_positions where webhook_id = webhooks.id)")
}

resource! { Webhook: "webhook" at "/api/v1/webhooks", seen by nobody }

/// A webhook with its secret, which is shown only once
#[derive(Serialize, ToSchema)]
pub struct WebhookSecret {
    #[serde(flatten)]
    webhook: Webhook,
    /// Secret that signs each event
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDH7JQwAABbx8=")]
    secret: String,
}

resource! { WebhookSecret: "webhook" at "/api/v1/webhooks", seen by nobody }

impl Deref for WebhookSecret {
    type Target = Webhook;

    fn deref(&self) -> &Webhook {
        &self.webhook
    }
}

impl DerefMut for WebhookSecret {
    fn deref_mut(&mut self) -> &mut Webhook {
        &mut self.webhook
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "url": "https://erp.example.com/salesbook", "types": ["customer"] }))]
pub struct NewWebhook {
    /// Address to which events are sent by POST. It must use https and be on the internet
    #[schema(min_length = 1, max_length = 2000, example = "https://erp.example.com/salesbook")]
    url: String,
    #[schema(min_length = 1, max_length = 500)]
    description: Option<String>,
    /// Types of the feed to send. Default: all
    #[serde(default)]
    #[schema(max_items = 50, nullable = false)]
    types: Vec<String>,
}

/// A merge patch: absent fields keep their values, null clears them
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({ "active": false }))]
pub struct WebhookChanges {
    #[schema(min_length = 1, max_length = 2000, nullable = false)]
    url: Option<String>,
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 500)]
    description: Option<Option<String>>,
    #[schema(max_items = 50, nullable = false)]
    types: Option<Vec<String>>,
    #[schema(nullable = false)]
    active: Option<bool>,
}

page! {
    /// A page of webhooks
    WebhookPage of Webhook
}

impl Webhook {
    fn with(&self, changes: &WebhookChanges) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => WebhookChanges { url, description, types, active });
        after
    }

    fn check(&self, out: &Outbound) -> Result<()> {
        let mut faults = vec![];
        if let Err(why) = address::check(&self.url, out.loopback) {
            faults.push(Fault::new("/url", "address_refused", why));
        }
        faults.extend(crate::scope::unknown_type(&self.types));
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}
