//! Memberships of users in teams, 团队成员, with their time and leadership.
//!
//! Memberships are a part of the user: they are written under the lock of the user's row, and each
//! change makes a new version of the user.

mod db;
pub mod http;

use diesel::prelude::*;
use intake::Reference;
use platform::{Date, Error, Fault, Result, Timestamp, page, resource};
use schema::memberships;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::user::find_users;

pub use db::team_paths;
pub(crate) use db::{of_people, store};

/// A period for which a user is in a team.
#[derive(Debug, Clone, PartialEq, Serialize, HasQuery, Insertable)]
#[diesel(table_name = memberships, treat_none_as_default_value = false)]
pub struct Stay {
    pub id: Uuid,
    #[serde(skip)]
    pub user_id: Uuid,
    pub team_id: Uuid,
    pub leads: bool,
    pub valid_from: Date,
    pub valid_to: Option<Date>,
}

/// All stays of one user, sorted by their first day. No two of them overlap.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Memberships(pub(crate) Vec<Stay>);

/// A user's membership of a team
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Membership {
    pub id: Uuid,
    /// The version of the user, of whom the membership is a part
    pub version: i64,
    pub user_id: Uuid,
    pub user_name: String,
    pub team_id: Uuid,
    /// `true` if the user leads the team
    pub leads: bool,
    pub valid_from: Date,
    /// Exclusive. Null if the membership has no end
    pub valid_to: Option<Date>,
    /// The creation time of the user
    pub created_at: Timestamp,
    /// The time of the last change of the user
    pub updated_at: Timestamp,
}

resource! {
    Membership: "membership" at "/api/v1/memberships",
    seen by memberships [Person(user_id)]
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "user_id": "0198c0de-0000-7000-8000-000000000001", "leads": false, "valid_from": "2026-01-01" }))]
pub struct NewMembership {
    user_id: Uuid,
    /// `true` if the user leads the team. A team may have several leaders
    #[serde(default)]
    #[schema(default = false)]
    leads: bool,
    /// Default: today
    valid_from: Option<Date>,
    /// Exclusive. Default: no end
    valid_to: Option<Date>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "valid_to": "2026-12-31" }))]
pub struct MembershipEnd {
    /// Exclusive: the first day on which the user is no longer in the team
    valid_to: Date,
}

/// The filters of the list of memberships.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembershipFilter {
    /// Only memberships that are valid on this day
    on: Option<Date>,
}

page! {
    /// A page of memberships
    MembershipPage of Membership
}

intake::references! {
    NewMembership: &[Reference { at: "user", of: "user", find: find_users }];
}

/// The place of a user on a day: the team, and `true` if the user leads it. `None` without a team.
pub type Place = Option<(Uuid, bool)>;

impl Stay {
    fn includes(&self, day: Date) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|end| day < end)
    }

    fn overlaps(&self, other: &Self) -> bool {
        other.valid_to.is_none_or(|end| self.valid_from < end)
            && self.valid_to.is_none_or(|end| other.valid_from < end)
    }

    fn place(&self) -> (Uuid, bool) {
        (self.team_id, self.leads)
    }
}

impl Memberships {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn on(&self, day: Date) -> Place {
        self.0.iter().find(|stay| stay.includes(day)).map(Stay::place)
    }

    /// Moves the user to a place from a day on, until the next stay begins.
    pub fn move_to(&mut self, user_id: Uuid, place: Place, on: Date) {
        if self.on(on) == place {
            return;
        }
        self.0.retain(|stay| stay.valid_from != on);

        if let Some(running) = self.0.iter_mut().find(|stay| stay.includes(on)) {
            running.valid_to = Some(on);
        }

        let Some((team_id, leads)) = place else { return };
        let at = self.0.partition_point(|stay| stay.valid_from < on);
        let mut valid_to = self.0.get(at).map(|next| next.valid_from);
        // Adjoining stays at the same place are joined.
        if self.0.get(at).is_some_and(|next| next.place() == (team_id, leads)) {
            valid_to = self.0.remove(at).valid_to;
        }
        match self.0[..at].last_mut() {
            Some(last) if last.valid_to == Some(on) && last.place() == (team_id, leads) => {
                last.valid_to = valid_to;
            }
            _ => {
                let id = Uuid::now_v7();
                self.0.insert(at, Stay { id, user_id, team_id, leads, valid_from: on, valid_to });
            }
        }
    }

    fn add(&mut self, stay: Stay) -> Result<()> {
        stay.check()?;
        if self.0.iter().any(|other| other.overlaps(&stay)) {
            let detail = "The person already belongs to a team during part of this period.";
            let fault = Fault::new("/valid_from", "overlapping_membership", detail);
            return Err(Error::conflict("overlapping_membership", detail).faults(vec![fault]));
        }
        let at = self.0.partition_point(|other| other.valid_from < stay.valid_from);
        self.0.insert(at, stay);
        Ok(())
    }

    fn end(&mut self, id: Uuid, valid_to: Date) -> Result<()> {
        let place = self.0.iter().position(|stay| stay.id == id).ok_or_else(Error::not_found)?;
        let mut stay = self.0.remove(place);
        stay.valid_to = Some(valid_to);
        self.add(stay)
    }

    fn remove(&mut self, id: Uuid) {
        self.0.retain(|stay| stay.id != id);
    }
}

impl Stay {
    fn check(&self) -> Result<()> {
        if self.valid_to.is_some_and(|end| end <= self.valid_from) {
            let fault = Fault::new("/valid_to", "range", "must be after `valid_from`");
            return Err(Error::invalid(vec![fault]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn day(text: &str) -> Date {
        Date(text.parse().unwrap())
    }

    fn told(memberships: &Memberships) -> Vec<(u128, bool, String, Option<String>)> {
        let date = |date: Date| date.to_string()[..7].to_owned();
        let stays = memberships.0.iter();
        stays
            .map(|it| (it.team_id.as_u128(), it.leads, date(it.valid_from), it.valid_to.map(date)))
            .collect()
    }

    #[test]
    fn a_move_ends_the_running_stay_and_lasts_until_the_next() {
        let mut stays = Memberships::default();
        stays.move_to(A, Some((A, false)), day("2026-01-01"));
        stays.move_to(A, Some((B, true)), day("2026-06-01"));
        let before = stays.clone();
        stays.move_to(A, Some((B, true)), day("2026-07-01"));
        assert_eq!(stays, before, "nothing changes where the person is already");

        stays.move_to(A, Some((B, false)), day("2026-03-01"));
        let at = |team, leads, from: &str, to: Option<&str>| {
            (team, leads, from.to_owned(), to.map(str::to_owned))
        };
        let expected = [
            at(1, false, "2026-01", Some("2026-03")),
            at(2, false, "2026-03", Some("2026-06")),
            at(2, true, "2026-06", None),
        ];
        assert_eq!(told(&stays), expected);

        stays.move_to(A, Some((B, true)), day("2026-03-01"));
        let joined = [at(1, false, "2026-01", Some("2026-03")), at(2, true, "2026-03", None)];
        assert_eq!(told(&stays), joined);

        stays.move_to(A, None, day("2026-09-01"));
        assert_eq!(stays.on(day("2026-08-31")), Some((B, true)));
        assert_eq!(stays.on(day("2026-09-01")), None);
    }

    #[test]
    fn one_team_at_a_time() {
        let stay = |from: &str, to: Option<&str>| Stay {
            id: Uuid::now_v7(),
            user_id: A,
            team_id: A,
            leads: false,
            valid_from: day(from),
            valid_to: to.map(day),
        };
        let mut stays = Memberships::default();
        stays.add(stay("2026-02-01", Some("2026-03-01"))).unwrap();
        stays.add(stay("2026-03-01", None)).unwrap();
        stays.add(stay("2026-01-01", Some("2026-02-01"))).unwrap();
        for (from, to) in [
            ("2026-01-15", Some("2026-02-02")),
            ("2026-02-10", Some("2026-02-11")),
            ("2025-01-01", None),
            ("2027-01-01", Some("2027-02-01")),
        ] {
            let refused = stays.add(stay(from, to)).unwrap_err();
            assert_eq!(refused.code(), "overlapping_membership", "{from}");
        }
        assert_eq!(
            stays.add(stay("2025-03-01", Some("2025-03-01"))).unwrap_err().code(),
            "invalid"
        );
        let last = stays.0[2].id;
        assert!(stays.end(last, day("2026-04-01")).is_ok());
        assert!(stays.on(day("2026-04-01")).is_none());
    }
}
