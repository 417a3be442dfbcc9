//! The empty tables of a shadow. In: declarations. Out: the catalog that a session plans against, and, on the way back from
//! its plans, what a scan reads.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use super::super::type_names;
use crate::adapters::shadow::ShadowColumn;
use crate::base::Relation;
use crate::diag::nearest;

/// A table without rows.
#[derive(Debug)]
pub(super) struct EmptyTable {
    pub(super) relation: Relation,
    schema: SchemaRef,
}

impl EmptyTable {
    pub(super) fn new(relation: Relation, schema: SchemaRef) -> Arc<Self> {
        Arc::new(Self { relation, schema })
    }
}

#[async_trait]
impl TableProvider for EmptyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(EmptyExec::new(Arc::clone(&self.schema))))
    }
}

type Key = (String, String, String);

/// The tables of one target, shared by all forks.
#[derive(Debug, Default)]
pub(super) struct Tables {
    made: RwLock<HashMap<Key, Arc<EmptyTable>>>,
}

impl Tables {
    /// Makes a table, in place of one of that name; the error says which column has a type that is none.
    pub(super) fn declare(&self, relation: Relation, columns: &[ShadowColumn]) -> Result<(), String> {
        let mut fields = Vec::with_capacity(columns.len());
        for column in columns {
            let data_type = type_names::parse(&column.data_type).map_err(|e| format!("column {}: {e}", column.name))?;
            fields.push(Field::new(&column.name, data_type, true));
        }
        let key = relation.key();
        let table = EmptyTable::new(relation, Arc::new(Schema::new(fields)));
        self.made.write().unwrap_or_else(PoisonError::into_inner).insert(key, table);
        Ok(())
    }

    /// Names like one that is not there.
    pub(super) fn near(&self, name: &str) -> Vec<String> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        nearest(name, made.keys().map(|(_, _, table)| table.as_str())).into_iter().map(str::to_owned).collect()
    }

    fn get(&self, key: &Key) -> Option<Arc<EmptyTable>> {
        self.made.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn names(&self, database: &str, schema: Option<&str>) -> Vec<Key> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.keys().filter(|k| k.0 == database && schema.is_none_or(|s| s == k.1)).cloned().collect()
    }
}

/// The tables as one query sees them, with the files that it reads.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) tables: Arc<Tables>,
    pub(super) files: Arc<HashMap<String, Arc<EmptyTable>>>,
}

impl CatalogProviderList for Names {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        let made = self.tables.made.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = made.keys().map(|k| k.0.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        Some(Arc::new(Database { names: self.clone(), database: name.to_lowercase() }))
    }
}

#[derive(Debug)]
struct Database {
    names: Names,
    database: String,
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.names.tables.names(&self.database, None).into_iter().map(|(_, schema, _)| schema).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let database = self.database.clone();
        Some(Arc::new(OneSchema { names: self.names.clone(), database, schema: name.to_lowercase() }))
    }
}

#[derive(Debug)]
struct OneSchema {
    names: Names,
    database: String,
    schema: String,
}

impl OneSchema {
    fn get(&self, name: &str) -> Option<Arc<EmptyTable>> {
        if let Some(file) = self.names.files.get(name) {
            return Some(Arc::clone(file));
        }
        self.names.tables.get(&(self.database.clone(), self.schema.clone(), name.to_lowercase()))
    }
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        let names = self.names.tables.names(&self.database, Some(&self.schema));
        names.into_iter().map(|(_, _, table)| table).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.get(name).map(|table| table as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
