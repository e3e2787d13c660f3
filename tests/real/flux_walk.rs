//! Everything that Flux applies out of a tree: from the roots down, each built Kustomization built in turn, with the
//! ConfigMaps and artifacts of its own cluster. Builds nothing itself: the referee does.

use crate::flux_referee::{Referee, is, key, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

/// Group of Flux Kustomizations.
pub const KUSTOMIZE: &str = "kustomize.toolkit.fluxcd.io";
/// Group of sources.
pub const SOURCE: &str = "source.toolkit.fluxcd.io";
const ORIGIN: &str = "config.kubernetes.io/origin";
/// Rounds after which ConfigMaps that feed the building of ConfigMaps must be settled.
const ROUNDS: usize = 6;

/// Where a cluster's pass starts.
#[derive(Debug, Clone)]
pub struct Root {
    pub cluster: String,
    pub kustomization: Value,
}

/// An object that Flux applies.
#[derive(Debug, Clone)]
pub struct Applied {
    pub cluster: String,
    /// Namespace and name of the Kustomization that applies it.
    pub by: (String, String),
    /// The object, without the origin.
    pub object: Value,
    /// The file it comes from, where kustomize says it and no artifact lies between.
    pub file: Option<String>,
}

/// A Kustomization that Flux could not build.
#[derive(Debug, Clone)]
pub struct Failed {
    pub cluster: String,
    pub by: (String, String),
    pub error: String,
}

/// What came of a walk.
#[derive(Debug, Default)]
pub struct Walked {
    pub applied: Vec<Applied>,
    pub failed: Vec<Failed>,
    /// Kustomizations built.
    pub built: usize,
}

/// What a cluster holds beside its Kustomizations, from the round before.
#[derive(Debug, Default, PartialEq)]
struct Known {
    variables: Vec<Value>,
    generators: Vec<Value>,
}

/// A copy of a repository that the referee may write to.
pub struct Tree<'r> {
    pub referee: &'r mut Referee,
    pub root: PathBuf,
    /// Where artifacts are composed.
    pub scratch: PathBuf,
    /// This repository's URL, where it is known.
    pub url: Option<String>,
    /// Keep the parsed OpenAPI schema between builds.
    pub quick: bool,
    /// The objects as they stand in the files.
    pub written: Vec<(String, Value)>,
    /// By `spec.ignore`, what an artifact holds of the tree.
    seen: HashMap<Option<String>, PathBuf>,
    builds: HashMap<String, Result<Vec<Value>, String>>,
    artifacts: HashMap<String, Result<PathBuf, String>>,
}

impl<'r> Tree<'r> {
    pub fn new(referee: &'r mut Referee, root: PathBuf, scratch: PathBuf, url: Option<String>, quick: bool) -> Self {
        let read = referee.ask(&json!({"op": "read", "root": root})).unwrap();
        let mut written = Vec::new();
        for file in read["files"].as_array().into_iter().flatten() {
            let path = text(file, "/path").unwrap_or_default();
            let objects = file["objects"].as_array().into_iter().flatten();
            written.extend(objects.map(|object| (path.to_owned(), object.clone())));
        }
        let (seen, builds, artifacts) = Default::default();
        Self { referee, root, scratch, url, quick, written, seen, builds, artifacts }
    }

    /// Walks every cluster.
    pub fn walk(&mut self, roots: &[Root]) -> Walked {
        let mut clusters: BTreeMap<&str, Vec<&Root>> = BTreeMap::new();
        for root in roots {
            clusters.entry(&root.cluster).or_default().push(root);
        }
        let mut all = Walked::default();
        for (cluster, roots) in clusters {
            let walked = self.cluster(cluster, &roots);
            all.applied.extend(walked.applied);
            all.failed.extend(walked.failed);
            all.built += walked.built;
        }
        all
    }

    fn cluster(&mut self, cluster: &str, roots: &[&Root]) -> Walked {
        let mut known = Known::default();
        for _ in 0..ROUNDS {
            let walked = self.round(cluster, roots, &known);
            let kept = |test: &dyn Fn(&Value) -> bool| {
                walked.applied.iter().map(|applied| applied.object.clone()).filter(test).collect::<Vec<_>>()
            };
            let mut now = Known {
                variables: kept(&|o| o["apiVersion"] == "v1"),
                generators: kept(&|o| o["kind"] == "ArtifactGenerator"),
            };
            now.generators.extend(self.loose_generators(cluster));
            if now == known {
                return walked;
            }
            known = now;
        }
        panic!("the ConfigMaps of {cluster} do not settle");
    }

    fn round(&mut self, cluster: &str, roots: &[&Root], known: &Known) -> Walked {
        let mut walked = Walked::default();
        let mut seen: HashSet<(String, String)> = HashSet::new();
        let mut open: Vec<Value> = roots.iter().rev().map(|root| root.kustomization.clone()).collect();
        while let Some(mut kustomization) = open.pop() {
            let by = key(&kustomization);
            if !seen.insert(by.clone()) || !self.is_ours(&kustomization) {
                continue;
            }
            let mut built = self.build(&kustomization, cluster, known);
            // Bootstrap: the root lies in its own directory, and is what its own build makes of it.
            for _ in 0..2 {
                let own = built.iter().flatten().find(|(object, _)| is_kustomization(object) && key(object) == by);
                match own.map(|(object, _)| object.clone()) {
                    Some(own) if own["spec"] != kustomization["spec"] => {
                        kustomization = own;
                        built = self.build(&kustomization, cluster, known);
                    }
                    _ => break,
                }
            }
            match built {
                Err(error) => {
                    let error = self.seen.values().fold(error, |error, root| {
                        error.replace(&format!("{}/", root.display()), "").replace(&root.display().to_string(), "")
                    });
                    walked.failed.push(Failed { cluster: cluster.to_owned(), by, error });
                }
                Ok(objects) => {
                    walked.built += 1;
                    for (object, file) in objects {
                        if is_kustomization(&object) {
                            open.push(object.clone());
                        }
                        walked.applied.push(Applied { cluster: cluster.to_owned(), by: by.clone(), object, file });
                    }
                }
            }
        }
        walked
    }

    /// Generators in files of the cluster's directory: where bootstrap's own files are not in Git, nothing builds them.
    fn loose_generators(&self, cluster: &str) -> Vec<Value> {
        let inside = |(path, _): &&(String, Value)| path.starts_with(&format!("{cluster}/"));
        let generators = self.written.iter().filter(inside).map(|(_, object)| object.clone());
        generators.filter(|object| object["kind"] == "ArtifactGenerator").collect()
    }

    /// Flux rule 24, as a plain reading of it: the source has this repository's URL, or nobody knows its URL and the
    /// path exists here.
    pub fn is_ours(&self, kustomization: &Value) -> bool {
        let (kind, namespace, name) = source_ref(kustomization);
        if kind != "GitRepository" {
            return kind == "ExternalArtifact";
        }
        let mut urls = self.urls(&namespace, &name).peekable();
        match &self.url {
            Some(here) if urls.peek().is_some() => urls.any(|url| davit::inventory::same_repository(url, here)),
            _ => self.root.join(text(kustomization, "/spec/path").unwrap_or_default()).is_dir(),
        }
    }

    /// The URLs that the tree's GitRepositories of a name have: each cluster has its own.
    pub fn urls<'s>(&'s self, namespace: &'s str, name: &'s str) -> impl Iterator<Item = &'s str> {
        let fits = move |object: &&Value| {
            let (of, called) = key(object);
            called == name && (of == namespace || of.is_empty() || namespace.is_empty())
        };
        let repositories = self.written.iter().map(|(_, object)| object).filter(|o| is(o, SOURCE, "GitRepository"));
        repositories.filter(fits).filter_map(|object| text(object, "/spec/url"))
    }

    /// The objects of one Kustomization with their files.
    fn build(
        &mut self,
        kustomization: &Value,
        cluster: &str,
        known: &Known,
    ) -> Result<Vec<(Value, Option<String>)>, String> {
        let mut asked = kustomization.clone();
        asked["spec"]["buildMetadata"] = json!(["originAnnotations"]);
        let artifact = source_ref(kustomization).0 == "ExternalArtifact";
        let root =
            if artifact { self.artifact(kustomization, cluster, known)? } else { self.seen(kustomization, cluster) };
        let from = kustomization.pointer("/spec/postBuild/substituteFrom").is_some();
        let variables = if from { known.variables.as_slice() } else { &[] };
        let question = format!("{} {asked} {}", root.display(), json!(variables));
        let built = if let Some(built) = self.builds.get(&question) {
            built.clone()
        } else {
            let built = self.referee.build(&root, &asked, variables, self.quick);
            self.builds.insert(question, built.clone());
            built
        };
        let directory = text(kustomization, "/spec/path").unwrap_or_default();
        let placed = built?.into_iter().map(|mut object| {
            let file = origin(&mut object).and_then(|origin| normal(directory, &origin));
            (object, file.filter(|_| !artifact))
        });
        Ok(placed.collect())
    }

    /// What the artifact of a Kustomization's GitRepository holds of the tree. Each cluster has its own source.
    pub fn seen(&mut self, kustomization: &Value, cluster: &str) -> PathBuf {
        let (_, namespace, name) = source_ref(kustomization);
        let fits = |object: &Value| {
            let (of, called) = key(object);
            called == name && (of == namespace || of.is_empty() || namespace.is_empty())
        };
        let mut sources: Vec<&(String, Value)> =
            self.written.iter().filter(|(_, object)| is(object, SOURCE, "GitRepository") && fits(object)).collect();
        let here = |file: &str| file.starts_with(&format!("{cluster}/"));
        if sources.iter().any(|(file, _)| here(file)) {
            sources.retain(|(file, _)| here(file));
        }
        let ignore = sources.first().and_then(|(_, source)| text(source, "/spec/ignore")).map(str::to_owned);
        if let Some(known) = self.seen.get(&ignore) {
            return known.clone();
        }
        let to = self.scratch.join(format!("seen-{}", self.seen.len()));
        self.referee.ask(&json!({"op": "see", "root": self.root, "to": to, "ignore": ignore})).unwrap();
        self.seen.insert(ignore, to.clone());
        to
    }

    /// The directory of an ExternalArtifact, composed as its generator says.
    fn artifact(&mut self, kustomization: &Value, cluster: &str, known: &Known) -> Result<PathBuf, String> {
        let (_, namespace, name) = source_ref(kustomization);
        let made = known.generators.iter().filter(|generator| key(generator).0 == namespace).find_map(|generator| {
            let list = generator.pointer("/spec/artifacts")?.as_array()?;
            let artifact = list.iter().find(|artifact| artifact["name"] == name.as_str())?;
            Some((generator, artifact))
        });
        let Some((generator, artifact)) = made else { return Err(format!("no generator makes {namespace}/{name}")) };
        let list = generator.pointer("/spec/sources").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut aliases: BTreeMap<&str, PathBuf> = BTreeMap::new();
        for source in list.iter().filter(|source| source["kind"] == "GitRepository") {
            let asks = json!({"metadata": {"namespace": namespace}, "spec": {"sourceRef": source}});
            let Some(alias) = source["alias"].as_str() else { continue };
            aliases.insert(alias, self.seen(&asks, cluster));
        }
        let question = json!({"copy": artifact["copy"], "sources": aliases}).to_string();
        if let Some(made) = self.artifacts.get(&question) {
            return made.clone();
        }
        let to = self.scratch.join(format!("artifact-{}", self.artifacts.len()));
        let asked = json!({"op": "artifact", "root": to, "copy": artifact["copy"], "sources": aliases});
        let made = self.referee.ask(&asked).map(|_| to);
        self.artifacts.insert(question, made.clone());
        made
    }
}

/// Whether an object is a Flux Kustomization.
pub fn is_kustomization(object: &Value) -> bool {
    is(object, KUSTOMIZE, "Kustomization")
}

/// Kind, namespace and name of `spec.sourceRef`.
pub fn source_ref(kustomization: &Value) -> (String, String, String) {
    let part = |pointer| text(kustomization, pointer).map(str::to_owned);
    let own = key(kustomization).0;
    (
        part("/spec/sourceRef/kind").unwrap_or_default(),
        part("/spec/sourceRef/namespace").unwrap_or(own),
        part("/spec/sourceRef/name").unwrap_or_default(),
    )
}

/// Takes kustomize's origin off an object; the file as seen from the directory that was built.
fn origin(object: &mut Value) -> Option<String> {
    let annotations = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
    let origin = annotations.remove(ORIGIN);
    if annotations.is_empty() {
        object.pointer_mut("/metadata")?.as_object_mut()?.remove("annotations");
    }
    let path = origin?.as_str()?.lines().find_map(|line| line.strip_prefix("path: ").map(str::to_owned))?;
    Some(path.trim().trim_matches('"').to_owned())
}

/// A path from the root, without `.` and `..`; nothing where it leads out of it.
pub fn normal(directory: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
