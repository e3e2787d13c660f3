//! What is wrong with a configuration: one sentence and the place, so that all of them can be shown at once.

use super::Place;

/// One problem of a configuration. Its message never holds a secret's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Issue {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The key's path (`policy.rules[2].range`); empty for the whole file.
    pub path: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { file, line, column } = &self.place;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        if self.path.is_empty() {
            write!(f, ": {}", self.message)
        } else {
            write!(f, ": {}: {}", self.path, self.message)
        }
    }
}
