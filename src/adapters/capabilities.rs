//! What an engine can do, as plain data that plans are made from.

/// The facts about an engine that change a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// DDL takes part in transactions: creating, renaming and dropping roll back.
    pub transactional_ddl: bool,
    /// The engine has SQL `MERGE`.
    pub merge: bool,
    /// Several databases (catalogs) can be written to through one connection.
    pub catalogs: bool,
    /// One transaction may write to more than one database.
    pub cross_database_transactions: bool,
    /// What is written outlives the process. False for an in-memory database: there is no state to come back to.
    pub persistent: bool,
    /// Whether statements are wrapped in transactions at all: profiles may switch it off.
    pub transactions: bool,
    /// Tables keep former versions, and [`AsOf`](crate::base::AsOf) names them.
    pub time_travel: bool,
    /// Unique, primary and foreign keys are declared with a table. Otherwise macros look for violations by queries.
    pub declares_keys: bool,
    /// The strategy of incremental models that name none, in dbt's words.
    pub default_incremental_strategy: &'static str,
}
