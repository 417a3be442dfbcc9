//! What WITH names around a SELECT. In: a statement, and which SELECT is looked for. Out: the SELECT and the WITHs, each with the
//! names that are known at the place alone, so that they can stand in front of another query.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Query, Select, SetExpr, Visitor, With};

/// The innermost SELECT of a kind, and what WITH names around it.
pub(super) fn innermost(statement: &Parsed, wanted: impl Fn(&Select) -> bool) -> Option<(Select, Vec<With>)> {
    let mut finding = Finding { wanted, around: Around::default(), found: None };
    let _ = super::aliases::visit(statement, &mut finding);
    finding.found
}

/// The body of the innermost query of a kind, and what WITH names around it and in it.
pub(super) fn innermost_query(statement: &Parsed, wanted: impl Fn(&Query) -> bool) -> Option<(SetExpr, Vec<With>)> {
    let mut finding = FindingQuery { wanted, around: Around::default(), found: None };
    let _ = super::aliases::visit(statement, &mut finding);
    finding.found
}

struct FindingQuery<F> {
    wanted: F,
    around: Around,
    found: Option<(SetExpr, Vec<With>)>,
}

impl<F: Fn(&Query) -> bool> Visitor for FindingQuery<F> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.around.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if (self.wanted)(query) {
            self.found = Some(((*query.body).clone(), self.around.withs()));
            return ControlFlow::Break(());
        }
        self.around.leave();
        ControlFlow::Continue(())
    }
}

struct Finding<F> {
    wanted: F,
    around: Around,
    found: Option<(Select, Vec<With>)>,
}

impl<F: Fn(&Select) -> bool> Visitor for Finding<F> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.around.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.around.leave();
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if (self.wanted)(select) {
            self.found = Some((select.clone(), self.around.withs()));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The queries around, the outermost first.
#[derive(Default)]
struct Around {
    frames: Vec<Frame>,
}

struct Frame {
    with: Option<With>,
    /// How many of its names have been walked.
    done: usize,
}

impl Around {
    fn enter(&mut self, query: &Query) {
        self.frames.push(Frame { with: query.with.clone(), done: 0 });
    }

    fn leave(&mut self) {
        self.frames.pop();
        // The names of WITH are walked before all other queries inside.
        if let Some(Frame { with: Some(with), done }) = self.frames.last_mut()
            && *done < with.cte_tables.len()
        {
            *done += 1;
        }
    }

    fn withs(&self) -> Vec<With> {
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
