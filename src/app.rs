//! Mounts every domain, and what stands around all of them.

use std::sync::LazyLock;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ResourceDef, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header::ACCEPT_LANGUAGE};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use auth::{Directory, Tokens};
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::MigrationHarness;
use platform::changes::{self, Epoch};
use platform::{Clock, Db, Error, Result, Seal};
use utoipa_actix_web::{AppExt, scope, service_config::ServiceConfig};
use uuid::Uuid;

use crate::document;

/// The largest body: a batch.
const BODY_LIMIT: usize = 32 << 20;

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(
        scope::scope("/api/v1")
            .configure(customers::routes)
            .configure(sync::routes)
            .wrap(from_fn(auth::authenticate)),
    );
}

/// What the handlers share, made once per process.
#[derive(Clone)]
pub struct Service {
    pub db: Db,
    pub clock: Clock,
    pub tokens: Tokens,
    pub directory: Directory,
    seal: Seal,
    epoch: Epoch,
}

impl Service {
    pub async fn start(db: Db, clock: Clock) -> Result<Self> {
        let mut conn = db.conn().await?;
        changes::ensure_partitions(&mut conn, clock.today()).await?;
        let tokens = Tokens::load(&mut conn).await?;
        let seal = Seal::load(&mut conn).await?;
        let epoch = Epoch::load(&mut conn).await?;
        drop(conn);
        let directory = Directory::new(db.clone(), clock);
        directory.poll().await?;
        Ok(Self { db, clock, tokens, directory, seal, epoch })
    }

    /// The same service on another pool.
    #[must_use]
    pub fn on(&self, db: Db) -> Self {
        Self { db, ..self.clone() }
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
        App::new()
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .app_data(Data::new(self.db.clone()))
            .app_data(Data::new(self.clock))
            .app_data(Data::new(self.tokens.clone()))
            .app_data(Data::new(self.directory.clone()))
            .app_data(Data::new(self.seal.clone()))
            .app_data(Data::new(self.epoch))
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .default_service(web::to(no_such_operation))
            .wrap(from_fn(identify_request))
    }
}

/// Brings the database to the schema of this build. Blocks: call it outside the async workers.
pub async fn migrate(url: &str) -> Result<()> {
    use diesel_async::{AsyncConnection, AsyncPgConnection};
    let conn = AsyncPgConnection::establish(url).await.map_err(Error::internal)?;
    let mut harness = AsyncMigrationHarness::new(conn);
    harness.run_pending_migrations(crate::MIGRATIONS).map(drop).map_err(Error::internal)
}

/// Gives each request an id, in a header and as the `instance` of its problem; reads HEAD as GET
/// (the server leaves the body out by itself).
async fn identify_request(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = Uuid::now_v7().to_string();
    if req.method() == Method::HEAD {
        req.head_mut().method = Method::GET;
    }
    let mut response = next.call(req).await?.map_into_boxed_body();
    let error = response.response().error().and_then(|error| error.as_error::<Error>());
    let language = response.request().headers().get(ACCEPT_LANGUAGE);
    let chinese = language.is_some_and(|language| language.as_bytes().starts_with(b"zh"));
    if let Some(answer) = error.map(|error| error.answer(Some(&id), chinese)) {
        response = response.into_response(answer);
    }
    if let Ok(id) = id.parse() {
        response.headers_mut().insert("x-request-id".parse().expect("a header name"), id);
    }
    Ok(response)
}

/// Every path of the document with the methods that it has.
static PATHS: LazyLock<Vec<(ResourceDef, String)>> = LazyLock::new(|| {
    let paths = document::openapi().paths.paths.into_iter();
    let allow = |mut item| {
        let methods: Vec<_> = document::methods(&mut item).map(|(name, _)| name).collect();
        methods.join(", ")
    };
    paths.map(|(path, item)| (ResourceDef::new(path), allow(item))).collect()
});

/// A path that exists answers other methods with 405 and its own, all else with 404.
async fn no_such_operation(req: HttpRequest) -> Result<HttpResponse> {
    let known = PATHS.iter().filter(|(path, _)| path.is_match(req.path()));
    let allow = known.map(|(_, methods)| methods.as_str()).collect::<Vec<_>>().join(", ");
    if allow.is_empty() {
        return Err(Error::not_found());
    }
    if req.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header(("Allow", allow)).finish());
    }
    Err(Error::method_not_allowed(allow))
}
