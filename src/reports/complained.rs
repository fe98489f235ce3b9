//! Complaints that a report counts, and the columns that it reads of them.

use complaints::complaint::{
    Complaint, ComplaintCategory, ComplaintChannel, ComplaintStatus, Severity,
};
use intake::Reference;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::answer::Question;
use crate::filter::{
    Narrows, also, dated, find_customers, find_products, find_teams, find_users, in_team, sees,
};
use crate::sql::Binds;

/// Filter common to all reports on complaints.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ComplaintFilter {
    /// Person who handles the complaint
    pub owner_id: Option<Uuid>,
    /// 团队 of the owner today, including all teams below it
    pub team_id: Option<Uuid>,
    pub customer_id: Option<Uuid>,
    pub product_id: Option<Uuid>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub status: Option<Vec<ComplaintStatus>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub severity: Option<Vec<Severity>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub category: Option<Vec<ComplaintCategory>>,
    /// One or more values, separated by commas
    #[param(inline, style = Form, explode = false)]
    pub channel: Option<Vec<ComplaintChannel>>,
}

intake::references! {
    ComplaintFilter: &[
        Reference { at: "owner", of: "user", find: find_users },
        Reference { at: "team", of: "team", find: find_teams },
        Reference { at: "customer", of: "customer", find: find_customers },
        Reference { at: "product", of: "product", find: find_products },
    ];
}

impl Narrows for ComplaintFilter {
    fn conditions(&self, binds: &mut Binds) -> String {
        let mut all = vec![];
        for (column, id) in [
            ("owner_id", self.owner_id),
            ("customer_id", self.customer_id),
            ("product_id", self.product_id),
        ] {
            all.extend(id.map(|id| format!("{column} = {}", binds.id(id))));
        }

        all.extend(self.team_id.map(|id| in_team(id, binds)));
        for (column, words) in [
            ("status", words(self.status.as_ref(), ComplaintStatus::as_str)),
            ("severity", words(self.severity.as_ref(), Severity::as_str)),
            ("category", words(self.category.as_ref(), ComplaintCategory::as_str)),
            ("channel", words(self.channel.as_ref(), ComplaintChannel::as_str)),
        ] {
            let places =
                words.map(|list| list.iter().map(|word| binds.text(word)).collect::<Vec<_>>());
            all.extend(places.map(|places| format!("{column} in ({})", places.join(", "))));
        }

        also(&all)
    }
}

fn words<T: Copy>(of: Option<&Vec<T>>, word: fn(T) -> &'static str) -> Option<Vec<&'static str>> {
    of.map(|values| values.iter().map(|value| word(*value)).collect())
}

/// Returns the date of an instant in the company's time zone.
pub fn day_of<Q>(instant: &str, question: &mut Question<'_, Q>) -> String {
    let zone = question.zone.clone();
    format!("({instant} at time zone {})::date", question.binds.text(&zone))
}

/// Returns the expression `known`: the requested complaints that were received on a day within the
/// range and that the caller may see. `columns` may come from the complaint, its clock and its
/// settlement.
pub fn known<Q>(columns: &str, question: &mut Question<'_, Q>) -> String {
    let visible = sees::<Complaint>(question.caller, &mut question.binds);
    let day = day_of("received_at", question);
    let dated = dated(&day, question.range, question.until, &mut question.binds);
    let narrowed = question.from_source("complaints") + &question.narrowed;
    format!(
        "known as (
            select complaints.id, customer_id, product_id, owner_id, category, severity, status,
                {columns}
            from complaints
            join complaint_clocks on complaint_clocks.complaint_id = complaints.id
            join complaint_settlements on complaint_settlements.complaint_id = complaints.id
            where {dated}{visible}{narrowed}
        )"
    )
}
