//! Worklists 工作台: the tasks of the day, of the caller and of the people whom the caller leads,
//! and the results so far. They read across the domains and write nothing.

pub mod board;
pub mod complaint_tasks;
pub mod scoreboard;
pub mod today;

use access::Domain;
use platform::Routes;

// Its tables are read with SQL.
use targets as _;

/// The domain, as the service mounts it.
pub const DOMAIN: Domain = Domain {
    routes: &[routes],
    permissions: PERMISSIONS,
    ..Domain::new("worklists", "Worklists for the day, 工作台")
};

access::permissions! {
    ReadToday: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// For users who lead people, and for the back office, which sees everyone
    ReadBoard: Admin | GeneralManager | SalesDirector | SalesManager | BackOffice;
}

fn routes(routes: &mut Routes) {
    platform::mount!(routes, today::read_today, scoreboard::read_scoreboard, board::list_board);
}
