//! Public surveys, opened by a link without a login. Browsers get pages, programs get JSON.

mod limit;
mod page;
mod style;
mod visitor;
mod words;

use actix_web::{HttpRequest, HttpResponse, Responder, web::Data};
use company::Company;
use customers::customer::name_of;
use platform::deadline::ONE;
use platform::error::Problem;
use platform::{Clock, Conn, Db, Error, Path, Reply, Result, Routes, Timestamp, Write};
use serde::Serialize;
use utoipa::ToSchema;

use crate::invitation::SurveyInvitation;
use crate::response::SurveyResponse;
use crate::response::answers::{Given, SurveyAnswers};
use crate::survey::{Question, Survey};

pub use limit::Limiter;
use visitor::{PublicQuery, Visitor};
pub use visitor::{is_public, readable};

/// A survey, for a customer who was invited to answer it
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicSurvey {
    /// The company that asks
    #[schema(example = "示范贸易有限公司")]
    pub company_name: String,
    /// The customer that is asked
    #[schema(example = "上海林氏贸易有限公司")]
    pub customer_name: String,
    pub title_zh: String,
    pub title_en: String,
    pub questions: Vec<Question>,
    /// Expiry of the link
    pub expires_at: Timestamp,
}

/// Confirmation that the answers were received
#[derive(Debug, Serialize, ToSchema)]
pub struct SurveyThanks {
    pub answered_at: Timestamp,
}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, read_public_survey, answer_public_survey);
}

/// Read a survey by its link
///
/// For the invited customer, without a login. A browser gets the form, in Chinese or English
/// according to `lang` or `Accept-Language`; a program gets JSON. Reading does not use the link up,
/// because programs that scan mail open links, too. Returns 404 for an unknown link, 409
/// `survey_answered`, 410 `link_expired` or `survey_closed`, and 429 `too_many_requests` with
/// `Retry-After`.
#[utoipa::path(
    get, path = "/public/surveys/{token}",
    security(()),
    params(("token" = String, Path, description = "The token of the link",
        example = "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI"), PublicQuery),
    responses(
        (status = 200, description = "The survey", content((PublicSurvey = "application/json"),
            (String = "text/html"))),
        (status = "4XX", description = "The survey cannot be answered with this link",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = "5XX", description = "The server failed",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = 410, description = "`survey_closed`"),
        (status = 503, description = "`unavailable`"),
    ),
)]
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
/// Possible once: a second answer returns 409 `survey_answered`. Takes JSON or form data of at most
/// 16 KiB; a text has at most 2,000 characters. A low score opens a follow-up, due at the end of
/// the next working day.
#[utoipa::path(
    post, path = "/public/surveys/{token}",
    security(()),
    params(("token" = String, Path, description = "The token of the link",
        example = "kYmDkGx0g3P4b0v7b0cXwq2mSg0o8oQJb3mC5m3n1mI"), PublicQuery),
    request_body(description = "The answers", content(
        (SurveyAnswers = "application/json"),
        (std::collections::HashMap<String, String> = "application/x-www-form-urlencoded",
            example = json!({ "overall": "5", "comment": "交货很快" })),
    )),
    responses(
        (status = 200, description = "The answers were received",
            content((SurveyThanks = "application/json"), (String = "text/html"))),
        (status = "4XX", description = "The link or the answers are not valid",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = "5XX", description = "The server failed",
            content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = 400, description = "`malformed_json`, `unreadable_body`"),
        (status = 401, description = "`unauthorized`"),
        (status = 410, description = "`link_expired`, `survey_closed`"),
        (status = 413, description = "`body_too_large`"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 422, description = "`invalid`"),
        (status = 429, description = "`too_many_requests`"),
        (status = 503, description = "`busy`, `busy_uploading`, `timeout`, `unavailable`"),
    ),
)]
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
    /// Returns the form for browsers, or the survey as JSON.
    fn asked(&self, survey: &PublicSurvey) -> HttpResponse {
        if self.reads_pages {
            return page::form(survey, self.language, None);
        }
        HttpResponse::Ok().json(survey)
    }

    /// Returns the page of thanks, the form with its faults, or the answer for programs.
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
