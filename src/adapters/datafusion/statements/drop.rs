//! DROP TABLE, DROP VIEW, DROP SCHEMA, TRUNCATE. In: names. Out: a catalog without them; the files stay for time travel.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{ObjectName, Truncate};

use super::names::Target;
use super::{Work, done, unsupported};
use crate::adapters::datafusion::catalog::Key;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind, Execution};

impl Work<'_> {
    /// Drops tables or views.
    pub(super) async fn drop_relations(
        &mut self,
        names: &[ObjectName],
        if_exists: bool,
        views: bool,
    ) -> Result<Execution, AdapterError> {
        for written in names {
            let name = self.name(written)?;
            match self.find(&name) {
                None if if_exists => {}
                None => return Err(self.missing(&name)),
                Some(Target::Temporary(temporary)) => {
                    Arc::make_mut(self.temporaries).remove(&temporary);
                }
                Some(Target::Lake(key, entry)) => {
                    if entry.location().is_none() != views {
                        let text = format!("\"{}.{}\" is a {}", key.0, key.1, entry.word());
                        let mut error = errors::told(ErrorKind::Catalog, text);
                        error.position = name.position;
                        return Err(error.with_help(format!("use drop {}", entry.word())));
                    }
                    self.transaction.lease(self.instance, &key).await?;
                    self.transaction.remove(&key);
                }
            }
        }
        Ok(done(None))
    }

    /// Drops schemas.
    pub(super) async fn drop_schemas(
        &mut self,
        names: &[ObjectName],
        if_exists: bool,
        cascade: bool,
    ) -> Result<Execution, AdapterError> {
        for name in names {
            let schema = self.schema_name(name)?;
            let state = Arc::clone(self.transaction.state());
            let Some(schema) = state.schema_name(&schema) else {
                if if_exists {
                    continue;
                }
                return Err(errors::told(ErrorKind::Catalog, format!("Schema \"{schema}\" does not exist")));
            };
            let keys: Vec<Key> = state
                .relations()
                .filter(|(within, _, _)| *within == schema)
                .map(|(within, name, _)| (within.to_owned(), name.to_owned()))
                .collect();
            if !keys.is_empty() && !cascade {
                let text = format!("Schema \"{schema}\" is not empty: it has {} relations", keys.len());
                return Err(errors::told(ErrorKind::Catalog, text).with_help("use drop schema ... cascade"));
            }
            for key in &keys {
                self.transaction.lease(self.instance, key).await?;
                self.transaction.remove(key);
            }
            self.transaction.drop_schema(schema);
        }
        Ok(done(None))
    }

    /// Removes all rows.
    pub(super) async fn truncate(&mut self, truncate: &Truncate) -> Result<Execution, AdapterError> {
        if truncate.partitions.is_some() {
            return Err(unsupported("TRUNCATE of partitions is not supported; use delete ... where"));
        }
        let mut rows = 0;
        for target in &truncate.table_names {
            let name = self.name(&target.name)?;
            match self.find(&name) {
                None if truncate.if_exists => {}
                None => return Err(self.missing(&name)),
                Some(found) => rows += self.delete_all(found).await?,
            }
        }
        Ok(done(Some(rows)))
    }
}
