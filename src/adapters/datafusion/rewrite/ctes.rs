//! WITH inside of WITH: an inner name that hides an outer one gets a name of its own, as the engine knows one list of names.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, TableAlias, TableFactor, Visit, VisitMut, Visitor, VisitorMut, With,
};

/// Gives hidden names new ones, if there are any.
pub(super) fn rename(statement: &mut (impl Visit + VisitMut)) {
    let mut names = Names::default();
    let _ = Visit::visit(&*statement, &mut names);
    if !names.repeated {
        return;
    }
    let mut scopes = Scopes { stack: vec![HashMap::new()], kept: Vec::new(), used: names.seen };
    let _ = VisitMut::visit(statement, &mut scopes);
}

#[derive(Default)]
struct Names {
    seen: HashMap<String, usize>,
    repeated: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            let count = self.seen.entry(cte.alias.name.value.to_lowercase()).or_insert(0);
            *count += 1;
            self.repeated |= *count > 1;
        }
        ControlFlow::Continue(())
    }
}

/// Names in scope -> names to use.
struct Scopes {
    stack: Vec<HashMap<String, String>>,
    kept: Vec<Option<With>>,
    used: HashMap<String, usize>,
}

impl Scopes {
    fn fresh(&mut self, name: &str) -> String {
        let mut number = 2;
        loop {
            let candidate = format!("{name}__{number}");
            if !self.used.contains_key(&candidate) {
                self.used.insert(candidate.clone(), 1);
                return candidate;
            }
            number += 1;
        }
    }
}

impl VisitorMut for Scopes {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut scope = self.stack.last().cloned().unwrap_or_default();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                let name = cte.alias.name.value.to_lowercase();
                let hidden = scope.contains_key(&name);
                let new = if hidden { self.fresh(&name) } else { name.clone() };
                if with.recursive {
                    scope.insert(name.clone(), new.clone());
                }
                self.stack.push(scope.clone());
                let _ = VisitMut::visit(&mut cte.query, self);
                self.stack.pop();
                if hidden {
                    cte.alias.name = Ident { value: new.clone(), quote_style: Some('"'), span: cte.alias.name.span };
                }
                scope.insert(name, new);
            }
        }
        self.kept.push(with);
        self.stack.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.stack.pop();
        query.with = self.kept.pop().flatten();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return ControlFlow::Continue(()) };
        let [part] = name.0.as_slice() else { return ControlFlow::Continue(()) };
        let Some(ident) = part.as_ident().cloned() else { return ControlFlow::Continue(()) };
        let old = ident.value.to_lowercase();
        if let Some(new) = self.stack.last().and_then(|s| s.get(&old))
            && *new != old
        {
            let renamed = Ident { value: new.clone(), quote_style: Some('"'), span: ident.span };
            *name = ObjectName::from(vec![renamed]);
            if alias.is_none() {
                *alias = Some(TableAlias { explicit: true, name: ident, columns: Vec::new(), at: None });
            }
        }
        ControlFlow::Continue(())
    }
}
