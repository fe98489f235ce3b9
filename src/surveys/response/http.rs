//! Operations on responses, for users of the service.

use access::Can;
use actix_web::web;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{Db, List, PageQuery, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::batch::SurveyResponseBatch;
use super::results::SurveyResults;
use super::{SurveyResponse, SurveyResponseFilter, SurveyResponsePage};
use crate::{ImportSurveyResponses, ReadSurveys};

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_survey_responses, import_survey_responses, read_survey_results);
}

/// List survey responses
///
/// Latest first, for the customers that you can see.
#[utoipa::path(
    get, path = "/surveys/{id}/responses",
    params(SurveyResponseFilter, PageQuery),
    responses((status = 200, description = "A page of responses", body = SurveyResponsePage),
        Problems),
)]
async fn list_survey_responses(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    list: List<SurveyResponseFilter>,
    db: Db,
) -> Result<SurveyResponsePage> {
    SurveyResponse::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Import survey responses
///
/// 外部调查答卷: Answers to an open or closed survey of this service, one for each customer. They count
/// in its results and in the report `satisfaction`. A customer without an invitation gets one that
/// is marked as answered. Scores may have two decimals, and required questions may be missing.
/// Imported answers open no follow-ups.
#[utoipa::path(
    post, path = "/survey-responses/batch",
    params(BatchQuery),
    request_body = SurveyResponseBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_survey_responses(
    caller: Can<ImportSurveyResponses>,
    batch: Batch<SurveyResponseBatch>,
    write: Write,
) -> Result<Reply> {
    let import =
        async move |tx: &mut _| intake::import::<SurveyResponse, _>(tx, &caller, &batch).await;
    write.run(async move |tx| Reply::json(&import(tx).await?)).await
}

/// Read the results of a survey
///
/// NPS 净推荐值, CSAT 满意率 and the response rate, overall, by tier and by region. Covers the customers
/// that you can see, in agreement with the lists.
#[utoipa::path(
    get, path = "/surveys/{id}/results",
    responses((status = 200, description = "The results so far", body = SurveyResults), Problems),
)]
async fn read_survey_results(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    db: Db,
) -> Result<web::Json<SurveyResults>> {
    SurveyResponse::results(&mut *db.conn().await?, &caller, *id).await.map(web::Json)
}
