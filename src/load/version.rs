//! Which dbt we answer for, and whether a project accepts it. In: `require-dbt-version`. Out: [`VersionSpec`]s.

/// The dbt version whose behaviour is ours and that `dbt_version` shows.
pub const DBT_VERSION: &str = "1.11.16";

/// One requirement on the dbt version, such as `>=1.6.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSpec;
