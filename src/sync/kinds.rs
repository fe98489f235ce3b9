//! The types of the change feed: their readers, the fields shown to them, the source of snapshots, and
//! the import of their batches. Each type refers only to those before it.

use std::borrow::Cow;

use access::{Caller, Permission, Role};
use auth::team::Team;
use auth::user::{self, User, UserView};
use auth::{ImportTeams, ImportUsers, ReadTeams, ReadUsers};
use company::{
    Company, ImportExchangeRates, ReadCompany, exchange_rate::ExchangeRate, holiday::Holiday,
};
use complaints::complaint::Complaint;
use complaints::suggestion::Suggestion;
use complaints::{ImportComplaints, ReadComplaints, ReadSuggestions};
use credit::ReadCredit;
use credit::credit_investigation::CreditInvestigation;
use credit::credit_override::CreditOverride;
use credit::customer_credit::CustomerCredit;
use credit::terms_request::TermsRequest;
use customers::contact::{Contact, PERSONAL};
use customers::customer::Customer;
use customers::{ImportContacts, ImportCustomers, ReadContacts, ReadCustomers, ReadPersonal};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use follow_ups::{ReadFollowUps, follow_up::FollowUp};
use futures_util::future::LocalBoxFuture;
use growth::{ReadOpportunities, opportunity::Opportunity};
use intake::reference::Find;
use intake::{Imported, again};
use objects::object::CustomObject;
use objects::object_type::ObjectType;
use objects::{ReadObjectTypes, UseObjects};
use orders::{ImportOrders, ReadOrders, order::Order, shipment::Shipment};
use platform::batch::Outcomes;
use platform::row_rule::RowRule;
use platform::{Resource, Result, Tx, changes, fixed_sql};
use products::product::{COSTS, Product};
use products::{ImportProducts, ReadCosts, ReadProducts};
use receivables::collection_task::CollectionTask;
use receivables::control_balance::ControlBalance;
use receivables::invoice::Invoice;
use receivables::payment::Payment;
use receivables::promise::Promise;
use receivables::risk_case::RiskCase;
use receivables::write_off::WriteOffRequest;
use receivables::{
    ImportControlBalances, ImportInvoices, ImportPayments, ReadCollections, ReadControlBalances,
    ReadInvoices, ReadPayments,
};
use serde_json::Value;
use surveys::invitation::SurveyInvitation;
use surveys::response::SurveyResponse;
use surveys::survey::Survey;
use surveys::{ImportSurveyResponses, ReadSurveys};
use targets::{ImportTargets, ReadTargets, target::Target};
use territories::{ImportTerritories, ReadTerritories, territory::Territory};
use utoipa::ToSchema;
use visits::cashflow_advice::CashflowAdvice;
use visits::{ImportVisits, ReadVisits, visit::Visit};

use crate::copies::{self, Copier, Part, copied};

/// A type of the feed. Types that are not listed are not in the feed, so that forgetting one
/// reveals nothing.
pub struct Kind {
    /// The name of the type. Types that companies define are named `object.` and their key, and
    /// belong to the kind `object`
    pub name: &'static str,
    /// SQL text for the name of the type of a row; see [`platform::changes::hand_over`]
    pub type_of: &'static str,
    /// Name of its schema in the API document
    schema: fn() -> Cow<'static, str>,
    /// Roles that may read its lists
    pub readers: &'static [Role],
    pub rule: &'static RowRule,
    /// SQL condition for the rows that exist for readers
    pub exists: Option<&'static str>,
    pub shown: Shown,
    pub copy: Copier,
    /// The import of its batches, if it has any
    pub imports: Option<Imports>,
}

/// The import of a type that arrives in batches.
pub struct Imports {
    pub name: &'static str,
    /// Path of the collection
    path: &'static str,
    /// Roles that may send batches
    pub importers: &'static [Role],
    pub import: Import,
    /// The lookup of references to the type, limited to visible rows
    pub find: Find,
}

type Import = for<'a> fn(
    &'a mut Tx,
    &'a Caller,
    &'a str,
    Vec<Value>,
) -> LocalBoxFuture<'a, Result<(Outcomes, Vec<String>)>>;

/// The part of a row that its readers see.
pub enum Shown {
    Whole,
    /// Only these roles see these fields
    Masked(&'static [Role], &'static [&'static str]),
    By(fn(&Caller, Value) -> Value),
}

impl Kind {
    /// A type that readers see in the form of another type `S`.
    const fn read_as<R: Resource, S: ToSchema, P: Permission>(copy: Copier) -> Self {
        let (name, readers) = (R::TYPE, P::ROLES);
        Self {
            name,
            type_of: changes::TYPE,
            schema: S::name,
            readers,
            rule: R::RULE,
            exists: None,
            shown: Shown::Whole,
            copy,
            imports: None,
        }
    }

    /// The type, arriving in batches from callers with the permission.
    const fn from<R: Imported, P: Permission>(self) -> Self
    where
        R::Item: ToSchema + 'static,
    {
        let (name, path, importers) = (R::TYPE, R::PATH, P::ROLES);
        let (import, find) = (again::<R>, R::FIND);
        Self { imports: Some(Imports { name, path, importers, import, find }), ..self }
    }

    const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
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

    /// Returns `true` for the names of the types that belong to this kind.
    pub fn covers(&self, name: &str) -> bool {
        let key = name.strip_prefix(self.name).map(|rest| rest.strip_prefix('.'));
        if self.name == CustomObject::TYPE {
            matches!(key, Some(Some(_)))
        } else {
            self.name == name
        }
    }

    /// Returns the kind of a type.
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.covers(name))
    }
}

impl Imports {
    pub fn named(name: &str) -> Option<&'static Self> {
        Kind::named(name)?.imports.as_ref()
    }
}

/// Returns the lookup of visible rows in a collection whose rows can have external ids, by its name
/// in paths: `customers`.
pub fn find_in(collection: &str) -> Option<Find> {
    let mut imports = KINDS.iter().filter_map(|kind| kind.imports.as_ref());
    let named = |imports: &&Imports| imports.path.rsplit('/').next() == Some(collection);
    imports.find(named).map(|imports| imports.find)
}

/// Returns the types of the feed with the names of their schemas in the API document.
pub fn schemas() -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    KINDS.iter().map(|kind| (kind.name, (kind.schema)()))
}

/// Condition for the credit of customers for whom it was ever set.
const CREDIT_SET: &str = "customer_credits.version > 0";

/// Declares a type: its table, the type of its rows, and the permission to read it. `if` adds a
/// condition for the rows that exist for readers, `from` the permission to send batches.
macro_rules! kind {
    ($table:ident: $row:ty, $permission:ty, from $import:ty) => {
        kind!($table: $row, $permission).from::<$row, $import>()
    };
    ($table:ident: $row:ty, $permission:ty $(, if $exists:ident)?) => {
        Kind {
            $(exists: Some($exists),)?
            ..Kind::read_as::<$row, $row, $permission>(|conn, caller, part| {
                use schema::$table::id as key;
                Box::pin(async move {
                    let rows = || {
                        let rows = <$row>::query().filter(caller.sees::<$row>());
                        $(let rows = rows.filter(fixed_sql::<Bool>($exists));)?
                        rows
                    };
                    let rows: Vec<$row> = match part {
                        Part::After(id, limit) => {
                            rows().filter(key.gt(id)).order(key).limit(limit).load(conn).await?
                        }
                        Part::These(ids) => rows().filter(key.eq_any(ids)).load(conn).await?,
                    };
                    copied(&rows)
                })
            })
        }
    };
}

const PERSONS: Shown = Shown::Masked(ReadPersonal::ROLES, PERSONAL);
const PRICED: Shown = Shown::Masked(ReadCosts::ROLES, COSTS);

/// All types of the feed, in the order of a snapshot.
pub const KINDS: &[Kind] = &[
    kind!(company: Company, ReadCompany),
    kind!(holidays: Holiday, ReadCompany),
    kind!(exchange_rates: ExchangeRate, ReadCompany, from ImportExchangeRates),
    kind!(teams: Team, ReadTeams, from ImportTeams),
    Kind::read_as::<User, UserView, ReadUsers>(copies::users)
        .shown(Shown::By(user::shown))
        .from::<User, ImportUsers>(),
    kind!(territories: Territory, ReadTerritories, from ImportTerritories),
    kind!(products: Product, ReadProducts, from ImportProducts).shown(PRICED),
    kind!(customers: Customer, ReadCustomers, from ImportCustomers),
    kind!(contacts: Contact, ReadContacts, from ImportContacts).shown(PERSONS),
    kind!(customer_credits: CustomerCredit, ReadCredit, if CREDIT_SET),
    kind!(credit_overrides: CreditOverride, ReadCredit),
    kind!(credit_investigations: CreditInvestigation, ReadCredit),
    kind!(terms_requests: TermsRequest, ReadCredit),
    kind!(orders: Order, ReadOrders, from ImportOrders),
    kind!(shipments: Shipment, ReadOrders, from ImportOrders),
    kind!(invoices: Invoice, ReadInvoices, from ImportInvoices),
    kind!(payments: Payment, ReadPayments, from ImportPayments),
    kind!(control_balances: ControlBalance, ReadControlBalances, from ImportControlBalances),
    kind!(collection_tasks: CollectionTask, ReadCollections),
    kind!(promises: Promise, ReadCollections),
    kind!(risk_cases: RiskCase, ReadCollections),
    kind!(write_off_requests: WriteOffRequest, ReadCollections),
    kind!(targets: Target, ReadTargets, from ImportTargets)
        .shown(Shown::By(targets::target::shown)),
    kind!(follow_ups: FollowUp, ReadFollowUps),
    kind!(visits: Visit, ReadVisits, from ImportVisits),
    kind!(cashflow_advice: CashflowAdvice, ReadVisits),
    kind!(complaints: Complaint, ReadComplaints, from ImportComplaints),
    kind!(suggestions: Suggestion, ReadSuggestions),
    kind!(opportunities: Opportunity, ReadOpportunities),
    kind!(surveys: Survey, ReadSurveys),
    kind!(survey_invitations: SurveyInvitation, ReadSurveys),
    kind!(survey_responses: SurveyResponse, ReadSurveys, from ImportSurveyResponses),
    kind!(object_types: ObjectType, ReadObjectTypes),
    Kind {
        type_of: "$1 || '.' || (select type from objects where objects.id = it.id)",
        ..Kind::read_as::<CustomObject, CustomObject, UseObjects>(copies::objects)
    },
];
