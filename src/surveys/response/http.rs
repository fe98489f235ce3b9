//! The operations on responses, for those who asked.

use actix_web::{get, web};
use auth::Can;
use platform::{Db, List, PageQuery, Path, Problems, Result};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::results::SurveyResults;
use super::{SurveyResponse, SurveyResponseFilter, SurveyResponsePage};
use crate::ReadSurveys;

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_survey_responses).service(read_survey_results);
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
