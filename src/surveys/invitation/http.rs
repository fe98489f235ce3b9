//! The operations on invitations.

use actix_web::{get, post};
use auth::{Body, Can};
use platform::{Db, IfSent, List, PageQuery, Path, Problems, Reply, Result, Write};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::{
    NewSample, SurveyInvitation, SurveyInvitationFilter, SurveyInvitationPage, SurveyLink,
    SurveySample,
};
use crate::{ReadSurveys, WriteSurveys};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(sample_survey).service(list_survey_invitations).service(renew_survey_link);
}

/// Invite a sample of the customers
///
/// 抽样: of the customers that you see, that fit the filter and that this survey has not invited
/// yet, so many; of each tier in proportion, the largest remainders rounded up. While the survey is
/// open, else 409 `wrong_status`. The answer holds the links: they are shown once and cannot be read
/// again (`renew` makes new ones), so an `Idempotency-Key` has no effect here.
#[utoipa::path(
    tag = "surveys",
    request_body = NewSample,
    responses((status = 200, description = "Who is asked, with the links", body = SurveySample),
        Problems),
)]
#[post("/surveys/{id}/sample")]
async fn sample_survey(
    caller: Can<WriteSurveys>,
    id: Path<Uuid>,
    based_on: IfSent,
    new: Body<NewSample>,
    write: Write,
) -> Result<Reply> {
    let sample =
        async move |tx: &mut _| SurveyInvitation::sample(tx, &caller, *id, based_on, &new).await;
    write.run(async move |tx| Reply::json(&sample(tx).await?).map(Reply::secret)).await
}

/// List who is asked
///
/// Latest first, of the customers that you see. Without the links.
#[utoipa::path(
    tag = "surveys",
    params(SurveyInvitationFilter, PageQuery),
    responses((status = 200, description = "A page of invitations", body = SurveyInvitationPage),
        Problems),
)]
#[get("/surveys/{id}/invitations")]
async fn list_survey_invitations(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    list: List<SurveyInvitationFilter>,
    db: Db,
) -> Result<SurveyInvitationPage> {
    SurveyInvitation::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Give an invitation a new link
///
/// For one that got lost or has expired; the one before is no good from then on. Not when it has
/// been answered (409 `survey_answered`), nor when the survey is not open (409 `wrong_status`). The
/// link is shown once, so an `Idempotency-Key` has no effect here.
#[utoipa::path(
    tag = "surveys",
    responses((status = 200, description = "The invitation with its link", body = SurveyLink),
        Problems),
)]
#[post("/surveys/{id}/invitations/{invitation_id}/renew")]
async fn renew_survey_link(
    caller: Can<WriteSurveys>,
    ids: Path<(Uuid, Uuid)>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write
        .update_secret(async move |tx| SurveyInvitation::renew(tx, &caller, *ids, based_on).await)
        .await
}
