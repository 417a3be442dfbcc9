//! Numbers that stand for how something is computed. In: parts of a plan. Out: [`Print`]: equal for equal computations,
//! wherever in the text and under whatever alias they stand.

use serde_json::Value as Json;

use crate::adapters::shadow::column::Print;

/// What the engine numbers as it goes, and where things stand in the text.
const PLACES: &[&str] =
    &["alias", "query_location", "query_location_length", "table_index", "cte_index", "has_serialize", "is_operator"];

/// Takes a part of a plan in, without the expressions inside: their values are computed from other columns, and are
/// printed as such. Lambdas and what a function remembers for itself belong to it.
pub(super) fn print_json(json: &Json, print: &mut Print) {
    match json {
        Json::Object(map) => {
            for (key, inner) in map {
                let own = matches!(key.as_str(), "lambda_expr" | "function_data");
                if PLACES.contains(&key.as_str()) || (is_expression(inner) && !own) {
                    continue;
                }
                print.text(key);
                print_json(inner, print);
            }
        }
        Json::Array(items) => {
            print.text("[");
            items.iter().filter(|i| !is_expression(i)).for_each(|i| print_json(i, print));
            print.text("]");
        }
        Json::String(text) => drop(print.text(text)),
        other => drop(print.text(&other.to_string())),
    }
}

fn is_expression(json: &Json) -> bool {
    json.get("expression_class").is_some()
}
