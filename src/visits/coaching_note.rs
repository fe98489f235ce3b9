//! Coaching notes on a visit, 辅导记录, by companions and managers. Visible to their author, the owner
//! of the visit and the managers.

use access::{Caller, Can, Role};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{
    Conn, Db, Error, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Routes,
    Timestamp, Tx, Write, page,
};
use schema::coaching_notes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::CoachVisits;
use crate::visit::Visit;

/// A coaching note, 辅导记录
#[derive(Debug, Clone, Serialize, ToSchema, HasQuery, Insertable)]
#[diesel(treat_none_as_default_value = false)]
pub struct CoachingNote {
    pub id: Uuid,
    pub visit_id: Uuid,
    pub author_id: Uuid,
    pub text: String,
    /// From 1 to 5
    pub score: Option<i16>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "text": "开场好,报价前应先问需求", "score": 4 }))]
pub struct NewCoachingNote {
    #[schema(min_length = 1, max_length = 5000)]
    text: String,
    #[schema(minimum = 1, maximum = 5)]
    score: Option<i16>,
}

page! {
    /// A page of coaching notes, latest first
    CoachingNotePage of CoachingNote
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_coaching_notes, create_coaching_note);
}

/// List the coaching notes on a visit
///
/// The owner, the people who lead them, and sales directors, general managers and admins see all
/// notes. Others see the notes that they wrote.
#[utoipa::path(
    get, path = "/visits/{id}/coaching-notes",
    params(PageQuery),
    responses((status = 200, description = "A page of notes", body = CoachingNotePage), Problems),
)]
async fn list_coaching_notes(
    caller: Can<CoachVisits>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<CoachingNotePage> {
    CoachingNote::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Write a coaching note
///
/// Allowed for companions and the people who lead the owner.
#[utoipa::path(
    post, path = "/visits/{id}/coaching-notes",
    request_body = NewCoachingNote,
    responses(
        (status = 200, description = "The note", body = CoachingNote),
        (status = 403, description = "`not_your_visit`"),
        Problems,
    ),
)]
async fn create_coaching_note(
    caller: Can<CoachVisits>,
    id: Path<Uuid>,
    new: Json<NewCoachingNote>,
    write: Write,
) -> Result<Reply> {
    let note = async move |tx: &mut _| CoachingNote::create(tx, &caller, *id, &new).await;
    write.run(async move |tx| Reply::json(&note(tx).await?)).await
}

/// Returns true if the caller leads the owner or has a role above all teams.
fn manages(caller: &Caller, visit: &Visit) -> bool {
    let above = [Role::Admin, Role::GeneralManager, Role::SalesDirector];
    visit.owner_id != caller.id()
        && (above.iter().any(|role| caller.is(*role)) || caller.people().contains(&visit.owner_id))
}

impl CoachingNote {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        visit: Uuid,
        list: &List<NoFilter>,
    ) -> Result<CoachingNotePage> {
        use coaching_notes::{author_id, created_at, id, visit_id};
        let visit = Visit::find(conn, caller, visit).await?;
        let own_only = visit.owner_id != caller.id() && !manages(caller, &visit);
        let matching = || {
            let rows = coaching_notes::table.filter(visit_id.eq(visit.id)).into_boxed();
            let rows = rows.filter(list.ids(id));
            if own_only { rows.filter(author_id.eq(caller.id())) } else { rows }
        };
        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };

        let following = matching().filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let ordered = following.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = ordered.select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |note: &Self| (note.created_at, note.id))
    }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        visit: Uuid,
        new: &NewCoachingNote,
    ) -> Result<Self> {
        let visit = Visit::find(tx.conn(), caller, visit).await?;
        if !visit.participant_ids.contains(&caller.id()) && !manages(caller, &visit) {
            let detail =
                "Only participants of the visit and managers of its owner can write notes.";
            return Err(Error::forbidden_because("not_your_visit", detail));
        }

        let note = Self {
            id: Uuid::now_v7(),
            visit_id: visit.id,
            author_id: caller.id(),
            text: new.text.clone(),
            score: new.score,
            created_at: tx.now,
        };
        let insert = diesel::insert_into(coaching_notes::table).values(&note);
        insert.execute(tx.conn()).await?;
        Ok(note)
    }
}
