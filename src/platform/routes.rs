//! Mounting of operations. The same list of handlers serves requests in a worker and describes
//! itself for the OpenAPI document, so the document cannot miss an operation or name a wrong one.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, Scope, guard};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation, Paths};
use utoipa::openapi::{RefOr, Schema};

/// Mounts operations; see [`mount!`](crate::mount!).
pub struct Routes<'a>(Goal<'a>);

enum Goal<'a> {
    Serve(&'a mut Served),
    Describe { prefix: &'a str, tag: &'a str, described: &'a mut Described },
}

/// Operations to serve, by the first segment of their paths. The router compares a request with
/// every pattern in turn, and [`HttpRequest::match_pattern`] does the same, so each segment becomes
/// a scope of its own: a request is compared with those and with the operations of one of them.
#[derive(Default)]
pub struct Served(BTreeMap<String, Vec<Resource>>);

impl Served {
    fn add(&mut self, path: &str, methods: Vec<HttpMethod>, handler: Route) {
        let end = path[1..].find('/').map_or(path.len(), |end| end + 1);
        let (segment, rest) = path.split_at(end);
        let resource = web::resource(rest).guard(guard::fn_guard(move |context| {
            methods.iter().any(|method| context.head().method == as_http(method))
        }));
        self.0.entry(segment.to_owned()).or_default().push(resource.route(handler));
    }

    /// Registers the operations.
    pub fn register(self, config: &mut ServiceConfig) {
        for (segment, resources) in self.0 {
            config.service(resources.into_iter().fold(web::scope(&segment), Scope::service));
        }
    }
}

/// The descriptions of mounted operations.
#[derive(Default)]
pub struct Described {
    pub paths: Paths,
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The permission and the refusals that follow from the arguments of each handler, by operation id
    pub operations: BTreeMap<String, Arguments>,
}

impl Described {
    fn add(
        &mut self,
        path: String,
        methods: Vec<HttpMethod>,
        mut operation: Operation,
        tag: &str,
        arguments: Arguments,
    ) {
        operation.tags = Some(vec![tag.to_owned()]);
        let id = operation.operation_id.clone().unwrap_or_default();
        let twice = self.operations.insert(id.clone(), arguments).is_some();
        assert!(!twice, "two operations are called {id}");
        self.paths.add_path_operation(path, methods, operation);
    }
}

/// The permission and the refusals that follow from the arguments of a handler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The name of the permission that the caller must hold
    pub permission: Option<&'static str>,
    /// Statuses and codes of refusals
    pub refusals: BTreeSet<(u16, &'static str)>,
}

/// Statuses and codes of refusals.
pub type Refusals = &'static [(u16, &'static str)];

/// A type of arguments of handlers, with its contribution to the description of an operation.
pub trait Argument: FromRequest {
    /// The name of the permission that the caller must hold
    const PERMISSION: Option<&'static str> = None;
    /// Statuses and codes with which the extraction of the argument, or a method that every handler
    /// calls on it, refuses a request
    const REFUSALS: Refusals = &[];
}

impl Argument for HttpRequest {}
impl<T: 'static> Argument for web::Data<T> {}
impl<T: Argument> Argument for Option<T> {}

impl<T: Argument> Argument for Result<T, T::Error> {
    const REFUSALS: Refusals = T::REFUSALS;
}

/// The arguments of a handler.
pub trait ArgumentList: FromRequest {
    fn described() -> Arguments;
}

macro_rules! argument_lists {
    ($($argument:ident)*) => {
        impl<$($argument: Argument + 'static),*> ArgumentList for ($($argument,)*) {
            fn described() -> Arguments {
                let permissions: &[Option<&str>] = &[$($argument::PERMISSION),*];
                let refusals: &[&[(u16, &str)]] = &[$($argument::REFUSALS),*];
                Arguments {
                    permission: permissions.iter().copied().flatten().next(),
                    refusals: refusals.iter().copied().flatten().copied().collect(),
                }
            }
        }
    };
}

argument_lists!();
argument_lists!(A);
argument_lists!(A B);
argument_lists!(A B C);
argument_lists!(A B C D);
argument_lists!(A B C D E);
argument_lists!(A B C D E F);
argument_lists!(A B C D E F G);

impl<'a> Routes<'a> {
    /// Collects the operations to serve them.
    pub fn serve(served: &'a mut Served) -> Self {
        Self(Goal::Serve(served))
    }

    /// Collects the descriptions of the operations, whose paths begin with `prefix`.
    pub fn describe(prefix: &'a str, tag: &'a str, described: &'a mut Described) -> Self {
        Self(Goal::Describe { prefix, tag, described })
    }

    /// Mounts the operations of a part of the domain.
    pub fn with(&mut self, part: fn(&mut Routes)) -> &mut Self {
        part(self);
        self
    }

    /// Mounts a handler. `P` is its description, which `#[utoipa::path]` derives.
    pub fn add<P, H, A>(&mut self, _description: P, handler: H) -> &mut Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<A, Output: Responder + 'static>,
        A: ArgumentList + 'static,
    {
        match &mut self.0 {
            Goal::Serve(served) => served.add(&P::path(), P::methods(), web::to(handler)),
            Goal::Describe { prefix, tag, described } => {
                P::schemas(&mut described.schemas);
                let path = format!("{prefix}{}", P::path());
                described.add(path, P::methods(), P::operation(), tag, A::described());
            }
        }
        self
    }
}

fn as_http(method: &HttpMethod) -> &'static Method {
    match method {
        HttpMethod::Get => &Method::GET,
        HttpMethod::Post => &Method::POST,
        HttpMethod::Put => &Method::PUT,
        HttpMethod::Patch => &Method::PATCH,
        HttpMethod::Delete => &Method::DELETE,
        HttpMethod::Head => &Method::HEAD,
        HttpMethod::Options => &Method::OPTIONS,
        HttpMethod::Trace => &Method::TRACE,
    }
}

/// Mounts handlers that have a `#[utoipa::path]`: `mount!(routes, list_orders, today::read_today)`.
#[macro_export]
macro_rules! mount {
    ($routes:ident, $($handler:ident $(:: $inner:ident)?),+ $(,)?) => {
        $($crate::mount!(@one $routes, $handler $(:: $inner)?);)+
    };
    (@one $routes:ident, $handler:ident) => {
        $crate::pastey::paste!($routes.add([<__path_ $handler>], $handler))
    };
    (@one $routes:ident, $module:ident :: $handler:ident) => {
        $crate::pastey::paste!($routes.add($module::[<__path_ $handler>], $module::$handler))
    };
}
