//! Holds what people read against what the code does: transcripts are run, tables are compared, links lead somewhere.
//! Transcripts and the pull request's body are written anew with `DAVIT_UPDATE_DOCS=1 cargo test --test it docs`.

use crate::floors::FLOORS;
use davit::demo::Neighbours;
use davit::demo::neighbours::{REPOSITORY, TOKEN};
use davit::demo::sample;
use davit::model::{Reason, Status};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of every table row, without head and rule.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let body = lines.iter().enumerate().filter(|(at, line)| {
        line.starts_with('|') && !line.starts_with("|--") && !lines.get(at + 1).is_some_and(|l| l.starts_with("|--"))
    });
    body.map(|(_, line)| {
        line.replace("\\|", "¦").trim_matches('|').split('|').map(|cell| cell.trim().replace('¦', "|")).collect()
    })
    .collect()
}

fn ticked(code: &str) -> String {
    format!("`{code}`")
}

#[test]
fn every_reason_and_status_has_its_row_and_no_row_is_of_another() {
    let rows = rows(&read("docs/reasons.md"));
    let mut wanted: BTreeSet<Vec<String>> = BTreeSet::new();
    for reason in Reason::ALL {
        wanted.insert(vec![ticked(reason.code()), ticked(reason.status().code()), reason.remedy().to_owned()]);
    }
    let (statuses, reasons): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.len() == 2);
    let found: BTreeSet<Vec<String>> =
        reasons.iter().map(|row| vec![row[0].clone(), row[1].clone(), row[3].clone()]).collect();
    assert_eq!(found, wanted);
    assert_eq!(reasons.len(), Reason::ALL.len(), "a reason has two rows");
    assert!(reasons.iter().all(|row| row.len() == 4 && row.iter().all(|cell| !cell.is_empty())), "{reasons:#?}");
    let found: Vec<&str> = statuses.iter().map(|row| row[0].as_str()).collect();
    let wanted: BTreeSet<String> = Status::ALL.iter().map(|status| ticked(status.code())).collect();
    assert_eq!(found.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn the_floors_of_architecture_md_are_those_of_the_test() {
    let text = read("ARCHITECTURE.md");
    let table = text.split("<!-- floors -->").nth(1).unwrap();
    let table = table.split("\n\n").next().unwrap();
    let found: Vec<(String, String)> = rows(table).iter().map(|row| (row[1].clone(), row[0].clone())).collect();
    let wanted: Vec<_> = FLOORS.iter().map(|(module, floor)| (ticked(module), format!("F{floor}"))).collect();
    assert_eq!(found, wanted);
}

#[test]
fn every_metric_family_has_its_row_with_its_labels() {
    let code = read("src/http/metrics.rs");
    let emitted: BTreeSet<&str> =
        code.split('"').filter(|text| text.starts_with("davit_") && !text.contains(' ')).collect();
    assert!(emitted.len() > 8, "the families were not found: {emitted:?}");
    let docs = read("docs/operations.md");
    let documented: BTreeSet<String> =
        rows(&docs).iter().filter(|row| row[0].starts_with("`davit_")).map(|row| row[0].replace('`', "")).collect();
    assert_eq!(documented, emitted.iter().map(ToString::to_string).collect());
}

#[test]
fn every_route_is_documented() {
    let (code, docs) = (read("src/http/mod.rs"), read("docs/operations.md"));
    let routes: Vec<&str> =
        code.split(".route(\"").skip(1).map(|tail| tail.split('"').next().unwrap_or_default()).collect();
    assert!(routes.len() > 8, "the routes were not found: {routes:?}");
    let missing: Vec<_> = routes.iter().filter(|r| !docs.contains(&ticked(&r.replace("{name}", "NAME")))).collect();
    assert!(missing.is_empty(), "{missing:?} are not in docs/operations.md");
}

#[test]
fn every_message_of_the_table_of_troubles_is_one_that_the_code_says() {
    let docs = read("docs/operations.md");
    let table = docs.split("| Message | Cause | Remedy |").nth(1).unwrap();
    let mut sources = String::new();
    collect(&root().join("src"), &mut sources);
    let mut unknown = Vec::new();
    for row in rows(table) {
        let messages = row[0].split('`').skip(1).step_by(2);
        let parts = messages.flat_map(|message| message.split('…')).map(str::trim).filter(|part| part.len() > 3);
        unknown.extend(parts.filter(|part| !sources.contains(*part)).map(ToOwned::to_owned));
    }
    assert!(unknown.is_empty(), "no code says {unknown:#?}");
}

/// Names of functions, from the words behind `fn`.
fn functions(sources: &str) -> BTreeSet<&str> {
    let names = sources.split("fn ").skip(1).filter_map(|tail| tail.split(['(', '<']).next());
    names.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).collect()
}

#[test]
fn every_rule_of_flux_names_a_test_by_its_number_and_every_test_named_exists() {
    let mut sources = String::new();
    for directory in ["src", "tests"] {
        collect(&root().join(directory), &mut sources);
    }
    let functions = functions(&sources);
    let exists = |named: &str| {
        if let Some(start) = named.strip_suffix('…') {
            return functions.iter().any(|name| name.starts_with(start));
        }
        // A test, a golden tree, or a file of tests.
        let files = ["fixtures/trees/{}", "src/{}", "tests/it/{}.rs", "tests/real/{}.rs"];
        functions.contains(named) || files.iter().any(|path| root().join(path.replace("{}", named)).exists())
    };
    let table = rows(&read("docs/flux-support.md"));
    let mut wrong = Vec::new();
    for rule in 1..=27 {
        let Some(row) = table.iter().find(|row| row[0].starts_with(&format!("{rule}. "))) else {
            wrong.push(format!("rule {rule} has no row"));
            continue;
        };
        let named: Vec<&str> = row.last().unwrap().split('`').skip(1).step_by(2).collect();
        wrong.extend(named.iter().filter(|named| !exists(named)).map(|named| format!("rule {rule}: no test {named}")));
        // `flux_rule_05_and_06_…` is of both.
        let of_rule = |named: &&str| {
            let numbers = named
                .strip_prefix("flux_rule_")
                .map(|rest| rest.split('_').take_while(|w| *w == "and" || w.parse::<u8>().is_ok()));
            numbers.is_some_and(|mut numbers| numbers.any(|number| number == format!("{rule:02}")))
        };
        if !named.iter().any(of_rule) {
            wrong.push(format!("rule {rule} names no test flux_rule_{rule:02}_…"));
        }
    }
    assert!(wrong.is_empty(), "docs/flux-support.md: {wrong:#?}");
}

fn collect(directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_readme_names_both_commands_and_every_subcommand_and_exit_code() {
    let readme = read("README.md");
    for command in ["cargo run --release -- demo", "make test", "make test-fast"] {
        assert!(readme.contains(command), "{command} is missing");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_davit")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 8, "{help}");
    let table = rows(&readme);
    for name in names {
        assert!(table.iter().any(|row| row[0].starts_with(&format!("`davit {name}"))), "davit {name} has no row");
    }
    let exits = read("src/cli/exit.rs");
    let codes: Vec<&str> = exits
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Exit::")?.split("=> ").nth(1)?.strip_suffix(','))
        .collect();
    assert!(codes.len() >= 5, "{codes:?}");
    for code in codes {
        assert!(table.iter().any(|row| row[0] == code), "exit code {code} has no row");
    }
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut broken = Vec::new();
    let mut links = 0;
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    for file in docs.chain(top).filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for target in text.split("](").skip(1).filter_map(|tail| tail.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            links += 1;
            if !file.parent().unwrap().join(path).exists() {
                broken.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(links > 10, "the links were not found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_json_example_is_of_the_contracts_schema_and_shows_every_key() {
    let docs = read("docs/scan-json.md");
    let example = docs.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let example: serde_json::Value = serde_json::from_str(example).unwrap();
    let schema = serde_json::to_value(schemars::schema_for!(davit::engine::json::Scan)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&example).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut keys = BTreeSet::new();
    properties(&schema, &mut keys);
    let text = example.to_string();
    let missing: Vec<_> = keys.iter().filter(|key| !text.contains(&format!("\"{key}\":"))).collect();
    assert!(missing.is_empty(), "{missing:?} are not in the example of docs/scan-json.md");
}

fn properties(schema: &serde_json::Value, keys: &mut BTreeSet<String>) {
    if let Some(map) = schema.as_object() {
        let own = map.get("properties").and_then(serde_json::Value::as_object);
        keys.extend(own.into_iter().flat_map(|properties| properties.keys().cloned()));
        for value in map.values() {
            properties(value, keys);
        }
    } else if let Some(list) = schema.as_array() {
        for value in list {
            properties(value, keys);
        }
    }
}

/// The sample repository as a folder, its chart sources on loopback, and the real binary.
struct Stage {
    neighbours: Neighbours,
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, content) in sample::FILES {
            let path = dir.path().join("fleet").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let neighbours = Neighbours::start(dir.path()).unwrap();
        Self { neighbours, dir }
    }

    fn davit(&self, arguments: &[&str]) -> String {
        let mirrors = format!(
            "[{{from: 'https://charts.example.com', to: '{}', insecure: true}}, \
             {{from: 'oci://registry.example.com', to: '{}', insecure: true}}]",
            self.neighbours.charts.url(),
            self.neighbours.registry.url()
        );
        let output = Command::new(env!("CARGO_BIN_EXE_davit"))
            .args(arguments)
            .current_dir(self.dir.path().join("fleet"))
            .env_clear()
            .env("HOME", self.dir.path())
            .env("DAVIT__REGISTRIES__MIRRORS", mirrors)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let errors: String = errors.split_inclusive('\n').filter(|line| !crate::person::is_progress(line)).collect();
        assert!(output.status.success(), "davit {arguments:?} fails: {errors}");
        format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
    }
}

/// The document with every fenced block after `mark` made anew by `make`, which is given what stands in it.
fn renewed(text: &str, mark: &str, make: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let start = part.find("```").unwrap();
        let start = start + part[start..].find('\n').unwrap() + 1;
        let end = start + part[start..].find("\n```").unwrap() + 1;
        out.push_str(mark);
        out.push_str(&part[..start]);
        out.push_str(&make(&part[start..end]));
        out.push_str(&part[end..]);
    }
    out
}

/// Compares, or writes where that is asked for.
fn hold(path: &str, wanted: &str) {
    if std::env::var_os("DAVIT_UPDATE_DOCS").is_some() {
        std::fs::write(root().join(path), wanted).unwrap();
    }
    let found = read(path);
    let difference = similar::TextDiff::from_lines(found.as_str(), wanted).unified_diff().to_string();
    assert!(found == wanted, "{path} is stale (DAVIT_UPDATE_DOCS=1 cargo test --test it docs):\n{difference}");
}

#[test]
fn what_the_readme_shows_is_what_the_binary_prints() {
    let stage = Stage::new();
    let readme = read("README.md");
    assert!(readme.matches("<!-- runs -->").count() >= 3, "the transcripts are gone");
    let with_transcripts = renewed(&readme, "<!-- runs -->", |block| {
        let command = block.lines().next().unwrap();
        let arguments: Vec<&str> = command.strip_prefix("$ davit ").unwrap().split(' ').collect();
        format!("{command}\n{}", stage.davit(&arguments))
    });
    let body = stage.body();
    hold("README.md", &renewed(&with_transcripts, "<!-- body -->", |_| body.clone()));
}

impl Stage {
    /// The body of the pull request for app-template, with the forge's own address in place of loopback's.
    fn body(&self) -> String {
        let file = self.dir.path().join("davit.yaml");
        std::fs::write(&file, self.neighbours.configuration()).unwrap();
        self.davit(&["--config", file.to_str().unwrap(), "--log", "error", "once"]);
        let url = format!("{}/repos/{REPOSITORY}/pulls", self.neighbours.forge.url());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pulls: serde_json::Value = runtime.block_on(async {
            let answer = reqwest::Client::new().get(url).bearer_auth(TOKEN).header("user-agent", "test").send();
            answer.await.unwrap().json().await.unwrap()
        });
        let titled = |pull: &&serde_json::Value| pull["title"].as_str().is_some_and(|t| t.contains("app-template"));
        let pull = pulls.as_array().unwrap().iter().find(titled).unwrap();
        let body = pull["body"].as_str().unwrap().split("\n<!-- davit:").next().unwrap();
        let here = self.dir.path().to_str().unwrap();
        format!(
            "{}\n",
            body.replace(&self.neighbours.forge.url(), "https://github.com").replace(here, "/srv").trim_end()
        )
    }
}

#[test]
fn the_configurations_of_the_readme_are_valid() {
    let readme = read("README.md");
    let examples: Vec<&str> = readme
        .split("<!-- davit.yaml -->")
        .skip(1)
        .map(|part| part.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 2);
    let dir = tempfile::tempdir().unwrap();
    for example in examples {
        let file: PathBuf = dir.path().join("davit.yaml");
        std::fs::write(&file, example).unwrap();
        let check =
            Command::new(env!("CARGO_BIN_EXE_davit")).arg("--config").arg(&file).arg("check").env_clear().output();
        let check = check.unwrap();
        assert!(check.status.success(), "{example}\n{}", String::from_utf8_lossy(&check.stderr));
    }
}
