//! Contacts, 联系人: the people at a customer (祥细记录客户各类信息). Age, character and hobbies are
//! visible only to roles that need them, and can be erased everywhere they are stored.

mod batch;
mod db;
pub mod http;
mod search;

use access::Caller;
use diesel::prelude::*;
use intake::{HasReferences, Reference};
use platform::{Date, Error, Fault, Result, Timestamp, page, resource, sent, set, text_enum};
use schema::{contacts, customers};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::ReadPersonal;
use crate::customer::find_customers;

pub(crate) use db::follow;
pub use db::{customers_of, find_contacts, name_contacts, primaries};
pub use search::write_search_texts;

/// Fields that only holders of `ReadPersonal` see and write.
pub const PERSONAL: &[&str] = &["birth_year", "hobbies", "personality"];

/// The name of an erased contact.
const ERASED: &str = "***";

text_enum! {
    pub enum ContactSort {
        Name = "name",
        NewestFirst = "-created_at",
    }
}

/// A person at a customer, 联系人
#[derive(
    Default, Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset,
)]
#[diesel(base_query = contacts::table.inner_join(customers::table))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Contact {
    pub id: Uuid,
    pub version: i64,
    pub customer_id: Uuid,
    #[schema(example = "王芳")]
    pub name: String,
    /// The job title, 职务
    pub title: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Year of birth. Personal
    pub birth_year: Option<i16>,
    /// Character, 性格. Personal
    pub personality: Option<String>,
    /// Hobbies, 爱好. Personal
    pub hobbies: Option<Vec<String>>,
    /// Influence on the customer's decisions, from 1 (none) to 5 (decides everything)
    pub influence: Option<i16>,
    /// `true` for the main contact of the customer. At most one per customer
    pub is_primary: bool,
    /// The time at which the person's data was erased on request
    pub erased_at: Option<Timestamp>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields that are null because you may not see them
    #[diesel(skip_insertion, skip_update)]
    #[diesel(select_expression = no_fields(), select_expression_type = NoFields)]
    pub masked_fields: Vec<String>,
    /// The owner of the customer, who decides who sees the contact
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update, select_expression = customers::owner_id)]
    customer_owner_id: Option<Uuid>,
}

type NoFields = platform::FixedSql<diesel::sql_types::Array<diesel::sql_types::Text>>;

fn no_fields() -> NoFields {
    platform::fixed_sql("'{}'::text[]")
}

resource! {
    Contact: "contact" at "/api/v1/contacts",
    seen by contacts [JoinedCustomerOrPool(customer_id)],
    derived ["is_primary"]
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "customer_id": "0198c0de-0000-7000-8000-000000000001", "name": "王芳",
    "title": "采购经理", "hobbies": ["围棋"] }))]
pub struct NewContact {
    customer_id: Uuid,
    /// Create the contact even if a visible contact has the same phone number or e-mail address, or
    /// a contact of the same customer has the same name
    #[serde(default)]
    #[schema(default = false)]
    allow_duplicate: bool,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The source system of `external_id`. Default: your own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
    #[serde(flatten)]
    details: ContactDetails,
}

/// A merge patch: absent fields stay unchanged, null clears.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "phone": null, "is_primary": true }))]
pub struct ContactChanges {
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    name: Option<String>,
    #[serde(flatten)]
    details: ContactDetails,
}

/// Fields that new contacts and changes have in common.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ContactDetails {
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 100)]
    title: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 50)]
    phone: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 200, pattern = r"^[^@\s]+@[^@\s]+$", example = "wang@example.cn")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(minimum = 1900, maximum = 2100)]
    birth_year: Option<Option<i16>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 1000)]
    personality: Option<Option<String>>,
    #[schema(max_items = 30, nullable = false)]
    hobbies: Option<Vec<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(minimum = 1, maximum = 5)]
    influence: Option<Option<i16>>,
    #[schema(nullable = false)]
    is_primary: Option<bool>,
}

const CUSTOMER: Reference = Reference { at: "customer", of: "customer", find: find_customers };

intake::references! { NewContact: &[CUSTOMER] }
impl HasReferences for ContactChanges {}

/// The filters of the list of contacts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ContactFilter {
    customer_id: Option<Uuid>,
    /// The beginning of the name
    #[param(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Year of birth. Only for users who may see personal fields, otherwise 403 `forbidden_field`
    #[param(minimum = 1900, maximum = 2100)]
    birth_year: Option<i16>,
    is_primary: Option<bool>,
    /// A part of the name, of its pinyin or pinyin initials, of the e-mail address, or of the phone
    /// number. Case and width are ignored
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// A complete phone number, compared by its digits, for example of an incoming call
    #[param(min_length = 1, max_length = 50)]
    phone: Option<String>,
    /// Default: `name`
    #[param(inline)]
    sort: Option<ContactSort>,
}

intake::references! { ContactFilter: &[CUSTOMER] }

page! {
    /// A page of contacts
    ContactPage of Contact
}

impl Contact {
    fn blank(id: Uuid, customer: (Uuid, Option<Uuid>), now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            customer_id: customer.0,
            hobbies: Some(vec![]),
            created_at: now,
            updated_at: now,
            customer_owner_id: customer.1,
            ..Self::default()
        }
    }

    fn with(&self, changes: &ContactChanges) -> Self {
        let mut after = self.detailed(&changes.details);
        set(&mut after.name, changes.name.as_ref());
        after
    }

    fn detailed(&self, changes: &ContactDetails) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => ContactDetails {
            title, phone, email, birth_year, personality, influence, is_primary; hobbies
        });
        if let Some(hobbies) = &changes.hobbies {
            after.hobbies = Some(hobbies.clone());
        }
        after
    }

    fn faults(&self, today: Date) -> Vec<Fault> {
        let mut faults = vec![];
        if self.birth_year.is_some_and(|year| year > today.0.year()) {
            faults.push(Fault::new("/birth_year", "range", "must not be in the future"));
        }
        if self.name.is_empty() {
            faults.push(Fault::new("/name", "required", "a contact must have a name"));
        }
        for (index, hobby) in self.hobbies.iter().flatten().enumerate() {
            if !(1..=100).contains(&hobby.chars().count()) {
                let pointer = format!("/hobbies/{index}");
                faults.push(Fault::new(pointer, "range", "1 to 100 characters"));
            }
        }
        faults
    }

    /// Refuses a contact that was erased on request. A person who returns is a new contact.
    fn check_open(&self) -> Result<()> {
        if self.erased_at.is_none() {
            return Ok(());
        }
        let detail = "The personal data of this contact was erased. Create a new contact instead.";
        Err(Error::conflict("contact_erased", detail))
    }

    /// Returns the contact without the person's data.
    fn erased(&self, now: Timestamp) -> Self {
        Self {
            name: ERASED.into(),
            is_primary: false,
            erased_at: Some(self.erased_at.unwrap_or(now)),
            source_system: self.source_system.clone(),
            external_id: self.external_id.clone(),
            created_at: self.created_at,
            version: self.version,
            updated_at: self.updated_at,
            ..Self::blank(self.id, (self.customer_id, self.customer_owner_id), now)
        }
    }

    /// Returns the contact as the caller may see it: without `ReadPersonal`, the personal fields
    /// are null and listed in `masked_fields`.
    fn shown_to(self, caller: &Caller) -> Self {
        if caller.may::<ReadPersonal>() {
            return self;
        }
        let masked_fields = PERSONAL.iter().map(|name| (*name).to_owned()).collect();
        Self { birth_year: None, personality: None, hobbies: None, masked_fields, ..self }
    }
}

impl ContactDetails {
    /// Returns a fault for each personal field that was sent. Users who may not see these fields
    /// may not write them either.
    fn hidden_fields(&self) -> Vec<Fault> {
        let sent = [self.birth_year.is_some(), self.hobbies.is_some(), self.personality.is_some()];
        let named = PERSONAL.iter().zip(sent).filter(|(_, sent)| *sent);
        let why = "your role may not see or write this field";
        named.map(|(name, _)| Fault::new(format!("/{name}"), "forbidden_field", why)).collect()
    }
}
