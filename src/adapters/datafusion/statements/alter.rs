//! ALTER TABLE and COMMENT ON. In: parsed statements. Out: other names, columns, rules, comments.

use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, CommentObject, Expr as SqlExpr,
    ObjectName, RenameTableNameKind, SqlOption, TableConstraint, Value, ValueWithSpan,
};

use super::insert::location_of;
use super::names::{Name, Target, folded};
use super::{Work, done, types, unsupported};
use crate::adapters::datafusion::catalog::{Entry, Key};
use crate::adapters::datafusion::delta::Alter;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind, Execution};

impl Work<'_> {
    /// ALTER TABLE, of views too where that makes sense.
    pub(super) async fn alter_table(&mut self, alter: AlterTable) -> Result<Execution, AdapterError> {
        let name = self.name(&alter.name)?;
        let (mut key, _) = match self.find(&name) {
            Some(Target::Lake(key, entry)) => (key, entry),
            Some(Target::Temporary(_)) => {
                return Err(unsupported("temporary tables cannot be altered; make them anew"));
            }
            None if alter.if_exists => return Ok(done(None)),
            None => return Err(self.missing(&name)),
        };
        self.transaction.lease(self.instance, &key).await?;
        for operation in alter.operations {
            // An operation may have changed what the next one is about.
            let Some((_, entry)) = self.transaction.state().find(&key.0, &key.1) else {
                return Err(self.missing(&name));
            };
            let entry = entry.as_ref().clone();
            match operation {
                AlterTableOperation::RenameTable {
                    table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to),
                } => key = self.rename(&key, entry, &to).await?,
                other => self.alter(&key, entry, other).await?,
            }
        }
        Ok(done(None))
    }

    async fn rename(&mut self, from: &Key, entry: Entry, to: &ObjectName) -> Result<Key, AdapterError> {
        let mut to: Name = self.name(to)?;
        if !to.qualified {
            to.key.0.clone_from(&from.0);
        }
        self.check_schema(&to)?;
        if let Some((taken, _)) = self.transaction.state().find(&to.key.0, &to.key.1)
            && taken != *from
        {
            return Err(self.taken(&to, "Relation"));
        }
        self.transaction.lease(self.instance, &to.key).await?;
        self.transaction.rename(from, &to.key, entry);
        Ok(to.key)
    }

    async fn alter(&mut self, key: &Key, mut entry: Entry, operation: AlterTableOperation) -> Result<(), AdapterError> {
        let changes = match operation {
            AlterTableOperation::AddColumn { if_not_exists, column_def, .. } => {
                if if_not_exists && self.has_column(key, &entry, &folded(&column_def.name)).await? {
                    return Ok(());
                }
                self.added(&column_def)?
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                let mut changes = Vec::new();
                for name in column_names.iter().map(folded) {
                    if if_exists && !self.has_column(key, &entry, &name).await? {
                        continue;
                    }
                    entry.column_comments.remove(&name);
                    changes.push(Alter::DropColumn { name });
                }
                changes
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let (from, to) = (folded(&old_column_name), folded(&new_column_name));
                if let Some(comment) = entry.column_comments.remove(&from) {
                    entry.column_comments.insert(to.clone(), comment);
                }
                vec![Alter::RenameColumn { from, to }]
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                vec![self.altered_column(key, folded(&column_name), op).await?]
            }
            AlterTableOperation::AddConstraint { constraint, .. } => constraint_changes(constraint)?,
            AlterTableOperation::DropConstraint { name, .. } => vec![Alter::DropCheck { name: folded(&name) }],
            AlterTableOperation::SetTblProperties { table_properties: options }
            | AlterTableOperation::SetOptionsParens { options } => {
                options.iter().map(property).collect::<Result<Vec<_>, _>>()?
            }
            other => return Err(unsupported(format!("ALTER TABLE ... {other} is not supported"))),
        };
        self.stage_changes(key, &entry, changes).await?;
        self.transaction.put(key, entry);
        Ok(())
    }

    async fn stage_changes(&mut self, key: &Key, entry: &Entry, changes: Vec<Alter>) -> Result<(), AdapterError> {
        let location = location_of(key, entry)?;
        let session = self.session.clone();
        let staged = self.transaction.table(self.instance, key, location).await?;
        for change in changes {
            staged.alter(&session, change).await.map_err(|e| errors::delta(&e))?;
        }
        Ok(())
    }

    async fn has_column(&mut self, key: &Key, entry: &Entry, name: &str) -> Result<bool, AdapterError> {
        let location = location_of(key, entry)?;
        let staged = self.transaction.table(self.instance, key, location).await?;
        let schema = staged.schema().map_err(|e| errors::delta(&e))?;
        Ok(schema.fields().iter().any(|f| f.name().eq_ignore_ascii_case(name)))
    }

    fn added(&self, column: &ColumnDef) -> Result<Vec<Alter>, AdapterError> {
        let name = folded(&column.name);
        let data_type = types::of(&column.data_type, self.session)?;
        let mut comment = None;
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => {}
                ColumnOption::Comment(text) => comment = Some(text.clone()),
                other => {
                    return Err(unsupported(format!(
                        "`{other}` of a new column is not supported: existing rows are NULL there"
                    )));
                }
            }
        }
        Ok(vec![Alter::AddColumn { name, data_type, comment }])
    }

    async fn altered_column(
        &mut self,
        key: &Key,
        name: String,
        op: AlterColumnOperation,
    ) -> Result<Alter, AdapterError> {
        match op {
            AlterColumnOperation::SetNotNull => Ok(Alter::SetNotNull { name }),
            AlterColumnOperation::DropNotNull => Ok(Alter::DropNotNull { name }),
            AlterColumnOperation::SetDataType { data_type, using, .. } => {
                let data_type = types::of(&data_type, self.session)?;
                let using = match using {
                    None => None,
                    Some(value) => {
                        let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
                        let sql = format!("select {value} as v from {}.{}", quoted(&key.0), quoted(&key.1));
                        let (plan, _) = self.plan_here(&sql).await?;
                        super::change::projected(&plan, 1)?.pop()
                    }
                };
                Ok(Alter::ChangeType { name, data_type, using })
            }
            other => Err(unsupported(format!("ALTER COLUMN ... {other} is not supported by Delta Lake"))),
        }
    }

    /// COMMENT ON.
    pub(super) async fn comment(
        &mut self,
        object: CommentObject,
        name: &ObjectName,
        comment: Option<String>,
    ) -> Result<Execution, AdapterError> {
        let comment = comment.filter(|c| !c.is_empty());
        match object {
            CommentObject::Table | CommentObject::View => {
                let (key, mut entry) = self.commented(name)?;
                if entry.comment == comment {
                    return Ok(done(None));
                }
                entry.comment.clone_from(&comment);
                if entry.location().is_some() {
                    self.stage_changes(&key, &entry, vec![Alter::Comment(comment)]).await?;
                }
                self.transaction.put(&key, entry);
            }
            CommentObject::Column => {
                let mut parts = name.0.clone();
                let column = parts.pop().and_then(|p| p.as_ident().map(folded)).unwrap_or_default();
                let (key, mut entry) = self.commented(&ObjectName(parts))?;
                if entry.column_comments.get(&column) == comment.as_ref() {
                    return Ok(done(None));
                }
                match &comment {
                    Some(text) => entry.column_comments.insert(column.clone(), text.clone()),
                    None => entry.column_comments.remove(&column),
                };
                if entry.location().is_some() {
                    let change = Alter::ColumnComment { name: column, comment };
                    self.stage_changes(&key, &entry, vec![change]).await?;
                }
                self.transaction.put(&key, entry);
            }
            CommentObject::Schema | CommentObject::Database => {}
            other => return Err(unsupported(format!("COMMENT ON {other} is not supported"))),
        }
        Ok(done(None))
    }

    fn commented(&self, name: &ObjectName) -> Result<(Key, Entry), AdapterError> {
        match self.existing(name)? {
            Target::Lake(key, entry) => Ok((key, entry.as_ref().clone())),
            Target::Temporary(_) => Err(unsupported("temporary tables have no comments")),
        }
    }
}

fn constraint_changes(constraint: TableConstraint) -> Result<Vec<Alter>, AdapterError> {
    match constraint {
        TableConstraint::Check(check) => {
            let expression = check.expr.to_string();
            let name = check.name.as_ref().map_or_else(|| format!("check_{:08x}", hash(&expression)), folded);
            Ok(vec![Alter::AddCheck { name, expression }])
        }
        TableConstraint::PrimaryKey(key) => Ok(key
            .columns
            .iter()
            .filter_map(|c| super::names::column_of(&c.column.expr))
            .map(|name| Alter::SetNotNull { name })
            .collect()),
        // Nothing in a lake could watch over them; tests do.
        TableConstraint::Unique(_) | TableConstraint::ForeignKey(_) => Ok(Vec::new()),
        other => Err(errors::told(ErrorKind::Unsupported, format!("the constraint {other} is not supported"))),
    }
}

/// A short name for what has none.
fn hash(text: &str) -> u32 {
    text.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

fn property(option: &SqlOption) -> Result<Alter, AdapterError> {
    match option {
        SqlOption::KeyValue { key, value } => {
            let value = match value {
                SqlExpr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => text.clone(),
                other => other.to_string(),
            };
            Ok(Alter::Property { name: key.value.clone(), value: Some(value) })
        }
        other => Err(unsupported(format!("the property {other} is not supported"))),
    }
}
