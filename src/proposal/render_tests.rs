use super::{Context, Style, check_templates, render};
use crate::model::{
    Bump, Candidate, ChartKind, Contents, Inside, Live, LiveState, Lookup, Note, Problem, Reason, Release, Site,
    SourceKind, SourceRef, TagRules, Update, UpdateSite, Version, Witness,
};
use crate::proposal::{BODY_LIMIT, Stage, TITLE_LIMIT, Wanted, body_to_write};

const URL: &str = "oci://ghcr.io/bjw-s-labs/helm/app-template";

pub(crate) fn candidate(text: &str, app_version: &str) -> Candidate {
    Candidate {
        text: text.into(),
        version: Version::strict("5.1.0").unwrap(),
        created: Some("2026-11-02T10:00:00Z".parse().unwrap()),
        deprecated: false,
        app_version: Some(app_version.into()),
        digest: None,
        detailed: true,
        inside: Inside::Opened(Contents::default().into()),
    }
}

pub(crate) fn site(file: &str, line: u32) -> Site {
    let (path, text) = ("spec.ref.tag".into(), "4.4.0".to_owned());
    Site { file: file.into(), line, column: 10, path, start: 100, end: 105, text, document: 0, inner: None }
}

pub(crate) fn release(name: &str, site: &Site) -> Release {
    Release {
        kind: crate::model::RowKind::HelmRelease,
        cluster: None,
        kustomization: None,
        namespace: "media".into(),
        name: name.into(),
        file: site.file.clone(),
        line: 2,
        chart: Some("app-template".into()),
        source: Some(std::sync::Arc::new(SourceRef {
            kind: SourceKind::OciRepository,
            namespace: "media".into(),
            name: "app-template".into(),
            url: Some(URL.into()),
        })),
        site: Some(site.clone()),
        current: Some("4.4.0".into()),
        chart_kind: Some(ChartKind::Tag),
        lookup: None,
        annotations: std::sync::Arc::default(),
        notes: vec![],
        digest_site: None,
        digest_stays: false,
        frame: None,
        chain: Vec::new(),
        problem: None,
        credentials: None,
        crds: crate::model::CrdUpgrade::Skip,
    }
}

pub(crate) fn update(sites: Vec<Site>, releases: usize) -> Update {
    Update {
        key: format!("{URL}@5"),
        chart: "app-template".into(),
        lookup: Lookup::Oci {
            url: URL.into(),
            rules: TagRules { leading_v: true, by_version: false, underscore_is_plus: true },
            insecure: false,
        },
        target: candidate("5.1.0", "5.1"),
        branch: "davit/app-template-abc123-5.x".into(),
        group: String::new(),
        bump: Bump::Major,
        sites: sites
            .into_iter()
            .map(|site| UpdateSite { site, from: "4.4.0".into(), to: "5.1.0".into(), digest: None })
            .collect(),
        releases: (0..releases).collect(),
        consumers: vec![],
    }
}

const EMPTY: Context<'static> =
    Context { releases: &[], in_use: &[], web: None, kube_version: None, witnesses: &[], unchecked: &[] };

#[test]
fn the_whole_text_of_an_update() {
    let (plex, sonarr) = (site("apps/plex/oci.yaml", 9), site("apps/media apps/[x].yaml", 12));
    let mut releases = [release("plex", &plex), release("sonarr", &sonarr), release("radarr", &sonarr)];
    releases[0].notes =
        vec![Note::SharedAnchor("spec.values.image.tag".into()), Note::SignatureUnchecked("cosign, keyless".into())];
    releases[1].problem = Some(Problem::new(Reason::Suspended, "suspended"));
    let context = Context {
        releases: &releases.iter().collect::<Vec<_>>(),
        in_use: &[candidate("4.4.0", "4.4")],
        web: Some("https://github.com/acme/fleet/blob/main"),
        witnesses: &[],
        kube_version: None,
        unchecked: &["Pull requests 4 and 5: their branches could not be read.".into()],
    };
    let text = render(&update(vec![plex, sonarr], 3), &context, &Style::default());
    insta::assert_snapshot!(format!("{}\n=====\n{}\n=====\n{}", text.title, text.body, text.commit_message));
    assert_eq!(text.template_problem, None);
}

#[test]
fn flux_rule_08_the_running_version_stands_beside_gits_where_they_differ() {
    let (plex, sonarr) = (site("apps/plex/oci.yaml", 9), site("apps/sonarr.yaml", 12));
    let releases = [release("plex", &plex), release("sonarr", &sonarr)];
    let live = |state, running: &str, differs| Live {
        running: Some(running.to_owned()),
        differs,
        ..Live::bare(state, format!("4.4.0 failed: {running} runs"))
    };
    let witness = |live| Witness { cluster: "prod-eu".into(), live: Some(live) };
    let mut failed = live(LiveState::Failed, "4.3.0+8f1c6f5d1b3d", true);
    failed.suspended = vec!["Kustomization flux-system/apps".to_owned()];
    let witnesses = [witness(failed), witness(live(LiveState::Deployed, "4.4.0+8f1c6f5d1b3d", false))];
    let context = Context {
        releases: &releases.iter().collect::<Vec<_>>(),
        witnesses: &witnesses.iter().map(Some).collect::<Vec<_>>(),
        ..EMPTY
    };
    let body = render(&update(vec![plex.clone(), sonarr.clone()], 2), &context, &Style::default()).body;
    assert!(body.contains("| Release | Cluster | Kustomization | Where | From | Running | To |"), "{body}");
    let line = |name: &str| body.lines().find(|line| line.starts_with('|') && line.contains(name)).unwrap().to_owned();
    assert!(
        line("media/plex").contains("prod-eu") && line("media/plex").contains("| `4.4.0` | `4.3.0` | `5.1.0` |"),
        "{body}"
    );
    assert!(line("media/sonarr").contains("| `4.4.0` |  | `5.1.0` |"), "{body}");
    assert!(
        body.contains("Suspended in the cluster, though Git does not say so: Kustomization flux-system/apps"),
        "{body}"
    );
    assert!(body.contains("In the cluster: 4.4.0 failed"), "{body}");
    let quiet = [None, Some(&witnesses[1])];
    let context = Context { witnesses: &quiet, ..context };
    let body = render(&update(vec![plex, sonarr], 2), &context, &Style::default()).body;
    assert!(!body.contains("Running"), "nothing differs: {body}");
}

#[test]
fn the_same_update_gives_the_same_bytes() {
    let update = update(vec![site("a.yaml", 1)], 0);
    assert_eq!(render(&update, &EMPTY, &Style::default()), render(&update, &EMPTY, &Style::default()));
}

#[test]
fn a_smaller_step_has_no_exclamation_mark_and_no_warning() {
    let mut update = update(vec![site("a.yaml", 1)], 0);
    update.bump = Bump::Minor;
    update.group = "media".into();
    let text = render(&update, &EMPTY, &Style::default());
    assert_eq!(text.title, "chore(deps): update chart app-template (media) to 5.1.0");
    assert!(!text.body.contains("[!IMPORTANT]"));
}

#[test]
fn a_deprecated_or_unknown_version_is_said_to_be_so() {
    let mut update = update(vec![site("a.yaml", 1)], 0);
    update.target = Candidate { deprecated: true, created: None, app_version: None, detailed: false, ..update.target };
    let text = render(&update, &EMPTY, &Style::default());
    assert!(text.body.contains("[!WARNING]") && text.body.contains("| Released | unknown |"), "{}", text.body);
    assert!(text.body.contains("age: its source does not say") && text.body.contains("was not asked for them"));
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "x` @everyone fixes #1 <!-- davit:{} --> <b> | [a](javascript:x)\n# big";
    let mut place = site(hostile, 9);
    place.text = hostile.into();
    let mut releases = [release(hostile, &place)];
    releases[0].cluster = Some(hostile.into());
    releases[0].notes = vec![Note::Other(hostile.into()), Note::SignatureUnchecked(hostile.into())];
    let mut update = update(vec![place], 1);
    update.sites[0].from = hostile.into();
    update.chart = hostile.into();
    update.group = hostile.into();
    update.target.app_version = Some(hostile.into());
    update.lookup =
        Lookup::Index { url: format!("https://user:secret@x.example/{hostile}?token=secret"), chart: hostile.into() };
    let unchecked = [hostile.to_owned()];
    let context = Context {
        releases: &releases.iter().collect::<Vec<_>>(),
        in_use: &[],
        web: Some("https://github.com/a/b/blob/main"),
        witnesses: &[],
        kube_version: None,
        unchecked: &unchecked,
    };
    let text = render(&update, &context, &Style::default());
    assert_eq!(text.template_problem, None);
    assert!(!text.title.contains('\n') && !text.title.contains("@e") && !text.title.contains("#1"), "{}", text.title);
    assert!(!text.commit_message.contains("@e") && !text.commit_message.contains("#1"));
    assert_eq!(text.commit_message.lines().filter(|l| l.starts_with("Davit-Update:")).count(), 1);
    assert!(!text.body.contains("<!--") && !text.body.contains("secret"), "{}", text.body);
    assert!(!text.body.contains("\n# big"));
    // Outside of code spans nobody is mentioned.
    for line in text.body.lines() {
        let outside: String = without_code(line);
        assert!(!outside.contains("@e") && !outside.contains("#1") && !outside.contains("[a](javascript"), "{line}");
        assert!(!outside.contains("<b>"), "{line}");
    }
}

/// A line without its code spans, read as CommonMark does: a run of backticks ends at the next run of that length.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        if rest[..start].ends_with('\\') {
            out.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        }
        out.push_str(&rest[..start]);
        let run = rest[start..].chars().take_while(|c| *c == '`').count();
        let mut at = start + run;
        loop {
            let Some(next) = rest[at..].find('`') else { return out + &rest[start..] };
            let length = rest[at + next..].chars().take_while(|c| *c == '`').count();
            at += next + length;
            if length == run {
                break;
            }
        }
        rest = &rest[at..];
    }
    out + rest
}

#[test]
fn a_table_that_does_not_fit_is_cut_and_says_so() {
    let places: Vec<Site> = (0..3000).map(|i| site(&format!("apps/number-{i}/helmrelease.yaml"), 9)).collect();
    let releases: Vec<Release> = places.iter().enumerate().map(|(i, s)| release(&format!("app-{i}"), s)).collect();
    let context = Context {
        releases: &releases.iter().collect::<Vec<_>>(),
        web: Some("https://github.com/acme/fleet/blob/main"),
        ..EMPTY
    };
    let update = update(places, releases.len());
    let text = render(&update, &context, &Style::default());
    let rows = text.body.matches("helmrelease.yaml:9").count();
    assert!(text.body.contains(&format!("… and {} more.", 3000 - rows)), "{rows} rows");
    let (key, branch, target) = (update.key, update.branch, update.target.text);
    let wanted = Wanted { key, branch, target, text, elsewhere: None, in_schedule: true };
    let written = body_to_write(&wanted, "", Stage::Fresh).chars().count();
    assert!(written <= BODY_LIMIT && written > BODY_LIMIT / 2, "{written}");
    assert!(wanted.text.commit_message.contains("- and 2950 more"));
}

#[test]
fn a_title_that_is_too_long_is_cut() {
    let mut update = update(vec![site("a.yaml", 1)], 0);
    (update.chart, update.group) = ("c".repeat(180), "g".repeat(180));
    assert_eq!(render(&update, &EMPTY, &Style::default()).title.chars().count(), TITLE_LIMIT);
}

#[test]
fn a_users_templates_are_used() {
    let style = Style {
        title_template: Some("deps({{ chart }}): {{ target }} {% if major %}!{% endif %}"),
        body_template: Some(
            "{{ chart }} {{ releases }} {% for row in rows %}{{ row.from | code }}{% endfor %}{{ '<b>' | safe }}",
        ),
        ..Style::default()
    };
    let text = render(&update(vec![site("a.yaml", 1)], 0), &EMPTY, &style);
    assert_eq!((text.title.as_str(), text.body.as_str()), ("deps(app-template): 5.1.0 !", "app-template 1 `4.4.0`<b>"));
}

#[test]
fn a_users_template_that_fails_is_replaced_and_named() {
    let update = update(vec![site("a.yaml", 1)], 0);
    for broken in ["{{ chart", "{{ chart | nosuch }}", "{% for a in range(9) %}{% endfor %}", "{{ 1 / 0 }}"] {
        let style = Style { body_template: Some(broken), ..Style::default() };
        let text = render(&update, &EMPTY, &style);
        let problem = text.template_problem.unwrap();
        assert!(problem.starts_with("bodyTemplateFile: ") && text.body.contains("### Releases"), "{problem}");
    }
    let empty = Style { title_template: Some("{{ nosuch }}"), ..Style::default() };
    assert!(render(&update, &EMPTY, &empty).title.starts_with("chore(deps)!: "));
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let loops = "{% for a in rows %}{% for b in rows %}{% for c in rows %}{% for d in rows %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}";
    let places: Vec<Site> = (0..500).map(|i| site(&format!("{i}.yaml"), 1)).collect();
    let style = Style { body_template: Some(loops), ..Style::default() };
    let text = render(&update(places, 0), &EMPTY, &style);
    assert!(text.template_problem.is_some());
}

#[test]
fn the_grammar_of_templates_is_checked_without_an_update() {
    assert!(check_templates(Some("{{ chart }}"), Some(super::BODY)).is_empty());
    let problems = check_templates(Some("{{ chart"), Some("a\n{% if %}"));
    assert!(problems[0].starts_with("titleTemplate: line 1") && problems[1].starts_with("bodyTemplateFile: line 2"));
}

#[test]
fn flux_rule_10_and_11_the_body_says_which_clusters_a_merge_touches() {
    let shared = site("apps/base/podinfo/release.yaml", 10);
    let by = |cluster: &str| Release {
        cluster: Some(cluster.into()),
        kustomization: Some(std::sync::Arc::new(crate::model::NsName {
            namespace: "flux-system".into(),
            name: "apps".into(),
        })),
        ..release("podinfo", &shared)
    };
    let both = [by("clusters/staging"), by("clusters/production")];
    let (both, update) = (both.iter().collect::<Vec<_>>(), update(vec![shared.clone()], 2));
    let body = render(&update, &Context { releases: &both, ..EMPTY }, &Style::default()).body;
    assert!(body.contains("### Releases: touches clusters clusters/production, clusters/staging\n"), "{body}");
    assert!(body.contains("| media/podinfo | clusters/staging | flux-system/apps |"), "{body}");
    let one = render(&update, &Context { releases: &both[..1], ..EMPTY }, &Style::default()).body;
    assert!(one.contains("### Releases: touches cluster clusters/staging\n"), "{one}");
    let none = [release("podinfo", &shared)];
    let none = render(&update, &Context { releases: &[&none[0]], ..EMPTY }, &Style::default()).body;
    assert!(none.contains("### Releases\n"), "{none}");
}
