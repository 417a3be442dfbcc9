//! Columns that are not in files but about them: their names, and what their folders say (`day=2026-01-01/`). In: files, what the
//! call says. Out: [`Extra`] columns with a value a file, and which files a query need not read for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::scalar::ScalarValue;

use super::glob::Found;
use super::guess::{Guess, Kind};
use super::options::Options;
use crate::adapters::datafusion::{errors, space};
use crate::adapters::{AdapterError, ErrorKind};

/// What stands for no value in a folder's name.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Columns about files.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// The columns.
    pub(super) fields: Vec<FieldRef>,
    /// Their values, file by file.
    pub(super) values: Vec<Vec<ScalarValue>>,
}

type Folders = BTreeMap<String, Option<String>>;

impl Extra {
    /// The columns that a call asks for, or that the files have.
    pub(super) fn of(files: &[Found], options: &Options) -> Result<Self, AdapterError> {
        let mut extra = Self { fields: Vec::new(), values: vec![Vec::new(); files.len()] };
        if let Some(name) = &options.filename {
            extra.fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
            for (values, file) in extra.values.iter_mut().zip(files) {
                values.push(ScalarValue::from(file.shown.as_str()));
            }
        }
        if options.hive != Some(false) {
            extra.add_folders(files, options)?;
        }
        Ok(extra)
    }

    fn add_folders(&mut self, files: &[Found], options: &Options) -> Result<(), AdapterError> {
        let all: Vec<Folders> = files.iter().map(|file| folders(&file.shown)).collect();
        let Some(first) = all.first() else { return Ok(()) };
        if let Some(at) = all.iter().position(|other| !other.keys().eq(first.keys())) {
            if options.hive != Some(true) {
                return Ok(());
            }
            let text =
                format!("the folders of \"{}\" and of \"{}\" name other columns", files[0].shown, files[at].shown);
            return Err(errors::told(ErrorKind::Binder, text));
        }
        if let Some((unknown, _)) = options.hive_types.iter().find(|(name, _)| !first.contains_key(name)) {
            let text = format!("hive_types: no folder on the way to \"{}\" names a column `{unknown}`", files[0].shown);
            let mut error = errors::told(ErrorKind::Binder, text);
            error.candidates = errors::nearest(unknown, first.keys().map(String::as_str));
            return Err(error);
        }
        for name in first.keys() {
            let written: Vec<Option<&str>> = all.iter().map(|of| of.get(name).and_then(Option::as_deref)).collect();
            let said = options.hive_types.iter().find(|(key, _)| key == name).map(|(_, data_type)| data_type.clone());
            let data_type =
                said.unwrap_or_else(|| if options.hive_autocast { type_of(&written) } else { DataType::Utf8 });
            for (values, text) in self.values.iter_mut().zip(written) {
                let value = ScalarValue::Utf8(text.map(str::to_owned)).cast_to(&data_type).map_err(|_| {
                    let text = format!("hive_types: {name}={} is no {data_type}", text.unwrap_or(NULL));
                    errors::told(ErrorKind::Conversion, text)
                })?;
                values.push(value);
            }
            self.fields.push(Arc::new(Field::new(name, data_type, true)));
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// What is read of files whose columns are these: what a folder says goes before what the file says.
    pub(super) fn without(&self, schema: &Schema, options: &Options) -> Result<Schema, AdapterError> {
        if let Some(name) = options.filename.as_deref()
            && schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name))
        {
            let text = format!("the files have a column `{name}`; say `filename = 'another_name'`");
            return Err(errors::told(ErrorKind::Binder, text));
        }
        let kept: Vec<FieldRef> = schema.fields().iter().filter(|f| !self.has(f.name())).cloned().collect();
        Ok(Schema::new(kept))
    }

    /// Columns where they are in the files, also if a folder says their values.
    pub(super) fn in_order(
        &self,
        table: Arc<dyn TableProvider>,
        schema: &Schema,
    ) -> Result<Arc<dyn TableProvider>, AdapterError> {
        if !schema.fields().iter().any(|field| self.has(field.name())) {
            return Ok(table);
        }
        let there = table.schema();
        let of =
            |name: &str| there.fields().iter().find(|f| f.name().eq_ignore_ascii_case(name)).map(|f| f.name().clone());
        let mut names: Vec<String> = schema.fields().iter().filter_map(|field| of(field.name())).collect();
        let others = there.fields().iter().map(|f| f.name().clone()).filter(|name| !names.contains(name));
        names.extend(others.collect::<Vec<_>>());
        let columns = names.iter().map(|name| Expr::Column(datafusion::common::Column::from_name(name)));
        let plan = space::scan("files", table)?.project(columns).and_then(|plan| plan.build());
        Ok(Arc::new(ViewTable::new(plan.map_err(|e| errors::running(&e))?, None)))
    }
}

/// What the folders on the way to a file say.
fn folders(path: &str) -> Folders {
    let folder = path.rsplit_once(['/', '\\']).map_or("", |(folder, _)| folder);
    let parts = folder.split(['/', '\\']).filter_map(|part| part.split_once('='));
    let value = |text: &str| {
        let value = decoded(text);
        (!value.is_empty() && value != NULL).then_some(value)
    };
    parts.filter(|(name, _)| !name.is_empty()).map(|(name, text)| (decoded(name), value(text))).collect()
}

/// `a%20b` is `a b`.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn type_of(values: &[Option<&str>]) -> DataType {
    let mut guess = Guess::plain();
    for value in values.iter().flatten() {
        guess.see(value);
    }
    match guess.kind(None) {
        kind @ (Kind::Date(None) | Kind::Timestamp(None) | Kind::Bigint) => kind.data_type(),
        _ => DataType::Utf8,
    }
}

/// Which files can have rows for all filters, each of which asks about columns that are not in the files.
pub(super) fn kept(
    session: &dyn Session,
    filters: &[Expr],
    extra: &[FieldRef],
    values: &[&[ScalarValue]],
) -> datafusion::common::Result<Vec<bool>> {
    let mut kept = vec![true; values.len()];
    if filters.is_empty() || values.is_empty() {
        return Ok(kept);
    }
    let schema = Arc::new(Schema::new(extra.to_vec()));
    let columns = (0..extra.len()).map(|at| ScalarValue::iter_to_array(values.iter().map(|of| of[at].clone())));
    let rows = RecordBatchOptions::new().with_row_count(Some(values.len()));
    let batch = RecordBatch::try_new_with_options(
        Arc::clone(&schema),
        columns.collect::<datafusion::common::Result<Vec<_>>>()?,
        &rows,
    )?;
    let names = DFSchema::try_from(schema)?;
    for filter in filters {
        let answers = session.create_physical_expr(filter.clone(), &names)?.evaluate(&batch)?;
        let answers = answers.into_array(values.len())?;
        let answers = answers.as_boolean();
        for (at, kept) in kept.iter_mut().enumerate() {
            *kept &= answers.is_valid(at) && answers.value(at);
        }
    }
    Ok(kept)
}

/// Filters about columns that are not in the files are answered before they are read.
pub(super) fn pushed(filters: &[&Expr], extra: &[FieldRef]) -> Vec<TableProviderFilterPushDown> {
    let about = |filter: &Expr| {
        let mut only = !filter.is_volatile();
        let walked = filter.apply(|expr| {
            only &= match expr {
                Expr::Column(column) => extra.iter().any(|field| *field.name() == column.name),
                Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..) => {
                    false
                }
                _ => true,
            };
            Ok(TreeNodeRecursion::Continue)
        });
        only && walked.is_ok() && !extra.is_empty()
    };
    let answer = |filter: &&Expr| {
        if about(filter) { TableProviderFilterPushDown::Exact } else { TableProviderFilterPushDown::Unsupported }
    };
    filters.iter().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_say_columns() {
        let of = |path: &str| folders(path).into_iter().map(|(k, v)| format!("{k}:{v:?}")).collect::<Vec<_>>();
        assert_eq!(of("in/y=2024/k=a%20b/f=1.parquet"), ["k:Some(\"a b\")", "y:Some(\"2024\")"]);
        assert_eq!(of("in/k=__HIVE_DEFAULT_PARTITION__/f"), ["k:None"]);
        assert_eq!(type_of(&[Some("1"), None]), DataType::Int64);
        assert_eq!(type_of(&[Some("01"), Some("2")]), DataType::Utf8);
        assert_eq!(type_of(&[Some("2024-01-02")]), DataType::Date32);
        assert_eq!(type_of(&[None]), DataType::Utf8);
    }
}
