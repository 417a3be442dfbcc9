//! Source freshness: how old the newest row of a source is, against its thresholds.
//!
//! In: sources with `freshness`. Out: [`FreshnessOutcome`]s.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::TemplateSource;
use crate::jinja::context::host::{Database, Policy, Resolved, Resolver};
use crate::jinja::context::{
    Argument, NodeFacts as ScopeFacts, NodeScope, RelationObject, Returned, call_named, render,
};
use crate::node::{ResourceType, Source, dict};

use super::outcome::{FreshnessOutcome, NodeFacts, Status};
use super::worker::{Worker, error_message, timed};

type Step<T> = Result<T, Box<Diagnostic>>;

/// When the newest row was loaded, and when that was asked.
struct Answer {
    max_loaded_at: DateTime<Utc>,
    snapshotted_at: DateTime<Utc>,
    response: Dict,
}

impl Worker<'_> {
    /// Checks a source.
    pub fn check_freshness(&self, source: &Source, facts: &Arc<NodeFacts>) -> FreshnessOutcome {
        let mut outcome = self.fresh(source, facts);
        // There is nothing to compile; dbt times the step all the same.
        outcome.timing.compile = Some(timed(|| ()).1);
        let (answer, period) = timed(|| self.ask(source));
        outcome.timing.execute = Some(period);
        match answer {
            Ok(answer) => {
                let age = answer.snapshotted_at - answer.max_loaded_at;
                #[expect(clippy::cast_precision_loss, reason = "seconds as dbt shows them")]
                let seconds = age.num_milliseconds() as f64 / 1000.0;
                outcome.age = seconds;
                outcome.status = status(&source.freshness, seconds);
                outcome.max_loaded_at = Some(answer.max_loaded_at);
                outcome.snapshotted_at = Some(answer.snapshotted_at);
                outcome.adapter_response = answer.response;
                outcome
            }
            Err(diagnostic) => {
                FreshnessOutcome { timing: outcome.timing, ..self.freshness_error(source, facts, *diagnostic) }
            }
        }
    }

    /// The verdict on a check that could not be made.
    pub fn freshness_error(
        &self,
        source: &Source,
        facts: &Arc<NodeFacts>,
        mut problem: Diagnostic,
    ) -> FreshnessOutcome {
        problem.node.get_or_insert_with(|| source.id.to_string());
        let message = Some(error_message(&problem, facts));
        FreshnessOutcome {
            status: Status::RuntimeError,
            message,
            diagnostics: vec![problem],
            ..self.fresh(source, facts)
        }
    }

    fn fresh(&self, source: &Source, facts: &Arc<NodeFacts>) -> FreshnessOutcome {
        FreshnessOutcome {
            node: Arc::clone(facts),
            source_name: source.source_name.clone(),
            status: Status::Pass,
            message: None,
            max_loaded_at: None,
            snapshotted_at: None,
            age: 0.0,
            criteria: source.freshness.clone(),
            timing: super::outcome::Timing::default(),
            execution_time: 0.0,
            thread_id: self.thread.clone(),
            adapter_response: Dict::new(),
            diagnostics: Vec::new(),
        }
    }

    fn ask(&self, source: &Source) -> Step<Answer> {
        let around = self.around;
        let resolver = around.compiler.package_resolver(&source.package);
        let resolved = self.resolved(source, &resolver);
        let scope = self.source_scope(source, Arc::clone(&resolver));
        let relation = RelationObject::from_resolved(resolved, around.shared.adapter.subquery_alias);
        let returned = if let Some(query) = &source.loaded_at_query {
            let template = TemplateSource::inline(source.original_path.as_str(), query.as_str());
            let query = render(&around.engine, &template, &scope)?.text;
            let arguments = [("source", Argument::Relation(relation)), ("loaded_at_query", query.into())];
            call_named(&around.engine, "collect_freshness_custom_sql", arguments, &scope)?
        } else if let Some(field) = &source.loaded_at_field {
            let filter = source.freshness.get("filter").cloned().unwrap_or_default();
            let arguments = [
                ("source", Argument::Relation(relation)),
                ("loaded_at_field", field.as_str().into()),
                ("filter", Argument::Value(filter)),
            ];
            call_named(&around.engine, "collect_freshness", arguments, &scope)?
        } else {
            let message = format!(
                "Could not compute freshness for source {}: no 'loaded_at_field' provided and the adapter does not \
                 support metadata-based freshness checks",
                source.name
            );
            let help = "give the source a `loaded_at_field` or a `loaded_at_query`";
            return Err(Box::new(Diagnostic::error(codes::CONFIG_INVALID, message).at(source.span.clone()).help(help)));
        };
        read(&returned).map_err(|problem| {
            let message = format!("the freshness of {} cannot be told: {problem}", source.relation_name);
            Box::new(Diagnostic::error(codes::CONFIG_INVALID, message).at(source.span.clone()))
        })
    }

    fn resolved(&self, source: &Source, resolver: &Arc<dyn Resolver>) -> Resolved {
        let policy = || Policy::ALL.with(&source.quoting);
        // A check is made of the whole table, whatever `--empty` or `--sample` say.
        let found = resolver.source(&source.source_name, &source.name);
        let found = found.unwrap_or_else(|_| Resolved::relation(source.relation.clone(), policy()));
        Resolved { limit: None, event_time: None, ..found }
    }

    fn source_scope(&self, source: &Source, resolver: Arc<dyn Resolver>) -> Arc<NodeScope> {
        let model = dict::source(source, self.around.project.info.created_at);
        let facts = ScopeFacts {
            id: Some(source.id.clone()),
            name: source.name.clone(),
            package: source.package.clone(),
            resource_type: Some(ResourceType::Source),
            relation: Some(source.relation.clone()),
            config: source.config.clone(),
            model: Some(Arc::new(move || model.clone())),
            ..ScopeFacts::default()
        };
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        NodeScope::run_facts(&self.around.shared, facts, resolver).database(database).build()
    }
}

/// Reads what the macro returned: a stored result, or (older overrides) a table.
fn read(returned: &Returned) -> Result<Answer, String> {
    let value = returned.value();
    let (row, response) = match returned.table() {
        Some(table) => (table.rows.into_iter().next(), Dict::new()),
        None => {
            let rows = value.get("data").and_then(Value::as_list).unwrap_or_default();
            let row = rows.first().and_then(Value::as_list).map(<[Value]>::to_vec);
            let message = value.get("response").cloned().unwrap_or_default();
            let message = message.get("_message").cloned().unwrap_or(message);
            (row, [("_message".to_owned(), message)].into_iter().collect())
        }
    };
    let row = row.filter(|row| row.len() >= 2).ok_or("the query returned no row")?;
    Ok(Answer {
        // No rows at all: loaded infinitely long ago.
        max_loaded_at: instant(&row[0])?.unwrap_or_else(beginning),
        snapshotted_at: instant(&row[1])?.unwrap_or_else(Utc::now),
        response,
    })
}

fn beginning() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN).and_utc()
}

fn instant(value: &Value) -> Result<Option<DateTime<Utc>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Timestamp(at) => Ok(Some(at.and_utc())),
        Value::TimestampTz(at) => Ok(Some(at.to_utc())),
        Value::Date(day) => Ok(Some(day.and_time(NaiveTime::MIN).and_utc())),
        other => Err(format!("expected a timestamp, got {} ({other})", other.kind())),
    }
}

/// The verdict on an age in seconds.
fn status(freshness: &Value, age: f64) -> Status {
    let exceeded = |key: &str| threshold(freshness.get(key)).is_some_and(|limit| age > limit);
    if exceeded("error_after") {
        Status::Error
    } else if exceeded("warn_after") {
        Status::Warn
    } else {
        Status::Pass
    }
}

/// Seconds of `{count: 12, period: hour}`.
fn threshold(value: Option<&Value>) -> Option<f64> {
    let value = value?;
    let count: f64 = value.get("count").filter(|c| !c.is_null())?.to_string().parse().ok()?;
    let period = match value.get("period").and_then(Value::as_str)? {
        "minute" => 60.0,
        "hour" => 3600.0,
        "day" => 86400.0,
        _ => return None,
    };
    Some(count * period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_in_dbts_periods() {
        let limit = |count: i64, period: &str| {
            Value::Map(
                [("count".to_owned(), Value::from(count)), ("period".to_owned(), period.into())].into_iter().collect(),
            )
        };
        let pairs = [("warn_after".to_owned(), limit(1, "hour")), ("error_after".to_owned(), limit(1, "day"))];
        let freshness = Value::Map(pairs.into_iter().collect());
        let cases = [(3600.0, Status::Pass), (3601.0, Status::Warn), (86401.0, Status::Error)];
        for (age, expected) in cases {
            assert_eq!(status(&freshness, age), expected, "{age}");
        }
        assert_eq!(status(&Value::Null, 1e12), Status::Pass);
    }
}
