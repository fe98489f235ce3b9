//! A person who works here, 用户 (S1).

use schema::users;

crate::find! {
    /// People are known to everybody, if only by their name and team.
    find_users in users, |_| users::id.is_not_null()
}
