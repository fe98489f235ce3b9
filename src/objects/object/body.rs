//! Requests whose fields the definition of the type names.

use std::collections::HashMap;

use access::Caller;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use complaints::complaint::find_complaints;
use customers::contact::find_contacts;
use customers::customer::find_customers;
use fields::{Finders, Target};
use futures_util::future::{FutureExt, LocalBoxFuture};
use intake::Reference;
use orders::order::find_orders;
use platform::{Argument, Conn, Error, Fault, Refusals, Result, input};
use products::product::find_products;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use visits::visit::find_visits;

use crate::definition::Definition;

/// Fields of the type, by name. `owner_id` sets the owner
#[derive(ToSchema)]
#[schema(example = json!({ "title": "整理样品室", "due_on": "2026-12-05" }))]
pub struct ObjectFields {
    #[serde(flatten)]
    #[expect(dead_code, reason = "describes the fields, which only the definition knows")]
    fields: HashMap<String, Value>,
}

/// A JSON object with fields of a type. The definition that checks it is known in the transaction.
pub struct Fields(Value);

impl FromRequest for Fields {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = input::body(req, payload);
        async move { body.await.map(Self) }.boxed_local()
    }
}

impl Argument for Fields {
    const REFUSALS: Refusals = input::BODY_REFUSALS;
}

impl Fields {
    /// Returns the names of the fields that were sent. References are named by their `_id`.
    pub fn names(&self) -> Vec<String> {
        let names = self.0.as_object().into_iter().flat_map(Map::keys);
        names.map(|name| intake::as_id(name)).collect()
    }

    /// Returns the fields after the check, with ids in place of all references.
    pub async fn resolve(
        &self,
        conn: &mut Conn,
        caller: &Caller,
        definition: &Definition,
        faults: impl FnOnce(&Value) -> Vec<Fault>,
    ) -> Result<Map<String, Value>> {
        let faults = faults(&self.0);
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let owner = Reference { at: "owner", of: "user", find: auth::find_users };
        let fields = &definition.fields;
        fields::resolve(conn, caller, FINDERS, fields, &[owner], self.0.clone()).await
    }
}

/// The lookups of the rows that callers see.
pub const FINDERS: Finders = Finders(|target| match target {
    Target::Customer => find_customers,
    Target::Contact => find_contacts,
    Target::Product => find_products,
    Target::Order => find_orders,
    Target::Visit => find_visits,
    Target::Complaint => find_complaints,
    Target::User => auth::find_users,
    Target::Team => auth::find_teams,
});
