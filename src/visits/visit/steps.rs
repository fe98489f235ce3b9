//! The actions that move visits on, with their checks and effects.

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

/// An action with its request.
pub enum Step<'a> {
    Reschedule(&'a Reschedule),
    Cancel(&'a Reason),
    CheckIn(&'a CheckIn),
    CheckOut(&'a CheckOut),
    Report(&'a VisitOutcome),
    Abandon(&'a Reason),
    Explain(&'a Reason),
    Approve(&'a Reason),
}

impl Step<'_> {
    fn action(&self) -> VisitAction {
        match self {
            Self::Reschedule(_) => VisitAction::Reschedule,
            Self::Cancel(_) => VisitAction::Cancel,
            Self::CheckIn(_) => VisitAction::CheckIn,
            Self::CheckOut(_) => VisitAction::CheckOut,
            Self::Report(_) => VisitAction::Report,
            Self::Abandon(_) => VisitAction::Abandon,
            Self::Explain(_) => VisitAction::Explain,
            Self::Approve(_) => VisitAction::Approve,
        }
    }
}

impl Visit {
    /// Takes an action of the state machine on a visit. A companion's check-in and check-out record
    /// only their own arrival and departure.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        step: Step<'_>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, step.action())?;
        let status = before.status_after(step.action(), caller, tx.today)?;
        let mut after = Self { status, ..before.clone() };

        match step {
            Step::Reschedule(how) => {
                check_day(tx, how.planned_date)?;
                if how.planned_date == before.planned_date {
                    return Ok(before);
                }
                after.planned_date = how.planned_date;
                after.rescheduled_from = Some(before.planned_date);
                after.reason = Some(how.reason.clone());
                (after.window_from, after.window_to) = (None, None);
            }
            Step::Explain(_) if before.status == VisitStatus::Missed && before.reason.is_some() => {
                let detail = "The missed visit has already been explained.";
                return Err(Error::conflict("already_explained", detail));
            }
            Step::Cancel(why) | Step::Abandon(why) | Step::Explain(why) => {
                Check::close_all(tx, &[id]).await?;
                after.reason = Some(why.reason.clone());
            }
            Step::CheckIn(sent) => after = before.check_in(tx, caller, after, sent).await?,
            Step::CheckOut(sent) => return before.check_out(tx, caller, after, sent).await,
            Step::Report(sent) => {
                if before.status == VisitStatus::Completed && before.outcome.is_some() {
                    let detail = "The outcome of this visit has already been reported.";
                    return Err(Error::conflict("outcome_given", detail));
                }
                let company = Company::load(tx.conn()).await?;
                after = after.outcome_of(tx, caller, sent, tx.today).await?;
                after = after.judged(least_minutes(&company));
            }
            Step::Approve(why) => {
                if before.validity != Some(Validity::PendingReview) {
                    let detail =
                        "Only a visit whose `validity` is `pending_review` can be approved.";
                    return Err(Error::conflict("nothing_to_approve", detail));
                }
                let company = Company::load(tx.conn()).await?;
                after.approved_by = Some(caller.id());
                after.reason = Some(why.reason.clone());
                after = after.judged(least_minutes(&company));
            }
        }

        before.save(tx, after).await
    }

    /// Checks that the caller may do this. Owners may do everything except approve; the people who
    /// lead them may only change the plan, and participants may check in and out.
    pub(super) fn check_hand(&self, caller: &Caller, action: VisitAction) -> Result<()> {
        use VisitAction::{Approve, Cancel, Change, CheckIn, CheckOut, Reschedule};
        let mine = self.owner_id == caller.id();
        let leads = || caller.reach().is_none_or(|reach| reach.contains(&self.owner_id));
        let allowed = match action {
            Approve => !mine,
            CheckIn | CheckOut => mine || self.participant_ids.contains(&caller.id()),
            Change | Reschedule | Cancel => mine || leads(),
            _ => mine,
        };
        if allowed {
            return Ok(());
        }

        let (code, detail) = match action {
            Approve => ("self_approval", "You cannot approve your own visit."),
            CheckIn | CheckOut => (
                "not_your_visit",
                "Only the owner and the participants of the visit can check in and out.",
            ),
            _ => ("not_your_visit", "Only the owner of the visit can do this."),
        };
        Err(Error::forbidden_because(code, detail))
    }

    /// Returns the status after an action of the caller. A companion's check-in and check-out leave
    /// it as it is.
    pub(super) fn status_after(
        &self,
        action: VisitAction,
        caller: &Caller,
        today: Date,
    ) -> Result<VisitStatus> {
        let status = self.status_on(today);
        if self.owner_id == caller.id() {
            return status.after(action);
        }
        match action {
            VisitAction::CheckIn if status == VisitStatus::InProgress => Ok(self.status),
            VisitAction::CheckIn => status.after(action).map(|_| self.status),
            VisitAction::CheckOut => Ok(self.status),
            _ => status.after(action),
        }
    }

    /// Returns the visit with the check-in of the caller.
    async fn check_in(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        mut after: Self,
        sent: &CheckIn,
    ) -> Result<Self> {
        let company = Company::load(tx.conn()).await?;
        let zone = zone(&company);
        let missed = self.status_on(tx.today) == VisitStatus::Missed;
        if missed && day_of(sent.occurred_at, &zone) != self.planned_date {
            let detail = "The check-in to a missed visit must be on the planned day. Otherwise, plan \
                a new visit.";
            return Err(Error::conflict("not_on_planned_day", detail));
        }
        if self.check_of(caller.id(), CheckKind::CheckIn).is_some() {
            let detail = "You have already checked in to this visit.";
            return Err(Error::conflict("already_checked_in", detail));
        }

        let check = self.evidence(tx, caller, &company, (CheckKind::CheckIn, sent)).await?;
        // A companion at a visit that is over has left by now.
        let stays = self.owner_id == caller.id() || !missed;
        Check::insert(tx, self.id, &check, stays).await?;
        after.checks.0.push(check);
        Ok(after.in_order().dated(&zone))
    }

    /// Saves the visit with the check-out of the caller. The owner's ends the visit and reports its
    /// outcome.
    async fn check_out(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        mut after: Self,
        sent: &CheckOut,
    ) -> Result<Self> {
        let company = Company::load(tx.conn()).await?;
        let owner = self.owner_id == caller.id();
        if owner {
            let day = day_of(sent.check.occurred_at, &zone(&company));
            after = after.outcome_of(tx, caller, &sent.outcome, day).await?;
            if after.complaint_answer.is_none() {
                let why = "required: did the customer make a complaint or a suggestion?";
                let fault = Fault::new("/complaint_answer", "required", why);
                return Err(Error::invalid(vec![fault]));
            }
        } else if sent.outcome.says_something() {
            let detail = "Only the owner of the visit can report its outcome.";
            return Err(Error::forbidden_because("not_your_visit", detail));
        }

        let Some(start) = self.check_of(caller.id(), CheckKind::CheckIn) else {
            let detail = "You have not checked in to this visit. Check in before you check out.";
            return Err(Error::conflict("not_checked_in", detail));
        };
        if self.check_of(caller.id(), CheckKind::CheckOut).is_some() {
            let detail = "You have already checked out of this visit.";
            return Err(Error::conflict("already_checked_out", detail));
        }
        if sent.check.occurred_at < start.occurred_at {
            let why = "must not be before the check-in";
            return Err(Error::invalid(vec![Fault::new("/occurred_at", "range", why)]));
        }

        let check = (CheckKind::CheckOut, &sent.check);
        let check = self.evidence(tx, caller, &company, check).await?;
        if owner && !self.participant_ids.is_empty() {
            // The visit is over for companions who have not checked out, too.
            Check::close_all(tx, &[self.id]).await?;
        }
        Check::insert(tx, self.id, &check, false).await?;
        after.checks.0.push(check);
        let mut after = after.in_order();
        if !owner {
            return self.save(tx, after).await;
        }

        // Overlapping visits of the owner gain or lose their flags with this one.
        let place = (after.owner_id, after.planned_date);
        let mut flags = Flags::correct(tx, std::iter::once(place)).await?;
        flags.apply(&mut after);
        let after = self.save(tx, after.judged(least_minutes(&company))).await?;
        flags.save(tx).await?;
        Ok(after)
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
