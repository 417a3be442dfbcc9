//! ALTER TABLE. In: one [`Alter`]. Out: a staged step; files are rewritten only where their columns change.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder, cast, lit};
use serde_json::{Value, json};

use super::change::collected;
use super::meta::{Meta, type_json};
use super::squash::Step;
use super::table::added;
use super::write::{aligned, converted, write};
use super::{DeltaError, StagedTable, properties, types};

/// A change of a table's description.
#[derive(Clone, Debug)]
pub enum Alter {
    /// A new column at the end; existing rows have NULL in it.
    AddColumn {
        /// Its name.
        name: String,
        /// Its type.
        data_type: DataType,
        /// Its comment.
        comment: Option<String>,
    },
    /// The column goes, with its values.
    DropColumn {
        /// Its name.
        name: String,
    },
    /// The column gets another name.
    RenameColumn {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
    },
    /// The column gets another type. Without an expression only a type that keeps every value.
    ChangeType {
        /// The column.
        name: String,
        /// The new type.
        data_type: DataType,
        /// The new value, if the plain conversion is not what is meant.
        using: Option<Expr>,
    },
    /// NULL is refused from now on, and must not be there now.
    SetNotNull {
        /// The column.
        name: String,
    },
    /// NULL is allowed again.
    DropNotNull {
        /// The column.
        name: String,
    },
    /// A condition that all rows satisfy, now and from now on.
    AddCheck {
        /// The constraint's name.
        name: String,
        /// Its SQL.
        expression: String,
    },
    /// The constraint goes.
    DropCheck {
        /// The constraint's name.
        name: String,
    },
    /// The table's comment.
    Comment(Option<String>),
    /// A column's comment.
    ColumnComment {
        /// The column.
        name: String,
        /// The comment.
        comment: Option<String>,
    },
    /// A property; `None` removes it.
    Property {
        /// Its name.
        name: String,
        /// Its value.
        value: Option<String>,
    },
}

impl StagedTable {
    /// Changes the table's description.
    pub async fn alter(&mut self, session: &SessionState, change: Alter) -> Result<(), DeltaError> {
        let before = self.writable()?.clone();
        match change {
            Alter::AddColumn { name, data_type, comment } => {
                if before.schema().fields().iter().any(|f| f.name().eq_ignore_ascii_case(&name)) {
                    return Err(DeltaError::Columns(format!("{} has a column `{name}` already", self.location)));
                }
                self.describe("ADD COLUMNS", before.with_column(&name, &data_type, comment.as_ref())?).await
            }
            Alter::DropColumn { name } => {
                self.column(&name)?;
                if before.partition_columns().contains(&name) {
                    return Err(self.refused(&format!("the partition column `{name}` cannot be dropped")));
                }
                if before.schema().fields().len() == 1 {
                    return Err(self.refused(&format!("`{name}` is the only column and cannot be dropped")));
                }
                let after = before.with_changed(&name, |_| None)?;
                self.recast(session, "DROP COLUMNS", after, |column| Ok((column.to_string(), None))).await
            }
            Alter::RenameColumn { from, to } => {
                self.column(&from)?;
                let taken = |f: &str| f.eq_ignore_ascii_case(&to) && f != from;
                if before.schema().fields().iter().any(|f| taken(f.name())) {
                    return Err(DeltaError::Columns(format!("{} has a column `{to}` already", self.location)));
                }
                let after = before.with_renamed(&from, &to)?;
                let old = |column: &str| Ok((if column == to { from.clone() } else { column.to_string() }, None));
                self.recast(session, "RENAME COLUMN", after, old).await
            }
            Alter::ChangeType { name, data_type, using } => {
                let from = self.column(&name)?;
                let to = types::stored(&name, &data_type)?;
                if using.is_none() && from == to {
                    return Ok(());
                }
                if using.is_none() && !types::fits(&from, &to) {
                    return Err(types::misfit(&name, &from, &to));
                }
                let after = before.with_changed(&name, |mut field| {
                    field.insert("type".to_string(), type_json(&to));
                    Some(field)
                })?;
                let new = |column: &str| Ok((column.to_string(), using.clone().filter(|_| column == name)));
                self.recast(session, "CHANGE COLUMN", after, new).await
            }
            Alter::SetNotNull { name } => {
                self.column(&name)?;
                let rows = self.rows_with(session, Expr::Column(Column::from_name(&name)).is_null()).await?;
                if rows > 0 {
                    return Err(DeltaError::NotNull { table: self.location.clone(), column: name, rows });
                }
                self.describe("CHANGE COLUMN", with_nullable(&before, &name, false)?).await
            }
            Alter::DropNotNull { name } => {
                self.column(&name)?;
                self.describe("CHANGE COLUMN", with_nullable(&before, &name, true)?).await
            }
            Alter::AddCheck { name, expression } => self.add_check(session, &before, name, expression).await,
            Alter::DropCheck { name } => {
                if !before.checks().iter().any(|(known, _)| *known == name) {
                    return Err(self.refused(&format!("there is no CHECK constraint `{name}`")));
                }
                self.describe("DROP CONSTRAINT", before.with_check(&name, None)?).await
            }
            Alter::Comment(comment) => {
                self.describe("SET TBLPROPERTIES", before.with_comment(comment.as_deref())?).await
            }
            Alter::ColumnComment { name, comment } => {
                self.column(&name)?;
                let after = before.with_changed(&name, |mut field| {
                    let metadata = field.entry("metadata").or_insert_with(|| json!({}));
                    if let Value::Object(metadata) = metadata {
                        match &comment {
                            Some(comment) => metadata.insert("comment".to_string(), json!(comment)),
                            None => metadata.shift_remove("comment"),
                        };
                    }
                    Some(field)
                })?;
                self.describe("CHANGE COLUMN", after).await
            }
            Alter::Property { name, value } => {
                if let Some(value) = &value {
                    properties::check(&self.location, &name, value)?;
                }
                self.describe("SET TBLPROPERTIES", before.with_property(&name, value.as_deref())?).await
            }
        }
    }

    async fn add_check(
        &mut self,
        session: &SessionState,
        before: &Meta,
        name: String,
        expression: String,
    ) -> Result<(), DeltaError> {
        if before.checks().iter().any(|(known, _)| *known == name) {
            return Err(self.refused(&format!("there is a CHECK constraint `{name}` already")));
        }
        let bound = DFSchema::try_from(before.schema().as_ref().clone())?;
        let check = session.create_logical_expr(&expression, &bound)?;
        if check.get_type(&bound)? != DataType::Boolean {
            return Err(self.refused(&format!("the CHECK constraint `{name}` is no condition: {expression}")));
        }
        let rows = self.rows_with(session, Expr::IsFalse(Box::new(check))).await?;
        if rows > 0 {
            return Err(DeltaError::Check { table: self.location.clone(), name, expression, rows });
        }
        self.describe("ADD CONSTRAINT", before.with_check(&name, Some(&expression))?).await
    }

    /// A change of the description alone.
    async fn describe(&mut self, operation: &'static str, after: Meta) -> Result<(), DeltaError> {
        let actions = after.actions(Some(self.meta()?));
        if actions.is_empty() {
            return Ok(());
        }
        self.stage(Step::new(operation, actions), after).await
    }

    /// A change of columns: all files are rewritten. For each new column `source` names the old one, and maybe an expression.
    async fn recast(
        &mut self,
        session: &SessionState,
        operation: &'static str,
        after: Meta,
        source: impl Fn(&str) -> Result<(String, Option<Expr>), DeltaError>,
    ) -> Result<(), DeltaError> {
        let mut actions = after.actions(Some(self.meta()?));
        let files = self.files().await?;
        if !files.is_empty() {
            let rows = self.scan_of(TableReference::bare("target"), None, false).await?;
            let schema = rows.schema().clone();
            let mut columns = Vec::new();
            for field in after.schema().fields() {
                let (old, using) = source(field.name())?;
                let value = match using {
                    // What is written out is meant.
                    Some(using) => cast(super::change::unqualified(using)?, field.data_type().clone()),
                    None => {
                        let old = Expr::Column(Column::from_name(old));
                        let from = old.get_type(schema.as_ref())?;
                        converted(old, field.name(), &from, field.data_type())?
                    }
                };
                columns.push(value.alias(field.name()));
            }
            let plan = LogicalPlanBuilder::from(rows).project(columns)?.build()?;
            let plan = aligned(&self.location, plan, after.schema())?;
            let written = write(session, plan, &self.sink(&after)).await?;
            for file in files {
                actions.push(file.removed(true)?);
            }
            for add in written.adds {
                actions.push(added(add, true)?);
            }
        }
        self.stage(Step::new(operation, actions), after).await
    }

    async fn rows_with(&self, session: &SessionState, condition: Expr) -> Result<usize, DeltaError> {
        let rows = self.scan_of(TableReference::bare("target"), None, false).await?;
        let plan = LogicalPlanBuilder::from(rows)
            .filter(condition)?
            .aggregate(Vec::<Expr>::new(), [count(lit(1_i64)).alias("rows")])?
            .build()?;
        let batches = collected(session, &plan).await?;
        Ok(batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).sum::<i64>() as usize)
    }

    fn column(&self, name: &str) -> Result<DataType, DeltaError> {
        match self.meta()?.schema().field_with_name(name) {
            Ok(field) => Ok(field.data_type().clone()),
            Err(_) => Err(DeltaError::Columns(format!("{} has no column `{name}`", self.location))),
        }
    }

    fn refused(&self, reason: &str) -> DeltaError {
        DeltaError::Unsupported(format!("{}: {reason}", self.location))
    }
}

fn with_nullable(meta: &Meta, column: &str, nullable: bool) -> Result<Meta, DeltaError> {
    meta.with_changed(column, |mut field| {
        field.insert("nullable".to_string(), json!(nullable));
        Some(field)
    })
}
