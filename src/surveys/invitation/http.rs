//! Operations on invitations.

use access::Can;
use intake::Body;
use platform::{Db, IfSent, List, PageQuery, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::{
    NewSample, SurveyInvitation, SurveyInvitationFilter, SurveyInvitationPage, SurveyLink,
    SurveySample,
};
use crate::{ReadSurveys, WriteSurveys};

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, sample_survey, list_survey_invitations, renew_survey_link);
}

/// Invite a sample of customers
///
/// 抽样: Draws `size` customers from those that you can see, that match the filter and that this
/// survey has not invited yet. Each tier gets its proportional share, with the largest remainders
/// rounded up. The survey must be open, otherwise 409 `wrong_status`. The links are shown once and
/// cannot be read again (`renew` creates new ones), so an `Idempotency-Key` has no effect here.
#[utoipa::path(
    post, path = "/surveys/{id}/sample",
    request_body = NewSample,
    responses((status = 200, description = "The invitations with their links", body = SurveySample),
        Problems),
)]
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

/// List survey invitations
///
/// Latest first, for the customers that you can see. Links are not included.
#[utoipa::path(
    get, path = "/surveys/{id}/invitations",
    params(SurveyInvitationFilter, PageQuery),
    responses((status = 200, description = "A page of invitations", body = SurveyInvitationPage),
        Problems),
)]
async fn list_survey_invitations(
    caller: Can<ReadSurveys>,
    id: Path<Uuid>,
    list: List<SurveyInvitationFilter>,
    db: Db,
) -> Result<SurveyInvitationPage> {
    SurveyInvitation::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Renew the link of an invitation
///
/// For a link that was lost or has expired. The previous link stops working. Returns 409
/// `survey_answered` if the invitation was answered, and 409 `wrong_status` if the survey is not
/// open. The link is shown once, so an `Idempotency-Key` has no effect here.
#[utoipa::path(
    post, path = "/surveys/{id}/invitations/{invitation_id}/renew",
    responses(
        (status = 200, description = "The invitation with its new link", body = SurveyLink),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
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
