//! Warnings under dbt's names, and what the user wants to happen to them.
//!
//! In: `--warn-error` and `--warn-error-options`. Out: [`WarningPolicy::judge`]: a warning stays one, becomes an error, or
//! vanishes. A warning that dbt does not have has no name, and no option of dbt's can turn it into an error: a project that
//! runs there runs here.

use super::{Code, Diagnostic, Severity, codes};

/// dbt's name and code of a warning: `NoNodesForSelectionCriteria`, `M030`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warning {
    /// The name.
    pub name: &'static str,
    /// The code; those of deprecations begin with `D`.
    pub code: &'static str,
}

impl Warning {
    const fn new(name: &'static str, code: &'static str) -> Self {
        Self { name, code }
    }

    /// Whether dbt's log puts `[WARNING]` before its words.
    pub fn is_tagged(self) -> bool {
        !PLAIN.contains(&self)
    }

    /// Whether `Deprecations` means it too.
    pub fn is_deprecation(self) -> bool {
        self.code.starts_with('D')
    }

    /// Whether it is counted for the summary at the end of a command, and told at its first occurrence alone.
    pub fn is_summed_up(self) -> bool {
        let alone = [
            warnings::DEPRECATIONS_SUMMARY,
            warnings::INTERNAL_DEPRECATION,
            warnings::SPACES_IN_RESOURCE_NAME_DEPRECATION,
        ];
        self.is_deprecation() && !alone.contains(&self)
    }

    /// The warning that a code of ours stands for, where nothing more exact was said.
    fn of_code(code: Code) -> Option<Self> {
        Some(match code {
            codes::UNUSED_CONFIG_PATH => warnings::UNUSED_RESOURCE_CONFIG_PATH,
            codes::UNKNOWN_RESOURCE_IN_YAML => warnings::NO_NODE_FOR_YAML_KEY,
            codes::REF_NOT_FOUND | codes::REF_DISABLED | codes::SOURCE_NOT_FOUND | codes::TEST_NOT_FOUND => {
                warnings::NODE_NOT_FOUND_OR_DISABLED
            }
            codes::SELECTION_EMPTY => warnings::NO_NODES_FOR_SELECTION_CRITERIA,
            codes::MACRO_WARNING | codes::COMPILER_ERROR => warnings::JINJA_LOG_WARNING,
            codes::FRESHNESS_UNKNOWN => warnings::FRESHNESS_CONFIG_PROBLEM,
            codes::DEPRECATED => warnings::INTERNAL_DEPRECATION,
            codes::BATCH_INPUTS => warnings::MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS,
            codes::BATCH_STRATEGY => warnings::MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION,
            _ => return None,
        })
    }
}

/// The warnings that dbt's log tells in their words alone.
const PLAIN: &[Warning] = &[
    warnings::FRESHNESS_CONFIG_PROBLEM,
    warnings::INVALID_MACRO_ANNOTATION,
    warnings::JINJA_LOG_WARNING,
    warnings::NOTHING_TO_DO,
    warnings::NO_NODES_FOR_SELECTION_CRITERIA,
    warnings::NO_NODES_SELECTED,
    warnings::SEED_EXCEEDS_LIMIT_AND_PATH_CHANGED,
    warnings::SEED_EXCEEDS_LIMIT_SAME_PATH,
    warnings::SEED_INCREASED,
    warnings::SNAPSHOT_TIMESTAMP_WARNING,
];

macro_rules! warnings {
    ($($constant:ident = $name:literal $code:literal;)*) => {
        /// The warnings that are told here.
        pub mod warnings {
            use super::Warning;
            $(#[doc = concat!("dbt's `", $name, "`.")] pub const $constant: Warning = Warning::new($name, $code);)*
        }
    };
}

warnings! {
    ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION = "ArgumentsPropertyInGenericTestDeprecation" "D038";
    CONFIG_DATA_PATH_DEPRECATION = "ConfigDataPathDeprecation" "D004";
    CONFIG_SOURCE_PATH_DEPRECATION = "ConfigSourcePathDeprecation" "D003";
    CONSTRAINT_NOT_ENFORCED = "ConstraintNotEnforced" "E048";
    CONSTRAINT_NOT_SUPPORTED = "ConstraintNotSupported" "E049";
    COLLECT_FRESHNESS_RETURN_SIGNATURE = "CollectFreshnessReturnSignature" "D012";
    CUSTOM_OUTPUT_PATH_IN_SOURCE_FRESHNESS_DEPRECATION = "CustomOutputPathInSourceFreshnessDeprecation" "D029";
    DEPRECATED_MODEL = "DeprecatedModel" "I065";
    DEPRECATED_REFERENCE = "DeprecatedReference" "I067";
    DEPRECATIONS_SUMMARY = "DeprecationsSummary" "D028";
    DUPLICATE_NAME_DISTINCT_NODE_TYPES_DEPRECATION = "DuplicateNameDistinctNodeTypesDeprecation" "D040";
    DUPLICATE_YAML_KEYS_DEPRECATION = "DuplicateYAMLKeysDeprecation" "D024";
    ENVIRONMENT_VARIABLE_NAMESPACE_DEPRECATION = "EnvironmentVariableNamespaceDeprecation" "D036";
    EXPOSURE_NAME_DEPRECATION = "ExposureNameDeprecation" "D007";
    FRESHNESS_CONFIG_PROBLEM = "FreshnessConfigProblem" "I073";
    INTERNAL_DEPRECATION = "InternalDeprecation" "D008";
    INVALID_MACRO_ANNOTATION = "InvalidMacroAnnotation" "I076";
    JINJA_LOG_WARNING = "JinjaLogWarning" "I061";
    LOG_TEST_RESULT = "LogTestResult" "Q007";
    METRIC_CUMULATIVE_PARAMS_DEPRECATION = "MFCumulativeTypeParamsDeprecation" "D019";
    MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION = "MicrobatchMacroOutsideOfBatchesDeprecation" "D020";
    MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS = "MicrobatchModelNoEventTimeInputs" "I074";
    MISSING_ARGUMENTS_PROPERTY_IN_GENERIC_TEST_DEPRECATION = "MissingArgumentsPropertyInGenericTestDeprecation" "D039";
    MODEL_PARAM_USAGE_DEPRECATION = "ModelParamUsageDeprecation" "D032";
    MODULES_ITERTOOLS_USAGE_DEPRECATION = "ModulesItertoolsUsageDeprecation" "D034";
    NODE_NOT_FOUND_OR_DISABLED = "NodeNotFoundOrDisabled" "I060";
    NOTHING_TO_DO = "NothingToDo" "Q035";
    NO_NODES_FOR_SELECTION_CRITERIA = "NoNodesForSelectionCriteria" "M030";
    NO_NODES_SELECTED = "NoNodesSelected" "Q038";
    NO_NODE_FOR_YAML_KEY = "NoNodeForYamlKey" "I058";
    PACKAGE_INSTALL_PATH_DEPRECATION = "PackageInstallPathDeprecation" "D002";
    PACKAGE_MATERIALIZATION_OVERRIDE_DEPRECATION = "PackageMaterializationOverrideDeprecation" "D016";
    PACKAGE_NODE_DEPENDS_ON_ROOT_PROJECT_NODE = "PackageNodeDependsOnRootProjectNode" "I077";
    PACKAGE_REDIRECT_DEPRECATION = "PackageRedirectDeprecation" "D001";
    PROJECT_FLAGS_MOVED_DEPRECATION = "ProjectFlagsMovedDeprecation" "D013";
    PROPERTY_MOVED_TO_CONFIG_DEPRECATION = "PropertyMovedToConfigDeprecation" "D030";
    RESOURCE_NAMES_WITH_SPACES_DEPRECATION = "ResourceNamesWithSpacesDeprecation" "D015";
    SNAPSHOT_TIMESTAMP_WARNING = "SnapshotTimestampWarning" "Q043";
    SOURCE_FRESHNESS_PROJECT_HOOKS_NOT_RUN = "SourceFreshnessProjectHooksNotRun" "D017";
    SOURCE_OVERRIDE_DEPRECATION = "SourceOverrideDeprecation" "D035";
    SPACES_IN_RESOURCE_NAME_DEPRECATION = "SpacesInResourceNameDeprecation" "D014";
    TIME_SPINE_WITHOUT_YAML_DEPRECATION = "MFTimespineWithoutYamlConfigurationDeprecation" "D018";
    UNEXPECTED_JINJA_BLOCK_DEPRECATION = "UnexpectedJinjaBlockDeprecation" "D023";
    UNSUPPORTED_CONSTRAINT_MATERIALIZATION = "UnsupportedConstraintMaterialization" "I068";
    SEED_EXCEEDS_LIMIT_AND_PATH_CHANGED = "SeedExceedsLimitAndPathChanged" "I054";
    SEED_EXCEEDS_LIMIT_SAME_PATH = "SeedExceedsLimitSamePath" "I053";
    SEED_INCREASED = "SeedIncreased" "I052";
    UNPINNED_REF_NEW_VERSION_AVAILABLE = "UnpinnedRefNewVersionAvailable" "I064";
    UNVERSIONED_BREAKING_CHANGE = "UnversionedBreakingChange" "I071";
    UNUSED_RESOURCE_CONFIG_PATH = "UnusedResourceConfigPath" "I051";
    UPCOMING_REFERENCE_DEPRECATION = "UpcomingReferenceDeprecation" "I066";
    UNUSED_TABLES = "UnusedTables" "I056";
    WEO_INCLUDE_EXCLUDE_DEPRECATION = "WEOIncludeExcludeDeprecation" "D031";
}

impl Diagnostic {
    /// Says which of dbt's warnings this is, where its code alone does not.
    #[must_use]
    pub fn named(mut self, warning: Warning) -> Self {
        self.warning = Some(warning);
        self
    }

    /// Says something under the name that dbt's structured log has for it.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// The name under which dbt's log and `--warn-error-options` know it as a warning; none if dbt does not warn of it.
    pub fn warning_name(&self) -> Option<Warning> {
        self.warning.or_else(|| Warning::of_code(self.code))
    }
}

/// What happens to a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It ends the work.
    Error,
    /// It is told.
    Warning,
    /// It is not told.
    Silence,
}

/// The names of the warnings that one list of `--warn-error-options` means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarningNames {
    /// `all` or `*`.
    pub all: bool,
    /// Names; `Deprecations` stands for all deprecations.
    pub names: Vec<String>,
}

impl WarningNames {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name)
    }

    fn has_as_deprecation(&self, warning: Warning) -> bool {
        warning.is_deprecation() && self.has(DEPRECATIONS)
    }
}

/// The name that stands for all deprecations.
pub const DEPRECATIONS: &str = "Deprecations";

/// `--warn-error` and `--warn-error-options`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarningPolicy {
    /// `--warn-error`: every warning, whatever else is said.
    pub every: bool,
    /// What becomes an error.
    pub error: WarningNames,
    /// What stays a warning.
    pub warn: WarningNames,
    /// What is not told.
    pub silence: WarningNames,
    /// Whether all this is for every warning: some of dbt's are only told, unless
    /// `require_all_warnings_handled_by_warn_error` is set.
    pub handles_all: bool,
}

impl WarningPolicy {
    /// What happens to a warning: its own name counts before `Deprecations`, that before `all`; among equals silence
    /// counts before warn, warn before error.
    pub fn treatment(&self, warning: Warning) -> Treatment {
        if warning == warnings::MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS && !self.handles_all {
            return Treatment::Warning;
        }
        if self.every {
            return Treatment::Error;
        }
        let [error, warn, silence] = [&self.error, &self.warn, &self.silence].map(|list| list.has(warning.name));
        let lists = [&self.error, &self.warn, &self.silence];
        let [d_error, d_warn, d_silence] = lists.map(|list| list.has_as_deprecation(warning));
        match () {
            () if silence => Treatment::Silence,
            () if warn => Treatment::Warning,
            () if error => Treatment::Error,
            () if d_silence => Treatment::Silence,
            () if d_warn => Treatment::Warning,
            () if d_error || self.error.all => Treatment::Error,
            () => Treatment::Warning,
        }
    }

    /// A problem as it is to be told; none if it is not.
    pub fn judge(&self, mut problem: Diagnostic) -> Option<Diagnostic> {
        if problem.severity != Severity::Warning {
            return Some(problem);
        }
        match problem.warning_name().map_or(Treatment::Warning, |warning| self.treatment(warning)) {
            Treatment::Silence => return None,
            Treatment::Warning => {}
            Treatment::Error => problem.severity = Severity::Error,
        }
        Some(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> WarningNames {
        let names: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        WarningNames { all: names.iter().any(|n| n == "all"), names }
    }

    #[test]
    fn the_nearest_name_counts() {
        use Treatment::{Error, Silence, Warning as Warn};
        let old = warnings::INTERNAL_DEPRECATION;
        let empty = warnings::NOTHING_TO_DO;
        for (error, warn, silence, warning, want) in [
            ("", "", "", empty, Warn),
            ("all", "", "", empty, Error),
            ("all", "NothingToDo", "", empty, Warn),
            ("all", "Deprecations", "", empty, Error),
            ("all", "Deprecations", "", old, Warn),
            ("Deprecations", "", "", old, Error),
            ("Deprecations", "", "", empty, Warn),
            ("InternalDeprecation", "", "Deprecations", old, Error),
            ("all", "", "InternalDeprecation", old, Silence),
            ("NothingToDo", "NothingToDo", "NothingToDo", empty, Silence),
        ] {
            let policy = WarningPolicy {
                every: false,
                error: names(error),
                warn: names(warn),
                silence: names(silence),
                handles_all: false,
            };
            assert_eq!(policy.treatment(warning), want, "{error} | {warn} | {silence}");
        }
        let every = WarningPolicy { every: true, silence: names("NothingToDo"), ..WarningPolicy::default() };
        assert_eq!(every.treatment(empty), Error);
    }

    #[test]
    fn a_warning_that_dbt_does_not_have_stays_one() {
        let every = WarningPolicy { every: true, ..WarningPolicy::default() };
        let own = Diagnostic::warning(codes::SELECTION_INVALID, "x");
        assert_eq!(every.judge(own).map(|d| d.is_error()), Some(false));
        let empty = Diagnostic::warning(codes::SELECTION_EMPTY, "x");
        assert_eq!(every.judge(empty).map(|d| d.is_error()), Some(true));
    }
}
