//! Reads the functions of the sources from tokens and brackets. This is enough to follow calls and
//! needs no syntax tree.

use std::collections::{HashMap, HashSet};

/// A function with a body.
pub struct Function {
    pub file: String,
    /// The crate, which is a folder in `src`
    pub domain: String,
    /// The type or trait of the surrounding `impl` or `trait`
    pub owner: Option<String>,
    /// The trait that the surrounding `impl` implements
    pub contract: Option<String>,
    pub name: String,
    pub parameters: Vec<String>,
    pub body: Vec<String>,
}

impl Function {
    pub fn takes_self(&self) -> bool {
        self.parameters.iter().take(4).any(|token| token == "self")
    }
}

/// The contents of all files.
#[derive(Default)]
pub struct Sources {
    pub functions: Vec<Function>,
    /// Constants with a text as their value
    pub constants: HashMap<String, String>,
    /// All names in a file
    pub names: HashMap<String, HashSet<String>>,
    /// Names that a file imports
    pub imports: HashMap<String, HashSet<String>>,
}

impl Sources {
    pub fn read(&mut self, file: &str, text: &str) {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let tokens = tokens(text);
        let mut imports = HashSet::new();
        let mut rest = tokens.as_slice();
        while let Some(start) = rest.iter().position(|token| token == "use") {
            let end = rest[start..].iter().position(|token| token == ";");
            let end = end.map_or(rest.len(), |end| start + end);
            imports.extend(rest[start..end].iter().cloned());
            rest = &rest[end..];
        }
        self.imports.insert(file.to_owned(), imports);
        self.names.insert(file.to_owned(), tokens.iter().cloned().collect());
        self.walk(file, &tokens, None, None);
    }

    fn walk(&mut self, file: &str, tokens: &[String], owner: Option<&str>, contract: Option<&str>) {
        let mut at = 0;
        while at < tokens.len() {
            let next = |at: usize| tokens.get(at).map_or("", String::as_str);
            match next(at) {
                kind @ ("impl" | "trait") if owner.is_none() => {
                    let Some(open) = find(tokens, at, &["{", ";"]) else { return };
                    if next(open) == "{" {
                        let end = closing(tokens, open);
                        let (owner, contract) = heading(kind, &tokens[at + 1..open]);
                        let inner = &tokens[open + 1..end];
                        self.walk(file, inner, Some(&owner), contract.as_deref());
                        at = end;
                    }
                }
                "fn" => {
                    let name = next(at + 1).to_owned();
                    let mut open = at + 2;
                    if next(open) == "<" {
                        open = after_generics(tokens, open);
                    }
                    if next(open) == "(" {
                        let end = closing(tokens, open);
                        let body = find(tokens, end, &["{", ";"]).unwrap_or(tokens.len());
                        let last = if next(body) == "{" { closing(tokens, body) } else { body };
                        self.functions.push(Function {
                            file: file.to_owned(),
                            domain: domain(file),
                            owner: owner.map(str::to_owned),
                            contract: contract.map(str::to_owned),
                            name,
                            parameters: tokens[open + 1..end].to_vec(),
                            body: tokens.get(body + 1..last).unwrap_or_default().to_vec(),
                        });
                        at = last;
                    }
                }
                "const" => {
                    let text = tokens[at..].iter().take(12).skip_while(|token| *token != "=");
                    if let Some(text) = text.skip(1).find_map(|token| literal(token)) {
                        self.constants.insert(next(at + 1).to_owned(), text.to_owned());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// The crate of a file. Files directly in `src` belong to the service itself.
pub fn domain(file: &str) -> String {
    let mut parts = file.split('/').skip(1);
    let (first, more) = (parts.next(), parts.next());
    first.filter(|_| more.is_some()).unwrap_or("salesbook").to_owned()
}

/// Parses the heading of an `impl` or `trait`: the type, and the trait if there is one.
fn heading(kind: &str, tokens: &[String]) -> (String, Option<String>) {
    let start = if tokens.first().is_some_and(|token| token == "<") {
        after_generics(tokens, 0)
    } else {
        0
    };
    let end = tokens.iter().position(|token| token == "where").unwrap_or(tokens.len());
    let tokens = tokens.get(start..end).unwrap_or_default();
    if kind == "trait" {
        let name = type_name(tokens);
        return (name.clone(), Some(name));
    }
    match tokens.iter().position(|token| token == "for") {
        Some(at) => (type_name(&tokens[at + 1..]), Some(type_name(&tokens[..at]))),
        None => (type_name(tokens), None),
    }
}

/// The last name of a path, without generic parameters.
fn type_name(tokens: &[String]) -> String {
    let path = tokens.iter().take_while(|token| !matches!(token.as_str(), "<" | ":" | "{"));
    path.filter(|token| is_name(token)).last().cloned().unwrap_or_default()
}

pub fn is_name(token: &str) -> bool {
    token.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_')
        && !matches!(token, "dyn" | "mut" | "for" | "impl")
}

/// The content of a string literal.
pub fn literal(token: &str) -> Option<&str> {
    token.strip_prefix('"')?.strip_suffix('"')
}

fn find(tokens: &[String], from: usize, wanted: &[&str]) -> Option<usize> {
    (from..tokens.len()).find(|at| wanted.contains(&tokens[*at].as_str()))
}

/// The index of the matching closing bracket.
pub fn closing(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The index after the generic parameters that begin here.
pub fn after_generics(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "<" => depth += 1,
            ">" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Splits a text into names, string literals, `::`, `->`, `=>` and single characters. Comments are
/// left out.
fn tokens(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (vec![], text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => quoted(rest),
            // A character literal, not a lifetime
            '\'' if rest[1..].starts_with('\\') => rest[2..].find('\'').map_or(1, |end| end + 3),
            '\'' => {
                let inner = rest[1..].chars().next().map_or(0, char::len_utf8);
                if rest[1 + inner..].starts_with('\'') { inner + 2 } else { 1 }
            }
            _ if first.is_ascii_alphanumeric() || first == '_' => {
                let end = rest
                    .find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
                end.unwrap_or(rest.len())
            }
            _ if ["::", "->", "=>"].iter().any(|sign| rest.starts_with(sign)) => 2,
            _ => first.len_utf8(),
        };

        let (token, after) = rest.split_at(length.min(rest.len()));
        if !token.starts_with("//") && !token.trim().is_empty() {
            found.push(token.to_owned());
        }
        rest = after;
    }
    found
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}
