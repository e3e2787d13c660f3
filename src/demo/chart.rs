//! A Helm chart made of its name and version: the same archive, byte for byte, each time.

use std::io::Write;

/// One version of a chart on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Name.
    pub name: String,
    /// Version as its author wrote it.
    pub version: String,
    /// `appVersion`.
    pub app_version: Option<String>,
    /// When it was published (RFC 3339).
    pub created: Option<String>,
    /// Marked deprecated.
    pub deprecated: bool,
    /// One line about it.
    pub description: String,
    /// `home`.
    pub home: Option<String>,
    /// The version in the Chart.yaml inside the archive, where it differs (a broken publication).
    pub inner_version: Option<String>,
    /// The name in the Chart.yaml inside the archive, where it differs.
    pub inner_name: Option<String>,
    /// `kubeVersion`.
    pub kube_version: Option<String>,
    /// `type`, where it is no application.
    pub kind: Option<String>,
    /// Name and version of each dependency.
    pub dependencies: Vec<(String, String)>,
    /// Further files: path below the chart's directory, content.
    pub files: Vec<(String, String)>,
    /// The tag in an OCI registry, where it is not the version with `_` for `+`.
    pub tag: Option<String>,
}

/// A chart's version with nothing else said.
pub fn chart(name: &str, version: &str) -> Chart {
    Chart {
        name: name.to_owned(),
        version: version.to_owned(),
        app_version: None,
        created: Some("2026-01-02T03:04:05Z".to_owned()),
        deprecated: false,
        description: format!("The {name} chart"),
        home: None,
        inner_version: None,
        inner_name: None,
        kube_version: None,
        kind: None,
        dependencies: Vec::new(),
        files: Vec::new(),
        tag: None,
    }
}

impl Chart {
    /// When it was published (RFC 3339).
    #[must_use]
    pub fn created(mut self, at: &str) -> Self {
        self.created = Some(at.to_owned());
        self
    }

    /// Says nothing of when it was published.
    #[must_use]
    pub fn undated(mut self) -> Self {
        self.created = None;
        self
    }

    /// `appVersion`.
    #[must_use]
    pub fn app(mut self, version: &str) -> Self {
        self.app_version = Some(version.to_owned());
        self
    }

    /// Marked deprecated.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// One line about it.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// `home`.
    #[must_use]
    pub fn home(mut self, url: &str) -> Self {
        self.home = Some(url.to_owned());
        self
    }

    /// Its Chart.yaml says another version (Flux rule 7).
    #[must_use]
    pub fn inner(mut self, version: &str) -> Self {
        self.inner_version = Some(version.to_owned());
        self
    }

    /// Its Chart.yaml says another name.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        self.inner_name = Some(name.to_owned());
        self
    }

    /// `kubeVersion`.
    #[must_use]
    pub fn kube(mut self, range: &str) -> Self {
        self.kube_version = Some(range.to_owned());
        self
    }

    /// `type`.
    #[must_use]
    pub fn of_type(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    /// One more dependency.
    #[must_use]
    pub fn needs(mut self, name: &str, version: &str) -> Self {
        self.dependencies.push((name.to_owned(), version.to_owned()));
        self
    }

    /// One more file in its archive (`crds/widgets.yaml`).
    #[must_use]
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    /// Its tag in an OCI registry, exactly.
    #[must_use]
    pub fn tagged(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// The tag in an OCI registry: `+` cannot stand in one.
    pub fn oci_tag(&self) -> String {
        self.tag.clone().unwrap_or_else(|| self.version.replace('+', "_"))
    }

    /// Chart.yaml's fields, which are an OCI chart's config too.
    pub fn metadata(&self) -> serde_json::Value {
        let mut value = serde_json::json!({
            "apiVersion": "v2", "name": self.inner_name.as_ref().unwrap_or(&self.name), "description": self.description,
            "type": self.kind.as_deref().unwrap_or("application"),
            "version": self.inner_version.as_ref().unwrap_or(&self.version),
        });
        if let Some(app) = &self.app_version {
            value["appVersion"] = app.clone().into();
        }
        if let Some(range) = &self.kube_version {
            value["kubeVersion"] = range.clone().into();
        }
        if !self.dependencies.is_empty() {
            let one = |(name, version): &(String, String)| serde_json::json!({"name": name, "version": version});
            value["dependencies"] = self.dependencies.iter().map(one).collect();
        }
        if let Some(home) = &self.home {
            value["home"] = home.clone().into();
        }
        if self.deprecated {
            value["deprecated"] = true.into();
        }
        value
    }

    /// The archive: Chart.yaml, values.yaml, one template, and its further files.
    pub fn archive(&self) -> Vec<u8> {
        let yaml = serde_yaml::to_string(&self.metadata()).unwrap_or_default();
        let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n\
                        data:\n  greeting: {{ .Values.greeting | quote }}\n";
        let own =
            [("Chart.yaml", yaml.as_str()), ("values.yaml", "greeting: hello\n"), ("templates/config.yaml", template)];
        let further = self.files.iter().map(|(path, content)| (path.as_str(), content.as_str()));
        let files: Vec<(&str, &str)> = own.into_iter().chain(further).collect();
        pack(&self.name, &files).unwrap_or_default()
    }

    /// `sha256` of the archive, in hex.
    pub fn digest(&self) -> String {
        digest(&self.archive())
    }
}

/// `sha256` in hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

fn pack(name: &str, files: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{name}/{path}"), content.as_bytes())?;
    }
    let mut gzip = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::new(6));
    gzip.write_all(&tar.into_inner()?)?;
    gzip.finish()
}

/// Charts from a list in plain text, one version a line: `name version created [app=…] [deprecated] [home=…]`.
/// Empty lines and those that start with `#` are skipped; a line that says less than a name and a version too.
pub fn read_list(text: &str) -> Vec<Chart> {
    let line = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let mut made = chart(words.next()?, words.next()?);
        for word in words {
            made = match word.split_once('=') {
                Some(("app", version)) => made.app(version),
                Some(("home", url)) => made.home(url),
                Some(("tag", tag)) => made.tagged(tag),
                None if word == "deprecated" => made.deprecated(),
                None if word == "undated" => made.undated(),
                _ => made.created(word),
            };
        }
        Some(made)
    };
    text.lines().filter_map(line).collect()
}
