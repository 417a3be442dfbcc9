//! `ref.config`: the project's configuration, as packages read it that look behind dbt's context.
//!
//! In: the facts that [`super::shared::SharedContext`] holds. Out: [`RuntimeConfig`], an object with attributes.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};

use crate::base::{self, Dict};

use super::record::Record;
use super::shared::SharedContext;

/// Attributes whose values are objects with attributes of their own.
const OBJECTS: [&str; 3] = ["args", "credentials", "vars"];

/// The configuration of the project or of one of its packages.
#[derive(Debug)]
pub(super) struct RuntimeConfig {
    facts: Dict,
    dependencies: Arc<Vec<(String, Dict)>>,
}

impl RuntimeConfig {
    /// The configuration of the root project.
    pub(super) fn root(shared: &SharedContext) -> Value {
        let facts = shared.project_facts.clone();
        Value::from_object(Self { facts, dependencies: Arc::clone(&shared.package_facts) })
    }
}

impl Object for RuntimeConfig {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if key == "dependencies" {
            let all = self.dependencies.iter().map(|(name, facts)| {
                let config = Self { facts: facts.clone(), dependencies: Arc::clone(&self.dependencies) };
                (name.as_str(), Value::from_object(config))
            });
            return Some(super::dict(all));
        }
        match self.facts.get(key)? {
            base::Value::Map(map) if OBJECTS.contains(&key) => Some(Record::value(map.clone())),
            value => Some(super::to_value(value)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<RuntimeConfig>")
    }
}
