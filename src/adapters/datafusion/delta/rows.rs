//! Changes by whole sets of rows: replace all, append, replace a range, become the result of a query. In: plans. Out: staged steps.

use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::change::{has_subquery, unqualified};
use super::meta::Meta;
use super::provider::LakeTable;
use super::squash::Step;
use super::table::added;
use super::write::{aligned, write};
use super::{DeltaError, StagedTable, TableOptions};

impl StagedTable {
    /// Creates the table, or replaces all of it: columns, rows, properties. History stays. Returns the rows written.
    pub async fn overwrite(
        &mut self,
        session: &SessionState,
        input: LogicalPlan,
        options: &TableOptions,
    ) -> Result<u64, DeltaError> {
        let previous = self.previous_meta();
        if let Some(previous) = previous {
            previous.check_writable(&self.location)?;
            if self.exists() {
                previous.check_deletable(&self.location)?;
            }
        }
        let meta = Meta::of_query(&self.location, input.schema().as_arrow(), options, previous)?;
        let plan = aligned(&self.location, input, meta.schema())?;
        let written = write(session, plan, &self.sink(&meta)).await?;
        let mut actions = meta.actions(previous);
        for file in self.files().await? {
            actions.push(file.removed(true)?);
        }
        for add in written.adds {
            actions.push(added(add, true)?);
        }
        let operation = if previous.is_some() { "CREATE OR REPLACE TABLE AS SELECT" } else { "CREATE TABLE AS SELECT" };
        let step = Step::new(operation, actions)
            .with("partitionBy", serde_json::json!(options.partition_by))
            .counted("numOutputRows", written.rows);
        self.stage(step, meta).await?;
        Ok(written.rows)
    }

    /// Adds rows. Columns go by name; missing ones are NULL. When many small files have come together, they become larger ones
    /// in the same commit. Returns the rows added.
    pub async fn append(&mut self, session: &SessionState, input: LogicalPlan) -> Result<u64, DeltaError> {
        let meta = self.writable()?.clone();
        let blind = !LakeTable::read_by(&input).contains(&self.location);
        let plan = aligned(&self.location, input, meta.schema())?;
        let written = write(session, plan, &self.sink(&meta)).await?;
        if written.adds.is_empty() {
            return Ok(0);
        }
        let actions = written.adds.into_iter().map(|add| added(add, true)).collect::<Result<Vec<_>, _>>()?;
        let mut step = Step::new("WRITE", actions).with("mode", "Append").counted("numOutputRows", written.rows);
        step.blind = blind;
        self.stage(step, meta).await?;
        self.compact_small(session).await?;
        Ok(written.rows)
    }

    /// Replaces the rows that satisfy a predicate. New rows must satisfy it too. Returns the rows added.
    pub async fn replace_where(
        &mut self,
        session: &SessionState,
        predicate: Expr,
        input: LogicalPlan,
    ) -> Result<u64, DeltaError> {
        let meta = self.writable()?.clone();
        meta.check_deletable(&self.location)?;
        if has_subquery(&predicate) {
            return Err(DeltaError::Unsupported("the range to be replaced is described with a subquery".to_string()));
        }
        let plan = aligned(&self.location, input, meta.schema())?;
        let range = unqualified(predicate.clone())?;
        let mut sink = self.sink(&meta);
        sink.range = Some(&range);
        let written = write(session, plan, &sink).await?;
        let (mut actions, deleted) = self.without(session, &predicate).await?;
        for add in written.adds {
            actions.push(added(add, true)?);
        }
        if actions.is_empty() {
            return Ok(0);
        }
        let step = Step::new("WRITE", actions)
            .with("mode", "Overwrite")
            .with("predicate", predicate.human_display().to_string())
            .counted("numOutputRows", written.rows)
            .counted("numDeletedRows", deleted);
        self.stage(step, meta).await?;
        Ok(written.rows)
    }

    /// The table becomes the result of a query (over itself, as a rule) with the same columns. Returns the rows it has then.
    pub async fn rewrite_rows(&mut self, session: &SessionState, kept: LogicalPlan) -> Result<u64, DeltaError> {
        let meta = self.writable()?.clone();
        meta.check_deletable(&self.location)?;
        let plan = aligned(&self.location, kept, meta.schema())?;
        let written = write(session, plan, &self.sink(&meta)).await?;
        let mut actions = Vec::new();
        for file in self.files().await? {
            actions.push(file.removed(true)?);
        }
        for add in written.adds {
            actions.push(added(add, true)?);
        }
        if actions.is_empty() {
            return Ok(0);
        }
        let step = Step::new("WRITE", actions).with("mode", "Overwrite").counted("numOutputRows", written.rows);
        self.stage(step, meta).await?;
        Ok(written.rows)
    }
}
