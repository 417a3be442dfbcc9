//! Binding without data: empty tables, the logical plan, where columns come from.
//!
//! * [`tables`]: the shadow's catalog, shared by its forks
//! * [`plan`], [`expression`]: the walk from the analysed plan to lineage; [`casts`]: conversions that nobody wrote
//! * [`objection`]: the engine's errors with a place in the query
//!
//! The session is that of the target, so what it plans here is what it runs; no table is ever read, and of files only what
//! their columns are.

mod casts;
mod expression;
mod objection;
mod plan;
mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::DATAFUSION_VERSION;
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Analyzer;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement;

use self::objection::{objection, other, told};
use self::tables::{EmptyTable, Names, Tables};
use super::session::Engine;
use super::settings::Settings;
use super::space::{self, files};
use super::statements::parse;
use super::type_names::{self, sql_name};
use super::{delta, functions, rewrite};
use crate::adapters::AdapterError;
use crate::adapters::shadow::{BindError, Bound, BoundLineage, Shadow, ShadowColumn};
use crate::base::Relation;

/// Raise it when the walk gives other answers for the same plan: what is remembered of former ones is then forgotten.
const READING: &str = "3";

/// Room for a walk as deep as [`plan::DEEPEST`] allows.
const STACK: usize = 256 << 20;

/// The shadow of one target.
pub(super) struct DataFusionShadow {
    engine: Arc<Engine>,
    /// Plans only: what the analyser adds is added here, because lineage is read of the plan without the session's own part.
    session: SessionState,
    tables: Arc<Tables>,
    database: String,
    schema: String,
    identity: String,
}

impl DataFusionShadow {
    /// An empty catalog with the session of a target.
    pub(super) fn open(settings: &Settings) -> Result<Self, AdapterError> {
        let engine = Arc::new(Engine::start(settings)?);
        let tables = Arc::new(Tables::default());
        let mut planning = SessionStateBuilder::new_from_existing(engine.session.clone());
        *planning.analyzer() = Some(Analyzer::with_rules(Vec::new()));
        let mut session = planning.build();
        session.register_catalog_list(Arc::new(Names { tables: Arc::clone(&tables), files: Arc::default() }));
        let (database, schema) = (settings.database.clone(), settings.schema.clone());
        let version = env!("CARGO_PKG_VERSION");
        let options = format!("{:?}", settings.options);
        let identity = format!("datafusion {DATAFUSION_VERSION} {version} {READING} {database}.{schema} {options}");
        Ok(Self { engine, session, tables, database, schema, identity })
    }

    /// A statement's plan as the planner makes it; `files` stand for what the statement names in place of tables.
    fn plan(&self, mut statement: Statement, sql: &str) -> Result<LogicalPlan, BindError> {
        space::name_subqueries(&mut statement);
        let calls = files::extract(&mut statement).map_err(|e| told(&e, sql))?;
        let mut found = HashMap::new();
        for call in &calls {
            let opened = self.engine.runtime.block_on(call.open(&self.session));
            let provider = opened.map_err(|mut error| {
                error.position = error.position.or_else(|| sql.find(call.sought()));
                told(&error, sql)
            })?;
            let relation = Relation { identifier: Some(call.written(sql)), ..Relation::default() };
            found.insert(call.name().to_owned(), EmptyTable::new(relation, provider.schema()));
        }
        let with_files = (!found.is_empty()).then(|| {
            let mut session = self.session.clone();
            session.register_catalog_list(Arc::new(Names { tables: Arc::clone(&self.tables), files: Arc::new(found) }));
            session
        });
        let session = with_files.as_ref().unwrap_or(&self.session);
        let planned = rewrite::plan(session, Parsed::Statement(Box::new(statement)));
        let plan = self.engine.runtime.block_on(planned).map_err(|e| self.refused(&e, sql))?;
        space::told_apart(plan).map_err(|e| told(&e, sql))
    }

    /// Where the columns of a plan come from. Casts are read as they were written: what the session does to make them give
    /// the values that people expect would hide them.
    fn lineage(&self, plan: LogicalPlan, analysed: LogicalPlan) -> Result<BoundLineage, String> {
        let written = casts::written(&plan).map_err(|e| e.to_string())?;
        let plain = functions::without_casts(self.engine.session.analyzer());
        let plain = plain.execute_and_check(plan, self.session.config_options(), |_, _| {});
        let plan = plain.unwrap_or(analysed);
        let walked = std::thread::scope(|scope| {
            let walk = std::thread::Builder::new().stack_size(STACK);
            let walk = walk.spawn_scoped(scope, || plan::lineage(&plan, written)).map_err(|e| e.to_string())?;
            walk.join().map_err(|_| "the walk over the plan was broken off".to_owned())
        });
        walked.and_then(|found| found)
    }

    fn refused(&self, error: &DataFusionError, sql: &str) -> BindError {
        let session = &self.session;
        let scalar = session.scalar_functions().keys().chain(session.higher_order_functions().keys());
        let others = session.aggregate_functions().keys().chain(session.window_functions().keys());
        let functions: Vec<&str> = scalar.chain(others).map(String::as_str).collect();
        objection(error, sql, &self.tables, &functions)
    }

    fn full(&self, relation: &Relation) -> Relation {
        let or = |part: &Option<String>, home: &str| {
            Some(part.clone().filter(|p| !p.is_empty()).unwrap_or_else(|| home.to_owned()))
        };
        Relation {
            database: or(&relation.database, &self.database),
            schema: or(&relation.schema, &self.schema),
            ..relation.clone()
        }
    }
}

/// The one query of a text.
fn query(sql: &str) -> Result<Statement, BindError> {
    let pieces = parse::pieces(sql).map_err(|e| told(&e, sql))?;
    let [piece] = pieces.as_slice() else {
        return Err(other(format!("one statement is expected, found {}", pieces.len())));
    };
    let parsed = parse::one(piece.text).map_err(|mut error| {
        error.position = error.position.map(|at| at + piece.start);
        told(&error, sql)
    })?;
    match parsed {
        Parsed::Statement(statement) if matches!(*statement, Statement::Query(_)) => Ok(*statement),
        _ => Err(other("this is no query".to_owned())),
    }
}

impl Shadow for DataFusionShadow {
    fn declare(&mut self, relation: &Relation, columns: &[ShadowColumn]) -> Result<(), BindError> {
        self.tables.declare(self.full(relation), columns).map_err(other)
    }

    fn define(&mut self, sql: &str) -> Result<(), BindError> {
        let first = sql.lines().next().unwrap_or_default();
        Err(other(format!("this engine has no definitions that queries rely on: {first}")))
    }

    fn make_room(&mut self, _: &Relation) -> Result<(), BindError> {
        Ok(())
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    /// Whole numbers: queries return them in the widest type, contracts name the one that is meant.
    fn takes(&self, declared: &str, returned: &str) -> bool {
        let whole = |name: &str| type_names::parse(name).is_ok_and(|t| type_names::is_whole(&t));
        whole(declared) && whole(returned)
    }

    fn fork(&self) -> Result<Box<dyn Shadow>, AdapterError> {
        Ok(Box::new(Self {
            engine: Arc::clone(&self.engine),
            session: self.session.clone(),
            tables: Arc::clone(&self.tables),
            database: self.database.clone(),
            schema: self.schema.clone(),
            identity: self.identity.clone(),
        }))
    }

    fn bind(&mut self, sql: &str) -> Result<Bound, BindError> {
        let plan = self.plan(query(sql)?, sql)?;
        let analyser = self.engine.session.analyzer();
        let analysed = analyser.execute_and_check(plan.clone(), self.session.config_options(), |_, _| {});
        let analysed = analysed.map_err(|e| self.refused(&e, sql))?;
        let schema = analysed.schema();
        if schema.fields().is_empty() {
            return Err(other("the query has no columns: `select` is missing before `from`".to_owned()));
        }
        let mut columns: Vec<ShadowColumn> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            if columns.iter().any(|c| c.name == *field.name()) {
                return Err(other(format!("two columns are named {}", field.name())));
            }
            // A view may hold what no table can keep.
            let kept = delta::stored(field.name(), field.data_type());
            let data_type = sql_name(kept.as_ref().unwrap_or(field.data_type()));
            columns.push(ShadowColumn { name: field.name().clone(), data_type });
        }
        Ok(Bound { columns, lineage: self.lineage(plan, analysed) })
    }
}
