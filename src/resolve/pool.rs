//! Equal values once. A daemon keeps the rows of all its repositories in memory, and rows have much in common: a file, a
//! source, a Kustomization. It says nothing of what they mean.

use crate::model::{Annotations, CredentialsHint, Lookup, NsName, SourceRef};
use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values of one kind.
#[derive(Debug)]
pub(super) struct Pool<T: ?Sized>(RefCell<HashSet<Arc<T>>>);

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// The value that equals this one: the first that came.
    pub(super) fn one<V: Borrow<T> + Into<Arc<T>>>(&self, value: V) -> Arc<T> {
        let mut known = self.0.borrow_mut();
        if let Some(known) = known.get(value.borrow()) {
            return known.clone();
        }
        let value: Arc<T> = value.into();
        known.insert(value.clone());
        value
    }
}

/// What rows share.
#[derive(Debug, Default)]
pub(super) struct Pools {
    /// Files, clusters and routes.
    pub(super) texts: Pool<str>,
    pub(super) names: Pool<NsName>,
    pub(super) sources: Pool<SourceRef>,
    pub(super) lookups: Pool<Lookup>,
    pub(super) annotations: Pool<Annotations>,
    pub(super) credentials: Pool<CredentialsHint>,
}
