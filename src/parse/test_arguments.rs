//! Old places for what a generic test is given: arguments beside `arguments:`, configs beside `config:`.
//!
//! In: a test's entry. Out: dbt's deprecations of it; and its arguments without `arguments:`, where that is what dbt takes
//! it for (`require_generic_test_arguments_property`).

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, Span, codes, warnings};
use crate::load::YamlNode;

use super::generic_tests::{CONFIG_KEYS, Place, Target};
use super::test_names::python_repr;

/// Keys of a test that are neither arguments nor configs.
const OWN_KEYS: [&str; 4] = ["config", "column_name", "description", "name"];

/// A test as it is written.
pub(super) struct Written<'a> {
    /// Its name, with its package.
    pub label: &'a str,
    /// Where it is.
    pub span: &'a Span,
    /// What it tests.
    pub target: &'a Target,
    /// The properties file.
    pub place: &'a Place<'a>,
}

impl Written<'_> {
    fn deprecated(&self, message: String) -> Diagnostic {
        Diagnostic::warning(codes::DEPRECATED, message).at(self.span.clone())
    }

    /// Takes `arguments:` out of the rest if it is dbt's own key, and tells what stands in an old place.
    pub fn nested(&self, args: &mut Vec<(String, YamlNode)>, diagnostics: &mut Diagnostics) -> Option<YamlNode> {
        let at = args.iter().position(|(key, _)| key == "arguments");
        if !self.place.nests_arguments {
            diagnostics.extend(at.map(|at| self.arguments_of_its_own(&args[at].1)));
            return None;
        }
        let nested = at.map(|at| args.remove(at).1);
        for (key, node) in args.iter().filter(|(key, _)| CONFIG_KEYS.contains(&key.as_str())) {
            diagnostics.push(self.config_outside(key, node));
        }
        let is_argument = |key: &str| !OWN_KEYS.contains(&key) && !CONFIG_KEYS.contains(&key);
        let filled = nested.as_ref().is_some_and(|node| node.to_base().is_truthy());
        if !filled && let Some((key, _)) = args.iter().find(|(key, _)| is_argument(key)) {
            diagnostics.push(self.argument_outside(key));
        }
        nested.filter(YamlNode::is_map)
    }

    fn config_outside(&self, key: &str, node: &YamlNode) -> Diagnostic {
        let message = format!("`{key}` of the test `{}` is not under `config`", self.label);
        Diagnostic::warning(codes::DEPRECATED, message)
            .named(warnings::PROPERTY_MOVED_TO_CONFIG_DEPRECATION)
            .fact("key", key)
            .fact("key_path", format!("data_tests.{}.{key}", self.label))
            .fact("file", self.place.path)
            .at(node.span.clone())
            .help(format!("write it under `config:`, as in `config: {{{key}: ...}}`"))
    }

    fn argument_outside(&self, key: &str) -> Diagnostic {
        let (name, package, path) = (self.target.plain_name(), self.place.package, self.place.path);
        self.deprecated(format!("the argument `{key}` of the test `{}` is not under `arguments`", self.label))
            .named(warnings::MISSING_ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION)
            .fact("test_name", format!("`{}` defined on '{name}' in package '{package}' ({path})", self.label))
            .help(format!("write it under `arguments:`, as in `arguments: {{{key}: ...}}`"))
    }

    fn arguments_of_its_own(&self, node: &YamlNode) -> Diagnostic {
        let given = match node.to_base() {
            Value::Str(text) => text,
            other => python_repr(&other),
        };
        self.deprecated(format!("the test `{}` has an argument of its own called `arguments`", self.label))
            .named(warnings::ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION)
            .fact("test_name", format!("`{}` ({given})", self.label))
            .help("the flag `require_generic_test_arguments_property` makes it the place of all arguments")
    }
}
