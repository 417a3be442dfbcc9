//! An object in the warehouse, named by up to three parts.

use std::fmt;

/// What kind of object a relation is, in dbt's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelationKind {
    /// A base table.
    Table,
    /// A view.
    View,
    /// An inlined common table expression (ephemeral model).
    Cte,
    /// A table that lives outside the warehouse's own storage.
    External,
}

impl RelationKind {
    /// dbt's name of the kind, as `relation.type` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Cte => "cte",
            Self::External => "external",
        }
    }

    /// The kind for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "table" => Some(Self::Table),
            "view" => Some(Self::View),
            "cte" => Some(Self::Cte),
            "external" => Some(Self::External),
            _ => None,
        }
    }
}

/// `database.schema.identifier`; parts that an engine does not use are `None`. Comparison is exact; engines that fold
/// case compare through [`Relation::key`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Relation {
    /// Database (DuckDB: attached catalog).
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
    /// Table or view name.
    pub identifier: Option<String>,
}

impl Relation {
    /// A fully named relation.
    pub fn new(database: impl Into<String>, schema: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self { database: Some(database.into()), schema: Some(schema.into()), identifier: Some(identifier.into()) }
    }

    /// The case-folded key under which a catalog knows the relation.
    pub fn key(&self) -> (String, String, String) {
        let fold = |p: &Option<String>| p.as_deref().unwrap_or_default().to_lowercase();
        (fold(&self.database), fold(&self.schema), fold(&self.identifier))
    }

    /// Every part in double quotes, joined by dots; inner quotes doubled.
    pub fn quoted(&self) -> String {
        let parts: Vec<String> = [&self.database, &self.schema, &self.identifier]
            .into_iter()
            .flatten()
            .map(|p| format!("\"{}\"", p.replace('"', "\"\"")))
            .collect();
        parts.join(".")
    }
}

impl fmt::Display for Relation {
    /// Unquoted, as people say it: `dev.main.orders`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for part in [&self.database, &self.schema, &self.identifier].into_iter().flatten() {
            if !first {
                f.write_str(".")?;
            }
            first = false;
            f.write_str(part)?;
        }
        Ok(())
    }
}
