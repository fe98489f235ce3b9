//! What a reader of the change feed may see: which types, which of their rows, which fields.

use auth::team::Team;
use auth::user::{self, User};
use auth::{Caller, Permission, ReadTeams, ReadUsers, Role};
use company::{Company, ReadCompany, exchange_rate::ExchangeRate, holiday::Holiday};
use complaints::complaint::{Complaint, QUALITY_DESK};
use complaints::suggestion::Suggestion;
use complaints::{ReadComplaints, ReadSuggestions};
use credit::ReadCredit;
use credit::credit_investigation::CreditInvestigation;
use credit::credit_override::CreditOverride;
use credit::customer_credit::CustomerCredit;
use credit::terms_request::TermsRequest;
use customers::contact::{Contact, PERSONAL};
use customers::customer::Customer;
use customers::{ReadContacts, ReadCustomers, ReadPersonal};
use follow_ups::{ReadFollowUps, follow_up::FollowUp};
use growth::{ReadOpportunities, opportunity::Opportunity};
use orders::{ReadOrders, order::Order, shipment::Shipment};
use platform::{EVERYBODY, Error, Fault, Resource, Result, Seal};
use products::product::{COSTS, Product};
use products::{ReadCosts, ReadProducts};
use receivables::collection_task::CollectionTask;
use receivables::control_balance::ControlBalance;
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use receivables::promise::Promise;
use receivables::risk_case::RiskCase;
use receivables::write_off::WriteOffRequest;
use receivables::{ReadCollections, ReadControlBalances, ReadInvoices, ReadPayments};
use auth::{Caller, Role};
use complaints::complaint::QUALITY_DESK;
use platform::{EVERYBODY, Error, Fault, Result, Seal};
use serde_json::{Value, json};
use uuid::Uuid;

/// One type of the feed. A type that is not here is not in the feed, so that forgetting one shows
/// nothing rather than everything.
struct Kind {
    name: &'static str,
    /// Who may read its lists
    readers: &'static [Role],
    /// Finance sees all of these: API.md "Who sees what"
    account: bool,
    shown: Shown,
}

/// How much of a row its readers see.
enum Shown {
    Whole,
    /// These fields only those roles see
    Masked(&'static [Role], &'static [&'static str]),
    By(fn(&Caller, Value) -> Value),
}

impl Kind {
    const fn of<R: Resource, P: Permission>(account: bool, shown: Shown) -> Self {
        Self { name: R::TYPE, readers: P::ROLES, account, shown }
    }
}

const KINDS: &[Kind] = &[
    Kind::of::<User, ReadUsers>(false, Shown::By(user::shown)),
    Kind::of::<Team, ReadTeams>(false, Shown::Whole),
    Kind::of::<Company, ReadCompany>(false, Shown::Whole),
    Kind::of::<Holiday, ReadCompany>(false, Shown::Whole),
    Kind::of::<ExchangeRate, ReadCompany>(false, Shown::Whole),
    Kind::of::<Territory, ReadTerritories>(false, Shown::Whole),
    Kind::of::<Customer, ReadCustomers>(true, Shown::Whole),
    Kind::of::<Contact, ReadContacts>(false, Shown::Masked(ReadPersonal::ROLES, PERSONAL)),
    Kind::of::<Product, ReadProducts>(false, Shown::Masked(ReadCosts::ROLES, COSTS)),
    Kind::of::<CustomerCredit, ReadCredit>(true, Shown::Whole),
    Kind::of::<CreditOverride, ReadCredit>(true, Shown::Whole),
    Kind::of::<CreditInvestigation, ReadCredit>(true, Shown::Whole),
    Kind::of::<TermsRequest, ReadCredit>(true, Shown::Whole),
    Kind::of::<Order, ReadOrders>(true, Shown::Whole),
    Kind::of::<Shipment, ReadOrders>(true, Shown::Whole),
    Kind::of::<Target, ReadTargets>(false, Shown::Whole),
    Kind::of::<FollowUp, ReadFollowUps>(false, Shown::Whole),
    Kind::of::<Visit, ReadVisits>(false, Shown::Whole),
    Kind::of::<Complaint, ReadComplaints>(false, Shown::Whole),
    Kind::of::<Suggestion, ReadSuggestions>(false, Shown::Whole),
    Kind::of::<Opportunity, ReadOpportunities>(false, Shown::Whole),
    Kind::of::<Survey, ReadSurveys>(false, Shown::Whole),
    Kind::of::<SurveyInvitation, ReadSurveys>(false, Shown::Whole),
    Kind::of::<SurveyResponse, ReadSurveys>(false, Shown::Whole),
    Kind::of::<Invoice, ReadInvoices>(true, Shown::Whole),
    Kind::of::<Payment, ReadPayments>(true, Shown::Whole),
    Kind::of::<ControlBalance, ReadControlBalances>(true, Shown::Whole),
    Kind::of::<CollectionTask, ReadCollections>(true, Shown::Whole),
    Kind::of::<Promise, ReadCollections>(true, Shown::Whole),
    Kind::of::<RiskCase, ReadCollections>(true, Shown::Whole),
    Kind::of::<WriteOffRequest, ReadCollections>(true, Shown::Whole),
];
use crate::kinds::{KINDS, Kind, Shown};

/// What a caller sees of the feed.
pub struct Scope<'a> {
    pub caller: &'a Caller,
    /// Types of which the caller sees every row
    pub whole: Vec<&'static str>,
    /// Types of which the caller sees what is in reach
    pub partly: Vec<&'static str>,
    /// People, teams, the pool as the nil id, everybody as the greatest one, the quality department
    /// as the one before that
    pub reach: Vec<Uuid>,
}

impl<'a> Scope<'a> {
    pub fn of(caller: &'a Caller) -> Self {
        let may = |kind: &&Kind| kind.readers.iter().any(|role| caller.is(*role));
        let unlimited = |kind: &Kind| {
            if kind.account {
                caller.reach_of_accounts().is_none()
            } else {
                caller.reach().is_none()
            }
        };
        let (whole, partly): (Vec<&Kind>, Vec<&Kind>) =
            KINDS.iter().filter(may).partition(|kind| unlimited(kind));
        let names = |kinds: Vec<&Kind>| kinds.iter().map(|kind| kind.name).collect();
        let mut reach = [caller.people(), caller.teams()].concat();
        reach.extend(caller.sees_pool().then(Uuid::nil));
        reach.extend(EVERYBODY);
        reach.extend(caller.is(Role::Quality).then_some(QUALITY_DESK));
        reach.sort_unstable();
        Self { caller, whole: names(whole), partly: names(partly), reach }
    }

    /// The types that the caller may read, in the order of [`KINDS`].
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        KINDS.iter().filter(|it| self.whole.contains(&it.name) || self.partly.contains(&it.name))
    }

    pub fn sees(&self, kind: &str, owners: &[Uuid]) -> bool {
        self.whole.contains(&kind) || owners.iter().any(|it| self.reach.binary_search(it).is_ok())
    }

    /// The state of a row as this caller may see it.
    pub fn shown(&self, kind: &str, mut data: Value) -> Value {
        match Kind::named(kind).map(|it| &it.shown) {
            Some(Shown::By(show)) => show(self.caller, data),
            Some(Shown::Masked(roles, fields)) => {
                let hidden = !roles.iter().any(|role| self.caller.is(*role));
                if let (true, Value::Object(data)) = (hidden, &mut data) {
                    data.extend(fields.iter().map(|name| ((*name).to_owned(), Value::Null)));
                    data.insert("masked_fields".into(), json!(fields));
                }
                data
            }
            _ => data,
        }
    }

    /// A cursor is good for one scope: after a change of it, rows would be missing without a word.
    pub fn mark(&self, seal: &Seal) -> String {
        let reach = if self.partly.is_empty() { &[] } else { self.reach.as_slice() };
        seal.mark(&format!("{reach:?} {:?} {:?}", self.whole, self.partly), "scope")
    }

    /// Only these types, if any are named.
    pub fn only(&mut self, asked: &[String]) {
        let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
        self.whole.retain(wanted);
        self.partly.retain(wanted);
    }
}

/// What is wrong with types that the feed does not have.
pub fn unknown_type(asked: &[String]) -> Option<Fault> {
    let index = asked.iter().position(|it| Kind::named(it).is_none())?;
    let known = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    Some(Fault::new(format!("/types/{index}"), "unknown_value", format!("one of {known}")))
}

/// Refuses types of a query that the feed does not have.
pub fn check_types(asked: &[String]) -> Result<()> {
    let Some(fault) = unknown_type(asked) else { return Ok(()) };
    Err(Error::bad_request("invalid_query", "no such type in the feed").faults(vec![fault]))
}
