//! A small query result that crosses the adapter boundary.

use super::Value;

/// A column of a [`Table`]: name and the engine's type name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Column name as the engine returns it.
    pub name: String,
    /// The engine's spelling of the type, such as `DECIMAL(18,3)`.
    pub data_type: String,
}

/// Rows in memory. Every row has as many values as there are columns.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    /// Columns in result order.
    pub columns: Vec<TableColumn>,
    /// Rows in result order.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// The position of a column by name; exact match first, then ignoring case.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .or_else(|| self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    }
}
