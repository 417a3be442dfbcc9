//! The config of a microbatch model.
//!
//! In: a node's config. Out: [`Microbatch`], or what is wrong with it.

use crate::base::{BatchGrid, BatchKey, BatchSize, Grain, Value};

use super::{Config, Node, ResourceType};

/// How a microbatch model is cut into batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Microbatch {
    /// The column that decides to which batch a row belongs.
    pub event_time: String,
    /// How that column keeps dates, if it keeps them as numbers or text: `%Y%m%d`.
    pub format: Option<String>,
    /// The batches.
    pub grid: BatchGrid,
    /// Where the first batch begins.
    pub begin: BatchKey,
    /// How many batches before the newest are built again, for rows that come late.
    pub lookback: i64,
    /// Whether batches may run at the same time; none: as the model's SQL allows.
    pub concurrent: Option<bool>,
}

impl Node {
    /// Whether the node is an incremental model with the microbatch strategy.
    pub fn is_microbatch(&self) -> bool {
        self.resource_type == ResourceType::Model
            && self.config.materialized() == "incremental"
            && self.config.str("incremental_strategy") == Some("microbatch")
    }
}

impl Microbatch {
    /// Reads a config; the error says which key must be what.
    pub fn of(config: &Config) -> Result<Self, String> {
        let set = |key: &str| config.get(key).filter(|value| !value.is_null());
        let wrong = |key: &str, wanted: &str, found: &Value| {
            Err(format!("must provide an '{key}' config that is {wanted}, but got: {found}"))
        };
        let event_time = match set("event_time") {
            Some(Value::Str(column)) => column.clone(),
            Some(other) => return wrong("event_time", "the name of a column", other),
            None => {
                return Err("must provide an 'event_time' config: the column that holds the event's time".to_owned());
            }
        };
        let size = match set("batch_size") {
            Some(value) => match BatchSize::of(value) {
                Some(size) => size,
                None => {
                    let known = Grain::ALL.map(|grain| format!("'{}'", grain.as_str())).join(", ");
                    let wanted = format!("one of {known}, several of them such as '3 days', or a whole number");
                    return wrong("batch_size", &wanted, value).map_err(|m| m.replacen(" an ", " a ", 1));
                }
            },
            None => return Err("must provide a 'batch_size' config, such as 'day'".to_owned()),
        };
        let begin = match set("begin") {
            Some(value) => match (BatchKey::of(value), size) {
                (Some(key @ BatchKey::Time(_)), BatchSize::Time(..)) => key,
                (Some(key @ BatchKey::Number(_)), BatchSize::Numbers(_)) => key,
                (_, BatchSize::Time(..)) => {
                    return wrong("begin", "a date or time in ISO format", value)
                        .map_err(|m| m.replacen(" an ", " a ", 1));
                }
                (_, BatchSize::Numbers(_)) => {
                    return wrong("begin", "a whole number", value).map_err(|m| m.replacen(" an ", " a ", 1));
                }
            },
            None => return Err("must provide a 'begin' config: the earliest time that it is built for".to_owned()),
        };
        let lookback = match set("lookback") {
            None => 1,
            Some(value) => match value.as_i64() {
                Some(count) => count.max(0),
                None => {
                    return Err(format!(
                        "must provide the optional 'lookback' config as a whole number, but got: {value}"
                    ));
                }
            },
        };
        let concurrent = match set("concurrent_batches") {
            None => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => {
                return Err(format!(
                    "must provide the optional 'concurrent_batches' config as a boolean, but got: {other}"
                ));
            }
        };
        let format = config.str("event_time_format").map(str::to_owned);
        Ok(Self { event_time, format, grid: BatchGrid::new(size, begin), begin, lookback, concurrent })
    }
}
