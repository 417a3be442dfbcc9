//! `var` and `env_var`.
//!
//! In: names and defaults. Out: values of project variables and of the environment, or dbt's errors.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, ErrorKind, State};

use crate::base;
use crate::diag::{Diagnostic, codes, nearest};

use super::args::{bind, given, required, required_text};
use super::bound::BoundMethod;
use super::core::{Core, Phase, Surface};

/// Prefix of environment variables whose values must not be shown.
pub const SECRET_PREFIX: &str = "DBT_ENV_SECRET";

const SECRET_START: &str = "$$$DBT_SECRET_START$$$";
const SECRET_END: &str = "$$$DBT_SECRET_END$$$";

/// Puts the values of secret environment variables in the place of the marks that `env_var` left in a rendered text of
/// `profiles.yml` or `packages.yml`.
pub fn reveal_secrets(text: &str, env: &crate::files::Env) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SECRET_START) {
        let Some((name, tail)) = after.split_once(SECRET_END) else { break };
        out.push_str(before);
        out.push_str(env.var(name).unwrap_or_default());
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// `var`.
#[derive(Debug)]
pub(super) struct VarObject(pub(super) Arc<Core>);

impl VarObject {
    fn find(&self, name: &str) -> Option<base::Value> {
        let core = &self.0;
        if let Some(capture) = &core.capture {
            capture.with(|c| c.vars.insert(name.to_owned()));
        }
        let overridden = core.overrides.as_ref().and_then(|o| o.vars.get(name));
        overridden.cloned().or_else(|| core.shared.vars.lookup(&core.facts.package, name))
    }

    /// Text values are templates themselves, as in dbt; those of YAML files are taken as they are.
    fn rendered(&self, state: &mut State<'_, '_>, value: &base::Value) -> Result<Value, Error> {
        match value {
            base::Value::Str(text) if self.0.surface == Surface::Node && super::is_template(text) => {
                Ok(Value::from(super::render_text(state, text)?))
            }
            other => Ok(super::to_value(other)),
        }
    }

    fn missing(&self, name: &str) -> Error {
        let core = &self.0;
        let supplied = core.shared.vars.supplied(&core.facts.package);
        let suggestion =
            nearest(name, supplied.keys().map(String::as_str)).first().map(|n| format!("did you mean '{n}'?"));
        let mut shown: Vec<(&String, serde_json::Value)> = Vec::new();
        for (key, value) in &supplied {
            let secret = key.starts_with(SECRET_PREFIX);
            shown.push((key, if secret { "*****".into() } else { value.to_json() }));
        }
        shown.sort_by_key(|(key, _)| *key);
        let object: serde_json::Map<String, serde_json::Value> =
            shown.into_iter().map(|(k, v)| (k.clone(), v)).collect();
        let mut listing = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut listing, formatter);
        let written = serde::Serialize::serialize(&object, &mut serializer).is_ok();
        let listing = if written { String::from_utf8(listing).unwrap_or_default() } else { String::new() };
        let message = format!(
            "Required var '{name}' not found in config:\nVars supplied to {} = {listing}",
            core.facts.display_name()
        );
        let mut diagnostic = Diagnostic::error(codes::VAR_MISSING, message);
        diagnostic.help = suggestion;
        core.raise(diagnostic)
    }
}

impl Object for VarObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "has_var").then(|| BoundMethod::value(Value::from_dyn_object(Arc::clone(self)), "has_var"))
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let [name, default] = bind("var", args, ["var_name", "default"])?;
        let name = required_text("var", "var_name", name)?;
        match (self.find(&name), default) {
            (Some(value), _) => self.rendered(state, &value),
            (None, Some(default)) => Ok(default),
            (None, None) if self.0.phase == Phase::Parse && self.0.surface == Surface::Node => Ok(Value::from(())),
            (None, None) => Err(self.missing(&name)),
        }
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "has_var" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        let [name] = bind(method, args, ["var_name"])?;
        let name = required_text(method, "var_name", name)?;
        Ok(Value::from(self.find(&name).is_some()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<var>")
    }
}

/// `env_var(name, default)`.
pub(super) fn env_var(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [name, default] = bind("env_var", args, ["var", "default"])?;
    let name = required("env_var", "var", name)?.to_string();
    if let Some(value) = core.overrides.as_ref().and_then(|o| o.env_vars.get(&name)) {
        return Ok(super::to_value(value));
    }
    let found = core.shared.env.var(&name).map(str::to_owned);
    if name.starts_with(SECRET_PREFIX) {
        if core.surface != Surface::Secret {
            let message = format!(
                "Secret env vars are allowed only in profiles.yml or packages.yml. Found '{name}' referenced elsewhere."
            );
            return Err(core.raise(Diagnostic::error(codes::ENV_VAR_MISSING, message)));
        }
        if found.is_some() {
            return Ok(Value::from(format!("{SECRET_START}{name}{SECRET_END}")));
        }
    }
    let default = given(default);
    if let Some(capture) = &core.capture
        && (found.is_some() || default.is_some())
    {
        capture.with(|c| c.env_vars.insert(name.clone(), found.clone()));
    }
    match (found, default) {
        (Some(value), _) => Ok(Value::from(value)),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            let message = format!("Env var required but not provided: '{name}'");
            let help = format!("set it, or give a default: env_var('{name}', 'value')");
            Err(core.raise(Diagnostic::error(codes::ENV_VAR_MISSING, message).help(help)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_revealed_after_rendering() {
        let env = crate::files::Env::fixed("/", [("DBT_ENV_SECRET_TOKEN", "s3cret")]);
        let text = format!("a{SECRET_START}DBT_ENV_SECRET_TOKEN{SECRET_END}b");
        assert_eq!(reveal_secrets(&text, &env), "as3cretb");
        assert_eq!(reveal_secrets("plain", &env), "plain");
    }
}
