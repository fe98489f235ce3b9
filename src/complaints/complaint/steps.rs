//! The actions that move complaints on, with their checks and effects.

use access::Caller;
use company::Company;
use company::exchange_rate::{ExchangeRate, converted};
use company::setting;
use intake::Body;
use platform::{Error, Fault, IfSent, Money, Reason, Result, Tx};
use uuid::Uuid;

use super::clock::HIGHEST;
use super::db::{hours, next_filing_no};
use super::requests::{
    Compensation, ComplaintAssignment, ComplaintCall, ComplaintConfirmation, ComplaintRejection,
    ComplaintResolution, ComplaintWithdrawal, NewComplaintProposal, OnTheSpot,
};
use super::rules::{ComplaintAction, authority};
use super::{Complaint, ComplaintProposal, ComplaintStatus, ResolutionMode};

/// An action with its request.
pub enum Step<'a> {
    Accept(Uuid),
    Assign(Uuid),
    Reject(&'a ComplaintRejection),
    Start,
    Wait(&'a Reason),
    Resume,
    Resolve(&'a ComplaintResolution),
    Close,
    Reopen(&'a Reason),
    Withdraw(&'a ComplaintWithdrawal),
    Propose(&'a NewComplaintProposal),
    File,
    Confirm(&'a ComplaintConfirmation),
    FollowUpCall(&'a ComplaintCall),
    Escalate(&'a Reason),
    Dispatch,
}

impl Step<'_> {
    fn action(&self) -> ComplaintAction {
        match self {
            Self::Accept(_) => ComplaintAction::Accept,
            Self::Assign(_) => ComplaintAction::Assign,
            Self::Reject(_) => ComplaintAction::Reject,
            Self::Start => ComplaintAction::Start,
            Self::Wait(_) => ComplaintAction::Wait,
            Self::Resume => ComplaintAction::Resume,
            Self::Resolve(_) => ComplaintAction::Resolve,
            Self::Close => ComplaintAction::Close,
            Self::Reopen(_) => ComplaintAction::Reopen,
            Self::Withdraw(_) => ComplaintAction::Withdraw,
            Self::Propose(_) => ComplaintAction::Propose,
            Self::File => ComplaintAction::File,
            Self::Confirm(_) => ComplaintAction::Confirm,
            Self::FollowUpCall(_) => ComplaintAction::FollowUpCall,
            Self::Escalate(_) => ComplaintAction::Escalate,
            Self::Dispatch => ComplaintAction::Dispatch,
        }
    }
}

impl Complaint {
    /// Takes an action that names an owner.
    pub async fn hand(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        whom: &Body<ComplaintAssignment>,
        step: fn(Uuid) -> Step<'static>,
    ) -> Result<Self> {
        // Find the complaint first: the answer for an invisible one must not depend on the named
        // owner.
        Self::find_for_update(tx, caller, id).await?;
        let ComplaintAssignment { owner_id } = whom.resolve(tx.conn(), caller).await?;
        Self::act(tx, caller, id, based_on, step(owner_id)).await
    }

    /// Takes an action of the state machine on a complaint.
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
        let status = before.status.after(step.action())?;
        let mut after = Self { status, ..before.clone() };

        match step {
            Step::Accept(owner) => {
                after = after.owned_by(owner)?;
                after.clock.first_response_at.get_or_insert(tx.now);
            }
            Step::Assign(owner) => after = after.owned_by(owner)?,
            Step::Reject(why) => after.reject(tx, why)?,
            Step::Start => {}
            Step::Wait(why) => {
                after.status_reason = Some(why.reason.clone());
                // Asking the customer for something counts as interim feedback.
                after.clock.interim_at.get_or_insert(tx.now);
                after.clock.pause(tx.now);
            }
            Step::Resume => {
                after.clock.go_on(tx.now);
                let (_, hours) = hours(tx.conn()).await?;
                after.clock = after.clock.timed(&hours, after.severity, tx.now);
            }
            Step::Resolve(how) => after.resolve(tx, caller, how).await?,
            Step::Close => {
                before.check_settled()?;
                after.clock.closed_at = Some(tx.now);
            }
            Step::Reopen(why) => after.reopen(tx, why).await?,
            Step::Withdraw(why) => {
                after.status_reason = Some(why.statement.clone());
                after.clock.end(tx.now);
            }
            Step::Propose(what) => after.propose(tx, what).await?,
            Step::File => {
                before.check_unfiled()?;
                // The row of the counter is the last lock, so that the next filing waits for a
                // commit only.
                after.settlement.filed_no = Some(next_filing_no(tx).await?);
                after.settlement.filed_by = Some(tx.actor);
                after.settlement.filed_at = Some(tx.now);
            }
            Step::Confirm(how) => {
                if before.settlement.customer_confirmed_at.is_some() {
                    let detail = "The customer has already confirmed the settlement.";
                    return Err(Error::conflict("already_confirmed", detail));
                }
                after.settlement.customer_confirmed_by = Some(how.by);
                after.settlement.customer_confirmed_at = Some(tx.now);
                after.settlement.satisfaction = how.satisfaction.or(before.settlement.satisfaction);
            }
            Step::FollowUpCall(call) => {
                if before.settlement.follow_up_call_at.is_some() {
                    let detail = "A follow-up call has already been recorded.";
                    return Err(Error::conflict("already_called", detail));
                }
                after.settlement.follow_up_call_at = Some(tx.now);
                after.settlement.satisfaction = Some(call.satisfaction);
            }
            Step::Escalate(why) => after.escalate(tx, why)?,
            Step::Dispatch => {
                after.dispatched_at.get_or_insert(tx.now);
            }
        }

        before.save(tx, after).await
    }

    fn reject(&mut self, tx: &Tx, why: &ComplaintRejection) -> Result<()> {
        if !why.customer_informed {
            let message = "must be `true`: inform the customer first";
            let fault = Fault::new("/customer_informed", "required", message);
            return Err(Error::invalid(vec![fault]));
        }
        self.status_reason = Some(why.reason.clone());
        self.settlement.customer_informed = true;
        self.clock.first_response_at.get_or_insert(tx.now);
        self.clock.end(tx.now);
        Ok(())
    }

    async fn resolve(
        &mut self,
        tx: &mut Tx,
        caller: &Caller,
        how: &ComplaintResolution,
    ) -> Result<()> {
        let company = Company::load(tx.conn()).await?;
        let paid = how.compensation.checked(tx, caller, &company, "").await?;
        self.settlement.resolution_mode = Some(ResolutionMode::Office);
        self.settlement.resolution = Some(how.resolution.clone());
        self.settlement.root_cause = Some(how.root_cause.clone());
        self.settlement.compensation_amount = paid.as_ref().map(|paid| paid.0);
        self.settlement.compensation_currency = paid.map(|paid| paid.1);

        self.clock.resolved_at = Some(tx.now);
        self.clock.end(tx.now);
        Ok(())
    }

    /// Resolves a new complaint where it happened. The user who registers it becomes its owner.
    pub(super) async fn settle(
        &mut self,
        tx: &mut Tx,
        caller: &Caller,
        company: &Company,
        how: &OnTheSpot,
    ) -> Result<()> {
        let paid = how.compensation.checked(tx, caller, company, "/resolved").await?;
        let then = self.clock.sla_started_at;
        self.status = ComplaintStatus::Resolved;
        self.owner_id = Some(caller.id());

        self.settlement.resolution_mode = Some(ResolutionMode::OnTheSpot);
        self.settlement.resolution = Some(how.resolution.clone());
        self.settlement.root_cause.clone_from(&how.root_cause);
        self.settlement.compensation_amount = paid.as_ref().map(|paid| paid.0);
        self.settlement.compensation_currency = paid.map(|paid| paid.1);
        self.settlement.customer_confirmed_by = how.customer_confirmed_by;
        self.settlement.customer_confirmed_at = how.customer_confirmed_by.map(|_| then);
        self.settlement.satisfaction = how.satisfaction;

        self.clock.first_response_at = Some(then);
        self.clock.resolved_at = Some(then);
        self.clock.end(then);
        Ok(())
    }

    fn check_unfiled(&self) -> Result<()> {
        match &self.settlement.filed_no {
            None => Ok(()),
            Some(number) => {
                let detail = format!("The complaint is already filed as `{number}`.");
                Err(Error::conflict("already_filed", detail).member("filed_no", number.as_str()))
            }
        }
    }

    /// Checks that the complaint is filed (未备案不得关闭) and that the customer confirmed it or
    /// was called.
    fn check_settled(&self) -> Result<()> {
        if self.settlement.filed_at.is_none() {
            let detail = "The back office has to file the complaint before it can be closed.";
            return Err(Error::conflict("not_filed", detail));
        }
        if !self.settlement.is_confirmed() {
            let detail = "Record the customer's confirmation or a follow-up call first.";
            return Err(Error::conflict("not_confirmed", detail));
        }
        Ok(())
    }

    /// Reopens the complaint (再次追诉): one step more severe, with the clock restarted.
    async fn reopen(&mut self, tx: &mut Tx, why: &Reason) -> Result<()> {
        let (company, hours) = hours(tx.conn()).await?;
        let days = company.settings.get(setting::COMPLAINT_REOPEN_DAYS);
        let since = self.clock.closed_at.or(self.clock.resolved_at).unwrap_or(self.updated_at);
        if tx.now.0.duration_since(since.0) > jiff::SignedDuration::from_hours(24 * days) {
            let detail = format!(
                "A complaint can be reopened within {days} days. Register a new complaint instead."
            );
            return Err(Error::conflict("too_late_to_reopen", detail).member("days", days));
        }

        self.status_reason = Some(why.reason.clone());
        self.severity = self.severity.raised();
        self.reopenings = self.reopenings.saturating_add(1);
        self.settlement = self.settlement.reopened();
        self.clock.restart(tx.now);
        self.clock = self.clock.timed(&hours, self.severity, tx.now);
        Ok(())
    }

    /// Adds a proposal. Repeating a proposal of the same person changes nothing.
    async fn propose(&mut self, tx: &mut Tx, what: &NewComplaintProposal) -> Result<()> {
        if what.cost.is_some_and(|cost| cost < Money::ZERO) {
            return Err(Error::invalid(vec![Fault::new("/cost", "range", "0 or more")]));
        }
        let same = |known: &ComplaintProposal| {
            known.by == tx.actor && known.text == what.text && known.cost == what.cost
        };
        if self.proposals.iter().any(same) {
            return Ok(());
        }

        let mut currency = what.currency.clone().filter(|_| what.cost.is_some());
        if currency.is_none() && what.cost.is_some() {
            currency = Some(Company::load(tx.conn()).await?.currency);
        }
        let odd = what.cost.and_then(|cost| cost.digits_fault("/cost", currency.as_deref()));
        if let Some(fault) = odd {
            return Err(Error::invalid(vec![fault]));
        }

        if what.customer_informed {
            self.clock.interim_at.get_or_insert(tx.now);
        }
        if self.reporter_id == Some(tx.actor) {
            self.clock.proposed_at.get_or_insert(tx.now);
        }

        self.proposals.0.push(ComplaintProposal {
            id: Uuid::now_v7(),
            text: what.text.clone(),
            cost: what.cost,
            currency,
            customer_informed: what.customer_informed,
            by: tx.actor,
            at: tx.now,
        });
        Ok(())
    }

    /// Raises the escalation level by one. Repeating the current reason changes nothing.
    fn escalate(&mut self, tx: &Tx, why: &Reason) -> Result<()> {
        if self.clock.escalation_reason.as_deref() == Some(&*why.reason) {
            return Ok(());
        }
        if self.clock.escalation_level >= HIGHEST {
            let detail = "The complaint is already escalated to the sales director.";
            return Err(Error::conflict("fully_escalated", detail));
        }
        self.clock.escalation_level += 1;
        self.clock.escalation_reason = Some(why.reason.clone());
        self.clock.escalated_at = Some(tx.now);
        Ok(())
    }
}

impl Compensation {
    /// Returns the compensation and its currency if it is within the caller's authority.
    async fn checked(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        company: &Company,
        pointer: &str,
    ) -> Result<Option<(Money, String)>> {
        let Some(amount) = self.compensation_amount else { return Ok(None) };
        let at = format!("{pointer}/compensation_amount");
        if amount < Money::ZERO {
            return Err(Error::invalid(vec![Fault::new(at, "range", "0 or more")]));
        }

        let currency = self.compensation_currency.as_ref().unwrap_or(&company.currency).clone();
        if let Some(fault) = amount.digits_fault(&at, Some(&currency)) {
            return Err(Error::invalid(vec![fault]));
        }
        let (pair, place) = (
            (currency.as_str(), company.currency.as_str()),
            format!("{pointer}/compensation_currency"),
        );
        let today = tx.today;
        let rate = ExchangeRate::required(tx.conn(), pair, today, &place).await?;

        let limit = authority(caller, &company.settings);
        if converted(amount, rate) > limit {
            let why = format!("your role can promise at most {limit} {}", company.currency);
            let fault = Fault::new(at, "authority_exceeded", why);
            return Err(Error::invalid_as("authority_exceeded", vec![fault])
                .member("limit", limit.to_string())
                .member("currency", company.currency.as_str()));
        }
        Ok(Some((amount, currency)))
    }
}
