//! Functions, operators, types and casts that SQL written for DuckDB counts on, on plain DataFusion.
//!
//! In: a builder of a session. Out: the same builder, with everything in place: [`install`] is all that is to be called, after
//! `with_default_features` (functions of the same name replace the engine's). It also sets the parser's options that belong to
//! it: the dialect, decimals for `1.1`, nulls last, spans in errors. SQL goes through `super::rewrite` first.
//!
//! * [`scalar`]: the shape of all scalar functions; [`aggregates`], [`sums`]: aggregates
//! * [`dates`], [`parts`], [`strftime`], [`strings`], [`regex`], [`printf`], [`json`], [`lists`], [`numbers`], [`rounding`],
//!   [`first_of`], [`hash`], [`failing`], [`typed`]: the functions
//! * [`doubles`]: decimals beside doubles, dates beside timestamps; [`plain`]: zeros, and what is not a number; [`sets`]:
//!   INTERSECT and EXCEPT; [`groupings`]: ROLLUP and CUBE; [`ordered`]: aggregates with an order
//! * [`operators`]: `/`, `//`, dates and intervals, `->`; [`types`]: names of types; [`casts`], [`moments`]: rounding,
//!   writing and reading
//! * [`display`]: values as text
//!
//! What each gives is held against DuckDB's own values in `tests/values.txt`.

mod aggregates;
mod casts;
mod dates;
mod display;
mod doubles;
mod failing;
mod first_of;
mod groupings;
mod hash;
mod json;
mod lists;
mod moments;
mod numbers;
mod operators;
mod ordered;
mod parts;
mod plain;
mod printf;
mod regex;
mod rounding;
mod scalar;
mod sets;
mod strftime;
mod strings;
mod sums;
#[cfg(test)]
mod tests;
mod typed;
mod types;

use std::sync::Arc;

use datafusion::common::config::Dialect;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::optimizer::analyzer::function_rewrite::ApplyFunctionRewrites;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
#[cfg(test)]
pub(super) use display::texts;

/// Puts functions, operators, types and casts into a session, and sets the parser's options.
pub(super) fn install(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let scalars = scalars();
    builder.expr_planners().get_or_insert_default().insert(0, Arc::new(operators::Operators::new(&scalars)));
    *builder.type_planner() = Some(Arc::new(types::Types));
    *builder.analyzer() = Some(Analyzer::with_rules(rules(casts::Casts::new(&scalars))));
    builder.scalar_functions().get_or_insert_default().extend(scalars);
    builder
        .aggregate_functions()
        .get_or_insert_default()
        .extend(aggregates::functions().into_iter().chain([sums::function()]).chain(ordered::functions()));
    let parser = &mut builder.config().get_or_insert_default().options_mut().sql_parser;
    parser.dialect = Dialect::DuckDB;
    parser.parse_float_as_decimal = true;
    "nulls_last".clone_into(&mut parser.default_null_ordering);
    parser.collect_spans = true;
    builder
}

/// What becomes of a plan before the engine's own coercion. Decimals come first, as casts depend on the types that they get.
fn rules(casts: casts::Casts) -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut all: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
        Arc::new(groupings::Keys),
        Arc::new(doubles::Doubles),
        Arc::new(ApplyFunctionRewrites::new(vec![Arc::new(casts)])),
    ];
    all.extend(Analyzer::new().rules);
    all
}

/// An analyzer that leaves casts as they are written.
pub(super) fn without_casts(analyzer: &Analyzer) -> Analyzer {
    let casts = ApplyFunctionRewrites::default();
    Analyzer::with_rules(analyzer.rules.iter().filter(|rule| rule.name() != casts.name()).map(Arc::clone).collect())
}

/// What becomes of a condition of its own, such as a CHECK constraint.
pub(super) fn settled(session: &SessionState, expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let known: Vec<Arc<ScalarUDF>> = session.scalar_functions().values().map(Arc::clone).collect();
    let casts = casts::Casts::new(&known);
    let expr = expr.transform_up(|expr| doubles::in_expression(expr, schema))?.data;
    Ok(expr.transform_up(|expr| casts.rewrite(expr, schema, session.config_options()))?.data)
}

/// All scalar functions.
fn scalars() -> Vec<Arc<ScalarUDF>> {
    let mut all = dates::functions();
    all.extend(strings::functions());
    all.extend(regex::functions());
    all.extend(json::functions());
    all.extend(lists::functions());
    all.extend(numbers::functions());
    all.extend(plain::functions());
    all.extend(rounding::functions());
    all.extend(casts::functions());
    all.extend(first_of::functions());
    all.extend(moments::functions());
    all.push(failing::function());
    all.push(hash::function());
    all.push(typed::function());
    all
}
