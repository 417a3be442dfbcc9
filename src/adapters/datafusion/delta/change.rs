//! DELETE and UPDATE. In: any predicate the engine can run, with subqueries too. Out: a staged step that rewrites only files with
//! rows to change, and drops files of which nothing stays.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast, lit, when};
use serde_json::Value;

use super::provider::{FILE, Scan, path_of};
use super::squash::Step;
use super::table::added;
use super::write::{Written, aligned, converted, write};
use super::{DeltaError, StagedTable};

/// Runs a plan to its end.
pub(super) async fn collected(session: &SessionState, plan: &LogicalPlan) -> Result<Vec<RecordBatch>, DeltaError> {
    let physical = session.create_physical_plan(plan).await?;
    Ok(datafusion::physical_plan::collect(physical, session.task_ctx()).await?)
}

/// The expression with the names of columns alone: for rules about one table's rows.
pub(super) fn unqualified(expr: Expr) -> Result<Expr, DeltaError> {
    let changed = expr.transform(|node| {
        Ok(match node {
            Expr::Column(column) if column.relation.is_some() => {
                Transformed::yes(Expr::Column(Column::from_name(column.name)))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(changed.data)
}

/// The name under which a statement's expressions know its table.
fn name_in<'a>(exprs: impl Iterator<Item = &'a Expr>) -> TableReference {
    let mut found: Option<TableReference> = None;
    let mut note = |relation: &Option<TableReference>| {
        if let Some(relation) = relation
            && found.as_ref().is_none_or(|f| f.to_vec().len() < relation.to_vec().len())
        {
            found = Some(relation.clone());
        }
    };
    for expr in exprs {
        // The visitor never fails.
        let _ = expr.apply(|node| {
            if let Expr::Column(column) = node {
                note(&column.relation);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        for outer in outer_columns(expr) {
            note(&outer.relation);
        }
    }
    found.unwrap_or_else(|| TableReference::bare("target"))
}

/// Columns of the statement's table that its subqueries mention.
fn outer_columns(expr: &Expr) -> Vec<Column> {
    let mut found = Vec::new();
    let _ = expr.apply(|node| {
        let subquery = match node {
            Expr::Exists(exists) => Some(&exists.subquery),
            Expr::InSubquery(within) => Some(&within.subquery),
            Expr::ScalarSubquery(subquery) => Some(subquery),
            _ => None,
        };
        for outer in subquery.into_iter().flat_map(|s| &s.outer_ref_columns) {
            if let Expr::OuterReferenceColumn(_, column) = outer {
                found.push(column.clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Whether an expression holds a subquery.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    let subquery = |e: &Expr| matches!(e, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_));
    expr.exists(|e| Ok(subquery(e))).unwrap_or(true)
}

impl StagedTable {
    /// Removes rows; all of them without a predicate. Returns how many.
    pub async fn delete(&mut self, session: &SessionState, predicate: Option<Expr>) -> Result<u64, DeltaError> {
        let meta = self.writable()?.clone();
        meta.check_deletable(&self.location)?;
        let (actions, deleted) = match &predicate {
            Some(predicate) => self.without(session, predicate).await?,
            None => {
                let rows = self.row_count(session, None).await?;
                (self.files().await?.iter().map(|file| file.removed(true)).collect::<Result<Vec<_>, _>>()?, rows)
            }
        };
        if actions.is_empty() {
            return Ok(0);
        }
        let mut step = Step::new("DELETE", actions).counted("numDeletedRows", deleted);
        if let Some(predicate) = predicate {
            step = step.with("predicate", predicate.human_display().to_string());
        }
        self.stage(step, meta).await?;
        Ok(deleted)
    }

    /// Changes columns of the rows that satisfy a predicate, or of all. Returns how many rows.
    pub async fn update(
        &mut self,
        session: &SessionState,
        assignments: Vec<(String, Expr)>,
        predicate: Option<Expr>,
    ) -> Result<u64, DeltaError> {
        let meta = self.writable()?.clone();
        meta.check_deletable(&self.location)?;
        for (column, _) in &assignments {
            if meta.schema().field_with_name(column).is_err() {
                return Err(DeltaError::Columns(format!("{} has no column `{column}`", self.location)));
            }
        }
        let every = lit(true);
        let matched = self.matches(session, predicate.as_ref().unwrap_or(&every)).await?;
        let updated = matched.values().sum();
        if updated == 0 {
            return Ok(0);
        }
        let name = name_in(predicate.iter().chain(assignments.iter().map(|(_, value)| value)));
        let touched: Vec<String> = matched.into_keys().collect();
        let rows = self.scan_of(name, Some(touched.clone()), false).await?;
        let plan = match predicate.clone() {
            // Subqueries can filter rows, but not stand in every expression.
            Some(predicate) if has_subquery(&predicate) => {
                let other = Expr::IsNotTrue(Box::new(predicate.clone()));
                let kept = LogicalPlanBuilder::from(rows.clone()).filter(other)?.build()?;
                let changed = LogicalPlanBuilder::from(rows).filter(predicate)?.build()?;
                let changed = assigned(changed, &assignments, None)?;
                let kept = assigned(kept, &[], None)?;
                LogicalPlanBuilder::from(kept).union(changed)?.build()?
            }
            predicate => assigned(rows, &assignments, predicate)?,
        };
        let plan = aligned(&self.location, plan, meta.schema())?;
        let written = write(session, plan, &self.sink(&meta)).await?;
        let actions = self.replacing(&touched, written).await?;
        let mut step = Step::new("UPDATE", actions).counted("numUpdatedRows", updated);
        if let Some(predicate) = predicate {
            step = step.with("predicate", predicate.human_display().to_string());
        }
        self.stage(step, meta).await?;
        Ok(updated)
    }

    /// The actions after which no row satisfies the predicate, and how many rows that are.
    pub(super) async fn without(
        &self,
        session: &SessionState,
        predicate: &Expr,
    ) -> Result<(Vec<Value>, u64), DeltaError> {
        let meta = self.meta()?;
        let matched = self.matches(session, predicate).await?;
        let deleted = matched.values().sum();
        let files = self.files_by_path().await?;
        let (mut touched, mut partly) = (Vec::new(), Vec::new());
        for (path, rows) in matched {
            if files.get(&path).is_none_or(|file| file.rows != Some(rows)) {
                partly.push(path.clone());
            }
            touched.push(path);
        }
        let mut written = Written::default();
        if !partly.is_empty() {
            let rows = self.scan_of(name_in(std::iter::once(predicate)), Some(partly), false).await?;
            let other = Expr::IsNotTrue(Box::new(predicate.clone()));
            let plan = LogicalPlanBuilder::from(rows).filter(other)?.build()?;
            let plan = aligned(&self.location, plan, meta.schema())?;
            written = write(session, plan, &self.sink(meta)).await?;
        }
        Ok((self.replacing(&touched, written).await?, deleted))
    }

    /// The actions that put new files in the place of others.
    pub(super) async fn replacing(&self, touched: &[String], written: Written) -> Result<Vec<Value>, DeltaError> {
        let files = self.files_by_path().await?;
        let mut actions = Vec::new();
        for path in touched {
            let file = files.get(path).ok_or_else(|| DeltaError::Corrupt {
                table: self.location.clone(),
                reason: format!("rows come from the file `{path}`, which is not part of the table"),
            })?;
            actions.push(file.removed(true)?);
        }
        for add in written.adds {
            actions.push(added(add, true)?);
        }
        Ok(actions)
    }

    /// A scan of the table or of some of its files, under a name.
    pub(super) async fn scan_of(
        &self,
        name: TableReference,
        files: Option<Vec<String>>,
        with_file: bool,
    ) -> Result<LogicalPlan, DeltaError> {
        let provider = self.scanned(&Scan { files, with_file, views: false }).await?;
        Ok(LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?)
    }

    /// How many rows of each file satisfy a predicate, for files with any.
    async fn matches(&self, session: &SessionState, predicate: &Expr) -> Result<HashMap<String, u64>, DeltaError> {
        if let Some(found) = self.matching_partitions(session, predicate).await? {
            return Ok(found);
        }
        let rows = self.scan_of(name_in(std::iter::once(predicate)), None, true).await?;
        let plan = LogicalPlanBuilder::from(rows)
            .filter(predicate.clone())?
            .aggregate([cast(file_column(), DataType::Utf8).alias("file")], [count(lit(1_i64)).alias("rows")])?
            .build()?;
        let mut found = HashMap::new();
        let table = self.lake.table_url(&self.location)?;
        for batch in collected(session, &plan).await? {
            let (files, counts) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
            for (file, rows) in files.iter().zip(counts.values()) {
                if let Some(file) = file {
                    *found.entry(path_of(&table, file)).or_default() += rows.unsigned_abs();
                }
            }
        }
        Ok(found)
    }

    /// The same where partition columns alone decide: the log knows them and how many rows a file has. `None`: it takes the rows.
    async fn matching_partitions(
        &self,
        session: &SessionState,
        predicate: &Expr,
    ) -> Result<Option<HashMap<String, u64>>, DeltaError> {
        let keys = self.meta()?.partition_columns();
        let decisive = predicate.column_refs();
        if !decisive.iter().all(|column| keys.contains(&column.name))
            || has_subquery(predicate)
            || predicate.is_volatile()
        {
            return Ok(None);
        }
        let schema = self.meta()?.schema();
        let at = keys.iter().map(|key| schema.index_of(key)).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(schema.project(&at)?);
        // Files of the same partition, with their rows.
        let mut partitions: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        let mut batches = Vec::new();
        for file in self.files().await? {
            let Some(rows) = file.rows else { return Ok(None) };
            if !partitions.contains_key(&file.partition) {
                let Some(values) = file.partition_values(&schema) else { return Ok(None) };
                let key: ArrayRef = Arc::new(StringArray::from(vec![file.partition.as_str()]));
                batches.push((values, key));
            }
            partitions.entry(file.partition).or_default().push((file.path, rows));
        }
        let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(FILE, DataType::Utf8, false)));
        let schema = Arc::new(Schema::new(fields));
        let batches = batches
            .into_iter()
            .map(|(values, key)| RecordBatch::try_new(schema.clone(), values.into_iter().chain([key]).collect()))
            .collect::<Result<Vec<_>, _>>()?;
        let known = Arc::new(MemTable::try_new(schema, vec![batches])?);
        let plan = LogicalPlanBuilder::scan(name_in(std::iter::once(predicate)), provider_as_source(known), None)?
            .filter(predicate.clone())?
            .project([file_column()])?
            .build()?;
        let mut found = HashMap::new();
        for batch in collected(session, &plan).await? {
            for key in batch.column(0).as_string::<i32>().iter().flatten() {
                found.extend(partitions.remove(key).into_iter().flatten());
            }
        }
        Ok(Some(found))
    }

    /// The rows of the table, or of some of its files: from the log if it says, else counted.
    pub(super) async fn row_count(&self, session: &SessionState, only: Option<&[String]>) -> Result<u64, DeltaError> {
        let files = self.files_by_path().await?;
        let chosen: Vec<_> = match only {
            Some(paths) => paths.iter().filter_map(|path| files.get(path)).collect(),
            None => files.values().collect(),
        };
        if let Some(rows) = chosen.iter().map(|file| file.rows).sum::<Option<u64>>() {
            return Ok(rows);
        }
        let rows = self.scan_of(TableReference::bare("target"), only.map(<[String]>::to_vec), false).await?;
        let plan =
            LogicalPlanBuilder::from(rows).aggregate(Vec::<Expr>::new(), [count(lit(1_i64)).alias("rows")])?.build()?;
        let batches = collected(session, &plan).await?;
        Ok(batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).sum::<i64>() as u64)
    }
}

/// The column [`FILE`].
pub(super) fn file_column() -> Expr {
    Expr::Column(Column::from_name(FILE))
}

/// The table's columns with new values where a predicate holds.
fn assigned(
    plan: LogicalPlan,
    assignments: &[(String, Expr)],
    predicate: Option<Expr>,
) -> Result<LogicalPlan, DeltaError> {
    let schema = plan.schema().clone();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (qualifier, field) in schema.iter() {
        let old = Expr::Column(Column::from((qualifier, field)));
        let new = match assignments.iter().find(|(name, _)| name == field.name()) {
            Some((_, value)) => {
                let value =
                    converted(value.clone(), field.name(), &value.get_type(schema.as_ref())?, field.data_type())?;
                match &predicate {
                    Some(predicate) => when(predicate.clone(), value).otherwise(old)?,
                    None => value,
                }
            }
            None => old,
        };
        columns.push(new.alias(field.name()));
    }
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}
