//! Mounting of all domains, and the layers around them.

use std::iter;
use std::sync::Arc;

use access::{Domain, Mounts, PermissionTable};
use actix_cors::Cors;
use actix_web::App;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use attachments::hooks::{self, Visible};
use auth::{Directory, Tokens, TrustProxy};
use company::Company;
use complaints::ReadSuggestions;
use complaints::suggestion::Suggestion;
use customers::ReadCustomers;
use customers::customer::Customer;
use diesel::ConnectionError;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl};
use diesel_migrations::MigrationHarness;
use follow_ups::{ReadFollowUps, follow_up::FollowUp};
use platform::db::DbServer;
use platform::feed::{self, Epoch};
use platform::routes::Served;
use platform::secret::Cipher;
use platform::share::Bodies;
use platform::{Clock, Db, Ending, Error, Extensions, Result, Routes, Seal, Tx};
use reports::permits::ReportPermits;
use surveys::public::Limiter;
use sync::webhook::{Courier, Outbound};
use visits::{ReadVisits, visit::Visit};

use crate::limits::{self, Limits};
use crate::{document, edge, operations};

/// The domains of the service, in the order of the document.
pub const DOMAINS: &[Domain] = &[
    auth::DOMAIN,
    company::DOMAIN,
    territories::DOMAIN,
    customers::DOMAIN,
    products::DOMAIN,
    credit::DOMAIN,
    orders::DOMAIN,
    targets::DOMAIN,
    follow_ups::DOMAIN,
    visits::DOMAIN,
    attachments::DOMAIN,
    complaints::DOMAIN,
    growth::DOMAIN,
    receivables::DOMAIN,
    worklists::DOMAIN,
    surveys::DOMAIN,
    objects::DOMAIN,
    reports::DOMAIN,
    sync::DOMAIN,
    operations::DOMAIN,
];

/// Returns the permissions of all domains.
pub fn permissions() -> impl Iterator<Item = PermissionTable> {
    iter::once(access::PERMISSIONS).chain(DOMAINS.iter().map(|domain| domain.permissions))
}

/// The beginning of every path of the API.
pub const PREFIX: &str = "/api/v1";

/// Types of rows that have files, each with the check whether the caller sees the row.
const OWNERS_OF_FILES: &[(&str, Visible)] = &[
    ("customer", |conn, caller, id| {
        Box::pin(async move {
            let may = caller.may::<ReadCustomers>();
            Ok(may && hooks::found(Customer::find(conn, caller, id).await)?)
        })
    }),
    ("follow_up", |conn, caller, id| {
        Box::pin(async move {
            let may = caller.may::<ReadFollowUps>();
            Ok(may && hooks::found(FollowUp::find(conn, caller, id).await)?)
        })
    }),
    ("visit", |conn, caller, id| {
        Box::pin(async move {
            let may = caller.may::<ReadVisits>();
            Ok(may && hooks::found(Visit::find(conn, caller, id).await)?)
        })
    }),
    ("complaint", complaints::hooks::is_visible),
    ("suggestion", |conn, caller, id| {
        Box::pin(async move {
            let may = caller.may::<ReadSuggestions>();
            Ok(may && hooks::found(Suggestion::find(conn, caller, id).await)?)
        })
    }),
];

/// Returns the functions through which a domain serves others against the direction of
/// dependencies. A new function is a field that does not compile until it is set here.
pub fn extensions() -> Extensions {
    Extensions::default()
        .with(sync::HOOKS)
        .with(objects::Catalog::default())
        .with(objects::FINDERS)
        .with(intake::hooks::Hooks {
            parking: sync::pending::PARKING,
            has_client: |conn, system| Box::pin(auth::api_client::owns(conn, system)),
        })
        .with(auth::hooks::Hooks { first_membership: &[orders::order::first_membership] })
        .with(attachments::hooks::Owners(OWNERS_OF_FILES))
        .with(company::hooks::Hooks {
            calendar_changed: &[
                complaints::hooks::calendar_changed,
                surveys::hooks::calendar_changed,
            ],
            uses_currency: &[
                orders::order::uses_currency,
                targets::hooks::uses_currency,
                credit::hooks::uses_currency,
            ],
        })
        .with(customers::hooks::Hooks {
            customer_merged: &[
                orders::order::customer_merged,
                // After the orders, and before invoices and payments: all transactions lock in this
                // order.
                credit::hooks::customer_merged,
                targets::hooks::customer_merged,
                follow_ups::follow_up::customer_merged,
                visits::visit::customer_merged,
                complaints::hooks::customer_merged,
                complaints::suggestion::customer_merged,
                growth::opportunity::customer_merged,
                surveys::hooks::customer_merged,
                objects::object::customer_merged,
                receivables::hooks::customer_merged,
            ],
            check_given_up: visits::next_attempt::check_given_up,
            ever_bought: orders::activity::ever_bought,
        })
        .with(visits::hooks::Hooks { complained_on: complaints::hooks::complained_on })
        .with(targets::hooks::Hooks {
            actual: |tx, target| Box::pin(reports::measure::actual(tx.conn(), target.id)),
        })
}

/// Settings of a service, except the location of its data.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Secret that encrypts the keys in the database
    pub secret: Option<String>,
    /// Origins of web pages that may call the API
    pub cors_origins: Vec<String>,
    /// Trust X-Forwarded-For
    pub trust_proxy: bool,
    /// Store for the bytes of files. Default: in memory
    pub attachments: attachments::Store,
    /// Allow webhooks to this machine itself
    pub webhook_loopback: bool,
    /// Requests per second and caller; 0 means no limit
    pub rate_limit: u32,
    pub login: auth::LoginPolicy,
}

/// State that the handlers share, created once per process.
#[derive(Clone)]
pub struct Service {
    pub db: Db,
    pub clock: Clock,
    pub tokens: Tokens,
    pub directory: Directory,
    seal: Seal,
    epoch: Epoch,
    limiter: Limiter,
    limits: Limits,
    bodies: Bodies,
    turns: ReportPermits,
    pub ending: Ending,
    pub logins: auth::Logins,
    out: Outbound,
    settings: Settings,
}

impl Service {
    /// Creates missing rows in a migrated database, and loads the shared state.
    pub async fn start(db: Db, clock: Clock, settings: Settings) -> Result<Self> {
        operations::collect();
        let cipher = settings.secret.as_deref().map(Cipher::new).transpose()?;
        let key_cipher = auth::signing_key::KeyCipher(cipher.clone());
        let db = db.with(Arc::new(extensions().with(key_cipher)));

        Tx::run(&db, &clock, uuid::Uuid::nil(), feed::ensure_partitions).await?;
        Company::ensure(&db, &clock).await?;
        objects::ensure_built_in(&db, &clock).await?;
        let mut conn = db.conn().await?;
        let seal = Seal::load(&mut conn, cipher.as_ref()).await?;
        let epoch = Epoch::load(&mut conn).await?;
        drop(conn);

        let out = Outbound { cipher: cipher.clone(), loopback: settings.webhook_loopback };
        let tokens = Tokens::load(db.clone(), cipher, clock.now()).await?;
        let directory = Directory::new(db.clone(), clock.clone());
        let directory = directory.requiring(&settings.login.second_factor);
        directory.poll().await?;

        let limits = Limits::per_second(settings.rate_limit);
        let logins = auth::Logins::new(settings.login.clone());
        Ok(Self {
            db,
            clock,
            tokens,
            directory,
            seal,
            epoch,
            limiter: Limiter::default(),
            limits,
            bodies: Bodies::default(),
            turns: ReportPermits::default(),
            ending: Ending::default(),
            logins,
            out,
            settings,
        })
    }

    /// Creates the user `admin` if there are no users yet. Returns the password if it was
    /// generated.
    pub async fn first_start(&self, password: Option<&str>) -> Result<Option<String>> {
        let made = auth::user::ensure_admin(&self.db, &self.clock, password).await?;
        self.directory.poll().await?;
        Ok(made)
    }

    /// Warns if the server makes no trigrams of Chinese text, which happens with the character type
    /// `C`.
    pub async fn check_search(&self) {
        let query = "coalesce(cardinality(show_trgm('上海林氏')), 0) > 0";
        let good = async {
            let mut conn = self.db.conn().await?;
            let good = diesel::dsl::sql::<diesel::sql_types::Bool>(query);
            Ok::<bool, Error>(diesel::select(good).get_result(&mut conn).await?)
        };
        match good.await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(
                    "no trigrams of Chinese text in this database; use a UTF-8 LC_CTYPE"
                );
            }
            Err(_) => tracing::debug!("pg_trgm is not installed; search does not need it"),
        }
    }

    /// Returns the store of files, for work without a request.
    pub fn attachments(&self) -> attachments::Store {
        self.settings.attachments.clone()
    }

    /// Returns the courier that delivers events to webhooks, with connections of its own.
    pub fn courier(&self, db: Db) -> Result<Courier> {
        let (clock, directory) = (self.clock.clone(), self.directory.clone());
        let db = db.with(self.db.extensions().clone());
        Courier::new(db, clock, directory, self.epoch, self.out.clone())
    }

    /// Returns the same service with another pool.
    #[must_use]
    pub fn on(&self, db: Db) -> Self {
        Self { db: db.with(self.db.extensions().clone()), ..self.clone() }
    }

    pub fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = actix_web::Error,
            InitError = (),
        > + use<>,
    > {
        let origins = &self.settings.cors_origins;
        App::new()
            .configure(|config| serve(config, |domain| domain.root_routes))
            .service(
                web::scope(PREFIX)
                    .configure(|config| serve(config, |domain| domain.routes))
                    .wrap(from_fn(lists::present))
                    .wrap(from_fn(limits::pace))
                    .wrap(from_fn(auth::authenticate)),
            )
            .configure(docs_page::routes)
            .app_data(Data::new(self.db.clone()))
            .app_data(Data::new(self.clock.clone()))
            .app_data(Data::new(self.tokens.clone()))
            .app_data(Data::new(self.directory.clone()))
            .app_data(Data::new(document::views()))
            .app_data(Data::new(self.seal.clone()))
            .app_data(Data::new(self.epoch))
            .app_data(Data::new(self.out.clone()))
            .app_data(Data::new(self.settings.attachments.clone()))
            .app_data(Data::new(self.limiter.clone()))
            .app_data(Data::new(self.limits.clone()))
            .app_data(Data::new(self.bodies.clone()))
            .app_data(Data::new(self.turns.clone()))
            .app_data(Data::new(self.ending.clone()))
            .app_data(Data::new(self.logins.clone()))
            .app_data(Data::new(TrustProxy(self.settings.trust_proxy)))
            .app_data(Data::new(auth::Permissions(permissions().collect())))
            .default_service(web::to(edge::no_such_operation))
            .wrap(Condition::new(!origins.is_empty(), cors(origins)))
            .wrap(from_fn(edge::receive))
    }
}

/// Serves the same part of each domain's operations.
fn serve(config: &mut ServiceConfig, part: fn(&Domain) -> Mounts) {
    let mut served = Served::default();
    for mount in DOMAINS.iter().flat_map(part) {
        mount(&mut Routes::serve(&mut served));
    }
    served.register(config);
}

/// Allows browsers to call from these origins, and to read the headers that integrations need.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PATCH", "DELETE"])
        .allowed_headers([
            "accept",
            "accept-language",
            "authorization",
            "content-disposition",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "if-range",
            "range",
        ])
        .expose_headers([
            "accept-ranges",
            "content-disposition",
            "content-range",
            "etag",
            "link",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-request-id",
        ])
        .max_age(3600);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// Migrates the database to the schema of this build. Blocks: call it outside the async workers.
pub async fn migrate(server: impl Into<DbServer>) -> Result<()> {
    let refused = |error| match error {
        // The server may come back; other errors do not go away by waiting.
        ConnectionError::BadConnection(_) => Error::unavailable("unavailable").cause(error),
        error => Error::internal(error),
    };
    let conn = platform::db::connect(server).await.map_err(refused)?;
    let mut harness = AsyncMigrationHarness::new(conn);
    harness.run_pending_migrations(crate::MIGRATIONS).map(drop).map_err(Error::internal)
}
