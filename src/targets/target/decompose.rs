//! Breakdown of a target into quarters, months, weeks or days 分解: the parts add up to it to the
//! cent.

use access::Caller;
use company::Calendar;
use diesel_async::RunQueryDsl;
use platform::{Change, Error, Fault, IfSent, Money, Number, Result, Tx, money, text_enum};
use rust_decimal::Decimal;
use schema::targets;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{lock_tree, refused};
use super::steps::TargetAction;
use super::{PeriodType, Target, period};

/// Maximum number of parts of one target: the days of a year.
const MOST: usize = 366;

text_enum! {
    /// Basis of the share of each part
    pub enum SplitMethod {
        /// Working days of the part: a holiday gets nothing
        WorkingDays = "working_days",
        Equal = "equal",
        Weights = "weights",
    }
}

/// Periods and method of a breakdown
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "period_type": "week", "method": "working_days" }))]
pub struct Decomposition {
    #[schema(inline)]
    pub(super) period_type: PeriodType,
    #[schema(inline)]
    pub(super) method: SplitMethod,
    /// One weight for each part, in the order of the parts. Required by the method `weights`
    #[schema(max_items = 366, nullable = false)]
    pub(super) weights: Option<Vec<Number>>,
}

/// The parts of a target, by period
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetParts {
    pub items: Vec<Target>,
}

impl Decomposition {
    /// Returns the parts of a target; their values add up to its own.
    pub(super) fn parts(
        &self,
        whole: &Target,
        calendar: &Calendar,
        tx: (Uuid, platform::Timestamp),
    ) -> Result<Vec<Target>> {
        let refuse = |at: &str, code: &'static str, why: &str| {
            Err(Error::invalid(vec![Fault::new(at, code, why)]))
        };

        let (from, to) = (whole.period_start, whole.period_end);
        let Some(periods) = period::parts(self.period_type, from, to, MOST + 1) else {
            return refuse("/period_type", "period", "not possible for this period type");
        };

        match periods.len() {
            0 | 1 => {
                return refuse(
                    "/period_type",
                    "period",
                    "must be shorter than the target's period",
                );
            }
            2..=MOST => {}
            _ => return refuse("/period_type", "too_many", "at most 366 parts"),
        }

        let days = |(_, from, to): &(_, _, _)| calendar.working_days(*from, *to).into();
        let mut weights: Vec<Decimal> = match (self.method, &self.weights) {
            (SplitMethod::WorkingDays, None) => periods.iter().map(days).collect(),
            (SplitMethod::Equal, None) => vec![Decimal::ONE; periods.len()],
            (SplitMethod::Weights, Some(weights)) => {
                weights.iter().map(|weight| weight.0).collect()
            }
            (SplitMethod::Weights, None) => {
                return refuse("/weights", "required", "required with the method `weights`");
            }
            (_, Some(_)) => {
                return refuse(
                    "/weights",
                    "contradiction",
                    "only allowed with the method `weights`",
                );
            }
        };

        if weights.len() != periods.len() {
            let why = format!("requires exactly {} weights, one for each part", periods.len());
            return refuse("/weights", "count", &why);
        }

        if let Some(index) = weights.iter().position(|weight| *weight < Decimal::ZERO) {
            return refuse(&format!("/weights/{index}"), "range", "0 or more");
        }

        if weights.iter().all(Decimal::is_zero) {
            if self.method == SplitMethod::Weights {
                return refuse("/weights", "range", "must not all be 0");
            }
            // A target for holidays only still has to be split.
            weights.fill(Decimal::ONE);
        }

        // A count has no decimals.
        let digits = whole.currency.as_deref().map_or(0, money::minor_digits);
        let values = money::split(whole.value.0, &weights, digits);
        let part = |((period_type, period_start, period_end), value)| Target {
            owner_type: whole.owner_type,
            owner_id: whole.owner_id,
            channel: whole.channel.clone(),
            metric: whole.metric,
            level: whole.level,
            dimension: whole.dimension,
            dimension_value: whole.dimension_value.clone(),
            currency: whole.currency.clone(),
            parent_id: Some(whole.id),
            period_type,
            period_start,
            period_end,
            value: Money(value),
            ..Target::blank(Uuid::now_v7(), tx.0, tx.1)
        };

        Ok(periods.into_iter().zip(values).map(part).collect())
    }
}

impl Target {
    pub async fn decompose(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        how: &Decomposition,
    ) -> Result<TargetParts> {
        lock_tree(tx).await?;
        let whole = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &whole).await?;
        whole.check_hand(caller)?;
        whole.status.after(TargetAction::Decompose)?;
        if whole.allocated(tx).await?.is_some() {
            let detail =
                "The target is already broken down. To repeat this, delete its parts first.";
            return Err(Error::conflict("target_has_parts", detail));
        }

        let calendar = Calendar::load(tx.conn()).await?;
        let items = how.parts(&whole, &calendar, (tx.actor, tx.now))?;
        let insert = diesel::insert_into(targets::table).values(&items);
        insert.execute(tx.conn()).await.map_err(refused)?;
        let changes: Result<Vec<Change>> = items.iter().map(Change::created).collect();
        tx.record_all(&changes?).await?;
        Ok(TargetParts { items })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use platform::{Date, Timestamp};
    use proptest::prelude::*;

    use super::SplitMethod::{Equal, Weights, WorkingDays};
    use super::*;

    fn whole(period_type: PeriodType, start: Date, value: Decimal, currency: &str) -> Target {
        Target {
            period_type,
            period_start: start,
            period_end: period::end(period_type, start).unwrap(),
            value: Money(value),
            currency: Some(currency.to_owned()),
            ..Target::blank(Uuid::nil(), Uuid::nil(), Timestamp::default())
        }
    }

    fn parts(whole: &Target, how: &Decomposition) -> Result<Vec<Target>> {
        how.parts(whole, &Calendar::default(), (Uuid::nil(), Timestamp::default()))
    }

    fn how(period_type: PeriodType, method: SplitMethod) -> Decomposition {
        Decomposition { period_type, method, weights: None }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Σ days = Σ weeks = month, to the cent.
        #[test]
        fn the_parts_of_a_month_add_up_to_it(
            year in 2000_i16..2100,
            month in 1_i8..=12,
            cents in 0_i64..10_000_000_000_000,
            currency in prop::sample::select(vec!["CNY", "JPY", "KWD"]),
            kind in prop::sample::select(vec![PeriodType::Week, PeriodType::Day]),
            method in prop::sample::select(vec![WorkingDays, Equal]),
        ) {
            let value = Decimal::new(cents, money::minor_digits(currency));
            let start = Date(date(year, month, 1));
            let month = whole(PeriodType::Month, start, value, currency);
            let parts = parts(&month, &how(kind, method)).unwrap();
            prop_assert_eq!(parts.iter().map(|it| it.value.0).sum::<Decimal>(), value);
            let ends = parts.iter().map(|it| it.period_end);
            let starts = parts.iter().map(|it| it.period_start);
            prop_assert!(starts.eq([start].into_iter().chain(ends).take(parts.len())));
            prop_assert_eq!(parts.last().unwrap().period_end, month.period_end);
            for part in &parts {
                let faults = [part.faults(), part.faults_below(&month)].concat();
                prop_assert!(faults.is_empty());
                prop_assert!(part.value.0.scale() <= money::minor_digits(currency));
            }
        }
    }

    #[test]
    fn a_day_off_gets_nothing() {
        let july = whole(PeriodType::Month, Date(date(2026, 7, 1)), 230.into(), "CNY");
        let days = parts(&july, &how(PeriodType::Day, WorkingDays)).unwrap();
        let on = |day: usize| days[day - 1].value.0;
        assert_eq!(
            (days.len(), on(3), on(4), on(5), on(6)),
            (31, 10.into(), 0.into(), 0.into(), 10.into())
        );
        // A target for a Saturday and a Sunday only has to go somewhere.
        let mut weekend = july.clone();
        weekend.period_type = PeriodType::Custom;
        weekend.period_start = Date(date(2026, 7, 4));
        weekend.period_end = Date(date(2026, 7, 6));
        let days = parts(&weekend, &how(PeriodType::Day, WorkingDays)).unwrap();
        assert_eq!(days.iter().map(|it| it.value.0).collect::<Vec<_>>(), [115.into(), 115.into()]);
    }

    #[test]
    fn what_is_no_decomposition() {
        let quarter = whole(PeriodType::Quarter, Date(date(2026, 7, 1)), 100.into(), "CNY");
        let refused = |kind, method, weights: Option<&[i64]>| {
            let weights = weights.map(|it| it.iter().map(|it| Number((*it).into())).collect());
            let how = Decomposition { period_type: kind, method, weights };
            let fault = parts(&quarter, &how).unwrap_err().problem().errors.remove(0);
            format!("{} {}", fault.pointer, fault.code)
        };
        assert_eq!(refused(PeriodType::Quarter, Equal, None), "/period_type period");
        assert_eq!(refused(PeriodType::Year, Equal, None), "/period_type period");
        assert_eq!(refused(PeriodType::Custom, Equal, None), "/period_type period");
        assert_eq!(refused(PeriodType::Month, Weights, None), "/weights required");
        assert_eq!(refused(PeriodType::Month, Equal, Some(&[1, 1, 1])), "/weights contradiction");
        assert_eq!(refused(PeriodType::Month, Weights, Some(&[1, 1])), "/weights count");
        assert_eq!(refused(PeriodType::Month, Weights, Some(&[1, -1, 1])), "/weights/1 range");
        assert_eq!(refused(PeriodType::Month, Weights, Some(&[0, 0, 0])), "/weights range");
        let weights = Some([1, 0, 2].map(|it| Number(it.into())).to_vec());
        let how = Decomposition { period_type: PeriodType::Month, method: Weights, weights };
        let values = parts(&quarter, &how).unwrap();
        let values: Vec<String> = values.iter().map(|it| it.value.to_string()).collect();
        assert_eq!(values, ["33.33", "0.00", "66.67"]);
    }
}
