//! The registry of codes: one line per kind of problem. `transform explain CODE` shows `codes/CODE.md`.

use std::fmt;

/// A registered code such as `T203`. `T1xx` project files, `T2xx` Jinja, `T3xx` SQL, `T4xx` graph, `T5xx` plan and
/// build, `T6xx` engine and environment, `T7xx` earlier states, `T9xx` our own faults.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// A few words naming the kind of problem.
    pub fn title(self) -> &'static str {
        codes::ALL.iter().find(|(code, ..)| *code == self).map_or("", |(_, title, _)| title)
    }

    /// The long explanation, Markdown.
    pub fn explanation(self) -> &'static str {
        codes::ALL.iter().find(|(code, ..)| *code == self).map_or("", |(.., text)| text)
    }

    /// The registered code for a text, ignoring case.
    pub fn parse(text: &str) -> Option<Self> {
        codes::ALL.iter().map(|(code, ..)| *code).find(|code| code.0.eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! registry {
    ($($name:ident = $code:literal $title:literal;)*) => {
        /// Every registered code.
        pub mod codes {
            use super::Code;
            $(#[doc = $title] pub const $name: Code = Code($code);)*
            /// Code, title, explanation.
            pub const ALL: &[(Code, &str, &str)] =
                &[$(($name, $title, include_str!(concat!("codes/", $code, ".md")))),*];
        }
    };
}

registry! {
    // T1xx: project files
    PROJECT_NOT_FOUND = "T101" "no dbt_project.yml";
    YAML_SYNTAX = "T102" "YAML that cannot be read";
    PROJECT_KEY = "T103" "a project key with a wrong value";
    PROFILE_NOT_FOUND = "T104" "a profile that does not exist";
    PROFILE_INVALID = "T105" "a profile that cannot be used";
    ENV_VAR_MISSING = "T106" "a required environment variable is not set";
    FILE_ENCODING = "T107" "a file that is not UTF-8";
    FILE_UNREADABLE = "T108" "a file that cannot be read";
    PACKAGE_MISSING = "T109" "an installed package is missing";
    PACKAGE_INVALID = "T110" "a package that cannot be used";
    PROPERTIES_INVALID = "T111" "a properties entry that is malformed";
    DUPLICATE_PROPERTIES = "T112" "the same resource described twice";
    UNKNOWN_RESOURCE_IN_YAML = "T113" "properties for a resource that does not exist";
    SELECTORS_INVALID = "T114" "selectors.yml that cannot be used";
    VERSION_MISMATCH = "T115" "a project that requires another dbt version";
    DEPRECATED = "T116" "a deprecated spelling";
    UNUSED_CONFIG_PATH = "T117" "a configuration path that matches nothing";
    VARS_INVALID = "T118" "--vars that cannot be read";
    FRESHNESS_UNKNOWN = "T119" "a freshness check that cannot be made";
    PACKAGE_FETCH = "T121" "a package that cannot be fetched";
    PACKAGE_VERSION = "T122" "no version meets what is required";
    PACKAGE_LOCK = "T123" "a package-lock.yml that cannot be used";
    PACKAGE_UNPINNED = "T124" "a package that may change at any time";
    SEMANTIC_INVALID = "T130" "a semantic layer entry that cannot be used";
    // T2xx: Jinja
    JINJA_SYNTAX = "T201" "Jinja that cannot be parsed";
    JINJA_UNDEFINED = "T202" "an undefined Jinja name";
    JINJA_RUNTIME = "T203" "an error while rendering Jinja";
    COMPILER_ERROR = "T204" "an error raised by a macro";
    MACRO_ARGUMENTS = "T205" "wrong arguments for a macro or function";
    VAR_MISSING = "T206" "a required variable is not defined";
    DISPATCH_FAILED = "T207" "no macro for a dispatch";
    RECURSION = "T208" "macro recursion without end";
    DUPLICATE_MACRO = "T209" "a macro defined twice";
    DOC_NOT_FOUND = "T210" "a docs block that does not exist";
    REF_NOT_CAPTURED = "T211" "a ref that was not seen while parsing";
    DUPLICATE_DOC = "T212" "a docs block defined twice";
    MACRO_WARNING = "T213" "a warning raised by a macro";
    PYTHON_MODEL = "T214" "a Python model that cannot be read";
    // T3xx: SQL
    SQL_EMPTY = "T301" "a model without SQL";
    CONTRACT = "T302" "a contract that the SQL does not keep";
    UNIT_TEST_INVALID = "T303" "a unit test that cannot be built";
    CHECK_COLUMN = "T310" "a column that does not exist";
    CHECK_TABLE = "T311" "a table that does not exist";
    CHECK_SQL = "T312" "SQL that the engine cannot bind";
    SCHEMA_DRIFT = "T313" "a source that differs from schemas.lock";
    IMPLICIT_CAST = "T314" "text and another type meet without a cast";
    // T4xx: graph
    REF_NOT_FOUND = "T401" "a ref to nothing";
    REF_DISABLED = "T402" "a ref to a disabled resource";
    SOURCE_NOT_FOUND = "T403" "a source that does not exist";
    CYCLE = "T404" "a dependency cycle";
    DUPLICATE_RESOURCE = "T405" "two resources with one name";
    NAME_WITH_SPACES = "T410" "a resource name with spaces";
    AMBIGUOUS_RELATION = "T406" "two resources that write one relation";
    ACCESS = "T407" "a ref that access rules forbid";
    SELECTION_INVALID = "T408" "a selection that cannot be read";
    UNPINNED_REF = "T411" "a ref whose newest version is not the latest one";
    SELECTION_EMPTY = "T409" "a selection that matches nothing";
    // T5xx: plan and build
    MATERIALIZATION_NOT_FOUND = "T501" "an unknown materialization";
    TEST_NOT_FOUND = "T502" "a generic test that does not exist";
    NODE_FAILED = "T503" "a node that failed while running";
    CONFIG_INVALID = "T504" "a config with a wrong value";
    OPERATION_NOT_FOUND = "T505" "a macro to run that does not exist";
    INCREMENTAL_STRATEGY = "T506" "an incremental strategy that is not available";
    MERGE_DUPLICATES = "T507" "a merge of several rows with one key";
    REBUILD_NEEDED = "T508" "a table that cannot follow its query in place";
    SNAPSHOT_DUPLICATES = "T520" "a snapshot of several rows with one key";
    BATCH_INPUTS = "T521" "a microbatch model whose inputs are read whole";
    LEDGER = "T522" "a run ledger that cannot be kept";
    BATCH_STRATEGY = "T523" "a microbatch strategy that runs without batches";
    // T6xx: engine and environment
    DATABASE_ERROR = "T601" "an error from the database";
    DATABASE_LOCKED = "T602" "a database that another process holds";
    DATABASE_OPEN = "T603" "a database that cannot be opened";
    TARGET_UNWRITABLE = "T604" "an output folder that cannot be written";
    UNSUPPORTED = "T605" "a feature that is not supported";
    INTERRUPTED = "T606" "an interrupted run";
    PYTHON_FAILED = "T607" "a Python model that failed";
    DOCS_SERVE = "T608" "a site that cannot be served";
    // T7xx: earlier states
    STATE_MISSING = "T701" "a state that is not there";
    STATE_UNREADABLE = "T702" "a state that cannot be read";
    STATE_SEED = "T703" "a seed too big to compare";
    CONTRACT_BROKEN = "T704" "a contract that is broken for its readers";
    STATE_IS_TARGET = "T705" "a state that is being overwritten";
    // T9xx: our own faults
    INTERNAL = "T900" "an internal error";
}
