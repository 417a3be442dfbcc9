//! Macro calls for rooms that know no template values.
//!
//! In: an engine, a macro's id or name, [`Argument`]s, a scope. Out: plain values, text, relations.

use std::sync::Arc;

use minijinja::value::{Kwargs, Value};
use thiserror::Error;

use crate::base::{self, Relation, RelationKind};
use crate::diag::{Diagnostic, codes};
use crate::jinja::{Engine, Rendered, Scope, TemplateSource};

use super::relation::RelationObject;
use super::scope::NodeScope;
use super::statement::ResponseObject;
use super::{host::AdapterResponse, table_value, to_base, to_value};

/// A value for a macro's parameter.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A plain value.
    Value(base::Value),
    /// A relation.
    Relation(RelationObject),
    /// Several relations, as a list.
    Relations(Vec<RelationObject>),
    /// A table of rows.
    Table(base::Table),
    /// An engine's answer.
    Response(AdapterResponse),
}

impl Argument {
    fn into_value(self) -> Value {
        match self {
            Self::Value(value) => to_value(&value),
            Self::Relation(relation) => relation.into_value(),
            Self::Relations(list) => super::list(list.into_iter().map(RelationObject::into_value)),
            Self::Table(table) => table_value(table),
            Self::Response(response) => Value::from_object(ResponseObject(response)),
        }
    }
}

impl<V: Into<base::Value>> From<V> for Argument {
    fn from(value: V) -> Self {
        Self::Value(value.into())
    }
}

/// What a macro gave: the value of its `return()`, or its text.
#[derive(Clone, Debug)]
pub struct Returned(Value);

impl Returned {
    /// As text: what printing it would show.
    pub fn text(&self) -> String {
        super::shown(&self.0)
    }

    /// As a plain value; objects become their text.
    pub fn value(&self) -> base::Value {
        to_base(&self.0)
    }

    /// As a table of rows, if it is one.
    pub fn table(&self) -> Option<base::Table> {
        super::base_table(&self.0)
    }

    /// As a relation, if it is one.
    pub fn relation(&self) -> Option<RelationObject> {
        RelationObject::from_value(&self.0).cloned()
    }

    /// As columns, if it is a list of them.
    pub fn columns(&self) -> Vec<super::ColumnObject> {
        let Ok(items) = self.0.try_iter() else { return Vec::new() };
        items.filter_map(|item| super::ColumnObject::from_value(&item).cloned()).collect()
    }
}

fn keyword_arguments<'a>(arguments: impl IntoIterator<Item = (&'a str, Argument)>) -> Vec<Value> {
    let kwargs: Kwargs = arguments.into_iter().map(|(name, argument)| (name, argument.into_value())).collect();
    vec![Value::from(kwargs)]
}

/// Calls a macro by its unique id with keyword arguments.
pub fn call<'a>(
    engine: &Engine,
    unique_id: &str,
    arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    scope: &Arc<NodeScope>,
) -> Result<Returned, Diagnostic> {
    let args = keyword_arguments(arguments);
    engine.call(unique_id, &args, Arc::clone(scope) as Arc<dyn Scope>).map(Returned)
}

/// Calls the macro that a bare name means in the scope's package, with keyword arguments.
pub fn call_named<'a>(
    engine: &Engine,
    name: &str,
    arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    scope: &Arc<NodeScope>,
) -> Result<Returned, Diagnostic> {
    let args = keyword_arguments(arguments);
    let run = |state: &mut minijinja::State<'_, '_>| crate::jinja::call_named(state, name, &args);
    engine.with_state(Arc::clone(scope) as Arc<dyn Scope>, run).map(Returned)
}

/// Renders a template to text.
pub fn render(engine: &Engine, source: &TemplateSource, scope: &Arc<NodeScope>) -> Result<Rendered, Diagnostic> {
    engine.render(source, Arc::clone(scope) as Arc<dyn Scope>)
}

/// Renders a value of YAML: a lone `{{ ... }}` keeps its type.
pub fn render_value(
    engine: &Engine,
    source: &TemplateSource,
    scope: &Arc<NodeScope>,
) -> Result<base::Value, Diagnostic> {
    engine.render_value(source, Arc::clone(scope) as Arc<dyn Scope>).map(|value| to_base(&value))
}

/// Why a materialization's answer is unusable.
#[derive(Clone, Debug, Error)]
pub enum MaterializationError {
    /// The macro failed.
    #[error("{}", .0.message)]
    Failed(Box<Diagnostic>),
    /// It printed text and returned nothing.
    #[error("The materialization (\"{0}\") did not explicitly return a list of relations to add to the cache.")]
    NothingReturned(String),
    /// It returned something that is not `{'relations': [...]}`.
    #[error("Invalid return value from materialization, \"dict\" expected, got {0}")]
    NoDict(&'static str),
    /// `relations` is absent.
    #[error("Invalid return value from materialization, expected a dict with key \"relations\"")]
    NoRelations,
    /// A member of `relations` is not a relation.
    #[error("Invalid return value from materialization, \"relations\" contains a member that is not a Relation: {0}")]
    NoRelation(String),
}

impl From<MaterializationError> for Diagnostic {
    fn from(error: MaterializationError) -> Self {
        match error {
            MaterializationError::Failed(diagnostic) => *diagnostic,
            other => Diagnostic::error(codes::COMPILER_ERROR, other.to_string())
                .help("a materialization ends with return({'relations': [...]}), naming the relations that it made"),
        }
    }
}

/// Runs a materialization: the relations that it made, for the cache.
pub fn run_materialization(
    engine: &Engine,
    unique_id: &str,
    scope: &Arc<NodeScope>,
) -> Result<Vec<(Relation, Option<RelationKind>)>, MaterializationError> {
    let returned = engine.call(unique_id, &[], Arc::clone(scope) as Arc<dyn Scope>);
    let value = returned.map_err(|diagnostic| MaterializationError::Failed(Box::new(diagnostic)))?;
    if value.as_str().is_some() {
        return Err(MaterializationError::NothingReturned(scope.materialized().to_owned()));
    }
    if value.kind() != minijinja::value::ValueKind::Map {
        return Err(MaterializationError::NoDict(super::args::type_name(&value)));
    }
    let relations = value.get_attr("relations").unwrap_or_default();
    let items = relations.try_iter().map_err(|_| MaterializationError::NoRelations)?;
    if relations.is_undefined() || relations.is_none() {
        return Err(MaterializationError::NoRelations);
    }
    items
        .map(|item| match RelationObject::from_value(&item) {
            Some(relation) => Ok((relation.path.clone(), relation.kind.as_deref().and_then(RelationKind::parse))),
            None => Err(MaterializationError::NoRelation(item.to_string())),
        })
        .collect()
}
