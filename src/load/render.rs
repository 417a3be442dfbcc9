//! Jinja in YAML values. In: YAML trees and a [`YamlRenderer`] that the caller owns (this room knows no Jinja). Out:
//! trees with rendered text; secrets are put in place after rendering, so that no template can cut them up.

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::files::Env;

use super::profile::Profile;
use super::vars::VarScope;
use super::yaml::{YamlNode, YamlValue};

/// Environment variables with names that start so are secrets: allowed only in profiles and package lists.
pub const SECRET_PREFIX: &str = "DBT_ENV_SECRET";

const SECRET_START: &str = "$$$DBT_SECRET_START$$$";
const SECRET_END: &str = "$$$DBT_SECRET_END$$$";

/// What a template may see, by the file it stands in.
#[derive(Clone, Copy, Debug)]
pub enum YamlContext<'a> {
    /// profiles.yml: `env_var` (secrets as [`secret_placeholder`]) and `var` (from the command line).
    Profile {
        /// `--vars`.
        vars: &'a Dict,
    },
    /// packages.yml: as profiles.
    Packages {
        /// `--vars`.
        vars: &'a Dict,
    },
    /// dbt_project.yml and selectors.yml: `env_var`, `var` (from the command line), `target`.
    Project {
        /// `--vars`; empty for installed packages.
        vars: &'a Dict,
        /// `target`.
        target: &'a Dict,
    },
    /// Properties files: `env_var`, `var` (all scopes), `target`.
    Properties {
        /// The package that holds the file.
        package: &'a str,
        /// All variables.
        vars: &'a VarScope,
        /// `target`.
        target: &'a Dict,
    },
}

/// Renders one text as dbt does in YAML: native types only where `as_bool`, `as_number` or `as_native` ask for them.
pub trait YamlRenderer: Sync {
    /// The value of a template. Only called for text that holds Jinja.
    fn render(&self, text: &str, span: &Span, context: &YamlContext<'_>) -> Result<Value, Diagnostic>;

    /// What `target` shows in dbt_project.yml. The adapter may know more than the profile says.
    fn target(&self, profile: &Profile) -> Dict {
        profile.target()
    }
}

/// What `env_var` returns for a secret in [`YamlContext::Profile`] and [`YamlContext::Packages`].
pub fn secret_placeholder(name: &str) -> String {
    format!("{SECRET_START}{name}{SECRET_END}")
}

/// Whether a text can hold Jinja at all.
pub fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// One rendering job: renderer, context and environment (for secrets).
pub struct Rendering<'a> {
    /// Renders texts.
    pub renderer: &'a dyn YamlRenderer,
    /// What templates see.
    pub context: YamlContext<'a>,
    /// Where secrets come from.
    pub env: &'a Env,
}

/// Keys (and list positions, as text) from the root of a tree to a value.
pub type KeyPath<'a> = [std::borrow::Cow<'a, str>];

impl Rendering<'_> {
    /// Renders every text of a tree for whose key path `wanted` holds. Failures are collected; the failing text stays.
    /// Rendered dates become ISO text, as in dbt.
    pub fn tree(
        &self,
        node: &YamlNode,
        wanted: &dyn Fn(&KeyPath<'_>) -> bool,
        diagnostics: &mut Diagnostics,
    ) -> YamlNode {
        self.walk(node, &mut Vec::new(), wanted, diagnostics)
    }

    /// Renders one scalar.
    pub fn scalar(&self, node: &YamlNode) -> Result<YamlNode, Diagnostic> {
        let value = match node.as_scalar() {
            Some(Value::Str(text)) if has_jinja(text) => {
                let rendered = self.renderer.render(text, &node.span, &self.context)?;
                return Ok(YamlNode::from_base(self.reveal(rendered), &node.span));
            }
            Some(Value::Date(date)) => Value::Str(date.to_string()),
            Some(Value::Timestamp(at)) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
            Some(Value::TimestampTz(at)) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()),
            _ => return Ok(node.clone()),
        };
        Ok(YamlNode::scalar(value, node.span.clone()))
    }

    fn walk<'n>(
        &self,
        node: &'n YamlNode,
        path: &mut Vec<std::borrow::Cow<'n, str>>,
        wanted: &dyn Fn(&KeyPath<'_>) -> bool,
        diagnostics: &mut Diagnostics,
    ) -> YamlNode {
        let value = match &node.value {
            YamlValue::Scalar(_) => {
                if !wanted(path) {
                    return node.clone();
                }
                return self.scalar(node).unwrap_or_else(|problem| {
                    // A password may look like a template without being one.
                    let password = path.iter().any(|key| key == "password");
                    if !(password && matches!(self.context, YamlContext::Profile { .. })) {
                        diagnostics.push(problem);
                    }
                    node.clone()
                });
            }
            YamlValue::Seq(items) => YamlValue::Seq(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| {
                        path.push(i.to_string().into());
                        let rendered = self.walk(item, path, wanted, diagnostics);
                        path.pop();
                        rendered
                    })
                    .collect(),
            ),
            YamlValue::Map(pairs) => YamlValue::Map(
                pairs
                    .iter()
                    .map(|(key, item)| {
                        path.push(key.key_text());
                        let rendered = self.walk(item, path, wanted, diagnostics);
                        path.pop();
                        (key.clone(), rendered)
                    })
                    .collect(),
            ),
        };
        YamlNode { value, span: node.span.clone() }
    }

    /// Puts secrets in the place of their placeholders.
    fn reveal(&self, value: Value) -> Value {
        match value {
            Value::Str(text) if text.contains(SECRET_START) => Value::Str(self.reveal_text(&text)),
            Value::List(items) => Value::List(items.into_iter().map(|v| self.reveal(v)).collect()),
            Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, self.reveal(v))).collect()),
            other => other,
        }
    }

    fn reveal_text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(SECRET_START) {
            let Some((name, tail)) = after.split_once(SECRET_END) else { break };
            out.push_str(before);
            match self.env.var(name) {
                Some(secret) if name.starts_with(SECRET_PREFIX) => out.push_str(secret),
                _ => out.push_str(&secret_placeholder(name)),
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}
