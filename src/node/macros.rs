//! A Jinja macro as the project knows it. Its body belongs to the `jinja` room.

use crate::base::{Dict, Value};
use crate::diag::Span;

/// A documented argument of a macro.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct MacroArgument {
    /// Name.
    pub name: String,
    /// Declared type, free text.
    pub data_type: Option<String>,
    /// Description.
    pub description: String,
}

/// A macro, generic test or materialization definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// `macro.package.name`.
    pub unique_id: String,
    /// Package that defines it.
    pub package: String,
    /// Canonical name: `cents`, `test_unique`, `materialization_table_default`.
    pub name: String,
    /// The whole block from opening to closing tag.
    pub span: Span,
    /// Path relative to the package root.
    pub original_path: String,
    /// Macros that the body names (unique ids).
    pub depends_on: Vec<String>,
    /// Description from properties.
    pub description: String,
    /// `meta` from properties.
    pub meta: Dict,
    /// `docs` from properties.
    pub docs: Dict,
    /// Properties file, `package://path`.
    pub patch_path: Option<String>,
    /// Arguments from properties (or the signature).
    pub arguments: Vec<MacroArgument>,
    /// Languages of a materialization.
    pub supported_languages: Option<Vec<String>>,
}

impl Macro {
    /// dbt's dict of a macro, as the manifest shows it.
    pub fn to_dict(&self, created_at: f64) -> Dict {
        let mut d = Dict::new();
        d.insert("name".into(), self.name.as_str().into());
        d.insert("resource_type".into(), "macro".into());
        d.insert("package_name".into(), self.package.as_str().into());
        d.insert("path".into(), self.original_path.as_str().into());
        d.insert("original_file_path".into(), self.original_path.as_str().into());
        d.insert("unique_id".into(), self.unique_id.as_str().into());
        d.insert("macro_sql".into(), self.span.text().into());
        let depends: Dict = [("macros".to_owned(), Value::from(self.depends_on.clone()))].into_iter().collect();
        d.insert("depends_on".into(), depends.into());
        d.insert("description".into(), self.description.as_str().into());
        d.insert("meta".into(), self.meta.clone().into());
        d.insert("docs".into(), super::dict::docs(&self.docs));
        d.insert(
            "config".into(),
            [("meta".to_owned(), self.meta.clone().into()), ("docs".to_owned(), super::dict::docs(&self.docs))]
                .into_iter()
                .collect::<Dict>()
                .into(),
        );
        d.insert("patch_path".into(), self.patch_path.clone().into());
        let arguments = self.arguments.iter().map(|a| {
            let mut arg = Dict::new();
            arg.insert("name".into(), a.name.as_str().into());
            arg.insert("type".into(), a.data_type.clone().into());
            arg.insert("description".into(), a.description.as_str().into());
            Value::Map(arg)
        });
        d.insert("arguments".into(), Value::List(arguments.collect()));
        d.insert("created_at".into(), created_at.into());
        d.insert("supported_languages".into(), self.supported_languages.clone().into());
        d
    }
}
