//! Queries on responses. Each query for a caller starts at `Caller::sees`: a response is as visible
//! as its customer.

use ::customers::customer::Tier;
use ::customers::hooks::Move;
use access::Caller;
use company::company::Language;
use company::{Calendar, Company};
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use follow_ups::follow_up::{FollowUp, Opened, Source};
use intake::parameters;
use platform::{Change, Conn, Embedded, Error, List, Number, Resource, Result, Timestamp, Tx};
use schema::{customers, survey_responses};
use uuid::Uuid;

use super::answers::{Given, first, score};
use super::results::{Scored, SurveyResults};
use super::{SurveyResponse, SurveyResponseFilter, SurveyResponsePage, due, instruction, is_low};
use crate::invitation::{self, SurveyInvitation};
use crate::survey::{QuestionKind, Survey, day_of};

type Joined<'a> = IntoBoxed<'a, InnerJoin<survey_responses::table, customers::table>, Pg>;

fn matching<'a>(caller: &'a Caller, survey: Uuid, filter: &'a SurveyResponseFilter) -> Joined<'a> {
    let of_customers = survey_responses::table.inner_join(customers::table);
    let mut query = of_customers.into_boxed().filter(caller.sees::<SurveyResponse>());
    query = query.filter(survey_responses::survey_id.eq(survey));
    platform::filter_by!(
        query,
        survey_responses::customer_id.eq(filter.customer_id),
        survey_responses::tier.eq_any(&filter.tier),
        survey_responses::low.eq(filter.low),
        survey_responses::created_at.ge(filter.created_from),
        survey_responses::created_at.lt(filter.created_to),
    );
    query
}

/// Tier, region, score, NPS, low score, follow-up.
type Row = (Option<Tier>, Option<String>, Option<Number>, Option<i16>, bool, Option<Uuid>);

impl SurveyResponse {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        survey: Uuid,
        list: &List<SurveyResponseFilter>,
    ) -> Result<SurveyResponsePage> {
        use survey_responses::{created_at, id};
        let survey = Survey::find(conn, survey).await?.id;
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || {
            matching(caller, survey, &filter).filter(list.rows(id, survey_responses::updated_at))
        };
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let all = listed();
        let following = all.filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let ordered = following.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |response: &Self| (response.created_at, response.id))
    }

    /// Returns the results for the customers visible to the caller, in agreement with the lists.
    pub async fn results(conn: &mut Conn, caller: &Caller, survey: Uuid) -> Result<SurveyResults> {
        let survey = Survey::find(conn, survey).await?.id;
        let invited = invitation::tallies(conn, caller, survey).await?;

        let visible = survey_responses::table
            .inner_join(customers::table)
            .filter(caller.sees::<SurveyResponse>());
        let given = visible.filter(survey_responses::survey_id.eq(survey));
        let figures = given.select({
            use survey_responses::{follow_up_id, low, nps, region, score, tier};
            (tier, region, score, nps, low, follow_up_id)
        });
        let rows: Vec<Row> = figures.load(conn).await?;

        let scored = |(tier, region, score, nps, low, follow_up): Row| {
            let followed = follow_up.is_some();
            Scored { tier, region, score, nps, low, followed }
        };
        let scored: Vec<Scored> = rows.into_iter().map(scored).collect();
        Ok(SurveyResults::of(survey, &invited, &scored))
    }

    /// Stores the only answer to a link, and opens a follow-up for a low score.
    pub async fn take(tx: &mut Tx, token: &str, given: &Given, language: Language) -> Result<Self> {
        let invitation = SurveyInvitation::locked_by_link(tx, token).await?;
        let survey = Survey::find(tx.conn(), invitation.survey_id).await?;
        invitation.check_open(&survey, tx.now)?;
        let answers = given.read(&survey.questions).map_err(Error::invalid)?;

        let company = Company::load(tx.conn()).await?;
        let score = score(&survey.questions, &answers);
        let nps = first(&survey.questions, &answers, QuestionKind::Nps);
        let mut response = Self {
            id: Uuid::now_v7(),
            version: 1,
            survey_id: survey.id,
            invitation_id: invitation.id,
            customer_id: invitation.customer_id,
            contact_id: invitation.contact_id,
            tier: invitation.tier,
            region: invitation.region.clone(),
            owner_id: invitation.owner(),
            language,
            answers: Embedded(answers),
            score,
            nps,
            low: is_low(&company, score, nps),
            follow_up_id: None,
            source_system: None,
            external_id: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: invitation.owner(),
        };

        if response.low {
            response.follow_up_id = response.open_follow_up(tx, &company, &survey).await?;
        }
        let insert = diesel::insert_into(survey_responses::table).values(&response);
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&response)).await?;
        invitation.answered(tx).await?;
        Ok(response)
    }

    async fn open_follow_up(
        &self,
        tx: &mut Tx,
        company: &Company,
        survey: &Survey,
    ) -> Result<Option<Uuid>> {
        let calendar = Calendar::load(tx.conn()).await?;
        let title = survey.title(company.language == Language::Chinese);
        let opened = Opened {
            customer_id: self.customer_id,
            assignee_id: self.owner_id.unwrap_or(survey.authored_by),
            instruction: instruction(company, title, self.score, self.nps),
            due_at: due(company, &calendar, tx.today)?,
            source: Source::Survey,
            source_id: Some(self.id),
        };

        // The response is stored even if nobody can be assigned.
        match tx.attempt(async |tx| FollowUp::open(tx, opened).await).await {
            Ok(follow_up) => Ok(Some(follow_up.id)),
            // A program drafted the survey, and the customer has no owner.
            Err(error) if error.is_constraint() => {
                tracing::warn!(survey = %survey.id, "no assignee for the follow-up of a low score");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Moves the loser's responses to the winner.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let all = survey_responses::table.inner_join(customers::table);
    let theirs = all.filter(survey_responses::customer_id.eq(moving.from.id));
    let lock = theirs.order(survey_responses::id).select(SurveyResponse::as_select());
    let locked: Vec<SurveyResponse> = lock.for_update().load(tx.conn()).await?;
    let moved = moving.taken(locked, |row| row.id);
    let ids = moved.iter().map(|row| row.id).collect();

    for before in moved {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        let after = SurveyResponse { customer_id, customer_owner_id, ..before.clone() };
        let after = before.next(after, tx.now);
        let update = diesel::update(survey_responses::table.find(before.id)).set(&after);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(&before, &after)).await?;
    }
    Ok(ids)
}

/// Recomputes the due times of the follow-ups of low scores, unless they were extended.
pub(crate) async fn follow_calendar(
    tx: &mut Tx,
    company: &Company,
    calendar: &Calendar,
) -> Result<()> {
    for before in FollowUp::undone(tx, Source::Survey).await? {
        let due_at = due(company, calendar, day_of(before.created_at, company)?)?;
        before.due_again(tx, due_at).await?;
    }
    Ok(())
}
