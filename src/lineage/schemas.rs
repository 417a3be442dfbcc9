//! Columns of what the project reads but does not make, and `schemas.lock`, where users keep those of sources.
//!
//! In: the warehouse's catalog as rows, the lock's text. Out: [`Schemas`], the lock's new text, and the [`Drift`] between
//! both.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value as Json};

use crate::adapters::shadow::ShadowColumn;
use crate::base::{Relation, Table, Value};

/// Columns of relations.
#[derive(Clone, Debug, Default)]
pub struct Schemas(HashMap<(String, String, String), Vec<ShadowColumn>>);

impl Schemas {
    /// The relations of a warehouse, from the rows of its catalog.
    pub fn of_catalog(catalog: &Table) -> Self {
        let place = |name: &str| catalog.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
        let places =
            ["table_database", "table_schema", "table_name", "column_name", "column_index", "column_type"].map(place);
        let [Some(database), Some(schema), Some(table), Some(name), Some(index), Some(data_type)] = places else {
            return Self::default();
        };
        let mut found: HashMap<_, Vec<(i64, ShadowColumn)>> = HashMap::new();
        for row in &catalog.rows {
            let text = |at: usize| row.get(at).map(Value::to_string).unwrap_or_default();
            let column = ShadowColumn { name: text(name), data_type: text(data_type) };
            let key = Relation::new(text(database), text(schema), text(table)).key();
            found.entry(key).or_default().push((text(index).parse().unwrap_or(i64::MAX), column));
        }
        let sorted = found.into_iter().map(|(key, mut columns)| {
            columns.sort_by_key(|(index, _)| *index);
            (key, columns.into_iter().map(|(_, c)| c).collect())
        });
        Self(sorted.collect())
    }

    /// The columns of a relation, if it is known.
    pub fn get(&self, relation: &Relation) -> Option<&[ShadowColumn]> {
        self.0.get(&relation.key()).map(Vec::as_slice)
    }

    /// Makes a relation known, unless it is.
    pub fn add(&mut self, relation: &Relation, columns: Vec<ShadowColumn>) {
        self.0.entry(relation.key()).or_insert(columns);
    }

    /// Makes a relation known as it is going to be.
    pub fn foresee(&mut self, relation: &Relation, columns: Vec<ShadowColumn>) {
        self.0.insert(relation.key(), columns);
    }
}

/// `schemas.lock`: the columns of sources by their unique id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaLock {
    /// Columns by unique id.
    pub sources: BTreeMap<String, Vec<ShadowColumn>>,
}

impl SchemaLock {
    /// The file's name, beside `dbt_project.yml`.
    pub const FILE: &'static str = "schemas.lock";

    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let sources = json.get("sources").and_then(Json::as_object).ok_or("it has no `sources`")?;
        let one = |(id, columns): (&String, &Json)| {
            let columns = columns.as_object().ok_or_else(|| format!("`{id}` is no mapping of columns to types"))?;
            let column = |(name, data_type): (&String, &Json)| {
                let data_type = data_type.as_str().ok_or_else(|| format!("the type of `{id}.{name}` is no text"))?;
                Ok(ShadowColumn { name: name.clone(), data_type: data_type.to_owned() })
            };
            Ok((id.clone(), columns.iter().map(column).collect::<Result<Vec<_>, String>>()?))
        };
        Ok(Self { sources: sources.iter().map(one).collect::<Result<_, String>>()? })
    }

    /// The file's text: one column a line, so that changes read well in a review.
    pub fn text(&self) -> String {
        let table = |columns: &Vec<ShadowColumn>| {
            Json::Object(columns.iter().map(|c| (c.name.clone(), Json::from(c.data_type.as_str()))).collect())
        };
        let sources: Map<String, Json> =
            self.sources.iter().map(|(id, columns)| (id.clone(), table(columns))).collect();
        let mut all = Map::new();
        all.insert("sources".into(), Json::Object(sources));
        let mut text = serde_json::to_string_pretty(&Json::Object(all)).unwrap_or_default();
        text.push('\n');
        text
    }

    /// How the warehouse's source differs from what the lock says.
    pub fn drift(&self, id: &str, now: &[ShadowColumn]) -> Option<Drift> {
        let locked = self.sources.get(id)?;
        let find = |list: &[ShadowColumn], name: &str| list.iter().find(|c| c.name == name).cloned();
        let drift = Drift {
            gone: locked.iter().filter(|c| find(now, &c.name).is_none()).map(|c| c.name.clone()).collect(),
            new: now.iter().filter(|c| find(locked, &c.name).is_none()).map(|c| c.name.clone()).collect(),
            changed: locked
                .iter()
                .filter_map(|c| {
                    let other = find(now, &c.name).filter(|n| n.data_type != c.data_type)?;
                    Some((c.name.clone(), c.data_type.clone(), other.data_type))
                })
                .collect(),
        };
        (drift != Drift::default()).then_some(drift)
    }
}

/// What changed in a source since its columns were locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Columns that are no longer there.
    pub gone: Vec<String>,
    /// Columns that were not there.
    pub new: Vec<String>,
    /// Columns of another type: name, locked type, type now.
    pub changed: Vec<(String, String, String)>,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if !self.gone.is_empty() {
            parts.push(format!("gone: {}", self.gone.join(", ")));
        }
        if !self.new.is_empty() {
            parts.push(format!("new: {}", self.new.join(", ")));
        }
        parts.extend(self.changed.iter().map(|(name, was, is)| format!("{name} was {was}, is {is}")));
        f.write_str(&parts.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, data_type: &str) -> ShadowColumn {
        ShadowColumn { name: name.into(), data_type: data_type.into() }
    }

    #[test]
    fn a_lock_is_read_as_written_and_shows_drift() {
        let mut lock = SchemaLock::default();
        lock.sources
            .insert("source.s.raw.a".into(), vec![column("z", "INTEGER"), column("a", "VARCHAR"), column("b", "DATE")]);
        assert_eq!(SchemaLock::parse(&lock.text()).as_ref(), Ok(&lock));
        assert_eq!(lock.drift("source.s.raw.a", &lock.sources["source.s.raw.a"]), None);
        let now = [column("z", "BIGINT"), column("b", "DATE"), column("n", "DATE")];
        let drift = lock.drift("source.s.raw.a", &now).map(|d| d.to_string());
        assert_eq!(drift.as_deref(), Some("gone: a; new: n; z was INTEGER, is BIGINT"));
        assert!(SchemaLock::parse("{}").is_err());
    }
}
