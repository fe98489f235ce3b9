//! Targets imported from an ERP. A target that the ERP approved is approved here as well.

use std::collections::HashMap;

use access::Caller;
use company::Company;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Unique};
use platform::batch::ItemKey;
use platform::{Fault, Result, Tx, batch};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{ancestors, lock_tree, refused};
use super::lookup::find_targets;
use super::{REFERENCES, Target, TargetFields, TargetStatus};

/// A target as its ERP sends it: absent fields stay as they are, null clears. A new one requires
/// `owner_type`, `period_type`, `period_start` and `value`. Its default `status` is `approved`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TargetItem {
    #[serde(flatten)]
    key: ItemKey,
    #[schema(inline, nullable = false)]
    status: Option<TargetStatus>,
    #[serde(flatten)]
    fields: TargetFields,
}

intake::references! { TargetItem: REFERENCES }

batch! {
    /// Targets of one source system. Their order does not matter.
    TargetBatch of TargetItem
}

pub struct Context {
    currency: String,
    author: Uuid,
    /// All targets above those of this batch, and those of the batch in their future state
    above: HashMap<Uuid, Target>,
}

/// Selects the ids of targets with their subjects, as [`Target::subject_text`] writes them.
const SUBJECTS: &str = "select id, subject as value from targets, concat_ws(E'\\n', owner_type, \
    coalesce(owner_id::text, ''), coalesce(channel, ''), metric, level, coalesce(dimension, ''), \
    coalesce(dimension_value, ''), period_type, period_start, period_end) as subject \
    where subject = any($1)";

impl Imported for Target {
    type Item = TargetItem;
    type Context = Context;

    const FIND: Find = find_targets;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/period_start",
        of: |target| Some(target.subject_text()),
        holders: SUBJECTS,
        release: "update targets set channel = id::text where id = any($1)",
    }];
    const TOGETHER: &'static [&'static [&'static str]] = &[
        &["owner_type", "owner", "channel"],
        &["period_type", "period_start", "period_end"],
        &["dimension", "dimension_value"],
        &["metric", "level", "currency"],
    ];

    intake::stored! { targets }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        lock_tree(tx).await?;

        let currency = Company::load(tx.conn()).await?.currency;
        let (author, above) = (tx.actor, HashMap::new());
        let mut context = Context { currency, author, above };

        let ours = arrivals.iter().map(|arrival| context.draft(arrival));
        let ours: HashMap<Uuid, Self> = ours.map(|target| (target.id, target)).collect();
        let parents: Vec<Uuid> = ours.values().filter_map(|target| target.parent_id).collect();
        if !parents.is_empty() {
            let stored = ancestors(tx, &parents).await?.into_iter().map(|above| (above.id, above));
            context.above = stored.chain(ours).collect();
        }
        Ok(context)
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let fields = &arrival.item.fields;
        if arrival.before.is_none() {
            let sent = [
                ("owner_type", fields.owner_type.is_some()),
                ("period_type", fields.period_type.is_some()),
                ("period_start", fields.period_start.is_some()),
                ("value", fields.value.is_some()),
            ];
            let missing = sent.iter().filter(|(_, given)| !given);
            let fault =
                |name| Fault::new(format!("/{name}"), "required", "required for a new target");
            let faults: Vec<Fault> = missing.map(|(name, _)| fault(name)).collect();
            if !faults.is_empty() {
                return Err(faults);
            }
        }

        let after = context.draft(arrival);
        let faults = [fields.faults(), after.faults(), context.faults_above(&after)].concat();
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, targets, drafts, |draft| &draft.after,
            keeping ["id", "reason", "authored_by", "created_at"], refused
        );

        Ok(())
    }

    fn parent(&self) -> Option<Uuid> {
        self.parent_id
    }
}

impl Context {
    fn draft(&self, arrival: &Arrival<Target>) -> Target {
        let Arrival { item, before, id, now, .. } = arrival;
        let new = || {
            let status = TargetStatus::Approved;
            Target { status, approved_at: Some(*now), ..Target::blank(*id, self.author, *now) }
        };

        let before = before.clone().unwrap_or_else(new);
        let mut after = before.with(&item.fields, &self.currency);
        if let Some(status) = item.status.filter(|status| *status != before.status) {
            let closed = status == TargetStatus::Closed;
            after.status = status;
            after.closed_at = closed.then_some(*now);
            // An import records no actual; the reports go on computing it.
            after.closed_actual = None;
            if status == TargetStatus::Draft {
                (after.approved_by, after.approved_at) = (None, None);
            } else {
                after.approved_at.get_or_insert(*now);
            }
        }

        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(item.key.external_id.clone());
        after
    }

    /// Returns the faults of the parent, and of the chain above it. The number of steps is bounded,
    /// because a batch may contain a cycle that does not include this target.
    fn faults_above(&self, target: &Target) -> Vec<Fault> {
        let parent = target.parent_id.and_then(|parent| self.above.get(&parent));
        let Some(parent) = parent else { return vec![] };
        let (mut at, mut steps) = (Some(parent), 0);
        while let Some(above) = at {
            steps += 1;
            if above.parent_id == Some(target.id) || steps > self.above.len() {
                let why = "a target cannot be part of itself";
                return vec![Fault::new("/parent_id", "cycle", why)];
            }
            at = above.parent_id.and_then(|parent| self.above.get(&parent));
        }
        target.faults_below(parent)
    }
}
