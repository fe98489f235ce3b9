//! Rights to write a target and to approve it.

use access::{Caller, Role};
use platform::{Error, Result};

use super::{OwnerType, Target};

impl Target {
    /// Checks that the caller may write this target, whatever its status. The caller has already
    /// found it, so that customers' targets need no further check.
    pub(super) fn check_hand(&self, caller: &Caller) -> Result<()> {
        let all = [Role::Admin, Role::SalesDirector, Role::BackOffice];
        let own = self.owner_type == OwnerType::User && self.owner_id == Some(caller.id());
        let led = match (self.owner_type, &self.owner_id) {
            (OwnerType::User, Some(user)) => caller.people().contains(user),
            (OwnerType::Team, Some(team)) => caller.teams().contains(team),
            (OwnerType::Customer, _) => true,
            _ => false,
        };

        if all.iter().any(|role| caller.is(*role))
            || caller.is(Role::SalesManager) && led
            || caller.is(Role::Salesperson) && own
        {
            return Ok(());
        }

        let detail = "Salespeople can write only their own targets, managers only those of their \
            people and teams.";
        Err(Error::forbidden_because("not_your_target", detail))
    }

    /// Refuses the approval of the caller's own target.
    pub(super) fn check_not_own(&self, caller: &Caller) -> Result<()> {
        if self.owner_type == OwnerType::User && self.owner_id == Some(caller.id()) {
            return Err(self_approval());
        }
        Ok(())
    }

    /// Refuses the approval of a target that the caller drafted or owns.
    pub(super) fn check_approver(&self, caller: &Caller) -> Result<()> {
        if self.authored_by == caller.id() {
            return Err(self_approval());
        }
        self.check_not_own(caller)
    }
}

fn self_approval() -> Error {
    Error::forbidden_because(
        "self_approval",
        "You cannot approve a target that you drafted or that is your own. Another user must \
            approve it.",
    )
}

#[cfg(test)]
mod tests {
    use platform::Timestamp;
    use uuid::Uuid;

    use super::*;

    const ANNA: Uuid = Uuid::from_u128(1);
    const BORIS: Uuid = Uuid::from_u128(2);

    fn caller(id: Uuid, role: Role) -> Caller {
        let (roles, reach) = (vec![role], vec![ANNA, id]);
        let teams = vec![];
        Caller::of(access::Person { id, roles, machine: false, source_system: None, reach, teams })
    }

    fn month() -> Target {
        let (owner_type, owner_id) = (OwnerType::User, Some(ANNA));
        Target { owner_type, owner_id, ..Target::blank(Uuid::nil(), ANNA, Timestamp::default()) }
    }

    #[test]
    fn who_writes_and_who_approves() {
        let mine = month();
        let hand = |it: &Target, id, role| it.check_hand(&caller(id, role)).is_ok();
        assert!(hand(&mine, ANNA, Role::Salesperson));
        assert!(!hand(&mine, BORIS, Role::Salesperson));
        assert!(hand(&mine, BORIS, Role::SalesManager));
        assert!(!hand(&mine, BORIS, Role::Finance));
        let company = Target { owner_type: OwnerType::Company, owner_id: None, ..month() };
        assert!(!hand(&company, BORIS, Role::SalesManager));
        assert!(hand(&company, BORIS, Role::BackOffice));

        let approver = |it: &Target, id, role| it.check_approver(&caller(id, role)).is_ok();
        assert!(approver(&mine, BORIS, Role::SalesManager));
        assert!(!approver(&mine, ANNA, Role::Admin));
        let drafted = Target { authored_by: BORIS, ..month() };
        assert!(!approver(&drafted, BORIS, Role::Admin), "another's, drafted by oneself");
        let own = Target { authored_by: ANNA, owner_id: Some(BORIS), ..month() };
        assert!(!approver(&own, BORIS, Role::SalesManager), "one's own, drafted by another");
    }
}
