//! Casts that the planner would take for others. In: a query as it was parsed. Out: the same query, in which such casts are told apart.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{CastKind, DataType, Expr, Query, SetExpr, Value, VisitorMut};

use super::dialect::call;

/// Writes casts to decimals in rows of VALUES twice. The planner casts rows of several types to one, in which doubles become decimals;
/// that is undone later, but not what has been written.
pub(super) fn in_values(query: &mut Query) {
    let SetExpr::Values(values) = query.body.as_mut() else { return };
    if values.rows.len() < 2 {
        return;
    }
    for value in values.rows.iter_mut().flat_map(|row| row.iter_mut()) {
        let Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } = &*value else {
            continue;
        };
        let twice = matches!(&**expr, Expr::Cast { data_type: inner, .. } if inner == data_type);
        if has_digits(data_type) && !twice {
            let (inner, data_type) = (value.clone(), data_type.clone());
            let kind = CastKind::Cast;
            *value = Expr::Cast { kind, expr: Box::new(inner), data_type, array: false, format: None };
        }
    }
}

/// Whether it is a decimal, or has decimals in it.
fn has_digits(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_uppercase();
    ["DEC", "NUMERIC"].iter().any(|word| name.contains(word))
}

/// Gives what is cast a name of its own, for the planner leaves casts out of names: `sum(x::int)` and `sum(x::double)` would be one
/// column.
pub(super) struct Naming;

impl VisitorMut for Naming {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { data_type, .. } = expr {
            let of = Expr::Value(Value::SingleQuotedString(data_type.to_string()).into());
            *expr = call("typed_as", vec![expr.clone(), of]);
        }
        ControlFlow::Continue(())
    }
}
