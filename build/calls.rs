//! Resolves the calls of a function by name. Among functions of the same name, those of the type in
//! question take precedence, then those of the same file, then those of the same crate. Crates that
//! the caller's crate does not depend on never count.

use std::collections::{HashMap, HashSet};

use super::source::{Function, Sources, after_generics, is_name};

/// Methods that also exist in the standard library: followed only if the type is known.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "all", "and", "and_then", "any", "begin", "clone", "collect", "contains", "count", "drain",
    "end", "entry", "execute", "extend", "filter", "find", "first", "fold", "get", "insert", "into",
    "iter", "join", "keys", "last", "len", "load", "lock", "map", "max", "min", "next", "ok",
    "optional", "or", "parse", "position", "push", "read", "remove", "retain", "rev", "run", "send",
    "set", "skip", "split", "sum", "take", "then", "unwrap_or", "update", "values", "wait", "write",
    "zip",
];

/// Traits without domain logic.
#[rustfmt::skip]
const TECHNICAL: &[&str] = &[
    "Deref", "DerefMut", "Deserialize", "Display", "FromRequest", "FromSql", "Responder", "Resource",
    "Serialize", "ToSql",
];

pub struct Calls<'a> {
    sources: &'a Sources,
    named: HashMap<&'a str, Vec<usize>>,
    /// The crates on which each crate depends
    below: HashMap<String, HashSet<String>>,
    /// Functions that `app.rs` passes as hooks, by the name of the field
    hooks: HashMap<String, Vec<usize>>,
}

impl<'a> Calls<'a> {
    pub fn of(sources: &'a Sources, below: HashMap<String, HashSet<String>>) -> Self {
        let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, function) in sources.functions.iter().enumerate() {
            named.entry(&function.name).or_default().push(index);
        }
        let mut calls = Self { sources, named, below, hooks: HashMap::new() };
        let passed = sources
            .functions
            .iter()
            .find(|function| function.file == "src/app.rs" && function.name == "extensions");
        calls.hooks = passed.map(|passed| calls.registered(passed)).unwrap_or_default();
        calls
    }

    /// Finds registrations of hooks, such as `ever_bought: orders::activity::ever_bought`.
    fn registered(&self, from: &Function) -> HashMap<String, Vec<usize>> {
        let (mut hooks, mut place) = (HashMap::<String, Vec<usize>>::new(), String::new());
        for (at, token) in from.body.iter().enumerate().skip(2) {
            let (before, sign) = (&from.body[at - 2], &from.body[at - 1]);
            if token == ":" {
                place.clone_from(sign);
            } else if token == "&" {
                // A list of hooks carries a decision out elsewhere and refuses nothing.
                place.clear();
            } else if sign == "::" && is_name(token) {
                hooks.entry(place.clone()).or_default().extend(self.on_path(from, before, token));
            }
        }
        hooks
    }

    fn function(&self, index: usize) -> &'a Function {
        &self.sources.functions[index]
    }

    fn all(&self, name: &str, fits: impl Fn(&Function) -> bool) -> Vec<usize> {
        let all = self.named.get(name).into_iter().flatten().copied();
        all.filter(|index| fits(self.function(*index))).collect()
    }

    /// Returns the functions of the same file, or else those of the same crate, or else all.
    fn nearest(&self, from: &Function, found: Vec<usize>) -> Vec<usize> {
        let near = |fits: &dyn Fn(&Function) -> bool| {
            found.iter().copied().filter(|index| fits(self.function(*index))).collect::<Vec<_>>()
        };
        let file = near(&|other| other.file == from.file);
        let domain = near(&|other| other.domain == from.domain);
        [file, domain].into_iter().find(|indexes| !indexes.is_empty()).unwrap_or(found)
    }

    /// Resolves a call with a path: `Customer::find`, `Self::check`, `directory::touch`.
    fn on_path(&self, from: &Function, first: &str, name: &str) -> Vec<usize> {
        let first = if first == "Self" { from.owner.as_deref().unwrap_or_default() } else { first };
        if matches!(first, "Error" | "Fault") {
            return vec![];
        }

        let of_type = self.all(name, |function| {
            [&function.owner, &function.contract].contains(&&Some(first.into()))
        });
        if !of_type.is_empty() {
            return self.nearest(from, of_type);
        }

        let in_module = self.all(name, |function| {
            let file = function.file.ends_with(&format!("/{first}.rs"));
            let folder = function.file.contains(&format!("/{first}/"));
            let here = matches!(first, "super" | "crate") && function.domain == from.domain;
            function.owner.is_none() && (file || folder || here)
        });

        // A module of the caller's own crate takes precedence over one of the same name elsewhere.
        let own: Vec<usize> = in_module
            .iter()
            .copied()
            .filter(|index| self.function(*index).domain == from.domain)
            .collect();
        if own.is_empty() { in_module } else { own }
    }

    /// Resolves a call `check(…)` to a function of this file or an imported one.
    fn free(&self, from: &Function, name: &str) -> Vec<usize> {
        let found = self.all(name, |function| function.owner.is_none());
        let here = found.iter().copied().filter(|index| self.function(*index).file == from.file);
        let here: Vec<usize> = here.collect();
        if !here.is_empty() {
            return here;
        }
        let imports = &self.sources.imports[&from.file];
        if !imports.contains(name) {
            return vec![];
        }
        let own = |index: &usize| self.function(*index).domain == from.domain;
        if found.iter().any(own) {
            return found.into_iter().filter(own).collect();
        }
        found.into_iter().filter(|index| imports.contains(&self.function(*index).domain)).collect()
    }

    /// Resolves a method call `.check(…)` by the name of its receiver.
    fn method(&self, from: &Function, receiver: &str, name: &str) -> Vec<usize> {
        let found = self.all(name, Function::takes_self);
        let owner = if receiver == "self" {
            from.owner.clone()
        } else {
            type_of(&from.parameters, receiver)
        };
        let of_type = |owner: &str| {
            let fits = |index: &&usize| self.function(**index).owner.as_deref() == Some(owner);
            found.iter().filter(fits).copied().collect::<Vec<_>>()
        };

        let owner = owner.unwrap_or_else(|| called_like(receiver));
        let known = of_type(&owner);
        if !known.is_empty() {
            return self.nearest(from, known);
        }

        if COMMON.contains(&name) {
            return vec![];
        }

        // The type is unknown: only types that the file mentions are possible.
        let names = &self.sources.names[&from.file];
        let mentioned = |index: &usize| {
            let function = self.function(*index);
            function.file == from.file
                || [&function.owner, &function.contract]
                    .into_iter()
                    .flatten()
                    .any(|name| names.contains(name))
        };
        let mentioned: Vec<usize> = found.iter().copied().filter(mentioned).collect();
        if !mentioned.is_empty() {
            return self.nearest(from, mentioned);
        }

        // Within the crate, the name must belong to one type only.
        let own = found.into_iter().filter(|index| self.function(*index).domain == from.domain);
        let own: Vec<usize> = own.collect();
        let owners: HashSet<_> = own.iter().map(|index| &self.function(*index).owner).collect();
        if owners.len() == 1 { own } else { vec![] }
    }

    /// Returns the methods that a type implements: `import::<Order, _>(…)` may call any of `Order`.
    fn implemented(&self, name: &str) -> Vec<usize> {
        let all = self.sources.functions.iter().enumerate();
        let fits = |function: &Function| {
            let contract = function.contract.as_deref();
            function.owner.as_deref() == Some(name)
                && contract.is_some_and(|contract| !TECHNICAL.contains(&contract))
        };
        all.filter(|entry| fits(entry.1)).map(|entry| entry.0).collect()
    }

    /// Returns all functions that a function calls.
    pub fn of_function(&self, from: &Function) -> HashSet<usize> {
        let (body, mut found) = (&from.body, HashSet::new());
        let token = |at: usize| body.get(at).map_or("", String::as_str);

        for (at, name) in body.iter().enumerate().filter(|pair| is_name(pair.1)) {
            let (before, sign) = if at > 1 {
                (token(at - 2), token(at - 1))
            } else {
                ("", at.checked_sub(1).map_or("", token))
            };
            let generic = token(at + 1) == "::" && token(at + 2) == "<";
            let end = if generic { after_generics(body, at + 2) } else { at + 1 };
            let called = token(end) == "(";
            match sign {
                "::" => found.extend(self.on_path(from, before, name)),
                "." if called => found.extend(self.method(from, before, name)),
                "." => {}
                _ if called => found.extend(self.free(from, name)),
                // Passed as an argument: `map_err(refused)`
                _ if matches!(token(at + 1), ")" | ",") => found.extend(self.free(from, name)),
                _ => {}
            }
            // `caller.sees::<Order>()` only reads the row rule of the type.
            if generic && name != "sees" {
                let types = body[at + 3..end].iter().filter(|token| is_name(token));
                found.extend(types.flat_map(|name| self.implemented(name)));
            }
        }

        let below = self.below.get(&from.domain);
        found.retain(|index| {
            below.is_none_or(|below| below.contains(&self.function(*index).domain))
        });
        if body.iter().any(|token| token == "Hooks") {
            let fields = body.windows(2).filter(|pair| pair[0] == ".");
            found.extend(fields.filter_map(|pair| self.hooks.get(&pair[1])).flatten());
        }
        found
    }

    /// Returns the `from_request` functions of a handler's arguments.
    pub fn extractors(&self, handler: &Function) -> Vec<usize> {
        let names: HashSet<&str> = handler.parameters.iter().map(String::as_str).collect();
        self.all("from_request", |function| {
            function.contract.as_deref() == Some("FromRequest")
                && function.owner.as_deref().is_some_and(|owner| names.contains(owner))
        })
    }

    pub fn named(&self, domain: &str, name: &str) -> Vec<usize> {
        self.all(name, |function| function.domain == domain)
    }
}

/// Guesses the type of a variable from its name: `room` is a `Room`.
fn called_like(variable: &str) -> String {
    let words = variable.split('_').filter_map(|word| Some((word.get(..1)?, word.get(1..)?)));
    words.map(|(first, rest)| first.to_uppercase() + rest).collect()
}

/// The declared type of a parameter.
fn type_of(parameters: &[String], name: &str) -> Option<String> {
    let at = parameters.windows(2).position(|pair| pair[0] == name && pair[1] == ":")?;
    let path = parameters[at + 2..].iter().take_while(|token| !matches!(token.as_str(), "," | "<"));
    path.filter(|token| token.starts_with(|letter: char| letter.is_ascii_uppercase()))
        .last()
        .cloned()
}
