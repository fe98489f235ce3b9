//! Worklists 工作台: the tasks of the day, of the caller and of the people whom the caller leads,
//! and the results so far. They read across the domains and write nothing.

pub mod board;
pub mod complaint_tasks;
pub mod scoreboard;
pub mod today;

use utoipa_actix_web::service_config::ServiceConfig;

access::permissions! {
    ReadToday: Admin | GeneralManager | SalesDirector | SalesManager | Salesperson | BackOffice;
    /// For users who lead people, and for the back office, which sees everyone
    ReadBoard: Admin | GeneralManager | SalesDirector | SalesManager | BackOffice;
}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(today::read_today).service(scoreboard::read_scoreboard).service(board::list_board);
}
