//! Named windows. In: a SELECT and the order of its query. Out: the same with every window written out where it is used: the engine
//! reads names in the list alone, and forgets the name where more is said than that.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, Query, Select, SetExpr, VisitMut, VisitorMut,
    WindowSpec, WindowType,
};

use super::refusal::Refusal;

/// One query whose windows have names.
pub(super) fn of_query(query: &mut Query) -> ControlFlow<Refusal> {
    match query.body.as_mut() {
        SetExpr::Select(select) => inline(select, query.order_by.as_mut()),
        _ => ControlFlow::Continue(()),
    }
}

/// One SELECT.
pub(super) fn inline(select: &mut Select, order: Option<&mut OrderBy>) -> ControlFlow<Refusal> {
    let mut windows = Windows { known: Vec::new(), depth: 0 };
    for NamedWindowDefinition(name, window) in std::mem::take(&mut select.named_window) {
        if windows.known.iter().any(|(known, _)| *known == name.value.to_lowercase()) {
            let help = "give each window a name of its own";
            let message = format!("window {} is already defined", name.value);
            return ControlFlow::Break(Refusal::unsupported(message, help).at(name.span.start));
        }
        let spec = match window {
            NamedWindowExpr::NamedWindow(other) => windows.named(&other)?,
            NamedWindowExpr::WindowSpec(mut spec) => {
                windows.complete(&mut spec)?;
                spec
            }
        };
        windows.known.push((name.value.to_lowercase(), spec));
    }
    // What stands in FROM has windows of its own.
    let from = std::mem::take(&mut select.from);
    let found = VisitMut::visit(select, &mut windows);
    select.from = from;
    found?;
    match order {
        Some(order) => VisitMut::visit(order, &mut windows),
        None => ControlFlow::Continue(()),
    }
}

struct Windows {
    known: Vec<(String, WindowSpec)>,
    /// Queries around, below the SELECT.
    depth: usize,
}

impl Windows {
    fn named(&self, name: &Ident) -> ControlFlow<Refusal, WindowSpec> {
        match self.known.iter().find(|(known, _)| *known == name.value.to_lowercase()) {
            Some((_, spec)) => ControlFlow::Continue(spec.clone()),
            None => {
                let message = format!("there is no window {}", name.value);
                let help = "name it in this SELECT, before it is used: WINDOW w AS (PARTITION BY ...)";
                ControlFlow::Break(Refusal::unsupported(message, help).at(name.span.start))
            }
        }
    }

    /// `(w ORDER BY x)`: what `w` says, and what is added.
    fn complete(&self, spec: &mut WindowSpec) -> ControlFlow<Refusal> {
        let Some(name) = spec.window_name.take() else { return ControlFlow::Continue(()) };
        let base = self.named(&name)?;
        let clash = if !spec.partition_by.is_empty() && !base.partition_by.is_empty() {
            Some("PARTITION BY")
        } else if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            Some("ORDER BY")
        } else if base.window_frame.is_some() {
            Some("the frame")
        } else {
            None
        };
        if let Some(clash) = clash {
            let message = format!("{clash} of window {} cannot be changed", name.value);
            let refusal = Refusal::unsupported(message, "write the whole window where it is used");
            return ControlFlow::Break(refusal.at(name.span.start));
        }
        if spec.partition_by.is_empty() {
            spec.partition_by = base.partition_by;
        }
        if spec.order_by.is_empty() {
            spec.order_by = base.order_by;
        }
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Windows {
    type Break = Refusal;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Refusal> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Refusal> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        match &mut function.over {
            Some(WindowType::NamedWindow(name)) => {
                let spec = self.named(name)?;
                function.over = Some(WindowType::WindowSpec(spec));
            }
            Some(WindowType::WindowSpec(spec)) => self.complete(spec)?,
            None => {}
        }
        ControlFlow::Continue(())
    }
}
