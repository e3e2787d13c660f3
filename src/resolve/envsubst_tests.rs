use super::{Failure, Lookup, evaluate, parse};

fn with(text: &str) -> Result<String, Failure> {
    let bad = |error: String| Failure::Unsure(format!("refused: {error}"));
    let find = |name: &str| match name {
        "V" => Lookup::Known("1.2.3"),
        "E" => Lookup::Known(""),
        "W" => Lookup::Known("Hello World"),
        "S" => Lookup::Hidden("a Secret"),
        _ => Lookup::Absent,
    };
    evaluate(&parse(text).map_err(bad)?, &find)
}

#[test]
fn flux_rule_12_every_form_becomes_what_flux_makes_of_it() {
    for (text, wanted) in [
        ("v${V}-x", "v1.2.3-x"),
        ("${U}", ""),
        ("$V $ $", "$V $ $"),
        ("$${V}", "${V}"),
        ("$$$${V}", "$${V}"),
        ("${V:=9}", "1.2.3"),
        ("${U:=9}", "9"),
        ("${U=9}", "9"),
        ("${U:-9}", "9"),
        ("${E:-9}", "9"),
        ("${U:-a${V}b}", "a1.2.3b"),
        ("${U:-${X:-deep}}", "deep"),
        ("${V:0:3}", "1.2"),
        ("${V:2}", "2.3"),
        ("${V:0:-2}", "1.2"),
        ("${V:9}", ""),
        ("${V/./-}", "1-2.3"),
        ("${V//./-}", "1-2-3"),
        ("${V/#1/9}", "9.2.3"),
        ("${V/%3/9}", "1.2.9"),
        ("${V//.}", ""),
        ("${W^^}", "HELLO WORLD"),
        ("${W,,}", "hello world"),
        ("${W,}", "hello World"),
        ("${#V}", "5"),
        ("${V#*.}", "2.3"),
        ("${V##*.}", "3"),
        ("${V%.*}", "1.2"),
        ("${V%%.*}", "1"),
    ] {
        if text == "${V//.}" {
            assert!(matches!(with(text), Err(Failure::Unsure(_))), "{text}: {:?}", with(text));
        } else {
            assert_eq!(with(text).as_deref(), Ok(wanted), "{text}");
        }
    }
}

#[test]
fn flux_rule_12_what_flux_refuses_is_refused_and_what_is_hidden_is_named() {
    for text in ["${", "${}", "${V-9}", "${V", "${a-b}", "${V:=9"] {
        assert!(matches!(with(text), Err(Failure::Unsure(_))), "{text}: {:?}", with(text));
    }
    assert_eq!(with("x${S:=1}"), Err(Failure::Hidden("S".to_owned(), "a Secret".to_owned())));
}

#[test]
fn what_doubles_from_one_kustomization_to_the_next_ends() {
    let mut value = "1.2.3".to_owned();
    let ends = (0..64).find_map(|_| {
        let find = |_: &str| Lookup::Known(&value);
        match evaluate(&parse("${V}${V}").unwrap(), &find) {
            Ok(longer) => {
                value = longer;
                None
            }
            Err(why) => Some(why),
        }
    });
    assert_eq!(ends, Some(Failure::Unsure("a value of more than 256 KiB".to_owned())));
}
