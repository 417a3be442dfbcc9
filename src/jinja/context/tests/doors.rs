//! A warehouse, a project and a log in memory, for tests.
//!
//! In: what templates ask. Out: fixed answers, and a list of what was asked.

use std::sync::Mutex;

use crate::base::{Dict, NodeId, Relation, RelationKind, Table, TableColumn, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::{
    AdapterResponse, ColumnInfo, Database, DocLookup, ExecuteOptions, HostError, LogSink, Policy, PythonCode, Resolved,
    Resolver, Vars,
};
use crate::jinja::table::CsvFile;

/// Doors that note what is asked of them.
#[derive(Default)]
pub(super) struct Doors {
    said: Mutex<Vec<String>>,
}

impl Doors {
    fn say(&self, text: impl Into<String>) {
        self.said.lock().unwrap().push(text.into());
    }

    /// What was noted since the last question.
    pub(super) fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

impl Vars for Doors {
    fn lookup(&self, _: &str, name: &str) -> Option<Value> {
        self.supplied("").get(name).cloned()
    }

    fn supplied(&self, _: &str) -> Dict {
        let pairs = [("colour", "red".into()), ("who", "{{ target.name }}".into()), ("n", Value::Int(3))];
        pairs.map(|(k, v)| (k.to_owned(), v)).into_iter().collect()
    }
}

impl LogSink for Doors {
    fn log(&self, message: &str, info: bool, _: Option<&NodeId>) {
        self.say(format!("log({info}): {message}"));
    }

    fn print(&self, message: &str) {
        self.say(format!("print: {message}"));
    }

    fn warn(&self, warning: Diagnostic) -> Result<(), Diagnostic> {
        self.say(format!("warn: {}", warning.message));
        if warning.message == "fatal" {
            Err(Diagnostic { severity: crate::diag::Severity::Error, ..warning })
        } else {
            Ok(())
        }
    }
}

impl DocLookup for Doors {
    fn doc(&self, package: Option<&str>, name: &str) -> Option<String> {
        (name == "orders").then(|| format!("{}orders text", package.unwrap_or_default()))
    }
}

impl Resolver for Doors {
    fn reference(&self, package: Option<&str>, name: &str, version: &Value) -> Result<Resolved, Diagnostic> {
        match name {
            "gone" => Err(Diagnostic::error(codes::REF_NOT_FOUND, "no such model").help("look again")),
            "inlined" => Ok(Resolved::cte("__dbt__cte__inlined")),
            "sampled" => Ok(Resolved { limit: Some(0), ..Resolved::relation(relation("sampled"), Policy::ALL) }),
            name => {
                let name = format!("{name}{}", if version.is_null() { String::new() } else { format!("_v{version}") });
                let schema = package.unwrap_or("main");
                Ok(Resolved::relation(Relation::new("dev", schema, name), Policy::ALL))
            }
        }
    }

    fn source(&self, source: &str, table: &str) -> Result<Resolved, Diagnostic> {
        let text = Some(format!("read_parquet('{source}/{table}.parquet')"));
        Ok(Resolved { text, ..Resolved::relation(Relation::new("dev", source, table), Policy::ALL) })
    }

    fn function(&self, _: Option<&str>, name: &str) -> Result<Resolved, Diagnostic> {
        Ok(Resolved { limit: Some(0), ..Resolved::relation(relation(name), Policy::ALL) })
    }

    fn metric(&self, _: Option<&str>, name: &str) -> Result<Dict, Diagnostic> {
        Ok([("label".to_owned(), Value::from(name.to_uppercase()))].into_iter().collect())
    }
}

/// A relation of the tests' schema.
pub(super) fn relation(name: &str) -> Relation {
    Relation::new("dev", "main", name)
}

impl Database for Doors {
    fn execute(&self, sql: &str, options: &ExecuteOptions) -> Result<(AdapterResponse, Table), HostError> {
        self.say(format!("execute: {}", sql.trim()));
        if sql.contains("boom") {
            return Err(Diagnostic::error(codes::DATABASE_ERROR, "Catalog Error: boom").note("from the engine").into());
        }
        let column = |name: &str, kind: &str| TableColumn { name: name.into(), data_type: kind.into() };
        let rows = vec![vec![Value::Int(1), "a".into()], vec![Value::Int(2), "b".into()]];
        let columns = vec![column("grantee", "INTEGER"), column("privilege_type", "VARCHAR")];
        let table = if options.fetch { Table { columns, rows } } else { Table::default() };
        Ok((AdapterResponse { message: "OK".into(), code: None, rows_affected: Some(2) }, table))
    }

    fn run_python(&self, code: &PythonCode<'_>, print: &mut dyn FnMut(&str)) -> Result<AdapterResponse, HostError> {
        print("working");
        self.say(format!("python: {}", code.code.trim()));
        Ok(AdapterResponse { message: "OK".into(), ..AdapterResponse::default() })
    }

    fn begin(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn commit(&self) -> Result<(), HostError> {
        self.say("commit");
        Ok(())
    }

    fn rollback(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn relations(&self, _: Option<&str>, _: &str) -> Result<Vec<(Relation, RelationKind)>, HostError> {
        Ok(vec![(relation("orders"), RelationKind::Table)])
    }

    fn relations_uncached(
        &self,
        database: Option<&str>,
        schema: &str,
    ) -> Result<Vec<(Relation, RelationKind)>, HostError> {
        self.relations(database, schema)
    }

    fn get_relation(&self, wanted: &Relation) -> Result<Option<(Relation, RelationKind)>, HostError> {
        Ok((wanted.key() == relation("orders").key()).then(|| (relation("orders"), RelationKind::View)))
    }

    fn columns(&self, wanted: &Relation) -> Result<Vec<ColumnInfo>, HostError> {
        let column =
            |name: &str, data_type: &str| ColumnInfo { name: name.into(), data_type: data_type.into(), nullable: true };
        let mut columns = vec![column("id", "INTEGER")];
        if wanted.identifier.as_deref() == Some("orders") {
            columns.push(column("note", "VARCHAR"));
        }
        Ok(columns)
    }

    fn query_columns(&self, _: &str) -> Result<Vec<ColumnInfo>, HostError> {
        Ok(vec![ColumnInfo { name: "s".into(), data_type: "STRUCT(a INTEGER)".into(), nullable: true }])
    }

    fn schema_exists(&self, _: Option<&str>, schema: &str) -> Result<bool, HostError> {
        Ok(schema == "main")
    }

    fn list_schemas(&self, _: Option<&str>) -> Result<Vec<String>, HostError> {
        Ok(vec!["main".into()])
    }

    fn cache_added(&self, relation: &Relation, kind: RelationKind) {
        self.say(format!("added {relation} {}", kind.as_str()));
    }

    fn cache_dropped(&self, relation: &Relation) {
        self.say(format!("dropped {relation}"));
    }

    fn cache_renamed(&self, from: &Relation, to: &Relation) {
        self.say(format!("renamed {from} {to}"));
    }

    fn cache_schema_added(&self, _: Option<&str>, schema: &str) {
        self.say(format!("schema {schema}"));
    }

    fn cache_schema_dropped(&self, _: Option<&str>, schema: &str) {
        self.say(format!("no schema {schema}"));
    }

    fn load_rows(&self, _: &Relation, rows: &Table) -> Result<u64, HostError> {
        Ok(rows.rows.len() as u64)
    }

    fn load_csv(&self, _: &Relation, _: &[TableColumn], _: &CsvFile) -> Result<u64, HostError> {
        Ok(0)
    }
}
