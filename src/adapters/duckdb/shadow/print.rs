//! Numbers that stand for how something is computed. In: parts of a plan. Out: [`Print`]: equal for equal computations,
//! wherever in the text and under whatever alias they stand.

use serde_json::Value as Json;

/// A running hash (FNV-1a, 64 bits): the same on every machine and in every release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Print(u64);

impl Default for Print {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Print {
    /// Takes bytes in.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// Takes a text in, and that it ends.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes()).bytes(&[0xff])
    }

    /// Takes in what another print has taken in.
    pub(super) fn print(&mut self, other: &Print) -> &mut Self {
        self.bytes(&other.0.to_le_bytes())
    }

    /// The number.
    pub(super) fn number(&self) -> u64 {
        self.0
    }
}

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
