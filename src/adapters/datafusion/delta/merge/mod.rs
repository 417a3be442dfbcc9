//! MERGE. In: a source, a condition, clauses. Out: a staged step.
//!
//! 1. The source runs once and is kept, in memory or on disk ([`source`]). Two rows with one key that would both be inserted, or
//!    both change one row, are refused before anything is written.
//! 2. The range of the source's keys limits which files of the target can match at all.
//! 3. A first pass joins keys only: which files have rows to change, which source rows found a partner ([`passes`]).
//! 4. A second pass rewrites those files alone; unmatched source rows come from what was kept.

mod kept;
mod passes;
mod source;

use datafusion::common::{Column, JoinType, TableReference};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator};

use self::passes::Effect;
use self::source::Source;
use super::squash::Step;
use super::write::write;
use super::{DeltaError, StagedTable};

/// A MERGE statement.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The rows to merge.
    pub source: LogicalPlan,
    /// The name by which expressions know the source.
    pub source_alias: String,
    /// The name by which expressions know the table.
    pub target_alias: String,
    /// When a row of the table and a row of the source belong together. Columns are qualified by the aliases.
    pub on: Expr,
    /// What to do; for each row the first clause that fits.
    pub clauses: Vec<MergeClause>,
}

/// One WHEN of a MERGE.
#[derive(Clone, Debug)]
pub struct MergeClause {
    /// For which rows.
    pub when: MergeWhen,
    /// Only where this holds.
    pub condition: Option<Expr>,
    /// What to do.
    pub action: MergeAction,
}

/// Which rows a clause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeWhen {
    /// Rows of the table that have a partner.
    Matched,
    /// Rows of the source without a partner.
    NotMatched,
    /// Rows of the table without a partner.
    NotMatchedBySource,
}

/// What a clause does.
#[derive(Clone, Debug)]
pub enum MergeAction {
    /// New values for columns of the table's row.
    Update(Vec<(String, Expr)>),
    /// The table's row goes.
    Delete,
    /// A new row; columns that are not named are NULL.
    Insert(Vec<(String, Expr)>),
}

/// What a MERGE did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCounts {
    /// Rows added.
    pub inserted: u64,
    /// Rows changed.
    pub updated: u64,
    /// Rows removed.
    pub deleted: u64,
}

/// `target = source`, one part of the condition.
#[derive(Clone, Debug)]
struct Key {
    target: Expr,
    source: Expr,
    /// NULL belongs to NULL.
    null_safe: bool,
}

/// The condition, taken apart.
struct Condition {
    keys: Vec<Key>,
    /// Parts about the source alone.
    source_only: Vec<Expr>,
    /// Nothing but keys and parts about one side: then equal keys are all it takes to match.
    by_key: bool,
}

impl Merge {
    fn target(&self) -> TableReference {
        TableReference::bare(self.target_alias.clone())
    }

    fn source(&self) -> TableReference {
        TableReference::bare(self.source_alias.clone())
    }

    fn has(&self, when: MergeWhen) -> bool {
        self.clauses.iter().any(|clause| clause.when == when)
    }

    /// Clauses of one kind with their numbers, which begin with 1.
    fn numbered(&self, when: MergeWhen) -> impl Iterator<Item = (i32, &MergeClause)> {
        (1..).zip(&self.clauses).filter(move |(_, clause)| clause.when == when)
    }

    fn condition(&self) -> Condition {
        let (target, source) = (self.target(), self.source());
        let of = |expr: &Expr, side: &TableReference| {
            let columns = expr.column_refs();
            columns.iter().all(|column| column.relation.as_ref() == Some(side))
        };
        let both = |expr: &Expr, side: &TableReference| !expr.column_refs().is_empty() && of(expr, side);
        let mut condition = Condition { keys: Vec::new(), source_only: Vec::new(), by_key: true };
        for part in split_conjunction(&self.on) {
            if let Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Eq | Operator::IsNotDistinctFrom), right }) =
                part
            {
                let null_safe = *op == Operator::IsNotDistinctFrom;
                if both(left, &target) && both(right, &source) {
                    condition.keys.push(Key { target: *left.clone(), source: *right.clone(), null_safe });
                    continue;
                }
                if both(left, &source) && both(right, &target) {
                    condition.keys.push(Key { target: *right.clone(), source: *left.clone(), null_safe });
                    continue;
                }
            }
            if both(part, &source) {
                condition.source_only.push(part.clone());
            } else if !of(part, &target) {
                condition.by_key = false;
            }
        }
        condition.by_key &= !condition.keys.is_empty();
        condition
    }

    fn check(&self, table: &StagedTable) -> Result<(), DeltaError> {
        let meta = table.meta()?;
        let refuse = |text: &str| Err(DeltaError::Unsupported(format!("MERGE into {}: {text}", table.location)));
        if self.source_alias == self.target_alias {
            return refuse("source and target need different names");
        }
        for clause in &self.clauses {
            let columns = match (&clause.action, clause.when) {
                (MergeAction::Insert(_), MergeWhen::Matched | MergeWhen::NotMatchedBySource) => {
                    return refuse("INSERT is for rows that are not matched");
                }
                (MergeAction::Update(_) | MergeAction::Delete, MergeWhen::NotMatched) => {
                    return refuse("rows that are not matched can only be inserted");
                }
                (MergeAction::Update(columns) | MergeAction::Insert(columns), _) => columns,
                _ => continue,
            };
            for (at, (column, _)) in columns.iter().enumerate() {
                if meta.schema().field_with_name(column).is_err() {
                    return Err(DeltaError::Columns(format!("{} has no column `{column}`", table.location)));
                }
                if columns[..at].iter().any(|(other, _)| other == column) {
                    return refuse(&format!("the column `{column}` is set twice"));
                }
            }
        }
        Ok(())
    }
}

impl StagedTable {
    /// Runs a MERGE.
    pub async fn merge(&mut self, session: &SessionState, merge: Merge) -> Result<MergeCounts, DeltaError> {
        let meta = self.writable()?.clone();
        merge.check(self)?;
        if merge.has(MergeWhen::Matched) || merge.has(MergeWhen::NotMatchedBySource) {
            meta.check_deletable(&self.location)?;
        }
        let condition = merge.condition();
        let source = Source::read(session, &merge).await?;
        let session = &source.session(session);
        let repeats = condition.by_key && source.repeats(session, &merge, &condition).await?;
        let effect = self.effect(session, &merge, &condition, &source, repeats).await?;
        if repeats {
            self.check_new(session, &merge, &condition, &source, &effect).await?;
        }
        let (counts, touched, plan) = self.rewritten(&merge, &source, effect).await?;
        let mut counts = MergeCounts { updated: counts.updated, deleted: counts.deleted, inserted: 0 };
        let before = self.row_count(session, Some(&touched)).await?;
        let written = match plan {
            Some(plan) => write(session, plan, &self.sink(&meta)).await?,
            None => Default::default(),
        };
        counts.inserted = (written.rows + counts.deleted).checked_sub(before).ok_or_else(|| DeltaError::Corrupt {
            table: self.location.clone(),
            reason: format!("{before} rows were to be rewritten, only {} came out", written.rows),
        })?;
        let actions = self.replacing(&touched, written).await?;
        if actions.is_empty() {
            return Ok(counts);
        }
        let step = Step::new("MERGE", actions)
            .with("predicate", merge.on.human_display().to_string())
            .counted("numTargetRowsInserted", counts.inserted)
            .counted("numTargetRowsUpdated", counts.updated)
            .counted("numTargetRowsDeleted", counts.deleted)
            .counted("numTargetFilesRemoved", touched.len() as u64);
        self.stage(step, meta).await?;
        self.compact_small(session).await?;
        Ok(counts)
    }
}

/// The first clause that fits a row, as its number; 0 for none.
fn first_fitting<'a>(clauses: impl Iterator<Item = (i32, &'a MergeClause)>) -> Result<Expr, DeltaError> {
    use datafusion::logical_expr::{lit, when};
    let clauses: Vec<(i32, &MergeClause)> = clauses.collect();
    let mut otherwise = lit(0_i32);
    for (number, clause) in clauses.into_iter().rev() {
        otherwise = match &clause.condition {
            Some(condition) => when(condition.clone(), lit(number)).otherwise(otherwise)?,
            None => lit(number),
        };
    }
    Ok(otherwise)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// A join with the source on the left: that is the side the engine keeps in memory.
fn joined(source: LogicalPlan, target: LogicalPlan, kind: JoinType, on: &Expr) -> Result<LogicalPlan, DeltaError> {
    Ok(LogicalPlanBuilder::from(source).join_on(target, kind, [on.clone()])?.build()?)
}

/// What the first pass found out and the second needs.
type Plan = (Counts, Vec<String>, Option<LogicalPlan>);

/// Rows of the table that change.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    updated: u64,
    deleted: u64,
}

impl Effect {
    fn counts(&self, merge: &Merge) -> Counts {
        let mut counts = Counts::default();
        for (number, rows) in &self.rows_by_clause {
            match usize::try_from(*number - 1).ok().and_then(|at| merge.clauses.get(at)).map(|clause| &clause.action) {
                Some(MergeAction::Update(_)) => counts.updated += rows,
                Some(MergeAction::Delete) => counts.deleted += rows,
                _ => {}
            }
        }
        counts
    }
}
