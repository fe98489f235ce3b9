//! Drawing of samples: stratified by tier, in proportion, repeatable by seed.

use std::cmp::Reverse;

use aws_lc_rs::digest::{SHA256, digest};
use customers::customer::{SampledCustomer, Tier};
use uuid::Uuid;

use super::Stratum;

/// Strata in the order in which ties are broken.
const STRATA: [Option<Tier>; 4] = [Some(Tier::A), Some(Tier::B), Some(Tier::C), None];

/// Draws a sample. Returns the strata that have customers, and the drawn customers.
pub(super) fn draw(
    frame: Vec<SampledCustomer>,
    size: usize,
    seed: i64,
) -> (Vec<Stratum>, Vec<SampledCustomer>) {
    let mut frame: Vec<(Vec<u8>, SampledCustomer)> =
        frame.into_iter().map(|customer| (rank(seed, customer.id), customer)).collect();
    frame.sort_unstable_by(|a, b| a.0.cmp(&b.0));

    let of = |tier: Option<Tier>| frame.iter().filter(|ranked| ranked.1.tier == tier).count();
    let counts = STRATA.map(of);
    let shares = allocate(size, &counts);

    let mut drawn = vec![];
    let mut strata = vec![];
    for ((tier, count), share) in STRATA.into_iter().zip(counts).zip(shares) {
        let these = frame.iter().map(|ranked| &ranked.1).filter(|customer| customer.tier == tier);
        drawn.extend(these.take(share).cloned());
        if count > 0 {
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            strata.push(Stratum { tier, customers: number(count), invited: number(share) });
        }
    }
    (strata, drawn)
}

/// Returns the random rank of a customer. Nobody can aim at the order of digests, and it does not
/// depend on the order of the customers.
fn rank(seed: i64, customer: Uuid) -> Vec<u8> {
    let text = [seed.to_be_bytes().as_slice(), customer.as_bytes()].concat();
    digest(&SHA256, &text).as_ref().to_vec()
}

/// Returns the share of each stratum: in proportion to its count, rounded down. The rest goes to
/// the largest remainders, and to the first of equal ones.
fn allocate(size: usize, counts: &[usize]) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let size = size.min(total);
    if total == 0 {
        return vec![0; counts.len()];
    }
    let mut shares: Vec<usize> = counts.iter().map(|count| size * count / total).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|at| (Reverse(size * counts[*at] % total), *at));
    let left = size - shares.iter().sum::<usize>();
    for at in order.into_iter().take(left) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn customers(counts: [usize; 4]) -> Vec<SampledCustomer> {
        let of = |(tier, count): (Option<Tier>, usize)| {
            (0..count).map(move |_| SampledCustomer {
                id: Uuid::now_v7(),
                tier,
                region: None,
                owner_id: None,
            })
        };
        STRATA.into_iter().zip(counts).flat_map(of).collect()
    }

    #[test]
    fn a_table_of_shares() {
        let table: [(usize, [usize; 4], [usize; 4]); 9] = [
            (10, [50, 30, 20, 0], [5, 3, 2, 0]),
            (10, [1, 1, 1, 0], [1, 1, 1, 0]),
            (4, [3, 3, 3, 3], [1, 1, 1, 1]),
            // 1.25 each: the first of the tie
            (5, [3, 3, 3, 3], [2, 1, 1, 1]),
            // 0.5, 1.0, 2.0, 1.5
            (5, [1, 2, 4, 3], [1, 1, 2, 1]),
            // 0.07, 0.7, 6.3
            (7, [1, 9, 80, 0], [0, 1, 6, 0]),
            (1, [0, 0, 5, 6], [0, 0, 0, 1]),
            (3, [0, 0, 0, 0], [0, 0, 0, 0]),
            (100, [2, 0, 3, 1], [2, 0, 3, 1]),
        ];
        for (size, counts, expected) in table {
            assert_eq!(allocate(size, &counts), expected, "{size} of {counts:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_sample_is_stratified_and_repeatable(
            counts in prop::array::uniform4(0_usize..40),
            size in 1_usize..120,
            seed in 0_i64..1_000_000,
        ) {
            let frame = customers(counts);
            let total = frame.len();
            let (strata, drawn) = draw(frame.clone(), size, seed);
            prop_assert_eq!(drawn.len(), size.min(total));
            for stratum in &strata {
                let there = frame.iter().filter(|it| it.tier == stratum.tier).count();
                let invited = drawn.iter().filter(|it| it.tier == stratum.tier).count();
                prop_assert_eq!(stratum.customers, i64::try_from(there).unwrap());
                prop_assert_eq!(stratum.invited, i64::try_from(invited).unwrap());
                prop_assert!(invited <= there);
                // Never a whole customer away from the exact share.
                let (exact, whole) = (size.min(total) * there, total);
                prop_assert!(invited * whole < exact + whole && exact < invited * whole + whole);
            }
            let mut shuffled = frame.clone();
            shuffled.reverse();
            prop_assert_eq!(&draw(shuffled, size, seed), &(strata, drawn.clone()));
            let mut once: Vec<Uuid> = drawn.iter().map(|it| it.id).collect();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), drawn.len());
        }
    }

    #[test]
    fn another_seed_draws_others() {
        let frame = customers([0, 0, 0, 200]);
        let ids = |seed| -> Vec<Uuid> {
            draw(frame.clone(), 20, seed).1.iter().map(|it| it.id).collect()
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }
}
