//! Queries against a small session: what comes out, and what is refused.

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::super::functions;

/// A session with a few tables.
fn session() -> SessionContext {
    let builder = SessionStateBuilder::new()
        .with_config(SessionConfig::new().with_information_schema(true))
        .with_default_features();
    SessionContext::new_with_state(functions::install(builder).build())
}

async fn run(session: &SessionContext, sql: &str) -> String {
    let statement = match super::parse(sql) {
        Ok(statement) => statement,
        Err(refusal) => {
            let at = refusal.offset(sql).map_or_else(String::new, |o| format!(" at {o}"));
            return format!(
                "refused{at}: {refusal}{}",
                refusal.help.as_ref().map(|h| format!("\nhelp: {h}")).unwrap_or_default()
            );
        }
    };
    let result = match super::plan(&session.state(), statement).await {
        Ok(plan) => session.execute_logical_plan(plan).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(frame) => match frame.collect().await {
            Ok(batches) => pretty_format_batches(&batches).map_or_else(|e| e.to_string(), |t| t.to_string()),
            Err(error) => format!("error: {}", error.strip_backtrace()),
        },
        Err(error) => format!("error: {}", error.strip_backtrace()),
    }
}
