//! The Go programs of `tests/referees`, asked over pipes: `flux-build` says what kustomize-controller would apply, `helm`
//! what Helm makes of a chart. One process serves a whole test.

use crate::tools::go_tool;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running referee.
pub struct Referee {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Referee {
    /// What kustomize-controller would apply.
    pub fn start() -> Self {
        Self::of("flux-build")
    }

    /// The program of a directory.
    pub fn of(name: &str) -> Self {
        let program = go_tool(name, name);
        // kustomize warns of old fields on stderr.
        let mut command = Command::new(program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// One question, one answer.
    ///
    /// # Errors
    /// The text of Flux's own error.
    pub fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.to, "{question}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the referee ended on {question}");
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// The objects that one Flux Kustomization applies.
    ///
    /// # Errors
    /// The text of Flux's own error.
    pub fn build(
        &mut self,
        root: &Path,
        kustomization: &Value,
        variables: &[Value],
        quick: bool,
    ) -> Result<Vec<Value>, String> {
        let asked = json!({"op": "build", "root": root, "kustomization": kustomization, "variables": variables, "quick": quick});
        let answer = self.ask(&asked)?;
        Ok(answer["objects"].as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Referee {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text at a JSON pointer.
pub fn text<'v>(object: &'v Value, pointer: &str) -> Option<&'v str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// Whether an object is of a group and kind.
pub fn is(object: &Value, group: &str, kind: &str) -> bool {
    let version = text(object, "/apiVersion").unwrap_or_default();
    version.split('/').next() == Some(group) && text(object, "/kind") == Some(kind)
}

/// Namespace and name.
pub fn key(object: &Value) -> (String, String) {
    let part = |pointer| text(object, pointer).unwrap_or_default().to_owned();
    (part("/metadata/namespace"), part("/metadata/name"))
}
