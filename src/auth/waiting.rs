//! Items of a batch that are kept until what they refer to arrives, and then carried out as if they
//! came once more.

use std::collections::HashSet;
use std::marker::PhantomData;

use futures_util::future::LocalBoxFuture;
use platform::batch::{Batch, Documented, Outcomes};
use platform::{Error, Fault, Result, Tx};
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::Caller;
use super::hooks::{Lot, Parked, Parking};
use super::import::{Draft, Imported, carry_out};

/// What one value refers to.
#[derive(Debug, Default)]
pub struct Resolved {
    pub faults: Vec<Fault>,
    /// Each a fault, too, that may be none tomorrow
    pub missing: Vec<Missing>,
}

/// A reference by external id that leads nowhere, as far as the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Missing {
    pub of: &'static str,
    pub source_system: String,
    pub external_id: String,
}

/// Carries out items that have been kept, once more. Answers also the external ids of what is there.
pub fn again<'a, R>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    source_system: &'a str,
    items: Vec<Value>,
) -> LocalBoxFuture<'a, Result<(Outcomes, Vec<String>)>>
where
    R: Imported,
    R::Item: ToSchema + 'static,
{
    Box::pin(async move {
        let batch = Batch::<Again<R::Item>>::of_parked(source_system, &items);
        carry_out::<R, _>(tx, caller, &batch).await
    })
}

/// A batch that nobody sends.
#[allow(dead_code, reason = "only its type is of use")]
struct Again<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for Again<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Again<T> {}

impl<T: DeserializeOwned + ToSchema + 'static> Documented for Again<T> {
    type Item = T;
}

/// Items that are to be kept, because what they refer to is not there yet.
pub(crate) struct Waiting {
    /// Nothing when they fail
    pub parking: Option<&'static Parking>,
    /// Place, id that it would have got, external id
    pub items: Vec<(usize, Uuid, String, Vec<Missing>)>,
    /// New items that fail: the id that they would have got, external id. Sent again they may arrive.
    pub refused: Vec<(Uuid, String)>,
}

impl Waiting {
    /// It waits if nothing else is wrong with it.
    pub fn takes(&self, of: &Resolved) -> bool {
        let all = of.faults.len() == of.missing.len() && !of.missing.is_empty();
        let arrives = |parking: &Parking| of.missing.iter().all(|it| (parking.arrives)(it.of));
        all && self.parking.is_some_and(arrives)
    }

    /// What is not there yet although its item came, if those that refer to it shall wait.
    pub fn named(&self, id: Uuid) -> Option<&str> {
        self.parking?;
        let items = self.items.iter().map(|it| (it.1, it.2.as_str()));
        let mut all = items.chain(self.refused.iter().map(|it| (it.0, it.1.as_str())));
        all.find(|it| it.0 == id).map(|it| it.1)
    }

    /// An item that fails; if it is new, nothing is there under its name.
    pub fn refuses(&mut self, new: bool, id: Uuid, external_id: String) {
        if new {
            self.refused.push((id, external_id));
        }
    }

    /// In an order in which each row finds its parent; those in a circle fail, and those below one that
    /// waits, or that is refused and not there, wait, too.
    pub fn parents_first<R: Imported>(
        &mut self,
        drafts: Vec<Draft<R>>,
        source_system: &str,
        outcomes: &mut Outcomes,
    ) -> Vec<Draft<R>> {
        if drafts.iter().all(|draft| draft.after.parent().is_none()) {
            return drafts;
        }
        let mut waiting: HashSet<Uuid> = drafts.iter().map(|draft| draft.after.id()).collect();
        let (mut sorted, mut rest) = (Vec::with_capacity(drafts.len()), drafts);
        while !rest.is_empty() {
            let (ready, blocked): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|it| it.after.parent().is_none_or(|parent| !waiting.contains(&parent)));
            if ready.is_empty() {
                let fault = Fault::new("/parent_id", "cycle", "it would be below itself");
                let error = Error::invalid(vec![fault]);
                for draft in blocked {
                    draft.items().for_each(|index| outcomes.failed(index, &error));
                }
                break;
            }
            for draft in ready {
                waiting.remove(&draft.after.id());
                if !self.follows::<R>(draft.index, &draft.after, source_system) {
                    sorted.push(draft);
                }
            }
            rest = blocked;
        }
        sorted
    }

    /// Does it wait because its parent waits, or was refused? Then it is kept.
    pub fn follows<R: Imported>(&mut self, index: usize, row: &R, source_system: &str) -> bool {
        let Some(name) = row.parent().and_then(|parent| self.named(parent)) else { return false };
        let (of, external_id) = (R::TYPE, name.to_owned());
        let missing = Missing { of, source_system: source_system.to_owned(), external_id };
        let own = row.external_id().unwrap_or_default().to_owned();
        self.items.push((index, row.id(), own, vec![missing]));
        true
    }

    pub async fn park<D: Documented>(
        self,
        tx: &mut Tx,
        lot: Lot<'_>,
        batch: &Batch<D>,
        outcomes: &mut Outcomes,
    ) -> Result<()> {
        let Some(parking) = self.parking.filter(|_| !self.items.is_empty()) else { return Ok(()) };
        let room = (parking.room)(tx, lot.source_system).await?;
        let mut parked = vec![];
        for (index, _, external_id, missing) in self.items {
            if parked.len() == room {
                let detail = "too many items of this system wait already";
                outcomes.failed(index, &Error::conflict("too_many_pending", detail));
                continue;
            }
            outcomes.pending(index);
            parked.push(Parked { external_id, item: batch.item(index)?, missing });
        }
        (parking.park)(tx, lot, parked).await
    }
}
