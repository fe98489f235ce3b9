//! Operations on surveys.

use access::Can;
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Patch, Path, Problems, Reply, Result,
    Routes, Tagged, Write,
};
use uuid::Uuid;

use super::{NewSurvey, Survey, SurveyAction, SurveyChanges, SurveyFilter, SurveyPage};
use crate::{ReadSurveys, WriteSurveys};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_surveys,
        create_survey,
        read_survey,
        update_survey,
        delete_survey,
        open_survey,
        close_survey,
        dispatch_survey,
        list_survey_history,
    );
}

access::list! {
    /// List surveys
    ///
    /// Latest first.
    list_surveys: "/surveys", ReadSurveys, Survey by SurveyFilter -> SurveyPage, "A page of surveys"
}

/// Draft a survey
///
/// CSAT counts the first question with a score of 1 to 5, NPS the first one with 0 to 10. Every
/// text is needed in Chinese and in English.
#[utoipa::path(
    post, path = "/surveys",
    request_body = NewSurvey,
    responses(
        (status = 201, description = "The new draft", body = Survey),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn create_survey(
    _caller: Can<WriteSurveys>,
    new: Json<NewSurvey>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Survey::create(tx, &new).await).await
}

/// Read a survey
#[utoipa::path(
    get, path = "/surveys/{id}",
    responses((status = 200, description = "The survey", body = Survey), Problems),
)]
async fn read_survey(_caller: Can<ReadSurveys>, id: Path<Uuid>, db: Db) -> Result<Tagged<Survey>> {
    Ok(Tagged(Survey::find(&mut *db.conn().await?, *id).await?))
}

/// Update a survey
///
/// Possible while it is a draft, otherwise 409 `wrong_status`: questions that customers were asked
/// do not change.
#[utoipa::path(
    patch, path = "/surveys/{id}",
    request_body(content = SurveyChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The survey", body = Survey),
        (status = 409, description = "`duplicate`"),
        Problems,
    ),
)]
async fn update_survey(
    _caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<SurveyChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Survey::update(tx, *id, based_on, &changes).await).await
}

/// Delete a survey
///
/// Possible while it is a draft, otherwise 409 `wrong_status`.
#[utoipa::path(
    delete, path = "/surveys/{id}",
    responses((status = 204, description = "The survey was deleted"), Problems),
)]
async fn delete_survey(
    _caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfMatch,
    write: Write,
) -> Result<Reply> {
    write.delete(async move |tx| Survey::delete(tx, *id, based_on).await).await
}

/// Open a survey
///
/// Moves a draft to open, 进行中. From then on, customers can be sampled.
#[utoipa::path(
    post, path = "/surveys/{id}/open",
    responses(
        (status = 200, description = "The open survey", body = Survey),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn open_survey(
    _caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = SurveyAction::Open;
    write.update(async move |tx| Survey::act(tx, *id, based_on, action).await).await
}

/// Close a survey
///
/// Moves an open survey to closed, 已结束. Its links stop working. The results must be dispatched by
/// `dispatch_due_on`.
#[utoipa::path(
    post, path = "/surveys/{id}/close",
    responses(
        (status = 200, description = "The closed survey", body = Survey),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn close_survey(
    _caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = SurveyAction::Close;
    write.update(async move |tx| Survey::act(tx, *id, based_on, action).await).await
}

/// Dispatch the results of a survey
///
/// 反馈: Records that the results were passed on to the people who act on them, which is due within
/// five working days of the closing. Possible once, otherwise 409 `already_dispatched`. Before the
/// survey is closed: 409 `wrong_status`.
#[utoipa::path(
    post, path = "/surveys/{id}/dispatch",
    responses(
        (status = 200, description = "The survey", body = Survey),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn dispatch_survey(
    _caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Survey::dispatch(tx, *id, based_on).await).await
}

/// List the history of a survey
///
/// Latest first.
#[utoipa::path(
    get, path = "/surveys/{id}/history",
    params(PageQuery),
    responses((status = 200, description = "A page of the history", body = HistoryPage), Problems),
)]
async fn list_survey_history(
    _caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let survey = Survey::find(&mut conn, *id).await?;
    changes::history(&mut conn, &survey, &list).await
}
