//! What a statement names. In: parsed names. Out: relations of the lake, temporary tables, or the refusal that there is none.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName};

use super::Work;
use crate::adapters::datafusion::catalog::{Entry, Key};
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// A name in a statement, with the schema it has or would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::adapters::datafusion) struct Name {
    /// Schema and identifier.
    pub key: Key,
    /// Whether the schema was written.
    pub qualified: bool,
    /// Where it stands.
    pub position: Option<usize>,
}

/// An existing relation.
pub(in crate::adapters::datafusion) enum Target {
    /// Of the lake.
    Lake(Key, Arc<Entry>),
    /// Of the connection.
    Temporary(String),
}

/// An identifier as it is looked up: unquoted ones are in lower case.
pub(in crate::adapters::datafusion) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The parts of a name.
pub(in crate::adapters::datafusion) fn parts(name: &ObjectName) -> Result<Vec<String>, AdapterError> {
    let part = |part: &datafusion::sql::sqlparser::ast::ObjectNamePart| {
        part.as_ident()
            .map(folded)
            .ok_or_else(|| errors::told(ErrorKind::Syntax, format!("{name} is no name of a relation")))
    };
    name.0.iter().map(part).collect()
}

/// A column that is named, maybe with its table.
pub(in crate::adapters::datafusion) fn column(name: &ObjectName) -> Result<String, AdapterError> {
    let parts = parts(name)?;
    parts.last().cloned().ok_or_else(|| errors::told(ErrorKind::Syntax, "a column's name is missing"))
}

/// The column that an expression is, if it is nothing else.
pub(in crate::adapters::datafusion) fn column_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded),
        Expr::Nested(inner) => column_of(inner),
        _ => None,
    }
}

impl Work<'_> {
    /// The schema of names that have none.
    pub(super) fn search(&self) -> String {
        self.session.config_options().catalog.default_schema.clone()
    }

    /// A name, completed.
    pub(super) fn name(&self, name: &ObjectName) -> Result<Name, AdapterError> {
        let start = name.0.first().and_then(|p| p.as_ident()).map(|i| i.span.start);
        let position = start.and_then(|at| errors::offset(at.line, at.column, self.text));
        let parts = parts(name)?;
        let (database, schema, identifier) = match parts.as_slice() {
            [identifier] => (None, None, identifier),
            [schema, identifier] => (None, Some(schema), identifier),
            [database, schema, identifier] => (Some(database), Some(schema), identifier),
            _ => return Err(errors::told(ErrorKind::Syntax, format!("{name} has too many parts"))),
        };
        self.check_database(database.map(String::as_str), position)?;
        let qualified = schema.is_some();
        let schema = schema.cloned().unwrap_or_else(|| self.search());
        // A schema keeps the spelling it was made with.
        let schema = self.transaction.state().schema_name(&schema).map_or(schema.clone(), str::to_owned);
        Ok(Name { key: (schema, identifier.clone()), qualified, position })
    }

    fn check_database(&self, database: Option<&str>, position: Option<usize>) -> Result<(), AdapterError> {
        let own = &self.instance.settings.database;
        match database {
            Some(other) if !other.eq_ignore_ascii_case(own) => {
                let text = format!("Database \"{other}\" does not exist; the lake is \"{own}\"");
                let mut error = errors::told(ErrorKind::Catalog, text);
                error.position = position;
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// What a name stands for, if there is such a relation.
    pub(super) fn find(&self, name: &Name) -> Option<Target> {
        let temporary = || self.temporaries.contains_key(&name.key.1).then(|| Target::Temporary(name.key.1.clone()));
        let in_temp = matches!(name.key.0.as_str(), "temp" | "pg_temp");
        if (!name.qualified || in_temp)
            && let Some(found) = temporary()
        {
            return Some(found);
        }
        let found = self.transaction.state().find(&name.key.0, &name.key.1);
        found.map(|(key, entry)| Target::Lake(key, Arc::clone(entry))).or_else(temporary)
    }

    /// An existing relation.
    pub(super) fn existing(&self, name: &ObjectName) -> Result<Target, AdapterError> {
        let name = self.name(name)?;
        self.find(&name).ok_or_else(|| self.missing(&name))
    }

    /// The refusal that there is no such relation.
    pub(super) fn missing(&self, name: &Name) -> AdapterError {
        let state = self.transaction.state();
        let mut error = if state.schema_name(&name.key.0).is_none() {
            let mut error = errors::told(ErrorKind::Catalog, format!("Schema \"{}\" does not exist", name.key.0));
            error.candidates = errors::nearest(&name.key.0, state.schemas.keys().map(String::as_str));
            error
        } else {
            let text = format!("Table \"{}.{}\" does not exist", name.key.0, name.key.1);
            let mut error = errors::told(ErrorKind::Catalog, text);
            error.candidates = errors::nearest(&name.key.1, state.relations().map(|(_, name, _)| name));
            error
        };
        error.position = name.position;
        error
    }

    /// The refusal that there is something already.
    pub(super) fn taken(&self, name: &Name, what: &str) -> AdapterError {
        let text = format!("{what} \"{}.{}\" already exists", name.key.0, name.key.1);
        let mut error = errors::told(ErrorKind::Catalog, text);
        error.position = name.position;
        error
    }

    /// Refuses names in schemas that are not there.
    pub(super) fn check_schema(&self, name: &Name) -> Result<(), AdapterError> {
        match self.transaction.state().schema_name(&name.key.0) {
            Some(_) => Ok(()),
            None => Err(self.missing(name)),
        }
    }
}
