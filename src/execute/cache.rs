//! Which relations exist, without asking the engine each time.
//!
//! In: listings of schemas, and what macros say that they made, dropped and renamed. Out: [`RelationCache`], shared by all
//! workers, and [`Journal`]: what one worker's open transaction changed, to be taken back if it is rolled back.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::{Relation, RelationKind};

type Key = (String, String, String);
type Entry = (Relation, RelationKind);

#[derive(Debug, Default)]
struct State {
    /// Schemas whose relations are all known.
    known: HashSet<(String, String)>,
    relations: BTreeMap<Key, Entry>,
}

/// The relations of the known schemas; names are compared without regard to case.
#[derive(Debug, Default)]
pub struct RelationCache(Mutex<State>);

/// Changes of an open transaction, with what was there before.
#[derive(Debug, Default)]
pub(super) struct Journal(Vec<(Key, Option<Entry>)>);

impl Journal {
    /// The changes are final.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn schema_key(database: &str, schema: &str) -> (String, String) {
    (database.to_lowercase(), schema.to_lowercase())
}

impl RelationCache {
    /// A cache that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all relations of a schema are known.
    pub fn knows(&self, database: &str, schema: &str) -> bool {
        self.state().known.contains(&schema_key(database, schema))
    }

    /// Takes a listing that covers whole schemas. Schemas known already keep what is known: it may be newer.
    pub fn fill(&self, schemas: &[(String, String)], relations: Vec<Entry>) {
        let mut state = self.state();
        let new: HashSet<(String, String)> =
            schemas.iter().map(|(d, s)| schema_key(d, s)).filter(|key| !state.known.contains(key)).collect();
        for (relation, kind) in relations {
            let key = relation.key();
            if new.contains(&(key.0.clone(), key.1.clone())) {
                state.relations.entry(key).or_insert((relation, kind));
            }
        }
        state.known.extend(new);
    }

    /// The relations of a schema; none if the schema is not known.
    pub fn relations(&self, database: &str, schema: &str) -> Option<Vec<Entry>> {
        let (database, schema) = schema_key(database, schema);
        let state = self.state();
        if !state.known.contains(&(database.clone(), schema.clone())) {
            return None;
        }
        let from = (database.clone(), schema.clone(), String::new());
        let within = state.relations.range(from..).take_while(|(key, _)| key.0 == database && key.1 == schema);
        Some(within.map(|(_, entry)| entry.clone()).collect())
    }

    /// A relation, if it is known to exist.
    pub fn get(&self, wanted: &Relation) -> Option<Entry> {
        self.state().relations.get(&wanted.key()).cloned()
    }

    /// A relation exists now.
    pub(super) fn added(&self, relation: &Relation, kind: RelationKind, journal: &mut Journal) {
        let key = relation.key();
        let before = self.state().relations.insert(key.clone(), (relation.clone(), kind));
        journal.0.push((key, before));
    }

    /// A relation is gone.
    pub(super) fn dropped(&self, relation: &Relation, journal: &mut Journal) {
        let key = relation.key();
        let before = self.state().relations.remove(&key);
        journal.0.push((key, before));
    }

    /// A relation has another name now.
    pub(super) fn renamed(&self, from: &Relation, to: &Relation, journal: &mut Journal) {
        let kind = self.get(from).map_or(RelationKind::Table, |(_, kind)| kind);
        self.dropped(from, journal);
        self.added(to, kind, journal);
    }

    /// A schema and all in it are gone.
    pub(super) fn schema_dropped(&self, database: &str, schema: &str) {
        let (database, schema) = schema_key(database, schema);
        let mut state = self.state();
        state.relations.retain(|key, _| key.0 != database || key.1 != schema);
        state.known.remove(&(database, schema));
    }

    /// Takes back what a transaction changed.
    pub(super) fn undo(&self, journal: &mut Journal) {
        let mut state = self.state();
        for (key, before) in journal.0.drain(..).rev() {
            match before {
                Some(entry) => state.relations.insert(key, entry),
                None => state.relations.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_taken_back_in_reverse() {
        let (cache, mut journal) = (RelationCache::new(), Journal::default());
        let relation = |name: &str| Relation::new("Dev", "Main", name);
        let schemas = [("dev".to_owned(), "main".to_owned())];
        cache.fill(&schemas, vec![(relation("A"), RelationKind::View), (relation("other"), RelationKind::Table)]);
        assert!(cache.knows("DEV", "main") && !cache.knows("dev", "x"));
        cache.dropped(&relation("a"), &mut journal);
        cache.added(&relation("a__tmp"), RelationKind::Table, &mut journal);
        cache.renamed(&relation("a__tmp"), &relation("a"), &mut journal);
        assert_eq!(cache.get(&relation("A")).map(|e| e.1), Some(RelationKind::Table));
        cache.undo(&mut journal);
        assert_eq!(cache.get(&relation("a")), Some((relation("A"), RelationKind::View)));
        assert_eq!(cache.relations("dev", "MAIN").map(|r| r.len()), Some(2));
        assert_eq!(cache.relations("dev", "elsewhere"), None);
    }
}
