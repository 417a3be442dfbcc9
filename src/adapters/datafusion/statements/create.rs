//! CREATE TABLE, CREATE VIEW, CREATE SCHEMA. In: parsed statements. Out: relations, filled where there is a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::DFSchema;
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{EmptyRelation, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CommentDef, CreateTable, CreateTableOptions, CreateView, Expr as SqlExpr,
    HiveDistributionStyle, SchemaName, SqlOption, TableConstraint, Value, ValueWithSpan,
};

use super::names::{Name, column_of, folded, parts};
use super::{Work, done, types, unsupported, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::catalog::{Entry, Key, Kind, ViewColumn};
use crate::adapters::datafusion::delta::{DeltaError, StagedTable, TableOptions};
use crate::adapters::datafusion::errors;
use crate::adapters::datafusion::space::{Temporary, renamed, told_apart};
use crate::adapters::datafusion::type_names::sql_name;
use crate::adapters::{AdapterError, ErrorKind, Execution};

/// A table's columns and rules, as a statement declares them.
#[derive(Default)]
struct Declared {
    /// Columns with their types; none where the query says.
    fields: Vec<Field>,
    options: TableOptions,
}

impl Work<'_> {
    /// CREATE SCHEMA.
    pub(super) fn create_schema(&mut self, name: &SchemaName, if_not_exists: bool) -> Result<Execution, AdapterError> {
        let SchemaName::Simple(name) = name else { return Err(unsupported(format!("CREATE SCHEMA {name}"))) };
        let schema = self.schema_name(name)?;
        if let Some(there) = self.transaction.state().schema_name(&schema) {
            if if_not_exists {
                return Ok(done(None));
            }
            return Err(errors::told(ErrorKind::Catalog, format!("Schema \"{there}\" already exists")));
        }
        self.transaction.create_schema(&schema);
        Ok(done(None))
    }

    /// A schema's name, maybe with its database.
    pub(super) fn schema_name(
        &self,
        name: &datafusion::sql::sqlparser::ast::ObjectName,
    ) -> Result<String, AdapterError> {
        let own = &self.instance.settings.database;
        match parts(name)?.as_slice() {
            [schema] => Ok(schema.clone()),
            [database, schema] if database.eq_ignore_ascii_case(own) => Ok(schema.clone()),
            [database, _] => {
                let text = format!("Database \"{database}\" does not exist; the lake is \"{own}\"");
                Err(errors::told(ErrorKind::Catalog, text))
            }
            _ => Err(errors::told(ErrorKind::Syntax, format!("{name} is no name of a schema"))),
        }
    }

    /// CREATE TABLE.
    pub(super) async fn create_table(&mut self, create: CreateTable) -> Result<Execution, AdapterError> {
        let name = self.name(&create.name)?;
        if create.like.is_some() || create.clone.is_some() {
            return Err(unsupported(
                "CREATE TABLE ... LIKE is not supported; use create table ... as select ... limit 0",
            ));
        }
        let declared = self.declared(&create)?;
        let (plan, session) = match create.query {
            Some(query) => {
                let (plan, session) = self.plan_query(*query).await?;
                (typed(told_apart(plan)?, &declared.fields)?, session)
            }
            None if declared.fields.is_empty() => {
                return Err(errors::told(ErrorKind::Syntax, "a table needs columns or a query"));
            }
            None => (nothing(&declared.fields)?, self.session.clone()),
        };
        if create.temporary {
            return self.create_temporary(&name, plan, &session, create.or_replace, create.if_not_exists).await;
        }
        let existing = self.transaction.state().find(&name.key.0, &name.key.1).map(|(key, e)| (key, Arc::clone(e)));
        match existing {
            Some(_) if create.if_not_exists => Ok(done(None)),
            Some((key, entry)) if create.or_replace => {
                self.replace_table(&key, &entry, &name, plan, &session, declared.options).await
            }
            Some((_, entry)) => Err(self.taken(&name, if entry.location().is_some() { "Table" } else { "View" })),
            None => {
                self.check_schema(&name)?;
                self.transaction.lease(self.instance, &name.key).await?;
                let (location, mut staged) = self.transaction.new_table(self.instance, &name.key).await?;
                let rows = overwrite(&mut staged, &session, plan, &declared.options).await?;
                self.transaction.adopt(&name.key, location.clone(), staged);
                self.transaction.put(&name.key, described(location, &declared.options));
                Ok(done(Some(rows)))
            }
        }
    }

    async fn replace_table(
        &mut self,
        key: &Key,
        entry: &Entry,
        name: &Name,
        plan: LogicalPlan,
        session: &SessionState,
        options: TableOptions,
    ) -> Result<Execution, AdapterError> {
        let Some(location) = entry.location() else {
            let text = format!("\"{}.{}\" is a view; drop it before making a table of that name", key.0, key.1);
            let mut error = errors::told(ErrorKind::Catalog, text);
            error.position = name.position;
            return Err(error);
        };
        self.transaction.lease(self.instance, key).await?;
        match self.transaction.table(self.instance, key, location).await {
            Ok(staged) => {
                let rows = overwrite(staged, session, plan, &options).await?;
                self.transaction.put(key, described(location.to_owned(), &options));
                Ok(done(Some(rows)))
            }
            // What nobody can read any more does not have to be read to be replaced.
            Err(error) if errors::is_damage(&error) => {
                let (location, mut staged) = self.transaction.new_table(self.instance, key).await?;
                let rows = overwrite(&mut staged, session, plan, &options).await?;
                self.transaction.remove(key);
                self.transaction.adopt(key, location.clone(), staged);
                self.transaction.put(key, described(location, &options));
                Ok(done(Some(rows)))
            }
            Err(error) => Err(error),
        }
    }

    /// CREATE VIEW.
    pub(super) async fn create_view(&mut self, create: CreateView) -> Result<Execution, AdapterError> {
        if create.materialized {
            return Err(unsupported("materialized views are not supported; use a table or an incremental model"));
        }
        let name = self.name(&create.name)?;
        let mut sql = create.query.to_string();
        if !create.columns.is_empty() {
            let columns: Vec<String> = create.columns.iter().map(|c| c.name.to_string()).collect();
            sql = format!("SELECT * FROM ({sql}) AS \"{}\" ({})", name.key.1.replace('"', "\"\""), columns.join(", "));
        }
        let (plan, _) = self.plan_query(*create.query).await?;
        let mut plan = told_apart(plan)?;
        if !create.columns.is_empty() {
            let names: Vec<String> = create.columns.iter().map(|c| folded(&c.name)).collect();
            plan = renamed(plan, &names)?;
        }
        if create.temporary {
            if self.temporaries.contains_key(&name.key.1) && !create.or_replace {
                return if create.if_not_exists { Ok(done(None)) } else { Err(self.taken(&name, "Temporary view")) };
            }
            let provider = Arc::new(ViewTable::new(plan, Some(sql)));
            Arc::make_mut(self.temporaries).insert(name.key.1, Temporary { provider, rows: None });
            return Ok(done(None));
        }
        let existing = self.transaction.state().find(&name.key.0, &name.key.1).map(|(key, e)| (key, Arc::clone(e)));
        let key = match existing {
            None => {
                self.check_schema(&name)?;
                name.key.clone()
            }
            Some(_) if create.if_not_exists => return Ok(done(None)),
            Some((_, entry)) if entry.location().is_some() => return Err(self.taken(&name, "Table")),
            Some((key, _)) if create.or_replace => key,
            Some(_) => return Err(self.taken(&name, "View")),
        };
        self.refuse_temporaries(&plan)?;
        self.transaction.lease(self.instance, &key).await?;
        let column =
            |field: &Arc<Field>| ViewColumn { name: field.name().clone(), data_type: sql_name(field.data_type()) };
        let columns = plan.schema().fields().iter().map(column).collect();
        let mut entry = Entry::new(Kind::View { sql, search: self.search(), columns });
        entry.comment = create.comment;
        self.transaction.put(&key, entry);
        Ok(done(None))
    }

    /// A view outlives the connection; its temporary tables do not.
    fn refuse_temporaries(&self, plan: &LogicalPlan) -> Result<(), AdapterError> {
        use datafusion::common::tree_node::TreeNodeRecursion;
        let mut found = None;
        let _ = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && self.temporaries.contains_key(scan.table_name.table())
                && self.transaction.state().find(&self.search(), scan.table_name.table()).is_none()
                && scan.table_name.schema().is_none()
            {
                found = Some(scan.table_name.table().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        match found {
            None => Ok(()),
            Some(name) => {
                let text = format!("the view reads \"{name}\", which is temporary: make a temporary view, or a table");
                Err(errors::told(ErrorKind::Catalog, text))
            }
        }
    }

    fn declared(&self, create: &CreateTable) -> Result<Declared, AdapterError> {
        let mut declared = Declared::default();
        for column in &create.columns {
            self.declare_column(column, &mut declared)?;
        }
        for constraint in &create.constraints {
            declare_constraint(constraint, &mut declared.options)?;
        }
        declared.options.partition_by = partition_columns(create)?;
        let (CreateTableOptions::With(options)
        | CreateTableOptions::Options(options)
        | CreateTableOptions::Plain(options)
        | CreateTableOptions::TableProperties(options)) = &create.table_options
        else {
            declared.options.comment = create.comment.as_ref().map(comment_text);
            return Ok(declared);
        };
        for option in options {
            match option {
                SqlOption::KeyValue { key, value } => {
                    declared.options.properties.insert(key.value.clone(), plain(value));
                }
                SqlOption::Comment(comment) => declared.options.comment = Some(comment_text(comment)),
                other => return Err(unsupported(format!("the option {other} of CREATE TABLE is not supported"))),
            }
        }
        Ok(declared)
    }

    fn declare_column(&self, column: &ColumnDef, declared: &mut Declared) -> Result<(), AdapterError> {
        let name = folded(&column.name);
        let data_type = types::of(&column.data_type, self.session).map_err(|mut error| {
            let at = column.name.span.start;
            error.position = errors::offset(at.line, at.column, self.text);
            error
        })?;
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => {}
                ColumnOption::NotNull | ColumnOption::PrimaryKey(_) => declared.options.not_null.push(name.clone()),
                // Nothing in a lake could watch over them; tests do.
                ColumnOption::Unique(_) | ColumnOption::ForeignKey(_) => {}
                ColumnOption::Check(check) => {
                    let named = option.name.as_ref().or(check.name.as_ref()).map(folded);
                    add_check(&mut declared.options, named, &check.expr);
                }
                ColumnOption::Comment(text) => {
                    declared.options.column_comments.insert(name.clone(), text.clone());
                }
                other => {
                    return Err(unsupported(format!("`{other}` of the column {name} is not supported by Delta Lake")));
                }
            }
        }
        declared.fields.push(Field::new(name, data_type, true));
        Ok(())
    }
}

fn declare_constraint(constraint: &TableConstraint, options: &mut TableOptions) -> Result<(), AdapterError> {
    match constraint {
        TableConstraint::Check(check) => add_check(options, check.name.as_ref().map(folded), &check.expr),
        TableConstraint::PrimaryKey(key) => {
            options.not_null.extend(key.columns.iter().filter_map(|c| column_of(&c.column.expr)));
        }
        TableConstraint::Unique(_) | TableConstraint::ForeignKey(_) => {}
        other => return Err(unsupported(format!("the constraint {other} is not supported by Delta Lake"))),
    }
    Ok(())
}

fn add_check(options: &mut TableOptions, name: Option<String>, expr: &SqlExpr) {
    let name = name.unwrap_or_else(|| format!("check_{}", options.checks.len() + 1));
    options.checks.push((name, expr.to_string()));
}

fn partition_columns(create: &CreateTable) -> Result<Vec<String>, AdapterError> {
    if let HiveDistributionStyle::PARTITIONED { columns } = &create.hive_distribution {
        return Ok(columns.iter().map(|c| folded(&c.name)).collect());
    }
    let Some(expr) = &create.partition_by else { return Ok(Vec::new()) };
    let exprs: Vec<&SqlExpr> = match &**expr {
        SqlExpr::Tuple(exprs) => exprs.iter().collect(),
        SqlExpr::Nested(inner) => vec![inner],
        other => vec![other],
    };
    let column = |expr: &SqlExpr| {
        column_of(expr).ok_or_else(|| unsupported(format!("partitions are columns; {expr} is none: add it as one")))
    };
    exprs.into_iter().map(column).collect()
}

fn comment_text(comment: &CommentDef) -> String {
    let (CommentDef::WithEq(text) | CommentDef::WithoutEq(text)) = comment;
    text.clone()
}

fn plain(value: &SqlExpr) -> String {
    match value {
        SqlExpr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => text.clone(),
        other => other.to_string(),
    }
}

/// A table of the catalog with the comments that it was created with.
fn described(location: String, options: &TableOptions) -> Entry {
    let mut entry = Entry::new(Kind::Table { location });
    entry.comment.clone_from(&options.comment);
    entry.column_comments = options.column_comments.clone().into_iter().collect::<BTreeMap<_, _>>();
    entry
}

/// Fills a table; where memory does not suffice for joins that hash, joins that sort are tried.
pub(super) async fn overwrite(
    staged: &mut StagedTable,
    session: &SessionState,
    plan: LogicalPlan,
    options: &TableOptions,
) -> Result<u64, AdapterError> {
    match staged.overwrite(session, plan.clone(), options).await.map_err(|e: DeltaError| errors::delta(&e)) {
        Err(error) if wants_sorted_joins(&error) => {
            let session = with_sorted_joins(session);
            staged.overwrite(&session, plan, options).await.map_err(|e| errors::delta(&e))
        }
        other => other,
    }
}

/// No rows of some columns.
fn nothing(fields: &[Field]) -> Result<LogicalPlan, AdapterError> {
    let schema = DFSchema::try_from(Schema::new(fields.to_vec())).map_err(|e| errors::running(&e))?;
    Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) }))
}

/// A query's columns with the names and types that were declared.
fn typed(plan: LogicalPlan, fields: &[Field]) -> Result<LogicalPlan, AdapterError> {
    if fields.is_empty() {
        return Ok(plan);
    }
    let columns = plan.schema().columns();
    if columns.len() != fields.len() {
        let text = format!("the table declares {} columns, its query gives {}", fields.len(), columns.len());
        return Err(errors::told(ErrorKind::Binder, text));
    }
    // Columns go by name where all names are those of the query, else by place.
    let by_name = fields.iter().all(|f| columns.iter().any(|c| c.name == *f.name()));
    let schema = Arc::clone(plan.schema());
    let projected = fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let column = if by_name { columns.iter().find(|c| c.name == *field.name()) } else { columns.get(at) };
            let source = Expr::Column(column.unwrap_or(&columns[at]).clone());
            let expr = if source.get_type(schema.as_ref())? == *field.data_type() {
                source
            } else {
                cast(source, field.data_type().clone())
            };
            Ok(expr.alias(field.name()))
        })
        .collect::<Result<Vec<_>, datafusion::error::DataFusionError>>()
        .map_err(|e| errors::running(&e))?;
    LogicalPlanBuilder::from(plan)
        .project(projected)
        .and_then(LogicalPlanBuilder::build)
        .map_err(|e| errors::running(&e))
}
