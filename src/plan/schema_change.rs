//! What becomes of a table whose query no longer returns its columns.
//!
//! In: the mode (`on_schema_change`), the columns of the query, those of the table. Out: [`SchemaChange`]. The macros
//! `process_schema_changes` and `snapshot_follow_columns` do the same with what they find.

use crate::adapters::shadow::ShadowColumn;
use crate::base::Dict;
use crate::base::Value;
use crate::node::{Config, Node};

/// `on_schema_change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaMode {
    /// The table keeps its columns.
    Ignore,
    /// Any difference is an error.
    Fail,
    /// New columns are added.
    Append,
    /// The table gets the columns of the query.
    Sync,
    /// What can be changed in place is, else the table is built anew.
    FullRefresh,
}

impl SchemaMode {
    /// The mode of an incremental model. Unknown words mean `ignore`, as for the macro.
    pub fn of_model(config: &Config) -> Self {
        Self::parse(config.str("on_schema_change")).unwrap_or(Self::Ignore)
    }

    /// The mode of a snapshot: new columns are added unless it says something.
    pub fn of_snapshot(node: &Node) -> Self {
        let said = node.unrendered_config.contains_key("on_schema_change");
        let mode = said.then(|| node.config.str("on_schema_change")).flatten();
        Self::parse(mode).unwrap_or(Self::Append)
    }

    fn parse(word: Option<&str>) -> Option<Self> {
        [Self::Ignore, Self::Fail, Self::Append, Self::Sync, Self::FullRefresh]
            .into_iter()
            .find(|mode| Some(mode.as_str()) == word)
    }

    /// dbt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Fail => "fail",
            Self::Append => "append_new_columns",
            Self::Sync => "sync_all_columns",
            Self::FullRefresh => "full_refresh",
        }
    }
}

/// Which columns the statements of a strategy write where nobody adapts the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All that the table has: the query must return them.
    OfTable,
    /// All that the query returns: the table must have them.
    OfQuery,
    /// Those that both have, or what a macro of the project writes.
    OfBoth,
}

/// A column whose type differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retyped {
    /// Its name.
    pub name: String,
    /// The table's type.
    pub old: String,
    /// The query's type.
    pub new: String,
}

/// What becomes of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The columns are the same.
    Same,
    /// They differ, and the table stays as it is.
    Kept,
    /// It is altered.
    Altered,
    /// It cannot be altered: it would have to be built anew, for this reason.
    RebuildNeeded(String),
    /// The run fails, for this reason.
    Fails(String),
    /// The query's columns are not known before it runs, for this reason.
    Unknown(String),
}

/// The difference between a query and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// What the config says.
    pub mode: SchemaMode,
    /// Columns that the table lacks.
    pub added: Vec<ShadowColumn>,
    /// Columns that only the table has.
    pub removed: Vec<ShadowColumn>,
    /// Columns of other types.
    pub retyped: Vec<Retyped>,
    /// What becomes of the table.
    pub outcome: Outcome,
}

impl SchemaChange {
    /// Compares. Names and types are compared as the macros do: `Id` is `id`, types go letter by letter.
    pub fn between(mode: SchemaMode, query: &[ShadowColumn], table: &[ShadowColumn], written: Written) -> Self {
        let has = |columns: &[ShadowColumn], name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        let added: Vec<_> = query.iter().filter(|c| !has(table, &c.name)).cloned().collect();
        let removed: Vec<_> = table.iter().filter(|c| !has(query, &c.name)).cloned().collect();
        let retyped: Vec<_> = query
            .iter()
            .filter_map(|new| {
                let old = table.iter().find(|old| old.name.eq_ignore_ascii_case(&new.name))?;
                let (name, old, new) = (old.name.clone(), old.data_type.clone(), new.data_type.clone());
                (old != new).then_some(Retyped { name, old, new })
            })
            .collect();
        let mut change = Self { mode, added, removed, retyped, outcome: Outcome::Same };
        change.outcome = change.decide(written);
        change
    }

    /// A query whose columns are not known.
    pub fn unknown(mode: SchemaMode, why: &str) -> Self {
        let outcome = Outcome::Unknown(why.to_owned());
        Self { mode, added: Vec::new(), removed: Vec::new(), retyped: Vec::new(), outcome }
    }

    fn decide(&self, written: Written) -> Outcome {
        if self.added.is_empty() && self.removed.is_empty() && self.retyped.is_empty() {
            return Outcome::Same;
        }
        let gone = || format!("the query no longer returns {}", names(&self.removed));
        match self.mode {
            SchemaMode::Fail => Outcome::Fails(format!("its columns have changed ({})", self.difference())),
            SchemaMode::Ignore if written == Written::OfTable && !self.removed.is_empty() => Outcome::Fails(gone()),
            SchemaMode::Ignore if written == Written::OfQuery && !self.added.is_empty() => {
                Outcome::Fails(format!("the table has no column {}", names(&self.added)))
            }
            SchemaMode::Append if self.added.is_empty() => Outcome::Kept,
            SchemaMode::Ignore => Outcome::Kept,
            SchemaMode::FullRefresh if !self.removed.is_empty() => Outcome::RebuildNeeded(gone()),
            SchemaMode::Append | SchemaMode::Sync | SchemaMode::FullRefresh => Outcome::Altered,
        }
    }

    /// Whether the values in the table decide if it can be altered.
    pub fn depends_on_values(&self) -> bool {
        self.outcome == Outcome::Altered && self.mode != SchemaMode::Append && !self.retyped.is_empty()
    }

    /// The columns that the table has afterwards.
    pub fn applied_to(&self, table: &[ShadowColumn]) -> Vec<ShadowColumn> {
        if self.outcome != Outcome::Altered {
            return table.to_vec();
        }
        let everything = self.mode != SchemaMode::Append;
        let stays = |c: &&ShadowColumn| !everything || !self.removed.contains(c);
        let retype = |c: &ShadowColumn| {
            let new = self.retyped.iter().find(|r| everything && r.name == c.name).map(|r| r.new.clone());
            ShadowColumn { name: c.name.clone(), data_type: new.unwrap_or_else(|| c.data_type.clone()) }
        };
        table.iter().filter(stays).map(retype).chain(self.added.iter().cloned()).collect()
    }

    /// What is done to the table, in words; nothing if it stays as it is.
    pub fn alterations(&self) -> Option<String> {
        if self.outcome != Outcome::Altered {
            return None;
        }
        let mut parts = Vec::new();
        if !self.added.is_empty() {
            parts.push(format!("adds {}", columns(&self.added)));
        }
        if self.mode != SchemaMode::Append {
            if !self.removed.is_empty() {
                parts.push(format!("drops {}", names(&self.removed)));
            }
            parts.extend(self.retyped.iter().map(|r| format!("makes {} {} instead of {}", r.name, r.new, r.old)));
        } else {
            if !self.removed.is_empty() {
                parts.push(format!("keeps {}", names(&self.removed)));
            }
            parts.extend(self.retyped.iter().map(|r| format!("leaves {} {} instead of {}", r.name, r.old, r.new)));
        }
        Some(parts.join(", "))
    }

    /// All that differs, in words.
    pub fn difference(&self) -> String {
        let mut parts = Vec::new();
        if !self.added.is_empty() {
            parts.push(format!("new: {}", columns(&self.added)));
        }
        if !self.removed.is_empty() {
            parts.push(format!("gone: {}", names(&self.removed)));
        }
        parts.extend(self.retyped.iter().map(|r| format!("{}: {} instead of {}", r.name, r.new, r.old)));
        parts.join("; ")
    }

    /// For programs.
    pub fn to_dict(&self) -> Dict {
        let list = |found: &[ShadowColumn]| {
            let one =
                |c: &ShadowColumn| dict([("name", c.name.as_str().into()), ("data_type", c.data_type.as_str().into())]);
            Value::List(found.iter().map(|c| Value::Map(one(c))).collect())
        };
        let retyped = self.retyped.iter().map(|r| {
            let pairs = [("name", &r.name), ("from", &r.old), ("to", &r.new)];
            Value::Map(dict(pairs.map(|(key, text)| (key, text.as_str().into()))))
        });
        let (outcome, why) = match &self.outcome {
            Outcome::Same => ("same", None),
            Outcome::Kept => ("kept", None),
            Outcome::Altered => ("altered", None),
            Outcome::RebuildNeeded(why) => ("rebuild_needed", Some(why)),
            Outcome::Fails(why) => ("fails", Some(why)),
            Outcome::Unknown(why) => ("unknown", Some(why)),
        };
        dict([
            ("on_schema_change", self.mode.as_str().into()),
            ("outcome", outcome.into()),
            ("why", why.map_or(Value::Null, |why| why.as_str().into())),
            ("added", list(&self.added)),
            ("removed", list(&self.removed)),
            ("retyped", Value::List(retyped.collect())),
        ])
    }
}

fn dict<const N: usize>(pairs: [(&str, Value); N]) -> Dict {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn names(columns: &[ShadowColumn]) -> String {
    columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn columns(columns: &[ShadowColumn]) -> String {
    columns.iter().map(|c| format!("{} {}", c.name, c.data_type)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Vec<ShadowColumn> {
        let column = |c: &str| {
            let (name, data_type) = c.split_once(' ').unwrap_or((c, "INTEGER"));
            ShadowColumn { name: name.to_owned(), data_type: data_type.to_owned() }
        };
        text.split(", ").map(column).collect()
    }

    #[test]
    fn every_mode_does_what_its_macro_does() {
        use SchemaMode as M;
        let (now, then) = (table("id, v BIGINT, new VARCHAR"), table("id, v, old"));
        let outcome =
            |mode, query: &[ShadowColumn], written| SchemaChange::between(mode, query, &then, written).outcome;
        for mode in [M::Ignore, M::Fail, M::Append, M::Sync, M::FullRefresh] {
            assert_eq!(outcome(mode, &then, Written::OfTable), Outcome::Same, "{mode:?}");
        }
        assert_eq!(outcome(M::Ignore, &now, Written::OfBoth), Outcome::Kept);
        assert_eq!(
            outcome(M::Ignore, &now, Written::OfTable),
            Outcome::Fails("the query no longer returns old".into())
        );
        let wider = Outcome::Fails("the table has no column new".into());
        assert_eq!(outcome(M::Ignore, &now, Written::OfQuery), wider);
        assert_eq!(outcome(M::Append, &now, Written::OfTable), Outcome::Altered);
        assert_eq!(outcome(M::Append, &table("id, v"), Written::OfTable), Outcome::Kept);
        assert_eq!(outcome(M::Sync, &now, Written::OfTable), Outcome::Altered);
        assert!(matches!(outcome(M::FullRefresh, &now, Written::OfTable), Outcome::RebuildNeeded(_)));
        assert_eq!(outcome(M::FullRefresh, &table("id, v BIGINT, old"), Written::OfTable), Outcome::Altered);
        let sync = SchemaChange::between(M::Sync, &now, &then, Written::OfTable);
        assert_eq!(sync.applied_to(&then), now);
        assert_eq!(
            sync.alterations().as_deref(),
            Some("adds new VARCHAR, drops old, makes v BIGINT instead of INTEGER")
        );
        let append = SchemaChange::between(M::Append, &now, &then, Written::OfTable);
        assert_eq!(append.applied_to(&then), table("id, v, old, new VARCHAR"));
    }
}
