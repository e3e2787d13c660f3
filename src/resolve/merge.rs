//! Strategic merge as kustomize does it for kinds it has no schema of: mappings merge, lists and scalars replace, null
//! deletes, `$patch` says otherwise (kyaml, merge2 and walk).

use super::value::{Ref, Value};

/// What the merge made of the whole value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It is changed in place.
    Kept,
    /// `$patch: delete`
    Deleted,
}

/// Merges a patch into a value.
///
/// # Errors
/// What kustomize refuses, in words: a mapping where there is a scalar, an unknown `$patch`.
pub(super) fn merge(value: &mut Value, patch: Ref<'_>) -> Result<Merged, String> {
    match directive(patch)? {
        Directive::Delete => return Ok(Merged::Deleted),
        Directive::Replace => {
            *value = added(patch)?.unwrap_or_else(Value::empty_map);
            return Ok(Merged::Kept);
        }
        Directive::Merge => {}
    }
    for (key, theirs) in patch.pairs() {
        if key == "$patch" {
            continue;
        }
        let Some(own) = value.look().get(key).filter(|own| !own.is_null()) else {
            match added(theirs)? {
                Some(new) => value.set(key, new),
                None => {
                    value.remove(key);
                }
            }
            continue;
        };
        if theirs.is_null() {
            value.remove(key);
        } else if own.is_map() && theirs.is_map() {
            let Some(own) = value.get_mut(key) else { continue };
            if merge(own, theirs)? == Merged::Deleted {
                value.remove(key);
            }
        } else if form(own) != form(theirs) {
            return Err(format!("`{key}` is a {} in the object and a {} in the patch", form(own), form(theirs)));
        } else {
            value.set(key, theirs.to_value());
        }
    }
    Ok(Merged::Kept)
}

fn form(value: Ref<'_>) -> &'static str {
    if value.is_map() {
        "mapping"
    } else if value.kind().is_some() {
        "scalar"
    } else {
        "list"
    }
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: Ref<'_>) -> Result<Directive, String> {
    match patch.get("$patch").and_then(Ref::text) {
        None | Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        Some(other) => Err(format!("unknown patch strategy {other}")),
    }
}

/// What a patch leaves where there was nothing: its values without nulls and directives.
fn added(patch: Ref<'_>) -> Result<Option<Value>, String> {
    if patch.is_null() {
        return Ok(None);
    }
    if !patch.is_map() {
        return Ok(Some(patch.to_value()));
    }
    if matches!(directive(patch)?, Directive::Delete) {
        return Ok(None);
    }
    let clean = |value: Ref<'_>| !value.is_null() && !value.is_map();
    if patch.pairs().iter().all(|(key, value)| *key != "$patch" && clean(*value)) {
        return Ok(Some(patch.to_value()));
    }
    let mut new = Value::empty_map();
    for (key, value) in patch.pairs().into_iter().filter(|(key, _)| *key != "$patch") {
        if let Some(value) = added(value)? {
            new.set(key, value);
        }
    }
    Ok(Some(new))
}
