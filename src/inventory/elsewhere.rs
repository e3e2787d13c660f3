//! Files of other repositories, as far as a build of this one may name them. Their numbers are made of the repository and
//! the path alone: the same for every repository of the fleet, whatever other files come and go, and never those of an
//! own file. What such a file holds is not this tree's: no site of it is edited from here.

use crate::yaml::Node;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

/// How many of a number's bits count files; above them stand the repository and the mark that sets both apart from the
/// numbers of own files.
const FILE_BITS: u32 = usize::BITS * 5 / 8;
const FILE_MASK: usize = (1 << FILE_BITS) - 1;
const MARK: usize = 1 << (usize::BITS - 1);

/// A file of another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// `repository:path`
    pub name: Arc<str>,
    /// What its scalars hold as YAML text, by the scalar's first byte: patches of a Flux Kustomization.
    pub embedded: Vec<(u32, Vec<Node>)>,
    /// First byte and line of its scalars that may hold a version, by that byte.
    pub lines: Vec<(u32, u32)>,
}

impl Foreign {
    /// `repository:path:line` of a scalar; without the line where it is not known.
    pub fn place(&self, start: u32) -> String {
        match self.lines.binary_search_by_key(&start, |(start, _)| *start).ok().and_then(|found| self.lines.get(found))
        {
            Some((_, line)) => format!("{}:{line}", self.name),
            None => self.name.to_string(),
        }
    }
}

/// Files of other repositories by number.
pub type Elsewhere = HashMap<usize, Arc<Foreign>>;

/// The number of a file of a repository, which has its place in the configuration. `taken` says which numbers other files
/// of that repository have: of paths with one hash the later one takes the next that is free.
pub fn foreign_number(repository: u32, path: &str, taken: impl Fn(usize) -> bool) -> usize {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let first = usize::try_from(hasher.finish() & u64::try_from(FILE_MASK).unwrap_or(u64::MAX)).unwrap_or(FILE_MASK);
    let numbers = (0..=FILE_MASK).map(|step| repository_bits(repository) | (first.wrapping_add(step) & FILE_MASK));
    let mut free = numbers.filter(|number| *number != usize::MAX && !taken(*number));
    free.next().unwrap_or(repository_bits(repository) | first)
}

/// Whether a number is that of a file of this repository.
pub fn is_file_of(number: usize, repository: u32) -> bool {
    number & !FILE_MASK == repository_bits(repository)
}

fn repository_bits(repository: u32) -> usize {
    let repository = usize::try_from(repository).unwrap_or(usize::MAX) & (MARK >> FILE_BITS).wrapping_sub(1);
    MARK | (repository << FILE_BITS)
}

/// What the scalar of a file whose content starts at a byte holds.
pub(super) fn held(embedded: &[(u32, Vec<Node>)], start: u32) -> Option<&[Node]> {
    let index = embedded.binary_search_by_key(&start, |(start, _)| *start).ok()?;
    embedded.get(index).map(|(_, roots)| roots.as_slice())
}

#[cfg(test)]
mod tests {
    use super::{FILE_MASK, foreign_number, is_file_of};

    fn number(repository: u32, path: &str) -> usize {
        foreign_number(repository, path, |_| false)
    }

    #[test]
    fn numbers_tell_repositories_and_files_apart_and_are_none_of_an_own_file() {
        let numbers = [(0, "a.yaml"), (0, "b.yaml"), (1, "a.yaml"), (1023, "a.yaml")].map(|(r, path)| number(r, path));
        let mut apart = numbers.to_vec();
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), numbers.len());
        assert!(numbers.iter().all(|number| *number > usize::MAX / 2 && *number != usize::MAX));
        assert!(is_file_of(numbers[2], 1) && !is_file_of(numbers[2], 0) && !is_file_of(7, 0));
    }

    #[test]
    fn a_path_keeps_its_number_and_gives_way_to_the_one_that_has_it() {
        let first = number(3, "infra/charts.yaml");
        assert_eq!(first, number(3, "infra/charts.yaml"));
        let next = foreign_number(3, "infra/charts.yaml", |other| other == first);
        assert_eq!((next & FILE_MASK, is_file_of(next, 3)), ((first + 1) & FILE_MASK, true));
    }
}
