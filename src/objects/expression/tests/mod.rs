//! Each rule of expressions, and hostile ones.

mod limits;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::expression::{Expression, Fault, Function, Type};

const FUNCTIONS: &[Function] = &[
    Function { name: "today", arguments: &[], returns: Type::Date },
    Function { name: "holds", arguments: &[Type::Text, Type::Any], returns: Type::Bool },
    Function { name: "before", arguments: &[Type::Date], returns: Type::Bool },
    Function { name: "broken", arguments: &[], returns: Type::Bool },
];

fn fields() -> BTreeMap<String, Type> {
    [
        ("amount", Type::Number),
        ("limit", Type::Number),
        ("name", Type::Text),
        ("due", Type::Date),
        ("paid", Type::Date),
        ("made", Type::Instant),
        ("sent", Type::Instant),
        ("late", Type::Instant),
        ("later", Type::Instant),
        ("early", Type::Instant),
        ("open", Type::Bool),
        ("tags", Type::List(Box::new(Type::Text))),
        ("days", Type::List(Box::new(Type::Date))),
        ("empty", Type::Number),
        ("flag", Type::Bool),
        ("any", Type::Any),
    ]
    .map(|(name, kind)| (name.to_string(), kind))
    .into()
}

fn values() -> Map<String, Value> {
    let values = json!({
        "amount": 12.5, "limit": "12.50", "name": "Zoë", "due": "2026-11-20", "paid": "2026-11-21",
        "made": "2026-11-20T10:00:00Z", "sent": "2026-11-20T10:00:00.5Z", "open": true,
        "late": "2026-11-20T10:00:00.50001Z", "later": "2026-11-20T10:00:00.500010+00:00",
        "early": "2026-11-20T10:00:00.000Z", "tags": ["a", "b"], "days": ["2026-11-20"], "empty": null, "any": 3
    });
    values.as_object().unwrap().clone()
}

fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match name {
        "today" => Ok(json!("2026-11-20")),
        "holds" => Ok(json!(arguments[0] == "x" && arguments[1] == 3)),
        "before" => Ok(json!(arguments[0].is_null())),
        _ => Err("no service".to_string()),
    }
}

fn compile(source: &str, expected: &Type) -> Result<Expression, Fault> {
    Expression::compile(source, &fields(), FUNCTIONS, expected)
}

fn run(source: &str) -> Result<Value, Fault> {
    compile(source, &Type::Any)
        .unwrap_or_else(|fault| panic!("{source}: {fault}"))
        .evaluate(&values(), &call)
}

#[test]
fn evaluates() {
    let table = [
        ("amount == 12.5 && limit == 12.50 && amount == limit", json!(true)),
        ("1 + 2 * 3 - 8 / 4 % 2", json!(7)),
        ("7 % 4", json!(3)),
        ("1 / 2", json!(0.5)),
        ("-amount", json!(-12.5)),
        ("9007199254740991 + 0", json!(9_007_199_254_740_991_i64)),
        ("!open", json!(false)),
        ("amount != 3", json!(true)),
        ("amount < 13 && amount <= 12.5 && amount > 12 && amount >= 12.5", json!(true)),
        ("amount < 12.5 || amount <= 12 || amount > 12.5 || amount >= 13", json!(false)),
        ("'a' < 'b' && !('b' <= 'a') && 'b' > 'a' && 'a' >= 'a'", json!(true)),
        ("'a' + \"b\"", json!("ab")),
        ("'it\\'s (' + r'\\('", json!("it's (\\(")),
        ("open ? 1 : 2", json!(1)),
        ("!open ? 1 : 2", json!(2)),
        ("open ? null : amount", json!(null)),
        ("[1, 2.0, amount]", json!([1, 2, 12.5])),
        ("[1] == [1.0]", json!(true)),
        ("'a' in tags", json!(true)),
        ("'c' in tags || 1 in []", json!(false)),
        ("due in ['2026-11-20'] && '2026-11-20' in days", json!(true)),
        ("size(name)", json!(3)),
        ("tags.size()", json!(2)),
        ("name.startsWith('Z') && name.endsWith('ë') && name.contains('o')", json!(true)),
        ("name.startsWith('o') || name.endsWith('o') || name.contains('x')", json!(false)),
        ("due < paid && due == today() && due < '2026-12-01'", json!(true)),
        ("made < sent && sent > made && made != sent", json!(true)),
        ("sent < late && late == later && made == early", json!(true)),
        ("holds('x', any) && holds('x', 3)", json!(true)),
        ("before(null) && !before('2026-01-01')", json!(true)),
        ("any + 1", json!(4)),
        // Null: equality works, and the other side may decide.
        ("empty == null && null == empty && due != null && name != null", json!(true)),
        ("tags != null && made != null && open != null", json!(true)),
        ("empty == null || empty > 5", json!(true)),
        ("empty > 5 || empty == null", json!(true)),
        ("empty != null && empty > 5", json!(false)),
        ("flag", json!(null)), // absent
        ("empty == null ? 1 : empty + 1", json!(1)),
    ];
    for (source, expected) in table {
        assert_eq!(run(source), Ok(expected), "{source}");
    }
}

#[test]
fn fails_without_panic() {
    let table = [
        ("empty > 5", "empty"),
        ("empty + 1", "empty"),
        ("-empty", "empty"),
        ("!flag", "empty"),
        ("flag && open", "condition"),
        ("flag ? 1 : 2", "condition"),
        ("empty in [1]", "empty"),
        ("1 / 0", "zero"),
        ("1 % 0.0", "zero"),
        ("1e308 * 10", "large"),
        ("-1e308 - 1e308", "large"),
        ("any.contains('x')", "unsuitable"),
        ("any && true", "condition"),
        ("broken()", "no service"),
        ("size(any)", "unsuitable"),
        ("any < 'x'", "unsuitable"),
    ];
    for (source, part) in table {
        let Err(Fault::Failed(text)) = run(source) else { panic!("{source}: {:?}", run(source)) };
        assert!(text.contains(part), "{source}: {text}");
    }
    // Values that are not of the declared type, and results that are not of the promised one.
    let wrong = [
        ("amount", json!("1e3")),
        ("amount", json!("inf")),
        ("amount", json!("")),
        ("amount", json!(true)),
        ("amount", json!("1.")),
        ("amount", json!("9".repeat(400))),
        ("name", json!(1)),
        ("due", json!("2026-02-29")),
        ("due", json!("2026-2-09")),
        ("made", json!("2026-11-20T24:00:00Z")),
        ("made", json!("2026-11-20T10:00:00.1234567890Z")),
        ("made", json!("2026-11-20T1:000:00Z")),
        ("tags", json!(["a", 1])),
        ("tags", json!("a")),
        ("open", json!({"a": 1})),
    ];
    for (name, value) in wrong {
        let expression = compile(name, &Type::Any).unwrap();
        let fields = Map::from_iter([(name.to_string(), value.clone())]);
        let result = expression.evaluate(&fields, &call);
        assert!(matches!(result, Err(Fault::Failed(_))), "{name} {value}: {result:?}");
    }
    let guard = compile("any", &Type::Bool).unwrap();
    assert!(matches!(guard.evaluate(&values(), &call), Err(Fault::Failed(_))));
    let object = Map::from_iter([("any".to_string(), json!({"a": 1}))]);
    let same = compile("any == any && any != null", &Type::Bool).unwrap();
    assert_eq!(same.evaluate(&object, &call), Ok(json!(true)));
}

#[test]
fn refuses_wrong_types() {
    let table = [
        ("amount + name", "number", "text"),
        ("amount == name", "number", "text"),
        ("due == made", "date", "instant"),
        ("due < made", "date", "instant"),
        ("due == name", "date", "text"),
        ("due == '2026-02-30'", "date", "text"),
        ("due == '2026-1-01'", "date", "text"),
        ("made > '2026-11-20'", "instant", "text"),
        ("due + 1 == due", "number or text", "date"),
        ("open < open", "number or text or date or instant", "bool"),
        ("!amount", "bool", "number"),
        ("-name == 1", "number", "text"),
        ("open && amount", "bool", "number"),
        ("amount || open", "bool", "number"),
        ("name * 2 == 1", "number", "text"),
        ("amount > null", "number or text or date or instant", "null"),
        ("null in tags", "list of null", "list of text"),
        ("amount in tags", "text", "number"),
        ("amount in amount", "list of number", "number"),
        ("amount ? open : open", "bool", "number"),
        ("open ? 1 : 'a'", "number", "text"),
        ("[1, 'a'] == []", "number", "text"),
        ("tags == days", "text", "date"),
        ("size(amount) == 1", "text", "number"),
        ("size() == 1", "1 arguments", "0 arguments"),
        ("name.startsWith(1)", "text", "number"),
        ("holds(1, 2)", "text", "number"),
        ("holds('x')", "2 arguments", "1 arguments"),
        ("before('soon')", "date", "text"),
        ("amount", "bool", "number"),
        ("null", "bool", "null"),
    ];
    for (source, expected, found) in table {
        let fault = Fault::WrongType { expected: expected.into(), found: found.into() };
        assert_eq!(compile(source, &Type::Bool).unwrap_err(), fault, "{source}");
    }
    assert!(compile("'2026-11-20'", &Type::Date).is_ok());
    for (day, is_date) in [
        ("2000-02-29", true),
        ("1900-02-29", false),
        ("2024-02-29", true),
        ("2026-04-31", false),
        ("2026-13-01", false),
        ("2026-12-00", false),
        ("26-12-01", false),
    ] {
        assert_eq!(compile(&format!("due == '{day}'"), &Type::Bool).is_ok(), is_date, "{day}");
    }
    assert!(compile("name", &Type::Date).is_err());
    assert!(compile("null", &Type::Null).is_ok());
}

#[test]
fn refuses_the_rest_of_cel() {
    for source in [
        "",
        " ",
        "amount +",
        "(amount",
        "amount)",
        "any.x",
        "any.x.y",
        "{}",
        "{'a': 1}",
        "T{a: 1}",
        "b'x'",
        "1u",
        "tags[0]",
        "tags.all(t, true)",
        "tags.exists(t, true)",
        "has(any.x)",
        "tags.exists_one(t, true)",
        "tags.map(t, t)",
        "tags.filter(t, true)",
        "'\\q'",
        "'",
        "`a`",
        "any.?x",
        "[?any]",
        "99999999999999999999",
        "1e999",
        "a = b",
        "as",
        "1 2",
        "\u{0}",
        "é",
    ] {
        let result = compile(source, &Type::Any);
        assert!(matches!(result, Err(Fault::Syntax(_))), "{source}: {result:?}");
    }
    for name in ["price", ".amount", "int"] {
        assert_eq!(compile(name, &Type::Any).unwrap_err(), Fault::UnknownName(name.into()));
    }
    for (source, name) in [
        ("name.matches('x')", "matches"),
        ("matches(name, 'x')", "matches"),
        ("nope()", "nope"),
        ("name.holds(1)", "holds"),
        ("startsWith(name, 'x')", "startsWith"),
        ("int(1)", "int"),
        ("timestamp('x')", "timestamp"),
        (".today()", ".today"),
    ] {
        let fault = Fault::UnknownFunction(name.into());
        assert_eq!(compile(source, &Type::Any).unwrap_err(), fault, "{source}");
    }
}

#[test]
fn is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    shared::<Expression>();
    let guard = compile("amount > limit || (open ? due == null : today() == paid)", &Type::Bool);
    let guard = Arc::new(guard.unwrap());
    let threads: Vec<_> = (0..4)
        .map(|_| (guard.clone(), values()))
        .map(|(guard, values)| std::thread::spawn(move || guard.evaluate(&values, &call)))
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(json!(false)));
    }
}

#[test]
fn faults_are_plain_english() {
    for (fault, text) in [
        (Fault::TooLong, "the expression is longer than 1000 bytes"),
        (Fault::TooDeep, "the expression nests more than 20 deep"),
        (Fault::TooCostly, "the expression has more than 200 parts"),
        (Fault::UnknownName("x".into()), "there is no field `x`"),
        (run("1 / 0").unwrap_err(), "the expression failed: division by zero"),
        (
            compile("1 +", &Type::Any).unwrap_err(),
            "the expression cannot be read: line 1, column 4",
        ),
    ] {
        assert!(fault.to_string().starts_with(text), "{fault}");
    }
}

/// A small generator, so that every run throws the same input.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}
