//! Import of answers that were collected elsewhere, 外部调查答卷. They may be of any age, and their
//! scores may be means.

use std::collections::HashMap;

use ::customers::customer::{self, Tier};
use access::Caller;
use company::Company;
use company::company::Language;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::{BoxFuture, Find, Found, Known, Wanted};
use intake::{Arrival, Draft, Imported, Keys};
use platform::batch::ItemKey;
use platform::upsert::all_but;
use platform::{Conn, Embedded, Error, Fault, Result, Timestamp, Tx, batch};
use schema::{customers, survey_responses};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::{self, Given, first};
use super::{CUSTOMER, SurveyResponse, is_low};
use crate::invitation::SurveyInvitation;
use crate::survey::{QuestionKind, Survey, SurveyStatus};

/// An answer as collected by another system: absent fields stay. A new one needs the survey, the
/// customer, the answers and the time.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "external_id": "wjx-1", "customer_external_id": "C-1001",
    "survey_id": "0198c0de-0000-7000-8000-000000000001", "answered_at": "2026-11-20T02:00:00Z",
    "answers": { "overall": 4.5, "recommend": 9 } }))]
pub struct SurveyResponseItem {
    #[serde(flatten)]
    #[expect(dead_code, reason = "the document and the check of items know it")]
    key: ItemKey,
    /// A survey of this service, open or closed, which defines the questions
    #[schema(nullable = false)]
    survey_id: Option<Uuid>,
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(nullable = false)]
    answered_at: Option<Timestamp>,
    /// Default: the company's language
    #[schema(inline, nullable = false)]
    language: Option<Language>,
    /// Answers by question id. A score of 1 to 5 may have two decimals; required questions may be
    /// missing.
    #[schema(value_type = Option<Object>, nullable = false)]
    answers: Option<Map<String, Value>>,
}

intake::references! { SurveyResponseItem: &[CUSTOMER] }

batch! {
    /// Answers of one source system, in any order.
    SurveyResponseBatch of SurveyResponseItem
}

/// Surveys and customers of the answers, loaded once for all items.
pub struct Context {
    company: Company,
    surveys: HashMap<Uuid, Survey>,
    owners: HashMap<Uuid, Option<Uuid>>,
    tiers: HashMap<Uuid, Option<Tier>>,
    regions: HashMap<Uuid, Option<String>>,
    /// By survey and customer
    invitations: HashMap<(Uuid, Uuid), SurveyInvitation>,
}

/// The visible lookup of references to responses.
fn find_responses<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async move {
        use survey_responses::{external_id, id, source_system, version};
        let visible = survey_responses::table
            .inner_join(customers::table)
            .filter(caller.sees::<SurveyResponse>());
        let matching = visible.filter(survey_responses::id.eq_any(&wanted.ids));
        let rows = matching.select((id, version, source_system, external_id));
        let mut found = Found::default();
        found.extend(rows.load::<Known>(conn).await?);
        Ok(found)
    })
}

impl SurveyResponse {
    /// Returns a new row, for the existing invitation or for one that is created with it.
    fn imported(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let item = &arrival.item;
        let (Some(survey), Some(customer), Some(at), Some(_)) =
            (item.survey_id, item.customer_id, item.answered_at, &item.answers)
        else {
            let sent = [
                ("/survey_id", item.survey_id.is_some()),
                ("/customer_id", item.customer_id.is_some()),
                ("/answered_at", item.answered_at.is_some()),
                ("/answers", item.answers.is_some()),
            ];
            let missing = sent.into_iter().filter(|field| !field.1);
            let why = "required for a new response";
            return Err(missing.map(|field| Fault::new(field.0, "required", why)).collect());
        };

        let invitation = context.invitations.get(&(survey, customer));
        if invitation.is_some_and(SurveyInvitation::is_answered) {
            let why = "the customer has already answered this survey";
            return Err(vec![Fault::new("/customer_id", "survey_answered", why)]);
        }

        let owner = context.owners.get(&customer).copied().flatten();
        Ok(Self {
            id: arrival.id,
            version: 1,
            survey_id: survey,
            invitation_id: invitation.map_or(arrival.id, |invitation| invitation.id),
            customer_id: customer,
            contact_id: None,
            tier: context.tiers.get(&customer).copied().flatten(),
            region: context.regions.get(&customer).cloned().flatten(),
            owner_id: owner,
            language: context.company.language,
            answers: Embedded(Map::new()),
            score: None,
            nps: None,
            low: false,
            follow_up_id: None,
            source_system: None,
            external_id: None,
            created_at: at,
            updated_at: arrival.now,
            customer_owner_id: owner,
        })
    }

    /// Takes the answers with their scores, or returns all their faults.
    fn take_answers(&mut self, given: &Map<String, Value>, context: &Context) -> Vec<Fault> {
        let Some(survey) = context.surveys.get(&self.survey_id) else {
            return vec![Fault::unknown_reference("/survey_id")];
        };
        if survey.status == SurveyStatus::Draft {
            return vec![Fault::new("/survey_id", "wrong_status", "the survey is still a draft")];
        }

        match Given::imported(given.clone()).read(&survey.questions) {
            Ok(read) => {
                self.score = answers::score(&survey.questions, &read);
                self.nps = first(&survey.questions, &read, QuestionKind::Nps);
                self.low = is_low(&context.company, self.score, self.nps);
                self.answers = Embedded(read);
                vec![]
            }
            Err(faults) => faults,
        }
    }
}

fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("survey_responses_external_id_key", "/external_id", "duplicate")
        .on_constraint("survey_responses_invitation_key", "/customer_id", "duplicate")
        .on_constraint("survey_invitations_customer_key", "/customer_id", "duplicate")
}

impl Imported for SurveyResponse {
    type Item = SurveyResponseItem;
    type Context = Context;

    const FIND: Find = find_responses;

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let system = survey_responses::source_system.eq(keys.source_system).assume_not_null();
        let known =
            system.and(survey_responses::external_id.eq_any(&keys.external_ids).assume_not_null());
        let visible = survey_responses::table
            .inner_join(customers::table)
            .filter(caller.sees::<SurveyResponse>());
        let wanted = visible.filter(known.or(survey_responses::id.eq_any(&keys.ids)));
        let rows = wanted.order(survey_responses::id).select(Self::as_select());
        Ok(rows.for_no_key_update().load(conn).await?)
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let stored = arrivals.iter().filter_map(|arrival| arrival.before.as_ref());
        let mut surveys: Vec<Uuid> =
            arrivals.iter().filter_map(|arrival| arrival.item.survey_id).collect();
        surveys.extend(stored.map(|before| before.survey_id));
        let wanted: Vec<Uuid> =
            arrivals.iter().filter_map(|arrival| arrival.item.customer_id).collect();
        let surveys = Survey::load(tx.conn(), &surveys).await?;
        Ok(Context {
            company: Company::load(tx.conn()).await?,
            owners: customer::owners(tx.conn(), wanted.clone()).await?,
            tiers: customer::tiers(tx.conn(), wanted.clone()).await?,
            regions: customer::regions(tx.conn(), wanted.clone()).await?,
            invitations: SurveyInvitation::of(tx, surveys.keys().copied(), &wanted).await?,
            surveys,
        })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let item = &arrival.item;
        let mut after = match &arrival.before {
            Some(before) => before.clone(),
            None => Self::imported(arrival, context)?,
        };

        let mut faults = vec![];
        for (pointer, sent, own) in [
            ("/survey_id", item.survey_id, after.survey_id),
            ("/customer_id", item.customer_id, after.customer_id),
        ] {
            if sent.is_some_and(|sent| sent != own) {
                let why = "cannot be changed after the response was created";
                faults.push(Fault::new(pointer, "contradiction", why));
            }
        }

        platform::set(&mut after.language, item.language.as_ref());
        platform::set(&mut after.created_at, item.answered_at.as_ref());
        if after.created_at > arrival.now {
            let why = "the answer must not be in the future";
            faults.push(Fault::new("/answered_at", "in_future", why));
        }
        if let Some(given) = &item.answers {
            faults.extend(after.take_answers(given, context));
        }

        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(arrival.key.external_id.clone());
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        for drafts in drafts.chunks(1000) {
            let new = drafts.iter().filter(|draft| draft.before.is_none());
            let new: Vec<&Self> = new.map(|draft| &draft.after).collect();
            SurveyInvitation::answered_elsewhere(tx, &new, refused).await?;

            let rows: Vec<&Self> = drafts.iter().map(|draft| &draft.after).collect();
            diesel::insert_into(survey_responses::table)
                .values(rows)
                .on_conflict(survey_responses::id)
                .do_update()
                .set(all_but::<survey_responses::table>(&[
                    "id",
                    "survey_id",
                    "invitation_id",
                    "customer_id",
                    "contact_id",
                    "tier",
                    "region",
                    "owner_id",
                    "follow_up_id",
                ]))
                .execute(tx.conn())
                .await
                .map_err(refused)?;
        }
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}
