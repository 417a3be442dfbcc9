//! Query results as agate tables, which is how dbt hands them to templates.
//!
//! In: a [`base::Table`](crate::base::Table). Out: an immutable template value with rows, columns and agate's methods. Columns have
//! the types that dbt infers: whole numbers stay whole, other numbers are decimals, lists and structs are JSON text.

mod change;
mod data;
mod print;
mod sequence;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

pub use self::data::{ColumnType, Shape};

use self::data::Data;
use self::sequence::{Columns, Row, Rows};
use super::pylib::arguments::{bind, none_bound, split_kwargs};
use super::values::tuple;
use crate::base;

/// A CSV file with a header for the engine's own reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFile {
    /// The file.
    pub path: PathBuf,
    /// Between two cells.
    pub delimiter: char,
    /// Whether columns that are not text have the word `null` for NULL.
    pub null_words: bool,
}

/// A query result.
#[derive(Debug)]
pub struct AgateTable(Arc<Data>, Option<Arc<CsvFile>>);

impl AgateTable {
    /// The agate table of a result.
    pub fn new(table: base::Table) -> Self {
        Self(Arc::new(Data::new(table)), None)
    }

    /// A table of a CSV file; its rows are read when a template asks for them.
    pub fn of_file(shape: Shape, file: Option<CsvFile>) -> Self {
        Self(Arc::new(Data::shaped(shape)), file.map(Arc::new))
    }

    /// The file with exactly these rows, if the engine's own reader reads it as this table has it.
    pub fn file(&self) -> Option<&CsvFile> {
        self.1.as_deref()
    }

    /// The columns; names that occurred twice are distinct.
    pub fn columns(&self) -> &[base::TableColumn] {
        self.0.columns()
    }

    /// Whether a column of numbers has digits after the point.
    pub fn has_decimals(&self, place: usize) -> bool {
        self.0.has_decimals(place)
    }

    /// The result itself; names that occurred twice are distinct now.
    pub fn base(&self) -> &base::Table {
        self.0.base()
    }

    /// Writes text the way templates print: through the `print` of dbt's context.
    fn emit(state: &mut State<'_, '_>, text: &str) -> Result<Value, Error> {
        let print = super::scope_of(state).and_then(|scope| scope.lookup("print"));
        if let Some(print) = print {
            print.call(state, &[Value::from(text.trim_end_matches('\n'))])?;
        }
        Ok(Value::from(()))
    }
}

impl Object for AgateTable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(place), _) => Row::value(&self.0, place),
            (None, Some(name)) => self.get_value_by_str(name),
            _ => None,
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "rows" => Some(Value::from_object(Rows(self.0.clone()))),
            "columns" => Some(Value::from_object(Columns(self.0.clone()))),
            "column_names" => Some(tuple(self.0.names().map(Value::from).collect())),
            "column_types" => Some(tuple(self.0.types.iter().map(|kind| Value::from_object(*kind)).collect())),
            "row_names" => Some(Value::from(())),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.height())
    }

    /// A table without rows is false in Python as well.
    fn is_true(self: &Arc<Self>) -> bool {
        self.0.height() > 0
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let data = &self.0;
        match method {
            "print_table" => {
                let text = print::table(data, &print::Limits::of(args)?);
                Self::emit(state, &text)
            }
            "print_structure" => {
                none_bound(method, args)?;
                Self::emit(state, &print::structure(data))
            }
            "print_csv" => {
                none_bound(method, split_kwargs(args).0)?;
                Self::emit(state, &print::csv(data))
            }
            "print_json" => Self::emit(state, &print::json(data, args)?),
            "to_csv" | "to_json" => {
                let message = format!("{method}() writes files, which templates cannot do here");
                Err(Error::new(ErrorKind::InvalidOperation, message))
            }
            "select" => {
                let [key] = bind(method, args, ["key"], 1)?;
                change::select(data, &key.unwrap_or_default()).map(Value::from_object)
            }
            "exclude" => {
                let [key] = bind(method, args, ["key"], 1)?;
                change::exclude(data, &key.unwrap_or_default()).map(Value::from_object)
            }
            "rename" => change::rename(data, args).map(Value::from_object),
            "limit" => change::limit(data, args).map(Value::from_object),
            "distinct" => {
                let [key] = bind(method, args, ["key"], 0)?;
                change::distinct(data, key.as_ref()).map(Value::from_object)
            }
            "order_by" => change::order_by(state, data, args).map(Value::from_object),
            "where" => {
                let [test] = bind(method, args, ["test"], 1)?;
                change::filter(state, data, &test.unwrap_or_default()).map(Value::from_object)
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::structure(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Table, TableColumn};

    fn sample() -> Value {
        let columns = [("id", "INTEGER"), ("price", "DECIMAL(4,2)"), ("id", "VARCHAR"), ("tags", "VARCHAR[]")];
        let column = |(name, kind): (&str, &str)| TableColumn { name: name.to_owned(), data_type: kind.to_owned() };
        let row = |id: i64, price: &str, text: &str| {
            vec![id.into(), base::Value::Decimal(price.into()), text.into(), base::Value::List(vec![1i64.into()])]
        };
        Value::from_object(AgateTable::new(Table {
            columns: columns.into_iter().map(column).collect(),
            rows: vec![row(2, "12.50", "b"), row(1, "1234.5", "a"), vec![base::Value::Null; 4]],
        }))
    }

    #[test]
    fn reads_as_agate_does() {
        let mut environment = minijinja::Environment::new();
        crate::jinja::pylib::install(&mut environment);
        for (template, expected) in [
            ("{{ t.column_names }} {{ t|length }}", "('id', 'price', 'id_2', 'tags') 3"),
            ("{{ t.rows[0][0] }} {{ t.rows[0]['id_2'] }} {{ t[0].id_2 }}", "2 b b"),
            ("{{ t.columns['id'].values() }} {{ t.columns[1].name }}", "(2, 1, None) price"),
            ("{% for a, b, c, d in t.rows %}{{ a }}/{{ c }}/{{ d }};{% endfor %}", "2/b/[1];1/a/[1];None/None/None;"),
            ("{{ t.columns.keys() }} {{ t.columns.get('x') }}", "('id', 'price', 'id_2', 'tags') None"),
            ("{{ t.rows[1].dict() }}", "{'id': 1, 'price': 1234.5, 'id_2': 'a', 'tags': '[1]'}"),
            ("{{ t.order_by('id').columns[0].values() }}", "(1, 2, None)"),
            ("{{ t.select(['id_2']).rows[0].values() }} {{ t.exclude('id').column_names|length }}", "('b',) 3"),
            ("{{ t.rename(column_names={'id': 'k'}).limit(1).rows[0].k }}", "2"),
            ("{{ t.columns.id.values_without_nulls()|sum }} {{ t.rows[0] }}", "3 <agate.Row: (2, 12.5, 'b', '[1]')>"),
        ] {
            let context = minijinja::context! { t => sample() };
            assert_eq!(environment.render_str(template, context).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn prints_as_agate_does() {
        let value = sample();
        let table = value.downcast_object_ref::<AgateTable>().unwrap();
        let text = print::table(&table.0, &print::Limits::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "| id |   price | id_2 | tags |");
        assert_eq!(lines[3], "|  1 | 1,234.5 | a    | [1]  |");
        assert_eq!(print::csv(&table.0), "id,price,id_2,tags\n2,12.50,b,[1]\n1,1234.5,a,[1]\n,,,\n");
    }
}
