//! A folder and the cache beside it: files of every name that is read keep apart, over runs and over repositories; what
//! can't be read is said; and a checkout of a configured repository has that one's rules.

use crate::cli_fleet::repository;
use crate::person::{Person, release};

/// A Flux Kustomization on the directory of its name.
fn root(name: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: \
         flux-system}}\nspec:\n  path: ./{name}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )
}

/// Two directories, each with a file `Kustomization` that makes a ConfigMap of an `.env` file, and two releases that read
/// one each.
fn write(person: &Person, folder: &str, versions: [&str; 2]) {
    for (name, version) in ["a", "b"].iter().zip(versions) {
        let vars = format!("vars-{name}");
        let post = format!("  postBuild: {{substituteFrom: [{{kind: ConfigMap, name: {vars}}}]}}\n");
        person.write(&format!("{folder}/clusters/{name}.yaml"), root(name, &post) + "---\n" + &root(&vars, ""));
        person.write(
            &format!("{folder}/{vars}/Kustomization"),
            format!(
                "configMapGenerator: [{{name: {vars}, namespace: flux-system, envs: [v.env], options: \
                 {{disableNameSuffixHash: true}}}}]\n"
            ),
        );
        person.write(&format!("{folder}/{vars}/v.env"), format!("V={version}\n"));
        person.write(&format!("{folder}/{name}/{name}.yaml"), release("media", name, "podinfo", "${V}", ""));
    }
}

#[test]
fn files_that_are_not_yaml_keep_apart_also_from_those_of_an_earlier_look() {
    let person = Person::new();
    person.source();
    write(&person, "repo", ["6.4.0", "6.5.0"]);
    let current = |id: &str| person.scan().row(id)["current"].as_str().map(str::to_owned);
    assert_eq!((current("media/a").as_deref(), current("media/b").as_deref()), (Some("6.4.0"), Some("6.5.0")));
    person.write("repo/vars-b/v.env", "# by hand\nV=6.4.1\n");
    assert_eq!((current("media/a").as_deref(), current("media/b").as_deref()), (Some("6.4.0"), Some("6.4.1")));
    person.davit(&["apply", "repo"]).expect(0);
    assert_eq!(person.read("repo/vars-a/v.env") + &person.read("repo/vars-b/v.env"), "V=7.0.0\n# by hand\nV=7.0.0\n");
    assert_eq!((current("media/a").as_deref(), current("media/b").as_deref()), (Some("7.0.0"), Some("7.0.0")));
    // Another folder, the same cache; and the same files by Git's own ids.
    write(&person, "other", ["6.4.1", "6.4.0"]);
    person.write("other/source.yaml", person.read("repo/source.yaml"));
    let other = person.davit(&["scan", "other", "--format", "json"]).expect(0);
    let found = |id: &str| other.row(id)["current"].as_str().map(str::to_owned);
    assert_eq!((found("media/a").as_deref(), found("media/b").as_deref()), (Some("6.4.1"), Some("6.4.0")));
    let url = repository(&person, "other", &[]);
    let remote = person.davit(&["scan", &url, "--format", "json"]).expect(0);
    assert_eq!(remote.json()["releases"], other.json()["releases"]);
}

#[test]
fn a_directory_that_is_not_entered_is_said() {
    let person = Person::with_one_release();
    let deep = "d/".repeat(70);
    person.write(&format!("repo/{deep}web.yaml"), release("media", "deep", "podinfo", "6.4.0", ""));
    let by_folder = person.scan();
    let url = repository(&person, "repo", &[]);
    for found in [by_folder, person.davit(&["scan", &url, "--format", "json"]).expect(0)] {
        let problems = found.json()["problems"].clone();
        let told = problems.as_array().unwrap().iter().find(|problem| {
            let message = problem["message"].as_str().unwrap();
            message.contains("nor is anything in it") && message.contains("nested too deeply")
        });
        let file = told.unwrap_or_else(|| panic!("{problems:#}"))["file"].as_str().unwrap().to_owned();
        assert!(file.starts_with("d/d/") && file.ends_with("/d"), "{file}");
    }
}

#[test]
fn the_only_configured_repository_has_its_branch_its_paths_and_its_rules_by_url_and_as_a_checkout() {
    let person = Person::with_one_release();
    person.write("repo/left/out.yaml", release("media", "out", "podinfo", "6.4.0", ""));
    let url = repository(&person, "repo", &[]);
    git2::Repository::open(person.repo()).unwrap().remote("origin", &url).unwrap();
    person.write(
        "davit.yaml",
        format!(
            "repositories:\n  - {{name: fleet, url: \"{url}\", forge: none, paths: {{exclude: [\"left/**\"]}}}}\npolicy:\n  \
             rules:\n    - {{match: {{repositories: [fleet]}}, bump: patch}}\n"
        ),
    );
    for target in [url.as_str(), "repo"] {
        let found = person.davit(&["scan", target, "--format", "json"]).expect(0);
        assert_eq!(found.row("media/web")["target"], "6.4.1", "{target}");
        assert_eq!(found.json()["releases"].as_array().unwrap().len(), 1, "{target}");
    }
    person.davit(&["apply", "repo"]).expect(0);
    assert!(person.read("repo/web.yaml").contains("version: 6.4.1\n"));
    // Any other folder is nobody's.
    std::fs::create_dir(person.dir().join("elsewhere")).unwrap();
    person.write("elsewhere/web.yaml", release("media", "web", "podinfo", "6.4.0", ""));
    person.write("elsewhere/source.yaml", person.read("repo/source.yaml"));
    let found = person.davit(&["scan", "elsewhere", "--format", "json"]).expect(0);
    assert_eq!(found.row("media/web")["target"], "7.0.0");
    // The branch of the configuration, where it is not the remote's own.
    let git = git2::Repository::open(person.repo()).unwrap();
    let head = git.head().unwrap().peel_to_commit().unwrap();
    git.branch("dev", &head, false).unwrap();
    person.write("repo/web.yaml", release("media", "web", "podinfo", "6.5.0", ""));
    let who = git2::Signature::now("a", "a@example.com").unwrap();
    let mut index = git.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    git.commit(Some("HEAD"), &who, &who, "second", &tree, &[&head]).unwrap();
    person
        .write("davit.yaml", format!("repositories:\n  - {{name: fleet, url: \"{url}\", forge: none, branch: dev}}\n"));
    let found = person.davit(&["scan", &url, "--format", "json"]).expect(0);
    assert_eq!(found.row("media/web")["current"], "6.4.0");
}
