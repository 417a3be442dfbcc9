//! MERGE. In: a parsed statement. Out: the table's own form of it, run.
//!
//! Condition and values are planned as a query over the cross join of both sides; the table gets the expressions out of that plan,
//! with both sides under names of their own.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    Merge as SqlMerge, MergeAction as SqlAction, MergeClauseKind, MergeInsertKind, TableFactor,
};

use super::change::{Written, assignments, filter_of, projected, written};
use super::insert::location_of;
use super::names::{Target, column};
use super::{Work, done, unsupported, wants_sorted_joins, with_sorted_joins};
use crate::adapters::datafusion::catalog::{Entry, Key};
use crate::adapters::datafusion::delta::{Merge, MergeAction, MergeClause, MergeCounts, MergeWhen};
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind, Execution};

const TARGET: &str = "__target";
const SOURCE: &str = "__source";

/// A planned merge without its clauses, and the values that those need.
pub(super) struct Sides {
    /// Where it was planned.
    pub(super) session: SessionState,
    /// Source, names and condition.
    pub(super) merge: Merge,
    /// Planned values, in the order they were given.
    pub(super) values: Vec<Expr>,
}

/// What a clause does, with places in the list of values.
enum Planned {
    Update(Vec<(String, usize)>),
    Insert(Vec<(String, usize)>),
    Delete,
}

impl Work<'_> {
    /// MERGE INTO.
    pub(super) async fn merge(&mut self, merge: SqlMerge) -> Result<Execution, AdapterError> {
        if merge.output.is_some() {
            return Err(unsupported("MERGE gives no rows: RETURNING is not supported"));
        }
        let table = written(&merge.table)?;
        let Target::Lake(key, entry) = self.existing(&table.name)? else {
            return Err(unsupported("MERGE into temporary tables is not supported"));
        };
        let columns = self.target_columns(&key, &entry).await?;
        let mut values: Vec<(MergeWhen, String)> = Vec::new();
        let mut clauses: Vec<(MergeWhen, Option<usize>, Planned)> = Vec::new();
        let mut keep = |when: MergeWhen, value: String| {
            values.push((when, value));
            values.len() - 1
        };
        for clause in &merge.clauses {
            let when = match clause.clause_kind {
                MergeClauseKind::Matched => MergeWhen::Matched,
                MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => MergeWhen::NotMatched,
                MergeClauseKind::NotMatchedBySource => MergeWhen::NotMatchedBySource,
            };
            let condition = clause.predicate.as_ref().map(|p| keep(when, p.to_string()));
            let planned = match &clause.action {
                SqlAction::Delete { .. } => Planned::Delete,
                SqlAction::Update(update) => Planned::Update(
                    assignments(&update.assignments)?
                        .into_iter()
                        .map(|(name, value)| (real_name(&name, &columns), keep(when, value.to_string())))
                        .collect(),
                ),
                SqlAction::Insert(insert) => {
                    let MergeInsertKind::Values(rows) = &insert.kind else {
                        return Err(unsupported("MERGE: INSERT ROW is not supported; name the columns"));
                    };
                    let [row] = rows.rows.as_slice() else {
                        return Err(unsupported("MERGE inserts one row for each row of the source"));
                    };
                    let names = match insert.columns.as_slice() {
                        [] => columns.clone(),
                        named => named.iter().map(column).collect::<Result<Vec<_>, _>>()?,
                    };
                    let given = row.iter().map(ToString::to_string).collect::<Vec<_>>();
                    if names.len() != given.len() {
                        let text = format!("MERGE inserts {} values into {} columns", given.len(), names.len());
                        return Err(errors::told(ErrorKind::Binder, text));
                    }
                    Planned::Insert(
                        names.iter().zip(given).map(|(name, v)| (real_name(name, &columns), keep(when, v))).collect(),
                    )
                }
            };
            clauses.push((when, condition, planned));
        }
        let source = source_text(&merge.source);
        let about = |when: MergeWhen| -> Vec<String> {
            values.iter().filter(|(of, _)| *of == when).map(|(_, value)| value.clone()).collect()
        };
        let sides = self.sides(&table, &source, &merge.on.to_string(), &about(MergeWhen::Matched)).await?;
        // Rows without a partner have one side only, so its columns need no qualifier.
        let new = self.one_side(&source, SOURCE, &about(MergeWhen::NotMatched)).await?;
        let left = self.one_side(&table.text, TARGET, &about(MergeWhen::NotMatchedBySource)).await?;
        let value = |at: usize| {
            let when = values[at].0;
            let place = values[..at].iter().filter(|(of, _)| *of == when).count();
            match when {
                MergeWhen::Matched => sides.values[place].clone(),
                MergeWhen::NotMatched => new[place].clone(),
                MergeWhen::NotMatchedBySource => left[place].clone(),
            }
        };
        let named = |list: Vec<(String, usize)>| list.into_iter().map(|(name, at)| (name, value(at))).collect();
        let clauses = clauses.into_iter().map(|(when, condition, planned)| MergeClause {
            when,
            condition: condition.map(value),
            action: match planned {
                Planned::Update(list) => MergeAction::Update(named(list)),
                Planned::Insert(list) => MergeAction::Insert(named(list)),
                Planned::Delete => MergeAction::Delete,
            },
        });
        let clauses = clauses.collect();
        let counts = self.run_merge(&key, &entry, &sides.session, Merge { clauses, ..sides.merge }).await?;
        Ok(done(Some(counts.inserted + counts.updated + counts.deleted)))
    }

    async fn target_columns(&mut self, key: &Key, entry: &Entry) -> Result<Vec<String>, AdapterError> {
        let location = location_of(key, entry)?;
        let staged = self.transaction.table(self.instance, key, location).await?;
        let schema = staged.schema().map_err(|e| errors::delta(&e))?;
        Ok(schema.fields().iter().map(|f| f.name().clone()).collect())
    }

    /// Plans values over one side of a merge.
    async fn one_side(&self, from: &str, name: &str, values: &[String]) -> Result<Vec<Expr>, AdapterError> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let (all, _) = self.plan_here(&format!("select * from {from}")).await?;
        let numbered = values.iter().enumerate().map(|(at, v)| format!("{v} as __value_{at}"));
        let listed = numbered.collect::<Vec<_>>().join(", ");
        let (plan, _) = self.plan_here(&format!("select {listed} from {from}")).await?;
        let names = qualifiers(&all);
        let (target, source) = if name == TARGET { (names, Vec::new()) } else { (Vec::new(), names) };
        projected(&plan, values.len())?.into_iter().map(|value| renamed(value, &target, &source)).collect()
    }

    /// Plans both sides of a merge, its condition and the values of its clauses.
    pub(super) async fn sides(
        &mut self,
        table: &Written,
        source: &str,
        condition: &str,
        values: &[String],
    ) -> Result<Sides, AdapterError> {
        let (target_plan, _) = self.plan_here(&format!("select * from {}", table.text)).await?;
        let (source_plan, _) = self.plan_here(&format!("select * from {source}")).await?;
        let target_names = qualifiers(&target_plan);
        let source_names = qualifiers(&source_plan);
        let numbered = values.iter().enumerate().map(|(at, v)| format!("{v} as __value_{at}"));
        // A value that is always there, so that the list is never empty.
        let listed = numbered.chain(["1 as __none".to_owned()]).collect::<Vec<_>>().join(", ");
        let sql = format!("select {listed} from {} cross join {source} where {condition}", table.text);
        let (plan, session) = self.plan_here(&sql).await?;
        let side = |expr: Expr| renamed(expr, &target_names, &source_names);
        let on = filter_of(&plan).map_or_else(|| Ok(datafusion::logical_expr::lit(true)), side)?;
        let mut planned = projected(&plan, values.len() + 1)?;
        planned.pop();
        let values = planned.into_iter().map(side).collect::<Result<Vec<_>, _>>()?;
        let merge = Merge {
            source: source_plan,
            source_alias: SOURCE.to_owned(),
            target_alias: TARGET.to_owned(),
            on,
            clauses: Vec::new(),
        };
        Ok(Sides { session, merge, values })
    }

    /// Runs a merge.
    pub(super) async fn run_merge(
        &mut self,
        key: &Key,
        entry: &Entry,
        session: &SessionState,
        merge: Merge,
    ) -> Result<MergeCounts, AdapterError> {
        let location = location_of(key, entry)?;
        self.transaction.lease(self.instance, key).await?;
        let staged = self.transaction.table(self.instance, key, location).await?;
        match staged.merge(session, merge.clone()).await.map_err(|e| errors::delta(&e)) {
            Err(error) if wants_sorted_joins(&error) => {
                staged.merge(&with_sorted_joins(session), merge).await.map_err(|e| errors::delta(&e))
            }
            other => other,
        }
    }
}

/// The source as a FROM clause has it; a subquery needs a name.
fn source_text(source: &TableFactor) -> String {
    match source {
        TableFactor::Derived { alias: None, .. } => format!("{source} as {SOURCE}"),
        other => other.to_string(),
    }
}

/// The column's name as the table spells it.
fn real_name(name: &str, columns: &[String]) -> String {
    let exact = columns.iter().find(|c| *c == name);
    exact.or_else(|| columns.iter().find(|c| c.eq_ignore_ascii_case(name))).cloned().unwrap_or_else(|| name.to_owned())
}

/// The names under which a plan's columns can be qualified.
fn qualifiers(plan: &LogicalPlan) -> Vec<TableReference> {
    let mut found: Vec<TableReference> = Vec::new();
    for (qualifier, _) in plan.schema().iter() {
        if let Some(qualifier) = qualifier
            && !found.contains(qualifier)
        {
            found.push(qualifier.clone());
        }
    }
    found
}

/// An expression with both sides under the names that the table's merge knows.
fn renamed(expr: Expr, target: &[TableReference], source: &[TableReference]) -> Result<Expr, AdapterError> {
    let changed = expr.transform(|node| {
        Ok(match node {
            Expr::Column(column) => match &column.relation {
                Some(relation) if target.contains(relation) => {
                    Transformed::yes(Expr::Column(Column::new(Some(TARGET), column.name)))
                }
                Some(relation) if source.contains(relation) => {
                    Transformed::yes(Expr::Column(Column::new(Some(SOURCE), column.name)))
                }
                _ => Transformed::no(Expr::Column(column)),
            },
            other => Transformed::no(other),
        })
    });
    changed.map(|c| c.data).map_err(|e| errors::running(&e))
}
