//! An engine without a database. In: scripted answers. Out: the statements it was given.
//!
//! For tests of the rooms above: planning, scheduling and rendering need an engine's answers but not an engine.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Adapter, AdapterError, Capabilities, ColumnInfo, Connection, CsvFormat, Execution, Fetch, Interrupt};
use crate::base::{Dict, Relation, RelationKind, Table, TableColumn, Value};

struct Answer {
    part: String,
    once: bool,
    result: Result<Table, AdapterError>,
}

#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    relations: Vec<(Relation, RelationKind, Vec<ColumnInfo>)>,
    statements: Vec<String>,
}

/// The fake engine. Clones share script and record.
#[derive(Clone)]
pub struct FakeAdapter {
    script: Arc<Mutex<Script>>,
    capabilities: Capabilities,
    options: Dict,
}

impl Default for FakeAdapter {
    fn default() -> Self {
        let capabilities = Capabilities {
            transactional_ddl: true,
            merge: true,
            catalogs: true,
            cross_database_transactions: false,
            persistent: true,
            transactions: true,
            time_travel: false,
            declares_keys: true,
            default_incremental_strategy: "append",
        };
        Self { script: Arc::default(), capabilities, options: Dict::new() }
    }
}

impl FakeAdapter {
    /// An engine that answers everything with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same engine with other capabilities.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Answers SQL that contains `part` with a table. Earlier scripted answers win.
    #[must_use]
    pub fn answer(self, part: &str, table: Table) -> Self {
        self.add(part, false, Ok(table))
    }

    /// Refuses SQL that contains `part`.
    #[must_use]
    pub fn fail(self, part: &str, error: AdapterError) -> Self {
        self.add(part, false, Err(error))
    }

    /// Refuses SQL that contains `part` the first time.
    #[must_use]
    pub fn fail_once(self, part: &str, error: AdapterError) -> Self {
        self.add(part, true, Err(error))
    }

    /// Puts a relation into the catalog.
    #[must_use]
    pub fn relation(self, relation: Relation, kind: RelationKind, columns: Vec<ColumnInfo>) -> Self {
        lock(&self.script).relations.push((relation, kind, columns));
        self
    }

    /// All statements so far, of all connections, transaction control included.
    pub fn statements(&self) -> Vec<String> {
        lock(&self.script).statements.clone()
    }

    fn add(self, part: &str, once: bool, result: Result<Table, AdapterError>) -> Self {
        lock(&self.script).answers.push(Answer { part: part.to_owned(), once, result });
        self
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Adapter for FakeAdapter {
    fn type_name(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn options(&self) -> &Dict {
        &self.options
    }

    fn connect(&self) -> Result<Box<dyn Connection>, AdapterError> {
        Ok(Box::new(FakeConnection { script: Arc::clone(&self.script), open: false }))
    }

    fn macros(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    fn macro_package(&self) -> &'static str {
        "dbt_fake"
    }

    fn dispatch_prefixes(&self) -> &'static [&'static str] {
        &["fake"]
    }

    fn default_database(&self) -> &str {
        "fake"
    }

    fn default_schema(&self) -> &str {
        "main"
    }

    fn interrupt_all(&self) {}

    fn for_reading(&self) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(self.clone()))
    }

    fn describe(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

struct FakeConnection {
    script: Arc<Mutex<Script>>,
    open: bool,
}

impl FakeConnection {
    fn record(&mut self, statement: &str, open: bool) {
        lock(&self.script).statements.push(statement.to_owned());
        self.open = open;
    }
}

impl Connection for FakeConnection {
    fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<Execution, AdapterError> {
        let mut script = lock(&self.script);
        script.statements.push(sql.to_owned());
        let Some(index) = script.answers.iter().position(|a| sql.contains(&a.part)) else {
            return Ok(Execution { message: "OK".to_owned(), ..Execution::default() });
        };
        let result = if script.answers[index].once {
            script.answers.remove(index).result
        } else {
            script.answers[index].result.clone()
        };
        let mut table = result.map_err(|e| e.with_sql(sql))?;
        match fetch {
            Fetch::None => table.rows.clear(),
            Fetch::Limit(limit) => table.rows.truncate(limit),
            Fetch::All => {}
        }
        Ok(Execution { message: "OK".to_owned(), rows_affected: None, table })
    }

    fn begin(&mut self) -> Result<(), AdapterError> {
        if !self.open {
            self.record("BEGIN", true);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), AdapterError> {
        if self.open {
            self.record("COMMIT", false);
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), AdapterError> {
        if self.open {
            self.record("ROLLBACK", false);
        }
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        self.open
    }

    fn interrupt(&self) -> Interrupt {
        Arc::new(|| {})
    }

    fn list_schemas(&mut self, database: &str) -> Result<Vec<String>, AdapterError> {
        let script = lock(&self.script);
        let within = script.relations.iter().filter(|(r, ..)| r.database.as_deref() == Some(database));
        let mut schemas: Vec<String> = within.filter_map(|(r, ..)| r.schema.clone()).collect();
        schemas.sort();
        schemas.dedup();
        Ok(schemas)
    }

    fn list_all_relations(
        &mut self,
        schemas: &[(String, String)],
    ) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
        let wanted: Vec<_> = schemas.iter().map(|(d, s)| (d.to_lowercase(), s.to_lowercase())).collect();
        let script = lock(&self.script);
        let within = script.relations.iter().filter(|(relation, ..)| {
            let (database, schema, _) = relation.key();
            wanted.contains(&(database, schema))
        });
        Ok(within.map(|(relation, kind, _)| (relation.clone(), *kind)).collect())
    }

    fn columns(&mut self, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
        let script = lock(&self.script);
        let found = script.relations.iter().find(|(r, ..)| r.key() == relation.key());
        Ok(found.map(|(_, _, columns)| columns.clone()).unwrap_or_default())
    }

    fn load_rows(
        &mut self,
        relation: &Relation,
        _columns: &[TableColumn],
        rows: &mut dyn Iterator<Item = Vec<Value>>,
    ) -> Result<u64, AdapterError> {
        let count = rows.count() as u64;
        self.record(&format!("load {count} rows into {relation}"), self.open);
        Ok(count)
    }

    fn load_csv(
        &mut self,
        relation: &Relation,
        _columns: &[TableColumn],
        path: &Path,
        _format: CsvFormat,
    ) -> Result<u64, AdapterError> {
        self.record(&format!("load {} into {relation}", path.display()), self.open);
        Ok(0)
    }

    fn catalog(&mut self, _schemas: &[(String, String)]) -> Result<Table, AdapterError> {
        Ok(Table::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::ErrorKind;

    #[test]
    fn scripted_answers_and_record() {
        let conflict = AdapterError::new(ErrorKind::TransactionConflict, "again");
        let adapter = FakeAdapter::new().fail_once("insert", conflict).answer(
            "select",
            Table {
                columns: vec![TableColumn { name: "n".to_owned(), data_type: "INTEGER".to_owned() }],
                rows: vec![vec![Value::Int(1)], vec![Value::Int(2)]],
            },
        );
        let mut connection = adapter.connect().expect("a connection");
        connection.begin().expect("begin");
        assert_eq!(
            connection.execute("insert", Fetch::None).expect_err("scripted").kind,
            ErrorKind::TransactionConflict
        );
        assert!(connection.execute("insert", Fetch::None).is_ok());
        assert_eq!(connection.execute("select 1", Fetch::Limit(1)).expect("rows").table.rows.len(), 1);
        connection.commit().expect("commit");
        assert_eq!(adapter.statements(), ["BEGIN", "insert", "insert", "select 1", "COMMIT"]);
    }
}
