//! The types of the change feed: their readers, the fields shown to them, and the source of
//! snapshots. Each type refers only to those before it.

use std::borrow::Cow;

use access::{Caller, Permission, Role};
use auth::team::Team;
use auth::user::{self, User, UserView};
use auth::{ReadTeams, ReadUsers};
use company::{Company, ReadCompany, exchange_rate::ExchangeRate, holiday::Holiday};
use complaints::complaint::Complaint;
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
use platform::Resource;
use platform::row_rule::RowRule;
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
use serde_json::Value;
use surveys::ReadSurveys;
use surveys::invitation::SurveyInvitation;
use surveys::response::SurveyResponse;
use surveys::survey::Survey;
use targets::{ReadTargets, target::Target};
use territories::{ReadTerritories, territory::Territory};
use utoipa::ToSchema;
use visits::cashflow_advice::CashflowAdvice;
use visits::{ReadVisits, visit::Visit};

use crate::copies::{self as copy, Copier};

/// A type of the feed. Types that are not listed are not in the feed, so that forgetting one
/// reveals nothing.
pub struct Kind {
    pub name: &'static str,
    /// Name of its schema in the API document
    schema: fn() -> Cow<'static, str>,
    /// Roles that may read its lists
    pub readers: &'static [Role],
    pub rule: &'static RowRule,
    /// SQL condition for the rows that exist for readers
    pub exists: Option<&'static str>,
    pub shown: Shown,
    pub copy: Copier,
}

/// The part of a row that its readers see.
pub enum Shown {
    Whole,
    /// Only these roles see these fields
    Masked(&'static [Role], &'static [&'static str]),
    By(fn(&Caller, Value) -> Value),
}

impl Kind {
    const fn of<R: Resource + ToSchema, P: Permission>(copy: Copier) -> Self {
        Self::read_as::<R, R, P>(copy)
    }

    /// A type that readers see in the form of another type `S`.
    const fn read_as<R: Resource, S: ToSchema, P: Permission>(copy: Copier) -> Self {
        let (name, readers) = (R::TYPE, P::ROLES);
        Self {
            name,
            schema: S::name,
            readers,
            rule: R::RULE,
            exists: None,
            shown: Shown::Whole,
            copy,
        }
    }

    const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    const fn only(self, exists: &'static str) -> Self {
        Self { exists: Some(exists), ..self }
    }

    /// Returns a query of (id, version, customer, array of the other viewers) for the rows that are
    /// visible to the owner of their customer. When the customer is handed over, they appear for
    /// some readers and disappear for others. `None` for types without such rows.
    pub fn under_customers(&self) -> Option<String> {
        let rows = self.rule.under_customers()?;
        Some(match self.exists {
            Some(condition) => format!("{rows} where {condition}"),
            None => rows,
        })
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

/// Returns the types of the feed with the names of their schemas in the API document.
pub fn schemas() -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    KINDS.iter().map(|kind| (kind.name, (kind.schema)()))
}

const PERSONS: Shown = Shown::Masked(ReadPersonal::ROLES, PERSONAL);
const PRICED: Shown = Shown::Masked(ReadCosts::ROLES, COSTS);

/// All types of the feed, in the order of a snapshot.
pub const KINDS: &[Kind] = &[
    Kind::of::<Company, ReadCompany>(copy::company),
    Kind::of::<Holiday, ReadCompany>(copy::holidays),
    Kind::of::<ExchangeRate, ReadCompany>(copy::exchange_rates),
    Kind::of::<Team, ReadTeams>(copy::teams),
    Kind::read_as::<User, UserView, ReadUsers>(copy::users).shown(Shown::By(user::shown)),
    Kind::of::<Territory, ReadTerritories>(copy::territories),
    Kind::of::<Product, ReadProducts>(copy::products).shown(PRICED),
    Kind::of::<Customer, ReadCustomers>(copy::customers),
    Kind::of::<Contact, ReadContacts>(copy::contacts).shown(PERSONS),
    Kind::of::<CustomerCredit, ReadCredit>(copy::customer_credits).only(copy::CREDIT_SET),
    Kind::of::<CreditOverride, ReadCredit>(copy::credit_overrides),
    Kind::of::<CreditInvestigation, ReadCredit>(copy::credit_investigations),
    Kind::of::<TermsRequest, ReadCredit>(copy::terms_requests),
    Kind::of::<Order, ReadOrders>(copy::orders),
    Kind::of::<Shipment, ReadOrders>(copy::shipments),
    Kind::of::<Invoice, ReadInvoices>(copy::invoices),
    Kind::of::<Payment, ReadPayments>(copy::payments),
    Kind::of::<ControlBalance, ReadControlBalances>(copy::control_balances),
    Kind::of::<CollectionTask, ReadCollections>(copy::collection_tasks),
    Kind::of::<Promise, ReadCollections>(copy::promises),
    Kind::of::<RiskCase, ReadCollections>(copy::risk_cases),
    Kind::of::<WriteOffRequest, ReadCollections>(copy::write_off_requests),
    Kind::of::<Target, ReadTargets>(copy::targets).shown(Shown::By(targets::target::shown)),
    Kind::of::<FollowUp, ReadFollowUps>(copy::follow_ups),
    Kind::of::<Visit, ReadVisits>(copy::visits),
    Kind::of::<CashflowAdvice, ReadVisits>(copy::cashflow_advice),
    Kind::of::<Complaint, ReadComplaints>(copy::complaints),
    Kind::of::<Suggestion, ReadSuggestions>(copy::suggestions),
    Kind::of::<Opportunity, ReadOpportunities>(copy::opportunities),
    Kind::of::<Survey, ReadSurveys>(copy::surveys),
    Kind::of::<SurveyInvitation, ReadSurveys>(copy::survey_invitations),
    Kind::of::<SurveyResponse, ReadSurveys>(copy::survey_responses),
];
