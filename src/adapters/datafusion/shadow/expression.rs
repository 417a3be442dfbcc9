//! The value of an expression. In: the expression, the columns of its operator's input. Out: the columns of tables behind
//! it, and how it is computed.

use datafusion::common::Column as Reference;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{BinaryExpr, GroupingSet};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};

use super::super::type_names::sql_name;
use super::casts;
use super::plan::{Scope, Walk};
use crate::adapters::shadow::EdgeKind;
use crate::adapters::shadow::column::{Column, Print, absorb};

impl Walk {
    /// The value of an expression over the columns of its operator's input.
    pub(super) fn value(&mut self, expression: &Expr, scope: Scope<'_>) -> Result<Column, String> {
        self.deeper()?;
        let found = self.value_inside(expression, scope);
        self.depth -= 1;
        found
    }

    fn value_inside(&mut self, expression: &Expr, scope: Scope<'_>) -> Result<Column, String> {
        let kind = match expression {
            Expr::Alias(alias) => return self.value(&alias.expr, scope),
            Expr::Column(column) => {
                let place = scope.schema.maybe_index_of_column(column);
                let found = place.and_then(|place| scope.columns.get(place)).cloned();
                return found.ok_or_else(|| format!("the plan refers to an unknown column {column}"));
            }
            Expr::OuterReferenceColumn(_, column) => return self.outer_column(column),
            Expr::ScalarSubquery(query) => {
                let (found, _) = self.subquery(&query.subquery, scope)?;
                let [found] = found.as_slice() else { return Err("a subquery has not one column".to_owned()) };
                return Ok(found.clone());
            }
            Expr::Exists(exists) => {
                let before = std::mem::take(&mut self.rows);
                let (_, correlated) = self.subquery(&exists.subquery.subquery, scope)?;
                let rows = std::mem::replace(&mut self.rows, before);
                let mut made = Column::default();
                made.print.text(if exists.negated { "not exists" } else { "exists" }).print(&rows);
                take_in(&mut made, correlated);
                return Ok(made);
            }
            Expr::InSubquery(inner) => {
                return self.sought(
                    &inner.expr,
                    &inner.subquery.subquery,
                    scope,
                    if inner.negated { "not in" } else { "in" },
                );
            }
            Expr::SetComparison(inner) => {
                let how = format!("{} {}", inner.op, inner.quantifier);
                return self.sought(&inner.expr, &inner.subquery.subquery, scope, &how);
            }
            Expr::BinaryExpr(binary) => return self.binary(binary, scope),
            Expr::Cast(cast) => {
                let from = cast.expr.get_type(scope.schema).ok();
                if from.is_some_and(|from| casts::is_cosmetic(&from, cast.field.data_type())) {
                    return self.value(&cast.expr, scope);
                }
                EdgeKind::Cast
            }
            Expr::TryCast(_) => EdgeKind::Cast,
            Expr::AggregateFunction(_) => EdgeKind::Aggregate,
            Expr::WindowFunction(_) => EdgeKind::Window,
            Expr::Between(between) => {
                for side in [&between.expr, &between.low, &between.high] {
                    self.compared(side, scope)?;
                }
                EdgeKind::Expression
            }
            Expr::InList(list) => {
                for side in std::iter::once(list.expr.as_ref()).chain(&list.list) {
                    self.compared(side, scope)?;
                }
                EdgeKind::Expression
            }
            _ => EdgeKind::Expression,
        };
        let mut made = Column { print: own(expression)?, ..Column::default() };
        let mut failed = None;
        let walked = expression.apply_children(|child| {
            Ok(match self.value(child, scope) {
                Ok(found) => {
                    made.print.print(&found.print);
                    absorb(&mut made.origins, found.origins, kind);
                    TreeNodeRecursion::Continue
                }
                Err(why) => {
                    failed = Some(why);
                    TreeNodeRecursion::Stop
                }
            })
        });
        match (failed, walked) {
            (Some(why), _) => Err(why),
            (None, Err(error)) => Err(error.to_string()),
            (None, Ok(_)) => Ok(made),
        }
    }

    /// A chain of operators, which may be as long as a query's list of conditions: its left end is deep.
    fn binary(&mut self, binary: &BinaryExpr, scope: Scope<'_>) -> Result<Column, String> {
        let mut links = vec![binary];
        let mut left = binary.left.as_ref();
        while let Expr::BinaryExpr(inner) = left {
            links.push(inner);
            left = inner.left.as_ref();
        }
        let mut value = self.value(left, scope)?;
        for link in links.into_iter().rev() {
            if compares(link.op) {
                self.compared(&link.left, scope)?;
                self.compared(&link.right, scope)?;
            }
            let mut made = Column::default();
            made.print.text("operator").text(&link.op.to_string()).print(&value.print);
            absorb(&mut made.origins, value.origins, EdgeKind::Expression);
            let right = self.value(&link.right, scope)?;
            made.print.print(&right.print);
            absorb(&mut made.origins, right.origins, EdgeKind::Expression);
            value = made;
        }
        Ok(value)
    }

    /// A column of a query around: of the nearest one that has it.
    fn outer_column(&self, column: &Reference) -> Result<Column, String> {
        let found = self.outer.iter().rev().find_map(|(schema, columns)| {
            let place = schema.maybe_index_of_column(column)?;
            columns.get(place).cloned()
        });
        found.ok_or_else(|| format!("the plan refers to an unknown outer column {column}"))
    }

    /// Whether a value is among those of a query.
    fn sought(
        &mut self,
        value: &Expr,
        query: &datafusion::logical_expr::LogicalPlan,
        scope: Scope<'_>,
        how: &str,
    ) -> Result<Column, String> {
        let before = std::mem::take(&mut self.rows);
        let (found, correlated) = self.subquery(query, scope)?;
        let rows = std::mem::replace(&mut self.rows, before);
        let mut made = Column::default();
        made.print.text(how).print(&rows);
        let value = self.value(value, scope)?;
        take_in(&mut made, std::iter::once(value).chain(found).chain(correlated));
        Ok(made)
    }
}

fn take_in(made: &mut Column, parts: impl IntoIterator<Item = Column>) {
    for part in parts {
        made.print.print(&part.print);
        absorb(&mut made.origins, part.origins, EdgeKind::Expression);
    }
}

fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// What an expression is apart from the expressions inside.
fn own(expression: &Expr) -> Result<Print, String> {
    let mut print = Print::default();
    print.text(expression.variant_name());
    match expression {
        Expr::Literal(value, _) => {
            print.text(&sql_name(&value.data_type())).text(&value.to_string());
        }
        Expr::Like(like) | Expr::SimilarTo(like) => {
            print.text(&format!("{} {} {:?}", like.negated, like.case_insensitive, like.escape_char));
        }
        Expr::Between(between) => {
            print.text(&between.negated.to_string());
        }
        Expr::InList(list) => {
            print.text(&list.negated.to_string());
        }
        Expr::Case(case) => {
            print.text(&format!("{} {} {}", case.expr.is_some(), case.when_then_expr.len(), case.else_expr.is_some()));
        }
        Expr::Cast(cast) => {
            print.text(&sql_name(cast.field.data_type()));
        }
        Expr::TryCast(cast) => {
            print.text(&sql_name(cast.field.data_type()));
        }
        Expr::ScalarFunction(function) => {
            print.text(function.name());
        }
        Expr::HigherOrderFunction(function) => {
            print.text(function.name());
        }
        Expr::AggregateFunction(function) => {
            let params = &function.params;
            print.text(function.func.name());
            print.text(&format!("{} {:?} {}", params.distinct, params.null_treatment, params.filter.is_some()));
            for sort in &params.order_by {
                print.text(&format!("{} {}", sort.asc, sort.nulls_first));
            }
        }
        Expr::WindowFunction(function) => {
            let params = &function.params;
            print.text(function.fun.name());
            print.text(&format!("{} {:?} {}", params.distinct, params.null_treatment, params.filter.is_some()));
            print.text(&format!("{} {} {}", params.args.len(), params.partition_by.len(), params.window_frame));
            for sort in &params.order_by {
                print.text(&format!("{} {}", sort.asc, sort.nulls_first));
            }
        }
        Expr::Lambda(lambda) => {
            for name in &lambda.params {
                print.text(name);
            }
        }
        Expr::LambdaVariable(variable) => {
            print.text(&variable.name);
        }
        Expr::ScalarVariable(_, names) => {
            for name in names {
                print.text(name);
            }
        }
        Expr::GroupingSet(set) => {
            let sizes: Vec<usize> = match set {
                GroupingSet::Rollup(all) | GroupingSet::Cube(all) => vec![all.len()],
                GroupingSet::GroupingSets(sets) => sets.iter().map(Vec::len).collect(),
            };
            print
                .text(if matches!(set, GroupingSet::Rollup(_)) { "rollup" } else { "sets" })
                .text(&format!("{sizes:?}"));
        }
        Expr::Not(_)
        | Expr::IsNotNull(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Negative(_)
        | Expr::Unnest(_) => {}
        other => return Err(format!("the plan holds the expression {}", other.variant_name())),
    }
    Ok(print)
}
