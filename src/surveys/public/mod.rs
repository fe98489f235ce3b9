//! Where customers answer, without a login: the link is what opens the door. People get pages,
//! programs JSON.

mod limit;
mod page;
mod style;
mod visitor;
mod words;

use actix_web::{HttpRequest, HttpResponse, Responder, get, post, web::Data};
use company::Company;
use customers::customer::name_of;
use platform::deadline::ONE;
use platform::error::Problem;
use platform::{Clock, Conn, Db, Error, Path, Reply, Result, Timestamp, Write};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::invitation::SurveyInvitation;
use crate::response::SurveyResponse;
use crate::response::answers::{Given, SurveyAnswers};
use crate::survey::{Question, Survey};

pub use limit::Limiter;
use visitor::{PublicQuery, Visitor};
pub use visitor::{is_public, readable};

/// A survey, for whoever was invited to answer it
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicSurvey {
    /// Who asks
    #[schema(example = "示范贸易有限公司")]
    pub company_name: String,
    /// Who is asked
    #[schema(example = "上海林氏贸易有限公司")]
    pub customer_name: String,
    pub title_zh: String,
    pub title_en: String,
    pub questions: Vec<Question>,
    /// Until when the link is good
    pub expires_at: Timestamp,
}

/// The answers have come in
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyThanks {
    pub answered_at: Timestamp,
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(read_public_survey).service(answer_public_survey);
}

/// Read a survey by its link
///
/// For the customer who was invited, without a login. A browser gets the form, in Chinese or English
/// as `lang` or Accept-Language says, a program JSON. Reading does not use the link up, as programs
/// that scan mail do it, too. 404 for what is no link, 409 `survey_answered`, 410 `link_expired` or
/// `survey_closed`, 429 `too_many_requests` with Retry-After.
#[utoipa::path(
    tag = "surveys",
    security(()),
    params(("token" = String, Path, description = "What stands in the link",
        example = "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI"), PublicQuery),
    responses(
        (status = 200, description = "The survey", content((PublicSurvey = "application/json"),
            (String = "text/html"))),
        (status = "4XX", description = "It cannot be answered with this link",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = "5XX", description = "The server failed",
            content((Problem = "application/problem+json"), (String = "text/html"))),
    ),
)]
#[get("/public/surveys/{token}")]
async fn read_public_survey(
    visitor: Visitor,
    token: Path<String>,
    db: Db,
    clock: Data<Clock>,
) -> Result<HttpResponse> {
    let survey = PublicSurvey::find(&mut *db.conn().await?, &token, clock.now()).await?;
    Ok(visitor.asked(&survey))
}

/// Answer a survey by its link
///
/// Once: a second answer is 409 `survey_answered`. As JSON, or as the form sends it. At most 16 KiB,
/// a text has 2,000 characters at the most. Who is not satisfied is followed up by the next working
/// day.
#[utoipa::path(
    tag = "surveys",
    security(()),
    params(("token" = String, Path, description = "What stands in the link",
        example = "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI"), PublicQuery),
    request_body(description = "The answers", content(
        (SurveyAnswers = "application/json"),
        (std::collections::HashMap<String, String> = "application/x-www-form-urlencoded",
            example = json!({ "overall": "5", "comment": "交货很快" })),
    )),
    responses(
        (status = 200, description = "Thank you", content((SurveyThanks = "application/json"),
            (String = "text/html"))),
        (status = "4XX", description = "Not with this link, or not like this",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = "5XX", description = "The server failed",
            content((Problem = "application/problem+json"), (String = "text/html"))),
    ),
)]
#[post("/public/surveys/{token}")]
async fn answer_public_survey(
    visitor: Visitor,
    token: Path<String>,
    given: Given,
    req: HttpRequest,
    db: Db,
    write: Write,
) -> Result<HttpResponse> {
    let reply = take(write, &visitor, &token, &given).await;
    visitor.answered(reply, &req, &given, &token, &db).await
}

async fn take(write: Write, visitor: &Visitor, token: &str, given: &Given) -> Result<Reply> {
    let (token, given, language) = (token.to_owned(), given.clone(), visitor.language);
    write
        .within(ONE, async move |tx| {
            let response = SurveyResponse::take(tx, &token, &given, language).await?;
            let thanks = SurveyThanks { answered_at: response.created_at };
            Reply::json(&thanks).map(Reply::secret)
        })
        .await
}

impl PublicSurvey {
    async fn find(conn: &mut Conn, token: &str, now: Timestamp) -> Result<Self> {
        let invitation = SurveyInvitation::find_by_link(conn, token).await?;
        let survey = Survey::find(conn, invitation.survey_id).await?;
        invitation.check_open(&survey, now)?;
        Self::of(conn, &invitation, survey).await
    }

    async fn of(conn: &mut Conn, invitation: &SurveyInvitation, survey: Survey) -> Result<Self> {
        Ok(Self {
            company_name: Company::load(conn).await?.name,
            customer_name: name_of(conn, invitation.customer_id).await?,
            title_zh: survey.title_zh,
            title_en: survey.title_en,
            questions: survey.questions.0,
            expires_at: invitation.expires_at,
        })
    }

    fn title(&self, chinese: bool) -> &str {
        if chinese { &self.title_zh } else { &self.title_en }
    }
}

impl Visitor {
    /// The form, or what stands in it.
    fn asked(&self, survey: &PublicSurvey) -> HttpResponse {
        if self.reads_pages {
            return page::form(survey, self.language, None);
        }
        HttpResponse::Ok().json(survey)
    }

    /// What becomes of an answer: a page of thanks, the form again with what is wrong, or why not.
    async fn answered(
        &self,
        reply: Result<Reply>,
        req: &HttpRequest,
        given: &Given,
        token: &str,
        db: &Db,
    ) -> Result<HttpResponse> {
        match reply {
            Err(error) if self.reads_pages && error.code() == "invalid" => {
                self.asked_again(&error, given, token, &mut *db.conn().await?).await
            }
            Ok(_) if self.reads_pages => Ok(page::thanks(self.language)),
            reply => Ok(reply?.respond_to(req)),
        }
    }

    async fn asked_again(
        &self,
        error: &Error,
        given: &Given,
        token: &str,
        conn: &mut Conn,
    ) -> Result<HttpResponse> {
        let invitation = SurveyInvitation::find_by_link(conn, token).await?;
        let survey = Survey::find(conn, invitation.survey_id).await?;
        let survey = PublicSurvey::of(conn, &invitation, survey).await?;
        let faults = error.problem().errors;
        Ok(page::form(&survey, self.language, Some((given, faults.as_slice()))))
    }
}
