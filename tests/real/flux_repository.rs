//! A generated repository as files. Knows what kustomize wants (which names a patch must say at its layer), so that most
//! of them build; decides nothing about what comes out.

use crate::flux_generator::{
    App, Copy, Defined, Deploy, Field, Form, Layer, Nested, Op, Patch, Quote, Repo, Shape, Target,
};
use crate::flux_walk::Root;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const NAMESPACES: [&str; 3] = ["media", "tools", "web"];
/// URL of the generated repositories.
pub const URL: &str = "ssh://git@example.com/fleet";

/// Writes one repository; every version is the next one.
struct Writer {
    files: BTreeMap<String, String>,
    versions: u32,
    parts: u32,
}

/// An object's namespace and name at some layer.
#[derive(Debug, Clone)]
struct Now {
    namespace: String,
    prefix: String,
    suffix: String,
}

impl Repo {
    /// The files, sorted by path.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut writer = Writer { files: BTreeMap::new(), versions: 0, parts: 0 };
        let bases: Vec<Now> = self.apps.iter().enumerate().map(|(number, app)| writer.app(number, app)).collect();
        for number in 0..self.clusters.len() {
            writer.cluster(self, number, &bases);
        }
        writer.files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
    }

    /// Where Flux starts.
    pub fn roots(&self) -> Vec<Root> {
        let root = |number: usize| Root {
            cluster: format!("clusters/c{number}"),
            kustomization: json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"namespace": "flux-system", "name": "flux-system"},
                "spec": {"interval": "1h", "path": format!("./clusters/c{number}"), "prune": true,
                    "sourceRef": {"kind": "GitRepository", "name": "flux-system"}},
            }),
        };
        (0..self.clusters.len()).map(root).collect()
    }

    /// The files as a person reads them.
    pub fn shown(&self) -> String {
        self.files().iter().fold(String::new(), |mut text, (path, bytes)| {
            writeln!(text, "# {path}\n{}", String::from_utf8_lossy(bytes)).unwrap();
            text
        })
    }
}

/// The text of a version or a URL's part in its file.
fn written(form: Form, variable: &str, default: &str) -> String {
    match form {
        Form::Plain => default.to_owned(),
        Form::Variable(op, _) => match op {
            Op::Bare => format!("${{{variable}}}"),
            Op::Assign => format!("${{{variable}:={default}}}"),
            Op::Default => format!("${{{variable}:-{default}}}"),
            Op::Equals => format!("${{{variable}={default}}}"),
            Op::Substring => format!("${{{variable}:1}}"),
            Op::Replace => format!("${{{variable}/x/.}}"),
            Op::ReplaceAll => format!("${{{variable}//x/.}}"),
            Op::Lower => format!("${{{variable},,}}"),
            Op::Part => format!("1.${{{variable}}}.0"),
        },
    }
}

/// What a definition of the variable holds.
fn defined(op: Op, version: &str) -> String {
    match op {
        Op::Substring => format!("x{version}"),
        Op::Replace => version.replacen('.', "x", 1),
        Op::ReplaceAll => version.replace('.', "x"),
        Op::Lower => format!("{version}-RC.1"),
        Op::Part => version.split('.').nth(1).unwrap_or_default().to_owned(),
        _ => version.to_owned(),
    }
}

impl Shape {
    /// Kind of the object that holds the version, and the field's path.
    fn versioned(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Http | Self::OciHelmRepository => ("HelmRelease", &["chart", "spec", "version"]),
            Self::OciRepository => ("OCIRepository", &["ref", "tag"]),
            Self::HelmChart => ("HelmChart", &["version"]),
        }
    }

    fn source(self) -> &'static str {
        if self == Self::OciRepository { "OCIRepository" } else { "HelmRepository" }
    }
}

fn api(kind: &str) -> &'static str {
    match kind {
        "HelmRelease" => "helm.toolkit.fluxcd.io/v2",
        _ => "source.toolkit.fluxcd.io/v1",
    }
}

impl Writer {
    fn version(&mut self) -> String {
        self.versions += 1;
        format!("1.{}.0", self.versions)
    }

    fn put(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    /// The base of an app; what its objects are called after it.
    fn app(&mut self, number: usize, app: &App) -> Now {
        let directory = format!("apps/base/app{number}");
        let metadata = |kind: &str| {
            let name = if app.anchor {
                format!("&app app{number}\n  labels: {{of: *app, ")
            } else {
                format!("app{number}\n  labels: {{")
            };
            let namespace = if app.namespace { "\n  namespace: base" } else { "" };
            let off = if app.unsubstituted { ", kustomize.toolkit.fluxcd.io/substitute: disabled" } else { "" };
            format!(
                "apiVersion: {}\nkind: {kind}\nmetadata:\n  name: {name}tier: t{number}}}\n  annotations: {{group: g{number}{off}}}{namespace}\nspec:\n  interval: 1h\n",
                api(kind)
            )
        };
        let default = self.version();
        let version = written(app.version, &format!("V{number}"), &default);
        let version = match app.quote {
            Quote::None => version,
            Quote::Single => format!("'{version}'"),
            Quote::Double => format!("\"{version}\""),
        };
        let host = written(app.url, &format!("U{number}"), &format!("h{number}.example.com"));
        let chart = |indent: &str| {
            format!(
                "{indent}chart: app{number}\n{indent}version: {version} # of app{number}\n{indent}sourceRef: {{kind: HelmRepository, name: app{number}}}\n"
            )
        };
        let repository = |oci: bool| {
            let (scheme, kind) = if oci { ("oci", "\n  type: oci") } else { ("https", "") };
            format!("{}  url: {scheme}://{host}/charts{kind}\n", metadata("HelmRepository"))
        };
        let reference =
            |kind: &str| format!("{}  chartRef: {{kind: {kind}, name: app{number}}}\n", metadata("HelmRelease"));
        let documents = match app.shape {
            Shape::Http | Shape::OciHelmRepository => {
                let release = format!("{}  chart:\n    spec:\n{}", metadata("HelmRelease"), chart("      "));
                vec![release, repository(app.shape == Shape::OciHelmRepository)]
            }
            Shape::OciRepository => {
                let source = format!(
                    "{}  url: oci://{host}/charts/app{number}\n  ref:\n    tag: {version}\n",
                    metadata("OCIRepository")
                );
                vec![reference("OCIRepository"), source]
            }
            Shape::HelmChart => {
                vec![reference("HelmChart"), repository(false), format!("{}{}", metadata("HelmChart"), chart("  "))]
            }
        };
        let mut resources = Vec::new();
        if app.one_file {
            self.put(&format!("{directory}/app.yaml"), format!("---\n{}", documents.join("---\n")));
            resources.push("app.yaml".to_owned());
        } else {
            for (part, document) in documents.into_iter().enumerate() {
                self.put(&format!("{directory}/part{part}.yaml"), document);
                resources.push(format!("part{part}.yaml"));
            }
        }
        let namespace = if app.namespace { "base".to_owned() } else { String::new() };
        let mut now = Now { namespace, prefix: String::new(), suffix: String::new() };
        if let Some(layer) = &app.layer {
            self.layer(&directory, &resources, layer, (number, app), &mut now);
        }
        now
    }

    /// A kustomization.yaml.
    fn layer(&mut self, directory: &str, resources: &[String], layer: &Layer, app: (usize, &App), now: &mut Now) {
        let mut text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n".to_owned();
        for (key, value) in [
            ("namespace", layer.namespace.map(|number| NAMESPACES[usize::from(number)])),
            ("namePrefix", layer.prefix.then_some("pre-")),
            ("nameSuffix", layer.suffix.then_some("-suf")),
        ] {
            if let Some(value) = value {
                writeln!(text, "{key}: {value}").unwrap();
            }
        }
        if layer.labels {
            text += "labels:\n- pairs: {env: any}\n";
        }
        text += "resources:\n";
        for resource in resources {
            writeln!(text, "- {resource}").unwrap();
        }
        if !layer.component.is_empty() {
            let component = self.component(&layer.component, app, now);
            writeln!(text, "components:\n- {component}").unwrap();
        }
        text += &self.patches(directory, "", &layer.patches, app, now, true);
        self.put(&format!("{directory}/kustomization.yaml"), text);
        if let Some(number) = layer.namespace {
            NAMESPACES[usize::from(number)].clone_into(&mut now.namespace);
        }
        if layer.prefix {
            now.prefix.insert_str(0, "pre-");
        }
        if layer.suffix {
            now.suffix.push_str("-suf");
        }
    }

    /// A component; its path from any directory of an app.
    fn component(&mut self, patches: &[Patch], app: (usize, &App), now: &Now) -> String {
        self.parts += 1;
        let component = self.parts;
        let directory = format!("apps/components/k{component}");
        let mut text = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n".to_owned();
        text += &self.patches(&directory, "", patches, app, now, true);
        self.put(&format!("{directory}/kustomization.yaml"), text);
        format!("../../components/k{component}")
    }

    fn patches(
        &mut self,
        directory: &str,
        indent: &str,
        patches: &[Patch],
        (number, app): (usize, &App),
        now: &Now,
        files: bool,
    ) -> String {
        let mut text = String::new();
        for patch in patches {
            if text.is_empty() {
                writeln!(text, "{indent}patches:").unwrap();
            }
            let (kind, body) = self.body(patch, number, app, now);
            if patch.inline || !files {
                writeln!(text, "{indent}- patch: |").unwrap();
                for line in body.lines() {
                    writeln!(text, "{indent}    {line}").unwrap();
                }
            } else {
                self.parts += 1;
                let file = format!("patch{}.yaml", self.parts);
                writeln!(text, "{indent}- path: {file}").unwrap();
                self.put(&format!("{directory}/{file}"), body);
            }
            let name = format!("{}app{number}{}", now.prefix, now.suffix);
            let target = match patch.target {
                Target::Own if !patch.json => continue,
                Target::Own | Target::Exact => format!("name: {name}"),
                Target::Regex => format!("name: .*app{number}.*"),
                Target::Kind => String::new(),
                Target::Label => format!("labelSelector: tier=t{number}"),
                Target::Annotation => format!("annotationSelector: group=g{number}"),
            };
            let comma = if target.is_empty() { "" } else { ", " };
            writeln!(text, "{indent}  target: {{kind: {kind}{comma}{target}}}").unwrap();
        }
        text
    }

    /// Kind of the patched object, and the patch.
    fn body(&mut self, patch: &Patch, number: usize, app: &App, now: &Now) -> (&'static str, String) {
        let (kind, path, value): (&'static str, &[&str], String) = match patch.field {
            Field::Version => {
                let (kind, path) = app.shape.versioned();
                (kind, path, self.version())
            }
            Field::Url => {
                let version = self.version();
                let scheme = if matches!(app.shape, Shape::Http | Shape::HelmChart) { "https" } else { "oci" };
                let chart = if app.shape == Shape::OciRepository { format!("/app{number}") } else { String::new() };
                (app.shape.source(), &["url"], format!("{scheme}://patched.example.com/{version}{chart}"))
            }
            Field::Interval => ("HelmRelease", &["interval"], "2h".to_owned()),
        };
        if patch.json {
            return (kind, format!("- op: replace\n  path: /spec/{}\n  value: {value}\n", path.join("/")));
        }
        let mut text = format!("apiVersion: {}\nkind: {kind}\nmetadata:\n", api(kind));
        if patch.target == Target::Own {
            writeln!(text, "  name: {}app{number}{}", now.prefix, now.suffix).unwrap();
            if !now.namespace.is_empty() {
                writeln!(text, "  namespace: {}", now.namespace).unwrap();
            }
        } else {
            text += "  name: any\n";
        }
        text += "spec:\n";
        for (depth, key) in path.iter().enumerate() {
            let last = if depth + 1 == path.len() { format!(" {value}") } else { String::new() };
            writeln!(text, "{}{key}:{last}", "  ".repeat(depth + 1)).unwrap();
        }
        (kind, text)
    }

    fn cluster(&mut self, repo: &Repo, number: usize, bases: &[Now]) {
        let cluster = &repo.clusters[number];
        let home = format!("clusters/c{number}");
        self.put(
            &format!("{home}/flux-system/gotk-sync.yaml"),
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1m\n  url: {URL}\n  ref: {{branch: main}}\n---\n\
                 apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./{home}\n  prune: true\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n"
            ),
        );
        self.put(
            &format!("{home}/flux-system/kustomization.yaml"),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- gotk-sync.yaml\n"
                .to_owned(),
        );
        let mut data = vec![("CLUSTER".to_owned(), format!("c{number}"))];
        let (mut kustomizations, mut artifacts, mut seen) = (Vec::new(), String::new(), Vec::new());
        for deploy in &cluster.deploys {
            let app = deploy.app % repo.apps.len();
            if seen.contains(&app) {
                continue;
            }
            seen.push(app);
            kustomizations.push(self.deploy(repo, number, app, deploy, bases[app].clone(), &mut data));
            if let Some(copy) = deploy.artifact {
                let (from, to) = match copy {
                    Copy::Contents => ("@repo/apps/**", "@artifact/"),
                    Copy::Directory => ("@repo/apps", "@artifact/tree/"),
                };
                writeln!(artifacts, "  - name: art{app}\n    copy:\n    - {{from: \"{from}\", to: \"{to}\"}}").unwrap();
            }
        }
        if !artifacts.is_empty() {
            let text = format!(
                "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata:\n  name: generator\n  namespace: flux-system\nspec:\n  sources:\n  - {{alias: repo, kind: GitRepository, name: flux-system}}\n  artifacts:\n{artifacts}"
            );
            self.put(&format!("{home}/artifacts.yaml"), text);
        }
        let below = kustomizations.join("---\n");
        match cluster.nested {
            None => self.put(&format!("{home}/apps.yaml"), below),
            Some(nested) => {
                self.put(&format!("groups/c{number}/apps.yaml"), below);
                let text = self.between(number, nested);
                self.put(&format!("{home}/apps.yaml"), text);
            }
        }
        let mut text =
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: vars\n  namespace: flux-system\ndata:\n".to_owned();
        for (key, value) in data {
            writeln!(text, "  {key}: \"{value}\"").unwrap();
        }
        self.put(&format!("{home}/vars.yaml"), text);
    }

    /// The Kustomization between the root and the others.
    fn between(&mut self, number: usize, nested: Nested) -> String {
        let mut text = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: apps\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./groups/c{number}\n  prune: true\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n"
        );
        let spec = match nested {
            Nested::Plain => return text,
            Nested::Path => {
                writeln!(text, "  postBuild:\n    substitute:\n      CLUSTER: c{number}").unwrap();
                return text;
            }
            Nested::Variable => format!("      postBuild:\n          substitute:\n            V0: {}", self.version()),
            Nested::Namespace => "      targetNamespace: patched".to_owned(),
            Nested::Patch => "      patches:\n        - patch: |\n            - op: replace\n              path: /spec/interval\n              value: 3h\n          target: {kind: HelmRelease}".to_owned(),
        };
        writeln!(
            text,
            "  patches:\n  - patch: |\n      apiVersion: kustomize.toolkit.fluxcd.io/v1\n      kind: Kustomization\n      metadata:\n        name: any\n      spec:\n  {spec}\n    target: {{kind: Kustomization, group: kustomize.toolkit.fluxcd.io}}"
        )
        .unwrap();
        text
    }

    /// One Flux Kustomization, with its overlay.
    fn deploy(
        &mut self,
        repo: &Repo,
        cluster: usize,
        number: usize,
        deploy: &Deploy,
        mut now: Now,
        data: &mut Vec<(String, String)>,
    ) -> String {
        let app = (number, &repo.apps[number]);
        let mut directory = format!("base/app{number}");
        let before = now.clone();
        let mut at = now.clone();
        if let Some(layer) = &deploy.overlay {
            let own = format!("c{cluster}/app{number}");
            let base = format!("../../base/app{number}");
            let resources: Vec<String> = if app.1.layer.is_some() {
                vec![base]
            } else if app.1.one_file {
                vec![format!("{base}/app.yaml")]
            } else {
                let parts = if app.1.shape == Shape::HelmChart { 3 } else { 2 };
                (0..parts).map(|part| format!("{base}/part{part}.yaml")).collect()
            };
            self.layer(&format!("apps/{own}"), &resources, layer, app, &mut now);
            directory = own;
            if repo.clusters[cluster].nested == Some(Nested::Path) {
                directory = format!("${{CLUSTER}}/app{number}");
            }
        } else if app.1.layer.is_some() {
            // Its patches join those of the base's own kustomization.yaml, whose names come after.
            at = Now {
                namespace: if app.1.namespace { "base".to_owned() } else { String::new() },
                prefix: String::new(),
                suffix: String::new(),
            };
        }
        if deploy.overlay.is_some() {
            at = before;
        }
        let path = match deploy.artifact {
            None => format!("./apps/{directory}"),
            Some(Copy::Contents) => format!("./{directory}"),
            Some(Copy::Directory) => format!("./tree/apps/{directory}"),
        };
        let source = match deploy.artifact {
            None => "{kind: GitRepository, name: flux-system}".to_owned(),
            Some(_) => format!("{{kind: ExternalArtifact, name: art{number}}}"),
        };
        let mut text = format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: d{number}\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: {path}\n  prune: true\n  sourceRef: {source}\n"
        );
        if let Some(number) = deploy.target_namespace {
            writeln!(text, "  targetNamespace: {}", NAMESPACES[usize::from(number)]).unwrap();
        }
        if deploy.prefix {
            text += "  namePrefix: flux-\n";
        }
        if !deploy.component.is_empty() {
            let component = self.component(&deploy.component, app, &at);
            writeln!(text, "  components:\n  - {component}").unwrap();
        }
        text += &self.patches("", "  ", &deploy.patches, app, &at, false);
        text + &self.post_build(number, app.1, deploy, data)
    }

    fn post_build(&mut self, number: usize, app: &App, deploy: &Deploy, data: &mut Vec<(String, String)>) -> String {
        let (mut inline, mut from) = (String::new(), deploy.missing_optional);
        for (form, variable, is_version) in
            [(app.version, format!("V{number}"), true), (app.url, format!("U{number}"), false)]
        {
            let Form::Variable(op, place) = form else { continue };
            if matches!(place, Defined::Inline | Defined::Both) {
                let version = self.version();
                let value = if is_version { defined(op, &version) } else { format!("inline-{number}.example.com") };
                writeln!(inline, "      {variable}: \"{value}\"").unwrap();
            }
            if matches!(place, Defined::ConfigMap | Defined::Both) {
                let version = self.version();
                let value = if is_version { defined(op, &version) } else { format!("map-{number}.example.com") };
                data.push((variable, value));
                from = true;
            }
        }
        let mut text = String::new();
        if !inline.is_empty() || from {
            text += "  postBuild:\n";
        }
        if !inline.is_empty() {
            write!(text, "    substitute:\n{inline}").unwrap();
        }
        if from {
            text += "    substituteFrom:\n    - {kind: ConfigMap, name: vars}\n";
            if deploy.missing_optional {
                text += "    - {kind: ConfigMap, name: absent, optional: true}\n";
            }
        }
        text
    }
}
