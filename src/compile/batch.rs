//! Time ranges: batches of microbatch models and `--sample`.
//!
//! In: instants. Out: filters for parents, and what a batch's templates see.

use chrono::{DateTime, Utc};

use crate::base::{Dict, Value};
use crate::jinja::context::ScopeBuilder;
use crate::jinja::context::host::EventTimeFilter;

/// A range of event times: start included, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimeRange {
    /// Start.
    pub start: DateTime<Utc>,
    /// End.
    pub end: DateTime<Utc>,
}

impl EventTimeRange {
    /// The part that lies in both ranges.
    #[must_use]
    pub fn within(self, other: Option<Self>) -> Self {
        other.map_or(self, |o| Self { start: self.start.max(o.start), end: self.end.min(o.end) })
    }

    /// The filter on a column, already quoted where it must be.
    pub(super) fn filter(self, field: String) -> EventTimeFilter {
        let shown = |instant: DateTime<Utc>| Some(instant.format("%Y-%m-%d %H:%M:%S%.f%:z").to_string());
        EventTimeFilter { field, start: shown(self.start), end: shown(self.end) }
    }
}

/// One batch of a microbatch model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its id, such as `20240101`.
    pub id: String,
    /// Its time range.
    pub range: EventTimeRange,
}

impl Batch {
    /// Adds what templates see of the batch: `model.batch` and the range in the config. For the compile and the run alike.
    #[must_use]
    pub fn apply(&self, scope: ScopeBuilder) -> ScopeBuilder {
        let start = Value::TimestampTz(self.range.start.fixed_offset());
        let end = Value::TimestampTz(self.range.end.fixed_offset());
        let batch: Dict = [
            ("id".to_owned(), Value::from(self.id.as_str())),
            ("event_time_start".to_owned(), start.clone()),
            ("event_time_end".to_owned(), end.clone()),
        ]
        .into_iter()
        .collect();
        scope
            .model_entry("batch", batch)
            .config_entry("__dbt_internal_microbatch_event_time_start", start)
            .config_entry("__dbt_internal_microbatch_event_time_end", end)
    }
}
