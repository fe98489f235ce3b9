//! Conditions of actions: expressions in CEL over the fields of the object.

use std::collections::{BTreeMap, HashMap};

use fields::{Field, FieldType, Label};
use platform::language::is_chinese;
use platform::{Date, Error, Fault, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Definition;
use crate::expression::{self, Expression, Function, Type};

/// Characters of all guards of a definition. Each is compiled in some milliseconds.
const MOST: usize = 4_000;

/// The functions of guards.
const FUNCTIONS: &[Function] = &[
    Function { name: "today", arguments: &[], returns: Type::Date },
    Function { name: "now", arguments: &[], returns: Type::Instant },
    Function { name: "days", arguments: &[Type::Date, Type::Date], returns: Type::Number },
];

/// A condition for an action. An action that does not fulfil it is refused with
/// 409 `refused_by_guard`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectGuard)]
pub struct Guard {
    /// The condition in CEL, over the fields after the action, `owner_id`, `author_id` and `caller_id`.
    /// Functions: `today()`, `now()`, `days(from, to)`
    #[schema(min_length = 1, max_length = 1000, example = "seats <= 5 || day > today()")]
    pub when: String,
    /// The reason of the refusal for programs, as `guard` of the problem
    #[schema(pattern = "^[a-z][a-z0-9_]{1,39}$", example = "too_late")]
    pub code: String,
    /// The reason of the refusal for people
    pub message: Label,
}

/// The compiled guards of a definition, by action.
#[derive(Debug)]
pub struct Guards(HashMap<String, Expression>);

impl Guards {
    /// Compiles the guards.
    pub fn of(definition: &Definition) -> Result<Self> {
        let types = definition.types();
        let mut guards = HashMap::new();
        for transition in &definition.transitions {
            if let Some(guard) = &transition.guard {
                let compiled = compile(&guard.when, &types).map_err(Error::internal)?;
                guards.insert(transition.action.clone(), compiled);
            }
        }
        Ok(Self(guards))
    }

    /// Refuses an action whose guard is not fulfilled. A guard that cannot be evaluated, such as one
    /// that compares a missing value, is not fulfilled.
    pub fn check(
        &self,
        action: &str,
        guard: Option<&Guard>,
        values: &Map<String, Value>,
        (now, today): (Timestamp, Date),
    ) -> Result<()> {
        let (Some(expression), Some(guard)) = (self.0.get(action), guard) else { return Ok(()) };
        let call = |name: &str, arguments: &[Value]| called(name, arguments, now, today);
        let fulfilled = expression.evaluate(values, &call).unwrap_or_default();
        if fulfilled == Value::Bool(true) {
            return Ok(());
        }
        let Guard { code, message, .. } = guard;
        let text = if is_chinese() { &message.zh } else { &message.en };
        Err(Error::conflict("refused_by_guard", text.clone()).member("guard", code.clone()))
    }
}

/// Returns the faults of the guards of a definition, with pointers.
pub(super) fn faults(definition: &Definition, at: &str) -> Vec<Fault> {
    let types = definition.types();
    let (mut faults, mut characters) = (vec![], 0);
    for (index, transition) in definition.transitions.iter().enumerate() {
        let Some(guard) = &transition.guard else { continue };
        let pointer = format!("{at}/transitions/{index}/guard/when");
        characters += guard.when.len();
        if characters > MOST {
            let why = "all guards of a type have at most 4,000 characters";
            faults.push(Fault::new(pointer, "too_long", why));
            break;
        }
        if let Err(fault) = compile(&guard.when, &types) {
            faults.push(Fault::new(pointer, "invalid_expression", fault.to_string()));
        }
    }
    faults
}

fn compile(text: &str, types: &BTreeMap<String, Type>) -> Result<Expression, expression::Fault> {
    Expression::compile(text, types, FUNCTIONS, &Type::Bool)
}

fn called(name: &str, arguments: &[Value], now: Timestamp, today: Date) -> Result<Value, String> {
    let day =
        |value: &Value| value.as_str().and_then(|text| text.parse::<jiff::civil::Date>().ok());
    match (name, arguments) {
        ("today", []) => Ok(today.to_string().into()),
        ("now", []) => Ok(now.to_string().into()),
        ("days", [from, to]) => {
            let (from, to) = day(from).zip(day(to)).ok_or("a day is missing")?;
            let span = from.until((jiff::Unit::Day, to)).map_err(|error| error.to_string())?;
            Ok(span.get_days().into())
        }
        _ => Err(format!("there is no function {name}")),
    }
}

impl Definition {
    /// Returns the types of the names that expressions may use.
    fn types(&self) -> BTreeMap<String, Type> {
        let fixed = ["status", "owner_id", "author_id", "caller_id"];
        let fixed = fixed.map(|name| (name.to_owned(), Type::Text));
        let fields = self.fields.iter().map(|field| (field.key.clone(), type_of(field)));
        fields.chain(fixed).collect()
    }
}

/// Returns the type of a field's values in expressions.
fn type_of(field: &Field) -> Type {
    match field.type_ {
        FieldType::Integer | FieldType::Decimal | FieldType::Money => Type::Number,
        FieldType::Date => Type::Date,
        FieldType::Instant => Type::Instant,
        FieldType::Boolean => Type::Bool,
        FieldType::Choices => Type::List(Box::new(Type::Text)),
        _ => Type::Text,
    }
}
