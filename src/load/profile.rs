//! The profile: which warehouse, with which credentials. In: profiles.yml where dbt looks for it. Out: [`Profile`].

use crate::base::{Dict, Value};
use crate::diag::Span;

/// The engine to use when no profiles.yml exists anywhere: a database file in the project folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedDefault {
    /// The adapter's `type`.
    pub adapter_type: String,
    /// Extension of the database file, without a dot.
    pub file_extension: String,
    /// Schema for models.
    pub schema: String,
}

/// The chosen target of the chosen profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name of the profile.
    pub name: String,
    /// Name of the target.
    pub target_name: String,
    /// `type`.
    pub adapter_type: String,
    /// Concurrent nodes; at least 1.
    pub threads: usize,
    /// `database` (or an old name of it), if the profile says one.
    pub database: Option<String>,
    /// `schema` (or an old name of it); `main` if the profile says none.
    pub schema: String,
    /// Everything under the target but `type` and `threads`, rendered. Holds secrets.
    pub credentials: Dict,
    /// `config:` of profiles.yml.
    pub config: Dict,
    /// The target in profiles.yml; none if no profiles.yml was found.
    pub span: Option<Span>,
    /// Set if no profiles.yml was found: the path of the database file that is used instead, relative to the project.
    pub embedded: Option<String>,
}

impl Profile {
    /// `target` as Jinja shows it: the credentials without secrets, and dbt's names for the rest.
    pub fn target(&self) -> Dict {
        let secret = |key: &str| {
            let key = key.to_lowercase();
            ["pass", "token", "secret", "private_key", "keyfile"].iter().any(|part| key.contains(part))
        };
        let mut target: Dict =
            self.credentials.iter().filter(|(k, _)| !secret(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some(database) = &self.database {
            target.insert("database".into(), Value::from(database.as_str()));
        }
        target.insert("schema".into(), Value::from(self.schema.as_str()));
        target.insert("type".into(), Value::from(self.adapter_type.as_str()));
        target.insert("threads".into(), Value::Int(self.threads as i128));
        target.insert("name".into(), Value::from(self.target_name.as_str()));
        target.insert("target_name".into(), Value::from(self.target_name.as_str()));
        target.insert("profile_name".into(), Value::from(self.name.as_str()));
        target
    }
}
