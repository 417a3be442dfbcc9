//! What WITH names around a SELECT that a walk has come to. In: the queries that the walk enters and leaves. Out: the WITHs, each
//! with the names that are known at the place alone, so that they can stand in front of another query.

use datafusion::sql::sqlparser::ast::{Query, SetExpr, With};

/// The queries around, the outermost first.
#[derive(Default)]
pub(super) struct Around {
    frames: Vec<Frame>,
}

struct Frame {
    with: Option<With>,
    /// How many of its names have been walked.
    done: usize,
}

impl Around {
    pub(super) fn enter(&mut self, query: &Query) {
        self.frames.push(Frame { with: query.with.clone(), done: 0 });
    }

    pub(super) fn leave(&mut self) {
        self.frames.pop();
        // The names of WITH are walked before all other queries inside.
        if let Some(Frame { with: Some(with), done }) = self.frames.last_mut()
            && *done < with.cte_tables.len()
        {
            *done += 1;
        }
    }

    pub(super) fn withs(&self) -> Vec<With> {
        self.frames.iter().filter_map(Frame::known).collect()
    }
}

impl Frame {
    fn known(&self) -> Option<With> {
        let mut with = self.with.clone()?;
        let current = with.cte_tables.get(self.done).cloned();
        with.cte_tables.truncate(self.done);
        // A recursive query has the columns of the part that does not read it.
        if let (true, Some(mut cte)) = (with.recursive, current)
            && let SetExpr::SetOperation { left, .. } = *cte.query.body
        {
            cte.query.body = left;
            cte.query.order_by = None;
            cte.query.limit_clause = None;
            with.cte_tables.push(cte);
        }
        (!with.cte_tables.is_empty()).then_some(with)
    }
}
