//! Calls that mean the same under another name or in another form. In: a parsed expression. Out: one that the engine plans.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, CastKind, DataType, DuplicateTreatment, ExactNumberInfo, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, Interval, ObjectName,
    Query, SelectItem, SetExpr, Spanned, Subscript, TimezoneInfo, UnaryOperator, Value, ValueWithSpan, Visit, Visitor,
};

use super::dialect::call;
use super::refusal::Refusal;

/// Names for which the engine has another.
const RENAMED: &[(&str, &str)] = &[
    ("first", "first_value"),
    ("last", "last_value"),
    ("arbitrary", "first_value"),
    ("list", "array_agg"),
    ("list_value", "make_array"),
    ("list_pack", "make_array"),
    ("struct_extract", "get_field"),
    ("list_apply", "array_transform"),
    ("array_apply", "array_transform"),
    ("list_transform", "array_transform"),
    ("list_filter", "array_filter"),
    ("variance", "var_samp"),
    ("ucase", "upper"),
    ("lcase", "lower"),
    ("ceiling", "ceil"),
    ("uuid_v4", "uuid"),
    ("gen_random_uuid", "uuid"),
    ("gen_random_uuid_v4", "uuid"),
    ("today", "current_date"),
    ("list_aggr", "list_aggregate"),
    ("array_aggr", "list_aggregate"),
    ("array_aggregate", "list_aggregate"),
    ("listagg", "string_agg"),
    ("group_concat", "string_agg"),
    ("iif", "if"),
    ("iff", "if"),
    ("countif", "count_if"),
    ("element_at", "map_extract"),
    ("pow", "power"),
    ("truncate", "trunc"),
    ("list_zip", "arrays_zip"),
    ("grouping_id", "grouping"),
];

/// Functions that are not there, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("list_reduce", "a list can be summed, counted, joined: list_sum, list_count, list_string_agg"),
    ("reduce", "a list can be summed, counted, joined: list_sum, list_count, list_string_agg"),
    ("array_reduce", "a list can be summed, counted, joined: list_sum, list_count, list_string_agg"),
    ("histogram", "select x, count(*) ... group by x gives one row a value"),
    ("setseed", "order by a hash, such as md5(id), to draw the same rows again"),
    ("geomean", "write exp(avg(ln(x)))"),
    ("geometric_mean", "write exp(avg(ln(x)))"),
    ("nextval", "number rows with row_number() over (order by ...)"),
    ("currval", "number rows with row_number() over (order by ...)"),
    ("sha1", "use sha256(...) or md5(...)"),
    ("decode", "write cast(x as varchar)"),
    ("arg_max_null", "use arg_max(...)"),
    ("arg_min_null", "use arg_min(...)"),
    ("json_structure", "json_type(j) and json_keys(j) say what is in there"),
    ("json_transform", "read each value with json_extract_string(j, '$.a') and cast it"),
    ("json_transform_strict", "read each value with json_extract_string(j, '$.a') and cast it"),
    ("from_json", "read each value with json_extract_string(j, '$.a') and cast it"),
    ("from_json_strict", "read each value with json_extract_string(j, '$.a') and cast it"),
];

/// Rewrites one expression whose parts have been rewritten already.
pub(super) fn rewrite(expr: &mut Expr) -> ControlFlow<Refusal> {
    let taken = std::mem::replace(expr, Expr::Value(Value::Null.into()));
    match rewritten(taken) {
        Ok(changed) => {
            *expr = changed;
            ControlFlow::Continue(())
        }
        Err(refusal) => ControlFlow::Break(*refusal),
    }
}

type Rewritten = Result<Expr, Box<Refusal>>;

fn rewritten(expr: Expr) -> Rewritten {
    Ok(match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, long), span }) => {
            let literal = Expr::Value(ValueWithSpan { value: Value::Number(digits.clone(), long), span });
            if digits.contains(['e', 'E']) {
                let text = Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(digits), span });
                return Ok(cast(text, double()));
            }
            literal
        }
        Expr::Extract { field, expr, .. } => date_part(&field.to_string().trim_matches('\'').to_lowercase(), *expr),
        Expr::AtTimeZone { timestamp, time_zone } => call("timezone", vec![*time_zone, *timestamp]),
        Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let from = substring_from.map_or_else(|| number("1"), |f| *f);
            let mut args = vec![*expr, from];
            args.extend(substring_for.map(|f| *f));
            call("substr", args)
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char: None } => {
            negate(call("regexp_full_match", vec![*expr, *pattern]), negated)
        }
        Expr::Interval(interval) => spelled(interval),
        Expr::Like { .. } | Expr::ILike { .. } => super::patterns::rewritten(expr)?,
        Expr::IsTrue(of) => Expr::IsNotDistinctFrom(truth(*of), boolean(true)),
        Expr::IsFalse(of) => Expr::IsNotDistinctFrom(truth(*of), boolean(false)),
        Expr::IsNotTrue(of) => Expr::IsDistinctFrom(truth(*of), boolean(true)),
        Expr::IsNotFalse(of) => Expr::IsDistinctFrom(truth(*of), boolean(false)),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => call("bit_not", vec![*expr]),
        Expr::UnaryOp { op: UnaryOperator::PGAbs, expr } => call("abs", vec![*expr]),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => negative(*expr),
        Expr::Cast { kind, expr, data_type, array, format } => match (&data_type, &kind) {
            (DataType::JSON | DataType::JSONB, CastKind::Cast | CastKind::DoubleColon) => {
                call("json_checked", vec![*expr])
            }
            _ => Expr::Cast { kind, expr, data_type, array, format },
        },
        Expr::Collate { collation, .. } => {
            let help = "compare and sort lower(x) in place of COLLATE NOCASE";
            return Err(Box::new(Refusal::unsupported("COLLATE is not available on this engine", help).on(&collation)));
        }
        Expr::CompoundFieldAccess { root, access_chain } => access(*root, access_chain),
        // The planner reads the items of a list as if no query were around.
        Expr::Array(list) if list.elem.iter().any(|item| !matches!(item, Expr::Value(_))) => {
            call("make_array", list.elem)
        }
        Expr::Function(function) => function_call(function)?,
        Expr::Subquery(query) => Expr::Subquery(single(query)),
        other => other,
    })
}

/// A subquery in place of a value has one row at most; the engine plans it only if it is seen to have.
fn single(mut query: Box<Query>) -> Box<Query> {
    let SetExpr::Select(select) = query.body.as_mut() else { return query };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let plain = !grouped
        && select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && !select.from.is_empty()
        && query.limit_clause.is_none()
        && query.fetch.is_none();
    if let ([SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }], true) =
        (select.projection.as_mut_slice(), plain)
        && !has_call(expr)
    {
        let value = std::mem::replace(expr, Expr::Value(Value::Null.into()));
        *expr = call("only_value", vec![value]);
        query.order_by = None;
    }
    query
}

/// Whether any function is called: it may be an aggregate.
pub(super) fn has_call(expr: &Expr) -> bool {
    struct Calls;
    impl Visitor for Calls {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if matches!(expr, Expr::Function(_)) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    expr.visit(&mut Calls).is_break()
}

pub(super) fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).into())
}

pub(super) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn double() -> DataType {
    DataType::Double(ExactNumberInfo::None)
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// What `IS TRUE` asks of. The engine's own `IS TRUE` cannot be grouped by: planned and run it differs in whether it may be null.
fn truth(of: Expr) -> Box<Expr> {
    Box::new(cast(of, DataType::Boolean))
}

fn boolean(value: bool) -> Box<Expr> {
    Box::new(Expr::Value(Value::Boolean(value).into()))
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

/// `-2 ^ 2` is `(-2) ^ 2`.
fn negative(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryOp { left, op: op @ (BinaryOperator::BitwiseXor | BinaryOperator::PGExp), right } => {
            Expr::BinaryOp { left: Box::new(negative(*left)), op, right }
        }
        other => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(other) },
    }
}

/// Epoch and the Julian day have fractions.
fn date_part(field: &str, of: Expr) -> Expr {
    match field {
        "epoch" => call("epoch", vec![of]),
        "julian" => call("julian", vec![of]),
        _ => call("date_part", vec![text(field), of]),
    }
}

/// `interval (n + 1) day`: a count that is no literal.
fn spelled(interval: Interval) -> Expr {
    let literal = matches!(&*interval.value, Expr::Value(_));
    match &interval.leading_field {
        Some(field) if !literal && interval.last_field.is_none() => {
            let unit = field.to_string().to_lowercase();
            let unit = match unit.trim_end_matches('s') {
                "century" | "centurie" => "centurie".to_owned(),
                "millennium" | "millennia" => return call("to_millennia", vec![*interval.value]),
                other => other.to_owned(),
            };
            call(&format!("to_{unit}s"), vec![*interval.value])
        }
        _ => Expr::Interval(clock(quoted(interval))),
    }
}

/// `interval 3 day`: frames of windows take text alone.
fn quoted(mut interval: Interval) -> Interval {
    if let Expr::Value(ValueWithSpan { value, .. }) = &mut *interval.value
        && let Value::Number(digits, _) = value
    {
        *value = Value::SingleQuotedString(std::mem::take(digits));
    }
    interval
}

/// `'1 day 04:05:06.5'`: hours, minutes and seconds by name.
fn clock(mut interval: Interval) -> Interval {
    if let (Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }), None) =
        (&mut *interval.value, &interval.leading_field)
        && text.contains(':')
    {
        let words = text.split_whitespace().map(|word| {
            let (sign, digits) = word.strip_prefix('-').map_or(("", word), |d| ("-", d));
            let parts: Vec<&str> = digits.split(':').collect();
            match parts.as_slice() {
                [h, m] => format!("{sign}{h} hours {sign}{m} minutes"),
                [h, m, s] => format!("{sign}{h} hours {sign}{m} minutes {sign}{s} seconds"),
                _ => word.to_owned(),
            }
        });
        *text = words.collect::<Vec<_>>().join(" ");
    }
    interval
}

/// `(s).a`, `list[2:]`.
fn access(root: Expr, chain: Vec<AccessExpr>) -> Expr {
    let mut current = root;
    let mut rest: Vec<AccessExpr> = Vec::new();
    let mut chain = chain.into_iter().peekable();
    // `t.tags[1]`, `t.address.lines[1]`: names come first.
    while let Expr::Identifier(_) | Expr::CompoundIdentifier(_) = &current
        && let Some(AccessExpr::Dot(Expr::Identifier(name))) =
            chain.next_if(|step| matches!(step, AccessExpr::Dot(Expr::Identifier(_))))
    {
        current = match current {
            Expr::Identifier(first) => Expr::CompoundIdentifier(vec![first, name]),
            Expr::CompoundIdentifier(mut names) => {
                names.push(name);
                Expr::CompoundIdentifier(names)
            }
            other => other,
        };
    }
    for step in chain {
        match step {
            AccessExpr::Dot(Expr::Identifier(name)) => {
                if !rest.is_empty() {
                    current =
                        Expr::CompoundFieldAccess { root: Box::new(current), access_chain: std::mem::take(&mut rest) };
                }
                current = call("get_field", vec![current, text(&name.value)]);
            }
            AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                rest.push(AccessExpr::Subscript(Subscript::Slice {
                    lower_bound: Some(lower_bound.unwrap_or_else(|| number("1"))),
                    upper_bound: Some(upper_bound.unwrap_or_else(|| negative(number("1")))),
                    stride,
                }));
            }
            other => rest.push(other),
        }
    }
    if rest.is_empty() {
        return current;
    }
    Expr::CompoundFieldAccess { root: Box::new(current), access_chain: rest }
}

fn name_of(function: &Function) -> String {
    match function.name.0.as_slice() {
        [one] => one.as_ident().map(|i| i.value.to_lowercase()).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The arguments, if all are plain expressions.
fn plain_args(function: &Function) -> Option<Vec<&Expr>> {
    let list = match &function.args {
        FunctionArguments::List(list) => list,
        FunctionArguments::None => return Some(Vec::new()),
        FunctionArguments::Subquery(_) => return None,
    };
    list.args
        .iter()
        .map(|a| match a {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
            _ => None,
        })
        .collect()
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

/// Whether a call has an ORDER BY of its own.
fn is_ordered(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)))
}

fn is_distinct(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
}

/// Leaves rows out in which a value is null.
fn without_nulls(function: &mut Function, value: &Expr) {
    let there = Expr::IsNotNull(Box::new(Expr::Nested(Box::new(value.clone()))));
    function.filter = Some(Box::new(match function.filter.take() {
        Some(filter) => {
            let left = Box::new(Expr::Nested(filter));
            Expr::BinaryOp { left, op: BinaryOperator::And, right: Box::new(there) }
        }
        None => there,
    }));
}

fn set_args(function: &mut Function, args: Vec<Expr>) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args = args.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect();
    }
}

fn rename(function: &mut Function, to: &str) {
    let span = function.name.0.first().map(Spanned::span);
    let mut ident = Ident::new(to);
    if let Some(span) = span {
        ident.span = span;
    }
    function.name = ObjectName::from(vec![ident]);
}

/// Aggregates for which the order of rows makes no difference, though it may be written.
const UNORDERED: [&str; 8] = ["min", "max", "sum", "count", "avg", "mean", "bool_and", "bool_or"];

fn function_call(mut function: Function) -> Rewritten {
    let mut name = name_of(&function);
    if let Some((_, help)) = REFUSED.iter().find(|(n, _)| *n == name) {
        return Err(Box::new(
            Refusal::unsupported(format!("there is no function {name} here"), *help).on(&function.name),
        ));
    }
    if UNORDERED.contains(&name.as_str())
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.clauses.retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(_)));
    }
    if let Some((_, to)) = RENAMED.iter().find(|(n, _)| *n == name) {
        rename(&mut function, to);
        (*to).clone_into(&mut name);
    }
    let args: Option<Vec<Expr>> = plain_args(&function).map(|all| all.into_iter().cloned().collect());
    let Some(args) = args else { return named_args(&name, function) };
    Ok(match (name.as_str(), args.as_slice()) {
        ("if", [condition, yes, no]) => case(condition.clone(), yes.clone(), Some(no.clone())),
        ("count", []) => {
            if let FunctionArguments::List(list) = &mut function.args {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
            }
            Expr::Function(function)
        }
        ("count_if", [condition]) => {
            set_args(&mut function, vec![case(condition.clone(), number("1"), None)]);
            rename(&mut function, "count");
            Expr::Function(function)
        }
        ("sum", [one]) if is_condition(one) => {
            let no = case(negate(Expr::Nested(Box::new(one.clone())), true), number("0"), None);
            set_args(&mut function, vec![case(one.clone(), number("1"), Some(no))]);
            Expr::Function(function)
        }
        ("fsum" | "sumkahan" | "kahan_sum", [one]) => {
            set_args(&mut function, vec![cast(one.clone(), double())]);
            rename(&mut function, "sum");
            Expr::Function(function)
        }
        ("any_value", [one]) if function.over.is_none() && is_ordered(&function) => {
            without_nulls(&mut function, one);
            rename(&mut function, "first_value");
            Expr::Function(function)
        }
        ("string_agg", [one, rest @ ..]) => {
            let by = rest.first().cloned().unwrap_or_else(|| text(","));
            // Values that count once are ordered by what they are, not by their texts.
            if is_distinct(&function) && is_ordered(&function) {
                without_nulls(&mut function, one);
                set_args(&mut function, vec![one.clone()]);
                rename(&mut function, "array_agg");
                return Ok(call("list_string_agg", vec![Expr::Function(function), by]));
            }
            set_args(&mut function, vec![cast(one.clone(), DataType::Text), by]);
            Expr::Function(function)
        }
        ("approx_count_distinct", [_]) => {
            rename(&mut function, "approx_distinct");
            cast(Expr::Function(function), DataType::BigInt(None))
        }
        ("approx_quantile", [x, at]) => {
            set_args(&mut function, vec![cast(x.clone(), double()), cast(at.clone(), double())]);
            rename(&mut function, "approx_percentile_cont");
            Expr::Function(function)
        }
        ("row_number" | "rank" | "dense_rank" | "ntile" | "rank_dense", _) if function.over.is_some() => {
            cast(Expr::Function(function), DataType::BigInt(None))
        }
        ("list_has_any" | "array_has_any" | "list_has_all" | "array_has_all", [of, other]) => {
            let name = if name.ends_with("any") { "array_has_any" } else { "array_has_all" };
            let found = call(name, vec![of.clone(), call("list_there", vec![other.clone()])]);
            let missing = |list: &Expr| Box::new(Expr::IsNull(Box::new(Expr::Nested(Box::new(list.clone())))));
            let missing = Expr::BinaryOp { left: missing(of), op: BinaryOperator::Or, right: missing(other) };
            case(missing, Expr::Value(Value::Null.into()), Some(found))
        }
        ("list_position" | "array_position" | "list_indexof" | "array_indexof" | "cardinality", _) => {
            cast(Expr::Function(function), DataType::BigInt(None))
        }
        ("now" | "current_timestamp" | "get_current_timestamp" | "transaction_timestamp", []) => now(zoned()),
        ("current_localtimestamp" | "localtimestamp", []) => now(DataType::Timestamp(None, TimezoneInfo::None)),
        ("current_localtime" | "localtime" | "get_current_time", []) => call("current_time", Vec::new()),
        ("date_part" | "datepart", [Expr::Value(field), of]) => match field.value.clone().into_string() {
            Some(field) => date_part(&field.to_lowercase(), of.clone()),
            None => Expr::Function(function),
        },
        ("strftime", [format @ Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }), of])
            if !matches!(of, Expr::Value(_)) =>
        {
            call("strftime", vec![of.clone(), format.clone()])
        }
        ("mode", []) if function.within_group.len() == 1 => {
            let of = function.within_group.remove(0).expr;
            if let FunctionArguments::None = function.args {
                return rewritten(call("mode", vec![of]));
            }
            set_args(&mut function, vec![of]);
            Expr::Function(function)
        }
        ("quantile_cont" | "quantile_disc" | "quantile" | "percentile_cont", [of, Expr::Array(all)])
            if !all.elem.is_empty() =>
        {
            let one = |at: &Expr| {
                let mut function = function.clone();
                set_args(&mut function, vec![of.clone(), at.clone()]);
                function_call(function)
            };
            let values = all.elem.iter().map(one).collect::<Result<Vec<_>, _>>()?;
            let any = Expr::IsNotNull(Box::new(Expr::Nested(Box::new(values[0].clone()))));
            case(any, call("make_array", values), None)
        }
        ("date_part" | "datepart", [Expr::Array(all), of]) => {
            let mut pairs = Vec::new();
            for part in &all.elem {
                pairs.push(part.clone());
                pairs.push(rewritten(call("date_part", vec![part.clone(), of.clone()]))?);
            }
            call("named_struct", pairs)
        }
        ("regexp_extract", [of, pattern, Expr::Array(names)]) => {
            let mut pairs = Vec::new();
            for (n, name) in names.elem.iter().enumerate() {
                let group = number(&(n + 1).to_string());
                pairs.extend([name.clone(), call("regexp_extract", vec![of.clone(), pattern.clone(), group])]);
            }
            call("named_struct", pairs)
        }
        ("json_group_array", [_]) => {
            rename(&mut function, "array_agg");
            call("coalesce", vec![call("to_json", vec![Expr::Function(function)]), text("[]")])
        }
        // Days in steps of an interval are moments.
        ("range" | "generate_series", [from, to, step]) if is_interval(step) => {
            let moment = |e: &Expr| call("date_add", vec![e.clone(), no_time()]);
            set_args(&mut function, vec![moment(from), moment(to), step.clone()]);
            call("list_moments", vec![Expr::Function(function)])
        }
        ("age", [one]) => call("age", vec![call("current_date", Vec::new()), one.clone()]),
        ("mod", [a, b]) => Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(a.clone()))),
            op: BinaryOperator::Modulo,
            right: Box::new(Expr::Nested(Box::new(b.clone()))),
        })),
        ("list_aggregate", [list, Expr::Value(work), rest @ ..]) => match work.value.clone().into_string() {
            Some(work) => {
                let mut all = vec![list.clone()];
                all.extend(rest.iter().cloned());
                return rewritten(call(&format!("list_{}", work.to_lowercase()), all));
            }
            None => Expr::Function(function),
        },
        (
            "json_extract" | "json_extract_path" | "json_extract_string" | "json_extract_path_text",
            [json, Expr::Value(path)],
        ) => {
            let wild = path.value.clone().into_string().is_some_and(|p| p.starts_with('$') && p.contains('*'));
            match (wild, name.starts_with("json_extract_string") || name.ends_with("_text")) {
                (false, _) => Expr::Function(function),
                (true, false) => call("json_extract_each", vec![json.clone(), Expr::Value(path.clone())]),
                (true, true) => call("json_extract_string_each", vec![json.clone(), Expr::Value(path.clone())]),
            }
        }
        ("list_concat" | "array_concat" | "list_cat" | "array_cat", _) if args.iter().any(is_null) => {
            let there: Vec<Expr> = args.into_iter().filter(|one| !is_null(one)).collect();
            if there.is_empty() {
                return Ok(Expr::Value(Value::Null.into()));
            }
            set_args(&mut function, there);
            Expr::Function(function)
        }
        ("map_contains", [map, key]) => call("array_has", vec![call("map_keys", vec![map.clone()]), key.clone()]),
        ("encode", [one]) => cast(one.clone(), DataType::Bytea),
        _ => Expr::Function(function),
    })
}

/// `struct_pack(a := 1)`; elsewhere a named argument is left to the engine.
fn named_args(name: &str, function: Function) -> Rewritten {
    let FunctionArguments::List(list) = &function.args else { return Ok(Expr::Function(function)) };
    if name == "unnest" {
        let help =
            "unnest once for each level: with a as (select unnest(lists) as list from t) select unnest(list) from a";
        let refusal = Refusal::unsupported("unnest with options is not available on this engine", help);
        return Err(Box::new(refusal.on(&function.name)));
    }
    if name != "struct_pack" {
        return Ok(Expr::Function(function));
    }
    let mut pairs = Vec::new();
    for arg in &list.args {
        let FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } = arg else {
            return Err(Box::new(
                Refusal::unsupported(
                    "struct_pack needs a name for each of its values",
                    "write struct_pack(a := 1) or {'a': 1}",
                )
                .on(&function.name),
            ));
        };
        pairs.push(text(&name.value));
        pairs.push(value.clone());
    }
    Ok(call("named_struct", pairs))
}

/// Whether an expression is a span of time by its form alone.
pub(super) fn is_interval(expr: &Expr) -> bool {
    const SPANS: &[&str] = &["to_seconds", "to_minutes", "to_hours", "to_days", "to_weeks", "to_months", "to_years"];
    match expr {
        Expr::Interval(_) => true,
        Expr::Nested(inner) => is_interval(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => is_interval(expr),
        Expr::Function(function) => SPANS.contains(&name_of(function).as_str()),
        _ => false,
    }
}

fn no_time() -> Expr {
    call("to_days", vec![number("0")])
}

fn zoned() -> DataType {
    DataType::Timestamp(None, TimezoneInfo::WithTimeZone)
}

fn now(to: DataType) -> Expr {
    let Expr::Function(function) = call("now", Vec::new()) else { return Expr::Value(Value::Null.into()) };
    cast(Expr::Function(function), to)
}

pub(super) fn case(condition: Expr, yes: Expr, no: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: yes }],
        else_result: no.map(Box::new),
    }
}

/// Whether an expression is true or false by its form alone.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_condition(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
                | BinaryOperator::And
                | BinaryOperator::Or
        ),
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsDistinctFrom(_, _)
        | Expr::IsNotDistinctFrom(_, _)
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Exists { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. } => true,
        _ => false,
    }
}
