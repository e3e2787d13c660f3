//! Small random Flux repositories: bases, overlays, components, patches of both kinds, names and namespaces, substitution,
//! nested Kustomizations, artifacts. Each written version is another one, so that a wrong value shows where it came from.
//! The strategies shrink to the smallest repository that still differs; [`Repo::files`] gives it as files.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// A repository.
#[derive(Debug, Clone)]
pub struct Repo {
    pub apps: Vec<App>,
    pub clusters: Vec<Cluster>,
}

/// A release with its source, in `apps/base/app<n>`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a die of its own")]
pub struct App {
    pub shape: Shape,
    pub version: Form,
    pub url: Form,
    pub quote: Quote,
    /// `metadata.namespace` in the base.
    pub namespace: bool,
    /// `name: &app …`
    pub anchor: bool,
    /// One file of several documents, or one each.
    pub one_file: bool,
    /// Without it the directory has no kustomization.yaml, and Flux generates one.
    pub layer: Option<Layer>,
    /// Substitution is switched off by an annotation.
    pub unsubstituted: bool,
}

/// Where the chart comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Http,
    OciHelmRepository,
    OciRepository,
    HelmChart,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    Variable(Op, Defined),
}

/// What is done to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Bare,
    Assign,
    Default,
    Equals,
    Substring,
    Replace,
    ReplaceAll,
    Lower,
    Part,
}

/// Where a variable is defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defined {
    Nowhere,
    Inline,
    ConfigMap,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    None,
    Single,
    Double,
}

/// A kustomization.yaml beside its resources.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    pub namespace: Option<u8>,
    pub prefix: bool,
    pub suffix: bool,
    pub labels: bool,
    pub patches: Vec<Patch>,
    pub component: Vec<Patch>,
}

/// One patch.
#[derive(Debug, Clone)]
pub struct Patch {
    pub json: bool,
    pub inline: bool,
    pub target: Target,
    pub field: Field,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The patch names its object itself (strategic merge only).
    Own,
    Exact,
    Regex,
    Kind,
    Label,
    Annotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Version,
    Url,
    Interval,
}

/// A cluster with its Kustomizations, in `clusters/c<n>`.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub deploys: Vec<Deploy>,
    /// A Kustomization between the root and the others, and what it does to them.
    pub nested: Option<Nested>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nested {
    Plain,
    /// Its patch gives the children a variable more.
    Variable,
    /// Its patch gives the children a targetNamespace.
    Namespace,
    /// Its patch gives the children a patch of the releases' interval.
    Patch,
    /// The children's path hangs on its variable.
    Path,
}

/// One Flux Kustomization.
#[derive(Debug, Clone)]
pub struct Deploy {
    pub app: usize,
    /// A kustomization.yaml of the cluster on top of the base, in `apps/c<n>/app<m>`.
    pub overlay: Option<Layer>,
    pub target_namespace: Option<u8>,
    pub prefix: bool,
    pub patches: Vec<Patch>,
    pub component: Vec<Patch>,
    pub missing_optional: bool,
    pub artifact: Option<Copy>,
}

/// How an ArtifactGenerator fills the artifact that the Kustomization builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// `@repo/apps/**` to `@artifact/`
    Contents,
    /// `@repo/apps` to `@artifact/tree/`
    Directory,
}

fn version_form() -> impl Strategy<Value = Form> {
    prop_oneof![4 => Just(Form::Plain), 3 => (op(), defined()).prop_map(|(op, defined)| Form::Variable(op, defined))]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Bare), 3 => Just(Op::Assign), 2 => Just(Op::Default), 1 => Just(Op::Equals),
        1 => Just(Op::Substring), 1 => Just(Op::Replace), 1 => Just(Op::ReplaceAll), 1 => Just(Op::Lower),
        1 => Just(Op::Part),
    ]
}

fn defined() -> impl Strategy<Value = Defined> {
    prop_oneof![Just(Defined::Nowhere), Just(Defined::Inline), Just(Defined::ConfigMap), Just(Defined::Both)]
}

fn url_form() -> impl Strategy<Value = Form> {
    let variable =
        (prop_oneof![Just(Op::Bare), Just(Op::Assign)], prop_oneof![Just(Defined::Inline), Just(Defined::ConfigMap)]);
    prop_oneof![9 => Just(Form::Plain), 1 => variable.prop_map(|(op, defined)| Form::Variable(op, defined))]
}

fn patch() -> impl Strategy<Value = Patch> {
    let target = prop_oneof![
        3 => Just(Target::Own), 2 => Just(Target::Exact), 1 => Just(Target::Regex), 1 => Just(Target::Kind),
        1 => Just(Target::Label), 1 => Just(Target::Annotation)
    ];
    let field = prop_oneof![3 => Just(Field::Version), 1 => Just(Field::Url), 2 => Just(Field::Interval)];
    (any::<bool>(), any::<bool>(), target, field).prop_map(|(json, inline, target, field)| Patch {
        json,
        inline,
        target,
        field,
    })
}

fn layer() -> impl Strategy<Value = Layer> {
    let patches = prop_oneof![2 => Just(Vec::new()), 1 => vec(patch(), 1..=2)];
    let component = prop_oneof![7 => Just(Vec::new()), 1 => vec(patch(), 1..=1)];
    let rarely = || prop::bool::weighted(0.06);
    (weighted(0.4, 0..3u8), rarely(), rarely(), any::<bool>(), patches, component).prop_map(
        |(namespace, prefix, suffix, labels, patches, component)| Layer {
            namespace,
            prefix,
            suffix,
            labels,
            patches,
            component,
        },
    )
}

fn app() -> impl Strategy<Value = App> {
    let shape = prop_oneof![
        2 => Just(Shape::Http), 1 => Just(Shape::OciHelmRepository), 3 => Just(Shape::OciRepository),
        1 => Just(Shape::HelmChart)
    ];
    let quote = prop_oneof![Just(Quote::None), Just(Quote::Single), Just(Quote::Double)];
    let base = weighted(0.7, layer());
    let rarely = prop::bool::weighted(0.08);
    (shape, version_form(), url_form(), quote, any::<bool>(), any::<bool>(), any::<bool>(), base, rarely).prop_map(
        |(shape, version, url, quote, namespace, anchor, one_file, layer, unsubstituted)| App {
            shape,
            version,
            url,
            quote,
            namespace,
            anchor,
            one_file,
            layer,
            unsubstituted,
        },
    )
}

fn deploy() -> impl Strategy<Value = Deploy> {
    let overlay = weighted(0.5, layer());
    let patches = prop_oneof![4 => Just(Vec::new()), 1 => vec(patch(), 1..=2)];
    let component = prop_oneof![8 => Just(Vec::new()), 1 => vec(patch(), 1..=1)];
    let copy = prop_oneof![Just(Copy::Contents), Just(Copy::Directory)];
    let rarely = prop::bool::weighted(0.05);
    (0..3usize, overlay, weighted(0.4, 0..3u8), rarely, patches, component, any::<bool>(), weighted(0.1, copy))
        .prop_map(|(app, overlay, target_namespace, prefix, patches, component, missing_optional, artifact)| Deploy {
            app,
            overlay,
            target_namespace,
            prefix,
            patches,
            component,
            missing_optional,
            artifact,
        })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let nested = prop_oneof![
        Just(Nested::Plain),
        Just(Nested::Variable),
        Just(Nested::Namespace),
        Just(Nested::Patch),
        Just(Nested::Path)
    ];
    (vec(deploy(), 1..=3), weighted(0.25, nested)).prop_map(|(deploys, nested)| Cluster { deploys, nested })
}

/// Any repository of the kind.
pub fn repo() -> impl Strategy<Value = Repo> {
    (vec(app(), 1..=2), vec(cluster(), 1..=2)).prop_map(|(apps, clusters)| Repo { apps, clusters })
}
