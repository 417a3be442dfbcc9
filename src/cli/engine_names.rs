//! Environment variables that dbt keeps for itself: those whose names begin with `DBT_ENGINE`.
//!
//! In: a variable's name. Out: a word on it, if it begins so and is none of dbt's.

use crate::diag::{Diagnostic, codes, warnings};

use super::args::OPTIONS;

/// What dbt's own variables begin with.
const PREFIX: &str = "DBT_ENGINE";

/// Names behind the prefix that are dbt's, beside those of options here.
const OTHERS: [&str; 26] = [
    "ARTIFACT_STATE_PATH",
    "DEFER_TO_STATE",
    "DOWNLOAD_DIR",
    "EXPORT_SAVED_QUERIES",
    "FAVOR_STATE_MODE",
    "HOST",
    "INCLUDE_SAVED_QUERY",
    "INVOCATION_ENV",
    "LOG_FILE_MAX_BYTES",
    "MACRO_DEBUGGING",
    "NO_PRINT",
    "PACKAGE_HUB_URL",
    "PARTIAL_PARSE_FILE_DIFF",
    "PARTIAL_PARSE_FILE_PATH",
    "PP_FILE_DIFF_TEST",
    "PP_TEST",
    "PROFILES_DIR",
    "PROJECT_DIR",
    "RECORDED_FILE_PATH",
    "SHOW_RESOURCE_REPORT",
    "SINGLE_THREADED",
    "SQLPARSE",
    "TEST_STATE_MODIFIED",
    "UPLOAD_TO_ARTIFACTS_INGEST_API",
    "USE_COLORS_FILE",
    "WARN_ERROR_OPTIONS",
];

/// A word on a variable that takes one of dbt's names.
pub fn reserved(variable: &str) -> Option<Diagnostic> {
    let rest = variable.strip_prefix(PREFIX)?;
    let known = rest.strip_prefix('_').is_some_and(|name| {
        OTHERS.contains(&name) || OPTIONS.iter().any(|option| option.env && option.name.eq_ignore_ascii_case(name))
    });
    let problem = || {
        let message = format!("the environment variable `{variable}` has a name that dbt keeps for its own settings");
        Diagnostic::warning(codes::DEPRECATED, message)
            .named(warnings::ENVIRONMENT_VARIABLE_NAMESPACE_DEPRECATION)
            .fact("env_var", variable)
            .fact("reserved_prefix", PREFIX)
            .help(format!("choose a name that does not begin with `{PREFIX}`"))
    };
    (!known).then(problem)
}
