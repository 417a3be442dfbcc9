//! SET and USE. In: names and values. Out: a session with other settings.

use datafusion::sql::sqlparser::ast::{Expr, Set, Use, Value, ValueWithSpan};

use super::names::parts;
use super::{Work, done, unsupported};
use crate::adapters::datafusion::{errors, session};
use crate::adapters::{AdapterError, ErrorKind, Execution};

impl Work<'_> {
    /// Changes a setting of the connection.
    pub(super) fn set(&mut self, set: &Set) -> Result<Execution, AdapterError> {
        let Set::SingleAssignment { variable, values, .. } = set else {
            return match set {
                Set::SetTimeZone { value, .. } => self.assign("datafusion.execution.time_zone", &plain(value)),
                other => Err(unsupported(format!("{other} is not supported"))),
            };
        };
        let name = parts(variable)?.join(".");
        let value = values.iter().map(plain).collect::<Vec<_>>().join(",");
        match name.as_str() {
            "schema" | "search_path" => self.search_in(&value),
            "timezone" | "time_zone" => self.assign("datafusion.execution.time_zone", &value),
            "threads" => self.assign("datafusion.execution.target_partitions", &value),
            _ => self.assign(&name, &value),
        }
    }

    fn assign(&mut self, name: &str, value: &str) -> Result<Execution, AdapterError> {
        session::set(self.session.config_mut().options_mut(), name, value)?;
        Ok(done(None))
    }

    /// Changes the schema of names that have none.
    pub(super) fn use_schema(&mut self, used: &Use) -> Result<Execution, AdapterError> {
        match used {
            Use::Object(name) | Use::Schema(name) => {
                let parts = parts(name)?;
                let schema = parts.last().cloned().unwrap_or_default();
                let own = self.instance.settings.database.clone();
                if parts.len() == 1 && schema.eq_ignore_ascii_case(&own) {
                    return Ok(done(None));
                }
                self.search_in(&schema)
            }
            Use::Database(_) | Use::Catalog(_) => Ok(done(None)),
            other => Err(unsupported(format!("{other} is not supported"))),
        }
    }

    fn search_in(&mut self, schema: &str) -> Result<Execution, AdapterError> {
        let schema = schema.rsplit('.').next().unwrap_or(schema).trim_matches('"');
        let Some(found) = self.transaction.state().schema_name(schema).map(str::to_owned) else {
            return Err(errors::told(ErrorKind::Catalog, format!("Schema \"{schema}\" does not exist")));
        };
        self.session.config_mut().options_mut().catalog.default_schema = found;
        Ok(done(None))
    }
}

fn plain(value: &Expr) -> String {
    match value {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => text.clone(),
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}
