//! The files that objects and variables name: where they lie, and where each of their values was last written.

use super::object::Object;
use super::value::{NOWHERE, Origin, Value};
use super::variables::{Data, Variable};
use std::collections::BTreeSet;

/// Numbers of files, each once.
#[derive(Debug, Default)]
pub(super) struct Mentioned(BTreeSet<usize>);

impl Mentioned {
    pub(super) fn object(&mut self, object: &Object) {
        self.file(object.at.0);
        self.value(object.tree());
    }

    pub(super) fn data(&mut self, data: &Data) {
        for variable in data.values() {
            if let Variable::Known { origin, line, .. } = variable {
                self.origin(origin);
                if let Some((file, _)) = line {
                    self.file(*file);
                }
            }
        }
    }

    /// Every file, ascending.
    pub(super) fn files(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Written(_, file) => self.file(*file),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| self.value(value)),
            Value::List(items) => items.iter().for_each(|value| self.value(value)),
            Value::Made(made) => self.origin(&made.origin),
        }
    }

    fn origin(&mut self, origin: &Origin) {
        if let Origin::Scalar { file, .. } | Origin::Part { file, .. } = origin {
            self.file(*file);
        }
    }

    fn file(&mut self, file: usize) {
        if file != NOWHERE {
            self.0.insert(file);
        }
    }
}
