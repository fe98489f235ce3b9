//! Queries on surveys. Users who may read surveys see all of them, because surveys name no
//! customers.

use std::collections::HashMap;

use access::Caller;
use company::{Calendar, Company};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Change, Conn, IfMatch, IfSent, List, Patch, Result, Timestamp, Tx};
use schema::surveys;
use uuid::Uuid;

use super::{
    NewSurvey, Survey, SurveyAction, SurveyChanges, SurveyFilter, SurveyPage, SurveyStatus, day_of,
    dispatch_due,
};

fn matching(filter: &SurveyFilter) -> surveys::BoxedQuery<'_, Pg> {
    let mut query = surveys::table.into_boxed();
    platform::filter_by!(
        query,
        surveys::status.eq_any(&filter.status),
        surveys::kind.eq_any(&filter.kind),
    );
    query
}

impl Survey {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<SurveyFilter>,
    ) -> Result<SurveyPage> {
        use surveys::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(&filter).filter(list.rows(id, surveys::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let following = listed().filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let ordered = following.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |survey: &Self| (survey.created_at, survey.id))
    }

    pub async fn find(conn: &mut Conn, id: Uuid) -> Result<Self> {
        Ok(Self::query().filter(surveys::id.eq(id)).first(conn).await?)
    }

    /// Returns these surveys by id.
    pub(crate) async fn load(conn: &mut Conn, ids: &[Uuid]) -> Result<HashMap<Uuid, Self>> {
        let rows: Vec<Self> = Self::query().filter(surveys::id.eq_any(ids)).load(conn).await?;
        Ok(rows.into_iter().map(|survey| (survey.id, survey)).collect())
    }

    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = surveys::table.find(id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, new: &NewSurvey) -> Result<Self> {
        let survey = Self::new(new, tx.actor, tx.now);
        survey.check()?;
        diesel::insert_into(surveys::table).values(&survey).execute(tx.conn()).await?;
        tx.record(Change::created(&survey)).await?;
        Ok(survey)
    }

    pub async fn update(
        tx: &mut Tx,
        id: Uuid,
        based_on: IfMatch,
        changes: &Patch<SurveyChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        before.status.after(SurveyAction::Change)?;
        let after = before.with(changes);
        after.check()?;
        before.save(tx, after).await
    }

    pub async fn delete(tx: &mut Tx, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, &[]).await?;
        before.status.after(SurveyAction::Delete)?;
        diesel::delete(surveys::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }

    pub async fn act(
        tx: &mut Tx,
        id: Uuid,
        based_on: IfSent,
        action: SurveyAction,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before).await?;
        let status = before.status.after(action)?;
        let mut after = Self { status, ..before.clone() };
        match status {
            SurveyStatus::Open => after.opened_at = Some(tx.now),
            SurveyStatus::Closed => {
                let calendar = Calendar::load(tx.conn()).await?;
                after.closed_at = Some(tx.now);
                after.dispatch_due_on = Some(dispatch_due(tx.today, &calendar)?);
            }
            SurveyStatus::Draft => {}
        }
        before.save(tx, after).await
    }

    /// Records the dispatch of the results, which is possible once.
    pub async fn dispatch(tx: &mut Tx, id: Uuid, based_on: IfSent) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before).await?;
        before.save(tx, before.dispatched(tx.actor, tx.now)?).await
    }

    /// Locks an open survey, so that no two samples of it are drawn at the same time.
    pub(crate) async fn find_open(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let survey = Self::find_for_update(tx, id).await?;
        survey.status.after(SurveyAction::Sample)?;
        Ok(survey)
    }

    access::rows! { surveys: fn save }
}

/// Recomputes the due days of closed surveys whose results are not dispatched yet.
pub(crate) async fn follow_calendar(
    tx: &mut Tx,
    company: &Company,
    calendar: &Calendar,
) -> Result<()> {
    let rows = surveys::table
        .filter(surveys::status.eq(SurveyStatus::Closed))
        .filter(surveys::dispatched_at.is_null())
        .order(surveys::id)
        .select(Survey::as_select())
        .for_update();
    let rows: Vec<Survey> = rows.load(tx.conn()).await?;

    for before in rows {
        let Some(closed_at) = before.closed_at else { continue };
        let due = dispatch_due(day_of(closed_at, company)?, calendar)?;
        before.save(tx, Survey { dispatch_due_on: Some(due), ..before.clone() }).await?;
    }
    Ok(())
}
