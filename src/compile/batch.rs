//! Time ranges: batches of microbatch models and `--sample`.
//!
//! In: intervals. Out: filters for parents, and what a batch's templates see.

use crate::base::{BatchGrid, BatchKey, Dict, Interval, Value};
use crate::jinja::context::ScopeBuilder;
use crate::jinja::context::host::EventTimeFilter;

/// The filter on a column, already quoted where it must be. `format` is how the column keeps dates that are no dates.
pub(super) fn filter(interval: Interval, field: String, format: Option<&str>) -> EventTimeFilter {
    let bare = format.is_some() || matches!(interval.start, BatchKey::Number(_));
    let shown = |key: BatchKey| {
        let literal = key.literal(format);
        Some(if bare { literal } else { literal.trim_matches('\'').to_owned() })
    };
    EventTimeFilter { field, start: shown(interval.start), end: shown(interval.end), bare }
}

/// One batch of a microbatch model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its id, such as `20240101`.
    pub id: String,
    /// Its name, such as `2024-01-01`.
    pub label: String,
    /// From where to where it goes.
    pub interval: Interval,
    /// How the model's column keeps dates, if it keeps them as numbers or text.
    pub format: Option<String>,
}

impl Batch {
    /// The batch of a grid that an interval is.
    pub fn new(grid: BatchGrid, interval: Interval, format: Option<&str>) -> Self {
        let format = format.map(str::to_owned);
        Self { id: grid.id(interval.start), label: grid.label(interval.start), interval, format }
    }

    /// Adds what templates see of the batch: `model.batch` and the range in the config. For the compile and the run alike.
    #[must_use]
    pub fn apply(&self, scope: ScopeBuilder) -> ScopeBuilder {
        let (start, end) = (self.interval.start.value(), self.interval.end.value());
        let mut batch: Dict = [
            ("id".to_owned(), Value::from(self.id.as_str())),
            ("event_time_start".to_owned(), start.clone()),
            ("event_time_end".to_owned(), end.clone()),
        ]
        .into_iter()
        .collect();
        if self.format.is_some() || matches!(self.interval.start, BatchKey::Number(_)) {
            let literal = |key: BatchKey| Value::from(key.literal(self.format.as_deref()));
            batch.insert("start_sql".to_owned(), literal(self.interval.start));
            batch.insert("end_sql".to_owned(), literal(self.interval.end));
        }
        scope
            .batch(self.label.as_str())
            .model_entry("batch", batch)
            .config_entry("__dbt_internal_microbatch_event_time_start", start)
            .config_entry("__dbt_internal_microbatch_event_time_end", end)
    }
}
