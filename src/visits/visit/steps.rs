//! Actions on a visit: reschedule, check in, check out, report, explain, approve.

use access::Caller;
use attachments::attachment::attach;
use company::Company;
use company::setting;
use follow_ups::follow_up::{FollowUp, Opened, Source};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use platform::{Date, Error, Fault, IfSent, Reason, Result, Tx};
use uuid::Uuid;

use super::checks::Check;
use super::db::place_of;
use super::evidence::CheckContext;
use super::overlap::Flags;
use super::rules::day_of;
use super::{
    CheckIn, CheckKind, CheckOut, Reschedule, Validity, Visit, VisitAction, VisitCheck,
    VisitOutcome, VisitStatus,
};
use crate::hooks::complained_on;

impl Visit {
    pub async fn reschedule(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        how: &Reschedule,
    ) -> Result<Self> {
        let before = Self::begin(tx, caller, id, based_on, VisitAction::Reschedule).await?;
        check_day(tx, how.planned_date)?;
        if how.planned_date == before.planned_date {
            return Ok(before);
        }

        let after = Self {
            planned_date: how.planned_date,
            rescheduled_from: Some(before.planned_date),
            reason: Some(how.reason.clone()),
            window_from: None,
            window_to: None,
            ..before.clone()
        };
        before.save(tx, after).await
    }

    /// Cancels, abandons or explains the visit.
    pub async fn excuse(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        action: VisitAction,
        why: &Reason,
    ) -> Result<Self> {
        let before = Self::begin(tx, caller, id, based_on, action).await?;
        let missed = before.status == VisitStatus::Missed;
        if action == VisitAction::Explain && missed && before.reason.is_some() {
            let detail = "The missed visit has already been explained.";
            return Err(Error::conflict("already_explained", detail));
        }
        let status = before.status_on(tx.today).after(action)?;
        Check::close_all(tx, &[id]).await?;
        before.save(tx, Self { status, reason: Some(why.reason.clone()), ..before.clone() }).await
    }

    /// Checks the caller in. The owner's check-in begins the visit; a companion's records only
    /// their arrival.
    pub async fn check_in(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        sent: &CheckIn,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;

        let company = Company::load(tx.conn()).await?;
        let zone = zone(&company);
        let mut after = before.clone();
        let (owner, status) = (before.is_owner(caller)?, before.status_on(tx.today));
        if owner {
            after.status = status.after(VisitAction::CheckIn)?;
        } else if !matches!(status, VisitStatus::Planned | VisitStatus::InProgress) {
            status.after(VisitAction::CheckIn)?;
        }
        let day = day_of(sent.occurred_at, &zone);
        if status == VisitStatus::Missed && day != before.planned_date {
            let detail = "The check-in to a missed visit must be on the planned day. Otherwise, plan \
                a new visit.";
            return Err(Error::conflict("not_on_planned_day", detail));
        }
        if before.check_of(caller.id(), CheckKind::CheckIn).is_some() {
            let detail = "You have already checked in to this visit.";
            return Err(Error::conflict("already_checked_in", detail));
        }

        let check = before.evidence(tx, caller, &company, (CheckKind::CheckIn, sent)).await?;
        // A companion at a visit that is over has left by now.
        let stays = owner || status != VisitStatus::Missed;
        Check::insert(tx, id, &check, stays).await?;
        after.checks.0.push(check);
        before.save(tx, after.in_order().dated(&zone)).await
    }

    /// Checks the caller out. The owner's check-out ends the visit and reports its outcome; a
    /// companion's records only their departure.
    pub async fn check_out(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        sent: &CheckOut,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let company = Company::load(tx.conn()).await?;
        let mut after = before.clone();
        let owner = before.is_owner(caller)?;

        if owner {
            let status = before.status.after(VisitAction::CheckOut)?;
            let day = day_of(sent.check.occurred_at, &zone(&company));
            after = Self { status, ..before.outcome_of(tx, caller, &sent.outcome, day).await? };
            if after.complaint_answer.is_none() {
                let why = "required: did the customer make a complaint or a suggestion?";
                let fault = Fault::new("/complaint_answer", "required", why);
                return Err(Error::invalid(vec![fault]));
            }
        } else if sent.outcome.says_something() {
            let detail = "Only the owner of the visit can report its outcome.";
            return Err(Error::forbidden_because("not_your_visit", detail));
        }

        let Some(start) = before.check_of(caller.id(), CheckKind::CheckIn) else {
            let detail = "You have not checked in to this visit. Check in before you check out.";
            return Err(Error::conflict("not_checked_in", detail));
        };
        if before.check_of(caller.id(), CheckKind::CheckOut).is_some() {
            let detail = "You have already checked out of this visit.";
            return Err(Error::conflict("already_checked_out", detail));
        }
        if sent.check.occurred_at < start.occurred_at {
            let why = "must not be before the check-in";
            return Err(Error::invalid(vec![Fault::new("/occurred_at", "range", why)]));
        }

        let check = (CheckKind::CheckOut, &sent.check);
        let check = before.evidence(tx, caller, &company, check).await?;
        if owner && !before.participant_ids.is_empty() {
            // The visit is over for companions who have not checked out, too.
            Check::close_all(tx, &[id]).await?;
        }
        Check::insert(tx, id, &check, false).await?;
        after.checks.0.push(check);
        let mut after = after.in_order();
        if !owner {
            return before.save(tx, after).await;
        }

        // Overlapping visits of the owner gain or lose their flags with this one.
        let place = (after.owner_id, after.planned_date);
        let mut flags = Flags::correct(tx, std::iter::once(place)).await?;
        flags.apply(&mut after);
        let after = before.save(tx, after.judged(least_minutes(&company))).await?;
        flags.save(tx).await?;
        Ok(after)
    }

    /// Reports the outcome that was not reported at the check-out.
    pub async fn report(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        sent: &VisitOutcome,
    ) -> Result<Self> {
        let before = Self::begin(tx, caller, id, based_on, VisitAction::Report).await?;
        if before.status == VisitStatus::Completed && before.outcome.is_some() {
            let detail = "The outcome of this visit has already been reported.";
            return Err(Error::conflict("outcome_given", detail));
        }
        let company = Company::load(tx.conn()).await?;
        let after = before.outcome_of(tx, caller, sent, tx.today).await?;
        before.save(tx, after.judged(least_minutes(&company))).await
    }

    /// Answers the complaint question after a complaint was recorded on this visit. Does nothing if
    /// it is answered already, or if the status takes no report.
    pub async fn complained(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        if before.complaint_answer.is_some() || before.status.after(VisitAction::Report).is_err() {
            return Ok(before);
        }
        let company = Company::load(tx.conn()).await?;
        let after = Self { complaint_answer: Some(true), ..before.clone() };
        before.save(tx, after.judged(least_minutes(&company))).await
    }

    /// Accepts the visit as valid although its evidence is missing.
    pub async fn approve(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        why: &str,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        if before.owner_id == caller.id() {
            let detail = "You cannot approve your own visit.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        before.status.after(VisitAction::Approve)?;
        if before.validity != Some(Validity::PendingReview) {
            let detail = "Only a visit whose `validity` is `pending_review` can be approved.";
            return Err(Error::conflict("nothing_to_approve", detail));
        }

        let company = Company::load(tx.conn()).await?;
        let (approved_by, reason) = (Some(caller.id()), Some(why.to_owned()));
        let after = Self { reason, approved_by, ..before.clone() };
        before.save(tx, after.judged(least_minutes(&company))).await
    }

    /// Locks the visit, then checks its version, the caller's right to the action and the status.
    async fn begin(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        action: VisitAction,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, action)?;
        before.status_on(tx.today).after(action)?;
        Ok(before)
    }

    /// Returns `false` for companions; fails for callers who take no part in the visit.
    fn is_owner(&self, caller: &Caller) -> Result<bool> {
        let mine = self.owner_id == caller.id();
        if mine || self.participant_ids.contains(&caller.id()) {
            return Ok(mine);
        }
        let detail = "Only the owner and the participants of the visit can check in and out.";
        Err(Error::forbidden_because("not_your_visit", detail))
    }

    pub(super) fn in_order(mut self) -> Self {
        self.checks.0.sort_by_key(|check| (check.occurred_at, check.kind.as_str(), check.user_id));
        self
    }

    /// Returns the visit with its outcome as of that day, and creates its follow-up. Attaches the
    /// files.
    async fn outcome_of(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        sent: &VisitOutcome,
        day: Date,
    ) -> Result<Self> {
        let mut after = self.reported(sent);
        let mut faults = after.faults();
        if sent.next_visit_on.is_some_and(|next| next < day) {
            let why = "the next visit must not be in the past";
            faults.push(Fault::new("/next_visit_on", "range", why));
        }

        let recorded = complained_on(tx, &[self.id]).await?;
        if !recorded.is_empty() {
            if sent.complaint_answer == Some(false) {
                faults.push(complained());
            }
            after.complaint_answer.get_or_insert(true);
        }

        if sent.follow_up.is_some() && self.follow_up_id.is_some() {
            faults.push(Fault::new("/follow_up", "duplicate", "the visit already has a follow-up"));
        }
        if let Some(step) = &sent.follow_up {
            let instruction = step.instruction.clone().or_else(|| after.next_action.clone());
            if instruction.is_none() {
                let why = "required when the visit has no `next_action`";
                faults.push(Fault::new("/follow_up/instruction", "required", why));
            }
            if step.due_at < tx.now {
                faults.push(Fault::new("/follow_up/due_at", "range", "must be in the future"));
            }
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        if let Some(ids) = &sent.attachment_ids {
            attach(tx, caller, ids, ("visit", self.id), "/attachment_ids").await?;
        }

        if let Some(step) = &sent.follow_up {
            let instruction = step.instruction.clone().or_else(|| after.next_action.clone());
            let opened = Opened {
                customer_id: self.customer_id,
                assignee_id: self.owner_id,
                instruction: instruction.unwrap_or_default(),
                due_at: step.due_at,
                source: Source::Visit,
                source_id: Some(self.id),
            };
            after.follow_up_id = Some(FollowUp::open(tx, opened).await?.id);
        }
        Ok(after)
    }

    /// Returns the judged check for the data that the phone sent.
    async fn evidence(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        company: &Company,
        (kind, sent): (CheckKind, &CheckIn),
    ) -> Result<VisitCheck> {
        let oldest = i64::from(24_u8) * company.settings.get(setting::VISIT_OFFLINE_DAYS);
        let faults = sent.faults(tx.now, SignedDuration::from_hours(oldest));
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        if let Some(photo) = sent.photo_id {
            attach(tx, caller, &[photo], ("visit", self.id), "/photo_id").await?;
        }

        let customer = place_of(tx.conn(), self.customer_id).await?;
        let circumstances = CheckContext {
            received_at: tx.now,
            customer,
            radius_m: company.settings.get(setting::VISIT_RADIUS_M),
            system: company.coordinate_system,
        };
        Ok(sent.check(self, caller.id(), kind, circumstances))
    }
}

/// Returns the fault for denying a complaint that was recorded on the visit.
pub(super) fn complained() -> Fault {
    let why = "must not be `false`: a complaint or suggestion was recorded on this visit";
    Fault::new("/complaint_answer", "contradiction", why)
}

impl VisitOutcome {
    fn says_something(&self) -> bool {
        self.outcome.is_some()
            || self.refuse_reason.is_some()
            || self.summary.is_some()
            || self.next_action.is_some()
            || self.next_visit_on.is_some()
            || self.complaint_answer.is_some()
            || self.follow_up.is_some()
            || self.attachment_ids.is_some()
    }
}

/// Checks a day to plan for: today or later, and within a year.
pub(super) fn check_day(tx: &Tx, day: Date) -> Result<()> {
    if day < tx.today || day.0 > tx.today.0.saturating_add(366.days()) {
        let why = "must be today or later, within one year";
        return Err(Error::invalid(vec![Fault::new("/planned_date", "range", why)]));
    }
    Ok(())
}

pub(super) fn least_minutes(company: &Company) -> i64 {
    company.settings.get(setting::VISIT_LEAST_MINUTES)
}

pub(super) fn zone(company: &Company) -> TimeZone {
    TimeZone::get(&company.time_zone).unwrap_or(TimeZone::UTC)
}
