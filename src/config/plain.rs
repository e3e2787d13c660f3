//! What is written is what is meant: words and sections that need no parsing, so that one type serves the file, the
//! schema and everybody who reads the configuration. None of them holds a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])+ $name:ident { $($(#[$vdoc:meta])+ $variant:ident,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])+ $variant,)+ }
    };
}

words! {
    /// Whether Davit writes.
    Mode {
        /// Opens and keeps pull requests.
        Propose,
        /// Shows what it would do, writes nothing anywhere.
        Report,
    }
}
words! {
    /// How commits come to be.
    CommitVia {
        /// Built here and pushed.
        Git,
        /// Made by GitHub's API, which signs an App's commits; git.author must then be unset.
        Api,
    }
}
words! {
    /// Whether private and loopback addresses may be connected to.
    PrivateAddresses {
        /// Only where the URL written in Git is private itself.
        Auto,
        /// Wherever a URL or a redirect leads.
        Always,
        /// Nowhere but what this file names.
        Never,
    }
}
words! {
    /// The least severe level shown.
    LogLevel {
        /// Failures only.
        Error,
        /// And what is odd.
        Warn,
        /// And what is done.
        Info,
        /// And why.
        Debug,
        /// Everything.
        Trace,
    }
}
words! {
    /// How a log line looks.
    LogFormat {
        /// For people.
        Text,
        /// One JSON object a line.
        Json,
    }
}

impl LogLevel {
    /// The word in the configuration and in filter directives.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Globs on paths from the repository's root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct PathFilter {
    /// A file is read if one of these matches,
    pub include: Vec<String>,
    /// and none of these does.
    pub exclude: Vec<String>,
}

impl Default for PathFilter {
    fn default() -> Self {
        Self { include: vec!["**".to_owned()], exclude: Vec::new() }
    }
}

/// Name and address on commits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Author {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

impl Default for Author {
    fn default() -> Self {
        Self { name: "davit".to_owned(), email: "davit@users.noreply.github.com".to_owned() }
    }
}

/// Globs; an empty list matches all, and every list that is not empty must match.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleMatch {
    /// Names of repositories.
    pub repositories: Vec<String>,
    /// Namespaces of releases.
    pub namespaces: Vec<String>,
    /// Releases, as `NAME` or `NAMESPACE/NAME`.
    pub releases: Vec<String>,
    /// Chart names.
    pub charts: Vec<String>,
    /// Chart URLs as in Git.
    pub urls: Vec<String>,
}

/// Limits on writing, per repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Our open pull requests.
    pub open_pull_requests: u32,
    /// Pull requests opened within an hour.
    pub per_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open_pull_requests: 10, per_hour: 4 }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Log {
    /// The least severe level shown.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Text }
    }
}
