//! Values that only one row may have: numbers, codes, who is the primary contact. Within a batch
//! only the final state counts, so that rows may swap them or pass them on.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Error, Fault, Result, Tx, error};
use uuid::Uuid;

use super::import::{Draft, Imported};

/// A value that no two rows of a table have.
pub struct Unique<R: 'static> {
    /// The field that is at fault when another row has the value
    pub pointer: &'static str,
    /// The value of a row. `None` if it has none, or if the row is not the source's yet
    pub of: fn(&R) -> Option<String>,
    /// `id` and `value` of the rows that hold one of the values `$1`, of source system `$2`
    pub holders: &'static str,
    /// Takes the value away from the rows `$1`, until the batch writes their final state
    pub release: &'static str,
}

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    value: String,
}

/// What the drafts do with one unique value.
struct Claims {
    pointer: &'static str,
    release: &'static str,
    /// Each with its draft and the value that it did not have before
    wanted: Vec<(usize, String)>,
    /// Who holds the claimed values now
    holders: HashMap<String, Uuid>,
    /// What the drafted rows will have
    final_values: HashMap<Uuid, Option<String>>,
}

/// The drafts that may not have what they claim, and rows that must give a value up first.
#[derive(Default)]
pub(crate) struct Verdict {
    pub refused: HashMap<usize, Error>,
    pub releases: Vec<(&'static str, Uuid)>,
}

/// Finds conflicts by one query for each unique value, before anything is written.
pub(crate) async fn judge<R: Imported>(
    tx: &mut Tx,
    source_system: &str,
    drafts: &[&Draft<R>],
) -> Result<Verdict> {
    let mut all = vec![];
    for Unique { pointer, of, holders, release } in R::UNIQUE {
        let claims = drafts.iter().enumerate().filter_map(|(place, draft)| {
            let value = of(&draft.after)?;
            (draft.before.as_ref().and_then(of).as_ref() != Some(&value)).then_some((place, value))
        });
        let claims: Vec<(usize, String)> = claims.collect();
        if claims.is_empty() {
            continue;
        }
        let values: HashSet<&str> = claims.iter().map(|it| it.1.as_str()).collect();
        let query = diesel::sql_query(*holders)
            .bind::<Array<Text>, _>(values.into_iter().collect::<Vec<_>>())
            .bind::<Text, _>(source_system);
        let rows: Vec<Holder> = query.load(tx.conn()).await?;
        let holders = rows.into_iter().map(|row| (row.value, row.id)).collect();
        let known = drafts.iter().filter(|it| it.before.is_some());
        let final_values = known.map(|it| (it.after.id(), of(&it.after))).collect();
        all.push(Claims { pointer, release, wanted: claims, holders, final_values });
    }
    let ids: Vec<Uuid> = drafts.iter().map(|it| it.after.id()).collect();
    Ok(settle(&all, &ids))
}

/// Who gets what. A draft that is refused keeps what it has, so that others who count on it are
/// refused as well.
fn settle(all: &[Claims], ids: &[Uuid]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut stays: Vec<Uuid> = vec![];
    // Of each field: who counts on what a row holds now.
    let mut counting: Vec<HashMap<Uuid, Vec<usize>>> = vec![];
    for Claims { pointer, wanted, holders, final_values, .. } in all {
        let mut winners: HashMap<&str, usize> = HashMap::new();
        let mut count = HashMap::<Uuid, Vec<usize>>::new();
        for (place, value) in wanted {
            let holder = holders.get(value).filter(|holder| **holder != ids[*place]);
            if let Some(holder) = holder {
                count.entry(*holder).or_default().push(*place);
            }
            if verdict.refused.contains_key(place) {
                continue;
            }
            let held = holder.is_some_and(|holder| {
                final_values.get(holder).is_none_or(|last| last.as_ref() == Some(value))
            });
            if held || *winners.entry(value).or_insert(*place) != *place {
                verdict.refused.insert(*place, taken(pointer));
                stays.push(ids[*place]);
            }
        }
        counting.push(count);
    }
    // Each row that stays is looked at once, however long the chain is.
    while let Some(id) = stays.pop() {
        for (Claims { pointer, .. }, count) in all.iter().zip(&counting) {
            for place in count.get(&id).into_iter().flatten() {
                if !verdict.refused.contains_key(place) {
                    verdict.refused.insert(*place, taken(pointer));
                    stays.push(ids[*place]);
                }
            }
        }
    }
    for Claims { release, wanted, holders, .. } in all {
        let granted = wanted.iter().filter(|it| !verdict.refused.contains_key(&it.0));
        let held = granted.filter_map(|(place, value)| Some((*place, *holders.get(value)?)));
        let others = held.filter(|(place, holder)| *holder != ids[*place]);
        verdict.releases.extend(others.map(|it| (*release, it.1)));
    }
    verdict
}

fn taken(pointer: &str) -> Error {
    let why = error::taken(pointer);
    Error::conflict("duplicate", why).faults(vec![Fault::new(pointer, "duplicate", why)])
}

/// Takes their values away from those of the rows that are written with these drafts.
pub(crate) async fn release<R: Imported>(
    tx: &mut Tx,
    drafts: &[&Draft<R>],
    releases: &[(&'static str, Uuid)],
) -> Result<()> {
    if releases.is_empty() {
        return Ok(());
    }
    let written: HashSet<Uuid> = drafts.iter().map(|it| it.after.id()).collect();
    let mut by_statement: HashMap<&str, Vec<Uuid>> = HashMap::new();
    for (statement, id) in releases.iter().filter(|it| written.contains(&it.1)) {
        by_statement.entry(statement).or_default().push(*id);
    }
    for (statement, ids) in by_statement {
        let update = diesel::sql_query(statement).bind::<Array<SqlUuid>, _>(ids);
        update.execute(tx.conn()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows by number: which has which code before, and which wants which.
    fn settled(before: &[(u128, &str)], wanted: &[(u128, &str)]) -> (Vec<usize>, usize) {
        let had = |row| before.iter().find(|it| it.0 == row).map(|it| it.1);
        let claims = wanted.iter().enumerate().filter(|it| had(it.1.0) != Some(it.1.1));
        let claims = claims.map(|(place, it)| (place, it.1.to_owned())).collect();
        let id = Uuid::from_u128;
        let known = wanted.iter().filter(|it| had(it.0).is_some());
        let all = Claims {
            pointer: "/code",
            release: "",
            wanted: claims,
            holders: before.iter().map(|it| (it.1.to_owned(), id(it.0))).collect(),
            final_values: known.map(|it| (id(it.0), Some(it.1.to_owned()))).collect(),
        };
        let ids: Vec<Uuid> = wanted.iter().map(|it| id(it.0)).collect();
        let verdict = settle(&[all], &ids);
        let mut refused: Vec<usize> = verdict.refused.into_keys().collect();
        refused.sort_unstable();
        (refused, verdict.releases.len())
    }

    #[test]
    fn values_are_swapped_and_passed_on() {
        let two = [(1, "A"), (2, "B")];
        assert_eq!(settled(&two, &[(1, "B"), (2, "A")]), (vec![], 2));
        assert_eq!(settled(&two, &[(1, "B"), (2, "C")]), (vec![], 1));
        assert_eq!(settled(&two, &[(2, "C"), (1, "B"), (3, "A")]), (vec![], 2));
    }

    #[test]
    fn what_somebody_keeps_nobody_else_gets() {
        let two = [(1, "A"), (2, "B")];
        assert_eq!(settled(&two, &[(1, "B")]), (vec![0], 0));
        assert_eq!(settled(&two, &[(1, "B"), (2, "B")]), (vec![0], 0));
        assert_eq!(settled(&two, &[(3, "C"), (4, "C")]), (vec![1], 0));
        // The third does not get its code, keeps C, and so does not pass it on.
        let three = [(1, "A"), (2, "B"), (3, "C")];
        assert_eq!(settled(&three, &[(4, "C"), (3, "B")]), (vec![0, 1], 0));
    }
}
