//! Properties that describe a resource of another package.
//!
//! In: the entries of all packages, the resources as they were read. Out: the resources whose entry is not the one of their
//! own package. dbt looks for the resource in the entry's package, then anywhere, among what is enabled before properties
//! are counted: so a model of the root project that stands in for a package's disabled one is described by the package.

use std::collections::{HashMap, HashSet};

use crate::base::Value;
use crate::node::ResourceType;

use super::patches::{Entry, Patches};
use super::raw::Raw;
use super::section_of;

/// Entries by the position of the resource that they describe; none for one whose own entry describes another resource.
pub fn find<'p>(
    patches: &'p Patches,
    raws: &[Raw],
    is_enabled: &dyn Fn(&Raw) -> bool,
) -> HashMap<usize, Option<&'p Entry>> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, raw) in raws.iter().enumerate() {
        if matches!(raw.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot) {
            by_name.entry(&raw.name).or_default().push(position);
        }
    }
    let has_versions = |e: &Entry| e.value.get("versions").and_then(Value::as_list).is_some_and(|v| !v.is_empty());
    let versioned: HashSet<(&str, &str)> =
        patches.section("models").filter(|e| has_versions(e)).map(|e| (e.package.as_str(), e.name.as_str())).collect();
    let mut found = HashMap::new();
    for entry in ["models", "seeds", "snapshots"].into_iter().flat_map(|section| patches.section(section)) {
        let named = by_name.get(entry.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let (own, others): (Vec<usize>, Vec<usize>) = named.iter().partition(|i| raws[**i].package == entry.package);
        if others.is_empty() || has_versions(entry) || own.iter().any(|i| is_enabled(&raws[*i])) {
            continue;
        }
        let enabled: Vec<usize> = others.into_iter().filter(|i| is_enabled(&raws[*i])).collect();
        // One of several would be a guess.
        let [other] = enabled.as_slice() else { continue };
        let raw = &raws[*other];
        let section = section_of(raw.resource_type);
        let has_own = patches.find(&raw.package, section, &raw.name).is_some();
        if section != entry.section || has_own || versioned.contains(&(&raw.package, &raw.name)) {
            continue;
        }
        found.entry(*other).or_insert(Some(entry));
        for position in own {
            found.insert(position, None);
        }
    }
    found
}
