//! Whether a table is built anew.
//!
//! In: a node's config, the flag, what exists. Out: yes or no. The macros `should_full_refresh` and `is_incremental` say the same.

use crate::base::RelationKind;
use crate::node::Config;

/// Whether a node is built anew: its config says so, else `--full-refresh`.
pub fn full_refresh(config: &Config, flag: bool) -> bool {
    config.bool("full_refresh").unwrap_or(flag)
}

/// Whether an incremental model adds to what exists. Else its table is built anew.
pub fn adds_to(existing: Option<RelationKind>, full_refresh: bool) -> bool {
    existing == Some(RelationKind::Table) && !full_refresh
}

/// What happens to an incremental model whose table cannot follow its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// It is built anew, in the same run.
    Anew,
    /// It would be, but its config forbids it.
    Forbidden,
    /// It fails.
    Refused,
}

/// What the config allows where a table cannot follow its query.
pub fn rebuild(config: &Config) -> Rebuild {
    match (config.str("on_schema_change"), config.bool("full_refresh")) {
        (Some("full_refresh"), Some(false)) => Rebuild::Forbidden,
        (Some("full_refresh"), _) => Rebuild::Anew,
        _ => Rebuild::Refused,
    }
}
