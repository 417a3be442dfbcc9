//! What is known when a plan is made.
//!
//! In: nothing. Out: [`Facts`], which whoever can ask the warehouse and the macros fills in.

use std::collections::{HashMap, HashSet};

use crate::adapters::shadow::ShadowColumn;
use crate::base::{NodeId, Relation, RelationKind};
use crate::state::Recorded;

/// A relation in the warehouse.
#[derive(Clone, Debug, PartialEq)]
pub struct Existing {
    /// What it is.
    pub kind: RelationKind,
    /// How many rows the catalog believes it has.
    pub rows: Option<u64>,
    /// How many of its files are small and could be written together.
    pub small_files: u64,
    /// Its columns, where they were asked for.
    pub columns: Option<Vec<ShadowColumn>>,
}

/// Who builds a node: its materialization's macro.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// A built-in one: the plan knows what it does.
    #[default]
    BuiltIn,
    /// One of the project or of a package, by its unique id.
    Project(String),
    /// There is none of that name.
    Missing,
}

/// The file of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedFile {
    /// Names of its columns.
    pub columns: Vec<String>,
    /// How many rows it has.
    pub rows: u64,
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Relations in the warehouse, by [`Relation::key`].
    pub relations: HashMap<(String, String, String), Existing>,
    /// Schemas that exist: database and name in lower case.
    pub schemas: HashSet<(String, String)>,
    /// Recorded batches of microbatch models; a model without an entry has no ledger.
    pub recorded: HashMap<NodeId, Vec<Recorded>>,
    /// What relations were last built with, by the ledger's names of them.
    pub fingerprints: HashMap<String, String>,
    /// The columns that queries return; else why they are not known.
    pub queries: HashMap<NodeId, Result<Vec<ShadowColumn>, String>>,
    /// Who builds a node, where that is not the built-in macro.
    pub makers: HashMap<NodeId, Maker>,
    /// Who spells the statements of an incremental model's strategy, where that is not the built-in macro.
    pub strategies: HashMap<NodeId, Maker>,
    /// Files of seeds; else what is wrong with them.
    pub seeds: HashMap<NodeId, Result<SeedFile, String>>,
    /// Macros of the project that replace built-in ones on which decisions rest.
    pub replaced_macros: Vec<String>,
}

impl Facts {
    /// A relation, if it exists. `database` is that of relations that name none.
    pub fn existing(&self, relation: &Relation, database: &str) -> Option<&Existing> {
        let (own, schema, name) = relation.key();
        let own = if own.is_empty() { database.to_lowercase() } else { own };
        self.relations.get(&(own, schema, name))
    }
}
