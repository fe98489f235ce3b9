//! The operations on responses, for those who asked.

use actix_web::{get, post, web};
use auth::Can;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{Db, List, PageQuery, Path, Problems, Reply, Result, Write};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::SurveyResponseBatch;
use super::results::SurveyResults;
use super::{SurveyResponse, SurveyResponseFilter, SurveyResponsePage};
use crate::{ImportSurveyResponses, ReadSurveys};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_survey_responses)
        .service(import_survey_responses)
        .service(read_survey_results);
}

/// List what customers answered
///
/// Latest first, of the customers that you see.
#[utoipa::path(
    tag = "surveys",
    params(SurveyResponseFilter, PageQuery),
    responses((status = 200, description = "A page of responses", body = SurveyResponsePage),
        Problems),
)]
#[get("/surveys/{id}/responses")]
async fn list_survey_responses(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    list: List<SurveyResponseFilter>,
    db: Db,
) -> Result<SurveyResponsePage> {
    SurveyResponse::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Bring answers that were collected elsewhere
///
/// 外部调查答卷: of a survey of this service, open or closed, one for each customer. They count in its
/// results and in the report `satisfaction`; a customer that had no link gets an invitation that is
/// answered. Scores may have two decimals, required questions may be missing. Nobody is asked to follow
/// up an answer of another system.
#[utoipa::path(
    tag = "surveys",
    params(BatchQuery),
    request_body = SurveyResponseBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/survey-responses/batch")]
async fn import_survey_responses(
    caller: Can<ImportSurveyResponses>,
    batch: Batch<SurveyResponseBatch>,
    write: Write,
) -> Result<Reply> {
    let import =
        async move |tx: &mut _| auth::import::<SurveyResponse, _>(tx, &caller, &batch).await;
    write.run(async move |tx| Reply::json(&import(tx).await?)).await
}

/// Read the results of a survey
///
/// NPS 净推荐值, CSAT 满意率 and how many answered, in all, by tier and by region: of the customers
/// that you see, so that it agrees with the lists.
#[utoipa::path(
    tag = "surveys",
    responses((status = 200, description = "The results so far", body = SurveyResults), Problems),
)]
#[get("/surveys/{id}/results")]
async fn read_survey_results(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    db: Db,
) -> Result<web::Json<SurveyResults>> {
    SurveyResponse::results(&mut *db.conn().await?, &caller, *id).await.map(web::Json)
}
