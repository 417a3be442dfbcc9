//! The walk over a bound, unoptimised plan. In: the JSON of `json_serialize_plan`. Out: for each output column the columns
//! of tables it comes from.
//!
//! Every reference in the plan is the ordinal of a column of the child operator, so no name is resolved here. The format
//! is the engine's own and may change with it: an operator that this does not know is an error, never a guess.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value as Json;

use super::casts;
use super::print::print_json;
use super::types::type_name;
use crate::adapters::shadow::column::{Column, Columns, Origins, Print, absorb, merge, only_copy};
use crate::adapters::shadow::{BoundLineage, EdgeKind, ImplicitCast, Influence, ShadowColumn, SourceColumn};
use crate::base::Relation;

/// Rounds until the columns of a recursive query no longer change; each adds at least one origin.
const ROUNDS: usize = 64;

/// Names and types of the table that the statement would create. `keywords` are quoted where they name a field.
pub(super) fn columns(plan: &Json, keywords: &HashSet<String>) -> Option<Vec<ShadowColumn>> {
    let list = plan.get("info")?.get("columns")?.get("columns")?.as_array()?;
    list.iter()
        .map(|c| {
            let name = c.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
            Some(ShadowColumn { name, data_type: type_name(c.get("type")?, keywords)? })
        })
        .collect()
}

/// The lineage of a `create table as` of so many columns. Conversions that nobody wrote are told from those that
/// somebody did by the text of the statement.
pub(super) fn lineage(plan: &Json, width: usize, statement: &str) -> Result<BoundLineage, String> {
    let mut walk = Walk { statement, ..Walk::default() };
    let columns = walk.operator(plan)?;
    if columns.len() != width {
        return Err(format!("the plan puts out {} columns, the query has {width}", columns.len()));
    }
    Ok(BoundLineage {
        tables: walk.tables,
        prints: columns.iter().map(|c| c.print.number()).collect(),
        rows_print: walk.rows.number(),
        values: columns.into_iter().map(|c| c.origins).collect(),
        influence: walk.influence,
        equal: walk.equal,
        casts: walk.casts,
    })
}

#[derive(Default)]
struct Walk<'s> {
    statement: &'s str,
    ctes: HashMap<u64, Columns>,
    /// What scans and projections put out, by the number under which the plan may refer to them.
    bindings: HashMap<u64, Columns>,
    tables: BTreeSet<Relation>,
    influence: BTreeSet<(SourceColumn, Influence)>,
    equal: BTreeSet<(SourceColumn, SourceColumn)>,
    casts: BTreeSet<ImplicitCast>,
    rows: Print,
}

impl Walk<'_> {
    fn operator(&mut self, op: &Json) -> Result<Columns, String> {
        let name = op.get("type").and_then(Json::as_str).unwrap_or_default();
        match name {
            "LOGICAL_CREATE_TABLE" => self.child(op, 0),
            "LOGICAL_LIMIT" | "LOGICAL_SAMPLE" => {
                let input = self.child(op, 0)?;
                self.rows.text(name);
                for key in ["limit_val", "offset_val", "sample_options"] {
                    print_json(op.get(key).unwrap_or(&Json::Null), &mut self.rows);
                    self.compared_inside(op.get(key), &input)?;
                }
                Ok(input)
            }
            "LOGICAL_GET" => self.get(op),
            "LOGICAL_PROJECTION" => {
                let input = self.child(op, 0)?;
                let made: Columns =
                    list(op, "expressions").iter().map(|e| self.value(e, &input)).collect::<Result<_, _>>()?;
                self.bindings.insert(number(op, "table_index"), made.clone());
                Ok(made)
            }
            "LOGICAL_FILTER" => {
                let input = self.child(op, 0)?;
                self.influenced(list(op, "expressions"), &input, Influence::Filter)?;
                Ok(projected(input, op, "projection_map"))
            }
            "LOGICAL_AGGREGATE_AND_GROUP_BY" => self.aggregate(op),
            "LOGICAL_WINDOW" | "LOGICAL_UNNEST" => {
                let input = self.child(op, 0)?;
                if name == "LOGICAL_UNNEST" {
                    self.rows.text(name);
                    let made = list(op, "expressions").iter().filter(|e| !is_as_long_as_written(e));
                    self.influenced(made, &input, Influence::Join)?;
                }
                let made: Result<Columns, String> =
                    list(op, "expressions").iter().map(|e| self.value(e, &input)).collect();
                Ok(input.into_iter().chain(made?).collect())
            }
            "LOGICAL_ORDER_BY" | "LOGICAL_TOP_N" => {
                let input = self.child(op, 0)?;
                for order in list(op, "orders") {
                    for key in ["type", "order_type", "null_order"] {
                        self.rows.text(order.get(key).and_then(Json::as_str).unwrap_or_default());
                    }
                    self.influenced(order.get("expression"), &input, Influence::Order)?;
                }
                if name == "LOGICAL_TOP_N" {
                    print_json(op.get("limit").unwrap_or(&Json::Null), &mut self.rows);
                    print_json(op.get("offset").unwrap_or(&Json::Null), &mut self.rows);
                }
                Ok(projected(input, op, "projection_map"))
            }
            "LOGICAL_DISTINCT" => {
                let input = self.child(op, 0)?;
                self.rows.text(name);
                self.influenced(list(op, "distinct_targets"), &input, Influence::Group)?;
                Ok(input)
            }
            "LOGICAL_COMPARISON_JOIN" | "LOGICAL_ANY_JOIN" | "LOGICAL_ASOF_JOIN" => self.join(op),
            "LOGICAL_CROSS_PRODUCT" | "LOGICAL_POSITIONAL_JOIN" => {
                let left = self.child(op, 0)?;
                let right = self.child(op, 1)?;
                self.rows.text(name);
                Ok(left.into_iter().chain(right).collect())
            }
            "LOGICAL_UNION" | "LOGICAL_INTERSECT" => {
                let mut all = self.child(op, 0)?;
                self.converted(op, 0)?;
                for index in 1..list(op, "children").len() {
                    merge(&mut all, self.child(op, index)?)?;
                    self.converted(op, index)?;
                }
                self.rows.text(name);
                Ok(all)
            }
            "LOGICAL_EXCEPT" => {
                let left = self.child(op, 0)?;
                for column in self.child(op, 1)? {
                    self.rows.print(&column.print);
                    self.influence.extend(column.origins.into_keys().map(|c| (c, Influence::Filter)));
                }
                self.rows.text(name);
                Ok(left)
            }
            "LOGICAL_MATERIALIZED_CTE" => {
                let made = self.child(op, 0)?;
                self.ctes.insert(number(op, "table_index"), made);
                self.child(op, 1)
            }
            "LOGICAL_RECURSIVE_CTE" => self.recursive(op),
            "LOGICAL_CTE_REF" => {
                let index = number(op, "cte_index");
                let made = self.ctes.get(&index).cloned();
                let made = made.ok_or_else(|| format!("the plan reads an unknown CTE {index}"))?;
                self.bindings.insert(number(op, "table_index"), made.clone());
                Ok(made)
            }
            "LOGICAL_EXPRESSION_GET" => {
                let input = self.child(op, 0)?;
                let mut all: Option<Columns> = None;
                for row in list(op, "expressions") {
                    let row: Result<Columns, String> =
                        row.as_array().map_or(&[][..], Vec::as_slice).iter().map(|e| self.value(e, &input)).collect();
                    match &mut all {
                        None => all = Some(row?),
                        Some(all) => merge(all, row?)?,
                    }
                }
                all.ok_or_else(|| "an empty list of values".to_owned())
            }
            "LOGICAL_DUMMY_SCAN" => Ok(vec![Column::default()]),
            "LOGICAL_CHUNK_GET" | "LOGICAL_COLUMN_DATA_GET" => Ok(constants(op, list(op, "chunk_types").len())),
            "LOGICAL_EMPTY_RESULT" => Ok(constants(op, list(op, "return_types").len())),
            other => Err(format!("the plan holds {other}")),
        }
    }

    fn child(&mut self, op: &Json, index: usize) -> Result<Columns, String> {
        match list(op, "children").get(index) {
            Some(child) => self.operator(child),
            None => Err(format!("{} lacks a child", op.get("type").and_then(Json::as_str).unwrap_or_default())),
        }
    }

    fn get(&mut self, op: &Json) -> Result<Columns, String> {
        let data = op.get("function_data");
        let text = |key: &str| data.and_then(|d| d.get(key)).and_then(Json::as_str);
        let table = match (text("catalog"), text("schema"), text("table")) {
            (Some(catalog), Some(schema), Some(table)) => Some(Relation::new(catalog, schema, table)),
            _ => None,
        };
        self.tables.extend(table.clone());
        if let Some(table) = &table {
            self.rows.text("from").text(&table.to_string());
        }
        // A function over a table's rows: which of its columns end up where is the function's secret.
        let mut behind = Column::default();
        if table.is_none() {
            for key in ["qname", "parameters", "named_parameters"] {
                print_json(op.get(key).unwrap_or(&Json::Null), &mut behind.print);
            }
        }
        let place = |p: &Json| p.as_u64().and_then(|p| usize::try_from(p).ok()).unwrap_or(usize::MAX);
        let through: Vec<usize> = list(op, "projected_input").iter().map(place).collect();
        let mut passed = Columns::new();
        for index in 0..list(op, "children").len() {
            passed = self.child(op, index)?;
            for (_, column) in passed.iter().enumerate().filter(|(i, _)| !through.contains(i)) {
                absorb(&mut behind.origins, column.origins.clone(), EdgeKind::Expression);
                behind.print.print(&column.print);
            }
        }
        let names = list(op, "names");
        let mut all: Columns = list(op, "column_indexes")
            .iter()
            .map(|c| {
                let index = usize::try_from(number(c, "index")).unwrap_or(usize::MAX);
                let name = names.get(index).and_then(Json::as_str);
                match (&table, name) {
                    (Some(table), Some(name)) => {
                        let mut print = Print::default();
                        print.text(&table.to_string()).text(name);
                        let column = SourceColumn { relation: table.clone(), column: name.to_owned() };
                        Column { origins: Origins::from([(column, EdgeKind::Copy)]), print }
                    }
                    _ => {
                        let mut made = behind.clone();
                        made.print.text(name.unwrap_or_default());
                        made
                    }
                }
            })
            .collect();
        self.bindings.insert(number(op, "table_index"), all.clone());
        all = projected(all, op, "projection_ids");
        // Columns of the row that the function was called with stand behind its own.
        for index in through {
            let column = passed.get(index).ok_or("the plan holds a function that passes an unknown column on")?;
            all.push(column.clone());
        }
        Ok(all)
    }

    fn aggregate(&mut self, op: &Json) -> Result<Columns, String> {
        let input = self.child(op, 0)?;
        let groups = list(op, "groups");
        self.rows.text("group");
        self.influenced(groups, &input, Influence::Group)?;
        print_json(op.get("grouping_sets").unwrap_or(&Json::Null), &mut self.rows);
        let mut out: Columns = Vec::new();
        for expression in groups.iter().chain(list(op, "expressions")) {
            out.push(self.value(expression, &input)?);
        }
        for function in list(op, "grouping_functions") {
            let mut made = Column::default();
            made.print.text("grouping");
            for group in function.as_array().map_or(&[][..], Vec::as_slice) {
                let index = usize::try_from(group.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
                if let Some(column) = out.get(index).filter(|_| index < groups.len()) {
                    absorb(&mut made.origins, column.origins.clone(), EdgeKind::Expression);
                    made.print.print(&column.print);
                }
            }
            out.push(made);
        }
        Ok(out)
    }

    fn join(&mut self, op: &Json) -> Result<Columns, String> {
        let (left, right) = (self.child(op, 0)?, self.child(op, 1)?);
        let join_type = op.get("join_type").and_then(Json::as_str).unwrap_or("INNER");
        let both: Columns = left.iter().chain(&right).cloned().collect();
        self.rows.text(op.get("type").and_then(Json::as_str).unwrap_or_default()).text(join_type);
        for condition in list(op, "conditions") {
            let (Some(l), Some(r)) = (condition.get("left"), condition.get("right")) else {
                self.influenced([condition], &both, Influence::Join)?;
                continue;
            };
            let comparison = condition.get("comparison").and_then(Json::as_str).unwrap_or_default();
            for (side, input) in [(l, &left), (r, &right)] {
                self.compared(side, input)?;
            }
            let (l, r) = (self.value(l, &left)?, self.value(r, &right)?);
            self.rows.text(comparison).print(&l.print).print(&r.print);
            if matches!(comparison, "COMPARE_EQUAL" | "COMPARE_NOT_DISTINCT_FROM")
                && let (Some(a), Some(b)) = (only_copy(&l.origins), only_copy(&r.origins))
                && a != b
            {
                self.equal.insert(if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) });
            }
            self.influence.extend(l.origins.into_keys().chain(r.origins.into_keys()).map(|c| (c, Influence::Join)));
        }
        for key in ["condition", "predicate", "expressions"] {
            match op.get(key) {
                Some(Json::Array(list)) => self.influenced(list, &both, Influence::Join)?,
                Some(one) => self.influenced([one], &both, Influence::Join)?,
                None => {}
            }
        }
        Ok(match join_type {
            "SEMI" | "ANTI" => projected(left, op, "left_projection_map"),
            "RIGHT_SEMI" | "RIGHT_ANTI" => projected(right, op, "right_projection_map"),
            "MARK" => {
                // Whether the row was found: both sides of the comparison decide.
                let mut mark = Column::default();
                mark.print.text("mark");
                for condition in list(op, "conditions") {
                    let alone = condition.get("left").is_none().then_some((condition, &both));
                    let sides = [("left", &left), ("right", &right)];
                    let sides = sides.into_iter().filter_map(|(key, input)| Some((condition.get(key)?, input)));
                    for (side, input) in sides.chain(alone) {
                        let found = self.value(side, input)?;
                        mark.print.print(&found.print);
                        absorb(&mut mark.origins, found.origins, EdgeKind::Expression);
                    }
                }
                projected(left, op, "left_projection_map").into_iter().chain([mark]).collect()
            }
            "INNER" | "LEFT" | "RIGHT" | "OUTER" | "FULL" | "SINGLE" => {
                let right = projected(right, op, "right_projection_map");
                projected(left, op, "left_projection_map").into_iter().chain(right).collect()
            }
            other => return Err(format!("the plan holds a {other} join")),
        })
    }

    fn recursive(&mut self, op: &Json) -> Result<Columns, String> {
        let mut all = self.child(op, 0)?;
        let mut first: Option<(Vec<Print>, Print)> = None;
        for _ in 0..ROUNDS {
            self.ctes.insert(number(op, "table_index"), all.clone());
            let before: Vec<Origins> = all.iter().map(|c| c.origins.clone()).collect();
            merge(&mut all, self.child(op, 1)?)?;
            // How the columns are computed is said by the first round; later ones only find more origins.
            let (prints, rows) =
                first.get_or_insert_with(|| (all.iter().map(|c| c.print.clone()).collect(), self.rows.clone()));
            for (column, print) in all.iter_mut().zip(prints) {
                column.print = print.clone();
            }
            self.rows = rows.clone();
            if all.iter().map(|c| &c.origins).eq(&before) {
                return Ok(all);
            }
        }
        Err("the plan holds a recursion whose columns do not settle".to_owned())
    }

    fn influenced<'j>(
        &mut self,
        expressions: impl IntoIterator<Item = &'j Json>,
        input: &Columns,
        how: Influence,
    ) -> Result<(), String> {
        for expression in expressions {
            let found = self.value(expression, input)?;
            self.rows.text(how.as_str()).print(&found.print);
            self.influence.extend(found.origins.into_keys().map(|c| (c, how)));
        }
        Ok(())
    }

    /// Notes a conversion that the engine put around one side of a comparison.
    fn compared(&mut self, side: &Json, input: &Columns) -> Result<(), String> {
        if let Some((from, to)) = casts::in_comparison(side, self.statement) {
            let mut columns = BTreeSet::new();
            for child in list(side, "children") {
                columns.extend(self.value(child, input)?.origins.into_keys());
            }
            if !columns.is_empty() {
                self.casts.insert(ImplicitCast { from, to, place: "comparison", columns });
            }
        }
        Ok(())
    }

    /// The same for the columns of one side of a set operation.
    fn converted(&mut self, op: &Json, side: usize) -> Result<(), String> {
        let Some(child) = list(op, "children").get(side) else { return Ok(()) };
        let found: Vec<(usize, String, String)> = casts::in_set_operation(child, self.statement);
        if found.is_empty() {
            return Ok(());
        }
        // The walk is of a side that was walked before: what it notes again is noted already.
        let rows = self.rows.clone();
        let columns = self.operator(child)?;
        self.rows = rows;
        for (index, from, to) in found {
            let columns: BTreeSet<SourceColumn> =
                columns.get(index).map(|c| c.origins.keys().cloned().collect()).unwrap_or_default();
            if !columns.is_empty() {
                self.casts.insert(ImplicitCast { from, to, place: "set operation", columns });
            }
        }
        Ok(())
    }

    /// Subqueries were taken out of a limit before; its columns, if there are any, decide about rows.
    fn compared_inside(&mut self, json: Option<&Json>, input: &Columns) -> Result<(), String> {
        let Some(json) = json else { return Ok(()) };
        let mut found = Vec::new();
        nested(json, &mut |expression| {
            found.push(expression.clone());
            Ok(())
        })?;
        for expression in &found {
            self.influenced([expression], input, Influence::Filter)?;
        }
        Ok(())
    }

    /// The value of an expression over the columns of its operator's input.
    fn value(&mut self, expression: &Json, input: &Columns) -> Result<Column, String> {
        let text = |key: &str| expression.get(key).and_then(Json::as_str).unwrap_or_default();
        let kind = match text("expression_class") {
            "BOUND_REF" => {
                if number(expression, "depth") > 0 {
                    return Err("the plan refers to an outer query".to_owned());
                }
                let index = usize::try_from(number(expression, "index")).unwrap_or(usize::MAX);
                return input
                    .get(index)
                    .cloned()
                    .ok_or_else(|| format!("the plan refers to a column {index} of {}", input.len()));
            }
            // Below functions over rows the plan still names the operator and its column.
            "BOUND_COLUMN_REF" => {
                let binding = expression.get("binding").unwrap_or(&Json::Null);
                let column = usize::try_from(number(binding, "column_index")).unwrap_or(usize::MAX);
                let made = self.bindings.get(&number(binding, "table_index")).and_then(|made| made.get(column));
                return made.cloned().ok_or_else(|| "the plan refers to an unknown operator's column".to_owned());
            }
            "BOUND_SUBQUERY" => return Err("the plan holds a subquery inside an expression".to_owned()),
            // References inside a lambda are to its parameters; the columns it takes in are arguments beside it.
            "BOUND_CONSTANT" | "BOUND_PARAMETER" | "BOUND_DEFAULT" | "BOUND_LAMBDA" => {
                let mut print = Print::default();
                print_json(expression, &mut print);
                return Ok(Column { origins: Origins::new(), print });
            }
            "BOUND_CAST" => EdgeKind::Cast,
            _ if text("type") == "OPERATOR_CAST" => EdgeKind::Cast,
            "BOUND_AGGREGATE" => EdgeKind::Aggregate,
            "BOUND_WINDOW" => EdgeKind::Window,
            _ => EdgeKind::Expression,
        };
        if text("type").starts_with("COMPARE_") {
            for side in list(expression, "children") {
                self.compared(side, input)?;
            }
        }
        let mut column = Column::default();
        print_json(expression, &mut column.print);
        children(expression, &mut |child| {
            let found = self.value(child, input)?;
            column.print.print(&found.print);
            absorb(&mut column.origins, found.origins, kind);
            Ok(())
        })?;
        Ok(column)
    }
}

fn constants(op: &Json, width: usize) -> Columns {
    let one = |index: usize| {
        let mut print = Print::default();
        print_json(op.get("collection").unwrap_or(&Json::Null), &mut print);
        print.text(&index.to_string());
        Column { origins: Origins::new(), print }
    };
    (0..width).map(one).collect()
}

/// Every expression directly inside, wherever the plan keeps it: arguments, filters, partitions, orders, branches.
fn children(json: &Json, visit: &mut dyn FnMut(&Json) -> Result<(), String>) -> Result<(), String> {
    let Json::Object(map) = json else { return Ok(()) };
    for (key, inner) in map {
        // What the function remembers for itself; the references in there are not columns of the operator's input.
        if matches!(key.as_str(), "function_data" | "return_type" | "value" | "arguments") {
            continue;
        }
        nested(inner, visit)?;
    }
    Ok(())
}

fn nested(json: &Json, visit: &mut dyn FnMut(&Json) -> Result<(), String>) -> Result<(), String> {
    match json {
        Json::Object(map) if map.contains_key("expression_class") => visit(json),
        Json::Object(_) => children(json, visit),
        Json::Array(items) => items.iter().try_for_each(|item| nested(item, visit)),
        _ => Ok(()),
    }
}

/// Those of the columns that a map of ordinals names; all without one.
fn projected(columns: Columns, op: &Json, key: &str) -> Columns {
    match op.get(key).and_then(Json::as_array) {
        Some(map) if !map.is_empty() => {
            let at = |i: &Json| columns.get(usize::try_from(i.as_u64()?).ok()?).cloned();
            map.iter().filter_map(at).collect()
        }
        _ => columns,
    }
}

/// A list; one that is empty is left out of the plan.
fn list<'j>(json: &'j Json, key: &str) -> &'j [Json] {
    json.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a list that is unnested has as many items as the query writes down: a literal, the columns of UNPIVOT.
fn is_as_long_as_written(expression: &Json) -> bool {
    let Some(list) = expression.get("child") else { return false };
    let text = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned).unwrap_or_default();
    let function = list.get("qname").and_then(|name| name.get("path")).and_then(Json::as_array);
    text(list.get("alias")).starts_with("unpivot_") || text(function.and_then(|path| path.last())) == "list_value"
}

/// A number; zero is left out of the plan.
fn number(json: &Json, key: &str) -> u64 {
    json.get(key).and_then(Json::as_u64).unwrap_or(0)
}
