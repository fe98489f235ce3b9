//! The rules of complaints, free of I/O.

use access::{Caller, Role};
use company::setting::{self, Settings};
use platform::{Error, Fault, Money, Result, Timestamp, set};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::clock::ComplaintClock;
use super::requests::{ComplaintDetails, ComplaintOrigin, SKEW};
use super::settlement::ComplaintSettlement;
use super::{Complaint, ComplaintChanges, ComplaintChannel, ComplaintStatus, Severity};
use crate::{FileComplaints, HandleComplaints};

/// An action on a complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComplaintAction {
    Change,
    Accept,
    Assign,
    Reject,
    Start,
    Wait,
    Resume,
    Resolve,
    Close,
    Reopen,
    Withdraw,
    Propose,
    File,
    Confirm,
    FollowUpCall,
    Escalate,
    Dispatch,
}

impl ComplaintStatus {
    /// Returns the status after an action, or the conflict `wrong_status`.
    pub fn after(self, action: ComplaintAction) -> Result<Self> {
        use ComplaintAction as Do;
        use ComplaintStatus::{
            Accepted, Closed, InProgress, PendingCustomer, Registered, Rejected, Resolved,
            Withdrawn,
        };
        match (self, action) {
            (Registered, Do::Accept) => Ok(Accepted),
            (Registered, Do::Reject) => Ok(Rejected),
            (Accepted, Do::Start)
            | (PendingCustomer, Do::Resume)
            | (Resolved | Closed, Do::Reopen) => Ok(InProgress),
            (InProgress, Do::Wait) => Ok(PendingCustomer),
            (InProgress, Do::Resolve) => Ok(Resolved),
            (Resolved, Do::Close) => Ok(Closed),
            (Registered | Accepted | InProgress, Do::Withdraw) => Ok(Withdrawn),
            (
                Registered | Accepted | InProgress | PendingCustomer,
                Do::Change | Do::Propose | Do::Escalate,
            )
            | (Accepted | InProgress | PendingCustomer, Do::Assign)
            | (
                Registered | Accepted | InProgress | PendingCustomer | Resolved,
                Do::File | Do::Dispatch,
            )
            | (Resolved, Do::Confirm | Do::FollowUpCall) => Ok(self),
            (status, _) => {
                let detail = "The complaint is `{}`, which does not allow this action.";
                Err(Error::wrong_status(status.as_str(), detail))
            }
        }
    }

    /// Returns `true` until the complaint is resolved, closed, rejected or withdrawn.
    pub fn is_open(self) -> bool {
        self.after(ComplaintAction::Change).is_ok()
    }
}

impl Severity {
    /// Returns the severity one step higher. `Urgent` stays.
    #[must_use]
    pub fn raised(self) -> Self {
        match self {
            Self::General => Self::Major,
            Self::Major | Self::Urgent => Self::Urgent,
        }
    }
}

/// Returns the highest compensation that a caller may promise, in the company's currency.
pub(super) fn authority(caller: &Caller, settings: &Settings) -> Money {
    let limits = [
        (Role::Salesperson, setting::COMPLAINT_AUTHORITY_SALESPERSON),
        (Role::SalesManager, setting::COMPLAINT_AUTHORITY_SALES_MANAGER),
        (Role::SalesDirector, setting::COMPLAINT_AUTHORITY_SALES_DIRECTOR),
    ];
    let limits =
        limits.iter().filter(|limit| caller.is(limit.0)).map(|limit| settings.get(limit.1));
    Money(Decimal::from(limits.max().unwrap_or(0)))
}

impl Complaint {
    pub(super) fn blank(id: Uuid, customer_id: Uuid, clock: ComplaintClock) -> Self {
        let received = clock.received_at;
        Self {
            id,
            version: 1,
            customer_id,
            created_at: received,
            updated_at: received,
            clock,
            settlement: ComplaintSettlement::open(received),
            ..Self::default()
        }
    }

    pub(super) fn detailed(&self, origin: &ComplaintOrigin, details: &ComplaintDetails) -> Self {
        let mut after = self.clone();
        set(&mut after.visit_id, origin.visit_id.as_ref());
        platform::patch!(after, details => ComplaintDetails {
            contact_id, product_id, asset_id, order_id, batch_no, about_user_id
        });
        if after.channel == ComplaintChannel::Other && origin.visit_id.flatten().is_some() {
            after.channel = ComplaintChannel::Visit;
        }
        set(&mut after.channel, origin.channel.as_ref());
        after
    }

    pub(super) fn with(&self, changes: &ComplaintChanges) -> Self {
        let mut after = self.detailed(&changes.origin, &changes.details);
        platform::patch!(after, changes => ComplaintChanges {
            category, description, severity, attachment_ids; origin, details
        });
        after
    }

    /// Checks the rules that hold for every complaint, imported ones included.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        if self.owner_id.is_some() && self.owner_id == self.about_user_id {
            faults.push(subject("/about_user_id"));
        }

        let mut seen = std::collections::HashSet::new();
        for (index, id) in self.attachment_ids.iter().enumerate() {
            if !seen.insert(id) {
                let at = format!("/attachment_ids/{index}");
                faults.push(Fault::new(at, "duplicate", "each file may be listed only once"));
            }
        }
        faults
    }

    /// Checks the times of an imported complaint: none before the complaint, none in the future.
    pub(super) fn impossible(&self, now: Timestamp) -> Vec<Fault> {
        let (clock, settlement) = (&self.clock, &self.settlement);
        let mut faults = vec![];
        let mut wrong = |name: &str, code: &'static str, why: &str| {
            faults.push(Fault::new(format!("/{name}"), code, why));
        };

        for (name, at) in [("occurred_at", clock.occurred_at), ("received_at", clock.received_at)] {
            if at.0.duration_since(now.0) > SKEW {
                wrong(name, "in_future", "must not be in the future");
            }
        }

        if clock.occurred_at.0.duration_since(clock.received_at.0) > SKEW {
            wrong("occurred_at", "range", "must not be after the complaint was received");
        }

        for (name, at) in [
            ("first_response_at", clock.first_response_at.filter(|at| Some(*at) != clock.ended_at)),
            ("interim_at", clock.interim_at),
            ("resolved_at", clock.resolved_at),
            ("closed_at", clock.closed_at.filter(|at| Some(*at) != clock.resolved_at)),
            ("filed_at", settlement.filed_at),
            ("customer_confirmed_at", settlement.customer_confirmed_at),
            ("follow_up_call_at", settlement.follow_up_call_at),
        ] {
            let Some(at) = at else { continue };
            if at < clock.sla_started_at {
                wrong(name, "range", "must not be before the complaint was received");
            } else if at.0.duration_since(now.0) > SKEW {
                wrong(name, "in_future", "must not be in the future");
            }
        }

        let ends = clock.resolved_at.zip(clock.closed_at);
        if ends.is_some_and(|(resolved, closed)| closed < resolved) {
            wrong("closed_at", "range", "must not be before `resolved_at`");
        }
        faults
    }

    /// Checks whether the caller may take this action on a visible complaint, whatever its status.
    /// The permission of the operation was checked before.
    pub(super) fn check_hand(&self, caller: &Caller, action: ComplaintAction) -> Result<()> {
        use ComplaintAction as Do;
        let owner = self.owner_id == Some(caller.id());
        let reporter = self.reporter_id == Some(caller.id());
        let refused = |code, detail: &str| Err(Error::forbidden_because(code, detail));

        match action {
            Do::Start | Do::Wait | Do::Resolve if !owner => {
                refused("not_the_owner", "Only the owner of the complaint can do this.")
            }
            Do::Confirm | Do::FollowUpCall if !owner && !caller.may::<FileComplaints>() => refused(
                "not_the_owner",
                "Only the owner of the complaint and the back office can do this.",
            ),
            Do::Withdraw if !reporter => refused(
                "not_the_reporter",
                "Only the person who registered the complaint can withdraw it.",
            ),
            Do::Change if !owner && !reporter && !caller.may::<HandleComplaints>() => refused(
                "not_your_complaint",
                "Only the reporter, the owner and people who accept complaints can change it.",
            ),
            Do::Accept
            | Do::Assign
            | Do::Reject
            | Do::Close
            | Do::Confirm
            | Do::FollowUpCall
            | Do::Withdraw
                if self.about_user_id == Some(caller.id()) =>
            {
                refused(
                    "complaint_about_you",
                    "The complaint is about you, so another person has to handle it.",
                )
            }
            _ => Ok(()),
        }
    }

    /// Sets the owner, who cannot be the person complained about.
    pub(super) fn owned_by(&self, owner: Uuid) -> Result<Self> {
        if self.about_user_id == Some(owner) {
            return Err(Error::invalid_as("owner_is_subject", vec![subject("/owner_id")]));
        }
        Ok(Self { owner_id: Some(owner), ..self.clone() })
    }

    /// Refuses the request with all of its faults.
    pub(super) fn refused_for(faults: Vec<Fault>) -> Result<()> {
        match faults.as_slice() {
            [] => Ok(()),
            [fault] if fault.code == "owner_is_subject" => {
                Err(Error::invalid_as("owner_is_subject", faults))
            }
            _ => Err(Error::invalid(faults)),
        }
    }

    /// Returns the complaint with the breaches as of `now`.
    #[must_use]
    pub fn judged(&self, now: Timestamp) -> Self {
        Self { clock: self.clock.judged(now), ..self.clone() }
    }

    /// Checks whether the caller may change the severity. Users who accept complaints may, except
    /// that owners cannot lower it for themselves, because that extends their due times.
    pub(super) fn check_severity(&self, caller: &Caller, changes: &ComplaintChanges) -> Result<()> {
        let Some(severity) = changes.severity else { return Ok(()) };
        let rank = |of: Severity| Severity::ALL.iter().position(|severity| *severity == of);
        if rank(severity) < rank(self.severity) && self.owner_id == Some(caller.id()) {
            let detail = "You cannot lower the severity of a complaint that you own.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        if caller.may::<HandleComplaints>() {
            return Ok(());
        }
        let why = "can be changed only by people who accept complaints";
        let fault = Fault::new("/severity", "forbidden_field", why);
        let detail = "Only people who accept complaints can change the severity.";
        Err(Error::forbidden().detail(detail).faults(vec![fault]))
    }
}

fn subject(at: &str) -> Fault {
    Fault::new(at, "owner_is_subject", "the person complained about cannot own the complaint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_every_action() {
        use ComplaintAction as Do;
        use ComplaintStatus as Is;
        // Rows: the action; columns: the statuses in their order. Where it leads, or nowhere.
        let open = [Some(Is::Registered), Some(Is::Accepted), Some(Is::InProgress)];
        let row = |some: &[Option<Is>]| {
            let mut row = [None; 8];
            row[..some.len()].copy_from_slice(some);
            row
        };
        let (pending, resolved) = (Some(Is::PendingCustomer), Some(Is::Resolved));
        let unsettled = [open[0], open[1], open[2], pending];
        let until_closed = [open[0], open[1], open[2], pending, resolved];
        let on = Some(Is::InProgress);
        let gone = Some(Is::Withdrawn);
        let table = [
            (Do::Change, row(&unsettled)),
            (Do::Accept, row(&[Some(Is::Accepted)])),
            (Do::Assign, row(&[None, open[1], open[2], pending])),
            (Do::Reject, row(&[Some(Is::Rejected)])),
            (Do::Start, row(&[None, on])),
            (Do::Wait, row(&[None, None, pending])),
            (Do::Resume, row(&[None, None, None, on])),
            (Do::Resolve, row(&[None, None, resolved])),
            (Do::Close, row(&[None, None, None, None, Some(Is::Closed)])),
            (Do::Reopen, row(&[None, None, None, None, on, on])),
            (Do::Withdraw, row(&[gone, gone, gone])),
            (Do::Propose, row(&unsettled)),
            (Do::File, row(&until_closed)),
            (Do::Confirm, row(&[None, None, None, None, resolved])),
            (Do::FollowUpCall, row(&[None, None, None, None, resolved])),
            (Do::Escalate, row(&unsettled)),
            (Do::Dispatch, row(&until_closed)),
        ];
        for (action, expected) in table {
            for (status, expected) in Is::ALL.iter().zip(expected) {
                let after = status.after(action);
                assert_eq!(after.as_ref().ok().copied(), expected, "{status:?} {action:?}");
                if let Err(error) = after {
                    assert_eq!(error.code(), "wrong_status");
                }
            }
        }
    }

    #[test]
    fn authority_is_that_of_the_highest_role() {
        let caller = |roles: &[Role]| {
            Caller::of(access::Person {
                id: Uuid::nil(),
                roles: roles.to_vec(),
                machine: false,
                source_system: None,
                reach: vec![],
                teams: vec![],
            })
        };
        let limit = |roles: &[Role]| authority(&caller(roles), &Settings::default()).to_string();
        assert_eq!(limit(&[Role::BackOffice]), "0.00");
        assert_eq!(limit(&[Role::Salesperson]), "500.00");
        assert_eq!(limit(&[Role::Salesperson, Role::SalesManager]), "5000.00");
    }
}
