//! Guards and other short expressions in CEL: bounded and type-checked when they are compiled,
//! then evaluated against the fields of one object. The `cel` crate only parses; its tree is
//! turned into a smaller one, so that nothing but the operators checked here can ever run.

mod check;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use cel::common::ast::operators as op;
use cel::parser::Parser;
use serde_json::{Map, Value};

const MAX_BYTES: usize = 1000;
const MAX_DEPTH: usize = 20;
const MAX_NODES: usize = 200;
const STACK: usize = 16 << 20;

/// The type of a field, an argument or a result; a value of any type may also be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A JSON number or a decimal text such as "12.50"; a double while it is evaluated.
    Number,
    /// A text.
    Text,
    /// A day as a text, YYYY-MM-DD.
    Date,
    /// A point in time as an RFC 3339 text, with at most nine digits of a second; UTC inside.
    Instant,
    /// A list whose elements have one type.
    List(Box<Type>),
    /// Nothing but null.
    Null,
    /// A type known only at evaluation, compatible with all; its texts are never numbers.
    Any,
}

/// A function that the host offers, called as `name(argument, ...)`; arguments may be null.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name in an expression; the built-in `size` wins over a function of that name.
    pub name: &'static str,
    /// The types of the arguments in order; in a constant, a list has to be `Type::Any`.
    pub arguments: &'static [Type],
    /// The type of the result; a result of another type fails the evaluation.
    pub returns: Type,
}

/// Runs a function of the host by its name and arguments. Fails with a text.
pub type Call<'a> = dyn Fn(&str, &[Value]) -> Result<Value, String> + 'a;

/// Why an expression was refused, or (`Failed` only) could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text has more than 1000 bytes.
    TooLong,
    /// Brackets, signs and conditionals nest more than 20 deep.
    TooDeep,
    /// There are more than 200 operands and operators.
    TooCostly,
    /// The text is not CEL, or uses a part of CEL that is not allowed.
    Syntax(String),
    /// There is no variable of this name.
    UnknownName(String),
    /// There is no function of this name.
    UnknownFunction(String),
    /// An operand, an argument or the result has a type that does not fit.
    WrongType {
        /// The types that fit, or the right number of arguments.
        expected: String,
        /// The type that was found.
        found: String,
    },
    /// An operator met null or a wrong value, or the host refused a call.
    Failed(String),
}

/// A checked expression; threads can share it and evaluate it any number of times.
#[derive(Clone, Debug)]
pub struct Expression {
    root: Node,
    expected: Type,
}

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    Variable(String, Type),
    List(Vec<Node>),
    Operator(String, Vec<Node>),
    Host(String, Vec<Node>, Type),
}

impl Expression {
    /// Compiles at most 1000 bytes of CEL, 20 levels and 200 nodes, with a result of type
    /// `expected`. The fault names the broken rule (`Failed`: no thread could be started).
    pub fn compile(
        source: &str,
        variables: &BTreeMap<String, Type>,
        functions: &[Function],
        expected: &Type,
    ) -> Result<Self, Fault> {
        check::measure(source)?;
        let work = || {
            // The parser's own limit holds where its texts end elsewhere than `measure` thinks.
            let parser = Parser::new().max_recursion_depth(25).error_recovery_limit(1);
            let tree = parser.parse(source).map_err(|errors| match errors.errors.first() {
                Some(e) => syntax(&format!("line {}, column {}: {}", e.pos.0, e.pos.1, e.msg)),
                None => syntax("not an expression"),
            })?;
            let root = check::check(&tree.expr, variables, functions, expected)?;
            Ok(Self { root, expected: expected.clone() })
        };
        // Without optimisation the parser takes up to 200 KB of stack for each bracket.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let thread = thread.map_err(|error| Fault::Failed(error.to_string()))?;
            thread.join().unwrap_or_else(|_| Err(syntax("not an expression")))
        })
    }

    /// Evaluates against variables by name, an absent one being null; `call` runs host functions.
    /// The result may be null, and whole numbers are integers; the fault is always `Failed`.
    pub fn evaluate(&self, variables: &Map<String, Value>, call: &Call) -> Result<Value, Fault> {
        let value = Evaluation { variables, call }.run(&self.root)?;
        // A part of type Any may turn out to be something else than the host was promised.
        load(&value, &self.expected, "the result")
    }
}

struct Evaluation<'a> {
    variables: &'a Map<String, Value>,
    call: &'a Call<'a>,
}

impl Evaluation<'_> {
    fn run(&self, node: &Node) -> Result<Value, Fault> {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Variable(name, kind) => {
                load(self.variables.get(name).unwrap_or(&Value::Null), kind, name)
            }
            Node::List(nodes) => self.run_all(nodes).map(Value::Array),
            Node::Host(name, nodes, kind) => {
                let result = (self.call)(name, &self.run_all(nodes)?).map_err(Fault::Failed)?;
                load(&result, kind, name)
            }
            Node::Operator(name, nodes) => match (name.as_str(), nodes.as_slice()) {
                (op::LOGICAL_AND, [left, right]) => self.decide(left, right, false),
                (op::LOGICAL_OR, [left, right]) => self.decide(left, right, true),
                (op::CONDITIONAL, [condition, yes, no]) => {
                    self.run(if self.truth(condition)? { yes } else { no })
                }
                (name, nodes) => apply(name, &self.run_all(nodes)?),
            },
        }
    }

    fn run_all(&self, nodes: &[Node]) -> Result<Vec<Value>, Fault> {
        nodes.iter().map(|node| self.run(node)).collect()
    }

    fn truth(&self, node: &Node) -> Result<bool, Fault> {
        self.run(node)?
            .as_bool()
            .ok_or_else(|| Fault::Failed("a condition is neither true nor false".to_string()))
    }

    /// As CEL has it, one side that decides the result outweighs a fault of the other side.
    fn decide(&self, left: &Node, right: &Node, decisive: bool) -> Result<Value, Fault> {
        let left = self.truth(left);
        if left != Ok(decisive) {
            let right = self.truth(right);
            if right != Ok(decisive) {
                return left.and(right).map(Value::Bool);
            }
        }
        Ok(Value::Bool(decisive))
    }
}

fn apply(name: &str, operands: &[Value]) -> Result<Value, Fault> {
    let value = match (name, operands) {
        (op::EQUALS, [a, b]) => (a == b).into(),
        (op::NOT_EQUALS, [a, b]) => (a != b).into(),
        (op::LOGICAL_NOT, [Value::Bool(a)]) => (!a).into(),
        (op::IN, [a, Value::Array(list)]) if !a.is_null() => list.contains(a).into(),
        (op::ADD, [Value::String(a), Value::String(b)]) => format!("{a}{b}").into(),
        ("size", [Value::String(a)]) => a.chars().count().into(),
        ("size", [Value::Array(a)]) => a.len().into(),
        ("startsWith", [Value::String(a), Value::String(b)]) => a.starts_with(b).into(),
        ("endsWith", [Value::String(a), Value::String(b)]) => a.ends_with(b).into(),
        ("contains", [Value::String(a), Value::String(b)]) => a.contains(b).into(),
        (_, [Value::String(a), Value::String(b)]) => compare(name, a.cmp(b)),
        (op::NEGATE, [Value::Number(a)]) => number(-a.as_f64().unwrap_or(0.0))?,
        (_, [Value::Number(a), Value::Number(b)]) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => calculate(name, a, b)?,
            _ => return Err(Fault::Failed("the number is too large".to_string())),
        },
        _ => {
            let sign = name.trim_matches(['_', '@']);
            return Err(Fault::Failed(format!("`{sign}` met an empty or unsuitable value")));
        }
    };
    Ok(value)
}

fn calculate(name: &str, a: f64, b: f64) -> Result<Value, Fault> {
    match name {
        op::DIVIDE | op::MODULO if b == 0.0 => Err(Fault::Failed("division by zero".to_string())),
        op::ADD => number(a + b),
        op::SUBSTRACT => number(a - b),
        op::MULTIPLY => number(a * b),
        op::DIVIDE => number(a / b),
        op::MODULO => number(a % b),
        _ => Ok(compare(name, a.total_cmp(&b))),
    }
}

fn compare(name: &str, order: Ordering) -> Value {
    Value::Bool(match name {
        op::LESS => order.is_lt(),
        op::LESS_EQUALS => order.is_le(),
        op::GREATER => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// The value in the one form that its type has here, so that equal values are the same JSON.
fn load(value: &Value, kind: &Type, name: &str) -> Result<Value, Fault> {
    let all = |items: &[Value], kind: &Type| -> Result<Value, Fault> {
        items.iter().map(|item| load(item, kind, name)).collect()
    };
    let loaded = match (value, kind) {
        (Value::Number(n), Type::Number | Type::Any) => {
            Some(number(n.as_f64().unwrap_or(f64::NAN))?)
        }
        (Value::String(text), Type::Number) => decimal(text),
        (Value::String(text), Type::Instant) => instant(text).map(Value::String),
        (Value::String(text), Type::Date) => is_date(text).then(|| value.clone()),
        (Value::Array(items), Type::List(kind)) => Some(all(items, kind)?),
        (Value::Array(items), Type::Any) => Some(all(items, kind)?),
        (Value::Null, _)
        | (_, Type::Any)
        | (Value::Bool(_), Type::Bool)
        | (Value::String(_), Type::Text) => Some(value.clone()),
        _ => None,
    };
    loaded.ok_or_else(|| Fault::Failed(format!("{name} is not of type {kind}")))
}

/// A whole number becomes a JSON integer, because hosts read counts with `as_i64`.
fn number(value: f64) -> Result<Value, Fault> {
    if !value.is_finite() {
        return Err(Fault::Failed("the number is too large".to_string()));
    }
    Ok(value.to_string().parse::<i64>().map_or_else(|_| value.into(), Value::from))
}

fn decimal(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let fits = are_digits(whole) && are_digits(fraction);
    number(text.parse().ok().filter(|_| fits)?).ok()
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    // Other spellings that the library reads would not compare as texts.
    text.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == text)
}

/// The instant with nine digits of a second, since only equally long texts sort by time.
fn instant(text: &str) -> Option<String> {
    text.parse::<jiff::Timestamp>().ok().map(|at| format!("{at:.9}"))
}

fn syntax(problem: &str) -> Fault {
    Fault::Syntax(problem.to_string())
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Type::List(inner) => write!(f, "list of {inner}"),
            other => f.write_str(&format!("{other:?}").to_lowercase()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Fault::TooLong => write!(f, "the expression is longer than {MAX_BYTES} bytes"),
            Fault::TooDeep => write!(f, "the expression nests more than {MAX_DEPTH} deep"),
            Fault::TooCostly => write!(f, "the expression has more than {MAX_NODES} parts"),
            Fault::Syntax(problem) => write!(f, "the expression cannot be read: {problem}"),
            Fault::UnknownName(name) => write!(f, "there is no field `{name}`"),
            Fault::UnknownFunction(name) => write!(f, "there is no function `{name}`"),
            Fault::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            Fault::Failed(problem) => write!(f, "the expression failed: {problem}"),
        }
    }
}

impl std::error::Error for Fault {}
