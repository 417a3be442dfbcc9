//! The walk over a bound, unoptimised plan. In: the JSON of `json_serialize_plan`. Out: for each output column the columns
//! of tables it comes from.
//!
//! Every reference in the plan is the ordinal of a column of the child operator, so no name is resolved here. The format
//! is the engine's own and may change with it: an operator that this does not know is an error, never a guess.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::types::type_name;
use crate::adapters::shadow::{BoundLineage, EdgeKind, Influence, ShadowColumn, SourceColumn};
use crate::base::Relation;

/// The columns behind one value.
type Origins = BTreeMap<SourceColumn, EdgeKind>;
/// The columns an operator puts out.
type Columns = Vec<Origins>;

/// Rounds until the columns of a recursive query no longer change; each adds at least one origin.
const ROUNDS: usize = 64;

/// Names and types of the table that the statement would create.
pub(super) fn columns(plan: &Json) -> Option<Vec<ShadowColumn>> {
    let list = plan.get("info")?.get("columns")?.get("columns")?.as_array()?;
    list.iter()
        .map(|c| {
            let name = c.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
            Some(ShadowColumn { name, data_type: type_name(c.get("type")?)? })
        })
        .collect()
}

/// The lineage of a `create table as` of so many columns.
pub(super) fn lineage(plan: &Json, width: usize) -> Result<BoundLineage, String> {
    let mut walk = Walk::default();
    let values = walk.operator(plan)?;
    if values.len() != width {
        return Err(format!("the plan puts out {} columns, the query has {width}", values.len()));
    }
    Ok(BoundLineage { values, influence: walk.influence, equal: walk.equal })
}

#[derive(Default)]
struct Walk {
    ctes: HashMap<u64, Columns>,
    influence: BTreeSet<(SourceColumn, Influence)>,
    equal: BTreeSet<(SourceColumn, SourceColumn)>,
}

impl Walk {
    fn operator(&mut self, op: &Json) -> Result<Columns, String> {
        let name = op.get("type").and_then(Json::as_str).unwrap_or_default();
        match name {
            "LOGICAL_CREATE_TABLE" | "LOGICAL_LIMIT" | "LOGICAL_SAMPLE" => self.child(op, 0),
            "LOGICAL_GET" => self.get(op),
            "LOGICAL_PROJECTION" => {
                let input = self.child(op, 0)?;
                list(op, "expressions").iter().map(|e| value(e, &input)).collect()
            }
            "LOGICAL_FILTER" => {
                let input = self.child(op, 0)?;
                self.influenced(list(op, "expressions"), &input, Influence::Filter)?;
                Ok(projected(input, op, "projection_map"))
            }
            "LOGICAL_AGGREGATE_AND_GROUP_BY" => self.aggregate(op),
            "LOGICAL_WINDOW" | "LOGICAL_UNNEST" => {
                let input = self.child(op, 0)?;
                let made: Result<Columns, String> = list(op, "expressions").iter().map(|e| value(e, &input)).collect();
                Ok(input.into_iter().chain(made?).collect())
            }
            "LOGICAL_ORDER_BY" | "LOGICAL_TOP_N" => {
                let input = self.child(op, 0)?;
                let orders: Vec<&Json> = list(op, "orders").iter().filter_map(|o| o.get("expression")).collect();
                self.influenced(orders, &input, Influence::Order)?;
                Ok(projected(input, op, "projection_map"))
            }
            "LOGICAL_DISTINCT" => {
                let input = self.child(op, 0)?;
                self.influenced(list(op, "distinct_targets"), &input, Influence::Group)?;
                Ok(input)
            }
            "LOGICAL_COMPARISON_JOIN" | "LOGICAL_ANY_JOIN" | "LOGICAL_ASOF_JOIN" => self.join(op),
            "LOGICAL_CROSS_PRODUCT" | "LOGICAL_POSITIONAL_JOIN" => {
                let left = self.child(op, 0)?;
                Ok(left.into_iter().chain(self.child(op, 1)?).collect())
            }
            "LOGICAL_UNION" | "LOGICAL_INTERSECT" => {
                let mut all = self.child(op, 0)?;
                for index in 1..list(op, "children").len() {
                    merge(&mut all, self.child(op, index)?)?;
                }
                Ok(all)
            }
            "LOGICAL_EXCEPT" => {
                let left = self.child(op, 0)?;
                for column in self.child(op, 1)? {
                    self.influence.extend(column.into_keys().map(|c| (c, Influence::Filter)));
                }
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
                self.ctes.get(&index).cloned().ok_or_else(|| format!("the plan reads an unknown CTE {index}"))
            }
            "LOGICAL_EXPRESSION_GET" => {
                let input = self.child(op, 0)?;
                let mut all: Option<Columns> = None;
                for row in list(op, "expressions") {
                    let row: Result<Columns, String> =
                        row.as_array().map_or(&[][..], Vec::as_slice).iter().map(|e| value(e, &input)).collect();
                    match &mut all {
                        None => all = Some(row?),
                        Some(all) => merge(all, row?)?,
                    }
                }
                all.ok_or_else(|| "an empty list of values".to_owned())
            }
            "LOGICAL_DUMMY_SCAN" => Ok(vec![Origins::new()]),
            "LOGICAL_CHUNK_GET" | "LOGICAL_COLUMN_DATA_GET" => Ok(vec![Origins::new(); list(op, "chunk_types").len()]),
            "LOGICAL_EMPTY_RESULT" => Ok(vec![Origins::new(); list(op, "return_types").len()]),
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
        // A function over a table's rows: which of its columns end up where is the function's secret.
        let mut behind = Origins::new();
        for index in 0..list(op, "children").len() {
            for column in self.child(op, index)? {
                absorb(&mut behind, column, EdgeKind::Expression);
            }
        }
        let names = list(op, "names");
        let all: Columns = list(op, "column_indexes")
            .iter()
            .map(|c| {
                let index = usize::try_from(number(c, "index")).unwrap_or(usize::MAX);
                let name = names.get(index).and_then(Json::as_str);
                match (&table, name) {
                    (Some(table), Some(name)) => {
                        let column = SourceColumn { relation: table.clone(), column: name.to_owned() };
                        Origins::from([(column, EdgeKind::Copy)])
                    }
                    _ => behind.clone(),
                }
            })
            .collect();
        if !list(op, "projected_input").is_empty() {
            return Err("the plan holds a function over rows that passes other columns on".to_owned());
        }
        Ok(projected(all, op, "projection_ids"))
    }

    fn aggregate(&mut self, op: &Json) -> Result<Columns, String> {
        let input = self.child(op, 0)?;
        let groups = list(op, "groups");
        self.influenced(groups, &input, Influence::Group)?;
        let mut out: Columns = Vec::new();
        for expression in groups.iter().chain(list(op, "expressions")) {
            out.push(value(expression, &input)?);
        }
        for function in list(op, "grouping_functions") {
            let mut origins = Origins::new();
            for group in function.as_array().map_or(&[][..], Vec::as_slice) {
                let index = usize::try_from(group.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
                if let Some(column) = out.get(index).cloned() {
                    absorb(&mut origins, column, EdgeKind::Expression);
                }
            }
            out.push(origins);
        }
        Ok(out)
    }

    fn join(&mut self, op: &Json) -> Result<Columns, String> {
        let (left, right) = (self.child(op, 0)?, self.child(op, 1)?);
        let both: Columns = left.iter().chain(&right).cloned().collect();
        for condition in list(op, "conditions") {
            let (Some(l), Some(r)) = (condition.get("left"), condition.get("right")) else {
                self.influenced([condition], &both, Influence::Join)?;
                continue;
            };
            let comparison = condition.get("comparison").and_then(Json::as_str).unwrap_or_default();
            let (l, r) = (value(l, &left)?, value(r, &right)?);
            if matches!(comparison, "COMPARE_EQUAL" | "COMPARE_NOT_DISTINCT_FROM")
                && let (Some(a), Some(b)) = (only_copy(&l), only_copy(&r))
                && a != b
            {
                self.equal.insert(if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) });
            }
            self.influence.extend(l.into_keys().chain(r.into_keys()).map(|c| (c, Influence::Join)));
        }
        for key in ["condition", "predicate", "expressions"] {
            match op.get(key) {
                Some(Json::Array(list)) => self.influenced(list, &both, Influence::Join)?,
                Some(one) => self.influenced([one], &both, Influence::Join)?,
                None => {}
            }
        }
        let left = projected(left, op, "left_projection_map");
        let right = projected(right, op, "right_projection_map");
        Ok(match op.get("join_type").and_then(Json::as_str).unwrap_or("INNER") {
            "SEMI" | "ANTI" => left,
            "RIGHT_SEMI" | "RIGHT_ANTI" => right,
            "MARK" => {
                // Whether the row was found: both sides of the comparison decide.
                let mut mark = Origins::new();
                for condition in list(op, "conditions") {
                    for (key, input) in [("left", &both), ("right", &right)] {
                        if let Some(side) = condition.get(key) {
                            absorb(&mut mark, value(side, input)?, EdgeKind::Expression);
                        }
                    }
                }
                left.into_iter().chain([mark]).collect()
            }
            "INNER" | "LEFT" | "RIGHT" | "OUTER" | "FULL" | "SINGLE" => left.into_iter().chain(right).collect(),
            other => return Err(format!("the plan holds a {other} join")),
        })
    }

    fn recursive(&mut self, op: &Json) -> Result<Columns, String> {
        let mut all = self.child(op, 0)?;
        for _ in 0..ROUNDS {
            self.ctes.insert(number(op, "table_index"), all.clone());
            let before = all.clone();
            merge(&mut all, self.child(op, 1)?)?;
            if all == before {
                break;
            }
        }
        Ok(all)
    }

    fn influenced<'j>(
        &mut self,
        expressions: impl IntoIterator<Item = &'j Json>,
        input: &Columns,
        how: Influence,
    ) -> Result<(), String> {
        for expression in expressions {
            self.influence.extend(value(expression, input)?.into_keys().map(|c| (c, how)));
        }
        Ok(())
    }
}

/// The origins of an expression over the columns of its operator's input.
fn value(expression: &Json, input: &Columns) -> Result<Origins, String> {
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
        "BOUND_COLUMN_REF" => return Err("the plan refers to a column by name".to_owned()),
        "BOUND_CONSTANT" | "BOUND_PARAMETER" | "BOUND_DEFAULT" => return Ok(Origins::new()),
        "BOUND_CAST" => EdgeKind::Cast,
        _ if text("type") == "OPERATOR_CAST" => EdgeKind::Cast,
        "BOUND_AGGREGATE" => EdgeKind::Aggregate,
        "BOUND_WINDOW" => EdgeKind::Window,
        _ => EdgeKind::Expression,
    };
    let mut origins = Origins::new();
    children(expression, &mut |child| {
        absorb(&mut origins, value(child, input)?, kind);
        Ok(())
    })?;
    Ok(origins)
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

fn absorb(into: &mut Origins, from: Origins, at_least: EdgeKind) {
    for (column, kind) in from {
        let kind = kind.max(at_least);
        into.entry(column).and_modify(|known| *known = kind.max(*known)).or_insert(kind);
    }
}

fn merge(into: &mut Columns, from: Columns) -> Result<(), String> {
    if into.len() != from.len() {
        return Err(format!("the plan unites {} columns with {}", into.len(), from.len()));
    }
    for (column, other) in into.iter_mut().zip(from) {
        absorb(column, other, EdgeKind::Copy);
    }
    Ok(())
}

fn only_copy(origins: &Origins) -> Option<&SourceColumn> {
    match origins.iter().next() {
        Some((column, EdgeKind::Copy)) if origins.len() == 1 => Some(column),
        _ => None,
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

/// A number; zero is left out of the plan.
fn number(json: &Json, key: &str) -> u64 {
    json.get(key).and_then(Json::as_u64).unwrap_or(0)
}
