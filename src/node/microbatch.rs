//! The config of a microbatch model.
//!
//! In: a node's config. Out: [`Microbatch`], or what is wrong with it.

use crate::base::{BatchGrid, BatchKey, BatchSize, Grain, Value, event_time_format_objection};

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
    /// Reads a config; the error says which key must be what, in the order in which dbt looks at them.
    pub fn of(config: &Config) -> Result<Self, String> {
        let event_time = match required(config, "event_time", "an", "the column that holds an event's time")? {
            Value::Str(column) => column.clone(),
            other => return Err(wrong("an 'event_time' config that is the name of a column", other)),
        };
        let begin = required(config, "begin", "a", "the earliest time that it is built for")?;
        let size = required(config, "batch_size", "a", "such as 'day'")?;
        let grid_size = BatchSize::of(size).ok_or_else(|| {
            let known = Grain::ALL.map(|grain| format!("'{}'", grain.as_str())).join(", ");
            let known = format!("one of {known}, several of one such as '3 days', or a whole number");
            wrong(&format!("a 'batch_size' config that is {known}"), size)
        })?;
        let begin = match (BatchKey::of(begin), grid_size) {
            (Some(key @ BatchKey::Time(_)), BatchSize::Time(..)) => key,
            (Some(key @ BatchKey::Number(_)), BatchSize::Numbers(_)) => key,
            (_, BatchSize::Time(..)) => {
                return Err(wrong("a 'begin' config that is a date or time in ISO format", begin));
            }
            (_, BatchSize::Numbers(_)) => return Err(wrong("a 'begin' config that is a whole number", begin)),
        };
        let lookback = match set(config, "lookback") {
            None => 1,
            Some(value) => {
                let count =
                    value.as_i64().ok_or_else(|| wrong("the optional 'lookback' config as a whole number", value));
                count?.max(0)
            }
        };
        let concurrent = match set(config, "concurrent_batches") {
            None => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => return Err(wrong("the optional 'concurrent_batches' config as true or false", other)),
        };
        let format = format(config)?;
        Ok(Self { event_time, format, grid: BatchGrid::new(grid_size, begin), begin, lookback, concurrent })
    }
}

/// How a column that is no date keeps dates, if the config says so; the error says what it must be.
fn format(config: &Config) -> Result<Option<String>, String> {
    let Some(value) = set(config, "event_time_format") else { return Ok(None) };
    let of = |wanted: &str| wrong(&format!("the optional 'event_time_format' config as {wanted}"), value);
    let text = value.as_str().ok_or_else(|| of("a format of dates, such as '%Y%m%d'"))?;
    match event_time_format_objection(text) {
        Some(wanted) => Err(of(wanted)),
        None => Ok(Some(text.to_owned())),
    }
}

fn set<'a>(config: &'a Config, key: &str) -> Option<&'a Value> {
    config.get(key).filter(|value| !value.is_null())
}

fn required<'a>(config: &'a Config, key: &str, article: &str, what: &str) -> Result<&'a Value, String> {
    set(config, key).ok_or_else(|| format!("must provide {article} '{key}' config: {what}"))
}

fn wrong(wanted: &str, found: &Value) -> String {
    format!("must provide {wanted}, but got: {found}")
}
