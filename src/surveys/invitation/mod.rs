//! Survey invitations, 调查邀请: customers of the sample, each with a single-use link.

mod db;
pub mod http;
mod sample;

use std::ops::{Deref, DerefMut};

use ::customers::customer::{CustomerStatus, SampledCustomer, Tier, find_customers};
use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use intake::Reference;
use jiff::SignedDuration;
use platform::{Error, Result, Timestamp, page, resource};
use schema::{customers, survey_invitations};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::survey::{Survey, SurveyStatus};

pub(crate) use db::follow;
pub use db::tallies;

/// An invitation, 调查邀请
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(base_query = survey_invitations::table.inner_join(customers::table))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct SurveyInvitation {
    pub id: Uuid,
    pub version: i64,
    pub survey_id: Uuid,
    pub customer_id: Uuid,
    /// The customer's primary contact when the sample was drawn
    pub contact_id: Option<Uuid>,
    /// Tier of the customer when the sample was drawn
    #[schema(inline)]
    pub tier: Option<Tier>,
    /// Region of the customer when the sample was drawn
    pub region: Option<String>,
    pub invited_by: Uuid,
    /// Expiry of the link
    pub expires_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Owner of the customer, who decides on visibility
    #[serde(skip)]
    #[diesel(skip_insertion, skip_update, select_expression = customers::owner_id)]
    customer_owner_id: Option<Uuid>,
}

resource! {
    SurveyInvitation: "survey_invitation" at "/api/v1/survey-invitations",
    seen by survey_invitations [JoinedCustomerOrPool(customer_id)]
}

/// An invitation with its link, which is shown only once
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyLink {
    #[serde(flatten)]
    invitation: SurveyInvitation,
    /// Path below the address at which customers reach the service
    #[schema(example = "/public/surveys/kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI")]
    link: String,
}

resource! {
    SurveyLink: "survey_invitation" at "/api/v1/survey-invitations",
    seen by survey_invitations [JoinedCustomerOrPool(customer_id)]
}

impl Deref for SurveyLink {
    type Target = SurveyInvitation;

    fn deref(&self) -> &SurveyInvitation {
        &self.invitation
    }
}

impl DerefMut for SurveyLink {
    fn deref_mut(&mut self) -> &mut SurveyInvitation {
        &mut self.invitation
    }
}

/// A sample to draw: its size, and the customers to choose from. Each tier gets its proportional
/// share
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "size": 200, "customer_status": ["active"], "region": "上海", "seed": 20_261_123 }))]
pub struct NewSample {
    #[schema(minimum = 1, maximum = 5000)]
    size: i64,
    /// The same seed draws the same sample from the same customers. Default: a random seed
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, nullable = false)]
    seed: Option<i64>,
    /// Default: all except the blacklisted
    #[schema(min_items = 1, max_items = 5, nullable = false)]
    customer_status: Option<Vec<CustomerStatus>>,
    #[schema(min_items = 1, max_items = 3, nullable = false)]
    tier: Option<Vec<Tier>>,
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    region: Option<String>,
    owner_id: Option<Uuid>,
    territory_id: Option<Uuid>,
}

intake::references! {
    NewSample: &[
        Reference { at: "owner", of: "user", find: auth::find_users },
        Reference {
        at: "territory",
        of: "territory",
        find: territories::territory::find_territories,
        },
    ];
}

/// A sample that was just invited
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveySample {
    pub survey_id: Uuid,
    pub seed: i64,
    /// Customers of each tier who were not invited before, and how many of them are invited now
    pub strata: Vec<Stratum>,
    /// Invitations with their links, which are shown only once
    pub invitations: Vec<SurveyLink>,
}

/// A tier of the sample, 层
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Stratum {
    /// Null for customers without a tier
    #[schema(inline)]
    pub tier: Option<Tier>,
    pub customers: i64,
    pub invited: i64,
}

/// Filters for the list of invitations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SurveyInvitationFilter {
    customer_id: Option<Uuid>,
    answered: Option<bool>,
}

intake::references! {
    SurveyInvitationFilter: &[Reference { at: "customer", of: "customer", find: find_customers }];
}

page! {
    /// A page of invitations
    SurveyInvitationPage of SurveyInvitation
}

/// Secret part of a link, worth one answer. Only its digest is stored. A password hash is not
/// needed, because the token has 256 random bits.
pub struct Token(String);

impl Token {
    fn new() -> Result<Self> {
        auth::password::random().map(Self)
    }

    fn link(&self) -> String {
        format!("/public/surveys/{}", self.0)
    }

    fn hash(&self) -> Vec<u8> {
        hash_of(&self.0)
    }
}

fn hash_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

impl SurveyInvitation {
    fn new(
        survey: &Survey,
        customer: &SampledCustomer,
        contact: Option<Uuid>,
        by: Uuid,
        at: Timestamp,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            version: 1,
            survey_id: survey.id,
            customer_id: customer.id,
            contact_id: contact,
            tier: customer.tier,
            region: customer.region.clone(),
            invited_by: by,
            expires_at: expiry(survey, at),
            answered_at: None,
            created_at: at,
            updated_at: at,
            customer_owner_id: customer.owner_id,
        }
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answered_at.is_some()
    }

    /// Returns the current owner of the customer.
    pub(crate) fn owner(&self) -> Option<Uuid> {
        self.customer_owner_id
    }

    /// Fails with 409 if the invitation is answered, and with 410 if it can no longer be answered.
    pub fn check_open(&self, survey: &Survey, now: Timestamp) -> Result<()> {
        if self.answered_at.is_some() {
            let detail = "The survey has already been answered with this link.";
            return Err(Error::conflict("survey_answered", detail));
        }
        if survey.status != SurveyStatus::Open {
            return Err(Error::gone("survey_closed").detail("The survey is closed."));
        }
        if self.expires_at <= now {
            return Err(Error::gone("link_expired")
                .detail("The link has expired. Ask the sender for a new one."));
        }
        Ok(())
    }
}

fn expiry(survey: &Survey, from: Timestamp) -> Timestamp {
    Timestamp(from.0 + SignedDuration::from_hours(24 * i64::from(survey.link_days)))
}
