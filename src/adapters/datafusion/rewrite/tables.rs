//! What stands in FROM: samples, PIVOT and UNPIVOT become queries; named arguments of table functions.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, Ident,
    NullInclusion, ObjectName, PivotValueSource, Query, SetExpr, Spanned, Statement, TableAlias, TableAliasColumnDef,
    TableFactor, TableSample, TableSampleKind, TableSampleUnit, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::calls::is_interval;
use super::dialect::LakeDialect;
use super::refusal::Refusal;

type Step<T> = ControlFlow<Refusal, T>;

/// Rewrites one table factor, whose parts have not been rewritten yet.
pub(super) fn rewrite(factor: &mut TableFactor) -> Step<()> {
    unnest(factor);
    name_rows(factor);
    name_types(factor);
    match factor {
        TableFactor::Table { args: Some(args), .. } => args.args.iter_mut().for_each(name_argument),
        TableFactor::Function { args, .. } => args.iter_mut().for_each(name_argument),
        TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } if sample.is_some() => {
            let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
                sample.take()
            else {
                return ControlFlow::Continue(());
            };
            *factor = sampled(factor, &sample)?;
        }
        TableFactor::Pivot { .. } => *factor = pivoted(factor)?,
        TableFactor::Unpivot { .. } => *factor = unpivoted(factor)?,
        _ => {}
    }
    ControlFlow::Continue(())
}

/// `read_csv('f.csv', header = true)`: an equation names an argument here.
fn name_argument(arg: &mut FunctionArg) {
    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })) = arg
        && let Expr::Identifier(name) = &**left
    {
        *arg = FunctionArg::Named {
            name: name.clone(),
            arg: FunctionArgExpr::Expr((**right).clone()),
            operator: FunctionArgOperator::Equals,
        };
    }
}

/// `information_schema.columns` names types as they lie in memory: there they get the names that SQL knows. In quotes the
/// table is the engine's own.
fn name_types(factor: &mut TableFactor) {
    let TableFactor::Table { name, args: None, alias, sample: None, .. } = factor else { return };
    let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    let Some(parts) = parts else { return };
    let [before @ .., table] = parts.as_slice() else { return };
    let Some(schema) = before.last() else { return };
    if table.quote_style.is_some()
        || !table.value.eq_ignore_ascii_case("columns")
        || !schema.value.eq_ignore_ascii_case("information_schema")
    {
        return;
    }
    let prefix: String = before.iter().map(|part| format!("{part}.")).collect();
    let sql = format!("select * replace (sql_type_name(data_type) as data_type) from {prefix}\"columns\"");
    let Ok(mut statements) = Parser::parse_sql(&LakeDialect, &sql) else { return };
    let Some(Statement::Query(subquery)) = statements.pop() else { return };
    let alias = alias
        .take()
        .or_else(|| Some(TableAlias { explicit: true, name: Ident::new("columns"), columns: Vec::new(), at: None }));
    *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
}

/// `FROM unnest(list)` has a form of its own; numbers up to a column of the row, and days, are lists, too.
fn unnest(factor: &mut TableFactor) {
    let (name, args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, .. } => (name, &args.args, alias),
        TableFactor::Function { name, args, alias, .. } => (name, &*args, alias),
        _ => return,
    };
    let name = name.to_string().to_lowercase();
    let plain: Option<Vec<Expr>> = args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect();
    let Some(plain) = plain else { return };
    let array_exprs = match name.as_str() {
        "unnest" => plain,
        "range" | "generate_series" if plain.iter().any(names_column) || plain.last().is_some_and(is_interval) => {
            vec![super::dialect::call(&name, plain)]
        }
        _ => return,
    };
    let mut alias = alias.take();
    if name != "unnest" {
        let table = alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: Ident::with_quote('"', &name),
            columns: Vec::new(),
            at: None,
        });
        if table.columns.is_empty() {
            table.columns.push(TableAliasColumnDef { name: table.name.clone(), data_type: None });
        }
    }
    *factor =
        TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_offset_alias: None, with_ordinality: false };
}

fn names_column(expr: &Expr) -> bool {
    let mut found = Vec::new();
    columns(expr, &mut found);
    !found.is_empty()
}

/// Functions that make rows, and VALUES: their columns are called as DuckDB calls them.
fn name_rows(factor: &mut TableFactor) {
    let (alias, names) = match factor {
        TableFactor::Table { name, args: Some(_), alias, .. } | TableFactor::Function { name, alias, .. } => {
            let function = name.to_string().to_lowercase();
            if !matches!(function.as_str(), "range" | "generate_series") {
                return;
            }
            let column = alias.as_ref().map_or(function.clone(), |a| a.name.value.clone());
            (alias, (function, vec![column]))
        }
        TableFactor::UNNEST { alias, array_exprs, .. } if array_exprs.len() == 1 => {
            let column = alias.as_ref().map_or("unnest".to_owned(), |a| a.name.value.clone());
            (alias, ("unnest".to_owned(), vec![column]))
        }
        TableFactor::Derived { subquery, alias, .. } => {
            let SetExpr::Values(values) = &*subquery.body else { return };
            let count = values.rows.first().map_or(0, |row| row.len());
            (alias, ("valueslist".to_owned(), (0..count).map(|n| format!("col{n}")).collect()))
        }
        _ => return,
    };
    let (table, columns) = names;
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::with_quote('"', table),
        columns: Vec::new(),
        at: None,
    });
    if alias.columns.is_empty() {
        let column = |c: String| TableAliasColumnDef { name: Ident::with_quote('"', c), data_type: None };
        alias.columns = columns.into_iter().map(column).collect();
    }
}

/// A query given as text, with places for the parts that are put in afterwards.
pub(super) fn query(sql: &str) -> Option<Box<Query>> {
    let mut statements = Parser::parse_sql(&LakeDialect, sql).ok()?;
    match statements.pop()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

fn internal() -> Refusal {
    Refusal::unsupported("this form of FROM cannot be rewritten", "write it as a query of its own")
}

fn derived(sql: &str, alias: Option<TableAlias>) -> Step<TableFactor> {
    match query(sql) {
        Some(subquery) => ControlFlow::Continue(TableFactor::Derived { lateral: false, subquery, alias, sample: None }),
        None => ControlFlow::Break(internal()),
    }
}

fn take_alias(factor: &mut TableFactor) -> Option<TableAlias> {
    match factor {
        TableFactor::Table { alias, name, .. } => alias.take().or_else(|| own_name(name)),
        TableFactor::Derived { alias, .. } | TableFactor::Pivot { alias, .. } | TableFactor::Unpivot { alias, .. } => {
            alias.take()
        }
        _ => None,
    }
}

fn own_name(name: &ObjectName) -> Option<TableAlias> {
    let ident = name.0.last()?.as_ident()?.clone();
    Some(TableAlias { explicit: true, name: ident, columns: Vec::new(), at: None })
}

/// Rows by chance: a share of them, or so many.
fn sampled(factor: &mut TableFactor, sample: &TableSample) -> Step<TableFactor> {
    let place = factor.span().start;
    let refuse = |message: &str, help: &str| ControlFlow::Break(Refusal::unsupported(message, help).at(place));
    if sample.seed.is_some() {
        return refuse(
            "a sample with a seed is not available on this engine",
            "filter on a hash to draw the same rows again, such as md5(id) < '4'",
        );
    }
    let Some(quantity) = &sample.quantity else {
        return refuse(
            "this form of TABLESAMPLE is not available on this engine",
            "write TABLESAMPLE (10 PERCENT) or (100 ROWS)",
        );
    };
    let alias = take_alias(factor);
    let amount = &quantity.value;
    match quantity.unit {
        Some(TableSampleUnit::Rows) => {
            derived(&format!("select * from {factor} order by random() limit {amount}"), alias)
        }
        _ => derived(&format!("select * from {factor} where random() < cast({amount} as double) / 100"), alias),
    }
}

/// Columns named in an expression.
fn columns(expr: &Expr, found: &mut Vec<String>) {
    match expr {
        Expr::Identifier(name) => found.push(name.to_string()),
        Expr::CompoundIdentifier(parts) => found.extend(parts.last().map(ToString::to_string)),
        Expr::Nested(e) | Expr::UnaryOp { expr: e, .. } | Expr::Cast { expr: e, .. } => columns(e, found),
        Expr::BinaryOp { left, right, .. } => {
            columns(left, found);
            columns(right, found);
        }
        Expr::Function(f) => {
            if let FunctionArguments::List(list) = &f.args {
                for arg in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) = arg {
                        columns(e, found);
                    }
                }
            }
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            for e in operand.iter().chain(else_result) {
                columns(e, found);
            }
            for when in conditions {
                columns(&when.condition, found);
                columns(&when.result, found);
            }
        }
        _ => {}
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `t PIVOT (sum(x) FOR q IN ('a', 'b'))`: the other columns are grouped by.
fn pivoted(factor: &mut TableFactor) -> Step<TableFactor> {
    let place = factor.span().start;
    let alias = take_alias(factor);
    let TableFactor::Pivot { table, aggregate_functions, value_column, value_source, default_on_null, .. } = factor
    else {
        return ControlFlow::Break(internal());
    };
    let (PivotValueSource::List(values), [column], None) = (&*value_source, value_column.as_slice(), &*default_on_null)
    else {
        let help = "list the values: PIVOT (sum(x) FOR quarter IN ('q1', 'q2'))";
        return ControlFlow::Break(
            Refusal::unsupported("a PIVOT needs one column and a list of its values", help).at(place),
        );
    };
    let mut used = Vec::new();
    columns(column, &mut used);
    for aggregate in aggregate_functions.iter() {
        columns(&aggregate.expr, &mut used);
    }
    used.sort();
    used.dedup();
    let mut items = Vec::new();
    for value in values {
        let name = value.alias.as_ref().map_or_else(|| plain(&value.expr), |a| a.value.clone());
        for aggregate in aggregate_functions.iter() {
            let several = aggregate_functions.len() > 1 || aggregate.alias.is_some();
            let name = if several { format!("{name}_{}", aggregate_name(aggregate)) } else { name.clone() };
            items.push(format!("{} filter (where {column} = {}) as {}", aggregate.expr, value.expr, quoted(&name)));
        }
    }
    derived(&format!("select * exclude ({}), {} from {table} group by all", used.join(", "), items.join(", ")), alias)
}

fn aggregate_name(aggregate: &ExprWithAlias) -> String {
    aggregate.alias.as_ref().map_or_else(|| super::naming::name_of(&aggregate.expr), |a| a.value.clone())
}

/// A value as a column's name.
fn plain(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(s) => s.clone(),
            other => other.to_string(),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => format!("-{}", plain(expr)),
        Expr::Identifier(Ident { value, .. }) => value.clone(),
        other => other.to_string(),
    }
}

/// `t UNPIVOT (value FOR name IN (a, b))`: a row for each of the columns.
fn unpivoted(factor: &mut TableFactor) -> Step<TableFactor> {
    let place = factor.span().start;
    let alias = take_alias(factor);
    let TableFactor::Unpivot { table, value, name, columns, null_inclusion, .. } = factor else {
        return ControlFlow::Break(internal());
    };
    let (Expr::Identifier(value), true) = (&*value, columns.iter().all(|c| matches!(c.expr, Expr::Identifier(_))))
    else {
        let help = "name one column of values and plain columns: UNPIVOT (amount FOR quarter IN (q1, q2))";
        return ControlFlow::Break(
            Refusal::unsupported("this form of UNPIVOT is not available on this engine", help).at(place),
        );
    };
    let listed: Vec<String> = columns.iter().map(|c| c.expr.to_string()).collect();
    let names: Vec<String> = columns
        .iter()
        .map(|c| {
            format!("'{}'", c.alias.as_ref().map_or_else(|| plain(&c.expr), |a| a.value.clone()).replace('\'', "''"))
        })
        .collect();
    let listed = listed.join(", ");
    let all = format!(
        "select * exclude ({listed}), unnest([{}]) as {name}, unnest([{listed}]) as {value} from {table}",
        names.join(", ")
    );
    let keep_nulls = matches!(null_inclusion, Some(NullInclusion::IncludeNulls));
    let filter = if keep_nulls { String::new() } else { format!(" where {value} is not null") };
    derived(&format!("select * from ({all}) as unpivoted{filter}"), alias)
}
