//! The types of the change feed: their readers, the fields shown to them, the source of snapshots,
//! and the customer that decides who sees a row. Each type refers only to those before it.

use std::borrow::Cow;

use auth::team::Team;
use auth::user::{self, User, UserView};
use auth::{Caller, Permission, ReadTeams, ReadUsers, Role};
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
    /// Rows belong to customer accounts, which finance sees completely
    pub account: bool,
    pub shown: Shown,
    pub copy: Copier,
    pub under: Option<Under>,
}

/// The part of a row that its readers see.
pub enum Shown {
    Whole,
    /// Only these roles see these fields
    Masked(&'static [Role], &'static [&'static str]),
    By(fn(&Caller, Value) -> Value),
}

/// A type whose rows are visible to the owner of their customer. When the customer is handed over,
/// they appear for some readers and disappear for others.
#[derive(Clone, Copy)]
pub struct Under {
    /// A query of (id, version, customer, all others who see the row). It must agree with
    /// `Resource::owners` of the type
    pub rows: &'static str,
    /// Users who see the pool also see the rows of customers without an owner
    pub pool: bool,
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
            account: false,
            shown: Shown::Whole,
            copy,
            under: None,
        }
    }

    /// Marks a type of which finance sees every row.
    const fn account(self) -> Self {
        Self { account: true, ..self }
    }

    const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    const fn under(self, rows: &'static str) -> Self {
        Self { under: Some(Under { rows, pool: false }), ..self }
    }

    const fn under_pool(self, rows: &'static str) -> Self {
        Self { under: Some(Under { rows, pool: true }), ..self }
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
    Kind::of::<Customer, ReadCustomers>(copy::customers).account(),
    Kind::of::<Contact, ReadContacts>(copy::contacts)
        .shown(PERSONS)
        .under_pool("select id, version, customer_id, '{}'::uuid[] from contacts"),
    Kind::of::<CustomerCredit, ReadCredit>(copy::customer_credits)
        .account()
        .under_pool("select id, version, id, '{}'::uuid[] from customer_credits where version > 0"),
    Kind::of::<CreditOverride, ReadCredit>(copy::credit_overrides)
        .account()
        .under_pool("select id, version, customer_id, '{}'::uuid[] from credit_overrides"),
    Kind::of::<CreditInvestigation, ReadCredit>(copy::credit_investigations)
        .account()
        .under_pool("select id, version, customer_id, '{}'::uuid[] from credit_investigations"),
    Kind::of::<TermsRequest, ReadCredit>(copy::terms_requests)
        .account()
        .under_pool("select id, version, customer_id, '{}'::uuid[] from terms_requests"),
    Kind::of::<Order, ReadOrders>(copy::orders)
        .account()
        .under("select id, version, customer_id, credited || team_path from orders"),
    Kind::of::<Shipment, ReadOrders>(copy::shipments).account().under(
        "select s.id, s.version, o.customer_id, o.credited || o.team_path \
         from shipments s join orders o on o.id = s.order_id",
    ),
    Kind::of::<Invoice, ReadInvoices>(copy::invoices).account().under(
        "select id, version, customer_id, array_remove(array[salesperson_id], null) from invoices",
    ),
    Kind::of::<Payment, ReadPayments>(copy::payments)
        .account()
        .under("select id, version, customer_id, salesperson_ids from payments"),
    Kind::of::<ControlBalance, ReadControlBalances>(copy::control_balances).account(),
    Kind::of::<CollectionTask, ReadCollections>(copy::collection_tasks).account().under(
        "select id, version, customer_id, array_remove(array[assignee_id], null) \
         from collection_tasks",
    ),
    Kind::of::<Promise, ReadCollections>(copy::promises)
        .account()
        .under("select id, version, customer_id, array[made_by] from promises"),
    Kind::of::<RiskCase, ReadCollections>(copy::risk_cases)
        .account()
        .under("select id, version, customer_id, array[owner_id] from risk_cases"),
    Kind::of::<WriteOffRequest, ReadCollections>(copy::write_off_requests)
        .account()
        .under("select id, version, customer_id, array[requested_by] from write_off_requests"),
    // Finance also sees the targets of customers: the constant is `platform::ACCOUNTS`.
    Kind::of::<Target, ReadTargets>(copy::targets)
        .shown(Shown::By(targets::target::shown))
        .under_pool(
            "select id, version, owner_id, array['ffffffff-ffff-ffff-ffff-fffffffffffd'::uuid] \
             from targets where owner_type = 'customer'",
        ),
    Kind::of::<FollowUp, ReadFollowUps>(copy::follow_ups),
    Kind::of::<Visit, ReadVisits>(copy::visits),
    Kind::of::<CashflowAdvice, ReadVisits>(copy::cashflow_advice),
    // The quality department sees dispatched complaints: the constant is `QUALITY_DESK`.
    Kind::of::<Complaint, ReadComplaints>(copy::complaints).under(
        "select id, version, customer_id, array_remove(array[owner_id, reporter_id, \
         case when dispatched_at is not null then 'ffffffff-ffff-ffff-ffff-fffffffffffe'::uuid \
         end], null) from complaints",
    ),
    Kind::of::<Suggestion, ReadSuggestions>(copy::suggestions).under(
        "select id, version, customer_id, array_remove(array[reporter_id], null) from suggestions",
    ),
    Kind::of::<Opportunity, ReadOpportunities>(copy::opportunities)
        .under("select id, version, customer_id, array[owner_id] from opportunities"),
    Kind::of::<Survey, ReadSurveys>(copy::surveys),
    Kind::of::<SurveyInvitation, ReadSurveys>(copy::survey_invitations)
        .under_pool("select id, version, customer_id, '{}'::uuid[] from survey_invitations"),
    Kind::of::<SurveyResponse, ReadSurveys>(copy::survey_responses)
        .under_pool("select id, version, customer_id, '{}'::uuid[] from survey_responses"),
];
