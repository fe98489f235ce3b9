//! Limits of expressions, and hostile ones.

use super::*;

#[test]
fn keeps_the_limits() {
    let nested = |depth| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let fits = [
        nested(20),
        format!("{}1{}", "-(".repeat(20), ")".repeat(20)),
        format!("{}1", "open?2:".repeat(20)),
        format!("1{}", "+1".repeat(99)) + " ",
        format!("'\\'{}'", "(".repeat(900)),
        format!("[{}1]", "1,".repeat(198)),
        format!("'{}'", "x".repeat(998)),
        format!("[{}1]", "open?1:2,".repeat(40)),
        format!("size([{}1])", "(1),".repeat(100)),
    ];
    let work = move || {
        for source in fits {
            let expression = compile(&source, &Type::Any);
            let expression = expression.unwrap_or_else(|fault| panic!("{source}: {fault}"));
            expression.evaluate(&values(), &call).unwrap();
        }
    };
    // Also on a small stack.
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
    let deep = [
        nested(21),
        "(".repeat(1000),
        "[".repeat(1000),
        "{".repeat(1000),
        "!".repeat(1000),
        "-".repeat(1000),
        "! ".repeat(500),
        "open?1:".repeat(140),
        "open?".repeat(200),
        "f(".repeat(500),
        "- ! ".repeat(200).replace(' ', ""),
        "!".repeat(22) + "open",
    ];
    for source in deep {
        assert_eq!(compile(&source, &Type::Any).unwrap_err(), Fault::TooDeep, "{source}");
    }
    let costly = [format!("1{}", "+1".repeat(100)), format!("[{}1]", "1,".repeat(199))];
    for source in costly {
        assert_eq!(compile(&source, &Type::Any).unwrap_err(), Fault::TooCostly, "{source}");
    }
    assert_eq!(compile(&" ".repeat(1001), &Type::Any).unwrap_err(), Fault::TooLong);
    assert!(compile(&format!("'{}'", "x".repeat(999)), &Type::Any).is_err());
}

#[test]
fn survives_hostile_input() {
    let work = || {
        let tokens = "( ) [ ] { } , . ? : ! - + * / % == != < <= > >= && || in true null amount name \
            due tags any open 1 2.5 0x1f 1e9 'a' \"b\" r' b' ''' \"\"\" // \\ ` ' \" .size() size( \
            .all(x, .map(x, .exists(x, today() holds( .startsWith( has( é 🐱 \u{0} \n \t @ # $ = & |";
        let mut tokens: Vec<&str> = tokens.split(' ').collect();
        tokens.push(" ");
        let mut random = Random(0x1234_5678_9abc_def1);
        let (mut worst, mut source_of_worst) = (Duration::ZERO, String::new());
        let (mut total, mut accepted) = (Duration::ZERO, 0);
        let mut counts = BTreeMap::new();
        for round in 0..20_000 {
            let length = 1 + random.below([4, 12, 60, 400][round % 4]);
            let source = if round % 5 == 0 {
                let bytes: Vec<u8> =
                    (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                // A few tokens repeated make deeper and longer sentences than all tokens do.
                let few = if round % 3 == 0 { 3 } else { tokens.len() };
                let start = random.below(tokens.len());
                (0..length)
                    .map(|_| tokens[(start + random.below(few)) % tokens.len()])
                    .collect::<Vec<_>>()
                    .join(if round % 2 == 0 { " " } else { "" })
            };
            let start = Instant::now();
            let result = compile(&source, &Type::Any);
            let taken = start.elapsed();
            total += taken;
            if taken > worst {
                (worst, source_of_worst) = (taken, source.clone());
            }
            let kind = match result {
                Ok(expression) => {
                    accepted += 1;
                    let _ = expression.evaluate(&values(), &call);
                    "Ok".to_string()
                }
                Err(fault) => format!("{fault:?}").split(['(', ' ']).next().unwrap().to_string(),
            };
            *counts.entry(kind).or_insert(0) += 1;
        }
        let long = [
            format!("1{}", "<1".repeat(499)),
            format!("r\"\\\"{}", "(".repeat(990)),
            format!("'\\q{}", "(".repeat(990)),
            format!("//'\n{}", "(".repeat(990)),
            format!("//'\n{}1{}", "f(".repeat(250), ")".repeat(250)),
            format!("'''a'b'''{}", "(".repeat(990)),
            format!("r'\\' + {}", "[".repeat(990)),
            format!("a{}", ".a".repeat(499)),
            format!("a{}", ".a()".repeat(245)),
            format!("{}true{}", "tags.all(x,".repeat(20), ")".repeat(20)),
            format!("a{}", "&&a||a".repeat(160)),
        ];
        for source in long {
            let start = Instant::now();
            assert!(compile(&source, &Type::Any).is_err());
            if start.elapsed() > worst {
                (worst, source_of_worst) = (start.elapsed(), source);
            }
        }
        println!("worst {worst:?} for {source_of_worst:?}; total {total:?}; {accepted} accepted");
        println!("{counts:?}");
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap();
    thread.join().unwrap();
}
