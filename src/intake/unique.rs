//! Unique values in batches: numbers, codes, the mark of a primary contact. Only the final state of
//! a batch counts, so that rows may swap such values or pass them on.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Error, Fault, Result, Tx, error};
use uuid::Uuid;

use crate::imported::{Draft, Imported, Unique};

#[derive(QueryableByName)]
struct Holder {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    value: String,
}

/// The claims of all drafts to one unique value.
struct Claims {
    pointer: &'static str,
    release: &'static str,
    /// The index of each draft that gets a new value, with that value
    wanted: Vec<(usize, String)>,
    /// The current holders of the claimed values
    holders: HashMap<String, Uuid>,
    /// The values of the existing rows after the batch
    final_values: HashMap<Uuid, Option<String>>,
}

/// The result of the check: drafts that may not have the value that they claim, and rows that must
/// release a value first.
#[derive(Default)]
pub(crate) struct Verdict {
    pub refused: HashMap<usize, Error>,
    pub releases: Vec<(&'static str, Uuid)>,
}

/// Finds conflicts before anything is written, with one query for each unique value.
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

        let values: HashSet<&str> = claims.iter().map(|claim| claim.1.as_str()).collect();
        let query = diesel::sql_query(*holders)
            .bind::<Array<Text>, _>(values.into_iter().collect::<Vec<_>>())
            .bind::<Text, _>(source_system);
        let rows: Vec<Holder> = query.load(tx.conn()).await?;
        let holders = rows.into_iter().map(|row| (row.value, row.id)).collect();
        let known = drafts.iter().filter(|draft| draft.before.is_some());
        let final_values = known.map(|draft| (draft.after.id(), of(&draft.after))).collect();
        all.push(Claims { pointer, release, wanted: claims, holders, final_values });
    }
    let ids: Vec<Uuid> = drafts.iter().map(|draft| draft.after.id()).collect();
    Ok(settle(&all, &ids))
}

/// Decides which drafts get the values that they claim. The row of a refused draft keeps its value,
/// so drafts that claim that value are refused as well.
fn settle(all: &[Claims], ids: &[Uuid]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut stays: Vec<Uuid> = vec![];
    // For each unique value: the drafts that claim the current value of a row.
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

            // A value is taken if its holder keeps it, or if an earlier draft gets it.
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

    // Refusals propagate along chains of claims. Each row is visited once for a refused draft.
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
        let granted = wanted.iter().filter(|claim| !verdict.refused.contains_key(&claim.0));
        let held = granted.filter_map(|(place, value)| Some((*place, *holders.get(value)?)));
        let others = held.filter(|(place, holder)| *holder != ids[*place]);
        verdict.releases.extend(others.map(|(_, holder)| (*release, holder)));
    }
    verdict
}

fn taken(pointer: &str) -> Error {
    let why = error::taken(pointer);
    Error::conflict("duplicate", why).faults(vec![Fault::new(pointer, "duplicate", why)])
}

/// Releases values of rows that are written with these drafts. Rows of other drafts keep theirs
/// until they are written.
pub(crate) async fn release<R: Imported>(
    tx: &mut Tx,
    drafts: &[&Draft<R>],
    releases: &[(&'static str, Uuid)],
) -> Result<()> {
    if releases.is_empty() {
        return Ok(());
    }

    let written: HashSet<Uuid> = drafts.iter().map(|draft| draft.after.id()).collect();
    let mut by_statement: HashMap<&str, Vec<Uuid>> = HashMap::new();
    for (statement, id) in releases.iter().filter(|release| written.contains(&release.1)) {
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

    /// Settles rows with numbers and codes: `before` the batch, and as `wanted` after it.
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
