//! Ranges and versions against the Go original: `github.com/Masterminds/semver/v3`, which Helm and Flux use.

use crate::tools::go_tool;
use davit::model::Version;
use davit::policy::Range;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What the original answers to each pair, in order.
fn referee(mode: &[&str], pairs: &[(String, String)]) -> Vec<String> {
    let mut child = Command::new(go_tool("semver-referee", "semver"))
        .args(mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = String::new();
    for (a, b) in pairs {
        writeln!(input, "{}\t{}", go_field(a), go_field(b)).unwrap();
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the referee failed: {}", output.status);
    let answers: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), pairs.len());
    answers
}

/// A Go string literal where the text would break a line of fields.
fn go_field(text: &str) -> String {
    if text.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'"') {
        return text.to_owned();
    }
    let bytes = text.bytes().fold(String::new(), |mut out, b| {
        write!(out, "\\x{b:02x}").unwrap();
        out
    });
    format!("\"{bytes}\"")
}

fn ours(range: &str, version: &str) -> &'static str {
    let Ok(range) = Range::parse(range) else { return "CERR" };
    match Version::loose(version) {
        None => "ERR",
        Some(version) if range.admits(&version) => "true",
        Some(_) => "false",
    }
}

fn ours_compared(a: &str, b: &str) -> &'static str {
    match (Version::loose(a), Version::loose(b)) {
        (Some(a), Some(b)) => match a.cmp(&b) {
            std::cmp::Ordering::Less => "-1",
            std::cmp::Ordering::Equal => "0",
            std::cmp::Ordering::Greater => "1",
        },
        _ => "ERR",
    }
}

fn assert_same(pairs: &[(String, String)], expected: &[String], ours: impl Fn(&str, &str) -> &'static str) {
    let wrong: Vec<_> = pairs
        .iter()
        .zip(expected)
        .filter(|((a, b), expected)| ours(a, b) != expected.as_str())
        .map(|((a, b), expected)| format!("{a:?} {b:?}: Go says {expected}, we say {}", ours(a, b)))
        .collect();
    let shown = wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} pairs differ:\n{shown}", wrong.len(), pairs.len());
}

/// SplitMix64: the same seed gives the same pairs on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
    /// One of the rare ones one time in `n`, else one of the usual ones.
    fn rarely<'a>(&mut self, n: usize, rare: &[&'a str], usual: &[&'a str]) -> &'a str {
        if self.roll(n) == 0 { self.pick(rare) } else { self.pick(usual) }
    }
}

const OPERATORS: &[&str] = &["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"];
const NUMBERS: &[&str] = &["0", "0", "1", "1", "2", "3", "4", "10", "11"];
const ODD_NUMBERS: &[&str] = &["01", "00", "18446744073709551615", "18446744073709551616", "", "1|2", "xx", "1x", "a"];
const WILDCARDS: &[&str] = &["x", "X", "*"];
const PRERELEASES: &[&str] = &[
    "-0",
    "-1",
    "-alpha",
    "-beta.1",
    "-beta.2",
    "-rc.1",
    "-rc.10",
    "-rc.x",
    "-x",
    "-0.3.7",
    "--",
    "-RC6",
    "-1a",
    "-99999999999999999999",
    "-100000000000000000000",
];
const ODD_PRERELEASES: &[&str] = &["-", "-01", "-a..b", "-a_b", "-é", "-a.", "-\u{b}"];
const METADATA: &[&str] = &["+build", "+1.2", "+001", "+a-b"];
const ODD_METADATA: &[&str] = &["+", "+a+b", "+a..b", "+a_b"];
const SPACES: &[&str] = &["", "", "", " ", "  "];
const ODD_SPACES: &[&str] = &["\t", "\n", "\r", "\u{c}", "\u{b}", "\u{a0}", "\u{85}"];
const AND: &[&str] = &[" ", ", ", ",", "  ", " , "];
const ODD_AND: &[&str] = &[";", "", " and ", ",,", " ,, "];

fn number(dice: &mut Dice, wildcards: bool) -> String {
    if wildcards && dice.roll(8) == 0 {
        return dice.pick(WILDCARDS).to_owned();
    }
    dice.rarely(60, ODD_NUMBERS, NUMBERS).to_owned()
}

fn version(dice: &mut Dice, wildcards: bool) -> String {
    let mut text = dice.rarely(6, &["v", "v", "v", "V", "vv"], &[""]).to_owned();
    text.push_str(&number(dice, wildcards));
    let parts = [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4][dice.roll(12)];
    let parts = if parts == 4 && dice.roll(4) > 0 { 3 } else { parts };
    for _ in 1..parts {
        text.push('.');
        text.push_str(&number(dice, wildcards));
    }
    if dice.roll(3) == 0 {
        text.push_str(dice.rarely(15, ODD_PRERELEASES, PRERELEASES));
    }
    if dice.roll(8) == 0 {
        text.push_str(dice.rarely(8, ODD_METADATA, METADATA));
    }
    text
}

fn space<'a>(dice: &mut Dice) -> &'a str {
    dice.rarely(80, ODD_SPACES, SPACES)
}

fn conditions(dice: &mut Dice) -> String {
    if dice.roll(10) == 0 {
        let dash = dice.rarely(8, &["-", " -", "- ", " – "], &[" - ", "  -  "]);
        return format!("{}{dash}{}", version(dice, true), version(dice, true));
    }
    let mut text = String::new();
    for i in 0..[1, 1, 1, 2, 2, 3][dice.roll(6)] {
        if i > 0 {
            text.push_str(dice.rarely(40, ODD_AND, AND));
        }
        let operator = dice.rarely(60, &["==", "<>", ">>", "!", "^~", "~="], OPERATORS);
        text.extend([space(dice), operator, space(dice)]);
        text.push_str(&version(dice, true));
        text.push_str(space(dice));
    }
    text
}

fn range(dice: &mut Dice) -> String {
    if dice.roll(200) == 0 {
        return dice
            .pick(&["", " ", "*", "latest", "||", "|", "1 ||", "x||2", ">=", "1.2.3 - ", ",", "1,", "v"])
            .to_owned();
    }
    let alternatives = [1, 1, 1, 1, 2, 3][dice.roll(6)];
    let parts: Vec<_> = (0..alternatives).map(|_| conditions(dice)).collect();
    parts.join(dice.rarely(40, &["|", "|||", "| |"], &["||", " || ", "|| "]))
}

/// The edges of the original's limits, which dice hardly find.
fn edges() -> Vec<(String, String)> {
    let version = "1.2.3".to_owned();
    let mut pairs: Vec<_> = [249, 250, 251]
        .map(|n| format!("1.2.3-{}", "a".repeat(n)))
        .into_iter()
        .flat_map(|long| [(">=1.0.0-0".to_owned(), long.clone()), (format!("<={long}"), version.clone())])
        .collect();
    pairs.extend([511, 512, 513].map(|n| (format!("{:n$}", "1.2.3"), version.clone())));
    pairs.extend([31, 32, 33].map(|n| (vec!["1.2.3"; n].join("||"), version.clone())));
    // A hyphen range grows when it is rewritten: the limits look at the text before, the alternatives after.
    pairs.push((format!("1.0.0 - 2.0.0{}", " ".repeat(499)), version));
    pairs
}

#[test]
fn twenty_thousand_generated_pairs_agree_with_the_go_original() {
    let mut dice = Dice(20_261_121);
    let mut pairs: Vec<_> = (0..20_000).map(|_| (range(&mut dice), version(&mut dice, false))).collect();
    pairs.extend(edges());
    let expected = referee(&[], &pairs);
    // The generator must reach every answer, or agreement would say little.
    for (answer, least) in [("true", 2000), ("false", 4000), ("CERR", 500), ("ERR", 100)] {
        let count = expected.iter().filter(|e| *e == answer).count();
        assert!(count >= least, "only {count} pairs answer {answer}");
    }
    assert_same(&pairs, &expected, ours);
}

#[test]
fn ten_thousand_generated_comparisons_agree_with_the_go_original() {
    let mut dice = Dice(7);
    let pairs: Vec<_> = (0..10_000).map(|_| (version(&mut dice, false), version(&mut dice, false))).collect();
    assert_same(&pairs, &referee(&["compare"], &pairs), ours_compared);
}

#[test]
fn the_committed_pairs_are_what_the_go_original_answers() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/semver/pairs.tsv");
    if std::env::var_os("DAVIT_REGENERATE").is_some() {
        std::fs::write(&path, table(&small_cut())).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), table(&small_cut()), "DAVIT_REGENERATE=1 writes it anew");
}

#[test]
fn the_corpora_table_is_what_the_go_original_answers() {
    let Some(dir) = std::env::var_os("DAVIT_CORPORA") else { return };
    let table = std::fs::read_to_string(std::path::Path::new(&dir).join("semver.truth.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    let pairs: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    let expected: Vec<_> = rows.iter().map(|row| row[2].to_owned()).collect();
    assert_eq!(referee(&[], &pairs), expected);
    assert_same(&pairs, &expected, ours);
}

/// Printable pairs for the everyday test: every operator on full and partial versions, and some dice.
fn small_cut() -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for operator in OPERATORS {
        for (constraint, versions) in [
            ("1.4.2", ["1.4.2", "v1.4.3", "1.5.0", "2.0.0-rc.1", "1.4.2+b"]),
            ("1.4", ["1.4.9", "1.3.9", "1.5.0", "2.0.0", "1.4.0-rc.1"]),
            ("0.3.1", ["0.3.1", "0.3.9", "0.4.0", "1.0.0", "0.0.1"]),
            ("2.0.0-rc.1", ["2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "2.1.0-alpha", "3.0.0"]),
            ("x", ["0.0.0", "9.9.9", "1.0.0-rc.1", "2024.01.15", "nightly"]),
        ] {
            pairs.extend(versions.map(|version| (format!("{operator}{constraint}"), version.to_owned())));
        }
    }
    let mut dice = Dice(1);
    let printable = |text: &str| text.bytes().all(|b| (b' '..0x7f).contains(&b)) && !text.starts_with('"');
    while pairs.len() < 600 {
        let pair = (range(&mut dice), version(&mut dice, false));
        if printable(&pair.0) && printable(&pair.1) {
            pairs.push(pair);
        }
    }
    pairs
}

fn table(pairs: &[(String, String)]) -> String {
    pairs.iter().zip(referee(&[], pairs)).fold(String::new(), |mut out, ((range, version), answer)| {
        writeln!(out, "{range}\t{version}\t{answer}").unwrap();
        out
    })
}
