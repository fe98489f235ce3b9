//! Queries on invitations. Each query for a caller starts at `Caller::sees`: an invitation is as
//! visible as its customer.

use std::collections::{HashMap, HashSet};

use ::customers::contact;
use ::customers::customer::{Customer, SampleFilter, Tier};
use ::customers::hooks::Move;
use access::Caller;
use diesel::dsl::{InnerJoin, IntoBoxed};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use platform::{Change, Conn, Error, IfSent, List, Resource, Result, Timestamp, Tx};
use schema::{customers, survey_invitations};
use uuid::Uuid;

use super::sample::draw;
use super::{
    NewSample, SurveyInvitation, SurveyInvitationFilter, SurveyInvitationPage, SurveyLink,
    SurveySample, Token, expiry, hash_of,
};
use crate::response::SurveyResponse;
use crate::survey::Survey;

type Joined<'a> = IntoBoxed<'a, InnerJoin<survey_invitations::table, customers::table>, Pg>;

fn matching<'a>(
    caller: &'a Caller,
    survey: Uuid,
    filter: &'a SurveyInvitationFilter,
) -> Joined<'a> {
    let of_customers = survey_invitations::table.inner_join(customers::table);
    let mut query = of_customers.into_boxed().filter(caller.sees::<SurveyInvitation>());
    query = query.filter(survey_invitations::survey_id.eq(survey));
    if let Some(customer) = filter.customer_id {
        query = query.filter(survey_invitations::customer_id.eq(customer));
    }
    match filter.answered {
        Some(true) => query.filter(survey_invitations::answered_at.is_not_null()),
        Some(false) => query.filter(survey_invitations::answered_at.is_null()),
        None => query,
    }
}

impl SurveyInvitation {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        survey: Uuid,
        list: &List<SurveyInvitationFilter>,
    ) -> Result<SurveyInvitationPage> {
        use survey_invitations::{created_at, id};
        let survey = Survey::find(conn, survey).await?.id;
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || {
            matching(caller, survey, &filter).filter(list.rows(id, survey_invitations::updated_at))
        };
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let all = listed();
        let following = all.filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let ordered = following.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |invitation: &Self| (invitation.created_at, invitation.id))
    }

    /// Draws a sample and creates its invitations and links.
    pub async fn sample(
        tx: &mut Tx,
        caller: &Caller,
        survey: Uuid,
        based_on: IfSent,
        new: &Body<NewSample>,
    ) -> Result<SurveySample> {
        let survey = Survey::find_open(tx, survey).await?;
        based_on.check(tx, &survey).await?;
        let new = new.resolve(tx.conn(), caller).await?;

        let seed = new.seed.unwrap_or_else(made_up);
        let wanted = SampleFilter {
            status: new.customer_status,
            tier: new.tier,
            region: new.region,
            owner_id: new.owner_id,
            territory_id: new.territory_id,
        };

        let earlier = survey_invitations::table.filter(survey_invitations::survey_id.eq(survey.id));
        let asked = earlier.select(survey_invitations::customer_id);
        let known: Vec<Uuid> = asked.load(tx.conn()).await?;
        let invited: HashSet<Uuid> = known.into_iter().collect();
        let mut frame = Customer::frame(tx.conn(), caller, &wanted).await?;
        frame.retain(|customer| !invited.contains(&customer.id));

        let (strata, drawn) = draw(frame, usize::try_from(new.size).unwrap_or(0), seed);
        let ids: Vec<Uuid> = drawn.iter().map(|customer| customer.id).collect();
        let contacts = contact::primaries(tx.conn(), &ids).await?;

        let mut made = vec![];
        for customer in &drawn {
            let contact = contacts.get(&customer.id).copied();
            let invitation = Self::new(&survey, customer, contact, tx.actor, tx.now);
            made.push((invitation, Token::new()?));
        }

        for made in made.chunks(1000) {
            let rows = made.iter().map(|(invitation, token)| {
                (invitation, survey_invitations::token_hash.eq(token.hash()))
            });
            let rows: Vec<_> = rows.collect();
            let insert = diesel::insert_into(survey_invitations::table).values(rows);
            insert.execute(tx.conn()).await?;
        }
        let records = made.iter().map(|(invitation, _)| Change::created(invitation));
        let records = records.collect::<Result<Vec<_>>>()?;
        tx.record_all(&records).await?;

        let link =
            |(invitation, token): (Self, Token)| SurveyLink { invitation, link: token.link() };
        let invitations = made.into_iter().map(link).collect();
        Ok(SurveySample { survey_id: survey.id, seed, strata, invitations })
    }

    /// Replaces the link of an invitation; the previous one stops working.
    pub async fn renew(
        tx: &mut Tx,
        caller: &Caller,
        (survey, id): (Uuid, Uuid),
        based_on: IfSent,
    ) -> Result<SurveyLink> {
        let rows = survey_invitations::table.inner_join(customers::table);
        let row =
            rows.filter(caller.sees::<SurveyInvitation>()).filter(survey_invitations::id.eq(id));
        let row = row.filter(survey_invitations::survey_id.eq(survey));
        let before: Self = row.select(Self::as_select()).for_update().first(tx.conn()).await?;
        based_on.check(tx, &before).await?;
        if before.answered_at.is_some() {
            let detail = "The invitation has already been answered.";
            return Err(Error::conflict("survey_answered", detail));
        }

        let survey = Survey::find_open(tx, survey).await?;
        let token = Token::new()?;
        let mut after = Self { expires_at: expiry(&survey, tx.now), ..before.clone() };
        // Stamped without a comparison, so that a second renewal at the same instant also counts as
        // a change.
        after.stamp(before.version + 1, tx.now);
        let columns = (&after, survey_invitations::token_hash.eq(token.hash()));
        let update = diesel::update(survey_invitations::table.find(id)).set(columns);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(&before, &after)).await?;
        Ok(SurveyLink { invitation: after, link: token.link() })
    }

    /// Returns the invitation of a link. Not limited to visible rows, because its holder has no
    /// login.
    pub async fn find_by_link(conn: &mut Conn, token: &str) -> Result<Self> {
        let row = Self::query().filter(survey_invitations::token_hash.eq(hash_of(token)));
        Ok(row.first(conn).await?)
    }

    /// Locks the invitation of a link, so that the second of two answers fails.
    pub(crate) async fn locked_by_link(tx: &mut Tx, token: &str) -> Result<Self> {
        let rows = survey_invitations::table.inner_join(customers::table);
        let row = rows.filter(survey_invitations::token_hash.eq(hash_of(token)));
        Ok(row.select(Self::as_select()).for_update().first(tx.conn()).await?)
    }

    pub(crate) async fn answered(&self, tx: &mut Tx) -> Result<Self> {
        self.save(tx, Self { answered_at: Some(tx.now), ..self.clone() }).await
    }

    /// Locks and returns the invitations of these surveys and customers.
    pub(crate) async fn of(
        tx: &mut Tx,
        surveys: impl Iterator<Item = Uuid>,
        customers: &[Uuid],
    ) -> Result<HashMap<(Uuid, Uuid), Self>> {
        let all = survey_invitations::table.inner_join(customers::table);
        let asked = all.filter(survey_invitations::survey_id.eq_any(surveys.collect::<Vec<_>>()));
        let wanted = asked.filter(survey_invitations::customer_id.eq_any(customers));
        let lock = wanted.order(survey_invitations::id).select(Self::as_select()).for_update();
        let rows: Vec<Self> = lock.load(tx.conn()).await?;
        Ok(rows.into_iter().map(|row| ((row.survey_id, row.customer_id), row)).collect())
    }

    /// Marks the invitations of imported responses as answered, and creates the missing ones.
    /// Nobody has the link of a created one.
    pub(crate) async fn answered_elsewhere(
        tx: &mut Tx,
        responses: &[&SurveyResponse],
        refused: fn(diesel::result::Error) -> Error,
    ) -> Result<()> {
        let ids = responses.iter().map(|response| response.invitation_id);
        let rows = survey_invitations::table.inner_join(customers::table);
        let named = rows.filter(survey_invitations::id.eq_any(ids)).select(Self::as_select());
        let found: Vec<Self> = named.load(tx.conn()).await?;
        let known: HashMap<Uuid, Self> = found.into_iter().map(|row| (row.id, row)).collect();

        let mut made = vec![];
        for response in responses {
            match known.get(&response.invitation_id) {
                Some(before) => {
                    let answered_at = Some(response.created_at);
                    before.save(tx, Self { answered_at, ..before.clone() }).await?;
                }
                None => made.push((Self::of_response(response, tx), Token::new()?.hash())),
            }
        }

        let rows: Vec<_> = made
            .iter()
            .map(|(invitation, hash)| (invitation, survey_invitations::token_hash.eq(hash)))
            .collect();
        let insert = diesel::insert_into(survey_invitations::table).values(rows);
        insert.execute(tx.conn()).await.map_err(refused)?;

        let records = made.iter().map(|(invitation, _)| Change::created(invitation));
        let records = records.collect::<Result<Vec<_>>>()?;
        tx.record_all(&records).await
    }

    fn of_response(response: &SurveyResponse, tx: &Tx) -> Self {
        Self {
            id: response.invitation_id,
            version: 1,
            survey_id: response.survey_id,
            customer_id: response.customer_id,
            contact_id: None,
            tier: response.tier,
            region: response.region.clone(),
            invited_by: tx.actor,
            expires_at: response.created_at,
            answered_at: Some(response.created_at),
            created_at: response.created_at,
            updated_at: tx.now,
            customer_owner_id: response.owner_id,
        }
    }

    access::rows! { survey_invitations: fn save }
}

/// Returns tier and region of all invitations, for the response rates.
pub async fn tallies(
    conn: &mut Conn,
    caller: &Caller,
    survey: Uuid,
) -> Result<Vec<(Option<Tier>, Option<String>)>> {
    let visible = survey_invitations::table
        .inner_join(customers::table)
        .filter(caller.sees::<SurveyInvitation>());
    let invited = visible.filter(survey_invitations::survey_id.eq(survey));
    let groups = invited.select((survey_invitations::tier, survey_invitations::region));
    Ok(groups.load(conn).await?)
}

/// Returns a random seed. It may be predictable, because it is published anyway.
fn made_up() -> i64 {
    let (_, random) = Uuid::now_v7().as_u64_pair();
    i64::try_from(random & 0xffff_ffff).unwrap_or(0)
}

/// Moves the loser's invitations to the winner. If the winner was invited to the same survey, the
/// loser's invitation is deleted unless it was answered, in which case it stays.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let of = |customer: &Customer| {
        let rows = survey_invitations::table.inner_join(customers::table);
        let rows = rows.filter(survey_invitations::customer_id.eq(customer.id));
        rows.order(survey_invitations::id).select(SurveyInvitation::as_select()).for_update()
    };

    let theirs: Vec<SurveyInvitation> = of(moving.from).load(tx.conn()).await?;
    let ours: Vec<SurveyInvitation> = of(winner).load(tx.conn()).await?;

    let mut moved = vec![];
    for before in moving.taken(theirs, |row| row.id) {
        if ours.iter().all(|own| own.survey_id != before.survey_id) {
            let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
            let after = SurveyInvitation { customer_id, customer_owner_id, ..before.clone() };
            moved.push(before.id);
            before.save(tx, after).await?;
        } else if before.answered_at.is_none() {
            let row = survey_invitations::table.find(before.id);
            diesel::delete(row).execute(tx.conn()).await?;
            tx.record(Change::deleted(&before)).await?;
        }
    }
    Ok(moved)
}
