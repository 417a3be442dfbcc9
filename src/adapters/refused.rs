//! A connection that could not be opened. In: the refusal. Out: a [`Connection`] that gives it to whoever asks something, so
//! that work which mostly needs no database can go on without one.

use std::path::Path;
use std::sync::Arc;

use super::{AdapterError, ColumnInfo, Connection, CsvFormat, Execution, Fetch, Interrupt, PythonJob};
use crate::base::{Relation, RelationKind, Table, TableColumn, Value};

/// Refuses everything.
pub struct RefusedConnection(AdapterError);

impl RefusedConnection {
    /// Because of this.
    pub fn new(error: AdapterError) -> Self {
        Self(error)
    }

    fn refuse<T>(&self) -> Result<T, AdapterError> {
        Err(self.0.clone())
    }
}

impl Connection for RefusedConnection {
    fn execute(&mut self, _: &str, _: Fetch) -> Result<Execution, AdapterError> {
        self.refuse()
    }

    fn run_python(&mut self, _: &PythonJob<'_>, _: &mut dyn FnMut(&str)) -> Result<Execution, AdapterError> {
        self.refuse()
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        self.refuse()
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        false
    }

    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }

    fn list_schemas(&mut self, _: &str) -> Result<Vec<String>, AdapterError> {
        self.refuse()
    }

    fn list_all_relations(&mut self, _: &[(String, String)]) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
        self.refuse()
    }

    fn columns(&mut self, _: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
        self.refuse()
    }

    fn load_rows(
        &mut self,
        _: &Relation,
        _: &[TableColumn],
        _: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, AdapterError> {
        self.refuse()
    }

    fn load_csv(&mut self, _: &Relation, _: &[TableColumn], _: &Path, _: CsvFormat) -> Result<u64, AdapterError> {
        self.refuse()
    }

    fn catalog(&mut self, _: &[(String, String)]) -> Result<Table, AdapterError> {
        self.refuse()
    }
}
