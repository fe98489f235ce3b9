//! Rules of targets, without any I/O.

use platform::row_rule::{ACCOUNTS, EVERYBODY};
use platform::{Error, Fault, Money, Result, Timestamp, set};
use uuid::Uuid;

use super::steps::TargetAction;
use super::{
    Dimension, Metric, NewTarget, OwnerType, PeriodType, Target, TargetChanges, TargetFields,
    TargetStatus, period,
};

impl Metric {
    /// Returns whether the metric is in a currency, in contrast to a count.
    pub fn is_amount(self) -> bool {
        match self {
            Self::SignedAmount
            | Self::OrderedAmount
            | Self::InvoicedAmount
            | Self::CollectedAmount
            | Self::GrossMargin => true,
            Self::Quantity | Self::NewCustomers | Self::ValidVisits | Self::NewProductCustomers => {
                false
            }
        }
    }
}

impl NewTarget {
    pub(super) fn fields(&self) -> TargetFields {
        TargetFields {
            owner_type: Some(self.owner_type),
            period_type: Some(self.period_type),
            period_start: Some(self.period_start),
            value: Some(self.value),
            details: self.details.clone(),
        }
    }
}

impl TargetFields {
    /// Checks that `owner_id` comes with `owner_type`, which says what kind of id it is.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let owner = self.details.owner_id.is_some_and(|id| id.is_some());
        if owner && self.owner_type.is_none() {
            return vec![Fault::new("/owner_type", "required", "required with `owner_id`")];
        }
        vec![]
    }
}

impl Target {
    pub(super) fn blank(id: Uuid, author: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            authored_by: author,
            created_at: now,
            updated_at: now,
            ..Self::default()
        }
    }

    /// Returns the target with these fields; `currency` is the company's.
    pub(super) fn with(&self, fields: &TargetFields, currency: &str) -> Self {
        let (mut after, details) = (self.clone(), &fields.details);
        set(&mut after.owner_type, fields.owner_type.as_ref());
        set(&mut after.owner_id, details.owner_id.as_ref());
        set(&mut after.channel, details.channel.as_ref());
        set(&mut after.metric, details.metric.as_ref());
        set(&mut after.level, details.level.as_ref());
        set(&mut after.dimension, details.dimension.as_ref());
        set(&mut after.dimension_value, details.dimension_value.as_ref());
        platform::patch!(after, fields => TargetFields { period_type, period_start; .. });

        let end = details.period_end.or(period::end(after.period_type, after.period_start));
        set(&mut after.period_end, end.as_ref());

        set(&mut after.value, fields.value.as_ref());
        set(&mut after.parent_id, details.parent_id.as_ref());
        set(&mut after.currency, details.currency.as_ref());
        if after.metric.is_amount() {
            after.currency.get_or_insert_with(|| currency.to_owned());
        } else if details.currency.is_none() {
            after.currency = None;
        }
        after
    }

    /// Returns the target after a user's changes: a draft in all fields, an approved one in its
    /// value only.
    pub(super) fn changed(&self, changes: &TargetChanges, currency: &str) -> Result<Self> {
        self.status.after(TargetAction::Change)?;
        let mut after = self.with(&changes.fields, currency);
        if self.status == TargetStatus::Draft {
            after.reason = changes.reason.clone().or(after.reason);
            return Ok(after);
        }

        if (Self { value: self.value, ..after.clone() }) != *self {
            let detail = "Only the value of an approved target can be changed.";
            return Err(Error::conflict("target_approved", detail));
        }

        if after.value != self.value {
            let missing = || Fault::new("/reason", "required", "required when the value changes");
            let reason = changes.reason.clone();
            after.reason = Some(reason.ok_or_else(|| Error::invalid(vec![missing()]))?);
        }

        Ok(after)
    }

    /// Returns the faults that no target may have, not even one that another system sends.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        let mut fault = |at: &str, code: &'static str, why: &str| {
            faults.push(Fault::new(at, code, why));
        };

        let channel = self.owner_type == OwnerType::Channel;
        let owned = !channel && self.owner_type != OwnerType::Company;
        match self.owner_id {
            None if owned => fault("/owner_id", "required", "required for this `owner_type`"),
            Some(_) if !owned => {
                fault("/owner_id", "contradiction", "not allowed for this `owner_type`");
            }
            _ => {}
        }

        match self.channel {
            None if channel => fault("/channel", "required", "required for this `owner_type`"),
            Some(_) if !channel => {
                fault("/channel", "contradiction", "not allowed for this `owner_type`");
            }
            _ => {}
        }

        match (self.dimension, &self.dimension_value) {
            (Some(_), None) => fault("/dimension_value", "required", "required with `dimension`"),
            (None, Some(_)) => fault("/dimension", "required", "required with `dimension_value`"),
            (Some(Dimension::Product | Dimension::Territory), Some(value))
                if value.parse::<Uuid>().is_err() =>
            {
                fault("/dimension_value", "format", "must be the id of a product or territory");
            }
            _ => {}
        }

        let end = period::end(self.period_type, self.period_start);
        match (self.period_type, end) {
            (PeriodType::Custom, _) if self.period_end <= self.period_start => {
                fault("/period_end", "range", "must be after `period_start`");
            }
            (PeriodType::Custom, _) => {}
            (_, None) => fault("/period_start", "period", "no such period starts on this day"),
            (_, Some(end)) if end != self.period_end => {
                fault("/period_end", "period", "must be the end of the period");
            }
            _ => {}
        }

        if self.value < Money::ZERO {
            fault("/value", "range", "0 or more");
        }

        let of_account = matches!(self.metric, Metric::InvoicedAmount | Metric::CollectedAmount);
        if of_account && matches!(self.dimension, Some(Dimension::Product | Dimension::Category)) {
            fault("/dimension", "contradiction", "invoices have no products");
        }

        if self.metric == Metric::SignedAmount {
            let why = "not available yet, because there are no contracts to measure";
            fault("/metric", "metric_not_available", why);
        }

        if self.metric == Metric::ValidVisits {
            if channel {
                fault("/owner_type", "contradiction", "visits have no channel");
            }
            let sales = [Dimension::Product, Dimension::Category, Dimension::Channel];
            if self.dimension.is_some_and(|dimension| sales.contains(&dimension)) {
                fault("/dimension", "contradiction", "visits have no products and no channel");
            }
        }

        if self.currency.is_some() && !self.metric.is_amount() {
            fault("/currency", "contradiction", "only allowed when the metric is an amount");
        }
        faults
    }

    /// Returns the faults of this target as a part of `parent`.
    pub(super) fn faults_below(&self, parent: &Self) -> Vec<Fault> {
        let fault = |code, why| vec![Fault::new("/parent_id", code, why)];
        let measure = |target: &Self| (target.metric, target.level, target.currency.clone());
        if parent.id == self.id {
            return fault("cycle", "a target cannot be part of itself");
        }
        if measure(self) != measure(parent) {
            return fault("mismatch", "the parent has another metric, level or currency");
        }
        if self.period_start < parent.period_start || self.period_end > parent.period_end {
            return fault("period", "the period must be within that of the parent");
        }
        vec![]
    }

    /// Checks that the parts of a target add up to at least its value.
    pub(super) fn check_allocated(&self, allocated: Money) -> Result<()> {
        if allocated >= self.value {
            return Ok(());
        }
        let shown = |amount: Money| {
            platform::money::in_currency(self.currency.as_deref(), || amount.to_string())
        };
        let (allocated, required) = (shown(allocated), shown(self.value));
        let detail =
            format!("The parts of the target add up to {allocated}, but its value is {required}.");
        Err(Error::conflict("target_under_allocated", detail)
            .member("allocated", allocated)
            .member("required", required))
    }

    /// Returns the owners that the row rule names for this target. Only readers who see everything
    /// see targets of channels.
    pub(super) fn watchers(&self) -> Vec<Option<Uuid>> {
        match self.owner_type {
            OwnerType::Company => vec![EVERYBODY],
            OwnerType::Team | OwnerType::User => vec![self.owner_id],
            OwnerType::Customer => vec![self.customer_owner_id, Some(ACCOUNTS)],
            OwnerType::Channel => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use platform::Date;

    use super::*;
    use crate::target::{Level, TargetDetails};

    const ANNA: Uuid = Uuid::from_u128(1);

    fn month() -> Target {
        let fields = TargetFields {
            owner_type: Some(OwnerType::User),
            period_type: Some(PeriodType::Month),
            period_start: Some(Date(date(2026, 11, 1))),
            value: Some(Money(100.into())),
            details: TargetDetails { owner_id: Some(Some(ANNA)), ..Default::default() },
        };
        Target::blank(Uuid::nil(), ANNA, Timestamp::default()).with(&fields, "CNY")
    }

    fn codes(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect()
    }

    #[test]
    fn an_approved_target_changes_in_its_value_for_a_reason() {
        let changes = |value: i64, level, reason: Option<&str>| TargetChanges {
            reason: reason.map(str::to_owned),
            fields: TargetFields {
                value: Some(Money(value.into())),
                details: TargetDetails { level: Some(level), ..Default::default() },
                ..Default::default()
            },
        };
        let approved = Target { status: TargetStatus::Approved, ..month() };
        let code = |changes: &TargetChanges| {
            approved.changed(changes, "CNY").unwrap_err().problem().errors.pop().map_or_else(
                || approved.changed(changes, "CNY").unwrap_err().code().to_owned(),
                |fault| fault.pointer,
            )
        };
        assert_eq!(code(&changes(120, Level::Base, None)), "/reason");
        assert_eq!(code(&changes(100, Level::Stretch, Some("why not"))), "target_approved");
        let after = approved.changed(&changes(120, Level::Base, Some("a shop opens")), "CNY");
        let expected = Target {
            value: Money(120.into()),
            reason: Some("a shop opens".into()),
            ..approved.clone()
        };
        assert_eq!(after.unwrap(), expected);
        assert_eq!(approved.changed(&changes(100, Level::Base, None), "CNY").unwrap(), approved);
        let draft = month().changed(&changes(120, Level::Stretch, None), "CNY").unwrap();
        assert_eq!((draft.level, draft.value), (Level::Stretch, Money(120.into())));
    }

    #[test]
    fn each_rule_of_a_target_violated_once() {
        let month = month();
        assert_eq!(codes(&month.faults()), [""; 0]);
        assert_eq!(month.period_end, Date(date(2026, 12, 1)));
        assert_eq!(month.currency.as_deref(), Some("CNY"));
        let broken = |change: fn(&mut Target)| {
            let mut broken = month.clone();
            change(&mut broken);
            codes(&broken.faults())
        };
        assert_eq!(broken(|it| it.owner_id = None), ["/owner_id required"]);
        assert_eq!(broken(|it| it.owner_type = OwnerType::Company), ["/owner_id contradiction"]);
        assert_eq!(broken(|it| it.channel = Some("shop".into())), ["/channel contradiction"]);
        assert_eq!(
            broken(|it| (it.owner_type, it.owner_id) = (OwnerType::Channel, None)),
            ["/channel required"]
        );
        assert_eq!(
            broken(|it| it.dimension = Some(Dimension::Region)),
            ["/dimension_value required"]
        );
        assert_eq!(broken(|it| it.dimension_value = Some("x".into())), ["/dimension required"]);
        assert_eq!(
            broken(|it| {
                it.dimension = Some(Dimension::Product);
                it.dimension_value = Some("BK-1".into());
            }),
            ["/dimension_value format"]
        );
        assert_eq!(
            broken(|it| it.period_start = Date(date(2026, 11, 2))),
            ["/period_start period"]
        );
        assert_eq!(broken(|it| it.period_end = it.period_start), ["/period_end period"]);
        assert_eq!(
            broken(|it| {
                it.period_type = PeriodType::Custom;
                it.period_end = it.period_start;
            }),
            ["/period_end range"]
        );
        assert_eq!(broken(|it| it.value = Money((-1).into())), ["/value range"]);
        assert_eq!(broken(|it| it.metric = Metric::ValidVisits), ["/currency contradiction"]);
        assert_eq!(broken(|it| it.metric = Metric::SignedAmount), ["/metric metric_not_available"]);
        assert_eq!(
            broken(|it| {
                (it.metric, it.currency) = (Metric::ValidVisits, None);
                it.dimension = Some(Dimension::Category);
                it.dimension_value = Some("x".into());
            }),
            ["/dimension contradiction"]
        );
        let details = TargetDetails { metric: Some(Metric::ValidVisits), ..Default::default() };
        let visits = month.with(&TargetFields { details, ..Default::default() }, "CNY");
        assert_eq!((visits.currency.clone(), codes(&visits.faults())), (None, vec![]));
    }

    #[test]
    fn a_part_lies_within_its_whole() {
        let whole = Target { id: ANNA, ..month() };
        let code = |part: &Target| codes(&part.faults_below(&whole));
        assert_eq!(code(&month()), [""; 0]);
        assert_eq!(code(&whole), ["/parent_id cycle"]);
        assert_eq!(code(&Target { level: Level::Stretch, ..month() }), ["/parent_id mismatch"]);
        assert_eq!(
            code(&Target { currency: Some("USD".into()), ..month() }),
            ["/parent_id mismatch"]
        );
        let longer = Target { period_end: Date(date(2026, 12, 2)), ..month() };
        assert_eq!(code(&longer), ["/parent_id period"]);
    }

    #[test]
    fn the_parts_reach_the_whole() {
        assert!(month().check_allocated(Money(100.into())).is_ok());
        let short = month().check_allocated(Money(99.into())).unwrap_err().problem();
        assert_eq!(short.code, "target_under_allocated");
        assert_eq!(
            (&short.members["allocated"], &short.members["required"]),
            (&"99.00".into(), &"100.00".into())
        );
    }
}
