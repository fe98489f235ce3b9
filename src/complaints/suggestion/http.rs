//! The operations on suggestions.

use access::Can;
use intake::Body;
use platform::{Json, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::{
    NewSuggestion, NewVisitSuggestion, Suggestion, SuggestionAnswer, SuggestionFilter,
    SuggestionPage,
};
use crate::{AnswerSuggestions, ReadSuggestions, WriteSuggestions};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_suggestions,
        create_suggestion,
        create_visit_suggestion,
        read_suggestion,
        answer_suggestion,
        list_suggestion_history,
    );
}

access::list! {
    /// List suggestions
    ///
    /// Returns the suggestions recorded by you or people visible to you, and those of your customers,
    /// latest first.
    list_suggestions: "/suggestions", ReadSuggestions, Suggestion by SuggestionFilter
    -> SuggestionPage,
    "A page of suggestions"
}

access::create! {
    /// Record a suggestion
    ///
    /// Records a suggestion of a customer (客户建议) in the customer's own words. Send an
    /// `Idempotency-Key` so that a phone that was offline can repeat the request safely.
    create_suggestion: "/suggestions", WriteSuggestions, Body<NewSuggestion>
    -> Suggestion, "The new suggestion",
    409: "`customer_merged`, `duplicate`"
}

/// Record a suggestion from a visit
///
/// Records a suggestion that was made during a visit. The visit's customer made it.
#[utoipa::path(
    post, path = "/visits/{id}/suggestions",
    request_body = NewVisitSuggestion,
    responses(
        (status = 201, description = "The new suggestion", body = Suggestion),
        (status = 409, description = "`customer_merged`, `duplicate`"),
        Problems,
    ),
)]
async fn create_visit_suggestion(
    caller: Can<WriteSuggestions>,
    id: Path<Uuid>,
    new: Body<NewVisitSuggestion>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Suggestion::hear(tx, &caller, *id, &new).await).await
}

access::read! {
    /// Read a suggestion
    read_suggestion: "/suggestions/{id}", ReadSuggestions -> Suggestion, "The suggestion"
}

access::action! {
    /// Answer a suggestion
    ///
    /// Moves a new suggestion to `noted` (受理), or a new or noted one to `adopted` (采纳) or
    /// `declined` (不采纳). Adopting and declining require `answer`, the reply to the customer. An
    /// adopted or declined suggestion cannot be changed (409 `wrong_status`).
    answer_suggestion: "/suggestions/{id}/answer", AnswerSuggestions, answer: Json<SuggestionAnswer>
    -> Suggestion by reply(&answer),
    "The suggestion"
}

access::history! {
    /// List the history of a suggestion
    ///
    /// Returns the changes of the suggestion, latest first.
    list_suggestion_history: "/suggestions/{id}/history", ReadSuggestions, Suggestion
}
