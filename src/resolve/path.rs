//! Paths inside the tree: `/`-separated, without `.` and `..`; the root is empty.

/// A path relative to a directory; nothing where it leads out of the tree.
pub(super) fn join(directory: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { segments(directory).collect() };
    for part in segments(path) {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

/// The directory that a `spec.path` means: a way out of the tree stops at its root, as kustomize-controller joins it
/// (filepath-securejoin).
pub(super) fn clamped(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in segments(path) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// The directory of a file.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether a path lies in a directory, however deep; every path lies in the root.
pub(super) fn within(directory: &str, path: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a kustomize resource is fetched from elsewhere.
pub(super) fn is_remote(resource: &str) -> bool {
    resource.contains("://")
        || resource.contains("?ref=")
        || resource.starts_with("git@")
        || resource.starts_with("git::")
        || resource.starts_with("github.com/")
}

#[cfg(test)]
mod tests {
    use super::{clamped, is_remote, join, within};

    #[test]
    fn paths_are_joined_and_never_leave_the_tree() {
        assert_eq!(join("a/b", "../c/./d").as_deref(), Some("a/c/d"));
        assert_eq!(join("", "./").as_deref(), Some(""));
        assert_eq!(join("a", "/b").as_deref(), Some("b"));
        assert_eq!(join("a", "../.."), None);
        assert_eq!((clamped("./../../a/../b/"), clamped("..")), ("b".to_owned(), String::new()));
        assert!(within("a", "a/b") && within("a", "a") && within("", "x") && !within("a", "ab"));
        assert!(is_remote("https://x/y.yaml") && is_remote("github.com/a/b//c?ref=v1") && !is_remote("../base"));
    }
}
