//! Takes what changes from run to run out of printed text: times, durations, folders, versions, ids.

use std::path::Path;
use std::sync::LazyLock;

use fancy_regex::Regex;

static RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"\b(revision:?) [0-9a-f]{40}\b", "$1 [COMMIT]"),
        (r"(?m)^\d{2}:\d{2}:\d{2}  ?", ""),
        (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?", "[TIME]"),
        (r"\b\d+\.\d{2}s\b", "[SECONDS]"),
        (r"\b\d+(\.\d+)? seconds\b", "[SECONDS] seconds"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UUID]"),
        (r"transform \d+\.\d+\.\d+", "transform [VERSION]"),
        (r"PID \d+", "PID [PID]"),
        (r#""pid":\d+"#, "\"pid\":[PID]"),
        (r#""(elapsed|elapsed_time|execution_time)":[\d.e-]+"#, "\"$1\":[SECONDS]"),
        (r#""((?:adapter|transform)_version)":"[^"]*""#, "\"$1\":\"[VERSION]\""),
        (r"__dbt_tmp\d+", "__dbt_tmp[TIME]"),
        (r"\b\d+ macros\b", "[N] macros"),
        // The default is the number of cores.
        (r"Concurrency: \d+ threads", "Concurrency: [N] threads"),
        (r"\.{4,}", "..."),
    ]
    .into_iter()
    .map(|(pattern, to)| (Regex::new(pattern).expect("redaction patterns compile"), to))
    .collect()
});

/// The text of some output, ending in a newline unless empty.
pub fn redact(bytes: &[u8], root: &Path) -> String {
    let mut text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    for (folder, name) in [(Some(root), "[PROJECT]"), (root.parent(), "[HOME]")] {
        for path in folder.into_iter().flat_map(|f| [f.to_owned(), f.canonicalize().unwrap_or_default()]) {
            if !path.as_os_str().is_empty() {
                text = text.replace(&*path.to_string_lossy(), name);
            }
        }
    }
    for (rule, to) in RULES.iter() {
        text = rule.replace_all(&text, *to).into_owned();
    }
    let mut lines: String = text.lines().map(|l| format!("{}\n", l.trim_end())).collect();
    // A line of the output must not open a block of the case.
    lines = lines.replace("\n=== ", "\n ===  ");
    lines
}

/// What of the first lines of a run says which engine it is on.
static ENGINE_RULES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (r"using the embedded database \S+ in", "using the embedded database [DATABASE] in"),
        (r"Registered adapter: (duckdb|datafusion)=\S+ \(.*\)", "Registered adapter: [ENGINE]"),
        (r"\(target='(dev|lake)'\)", "(target='[TARGET]')"),
        (r"\b(\w+)\.(duckdb|lake)\b(?!\.)", "$1.[DATABASE]"),
        (r#""adapter_name":"(duckdb|datafusion)""#, "\"adapter_name\":\"[ENGINE]\""),
        (r#""target_name":"(dev|lake)""#, "\"target_name\":\"[TARGET]\""),
    ]
    .into_iter()
    .map(|(pattern, to)| (Regex::new(pattern).expect("redaction patterns compile"), to))
    .collect()
});

/// Output of a case that runs on several engines, without the names of engine, database and target.
pub fn without_engine(text: &str) -> String {
    ENGINE_RULES.iter().fold(text.to_owned(), |text, (rule, to)| rule.replace_all(&text, *to).into_owned())
}

/// Names of types as both engines have them, where they stand as words of their own.
static TYPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(tinyint|smallint|integer|bigint|float|double|decimal|varchar|boolean|date|timestamp|with time zone)\b",
    )
    .expect("the pattern compiles")
});

/// Whether two texts are the same but for how the names of types are written: one engine writes them in small letters.
pub fn same_but_for_types(one: &str, other: &str) -> bool {
    one == other || with_loud_types(one) == with_loud_types(other)
}

fn with_loud_types(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for found in TYPES.find_iter(text).filter_map(Result::ok) {
        out.push_str(&text[at..found.start()]);
        out.push_str(&found.as_str().to_uppercase());
        at = found.end();
    }
    out.push_str(&text[at..]);
    out
}
