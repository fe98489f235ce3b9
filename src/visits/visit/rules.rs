//! State machine of visits, and the rules for valid visits.

use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use platform::{Date, Error, Fault, Result, Timestamp};
use uuid::Uuid;

use super::{
    CheckKind, GeoStatus, Validity, Visit, VisitCheck, VisitDetails, VisitOutcome, VisitResult,
    VisitStatus,
};

/// Seconds for which a phone may be offline. Beyond that, a manager has to approve the visit.
const OFFLINE_S: i32 = 24 * 3600;

/// Longest visit, in minutes. Beyond that, the check-out was forgotten.
const LONGEST: i64 = 12 * 60;

/// Tolerance for the clock of a phone that is ahead.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_mins(2);

/// Actions on a visit, by a person or by the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitAction {
    Change,
    Reschedule,
    Cancel,
    CheckIn,
    CheckOut,
    Abandon,
    Miss,
    Explain,
    Report,
    Approve,
}

impl VisitStatus {
    pub fn after(self, action: VisitAction) -> Result<Self> {
        use VisitAction::{
            Abandon, Approve, Cancel, Change, CheckIn, CheckOut, Explain, Miss, Report, Reschedule,
        };
        Ok(match (self, action) {
            (Self::Planned, Change | Reschedule) => Self::Planned,
            (Self::Planned, Cancel) => Self::Cancelled,
            (Self::Planned, Miss) | (Self::Missed, Explain) => Self::Missed,
            (Self::Planned | Self::Missed, CheckIn) | (Self::InProgress, Report) => {
                Self::InProgress
            }
            (Self::InProgress, CheckOut) | (Self::Completed, Report | Approve) => Self::Completed,
            (Self::InProgress, Abandon) => Self::Abandoned,
            _ => {
                let detail = "The visit is `{}`, which does not allow this action.";
                return Err(Error::wrong_status(self.as_str(), detail));
            }
        })
    }
}

impl Visit {
    pub(super) fn blank(id: Uuid, owner_id: Uuid, customer_id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            owner_id,
            customer_id,
            created_at: now,
            updated_at: now,
            ..Self::default()
        }
    }

    pub(super) fn with(&self, changes: &VisitDetails) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => VisitDetails {
            visit_type, plan_source, contact_ids, participant_ids, window_from,
            window_to, purpose, remote
        });
        after
    }

    pub(super) fn reported(&self, outcome: &VisitOutcome) -> Self {
        let mut after = self.clone();
        after.outcome = outcome.outcome.or(after.outcome);
        after.refuse_reason = outcome.refuse_reason.or(after.refuse_reason);
        after.summary = outcome.summary.clone().or(after.summary);
        after.next_action = outcome.next_action.clone().or(after.next_action);
        after.next_visit_on = outcome.next_visit_on.or(after.next_visit_on);
        after.complaint_answer = outcome.complaint_answer.or(after.complaint_answer);
        let more = outcome.attachment_ids.iter().flatten();
        let more: Vec<Uuid> =
            more.filter(|id| !self.attachment_ids.contains(id)).copied().collect();
        after.attachment_ids.extend(more);
        after
    }

    /// Returns the contradictions within the visit, no matter who sent it.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        if let (Some(from), Some(to)) = (self.window_from, self.window_to)
            && to <= from
        {
            faults.push(Fault::new("/window_to", "range", "must be after `window_from`"));
        }
        if self.participant_ids.contains(&self.owner_id) {
            let why = "must not contain the owner of the visit";
            faults.push(Fault::new("/participant_ids", "contradiction", why));
        }
        let refused = self.outcome == Some(VisitResult::Refused);
        if refused && self.refuse_reason.is_none() {
            let why = "required when `outcome` is `refused`";
            faults.push(Fault::new("/refuse_reason", "required", why));
        }
        if refused && self.next_visit_on.is_none() {
            let why = "required when `outcome` is `refused`; to give up, mark the customer as lost";
            faults.push(Fault::new("/next_visit_on", "required", why));
        }
        if !refused && self.refuse_reason.is_some() {
            let why = "allowed only when `outcome` is `refused`";
            faults.push(Fault::new("/refuse_reason", "contradiction", why));
        }
        faults.extend(twice("contact_ids", &self.contact_ids));
        faults.extend(twice("participant_ids", &self.participant_ids));
        faults
    }

    /// Returns a fault for each contact of another customer, given the customer of each contact.
    pub(super) fn foreign(&self, customers: &HashMap<Uuid, Uuid>) -> Vec<Fault> {
        let foreign = self.contact_ids.iter().enumerate().filter(|(_, id)| {
            customers.get(id).is_some_and(|customer| *customer != self.customer_id)
        });
        let why = "belongs to another customer";
        let fault = |(index, _)| Fault::new(format!("/contact_ids/{index}"), "contradiction", why);
        foreign.map(fault).collect()
    }

    pub(super) fn check(&self, kind: CheckKind) -> Option<&VisitCheck> {
        self.check_of(self.owner_id, kind)
    }

    pub(super) fn check_of(&self, user: Uuid, kind: CheckKind) -> Option<&VisitCheck> {
        self.checks.iter().find(|check| check.user_id == user && check.kind == kind)
    }

    /// Returns the status on that day: a plan whose day is over is missed, even before the job
    /// marks it.
    pub(super) fn status_on(&self, today: Date) -> VisitStatus {
        match self.status {
            VisitStatus::Planned if self.planned_date < today => VisitStatus::Missed,
            status => status,
        }
    }

    /// Moves the visit to the day of the owner's check-in, on which it counts. The planned day is
    /// kept in `rescheduled_from`.
    pub(super) fn dated(mut self, zone: &TimeZone) -> Self {
        let day = self.check(CheckKind::CheckIn).map(|check| day_of(check.occurred_at, zone));
        if let Some(day) = day.filter(|day| *day != self.planned_date) {
            self.rescheduled_from = Some(self.planned_date);
            self.planned_date = day;
        }
        self
    }

    /// Returns the faults of imported data that cannot be true.
    pub(super) fn impossible(&self, now: Timestamp, today: Date) -> Vec<Fault> {
        use VisitStatus::{Cancelled, Missed, Planned};
        let mut faults = vec![];
        for (name, kind) in [("check_in", CheckKind::CheckIn), ("check_out", CheckKind::CheckOut)] {
            if self.check(kind).is_some_and(|check| check.occurred_at.0 > now.0 + AHEAD) {
                let at = format!("/{name}/occurred_at");
                faults.push(Fault::new(at, "in_future", "must not be in the future"));
            }
        }
        let begun = self.check(CheckKind::CheckIn).is_some();
        if begun && matches!(self.status, Planned | Cancelled | Missed) {
            let why = "contradicts the check-in of the owner";
            faults.push(Fault::new("/status", "contradiction", why));
        }
        if !begun && !matches!(self.status, Planned | Cancelled) && self.planned_date > today {
            let why = "only a planned or cancelled visit can be in the future";
            faults.push(Fault::new("/planned_date", "in_future", why));
        }
        if self.next_visit_on.is_some_and(|next| next < self.planned_date) {
            let why = "must not be before this visit";
            faults.push(Fault::new("/next_visit_on", "range", why));
        }
        faults
    }

    /// Returns true if the owner checked in within the customer's radius.
    pub(super) fn is_in_fence(&self) -> bool {
        self.check(CheckKind::CheckIn).is_some_and(|check| check.geo_status == GeoStatus::InFence)
    }

    /// Sets the duration and the validity, 有效拜访. A valid visit is completed and long enough, has an
    /// outcome and an answer about complaints, and was made within the fence or approved by a
    /// manager. A remote visit is valid only with the outcome `informed`.
    pub(super) fn judged(mut self, least_minutes: i64) -> Self {
        let (start, end) = (self.check(CheckKind::CheckIn), self.check(CheckKind::CheckOut));
        let minutes = |(start, end): (&VisitCheck, &VisitCheck)| {
            end.occurred_at.0.duration_since(start.occurred_at.0).as_mins()
        };
        let evidence = self.is_in_fence();
        let offline = start.iter().chain(&end).any(|check| check.offline_delay_s > OFFLINE_S);
        let minutes = start.zip(end).map(minutes);
        let forgotten = minutes.is_some_and(|minutes| minutes > LONGEST);
        let known = minutes.filter(|_| !forgotten);
        self.duration_min = known.and_then(|minutes| i32::try_from(minutes).ok());

        let complete = self.outcome.is_some()
            && self.complaint_answer.is_some()
            && minutes.is_some_and(|minutes| minutes >= least_minutes);
        self.validity = (self.status == VisitStatus::Completed).then(|| {
            let excused = self.approved_by.is_some();
            if !complete || self.remote && self.outcome != Some(VisitResult::Informed) {
                Validity::Invalid
            } else if excused || (self.remote || evidence) && !offline && !forgotten {
                Validity::Valid
            } else {
                Validity::PendingReview
            }
        });
        self.keep_flag_of_owner();
        self
    }
}

/// Returns the day of an instant in the company's time zone.
pub(super) fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    Date(at.0.to_zoned(zone.clone()).date())
}

/// Returns a fault for each repeated id of a list.
fn twice(name: &str, ids: &[Uuid]) -> Vec<Fault> {
    let again = ids.iter().enumerate().filter(|(index, id)| ids[..*index].contains(id));
    let why = "each id may be listed only once";
    again.map(|(index, _)| Fault::new(format!("/{name}/{index}"), "duplicate", why)).collect()
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;

    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use VisitAction::{
            Abandon, Approve, Cancel, Change, CheckIn, CheckOut, Explain, Miss, Report, Reschedule,
        };
        use VisitStatus::{Abandoned, Cancelled, Completed, InProgress, Missed, Planned};
        let edges = [
            (Planned, Change, Planned),
            (Planned, Reschedule, Planned),
            (Planned, Cancel, Cancelled),
            (Planned, CheckIn, InProgress),
            (Planned, Miss, Missed),
            (Missed, Explain, Missed),
            (Missed, CheckIn, InProgress),
            (InProgress, CheckOut, Completed),
            (InProgress, Abandon, Abandoned),
            (InProgress, Report, InProgress),
            (Completed, Report, Completed),
            (Completed, Approve, Completed),
        ];
        let actions = [
            Change, Reschedule, Cancel, CheckIn, CheckOut, Abandon, Miss, Explain, Report, Approve,
        ];
        for status in [Planned, InProgress, Completed, Cancelled, Missed, Abandoned] {
            for action in actions {
                let expected = edges.iter().find(|it| (it.0, it.1) == (status, action));
                let after = status.after(action);
                let after = after.as_ref().map(|it| *it).map_err(Error::code);
                let expected = expected.map_or(Err("wrong_status"), |it| Ok(it.2));
                assert_eq!(after, expected, "{status:?} {action:?}");
            }
        }
    }

    fn instant(minute: i64) -> Timestamp {
        Timestamp(jiff::Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap())
    }

    fn visit(geo: GeoStatus, offline: i32, minutes: i64) -> Visit {
        let blank = Visit::blank(Uuid::nil(), Uuid::nil(), Uuid::nil(), instant(0));
        let check = |kind, minute| VisitCheck {
            user_id: Uuid::nil(),
            kind,
            occurred_at: instant(minute),
            received_at: instant(minute),
            latitude: None,
            longitude: None,
            sent_coordinate_system: None,
            sent_latitude: None,
            sent_longitude: None,
            accuracy_m: None,
            fix_age_s: None,
            mock: false,
            photo_id: None,
            distance_m: None,
            geo_status: geo,
            offline_delay_s: offline,
            overlapping: false,
        };
        Visit {
            status: VisitStatus::Completed,
            outcome: Some(VisitResult::Informed),
            complaint_answer: Some(false),
            checks: vec![check(CheckKind::CheckIn, 0), check(CheckKind::CheckOut, minutes)].into(),
            ..blank
        }
    }

    #[test]
    fn which_visits_count() {
        use GeoStatus::{InFence, OutOfFence};
        use Validity::{Invalid, PendingReview, Valid};
        let good = visit(InFence, 0, 5);
        let approved = Some(Uuid::max());
        let cases = [
            ("good", good.clone(), Valid),
            ("too short", visit(InFence, 0, 4), Invalid),
            ("no outcome", Visit { outcome: None, ..good.clone() }, Invalid),
            ("no answer", Visit { complaint_answer: None, ..good.clone() }, Invalid),
            ("no evidence", visit(OutOfFence, 0, 5), PendingReview),
            ("offline for a day", visit(InFence, OFFLINE_S, 5), Valid),
            ("offline for longer", visit(InFence, OFFLINE_S + 1, 5), PendingReview),
            ("approved", Visit { approved_by: approved, ..visit(OutOfFence, 0, 5) }, Valid),
            (
                "short all the same",
                Visit { approved_by: approved, ..visit(OutOfFence, 0, 4) },
                Invalid,
            ),
            ("by telephone", Visit { remote: true, ..visit(GeoStatus::Remote, 0, 5) }, Valid),
            (
                "by telephone, to sell",
                Visit { remote: true, outcome: Some(VisitResult::Ordered), ..good.clone() },
                Invalid,
            ),
            ("no check-out", Visit { checks: vec![].into(), ..good.clone() }, Invalid),
            ("half a day", visit(InFence, 0, LONGEST), Valid),
            ("nobody stays so long", visit(InFence, 0, LONGEST + 1), PendingReview),
        ];
        for (name, visit, expected) in cases {
            assert_eq!(visit.judged(5).validity, Some(expected), "{name}");
        }
        let running = Visit { status: VisitStatus::InProgress, ..good };
        assert_eq!(running.judged(5).validity, None);
        assert_eq!(visit(InFence, 0, 61).judged(5).duration_min, Some(61));
        assert_eq!(visit(InFence, 0, LONGEST + 1).judged(5).duration_min, None);
    }
}
