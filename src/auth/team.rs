//! A team, 团队: the unit of the organisation; the tree of teams says who is above whom (S1).

use schema::teams;

crate::find! {
    /// Teams are known to everybody.
    find_teams in teams, |_| teams::id.is_not_null()
}
