//! The two passes of a MERGE over its target: keys first, then the files that change.

use std::collections::{BTreeSet, HashMap};

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast as cast_array;
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type, UInt64Type};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::{count, first_value, sum};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, ExprSchemable, LogicalPlan, LogicalPlanBuilder, case, lit, when,
};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;

use super::super::change::{collected, file_column};
use super::super::provider::path_of;
use super::super::write::converted;
use super::super::{DeltaError, StagedTable};
use super::kept::Bits;
use super::source::{ROW, Source, duplicate, row_of};
use super::{Condition, Counts, Merge, MergeAction, MergeClause, MergeWhen, Plan, column, first_fitting, joined};

/// The number of the clause that fits a row.
const ACTION: &str = "__transform_action";
/// The number of a target row, where several matches must be found out.
const TARGET_ROW: &str = "__transform_target";
/// Which of the partners of a target row it is.
const CHOICE: &str = "__transform_choice";

/// What a MERGE will do.
pub(super) struct Effect {
    /// Files with rows that change.
    pub(super) touched: BTreeSet<String>,
    /// Source rows with a partner.
    pub(super) matched: Bits,
    /// Rows of the target by the number of the clause that fits them.
    pub(super) rows_by_clause: HashMap<i32, u64>,
    /// Whether a row of the target has several partners, at most one of which changes it.
    pub(super) several: bool,
}

impl Effect {
    async fn count(
        &mut self,
        session: &SessionState,
        plan: &LogicalPlan,
        table: &StagedTable,
    ) -> Result<(), DeltaError> {
        let url = table.lake.table_url(&table.location)?;
        let physical = session.create_physical_plan(plan).await?;
        let mut stream = execute_stream(physical, session.task_ctx())?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let actions = batch.column(1).as_primitive::<Int32Type>();
            if let Some(rows) = batch.columns().get(2) {
                rows.as_primitive::<UInt64Type>().values().iter().for_each(|row| self.matched.set(*row));
            }
            // A file's name comes once, rows refer to it.
            let (names, of_row) = match batch.column(0).as_any_dictionary_opt() {
                Some(files) => (files.values().clone(), files.normalized_keys()),
                None => (batch.column(0).clone(), (0..batch.num_rows()).collect()),
            };
            let names = cast_array(&names, &DataType::Utf8)?;
            let names = names.as_string::<i32>();
            let mut hit = vec![false; names.len()];
            for (action, file) in actions.values().iter().zip(of_row) {
                if *action > 0 {
                    hit[file] = true;
                    *self.rows_by_clause.entry(*action).or_default() += 1;
                }
            }
            for (name, _) in names.iter().zip(hit).filter(|(_, hit)| *hit) {
                self.touched.extend(name.map(|name| path_of(&url, name)));
            }
        }
        Ok(())
    }
}

impl StagedTable {
    /// The first pass: what matches what, without rows' other columns.
    pub(super) async fn effect(
        &self,
        session: &SessionState,
        merge: &Merge,
        condition: &Condition,
        source: &Source,
        repeats: bool,
    ) -> Result<Effect, DeltaError> {
        let mut effect = Effect {
            touched: BTreeSet::new(),
            matched: Bits::new(source.rows),
            rows_by_clause: HashMap::new(),
            several: false,
        };
        let all = self.scan_of(merge.target(), None, true).await?;
        if source.rows > 0 && (merge.has(MergeWhen::Matched) || merge.has(MergeWhen::NotMatched)) {
            let mut target = LogicalPlanBuilder::from(all.clone());
            if let Some(range) = source.range(session, merge, condition, &all).await? {
                target = target.filter(range)?;
            }
            let target = target.build()?;
            if !condition.by_key || repeats {
                effect.several = self.check_matches(session, merge, condition, source, target.clone()).await?;
            }
            let pairs = joined(source.plan(merge.source())?, target, JoinType::Inner, &merge.on)?;
            let action = first_fitting(merge.numbered(MergeWhen::Matched))?;
            let plan = LogicalPlanBuilder::from(pairs)
                .project([file_column(), action.alias(ACTION), row_of(merge.source()).alias(ROW)])?
                .build()?;
            effect.count(session, &plan, self).await?;
        }
        if merge.has(MergeWhen::NotMatchedBySource) {
            // Nobody has looked for partners.
            effect.several |= !merge.has(MergeWhen::Matched) && !merge.has(MergeWhen::NotMatched);
            let alone = match source.rows {
                0 => all,
                _ => joined(source.plan(merge.source())?, all, JoinType::RightAnti, &merge.on)?,
            };
            let action = first_fitting(merge.numbered(MergeWhen::NotMatchedBySource))?;
            let plan = LogicalPlanBuilder::from(alone).project([file_column(), action.alias(ACTION)])?.build()?;
            effect.count(session, &plan, self).await?;
        }
        Ok(effect)
    }

    /// Refuses target rows that several partners would change, where unique keys do not exclude them. Whether rows have several
    /// partners at all.
    async fn check_matches(
        &self,
        session: &SessionState,
        merge: &Merge,
        condition: &Condition,
        source: &Source,
        target: LogicalPlan,
    ) -> Result<bool, DeltaError> {
        let target = LogicalPlanBuilder::from(target).window([row_number().alias(TARGET_ROW)])?.build()?;
        let pairs = joined(source.plan(merge.source())?, target, JoinType::Inner, &merge.on)?;
        let changes = first_fitting(merge.numbered(MergeWhen::Matched))?.gt(lit(0_i32));
        let changing = sum(when(changes, lit(1_i64)).otherwise(lit(0_i64))?).alias("changing");
        let keys = condition.keys.iter().map(|key| first_value(key.source.clone(), Vec::new()));
        let found = [count(lit(1_i64)).alias("partners"), changing].into_iter().chain(keys);
        let plan = LogicalPlanBuilder::from(pairs)
            .aggregate([column(TARGET_ROW)], found)?
            .filter(column("partners").gt(lit(1_i64)))?
            .sort([column("changing").sort(false, false)])?
            .limit(0, Some(1))?
            .build()?;
        let batches = collected(session, &plan).await?;
        let Some(worst) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(false) };
        let rows = worst.column(2).as_primitive::<Int64Type>().value(0);
        if rows <= 1 {
            return Ok(true);
        }
        Err(match condition.by_key {
            true => duplicate(condition, &worst.columns()[3..], rows, &self.location)?,
            false => DeltaError::SeveralMatches { table: self.location.clone(), rows },
        })
    }

    /// Refuses several new rows of one key.
    pub(super) async fn check_new(
        &self,
        session: &SessionState,
        merge: &Merge,
        condition: &Condition,
        source: &Source,
        effect: &Effect,
    ) -> Result<(), DeltaError> {
        if !merge.has(MergeWhen::NotMatched) {
            return Ok(());
        }
        let rows = inserted(merge, source.unmatched(merge.source(), effect.matched.clone())?)?;
        Source::repeated(session, condition, rows, &self.location).await?.map_or(Ok(()), Err)
    }

    /// The second pass: the rows that stand in the table in the place of the touched files' rows, and new ones.
    pub(super) async fn rewritten(&self, merge: &Merge, source: &Source, effect: Effect) -> Result<Plan, DeltaError> {
        let counts: Counts = effect.counts(merge);
        let touched: Vec<String> = effect.touched.iter().cloned().collect();
        let mut plan = None;
        if !touched.is_empty() {
            plan = Some(self.changed_files(merge, source, &touched, effect.several).await?);
        }
        if merge.has(MergeWhen::NotMatched) && source.rows > 0 {
            let new = self.new_rows(merge, source.unmatched(merge.source(), effect.matched)?)?;
            plan = Some(match plan {
                Some(changed) => LogicalPlanBuilder::from(changed).union(new)?.build()?,
                None => new,
            });
        }
        Ok((counts, touched, plan))
    }

    async fn changed_files(
        &self,
        merge: &Merge,
        source: &Source,
        touched: &[String],
        several: bool,
    ) -> Result<LogicalPlan, DeltaError> {
        let mut target = self.scan_of(merge.target(), Some(touched.to_vec()), false).await?;
        let several = several && source.rows > 0;
        if several {
            target = LogicalPlanBuilder::from(target).window([row_number().alias(TARGET_ROW)])?.build()?;
        }
        let unmatched = first_fitting(merge.numbered(MergeWhen::NotMatchedBySource))?;
        let (rows, action) = if source.rows == 0 {
            (target, unmatched)
        } else {
            let rows = joined(source.plan(merge.source())?, target, JoinType::Right, &merge.on)?;
            let matched = first_fitting(merge.numbered(MergeWhen::Matched))?;
            (rows, when(row_of(merge.source()).is_not_null(), matched).otherwise(unmatched)?)
        };
        let mut plan = with_action(rows, action)?;
        if several {
            // Of its partners each row keeps the one that changes it.
            let changes = column(ACTION).gt(lit(0_i32)).sort(false, false);
            let choice = row_number().partition_by(vec![column(TARGET_ROW)]).order_by(vec![changes]).build()?;
            plan = LogicalPlanBuilder::from(plan)
                .window([choice.alias(CHOICE)])?
                .filter(column(CHOICE).eq(lit(1_u64)))?
                .build()?;
        }
        let deleting: Vec<Expr> = (1..)
            .zip(&merge.clauses)
            .filter(|(_, clause)| matches!(clause.action, MergeAction::Delete))
            .map(|(number, _)| lit(number))
            .collect();
        if !deleting.is_empty() {
            plan = LogicalPlanBuilder::from(plan).filter(column(ACTION).in_list(deleting, true))?.build()?;
        }
        // Without a source its columns are not there, and nothing matches.
        let updating = |clause: &MergeClause| {
            matches!(clause.action, MergeAction::Update(_))
                && (source.rows > 0 || clause.when == MergeWhen::NotMatchedBySource)
        };
        let clauses: Vec<(i32, &MergeClause)> = (1..).zip(&merge.clauses).filter(|(_, c)| updating(c)).collect();
        let old = |name: &str| Ok(Expr::Column(Column::new(Some(merge.target()), name)));
        self.columns(plan, &clauses, old)
    }

    fn new_rows(&self, merge: &Merge, source: LogicalPlan) -> Result<LogicalPlan, DeltaError> {
        let plan = inserted(merge, source)?;
        let inserting: Vec<(i32, &MergeClause)> = inserting(merge).collect();
        let schema = self.meta()?.schema().clone();
        let none = |name: &str| Ok(lit(ScalarValue::try_from(schema.field_with_name(name)?.data_type())?));
        self.columns(plan, &inserting, none)
    }

    /// The table's columns, each with the value that the row's clause gives it.
    fn columns(
        &self,
        plan: LogicalPlan,
        clauses: &[(i32, &MergeClause)],
        otherwise: impl Fn(&str) -> Result<Expr, DeltaError>,
    ) -> Result<LogicalPlan, DeltaError> {
        let schema = plan.schema().clone();
        let mut columns = Vec::new();
        for field in self.meta()?.schema().fields() {
            let mut branches = Vec::new();
            for (number, clause) in clauses {
                if let MergeAction::Update(values) | MergeAction::Insert(values) = &clause.action
                    && let Some((_, value)) = values.iter().find(|(name, _)| name == field.name())
                {
                    let from = value.get_type(schema.as_ref())?;
                    branches.push((*number, converted(value.clone(), field.name(), &from, field.data_type())?));
                }
            }
            let only = clauses.len() == 1 && clauses[0].1.when == MergeWhen::NotMatched;
            let value = match branches.pop() {
                None => otherwise(field.name())?,
                Some((_, value)) if only => value,
                Some((number, value)) => {
                    let mut choice = case(column(ACTION));
                    for (number, value) in branches {
                        choice = choice.when(lit(number), value);
                    }
                    choice.when(lit(number), value).otherwise(otherwise(field.name())?)?
                }
            };
            columns.push(value.alias(field.name()));
        }
        Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
    }
}

fn inserting(merge: &Merge) -> impl Iterator<Item = (i32, &MergeClause)> {
    merge.numbered(MergeWhen::NotMatched).filter(|(_, clause)| matches!(clause.action, MergeAction::Insert(_)))
}

/// Those of the source's rows without a partner that a clause inserts.
fn inserted(merge: &Merge, unmatched: LogicalPlan) -> Result<LogicalPlan, DeltaError> {
    let plan = with_action(unmatched, first_fitting(merge.numbered(MergeWhen::NotMatched))?)?;
    let numbers = inserting(merge).map(|(number, _)| lit(number)).collect();
    Ok(LogicalPlanBuilder::from(plan).filter(column(ACTION).in_list(numbers, false))?.build()?)
}

/// The plan with the number of the clause that fits each row.
fn with_action(plan: LogicalPlan, action: Expr) -> Result<LogicalPlan, DeltaError> {
    let mut columns: Vec<Expr> = plan.schema().iter().map(|(q, f)| Expr::Column(Column::from((q, f)))).collect();
    columns.push(action.alias(ACTION));
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}
