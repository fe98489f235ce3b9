//! Checks of an expression before it is saved: limits, names and types.

use std::collections::BTreeMap;
use std::fmt::Display;

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};
use serde_json::Value;

use super::{Fault, Function, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, Type};
use super::{decimal, is_date, number, syntax};

const ANY: &[Type] = &[];
const BOOL: &[Type] = &[Type::Bool];
const NUMBER: &[Type] = &[Type::Number];
const TEXT: &[Type] = &[Type::Text];
const ADDED: &[Type] = &[Type::Number, Type::Text];
const ORDERED: &[Type] = &[Type::Number, Type::Text, Type::Date, Type::Instant];

/// Applies the limits that keep the parser, which recurses, within its stack.
pub(super) fn measure(source: &str) -> Result<(), Fault> {
    if source.len() > MAX_BYTES {
        return Err(Fault::TooLong);
    }
    let (mut quote, mut signs) = (None, 0_usize);
    let mut open = Vec::new(); // brackets, and the conditionals that began inside them
    let mut characters = source.chars();
    while let Some(c) = characters.next() {
        if c.is_ascii_whitespace() {
            continue;
        }
        signs = if quote.is_none() && "!-".contains(c) { signs + 1 } else { 0 };
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(end), _) if c == end => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{' | '?') => open.push(c),
            (None, ')' | ']' | '}' | ',') => {
                let bracket = open.iter().rposition(|&c| c != '?').map_or(0, |at| at + 1);
                open.truncate(if c == ',' { bracket } else { bracket.saturating_sub(1) });
            }
            _ => {}
        }
        // The first sign of a run may be a minus between operands, which nests nothing.
        if open.len() + signs.saturating_sub(1) > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
    }
    Ok(())
}

/// Turns the parsed tree into the smaller one.
pub(super) fn check(
    tree: &Expr,
    variables: &BTreeMap<String, Type>,
    functions: &[Function],
    expected: &Type,
) -> Result<Node, Fault> {
    let mut checker = Checker { variables, functions, nodes: 0 };
    let root = checker.check(tree)?;
    let found = root.adapted(expected);
    if found == Type::Null && !matches!(expected, Type::Null | Type::Any) {
        return Err(wrong(expected, &found));
    }
    agree(expected, &found)?;
    Ok(root.node)
}

struct Checker<'a> {
    variables: &'a BTreeMap<String, Type>,
    functions: &'a [Function],
    nodes: usize,
}

struct Typed {
    node: Node,
    kind: Type,
}

impl Typed {
    /// The type where `wanted` is expected: text literals, also in a list, become dates there.
    fn adapted(&self, wanted: &Type) -> Type {
        let is_day =
            |node: &Node| matches!(node, Node::Literal(Value::String(text)) if is_date(text));
        let fits = match (&self.node, wanted) {
            (node, Type::Date) => is_day(node),
            (Node::List(nodes), Type::List(inner)) if **inner == Type::Date => {
                !nodes.is_empty() && nodes.iter().all(is_day)
            }
            _ => false,
        };
        if fits { wanted.clone() } else { self.kind.clone() }
    }
}

impl Checker<'_> {
    fn check(&mut self, expr: &Expr) -> Result<Typed, Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Fault::TooCostly);
        }
        let (node, kind) = match expr {
            Expr::Literal(literal) => constant(literal)?,
            Expr::Ident(name) => {
                let unknown = || Fault::UnknownName(name.clone());
                let kind = self.variables.get(name).ok_or_else(unknown)?.clone();
                (Node::Variable(name.clone(), kind.clone()), kind)
            }
            Expr::List(list) => {
                let parts = self.check_all(list.elements.iter().map(|part| &part.expr))?;
                let first = parts.first().map_or(Type::Any, |part| part.kind.clone());
                let kind = parts.iter().try_fold(first, |kind, part| agree(&kind, &part.kind))?;
                (Node::List(nodes(parts)), Type::List(Box::new(kind)))
            }
            Expr::Call(call) => self.call(call)?,
            Expr::Comprehension(_) => {
                return Err(syntax("all, exists, exists_one, map and filter are not allowed"));
            }
            _ => return Err(syntax("fields, maps and structures are not allowed")),
        };
        Ok(Typed { node, kind })
    }

    fn check_all<'e>(&mut self, e: impl Iterator<Item = &'e Expr>) -> Result<Vec<Typed>, Fault> {
        e.map(|part| self.check(part)).collect()
    }

    fn call(&mut self, call: &CallExpr) -> Result<(Node, Type), Fault> {
        let (name, is_method) = (&call.func_name, call.target.is_some());
        let target = call.target.iter().map(|part| &part.expr);
        let parts = self.check_all(target.chain(call.args.iter().map(|part| &part.expr)))?;
        if let Some(kind) = operator(name, is_method, &parts)? {
            return Ok((Node::Operator(name.clone(), nodes(parts)), kind));
        }
        let offered = self.functions.iter().find(|f| f.name == name && !is_method);
        let function = offered.ok_or_else(|| Fault::UnknownFunction(name.clone()))?;
        counted(&parts, function.arguments.len())?;
        for (part, wanted) in parts.iter().zip(function.arguments) {
            agree(wanted, &part.adapted(wanted))?;
        }
        let kind = function.returns.clone();
        Ok((Node::Host(name.clone(), nodes(parts), kind.clone()), kind))
    }
}

/// The type of the result, or nothing when the name is neither an operator nor built in.
fn operator(name: &str, is_method: bool, parts: &[Typed]) -> Result<Option<Type>, Fault> {
    // How many operands, which types they may have (empty: any), and the result if it differs.
    let (count, allowed, result) = match name {
        op::LOGICAL_NOT => (1, BOOL, None),
        op::NEGATE => (1, NUMBER, None),
        op::LOGICAL_AND | op::LOGICAL_OR => (2, BOOL, None),
        op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => (2, NUMBER, None),
        op::ADD => (2, ADDED, None),
        op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS => {
            (2, ORDERED, Some(Type::Bool))
        }
        op::EQUALS | op::NOT_EQUALS | op::IN => (2, ANY, Some(Type::Bool)),
        "startsWith" | "endsWith" | "contains" if is_method => (2, TEXT, Some(Type::Bool)),
        "size" => (1, ANY, Some(Type::Number)),
        op::CONDITIONAL => (3, ANY, None),
        op::INDEX => return Err(syntax("indexes are not allowed")),
        _ => return Ok(None),
    };
    counted(parts, count)?;
    for part in parts {
        require(part, allowed)?;
    }
    let kind = match parts {
        [condition, yes, no] => require(condition, BOOL).and_then(|()| same(yes, no))?,
        [item, list] if name == op::IN => {
            let wanted = Type::List(Box::new(item.kind.clone()));
            match list.adapted(&wanted) {
                Type::List(inner) if item.kind != Type::Null => {
                    agree(&inner, &item.adapted(&inner))?
                }
                Type::Any if item.kind != Type::Null => Type::Any,
                found => return Err(wrong(&wanted, &found)),
            }
        }
        [left, right] => same(left, right)?,
        [only] if name == "size" && !matches!(only.kind, Type::List(_)) => {
            require(only, TEXT).map(|()| Type::Any)?
        }
        _ => parts.first().map_or(Type::Any, |part| part.kind.clone()),
    };
    Ok(Some(result.unwrap_or(kind)))
}

fn require(part: &Typed, allowed: &[Type]) -> Result<(), Fault> {
    if allowed.is_empty() || part.kind == Type::Any || allowed.contains(&part.kind) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(Type::to_string).collect();
    Err(wrong(&names.join(" or "), &part.kind))
}

fn same(left: &Typed, right: &Typed) -> Result<Type, Fault> {
    agree(&left.adapted(&right.kind), &right.adapted(&left.kind))
}

/// The type that covers both.
fn agree(expected: &Type, found: &Type) -> Result<Type, Fault> {
    match (expected, found) {
        (Type::Any, _) | (_, Type::Any) => Ok(Type::Any),
        (Type::Null, other) | (other, Type::Null) => Ok(other.clone()),
        (Type::List(a), Type::List(b)) => Ok(Type::List(Box::new(agree(a, b)?))),
        _ if expected == found => Ok(found.clone()),
        _ => Err(wrong(expected, found)),
    }
}

fn counted(parts: &[Typed], count: usize) -> Result<(), Fault> {
    if parts.len() == count {
        return Ok(());
    }
    Err(wrong(&format!("{count} arguments"), &format!("{} arguments", parts.len())))
}

fn constant(literal: &LiteralValue) -> Result<(Node, Type), Fault> {
    let (value, kind) = match literal {
        LiteralValue::Boolean(value) => (Value::Bool(*value.inner()), Type::Bool),
        LiteralValue::Int(value) => {
            (decimal(&value.inner().to_string()).unwrap_or_default(), Type::Number)
        }
        LiteralValue::Double(value) => (number(*value.inner())?, Type::Number),
        LiteralValue::String(text) => (Value::from(text.inner()), Type::Text),
        LiteralValue::Null => (Value::Null, Type::Null),
        _ => return Err(syntax("bytes and unsigned numbers are not allowed")),
    };
    Ok((Node::Literal(value), kind))
}

fn nodes(parts: Vec<Typed>) -> Vec<Node> {
    parts.into_iter().map(|part| part.node).collect()
}

fn wrong(expected: &dyn Display, found: &dyn Display) -> Fault {
    Fault::WrongType { expected: expected.to_string(), found: found.to_string() }
}
