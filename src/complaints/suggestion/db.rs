//! Queries on suggestions. Every query that answers a caller starts at `Caller::sees`.

use access::Caller;
use attachments::attachment::attach;
use customers::contact;
use customers::customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use platform::{Change, Conn, Error, Fault, IfSent, List, Resource, Result, Timestamp, Tx};
use schema::suggestions;
use uuid::Uuid;
use visits::visit::{self, Visit};

use super::{
    NewSuggestion, NewVisitSuggestion, Suggestion, SuggestionAnswer, SuggestionDetails,
    SuggestionFilter, SuggestionPage, SuggestionStatus,
};

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a SuggestionFilter,
) -> suggestions::BoxedQuery<'a, Pg> {
    let mut query = suggestions::table.filter(caller.sees::<Suggestion>()).into_boxed();
    platform::filter_by!(
        query,
        suggestions::customer_id.eq(filter.customer_id),
        suggestions::reporter_id.eq(filter.reporter_id),
        suggestions::visit_id.eq(filter.visit_id),
        suggestions::category.eq_any(&filter.category),
        suggestions::status.eq_any(&filter.status),
        suggestions::created_at.ge(filter.created_from),
        suggestions::created_at.lt(filter.created_to),
    );
    query
}

impl Suggestion {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<SuggestionFilter>,
    ) -> Result<SuggestionPage> {
        use suggestions::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, suggestions::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let rows = listed();
        let rows = rows.filter(list.before::<Timestamp, _, _>(created_at, id)?);
        let rows = rows.order((created_at.desc(), id.desc())).limit(list.fetch());
        let rows = rows.select(Self::as_select()).load(conn).await?;

        list.page(rows, total, |suggestion: &Self| (suggestion.created_at, suggestion.id))
    }

    access::rows! { suggestions: pub fn find, fn save }

    async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let row =
            suggestions::table.filter(caller.sees::<Suggestion>()).filter(suggestions::id.eq(id));
        let locked: Uuid = row.select(suggestions::id).for_update().first(tx.conn()).await?;
        // A second statement, so that the customer's owner is read as of the lock, not before the
        // wait.
        Ok(Self::query().filter(suggestions::id.eq(locked)).first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewSuggestion>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        Self::record(tx, caller, (new.customer_id, new.visit_id), new.details).await
    }

    /// Records a suggestion made during a visit that the caller sees. The visit's customer made it.
    pub async fn hear(
        tx: &mut Tx,
        caller: &Caller,
        visit: Uuid,
        new: &Body<NewVisitSuggestion>,
    ) -> Result<Self> {
        let visit = Visit::find(tx.conn(), caller, visit).await?;
        let new = new.resolve(tx.conn(), caller).await?;
        Self::record(tx, caller, (visit.customer_id, Some(visit.id)), new.details).await
    }

    async fn record(
        tx: &mut Tx,
        caller: &Caller,
        (customer_id, visit_id): (Uuid, Option<Uuid>),
        details: SuggestionDetails,
    ) -> Result<Self> {
        let mut suggestion = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id,
            contact_id: details.contact_id,
            visit_id,
            category: details.category,
            text: details.text,
            attachment_ids: details.attachment_ids,
            reporter_id: (!caller.is_machine()).then_some(caller.id()),
            status: SuggestionStatus::New,
            answer: None,
            answered_by: None,
            answered_at: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: None,
        };

        suggestion.look_around(tx).await?;
        let insert = diesel::insert_into(suggestions::table).values(&suggestion);
        insert.execute(tx.conn()).await?;
        let (files, to) = (&suggestion.attachment_ids, (Self::TYPE, suggestion.id));
        attach(tx, caller, files, to, "/attachment_ids").await?;

        tx.record(Change::created(&suggestion)).await?;
        Ok(suggestion)
    }

    /// Checks that the references belong to the suggestion's customer and that the customer is not
    /// merged.
    async fn look_around(&mut self, tx: &mut Tx) -> Result<()> {
        let customers = customer::load(tx.conn(), [self.customer_id]).await?;
        let contacts = contact::customers_of(tx.conn(), self.contact_id).await?;
        let visits = visit::customers_of(tx.conn(), self.visit_id).await?;
        let (of, mut faults) = (self.customer_id, vec![]);
        let named =
            [("/contact_id", self.contact_id, contacts), ("/visit_id", self.visit_id, visits)];
        for (at, id, owners) in named {
            if id.and_then(|id| owners.get(&id)).is_some_and(|customer| *customer != of) {
                faults.push(Fault::new(at, "contradiction", "belongs to another customer"));
            }
        }

        let customer = customers.get(&of);
        if customer.is_some_and(|customer| customer.merged_into_id.is_some()) {
            let why = "merged into another customer";
            faults.push(Fault::new("/customer_id", "customer_merged", why));
        }
        self.customer_owner_id = customer.and_then(|customer| customer.owner_id);

        for (index, id) in self.attachment_ids.iter().enumerate() {
            if self.attachment_ids[..index].contains(id) {
                let at = format!("/attachment_ids/{index}");
                faults.push(Fault::new(at, "duplicate", "each file may be listed only once"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }

    pub async fn reply(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        answer: &SuggestionAnswer,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let status = before.status.after(answer.decision)?;
        answer.check()?;

        let after = Self {
            status,
            answer: answer.answer.clone().or(before.answer.clone()),
            answered_by: Some(tx.actor),
            answered_at: Some(tx.now),
            ..before.clone()
        };
        before.save(tx, after).await
    }
}

customers::merged! {
    suggestions: Suggestion, |row, to| Suggestion {
        customer_id: to.id, customer_owner_id: to.owner_id, ..row
    }
}

/// Returns those of the visits on which a suggestion was recorded.
pub(crate) async fn recorded_on(conn: &mut Conn, visits: &[Uuid]) -> Result<Vec<Uuid>> {
    let rows = suggestions::table.filter(suggestions::visit_id.eq_any(visits));
    Ok(rows.select(suggestions::visit_id.assume_not_null()).load(conn).await?)
}
